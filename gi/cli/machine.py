"""What this machine offers: `gi doctor`."""

import click

from gi.cli.options import as_json, print_json


@click.command()
@as_json
def doctor(*, as_json: bool) -> int:
    """Say what this machine offers: versions, devices, workers, data root."""
    from gi.report import findings, print_findings

    found = findings()
    if as_json:
        print_json(found)
    else:
        print_findings(found)
    return 1 if found["problems"] else 0
