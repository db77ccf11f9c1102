"""One call of what a program does not define, as the functions see it that say what it gives."""

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gi.source.gate.flow.activation import Activation
from gi.source.gate.flow.values import Arguments, Container, ValueSet

if TYPE_CHECKING:
    from gi.source.gate.flow.flow import Flow


@dataclass(frozen=True)
class CallSite:
    """A call that stands at `node` in an activation; what it gives goes into `result`."""

    flow: "Flow"
    node: ast.AST
    arguments: Arguments
    activation: Activation
    result: ValueSet

    def gives(self, *slots: ValueSet) -> None:
        """The call gives anything that is in these slots."""
        for slot in slots:
            slot.flow_to(self.result)

    def make(
        self,
        *contents: ValueSet,
        fixed: bool = False,
        once: bool = False,
        part: str = "",
        places: tuple[ValueSet, ...] = (),
    ) -> Container:
        """A container with what is in these slots, which the call gives where it has no `part` of it."""
        made = self.flow.container(self.node, self.activation, fixed=fixed, once=once, part=part, places=places)
        for slot in contents:
            slot.flow_to(made.contents)
        if not part:
            self.result.add(made)
        return made

    def elements(self) -> list[ValueSet]:
        """What going through each argument gives."""
        return [self.flow.elements(slot) for slot in self.arguments.all()]

    def unpacked(self) -> list[ValueSet]:
        """The arguments that `*` and `**` give."""
        return [slot for slot in (self.arguments.rest, self.arguments.more) if slot is not None]

    def call(self, function: ValueSet, *positional: ValueSet, rest: ValueSet | None = None) -> ValueSet:
        """What a function gives that this call calls."""
        given = Arguments(positional, rest)
        return self.flow.calls.result(self.node, function, given, self.activation)
