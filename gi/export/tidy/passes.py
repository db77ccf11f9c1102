"""All transformations in their order: those that remove lines before those that rename."""

from collections.abc import Sequence

import libcst as cst

from gi.export.tidy.arguments import USUAL_ARGUMENTS
from gi.export.tidy.attribute_biases import ATTRIBUTE_BIASES
from gi.export.tidy.attributes import ORDER_OF_DATA
from gi.export.tidy.chain import FOLDED_LINEARS, IDLE_LAYERS, REDUNDANT_BIASES
from gi.export.tidy.flattening import FLATTENING
from gi.export.tidy.functions import WEIGHTLESS_AS_FUNCTIONS
from gi.export.tidy.layer_names import NAMES
from gi.export.tidy.literals import SEQUENTIAL_LITERAL
from gi.export.tidy.recipe_parts import NAMES_FOR_NONE, TORCHVISION_IMPORTS
from gi.export.tidy.records import TidyPass, WeightStep
from gi.source.identity.dead_code import without_dead_code
from gi.source.tree.imports import imported
from gi.source.tree.tree import parse

PASSES: Sequence[TidyPass] = (
    # First, since the passes on chains of layers need a network that is one literal.
    SEQUENTIAL_LITERAL,
    USUAL_ARGUMENTS,
    IDLE_LAYERS,
    FOLDED_LINEARS,
    REDUNDANT_BIASES,
    ATTRIBUTE_BIASES,
    WEIGHTLESS_AS_FUNCTIONS,
    FLATTENING,
    ORDER_OF_DATA,
    NAMES,
    NAMES_FOR_NONE,
    TORCHVISION_IMPORTS,
)


def tidy_text(text: str) -> tuple[str, tuple[WeightStep, ...]]:
    """A program's text after all transformations, and the changes of its weights. Raises `SourceError`."""
    text = without_dead_code(text)
    tree, steps = cst.parse_module(text), list[WeightStep]()
    for one in PASSES:
        rewrite = one.apply(tree, imported(parse(tree.code)))
        tree = rewrite.tree
        steps += rewrite.steps
    return tree.code, tuple(steps)
