"""The analysis as a whole: where it begins, and how it comes to its end.

It goes over each body once for building and once for an image, as calls reach it, and every set of values only grows,
so that it ends. What it does not know of a value it takes for the worst: that it outlives the call.
"""

import ast
from collections.abc import Iterable

from gi.source.gate.flow.flow import Flow
from gi.source.gate.flow.statements import Statements
from gi.source.gate.flow.values import (
    PLAIN,
    AbstractValue,
    Arguments,
    Container,
    Function,
    Holder,
    Member,
    Method,
    Object,
    Partial,
    ValueSet,
)
from gi.source.gate.program import GatedProgram

#: Deliveries of a value to a slot. The largest class of torchvision's takes 60,000.
MAX_STEPS = 300_000


class _TooMuchError(Exception):
    """A program whose values go more ways than are followed."""


def followed(program: GatedProgram) -> Flow:
    """The values of a program, followed to their end; `Flow.given_up` says that they have none within `MAX_STEPS`."""
    flow = Flow(program)
    try:
        _Analysis(flow).run()
    except _TooMuchError:
        flow.given_up = True
    return flow


class _Analysis:
    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self._gone_into: set[AbstractValue] = set()

    def run(self) -> None:
        flow, built = self.flow, ValueSet(self.flow.queue)
        Statements(flow, flow.top).body()
        self._work()
        for name in self._entries():
            self._enter(name, built)
        self._work()
        built.each(self._use)
        self._work()
        flow.changes.unknown()

    def _entries(self) -> Iterable[str]:
        """The names that gi calls: the entry, or whatever could be one, and the recipe."""
        program = self.flow.program
        defined = {s.name: None for s in program.tree.body if isinstance(s, (ast.FunctionDef, ast.ClassDef))}
        entry = {program.entry: None} if program.entry in defined else defined
        return {**entry, "recipe": None}

    def _enter(self, name: str, built: ValueSet) -> None:
        flow, literals = self.flow, ValueSet(self.flow.queue, PLAIN)
        if name == flow.program.given_lists:
            literal = Container(ValueSet(flow.queue, PLAIN), outlives=True)
            literal.contents.add(literal)
            literals.add(literal)
        given = Arguments((), literals, (), literals)
        if name == "recipe":
            given = Arguments((flow.modules, flow.plain))
        functions = flow.top.everywhere(flow.program.tree, name)
        functions.each(lambda value: flow.calls.apply(value, flow.program.tree, given, flow.top, built))

    def _use(self, value: AbstractValue) -> None:
        """Has gi call what an entry or a recipe gives: networks and losses with images, schedules with a number."""
        if isinstance(value, Container):
            if value not in self._gone_into:
                self._gone_into.add(value)
                value.contents.each(self._use)
        elif isinstance(value, (Function, Method, Member, Partial, Object, Holder)):
            flow = self.flow
            given = Arguments((), flow.tensors)
            flow.calls.apply(value, flow.program.tree, given, flow.beyond.activation, ValueSet(flow.queue))

    def _work(self) -> None:
        steps, queue = 0, self.flow.queue
        while queue:
            reader, value = queue.popleft()
            reader(value)
            steps += 1
            if steps > MAX_STEPS:
                raise _TooMuchError
