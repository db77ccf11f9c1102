"""A budget bounds the whole run; CPU seconds are computed from the jobs, so that every figure is exact."""

import dataclasses
import math

import pytest

from gi.archive import Archive, RunRecord, run_summary
from gi.core.errors import BudgetError
from gi.core.settings import RunConfig
from gi.core.types import Cost
from gi.search.budget import affordable_seeds, training_limit_s
from gi.search.estimate import planned, rounded_up
from gi.search.events import RetrainingStarted
from gi.search.evolve import evolve, resume
from tests.stand_ins import SEEDS, outcome, parts

STARTUP_S = 4.0


class ReportedClock:
    """Counts a fixed start and what the workers report."""

    def used_s(self, reported_by_workers_s=0.0):
        return STARTUP_S + reported_by_workers_s


def priced(job):
    """Costs a quarter of a second, and training time by width, depth and images: 0.1 to 4 s for 1,000 images."""
    made = outcome(job)
    width, depth = map(int, job.text.split())
    train_s = (0.1 + width * depth / 300) * job.images / 1000
    return dataclasses.replace(made, cost=Cost(train_s, 0.2, train_s + 0.25, 1.0))


def config(budget_s, **settings):
    fixed = {"generations": 400, "population": 6, "images": 1000, "final_images": 3000, "clock": "model", "seed": 4}
    return RunConfig(dataset="digits", budget_cpu_s=budget_s, **(fixed | settings))


def run(folder, budget_s, *, workers=2, on_event=None, evaluate=priced, **settings):
    made = parts(evaluate=evaluate)
    evolve(config(budget_s, **settings), folder, workers=workers, parts=made, clock=ReportedClock(), on_event=on_event)
    return read(folder)


def read(folder):
    with Archive.open(folder) as archive:
        return run_summary(archive), archive.sessions.events()[-1].detail, archive.outcomes.retrainings()


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("budget_s", [25, 30, 45, 60, 90, 150])
def test_a_run_takes_at_most_a_tenth_more_than_its_budget_and_uses_it(tmp_path, budget_s, workers):
    summary, finals, _ = run(tmp_path, budget_s, workers=workers)
    assert summary.state == "finished"
    assert summary.cpu_s <= 1.1 * budget_s
    assert summary.cpu_s >= 0.7 * budget_s
    assert finals["done"] > 0


def test_evaluations_dearer_than_anything_before_do_not_break_the_bound(tmp_path):
    def suddenly_dear(job):
        made = priced(job)
        offspring = job.split == "validation" and job.text not in {seed.text for seed in SEEDS}
        return dataclasses.replace(made, cost=Cost(5.0, 0.2, 5.3, 6.0)) if offspring else made

    summary, finals, _ = run(tmp_path, 60, evaluate=suddenly_dear)
    assert summary.cpu_s <= 66
    assert finals["done"] > 0


def test_final_trainings_shrink_to_what_is_left_and_the_run_says_so(tmp_path):
    events = []
    _, finals, retrainings = run(tmp_path, 45, on_event=events.append)
    (started,) = [event for event in events if isinstance(event, RetrainingStarted)]
    assert 0 < started.jobs < started.wanted == 2 * started.members
    assert finals["done"] == len(retrainings)
    assert finals["done"] + finals["left_out"] == started.wanted
    assert abs(finals["done"] - started.jobs) <= 2


def test_a_long_budget_leaves_no_final_training_out(tmp_path):
    _, finals, retrainings = run(tmp_path, 2000, generations=3)
    assert finals["left_out"] == 0
    assert finals["done"] == len(retrainings)


def test_the_most_accurate_members_get_the_final_trainings_that_are_left(tmp_path):
    summary, _, retrainings = run(tmp_path, 30, final_images=9000)
    errors, trained = {m.id: m.values["error"] for m in summary.front}, {r.individual for r in retrainings}
    assert trained < set(errors)
    least = min(errors.values())
    # Within a deviation of the least nobody is known to be better: the smaller one goes first.
    deviation = math.sqrt(least * (1 - least) / 300)  # of the stand-ins' validation samples
    assert min(errors[id_] for id_ in trained) <= least + 1.1 * deviation


def test_a_budget_that_does_not_pay_for_the_seed_programs_is_refused_before_there_is_a_run(tmp_path):
    with pytest.raises(BudgetError, match=r"budget is 10s: evaluating the 4 seed programs .* Pass --budget (\d+s) or"):
        run(tmp_path / "run", 10)
    assert not (tmp_path / "run").exists()


def test_the_budget_that_a_refusal_names_is_enough(tmp_path):
    with pytest.raises(BudgetError) as refused:
        run(tmp_path / "run", 10)
    enough_s = int(str(refused.value).partition("--budget ")[2].partition("s ")[0])
    summary, finals, _ = run(tmp_path / "run", enough_s)
    assert (summary.state, finals["done"] > 0) == ("finished", True)
    assert summary.cpu_s <= 1.1 * enough_s


def test_one_seed_program_is_asked_for_by_its_own_cost(tmp_path):
    with pytest.raises(BudgetError, match="evaluating the seed program and one final training"):
        evolve(config(10), tmp_path, workers=1, parts=parts(evaluate=priced), seeds=SEEDS[-1:], clock=ReportedClock())


def test_a_resumed_run_counts_what_was_used_before(tmp_path):
    run(tmp_path, 45)
    before, _, finals = read(tmp_path)
    made = parts(evaluate=priced)
    resume(tmp_path, budget_cpu_s=90, workers=2, parts=made, clock=ReportedClock())
    after, _, more = read(tmp_path)
    assert before.cpu_s < after.cpu_s <= 99
    assert len(more) > len(finals)


