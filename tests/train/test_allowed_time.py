"""What a job may take follows from its images alone, so that jobs of different rungs are held to one pace."""

import pytest

from gi.core.protocols import Job
from gi.core.settings import PACE_IMAGES, RunConfig, pace_s
from gi.train.allowed_time import training_limit_s, wall_limit_s, worker_limit_s


def job(images, **fields):
    return Job("it", "x = 1\n", 0, images, **fields)


@pytest.mark.parametrize(
    ("config_s", "job_s", "images", "limit_s"),
    [
        (8.0, None, 30_000, 8.0),
        (8.0, None, 90_000, 24.0),
        (8.0, None, 15_000, 4.0),
        (8.0, None, 300, 2.0),
        (8.0, 20.0, 30_000, 20.0),
        (8.0, 20.0, 15_000, 10.0),
        (None, 20.0, 15_000, 10.0),
        (None, None, 300, 600.0),
        (None, None, 60_000, 1200.0),
    ],
)
def test_a_training_may_take_what_its_images_take_at_the_pace(config_s, job_s, images, limit_s):
    config = RunConfig(dataset="digits", cpu_limit_s=config_s)
    assert training_limit_s(config, job(images, cpu_limit_s=job_s)) == limit_s


@pytest.mark.parametrize("images", [640, 30_000])
def test_the_runs_own_number_of_images_does_not_change_the_pace(images):
    config = RunConfig(dataset="digits", images=images, cpu_limit_s=8.0)
    assert training_limit_s(config, job(60_000)) == 16.0


def test_a_limit_in_seconds_is_given_as_a_pace():
    config = RunConfig(dataset="digits")
    assert training_limit_s(config, job(1000, cpu_limit_s=pace_s(5.0, 1000))) == pytest.approx(5.0)
    assert pace_s(5.0, PACE_IMAGES) == 5.0


def test_the_wall_limit_grows_with_long_trainings_and_does_not_shrink_with_short_ones():
    config = RunConfig(dataset="digits", cpu_limit_s=8.0, wall_limit_s=60.0)
    assert [wall_limit_s(config, job(n), 8.0) for n in (300, 30_000, 90_000)] == [60.0, 60.0, 180.0]


def test_without_a_limit_of_the_cpu_the_wall_limit_leaves_room_for_a_busy_machine():
    config = RunConfig(dataset="digits", cpu_limit_s=None, wall_limit_s=60.0)
    assert wall_limit_s(config, job(300), 20.0) == 160.0


def test_a_worker_may_take_its_training_and_an_allowance_more_of_it_where_a_model_is_the_clock():
    measured, modelled = (RunConfig(dataset="digits", clock=clock) for clock in ("cpu", "model"))
    assert 8.0 < worker_limit_s(measured, 8.0) < worker_limit_s(modelled, 8.0)
