"""Which expression of the host stands for a width: `planes`, `self.expansion * planes`, `self.conv1.out_channels`.

A line of a class that is built several times, or of a loop, needs an expression where the layers' widths differ: a
number would fit one of them. An expression is taken where it had the right value at every one of the line's uses.
"""

import ast
from collections.abc import Iterator

from gi.core.types import LineType
from gi.source.places import placing
from gi.source.places.placing import Attribute
from gi.source.repair.repair import find_argument
from gi.source.tree.tree import Function, Source
from gi.vary.genes import Gene

INPUTS = ("in_channels", "in_features", "num_features", "num_channels", "normalized_shape")
OUTPUTS = ("out_channels", "out_features")
# GroupNorm(num_groups, num_channels), Conv2d(in, out), Linear(in, out); every other width comes first.
_POSITIONS = {"num_channels": 1, "out_channels": 1, "out_features": 1}


def given(source: Source, gene: Gene, names: tuple[str, ...], position: int | None = None) -> str:
    """The expression that a layer's call gives for one of these parameters, "" where it is a number or left out."""
    name = next((n for n, _ in gene.settings if n in names), "")
    # By the position in torch's signature, which the settings name in order.
    place = _POSITIONS.get(name, 0) if position is None else position
    node = find_argument(gene.call, name, place) if name else None
    return source.code(node) if node is not None and not _is_literal(node) else ""


def _is_literal(node: ast.expr) -> bool:
    return not any(isinstance(n, (ast.Name, ast.Call, ast.Starred)) for n in ast.walk(node))


def stride(source: Source, gene: Gene) -> str:
    """The stride of a layer as the host writes it, "" where it is left out."""
    names = [n for n, _ in gene.settings]
    if "stride" not in names:
        return ""
    # Conv2d(in, out, kernel, stride), but MaxPool2d(kernel, stride).
    node = find_argument(gene.call, "stride", 3 if "in_channels" in names else 1)
    value = dict(gene.settings)["stride"]
    return source.code(node) if node is not None else "" if value == "None" else value


def window(source: Source, gene: Gene) -> tuple[str, str] | None:
    """Kernel size and padding of a layer as the host writes them; None where they keep the image's size.

    A kernel size that is no number but a parameter is that of many layers, and kept too: 3 in place of it would make
    every 1x1 convolution of a network nine times as large.
    """
    settings = dict(gene.settings)
    if "kernel_size" not in settings:
        return None
    kernel, padding = settings["kernel_size"], settings.get("padding", "0")
    is_convolution = "in_channels" in settings
    written = find_argument(gene.call, "kernel_size", 2 if is_convolution else 0)
    is_parameter = written is not None and not _is_literal(written)
    if (
        not is_parameter
        and is_convolution
        and kernel.isdigit()
        and padding.isdigit()
        and int(kernel) == 2 * int(padding) + 1
    ):
        return None
    nodes = (
        written,
        find_argument(gene.call, "padding", 4 if is_convolution else 2),
    )
    texts = [v if n is None else source.code(n) for n, v in zip(nodes, (kernel, padding), strict=True)]
    return texts[0], texts[1]


def groups(source: Source, gene: Gene) -> str:
    """The groups of a convolution where the host writes an expression for them, else ""."""
    return given(source, gene, ("groups",), 6)


def is_joined(source: Source, gene: Gene) -> bool:
    """Whether the class of a gene adds up or concatenates what its layers give."""
    owner = source.enclosing(gene.call, ast.ClassDef)
    methods = [f for f in (owner.body if owner else []) if isinstance(f, ast.FunctionDef) and f.name == "forward"]
    nodes = (n for method in methods for n in source.under(method))
    # By the text alone: a sum of two numbers counts too, which only keeps a stride that might have changed.
    return any(
        (isinstance(n, (ast.BinOp, ast.AugAssign)) and isinstance(n.op, ast.Add))
        or (isinstance(n, ast.Attribute) and n.attr in ("cat", "concat", "add"))
        for n in nodes
    )


