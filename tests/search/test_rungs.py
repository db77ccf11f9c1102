"""Runs on several rungs: what is trained how long, who goes up; neither workers nor interruptions decide it."""

import dataclasses
from collections import Counter, defaultdict
from itertools import pairwise

import pytest

from gi.archive import Archive, canonical_text, front_members, run_summary
from gi.core.errors import BudgetError
from gi.core.objectives import OBJECTIVES as KNOWN
from gi.core.settings import PROMOTED_SHARE, RunConfig
from gi.core.types import Cost, Failed, Scored
from gi.search.events import Doing, GenerationEnded, Planned
from gi.search.evolve import evolve, resume
from gi.search.rungs import Rungs
from gi.search.select import volume_survivors
from tests.search.test_evolve import Interrupting, dumped, twinned
from tests.stand_ins import SEEDS, outcome, parts, shuffled_delay_s, slow

CONFIG = RunConfig(
    dataset="digits", generations=12, population=6, epochs=200.0, finals=4, final_seeds=2, clock="model", seed=4
)
RUNGS = (3750, 15_000, 60_000, 240_000)  # of 1,200 training samples, which the stand-ins have


def changed(**settings):
    return RunConfig.from_json({**CONFIG.to_json(), **settings})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rungs") / "run"
    evolve(CONFIG, folder, workers=2, parts=parts())
    with Archive.open(folder) as archive:
        yield archive


def by_rung(archive):
    members = defaultdict(dict)
    for e in archive.outcomes.evaluations("validation"):
        members[e.images][e.individual] = e.outcome
    return members


def test_rungs_are_fractions_of_the_top_one_which_is_given_in_epochs():
    assert CONFIG.ladder(1200) == RUNGS
    assert RunConfig(dataset="mnist").ladder(55_000) == (3007, 12_031, 48_125, 192_500)
    assert RunConfig(dataset="mnist", rungs=2).ladder(55_000) == (48_125, 192_500)


def test_a_small_set_is_presented_more_often_than_the_epochs_say():
    assert RunConfig(dataset="digits").ladder(1200) == (3750, 15_000, 60_000)


def test_a_rung_of_few_images_is_left_out_unless_it_is_the_only_one():
    """Of so short a training most is its start."""
    assert RunConfig(dataset="mnist", rungs=6).ladder(55_000) == (3007, 12_031, 48_125, 192_500)
    assert RunConfig(dataset="digits", images=100).ladder(1200) == (100,)


def test_a_number_of_images_is_a_single_rung():
    assert RunConfig(dataset="mnist", images=30_000).ladder(55_000) == (30_000,)


def test_every_individual_starts_on_the_lowest_rung_and_about_a_quarter_goes_up(run):
    members = by_rung(run)
    assert set(members) == set(RUNGS) == set(run.run().rungs)
    assert set(members[RUNGS[0]]) == set(run.individuals.ids())
    for lower, upper in pairwise(RUNGS[:3]):
        assert set(members[upper]) <= set(members[lower])
        assert 0 < len(members[upper]) <= len(members[lower]) * PROMOTED_SHARE + 5 + len(SEEDS)


def test_whoever_went_up_is_recorded_once_for_each_rung(run):
    promotions = run.individuals.promotions()
    assert len({(p.individual, p.images) for p in promotions}) == len(promotions)
    assert Counter(p.images for p in promotions) == {n: len(ids) for n, ids in by_rung(run).items() if n != RUNGS[0]}


def test_every_seed_program_goes_up_to_the_rung_below_the_top(run):
    seeds = {slot.individual for slot in run.individuals.slots(0)[: len(SEEDS)]}
    begun = Counter(p.images for p in run.individuals.promotions() if p.generation == 0 and p.individual in seeds)
    assert seeds <= set(by_rung(run)[RUNGS[1]])
    assert begun[RUNGS[1]] == begun[RUNGS[2]] == len(seeds)


