"""A second truth: the modules are imported with every call's function noted as it is called, and models are built.

Networks are built and run on meta tensors, so that hundreds of them take minutes. What was never called stays unjudged.
"""

import ast
import functools
import importlib.machinery
import inspect
import sys
import types

from filing import kind_of

SEEN = {}  # (module, line, column, end line, end column) -> set of line types and None
_kinds = {}


def note(module, place, function):
    """Notes what a call site calls and gives it back unchanged."""
    if isinstance(function, (type, types.FunctionType, functools.partial)) or inspect.isbuiltin(function):
        try:
            kind = _kinds.get(function, note)
        except TypeError:
            kind = None
        if kind is note:
            kind = kind_of(function)
            if not isinstance(getattr(function, "__self__", None), object.__class__):
                _kinds[function] = kind
    else:
        kind = None
    SEEN.setdefault((module, *place), set()).add(kind)
    return function


class Noting(ast.NodeTransformer):
    def __init__(self, module):
        self.module = module

    def visit_JoinedStr(self, node):
        return node

    def visit_Call(self, node):
        place = ast.Constant((node.lineno, node.col_offset, node.end_lineno, node.end_col_offset))
        self.generic_visit(node)
        wrapped = ast.Call(ast.Name("__note__", ast.Load()), [ast.Constant(self.module), place, node.func], [])
        node.func = ast.copy_location(wrapped, node.func)
        return ast.fix_missing_locations(node)


class NotingLoader(importlib.machinery.SourceFileLoader):
    def get_code(self, fullname):
        tree = ast.parse(self.get_data(self.path))
        return compile(Noting(fullname).visit(tree), self.path, "exec", dont_inherit=True)

    def exec_module(self, module):
        module.__dict__["__note__"] = note
        super().exec_module(module)


class NotingFinder:
    """Loads the modules below some packages through `NotingLoader`."""

    def __init__(self, *packages):
        self.packages = packages

    def find_spec(self, name, path, target=None):
        if not any(name == p or name.startswith(p + ".") for p in self.packages):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = NotingLoader(spec.loader.name, spec.loader.path)
        return spec


def install(*packages):
    sys.meta_path.insert(0, NotingFinder(*packages))
