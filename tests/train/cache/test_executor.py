import hashlib
import json
import math
import time
from dataclasses import replace
from pathlib import Path

import pytest

from gi.core.errors import WorkerError
from gi.core.objectives import FINAL_FIGURES
from gi.core.protocols import Job
from gi.core.settings import RunConfig
from gi.core.types import Cost, Failed, Scored
from gi.train.cache.executor import CachedExecutor, read_outcome, written_outcome
from gi.train.cache.key import OutcomeKeys
from gi.train.cache.store import KeptOutcome, OutcomeCache
from gi.train.executor import LocalExecutor
from tests.contracts.executor import ExecutorContract
from tests.programs import PROGRAM
from tests.small_run import DIAGNOSIS
from tests.stand_ins import OPEN, PoolExecutor

VALUES = {"error": 0.1, "params": 650.0, "macs": 640.0, "time": 0.5, "train_time": 0.2, "size": 300.0}
SCORED = Scored(VALUES, Cost(0.2, 0.1, 0.4, 0.5))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("outcomes")


class TestCachedExecutor(ExecutorContract):
    """One cache for all tests of the contract, so that some trainings are done and some come from there."""

    good = (PROGRAM, PROGRAM.replace("lr=0.05", "lr=0.001"))
    bad = "def"
    endless = "import time; time.sleep(100)"

    @pytest.fixture
    def executor(self, server, digits, folder):
        config = RunConfig(dataset="digits", images=640, memory_limit_mb=1024, cpu_limit_s=20)
        local = LocalExecutor(digits, config, workers=2, gate=OPEN)
        cached = CachedExecutor(local, OutcomeCache(folder), OutcomeKeys(digits, config))
        yield cached
        cached.shutdown()

    def test_the_tests_before_this_one_used_the_cache(self, folder):
        with OutcomeCache(folder) as cache:
            assert cache.usage().hits > 0

    def test_what_comes_from_the_cache_is_what_the_training_gave(self, executor, tmp_path):
        first = self.result(executor, seed=77, weights_path=str(tmp_path / "one" / "it.pt"))
        key = executor._keys.key(self.job(seed=77))
        wait_for(lambda: executor._cache.get(key))
        again = self.result(executor, seed=77, id="other", weights_path=str(tmp_path / "two" / "it.pt"))
        assert not first.cached
        assert again == replace(first, cached=True)
        assert (tmp_path / "two" / "it.pt").read_bytes() == (tmp_path / "one" / "it.pt").read_bytes()


class Keys:
    """A key for each text, seed, number of images and split."""

    def __init__(self, takes=True):
        self.takes = takes

    def key(self, job):
        return hashlib.sha256(f"{job.text}/{job.seed}/{job.images}/{job.split}".encode()).hexdigest()

    def may_keep(self, outcome):
        return not isinstance(outcome, Failed) or outcome.reason == "nan"

    def may_take(self, job, outcome):
        return self.takes


@pytest.fixture
def stand_in(tmp_path):
    """An executor without torch behind a cache; its `jobs` are those that were done."""
    inner = PoolExecutor(2)
    cached = CachedExecutor(inner, OutcomeCache(tmp_path / "outcomes"), Keys())
    cached.jobs = inner.jobs
    yield cached
    cached.shutdown()


def job(text="64 2", **fields):
    return Job(**{"id": "it", "text": text, "seed": 1, "images": 640} | fields)


def settled(executor, text="64 2", **fields):
    """The outcome of a job that was done, once the cache has it: whoever waits for an outcome gets it first."""
    outcome = executor.submit(job(text, **fields)).result(10)
    wait_for(lambda: executor._cache.get(Keys().key(job(text, **fields))))
    return outcome


def wait_for(condition):
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)


def test_a_training_is_done_once(stand_in):
    first = settled(stand_in)
    future = stand_in.submit(job())
    assert future.done()
    assert future.result() == replace(first, cached=True)
    assert len(stand_in.jobs) == 1


@pytest.mark.parametrize("fields", [{"seed": 2}, {"images": 1280}, {"split": "test"}, {"text": "65 2"}])
def test_another_job_is_another_training(stand_in, fields):
    settled(stand_in)
    assert not stand_in.submit(job(**fields)).result(10).cached


def test_a_failure_of_the_program_is_kept_and_any_other_is_not(stand_in):
    settled(stand_in, "70 2")
    assert stand_in.submit(job("70 2")).result().cached
    stand_in.submit(job("64 0")).result(10)
    settled(stand_in, "65 2")
    assert not stand_in.submit(job("64 0")).result(10).cached


