"""Depth: a unit or a block once more, or one fewer; a number that says how many blocks a stage has, by one."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from gi.core.trace import Shape
from gi.core.types import LineType
from gi.source.places import placing
from gi.source.places.placing import Anywhere, Attribute, Place
from gi.source.tree.arguments import with_arguments
from gi.source.tree.literals import repetitions
from gi.source.tree.tree import dotted
from gi.vary.binding.expressions import INPUTS
from gi.vary.genes import Gene
from gi.vary.hosts.host import Host
from gi.vary.hosts.units import LayerUnit, arguments_of, parameters, units
from gi.vary.operators.layers import Draft
from gi.vary.operators.proposal import Example, OperatorContext, Proposal

_LEAST_CHANNELS = 4

EXAMPLES = (
    Example(
        before=("nn.Conv2d(1, 8, 3, padding=1, stride=2)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(128, 10)"),
        after=("nn.Conv2d(1, 8, 3, padding=1, stride=2)", "nn.ReLU()", "nn.Conv2d(8, 8, 3, padding=1)", "nn.ReLU()",
               "nn.Flatten()", "nn.Linear(128, 10)"),
    ),
    Example(
        before=("nn.Conv2d(1, 8, 3)", "Gate(8)", "nn.Flatten()", "nn.Linear(288, 10)"),
        after=("nn.Conv2d(1, 8, 3)", "Gate(8)", "Gate(8)", "nn.Flatten()", "nn.Linear(288, 10)"),
        host_classes="class Gate(nn.Module):\n    def __init__(self, channels):\n        super().__init__()\n"
        "        self.conv = nn.Conv2d(channels, channels, 1)\n\n    def forward(self, x):\n"
        "        return x * torch.sigmoid(self.conv(x))\n",
    ),
    Example(
        before=("nn.Conv2d(1, 8, 3)", "nn.Conv2d(8, 8, 3, padding=1)", "nn.ReLU()", "nn.Flatten()",
                "nn.Linear(288, 10)"),
        after=("nn.Conv2d(1, 8, 3)", "nn.Flatten()", "nn.Linear(288, 10)"),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _BlockCall:
    """The call of a class of the program that built a block which keeps the shape of the image."""

    call: ast.Call
    place: Place


def depth(host: Host, means: OperatorContext) -> Proposal | None:
    """The network gets one unit or block more or fewer, as the ones that it has."""
    layer_units, blocks = units(host), list(_blocks(host))
    ways: list[Callable[[], Proposal | None]] = []
    ways += [partial(_repeated, host, u, means) for u in layer_units if _is_repeatable(u)]
    ways += [partial(_without, host, u) for u in layer_units if u.keeps_shape and u.is_single]
    ways += [partial(_block_repeated, host, b) for b in blocks]
    ways += [partial(_block_removed, host, b) for b in blocks]
    ways += [partial(_counted, host, n, means) for n in repetitions(host.source) if host.is_reached(n)]
    return means.rng.choice(ways)() if ways else None


def _is_repeatable(unit: LayerUnit) -> bool:
    gene = unit.connection
    return unit.is_single and gene.output.kind in ("image", "features") and gene.output.channels >= _LEAST_CHANNELS


def _repeated(host: Host, unit: LayerUnit, means: OperatorContext) -> Proposal | None:
    """The unit a second time, from as many channels as it gives to as many."""
    copies = [_copy(host, unit, gene, means) for gene in unit.genes]
    last = unit.genes[-1]
    draft = Draft(host, "depth", last.call.lineno)
    if last.place is None or any(copy is None for copy in copies):
        return None
    # A class of the program's own has its name already; torch's may need an import.
    layers = [draft.spelled(*copy) if copy[0].startswith("torch") else copy for copy in copies if copy is not None]
    return draft.proposal() if draft.insert(last.place, layers) else None


def _copy(host: Host, unit: LayerUnit, gene: Gene, means: OperatorContext) -> tuple[str, str] | None:
    """The symbol and the arguments of a gene's layer for the second time."""
    channels = str(unit.connection.output.channels)
    symbol = gene.symbol
    if gene.is_function:
        counterpart = means.lookup.counterpart(gene.symbol)
        return (counterpart, "") if counterpart and gene.type == LineType.ACTIVATION else None
    given = arguments_of(host, gene, means.lookup)
    if given is None or not symbol.startswith("torch."):
        return None
    values = _second_time(gene, given, channels)
    code = with_arguments(host.source, gene.call, parameters(gene, means.lookup), values, func="layer")
    return None if code is None else (symbol, code.removeprefix("layer(").removesuffix(")"))


