"""What a transformation of an evolved program is, and what it does to trained weights."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import libcst as cst

#: One change of a state dict, by the names of modules: ("rename", old, new), ("unbias", layer, norm): the layer's bias
#: goes, and with it what the norm's running mean owes to it; ("fold", first, second): the second layer becomes both.
WeightStep: TypeAlias = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A program's tree after a transformation, and what that does to its weights, in order."""

    tree: cst.Module
    steps: tuple[WeightStep, ...] = ()


@dataclass(frozen=True, slots=True)
class TidyExample:
    """A text before and after; equal for one that must stay as it is."""

    before: str
    after: str


@dataclass(frozen=True, slots=True)
class TidyPass:
    """A transformation: `apply(tree, names)` with what each imported name stands for, and texts that show it."""

    name: str
    apply: Callable[[cst.Module, Mapping[str, str]], Rewrite]
    examples: tuple[TidyExample, ...] = field(repr=False)
