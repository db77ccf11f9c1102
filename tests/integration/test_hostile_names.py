"""Names that somebody else chose, on their way through a harvest, a run and an export: shown, and never obeyed."""

import ast
import dataclasses
import html.parser
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gi.archive import Archive
from gi.cli import run
from gi.core.errors import ConfigError, GiError
from gi.core.types import Failed, LineType, Origin, Program
from gi.corpus import Corpus
from gi.explain.provenance.origins import LineOrigin
from gi.export import individual_subject
from gi.export.notice import notice_text
from gi.export.patch import model_patch
from gi.export.render import model_text
from gi.harvest import LicenceFile, harvest
from tests.export.test_render import FACTS, FIGURES, statements
from tests.small_run import CONFIG, DEEP_ID, SMALL, write_run

RAN = "import pathlib; pathlib.Path('ran').touch()"
HOSTILE = (
    f"a\n{RAN}\n#.py",
    f'"""\n{RAN}\n"""',
    "\\",
    "x\n--- a/victim\n+++ b/victim\n@@ -0,0 +1 @@\n+taken\n.py",
    "\x1b[2J\x1b]8;;http://x\x07here\x9b31m\u202e.py",
    "[/nope] [bold]x[/bold] :smile: {0} %s %(prog)s $a^",
    "<script>alert(1)</script>&\"'",
    "\u2028\u2029\x85\x0c\r",
)
#: Any text that Python can hold.
ANY = st.text(st.characters(codec=None), max_size=40) | st.sampled_from(HOSTILE)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("GI_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def without_escapes(text):
    """A text as it came out: no character in it that a terminal obeys or hides."""
    assert all(c.isprintable() or c == "\n" for c in text), repr(text)
    return text


@given(name=ANY, hint=ANY, notes=ANY, fields=st.tuples(ANY, ANY, ANY, ANY), code=ANY, data_name=ANY)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_an_exported_file_is_its_program_and_main_whatever_its_origins_are_called(
    name, hint, notes, fields, code, data_name
):
    repository, commit, path, licence = fields
    origin = Origin(repository, commit, path, 7, licence)
    facts = dataclasses.replace(FACTS, name=name, hint=hint, settings={"DATA_NAME": data_name})
    figures = dataclasses.replace(FIGURES, notes=(notes,))
    origins = [LineOrigin(n, line, dataclasses.replace(origin, path="home"), "seed") for n, line in enumerate("ab", 1)]
    text = model_text(SMALL, [*origins, LineOrigin(3, code, origin, "insertion")], facts, figures)
    expected = model_text(SMALL, (), dataclasses.replace(FACTS, settings={"DATA_NAME": data_name}), FIGURES)
    assert statements(text) == statements(expected)
    assert len(ast.parse(text).body) == len(ast.parse(expected).body)
    constants = [n.value for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Constant)]
    assert data_name in constants
    without_escapes(text)


@given(fields=st.tuples(ANY, ANY, ANY, ANY), terms=st.lists(st.tuples(ANY, ANY), max_size=2), code=ANY)
@settings(max_examples=40, deadline=None)
def test_a_notice_is_read_line_by_line(fields, terms, code):
    repository, commit, path, licence = fields
    home = [LineOrigin(n, "x", Origin("gi", "", "seed.py", n, "MIT"), "seed") for n in (1, 2, 3)]
    line = LineOrigin(4, code or "x", Origin(repository, commit, path, 1, licence), "insertion")
    files = tuple(LicenceFile(*pair) for pair in terms)
    notice = notice_text([*home, line], lambda origin: files if origin.path == path else ())
    assert all(c.isprintable() or c in "\n\t" for c in notice)
    notice.encode()


def own_run(folder, path):
    """A run that started from a user's file at `path`, one of whose lines somebody else's names stand behind."""
    donor = Origin(HOSTILE[3], HOSTILE[3], HOSTILE[3], 1, HOSTILE[3])
    with Archive.open(write_run(folder, donor=donor)) as archive:
        subject = individual_subject(archive, DEEP_ID)
        own = Program(SMALL, Origin(HOSTILE[3], "", path, 1, "unknown"), SMALL.encode())
        return subject, own


