"""What is made while building and meets an image though it must not: tensors beside the parameters, iterators.

Such tensors would be weights that nobody counts: in lists, in records, in what functions close over. An iterator
remembers how far it was read.
"""

import ast
from collections.abc import Callable, Iterator

from gi.source.gate.flow.values import BUILT, AbstractValue, Container, Partial, ValueSet


class Hidden:
    """What code that runs for an image reads of what was there before."""

    def __init__(self) -> None:
        self._read: list[tuple[ast.expr, ValueSet]] = []

    def read(self, node: ast.expr, slot: ValueSet) -> None:
        """An attribute, or a name of a scope around, is read where an image runs through."""
        self._read.append((node, slot))

    def tensors(self) -> Iterator[ast.expr]:
        """The expressions by which such a tensor is met, once all is followed."""
        return self._met(lambda value: value is BUILT)

    def iterators(self) -> Iterator[ast.expr]:
        """The expressions by which such an iterator is met, once all is followed."""
        return self._met(lambda value: isinstance(value, Container) and value.once and value.outlives)

    def _met(self, wanted: Callable[[AbstractValue], bool]) -> Iterator[ast.expr]:
        holding: dict[AbstractValue, bool] = {}
        for node, slot in self._read:
            if any(_holds(value, wanted, holding) for value in slot.values):
                yield node


def _holds(value: AbstractValue, wanted: Callable[[AbstractValue], bool], known: dict[AbstractValue, bool]) -> bool:
    """Whether a value is wanted, or a container or partial that holds one."""
    if value not in known:
        known[value] = wanted(value)  # of what is asked already the answer is on its way
        inner: list[ValueSet] = []
        if isinstance(value, Container):
            inner = [value.contents]
        elif isinstance(value, Partial):
            inner = [value.function, *value.arguments.all()]
        known[value] = known[value] or any(_holds(one, wanted, known) for slot in inner for one in slot.values)
    return known[value]
