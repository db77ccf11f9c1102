"""Another stem: how the first convolution and its pool bring the image down.

A wide window with a stride and a pool is He et al. 2016, patches Dosovitskiy et al. 2021 and Liu et al. 2022.
"""

from dataclasses import dataclass

from gi.core.types import LineType
from gi.source.tree.arguments import with_arguments
from gi.vary.genes import Gene
from gi.vary.hosts.host import Host
from gi.vary.hosts.units import is_free, parameters, unit_of
from gi.vary.operators.layers import Draft
from gi.vary.operators.proposal import Example, OperatorContext, Proposal

_LEAST = 3
"""Height and width that a stem leaves."""

EXAMPLES = (
    Example(
        before=("nn.Conv2d(1, 8, 3, padding=1)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(512, 10)"),
        after=("nn.Conv2d(1, 8, 5, padding=2, stride=2)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(512, 10)"),
    ),
    Example(
        before=("nn.Conv2d(1, 8, 3, padding=1)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(512, 10)"),
        after=("nn.Conv2d(1, 8, 2, stride=2)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(512, 10)"),
    ),
    Example(
        before=("nn.Conv2d(1, 8, 5, stride=2, padding=2)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(128, 10)"),
        after=("nn.Conv2d(1, 8, 3, padding=1)", "nn.ReLU()", "nn.MaxPool2d(2)", "nn.Flatten()", "nn.Linear(128, 10)"),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Stem:
    """Kernel, stride and padding of the convolution; whether a pool of two follows it."""

    kernel: int
    stride: int
    padding: int
    pools: bool = False

    @property
    def reduction(self) -> int:
        return self.stride * (2 if self.pools else 1)


_STEMS = (
    _Stem(3, 1, 1), _Stem(5, 1, 2), _Stem(3, 2, 1), _Stem(5, 2, 2), _Stem(7, 2, 3), _Stem(2, 2, 0), _Stem(4, 4, 0),
    _Stem(3, 1, 1, pools=True), _Stem(5, 1, 2, pools=True), _Stem(3, 2, 1, pools=True), _Stem(5, 2, 2, pools=True),
)  # fmt: skip


def stem(host: Host, means: OperatorContext) -> Proposal | None:
    """The first convolution gets another window and stride, with or without a pool behind it."""
    gene = next((g for g in host.genes if g.type == LineType.CONNECTION), None)
    if gene is None or gene.input.kind != "image" or gene.is_shared or gene is host.classifier:
        return None
    own, pool = _own(gene), _pool(host, gene)
    # Stems of photographs divide by four: of digits with 8 pixels that leaves two.
    size = min(host.task.input_shape[1:])
    others = [s for s in _STEMS if s != own and size // s.reduction >= _LEAST and (pool is not None or s != own)]
    # Only what sees the data set's own image is the stem; behind a resize the reductions mean something else.
    if own is None or gene.input.size != host.task.input_shape[1:] or not others:
        return None
    return _changed(host, gene, pool, means.rng.choice(others), means)


def _own(gene: Gene) -> _Stem | None:
    """The stem as it is, without its pool; None where its settings are no plain numbers."""
    settings = dict(gene.settings)
    numbers = [settings.get(name, "") for name in ("kernel_size", "stride", "padding")]
    is_plain = all(n.isdigit() for n in numbers) and settings.get("dilation") == settings.get("groups") == "1"
    return _Stem(int(numbers[0]), int(numbers[1]), int(numbers[2])) if is_plain else None


def _pool(host: Host, gene: Gene) -> Gene | None:
    """The pool behind the first convolution, before the second connection."""
    for following in host.genes[host.genes.index(gene) + 1 :]:
        if following.type in (LineType.CONNECTION, LineType.RESHAPE):
            return None
        if following.type == LineType.POOLING:
            return following if is_free(following) and not following.is_shared else None
    return None


def _changed(host: Host, gene: Gene, pool: Gene | None, new: _Stem, means: OperatorContext) -> Proposal | None:
    values = {
        "kernel_size": str(new.kernel),
        "stride": str(new.stride) if new.stride > 1 else None,
        "padding": str(new.padding) if new.padding else None,
    }
    code = with_arguments(host.source, gene.call, parameters(gene, means.lookup), values)
    draft = Draft(host, "stem", gene.call.lineno)
    if code is None or not draft.replace(gene, code):
        return None
    if pool is not None and not new.pools:
        draft.remove([pool])
    elif pool is None and new.pools:
        place = unit_of(host, gene).genes[-1].place  # behind the normalization and the activation that go with it
        if place is None or not draft.insert(place, [draft.spelled("torch.nn.MaxPool2d", "2")]):
            return None
    return draft.proposal()
