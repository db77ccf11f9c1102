"""Searches for arguments that make a module class work: guesses for all its parameters, likely ones first."""

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from gi.trace.classes.argument_guesses import Call, assignments, parameters
from gi.trace.classes.probe import SAME, WIDER, Candidate, FailedTrial, channels_of

# A count and no time, so that the answer does not depend on the machine.
MAX_TRIES = 100
PATIENCE = 25  # further tries for a free width, once arguments were found that keep or multiply it
_MODULES_OF_A_TRY = 25  # a larger network counts as several tries


@dataclass(frozen=True, slots=True)
class Way:
    """Arguments that work, their kind of input, and whether the output's width is "free", "kept" or a "multiple"."""

    arguments: Mapping[str, str]
    kind: str
    width: str
    factor: float = 1.0


def working(candidate: Candidate, calls: Sequence[Call]) -> Way:
    """The best working arguments; `calls` are the arguments of real calls.

    Raises `FailedTrial`, that of the try that came furthest.
    """
    extra: list[str] = []
    # Each round adds the names that the error reports; names passed on through three constructors are not found.
    for _ in range(3):
        try:
            return _search(candidate, calls, extra)
        except FailedTrial as unfit:
            missing = [n for n in _missing(unfit.detail) if n not in extra and candidate.passes_on(n)]
            if not missing:
                raise
            extra += missing
    raise FailedTrial(1, "cannot be built", "parameters that are passed on")


def _search(candidate: Candidate, calls: Sequence[Call], extra: Sequence[str]) -> Way:
    """The first arguments that leave the width free, else that keep it, else that multiply it."""
    furthest, kept, left = FailedTrial(-1, "cannot be built"), dict[str, Way](), MAX_TRIES
    for arguments in assignments(parameters(candidate.signature(), calls, extra), MAX_TRIES):
        try:
            way = _works(candidate, arguments)
            if way.width == "free":
                return way
            left = left if way.width in kept else min(left, PATIENCE)
            kept.setdefault(way.width, way)
        except FailedTrial as unfit:
            furthest = max(furthest, unfit, key=lambda u: u.rank)
        left -= 1 + candidate.built // _MODULES_OF_A_TRY
        if left <= 0:
            break
    if not kept:
        raise furthest
    # Keeping the width fits anywhere; a multiple only where the host's width may grow.
    return kept.get("kept") or kept["multiple"]


def _works(candidate: Candidate, arguments: Mapping[str, str]) -> Way:
    # The free width first: such a class also works where both widths are equal.
    with contextlib.suppress(FailedTrial):
        kind, shape = candidate.any_kind(arguments, WIDER)
        if channels_of(shape, kind) == WIDER.channels_out:
            return Way(arguments, kind, "free")
    kind, shape = candidate.any_kind(arguments, SAME)
    factor = channels_of(shape, kind) / SAME.channels_in
    if factor == 1:
        return Way(arguments, kind, "kept")
    # Twice the width must give twice the output: 32 channels may become 64 by a constant of the class.
    more = candidate.run(arguments, replace(SAME, channels_in=64, channels_out=64), kind)
    if channels_of(more, kind) != 64 * factor:
        raise FailedTrial(
            3, "its width cannot be set", f"{SAME.channels_in} channels become {channels_of(shape, kind)}"
        )
    return Way(arguments, kind, "multiple", factor)


def _missing(detail: str) -> Iterator[str]:
    """The parameters that a call lacks, as Python's message names them."""
    if "missing" in detail and "required" in detail:
        yield from re.findall(r"'(\w+)'", detail)
