import math

import pytest

from gi.core.errors import ConfigError
from gi.core.objectives import Constraint, total_excess
from gi.core.settings import RunConfig, parse_count, parse_share


@pytest.mark.parametrize(
    ("text", "count"), [("7", 7), ("10k", 10_000), ("1.5M", 1_500_000), ("0.5k", 500), ("2.3k", 2300)]
)
def test_counts_may_be_thousands_and_millions(text, count):
    assert parse_count(text) == count


@pytest.mark.parametrize("text", ["", "k", "-1", "1e3", "10K", "ten", "1.5", "0.0001k", "1 k", "inf", "9" * 400])
def test_anything_else_is_no_count(text):
    with pytest.raises(ConfigError, match="is no count: write a whole number"):
        parse_count(text)


@pytest.mark.parametrize(
    ("text", "share"), [("2%", 0.02), ("0.02", 0.02), (".5", 0.5), ("1", 1.0), ("100%", 1.0), ("0.5%", 0.005)]
)
def test_shares_may_be_percentages(text, share):
    assert parse_share(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "%", "2", "101%", "-1%", "nan", "2 %", "2%%", "1e-2"])
def test_anything_else_is_no_share(text):
    with pytest.raises(ConfigError, match="is no share: write a percentage such as 2%"):
        parse_share(text)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"max_params": 0}, "max params is 0: it must be at least 1"),
        ({"max_time": 0.0}, "max time is 0.0: it must be at least"),
        ({"max_time": math.nan}, "max time is nan: it must be at least"),
        ({"max_error": 0.0}, "max error is 0.0: it must be at least"),
        ({"max_error": 1.1}, "max error is 1.1: it must be a share of at most 1"),
    ],
)
def test_limits_out_of_range_are_refused(settings, told):
    with pytest.raises(ConfigError, match=told):
        RunConfig(dataset="digits", **settings)


def test_constraints_are_stored_with_the_settings():
    config = RunConfig(dataset="digits", max_params=10_000, max_time=2.5, max_error=0.02)
    assert RunConfig.from_json(config.to_json()) == config
    assert config.constraints == (Constraint("params", 10_000), Constraint("time", 2.5), Constraint("error", 0.02))
    assert list(map(str, config.constraints)) == ["--max-params 10k", "--max-time 2.5", "--max-error 2.00%"]
    assert RunConfig(dataset="digits").constraints == ()


def test_how_far_values_lie_beyond_is_told_in_decades_and_added_up():
    limits = (Constraint("params", 1000), Constraint("error", 0.02))
    assert total_excess({"params": 1000, "error": 0.02}, limits) == 0.0
    assert total_excess({"params": 10_000, "error": 0.02}, limits) == pytest.approx(1.0)
    assert total_excess({"params": 10_000, "error": 0.2}, limits) == pytest.approx(2.0)
    assert total_excess({"params": 1000.0001, "error": 0.0}, limits) > 0.0
    assert total_excess({}, limits) == 0.0
