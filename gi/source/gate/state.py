"""Rules over state: what runs for an image writes to nothing that outlives it, parameters and buffers aside.

A program that could remember would answer from what it saw: labels of an earlier call, or an answer kept between calls.
A function *builds* when everything that mentions it calls it from a constructor or from what builds; all others *run*.
"""

import ast
from collections.abc import Iterator
from functools import cached_property

from gi.source.gate.names import own_names
from gi.source.gate.program import COMPREHENSIONS, Function, GatedProgram
from gi.source.gate.refusal import GateRefusal, refused

#: Methods that change a container, or a module, in place. Those of tensors end in "_" and are `kept_tensors`' concern.
_CHANGING = frozenset({
    "append", "extend", "insert", "pop", "remove", "sort", "reverse", "update", "setdefault", "clear", "popitem",
    "move_to_end", "add_module", "register_buffer", "register_parameter", "requires_grad_", "apply", "reset_parameters",
})  # fmt: skip
#: Of what these give, nothing was there before.
_FRESH = frozenset({"list", "dict", "sorted"})
#: Methods that give what a container holds.
_READING = frozenset({"get", "pop", "popitem", "setdefault", "items", "values", "keys", "copy"})


def state_refusals(program: GatedProgram) -> Iterator[GateRefusal]:
    """Attributes set outside of constructors, and containers changed that may outlive the call."""
    return iter(_StateRules(program).refusals())


