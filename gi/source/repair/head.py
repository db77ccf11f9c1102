"""A new last layer, for a network whose output has another shape than (n, classes)."""

import ast

from gi.core.errors import UnrepairableError
from gi.core.trace import Fix
from gi.source.places import placing
from gi.source.tree.statements import insert_after
from gi.source.tree.tree import Replacement, Source


def add_head(source: Source, fix: Fix, taken: set[str], network: str) -> list[Replacement]:
    """Pooling, flattening and one dense layer behind what the class `network` returns."""
    owner = source.classes.get(network)
    forward = (
        next((f for f in owner.body if isinstance(f, ast.FunctionDef) and f.name == "forward"), None) if owner else None
    )
    last = forward.body[-1] if forward else None
    constructor = placing.constructor_of(source, last) if last else None
    # Without a plain `return` at the end nothing says where the output leaves.
    if not isinstance(last, ast.Return) or last.value is None or constructor is None:
        raise UnrepairableError("the output has another shape, and forward does not end in a return")
    head, imports = "", list[Replacement]()
    dense = [("Linear", f"{fix.position}, {fix.value}")]
    # Images are pooled to one value a channel, so that the head's width depends on no image size.
    layers = dense if fix.name == "flat" else [("AdaptiveAvgPool2d", "1"), ("Flatten", ""), *dense]
    for symbol, arguments in layers:
        code, more = placing.spelled(source, f"torch.nn.{symbol}", arguments)
        head, imports = f"{head}, {code}" if head else code, [*imports, *more]
    whole, more = (head, []) if len(layers) == 1 else placing.spelled(source, "torch.nn.Sequential", head)
    name = placing.fresh("head", taken)
    taken.add(name)
    definition = insert_after(source, constructor.body[-1], f"self.{name} = {whole}")
    return [definition, *placing.uses_of(source, last.value, [name]), *imports, *more]
