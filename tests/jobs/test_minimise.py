import re
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from gi.archive import Archive, canonical_text, run_summary
from gi.core.errors import ArchiveError, ConfigError, RunError
from gi.core.types import Cost, Failed, Scored
from gi.explain.noise import Resolution
from gi.jobs.minimise import MinimisationBudget, MinimisationTools, Tools, measure, minimise
from tests.checking import SMALL as TASK
from tests.checking import InProcess
from tests.small_run import CONFIG, DEEP, DEEP_ID, DONOR, SMALL, SMALL_ID, write_run
from tests.stand_ins import PoolExecutor, shuffled_delay_s

CHECK = InProcess()


def figures(job):
    """A deeper network errs less, its activation does nothing; a deviation of 0.01 over the seeds."""
    error = (0.1 if "Linear(64, 32)" in job.text else 0.3) + 0.01 * (job.seed % 2)
    if job.weights_path:
        Path(job.weights_path).write_bytes(b"weights")
    values = {"error": error, "params": float(len(re.findall("Linear", job.text))), "time": 1.0}
    return Scored(values, Cost(0.5, 0.1, 1.0, 1.0))


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "run")


def means(evaluate=figures, jobs=None, **options):
    """Tools that evaluate by a formula; every job goes into `jobs`."""

    @contextmanager
    def tools(config, *, workers, cost_model):
        executor = PoolExecutor(workers, evaluate, **options)
        try:
            yield Tools(TASK, CHECK, executor, Resolution({"error": 0.001}))
        finally:
            executor.shutdown()
            if jobs is not None:
                jobs.extend(executor.jobs)

    return MinimisationTools(workers=2, tools=tools)


def statuses(explanation):
    return {v.change.after or v.change.before: v.status for v in explanation.verdicts}


def test_what_a_winner_does_not_need_is_dropped(run):
    made = minimise(run, DEEP_ID[:4], MinimisationBudget(), means=means())
    assert statuses(made) == {
        "nn.Linear(64, 32),": "kept",
        "nn.Linear(32, 10),": "kept",
        "nn.Hardswish(),": "dropped",
    }
    assert made.text == DEEP.replace("            nn.Hardswish(),\n", "")
    assert (made.individual, made.seed_program, made.finished) == (DEEP_ID, SMALL_ID, True)


def test_the_answer_is_noted_in_the_run_and_leaves_the_run_as_it_is(run):
    with Archive.open(run) as archive:
        before = canonical_text(archive), run_summary(archive)
    made = minimise(run, DEEP_ID, MinimisationBudget(), means=means())
    with Archive.open(run) as archive:
        from gi.explain.provenance.sources import individual_explanation

        assert individual_explanation(archive, DEEP_ID) == made
        assert (canonical_text(archive), run_summary(archive)) == before


def test_nothing_is_trained_twice(run):
    jobs = []
    first = minimise(run, DEEP_ID, MinimisationBudget(), means=means(jobs=jobs))
    assert len({(job.id, job.seed, job.split) for job in jobs}) == len(jobs) == first.trainings + 2
    again = minimise(run, DEEP_ID, MinimisationBudget(), means=means(lambda job: pytest.fail("trained")))
    assert (again.trainings, again.text, again.verdicts) == (0, first.text, first.verdicts)


def test_what_is_left_is_trained_like_the_front(run):
    jobs = []
    made = minimise(run, DEEP_ID, MinimisationBudget(), means=means(jobs=jobs))
    last = [job for job in jobs if job.split == "test"]
    assert [(job.images, bool(job.weights_path)) for job in last] == [(1280, True), (1280, False)]
    assert len(made.minimised_tests) == 2
    assert made.tests == pytest.approx((0.04, 0.05))
    assert (run / "weights" / f"{made.id}.pt").read_bytes() == b"weights"


def test_the_seed_of_the_search_is_not_used_again(run):
    """The individual was chosen for its figure on that seed."""
    jobs = []
    minimise(run, DEEP_ID, MinimisationBudget(), means=means(jobs=jobs))
    assert all(job.seed != 1 for job in jobs)
    assert len({job.seed for job in jobs if job.split == "validation"}) <= 8


