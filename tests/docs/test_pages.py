"""What the pages name exists: verbs and options, targets, extras, pages that they link to."""

import re
import runpy
import tomllib

import click
import pytest

import gi
from gi.cli import group, isolation
from tests.docs.pages import LANGUAGES, PAGES, ROOT, anchors, blocks, gi_commands, links

GENERATED = {
    "docs/cli.md": ("generate_cli.py", "page"),
    "docs/tidying.md": ("generate_tidying.py", "page"),
    "docs/flow.svg": ("generate_flow.py", "picture"),
}
COMMANDS = gi_commands()
KNOWN_PROGRAMS = ("gi", "make", "python", "pip", "git", "cd", "export", "ssh", "pytest", "ray", ".")


@pytest.mark.parametrize("page", GENERATED)
def test_what_is_generated_is_current(page):
    script, name = GENERATED[page]
    written = runpy.run_path(str(ROOT / "docs" / script))[name]()
    assert (ROOT / page).read_text("utf-8") == written, "run `make docs`"


@pytest.mark.parametrize(("place", "words"), COMMANDS, ids=[f"{place}-{' '.join(w[:3])}" for place, w in COMMANDS])
def test_the_command_line_takes_every_command(place, words, monkeypatch):
    monkeypatch.setattr(isolation, "refuse_missing", lambda: None)
    monkeypatch.setenv(isolation.VARIABLE, "auto")
    words = words[: words.index(">")] if ">" in words else words
    # With the settings of the real one: click keeps the help option that a command was first asked for.
    context, command, rest = click.Context(group, info_name="gi", **group.context_settings), group, words[1:]
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        name, *rest = rest
        assert name in command.list_commands(context), f"{place} names {context.command_path} {name}"
        command = command.get_command(context, name)
        if isinstance(command, click.Group):
            context = click.Context(command, parent=context, info_name=name)
    try:
        command.make_context(command.name, list(rest), parent=context)
    except click.exceptions.Exit:  # --help
        pass
    except click.ClickException as error:
        pytest.fail(f"{place}: {' '.join(words)}: {error.format_message()}")


def test_every_block_says_what_it_is():
    unknown = [f"{b.page}:{b.line} {b.language}" for p in PAGES for b in blocks(p) if b.language not in LANGUAGES]
    assert unknown == []
    programs = {w[0] for p in PAGES for b in blocks(p) if b.language == "console" for w in b.commands}
    assert programs <= set(KNOWN_PROGRAMS)


def test_a_block_that_is_not_run_has_a_reason():
    for page in PAGES:
        text = (ROOT / page).read_text("utf-8")
        begun = len(re.findall("^<!-- not run", text, flags=re.MULTILINE))
        written = len(re.findall(r"^<!-- not run: \S.{5,} -->\n```", text, flags=re.MULTILINE))
        assert begun == written == sum(bool(b.not_run) for b in blocks(page)), page


def test_targets_of_make_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), flags=re.MULTILINE))
    named = {t for p in PAGES for t in re.findall(r"\bmake ([a-z]+)(?=[`\s])", code_of(p))}
    assert {"evolve", "test"} <= named <= targets


def test_extras_exist():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    named = {n for p in PAGES for n in re.findall(r"(?:gi|\.)\[([a-z,]+)\]", (ROOT / p).read_text("utf-8"))}
    assert {name for names in named for name in names.split(",")} <= set(extras)


def code_of(page):
    """What a page shows as code: blocks and spans."""
    text = (ROOT / page).read_text("utf-8")
    return "\n".join(re.findall(r"^```.*?^```|`[^`\n]+`", text, flags=re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for link in links(page):
        target, _, anchor = link.partition("#")
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        path = ((ROOT / page).parent / target).resolve() if target else ROOT / page
        assert path.exists(), f"{page} links to {link}"
        if anchor and path.suffix == ".md":
            assert anchor in anchors(path.relative_to(ROOT)), f"{page} links to {link}"


def test_every_page_is_linked_from_the_readme():
    there = {str(((ROOT / "README.md").parent / link.partition("#")[0]).resolve()) for link in links("README.md")}
    pages = {str(ROOT / page) for page in PAGES if page != "README.md"}
    assert pages <= there


def test_the_python_page_names_every_name():
    text = (ROOT / "docs/python.md").read_text("utf-8")
    assert [name for name in gi.__all__ if name not in text and name != "__version__"] == []


def test_the_readme_has_no_gaps():
    assert not re.search(r"^[A-Z]+(-[A-Z]+)+$", (ROOT / "README.md").read_text("utf-8"), flags=re.MULTILINE)


def test_every_cell_of_the_comparison_has_its_source_or_says_that_none_was_found():
    text = (ROOT / "docs/comparison.md").read_text("utf-8")
    head, _, *rows = [line for line in text.splitlines() if line.startswith("|")]
    sources = set(re.findall(r"^\[([\w-]+)\]: https://\S+$", text, flags=re.MULTILINE))
    assert head.count("|") == 9
    for row in rows:
        question, _, *others = [cell.strip() for cell in row.strip("|").split(" | ")]
        assert len(others) == 6, question
        for cell in others:
            named = re.findall(r"\]\[([\w-]+)\]", cell)
            assert cell == "not found" or (named and set(named) <= sources), f"{question}: {cell}"
