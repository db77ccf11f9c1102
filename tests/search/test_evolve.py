import dataclasses
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from gi.archive import Archive, canonical_text, front_members, run_summary
from gi.core.errors import ArchiveError, ConfigError, RunError
from gi.core.settings import RunConfig
from gi.core.types import Failed, Refused, Scored, SeededLayer, Seeding, Try
from gi.search.events import (
    Evaluated,
    Finished,
    GenerationEnded,
    GenerationStarted,
    Retrained,
    RetrainingStarted,
    StockChanged,
    Stopping,
    Varied,
)
from gi.search.evolve import evolve, resume
from gi.search.select import hypervolume, ranks, violations, worst_ordinary
from tests.small_run import DIAGNOSIS
from tests.stand_ins import SEEDS, digest, outcome, parts, program, shuffled_delay_s, slow, vary

CONFIG = RunConfig(
    dataset="digits", generations=4, population=6, images=30_000, finals=40, final_seeds=2, clock="model", seed=4
)


def changed(**settings):
    return RunConfig.from_json({**CONFIG.to_json(), **settings})


def dumped(folder):
    with Archive.open(folder) as archive:
        return canonical_text(archive)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The archive of a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("evolve") / "run"
    evolve(CONFIG, folder, workers=2, parts=parts())
    with Archive.open(folder) as archive:
        yield archive


def test_every_generation_keeps_a_population_and_a_front_of_different_individuals(run):
    generations = run.generations.all()
    assert [g.number for g in generations] == [0, 1, 2, 3, 4]
    for g in generations:
        assert 1 <= len(set(g.population)) == len(g.population)
        assert 1 <= len(set(g.front)) == len(g.front)


def test_final_trainings_are_diagnosed_and_what_they_got_wrong_is_kept_as_pictures(run):
    trained = {(r.individual, r.seed) for r in run.outcomes.retrainings()}
    assert {(id_, seed) for id_, seed, *_ in run.outcomes.diagnoses()} == trained
    assert {told for *_, told in run.outcomes.diagnoses()} == {DIAGNOSIS}
    assert set(run.outcomes.pictures()) == {mistake.sample for mistake in DIAGNOSIS.mistakes}


def test_a_generation_keeps_the_rung_of_its_front(run):
    assert {closed.images for closed in run.generations.all()} == {run.run().top_images}


def test_generation_0_is_the_seed_programs_and_mutants_of_the_ones_that_scored(run):
    first = [run.individuals.by_prefix(slot.individual) for slot in run.individuals.slots(0) if slot.individual]
    assert [i.text for i in first[:4]] == [s.text for s in SEEDS]
    scored = {e.individual for e in run.outcomes.evaluations("validation") if isinstance(e.outcome, Scored)}
    assert len(run.individuals.slots(0)) == 6
    for mutant in first[4:]:
        assert set(mutant.parents) <= scored


def test_failures_and_values_that_are_not_finite_never_reach_the_population(tmp_path):
    def breaking_the_contract(job):
        made = outcome(job)
        if isinstance(made, Scored) and int(job.text.split()[0]) % 5 == 0:
            return Scored({**made.values, "error": float("nan")})
        return made

    evolve(CONFIG, tmp_path, workers=2, parts=parts(evaluate=breaking_the_contract))
    with Archive.open(tmp_path) as run:
        failed = {e.individual for e in run.outcomes.evaluations() if isinstance(e.outcome, Failed)}
        assert failed
        assert not failed & {id_ for g in run.generations.all() for id_ in g.population}
        reasons = {(g.stage, g.reason) for g in run.outcomes.failures()}
    assert {("measure", "not finite"), ("measure", "nan")} <= reasons


def test_the_front_is_what_nothing_scored_dominates(run):
    scored = [e for e in run.outcomes.evaluations("validation") if isinstance(e.outcome, Scored)]
    values = [[e.outcome.values[k] for k in CONFIG.objectives] for e in scored]
    beyond = violations(values, run.run().reference, run.run().objectives)
    best = {scored[n].individual for n in range(len(values)) if ranks(values, beyond)[n] == 0}
    front = {m.id for m in front_members(run)}
    assert front <= best
    assert {tuple(values[n]) for n in range(len(values)) if scored[n].individual in best - front} <= {
        tuple(m.values[k] for k in CONFIG.objectives) for m in front_members(run)
    }
    assert front == set(run.generations.last().front)


