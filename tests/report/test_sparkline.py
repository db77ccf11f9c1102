import io

import pytest
from rich.console import Console

from gi.report.live.sparkline import Sparkline, heights


@pytest.mark.parametrize(
    ("values", "width", "expected"),
    [
        ([], 5, []),
        ([3.0], 5, [0]),
        ([2.0, 2.0, 2.0], 5, [0, 0, 0]),
        ([0.0, 1.0, 2.0, 7.0], 5, [0, 1, 2, 7]),
        ([0.0, 1.0, 2.0, 3.0, 4.0, 7.0], 3, [0, 2, 7]),
    ],
)
def test_a_column_is_as_high_as_the_last_number_of_its_share(values, width, expected):
    assert heights(values, 8, width) == expected


def test_a_terminal_without_blocks_gets_ascii():
    class Ascii(io.StringIO):
        encoding = "ascii"

    stream = Ascii()
    Console(file=stream, width=40).print(Sparkline([0.0, 1.0, 7.0], "7.0"))
    assert stream.getvalue().strip().isascii()
