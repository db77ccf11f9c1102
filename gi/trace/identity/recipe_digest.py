"""How a program trains, as digests: equal for equal recipes, whatever their text looks like."""

import functools
import hashlib
import types
from typing import Any

import torch
from torch import nn


def digest(*parts: Any) -> str:
    """16 hexadecimal digits for anything with a stable `repr`."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def recipe_digest(optimizer: Any, scheduler: Any, loss: Any, augmentation: Any) -> str:
    """The digest of a recipe: the parts' classes and settings."""
    groups = [_group(g) for g in optimizer.param_groups]
    schedule = "" if scheduler is None else [type(scheduler).__name__, _plain(getattr(scheduler, "__dict__", {}))]
    return digest(type(optimizer).__name__, groups, schedule, _callable(loss), _callable(augmentation))


def _group(group: dict[str, Any]) -> Any:
    """The settings of a parameter group, and which shapes they are for."""
    return sorted(tuple(p.shape) for p in group["params"]), {k: v for k, v in group.items() if k != "params"}


def _callable(part: Any) -> Any:
    """What a part does, as plain values: class, settings, and the same of the parts that it is made of."""
    if isinstance(part, nn.Module):
        return [repr(part), _plain({**part.__dict__, **part._buffers}), [_callable(child) for child in part.children()]]
    if isinstance(part, types.FunctionType):
        cells = [_value(c.cell_contents) for c in part.__closure__ or ()]
        return [_code(part.__code__), repr(part.__defaults__), cells, _globals(part)]
    if isinstance(part, functools.partial):
        return [_callable(part.func), _value(part.args), _plain(part.keywords)]
    return [repr(part) if " at 0x" not in repr(part) else type(part).__name__, _plain(getattr(part, "__dict__", {}))]


def _globals(function: types.FunctionType) -> list[Any]:
    """The module's names that a function of the program reads: constants by value, its own functions by their code."""
    if function.__module__ != "candidate":
        return []
    names = [n for n in function.__code__.co_names if n in function.__globals__ and n != function.__name__]
    values = [(n, function.__globals__[n]) for n in names]
    return [(n, _value(v)) for n, v in values if isinstance(v, (*_BASIC, types.FunctionType))]


def _code(code: types.CodeType) -> Any:
    constants = [_code(c) if isinstance(c, types.CodeType) else repr(c) for c in code.co_consts]
    return [code.co_code.hex(), constants, code.co_names]


def _plain(values: dict[str, Any]) -> list[tuple[str, Any]]:
    return sorted((k, _value(v)) for k, v in values.items() if not k.startswith("_") or isinstance(v, _BASIC))


_BASIC = (bool, int, float, str, tuple, list, type(None))


def _value(value: Any) -> str:
    """A setting as text; the lists of schedulers, functions and transforms that a part is made of count too."""
    if isinstance(value, (list, tuple)):
        return repr([_value(v) for v in value])
    if isinstance(value, torch.Tensor):
        return repr(value.tolist()) if value.device.type != "meta" and value.numel() <= _FEW else repr(value.shape)
    if isinstance(value, torch.optim.lr_scheduler.LRScheduler):
        return repr([type(value).__name__, _plain(value.__dict__)])
    if isinstance(value, types.FunctionType):
        return repr(_callable(value))
    return repr(value) if " at 0x" not in repr(value) else type(value).__name__


_FEW = 1024


def reached(output: torch.Tensor) -> set[int]:
    """The ids of the parameters that a backward pass from `output` would give a gradient."""
    seen, stack, leaves = set[Any](), [output.grad_fn], set[int]()
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            leaves.add(id(node.variable))
        stack.extend(following for following, _ in node.next_functions)
    return leaves