def test_the_hypervolume_is_that_of_everything_found_and_never_falls(run):
    record, generations = run.run(), run.generations.all()
    scored = [e.outcome.values for e in run.outcomes.evaluations("validation") if isinstance(e.outcome, Scored)]
    values = [[found[k] for k in CONFIG.objectives] for found in scored]
    volumes = [g.hypervolume for g in generations]
    assert volumes[-1] == pytest.approx(hypervolume(values, record.reference, record.objectives))
    assert volumes == sorted(volumes)


def test_the_reference_point_lies_beyond_generation_0_but_for_the_error_which_is_bounded_by_the_seeds(run):
    first = [slot.individual for slot in run.individuals.slots(0)]
    scored = {
        e.individual: e.outcome.values for e in run.outcomes.evaluations("validation") if isinstance(e.outcome, Scored)
    }
    worst = [max(scored[id_][k] for id_ in first if id_ in scored) for k in CONFIG.objectives]
    bound = 1.25 * worst_ordinary([scored[id_]["error"] for id_ in first[: len(SEEDS)]]) + 0.005
    assert run.run().reference == pytest.approx((bound, 2 * worst[1], 2 * worst[2]))


def test_individuals_worse_than_the_seeds_by_more_than_the_margin_do_not_survive_while_others_are_there(run):
    bound = run.run().reference[0]
    error = {
        e.individual: e.outcome.values["error"] for e in run.outcomes.evaluations() if isinstance(e.outcome, Scored)
    }
    assert any(value > bound for value in error.values())
    for generation in run.generations.all():
        population = [error[id_] > bound for id_ in generation.population]
        assert population == sorted(population)
        assert not any(error[id_] > bound for id_ in generation.front)


def test_selection_uses_the_validation_split_alone_and_the_front_is_retrained_on_test(run):
    ids = {m.id for m in front_members(run)}
    tests = run.outcomes.evaluations("test")
    assert {e.individual for e in tests} <= ids
    assert len({e.individual for e in tests}) == min(len(ids), CONFIG.finals)
    assert {e.images for e in tests} == {run.run().final_images} == {30_000}
    for member in front_members(run):
        assert len(member.test_errors) == 2
        assert member.weights == f"weights/{member.id}.pt"
    retrainings = run.outcomes.retrainings()
    assert len({r.seed for r in retrainings}) == 2
    assert all(r.validation_error is not None for r in retrainings)


def test_the_finals_mean_of_an_objective_is_over_their_validation_values(run):
    for member in front_members(run):
        finals = [e.outcome.values for e in run.outcomes.evaluations("test") if e.individual == member.id]
        assert member.validation_errors == tuple(final["validation_error"] for final in finals)
        assert member.finals["error"] == pytest.approx(sum(member.validation_errors) / 2)
        assert member.finals["params"] == member.values["params"]
        assert member.judged == {**member.values, **member.finals}


def test_a_final_training_that_lacks_its_validation_error_is_a_failure(tmp_path):
    def forgetful(job):
        made = outcome(job)
        if isinstance(made, Failed):
            return made
        return Scored({key: value for key, value in made.values.items() if key != "validation_error"}, made.cost)

    evolve(CONFIG, tmp_path, workers=2, parts=parts(evaluate=forgetful))
    with Archive.open(tmp_path) as run:
        finals = [e.outcome for e in run.outcomes.evaluations("test")]
        assert {(f.stage, f.reason) for f in finals} == {("measure", "not finite")}
        assert all(member.judged == member.values for member in front_members(run))


def test_parents_are_those_that_gave_something(run):
    texts = [run.individuals.by_prefix(id_) for id_ in run.individuals.ids()]
    for individual in (i for i in texts if i.edits):
        assert 1 <= len(individual.parents) <= (2 if individual.edits[0].operator == "crossover" else 1)
    assert any(len(i.parents) == 2 for i in texts)


def test_nobody_is_evaluated_twice(run):
    ids = run.individuals.ids()
    assert len(set(ids)) == len(ids) == len(run.outcomes.evaluations("validation"))


