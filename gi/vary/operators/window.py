"""Windows: another kernel size at the same padding rule, and a stride in a pool's place or a pool in a stride's."""

from collections.abc import Callable, Iterator
from functools import partial

from gi.core.types import LineType
from gi.source.tree.arguments import with_arguments
from gi.vary.binding.expressions import is_joined
from gi.vary.genes import Gene
from gi.vary.hosts.host import Host
from gi.vary.hosts.units import arguments_of, is_free, parameters, unit_of
from gi.vary.operators.layers import Draft
from gi.vary.operators.proposal import Example, OperatorContext, Proposal

_OTHER_KERNELS = {3: (5,), 5: (3, 7), 7: (5,)}
_POOLS = ("torch.nn.MaxPool2d", "torch.nn.MaxPool2d", "torch.nn.AvgPool2d")

EXAMPLES = (
    Example(
        before=("nn.Conv2d(1, 8, 3)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(288, 10)"),
        after=("nn.Conv2d(1, 8, 5, padding=1)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(288, 10)"),
    ),
    Example(
        before=("nn.Conv2d(1, 8, 3, stride=2, padding=1)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(128, 10)"),
        after=("nn.Conv2d(1, 8, 3, padding=1)", "nn.ReLU()", "nn.MaxPool2d(2)", "nn.Flatten()", "nn.Linear(128, 10)"),
    ),
    Example(
        before=("nn.Conv2d(1, 8, 3, padding=1)", "nn.ReLU()", "nn.MaxPool2d(2)", "nn.Flatten()", "nn.Linear(128, 10)"),
        after=("nn.Conv2d(1, 8, 3, padding=1, stride=2)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(128, 10)"),
    ),
)  # fmt: skip


def window(host: Host, means: OperatorContext) -> Proposal | None:
    """A convolution looks further or less far, or brings the image down by itself or by a pool."""
    ways: list[Callable[[], Proposal | None]] = []
    ways += [partial(_other_kernel, host, g, means) for g in host.genes if _kernel(g)]
    ways += [partial(_pool_for_stride, host, g, means) for g in host.genes if _kernel(g) and _strides(host, g)]
    ways += [partial(_stride_for_pool, host, g, pool, means) for g, pool in _pooled(host)]
    return means.rng.choice(ways)() if ways else None


def _kernel(gene: Gene) -> int:
    """The odd kernel size of a convolution whose line gives it as a number, else 0."""
    settings = dict(gene.settings)
    size = settings.get("kernel_size", "")
    is_plain = settings.get("padding", "").isdigit() and settings.get("dilation") == "1" and size.isdigit()
    return int(size) if gene.symbol == "torch.nn.Conv2d" and is_plain and int(size) in _OTHER_KERNELS else 0


def _other_kernel(host: Host, gene: Gene, means: OperatorContext) -> Proposal | None:
    given, size = arguments_of(host, gene, means.lookup), _kernel(gene)
    if given is None or given.get("kernel_size") != str(size):
        return None
    padding = given.get("padding", "0")
    new = means.rng.choice(_OTHER_KERNELS[size])
    wider = int(dict(gene.settings)["padding"]) + (new - size) // 2
    # Where the line stands for several layers its padding may be an expression that is right for all.
    if not padding.isdigit() or wider < 0:
        return None
    # Padding moves with the kernel, so that the image stays as large and nothing behind has to change.
    values = {"kernel_size": str(new), "padding": str(wider) if wider else None}
    return _written(host, gene, values, means)


def _strides(host: Host, gene: Gene) -> bool:
    return dict(gene.settings).get("stride") == "2" and not gene.is_shared and not is_joined(host.source, gene)


def _pool_for_stride(host: Host, gene: Gene, means: OperatorContext) -> Proposal | None:
    code = with_arguments(host.source, gene.call, parameters(gene, means.lookup), {"stride": None})
    place = unit_of(host, gene).genes[-1].place
    draft = Draft(host, "window", gene.call.lineno)
    if code is None or place is None or not draft.replace(gene, code):
        return None
    pool = draft.spelled(means.rng.choice(_POOLS), "2")
    return draft.proposal() if draft.insert(place, [pool]) else None


def _pooled(host: Host) -> Iterator[tuple[Gene, Gene]]:
    """Convolutions without a stride, each with the pool behind it that halves the image."""
    convolution: Gene | None = None
    for gene in host.genes:
        if gene.type == LineType.CONNECTION:
            convolution = gene if gene.symbol == "torch.nn.Conv2d" else None
        elif gene.type == LineType.POOLING and convolution is not None:
            # Only what a stride of two would give: other pools change what every later layer receives.
            is_half = gene.output.size == tuple(n // 2 for n in gene.input.size) != ()
            plain = dict(convolution.settings).get("stride") == "1" and not convolution.is_shared
            if is_half and plain and is_free(gene) and not gene.is_shared and not is_joined(host.source, convolution):
                yield convolution, gene
            convolution = None


def _stride_for_pool(host: Host, gene: Gene, pool: Gene, means: OperatorContext) -> Proposal | None:
    code = with_arguments(host.source, gene.call, parameters(gene, means.lookup), {"stride": "2"})
    draft = Draft(host, "window", gene.call.lineno)
    if code is None or not draft.replace(gene, code):
        return None
    draft.remove([pool])
    return draft.proposal()


def _written(host: Host, gene: Gene, values: dict[str, str | None], means: OperatorContext) -> Proposal | None:
    code = with_arguments(host.source, gene.call, parameters(gene, means.lookup), values)
    draft = Draft(host, "window", gene.call.lineno)
    return draft.proposal() if code is not None and draft.replace(gene, code) else None
