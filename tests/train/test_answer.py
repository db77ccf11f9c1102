import math

import pytest

from gi.core.objectives import FINAL_FIGURES
from gi.core.types import Cost, Failed, Scored
from gi.train.answer import decoded_outcome, is_amount, measured_names

COST = Cost(0.1, 0.1, 0.3, 0.4)
VALUES = dict.fromkeys(measured_names("test"), 0.5)


@pytest.mark.parametrize("value", [0, 0.0, 1, 0.3, 10**300, 1e300])
def test_finite_numbers_from_0_are_amounts(value):
    assert is_amount(value)


@pytest.mark.parametrize("value", [-1, -0.1, math.nan, math.inf, 10**400, -(10**400), True, None, "1", [1], {}])
def test_nothing_else_is_one(value):
    assert not is_amount(value)


def test_a_final_training_measures_the_validation_error_beside_the_rest():
    assert set(measured_names("test")) == {*measured_names("validation"), *FINAL_FIGURES}


def test_an_answer_is_an_outcome_of_the_names_asked_for():
    told = decoded_outcome({"values": {**VALUES, "more": 1.0}}, measured_names("validation"), COST)
    assert told == Scored(dict.fromkeys(measured_names("validation"), 0.5), COST)
    assert decoded_outcome({"failed": ["train", "nan", "d"]}, ("error",), COST) == Failed("train", "nan", "d", COST)


@pytest.mark.parametrize(
    "answer",
    [{}, {"values": None}, {"values": {"error": 10**400}}, {"failed": ["nowhere", "a", "b"]}, {"failed": "train"}],
)
def test_what_is_neither_is_none(answer):
    assert decoded_outcome(answer, ("error",), COST) is None