def test_without_a_limit_later_trainings_get_a_multiple_of_what_the_seeds_took(tmp_path):
    executors = []
    config = changed(cpu_limit_s=None, generations=1)
    evolve(config, tmp_path / "run", workers=2, parts=parts(executors=executors, evaluate=taking_time))
    jobs = executors[0].jobs
    assert [job.cpu_limit_s for job in jobs[: len(SEEDS)]] == [None] * len(SEEDS)
    assert {job.cpu_limit_s for job in jobs[len(SEEDS) :]} == {2 * 2.56}


def taking_time(job):
    """Trains as many hundredths of a second as the network is wide."""
    scored = outcome(job)
    if isinstance(scored, Failed):
        return scored
    return Scored({**scored.values, "train_time": int(job.text.split()[0]) / 100}, scored.cost)


def test_the_next_random_streams_are_written_down(run):
    assert run.generations.all()[2].random_state == {"seed": 4, "streams": ["mate", "vary"], "next": [3, 0]}
    assert [closed.ended for closed in run.generations.all()] == [False, False, False, False, True]


def test_the_archive_is_the_same_at_every_number_of_workers_and_order_of_completion(tmp_path):
    dumps = set()
    for workers in (1, 2, 4):
        evolve(CONFIG, tmp_path / str(workers), workers=workers, parts=parts(delay_s=shuffled_delay_s))
        dumps.add(dumped(tmp_path / str(workers)))
    assert len(dumps) == 1


def twinned(parents, **options):
    """Offspring with a fingerprint that many of them share; it takes no notice of what is known."""
    made = vary(parents, **options)
    if isinstance(made, Refused):
        return made
    width, depth = map(int, made.text.split())
    return dataclasses.replace(made, fingerprint=f"{width // 16}x{depth}")


def test_what_computes_the_same_is_evaluated_once_and_shares_its_outcome(tmp_path):
    executors = []
    summary = evolve(CONFIG, tmp_path, workers=2, parts=parts(variation=twinned, executors=executors))
    with Archive.open(tmp_path) as archive:
        fingerprints, evaluations = archive.individuals.fingerprints(), archive.outcomes.evaluations("validation")
    trained = [
        fingerprints[job.id] for job in executors[0].jobs if job.split == "validation" and job.id in fingerprints
    ]
    assert len(trained) == len(set(trained)) < len(fingerprints)
    outcomes = {e.individual: e.outcome for e in evaluations}
    copies = [e for e in evaluations if e.copied_from]
    assert len(copies) == len(fingerprints) - len(trained) > 0
    assert all(e.outcome == outcomes[e.copied_from] for e in copies)
    assert all(fingerprints[e.individual] == fingerprints[e.copied_from] for e in copies)
    with Archive.open(tmp_path) as archive:
        refused = sum(g.count for g in archive.outcomes.refusals() if g.reason == "known already")
    assert summary.cached == len(copies) + refused


def test_twins_are_the_same_at_every_number_of_workers_and_after_an_interruption(tmp_path):
    dumps = set()
    for workers in (1, 4):
        made = parts(variation=twinned, delay_s=shuffled_delay_s)
        evolve(CONFIG, tmp_path / str(workers), workers=workers, parts=made)
        dumps.add(dumped(tmp_path / str(workers)))
    run = tmp_path / "run"
    evolve(CONFIG, run, workers=2, parts=parts(variation=twinned, evaluate=slow), on_event=Interrupting(7))
    resume(run, workers=2, parts=parts(variation=twinned))
    assert dumps == {dumped(run)}


def test_variation_learns_what_is_known_by_text_and_by_meaning(tmp_path):
    known = []

    def listening(parents, **options):
        known.append(options["known"])
        return twinned(parents, **options)

    evolve(CONFIG, tmp_path, workers=1, parts=parts(variation=listening))
    with Archive.open(tmp_path) as archive:
        assert known[-1] <= {*archive.individuals.ids(), *archive.individuals.fingerprints().values()}
        assert set(archive.individuals.fingerprints().values()) & known[-1]


def test_programs_of_one_meaning_differ_where_the_length_of_the_text_counts(tmp_path):
    config = changed(objectives=["error", "params", "size"])
    values = {"size": 3.0, "error": 0.5, "params": 1.0}
    evolve(config, tmp_path, workers=1, parts=parts(variation=twinned, evaluate=lambda job: Scored(values)))
    with Archive.open(tmp_path) as archive:
        assert archive.individuals.fingerprints() == {}


def test_the_module_level_random_generators_are_left_alone(tmp_path):
    random.seed(5)
    np.random.seed(5)
    before = random.getstate(), np.random.get_state()[1].tolist()
    evolve(CONFIG, tmp_path, workers=1, parts=parts())
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


