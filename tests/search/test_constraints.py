"""A run with constraints: what lies beyond them is on no front and exported by nobody while anything keeps them."""

import dataclasses

import pytest

from gi.archive import Archive, canonical_text, front_members
from gi.core.settings import RunConfig
from gi.core.trace import Trace
from gi.core.types import Scored
from gi.export.choice import best_member
from gi.report.answers import front_json
from gi.report.constraints import nothing_feasible_text
from gi.report.printing import print_front
from gi.search.evolve import evolve, resume
from tests.search.test_evolve import Interrupting
from tests.stand_ins import SEEDS, PoolExecutor, made, outcome, parts, program, shuffled_delay_s, slow

CONFIG = RunConfig(
    dataset="digits", generations=4, population=6, images=30_000, finals=40, final_seeds=2, clock="model", seed=4
)
LIMITS = {
    "params": {"max_params": 1000},
    "time": {"max_time": 0.25},
    "error": {"max_error": 0.03},
    "all": {"max_params": 5000, "max_time": 0.35, "max_error": 0.1},
}


def changed(**settings):
    return dataclasses.replace(CONFIG, **settings)


def run_of(folder, config, **options):
    evolve(config, folder, workers=2, parts=parts(**options))
    return Archive.open(folder)


def scored_values(archive):
    evaluations = archive.outcomes.evaluations("validation")
    return {e.individual: e.outcome.values for e in evaluations if isinstance(e.outcome, Scored)}


def keeps(values, config):
    return all(values[limit.key] <= limit.limit for limit in config.constraints)


@pytest.mark.parametrize("limits", LIMITS.values(), ids=LIMITS)
def test_front_finals_hypervolume_and_best_hold_only_what_keeps_the_constraints(tmp_path, limits):
    config = changed(**limits)
    with run_of(tmp_path, config) as archive:
        values = scored_values(archive)
        within = {id_ for id_, figures in values.items() if keeps(figures, config)}
        assert within
        assert within != set(values)
        front = front_members(archive)
        assert {member.id for member in front} <= within
        assert set(archive.generations.last().front) == {member.id for member in front}
        assert {e.individual for e in archive.outcomes.evaluations("test")} <= within
        volumes = [closed.hypervolume for closed in archive.generations.all()]
        assert volumes == sorted(volumes)
        for closed in archive.generations.all():  # the feasible come before all others
            order = [id_ in within for id_ in closed.population]
            assert order == sorted(order, reverse=True)
        best = best_member(front, archive.run().objectives, "error")
        assert best.excess == min(member.excess for member in front)
        assert nothing_feasible_text(archive) == ""


def test_a_run_with_constraints_is_the_same_at_every_number_of_workers_and_after_an_interruption(tmp_path):
    config, dumps = changed(**LIMITS["all"]), set()
    for workers in (1, 4):
        evolve(config, tmp_path / f"{workers}", workers=workers, parts=parts(delay_s=shuffled_delay_s))
    evolve(config, tmp_path / "run", workers=2, parts=parts(evaluate=slow), on_event=Interrupting(7))
    resume(tmp_path / "run", workers=2, parts=parts())
    for name in ("1", "4", "run"):
        with Archive.open(tmp_path / name) as archive:
            assert archive.run().config.constraints == config.constraints
            dumps.add(canonical_text(archive))
    assert len(dumps) == 1


def test_constraints_may_limit_what_is_no_objective(tmp_path):
    config = changed(objectives=("error", "params"), max_time=0.25)
    with run_of(tmp_path, config) as archive:
        values = scored_values(archive)
        assert all(values[member.id]["time"] <= 0.25 for member in front_members(archive))


def test_where_nothing_keeps_them_the_nearest_are_kept_and_named(tmp_path, capsys):
    config = changed(max_time=0.01, generations=2)
    with run_of(tmp_path, config) as archive:
        front, values = front_members(archive), scored_values(archive)
        least = min(figures["time"] for figures in values.values())
        assert {values[member.id]["time"] for member in front} == {least}
        assert archive.generations.last().hypervolume == 0.0
        told = nothing_feasible_text(archive)
        assert told.startswith("no program keeps --max-time 0.01: the nearest is ")
        assert f"with time {least:.3g}. Raise the limit, or search on: gi evolve --resume {tmp_path}" in told
        assert not any(member["feasible"] for member in front_json(archive)["front"])