def width_in(source: Source, genes: tuple[Gene, ...], gene: Gene, *, behind: bool) -> str:
    """The expression for the channels in front of a gene, or `behind` it; "" where there is none.

    It can be written in a definition next to the gene's, or at the end of the constructor of its class.
    """
    side = 1 if behind else 0
    wanted = [use[side].channels for use in gene.uses]
    scope = _scope(source, gene)
    for other in _near(genes, gene):
        if scope is not None and _defining(source, other) is scope and len(other.uses) == len(wanted):
            code = _matching(source, scope, other, wanted, gene)
            if code:
                return code
    return ""


def _near(genes: tuple[Gene, ...], gene: Gene) -> Iterator[Gene]:
    """The gene itself, those before it from the nearest on, then those behind it."""
    at = genes.index(gene)
    yield from reversed(genes[: at + 1])
    yield from genes[at + 1 :]


def _matching(source: Source, scope: Function, other: Gene, wanted: list[int], gene: Gene) -> str:
    for side, names in ((1, OUTPUTS), (1, INPUTS), (0, INPUTS)):
        if [use[side].channels for use in other.uses] != wanted:
            continue
        # The input width of a connection is not what comes out of it; that of a normalization is.
        if side == 1 and names is INPUTS and other.type == LineType.CONNECTION:
            continue
        name = next((n for n, _ in other.settings if n in names), "")
        if not name:
            continue
        code = given(source, other, names)
        if code and _holds(source, scope, code, other, gene):
            return code
        # The attribute `normalized_shape` is a tuple, even where the call gives a number.
        if isinstance(other.place, Attribute) and _is_before(other, gene) and name != "normalized_shape":
            return f"self.{other.place.name}.{name}"
    return ""


def _is_before(other: Gene, gene: Gene) -> bool:
    """Whether an attribute is set where a definition of the gene's would read it."""
    return not isinstance(gene.place, Attribute) or other.call.lineno < gene.call.lineno


def _holds(source: Source, scope: Function, code: str, other: Gene, gene: Gene) -> bool:
    """Whether an expression in the other gene's call has the same value where the gene's definition stands."""
    tree = ast.parse(code, mode="eval")
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} - {"self"}
    attributes = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    # `self.in_planes` of a ResNet moves on with every stage that is built.
    if any(_is_set_again(source, scope, attribute) for attribute in attributes):
        return False
    if not gene.is_function and source.statement(other.call) is source.statement(gene.call):
        return True
    stores = [
        n for n in source.under(scope) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store) and n.id in names
    ]
    return all(_lasts(source, scope, n, stores) or _spares(source, n, other, gene) for n in stores)


def _lasts(source: Source, scope: Function, store: ast.Name, stores: list[ast.Name]) -> bool:
    """Whether a name is assigned once, in a plain statement of the function: it keeps that value."""
    once = sum(s.id == store.id for s in stores) == 1
    return once and source.statement(store) in scope.body and isinstance(source.statement(store), ast.Assign)


def _spares(source: Source, store: ast.Name, other: Gene, gene: Gene) -> bool:
    """Whether an assignment stands in the loop of both genes but not between them, or is that loop's own."""
    if gene.is_function:
        return False
    loops = [source.enclosing(g.call, ast.For) for g in (other, gene)]
    first, last = sorted(g.call.lineno for g in (other, gene))
    return loops[0] is loops[1] and not first <= store.lineno <= last


def _is_set_again(source: Source, scope: Function, attribute: str) -> bool:
    """Whether `self.attribute` changes while the network is built: set twice, or outside the constructor."""
    owner = source.enclosing(scope, ast.ClassDef)
    stores = [
        n
        for n in source.under(owner or scope)
        if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store) and n.attr == attribute
    ]
    return len(stores) > 1 or any(source.function(n) is not scope for n in stores)


def _scope(source: Source, gene: Gene) -> Function | None:
    """The function in which a definition for the gene would stand."""
    return placing.constructor_of(source, gene.call) if gene.is_function else source.function(gene.call)


def _defining(source: Source, gene: Gene) -> Function | None:
    return None if gene.is_function else source.function(gene.call)
