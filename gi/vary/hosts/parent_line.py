"""A line of the second parent as an operator names it, and the origin that the line has in that parent's past.

An operator sees a text and knows no more of a line than its number: the edit carries that number in an origin without
a repository. The caller of variation knows the parent's past. It is asked for the lines of an accepted offspring alone,
since an answer may go through every ancestor.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import TypeAlias

from gi.core.types import Edit, Origin

OriginOf: TypeAlias = Callable[[int], Origin | None]
"""The origin of a line (1-based) of the second parent's text; None where it is unknown."""


def parent_line(line: int) -> Origin:
    """The origin of a line (1-based) of the second parent, as far as its text shows."""
    return Origin("", "", "", line, "")


def is_parent_line(edit: Edit) -> bool:
    """Whether an edit brings a line of the second parent whose own origin has not been asked for."""
    return edit.origin is not None and not edit.origin.repository


def with_origins(edits: Sequence[Edit], origin_of: OriginOf) -> tuple[Edit, ...]:
    """The edits, each line of the second parent with the origin that it has there."""
    return tuple(
        dataclasses.replace(edit, origin=origin_of(edit.origin.line)) if edit.origin and is_parent_line(edit) else edit
        for edit in edits
    )
