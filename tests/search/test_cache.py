"""A run behind the cache decides what it decides without it, and pays for what it trains itself alone."""

import hashlib

import pytest

from gi.archive import Archive, canonical_text, run_summary
from gi.core.settings import RunConfig
from gi.core.types import Failed
from gi.search.events import Evaluated, GenerationEnded, Retrained
from gi.search.evolve import evolve, resume
from gi.train.cache.executor import CachedExecutor
from gi.train.cache.store import OutcomeCache
from tests.search.test_evolve import Interrupting
from tests.stand_ins import SEEDS, PoolExecutor, made, outcome, shuffled_delay_s, slow

CONFIG = RunConfig(
    dataset="digits", generations=4, population=6, images=30_000, finals=40, final_seeds=2, clock="model", seed=4
)


class Keys:
    def key(self, job):
        fields = (job.text, job.seed, job.images, job.split, job.scored, job.timed)
        return None if job.inherit_from else hashlib.sha256(repr(fields).encode()).hexdigest()

    def may_keep(self, outcome):
        return not isinstance(outcome, Failed) or outcome.reason != "no layers"

    def may_take(self, job, outcome):
        return True


def cached_parts(folder, executors=None, **options):
    def make(config, *, workers, cost_model):
        inner = PoolExecutor(workers, **options)
        if executors is not None:
            executors.append(inner)
        return made(CachedExecutor(inner, OutcomeCache(folder), Keys()), SEEDS)

    return make


def plain_parts(config, *, workers, cost_model):
    return made(PoolExecutor(workers), SEEDS)


def dumped(folder):
    with Archive.open(folder) as archive:
        return canonical_text(archive)


def test_decisions_are_the_same_without_a_cache_with_an_empty_one_and_with_a_full_one(tmp_path):
    evolve(CONFIG, tmp_path / "without", workers=2, parts=plain_parts)
    executors = []
    for name, workers in (("empty", 2), ("full", 1), ("full again", 4)):
        options = {"executors": executors, "delay_s": shuffled_delay_s}
        evolve(CONFIG, tmp_path / name, workers=workers, parts=cached_parts(tmp_path / "cache", **options))
        assert dumped(tmp_path / name) == dumped(tmp_path / "without")
    first, *later = executors
    assert len(first.jobs) > 20
    for executor in later:
        assert {outcome(job).reason for job in executor.jobs} <= {"no layers"}


def test_a_run_that_is_interrupted_and_goes_on_with_a_cache_comes_to_the_same_end(tmp_path):
    evolve(CONFIG, tmp_path / "without", workers=2, parts=plain_parts)
    for at in (3, 9):
        evolve(
            CONFIG,
            tmp_path / f"{at}",
            workers=2,
            parts=cached_parts(tmp_path / "cache", evaluate=slow),
            on_event=Interrupting(at),
        )
        resume(tmp_path / f"{at}", workers=2, parts=cached_parts(tmp_path / "cache"))
        assert dumped(tmp_path / f"{at}") == dumped(tmp_path / "without")


def test_what_came_from_the_cache_is_told_and_costs_this_run_nothing(tmp_path):
    first = evolve(CONFIG, tmp_path / "first", workers=2, parts=cached_parts(tmp_path / "cache"))
    events = []
    second = evolve(
        CONFIG, tmp_path / "second", workers=2, parts=cached_parts(tmp_path / "cache"), on_event=events.append
    )
    assert first.from_cache == 0
    assert first.training_cpu_s == pytest.approx(first.evaluations * 0.03)
    assert second.evaluations == first.evaluations
    trained = second.evaluations - second.from_cache
    assert trained < 0.2 * second.evaluations
    assert second.training_cpu_s == pytest.approx(trained * 0.03)
    told = [event.outcome.cached for event in events if isinstance(event, Evaluated | Retrained)]
    assert sum(told) == second.from_cache
    assert [e for e in events if isinstance(e, GenerationEnded)][-1].from_cache > 0
    with Archive.open(tmp_path / "second") as archive:
        assert run_summary(archive).from_cache == second.from_cache
        assert sum(e.outcome.cached for e in archive.outcomes.evaluations()) == second.from_cache
        costs = {e.outcome.cost.cpu_s for e in archive.outcomes.evaluations()}
    assert costs == {0.04}  # what it took when it was done: estimates go by that


def test_the_weights_of_the_finals_come_along(tmp_path):
    for name in ("first", "second"):
        evolve(CONFIG, tmp_path / name, workers=2, parts=cached_parts(tmp_path / "cache"))
    first, second = (
        {path.name: path.read_bytes() for path in (tmp_path / name / "weights").iterdir()}
        for name in ("first", "second")
    )
    assert first == second


def test_a_cache_that_cannot_be_used_stops_nothing(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    evolve(CONFIG, tmp_path / "without", workers=2, parts=plain_parts)
    evolve(CONFIG, tmp_path / "run", workers=2, parts=cached_parts(tmp_path / "file" / "cache"))
    assert dumped(tmp_path / "run") == dumped(tmp_path / "without")
    assert len(caplog.records) == 1


def test_a_cache_that_is_damaged_on_the_way_stops_nothing(tmp_path, caplog):
    evolve(CONFIG, tmp_path / "without", workers=2, parts=plain_parts)

    def damage(event):
        if isinstance(event, GenerationEnded) and event.number == 1:
            (tmp_path / "cache" / "outcomes-1.sqlite").write_bytes(b"\x7f" * 50_000)

    for name in ("run", "again"):
        evolve(CONFIG, tmp_path / name, workers=2, parts=cached_parts(tmp_path / "cache"), on_event=damage)
        assert dumped(tmp_path / name) == dumped(tmp_path / "without")
    assert len(caplog.records) <= 3
