import dataclasses
from pathlib import Path

import pytest

from gi.core.protocols import Job
from gi.core.settings import RunConfig
from gi.core.types import Cost, Failed, Scored
from gi.data.dataset import load_dataset
from gi.trace.client import CheckWorker
from gi.train.cache import key as keys
from gi.train.cache.key import OutcomeKeys
from tests.programs import HEAD, PROGRAM, RECIPE

CONFIG = RunConfig(dataset="digits")
JOB = Job("it", PROGRAM, 1, 640)


def key(dataset, job=JOB, **settings):
    return OutcomeKeys(dataset, dataclasses.replace(CONFIG, **settings)).key(job)


def changed(**fields):
    return dataclasses.replace(JOB, **fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"text": PROGRAM.replace("0.05", "0.06")},
        {"seed": 2},
        {"images": 641},
        {"split": "test"},
        {"timed": False},
        {"scored": 100},
    ],
)
def test_another_training_has_another_key(digits, fields):
    assert key(digits, changed(**fields)) != key(digits)


@pytest.mark.parametrize(
    "fields",
    [
        {"id": "other"},
        {"weights_path": "w.pt"},
        {"cpu_limit_s": 3.0},
        {"text": PROGRAM.replace("self.dense", "self.linear") + "\n# a comment\n"},
    ],
)
def test_what_changes_no_outcome_changes_no_key(digits, fields):
    assert key(digits, changed(**fields)) == key(digits)


@pytest.mark.parametrize(
    "settings",
    [
        {"batch_size": 32},
        {"clock": "model"},
        {"device": "cuda"},
        {"entry": "Net()"},
        {"memory_limit_mb": 2048},
    ],
)
def test_settings_that_change_an_outcome_change_the_key(digits, settings):
    assert key(digits, **settings) != key(digits)


@pytest.mark.parametrize(
    "settings",
    [{"seed": 3}, {"population": 4}, {"generations": 9}, {"images": 10}, {"objectives": ("error", "size")}],
)
def test_settings_that_concern_the_search_alone_do_not(digits, settings):
    assert key(digits, **settings) == key(digits)


def test_by_the_cost_model_the_limit_decides_and_by_the_clock_the_cost_does(digits):
    by_model, by_clock = (OutcomeKeys(digits, dataclasses.replace(CONFIG, clock=clock)) for clock in ("model", "cpu"))
    slow = changed(images=640_000, cpu_limit_s=2.0)
    assert by_model.key(changed(images=640_000)) != by_model.key(slow)
    assert by_clock.key(changed(images=640_000)) == by_clock.key(slow)
    taken = Scored({}, Cost(train_cpu_s=100.0, cpu_s=101.0))
    assert by_model.may_take(slow, taken)
    assert not by_clock.may_take(slow, taken)
    assert by_clock.may_take(changed(images=640_000), taken)


def test_data_sets_of_equal_samples_are_one(digits, tmp_path):
    again = load_dataset("digits", cache=tmp_path)
    assert again.path != digits.path
    assert key(again) == key(digits)
    assert key(load_dataset("digits", image_size=(9, 9), cache=tmp_path)) != key(digits)
    assert key(dataclasses.replace(digits, digest="")) is None


def test_the_machine_and_what_runs_on_it_are_part_of_a_key(digits, monkeypatch):
    usual = key(digits)
    monkeypatch.setattr(keys, "_processor", lambda: "another")
    assert key(digits) != usual
    monkeypatch.undo()
    monkeypatch.setattr(keys, "version", lambda package: "99.0")
    assert key(digits) != usual
    monkeypatch.undo()
    monkeypatch.setattr(keys, "TRAINER_VERSION", 99)
    assert key(digits) != usual
    monkeypatch.undo()
    monkeypatch.setenv("GI_ISOLATION", "off")
    assert key(digits) != usual


def test_a_package_that_is_not_there_is_of_no_version(digits):
    assert keys._version("no-such-package-here") == ""


def test_the_processor_is_told_by_its_model():
    assert keys._processor()
    assert keys._first_value(Path("/no/such/file"), "model name") == ""


def test_what_is_not_decided_by_the_job_alone_has_no_key(digits):
    assert key(digits, changed(inherit_from="parent.pt")) is None
    assert key(digits, changed(text="def")) is None


@pytest.mark.parametrize(
    ("failure", "kept"),
    [
        (Failed("train", "nan"), True),
        (Failed("build", "undefined name"), True),
        (Failed("train", "wall limit"), False),
        (Failed("train", "cpu limit"), False),
        (Failed("train", "too slow"), False),
        (Failed("build", "out of memory"), False),
        (Failed("train", "crashed"), False),
        (Failed("train", "exited"), False),
        (Failed("build", "device"), False),
        (Failed("build", "OSError"), False),
        (Failed("train", "shape"), False),  # any RuntimeError: a thread that could not be started is one, too
        (Failed("worker", "server died"), False),
        (Failed("worker", "no valid answer"), False),
        (Failed("worker", "nan"), False),
    ],
)
def test_only_what_the_program_alone_did_wrong_is_kept(digits, failure, kept):
    assert OutcomeKeys(digits, CONFIG).may_keep(failure) == kept
    assert OutcomeKeys(digits, CONFIG).may_keep(Scored({}))


TWO = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(64, 12)
        self.second = nn.Linear(12, 10)

    def forward(self, x):
        return self.second(self.first(x.flatten(1)).relu())
"""
FIRST, SECOND = "        self.first = nn.Linear(64, 12)\n", "        self.second = nn.Linear(12, 10)\n"
SWAPPED = TWO.replace(FIRST + SECOND, SECOND + FIRST)


def test_programs_of_one_fingerprint_may_train_to_other_outcomes_and_have_two_keys(digits, evaluate):
    one, two = HEAD + TWO + RECIPE, HEAD + SWAPPED + RECIPE
    with CheckWorker() as check:
        assert check(one, digits.task).fingerprint == check(two, digits.task).fingerprint
    assert evaluate(one).values["error"] != evaluate(two).values["error"]
    assert key(digits, changed(text=one)) != key(digits, changed(text=two))