def test_another_seed_gives_another_run(tmp_path):
    for seed in (3, 4):
        evolve(changed(seed=seed), tmp_path / str(seed), workers=1, parts=parts())
    assert dumped(tmp_path / "3") != dumped(tmp_path / "4")


# ------------------------------------------------------------------------------------------------------ inheritance


def inheriting(job):
    """An outcome that is the better the longer the line of those whose weights were there; writes its own."""
    made = outcome(job)
    line = [job.id]
    if job.inherit_from is not None and Path(job.inherit_from).exists():
        line += Path(job.inherit_from).read_text().split()
        layers = (SeededLayer("dense", Path(job.inherit_from).stem, "dense", 10, "inherited"),)
        if isinstance(made, Scored):
            values = {**made.values, "error": made.values["error"] * 0.9 ** len(line)}
            made = dataclasses.replace(made, values=values, seeding=Seeding(layers, won=False, cpu_s=0.0))
    if job.weights_path is not None and isinstance(made, Scored):
        Path(job.weights_path).parent.mkdir(exist_ok=True)
        Path(job.weights_path).write_text(" ".join(line))
    return made


def inheriting_slowly(job):
    time.sleep(0.05)
    return inheriting(job)


def trained(folder):
    return {path.stem for path in (folder / "trained").iterdir()}


def test_a_search_job_names_its_first_parents_weights_and_keeps_its_own(tmp_path):
    executors = []
    evolve(changed(inherit=True), tmp_path, workers=2, parts=parts(evaluate=inheriting, executors=executors))
    jobs = [job for job in executors[0].jobs if job.split == "validation"]
    with Archive.open(tmp_path) as archive:
        individuals = {job.id: archive.individuals.by_prefix(job.id) for job in jobs}
        rows = {job.id: archive.outcomes.seeding(job.id) for job in jobs}
    assert {Path(job.weights_path) for job in jobs} == {tmp_path / "trained" / f"{job.id}.pt" for job in jobs}
    for job in jobs:
        first = next(iter(individuals[job.id].parents), None)
        assert job.inherit_from == (first and str(tmp_path / "trained" / f"{first}.pt"))
        assert (rows[job.id].layers[0].network if rows[job.id] else first) == first
    assert any(rows.values())


def test_final_trainings_and_runs_without_inheritance_start_from_scratch(tmp_path):
    for inherit in (True, False):
        executors, run = [], tmp_path / str(inherit)
        evolve(changed(inherit=inherit), run, workers=2, parts=parts(evaluate=inheriting, executors=executors))
        scratch = [job for job in executors[0].jobs if job.split == "test" or not inherit]
        assert scratch
        assert all(job.inherit_from is None for job in scratch)
        assert (run / "trained").exists() == inherit


def test_only_the_weights_of_those_who_may_become_parents_are_kept(tmp_path):
    summary = evolve(changed(inherit=True), tmp_path, workers=2, parts=parts(evaluate=inheriting))
    with Archive.open(tmp_path) as archive:
        assert trained(tmp_path) >= set(archive.generations.all()[-1].population)
    assert summary.evaluations > len(trained(tmp_path))


def test_a_twins_child_inherits_from_the_one_that_was_trained(tmp_path):
    executors = []
    made = parts(variation=twinned, evaluate=inheriting, executors=executors)
    evolve(changed(inherit=True, generations=8, seed=7), tmp_path, workers=2, parts=made)  # a twin has a child
    with Archive.open(tmp_path) as archive:
        copied = {e.individual: e.copied_from for e in archive.outcomes.evaluations("validation") if e.copied_from}
        first = {
            job.id: archive.individuals.by_prefix(job.id).parents[:1] for job in executors[0].jobs if job.inherit_from
        }
        accepted = archive.individuals.ids()
    sources = {job.id: Path(job.inherit_from).stem for job in executors[0].jobs if job.inherit_from}
    assert sources == {id_: copied.get(parent, parent) for id_, (parent,) in first.items()}
    assert copied.keys() & {parent for (parent,) in first.values()}
    assert len(trained(tmp_path)) < len(accepted)


def test_settings_from_before_inheritance_are_read_without_it():
    stored = CONFIG.to_json()
    del stored["inherit"]
    assert RunConfig.from_json(stored) == CONFIG
    assert not CONFIG.inherit


