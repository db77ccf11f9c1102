"""The head of a network: where its image becomes features, the dense stack behind that, and the classifier."""

from dataclasses import dataclass

from gi.core.trace import Use
from gi.core.types import LineType
from gi.source.places import placing
from gi.source.places.placing import Functional, Place
from gi.vary.genes import Gene
from gi.vary.hosts.host import Host
from gi.vary.hosts.units import is_free


@dataclass(frozen=True)
class Head:
    """The place that flattens the image, its shape (c, h, w) there, and all genes of the head.

    `pool` is the pool to one pixel right in front, None where there is none; `hidden` are the dense layers, each with
    what follows it up to the next.
    """

    flatten: Place
    line: int
    image: tuple[int, int, int]
    pool: Gene | None
    hidden: tuple[tuple[Gene, ...], ...]
    classifier: Gene


def head_of(host: Host) -> Head | None:
    """The head of a network that flattens its image once before a dense classifier; None of any other."""
    flattenings = [u for u in host.trace.uses if u.inputs and len(u.inputs[0]) == 4 and len(u.output) == 2]
    classifier = host.classifier
    # With two flattenings there are two heads, and no telling which one gives the classes.
    if len(flattenings) != 1 or classifier is None or classifier.output.kind != "features" or len(classifier.uses) > 1:
        return None
    use = flattenings[0]
    call = host.source.call_at(use.built[0] if use.built else use.site)
    if call is None or classifier.input.kind != "features":
        return None
    place = placing.place_of(host.source, call) if use.built else placing.functional_place(host.source, call)
    if place is None or (isinstance(place, Functional) and not use.symbol.endswith(_FLATTENS)):
        return None
    image = (use.inputs[0][1], use.inputs[0][2], use.inputs[0][3])
    return Head(place, call.lineno, image, _pool_before(host, use), _hidden(host, classifier), classifier)


_FLATTENS = ("flatten", "view", "reshape")


def _pool_before(host: Host, use: Use) -> Gene | None:
    """The pool that leaves one pixel of an image, right in front of the flattening."""
    shapes = [g for g in host.genes if g.output.kind == "image"]
    last = shapes[-1] if shapes else None
    if last is None or last.type != LineType.POOLING or last.place is None or use.inputs[0][2:] != (1, 1):
        return None
    return last if min(last.input.size, default=1) > 1 else None


def _hidden(host: Host, classifier: Gene) -> tuple[tuple[Gene, ...], ...]:
    """The dense layers in front of the classifier, each with its normalization, activation and dropout."""
    layers: list[list[Gene]] = []
    for gene in host.genes[: host.genes.index(classifier)]:
        if gene.output.kind != "features" or gene.type == LineType.RESHAPE:
            layers = []  # only the layers behind the flattening are the head
        elif gene.type == LineType.CONNECTION:
            layers.append([gene])
        elif layers:
            layers[-1].append(gene)
    return tuple(tuple(g) for g in layers if all(is_free(gene) and not gene.is_shared for gene in g))