def test_seed_programs_go_up_for_a_quarter_of_a_budget_at_most(tmp_path):
    def priced(job):
        return dataclasses.replace(outcome(job), cost=Cost(job.images / 2000, 0.1, job.images / 2000, 0.1))

    evolve(changed(budget_cpu_s=700.0, final_seeds=1, finals=1), tmp_path, workers=1, parts=parts(evaluate=priced))
    with Archive.open(tmp_path) as archive:
        went_up = {p.images: p for p in archive.individuals.promotions() if p.generation == 0 and p.images == RUNGS[2]}
        seeds = [slot.individual for slot in archive.individuals.slots(0)[: len(SEEDS)]]
        cost_s = sum(
            e.outcome.cost.cpu_s
            for e in archive.outcomes.evaluations("validation")
            if e.individual in seeds and e.images in RUNGS[1:3]
        )
        assert went_up
        assert cost_s <= 700 / 4


def test_the_front_is_of_the_top_rung_and_has_as_many_as_get_final_trainings(run):
    top = by_rung(run)[RUNGS[-1]]
    front = front_members(run)
    assert {m.id for m in front} <= set(top)
    assert len(front) >= CONFIG.finals
    for member in front:
        assert member.values["error"] == top[member.id].values["error"]
    assert run.generations.last().hypervolume > 0


def test_the_best_that_a_generation_tells_is_of_the_front_that_it_tells(tmp_path):
    """On the highest rung, while most of the population is known on lower ones alone."""
    ended = []
    evolve(changed(generations=3), tmp_path, workers=2, parts=parts(), on_event=ended.append)
    closed = [event for event in ended if isinstance(event, GenerationEnded)]
    with Archive.open(tmp_path) as archive:
        on_rung, generations = by_rung(archive), archive.generations.all()
    assert closed[-1].images == RUNGS[-1]
    for event, generation in zip(closed, generations, strict=True):
        for key in CONFIG.objectives:
            assert event.best[key] == min(on_rung[event.images][id_].values[key] for id_ in generation.front)
        assert {member.id for member in event.members} == set(generation.front)
        assert all(dict(member.values) == on_rung[event.images][member.id].values for member in event.members)
        errors = [member.values["error"] for member in event.members]
        assert errors == sorted(errors)


def test_a_training_on_the_top_rung_is_the_first_of_the_final_trainings(run):
    tests = run.outcomes.evaluations("test")
    top = by_rung(run)[RUNGS[-1]]
    seeds = Counter(e.individual for e in tests)
    assert set(seeds) == {id_ for id_, scored in top.items() if isinstance(scored, Scored)}
    assert sorted(seeds.values())[-CONFIG.finals :] == [2] * CONFIG.finals
    for e in tests:
        if isinstance(e.outcome, Scored):
            assert e.images == RUNGS[-1]
    finals = {m.id: m.validation_errors for m in front_members(run)}
    assert all(m.values["error"] in finals[m.id] for m in front_members(run))


def test_the_best_seed_programs_by_size_go_to_the_top_beside_luckier_children():
    objectives = [KNOWN["error"], KNOWN["params"]]
    rungs = Rungs(RUNGS, objectives, (0.5, 1e6), CONFIG, survive=volume_survivors, samples=5000)
    seeds = {"seed": (0.0118, 9398), "large": (0.0096, 34_000), "worse": (0.0118, 20_000)}
    children = {f"child {n}": (0.0105 - n / 10_000, 9000 - n) for n in range(4)}
    for id_, (error, params) in (seeds | children).items():
        rungs.add(2, id_, Scored({"error": error, "params": params}))
    rungs.fix_reference(list(seeds))
    assert rungs.scores[2].promising(list(rungs.scores[2]), 2) == ["large", "child 3"]
    assert rungs.next_for_top(2, front=0) == ["large", "child 3", "seed"]


def test_one_training_counts_once(run):
    summary = run_summary(run)
    trainings = len(run.outcomes.evaluations()) - len(by_rung(run)[RUNGS[-1]])
    failed_on_top = sum(isinstance(o, Failed) for o in by_rung(run)[RUNGS[-1]].values())
    assert summary.evaluations == trainings + failed_on_top


def test_short_trainings_are_neither_timed_nor_scored_whole(tmp_path):
    executors = []
    evolve(changed(generations=3), tmp_path, workers=1, parts=parts(executors=executors))
    for job in executors[0].jobs:
        assert job.timed == (job.images != RUNGS[0])
        assert (job.scored is None) == (job.images != RUNGS[0])


def test_the_archive_is_the_same_at_every_number_of_workers_and_order_of_completion(tmp_path):
    dumps = set()
    for workers in (1, 2, 4):
        evolve(CONFIG, tmp_path / str(workers), workers=workers, parts=parts(delay_s=shuffled_delay_s))
        dumps.add(dumped(tmp_path / str(workers)))
    assert len(dumps) == 1


