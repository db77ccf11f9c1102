"""The classifier: with or without a bias, behind a hidden layer or a normalization, or a 1x1 convolution in its place.

What comes out stays (n, classes). A 1x1 convolution to the classes and global average pooling is Lin et al. 2013.
"""

from gi.core.types import LineType
from gi.source.tree.arguments import with_arguments
from gi.vary.hosts.heads import head_of
from gi.vary.hosts.host import Host
from gi.vary.hosts.units import is_free, own_activation, parameters, reads_biases
from gi.vary.operators.layers import Draft
from gi.vary.operators.proposal import Example, OperatorContext, Proposal

_HIDDEN = (16, 24, 32, 48, 64, 96, 128)

EXAMPLES = (
    Example(
        before=("nn.Conv2d(1, 8, 3)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(288, 10)"),
        after=("nn.Conv2d(1, 8, 3)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(288, 10, bias=False)"),
    ),
    Example(
        before=("nn.Conv2d(1, 8, 3)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(288, 10)"),
        after=("nn.Conv2d(1, 8, 3)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(288, 32)", "nn.ReLU()",
               "nn.Linear(32, 10)"),
    ),
    Example(
        before=("nn.Conv2d(1, 8, 3)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(288, 10)"),
        after=("nn.Conv2d(1, 8, 3)", "nn.ReLU()", "nn.Conv2d(8, 10, 1)", "nn.AdaptiveAvgPool2d(1)", "nn.Flatten()"),
    ),
    Example(
        before=("nn.Conv2d(1, 8, 3)", "nn.Conv2d(8, 10, 1)", "nn.AdaptiveAvgPool2d(1)", "nn.Flatten()"),
        after=("nn.Conv2d(1, 8, 3)", "nn.AdaptiveAvgPool2d(1)", "nn.Flatten()", "nn.Linear(8, 10)"),
    ),
)  # fmt: skip


def classifier(host: Host, means: OperatorContext) -> Proposal | None:
    """The last connection changes in one of the ways that its place allows."""
    if host.classifier is None or host.classifier.is_shared:
        return None
    ways = [_other_bias, _behind_hidden, _normalized, _as_convolution, _as_dense]
    return means.rng.choice(ways)(host, means)


def _other_bias(host: Host, means: OperatorContext) -> Proposal | None:
    gene = host.classifier
    bias = dict(gene.settings).get("bias") if gene is not None else None
    # A recipe that names biases, for a weight decay of their own, fails without one.
    if gene is None or bias not in ("True", "False") or (bias == "True" and reads_biases(host)):
        return None
    code = with_arguments(
        host.source, gene.call, parameters(gene, means.lookup), {"bias": "False" if bias == "True" else None}
    )
    draft = Draft(host, "classifier", gene.call.lineno)
    return draft.proposal() if code is not None and draft.replace(gene, code) else None


def _behind_hidden(host: Host, means: OperatorContext) -> Proposal | None:
    """A hidden layer with an activation in front of a dense classifier."""
    gene = host.classifier
    if gene is None or gene.place is None or gene.input.kind != "features":
        return None
    width = means.rng.choice(_HIDDEN)
    code = with_arguments(host.source, gene.call, parameters(gene, means.lookup), {"in_features": str(width)})
    if code is None:
        return None
    draft = Draft(host, "classifier", gene.call.lineno)
    hidden = draft.spelled("torch.nn.Linear", f"{gene.input.channels}, {width}")
    draft.insert(gene.place, [hidden, draft.spelled(own_activation(host, means.lookup))], after=False)
    return draft.proposal() if draft.replace(gene, code) else None


def _normalized(host: Host, _: OperatorContext) -> Proposal | None:
    """A normalization of the features that the classifier reads."""
    gene = host.classifier
    if gene is None or gene.place is None or gene.input.kind != "features":
        return None
    before = host.genes[: host.genes.index(gene)]
    # The second normalization of the same values does next to nothing.
    if before and before[-1].type == LineType.NORMALIZATION:
        return None
    draft = Draft(host, "classifier", gene.call.lineno)
    layer = draft.spelled("torch.nn.BatchNorm1d", str(gene.input.channels))
    return draft.proposal() if draft.insert(gene.place, [layer], after=False) else None


def _as_convolution(host: Host, _: OperatorContext) -> Proposal | None:
    """A 1x1 convolution to the classes and global average pooling, where a dense classifier reads the flat image."""
    head = head_of(host)
    # With hidden layers the classifier reads features that no pixel has.
    if head is None or head.hidden or not is_free(head.classifier) or min(head.image[1:]) < 2:
        return None
    draft = Draft(host, "classifier", head.classifier.call.lineno)
    draft.remove([head.classifier])
    convolution = draft.spelled("torch.nn.Conv2d", f"{head.image[0]}, {host.task.num_classes}, 1")
    pool = draft.spelled("torch.nn.AdaptiveAvgPool2d", "1")
    return draft.proposal() if draft.insert(head.flatten, [convolution, pool], after=False) else None


def _as_dense(host: Host, _: OperatorContext) -> Proposal | None:
    """A dense classifier behind the pooled features, where a 1x1 convolution gave the classes."""
    gene = host.classifier
    pools = [g for g in host.genes if g.type == LineType.POOLING and g.output.size == (1, 1)]
    if gene is None or gene.input.kind != "image" or not is_free(gene) or not pools or pools[-1].is_shared:
        return None
    at = host.genes.index(gene)
    last = host.genes[-1]
    if host.genes.index(pools[-1]) < at or last.type != LineType.RESHAPE or last.place is None:
        return None
    draft = Draft(host, "classifier", gene.call.lineno)
    draft.remove([gene])
    layer = draft.spelled("torch.nn.Linear", f"{gene.input.channels}, {host.task.num_classes}")
    return draft.proposal() if draft.insert(last.place, [layer]) else None
