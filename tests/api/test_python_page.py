"""The code of docs/python.md runs as it stands, but for the length of its searches."""

import re
from pathlib import Path

import gi
from gi.api import classifier
from gi.sandbox.server import warm_server

PAGE = Path(gi.__file__).parents[1] / "docs" / "python.md"
NOT_RUN = "<!-- not run: "


def blocks():
    text = PAGE.read_text("utf-8")
    return [
        code
        for before, code in re.findall(r"(^[^\n]*\n)```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
        if not before.startswith(NOT_RUN)
    ]


def test_every_block_runs(quick, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def short(*arguments, generations, budget=None, **options):
        return gi_evolve(*arguments, **{**options, **quick})

    gi_evolve = gi.evolve
    monkeypatch.setattr(gi, "evolve", short)
    monkeypatch.setattr(classifier, "evolve", short)
    for name in ("cat.png", "dog.jpg"):
        assert name in PAGE.read_text("utf-8")
    names = {}
    with warm_server():
        for code in blocks():
            exec(compile(code, str(PAGE), "exec"), names)
    out = capsys.readouterr().out
    assert "finished" in out
    assert "nn.Linear(16, 10)" not in names["text"]
    assert names["outputs"].shape == (10, 10)
    assert len(names["names"]) == 10


def test_the_page_names_every_name():
    text = PAGE.read_text("utf-8")
    assert [name for name in gi.__all__ if name not in text and name != "__version__"] == []
