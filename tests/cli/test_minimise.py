import json
import shutil

import pytest

from gi.archive import Archive, front_members
from gi.cli import run
from tests.small_run import DEEP_ID, write_run

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("GI_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def small(tmp_path):
    return write_run(tmp_path / "run")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["export", "RUN", "--trainings", "5"], "--trainings goes with --minimise, which is not given."),
        (["export", "RUN", "--tolerance", "0.1"], "--tolerance goes with --minimise, which is not given."),
        (["show", "RUN", DEEP_ID, "--seeds", "3"], "--seeds goes with --measure, which is not given."),
        (["show", "RUN", DEEP_ID, "--measure"], "--measure goes with --provenance"),
        (["export", "RUN", "--minimise", "--seeds", "1"], "seeds is 1: noise shows in 2 trainings"),
        (["export", "RUN", "--minimise", "--budget", "soon"], "budget 'soon' is no duration"),
        (["export", "RUN", "--minimise", "--workers", "0"], "workers is 0: it must be at least 1."),
        (["export", "RUN", "zz", "--minimise"], "no individual's id starts with 'zz'"),
    ],
)
def test_a_wrong_call_is_one_line(arguments, said, small, capsys):
    assert run([str(small) if a == "RUN" else a for a in arguments]) == 2
    err = capsys.readouterr().err.splitlines()
    assert len(err) == 1 or err[0].startswith("gi: dropping what")
    assert said in err[-1]


def test_an_existing_file_is_refused_before_anything_is_trained(small, tmp_path, capsys):
    (tmp_path / "model.py").write_text("mine")
    assert run(["export", str(small), "--minimise", "-o", str(tmp_path / "model.py")]) == 2
    captured = capsys.readouterr()
    assert "exists: pass --force" in captured.err
    assert "dropping" not in captured.err


@pytest.fixture(scope="module")
def finished(built_cache, tmp_path_factory):
    """A run whose times are modelled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GI_CACHE", str(built_cache.folder))
        folder = tmp_path_factory.mktemp("minimise") / "run"
        settings = ["--population", "4", "--images", "640", "--final-images", "640", "--final-seeds", "1"]
        command = [
            "evolve",
            "--dataset",
            "digits",
            "--generations",
            "2",
            "--clock",
            "model",
            "--seed",
            "1000",
            *settings,
        ]
        assert run([*command, "--out", str(folder), "--json"]) == 0
    return folder


def changed_member(folder):
    """A member of the front that is no seed program."""
    with Archive.open(folder) as archive:
        found = [m.id for m in front_members(archive) if archive.individuals.by_prefix(m.id).parents]
    return found[-1]


@pytest.mark.slow
def test_a_minimised_winner_is_exported_with_its_figures(finished, tmp_path, capsys):
    id_ = changed_member(finished)
    answers = []
    for number in (1, 2):
        folder, out = tmp_path / f"run{number}", tmp_path / f"out{number}" / "model.py"
        shutil.copytree(finished, folder)
        limits = ["--seeds", "2", "--trainings", "12", "--workers", str(number)]
        capsys.readouterr()
        assert run(["export", str(folder), id_, "--minimise", *limits, "--weights", "--json", "-o", str(out)]) == 0
        answers.append(json.loads(capsys.readouterr().out))
        assert out.is_file()
        assert out.with_suffix(".safetensors").is_file()
    first, second = (answer["explanation"] for answer in answers)
    assert first["changes"] == second["changes"]  # at any number of workers
    assert first["text"] == second["text"]
    assert {change["status"] for change in first["changes"]} <= {"kept", "dropped"}
    assert run(["show", str(tmp_path / "run1"), id_, "--provenance"]) == 0
    assert f"{id_[:8]}: " in capsys.readouterr().out
    assert run(["evolve", "--resume", str(tmp_path / "run1")]) == 0  # a run that was annotated goes on


@pytest.mark.slow
def test_effects_are_measured_on_demand(finished, tmp_path, capsys):
    id_ = changed_member(finished)
    shutil.copytree(finished, tmp_path / "run")
    assert run(["show", str(tmp_path / "run"), id_, "--provenance"]) == 0
    assert "not measured" in capsys.readouterr().out
    command = ["show", str(tmp_path / "run"), id_, "--provenance", "--measure", "--seeds", "2", "--json"]
    assert run(command) == 0
    changes = json.loads(capsys.readouterr().out)["explanation"]["changes"]
    assert all(effect["objective"] in ("error", "params", "time") for c in changes for effect in c["effects"])
    assert any(change["effects"] for change in changes)
    assert {change["status"] for change in changes} == {"kept"}
