"""Describes an object of a program as plain data: class, settings, code, and what the code refers to.

Two objects with equal descriptions do the same. A function is described by its byte code, so that names of local
variables, comments and layout do not count, with its defaults, its closure, and every global that it names; the
program's functions and classes again by their code, those of libraries by name. Not covered: attributes with computed
names (`getattr(module, name)`), and state outside of Python.
"""

import enum
import functools
import hashlib
import types
from collections.abc import Mapping
from typing import Any

import numpy
import torch
from torch import nn

_PLAIN = (
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    type(None),
    types.EllipsisType,
    slice,
    range,
    torch.dtype,
    torch.device,
)
_BOOKKEEPING = frozenset({"optimizer", "param_groups", "state", "defaults"})  # part of the recipe's digest itself
# Attributes that Python and `typing` add to every class, some with another text in each process.
_NO_BEHAVIOUR = frozenset({
    "__dict__", "__weakref__", "__doc__", "__module__", "__qualname__", "__annotations__", "__firstlineno__",
    "__static_attributes__", "__parameters__", "__orig_bases__",
})  # fmt: skip
PROGRAM = "candidate"  # the name of a program's module


def described(value: Any, known: Mapping[int, str] | None = None) -> Any:
    """Nested lists and texts with a stable `repr`; `known` has descriptions of objects by their `id`."""
    return _Description(known or {}).of(value)


class _Description:
    """One description. A repeated object becomes the number of its first occurrence, so that cycles end."""

    def __init__(self, known: Mapping[int, str]) -> None:
        self.known = known
        self.seen: dict[int, int] = {}
        self.kept: list[Any] = []  # keeps objects alive, since the address of a freed one is reused

    def of(self, value: Any) -> Any:
        if id(value) in self.known:
            return self.known[id(value)]
        # An enumeration of integers is an int as well, but its class counts.
        if isinstance(value, _PLAIN) and not isinstance(value, enum.Enum):
            return [type(value).__name__, repr(value)]
        if id(value) in self.seen:
            return f"again {self.seen[id(value)]}"
        self.seen[id(value)] = len(self.seen)
        self.kept.append(value)
        return self._parts(value)

    def _parts(self, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return [type(value).__name__, [self.of(v) for v in value]]
        if isinstance(value, (set, frozenset)):
            return [type(value).__name__, sorted(repr(self.of(v)) for v in value)]
        if isinstance(value, dict):
            return [type(value).__name__, sorted(([self.of(k), self.of(v)] for k, v in value.items()), key=repr)]
        if isinstance(value, (torch.Tensor, numpy.ndarray, numpy.generic)):
            return array_text(value)
        if isinstance(value, (types.FunctionType, types.MethodType, functools.partial, type, types.ModuleType)):
            return self._code_of(value)
        return self._object(value)

    def _code_of(self, value: Any) -> Any:
        if isinstance(value, types.ModuleType):
            return ["module", value.__name__]
        if isinstance(value, types.MethodType):
            return ["method", self.of(value.__func__), self.of(value.__self__)]
        if isinstance(value, functools.partial):
            return ["partial", self.of(value.func), self.of(value.args), self.of(value.keywords)]
        return self._class(value) if isinstance(value, type) else self._function(value)

    def _function(self, function: types.FunctionType) -> Any:
        cells = [self._cell(cell) for cell in function.__closure__ or ()]
        settings = [self.of(part) for part in (function.__defaults__, function.__kwdefaults__, function.__dict__)]
        # Within one environment, the name of a library's function identifies it.
        if function.__globals__.get("__name__") != PROGRAM:
            return [f"{function.__module__}.{function.__qualname__}", cells, settings]
        # Only globals that its code names: the others have no effect on it.
        names = [n for n in names_in(function.__code__) if n in function.__globals__]
        reached = [[n, self.of(function.__globals__[n])] for n in names]
        return ["function", code_text(function.__code__), cells, settings, reached]

    def _cell(self, cell: types.CellType) -> Any:
        try:
            return self.of(cell.cell_contents)
        except ValueError:
            return "empty"

    def _class(self, cls: type) -> Any:
        if cls.__module__ != PROGRAM:
            return f"{cls.__module__}.{cls.__qualname__}"
        members = [[name, self._member(v)] for name, v in sorted(vars(cls).items()) if name not in _NO_BEHAVIOUR]
        return ["class", [self.of(base) for base in cls.__bases__], members]

    def _member(self, member: Any) -> Any:
        if isinstance(member, (staticmethod, classmethod)):
            return [type(member).__name__, self.of(member.__func__)]
        if isinstance(member, property):
            return ["property", [self.of(part) for part in (member.fget, member.fset, member.fdel)]]
        return self.of(member)

    def _object(self, value: Any) -> Any:
        state = getattr(value, "__dict__", None)
        if not isinstance(state, dict):
            state = {n: getattr(value, n, None) for n in getattr(type(value), "__slots__", ())}
        is_module = isinstance(value, nn.Module)
        kept = {
            str(k): v for k, v in state.items() if k not in _BOOKKEEPING and not (is_module and _is_empty(str(k), v))
        }
        parts = [[k, self.of(v)] for k, v in sorted(kept.items())]
        content = self._content(value) if not kept else ""
        return [self.of(type(value)), parts, content]

    def _content(self, value: Any) -> Any:
        """The `repr` of an object without attributes; "" where that holds its address, which differs in every run."""
        if isinstance(value, (types.BuiltinFunctionType, types.MethodWrapperType)):
            return [str(value.__module__), value.__qualname__]
        text = repr(value)
        return "" if " at 0x" in text else text


def _is_empty(name: str, value: Any) -> bool:
    """Whether an attribute is an empty table or flag that every module has: hooks, submodules, ..."""
    return name.startswith("_") and (
        isinstance(value, (bool, type(None))) or (isinstance(value, (dict, set)) and not value)
    )


def array_text(array: Any) -> Any:
    """Shape, type and values of a tensor or an array; without values for one on the meta device."""
    if not isinstance(array, torch.Tensor):
        return [
            "array",
            array.shape,
            str(array.dtype),
            hashlib.sha256(numpy.ascontiguousarray(array).tobytes()).hexdigest(),
        ]
    facts = [type(array).__name__, tuple(array.shape), str(array.dtype), array.requires_grad]
    if array.is_meta or array.layout != torch.strided:
        return facts
    # As bytes, so that -0.0 and 0.0, and the payloads of NaN, differ, which their texts might not.
    values = array.detach().cpu().contiguous().reshape(-1)
    return [*facts, hashlib.sha256(values.view(torch.uint8).numpy().tobytes()).hexdigest()]


def names_in(code: types.CodeType) -> list[str]:
    """The names that code and the functions inside it use, in order."""
    inner = [name for c in code.co_consts if isinstance(c, types.CodeType) for name in names_in(c)]
    return list(dict.fromkeys([*code.co_names, *inner]))


def code_text(code: types.CodeType) -> Any:
    """The instructions, constants and names of globals and attributes of code."""
    # Byte code and not source: names of locals, comments and line numbers are left out.
    constants = [code_text(c) if isinstance(c, types.CodeType) else _constant(c) for c in code.co_consts]
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    return [code.co_code.hex(), code.co_exceptiontable.hex(), constants, code.co_names, counts]


def _constant(value: Any) -> Any:
    if isinstance(value, frozenset):  # in the order of this process's hashes
        return sorted(map(repr, value))
    return [type(value).__name__, repr(value)]
