"""Shape repair: the fixes of a trace become edits of the text, until a trace brings none."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gi.core.errors import SourceError, UnrepairableError
from gi.core.protocols import Check
from gi.core.trace import Answer, Fix, Stopped, Trace
from gi.core.types import Task
from gi.source.places import placing
from gi.source.repair import layers, sums, values
from gi.source.repair.absent import without_absent
from gi.source.repair.head import add_head
from gi.source.repair.image_size import with_image_size
from gi.source.repair.out_of_place import out_of_place
from gi.source.repair.padding import set_padding
from gi.source.repair.values import add_argument, find_argument
from gi.source.tree.tree import Replacement, Source, parse

MAX_ROUNDS = 12

__all__ = ["MAX_ROUNDS", "Repaired", "UnrepairableError", "add_argument", "find_argument", "mend", "repair", "repaired"]


@dataclass(frozen=True, slots=True)
class Repaired:
    """A text with the answer of its last trace: it fits where that is a `Trace` without fixes."""

    text: str
    answer: Answer
    rounds: int


def repaired(text: str, task: Task, check: Check) -> Repaired:
    """The text after shape repair. Never raises for the program's fault: see `Repaired.answer`."""
    text, answer = without_absent(text, check(text, task), task, check)
    text, answer = with_image_size(text, answer, task, check)
    for rounds in range(MAX_ROUNDS):
        if isinstance(answer, Stopped) or not answer.fixes:
            return Repaired(text, answer, rounds)
        try:
            # Strides in the first round alone: one that does not mend every sum makes others differ, and so on without
            # end.
            mended = mend(text, answer, strides=rounds == 0)
        except UnrepairableError as error:
            return Repaired(text, Stopped("forward", "cannot repair", answer.fixes[0].site[0], str(error)), rounds)
        # The next trace would bring the same fixes.
        if mended == text:
            break
        text, answer = mended, check(mended, task)
    if isinstance(answer, Trace) and answer.fixes:
        fix = answer.fixes[0]
        return Repaired(text, Stopped("forward", "cannot repair", fix.site[0], _unmended(fix)), MAX_ROUNDS)
    return Repaired(text, answer, MAX_ROUNDS)


def _unmended(fix: Fix) -> str:
    what = f"argument {fix.name}" if fix.kind == "argument" else f"call ({fix.kind})"
    return f"its {what} still does not fit after {MAX_ROUNDS} rounds of repair"


def repair(text: str, task: Task, check: Check) -> str:
    """The program made to take `task.input_shape` and to give (n, `task.num_classes`).

    Raises `SourceError` where it does not parse or build, or cannot be made to fit.
    """
    parse(text)
    result = repaired(text, task, check)
    if isinstance(result.answer, Stopped):
        where = f"line {result.answer.line}: " if result.answer.line else ""
        raise SourceError(
            f"{where}{result.answer.reason} ({result.answer.stage}): {result.answer.detail or 'no detail'}"
        )
    return result.text


def mend(text: str, trace: Trace, *, strides: bool = True) -> str:
    """The text after one round of fixes. Raises `UnrepairableError`.

    What changes the structure waits until nothing else does not fit: a number that is mended may make it needless.
    Without `strides` images of different sizes are pooled: a stride that did not mend them all makes others differ.
    """
    source = parse(text)
    plain = [f for f in trace.fixes if f.kind not in _STRUCTURAL and (strides or f.name != "stride")]
    mended = source.edited(_agreed(_plain(source, trace, plain)))
    return mended if mended != text else source.edited(_agreed(_structural(source, trace)))


def _plain(source: Source, trace: Trace, fixes: Sequence[Fix]) -> list[Replacement]:
    # At a site where a projection or a pool is possible an argument that cannot be settled is no failure.
    structural = {f.site for f in trace.fixes if f.kind in _STRUCTURAL}
    numbers = [f for f in fixes if f.kind == "argument" and f.route]
    replacements = values.arguments(source, trace, numbers, optional=structural)
    for fix in fixes:
        if fix.kind == "argument" and not fix.route:
            raise UnrepairableError("a layer that the text does not build needs other arguments")
        if fix.kind != "argument":
            replacements.extend(_PLAIN[fix.kind](source, fix, trace))
    return replacements


def _structural(source: Source, trace: Trace) -> list[Replacement]:
    taken, replacements = placing.attribute_names(source), list[Replacement]()
    for fix in (f for f in trace.fixes if f.kind in _STRUCTURAL):
        if fix.kind == "project":
            replacements.extend(sums.project(source, fix, trace, taken))
        elif fix.kind == "resize":
            replacements.extend(sums.resize(source, fix, trace))
        else:
            replacements.extend(add_head(source, fix, taken, trace.network or "Net"))
    return replacements


_STRUCTURAL = frozenset({"project", "resize", "head"})
_PLAIN: dict[str, Callable[[Source, Fix, Trace], list[Replacement]]] = {
    "symbol": layers.set_symbol,
    "flatten": layers.flatten_first,
    "inplace": out_of_place,
    "lazy": layers.set_lazy,
    "pad": set_padding,
    "pool": layers.flatten_first,
    "remove": layers.remove,
    "shrink": layers.pool_first,
    "view": layers.set_view,
    "reshape": layers.reshape_for_view,
}


def _agreed(replacements: Sequence[Replacement]) -> list[Replacement]:
    """The replacements, each once. Raises `UnrepairableError` where two want different texts at one place."""
    texts: dict[tuple[int, int], str] = {}
    for replacement in replacements:
        key = (replacement.start, replacement.end)
        # Insertions at one place add up: only what replaces text can contradict.
        if replacement.start < replacement.end and texts.setdefault(key, replacement.text) != replacement.text:
            raise UnrepairableError("one line builds several layers that need different values")
    return list(dict.fromkeys(replacements))