def test_weights_that_somebody_deleted_stop_nothing(tmp_path):
    def lose(event):
        if isinstance(event, GenerationEnded) and event.number == 1:
            shutil.rmtree(tmp_path / "trained", ignore_errors=True)  # trainings go on and write there

    config = changed(inherit=True)
    summary = evolve(config, tmp_path, workers=2, parts=parts(evaluate=inheriting), on_event=lose)
    assert (summary.state, summary.generations) == ("finished", 4)


@pytest.mark.parametrize("variation", [vary, twinned])
def test_an_inheriting_run_is_the_same_at_every_number_of_workers_and_after_an_interruption(tmp_path, variation):
    config, dumps = changed(inherit=True), set()
    for workers in (1, 2, 4):
        made = parts(variation=variation, evaluate=inheriting, delay_s=shuffled_delay_s)
        evolve(config, tmp_path / str(workers), workers=workers, parts=made)
        dumps.add(dumped(tmp_path / str(workers)))
    for at in (3, 7, 13, 20):
        run = tmp_path / f"interrupted-{at}"
        made = parts(variation=variation, evaluate=inheriting_slowly)
        evolve(config, run, workers=2, parts=made, on_event=Interrupting(at))
        resume(run, workers=2, parts=parts(variation=variation, evaluate=inheriting))
        dumps.add(dumped(run))
    assert len(dumps) == 1


def test_a_run_killed_between_closing_and_deleting_goes_on_to_the_same_end(tmp_path, monkeypatch):
    config, run = changed(inherit=True), tmp_path / "run"
    evolve(config, tmp_path / "whole", workers=1, parts=parts(evaluate=inheriting))

    class KilledError(Exception):
        pass

    def kill(archive, twins, population, young):
        if len(archive.generations.all()) == 3:
            raise KilledError

    monkeypatch.setattr("gi.search.outcomes.forget_dead", kill)
    with pytest.raises(KilledError):
        evolve(config, run, workers=1, parts=parts(evaluate=inheriting))
    monkeypatch.undo()
    (run / "trained" / ".draft.pt.17").touch()
    resume(run, workers=1, parts=parts(evaluate=inheriting))
    assert dumped(run) == dumped(tmp_path / "whole")
    assert trained(run) == trained(tmp_path / "whole")


# ---------------------------------------------------------------------------------------------------- seed programs


def test_seed_programs_of_the_caller_replace_the_projects(tmp_path):
    evolve(CONFIG, tmp_path, workers=1, parts=parts(), seeds=[program("32 2")])
    with Archive.open(tmp_path) as archive:
        assert [s.text for s in archive.seeds()] == ["32 2"]
        assert len(archive.generations.all()[-1].population) > 1


def test_a_seed_that_cannot_be_fitted_is_a_failure_and_stops_nothing(tmp_path):
    seeds = [program("broken"), program("shape 8 1"), program("8 1"), program("16 2")]
    evolve(CONFIG, tmp_path, workers=1, parts=parts(seeds=seeds))
    with Archive.open(tmp_path) as archive:
        assert [slot.individual is None for slot in archive.individuals.slots(0)][:4] == [True, False, True, False]
        assert archive.individuals.slots(0)[2].tries == (Try("seed", "identity", "known already", "corpus/seeds/x.py"),)
        (failure,) = [g for g in archive.outcomes.failures() if g.reason == "cannot be fitted to the data set"]
        assert "line 3: cannot be made to fit" in failure.detail


@pytest.mark.parametrize("texts", [["broken", "broken 2"], ["8 0", "7 1"], []])
def test_a_run_with_no_seed_that_can_be_evaluated_ends_with_a_reason(tmp_path, texts):
    with pytest.raises(RunError, match=f"none of the {len(texts)} seed programs could be evaluated"):
        evolve(CONFIG, tmp_path, workers=1, parts=parts(seeds=map(program, texts)))
    with Archive.open(tmp_path) as archive:
        assert run_summary(archive).generations == -1


def test_more_seeds_than_the_population_are_all_evaluated(tmp_path):
    seeds = [program(f"{n} 1") for n in (8, 16, 32, 64, 128, 256, 512, 1024)]
    evolve(CONFIG, tmp_path, workers=2, parts=parts(seeds=seeds))
    with Archive.open(tmp_path) as archive:
        assert len(archive.individuals.slots(0)) == 8
        assert len(archive.generations.all()[0].population) == 6