class _StateRules:
    def __init__(self, program: GatedProgram) -> None:
        self.program = program

    def refusals(self) -> Iterator[GateRefusal]:
        for node in self.program.nodes:
            function = self.program.function_of(node)
            runs = self._runs(function)
            if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
                yield from self._attribute(node, function, runs)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Del):
                yield refused(node, "state", "del")
            elif not runs:
                continue
            elif isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
                if not self._is_fresh(node.value):
                    yield refused(node, "state", "an element set in what may outlive the call")
            elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
                if self._kept(node.target, set(), given=None):
                    yield refused(node, "state", f"{node.target.id} may be kept, and is changed in place")
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CHANGING:
                if not self._is_fresh(node.func.value):
                    yield refused(node, "state", f".{node.func.attr}() of what may outlive the call")
            elif isinstance(node, ast.Attribute) and node.attr in _CHANGING and not self._is_called(node):
                yield refused(node, "state", f".{node.attr} as a value")
            elif isinstance(node, ast.Attribute) and node.attr in self._containers and self._is_handed_on(node):
                yield refused(node, "state", f"the list or dictionary .{node.attr} is handed on")
            elif isinstance(node, ast.Return) and node.value is not None and self._gives_kept(node.value):
                yield refused(node, "state", "gives out what is kept")

    def _is_called(self, node: ast.expr) -> bool:
        above = self.program.parent[node]
        return isinstance(above, ast.Call) and above.func is node

    @cached_property
    def _tensor_methods(self) -> frozenset[str]:
        """Methods that give no container: what the program calls its own may be a layer."""
        own = own_names(self.program) | self.program.functions.keys() | {"forward", "index", "count"}
        return self.program.allowed.attributes - _READING - _CHANGING - own

    def _is_handed_on(self, node: ast.Attribute) -> bool:
        """Whether an attribute is the argument of a call of a layer, which may keep or change it."""
        above = self.program.parent[node]
        call = self.program.parent[above] if isinstance(above, (ast.keyword, ast.Starred)) else above
        if not isinstance(call, ast.Call) or call.func is node or self.program.qualified(call.func):
            return False
        # A function of the text that changes what it is given is refused for that.
        known = self.program.allowed.builtins | self.program.functions.keys()
        name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
        return name not in known and name not in self._tensor_methods

    @cached_property
    def _containers(self) -> frozenset[str]:
        """The attributes that are set to a list or dictionary, or to an argument where a class is given one."""
        program = self.program
        given = any(
            isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id in program.classes
            and any(self._is_container(a, set()) for a in (*n.args, *(k.value for k in n.keywords)))
            for n in program.nodes
        )  # fmt: skip
        attributes = set()
        for node in program.nodes:
            value = (
                self._value(node) if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load) else None
            )
            if isinstance(value, ast.Name) and given:
                attributes.add(node.attr if isinstance(node, ast.Attribute) else "")
            elif value is not None and self._is_container(value, set()) and isinstance(node, ast.Attribute):
                attributes.add(node.attr)
        return frozenset(attributes)

    def _is_container(self, value: ast.expr, seen: set[object]) -> bool:
        if isinstance(value, ast.Name):
            scope, bindings = self._bindings(value)
            if (scope, value.id) in seen:
                return False
            seen.add((scope, value.id))
            bound = [self._value(binding) for binding in bindings]
            return any(b is not None and self._is_container(b, seen) for b in bound)
        if isinstance(value, ast.Call):
            return isinstance(value.func, ast.Name) and value.func.id in _FRESH
        if isinstance(value, ast.BinOp):
            return self._is_container(value.left, seen) or self._is_container(value.right, seen)
        return isinstance(value, (ast.List, ast.Dict, ast.ListComp, ast.DictComp))

    def _attribute(self, node: ast.Attribute, function: Function | None, runs: bool) -> Iterator[GateRefusal]:
        own = self._is_object(node.value, function)
        shared = node.attr in {"weight", "bias"} and self._is_object(_root(node), function)
        allowed = self.program.allowed
        if isinstance(node.ctx, ast.Del) or runs:
            yield refused(node, "state", f".{node.attr} is set outside of a constructor")
        elif node.attr in allowed.module_members or node.attr == "forward":
            yield refused(node, "override", f"{node.attr} is torch.nn.Module's own")
        elif not own and not shared:
            yield refused(node, "state", f".{node.attr} of something else is set")

    def _is_object(self, node: ast.expr, function: Function | None) -> bool:
        """Whether a node is what the method was called on: its first argument, bound to nothing else."""
        name = self.program.first_argument(function)
        once = function is not None and len(self.program.bound[function].get(name, ())) == 1
        return once and isinstance(node, ast.Name) and node.id == name != ""

    def _runs(self, function: Function | None) -> bool:
        return isinstance(function, ast.Lambda) or (function is not None and function.name in self._running)

    @cached_property
    def _running(self) -> frozenset[str]:
        """The names of the functions that run. A name stands for all functions that bear it."""
        program, running = self.program, {"forward"}
        mentions = [(node.id if isinstance(node, ast.Name) else node.attr, node) for node in program.nodes
                    if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Load)]  # fmt: skip
        mentions = [(name, node) for name, node in mentions if name in program.functions and name != "__init__"]
        running.update(name for name, node in mentions if not self._builds(node))
        for function in program.nodes:
            nested = isinstance(function, ast.FunctionDef) and program.function_of(function)
            if nested and isinstance(function, ast.FunctionDef) and self._runs_by(nested, running):
                running.add(function.name)
        grown = True
        while grown:
            more = {n for n, node in mentions if n not in running and self._runs_by(program.function_of(node), running)}
            running, grown = running | more, bool(more)
        return frozenset(running)

    @staticmethod
    def _runs_by(function: Function | None, running: set[str]) -> bool:
        return isinstance(function, ast.Lambda) or (function is not None and function.name in running)

    def _builds(self, node: ast.expr) -> bool:
        """Whether a function that is mentioned is called at once, or applied to the modules of a network."""
        above = self.program.parent[node]
        if not isinstance(above, ast.Call):
            return False
        applied = isinstance(above.func, ast.Attribute) and above.func.attr == "apply" and node in above.args
        return above.func is node or applied

    def _bindings(self, name: ast.Name) -> tuple[ast.AST | None, list[ast.AST]]:
        scope = self.program.binding(name)
        return scope, self.program.bound.get(scope, {}).get(name.id, []) if scope else []

    def _value(self, binding: ast.AST) -> ast.expr | None:
        """What a name is bound to, None where it is bound by something else than an assignment to itself alone."""
        above = self.program.parent[binding]
        if isinstance(above, ast.Assign) and binding in above.targets:
            return above.value
        return above.value if isinstance(above, ast.AnnAssign) else None

    def _is_fresh(self, receiver: ast.expr) -> bool:
        """Whether a container was made in this call: a name that nothing else is bound to in this function."""
        if not isinstance(receiver, ast.Name):
            return False
        scope, bindings = self._bindings(receiver)
        if scope is not self.program.function_of(receiver):
            return False
        standing = self._still_standing(scope, bindings, receiver)
        changed = [b for b in standing if not isinstance(self.program.parent[b], ast.AugAssign)]
        return bool(changed) and all(self._makes(self._value(binding)) for binding in changed)

    def _makes(self, value: ast.expr | None) -> bool:
        if isinstance(value, (ast.List, ast.Dict, ast.ListComp, ast.DictComp)):
            return True
        if isinstance(value, ast.BinOp):
            return True
        if isinstance(value, ast.Call):
            if isinstance(value.func, ast.Name) and value.func.id in _FRESH:
                return True
            if isinstance(value.func, ast.Attribute) and value.func.attr in self._tensor_methods | {"copy"}:
                return True  # a tensor, or a container's copy
            return self.program.qualified(value.func).startswith("torch.")
        return False

    def _gives_kept(self, value: ast.expr) -> bool:
        if isinstance(value, (ast.Tuple, ast.List)):
            return any(map(self._gives_kept, value.elts))
        if isinstance(value, ast.Dict):
            return any(map(self._gives_kept, value.values))
        if isinstance(value, ast.IfExp):
            return self._gives_kept(value.body) or self._gives_kept(value.orelse)
        return self._kept(value, set(), given=frozenset())

    def _kept(self, value: ast.expr, seen: set[object], given: frozenset[str] | None) -> bool:
        """Whether an expression may be, or hold, what outlives the call: an attribute, a global, an argument `given`.

        None stands for every argument.
        """
        if isinstance(value, ast.Attribute):
            return not self.program.qualified(value)
        if isinstance(value, ast.Name):
            return self._is_kept_name(value, seen, given)
        if isinstance(value, ast.Subscript):
            if isinstance(value.value, ast.Call):
                return self._kept(value.value, seen, given)
            parts = [n for n in ast.walk(value.value) if isinstance(n, (ast.Name, ast.Attribute))]
            return any(self._kept(part, seen, given) for part in parts if not self._is_called(part))
        if isinstance(value, ast.Call):
            return self._is_kept_call(value, seen, given)
        if isinstance(value, (ast.Tuple, ast.List)):
            return any(self._kept(item, seen, given) for item in value.elts)
        if isinstance(value, ast.IfExp):
            return self._kept(value.body, seen, given) or self._kept(value.orelse, seen, given)
        if isinstance(value, ast.BoolOp):
            return any(self._kept(item, seen, given) for item in value.values)
        if isinstance(value, ast.Starred):
            return self._kept(value.value, seen, given)
        return isinstance(value, COMPREHENSIONS)

    def _is_kept_call(self, call: ast.Call, seen: set[object], given: frozenset[str] | None) -> bool:
        if isinstance(call.func, ast.Attribute) and not self.program.qualified(call.func):
            if call.func.attr in _READING:
                return self._kept(call.func.value, seen, given)
            if call.func.attr in self._tensor_methods:
                return False  # of a tensor: numbers, or a tensor
        elif self.program.qualified(call.func) or (isinstance(call.func, ast.Name) and call.func.id in _FRESH):
            return False
        # A layer gives back what it got at most, and no list that is kept is handed to one.
        layer = isinstance(call.func, ast.Attribute) and call.func.attr not in self.program.functions
        given = frozenset() if layer else given
        return any(self._kept(argument, seen, given) for argument in self._passed_on(call))

    def _passed_on(self, call: ast.Call) -> list[ast.expr]:
        """The arguments that a call may give back: of a function of the text those that it returns, else all."""
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
        if name not in self.program.functions or any(isinstance(a, ast.Starred) for a in call.args):
            return arguments
        passed = set()
        for function in self.program.functions[name]:
            names = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
            given = self._returned.get(function, frozenset(names))
            passed |= {value for n, value in zip(names, call.args, strict=False) if n in given}
            passed |= {k.value for k in call.keywords if k.arg in given or k.arg not in names}
        return [argument for argument in arguments if argument in passed]

    @cached_property
    def _returned(self) -> dict[ast.AST, frozenset[str]]:
        """For each function of the text, the arguments that it may return as they came; all, till that is known."""
        returned: dict[ast.AST, frozenset[str]] = {}
        self.__dict__["_returned"] = returned
        for function in [f for functions in self.program.functions.values() for f in functions]:
            values = [n.value for n in ast.walk(function) if isinstance(n, ast.Return) and n.value is not None]
            names = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
            returned[function] = frozenset(
                n for n in names if any(self._kept(value, set(), given=frozenset({n})) for value in values)
            )
        return returned

    def _is_kept_name(self, name: ast.Name, seen: set[object], given: frozenset[str] | None) -> bool:
        scope, bindings = self._bindings(name)
        key = (scope, name.id, name.lineno)
        if scope is None or key in seen or name.id in self.program.imports:
            return False
        seen.add(key)  # of what was asked already the answer is on its way, or no
        if scope is not self.program.function_of(name) and not isinstance(scope, COMPREHENSIONS):
            return True
        return any(self._is_kept_binding(bound, seen, given) for bound in self._still_standing(scope, bindings, name))

    def _still_standing(self, scope: ast.AST | None, bindings: list[ast.AST], name: ast.Name) -> list[ast.AST]:
        """The bindings that a name may still have where it is read.

        What a function's own body, in no branch or loop, binds above the reading has replaced everything before it.
        """
        last = 0
        for binding in bindings if isinstance(scope, ast.FunctionDef) else ():
            statement = self.program.parent[binding]
            if not isinstance(statement, ast.Assign) or binding not in statement.targets:
                continue
            if self.program.parent[statement] is scope and (statement.end_lineno or 0) < name.lineno:
                last = max(last, statement.lineno)
        return [binding for binding in bindings if getattr(binding, "lineno", 0) >= last]

    def _is_kept_binding(self, binding: ast.AST, seen: set[object], given: frozenset[str] | None) -> bool:
        if isinstance(binding, (ast.FunctionDef, ast.ClassDef)):
            return False
        if isinstance(binding, ast.arg):
            return (
                given is None
                or binding.arg in given
                or binding.arg == self.program.first_argument(self.program.function_of(self._body_of(binding)))
            )
        above = self.program.parent[binding]
        if isinstance(above, ast.AugAssign):
            return False
        value = self._value(binding)
        if value is not None:
            return self._kept(value, seen, given)
        for around in self.program.around(binding):
            if isinstance(around, (ast.Assign, ast.AnnAssign)) and around.value is not None:
                return self._kept(around.value, seen, given)
            if isinstance(around, (ast.For, ast.comprehension)):
                # Layers are gone through to be called; a list in a list would be gone through to be changed.
                return self._kept(around.iter, seen, given)
        return True

    def _body_of(self, argument: ast.arg) -> ast.AST:
        function = next(n for n in self.program.around(argument) if isinstance(n, (ast.FunctionDef, ast.Lambda)))
        return function.body[0] if isinstance(function, ast.FunctionDef) else function.body


def _root(node: ast.expr) -> ast.expr:
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node
