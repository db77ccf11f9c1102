"""The check of a training's pace: it ends what would take too long, and nothing for one slow start."""

import pytest

from gi.trace.program.candidate import CandidateError
from gi.train import loop
from gi.train.loop import pace_check


def stopped_after(monkeypatch, steps_s, limit_s):
    """After which step a training whose steps take so many CPU seconds is stopped; None where it is not."""
    now = [0.0]
    monkeypatch.setattr(loop, "cpu_s", lambda: now[0])
    check, due = pace_check(limit_s, len(steps_s)), 1
    for number, step_s in enumerate(steps_s, start=1):
        now[0] += step_s
        if number == due:
            due *= 2
            try:
                check(number)
            except CandidateError:
                return number
    return None


@pytest.mark.parametrize(
    ("steps_s", "limit_s", "after"),
    [
        ([0.01] * 200, 2.0, None),
        ([0.25] + [0.005] * 214, 2.0, None),
        ([0.05, 0.025] + [0.008] * 213, 3.0, None),
        ([4.0] * 200, 8.0, 1),
        ([0.03] * 200, 2.0, 2),
        ([0.02] * 200, 2.5, 8),
        ([0.011] * 200, 2.0, None),
    ],
    ids=["in time", "slow first step", "slow first steps", "giant", "three times", "half too slow", "a tenth over"],
)
def test_a_training_is_stopped_as_soon_as_its_steps_and_not_its_start_are_too_slow(
    monkeypatch, steps_s, limit_s, after
):
    assert stopped_after(monkeypatch, steps_s, limit_s) == after
