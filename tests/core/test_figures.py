import pytest

from gi.core.figures import count_text, duration_text, spread_text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (812, "812"), (999.9, "1k"), (1_234, "1.23k"), (12_345, "12.3k"), (999_999, "1M"), (4_567_890, "4.57M")],
)
def test_counts_are_read_with_three_digits(count, text):
    assert count_text(count) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "0s"), (42, "42s"), (185, "3m05s"), (3720, "1h02m")])
def test_durations_are_read_in_their_two_largest_units(seconds, text):
    assert duration_text(seconds) == text


def test_a_spread_is_a_mean_and_a_deviation():
    assert spread_text([0.04, 0.05]) == "4.50% ± 0.71"
    assert spread_text([0.04]) == "4.00%"
    assert spread_text([0.04], seeds=1) == "4.00%"
    assert spread_text([0.04], seeds=3) == "4.00% (1 seed)"
    assert spread_text([0.04, 0.05], seeds=3) == "4.50% ± 0.71 (2 seeds)"
    assert spread_text([]) == "-"
