"""Real trainings, twice: the second run of the same command takes them from the cache and decides the same."""

import dataclasses

import pytest

from gi.archive import Archive, canonical_text
from gi.core.settings import RunConfig
from gi.core.types import Origin, Program
from gi.search.evolve import evolve
from gi.train.cache import store
from tests.programs import PROGRAM

CONFIG = RunConfig(
    dataset="digits", generations=1, population=3, images=640, final_images=1280, final_seeds=2, clock="model"
)
ORIGIN = Origin("gi", "", "corpus/seeds/x.py", 1, "Apache-2.0")
SEEDS = [Program(PROGRAM, ORIGIN), Program(PROGRAM.replace("0.05", "0.2"), ORIGIN)]


@pytest.fixture(autouse=True)
def own_outcomes(tmp_path_factory, tmp_path, monkeypatch):
    monkeypatch.setenv("GI_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))  # whose corpus takes long to build
    monkeypatch.setattr(store, "outcomes_folder", lambda: tmp_path / "outcomes")


def decided(folder, config):
    summary = evolve(config, folder, workers=2, seeds=SEEDS)
    with Archive.open(folder) as archive:
        return summary, canonical_text(archive).partition("\n")[2]  # the settings stand in the first line


def test_a_second_run_trains_nothing_and_decides_the_same(tmp_path):
    plain, without = decided(tmp_path / "without", dataclasses.replace(CONFIG, cache=False))
    assert not (tmp_path / "outcomes").exists()
    first, filling = decided(tmp_path / "first", CONFIG)
    second, full = decided(tmp_path / "second", CONFIG)
    assert without == filling == full
    assert plain.from_cache == first.from_cache == 0
    assert second.from_cache == second.evaluations == first.evaluations > 5
    assert second.training_cpu_s == 0
    weights = {
        name: sorted(path.name for path in (tmp_path / name / "weights").iterdir()) for name in ("first", "second")
    }
    assert weights["first"] == weights["second"] != []
