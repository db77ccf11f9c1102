"""What of a module's text is known wherever gi runs it, though nothing of it has run.

gi's workers have one torch, an empty environment and no tracer or compiler. So it is known whether torch has a name,
what a switch of the environment is, what can be imported, and what follows from that.
"""

import ast
import sys
from collections import Counter, defaultdict
from functools import cached_property

from gi.source.gate.allowed import allowed
from gi.source.tree.scopes import bound_names, local_name, mentions
from gi.source.tree.tree import Source

#: Packages that a block may import: every run has them.
AVAILABLE = frozenset({"torch", "torchvision", "numpy"}) | sys.stdlib_module_names
#: What is false wherever gi runs a program.
NEVER = frozenset({
    "torch.jit.is_scripting", "torch.jit.is_tracing", "torch.compiler.is_compiling", "torch.compiler.is_exporting",
    "torch.onnx.is_in_onnx_export", "torch._C._get_tracing_state", "torch.are_deterministic_algorithms_enabled",
    "typing.TYPE_CHECKING",
})  # fmt: skip
_THERE = frozenset({"torch.compiler", "torch.compiler.is_exporting", "torch.compiler.is_compiling"})
_MISSING = frozenset({"ImportError", "ModuleNotFoundError", "Exception"})


class Known:
    """Answers for one module; `own` are the packages that its source has itself.

    A `whole` text is everything that its classes are made of: nothing outside of it sets their attributes.
    """

    def __init__(self, source: Source, own: frozenset[str], *, whole: bool = False) -> None:
        self.source, self.own, self.whole = source, own, whole

    def truth(self, node: ast.expr) -> bool | None:
        """Whether an expression is true or false wherever gi runs; None where that is not known."""
        if isinstance(node, ast.Constant) and isinstance(node.value, bool):
            return node.value
        if isinstance(node, (ast.Name, ast.Attribute)):
            if self._qualified(node) in NEVER:
                return False
            if isinstance(node, ast.Attribute):
                return self._switches.get(node.attr) if self.whole and isinstance(node.ctx, ast.Load) else None
            constant = self._constants.get(node.id)
            return constant if constant is not None and node in self._of_module else None
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            truth = self.truth(node.operand)
            return None if truth is None else not truth
        if isinstance(node, ast.BoolOp):
            decides = isinstance(node.op, ast.Or)
            found = [self.truth(value) for value in node.values]
            return decides if decides in found else None if None in found else not decides
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            return self._contained(node.left, node.ops[0], node.comparators[0])
        return self._called(node) if isinstance(node, ast.Call) else None

    def _called(self, node: ast.Call) -> bool | None:
        if self._qualified(node.func) in NEVER:
            return False
        if not isinstance(node.func, ast.Name):
            return None
        found: bool | None = None
        if node.func.id == "hasattr" and len(node.args) == 2:
            found = self._is_there(node.args[0], node.args[1])
        elif node.func.id in self._answers and not node.args and not node.keywords:
            found = self._answers[node.func.id]
        return found if found is not None and node.func in self._of_module else None

    def _contained(self, item: ast.expr, operator: ast.cmpop, container: ast.expr) -> bool | None:
        """Of `"name" in dir(torch.nn)` and `"SWITCH" in os.environ`, and of their contraries."""
        if not isinstance(operator, (ast.In, ast.NotIn)):
            return None
        found: bool | None = None
        if self._qualified(container) == "os.environ":
            found = False
        elif isinstance(container, ast.Call) and isinstance(container.func, ast.Name) and container.func.id == "dir":
            found = self._is_there(container.args[0], item) if len(container.args) == 1 else None
        return found if found is None or isinstance(operator, ast.In) else not found

    def _is_there(self, holder: ast.expr, name: ast.expr) -> bool | None:
        """True where a module of torch's has a name that is known; None where it is not known."""
        module = self._qualified(holder)
        if not module or not isinstance(name, ast.Constant):
            return None
        return True if isinstance(name.value, str) and f"{module}.{name.value}" in _names() else None

    def of_environment(self, node: ast.Call) -> ast.expr | None:
        """What a switch of the environment is where the environment is empty."""
        if self._qualified(node.func) not in {"os.environ.get", "os.getenv"} or not 1 <= len(node.args) <= 2:
            return None
        return node.args[1] if len(node.args) == 2 else ast.Constant(None)

    def tried(self, node: ast.Try) -> list[ast.stmt] | None:
        """What runs of `try: import it`, where it is known whether it can be imported."""
        imports = [s for s in node.body if isinstance(s, (ast.Import, ast.ImportFrom))]
        plain = [s for s in node.body if isinstance(s, ast.Assign) and isinstance(s.value, ast.Constant)]
        caught = {n.id for h in node.handlers if h.type for n in ast.walk(h.type) if isinstance(n, ast.Name)}
        if not imports or len(imports) + len(plain) < len(node.body) or node.finalbody or not caught & _MISSING:
            return None
        found = [self._can_import(statement) for statement in imports]
        if False in found:
            return node.handlers[0].body if len(node.handlers) == 1 and not node.handlers[0].name else None
        return None if None in found else [*node.body, *node.orelse]

    def _can_import(self, node: ast.Import | ast.ImportFrom) -> bool | None:
        names = [a.name for a in node.names]
        if isinstance(node, ast.ImportFrom):
            if node.level or not node.module:
                return None
            names = [f"{node.module}.{name}" for name in names]
        tops = {name.partition(".")[0] for name in names}
        if not tops <= AVAILABLE | self.own:
            return False
        return True if all(name in _names() for name in names) else None

    @cached_property
    def _of_module(self) -> set[ast.AST]:
        """The names that mean the module's, or the builtins'."""
        return {mention.node for statement in self.source.tree.body for mention in mentions(statement)}

    @cached_property
    def _bindings(self) -> Counter[str]:
        tree = self.source.tree
        counted = Counter(name for statement in tree.body for name in bound_names([statement]))
        # A name that a function may bind anew is bound more than once.
        counted.update(name for n in ast.walk(tree) if isinstance(n, ast.Global) for name in n.names)
        return counted

    @cached_property
    def _imports(self) -> dict[str, str]:
        imports: dict[str, str] = {}
        plain = Counter[str]()
        for node in self.source.tree.body:
            if isinstance(node, ast.Import):
                imports.update({local_name(a): a.name if a.asname else local_name(a) for a in node.names})
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imports.update({local_name(a): f"{node.module}.{a.name}" for a in node.names})
            else:
                continue
            plain.update(local_name(alias) for alias in node.names)
        # `import torch` and `import torch.fx` bind one name to one module.
        return {name: symbol for name, symbol in imports.items() if self._bindings[name] == plain[name]}

    @cached_property
    def _constants(self) -> dict[str, bool]:
        """The names that are bound once, to what is known to be true or false."""
        self.__dict__["_constants"] = found = dict[str, bool]()
        for node in self.source.tree.body:
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                name, truth = node.targets[0].id, self.truth(node.value)
                if truth is not None and self._bindings[name] == 1:
                    found[name] = truth
        return found

    @cached_property
    def _switches(self) -> dict[str, bool]:
        """The attributes that the whole text sets to one truth alone, of which torch's layers and tensors have none."""
        tree = self.source.tree
        found: dict[str, set[bool | None]] = defaultdict(set)
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and node.id in {"setattr", "vars"}:
                return {}
            if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
                above = self.source.parents[node]
                value = above.value if isinstance(above, ast.Assign) and node in above.targets else None
                found[node.attr].add(value.value if isinstance(value, ast.Constant) else None)  # type: ignore[arg-type]
            elif isinstance(node, ast.ClassDef):
                for name in bound_names(node.body):
                    found[name].add(None)
        taken = allowed().attributes | allowed().module_members | allowed().denied
        return {
            name: truth for name, (truth, *others) in found.items()
            if isinstance(truth, bool) and not others and name not in taken
        }  # fmt: skip

    @cached_property
    def _answers(self) -> dict[str, bool]:
        """The functions that give what is known, as `def is_tracing(): return torch.jit.is_tracing()` does."""
        self.__dict__["_answers"] = found = dict[str, bool]()
        for node in self.source.tree.body:
            if not isinstance(node, ast.FunctionDef) or self._bindings[node.name] != 1:
                continue
            last = node.body[-1]
            documented = len(node.body) == 2 and ast.get_docstring(node, clean=False) is not None
            if isinstance(last, ast.Return) and last.value is not None and (len(node.body) == 1 or documented):
                truth = self.truth(last.value)
                if truth is not None:
                    found[node.name] = truth
        return found

    def _qualified(self, node: ast.expr) -> str:
        rest: list[str] = []
        while isinstance(node, ast.Attribute):
            rest.insert(0, node.attr)
            node = node.value
        # Imports first: where a name means the module's is known only after a walk over everything.
        if not isinstance(node, ast.Name) or node.id not in self._imports or node not in self._of_module:
            return ""
        return ".".join([self._imports[node.id], *rest])


def _names() -> frozenset[str]:
    return allowed().names | allowed().modules | _THERE
