"""Another head: global average pooling in place of a dense stack (Lin et al. 2013) and back, a hidden layer less."""

from collections.abc import Callable

from gi.vary.hosts.heads import Head, head_of
from gi.vary.hosts.host import Host
from gi.vary.operators.layers import Draft
from gi.vary.operators.proposal import Example, OperatorContext, Proposal

_MOST_FEATURES = 4096

EXAMPLES = (
    Example(  # repair gives the classifier its 8 features
        before=("nn.Conv2d(1, 8, 3, padding=1)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(512, 32)", "nn.ReLU()",
                "nn.Linear(32, 10)"),
        after=("nn.Conv2d(1, 8, 3, padding=1)", "nn.ReLU()", "nn.AdaptiveAvgPool2d(1)", "nn.Flatten()",
               "nn.Linear(32, 10)"),
    ),
    Example(
        before=("nn.Conv2d(1, 8, 3, padding=1)", "nn.ReLU()", "nn.AdaptiveAvgPool2d(1)", "nn.Flatten()",
                "nn.Linear(8, 10)"),
        after=("nn.Conv2d(1, 8, 3, padding=1)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(8, 10)"),
    ),
    Example(
        before=("nn.Flatten()", "nn.Linear(64, 32)", "nn.ReLU()", "nn.Linear(32, 10)"),
        after=("nn.Flatten()", "nn.Linear(32, 10)"),
    ),
)  # fmt: skip


def head(host: Host, means: OperatorContext) -> Proposal | None:
    """The head pools in place of its dense stack, or no longer pools, or loses a hidden layer."""
    current = head_of(host)
    ways = [way for is_open, way in _WAYS if current is not None and is_open(current)]
    return means.rng.choice(ways)(host, current, means) if current is not None and ways else None


def _pooled(host: Host, head: Head, means: OperatorContext) -> Proposal | None:
    draft = Draft(host, "head", head.line)
    coarse = min(head.image[1:]) // 2
    # A coarse grid keeps where things are; to one pixel is the usual choice.
    size = 2 if coarse >= 2 and means.rng.random() < 0.25 else 1
    if not draft.insert(head.flatten, [draft.spelled("torch.nn.AdaptiveAvgPool2d", str(size))], after=False):
        return None
    draft.remove([gene for hidden in head.hidden for gene in hidden])
    return draft.proposal()


def _flattened(host: Host, head: Head, _: OperatorContext) -> Proposal | None:
    assert head.pool is not None, "a head that pools"
    draft = Draft(host, "head", head.pool.call.lineno)
    draft.remove([head.pool])
    return draft.proposal()


def _thinner(host: Host, head: Head, means: OperatorContext) -> Proposal | None:
    hidden = means.rng.choice(head.hidden)
    draft = Draft(host, "head", hidden[0].call.lineno)
    draft.remove(hidden)
    return draft.proposal()


def _may_flatten(head: Head) -> bool:
    # Pooled networks have wide last layers: without the pool the classifier would outweigh the whole network.
    return head.pool is not None and _features(head) <= _MOST_FEATURES


def _features(head: Head) -> int:
    assert head.pool is not None
    channels, height, width = (*head.pool.input.shape, 1, 1)[:3]
    return channels * height * width


_Way = Callable[[Host, Head, OperatorContext], Proposal | None]
_WAYS: tuple[tuple[Callable[[Head], bool], _Way], ...] = (
    (lambda head: min(head.image[1:]) > 1 and head.image != head.classifier.input.shape, _pooled),
    (_may_flatten, _flattened),
    (lambda head: bool(head.hidden), _thinner),
)
