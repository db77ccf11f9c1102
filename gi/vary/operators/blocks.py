"""Blocks: a harvested module class goes behind a gene or in a connection's place, with all that it uses."""

import ast
import math
from collections.abc import Iterator
from dataclasses import dataclass

from gi.core.types import Block, Edit, Ingredient, LineType
from gi.source.places import placing
from gi.source.places.carry import carried
from gi.source.places.placing import stem_of
from gi.source.tree.settle import settled
from gi.source.tree.tree import Replacement, parse
from gi.vary.genes import Form, Gene
from gi.vary.hosts.host import Host
from gi.vary.operators.proposal import Example, OperatorContext, Proposal, proposal

MAX_DRAWS = 40
_REPLACED_SHARE = 0.4
_FREE_WORK = 1_000_000
"""Multiply-adds that a block may add to any host; more only where the whole host takes as many."""
_LEAST_WIDTH = 4
"""Of the input: no block was tried with less, and many divide it."""
_RANKS = {"image": 3, "features": 1, "tokens": 2}
"""Of a sample that a block takes, by the kind of its form."""


_GATE = """class Gate(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        return x * torch.sigmoid(self.conv(x))
"""
EXAMPLES = (
    Example(
        before=("nn.Conv2d(1, 8, 3, padding=1)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(512, 10)"),
        after=("nn.Conv2d(1, 8, 3, padding=1)", "nn.ReLU()", "Gate(channels=8)", "nn.Flatten()", "nn.Linear(512, 10)"),
        donor=("nn.Conv2d(1, 4, 5)", "Gate(4)", "nn.Flatten()", "nn.Linear(64, 10)"),
        classes=_GATE,
    ),
)


@dataclass(frozen=True, slots=True)
class _Spot:
    """The place that a block goes to: the forms of all its uses there, and what the host writes for the widths.

    `wide` says that the channels change there; `stride` is how many times smaller the image becomes.
    """

    gene: Gene
    replaced: bool
    forms: tuple[Form, ...]
    channels_in: int | str
    channels_out: int | str
    divisor: int
    wide: bool
    stride: int | str


def block(host: Host, means: OperatorContext) -> Proposal | None:
    """A harvested module class behind a gene, or in the place of a connection."""
    spots = list(_spots(host, replaced=means.rng.random() < _REPLACED_SHARE))
    if not spots:
        return None
    spot = means.rng.choice(spots)
    for _ in range(MAX_DRAWS):
        drawn = means.stock.sample(means.rng, LineType.BLOCK)
        if drawn is None or drawn.block is None:
            return None
        # Drawn until one fits: a stock holds thousands of blocks, and most are made for other widths.
        if fits(drawn.block, spot) and _work(drawn.block, spot) <= max(_FREE_WORK, _host_work(host)):
            return _placed(host, spot, drawn, drawn.block)
    return None


# Where ---------------------------------------------------------------------------------------------------------------


def _spots(host: Host, *, replaced: bool) -> Iterator[_Spot]:
    """The places of a host where a block may go."""
    for gene in host.genes:
        is_place = not replaced or (gene.type == LineType.CONNECTION and not gene.is_function)
        if is_place and gene.place is not None and gene is not host.classifier and gene.uses:
            spot = _replacing(host, gene) if replaced else _behind(host, gene)
            if spot is not None:
                yield spot


def _behind(host: Host, gene: Gene) -> _Spot | None:
    around, forms = host.around(gene, replaced=False), tuple(out for _, out in gene.uses)
    alike = len({form.channels for form in forms}) == 1
    width: int | str = forms[0].channels if alike else around.channels_code
    if not width or any(form.kind == "unknown" for form in forms):
        return None
    return _Spot(gene, False, forms, width, width, math.gcd(*(f.channels for f in forms)), False, 1)


