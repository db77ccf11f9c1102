"""What a machine offers, as a table."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from gi.report.table import plain, table


def machine_table(found: Mapping[str, Any]) -> Table:
    """The findings of `gi doctor` (the JSON of `gi.jobs.doctor.Machine`) for a person."""
    made = table("what", "found")
    made.add_row("versions", ", ".join(f"{name} {version or 'missing'}" for name, version in found["versions"].items()))
    made.add_row("system", found["system"])
    memory = f", {found['memory_bytes'] >> 30} GB of memory" if found["memory_bytes"] else ""
    made.add_row("workers", f"{found['cores']}, one for each core, by {found['start_method']}{memory}")
    made.add_row("devices", ", ".join(["cpu", *found["cuda_devices"]]))
    made.add_row("data root", f"{found['data_root']} ({', '.join(found['datasets']) or 'no data set'})")
    made.add_row("cache", found["cache_folder"])
    made.add_row("isolation", "\n".join(found["isolation"]) or "none")
    for problem in found["problems"]:
        made.add_row(Text("problem", style="bold red"), plain(problem))
    return made
