import dataclasses
import json
from dataclasses import dataclass

import pytest

from gi.core.decoding import decoded
from gi.core.errors import RecordError
from gi.core.types import Edit, LineType, Origin, SeededLayer, Seeding

SEEDING = Seeding((SeededLayer("conv1", "resnet18", "conv1", 16, "connected"),), won=True, cpu_s=0.125)
EDIT = Edit("tweak", LineType.CONNECTION, 3, "a", "b", Origin("gi", "", "x.py", 1, "MIT"))


@dataclass(frozen=True)
class Times:
    seconds: float
    names: tuple[str, ...] = ()


@pytest.mark.parametrize("record", [SEEDING, EDIT, dataclasses.replace(EDIT, origin=None), Times(1.5, ("a", "b"))])
def test_a_record_comes_back_from_json_as_it_went(record):
    stored = json.loads(json.dumps(dataclasses.asdict(record)))
    assert decoded(type(record), stored) == record


def test_what_has_a_default_may_be_left_out_and_what_is_unknown_is_passed_over():
    assert decoded(Times, {"seconds": 2, "of a later version": 3}) == Times(2.0)


@pytest.mark.parametrize(
    ("stored", "says"),
    [
        ({"seconds": "2"}, "Times cannot be read: Expected `float`, got `str` at `seconds`"),
        ({"seconds": True}, "Expected `float`, got `bool` at `seconds`"),
        ({"seconds": 10**400}, "Number out of range at `seconds`"),
        ({"seconds": 2, "names": ["a", 3]}, r"Expected `str`, got `int` at `names\[1\]`"),
        ({"seconds": 2, "names": "ab"}, "Expected `array`, got `str` at `names`"),
        ({}, "missing required field `seconds`"),
        ([2], "Expected `object`, got `array`"),
        (None, "Expected `object`, got `null`"),
    ],
)
def test_a_wrong_field_is_named_in_one_line(stored, says):
    with pytest.raises(RecordError, match=says) as raised:
        decoded(Times, stored)
    assert "\n" not in str(raised.value)