def _replacing(host: Host, gene: Gene) -> _Spot | None:
    around, forms = host.around(gene, replaced=True), tuple(given for given, _ in gene.uses)
    if any(given.kind != out.kind or len(given.shape) != len(out.shape) for given, out in gene.uses):
        return None
    widths = [{given.channels for given in forms}, {out.channels for _, out in gene.uses}]
    codes = (around.channels_code, around.width_code)
    names: list[int | str] = [min(w) if len(w) == 1 else code for w, code in zip(widths, codes, strict=True)]
    strides = {_stride(given.size, out.size) for given, out in gene.uses}
    stride: int | str = min(strides) if len(strides) == 1 else around.stride
    if not all(names) or not stride or 0 in strides:
        return None
    wide = any(given.channels != out.channels for given, out in gene.uses)
    divisor = math.gcd(*(form.channels for use in gene.uses for form in use))
    return _Spot(gene, True, forms, names[0], names[1], divisor, wide, stride)


def _stride(given: tuple[int, ...], out: tuple[int, ...]) -> int:
    """How many times smaller an image becomes, as a stride makes it; 0 where no stride does."""
    strides = (s for s in (1, 2, 3, 4) if all(-(-g // s) == o for g, o in zip(given, out, strict=True)))
    return next(strides, 0)


# What ----------------------------------------------------------------------------------------------------------------


def fits(block: Block, spot: _Spot) -> bool:
    """Whether a block can stand in a place: it takes what comes, and gives what is expected there."""
    rank = _RANKS.get(block.input)
    if any(form.kind != block.input or len(form.shape) != rank for form in spot.forms):
        return False
    if spot.divisor % block.channels_step or min(form.channels for form in spot.forms) < _LEAST_WIDTH:
        return False
    sizes = {size for form in spot.forms for size in form.size}
    if any(size < block.least_size or size % block.size_step for size in sizes):
        return False
    if block.channels_out is None and block.factor != 1:
        return False
    if spot.wide and (block.channels_out is None or block.keeps_channels):
        return False
    return block.size_factor == 1 and (spot.stride == 1 or block.stride is not None)


def _work(block: Block, spot: _Spot) -> float:
    """About how many multiply-adds the block takes there: its parameters grow with the square of the width."""
    instances = max(spot.gene.instances, 1)
    areas = (math.prod(form.shape) / form.channels * (form.channels / 64) ** 2 for form in spot.forms)
    return block.params * max(areas, default=0) * instances


def _host_work(host: Host) -> float:
    return float(sum(use.params * math.prod(use.output[2:]) for use in host.trace.uses))


def _placed(host: Host, spot: _Spot, ingredient: Ingredient, block: Block) -> Proposal | None:
    arguments = _arguments(block, spot)
    if arguments is None:
        return None
    source = host.source
    needed = {n.id for _, e in arguments for n in ast.walk(ast.parse(e)) if isinstance(n, ast.Name)}
    used = {n.id for _, e in block.arguments for n in ast.walk(ast.parse(e)) if isinstance(n, ast.Name)}
    brought = carried(source, parse(block.source), [block.name, *sorted(needed & used)])
    owner = source.enclosing(spot.gene.call, ast.ClassDef)
    if owner is not None and owner.name in brought.spelled.values():
        return None  # a class that the host has already would be built in itself, without end
    names = {name: spelled for name, spelled in brought.spelled.items() if name in used}
    code = f"{brought.spelled[block.name]}({', '.join(f'{n}={settled(e, names)}' for n, e in arguments)})"
    placed = _put(host, spot, code)
    if not placed:
        return None
    before = source.code(spot.gene.call) if spot.replaced else ""
    edit = Edit("block", LineType.BLOCK, spot.gene.call.lineno, before, code, ingredient.origin)
    return proposal(host, [*placed, *brought.replacements], edit)


def _put(host: Host, spot: _Spot, code: str) -> list[Replacement]:
    if spot.replaced:
        return [host.source.replace(spot.gene.call, code)]
    assert spot.gene.place is not None, "a gene that something can stand behind"
    return placing.insertion(host.source, spot.gene.place, [(code, stem_of(code.partition("(")[0]))])


def _arguments(block: Block, spot: _Spot) -> list[tuple[str, str]] | None:
    """The block's arguments for the place, None where a width would be none."""
    names = {"channels_in": spot.channels_in, "channels_out": spot.channels_out, "stride": spot.stride}
    arguments = [(name, settled(expression, names)) for name, expression in block.arguments]
    widths = [e for (_, e), (_, was) in zip(arguments, block.arguments, strict=True) if "channels" in was]
    return None if any(w.lstrip("-").isdigit() and int(w) < 1 for w in widths) else arguments