def test_a_finished_run_is_not_started_again_for_the_budget_that_it_has_used(tmp_path):
    run(tmp_path, 45)
    executors = []
    before = read(tmp_path)
    resume(tmp_path, workers=2, parts=parts(evaluate=priced, executors=executors), clock=ReportedClock())
    assert (executors, read(tmp_path)) == ([], before)


def test_a_budget_below_what_a_run_has_used_is_refused(tmp_path):
    run(tmp_path, 45)
    with pytest.raises(BudgetError, match=r"budget is 20s: the run has used 4\ds already"):
        resume(tmp_path, budget_cpu_s=20, workers=1, parts=parts(evaluate=priced), clock=ReportedClock())


@pytest.mark.parametrize(("left_s", "seeds"), [(100, 3), (18, 3), (17.9, 2), (12, 2), (11.9, 1), (0, 1)])
def test_seeds_shrink_until_half_of_the_members_are_paid_for(left_s, seeds):
    assert affordable_seeds([1, 2, 3, 4], 3, left_s * 0.5) == seeds


def test_with_a_budget_no_training_of_the_search_may_take_more_than_a_tenth_of_it_or_twice_the_slowest_seeds():
    assert training_limit_s(record(40), [0.5, 1.0], 40) == 4.0
    assert training_limit_s(record(40), [0.5, 3.0], 40) == 6.0
    assert training_limit_s(record(400), [0.5, 3.0], 400) == 40.0
    assert training_limit_s(record(400, cpu_limit_s=20.0), [0.5, 3.0], 400) == 20.0
    assert training_limit_s(record(40), [], 40) is None
    assert training_limit_s(record(None), [0.5]) == 2.0
    assert training_limit_s(record(None, cpu_limit_s=20.0), [0.5]) is None
    assert training_limit_s(record(200, rungs=(30_000, 120_000)), [0.5], 200) == 5.0


def record(budget_s, rungs=(30_000,), **settings):
    return RunRecord(config(budget_s, **settings), (), None, {}, {}, (), 0.0, rungs)


@pytest.mark.parametrize(("seconds", "text"), [(1.2, "2s"), (9, "10s"), (21, "25s"), (52, "60s"), (80, "1m30s")])
def test_a_suggested_budget_reads_well_and_has_a_margin(seconds, text):
    assert rounded_up(seconds) == text.replace("60s", "1m00s")


def plan_of(budget_s, *, samples, **settings):
    """The plan of a run on so many samples."""
    asked = config(budget_s, **({"images": None, "final_images": None} | settings))
    with parts(evaluate=priced)(asked, workers=2, cost_model=None) as made:
        return planned(asked, samples, made, SEEDS, ReportedClock())


@pytest.mark.parametrize(("budget_s", "top"), [(40_000, 210_000), (2000, 52_500), (1000, 13_125), (100, 3281)])
def test_a_short_budget_leaves_the_longest_rungs_out_unless_the_settings_say_how_long(budget_s, top):
    """A ladder that starves its children trains seed programs alone: the longest are left out."""
    plan = plan_of(budget_s, samples=60_000)
    assert plan.rungs[-1][0] == top
    # The only training of a single rung is on a seed of the search: all final ones are further trainings.
    assert plan.final_trainings == (16 if len(plan.rungs) == 1 else 8)
    assert plan_of(budget_s, samples=60_000, epochs=3.5).rungs[-1][0] == 210_000


def test_a_rung_stays_where_the_run_would_end_early_without_it():
    """The top rung takes most of the budget: many generations need that, two would leave half of it unused."""
    few, many = (plan_of(900, samples=1000, finals=2, generations=n) for n in (2, 400))
    assert [images for images, _ in few.rungs] == [3750, 15_000, 60_000]
    assert [images for images, _ in many.rungs] == [3750, 15_000]
    assert len(SEEDS) < few.programs < many.programs
    assert few.cpu_s <= 900


def test_a_long_budget_has_longer_trainings_unless_the_settings_say_how_long():
    """As long as it still pays for all programs, at most four times as long, the rungs below in proportion."""
    plans = [plan_of(budget_s, samples=60_000, generations=2) for budget_s in (10_000, 20_000, 40_000, 1e6)]
    assert [plan.rungs[-1][0] for plan in plans] == [210_000, 294_000, 588_000, 840_000]
    assert all(plan.programs == plan.rungs[0][1] == len(SEEDS) + 2 + 2 * 6 for plan in plans[1:])
    assert plans[1].cpu_s <= 20_000
    assert plans[2].cpu_s <= 40_000
    assert plan_of(1e6, samples=60_000, generations=2, epochs=3.5).rungs[-1][0] == 210_000
    assert [images for images, _ in plan_of(1e6, samples=60_000, images=640).rungs] == [640]


def test_the_plan_counts_the_programs_that_the_budget_pays_for():
    least, some, more, every = (plan_of(s, samples=1000, epochs=4.0) for s in (900, 6000, 12_000, 1e6))
    assert least.programs == len(SEEDS) < some.programs < more.programs < every.programs
    assert every.programs == len(SEEDS) + 2 + 6 * 400
    assert all(plan.rungs[0][1] == plan.programs for plan in (least, some, more, every))
    assert some.cpu_s <= 6000
    assert (some.bound_cpu_s, every.bound_cpu_s) == (6000, None)
    assert more.cpu_s <= 12_000
