"""Which call of the candidate's text is running: read off the interpreter's frames, exact to the column."""

import sys
import types
from typing import Any

from torch import nn

from gi.source.trace import Site

CANDIDATE = "<candidate>"
NOWHERE: Site = (0, 0, 0, 0)


class Sites:
    """Answers for the frames of one program, compiled under the file name `CANDIDATE`."""

    def __init__(self) -> None:
        self._positions: dict[types.CodeType, list[Any]] = {}

    def running(self, skip: nn.Module | None = None) -> tuple[Site, ...]:
        """The candidate's own calls that are running, innermost first; without the frames of `skip`'s constructors."""
        frame, found = sys._getframe(1), []
        while frame is not None:
            code = frame.f_code
            if code.co_filename == CANDIDATE:
                own = code.co_varnames[:1] and frame.f_locals.get(code.co_varnames[0]) is skip
                if skip is None or not own:
                    found.append(self._position(code, frame.f_lasti))
            frame = frame.f_back  # type: ignore[assignment]
        return tuple(found)

    def innermost(self) -> Site:
        """The innermost of the candidate's calls that are running."""
        frame = sys._getframe(1)
        while frame is not None:
            if frame.f_code.co_filename == CANDIDATE:
                return self._position(frame.f_code, frame.f_lasti)
            frame = frame.f_back  # type: ignore[assignment]
        return NOWHERE

    def _position(self, code: types.CodeType, lasti: int) -> Site:
        if code not in self._positions:
            self._positions[code] = list(code.co_positions())
        line, end_line, column, end_column = self._positions[code][lasti // 2]
        return (line or 0, column or 0, end_line or 0, end_column or 0)


def built_with(module: nn.Module) -> tuple[tuple[str, str], ...]:
    """The literal values that a layer of torch's own was really built with, by parameter name."""
    frame, own = sys._getframe(2), getattr(type(module).__init__, "__code__", None)
    while frame is not None and frame.f_code is not own:
        if frame.f_code.co_filename == CANDIDATE:
            return ()
        frame = frame.f_back  # type: ignore[assignment]
    if frame is None or own is None:
        return ()
    names = own.co_varnames[1 : own.co_argcount + own.co_kwonlyargcount]
    values = ((name, frame.f_locals.get(name)) for name in names)
    return tuple((n, repr(v)) for n, v in values if isinstance(v, (int, float, str, bool, tuple, type(None))))


def line_of(error: BaseException) -> int:
    """The candidate's line that an exception came through last, 0 where it came through none."""
    line, step = 0, error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == CANDIDATE:
            line = step.tb_lineno
        step = step.tb_next
    return line