def test_a_job_that_asks_for_weights_gets_those_of_the_training(stand_in, tmp_path):
    settled(stand_in)
    path = tmp_path / "new" / "it.pt"
    assert not stand_in.submit(job(weights_path=str(path))).result(10).cached  # nothing was kept of the first
    wait_for(lambda: stand_in._cache.get(Keys().key(job())).weights)
    path.unlink()
    assert stand_in.submit(job(weights_path=str(path))).result(10).cached
    assert path.read_text() == "64 2"


def test_weights_that_cannot_be_written_are_left_to_the_training(stand_in, tmp_path):
    settled(stand_in, weights_path=str(tmp_path / "it.pt"))
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkerError, match="takes no weights"):
        stand_in.submit(job(weights_path=str(tmp_path / "file" / "it.pt"))).result(10)


def test_what_a_job_may_not_take_is_done(stand_in):
    settled(stand_in)
    stand_in._keys.takes = False
    assert not stand_in.submit(job()).result(10).cached


def test_an_exception_and_a_cancelled_job_leave_nothing(tmp_path):
    def breaking(job):
        raise RuntimeError("no candidate can be judged")

    inner = PoolExecutor(1, evaluate=breaking)
    cached = CachedExecutor(inner, OutcomeCache(tmp_path), Keys())
    with pytest.raises(RuntimeError):
        cached.submit(job()).result(10)
    cached.shutdown()
    with OutcomeCache(tmp_path) as cache:
        assert cache.usage().entries == 0


# -------------------------------------------------------------------------------------------- what the file may hold

FAILED = Failed("train", "nan", "the loss is nan", Cost(0.1, 0.0, 0.2, 0.3))


@pytest.mark.parametrize("outcome", [SCORED, FAILED])
def test_what_was_written_is_read(outcome):
    assert read_outcome(written_outcome(outcome), job()) == outcome


def test_a_final_training_needs_its_validation_error():
    assert read_outcome(written_outcome(SCORED), job(split="test")) is None
    final = Scored({**VALUES, **dict.fromkeys(FINAL_FIGURES, 0.2)}, SCORED.cost)
    assert read_outcome(written_outcome(final), job(split="test")) == final


def test_a_final_training_keeps_its_diagnosis():
    values = {**VALUES, **dict.fromkeys(FINAL_FIGURES, 0.2)}
    final = Scored(values, SCORED.cost, diagnosis=DIAGNOSIS)
    assert read_outcome(written_outcome(final), job(split="test")) == final


def changed(**parts):
    return json.dumps(json.loads(written_outcome(SCORED)) | parts)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "no JSON",
        "[]",
        "3",
        "null",
        "[" * 100_000,
        "{}",
        changed(values=None),
        changed(values={**VALUES, "error": None}),
        changed(values={**VALUES, "error": math.nan}),
        changed(values={**VALUES, "error": math.inf}),
        changed(values={**VALUES, "error": -0.1}),
        changed(values={**VALUES, "error": "0.1"}),
        changed(values={**VALUES, "error": True}),
        changed(values={**VALUES, "params": 10**400}),
        changed(values={k: v for k, v in VALUES.items() if k != "size"}),
        changed(cost=None),
        changed(cost=[1, 1, 1, 1]),
        changed(cost={"cpu_s": -1.0}),
        changed(cost={"cpu_s": math.nan}),
        changed(cost={"cpu_s": 10**400}),
        json.dumps({"failed": ["nowhere", "nan", ""], "cost": {}}),
        json.dumps({"failed": ["train"], "cost": {}}),
        json.dumps({"failed": [[], {}, ""], "cost": {}}),
    ],
)
def test_what_is_no_answer_counts_as_not_there(stand_in, answer):
    assert read_outcome(answer, job()) is None
    stand_in._cache.put(Keys().key(job()), KeptOutcome(answer))
    assert not stand_in.submit(job()).result(10).cached


def test_what_an_answer_says_beside_its_values_is_left_out():
    assert read_outcome(changed(values={**VALUES, "evil": 1.0}, more=[1]), job()) == SCORED
    long = read_outcome(json.dumps({"failed": ["train", "r" * 999, "d" * 9999], "cost": {}}), job())
    assert (len(long.reason), len(long.detail)) == (80, 1000)


def test_weights_from_the_cache_are_written_whole(stand_in, tmp_path):
    stand_in._cache.put(Keys().key(job()), KeptOutcome(written_outcome(SCORED), b"weights"))
    path = tmp_path / "new" / "it.pt"
    assert stand_in.submit(job(weights_path=str(path))).result(10).cached
    assert path.read_bytes() == b"weights"
    assert [each.name for each in Path(path.parent).iterdir()] == ["it.pt"]