def test_slots_whose_every_try_is_refused_stay_empty(tmp_path):
    def barren(parents, *, rng, **options):
        made = vary(parents, rng=rng, **options)
        return made if rng.random() < 0.3 else Refused((Try("tweak", "forward", "shapes differ"),))

    summary = evolve(CONFIG, tmp_path, workers=1, parts=parts(variation=barren))
    with Archive.open(tmp_path) as archive:
        assert summary.state == "finished"
        assert any(slot.individual is None for slot in archive.individuals.slots(1))
        assert archive.outcomes.refusals()[0].reason == "shapes differ"


# ------------------------------------------------------------------------------------------------- bad output folders


def test_refuses_a_folder_that_holds_a_run(tmp_path):
    evolve(CONFIG, tmp_path, workers=1, parts=parts())
    before = (tmp_path / "run.sqlite").read_bytes()
    with pytest.raises(ArchiveError, match="holds a run already"):
        evolve(CONFIG, tmp_path, workers=1, parts=parts())
    assert (tmp_path / "run.sqlite").read_bytes() == before


def test_parts_that_cannot_be_made_leave_no_run_behind(tmp_path):
    def unknown(config, *, workers, cost_model):
        raise ConfigError("no such data set")

    with pytest.raises(ConfigError, match="no such data set"):
        evolve(CONFIG, tmp_path / "run", parts=unknown)
    assert not (tmp_path / "run").exists()


def test_a_full_disk_ends_the_run_with_one_line_and_it_can_go_on(tmp_path):
    evolve(CONFIG, tmp_path / "whole", workers=1, parts=parts())

    def fill(event):
        if isinstance(event, GenerationEnded) and event.number == 1:
            raise RunError("the disk is full")

    with pytest.raises(RunError, match="disk is full"):
        evolve(CONFIG, tmp_path / "run", workers=1, parts=parts(), on_event=fill)
    resume(tmp_path / "run", workers=1, parts=parts())
    assert dumped(tmp_path / "run") == dumped(tmp_path / "whole")


# ------------------------------------------------------------------------------------------------ events and summary


def test_events_tell_the_run_in_order(tmp_path):
    events = []
    summary = evolve(CONFIG, tmp_path, workers=2, parts=parts(), on_event=events.append)
    started = [e.number for e in events if isinstance(e, GenerationStarted)]
    ended = [e for e in events if isinstance(e, GenerationEnded)]
    assert started == [e.number for e in ended] == [0, 1, 2, 3, 4]
    assert len([e for e in events if isinstance(e, Varied)]) >= 4 * 6
    evaluated = [e for e in events if isinstance(e, Evaluated)]
    assert ended[-1].evaluations == len(evaluated)
    assert sum(ended[-1].failures.values()) == len([e for e in evaluated if isinstance(e.outcome, Failed)])
    assert set(ended[-1].best) == set(CONFIG.objectives)
    (retraining,) = [e for e in events if isinstance(e, RetrainingStarted)]
    assert (
        retraining.jobs
        == len([e for e in events if isinstance(e, Retrained)])
        == 2 * retraining.members
        <= 2 * retraining.front
    )
    assert events[-1] == Finished(summary)


def test_the_summary_splits_cpu_seconds_into_training_and_the_rest(tmp_path):
    summary = evolve(CONFIG, tmp_path, workers=2, parts=parts())
    assert summary.run == str(tmp_path)
    assert summary.state == "finished"
    assert summary.generations == 4
    assert summary.training_cpu_s == pytest.approx(summary.evaluations * 0.03)
    assert summary.cpu_s > 0
    assert summary.overhead_cpu_s == max(summary.cpu_s - summary.training_cpu_s, 0)
    assert summary.cached == sum(g.count for g in _refusals(tmp_path) if g.reason == "known already")


def _refusals(folder):
    with Archive.open(folder) as archive:
        return archive.outcomes.refusals()


# ----------------------------------------------------------------------------------------------- budget, interruption


class Interrupting:
    """Sends this process a signal at the n-th evaluation."""

    def __init__(self, at, number=signal.SIGINT):
        self.left, self.number = at, number

    def __call__(self, event):
        self.left -= isinstance(event, Evaluated)
        if self.left == 0:
            self.left = -1
            os.kill(os.getpid(), self.number)


