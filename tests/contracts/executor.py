"""What every executor keeps to. A test class inherits this and gives `executor`, `good`, `bad` and `endless`."""

import math
from concurrent.futures import CancelledError, Future
from dataclasses import replace
from typing import get_args

import pytest

from gi.core.errors import WorkerError
from gi.core.objectives import FINAL_FIGURES, OBJECTIVES
from gi.core.protocols import Job
from gi.core.types import Failed, Scored, Stage


class ExecutorContract:
    """`good` and `bad` are texts that score and fail, `endless` one that runs until it is killed; two slots."""

    good: tuple[str, str]
    bad: str
    endless: str

    @pytest.fixture
    def executor(self):
        raise NotImplementedError

    def job(self, text=None, **fields):
        return Job(**{"id": "it", "text": text or self.good[0], "seed": 1, "images": 640} | fields)

    def result(self, executor, text=None, **fields):
        return executor.submit(self.job(text, **fields)).result(60)

    def test_has_as_many_slots_as_it_was_given(self, executor):
        assert executor.capacity == 2

    def test_submitting_waits_for_nothing(self, executor):
        future = executor.submit(self.job(self.endless))
        assert isinstance(future, Future)
        assert not future.done()

    def test_the_search_gets_every_objective_and_nothing_of_the_test_split(self, executor):
        outcome = self.result(executor)
        assert isinstance(outcome, Scored)
        assert set(outcome.values) == set(OBJECTIVES)
        assert all(math.isfinite(value) and value >= 0 for value in outcome.values.values())

    def test_a_final_training_measures_the_validation_error_too(self, executor):
        outcome = self.result(executor, split="test")
        assert isinstance(outcome, Scored)
        assert set(outcome.values) == {*OBJECTIVES, *FINAL_FIGURES}

    def test_a_final_training_has_accuracy_and_auc_on_both_splits(self, executor):
        values = self.result(executor, split="test").values
        assert values["accuracy"] == pytest.approx(1 - values["error"])
        assert values["validation_accuracy"] == pytest.approx(1 - values["validation_error"])
        assert 0.5 < values["auc"] <= 1
        assert 0.5 < values["validation_auc"] <= 1

    def test_the_validation_error_of_a_final_training_is_that_of_the_same_training_in_the_search(self, executor):
        final, searched = self.result(executor, split="test"), self.result(executor, split="validation")
        assert final.values["validation_error"] == searched.values["error"]

    def test_a_job_is_scored_on_as_many_validation_samples_as_it_says(self, executor):
        wrong = 7 * self.result(executor, scored=7).values["error"]
        assert wrong == pytest.approx(round(wrong))

    def test_a_final_training_is_scored_on_the_whole_test_split(self, executor):
        whole, part = self.result(executor, split="test"), self.result(executor, split="test", scored=7)
        assert part.values["error"] == whole.values["error"]
        assert 7 * part.values["validation_error"] == pytest.approx(round(7 * part.values["validation_error"]))

    def test_more_samples_than_there_are_is_all_of_them(self, executor):
        assert self.result(executor, scored=10**6).values["error"] == pytest.approx(
            self.result(executor).values["error"], abs=1e-6
        )

    def test_a_time_that_was_not_measured_is_the_same_each_time(self, executor):
        first, again = (self.result(executor, timed=False) for _ in range(2))
        assert first.values["time"] == again.values["time"] > 0

    def test_a_failure_is_a_value_with_stage_reason_and_cost(self, executor):
        outcome = self.result(executor, self.bad)
        assert isinstance(outcome, Failed)
        assert outcome.stage in get_args(Stage)
        assert outcome.reason
        assert outcome.cost.cpu_s >= 0

    def test_the_parts_of_a_cost_are_not_more_than_all_of_it(self, executor):
        cost = self.result(executor).cost
        assert 0 < cost.train_cpu_s + cost.measure_cpu_s <= cost.cpu_s
        assert cost.wall_s > 0

    def test_an_outcome_depends_on_its_job_alone(self, executor):
        jobs = [self.job(text, id=f"{n}-{seed}", seed=seed) for n, text in enumerate(self.good) for seed in (1, 2)]
        there = self.errors(executor, jobs)
        assert self.errors(executor, jobs[::-1]) == there
        assert len(set(there.values())) > 1

    def errors(self, executor, jobs):
        futures = {job.id: executor.submit(job) for job in jobs}
        return {id_: future.result(60).values["error"] for id_, future in futures.items()}

    def test_weights_are_written_where_the_job_says_and_nowhere_else(self, executor, tmp_path):
        path = tmp_path / "new" / "it.pt"
        assert isinstance(self.result(executor, weights_path=str(path)), Scored)
        assert [each.name for each in path.parent.iterdir()] == ["it.pt"]
        assert self.result(executor, self.bad, weights_path=str(path.with_name("bad.pt")))
        assert [each.name for each in path.parent.iterdir()] == ["it.pt"]

    def test_weights_that_cannot_be_written_are_no_fault_of_the_candidate(self, executor, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(WorkerError, match="takes no weights"):
            self.result(executor, weights_path=str(tmp_path / "file" / "it.pt"))

    def test_weights_of_the_parent_that_are_not_there_stop_nothing(self, executor, tmp_path):
        assert isinstance(self.result(executor, inherit_from=str(tmp_path / "gone.pt")), Scored)

    def test_shutdown_ends_what_runs_and_what_waits_without_an_outcome(self, executor):
        futures = [executor.submit(replace(self.job(self.endless), id=str(n))) for n in range(4)]
        executor.shutdown()
        for future in futures:
            with pytest.raises(CancelledError):
                future.result(10)

    def test_shutdown_may_come_twice(self, executor):
        future = executor.submit(self.job(self.endless))
        executor.shutdown()
        executor.shutdown()
        assert future.done()
