import re
import runpy
from pathlib import Path

import click
import pytest

import gi
from gi.cli import group

ROOT = Path(gi.__file__).parents[1]


def test_the_reference_is_current():
    page = runpy.run_path(str(ROOT / "docs" / "generate_cli.py"))["page"]()
    assert (ROOT / "docs" / "cli.md").read_text("utf-8") == page, "run `make docs`"


def test_the_page_on_tidying_is_current():
    page = runpy.run_path(str(ROOT / "docs" / "generate_tidying.py"))["page"]()
    assert (ROOT / "docs" / "tidying.md").read_text("utf-8") == page, "run `make docs`"


@pytest.mark.parametrize("page", ["README.md", "docs/guide.md"])
def test_documents_name_only_verbs_and_options_that_exist(page):
    text = (ROOT / page).read_text("utf-8")
    blocks = "\n".join(re.findall(r"^```console\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL))
    commands = re.findall(r"^(?:\$ )?gi (\w+)(.*)$", blocks, flags=re.MULTILINE)
    assert commands
    for verb, rest in commands:
        assert verb in group.commands, f"{page} names gi {verb}"
        command = group.commands[verb]
        if isinstance(command, click.Group):
            inner = rest.split()[0]
            assert inner in command.commands, f"{page} names gi {verb} {inner}"
            command = command.commands[inner]
        options = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"(?<=\s)--[\w-]+", rest)) <= options, f"{page}: gi {verb}{rest}"


def test_the_readme_names_targets_that_the_makefile_has():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), flags=re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z]+)", (ROOT / "README.md").read_text("utf-8")))
    assert {"evolve", "test"} <= named <= targets


def test_the_readme_has_no_gaps():
    assert not re.search(r"^[A-Z]+(-[A-Z]+)+$", (ROOT / "README.md").read_text("utf-8"), flags=re.MULTILINE)
