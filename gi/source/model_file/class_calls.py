"""Module classes as blocks: the calls that they are tried with, the block that a trial found, the line it makes."""

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gi.core.errors import SourceError
from gi.core.types import Block, Ingredient, LineType, Origin
from gi.source.tree.arithmetic import literal
from gi.source.tree.settle import settled
from gi.source.tree.tree import Source, dotted

# The first calls of a name are enough to guess from; some helpers are called thousands of times in a harvest.
_MAX_CALLS = 12
_SAMPLE_CHANNELS = 64

Call = tuple[list[str | None], dict[str, str | None]]
"""A call's positional and named arguments as literals, None for what is none."""


def calls_by_class(texts: Iterable[str]) -> Mapping[str, list[Call]]:
    """The arguments of calls by the called class's own name, a few of each, as literals."""
    calls: dict[str, list[Call]] = defaultdict(list)
    for text in texts:
        for call in _calls(text):
            name = dotted(call.func).rpartition(".")[2]
            if name[:1].isupper() and len(calls[name]) < _MAX_CALLS:
                named = {k.arg: literal(k.value) for k in call.keywords if k.arg}
                calls[name].append(([literal(a) for a in call.args], named))
    return calls


def _calls(text: str) -> Iterator[ast.Call]:
    try:
        nodes = ast.walk(Source(text).tree)
    except SourceError:
        return
    for node in nodes:
        if isinstance(node, ast.Call) and not any(isinstance(a, ast.Starred) for a in node.args):
            yield node


def block_of(name: str, source: str, answer: Mapping[str, Any], origin: Origin) -> Block:
    """The block that a trial found. Raises `KeyError` where the answer is none of a trial."""
    fields = {k: v for k, v in answer.items() if k != "needs_nn"}
    fields["arguments"] = tuple((str(n), str(e)) for n, e in fields["arguments"])
    return Block(name=name, source=_with_nn(source) if answer["needs_nn"] else source, origin=origin, **fields)


def _with_nn(source: str) -> str:
    """The module with `nn` imported, which the block's arguments name."""
    # A block's argument may be a layer class (`norm_layer=nn.BatchNorm2d`).
    # A future import has to stay the first statement of its module.
    future = "from __future__ import annotations\n"
    first = future if source.startswith(future) else ""
    return f"{first}from torch import nn\n{source[len(first) :]}"


def ingredient_of(block: Block) -> Ingredient:
    """A block as what variation borrows: a call that builds it from 64 to 64 channels."""
    names = {"channels_in": _SAMPLE_CHANNELS, "channels_out": _SAMPLE_CHANNELS, "stride": 1}
    call = f"{block.name}({', '.join(f'{n}={settled(e, names)}' for n, e in block.arguments)})"
    return Ingredient(LineType.BLOCK, block.name, call, call, (), block.origin, block.source, block)
