"""A row of numbers as a line of blocks, each as high as its number."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions
from rich.segment import Segment

_BLOCKS, _PLAIN = "▁▂▃▄▅▆▇█", "_.-~=+*#"
_WIDTH = 30


def heights(values: Sequence[float], levels: int, width: int) -> list[int]:
    """The height of each of at most `width` columns, from 0 for the least value to `levels` - 1 for the greatest.

    With more values than columns, a column shows the last of its values, so that the newest is always shown. Equal
    values all have height 0.
    """
    columns = min(len(values), width)
    picked = [values[(column + 1) * len(values) // columns - 1] for column in range(columns)]
    least, span = min(picked, default=0.0), max(picked, default=0.0) - min(picked, default=0.0)
    return [round((value - least) / span * (levels - 1)) if span > 0 else 0 for value in picked]


@dataclass(frozen=True, slots=True)
class Sparkline:
    """The numbers as blocks, followed by a label; in ASCII on a terminal without Unicode."""

    values: Sequence[float]
    label: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        """Rich's protocol."""
        marks = _PLAIN if options.ascii_only else _BLOCKS
        width = max(min(options.max_width - len(self.label) - 1, _WIDTH), 1)
        line = "".join(marks[height] for height in heights(self.values, len(marks), width))
        yield Segment(f"{line} {self.label}".rstrip())
