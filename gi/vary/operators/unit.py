"""Units: a connection with its normalization and its activation is put in as one, or taken out as one.

Batch normalization behind the convolution is Ioffe and Szegedy 2015, in front of it He et al. 2016 (pre-activation);
one window for each channel is the depthwise convolution of Howard et al. 2017.
"""

import random

from gi.core.types import LineType
from gi.vary.binding import expressions
from gi.vary.genes import Form, Gene
from gi.vary.hosts.host import Host
from gi.vary.hosts.units import LayerUnit, has_fixed_widths, own_activation, reads_biases, units
from gi.vary.operators.deletion import holds_together
from gi.vary.operators.layers import Draft
from gi.vary.operators.proposal import Example, OperatorContext, Proposal

_REMOVED_SHARE = 0.35
_PREACTIVATED_SHARE = 0.2
_WIDTH_FACTORS = (1, 1, 1, 0.5, 1.5, 2)
_HIDDEN = (16, 32, 64, 128)
"""Widths of a dense layer behind many features, as behind a flattened image."""
_MANY = 256

EXAMPLES = (
    Example(
        before=("nn.Conv2d(1, 8, 3, padding=1)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(512, 10)"),
        after=(
            "nn.Conv2d(1, 8, 3, padding=1)", "nn.ReLU()", "nn.Conv2d(8, 8, 3, padding=1, bias=False)",
            "nn.BatchNorm2d(8)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(512, 10)",
        ),
    ),
    Example(  # normalization and activation in front
        before=("nn.Conv2d(1, 8, 3, padding=1)", "nn.GELU()", "nn.Flatten()", "nn.Linear(512, 10)"),
        after=(
            "nn.Conv2d(1, 8, 3, padding=1)", "nn.GELU()", "nn.BatchNorm2d(8)", "nn.GELU()",
            "nn.Conv2d(8, 8, 3, padding=1)", "nn.Flatten()", "nn.Linear(512, 10)",
        ),
    ),
    Example(
        before=(
            "nn.Conv2d(1, 8, 3)", "nn.ReLU()", "nn.Conv2d(8, 16, 3)", "nn.BatchNorm2d(16)", "nn.ReLU()", "nn.Flatten()",
            "nn.Linear(256, 10)",
        ),
        after=("nn.Conv2d(1, 8, 3)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(256, 10)"),
    ),
)  # fmt: skip


def unit(host: Host, means: OperatorContext) -> Proposal | None:
    """A connection, its normalization and its activation go, or come behind a gene."""
    return _removed(host, means) if means.rng.random() < _REMOVED_SHARE else _inserted(host, means)


def _removed(host: Host, means: OperatorContext) -> Proposal | None:
    connections = [g for g in host.genes if g.type == LineType.CONNECTION]
    going = [u for u in units(host) if len(u.genes) > 1 and not any(holds_together(host, g) for g in u.genes)]
    if has_fixed_widths(host):
        # Layers that are called twice cannot be made wider to close the gap.
        going = [u for u in going if u.connection.input.channels == u.connection.output.channels]
    # The stem and the classifier have to stay, or the child is a linear model.
    if not going or len(connections) < 3:
        return None
    chosen = means.rng.choice(going)
    draft = Draft(host, "unit", chosen.connection.call.lineno)
    draft.remove(chosen.genes)
    return draft.proposal()


def _inserted(host: Host, means: OperatorContext) -> Proposal | None:
    spots = [g for g in host.genes if _is_spot(host, g)]
    gene = means.rng.choice(spots) if spots else None
    around = host.around(gene, replaced=False) if gene is not None else None
    if gene is None or gene.place is None or around is None or around.is_varied or gene.output.kind == "unknown":
        return None
    channels = around.channels_code or str(around.channels)
    # Another width is left to repair, which has no number for layers that one line or one name stands for.
    is_fixed = around.channels_code or gene.is_shared or has_fixed_widths(host)
    is_fixed = is_fixed or expressions.is_joined(host.source, gene)
    width = channels if is_fixed else str(_width(gene.output, means.rng))
    draft = Draft(host, "unit", gene.call.lineno)
    layers = [draft.spelled(*part) for part in _parts(host, gene.output, channels, width, means)]
    return draft.proposal() if draft.insert(gene.place, layers) else None


def _parts(host: Host, form: Form, channels: str, width: str, means: OperatorContext) -> list[tuple[str, str]]:
    """Symbol and arguments of each layer of a new unit, in order."""
    activation = own_activation(host, means.lookup), ""
    if _is_preactivated(host) or means.rng.random() < _PREACTIVATED_SHARE:
        connection = _connection(form, channels, width, means.rng, bias=True)
        return [(_NORMALIZATIONS[form.kind], channels), activation, connection]
    connection = _connection(form, channels, width, means.rng, bias=reads_biases(host))
    normalized = channels if "groups" in connection[1] else width
    return [connection, (_NORMALIZATIONS[form.kind], normalized), activation]


def _is_spot(host: Host, gene: Gene) -> bool:
    """Whether a unit may come behind a gene: before the classifier, and not inside another unit."""
    at = host.genes.index(gene)
    last = host.genes.index(host.classifier) if host.classifier is not None else 0
    if at >= last or gene.place is None or gene.is_laid_out or not gene.output.shape:
        return False
    return host.genes[at + 1].type not in (LineType.NORMALIZATION, LineType.ACTIVATION)


def _is_preactivated(host: Host) -> bool:
    several: list[LayerUnit] = [u for u in units(host) if len(u.genes) > 1]
    return bool(several) and all(u.is_preactivated for u in several)


_NORMALIZATIONS = {
    "image": "torch.nn.BatchNorm2d",
    "features": "torch.nn.BatchNorm1d",
    "sequence": "torch.nn.BatchNorm1d",
    "tokens": "torch.nn.LayerNorm",
}


def _connection(form: Form, channels: str, width: str, rng: random.Random, *, bias: bool) -> tuple[str, str]:
    """The symbol and the arguments of a connection; without a bias where a normalization follows, which has one."""
    rest = "" if bias else ", bias=False"
    if form.kind in ("features", "tokens"):
        return "torch.nn.Linear", f"{channels}, {width}{rest}"
    symbol = "torch.nn.Conv1d" if form.kind == "sequence" else "torch.nn.Conv2d"
    kernel = rng.choice((3, 3, 3, 5, 1)) if min(form.shape[1:]) >= 3 else 1
    padding = f", padding={kernel // 2}" if kernel > 1 else ""
    if kernel > 1 and form.channels >= 8 and rng.random() < 0.25:
        return symbol, f"{channels}, {channels}, {kernel}{padding}, groups={channels}{rest}"
    return symbol, f"{channels}, {width}, {kernel}{padding}{rest}"


def _width(form: Form, rng: random.Random) -> int:
    if form.kind == "features" and form.channels > _MANY:
        return rng.choice(_HIDDEN)
    width = round(form.channels * rng.choice(_WIDTH_FACTORS))
    return max(4, width - width % 4) if width != form.channels else width
