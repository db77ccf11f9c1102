"""The installed torch: public names, parameters, and pairs of layers and functions that do the same."""

import importlib
import inspect
from functools import lru_cache
from typing import Any

import torch
from torch import nn
from torch.overrides import resolve_name

from gi.core.compat import allow_torchvision


def symbol_of(target: Any) -> str:
    """The public qualified name of a class or function of torch ("torch.nn.Conv2d", "torch.nn.functional.relu")."""
    return _symbol_of(target)


@lru_cache(maxsize=4096)
def _symbol_of(target: Any) -> str:
    if isinstance(target, type) and target.__module__ == "torch.nn.utils.parametrize":  # its weights are computed
        target = target.__mro__[1]
    name, module = getattr(target, "__qualname__", ""), getattr(target, "__module__", "") or ""
    if module.startswith("torch.nn.modules"):
        return f"torch.nn.{name}"
    if isinstance(target, type):
        return f"{module}.{name}"
    return resolve_name(target) or f"{module or 'torch'}.{getattr(target, '__name__', '')}"


def signature(symbol: str) -> list[list[Any]] | None:
    """The parameters of a symbol of torch or torchvision as [name, required]; None where it cannot be inspected."""
    try:
        target = _lookup(symbol)
        target = torch._jit_internal.boolean_dispatched.get(target, {}).get("if_false", target)  # F.max_pool2d, ...
        parameters = inspect.signature(target).parameters.values()
    except (AttributeError, ImportError, TypeError, ValueError):
        return None
    return [[p.name, p.default is p.empty] for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]


def counterparts() -> dict[str, str]:
    """Layer classes of torch.nn and the functions of torch.nn.functional that do the same, in both directions."""
    functions = {
        name.replace("_", ""): f"torch.nn.functional.{name}" for name in dir(nn.functional) if name.strip("_") == name
    }
    classes = {name.lower(): f"torch.nn.{name}" for name in dir(nn) if isinstance(getattr(nn, name), type)}
    both = sorted(functions.keys() & classes.keys())
    plain = {f"torch.{n.rpartition('.')[2]}": c for k in both for n, c in [(functions[k], classes[k])]}
    there = {functions[k]: classes[k] for k in both} | {f: c for f, c in plain.items() if hasattr(torch, f[6:])}
    return there | {classes[k]: functions[k] for k in both}


def _lookup(symbol: str) -> Any:
    parts = symbol.split(".")
    if parts[0] not in ("torch", "torchvision"):
        raise AttributeError(symbol)
    if parts[0] == "torchvision":
        allow_torchvision()
        importlib.import_module("torchvision.transforms.v2")
    target: Any = __import__(parts[0])
    for part in parts[1:]:
        target = getattr(target, part)
    return target
