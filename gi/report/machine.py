"""The findings of `gi doctor` as a table."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from gi.report.table import plain, table


def machine_table(machine: Mapping[str, Any]) -> Table:
    """The findings of `gi doctor` (the JSON of `gi.jobs.doctor.Machine`) as a table."""
    # Headings of one word each: the table fits 80 columns.
    grid = table("what", "found")
    versions = (f"{name} {version or 'missing'}" for name, version in machine["versions"].items())
    grid.add_row("versions", ", ".join(versions))
    grid.add_row("system", machine["system"])
    memory = f", {machine['memory_bytes'] >> 30} GB of memory" if machine["memory_bytes"] else ""
    grid.add_row("workers", f"{machine['cores']}, one for each core, by {machine['start_method']}{memory}")
    grid.add_row("devices", ", ".join(["cpu", *machine["cuda_devices"]]))
    grid.add_row("data root", f"{machine['data_root']} ({', '.join(machine['datasets']) or 'no data set'})")
    grid.add_row("cache", machine["cache_folder"])
    grid.add_row("isolation", "\n".join(machine["isolation"]) or "none")
    for problem in machine["problems"]:
        grid.add_row(Text("problem", style="bold red"), plain(problem))
    return grid
