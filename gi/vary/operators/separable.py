"""Separable convolutions: one window for each channel and a 1x1 convolution in a dense one's place, and back.

Howard et al. 2017, with a normalization and an activation between the two where the dense one has them.
"""

import itertools
from collections.abc import Callable, Iterator
from functools import partial

from gi.core.types import LineType
from gi.source.tree.arguments import with_arguments
from gi.vary.genes import Gene
from gi.vary.hosts.host import Host
from gi.vary.hosts.units import LayerUnit, arguments_of, is_free, own_activation, parameters, unit_of
from gi.vary.operators.layers import Draft
from gi.vary.operators.proposal import Example, OperatorContext, Proposal

_LEAST_CHANNELS = 4
_BETWEEN_SHARE = 0.7

EXAMPLES = (
    Example(
        before=("nn.Conv2d(1, 8, 3)", "nn.ReLU()", "nn.Conv2d(8, 16, 3, padding=1)", "nn.BatchNorm2d(16)", "nn.ReLU()",
                "nn.Flatten()", "nn.Linear(576, 10)"),
        after=("nn.Conv2d(1, 8, 3)", "nn.ReLU()", "nn.Conv2d(8, 8, 3, padding=1, groups=8)", "nn.BatchNorm2d(8)",
               "nn.ReLU()", "nn.Conv2d(8, 16, 1)", "nn.BatchNorm2d(16)", "nn.ReLU()", "nn.Flatten()",
               "nn.Linear(576, 10)"),
    ),
    Example(
        before=("nn.Conv2d(1, 8, 3)", "nn.Conv2d(8, 8, 3, padding=1, groups=8)", "nn.BatchNorm2d(8)", "nn.ReLU()",
                "nn.Conv2d(8, 16, 1)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(576, 10)"),
        after=("nn.Conv2d(1, 8, 3)", "nn.Conv2d(8, 16, 3, padding=1)", "nn.ReLU()", "nn.Flatten()",
               "nn.Linear(576, 10)"),
    ),
)  # fmt: skip


def separable(host: Host, means: OperatorContext) -> Proposal | None:
    """A dense convolution becomes a depthwise and a pointwise one, or two such become a dense one."""
    ways: list[Callable[[], Proposal | None]] = []
    ways += [partial(_separated, host, g, means) for g in host.genes if _is_dense(host, g)]
    ways += [partial(_joined, host, u, pointwise, means) for u, pointwise in _pairs(host)]
    return means.rng.choice(ways)() if ways else None


def _is_dense(host: Host, gene: Gene) -> bool:
    settings = dict(gene.settings)
    return (
        gene.symbol == "torch.nn.Conv2d"
        and gene is not host.classifier
        and settings.get("groups") == "1"
        and settings.get("kernel_size") != "1"
        and is_free(gene)
        # With few channels a depthwise convolution computes next to nothing.
        and gene.input.channels >= _LEAST_CHANNELS
    )


def _separated(host: Host, gene: Gene, means: OperatorContext) -> Proposal | None:
    names, given = parameters(gene, means.lookup), arguments_of(host, gene, means.lookup)
    if given is None or not {"in_channels", "out_channels"} <= set(given):
        return None
    channels, width = given["in_channels"], given["out_channels"]
    depthwise = with_arguments(host.source, gene.call, names, {"out_channels": channels, "groups": channels})
    draft = Draft(host, "separable", gene.call.lineno)
    bias = f", bias={given['bias']}" if "bias" in given else ""
    between = _between(host, unit_of(host, gene), channels, means)
    pointwise = draft.spelled("torch.nn.Conv2d", f"{channels}, {width}, 1{bias}")
    layers = [*(draft.spelled(*part) for part in between), pointwise]
    return draft.proposal() if depthwise is not None and draft.replace(gene, depthwise, layers) else None


def _between(host: Host, unit: LayerUnit, channels: str, means: OperatorContext) -> list[tuple[str, str]]:
    if unit.is_preactivated or means.rng.random() >= _BETWEEN_SHARE:
        return []
    kinds = [g.type for g in unit.genes]
    parts = [("torch.nn.BatchNorm2d", channels)] if LineType.NORMALIZATION in kinds else []
    return [*parts, (own_activation(host, means.lookup), "")] if LineType.ACTIVATION in kinds else parts


def _pairs(host: Host) -> Iterator[tuple[LayerUnit, Gene]]:
    """The depthwise convolutions with the pointwise one behind each, in one function of the text."""
    connections = [g for g in host.genes if g.type == LineType.CONNECTION]
    for gene, following in itertools.pairwise(connections):
        settings, after = dict(gene.settings), dict(following.settings)
        is_depthwise = "in_channels" in settings and settings.get("groups") == settings["in_channels"] != "1"
        is_pointwise = following.symbol == "torch.nn.Conv2d" and after.get("kernel_size") == after.get("groups") == "1"
        # Across functions the two may belong to different layers of a loop.
        together = host.source.function(gene.call) is host.source.function(following.call)
        fits = gene.output.channels == following.input.channels and gene.instances == following.instances
        if is_depthwise and is_pointwise and together and fits and is_free(gene) and is_free(following):
            yield unit_of(host, gene), following


def _joined(host: Host, unit: LayerUnit, pointwise: Gene, means: OperatorContext) -> Proposal | None:
    gene = unit.connection
    given = arguments_of(host, pointwise, means.lookup)
    if given is None or "out_channels" not in given or pointwise is host.classifier:
        return None
    values = {"out_channels": given["out_channels"], "groups": None}
    dense = with_arguments(host.source, gene.call, parameters(gene, means.lookup), values)
    draft = Draft(host, "separable", gene.call.lineno)
    if dense is None or not draft.replace(gene, dense):
        return None
    # In pre-activation order the layers in front belong to what comes before the pair.
    between = [] if unit.is_preactivated else [g for g in unit.genes if g is not gene]
    draft.remove([*between, pointwise])
    return draft.proposal()
