import io
import re

import pytest
from rich.console import Console

from gi.archive import Archive, FailureGroup, run_summary
from gi.report.table import failures_table, fitted, front_table
from tests.small_run import DEEP_ID, SMALL_ID, write_run


def printed(content, width):
    out = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None, markup=False)
    out.print(fitted(content, width))
    return out.file.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_front_breaks_no_word_at_the_width_of_a_terminal(tmp_path, width):
    with Archive.open(write_run(tmp_path / "run")) as archive:
        text = printed(front_table(archive.run(), run_summary(archive)), width)
    words = (DEEP_ID[:8], SMALL_ID[:8], "(validation)", "generation", "reference)", "3.00%", "2.41k", "params")
    assert [word for word in words if word not in text] == []
    assert max(map(len, text.splitlines())) <= width


def test_a_front_that_is_too_wide_has_a_paragraph_for_each_member(tmp_path):
    with Archive.open(write_run(tmp_path / "run")) as archive:
        lines = [line.rstrip() for line in printed(front_table(archive.run(), run_summary(archive)), 60).splitlines()]
    assert lines[:4] == [
        "digits: front of 2 after generation 1, hypervolume 2.2500",
        DEEP_ID[:8],
        "  error (validation) 3.00%, params 2.41k,",
        "  time (x reference) 0.5,",
    ]
    assert len(lines) <= 1 + 2 * 6


@pytest.mark.parametrize("width", [80, 120])
def test_a_front_with_final_trainings_is_a_table_at_80_columns_and_breaks_no_figure(tmp_path, width):
    with Archive.open(write_run(tmp_path / "run")) as archive:
        lines = printed(front_table(archive.run(), run_summary(archive)), width).splitlines()
    assert [line.split()[0] for line in lines[-2:]] == [DEEP_ID[:8], SMALL_ID[:8]]
    assert {"3.50% ± 0.71", "4.50% ± 0.71"} <= {*map(str.strip, re.split(r"  +", lines[-2]))}


@pytest.mark.parametrize("width", [60, 80, 120])
def test_failures_break_no_word_at_the_width_of_a_terminal(width):
    reason, detail = "interrupted unexpectedly", "the convolution received incompatible dimensions"
    text = printed(failures_table([FailureGroup("measure", reason, 12, "abcdef01" * 2, detail)]), width)
    assert {"measure", "interrupted", "unexpectedly", "abcdef01", "convolution", "incompatible"} <= set(text.split())
