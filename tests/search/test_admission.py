import math
from types import SimpleNamespace

import pytest

from gi.core.trace import Stopped, Trace
from gi.core.types import Try
from gi.search.admission import admitted, refusal, seed_limit
from tests.stand_ins import TASK, program, repair


def check(text, task):
    """Programs are "width depth" texts of ten parameters a unit; one of depth 0 does not run."""
    width, depth = map(int, text.split())
    return Trace((), (), (), (), 10 * width * depth, "", "", ()) if depth else Stopped("build", "no layers")


PARTS = SimpleNamespace(task=TASK, repair=repair, check=check)
SEEDS = [program(text) for text in ("64 2", "8 1", "16 3", "8 0", "broken")]


def texts(max_params, seeds=SEEDS):
    return [seed.text for seed in admitted(seeds, PARTS, max_params)]


def test_without_a_bound_every_seed_program_starts():
    assert seed_limit(SEEDS, PARTS, None) == math.inf
    assert texts(None) == [seed.text for seed in SEEDS]


def test_seed_programs_within_the_bound_start_and_what_cannot_be_counted_fails_as_before():
    assert seed_limit(SEEDS, PARTS, 480) == 480
    assert texts(480) == ["8 1", "16 3", "8 0", "broken"]


def test_where_none_is_within_it_the_smallest_starts():
    assert seed_limit(SEEDS, PARTS, 10) == 80
    assert texts(10) == ["8 1", "8 0", "broken"]
    assert texts(10, [program("64 2")]) == ["64 2"]
    assert seed_limit([], PARTS, 10) == 10


@pytest.mark.parametrize(("limit", "reason"), [(80, ()), (math.inf, ()), (79, ("80 parameters",))])
def test_a_seed_program_beyond_the_bound_is_refused_with_its_count(limit, reason):
    expected = tuple(Try("seed", "build", "beyond --max-params", detail) for detail in reason)
    assert refusal("8 1", PARTS, limit) == expected
