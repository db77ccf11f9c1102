"""A program that means harm, by every way into gi: it is refused in one line, or recorded, and no worker sees it."""

import json
import pickle
import random
import sqlite3

import numpy as np
import pytest
import torch

import gi
from gi.archive import Archive
from gi.cli import run
from gi.core.errors import SourceError
from gi.core.protocols import Job
from gi.core.settings import RunConfig
from gi.core.trace import Stopped
from gi.core.types import Failed, Task
from gi.export import individual_subject
from gi.export.formats import converted
from gi.export.tidy.tidied import tidied
from gi.jobs.index.programs import checkpoint_source
from gi.kernels.index.build import build
from gi.sandbox.server import ForkServer
from gi.trace.classes.client import TrialWorker
from gi.trace.client import CheckWorker
from gi.train.executor import LocalExecutor
from gi.vary import Vary
from tests.attacks.programs import program
from tests.checking import SEEDS, Stock
from tests.small_run import DEEP_ID, SMALL, SMALL_ID, write_run

EVIL = program(forward="x = x + len(torch.os.listdir('/'))")
LINE = EVIL.splitlines().index("        x = x + len(torch.os.listdir('/'))") + 1
RUN = "RUN"


@pytest.fixture(autouse=True)
def no_worker(monkeypatch, tmp_path):
    """Whatever starts a process for a program fails the test."""

    def forked(*_, **__):
        raise AssertionError("a worker was started for a program that the gate refuses")

    monkeypatch.setattr(ForkServer, "fork", forked)
    monkeypatch.setattr(ForkServer, "start", lambda _: None)
    monkeypatch.setenv("GI_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def run_folder(tmp_path):
    """A finished run with weights, which need not be any network's: nothing is to read them."""
    folder = write_run(tmp_path / "run")
    (folder / "weights").mkdir()
    for id_ in (DEEP_ID, SMALL_ID):
        torch.save({}, folder / "weights" / f"{id_}.pt")
    return folder


@pytest.fixture
def evil(tmp_path):
    (tmp_path / "net.py").write_text(EVIL)
    return tmp_path / "net.py"


#: What other code does with an individual that runs its program, or has it run elsewhere.
USES = {
    "build": lambda member, _: member.build(),
    "build untrained": lambda member, _: member.build(trained=False),
    "predict": lambda member, _: member.predict(np.zeros((1, 8, 8), np.uint8)),
    "export": lambda member, out: member.export(out),
    "export in a format": lambda member, out: member.export(out, onnx=True),
}


def opened(folder, texts, seed=None):
    """A run that somebody else made: these texts in place of what gi wrote."""
    return changed(write_run(folder), texts, seed)


def changed(folder, texts, seed=None):
    with sqlite3.connect(folder / "run.sqlite") as db:
        for id_, text in texts.items():
            db.execute("UPDATE individuals SET text = ? WHERE id = ?", (text, id_))
        if seed:
            db.execute("UPDATE seeds SET text = ?", (seed,))
    return folder


def refused(capsys, arguments, told):
    status = run([str(argument) for argument in arguments])
    err = capsys.readouterr().err.splitlines()
    assert status == 2
    assert told in err[-1]
    assert "Traceback" not in "".join(err)


@pytest.mark.parametrize("verb", [["evolve", "--dataset", "digits"], ["vary"], ["repair"]], ids=lambda verb: verb[0])
def test_a_file_is_refused_with_line_column_rule_and_advice(evil, capsys, verb):
    told = f"{evil}:{LINE}: refused by the gate, name: column 20: torch.os is not allowed: pass --trust for code"
    refused(capsys, [verb[0], evil, *verb[1:]], told)


def test_a_checkpoints_program_is_a_refused_file_of_the_index(evil, tmp_path, capsys):
    (tmp_path / "net.pt").write_bytes(b"weights")
    arguments = ["--model", evil, "--input-shape", "1,28,28", "--index", tmp_path / "index"]
    assert run([str(a) for a in ["index", "build", tmp_path / "net.pt", *arguments]]) == 1
    assert "refused by the gate" in " ".join(capsys.readouterr().out.split())


def test_the_index_is_told_why(tmp_path):
    (tmp_path / "net.pt").write_bytes(b"weights")
    source = checkpoint_source(EVIL, tmp_path / "net.pt", (1, 28, 28), "Net", tmp_path, name="net.pt")
    (taken,) = build([source], tmp_path / "index").taken
    assert f"refused by the gate, line {LINE}" in taken.reason


@pytest.mark.parametrize(
    "arguments",
    [["export", RUN, DEEP_ID], ["export", RUN, DEEP_ID, "--minimise"], ["export", RUN, DEEP_ID, "--onnx"],
     ["export", RUN, DEEP_ID, "--pt2"], ["export", RUN, DEEP_ID, "--hub", "hub"], ["export", RUN, "--all", "zoo"],
     ["show", RUN, DEEP_ID, "--provenance", "--measure"]],
    ids=lambda arguments: arguments[-1].strip("-"),
)  # fmt: skip
def test_an_individual_of_somebody_elses_run_is_refused(run_folder, tmp_path, capsys, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    folder = changed(run_folder, {DEEP_ID: EVIL})
    told = f"program {DEEP_ID[:8]} is refused by the gate, line {LINE}, column 20: name: torch.os"
    refused(capsys, [folder if a == RUN else a for a in arguments], told)
    assert {path.name for path in tmp_path.iterdir()} <= {"run", "cache"}


def test_trust_in_a_run_is_in_what_it_started_from_alone(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = opened(tmp_path / "run", {DEEP_ID: EVIL})
    refused(capsys, ["export", folder, DEEP_ID, "--trust"], f"program {DEEP_ID[:8]} is refused by the gate")


def test_a_run_that_started_from_it_is_not_resumed(tmp_path, capsys):
    folder = opened(tmp_path / "run", {}, seed=EVIL)
    refused(capsys, ["evolve", "--resume", folder, "--generations", "2"], "is refused by the gate, line")


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_an_individual_is_refused_in_python_too(run_folder, tmp_path, use):
    member = gi.open_run(changed(run_folder, {DEEP_ID: EVIL})).individual(DEEP_ID)
    told = f"program {DEEP_ID[:8]} is refused by the gate, line {LINE}, column 20: name: torch.os is not allowed"
    with pytest.raises(SourceError, match=told):
        use(member, tmp_path / "out.py")
    assert not (tmp_path / "out.py").exists()


def test_what_a_trusted_run_started_from_is_built(run_folder, tmp_path):
    hello = SMALL.replace("import torch\n", "import torch, platform\n")
    changed(run_folder, {SMALL_ID: hello, DEEP_ID: EVIL}, seed=hello)
    with pytest.raises(SourceError, match=r"open the run by gi.open_run\('.*run', trust=True\)"):
        gi.open_run(run_folder).individual(SMALL_ID).build(trained=False)
    run = gi.open_run(run_folder, trust=True)
    assert run.individual(SMALL_ID).build(trained=False) is not None
    assert pickle.loads(pickle.dumps(run.individual(SMALL_ID).held())).build(trained=False) is not None
    with pytest.raises(SourceError, match="is refused by the gate"):
        run.individual(DEEP_ID).build()


def test_what_python_is_given_is_refused(evil, tmp_path):
    told = f"net.py:{LINE}: refused by the gate, name"
    with pytest.raises(SourceError, match=told):
        gi.repair(evil)
    with pytest.raises(SourceError, match=told):
        gi.evolve("digits", model=evil, out=tmp_path / "run")
    with pytest.raises(SourceError, match="is refused by the gate, line"):
        gi.resume(opened(tmp_path / "other", {}, seed=EVIL))


@pytest.mark.parametrize("entry", ["exec('import os')", "eval('1')", "print"])
def test_the_entry_of_somebody_elses_run_is_no_builtin(run_folder, tmp_path, capsys, entry):
    with Archive.open(run_folder) as archive:
        stored = archive.run().config.to_json()
    with sqlite3.connect(run_folder / "run.sqlite") as db:
        db.execute("UPDATE run SET config = ?", (json.dumps({**stored, "entry": entry}),))
    refused(capsys, ["export", run_folder, DEEP_ID, "-o", tmp_path / "out.py"], "gate, line 1, column 0: entry: ")
    refused(capsys, ["evolve", "--resume", run_folder, "--generations", "2"], "no such file, not even with --trust")
    member = gi.open_run(run_folder, trust=True).individual(DEEP_ID)
    for use in USES.values():
        with pytest.raises(SourceError, match="is refused by the gate, line 1, column 0: entry: "):
            use(member, tmp_path / "out.py")


def test_the_check_worker_answers_without_running_it():
    with CheckWorker() as check:
        answer = check(EVIL, Task((1, 28, 28), 10))
        assert answer == Stopped("gate", "name", LINE, "column 20: torch.os is not allowed")
        assert check.block(EVIL, "Net", ())["reason"] == "refused by the gate: name"


def test_a_class_is_not_tried():
    with TrialWorker() as trial:
        assert trial(EVIL, "Net") == {
            "reason": "refused by the gate: name",
            "detail": f"line {LINE}, column 20: torch.os is not allowed",
        }


def test_a_training_is_a_recorded_failure(digits):
    with LocalExecutor(digits, RunConfig(dataset="digits"), workers=1) as executor:
        outcome = executor.submit(Job("1", EVIL, 0, 100)).result(60)
    assert outcome == Failed("gate", "name", f"line {LINE}, column 20: torch.os is not allowed")


def test_a_failure_at_the_gate_survives_the_archive(tmp_path):
    failure = Failed("gate", "name", "line 3, column 4: os is not allowed")
    with Archive.open(write_run(tmp_path / "run", failure=failure)) as archive:
        (group,) = archive.outcomes.failures()
        assert (group.stage, group.reason) == ("gate", "name")


@pytest.mark.parametrize("kind", ["weights", "onnx", "pt2"])
def test_no_format_is_written(tmp_path, kind):
    with (
        pytest.raises(SourceError, match="the program is refused by the gate"),
        converted(EVIL, tmp_path / "net.pt", Task((1, 28, 28), 10), [kind]),
    ):
        pass


def test_it_is_not_tidied(tmp_path):
    with Archive.open(opened(tmp_path / "run", {DEEP_ID: EVIL})) as archive:
        subject = individual_subject(archive, DEEP_ID)
        with tidied(subject, Task((1, 8, 8), 10)) as made:
            assert made.subject is subject
            assert made.note.startswith(f"not tidied: the gate refuses it, line {LINE}")


def test_a_parent_of_somebody_elses_run_gives_no_offspring(tmp_path):
    with CheckWorker() as check:
        vary = Vary(Stock.of(*SEEDS.values()), check, Task((1, 28, 28), 10))
        with pytest.raises(SourceError, match="a parent does not run: name at line"):
            next(vary.raw([EVIL], rng=random.Random(1)))