@pytest.mark.parametrize("at", [1, 5, 13, 20])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_goes_on_to_the_same_end(run, tmp_path, at, number):
    handler = signal.getsignal(number)
    summary = evolve(CONFIG, tmp_path, workers=2, parts=parts(evaluate=slow), on_event=Interrupting(at, number))
    assert summary.state == "interrupted"
    assert signal.getsignal(number) == handler
    assert dumped(tmp_path) != canonical_text(run)
    assert resume(tmp_path, workers=2, parts=parts()).state == "finished"
    assert dumped(tmp_path) == canonical_text(run)


def test_what_runs_at_an_interruption_is_waited_for_shortly_and_what_does_not_end_is_not_recorded(tmp_path):
    config = changed(population=4)
    begun = time.monotonic()
    summary = evolve(
        config,
        tmp_path,
        workers=2,
        parts=parts(delay_s=lambda job: 60.0 if job.text == SEEDS[0].text else 0.0),
        on_event=Interrupting(2),
    )
    assert time.monotonic() - begun < 10
    assert summary.state == "interrupted"
    with Archive.open(tmp_path) as archive:
        ended = {e.individual for e in archive.outcomes.evaluations()}
        assert digest(SEEDS[0].text) in archive.individuals.ids()
        assert digest(SEEDS[0].text) not in ended
        assert archive.outcomes.failures() == ()


def test_an_interruption_is_told_at_once_with_what_is_under_way(tmp_path):
    events = []

    def interrupt(event):
        events.append(event)
        Interrupting.__call__(interrupting, event)

    interrupting = Interrupting(5)
    evolve(CONFIG, tmp_path, workers=2, parts=parts(evaluate=slow), on_event=interrupt)
    after = next(n for n, event in enumerate(events) if isinstance(event, Stopping))
    assert isinstance(events[after - 1], Evaluated)
    assert 0 <= events[after].running <= 2


@pytest.mark.parametrize("at", [3, 12])
def test_a_run_folder_that_goes_away_ends_the_run_with_one_line(tmp_path, at):
    events = []

    def remove(event):
        events.append(event)
        if len([e for e in events if isinstance(e, Evaluated)]) == at and (tmp_path / "run").exists():
            shutil.rmtree(tmp_path / "run")
            events.append("gone")

    with pytest.raises(RunError, match="has gone while the run went on") as raised:
        evolve(CONFIG, tmp_path / "run", workers=2, parts=parts(), on_event=remove)
    assert raised.value.exit_status == 1
    assert len([e for e in events[events.index("gone") :] if isinstance(e, GenerationEnded)]) == 0


def test_the_second_interruption_stops_at_once(tmp_path):
    executors = []
    forever = parts(delay_s=lambda job: 60.0 if job.text == SEEDS[0].text else 0.0, executors=executors)

    def twice(event):
        if isinstance(event, Evaluated) and not sent:
            sent.append(event)
            os.kill(os.getpid(), signal.SIGINT)
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()

    sent = []
    begun = time.monotonic()
    summary = evolve(CONFIG, tmp_path, workers=2, parts=forever, on_event=twice)
    assert time.monotonic() - begun < 1.9
    assert summary.state == "interrupted"
    with Archive.open(tmp_path) as archive:
        assert archive.sessions.events()[-1].kind == "interrupted"


def test_an_interruption_while_the_front_is_retrained_is_resumable_too(tmp_path):
    evolve(CONFIG, tmp_path / "whole", workers=2, parts=parts())

    def interrupt(event):
        if isinstance(event, Retrained) and not sent:
            sent.append(event)
            os.kill(os.getpid(), signal.SIGINT)

    sent, executors = [], []
    evolve(CONFIG, tmp_path / "run", workers=1, parts=parts(evaluate=slow), on_event=interrupt)
    resume(tmp_path / "run", workers=1, parts=parts(executors=executors))
    assert dumped(tmp_path / "run") == dumped(tmp_path / "whole")
    assert {job.split for job in executors[0].jobs} == {"test"}
    assert (sent[0].individual, sent[0].seed) not in {(job.id, job.seed) for job in executors[0].jobs}


