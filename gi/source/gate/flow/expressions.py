"""What the expressions of an activation may be; every part of one is followed, since any may be a call."""

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from gi.source.gate.flow.activation import Activation
from gi.source.gate.flow.narrowing import narrow
from gi.source.gate.flow.taking import put_element, put_part
from gi.source.gate.flow.values import (
    BUILT,
    NUMERIC,
    PLAIN,
    TENSOR,
    AbstractValue,
    Arguments,
    Container,
    Function,
    ValueSet,
)
from gi.source.gate.program import COMPREHENSIONS

if TYPE_CHECKING:
    from gi.source.gate.flow.flow import Flow

Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def _place(index: ast.expr) -> int | None:
    """The place that an index is, None where it is not written out."""
    sign = 1
    if isinstance(index, ast.UnaryOp) and isinstance(index.op, ast.USub):
        sign, index = -1, index.operand
    value = index.value if isinstance(index, ast.Constant) else None
    return sign * value if isinstance(value, int) else None


class Expressions:
    """The expressions of one activation."""

    def __init__(self, flow: "Flow", activation: Activation) -> None:
        self.flow, self.activation = flow, activation
        #: A tensor that is made here.
        self.tensor = TENSOR if activation.runs else BUILT

    def slot(self, node: ast.expr) -> ValueSet:
        """The slot of what an expression may be."""
        return self._FORMS.get(type(node), Expressions._other)(self, node)

    def slots(self, nodes: list[ast.expr]) -> list[ValueSet]:
        """The slots of several expressions."""
        return [self.slot(node) for node in nodes]

    def container(
        self, node: ast.AST, *, fixed: bool = False, places: tuple[ValueSet, ...] = (), part: str = ""
    ) -> Container:
        """The container that a place makes; `part` tells several apart that one place makes."""
        return self.flow.container(node, self.activation, fixed=fixed, places=places, part=part)

    def _other(self, node: ast.expr) -> ValueSet:
        """What no program may hold (`syntax`), and what only stands around it."""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.slot(child)
        return self.flow.beyond.anything

    def _plain(self, node: ast.expr) -> ValueSet:
        """Truths and texts."""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.slot(child)
        return self.flow.plain

    def _constant(self, _: ast.expr) -> ValueSet:
        return self.flow.plain

    # Names ------------------------------------------------------------------------------------------------------------

    def _name(self, node: ast.Name) -> ValueSet:
        return self.activation.names.get(node.id) or self._name_outside(node)

    def _name_outside(self, node: ast.Name) -> ValueSet:
        program, activation = self.flow.program, self.activation
        if node.id in program.imports:
            return self.flow.named(program.imports[node.id])
        scope = program.binding(node)
        if scope is None:
            return self.flow.named(node.id)
        owner = scope if isinstance(scope, (ast.Module, ast.FunctionDef, ast.Lambda)) else program.function_of(scope)
        around: Activation | None = activation
        while around is not None and around.node is not (owner or program.tree):
            around = around.home
        if around is None:
            return self.flow.beyond.anything
        slot = around.everywhere(scope, node.id)
        if activation.runs and not around.runs:
            self.flow.hidden.read(node, slot)
        return slot

    def _attribute(self, node: ast.Attribute) -> ValueSet:
        name = self.flow.program.qualified(node)
        if name in self.flow.program.allowed.names or name in self.flow.program.allowed.modules:
            return self.flow.named(name)
        return self.flow.attribute(node, self.slot(node.value), self.activation)

    # What is made -----------------------------------------------------------------------------------------------------

    def _sequence(self, node: ast.Tuple | ast.List | ast.Set) -> ValueSet:
        fixed, starred = isinstance(node, ast.Tuple), any(isinstance(item, ast.Starred) for item in node.elts)
        slots = [
            self.flow.elements(self.slot(i.value)) if isinstance(i, ast.Starred) else self.slot(i) for i in node.elts
        ]
        if fixed and all(slot is self.flow.plain for slot in slots):
            return self.flow.plain
        made = self.container(node, fixed=fixed, places=tuple(slots) if fixed and not starred else ())
        for slot in slots:
            slot.flow_to(made.contents)
        return self.flow.holding(made)

    def _dictionary(self, node: ast.Dict) -> ValueSet:
        made = self.container(node)
        for key, value in zip(node.keys, node.values, strict=True):
            slot = self.slot(value)
            if key is None:
                slot = self.flow.elements(slot)
            else:
                self.slot(key).flow_to(made.contents)
            slot.flow_to(made.contents)
        return self.flow.holding(made)

    def _comprehension(self, node: Comprehension) -> ValueSet:
        activation, before = self.activation, dict(self.activation.names)
        for generator in node.generators:
            self.bind(generator.target, self.flow.elements(self.slot(generator.iter)), node)
            self.slots(generator.ifs)
        is_iterator = isinstance(node, ast.GeneratorExp)
        made = self.flow.container(node, activation, fixed=is_iterator, once=is_iterator)
        for item in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
            self.slot(item).flow_to(made.contents)
        activation.names = before
        return self.flow.holding(made)

    def _lambda(self, node: ast.Lambda) -> ValueSet:
        return self.flow.holding(self.function(node))

    def function(self, node: ast.FunctionDef | ast.Lambda) -> Function:
        """The function that a definition makes, its defaults being made with it."""
        made = Function(node, self.activation)
        defaults = [*node.args.defaults, *(default for default in node.args.kw_defaults if default is not None)]
        self.flow.made_functions[made] = dict(zip(defaults, self.slots(defaults), strict=True))
        return made

    # What is taken and put together -----------------------------------------------------------------------------------

    def _subscript(self, node: ast.Subscript) -> ValueSet:
        whole = self.slot(node.value)
        self.slot(node.slice)
        result = ValueSet(self.flow.queue)
        if isinstance(node.slice, ast.Slice):
            whole.each(lambda value: put_part(self.flow, node, value, self.activation, result))
        else:
            place = _place(node.slice)
            whole.each(lambda value: put_element(self.flow, value, place, result))
        return result

    def _slice(self, node: ast.Slice) -> ValueSet:
        self.slots([part for part in (node.lower, node.upper, node.step) if part is not None])
        return self.flow.plain

    def _starred(self, node: ast.Starred) -> ValueSet:
        return self.flow.elements(self.slot(node.value))

    def _operation(self, node: ast.BinOp) -> ValueSet:
        sides = [self.slot(side) for side in (node.left, node.right)]
        if any(isinstance(side, ast.Constant) and isinstance(side.value, float) for side in (node.left, node.right)):
            return self.flow.operation(node, sides, self.activation, ast.Div())  # no container takes one
        return self.flow.operation(node, sides, self.activation, node.op)

    def _choice(self, node: ast.IfExp) -> ValueSet:
        self.slot(node.test)
        before, slots = self.activation.names, list[ValueSet]()
        for truth, part in ((True, node.body), (False, node.orelse)):
            self.activation.names = dict(before)
            narrow(self.flow, node.test, self.activation, truth=truth)
            slots.append(self.slot(part))
        self.activation.names = before
        return self.flow.union(slots)

    def _truth(self, node: ast.BoolOp) -> ValueSet:
        return self.flow.union(self.slots(node.values))

    def _unary(self, node: ast.UnaryOp) -> ValueSet:
        slot = self.slot(node.operand)
        return (
            self.flow.plain
            if isinstance(node.op, ast.Not)
            else self.flow.operation(node, [slot], self.activation, node.op)
        )

    def _comparison(self, node: ast.Compare) -> ValueSet:
        sides = [self.slot(node.left), *self.slots(node.comparators)]
        result = ValueSet(self.flow.queue, PLAIN)
        for side in sides:
            side.each(lambda value: result.add(self.tensor) if value in NUMERIC - {PLAIN} else None)
        return result

    # Calls ------------------------------------------------------------------------------------------------------------

    def _call(self, node: ast.Call) -> ValueSet:
        function = self.slot(node.func)
        if self.activation.runs:
            self.flow.changes.needs_a_value(node, function, "what is called is not known")
        return self.flow.calls.result(node, function, self.arguments(node), self.activation)

    def arguments(self, node: ast.Call) -> Arguments:
        """What a call passes."""
        positional: list[ValueSet] = []
        rest: list[ValueSet] = []
        for argument in node.args:
            (rest if rest or isinstance(argument, ast.Starred) else positional).append(self.slot(argument))
        named = tuple((k.arg, self.slot(k.value)) for k in node.keywords if k.arg is not None)
        more = [self.flow.elements(self.slot(k.value)) for k in node.keywords if k.arg is None]
        union = self.flow.union
        return Arguments(tuple(positional), union(rest) if rest else None, named, union(more) if more else None)

    # Targets ----------------------------------------------------------------------------------------------------------

    def bind(self, target: ast.expr, slot: ValueSet, scope: ast.AST | None = None) -> None:
        """Has a target stand for what is in a slot; `scope` is the comprehension that binds it."""
        if isinstance(target, ast.Name):
            self.activation.bind(scope or self.activation.node, target.id, slot)
        elif isinstance(target, (ast.Tuple, ast.List)):
            self._unpack(target, slot, scope)
        elif isinstance(target, ast.Starred):
            made = self.container(target)
            slot.flow_to(made.contents)
            self.bind(target.value, self.flow.holding(made), scope)
        elif isinstance(target, ast.Attribute):
            self.flow.set_attribute(target, self.slot(target.value), slot, self.activation)
        elif isinstance(target, ast.Subscript):
            whole = self.slot(target.value)
            key = self.slot(target.slice)
            self.flow.changes.element(target, whole, self.activation)
            # What replaces a stretch of a list is gone through.
            put = (slot, self.flow.elements(slot)) if isinstance(target.slice, ast.Slice) else (slot, key)
            whole.each(lambda value: self.flow.put(value, *put))

    def _unpack(self, target: ast.Tuple | ast.List, slot: ValueSet, scope: ast.AST | None) -> None:
        number = len(target.elts)
        starred = any(isinstance(item, ast.Starred) for item in target.elts)
        parts = [ValueSet(self.flow.queue) for _ in target.elts]

        def unpack(value: AbstractValue) -> None:
            for index, part in enumerate(parts):
                placed = isinstance(value, Container) and len(value.places) == number and not starred
                put_element(self.flow, value, index if placed else None, part)

        if slot is self.flow.plain:
            parts = [slot] * number
        else:
            slot.each(unpack)
        for item, part in zip(target.elts, parts, strict=True):
            self.bind(item, part, scope)

    _FORMS: ClassVar[dict[type[ast.AST], Callable[..., ValueSet]]] = {
        ast.Constant: _constant, ast.Name: _name, ast.Attribute: _attribute, ast.Call: _call,
        ast.Subscript: _subscript, ast.Slice: _slice, ast.Tuple: _sequence, ast.List: _sequence, ast.Set: _sequence,
        ast.Dict: _dictionary, ast.Lambda: _lambda, ast.Starred: _starred, ast.BinOp: _operation, ast.IfExp: _choice,
        ast.BoolOp: _truth, ast.UnaryOp: _unary, ast.Compare: _comparison, ast.JoinedStr: _plain,
        ast.FormattedValue: _plain, **dict.fromkeys(COMPREHENSIONS, _comprehension),
    }  # fmt: skip
