"""The statements of an activation, in their order: what they bind, set, change and return."""

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from gi.source.gate.flow.activation import Activation, bound_names
from gi.source.gate.flow.expressions import Expressions
from gi.source.gate.flow.narrowing import narrow
from gi.source.gate.flow.values import PLAIN, Function, OwnClass, ValueSet

if TYPE_CHECKING:
    from gi.source.gate.flow.flow import Flow

Names = dict[str, ValueSet]


class Statements:
    """The body of one activation."""

    def __init__(self, flow: "Flow", activation: Activation) -> None:
        self.flow, self.activation = flow, activation
        self.expressions = Expressions(flow, activation)

    def body(self) -> None:
        """Follows the whole body."""
        node = self.activation.node
        if isinstance(node, ast.Lambda):
            self.expressions.slot(node.body).flow_to(self.activation.returned)
        else:
            self.activation.returned.add(PLAIN)  # None, where nothing is returned
            self._block(node.body)

    def _block(self, statements: list[ast.stmt]) -> bool:
        """Follows statements in a row; says whether what stands behind them is reached."""
        for statement in statements:
            form = self._FORMS.get(type(statement), Statements._other)
            if form(self, statement) is False:
                return False
        return True

    def _other(self, statement: ast.stmt) -> bool | None:
        """Statements that hold nothing but expressions; more no program may hold (`syntax`)."""
        for child in ast.iter_child_nodes(statement):
            if isinstance(child, ast.expr):
                self.expressions.slot(child)
            elif isinstance(child, ast.withitem):
                self.expressions.slot(child.context_expr)
        self._block([child for child in ast.iter_child_nodes(statement) if isinstance(child, ast.stmt)])
        return None

    def _end(self, statement: ast.stmt) -> bool:
        self._other(statement)
        return False

    def _return(self, statement: ast.Return) -> bool:
        if statement.value is not None:
            self.expressions.slot(statement.value).flow_to(self.activation.returned)
        return False

    # Assignments ------------------------------------------------------------------------------------------------------

    def _assign(self, statement: ast.Assign) -> None:
        slot = self.expressions.slot(statement.value)
        for target in statement.targets:
            self.expressions.bind(target, slot)

    def _annotated(self, statement: ast.AnnAssign) -> None:
        self._annotation(statement.annotation)
        if statement.value is not None:
            self.expressions.bind(statement.target, self.expressions.slot(statement.value))
        elif not isinstance(statement.target, ast.Name):  # which is looked up
            self._other(ast.Expr(statement.target))

    def _augmented(self, statement: ast.AugAssign) -> None:
        target, slot = statement.target, self.expressions.slot(statement.value)
        before = self.expressions.slot(target)
        self.flow.changes.in_place(statement, before, self.activation)
        # A list gets what is in the other one; of everything else there is a new one.
        items = self.flow.elements(slot)
        before.each(lambda value: self.flow.put(value, items))
        after = self.flow.operation(statement, [before, slot], self.activation, statement.op)
        self.expressions.bind(target, self.flow.union([before, after]))

    def _delete(self, statement: ast.Delete) -> None:
        for target in statement.targets:
            if isinstance(target, ast.Subscript):
                self.expressions.slot(target.slice)
                self.flow.changes.element(target, self.expressions.slot(target.value), self.activation)
            elif not isinstance(target, ast.Name):
                self._other(statement)

    # Definitions ------------------------------------------------------------------------------------------------------

    def _function(self, node: ast.FunctionDef) -> None:
        self.activation.bind(self.activation.node, node.name, self.flow.holding(self._made(node)))

    def _made(self, node: ast.FunctionDef) -> Function:
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        for annotation in (*(argument.annotation for argument in every if argument is not None), node.returns):
            self._annotation(annotation)
        self.expressions.slots(node.decorator_list)
        return self.expressions.function(node)

    def _annotation(self, annotation: ast.expr | None) -> None:
        """What an annotation is does not matter; a call in it does."""
        if annotation is not None and any(isinstance(node, ast.Call) for node in ast.walk(annotation)):
            self.expressions.slot(annotation)

    def _class(self, node: ast.ClassDef) -> None:
        own, before = OwnClass(node, self.activation), dict(self.activation.names)
        for expression in (*node.bases, *(keyword.value for keyword in node.keywords), *node.decorator_list):
            self.expressions.slot(expression)
        for statement in node.body:
            if isinstance(statement, ast.FunctionDef):
                made = self._made(statement)
                self.flow.classes.define(own, statement.name, made)
                self.activation.names[statement.name] = self.flow.holding(made)
            elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
                self._constant(own, statement)
            else:
                self._block([statement])
        self.activation.names = before
        self.activation.bind(self.activation.node, node.name, self.flow.holding(own))
        self.flow.classes.known.append(own)

    def _constant(self, own: OwnClass, statement: ast.Assign | ast.AnnAssign) -> None:
        if isinstance(statement, ast.AnnAssign):
            self._annotation(statement.annotation)
        if statement.value is None:
            return
        slot = self.expressions.slot(statement.value)
        for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
            if isinstance(target, ast.Name):
                slot.flow_to(self.flow.members.constant(own, target.id))
                self.activation.names[target.id] = slot

    # Ways that part ---------------------------------------------------------------------------------------------------

    def _branch(self, statement: ast.If) -> bool:
        self.expressions.slot(statement.test)
        before, ends = self.activation.names, list[Names]()
        for truth, body in ((True, statement.body), (False, statement.orelse)):
            self.activation.names = dict(before)
            narrow(self.flow, statement.test, self.activation, truth=truth)
            if (end := self._way(self.activation.names, body)) is not None:
                ends.append(end)
        self.activation.joined(ends)
        return bool(ends)

    def _assert(self, statement: ast.Assert) -> None:
        self._other(statement)
        narrow(self.flow, statement.test, self.activation, truth=True)

    def _way(self, before: Names, body: list[ast.stmt]) -> Names | None:
        """The names at the end of one way, None where it ends in itself."""
        self.activation.names = dict(before)
        return self.activation.names if self._block(body) else None

    def _loop(self, statement: ast.For) -> None:
        slot = self.flow.elements(self.expressions.slot(statement.iter))
        # What a name is at the beginning of a round: as before the loop, or as any round leaves it, by `break` too.
        watcher = self.activation.watched(bound_names([statement.target, *statement.body]))
        around = {**self.activation.names, **watcher}
        self.activation.names = dict(around)
        self.expressions.bind(statement.target, slot)
        self._block(statement.body)
        self.activation.unwatched()
        self.activation.names = around
        self._block(statement.orelse)

    def _try(self, statement: ast.Try) -> None:
        # Anything in the body may be the last that ran before a handler.
        watcher = self.activation.watched(bound_names(statement.body))
        around = {**self.activation.names, **watcher}
        ends = [self._way(self.activation.names, [*statement.body, *statement.orelse])]
        self.activation.unwatched()
        for handler in statement.handlers:
            if handler.type is not None:
                self.expressions.slot(handler.type)
            ends.append(self._way(around, handler.body))
        self.activation.joined([around, *(end for end in ends if end is not None)])
        self._block(statement.finalbody)

    def _with(self, statement: ast.With) -> bool:
        self.expressions.slots([item.context_expr for item in statement.items])
        return self._block(statement.body)

    _FORMS: ClassVar[dict[type[ast.AST], Callable[..., bool | None]]] = {
        ast.Assign: _assign, ast.AnnAssign: _annotated, ast.AugAssign: _augmented, ast.Delete: _delete,
        ast.FunctionDef: _function, ast.ClassDef: _class, ast.If: _branch, ast.For: _loop, ast.Try: _try,
        ast.With: _with, ast.Return: _return, ast.Raise: _end, ast.Break: _end, ast.Continue: _end,
        ast.Assert: _assert,
    }  # fmt: skip
