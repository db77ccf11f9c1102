"""Which call of the candidate's text is running: read off the interpreter's frames, exact to the column."""

import sys
import types
from typing import Any

from torch import nn

from gi.core.trace import Site

CANDIDATE = "<candidate>"
NOWHERE: Site = (0, 0, 0, 0)
_BETWEEN = ("recorder.py", "overrides.py", "_device.py", "call_sites.py")  # that watch functions of torch


class CallSites:
    """Answers for the frames of one program, compiled under the file name `CANDIDATE`."""

    def __init__(self) -> None:
        self._positions: dict[types.CodeType, list[Any]] = {}

    def running(self, skip: nn.Module | None = None) -> tuple[tuple[Site, ...], types.FrameType | None]:
        """The candidate's own calls that are running, innermost first, without the frames of `skip`'s constructors.

        Beside them the frame of the first.
        """
        frame, sites, first = sys._getframe(1), list[Site](), None
        while frame is not None:
            code = frame.f_code
            if code.co_filename == CANDIDATE:
                own = code.co_varnames[:1] and frame.f_locals.get(code.co_varnames[0]) is skip
                if skip is None or not own:
                    first = first or frame
                    sites.append(self._position(code, frame.f_lasti))
            frame = frame.f_back  # type: ignore[assignment]
        return tuple(sites), first

    def innermost(self) -> Site:
        """The innermost of the candidate's calls that are running."""
        frame = self.frame()
        return self._position(frame.f_code, frame.f_lasti) if frame else NOWHERE

    def frame(self) -> types.FrameType | None:
        """The frame of the innermost of the candidate's functions that are running."""
        frame: types.FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_code.co_filename != CANDIDATE:
            frame = frame.f_back
        return frame

    def calls_itself(self) -> bool:
        """Whether the candidate's own text calls the function of torch that is running, rather than a layer does."""
        frame: types.FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_code.co_filename.endswith(_BETWEEN):
            frame = frame.f_back
        return frame is not None and frame.f_code.co_filename == CANDIDATE

    def owner(self) -> Any:
        """The object whose method that is."""
        frame = self.frame()
        return frame.f_locals.get("self") if frame else None

    def _position(self, code: types.CodeType, lasti: int) -> Site:
        if code not in self._positions:
            self._positions[code] = list(code.co_positions())  # decoded from a table, as a whole
        line, end_line, column, end_column = self._positions[code][lasti // 2]  # one for each two bytes of code
        return (line or 0, column or 0, end_line or 0, end_column or 0)


def literals(given: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """The texts of the literal values among those that a layer was built with."""
    return tuple((n, repr(v)) for n, v in given.items() if isinstance(v, (int, float, str, bool, tuple, type(None))))


def line_of(error: BaseException) -> int:
    """The candidate's line that an exception came through last, 0 where it came through none."""
    line, step = 0, error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == CANDIDATE:
            line = step.tb_lineno
        step = step.tb_next
    return line
