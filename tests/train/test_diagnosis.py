import dataclasses
import json
import math

import numpy as np
import pytest

from gi.core.diagnosis import MOST_CELLS, MOST_LOSSES, MOST_MISTAKES, Diagnosis, Mistake, diagnosis_from_json
from gi.train.diagnosis import diagnosis

LOGITS = np.array([[2.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 1.0, 0.0], [900.0, -900.0, 0.0]])
LABELS = np.array([0, 0, 2, 1])
TOLD = Diagnosis(((64, 2.0), (128, 0.5)), ((0, 0, 5), (0, 1, 1)), (Mistake(3, 0, 1, 0.25),))


def as_json(told):
    return json.loads(json.dumps(dataclasses.asdict(told)))


def test_pairs_are_counted_and_the_least_probable_label_is_the_worst_mistake():
    told = diagnosis([1.0], 4, LOGITS, LABELS)
    assert set(told.confusion) == {(0, 0, 1), (0, 1, 1), (2, 1, 1), (1, 0, 1)}
    assert [(m.sample, m.label, m.answer) for m in told.mistakes] == [(3, 1, 0), (1, 0, 1), (2, 2, 1)]
    assert told.mistakes[0].share == 0.0
    assert told.mistakes[1].share == pytest.approx(1 / (2 + math.exp(3)))


def test_a_network_without_a_mistake_has_none():
    told = diagnosis([1.0], 4, LOGITS[:1], LABELS[:1])
    assert (told.confusion, told.mistakes) == (((0, 0, 1),), ())


@pytest.mark.parametrize(
    ("losses", "curve"),
    [([], ()), ([0.5], ((10, 0.5),)), ([1.0, 2.0, 4.0], ((10, 1.0), (20, 2.0), (30, 4.0)))],
)
def test_a_short_curve_has_every_step(losses, curve):
    assert diagnosis(losses, 10, LOGITS, LABELS).losses == curve


def test_a_long_one_has_means_that_end_with_the_training():
    curve = diagnosis([float(n) for n in range(1000)], 8, LOGITS, LABELS).losses
    assert len(curve) == MOST_LOSSES
    assert curve[-1][0] == 8000
    assert curve[0][1] == pytest.approx(np.mean(range(curve[0][0] // 8)), rel=1e-4)


def test_what_is_kept_of_many_classes_and_mistakes_is_bounded():
    labels = np.arange(5000)
    told = diagnosis([], 1, np.eye(5000)[np.roll(labels, 1)], labels)
    assert (len(told.confusion), len(told.mistakes)) == (MOST_CELLS, MOST_MISTAKES)
    assert diagnosis_from_json(as_json(told)) == told


def test_what_a_worker_answers_is_read_back():
    assert diagnosis_from_json(as_json(TOLD)) == TOLD


@pytest.mark.parametrize(
    "change",
    [
        {"losses": [[64, math.nan]]},
        {"losses": [[-1, 1.0]]},
        {"losses": [[64, 1.0]] * (MOST_LOSSES + 1)},
        {"losses": [[64]]},
        {"confusion": [[0, 1, 2**60]]},
        {"confusion": [[0, 1, 0.5]]},
        {"mistakes": [{"sample": -1, "label": 0, "answer": 1, "share": 0.5}]},
        {"mistakes": [{"sample": 1, "label": 0, "answer": 1, "share": 1.5}]},
        {"mistakes": [{"sample": 1, "label": "<b>", "answer": 1, "share": 0.5}]},
        {"mistakes": None},
    ],
)
def test_nothing_else_is_a_diagnosis(change):
    assert diagnosis_from_json({**as_json(TOLD), **change}) is None


@pytest.mark.parametrize("answer", [None, 1, "", [], {}])
def test_neither_is_what_is_no_record(answer):
    assert diagnosis_from_json(answer) is None
