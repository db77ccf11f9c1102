"""Which values of a program may outlive the running call: attributes, globals, arguments, and what these hold.

A value outlives the call unless the text shows that it does not. Two questions differ. A value may *be* one that
outlives the call, so that changing it in place leaves state behind; and a value made in the call may *hold* one, so
that an element taken out of it outlives the call.
"""

import ast
from dataclasses import dataclass, replace
from functools import cached_property

from gi.source.gate.configuration import Configuration
from gi.source.gate.constants import is_constant
from gi.source.gate.given import Given
from gi.source.gate.names import own_names
from gi.source.gate.parts import counts, parts_of
from gi.source.gate.program import COMPREHENSIONS, GatedProgram

#: Builtins that return a new container, whose elements may be older.
FRESH = frozenset({"list", "dict", "sorted", "tuple"})
_FRESH_NAMES = frozenset({"collections.OrderedDict", "copy.copy", "copy.deepcopy"})
#: Functions that call a function they are given, and return its result.
CALLING = frozenset({"functools.reduce", "functools.partial", "torch.utils.checkpoint.checkpoint"})
#: Methods of modules that return the module itself, which may hold a list of layers.
_ITSELF = frozenset({"to", "type", "float", "double", "half", "bfloat16"})
#: Methods that change a container or a module in place. Those of tensors end in "_"; `kept_tensors` checks them.
CHANGING = frozenset({
    "append", "extend", "insert", "pop", "remove", "sort", "reverse", "update", "setdefault", "clear", "popitem",
    "move_to_end", "add_module", "register_buffer", "register_parameter", "requires_grad_", "apply", "reset_parameters",
})  # fmt: skip
#: Methods that return elements of a container.
READING = frozenset({"get", "pop", "popitem", "setdefault", "items", "values", "keys", "copy"})


@dataclass(frozen=True)
class _Question:
    """A question about a value: whether it is, or with `holds` contains, a value that outlives the call.

    `given` are the arguments that outlive the call, None for all of them. `seen` are the names visited so far.
    """

    given: frozenset[str] | None
    holds: bool
    seen: set[object]