def _second_time(gene: Gene, given: dict[str, str], channels: str) -> dict[str, str | None]:
    settings = dict(gene.settings)
    values: dict[str, str | None] = {name: channels for name in INPUTS if name in given and name != "num_parameters"}
    if gene.type != LineType.CONNECTION:
        return values
    # The first one brings the image down; a second would do so again and leave nothing to look at.
    values |= {"stride": None} if given.get("stride", "1") != "1" else {}
    kernel = settings.get("kernel_size", "")
    # As repeated layers must keep the size: a small image is used up by a few unpadded windows.
    if kernel.isdigit() and int(kernel) % 2 and settings.get("dilation") == "1" and gene.input.size != gene.output.size:
        values["padding"] = str(int(kernel) // 2) if int(kernel) > 1 else None
    if settings.get("groups", "1") != "1":
        values["groups"] = channels if settings["groups"] == settings["in_channels"] else None
    return values


def _without(host: Host, unit: LayerUnit) -> Proposal | None:
    draft = Draft(host, "depth", unit.connection.call.lineno)
    draft.remove(unit.genes)
    return draft.proposal()


# Blocks --------------------------------------------------------------------------------------------------------------


def _blocks(host: Host) -> Iterator[_BlockCall]:
    """The calls of the program's own module classes whose block stands once, where it can be repeated or taken out."""
    shapes: dict[ast.Call, list[Shape]] = {}
    for use in host.trace.uses:
        for site in use.built[1:]:
            call = host.source.call_at(site)
            if call is not None and dotted(call.func) in host.source.classes and use.inputs:
                shapes.setdefault(call, [use.inputs[0]]).append(use.output)
    for call, seen in shapes.items():
        place = placing.place_of(host.source, call)
        is_inner = dotted(call.func) != host.trace.network and not _is_repeated(host, call)
        is_plain = place is not None and not isinstance(place, Anywhere)
        if is_inner and is_plain and seen[0] == seen[-1] and not (isinstance(place, Attribute) and len(place.uses) > 1):
            assert place is not None
            yield _BlockCall(call, place)


def _is_repeated(host: Host, call: ast.Call) -> bool:
    """Whether a call stands in a loop, or in a function that is no constructor: it may build several blocks."""
    loops = (ast.For, ast.ListComp, ast.GeneratorExp, ast.While)
    function = host.source.function(call)
    # A factory may be called once for each stage; taking its line out changes all of them.
    is_constructor = function is not None and function.name == "__init__"
    return not is_constructor or any(isinstance(a, loops) for a in host.source.ancestors(call))


def _block_repeated(host: Host, block: _BlockCall) -> Proposal | None:
    code = host.source.code(block.call)
    draft = Draft(host, "depth", block.call.lineno, LineType.BLOCK)
    layer = code, placing.stem_of(dotted(block.call.func))
    return draft.proposal() if draft.insert(block.place, [layer]) else None


def _block_removed(host: Host, block: _BlockCall) -> Proposal | None:
    draft = Draft(host, "depth", block.call.lineno, LineType.BLOCK)
    draft.before.append(host.source.code(block.call))
    draft.replacements.extend(placing.removal(host.source, [block.place]))
    return draft.proposal()


def _counted(host: Host, count: ast.Constant, means: OperatorContext) -> Proposal | None:
    """One repetition more or fewer, where a number of the text says how many there are."""
    number = int(str(count.value))
    # One less than one repetition is an empty stage, whose successors then have no input of the right width.
    new = number + means.rng.choice((-1, 1)) if number > 1 else number + 1
    source = host.source
    draft = Draft(host, "depth", count.lineno, LineType.BLOCK)
    draft.replacements.append(source.replace(count, str(new)))
    start, end = source.line_starts[count.lineno], source.line_starts[count.lineno + 1]
    at = source.bytes_of(count)
    line = source.data[start:end]
    draft.before.append(line.decode().strip())
    draft.after.append((line[: at[0] - start] + str(new).encode() + line[at[1] - start :]).decode().strip())
    return draft.proposal()
