"""A parsed program with what the gate's rules need: parents, scopes, imports, definitions."""

import ast
import builtins
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from gi.source.gate.allowed import Allowed

Function = ast.FunctionDef | ast.Lambda
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
#: Allowed as decorators only: called as functions they would take a backend, or a file.
COMPILERS = frozenset({"torch.compile", "torch.jit.script"})
EVERY_BUILTIN = frozenset(dir(builtins))


@dataclass(frozen=True)
class GatedProgram:
    """A tree with the tables that the rules share.

    `given_lists` is the class or function that the entry calls with lists or dictionaries, "" where it does not.
    """

    tree: ast.Module
    allowed: Allowed
    given_lists: str = ""

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Every node, outer ones first."""
        return tuple(ast.walk(self.tree))

    @cached_property
    def parent(self) -> dict[ast.AST, ast.AST]:
        """The parent of each node."""
        # `Load` and the like are one object for the whole tree, and have no single parent.
        return {child: node for node in self.nodes for child in ast.iter_child_nodes(node)}

    @cached_property
    def imports(self) -> dict[str, str]:
        """The qualified name of each name that an import binds."""
        names: dict[str, str] = {}
        for node in self.nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    head = alias.name.partition(".")[0]
                    names[alias.asname or head] = alias.name if alias.asname else head
            elif isinstance(node, ast.ImportFrom) and node.module and node.module != "__future__":
                names.update({a.asname or a.name: f"{node.module}.{a.name}" for a in node.names})
        return names

    @cached_property
    def functions(self) -> dict[str, list[ast.FunctionDef]]:
        """The functions and methods that the text defines, by bare name."""
        functions = defaultdict(list)
        for node in self.nodes:
            if isinstance(node, ast.FunctionDef):
                functions[node.name].append(node)
        return dict(functions)

    @cached_property
    def classes(self) -> frozenset[str]:
        """The names of the classes that the text defines."""
        return frozenset(node.name for node in self.nodes if isinstance(node, ast.ClassDef))

    def is_derivative(self, node: ast.AST) -> bool:
        """Whether a class defines a derivative: it derives from `torch.autograd.Function`."""
        return isinstance(node, ast.ClassDef) and any(
            self.qualified(base) == "torch.autograd.Function" for base in node.bases
        )

    @cached_property
    def derivatives(self) -> frozenset[str]:
        """The class names all of whose classes are derivatives."""
        classes = [node for node in self.nodes if isinstance(node, ast.ClassDef)]
        others = {node.name for node in classes if not self.is_derivative(node)}
        return frozenset(node.name for node in classes) - others

    @cached_property
    def tensors(self) -> frozenset[str]:
        """The attributes that are parameters or buffers: of any layer, or registered by a class of the text."""
        attributes = {"weight", "bias", "data"}
        for node in self.nodes:
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(node.value, ast.Call):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if self.qualified(node.value.func).endswith((".Parameter", ".Buffer")):
                    attributes.update(target.attr for target in targets if isinstance(target, ast.Attribute))
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                first = node.args[0]
                if node.func.attr in {"register_buffer", "register_parameter"} and isinstance(first, ast.Constant):
                    attributes.add(str(first.value))
        return frozenset(attributes)

    def around(self, node: ast.AST) -> Iterator[ast.AST]:
        """The ancestors of a node, the nearest first."""
        while (above := self.parent.get(node)) is not None:
            yield above
            node = above

    def function_of(self, node: ast.AST) -> Function | None:
        """The innermost function or lambda whose body holds a node: not its decorators, defaults and annotations."""
        if node not in self._function_of:
            self._function_of[node] = self._find_function(node)
        return self._function_of[node]

    @cached_property
    def _function_of(self) -> dict[ast.AST, Function | None]:
        return {}

    def _find_function(self, node: ast.AST) -> Function | None:
        below = node
        for above in self.around(node):
            if isinstance(above, ast.Lambda) and below is above.body:
                return above
            if isinstance(above, ast.FunctionDef) and isinstance(below, ast.stmt):
                return above
            below = above
        return None

    def is_method(self, function: ast.AST) -> bool:
        """Whether a function is defined in a class's body."""
        return isinstance(function, ast.FunctionDef) and isinstance(self.parent[function], ast.ClassDef)

    def first_argument(self, function: Function | None) -> str:
        """The name of a method's object (`self`); "" for a function without one."""
        if not isinstance(function, ast.FunctionDef) or not self.is_method(function):
            return ""
        if any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in function.decorator_list):
            return ""
        arguments = [*function.args.posonlyargs, *function.args.args]
        return arguments[0].arg if arguments else ""

    def runs(self, function: Function | None) -> bool:
        """Whether a function may run for an image, and not only while the network is built.

        A function builds if each use of it is a call from a constructor or from another function that builds.
        """
        return isinstance(function, ast.Lambda) or (function is not None and function.name in self._running)

    @cached_property
    def _running(self) -> frozenset[str]:
        """The names of the functions that run. A name stands for all functions of that name."""
        running = {"forward"}
        mentions = [(node.id if isinstance(node, ast.Name) else node.attr, node) for node in self.nodes
                    if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Load)]  # fmt: skip
        mentions = [(name, node) for name, node in mentions if name in self.functions and name != "__init__"]
        running.update(name for name, node in mentions if not self._builds(node))
        for function in self.nodes:
            nested = isinstance(function, ast.FunctionDef) and self.function_of(function)
            if nested and isinstance(function, ast.FunctionDef) and _runs_by(nested, running):
                running.add(function.name)
        grown = True
        while grown:
            more = {n for n, node in mentions if n not in running and _runs_by(self.function_of(node), running)}
            running, grown = running | more, bool(more)
        return frozenset(running)

    def _builds(self, node: ast.expr) -> bool:
        """Whether the use of a function is a call, or an argument of `apply`, which calls it for each module."""
        above = self.parent[node]
        if not isinstance(above, ast.Call):
            return False
        applied = isinstance(above.func, ast.Attribute) and above.func.attr == "apply" and node in above.args
        return above.func is node or applied

    def qualified(self, node: ast.AST) -> str:
        """The qualified name of a chain of attributes through the imports, "" for anything else."""
        rest: list[str] = []
        while isinstance(node, ast.Attribute):
            rest.insert(0, node.attr)
            node = node.value
        if isinstance(node, ast.Name) and node.id in self.imports:
            return ".".join([self.imports[node.id], *rest])
        return ""

    @cached_property
    def bound(self) -> dict[ast.AST, dict[str, list[ast.AST]]]:
        """By scope (module, class, function, lambda, comprehension), the names bound there with the nodes that bind."""
        bindings: dict[ast.AST, dict[str, list[ast.AST]]] = defaultdict(lambda: defaultdict(list))
        for node in self.nodes:
            for name in _bound_by(node):
                bindings[self._scope_of(node)][name].append(node)
        return bindings

    def _scope_of(self, node: ast.AST) -> ast.AST:
        below = node
        for above in self.around(node):
            if isinstance(node, ast.arg) and isinstance(above, (ast.FunctionDef, ast.Lambda)):
                return above
            if isinstance(above, ast.FunctionDef) and isinstance(below, ast.stmt):
                return above
            if isinstance(above, ast.Lambda) and below is above.body:
                return above
            if isinstance(above, (ast.ClassDef, ast.Module)) and isinstance(below, ast.stmt):
                return above
            if isinstance(above, COMPREHENSIONS):
                return above
            below = above
        return self.tree

    def binding(self, name: ast.Name) -> ast.AST | None:
        """The scope that binds a name where it is read; None where nothing in the program does.

        Methods do not see the names of their class's body, so that class scopes never count.
        """
        if name not in self._binding:
            self._binding[name] = self._find_binding(name)
        return self._binding[name]

    @cached_property
    def _binding(self) -> dict[ast.Name, ast.AST | None]:
        return {}

    def _find_binding(self, name: ast.Name) -> ast.AST | None:
        below: ast.AST = name
        outside: ast.AST | None = None
        for above in self.around(name):
            if isinstance(above, ast.comprehension) and below is above.iter:
                outside = above
            # The first iterable of a comprehension is evaluated outside of it.
            first = isinstance(above, COMPREHENSIONS) and above.generators[0] is outside
            inside = (
                (isinstance(above, (ast.Module, *COMPREHENSIONS)) and not first)
                or (isinstance(above, ast.Lambda) and below is above.body)
                or (isinstance(above, ast.FunctionDef) and isinstance(below, ast.stmt))
            )
            if inside and name.id in self.bound.get(above, ()):
                return above
            below = above
        return None


def _runs_by(function: Function | None, running: set[str]) -> bool:
    return isinstance(function, ast.Lambda) or (function is not None and function.name in running)


def _bound_by(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Name):
        return [] if isinstance(node.ctx, ast.Load) else [node.id]
    if isinstance(node, ast.arg):
        return [node.arg]
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return [alias.asname or alias.name.partition(".")[0] for alias in node.names]
    return []
