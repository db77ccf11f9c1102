"""Finds the running calls of the candidate's text from the interpreter's frames, exact to the column."""

import sys
import types
from typing import Any

from torch import nn

from gi.core.trace import Site

CANDIDATE = "<candidate>"
NOWHERE: Site = (0, 0, 0, 0)
_BETWEEN = ("recorder.py", "overrides.py", "_device.py", "call_sites.py")  # files with frames of torch function modes


class CallSites:
    """The call sites of one program, compiled under the file name `CANDIDATE`."""

    def __init__(self) -> None:
        self._positions: dict[types.CodeType, list[Any]] = {}

    def running(self, skip: nn.Module | None = None) -> tuple[tuple[Site, ...], types.FrameType | None]:
        """The candidate's running calls, innermost first, without the frames of `skip`'s constructors.

        The second result is the frame of the first one.
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
        """The innermost running call of the candidate, `NOWHERE` without one."""
        frame = self.frame()
        return self._position(frame.f_code, frame.f_lasti) if frame else NOWHERE

    def frame(self) -> types.FrameType | None:
        """The frame of the innermost running function of the candidate."""
        frame: types.FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_code.co_filename != CANDIDATE:
            frame = frame.f_back
        return frame

    def calls_itself(self) -> bool:
        """Whether the running function of torch was called by the candidate's text, and not by a layer."""
        frame: types.FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_code.co_filename.endswith(_BETWEEN):
            frame = frame.f_back
        return frame is not None and frame.f_code.co_filename == CANDIDATE

    def owner(self) -> Any:
        """The object whose method is the innermost running function; None without one."""
        frame = self.frame()
        return frame.f_locals.get("self") if frame else None

    def _position(self, code: types.CodeType, lasti: int) -> Site:
        if code not in self._positions:
            self._positions[code] = list(code.co_positions())  # cached, since it decodes a whole table
        line, end_line, column, end_column = self._positions[code][lasti // 2]  # an instruction has two bytes
        return (line or 0, column or 0, end_line or 0, end_column or 0)


def literals(given: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """The arguments of a layer that are literals, as source text."""
    return tuple((n, repr(v)) for n, v in given.items() if isinstance(v, (int, float, str, bool, tuple, type(None))))


def line_of(error: BaseException) -> int:
    """The innermost line of the candidate in an exception's traceback; 0 for none."""
    line, step = 0, error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == CANDIDATE:
            line = step.tb_lineno
        step = step.tb_next
    return line
