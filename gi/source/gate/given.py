"""The arguments of a text's calls: for each parameter of its functions and classes, the expressions passed."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property

from gi.source.gate.program import GatedProgram

_CLASS_CALLERS = frozenset({"functools.partial"})


class Given:
    """The calls of a program, by the name that they call, which stands for all functions of that name."""

    def __init__(self, program: GatedProgram) -> None:
        self.program = program
        self._asked: set[ast.FunctionDef] = set()

    def expressions(self, argument: ast.arg) -> list[ast.expr] | None:
        """The expressions passed for a parameter of a function of the text; None where they are not known.

        Defaults are left out. Empty for a constructor that only the entry calls.
        """
        function = next(n for n in self.program.around(argument) if isinstance(n, (ast.FunctionDef, ast.Lambda)))
        if isinstance(function, ast.Lambda) or function.name == "forward" or function.name in self._values:
            return None
        return self.by_name(function, argument)

    def by_name(self, function: ast.FunctionDef, argument: ast.arg) -> list[ast.expr] | None:
        """The expressions that calls by name pass for a parameter, None where unknown; uses as values may add some."""
        own = self.program.parent[function]
        named = own.name if isinstance(own, ast.ClassDef) and function.name == "__init__" else function.name
        if argument in (function.args.vararg, function.args.kwarg) or named == self.program.given_lists:
            return None
        positional = [*function.args.posonlyargs, *function.args.args]
        place = positional.index(argument) if argument in positional else None
        if place is not None and self.program.first_argument(function):
            place -= 1
        sites = self._calls_of(function)
        if place == -1:
            return None
        found: list[ast.expr] = []
        for site in sites:
            passed = self._passed(site, argument.arg, place)
            if passed is None:
                return None
            found += passed
        return found

    def _passed(self, site: ast.Call, name: str, place: int | None) -> list[ast.expr] | None:
        """The expressions that a call passes for a parameter; None where it unpacks what the text does not show."""
        arguments = list(site.args)
        if self.program.qualified(site.func) in _CLASS_CALLERS:
            arguments = arguments[1:]
        if any(isinstance(argument, ast.Starred) for argument in arguments):
            return None
        found = [keyword.value for keyword in site.keywords if keyword.arg == name]
        if place is not None and place < len(arguments):
            found.append(arguments[place])
        for keyword in site.keywords:
            if keyword.arg is None:
                unpacked = self._unpacked(keyword.value)
                if unpacked is None:
                    return None
                found += unpacked
        return found

    def _unpacked(self, value: ast.expr) -> list[ast.expr] | None:
        """All values of a dictionary that is bound to a literal, as in `dd = {"device": device}`; None for another."""
        if isinstance(value, ast.Name):
            scope = self.program.binding(value)
            bindings = self.program.bound.get(scope, {}).get(value.id, []) if scope else []
            if isinstance(scope, ast.FunctionDef) and bindings == [scope.args.kwarg]:
                return self._keywords_of(scope)
            above = [self.program.parent[binding] for binding in bindings]
            values = [a.value for a in above if isinstance(a, ast.Assign) and len(a.targets) == 1]
            if len(values) != len(bindings) or any(not isinstance(v, (ast.Dict, ast.Call)) for v in values):
                return None
            made = [self._unpacked(v) for v in values]
            return None if not made or None in made else [v for each in made if each for v in each]
        if isinstance(value, ast.Dict):
            return None if None in value.keys else value.values
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "dict":
            plain = not value.args and all(keyword.arg for keyword in value.keywords)
            return [keyword.value for keyword in value.keywords] if plain else None
        return None

    def _keywords_of(self, function: ast.FunctionDef) -> list[ast.expr] | None:
        """The expressions that calls of a function pass by keyword, all of which its `**kwargs` may hold."""
        if function in self._asked:
            return []  # a cycle: the outer call collects the others
        if function.name in self._values:
            return None
        self._asked.add(function)
        found: list[ast.expr] | None = []
        for call in self._calls_of(function):
            for keyword in call.keywords:
                passed = [keyword.value] if keyword.arg else self._unpacked(keyword.value)
                found = None if passed is None or found is None else found + passed
        self._asked.discard(function)
        return found

    # Calls ------------------------------------------------------------------------------------------------------------

    def _calls_of(self, function: ast.FunctionDef) -> list[ast.Call]:
        constructs = function.name == "__init__"
        return self._constructions(function) if constructs else self._named.get(function.name, [])

    def _constructions(self, function: ast.FunctionDef) -> list[ast.Call]:
        """The calls that may build an object of a constructor's class, or of one that derives from it."""
        own = self.program.parent[function]
        names = self._derived(own.name) if isinstance(own, ast.ClassDef) else set[str]()
        above = [call for call in self._named.get("__init__", []) if self._class_of(call) in names]
        return [*self._unknown, *above, *(call for name in names for call in self._named.get(name, []))]

    def _class_of(self, call: ast.Call) -> str:
        """The class whose constructor makes the call `super().__init__(width)`."""
        return next((around.name for around in self.program.around(call) if isinstance(around, ast.ClassDef)), "")

    def _derived(self, name: str) -> set[str]:
        """The names of a class and of all classes of the text that derive from it."""
        classes = [node for node in self.program.nodes if isinstance(node, ast.ClassDef)]
        names = {name}
        while more := {c.name for c in classes for b in c.bases if isinstance(b, ast.Name) and b.id in names} - names:
            names |= more
        return names

    @cached_property
    def _named(self) -> dict[str, list[ast.Call]]:
        named: dict[str, list[ast.Call]] = defaultdict(list)
        for call in self._every:
            func = call.func
            if isinstance(func, ast.Name):
                named[func.id].append(call)
            elif isinstance(func, ast.Attribute) and not self.program.qualified(func):
                named[func.attr].append(call)
        return named

    @cached_property
    def _values(self) -> frozenset[str]:
        """The names of functions that the text also uses as values."""
        called = {call.func for call in self._every}
        loads = (n for n in self.program.nodes if isinstance(n, (ast.Name, ast.Attribute)) and n not in called)
        names = {n.id if isinstance(n, ast.Name) else n.attr for n in loads if isinstance(n.ctx, ast.Load)}
        return frozenset(names & self.program.functions.keys())

    @cached_property
    def _unknown(self) -> list[ast.Call]:
        """The calls with an unknown callee, which may build an object of any class."""
        return [call for call in self._every if self._may_build(call)]

    def _may_build(self, call: ast.Call) -> bool:
        func = call.func
        if self.program.qualified(func):
            return self.program.qualified(func) in _CLASS_CALLERS
        if isinstance(func, ast.Name):
            known = func.id in self.program.classes or func.id in self.program.functions
            return not known and self.program.binding(func) is not None
        if isinstance(func, ast.Attribute):
            if func.attr == "__init__":
                return False  # the constructor of its base class
            known = func.attr in self.program.functions or func.attr in self.program.allowed.attributes
            # In functions that run for an image, an attribute that is called is a layer.
            return not known and not self.program.runs(self.program.function_of(call))
        return True

    @cached_property
    def _every(self) -> tuple[ast.Call, ...]:
        return tuple(self._found_calls())

    def _found_calls(self) -> Iterator[ast.Call]:
        yield from (node for node in self.program.nodes if isinstance(node, ast.Call))