@pytest.mark.parametrize("path", ["net.py", "a net\n+++ b/x\n.py", HOSTILE[4].replace("/", "_"), "--- a"])
def test_git_applies_a_patch_to_the_users_file_and_to_no_other(tmp_path, monkeypatch, path):
    import gi.export.patch

    subject, own = own_run(tmp_path / "run", path)
    monkeypatch.setattr(gi.export.patch, "_own_file", lambda _: own)
    with Archive.open(tmp_path / "run") as archive:
        content = model_patch(archive, subject).content
    work = tmp_path / "work"
    work.mkdir()
    file = work / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(SMALL)
    (tmp_path / "x.patch").write_bytes(content)
    listed = subprocess.run(["git", "apply", "--numstat", "-z", tmp_path / "x.patch"], cwd=work, capture_output=True)
    assert [row.split(b"\t", 2)[2].decode() for row in listed.stdout.split(b"\0") if row] == [path]
    subprocess.run(["git", "apply", tmp_path / "x.patch"], cwd=work, check=True)
    assert [p for p in work.rglob("*") if p.is_file()] == [file]
    assert "Hardswish" in file.read_text()


@pytest.mark.parametrize("path", ["../net.py", "/net.py", ".git/hooks/post-commit", "a/../../net.py"])
def test_a_patch_of_a_file_outside_the_tree_is_refused(tmp_path, monkeypatch, path):
    import gi.export.patch

    subject, own = own_run(tmp_path / "run", path)
    monkeypatch.setattr(gi.export.patch, "_own_file", lambda _: own)
    with Archive.open(tmp_path / "run") as archive, pytest.raises(ConfigError, match="no relative path below a root"):
        model_patch(archive, subject)


@pytest.mark.parametrize(
    "entry",
    [f"Net(), {RAN}", "Net().eval()", "__import__('os').system('touch ran')", "Net)\n", "Net(*[f() for f in g])"],
)
def test_an_entry_that_is_no_plain_call_is_refused(entry):
    with pytest.raises(GiError, match="is no name of a class or function"):
        model_text(SMALL, (), FACTS, FIGURES, entry)


NET = (
    "import torch\nfrom torch import nn\n\n\nclass Net(nn.Module):\n    def __init__(self):\n"
    "        super().__init__()\n        self.act = nn.Hardswish(inplace=True)\n\n"
    "    def forward(self, x):\n        return self.act(x)\n"
)


def hostile_folder(folder):
    """A folder as an attacker would lay it out: names with line ends, escapes, no UTF-8; links that lead out of it."""
    folder.mkdir(parents=True)
    for number, name in enumerate(HOSTILE):
        inner = folder / (name.replace("/", "_") + str(number))
        inner.mkdir()
        (inner / (name.replace("/", "_") + ".py")).write_text(NET)
    (folder / "LICENSE").write_text("MIT License\n\nCopyright (c) 2020 \x1b[2J\n" + "-" * 80 + "\nforged LICENSE\n")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe.py")).write_text(NET)
    (folder / "Case.py").write_text(NET)
    (folder / "case.py").write_text(NET)
    (folder / "link.py").symlink_to("/etc/passwd")
    (folder / "out").symlink_to("/")
    os.mkfifo(folder / "pipe.py")
    return folder


