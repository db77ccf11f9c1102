"""Decodes a worker's answer on its job and checks every value: the candidate could have written it."""

import math
from collections.abc import Mapping
from typing import Any, get_args

from gi.core.diagnosis import diagnosis_from_json
from gi.core.objectives import FINAL_FIGURES
from gi.core.types import Cost, Failed, Outcome, Scored, Stage
from gi.train.start.wire import seeding_from_json

_MEASURED = ("error", "params", "macs", "time", "train_time")
_MEASURED_AT_THE_END = (*_MEASURED, *FINAL_FIGURES)  # what a final training, scored on the test split, answers


def measured_names(split: str) -> tuple[str, ...]:
    """The names of the values that are measured of a network scored on `split`."""
    return _MEASURED_AT_THE_END if split == "test" else _MEASURED


def decoded_outcome(answer: Mapping[str, Any], names: tuple[str, ...], cost: Cost) -> Outcome | None:
    """The outcome in an answer, with the values called `names` alone; None for an answer that is not valid.

    An answer holds "values", finite and at least 0, or "failed": a stage, a reason and a detail, whose lengths are cut.
    """
    failed = answer.get("failed")
    if isinstance(failed, list) and len(failed) == 3 and failed[0] in get_args(Stage):
        return Failed(failed[0], str(failed[1])[:80], str(failed[2])[:1000], cost)
    values = answer.get("values")
    if not isinstance(values, dict) or not all(is_amount(values.get(name)) for name in names):
        return None
    figures = {name: float(values[name]) for name in names}
    diagnosis = diagnosis_from_json(answer.get("diagnosis"))
    return Scored(figures, cost, seeding_from_json(answer.get("seeding")), diagnosis=diagnosis)


def is_amount(value: Any) -> bool:
    """Whether it is a finite number of at least 0. JSON's integers that no float holds are refused."""
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= float(value) < math.inf
    except OverflowError:
        return False
