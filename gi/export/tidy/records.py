"""The records of transformations of an evolved program and of its trained weights."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import libcst as cst

#: One change of a state dict, by names of modules: ("rename", old, new); ("unbias", layer, norm) removes the layer's
#: bias and subtracts it from the norm's running mean; ("fold", first, second) merges the first layer into the second.
WeightStep: TypeAlias = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A program's tree after a transformation, and the changes of its weights, in order."""

    tree: cst.Module
    steps: tuple[WeightStep, ...] = ()


@dataclass(frozen=True, slots=True)
class TidyExample:
    """A text before and after a transformation; equal for one that must not change."""

    before: str
    after: str


@dataclass(frozen=True, slots=True)
class TidyPass:
    """A transformation: `apply(tree, names)`, with the qualified name of each imported name, and its examples."""

    name: str
    apply: Callable[[cst.Module, Mapping[str, str]], Rewrite]
    examples: tuple[TidyExample, ...] = field(repr=False)
