"""Units of a network: a connection with the normalization and the activation that go with it, in either order."""

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from gi.core.protocols import Lookup
from gi.core.types import LineType
from gi.source.places.placing import Attribute
from gi.source.tree.arguments import given_arguments
from gi.vary.genes import Gene
from gi.vary.hosts.host import Host

_GOES_WITH = (LineType.NORMALIZATION, LineType.ACTIVATION)
_BETWEEN = (LineType.POOLING, LineType.REGULARIZATION)
"""May stand inside a unit without being part of it: `F.relu(self.norm(F.max_pool2d(self.conv(x), 2)))`."""
_NOT_BETWEEN_LAYERS = frozenset(
    {"Softmax", "LogSoftmax", "Softmin", "Sigmoid", "LogSigmoid", "PReLU", "GLU", "Threshold", "Softmax2d"}
)


@dataclass(frozen=True)
class LayerUnit:
    """A connection and what goes with it; `genes` are all of them in the order of the data.

    `is_preactivated` says that normalization and activation come before the connection.
    """

    connection: Gene
    genes: tuple[Gene, ...]
    is_preactivated: bool = False

    def first(self, kind: LineType) -> Gene | None:
        """The unit's gene of a type."""
        return next((g for g in self.genes if g.type == kind), None)

    @property
    def is_single(self) -> bool:
        """Whether each of its lines stands for one layer that data reaches once."""
        return not any(g.is_shared or len(g.uses) > 1 for g in self.genes)

    @property
    def keeps_shape(self) -> bool:
        """Whether what comes out has the shape of what goes in."""
        return self.genes[0].input == self.genes[-1].output


def units(host: Host) -> list[LayerUnit]:
    """The units that can be taken out, without the classifier, in the order of the data; a lone connection is one."""
    return [
        unit
        for gene in host.genes
        if gene.type == LineType.CONNECTION and gene is not host.classifier and gene.keeps_rank and is_free(gene)
        for unit in [unit_of(host, gene)]
    ]


def unit_of(host: Host, connection: Gene) -> LayerUnit:
    """The unit around a connection."""
    at = host.genes.index(connection)
    behind = _together(host, connection, host.genes[at + 1 :])
    if behind:
        return LayerUnit(connection, (connection, *behind))
    before = _together(host, connection, host.genes[:at][::-1])[::-1]
    # Layers behind another connection are that one's, unless the data goes on through it to a second.
    is_first = at > len(before) and host.genes[at - len(before) - 1].type == LineType.CONNECTION
    if not before or (is_first and before[0].type == LineType.ACTIVATION) or len(before) < len(_GOES_WITH):
        return LayerUnit(connection, (connection,))
    return LayerUnit(connection, (*before, connection), is_preactivated=True)


def is_free(gene: Gene) -> bool:
    """Whether a gene can be taken out at the one place where data goes through it."""
    return gene.place is not None and not (isinstance(gene.place, Attribute) and len(gene.place.uses) > 1)


def _together(host: Host, connection: Gene, others: Iterable[Gene]) -> list[Gene]:
    """The normalization and the activation among the next genes, up to another connection."""
    owner, following = host.source.enclosing(connection.call, ast.ClassDef), list[Gene]()
    for gene in others:
        if gene.type in _BETWEEN:
            continue
        is_next = gene.type in _GOES_WITH and gene.type not in [g.type for g in following]
        # In another class it may be built more often than the connection.
        here = host.source.enclosing(gene.call, ast.ClassDef) is owner and len(gene.uses) == len(connection.uses)
        if not is_next or not here or not is_free(gene):
            break
        following.append(gene)
    return following


def has_fixed_widths(host: Host) -> bool:
    """Whether a connection is called at several places: what it reads and gives must stay as wide at each of them."""
    return any(g.type == LineType.CONNECTION and len(g.uses) > g.instances for g in host.genes)


def reads_biases(host: Host) -> bool:
    """Whether the program reads a layer's `bias`, as an initialization does: a layer without one would stop it."""
    return any(isinstance(n, ast.Attribute) and n.attr == "bias" for n in host.source.under(host.source.tree))


def own_activation(host: Host, lookup: Lookup) -> str:
    """The layer class of the activation that the host uses most between its layers; a ReLU where it has none."""
    last = host.genes.index(host.classifier) if host.classifier is not None else len(host.genes)
    counted: dict[str, int] = {}
    for gene in host.genes[:last]:
        if gene.type == LineType.ACTIVATION and gene.symbol.startswith("torch"):
            is_class = gene.symbol.rpartition(".")[2][:1].isupper()
            symbol = gene.symbol if is_class else lookup.counterpart(gene.symbol) or ""
            if symbol and symbol.rpartition(".")[2] not in _NOT_BETWEEN_LAYERS:
                counted[symbol] = counted.get(symbol, 0) + 1
    return max(counted, key=lambda symbol: counted[symbol], default="torch.nn.ReLU")


def parameters(gene: Gene, lookup: Lookup) -> list[str]:
    """The names of a call's parameters, in order."""
    return [name for name, _ in lookup.signature(gene.symbol) or ()]


def arguments_of(host: Host, gene: Gene, lookup: Lookup) -> dict[str, str] | None:
    """The text of each argument of a gene's call by parameter; None where stars hide them."""
    return given_arguments(host.source, gene.call, parameters(gene, lookup))
