"""Activations: a function's body with the names that it sees, once for building and once for an image.

Names are followed along the statements, so that `x = list(x)` leaves nothing of what `x` was: a name has a slot for
each assignment that may still hold where it is read. What functions inside read of it may be any of them, since they
run later.
"""

import ast
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from gi.source.gate.flow.values import Container, Task, ValueSet

Body = ast.Module | ast.FunctionDef | ast.Lambda


@dataclass(eq=False)
class Activation:
    """All calls of one function at one moment: its names, its arguments and what it returns.

    `home` is the activation in which the function was made, None for the file's own statements. `runs` says that it may
    run for an image; the others build.
    """

    node: Body
    home: "Activation | None"
    runs: bool
    queue: deque[Task] = field(repr=False)

    def __post_init__(self) -> None:
        self.returned = ValueSet(self.queue)
        self.parameters: dict[str, ValueSet] = {}
        self.gathered: dict[str, Container] = {}
        """What `*args` and `**kwargs` are."""
        self.names: dict[str, ValueSet] = {}
        self._watchers: list[dict[str, ValueSet]] = []
        self._everywhere: dict[tuple[ast.AST, str], ValueSet] = {}
        arguments = None if isinstance(self.node, ast.Module) else self.node.args
        for argument in _every(arguments) if arguments else ():
            slot = ValueSet(self.queue)
            if arguments and argument in (arguments.vararg, arguments.kwarg):
                # Python makes a new one in every call.
                contents = ValueSet(self.queue)
                made = Container(contents, not self.runs, fixed=argument is arguments.vararg)
                self.gathered[argument.arg] = made
                slot.add(made)
            self.parameters[argument.arg] = slot
            self.bind(self.node, argument.arg, slot)

    @property
    def top(self) -> "Activation":
        """The activation of the file's own statements, around this one."""
        return self if self.home is None else self.home.top

    def everywhere(self, scope: ast.AST, name: str) -> ValueSet:
        """All that a name of a scope of this body is ever bound to, for functions that read it from inside."""
        return self._everywhere.setdefault((scope, name), ValueSet(self.queue))

    def bind(self, scope: ast.AST, name: str, slot: ValueSet) -> None:
        """Has a name stand for what is in a slot, from here on."""
        self.names[name] = slot
        slot.flow_to(self.everywhere(scope, name))
        for watcher in self._watchers:
            if name in watcher:
                slot.flow_to(watcher[name])

    def joined(self, ends: Iterable[dict[str, ValueSet]]) -> None:
        """Goes on where several ways meet, each with its names."""
        together: dict[str, list[ValueSet]] = {}
        for end in ends:
            for name, slot in end.items():
                slots = together.setdefault(name, [])
                if slot not in slots:
                    slots.append(slot)
        self.names = {name: self._union(slots) for name, slots in together.items()}

    def _union(self, slots: list[ValueSet]) -> ValueSet:
        if len(slots) == 1:
            return slots[0]
        union = ValueSet(self.queue)
        for slot in slots:
            slot.flow_to(union)
        return union

    def watched(self, names: Iterable[str]) -> dict[str, ValueSet]:
        """From here on a slot for each name that has what it is and all that it is bound to until `unwatched`."""
        watcher = {name: ValueSet(self.queue) for name in names}
        for name, slot in watcher.items():
            if name in self.names:
                self.names[name].flow_to(slot)
        self._watchers.append(watcher)
        return watcher

    def unwatched(self) -> None:
        """Ends what `watched` began last."""
        self._watchers.pop()


def _every(arguments: ast.arguments) -> list[ast.arg]:
    gathered = [argument for argument in (arguments.vararg, arguments.kwarg) if argument is not None]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *gathered]


def bound_names(statements: Iterable[ast.AST]) -> dict[str, None]:
    """The names that statements may bind, those of scopes inside among them."""
    found: dict[str, None] = {}
    for statement in statements:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                found[node.id] = None
            elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                found[node.name] = None
    return found
