"""Every verb answers as a table, in JSON and in CSV."""

import csv
import io
import json

import pytest

from gi.cli import run
from tests.cli.test_cli import EVOLVE, leaves
from tests.kernels.onnx_files import conv, model, node, trained, write
from tests.small_run import DEEP_ID, SMALL, write_run

# What each verb is asked, and where its JSON has the rows of its CSV; "" where it is one row.
ASKED = {
    "evolve": (
        [*EVOLVE[1:], "--generations", "1", "--final-seeds", "1", "--out", "new", "--corpus", "c.sqlite"],
        "front",
    ),
    "front": (["run"], "front"),
    "show": (["run", DEEP_ID, "--lineage"], "lineage"),
    "report": (["run", "--force"], ""),
    "export": (["run", "--force"], ""),
    "failures": (["run"], None),
    "harvest": (["code", "--corpus", "c.sqlite"], "harvests"),
    "corpus": (["--corpus", "c.sqlite", "--blocks"], "blocks"),
    "lines": (["code/net.py"], None),
    "vary": (["code/net.py", "--input-shape", "1,8,8", "--corpus", "c.sqlite", "--raw"], ""),
    "repair": (["code/net.py", "--input-shape", "1,8,8"], ""),
    "index build": (["zoo", "--index", "index"], "files"),
    "index info": (["--index", "index"], "files"),
    "index query": (["--values", "1,0,-1,2,0,-2,1,0,-1", "--index", "index"], "nearest"),
    "index export": (["--index", "index", "--to", "cypher-csv", "-o", "csv"], ""),
    "cache": ([], ""),
    "doctor": ([], ""),
}
# Tested where there is an index large enough for them, or a training that they need.
ELSEWHERE = {"grow", "index predict", "index gallery"}
SLOW = {"evolve", "vary", "repair", "doctor"}


def test_every_verb_is_asked():
    assert {" ".join(verb) for verb in leaves()} == {*ASKED, *ELSEWHERE}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GI_DATA", str(tmp_path / "data"))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("forms")
    write_run(folder / "run")
    for name in ("code", "zoo"):
        (folder / name).mkdir()
    (folder / "code" / "net.py").write_text(SMALL)
    (folder / "code" / "LICENSE").write_text("MIT License\n")
    layers = [conv("a", "x", trained(4, 3, 3, 3)), node("Relu", ["a"], "r"), conv("b", "r", trained(2, 4, 3, 3))]
    write(folder / "zoo", "net.onnx", model(layers, {}))
    assert run(["harvest", str(folder / "code"), "--corpus", str(folder / "c.sqlite")]) == 0
    assert run(["index", "build", str(folder / "zoo"), "--index", str(folder / "index")]) == 0
    return folder


def asked(verb, form, place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    assert run([*verb.split(), *ASKED[verb][0], *filter(None, [form])]) == 0
    return capsys.readouterr().out


def csv_rows(text):
    rows = list(csv.DictReader(io.StringIO(text)))
    assert all(None not in row for row in rows)
    return rows


@pytest.mark.parametrize("verb", sorted(ASKED.keys() - SLOW))
def test_a_verb_answers_in_every_form(verb, place, monkeypatch, capsys):
    text, told, table = (asked(verb, form, place, monkeypatch, capsys) for form in ("", "--json", "--csv"))
    key, held = ASKED[verb][1], json.loads(told)
    assert len(csv_rows(table)) == (1 if key == "" else len(held if key is None else held[key]))
    assert text.strip()


@pytest.mark.slow
@pytest.mark.parametrize("verb", sorted(SLOW))
def test_a_verb_that_takes_its_time_answers_in_csv(verb, place, monkeypatch, capsys):
    assert csv_rows(asked(verb, "--csv", place, monkeypatch, capsys))


@pytest.mark.parametrize(
    ("options", "columns"),
    [
        ([], {"id", "generation", "parents", "text", "values.error", "values.params"}),
        (["--lineage"], {"id", "parents", "edits", "origin.path"}),
        (["--provenance"], {"change.line", "status", "effects", "origins"}),
    ],
)
def test_an_individual_is_a_row_or_as_many_as_the_view_has(options, columns, place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    assert run(["show", "run", DEEP_ID, "--csv", *options]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert columns <= set(rows[0])


def test_an_answer_has_one_form(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    assert run(["front", "run", "--json", "--csv"]) == 2
    assert "--json and --csv: an answer has one form" in capsys.readouterr().err
