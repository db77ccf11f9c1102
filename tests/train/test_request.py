import dataclasses
import json

import pytest

from gi.core.decoding import decoded
from gi.core.errors import RecordError
from gi.core.protocols import Job
from gi.core.types import Task
from gi.train.request import Request, TrainingSettings

JOB = Job(
    "ab12",
    "x = 1\n",
    2**62,
    640,
    split="test",
    weights_path="/runs/w.pt",
    inherit_from="/runs/p.pt",
    timed=False,
    scored=500,
)
SETTINGS = TrainingSettings(64, "model", "cpu", "Net(10)", "/pack", "auc")
REQUEST = Request(JOB, SETTINGS, 7.5, Task((1, 8, 8), 10), 1200, keep_constants=True)


def changed(part, **fields):
    stored = json.loads(json.dumps(dataclasses.asdict(REQUEST)))
    return stored | {part: stored[part] | fields}


def test_a_worker_reads_the_very_request_that_the_driver_sent():
    assert decoded(Request, json.loads(json.dumps(dataclasses.asdict(REQUEST)))) == REQUEST


@pytest.mark.parametrize(
    ("part", "fields", "says"),
    [
        ("job", {"images": "many"}, "Request cannot be read: Expected `int`, got `str` at `job.images`"),
        ("job", {"split": "train"}, "Invalid enum value 'train' at `job.split`"),
        ("settings", {"clock": "sun"}, "Invalid enum value 'sun' at `settings.clock`"),
        ("settings", {"batch_size": None}, "Expected `int`, got `null` at `settings.batch_size`"),
    ],
)
def test_a_wrong_field_of_a_request_is_named(part, fields, says):
    with pytest.raises(RecordError, match=says):
        decoded(Request, changed(part, **fields))
