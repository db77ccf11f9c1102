"""What this machine offers: `gi doctor`."""

import click

from gi.cli.options import Form, answer_form, print_answer


@click.command()
@click.option("--data-root", metavar="DIR", show_default="$GI_DATA or the cache folder", help="Where data sets lie.")
@answer_form
def doctor(*, data_root: str | None, form: Form) -> int:
    """Say what this machine offers.

    Versions, devices, data sets and isolation; the exit status is 1 where something is wrong.
    """
    from gi.jobs.doctor import doctor as look
    from gi.report.printing import print_machine

    facts = look(data_root=data_root).to_json()
    if form == "text":
        print_machine(facts)
    else:
        print_answer(form, facts)
    return 1 if facts["problems"] else 0
