"""A host program's genes: the typed calls that variation may change, each with its place and the shapes around it."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from gi.core.trace import Shape, Site, Trace, Use
from gi.core.types import RECIPE_TYPES, LineType
from gi.lines.taxonomy import line_type
from gi.source.places import placing
from gi.source.places.placing import Place
from gi.source.tree.imports import resolve
from gi.source.tree.tree import Source, site_of

FormKind: TypeAlias = Literal["image", "features", "tokens", "sequence", "unknown"]


@dataclass(frozen=True, slots=True)
class Form:
    """How the values of one sample lie: the shape without the batch dimension, and the axis of its channels.

    An axis of -1 is an unknown one, as in the attention maps (heads, tokens, tokens).
    """

    shape: Shape
    axis: int = 0

    @property
    def kind(self) -> FormKind:
        """An image (c, h, w), features (c,), tokens (..., c), a sequence (c, t), or unknown."""
        rank = len(self.shape)
        if rank == 0 or not 0 <= self.axis < rank:
            return "unknown"
        if rank == 1:
            return "features"
        # Also (h, w, c): layers of the last axis fit a channels-last image as they fit tokens.
        if self.axis == rank - 1:
            return "tokens"
        known: dict[int, FormKind] = {2: "sequence", 3: "image"}
        return known.get(rank, "unknown") if self.axis == 0 else "unknown"

    @property
    def channels(self) -> int:
        """The number of channels, or features of each token; 1 where there is no axis of them."""
        return self.shape[self.axis] if self.kind != "unknown" else 1

    @property
    def size(self) -> Shape:
        """The image's (height, width), () of anything else."""
        return self.shape[1:] if self.kind == "image" else ()


RECIPE_FORM = Form(())


@dataclass(frozen=True)
class Gene:
    """One typed call of the host. `place` is None where the call can only be replaced as it stands.

    `input` and `output` are the forms of the first use's data (`RECIPE_FORM` for recipe genes), `uses` those of every
    use; `settings` the literal values that a layer was really built with; `instances` says how many layers this one
    call built; `is_laid_out` that the next call lays its channels or its image out anew: heads, tokens.
    """

    type: LineType
    symbol: str
    call: ast.Call
    place: Place | None
    input: Form = RECIPE_FORM
    output: Form = RECIPE_FORM
    settings: tuple[tuple[str, str], ...] = ()
    instances: int = 1
    uses: tuple[tuple[Form, Form], ...] = ()
    is_laid_out: bool = False

    @property
    def is_shared(self) -> bool:
        """Whether one line stands for several layers, or is reached by data of several shapes."""
        return self.instances > 1 or len(set(self.uses)) > 1

    @property
    def is_idle(self) -> bool:
        """Whether it is a pool that does nothing: of 1x1 windows, or of images of one pixel."""
        # A pool of one pixel is what repeated halving of small images ends in; a replacement would do nothing either.
        pixels = all(size == 1 for given, _ in self.uses for size in given.shape[1:])
        return self.type == LineType.POOLING and bool(self.input.shape) and (pixels or self._has_no_window)

    @property
    def _has_no_window(self) -> bool:
        return dict(self.settings).get("kernel_size") == "1" and self.input == self.output

    @property
    def keeps_rank(self) -> bool:
        """Whether input and output have the same number of axes in every use."""
        # A call that gives another number of axes cannot be replaced by a layer of its type that keeps them.
        return all(len(given.shape) == len(out.shape) for given, out in self.uses)

    @property
    def site(self) -> Site:
        """Where the call stands."""
        return site_of(self.call)

    @property
    def is_function(self) -> bool:
        """Whether data flows through the call itself, rather than through a layer that it builds."""
        return isinstance(self.place, placing.Functional)


def model_genes(source: Source, trace: Trace) -> tuple[Gene, ...]:
    """The network's genes in the order in which data reaches them, each once."""
    uses: dict[Site, list[Use]] = {}
    laid_out: set[Site] = set()
    # The next call is needed: only it shows that a width is heads times features, or an image becomes tokens.
    for use, following in zip(trace.uses, (*trace.uses[1:], None), strict=True):
        site = use.built[0] if use.built else use.site
        uses.setdefault(site, []).append(use)
        if following is not None and _lays_out(use, following):
            laid_out.add(site)
    counts = dict(trace.built_counts)
    genes = (_gene(source, site, there, counts.get(site, 1), site in laid_out) for site, there in uses.items())
    return tuple(gene for gene in genes if gene is not None)


