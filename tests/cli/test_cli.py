import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

import gi
import gi.cli
from gi.archive import Archive, canonical_text
from gi.cli import group, run
from gi.core.errors import RunError
from tests.small_run import DEEP_ID, SMALL, SMALL_ID, write_run

ROOT = Path(gi.__file__).parents[1]


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("GI_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.setenv("GI_DATA", str(tmp_path_factory.getbasetemp() / "data"))


@pytest.fixture
def finished_run(tmp_path):
    return write_run(tmp_path / "run")


def test_every_verb_of_the_design_is_there():
    verbs = {"evolve", "front", "show", "export", "failures", "lines", "corpus", "harvest", "vary", "repair", "doctor"}
    assert set(group.list_commands(click.Context(group))) == verbs | {"index", "grow", "cache", "report"}


def leaves(found=group, path=()):
    """The words of every verb, those of verbs in a verb included."""
    if not isinstance(found, click.Group):
        return [path]
    context = click.Context(found)
    inside = {name: found.get_command(context, name) for name in sorted(found.list_commands(context))}
    return [leaf for name, inner in inside.items() for leaf in leaves(inner, (*path, name))]


@pytest.mark.parametrize("verb", leaves(), ids=" ".join)
def test_every_verb_explains_itself_and_answers_in_json(verb, capsys):
    assert run([*verb, "--help"]) == 0
    out = capsys.readouterr().out
    assert "--json" in out
    assert "--csv" in out
    assert "Usage: gi " + " ".join(verb) in out


def test_the_version_is_told(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"gi, version {gi.__version__}\n"


MISTAKES = {
    "an unknown option": (["evolve", "--bogus"], "No such option '--bogus'"),
    "an unknown verb": (["evolv"], "No such command 'evolv'"),
    "a missing argument": (["front"], "Missing argument 'RUN'"),
    "no number": (["evolve", "--generations", "many"], "'many' is not a valid integer"),
    "no generations": (["evolve", "--generations", "0"], "generations is 0: it must be at least 1"),
    "a population of one": (["evolve", "--population", "1"], "population is 1: it must be at least 2"),
    "no duration": (["evolve", "--budget", "20x"], "budget '20x' is no duration"),
    "no workers": (["evolve", "--workers", "0"], "workers is 0: it must be at least 1"),
    "an unknown objective": (["evolve", "--objectives", "error,beauty"], "unknown objective 'beauty'"),
    "no parameters allowed": (["evolve", "--max-params", "0"], "max params is 0: it must be at least 1"),
    "no count": (["evolve", "--max-params", "10q"], "'10q' is no count: write a whole number"),
    "no time allowed": (["evolve", "--max-time", "-1"], "max time is -1.0: it must be at least 1e-06"),
    "no share": (["evolve", "--max-error", "5"], "'5' is no share: write a percentage such as 2%"),
    "a limit beside --resume": (["evolve", "--resume", "x", "--max-error", "2%"], "--max-error beside --resume"),
    "one objective": (["evolve", "--objectives", "error"], "name at least two different ones"),
    "an unknown data set": (["evolve", "--dataset", "mnits"], "unknown data set 'mnits'"),
    "an empty image folder": (["evolve", "--dataset", "."], "has no folder train"),
    "a missing corpus": (["evolve", "--corpus", "nowhere.sqlite"], "nowhere.sqlite: make one with"),
    "a run that is not there": (["front", "nowhere"], "nowhere holds no run"),
    "a resumed run that is not there": (["evolve", "--resume", "nowhere"], "nowhere holds no run"),
    "settings beside --resume": (["evolve", "--resume", "x", "--seed", "3"], "--seed beside --resume"),
    "nothing to harvest": (["harvest"], "nothing to harvest"),
    "a source that is none": (["harvest", "--corpus", "c.sqlite", "./nothing"], "'./nothing' is no folder"),
    "no repository": (["harvest", "--corpus", "c.sqlite", "file:///no/where"], "cannot be fetched"),
    "a commit of two": (["harvest", "a", "b", "--commit", "abc"], "goes with exactly one SOURCE"),
    "a file that is not there": (["lines", "nowhere.py"], "nowhere.py"),
    "no edits": (["vary", "x.py", "--edits", "0"], "both must be at least 1"),
    "half a shape": (["repair", "model.py", "--input-shape", "3,32"], "input shape '3,32' is not three"),
    "one class": (["repair", "model.py", "--classes", "1"], "classes is 1: it must be at least 2"),
    "no such model": (["repair", "model.py:Nit"], "defines no model 'Nit': choose from Net"),
}


@pytest.mark.parametrize(("arguments", "told"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_and_exit_status_2(arguments, told, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("model.py").write_text(SMALL)
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("gi: ")
    assert told in captured.err
    assert captured.err.count("\n") == 1
    assert not Path("runs").exists()


def test_an_existing_run_folder_is_left_alone(finished_run, capsys):
    before = (finished_run / "run.sqlite").read_bytes()
    assert run(["evolve", "--dataset", "digits", "--out", str(finished_run)]) == 2
    assert "holds a run already: go on with it by `gi evolve --resume" in capsys.readouterr().err
    assert (finished_run / "run.sqlite").read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"something else", b"SQLite format 3\0" + b"x" * 200])
def test_a_run_file_that_is_not_ours_is_one_line(content, tmp_path, capsys):
    (tmp_path / "run.sqlite").write_bytes(content)
    assert run(["front", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_run_file_of_a_later_version_is_one_line(finished_run, capsys):
    import sqlite3

    with sqlite3.connect(finished_run / "run.sqlite") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    assert run(["front", str(finished_run)]) == 2
    assert "Use the gi that wrote it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("problem", "status", "told"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "runs/x"), 1, "runs/x: no space left on device. free some"),
        (PermissionError(errno.EACCES, "Permission denied", "runs/x"), 2, "runs/x: permission denied. choose a place"),
        (OSError(errno.EROFS, "Read-only file system", "runs/x"), 2, "runs/x: read-only file system."),
        (RunError("the disk is full.\nWhat was done is kept."), 1, "gi: the disk is full. What was done is kept.\n"),
        (KeyboardInterrupt(), 130, "gi: interrupted."),
    ],
)
def test_what_the_system_refuses_is_one_line(problem, status, told, monkeypatch, capsys):
    def fail(*_args, **_kwargs):
        raise problem

    monkeypatch.setattr("gi.archive.Archive.open", fail)
    assert run(["front", "anywhere"]) == status
    err = capsys.readouterr().err
    assert told in err
    assert err.count("\n") == 1


def test_the_front_is_printed_to_stdout(finished_run, capsys):
    assert run(["front", str(finished_run)]) == 0
    captured = capsys.readouterr()
    assert DEEP_ID[:8] in captured.out
    assert captured.err == ""


@pytest.mark.parametrize(
    ("arguments", "key"),
    [(["front"], "front"), (["show", SMALL_ID[:4]], "provenance"), (["failures"], 0), (["failures", "--tries"], 0)],
)
def test_json_is_one_document_on_stdout(arguments, key, finished_run, capsys):
    verb, *rest = arguments
    assert run([verb, str(finished_run), *rest, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[key]


def test_the_front_is_drawn(finished_run, tmp_path, capsys):
    assert run(["front", str(finished_run), "--plot", str(tmp_path / "f.png")]) == 0
    assert (tmp_path / "f.png").stat().st_size > 10_000


@pytest.mark.parametrize("view", [[], ["--diff"], ["--lineage"], ["--provenance"]])
def test_an_individual_is_shown(view, finished_run, capsys):
    assert run(["show", str(finished_run), DEEP_ID[:6], *view]) == 0
    assert "nn.Hardswish(" in capsys.readouterr().out


def test_an_export_names_its_files(finished_run, tmp_path, capsys):
    out = tmp_path / "out" / "model.py"
    assert run(["export", str(finished_run), "--best", "params", "-o", str(out)]) == 0
    beside = [out.parent / "data" / "digits.npz", out.parent / "NOTICE"]
    assert capsys.readouterr().out.split() == [str(out), *map(str, beside)]
    assert run(["export", str(finished_run), DEEP_ID, "-o", str(out)]) == 2
    assert "exists: pass --force" in capsys.readouterr().err
    assert run(["export", str(finished_run), DEEP_ID, "-o", str(out), "--force", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == DEEP_ID


def test_weights_that_the_run_does_not_have_are_exit_status_1(finished_run, tmp_path, capsys):
    assert run(["export", str(finished_run), "-o", str(tmp_path / "m.py"), "--onnx"]) == 1
    assert "has no weights of" in capsys.readouterr().err


def test_lines_keep_their_contract(tmp_path, capsys):
    (tmp_path / "m.py").write_text(SMALL)
    assert run(["lines", str(tmp_path / "m.py"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {tuple(sorted(line)) for line in found} == {("calls", "code", "end_line", "line", "type")}
    assert {"line": 12, "symbol": "torch.nn.Linear", "type": "connection"} in [
        c for line in found for c in line["calls"]
    ]
    assert run(["lines", str(tmp_path / "m.py")]) == 0
    assert "torch.nn.Flatten (reshape)" in capsys.readouterr().out


def test_a_file_that_does_not_parse_gives_line_and_column(tmp_path, capsys):
    (tmp_path / "m.py").write_text("x = 1\ndef f(:\n")
    assert run(["lines", str(tmp_path / "m.py")]) == 2
    assert "m.py:2:" in capsys.readouterr().err


def test_harvests_add_up_and_a_bad_source_stops_nothing(tmp_path, capsys):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "net.py").write_text(SMALL)
    (tmp_path / "code" / "bad.py").write_text("import torch\ndef f(:\n")
    corpus = str(tmp_path / "c.sqlite")
    assert run(["harvest", str(tmp_path / "code"), "./nothing", "--corpus", corpus, "--json"]) == 1
    captured = capsys.readouterr()
    good, bad = json.loads(captured.out)["harvests"]
    assert (good["programs"], len(good["refused"]), good["lines"] > 3) == (1, 1, True)
    assert "error" in bad
    assert "'./nothing'" in captured.err
    assert run(["harvest", str(tmp_path / "code"), "--corpus", corpus]) == 0
    capsys.readouterr()
    assert run(["corpus", "--corpus", corpus, "--json"]) == 0
    assert "connection" in [row["type"] for row in json.loads(capsys.readouterr().out)["types"]]


def test_a_reader_that_has_seen_enough_is_no_error(finished_run):
    program = "import sys; from gi.cli import main; main()"
    command = [sys.executable, "-c", program, "show", str(finished_run), SMALL_ID, "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=60) == 0


@pytest.mark.slow
def test_vary_prints_one_object_a_line(tmp_path, capsys):
    (tmp_path / "m.py").write_text(SMALL)
    corpus = str(tmp_path / "c.sqlite")
    assert run(["harvest", str(tmp_path), "--corpus", corpus]) == 0
    capsys.readouterr()
    command = ["vary", str(tmp_path / "m.py"), "--count", "3", "--input-shape", "1,8,8", "--corpus", corpus, "--json"]
    assert run([*command, "--allow-licence", "unknown"]) == 0
    offspring = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(offspring) == 3
    assert all(set(each) == {"text", "operators", "tries", "origin"} for each in offspring)
    assert all(len(each["operators"]) == len(each["origin"]) == 1 for each in offspring)
    assert run([*command, "--raw"]) == 0
    raw = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert all(each["accepted"] == (each["reason"] == "") for each in raw)


@pytest.mark.slow
def test_repair_makes_a_file_fit(tmp_path, capsys):
    (tmp_path / "m.py").write_text(SMALL.replace("class Net", "class Tiny"))
    assert run(["repair", f"{tmp_path}/m.py:Tiny", "--input-shape", "3,8,8", "--classes", "7"]) == 0
    assert "nn.Linear(192, 7)" in capsys.readouterr().out


EVOLVE = ["evolve", "--dataset", "digits", "--population", "3", "--images", "640", "--final-images", "640"]


@pytest.mark.slow
@pytest.mark.usefixtures("built_cache")
def test_a_run_ends_with_a_front_and_an_exported_model(tmp_path, capsys):
    out = tmp_path / "run"
    assert run([*EVOLVE, "--generations", "1", "--final-seeds", "1", "--out", str(out), "--json"]) == 0
    captured = capsys.readouterr()
    answer = json.loads(captured.out)
    assert (answer["run"], answer["state"], answer["generations"]) == (str(out), "finished", 1)
    assert answer["front"][0]["seeds"] == 1
    assert "generation 1/1: " in captured.err
    assert "class Net" in (out / "best" / "model.py").read_text()
    assert run(["export", str(out), "-o", str(tmp_path / "m.py"), "--weights", "--onnx"]) == 0
    import onnx

    onnx.checker.check_model(onnx.load(tmp_path / "m.onnx"))
    assert run(["evolve", "--resume", str(out), "--generations", "2"]) == 0
    assert "after generation 2" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.usefixtures("built_cache")
def test_a_run_that_inherits_is_the_same_at_every_number_of_workers_and_tells_what_it_took_over(tmp_path, capsys):
    dumps, options = set(), ["--inherit", "--clock", "model", "--generations", "2", "--final-seeds", "1"]
    for workers in ("1", "2"):
        out = tmp_path / workers
        assert run([*EVOLVE, *options, "--workers", workers, "--out", str(out)]) == 0
        with Archive.open(out) as archive:
            dumps.add(canonical_text(archive))
            seedings = {id_: archive.outcomes.seeding(id_) for id_ in archive.individuals.ids()}
            parents = {id_: archive.individuals.by_prefix(id_).parents for id_ in archive.individuals.ids()}
            assert {p.stem for p in (out / "trained").iterdir()} <= set(archive.generations.all()[-1].population)
    assert len(dumps) == 1
    took = {id_: seeding for id_, seeding in seedings.items() if seeding}
    assert took
    assert all({row.network for row in seeding.inherited} == {parents[id_][0]} for id_, seeding in took.items())
    assert run(["show", str(out), next(iter(took)), "--provenance"]) == 0
    assert "Its training began with weights of its parent" in capsys.readouterr().out
    assert run(["index", "build", str(out), "--index", str(tmp_path / "index")]) == 0


@pytest.mark.slow
@pytest.mark.usefixtures("built_cache")
def test_an_interrupted_run_is_exit_status_130_and_says_how_to_go_on(tmp_path):
    out = tmp_path / "run"
    program = "from gi.cli import main; main()"
    command = [sys.executable, "-c", program, *EVOLVE, "--generations", "500", "--out", str(out)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stderr is not None
    told = ""
    while "generation 0/500" not in told:
        line = process.stderr.readline()
        assert line, told
        told += line
    time.sleep(0.5)
    os.kill(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 130
    assert f"go on with: gi evolve --resume {out}" in told
    assert "Traceback" not in told
    assert gi.cli.run(["front", str(out)]) == 0


def test_a_misspelled_verb_is_told_the_one_that_was_meant(capsys):
    assert run(["fronts"]) == 2
    assert run(["index", "galery"]) == 2
    err = capsys.readouterr().err
    assert "Did you mean 'front'?" in err
    assert "Did you mean 'gallery'?" in err
