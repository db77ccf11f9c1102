"""The names that an expression could use at a place of the text, with their integer values there."""

import types
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from torch import nn

Scope: TypeAlias = tuple[dict[str, Any], dict[str, Any], dict[str, Any], dict[str, Any]]
"""Local names, attributes of self, layers of self, last elements of local lists, at the time of the snapshot."""

_WIDTHS = ("out_channels", "out_features", "num_features", "num_channels", "in_channels", "in_features")
_MAX_NAMES = 60
_FEW = 6


def scope_of(frame: types.FrameType) -> Scope | None:
    """The names of a running function of the program, to be read later; None in the module's own frame."""
    if frame.f_code.co_name == "<module>":
        return None
    names = dict(frame.f_locals)  # a copy: the running function rebinds them
    own = names.get("self")
    lists = {name: value[-1] for name, value in names.items() if type(value) is list and value}
    if not isinstance(own, nn.Module):
        return names, {}, {}, lists
    layers = vars(own).get("_modules", {})  # missing where layers are built before super().__init__(*layers)
    return names, dict(vars(own)), dict(layers), lists


def numbers(scope: Scope | None, read: Callable[[int], int] = int) -> tuple[tuple[str, int], ...]:
    """Each simple expression for an integer in a scope, simplest first, with its value as `read` gives it.

    A layer's widths are read at the time of this call: after the run they are those of the repaired text.
    """
    if scope is None:
        return ()
    values = {name: read(value) for name, value in _all(*scope) if isinstance(value, int) and type(value) is not bool}
    return tuple(values.items())[:_MAX_NAMES]


def _all(
    names: dict[str, Any], attributes: dict[str, Any], layers: dict[str, Any], lists: dict[str, Any]
) -> Iterator[tuple[str, Any]]:
    yield from ((n, v) for n, v in names.items() if n[:1] not in "_.")
    yield from ((f"self.{n}", v) for n, v in attributes.items() if n[:1] != "_")
    own = names.get("self")
    if own is not None:
        yield from _of_class("self", type(own))
    for name, value in names.items():
        if isinstance(value, type) and name[:1].islower():
            yield from _of_class(name, value)
        elif isinstance(value, nn.Module) and name != "self":
            yield from _of_layer(name, value)
        elif isinstance(value, (list, tuple)) and 0 < len(value) <= _FEW:
            yield from ((f"{name}[{i}]", v) for i, v in enumerate(value))
    for name, value in reversed(layers.items()):  # the layer built last is the nearest to the next one
        yield from _of_layer(f"self.{name}", value)
    for name, value in lists.items():
        yield from _of_layer(f"{name}[-1]", value)


def _of_class(name: str, kind: type) -> Iterator[tuple[str, Any]]:
    for base in reversed(kind.__mro__):
        if base.__module__ == "candidate":  # the program's attributes, not torch's
            yield from ((f"{name}.{n}", v) for n, v in vars(base).items() if n[:1] != "_")


def _of_layer(name: str, layer: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(layer, nn.Module):
        return
    if type(layer).__module__ == "candidate":
        yield from ((f"{name}.{n}", v) for n, v in vars(layer).items() if n[:1] != "_" and n != "training")
    yield from ((f"{name}.{width}", getattr(layer, width, None)) for width in _WIDTHS)