_CUTS = frozenset({"chunk", "split", "tensor_split", "unbind"})


def _lays_out(use: Use, following: Use) -> bool:
    """Whether the next call cuts the channels of what came out into heads or parts, or makes tokens of an image."""
    # A layer takes a form as it is; functions lay it out anew.
    if following.inputs[:1] != (use.output,) or following.symbol.rpartition(".")[2][:1].isupper():
        return False
    before, after = Form(use.output[1:], use.axes[1]), Form(following.output[1:], following.axes[1])
    more_axes = len(after.shape) > len(before.shape)
    cut = following.symbol.rpartition(".")[2] in _CUTS
    return more_axes or cut or (before.kind == "image" and after.kind in ("tokens", "sequence"))


def _gene(source: Source, site: Site, uses: list[Use], instances: int, is_laid_out: bool) -> Gene | None:
    """The gene of a call with all its uses; None where it is not in the text, or has no type of a model's line."""
    use = uses[0]
    call, kind = source.call_at(site), line_type(use.symbol)
    is_layer = use.symbol.rpartition(".")[2][:1].isupper()
    # A layer that the text does not build (torch's own inner ones) has no line to change.
    if call is None or kind is None or kind in RECIPE_TYPES or (is_layer and not use.built):
        return None
    if use.built and _is_another_of_torch(resolve(source, call.func), use.symbol):
        return None
    place = placing.place_of(source, call) if use.built else placing.functional_place(source, call)
    # Without the batch: every form is that of one sample.
    forms = tuple((Form(u.inputs[0][1:], u.axes[0]), Form(u.output[1:], u.axes[1])) for u in uses)
    return Gene(kind, use.symbol, call, place, *forms[0], use.settings, instances, forms, is_laid_out)


def _is_another_of_torch(called: str, symbol: str) -> bool:
    """Whether a call builds another class of torch's, of which the layer is a part: `FloatFunctional()` an Identity."""
    return called.startswith("torch") and called.rpartition(".")[2] != symbol.rpartition(".")[2]


@dataclass(frozen=True)
class RecipePart:
    """One of the four parts that `recipe` returns: the expression that makes it, and its genes."""

    type: LineType
    expression: ast.expr
    genes: tuple[Gene, ...]

    @property
    def is_empty(self) -> bool:
        """Whether the recipe returns None in this place."""
        return isinstance(self.expression, ast.Constant) and self.expression.value is None


_PARTS = (LineType.OPTIMIZER, LineType.SCHEDULER, LineType.LOSS, LineType.AUGMENTATION)


def recipe_parts(source: Source) -> tuple[RecipePart, ...]:
    """The recipe's parts in the order that it returns them; empty where the program has no plain recipe."""
    function = source.functions.get("recipe")
    last = function.body[-1] if function else None
    if function is None or not isinstance(last, ast.Return) or not isinstance(last.value, ast.Tuple):
        return ()
    assigned = {
        s.targets[0].id: s.value
        for s in function.body
        if isinstance(s, ast.Assign) and isinstance(s.targets[0], ast.Name)
    }
    # `return optimizer, None, loss, augmentation`: names are followed one assignment back.
    expressions = [assigned.get(e.id, e) if isinstance(e, ast.Name) else e for e in last.value.elts]
    return tuple(
        RecipePart(kind, expression, tuple(_recipe_genes(source, expression, kind)))
        for kind, expression in zip(_PARTS, expressions, strict=False)
    )


def _recipe_genes(source: Source, expression: ast.expr, kind: LineType) -> Iterator[Gene]:
    for node in ast.walk(expression):
        symbol = resolve(source, node.func) if isinstance(node, ast.Call) else ""
        # Compose is the list, not one of its elements.
        if isinstance(node, ast.Call) and line_type(symbol) == kind and not symbol.endswith(".Compose"):
            yield Gene(kind, symbol, node, _recipe_place(source, node))


def _recipe_place(source: Source, call: ast.Call) -> Place | None:
    parent = source.parents[call]
    if isinstance(parent, ast.List):
        return placing.Element(call, list(parent.elts))
    return placing.place_of(source, call)
