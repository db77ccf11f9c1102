"""What this machine offers: `gi doctor`."""

import click

from gi.cli.options import as_json, print_json


@click.command()
@click.option("--data-root", metavar="DIR", show_default="$GI_DATA or the cache folder", help="Where data sets lie.")
@as_json
def doctor(*, data_root: str | None, as_json: bool) -> int:
    """Say what this machine offers.

    Versions, devices, data sets and isolation; the exit status is 1 where something is wrong.
    """
    from gi.jobs.doctor import doctor as look
    from gi.report import print_machine

    facts = look(data_root=data_root).to_json()
    if as_json:
        print_json(facts)
    else:
        print_machine(facts)
    return 1 if facts["problems"] else 0