@dataclass(frozen=True)
class Outliving:
    """Decides whether expressions of a program may outlive the call.

    With `only`, of attributes just these names count, else all that are not configuration.
    """

    program: GatedProgram
    only: frozenset[str] | None = None

    def is_kept(self, value: ast.expr, given: frozenset[str] | None = None) -> bool:
        """Whether a value may outlive the call. `given` are the arguments that do, None for all of them."""
        return self._kept(value, _Question(given, False, set()))

    def holds_kept(self, value: ast.expr) -> bool:
        """Whether a value may outlive the call or contain one that does."""
        return self._kept(value, _Question(None, True, set()))

    def is_fresh(self, receiver: ast.expr) -> bool:
        """Whether a container was made in this call: all bindings of its name that may hold here are new values."""
        if not isinstance(receiver, ast.Name):
            return False
        scope, bindings = self._bindings(receiver)
        if scope is None or scope is not self.program.function_of(receiver):
            return False
        changed = [b for b in self._still_standing(scope, bindings, receiver)
                   if not isinstance(self.program.parent[b], ast.AugAssign)]  # fmt: skip
        return bool(changed) and all(self._is_made(binding) for binding in changed)

    def _is_made(self, binding: ast.AST) -> bool:
        value = self.value(binding)
        if value is not None:
            return self._makes(value) or (isinstance(value, ast.Call) and not self.is_kept(value))
        if isinstance(binding, ast.arg):
            return not self._is_kept_binding(binding, _Question(None, False, set()))
        # One of several results of a call: `a, b = self.both(x)`.
        around = next((a for a in self.program.around(binding) if not isinstance(a, (ast.Tuple, ast.List))), None)
        return isinstance(around, ast.Assign) and isinstance(around.value, ast.Call) and not self._kept(
            around.value, _Question(None, True, set())
        )  # fmt: skip

    def value(self, binding: ast.AST) -> ast.expr | None:
        """The value that an assignment binds to a name; None for other bindings, as by unpacking or a loop."""
        above = self.program.parent[binding]
        if isinstance(above, ast.Assign) and binding in above.targets:
            return above.value
        return above.value if isinstance(above, ast.AnnAssign) else None

    @cached_property
    def tensor_methods(self) -> frozenset[str]:
        """Methods that return no container, without names of the program, which may be layers."""
        own = own_names(self.program) | self.program.functions.keys() | {"forward", "index", "count"}
        return self.program.allowed.attributes - READING - CHANGING - own

    @cached_property
    def configuration(self) -> Configuration:
        """The program's attributes that are configuration, and its plain values."""
        return Configuration(self.program, self._given)

    def _makes(self, value: ast.expr) -> bool:
        if isinstance(value, (ast.List, ast.Dict, ast.ListComp, ast.DictComp, ast.BinOp)):
            return True
        if not isinstance(value, ast.Call):
            return False
        if isinstance(value.func, ast.Name) and value.func.id in FRESH:
            return True
        if isinstance(value.func, ast.Attribute) and value.func.attr in self.tensor_methods | {"copy"}:
            return True  # a tensor, or a container's copy
        name = self.program.qualified(value.func)
        return name.startswith("torch.") or name in _FRESH_NAMES

    # Values ----------------------------------------------------------------------------------------------------------

    def _kept(self, value: ast.expr, asked: _Question) -> bool:
        if isinstance(value, ast.Attribute):
            if self.only is not None:
                return value.attr in self.only
            return not self.program.qualified(value) and not self.configuration.has(value.attr)
        if isinstance(value, ast.Name):
            return self._is_kept_name(value, asked)
        if isinstance(value, ast.Subscript):
            return self._kept(value.value, replace(asked, holds=True))
        if isinstance(value, ast.Call):
            return self._is_kept_call(value, asked)
        if isinstance(value, ast.BinOp):
            # The sum of lists is a new list with the elements of both.
            joins = asked.holds and isinstance(value.op, (ast.Add, ast.Mult))
            return joins and any(self._kept(side, asked) for side in (value.left, value.right))
        return any(self._kept(part, asked) for part in parts_of(value))

    def _is_kept_call(self, call: ast.Call, asked: _Question) -> bool:
        name = self.program.qualified(call.func)
        if isinstance(call.func, ast.Attribute) and not name:
            if call.func.attr in READING:
                return self._kept(call.func.value, replace(asked, holds=True))
            if call.func.attr in _ITSELF and self._kept(call.func.value, asked):
                return not (isinstance(call.func.value, ast.Attribute) and call.func.value.attr in self.program.tensors)
            if call.func.attr in self.tensor_methods:
                return False  # a method of a tensor gives numbers, or a tensor
        elif name:
            # The result of a function that is an argument is unknown: it may be any of the arguments.
            passes = name in CALLING or (asked.holds and name in _FRESH_NAMES - {"copy.deepcopy"})
            return passes and any(
                self._kept(a, replace(asked, holds=True)) for a in (*call.args, *(k.value for k in call.keywords))
            )
        elif isinstance(call.func, ast.Name) and call.func.id in FRESH | self.program.classes and not asked.holds:
            return False
        elif isinstance(call.func, ast.Name):
            if self._is_reading(call.func):
                return True
        elif self._kept(call.func, asked):
            return True
        # A layer returns at most what it was passed, and the state rules pass no kept list to one.
        layer = isinstance(call.func, ast.Attribute) and call.func.attr not in self.program.functions
        asked = replace(asked, given=frozenset()) if layer else asked
        return any(self._kept(argument, asked) for argument in self._passed_on(call))

    def _is_reading(self, name: ast.Name) -> bool:
        """Whether a name is bound to a method that returns elements of a container."""
        values = [self.value(binding) for binding in self._bindings(name)[1]]
        return any(isinstance(value, ast.Attribute) and value.attr in READING for value in values)

    def _passed_on(self, call: ast.Call) -> list[ast.expr]:
        """The arguments that a call may return: for a function of the text those that it returns, else all."""
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
        """For each function of the text, the arguments that it may return unchanged; all, until that is computed."""
        returned: dict[ast.AST, frozenset[str]] = {}
        self.__dict__["_returned"] = returned
        for function in [f for functions in self.program.functions.values() for f in functions]:
            values = [n.value for n in ast.walk(function) if isinstance(n, ast.Return) and n.value is not None]
            names = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
            returned[function] = frozenset(
                n for n in names if any(self.is_kept(value, given=frozenset({n})) for value in values)
            )
        return returned

    # Names -----------------------------------------------------------------------------------------------------------

    def _bindings(self, name: ast.Name) -> tuple[ast.AST | None, list[ast.AST]]:
        scope = self.program.binding(name)
        return scope, self.program.bound.get(scope, {}).get(name.id, []) if scope else []

    def _is_kept_name(self, name: ast.Name, asked: _Question) -> bool:
        scope, bindings = self._bindings(name)
        key = (scope, name.id, name.lineno, asked.holds)
        if scope is None or key in asked.seen or name.id in self.program.imports:
            return False
        if self.configuration.is_plain(name, set()):
            return False
        asked.seen.add(key)  # of a cycle, the other bindings decide
        if scope is not self.program.function_of(name) and not isinstance(scope, COMPREHENSIONS):
            return not all(map(self._is_fixed, bindings))
        return any(self._is_kept_binding(bound, asked) for bound in self._still_standing(scope, bindings, name))

    def _is_fixed(self, binding: ast.AST) -> bool:
        """Whether a binding outside of the function is a function, a class or a constant, which nothing can change."""
        value = self.value(binding)
        return isinstance(binding, (ast.FunctionDef, ast.ClassDef)) or (value is not None and is_constant(value))

    def _still_standing(self, scope: ast.AST | None, bindings: list[ast.AST], name: ast.Name) -> list[ast.AST]:
        """The bindings of a name that may hold at the place where it is read.

        An assignment in the function's body above, outside of branches and loops, replaces all bindings before it.
        """
        last = 0
        for binding in bindings if isinstance(scope, ast.FunctionDef) else ():
            statement = self.program.parent[binding]
            if not isinstance(statement, ast.Assign) or binding not in statement.targets:
                continue
            if self.program.parent[statement] is scope and (statement.end_lineno or 0) < name.lineno:
                last = max(last, statement.lineno)
        return [binding for binding in bindings if getattr(binding, "lineno", 0) >= last]

    def _is_kept_binding(self, binding: ast.AST, asked: _Question) -> bool:
        if isinstance(binding, (ast.FunctionDef, ast.ClassDef)):
            return False
        if isinstance(binding, ast.arg):
            function = self.program.function_of(self._body_of(binding))
            first = binding.arg == self.program.first_argument(function)
            return first or (binding.arg in asked.given if asked.given is not None else not self.is_input(binding))
        if isinstance(self.program.parent[binding], ast.AugAssign):
            return False
        value = self.value(binding)
        if value is not None:
            return self._kept(value, asked)
        for around in self.program.around(binding):
            if isinstance(around, (ast.Assign, ast.AnnAssign)) and around.value is not None:
                return self._kept(around.value, replace(asked, holds=True))
            if isinstance(around, (ast.For, ast.comprehension)):
                if counts(around, binding):
                    return False
                # A loop over layers calls them; a loop over a list of lists could change the inner ones.
                return self._kept(around.iter, replace(asked, holds=True))
        return True

    def is_input(self, argument: ast.arg) -> bool:
        """Whether no value that outlives the call is passed for a parameter.

        The rules in `state` pass no kept list to layers and functions that are called as values; for functions that are
        called by name, the calls show what is passed.
        """
        if argument not in self._inputs:
            self._inputs[argument] = True  # in a cycle, the other calls decide
            self._inputs[argument] = self._is_given_none(argument)
        return self._inputs[argument]

    @cached_property
    def _inputs(self) -> dict[ast.arg, bool]:
        return {}

    @cached_property
    def _given(self) -> Given:
        return Given(self.program)

    def _is_given_none(self, argument: ast.arg) -> bool:
        function = next(n for n in self.program.around(argument) if isinstance(n, (ast.FunctionDef, ast.Lambda)))
        if isinstance(function, ast.Lambda) or function.name == "forward":
            return True
        passed = self._given.by_name(function, argument)
        return passed is not None and not any(self._kept(value, _Question(None, True, set())) for value in passed)

    def _body_of(self, argument: ast.arg) -> ast.AST:
        function = next(n for n in self.program.around(argument) if isinstance(n, (ast.FunctionDef, ast.Lambda)))
        return function.body[0] if isinstance(function, ast.FunctionDef) else function.body