def test_the_front_says_which_constraint_left_out_what(tmp_path, capsys):
    with run_of(tmp_path, changed(max_params=1000, max_error=0.03)) as archive:
        values = scored_values(archive).values()
        print_front(archive)
        assert front_json(archive)["constraints"] == {"params": 1000, "error": 0.03}
    out = capsys.readouterr().out
    for name, limit, text in (("params", 1000, "--max-params 1k"), ("error", 0.03, "--max-error 3.00%")):
        count = sum(figures[name] > limit for figures in values)
        assert f"\n{text}: {count} of {len(values)} scored programs lie beyond it\n" in out


def test_a_run_without_constraints_says_nothing_of_them(tmp_path, capsys):
    with run_of(tmp_path, CONFIG) as archive:
        print_front(archive)
        assert all(member.excess == 0.0 for member in front_members(archive))
    assert "--max" not in capsys.readouterr().out


def counting(seeds, executors):
    """Parts whose check knows how many parameters a "width depth" text has."""

    def check(text, task):
        width, depth = map(int, text.split())
        return Trace((), (), (), (), 10 * width * depth, text, text, ())

    def make(config, *, workers, cost_model):
        executors.append(PoolExecutor(workers))
        context = made(executors[-1], seeds)

        class Counting:
            def __enter__(self):
                return dataclasses.replace(context.__enter__(), check=check)

            def __exit__(self, *error):
                return context.__exit__(*error)

        return Counting()

    return make


def test_seed_programs_of_too_many_parameters_are_refused_untrained_and_told(tmp_path, capsys):
    executors = []
    evolve(changed(max_params=1000), tmp_path, workers=2, parts=counting(SEEDS, executors))
    with Archive.open(tmp_path) as archive:
        slots = archive.individuals.slots(0)[: len(SEEDS)]
        assert [slot.individual is None for slot in slots] == [False, True, False, True]
        assert [try_.reason for slot in slots for try_ in slot.tries if not try_.accepted] == [
            "beyond --max-params",
            "beyond --max-params",
        ]
        assert not any(group.reason == "beyond --max-params" for group in archive.outcomes.failures())
        (refused,) = [group for group in archive.outcomes.refusals() if group.reason == "beyond --max-params"]
        assert (refused.example, refused.count) == ("seed", 2)
        print_front(archive)
    assert not {"64 2", "256 4"} & {job.text for job in executors[0].jobs}
    assert "2 more tries refused before training" in capsys.readouterr().out


def test_the_smallest_seed_program_starts_a_run_where_all_are_too_large(tmp_path):
    executors = []
    config = changed(max_params=20)
    evolve(config, tmp_path, workers=2, parts=counting([program("64 2"), program("16 3")], executors))
    assert executors[0].jobs[0].text == "16 3"
    assert "64 2" not in {job.text for job in executors[0].jobs}


def test_the_best_is_feasible_by_its_final_trainings_where_any_is(tmp_path):
    def worse_in_the_end(job):
        found = outcome(job)
        if job.split == "test" and isinstance(found, Scored):
            wrong = 0.9 if job.text == best_text[0] else found.values["validation_error"]
            return dataclasses.replace(found, values={**found.values, "validation_error": wrong})
        return found

    best_text = [""]
    config = changed(max_error=0.05)
    with run_of(tmp_path / "one", config) as archive:
        best_text[0] = archive.text(best_member(front_members(archive), archive.run().objectives, "error").id)
    with run_of(tmp_path / "two", config, evaluate=worse_in_the_end) as archive:
        front = front_members(archive)
        for by in ("error", "params", "time", "knee"):
            assert best_member(front, archive.run().objectives, by).excess == 0.0
        assert best_text[0] in [archive.text(member.id) for member in front if member.excess]