def test_a_worker_killed_from_outside_gets_a_second_go_and_a_candidate_that_does_it_again_fails(tmp_path):
    def killed_once(job):
        seen.append(job.id)
        again = seen.count(job.id) > 1 and job.text != SEEDS[1].text
        return outcome(job) if again else Failed("train", "crashed", "signal SIGKILL in the stage train")

    seen = []
    evolve(CONFIG, tmp_path, workers=1, parts=parts(evaluate=killed_once))
    with Archive.open(tmp_path) as archive:
        (group,) = [g for g in archive.outcomes.failures() if g.reason == "crashed"]
        assert (group.count, archive.individuals.by_prefix(group.example).text) == (1, SEEDS[1].text)


# ------------------------------------------------------------------------------------------------------------ resume


def test_resuming_a_finished_run_does_nothing(tmp_path):
    evolve(CONFIG, tmp_path, workers=1, parts=parts())
    before, executors = dumped(tmp_path), []
    events = []
    summary = resume(tmp_path, workers=1, parts=parts(executors=executors), on_event=events.append)
    assert summary.state == "finished"
    assert events == [Finished(summary, already=True)]
    assert dumped(tmp_path) == before
    assert executors == []


def test_more_generations_go_on_as_if_they_had_been_asked_for_at_once(tmp_path):
    evolve(changed(generations=7), tmp_path / "whole", workers=1, parts=parts())
    evolve(CONFIG, tmp_path / "run", workers=1, parts=parts())
    resume(tmp_path / "run", generations=7, workers=1, parts=parts())
    whole, run = (
        [line for line in dumped(tmp_path / name).splitlines() if not line.startswith(("outcome", "retraining"))]
        for name in ("whole", "run")
    )
    assert run == whole


def test_refuses_fewer_generations_than_the_run_was_given(tmp_path):
    evolve(CONFIG, tmp_path, workers=1, parts=parts())
    with pytest.raises(ConfigError, match="generations is 2: the run was given 4"):
        resume(tmp_path, generations=2, parts=parts())


KILLED = """
import sys
from pathlib import Path
from gi.search.evolve import evolve, resume
from gi.archive import Archive
from tests.stand_ins import parts, slow
from tests.search.test_evolve import CONFIG
folder = Path(sys.argv[1])
go = resume if (folder / "run.sqlite").exists() else lambda f, **o: evolve(CONFIG, f, **o)
go(folder, workers=2, parts=parts(evaluate=slow))
"""


def test_a_run_killed_at_random_moments_ends_as_if_nothing_had_happened(run, tmp_path):
    rng, killed = random.Random(8), tmp_path / "run"
    kills, lost = 0, 0
    for _ in range(6):
        child = subprocess.Popen([sys.executable, "-c", KILLED, str(killed)], cwd=Path(__file__).parents[2])
        try:
            child.wait(rng.uniform(0.5, 2.0))
        except subprocess.TimeoutExpired:
            evaluated = _evaluated(killed)
            child.kill()
            child.wait()
            kills += 1
            lost += not evaluated <= _evaluated(killed)
    started = (killed / "run.sqlite").exists()
    resume(killed, workers=2, parts=parts()) if started else evolve(CONFIG, killed, workers=2, parts=parts())
    assert kills > 0
    assert lost == 0
    assert dumped(killed) == canonical_text(run)


def _evaluated(folder):
    if not (folder / "run.sqlite").exists():
        return set()
    with Archive.open(folder) as archive:
        return {(e.individual, e.split, e.seed) for e in archive.outcomes.evaluations()}


def with_stock(digest):
    @contextmanager
    def make(config, **rest):
        with parts()(config, **rest) as made:
            yield dataclasses.replace(made, stock=digest)

    return make


def test_a_run_keeps_the_digest_of_its_stock_and_tells_on_resuming_that_it_is_another(tmp_path):
    told = []
    evolve(changed(generations=1), tmp_path, parts=with_stock("a"))
    resume(tmp_path, generations=2, parts=with_stock("a"), on_event=told.append)
    assert not any(isinstance(event, StockChanged) for event in told)
    resume(tmp_path, generations=3, parts=with_stock("b"), on_event=told.append)
    assert [event for event in told if isinstance(event, StockChanged)] == [StockChanged("a", "b")]
    with Archive.open(tmp_path) as archive:
        events = archive.sessions.events()
        assert [e.detail["digest"] for e in events if e.kind == "stock"] == ["a", "a", "b"]
        assert [e.detail["classes"] for e in events if e.kind == "data"] == [10] * 3
