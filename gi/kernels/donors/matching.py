"""Matches donor layers to target layers: similar kernels and strides, with the same connections."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gi.kernels.donors.donors import IMAGE, DonorLayer, DonorNetwork
from gi.kernels.donors.target import IMAGE_NUMBER, Target, TargetLayer

_MOST_VISITS = 4000  # of the search in one donor; real networks need some tens
_STRIDE_PENALTY = 0.5
_IMAGE_CHANNELS = (1, 3)  # of an image; a donor with 16 was trained on other data
_EMBEDDED_PENALTY = 0.25  # a 3x3 kernel in the middle of a 5x5 one


@dataclass(frozen=True, eq=False)
class Match:
    """A donor, and its layer for each matched target layer, by number.

    `score` is the number of layers, less penalties for different strides, kernel sizes and smaller widths.
    """

    donor: DonorNetwork
    layers: dict[int, DonorLayer]
    score: float


def matches(target: Target, donors: Sequence[DonorNetwork]) -> list[Match]:
    """The best match of each donor that has one, the best first; ties keep the donors' order.

    A match starts at the image and is closed: a target layer has a stand-in only if all layers that feed it have one,
    and these feed the stand-in.
    """
    best = [match for donor in donors if (match := _best(target, donor)) is not None]
    return sorted(best, key=lambda match: -match.score)


def _best(target: Target, donor: DonorNetwork) -> Match | None:
    search = _Search(target, donor)
    search.extend(0, {}, 0.0)
    return Match(donor, search.layers, search.score) if search.layers else None


class _Search:
    """A depth-first search over the target's layers in order; keeps the best assignment."""

    def __init__(self, target: Target, donor: DonorNetwork) -> None:
        self.target, self.donor = target, donor
        self.layers: dict[int, DonorLayer] = {}
        self.score = 0.0
        self.visits = 0

    def extend(self, position: int, layers: dict[int, DonorLayer], score: float) -> None:
        """Tries every stand-in for the layer at `position`, and leaving it out."""
        if score > self.score:
            self.score, self.layers = score, dict(layers)
        left = len(self.target.layers) - position
        # Prunes: each layer adds at most 1 to the score.
        if not left or score + left <= self.score or self.visits > _MOST_VISITS:
            return
        self.visits += 1
        layer = self.target.layers[position]
        for stand_in, worth in self.stand_ins(layer, layers):
            self.extend(position + 1, {**layers, layer.number: stand_in}, score + worth)
        self.extend(position + 1, layers, score)

    def stand_ins(self, layer: TargetLayer, layers: dict[int, DonorLayer]) -> Iterator[tuple[DonorLayer, float]]:
        """The donor layers that can replace `layer` after `layers`, with their scores, the best first."""
        fed_by = self._fed_by(layer, layers)
        if fed_by is None:
            return iter(())
        width = self._tied_width(layer, layers)
        taken = {each.id for each in layers.values()}
        fit = [
            (each, worth)
            for each in self.donor.layers
            if each.id not in taken
            and fed_by <= each.sources
            and (IMAGE not in fed_by or each.num_inputs in (*_IMAGE_CHANNELS, self.target.image_channels))
            and (width is None or each.width == width)
            and (worth := likeness(layer, each)) > 0
        ]
        return iter(sorted(fit, key=lambda pair: -pair[1]))

    def _fed_by(self, layer: TargetLayer, layers: dict[int, DonorLayer]) -> frozenset[int] | None:
        """The ids of the donor's layers that have to feed a stand-in; None where a source has no stand-in."""
        ids = set()
        for number in layer.sources:
            if number == IMAGE_NUMBER:
                ids.add(IMAGE)
            elif number in layers:
                ids.add(layers[number].id)
            else:
                return None
        return frozenset(ids)

    def _tied_width(self, layer: TargetLayer, layers: dict[int, DonorLayer]) -> int | None:
        """The width of stand-ins already chosen in the layer's tie group; None for none."""
        root = self.target.ties[layer.number]
        return next((each.width for number, each in layers.items() if self.target.ties[number] == root), None)


def likeness(layer: TargetLayer, candidate: DonorLayer) -> float:
    """The score of a donor's layer in a target layer's place, at most 1; 0 where it does not fit."""
    if layer.depthwise != candidate.depthwise or (not layer.depthwise and (layer.groups > 1 or candidate.groups > 1)):
        return 0.0
    worth = 0.5 + 0.5 * min(1.0, candidate.width / layer.width)
    if tuple(candidate.weight.shape[2:]) != layer.shape[2:]:
        if not embeds(candidate.weight.shape[2:], layer.shape[2:]):
            return 0.0
        worth -= _EMBEDDED_PENALTY
    return worth - (_STRIDE_PENALTY if candidate.stride != layer.stride else 0.0)


def embeds(small: Sequence[int], large: Sequence[int]) -> bool:
    """Whether a kernel fits centred in a larger one: their sizes differ by even numbers, and the small one is not 1."""
    return all(1 < s <= b and (b - s) % 2 == 0 for s, b in zip(small, large, strict=True))
