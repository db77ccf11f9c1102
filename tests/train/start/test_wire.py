import pytest

from gi.core.types import SeededLayer, Seeding
from gi.train.start.wire import seeding_from_json, seeding_json

SEEDING = Seeding((SeededLayer("conv1", "resnet18", "conv1", 16, "connected"),), won=True, cpu_s=0.125)


def test_what_a_worker_tells_is_read():
    assert seeding_from_json(seeding_json(SEEDING)) == SEEDING


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {},
        {"layers": 3, "won": True, "cpu_s": 0},
        {"layers": [["a", "b"]], "won": True, "cpu_s": 0},
        {"layers": [], "won": True, "cpu_s": float("nan")},
        {"layers": [], "won": True, "cpu_s": -1},
        {"layers": [["a", "b", "c", "many", "e"]], "won": True, "cpu_s": 0},
    ],
)
def test_what_is_no_seeding_is_none(answer):
    assert seeding_from_json(answer) is None


def test_a_worker_cannot_fill_the_archive():
    row = ["x" * 10_000] * 3 + [1, "connected"]
    found = seeding_from_json({"layers": [row] * 10_000, "won": False, "cpu_s": 0})
    assert len(found.layers) == 500
    assert len(found.layers[0].network) == 200