def test_all_programs_are_trained_alike_where_the_run_inherits(tmp_path):
    """The individual's own figure of the search is no baseline: it had its parent's start."""
    jobs, run = [], write_run(tmp_path, config=replace(CONFIG, inherit=True))
    minimise(run, DEEP_ID, MinimisationBudget(), means=means(jobs=jobs))
    assert {job.text for job in jobs} >= {DEEP, DEEP.replace("            nn.Hardswish(),\n", "")}
    assert all(job.inherit_from is None for job in jobs)
    assert not (run / "trained").exists()


@pytest.mark.parametrize("workers", [1, 4])
def test_the_answer_is_the_same_at_every_order_of_completion(tmp_path, workers):
    made = []
    for number, options in enumerate(({}, {"delay_s": shuffled_delay_s})):
        run = write_run(tmp_path / str(number))
        given = means(**options)
        made.append(
            minimise(run, DEEP_ID, MinimisationBudget(), means=MinimisationTools(workers=workers, tools=given.tools))
        )
    assert made[0] == made[1]


@pytest.mark.parametrize("limits", [MinimisationBudget(trainings=9), MinimisationBudget(budget_cpu_s=9.0)])
def test_a_budget_that_ran_out_goes_on(run, limits):
    made = minimise(run, DEEP_ID, limits, means=means())
    assert not made.finished
    assert made.trainings <= 9
    assert set(statuses(made).values()) == {"kept"}
    assert minimise(run, DEEP_ID, MinimisationBudget(), means=means()).finished


def test_a_seed_program_has_nothing_to_drop(run):
    made = minimise(run, SMALL_ID, MinimisationBudget(), means=means(lambda job: pytest.fail("trained")))
    assert (made.verdicts, made.text, made.finished) == ((), SMALL, True)


def test_an_individual_that_cannot_be_trained_again_is_one_line(run):
    with pytest.raises(RunError, match=r"the individual fails when it is trained again \(train: nan\)"):
        minimise(run, DEEP_ID, MinimisationBudget(), means=means(lambda job: Failed("train", "nan")))


def test_a_run_under_way_is_left_alone(run):
    with Archive.resume(run), pytest.raises(ArchiveError, match="in use"):
        minimise(run, DEEP_ID, MinimisationBudget(), means=means())


def test_changes_name_the_edits_that_made_them_and_their_origins(run):
    made = minimise(run, DEEP_ID, MinimisationBudget(), means=means())
    (verdict,) = made.dropped
    assert (verdict.operators, verdict.origins) == (("insertion",), (DONOR,))


def test_measuring_drops_nothing(run):
    made = measure(run, DEEP_ID, MinimisationBudget(), means=means())
    assert set(statuses(made).values()) == {"kept"}
    assert made.text == DEEP
    effects = {v.change.after: v.effects[0] for v in made.verdicts}
    assert effects["nn.Linear(64, 32),"].difference == pytest.approx(-0.2, abs=0.01)
    assert effects["nn.Hardswish(),"].within_noise


def test_measuring_after_minimising_measures_what_is_left(run):
    before = minimise(run, DEEP_ID, MinimisationBudget(), means=means())
    made = measure(run, DEEP_ID, MinimisationBudget(), means=means())
    assert statuses(made) == statuses(before)
    assert {v.trainings for v in made.kept} == {8}
    assert [v.reason for v in made.kept] == [v.reason for v in before.kept]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"trainings": -1}, "trainings is -1"),
        ({"seeds": 1}, "seeds is 1: noise shows in 2 trainings"),
        ({"tolerance": -0.1}, "tolerance is -0.1"),
        ({"tolerance": float("nan")}, "tolerance is nan"),
    ],
)
def test_limits_out_of_range_are_refused(settings, said):
    with pytest.raises(ConfigError, match=said):
        MinimisationBudget(**settings)
