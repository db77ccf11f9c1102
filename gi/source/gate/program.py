"""A parsed program as the gate's rules read it: parents, scopes, imports, its own definitions."""

import ast
import builtins
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from gi.source.gate.allowed import Allowed

Function = ast.FunctionDef | ast.Lambda
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
#: What may decorate a function and do nothing else; given to a function they would take a backend, or a file.
COMPILERS = frozenset({"torch.compile", "torch.jit.script"})
EVERY_BUILTIN = frozenset(dir(builtins))


def children(node: ast.AST) -> list[ast.AST]:
    """The nodes directly in a node, in the order of the text; `ast.iter_child_nodes` takes three times as long."""
    found: list[ast.AST] = []
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, ast.AST):
            found.append(value)
        elif isinstance(value, list):
            found += [item for item in value if isinstance(item, ast.AST)]
    return found


@dataclass(frozen=True)
class GatedProgram:
    """A tree with the tables that the rules share.

    `entry` is the class or function that is called to build the network, "" where it may be any; `given_lists` is the
    entry where it is called with lists or dictionaries, "" where it is not.
    """

    tree: ast.Module
    allowed: Allowed
    given_lists: str = ""
    entry: str = ""

    @property
    def nodes(self) -> list[ast.AST]:
        """Every node, outer ones first."""
        return self._walked[0]

    @property
    def parent(self) -> dict[ast.AST, ast.AST]:
        """What each node stands in."""
        return self._walked[1]

    @cached_property
    def _walked(self) -> tuple[list[ast.AST], dict[ast.AST, ast.AST]]:
        nodes: list[ast.AST] = [self.tree]
        parents: dict[ast.AST, ast.AST] = {}
        for node in nodes:
            for child in children(node):
                # `Load` and the like are one object for the whole tree; nobody asks for their parents.
                parents[child] = node
                nodes.append(child)
        return nodes, parents

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
        """Whether a class says how something is differentiated: it derives from `torch.autograd.Function`."""
        return isinstance(node, ast.ClassDef) and any(
            self.qualified(base) == "torch.autograd.Function" for base in node.bases
        )

    @cached_property
    def derivatives(self) -> frozenset[str]:
        """The names of the classes of which every one that bears it is a derivative."""
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
        """The nodes that a node stands in, from the nearest."""
        while (above := self.parent.get(node)) is not None:
            yield above
            node = above

    def function_of(self, node: ast.AST) -> Function | None:
        """The function or lambda whose body a node stands in; decorators, defaults and annotations stand outside."""
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
        """Whether a function stands in a class's body."""
        return isinstance(function, ast.FunctionDef) and isinstance(self.parent[function], ast.ClassDef)

    def first_argument(self, function: Function | None) -> str:
        """What a method calls its object, "" for a function that is given none."""
        if not isinstance(function, ast.FunctionDef) or not self.is_method(function):
            return ""
        if any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in function.decorator_list):
            return ""
        arguments = [*function.args.posonlyargs, *function.args.args]
        return arguments[0].arg if arguments else ""

    def runs(self, function: Function | None) -> bool:
        """Whether a function runs for an image, and not only where the network is built.

        A function builds when everything that mentions it calls it from a constructor or from what builds.
        """
        return isinstance(function, ast.Lambda) or (function is not None and function.name in self._running)

    @cached_property
    def _running(self) -> frozenset[str]:
        """The names of the functions that run. A name stands for all functions that bear it."""
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
        """Whether a function that is mentioned is called at once, or applied to the modules of a network."""
        above = self.parent[node]
        if not isinstance(above, ast.Call):
            return False
        applied = isinstance(above.func, ast.Attribute) and above.func.attr == "apply" and node in above.args
        return above.func is node or applied

    def qualified(self, node: ast.AST) -> str:
        """The qualified name of a chain of attributes through the imports, "" for anything else."""
        if not isinstance(node, (ast.Name, ast.Attribute)):
            return ""
        if node not in self._qualified:
            self._qualified[node] = self._find_qualified(node)
        return self._qualified[node]

    @cached_property
    def _qualified(self) -> dict[ast.AST, str]:
        return {}

    def _find_qualified(self, node: ast.AST) -> str:
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
        """The scope that a name read in a program means, None where nothing of the program binds it.

        A class's own names are not seen from its methods, so that they count only in the class's own body.
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
            # What a comprehension first goes through is read outside of it.
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