@pytest.fixture(scope="module")
def twinned_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rungs") / "twinned"
    evolve(CONFIG, folder, workers=2, parts=parts(variation=twinned))
    with Archive.open(folder) as archive:
        yield archive


@pytest.mark.parametrize(("whole", "options"), [("run", {}), ("twinned_run", {"variation": twinned})])
@pytest.mark.parametrize("at", [1, 9, 23, 40, 70, 95])
def test_an_interrupted_run_goes_on_to_the_same_end(tmp_path, at, whole, options, request):
    evolve(CONFIG, tmp_path, workers=2, parts=parts(evaluate=slow, **options), on_event=Interrupting(at))
    resume(tmp_path, workers=4, parts=parts(delay_s=shuffled_delay_s, **options))
    assert dumped(tmp_path) == canonical_text(request.getfixturevalue(whole))


def test_more_generations_go_on_as_if_they_had_been_asked_for_at_once(tmp_path):
    evolve(changed(generations=9), tmp_path / "whole", workers=1, parts=parts())
    evolve(changed(generations=5), tmp_path / "run", workers=1, parts=parts())
    resume(tmp_path / "run", generations=9, workers=1, parts=parts())
    whole, again = (
        [line for line in dumped(tmp_path / name).splitlines() if not line.startswith(("outcome", "retraining"))]
        for name in ("whole", "run")
    )
    assert again == whole


def test_who_fails_on_a_higher_rung_is_a_failure_there_and_no_final(tmp_path):
    def failing_late(job):
        return Failed("train", "nan", "late") if job.images == RUNGS[-1] and len(job.id) % 2 == 0 else outcome(job)

    evolve(changed(generations=4), tmp_path, workers=2, parts=parts(evaluate=failing_late))
    with Archive.open(tmp_path) as archive:
        assert any(isinstance(o, Failed) for o in by_rung(archive)[RUNGS[-1]].values())
        assert not any(r.weights for r in archive.outcomes.retrainings())
        assert front_members(archive)


@pytest.mark.parametrize("survival", ["hypervolume", "nsga2"])
@pytest.mark.parametrize("lag", [1, 3, 20])
def test_every_survival_and_lag_gives_a_run(tmp_path, survival, lag):
    summary = evolve(changed(generations=5, survival=survival, lag=lag), tmp_path, workers=2, parts=parts())
    assert summary.state == "finished"
    assert len(summary.front) >= 2


def test_the_plan_comes_before_everything_else_and_counts_what_is_trained(tmp_path):
    events = []
    evolve(changed(generations=3), tmp_path, workers=2, parts=parts(), on_event=events.append)
    plan = next(event for event in events if not isinstance(event, Doing))
    assert isinstance(plan, Planned)
    assert plan.programs == 6 + 3 * 6
    assert [images for images, _ in plan.rungs] == list(RUNGS)
    assert [count for _, count in plan.rungs] == [24, 6 + 4, 4 + 4, 2 * 4]
    assert (plan.final_trainings, plan.workers, plan.cpu_s) == (4, 2, None)


def test_a_run_that_is_given_a_time_ends_before_its_generations(tmp_path):
    config = changed(generations=5000, rungs=1, time_s=4.0)
    summary = evolve(config, tmp_path, workers=2, parts=parts(evaluate=slow))
    assert summary.state == "finished"
    assert summary.generations < 5000


def test_a_time_that_does_not_pay_for_the_seed_programs_is_refused(tmp_path):
    def dear(job):
        return dataclasses.replace(outcome(job), cost=Cost(20.0, 0.1, 20.2, 20.2))

    with pytest.raises(BudgetError, match=r"time is 30s: evaluating the 4 seed programs .* Pass --time \S+ or more"):
        evolve(changed(time_s=30.0), tmp_path / "run", workers=2, parts=parts(evaluate=dear))
    assert not (tmp_path / "run").exists()


def test_operators_are_drawn_as_they_are_given_without_adaptation(tmp_path):
    for adapt in (True, False):
        evolve(changed(generations=4, adapt=adapt), tmp_path / str(adapt), workers=1, parts=parts())
    assert dumped(tmp_path / "True") != dumped(tmp_path / "False")
