"""One pass over a LibCST tree that tracks the values of names and collects every call that has a line type.

It is an abstract interpretation: both branches of an `if` are walked, and a name that they bind differently has the
values of both. Where `act = nn.ReLU if fast else nn.GELU`, the call `act()` has two symbols of one type and is typed;
with `nn.Dropout` for one of them it has two types and is left out.

What it cannot do: loops are walked once, and nothing is passed from a call to the parameters of the function; a
parameter has its default's value.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import libcst as cst

from gi.core.types import LineType
from gi.lines.index import ClassIndex, absolute
from gi.lines.meaning import Meanings
from gi.lines.names import FreeNames, free_names
from gi.lines.tree import children
from gi.lines.value import UNKNOWN, ClassScope, Scope, Value, dotted

_OWN: Final = "<file>"  # in place of the module's name where it has none
_IDENTITY: Final = "torch.nn.Identity"  # in a choice with another layer, that layer gives the type


@dataclass(frozen=True, slots=True)
class ResolvedCall:
    """A typed call of the tree: its symbol as users see it, its type, and the free names of its arguments."""

    call: cst.Call
    symbol: str
    type: LineType
    free: FreeNames


class Walk:
    """Walks one module; `calls` holds its typed calls in the order of the walk, not of the source."""

    def __init__(self, module: str, classes: ClassIndex) -> None:
        self.calls: list[ResolvedCall] = []
        self._is_package = module.endswith(".__init__") or classes.is_package(module)
        self._module = module.removesuffix(".__init__")
        self._meanings = Meanings(self._module or _OWN, classes)
        # Function bodies wait: they see names that the module binds after them.
        self._later: deque[tuple[cst.FunctionDef, Scope]] = deque()
        self._statements: dict[type, Callable[..., None]] = {
            cst.Assign: self._assign,
            cst.AnnAssign: self._annotated,
            cst.AugAssign: self._augmented,
            cst.Import: self._import,
            cst.ImportFrom: self._import_from,
            cst.If: self._if,
            cst.For: self._for,
            cst.While: self._while,
            cst.With: self._with,
            cst.Try: self._try,
            cst.TryStar: self._try,
            cst.Match: self._match,
            cst.FunctionDef: self._function,
            cst.ClassDef: self._class,
        }

    def module(self, tree: cst.Module) -> None:
        """Walks module-level code first, then the bodies of functions, which run when the module is complete."""
        self._suite(tree.body, Scope())
        while self._later:
            node, scope = self._later.popleft()
            self._suite(node.body.body, scope)

    # Statements

    def _suite(self, body: object, scope: Scope) -> None:
        for node in body:  # type: ignore[attr-defined]
            if node.__class__ is cst.SimpleStatementLine:
                for small in node.body:
                    self._statement(small, scope)
            else:
                self._statement(node, scope)

    def _statement(self, node: cst.CSTNode, scope: Scope) -> None:
        handler = self._statements.get(node.__class__)
        if handler is not None:
            handler(node, scope)
        else:
            for child in children(node):
                self._visit(child, scope)

    def _assign(self, node: cst.Assign, scope: Scope) -> None:
        self._visit(node.value, scope)
        for target in node.targets:
            self._visit(target.target, scope)
            self._bind(target.target, node.value, scope)

    def _annotated(self, node: cst.AnnAssign, scope: Scope) -> None:
        self._visit(node.annotation, scope)
        if node.value is not None:
            self._visit(node.value, scope)
            self._bind(node.target, node.value, scope)

    def _augmented(self, node: cst.AugAssign, scope: Scope) -> None:
        self._visit(node.value, scope)
        self._set(node.target, UNKNOWN, scope)

    def _bind(self, target: cst.BaseExpression, value: cst.BaseExpression, scope: Scope) -> None:
        """Binds a target to the value of an expression, element by element where both are tuples."""
        if (
            isinstance(target, cst.Tuple | cst.List)
            and isinstance(value, cst.Tuple | cst.List)
            and len(target.elements) == len(value.elements)
        ):
            # All values before any binding, as Python does: `a, b = b, a` swaps.
            values = [self._meanings.value(element.value, scope) for element in value.elements]
            for element, meaning in zip(target.elements, values, strict=True):
                self._set(element.value, meaning, scope)
            return
        self._set(
            target, self._meanings.value(value, scope, target.value if isinstance(target, cst.Name) else ""), scope
        )

    def _set(self, target: cst.BaseExpression, value: Value, scope: Scope) -> None:
        if isinstance(target, cst.Name):
            scope.bind(target.value, value)
            # A name bound in the class's body is read as `self.name` too.
            if scope.is_class and scope.owner is not None:
                scope.owner.hold(target.value, value)
        elif isinstance(target, cst.Attribute) and isinstance(target.value, cst.Name):
            owner = scope.receiver_class(target.value.value)
            if owner is not None:
                owner.hold(target.attr.value, value)
        elif isinstance(target, cst.Tuple | cst.List):
            for element in target.elements:
                self._set(element.value, UNKNOWN, scope)
        elif isinstance(target, cst.StarredElement):
            self._set(target.value, UNKNOWN, scope)

    def _import(self, node: cst.Import, scope: Scope) -> None:
        for alias in node.names:
            symbol = dotted(alias.name)
            name = alias.asname.name if alias.asname else None
            # `import a.b` binds `a`, `import a.b as c` binds the module itself.
            bound = name.value if isinstance(name, cst.Name) else symbol.partition(".")[0]
            scope.bind(bound, Value((symbol if name else bound,)))

    def _import_from(self, node: cst.ImportFrom, scope: Scope) -> None:
        target = dotted(node.module) if node.module else ""
        base = absolute(self._module, self._is_package, len(node.relative), target)
        if isinstance(node.names, cst.ImportStar):
            # Kept beside the names: of a module outside the index, such as torch's, they are looked up when used.
            scope.stars.append(base)
            for public in self._meanings.index.public_names(base):
                scope.bind(public, Value((f"{base}.{public}",)))
            return
        for alias in node.names:
            name = alias.asname.name if alias.asname else alias.name
            if isinstance(name, cst.Name):
                symbol = f"{base}.{alias.name.value}" if base else ""
                scope.bind(name.value, Value((symbol,)) if symbol else UNKNOWN)

    def _way(self, body: object, scope: Scope) -> dict[str, Value]:
        """The bindings of one path, kept apart from those of the scope until the paths join."""
        scope.layers.append({})
        self._suite(body, scope)
        return scope.layers.pop()

    def _if(self, node: cst.If, scope: Scope) -> None:
        ways = []
        branch: cst.If | cst.Else | None = node
        while isinstance(branch, cst.If):
            self._visit(branch.test, scope)
            way = self._way(branch.body.body, scope)
            if not _leaves(branch.body):  # a branch that returns or raises binds nothing for what follows
                ways.append(way)
            branch = branch.orelse
        ways.append(self._way(branch.body.body, scope) if branch else {})
        scope.layers[-1].update(scope.met(ways))

    def _for(self, node: cst.For, scope: Scope) -> None:
        self._visit(node.iter, scope)
        self._each(node.target, node.iter, scope)
        self._loop(node, scope)

    def _while(self, node: cst.While, scope: Scope) -> None:
        self._visit(node.test, scope)
        self._loop(node, scope)

    def _loop(self, node: cst.For | cst.While, scope: Scope) -> None:
        # The empty path is the loop that never runs.
        scope.layers[-1].update(scope.met([{}, self._way(node.body.body, scope)]))
        if node.orelse:
            self._suite(node.orelse.body.body, scope)

    def _with(self, node: cst.With, scope: Scope) -> None:
        for item in node.items:
            self._visit(item.item, scope)
            if item.asname:
                self._set(item.asname.name, UNKNOWN, scope)
        self._suite(node.body.body, scope)

    def _try(self, node: cst.Try | cst.TryStar, scope: Scope) -> None:
        tried = self._way((*node.body.body, *(node.orelse.body.body if node.orelse else ())), scope)
        ways = [tried]
        for handler in node.handlers:
            # A handler may run before or after any binding of the tried body.
            scope.layers.append(scope.met([{}, tried]))
            way = self._way(handler.body.body, scope)
            way = scope.layers.pop() | way
            if not _leaves(handler.body):
                ways.append(way)
        scope.layers[-1].update(scope.met(ways))
        if node.finalbody:
            self._suite(node.finalbody.body.body, scope)

    def _match(self, node: cst.Match, scope: Scope) -> None:
        self._visit(node.subject, scope)
        ways: list[dict[str, Value]] = [{}]
        for case in node.cases:
            if case.guard:
                self._visit(case.guard, scope)
            ways.append(self._way(case.body.body, scope))
        scope.layers[-1].update(scope.met(ways))

    def _function(self, node: cst.FunctionDef, scope: Scope) -> None:
        for decorator in node.decorators:
            self._visit(decorator.decorator, scope)
        inner = Scope(parent=scope)
        if scope.is_class:
            inner.owner = scope.owner
            inner.receiver = _receiver(node)
        self._parameters(node.params, scope, inner)
        # A function may return anything, and hides an import of the same name.
        scope.bind(node.name.value, UNKNOWN)
        self._later.append((node, inner))

    def _parameters(self, params: cst.Parameters, scope: Scope, inner: Scope) -> None:
        """Binds parameters to the values of their defaults."""
        for param in children(params):
            if isinstance(param, cst.Param):
                value = UNKNOWN
                if param.default is not None:
                    self._visit(param.default, scope)
                    value = self._meanings.value(param.default, scope)
                inner.bind(param.name.value, value)

    def _class(self, node: cst.ClassDef, scope: Scope) -> None:
        for part in (*node.decorators, *node.bases, *node.keywords):
            self._visit(part, scope)
        # Before the name is bound: in `class A(A)` the base is the older class.
        bases = [symbol for base in node.bases for symbol in self._meanings.value(base.value, scope).symbols]
        owner = ClassScope(f"{self._meanings.prefix}.{node.name.value}", tuple(bases))
        if bases == [owner.symbol]:  # class A(A): the older A is found through the index alone
            owner.bases = self._meanings.classes[owner.symbol].bases if owner.symbol in self._meanings.classes else ()
        self._meanings.classes[owner.symbol] = owner
        scope.bind(node.name.value, Value((owner.symbol,)))
        inner = Scope(parent=scope, owner=owner, is_class=True)
        self._suite(node.body.body, inner)

    # Expressions

    def _visit(self, node: cst.CSTNode, scope: Scope) -> None:
        """Collects the typed calls of an expression, and binds the names that it binds."""
        kind = node.__class__
        if kind is cst.Call:
            self._call(node, scope)  # type: ignore[arg-type]
        elif isinstance(node, cst.BaseComp):
            self._comprehension(node, scope)
            return
        elif kind is cst.Lambda:
            inner = Scope(parent=scope)
            self._parameters(node.params, scope, inner)  # type: ignore[attr-defined]
            self._visit(node.body, inner)  # type: ignore[attr-defined]
            return
        elif kind is cst.NamedExpr:
            self._visit(node.value, scope)  # type: ignore[attr-defined]
            self._bind(node.target, node.value, scope)  # type: ignore[attr-defined]
            return
        for child in children(node):
            self._visit(child, scope)

    def _comprehension(self, node: cst.BaseComp, scope: Scope) -> None:
        inner = Scope(parent=scope)
        loop: cst.CompFor | None = node.for_in
        while loop is not None:
            self._visit(loop.iter, inner)
            self._each(loop.target, loop.iter, inner)
            for test in loop.ifs:
                self._visit(test.test, inner)
            loop = loop.inner_for_in
        for child in children(node):
            if child is not node.for_in:
                self._visit(child, inner)

    def _each(self, target: cst.BaseExpression, iterable: cst.BaseExpression, scope: Scope) -> None:
        """Binds a loop's target to the join of the elements where they are written out, else to `UNKNOWN`."""
        value = UNKNOWN
        if isinstance(iterable, cst.Tuple | cst.List) and isinstance(target, cst.Name):
            for element in iterable.elements:
                # Without literals: the body stands for all rounds, in each of which the name has another one.
                value = value.join(Value(self._meanings.value(element.value, scope).symbols))
        self._set(target, value, scope)

    def _call(self, node: cst.Call, scope: Scope) -> None:
        symbols = self._meanings.value(node.func, scope).symbols
        if not symbols:
            return
        typed = {symbol: kind for symbol in symbols if (kind := self._meanings.type_of(symbol))}
        choices = {s: k for s, k in typed.items() if s != _IDENTITY} or typed
        # One type suffices: of several symbols, the first one is recorded.
        if len(set(choices.values())) == 1:
            symbol, kind = next(iter(choices.items()))
            free = free_names(node, scope, self._meanings)
            self.calls.append(ResolvedCall(node, self._meanings.shown(symbol), kind, free))


def _receiver(node: cst.FunctionDef) -> str:
    """The name of a method's first parameter; "" for a static or class method."""
    for decorator in node.decorators:
        if isinstance(decorator.decorator, cst.Name) and decorator.decorator.value == "staticmethod":
            return ""
    params = (*node.params.posonly_params, *node.params.params)
    return params[0].name.value if params else ""


def _leaves(body: cst.BaseSuite) -> bool:
    """Whether a suite ends in `return`, `raise`, `continue` or `break`."""
    last = body.body[-1] if body.body else None
    if isinstance(last, cst.SimpleStatementLine):
        last = last.body[-1]
    return isinstance(last, cst.Return | cst.Raise | cst.Continue | cst.Break)