def committed(folder):
    """The same as a repository with a submodule that nobody can fetch."""
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org"]
    (folder / "pipe.py").unlink()
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"]):
        subprocess.run([*git, *command], cwd=folder, check=True, capture_output=True)
    entry = f"160000,{'1' * 40},sub/\nmodule.py"
    subprocess.run([*git, "update-index", "--add", "--cacheinfo", entry], cwd=folder, check=True, capture_output=True)
    subprocess.run([*git, "commit", "-qm", "y"], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("laid_out", [lambda f: f, committed], ids=["folder", "git"])
def test_a_hostile_source_is_harvested_run_and_exported_without_effect(tmp_path, capsys, laid_out):
    source = laid_out(hostile_folder(tmp_path / "a\n[/nope]\x1b[2J"))
    stock = tmp_path / "corpus.sqlite"
    with Corpus.create(stock) as corpus:
        added = corpus.add(harvest(str(source), cache=tmp_path / "cache"), workers=1, blocks=())
        assert added.programs == len(HOSTILE) + 3
        assert [refusal.reason for refusal in added.refused if refusal.path == "link.py"] == ["symbolic link"]
        ingredient = corpus.with_licences(["MIT", "unknown"]).sample(random.Random(1), LineType.ACTIVATION)
        assert all(file.path == "LICENSE" for file in corpus.terms(ingredient.origin))
    assert run(["corpus", "--corpus", str(stock)]) == 0
    assert run(["harvest", str(source), "--corpus", str(stock)]) == 0
    printed = capsys.readouterr()
    without_escapes(printed.out)
    without_escapes(printed.err)
    config = dataclasses.replace(CONFIG, corpus=str(stock))
    made = write_run(tmp_path / "run", config=config, donor=ingredient.origin)
    out = tmp_path / "out" / "model.py"
    assert run(["export", str(made), DEEP_ID, "-o", str(out)]) == 0
    without_escapes(out.read_text())
    done = subprocess.run([sys.executable, out.name], cwd=out.parent, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in out.parent.iterdir()) == ["NOTICE", "data", "model.py"]
    assert (out.parent / "NOTICE").read_text().count("\n" + "-" * 80 + "\n") == 4  # gi's licence and the source's


@pytest.mark.parametrize("terminal", [False, True])
def test_what_a_run_holds_is_printed_and_not_obeyed(tmp_path, capsys, monkeypatch, terminal):
    if terminal:
        monkeypatch.setenv("TTY_COMPATIBLE", "1")
    for name in HOSTILE:
        folder = tmp_path / str(HOSTILE.index(name))
        origin = Origin(name, name, name, 1, name)
        made = write_run(folder, home=origin, donor=origin, failure=Failed("train", name, name * 3))
        for verb in (["failures"], ["failures", "--tries"], ["front"]):
            assert run([verb[0], str(made), *verb[1:]]) == 0
            assert run([verb[0], str(made), *verb[1:], "--json"]) == 0
        for view in ("--lineage", "--provenance", "--diff", "--json"):
            assert run(["show", str(made), DEEP_ID, view]) == 0
        assert run(["report", str(made), "-o", str(folder / "report.html")]) == 0
        out = capsys.readouterr().out
        if terminal:  # rich's own colours are there
            out = re.sub(r"\x1b\[[\d;]*m", "", out)
        without_escapes(out)
        assert "nope" not in name or "[/nope] [bold]x[/bold] :smile:" in out


def test_an_error_shows_what_it_is_about(capsys):
    assert run(["front", "no\x1b[2J\u202e[/nope]"]) == 2
    assert "no\\x1b[2J\\u202e[/nope]" in without_escapes(capsys.readouterr().err)


class Page(html.parser.HTMLParser):
    """The elements of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, sorted(name for name, _ in attrs)))


def test_names_of_networks_are_text_in_the_gallery():
    import numpy as np

    from gi.kernels.mining.exhibits import Exhibit, Room
    from gi.kernels.mining.gallery import _page

    def page(name):
        kernels = np.zeros((1, 3, 3), np.float32)
        exhibit = Exhibit(0, kernels[0], 1.0, ((name, 1.0),), kernels, np.array([5]))
        return _page([Room((3, 3), (exhibit,), 1, 0)], name)

    for name in HOSTILE:
        assert Page(page(name)).tags == Page(page("plain")).tags
        without_escapes(page(name))


def test_files_beside_the_model_are_not_replaced_without_force(tmp_path, capsys):
    made = write_run(tmp_path / "run")
    for name, content in (("NOTICE", "mine"), ("data/digits.npz", "mine")):
        folder = tmp_path / name.replace("/", "-")
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(content)
        assert run(["export", str(made), DEEP_ID, "-o", str(folder / "model.py")]) == 2
        assert f"{folder / name} exists with other content: pass --force" in capsys.readouterr().err
        assert [p for p in folder.rglob("*") if p.is_file()] == [folder / name]
        assert (folder / name).read_text() == content
        assert run(["export", str(made), DEEP_ID, "-o", str(folder / "model.py"), "--force"]) == 0
        assert (folder / name).read_bytes() != content.encode()
        assert run(["export", str(made), DEEP_ID, "-o", str(folder / "again.py")]) == 0  # nothing differs
        capsys.readouterr()


def test_a_grown_network_replaces_no_data_either(tmp_path, capsys):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "digits.npz").write_text("mine")
    assert run(["grow", "--index", str(tmp_path / "none"), "-o", str(tmp_path / "model.py")]) == 2
    assert f"{tmp_path / 'data' / 'digits.npz'} exists with other content" in capsys.readouterr().err
