"""The results of mining an index for one kernel shape, stored beside it: vocabulary, classes, classifier."""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gi.core.errors import WeightsError
from gi.core.files import write_whole
from gi.kernels.index.reader import Index
from gi.kernels.mining.classes import DEFAULT_K, KernelClasses
from gi.kernels.mining.classifier import DEPTHS, ClassAccuracy, Predictor, fit, scores
from gi.kernels.mining.trees import Forest, ParentPositions, Vocabulary, vocabulary
from gi.kernels.records import Floats, shape_name

FORMAT = 2  # 2: kernels of zeros have no class
_CLASS_FIELDS = ("centres", "counts", "scales", "inertia")


@dataclass(frozen=True, eq=False)
class Mined:
    """The classifier of one shape and depth, with its vocabulary."""

    shape: tuple[int, ...]
    depth: int
    words: Vocabulary
    predictor: Predictor

    @property
    def classes(self) -> KernelClasses:
        """The classes that are predicted."""
        return self.words.classes[self.shape]

    def probabilities(self, index: Index, layer: int, channel: int) -> Floats:
        """(k,) class probabilities of the parents that read an input channel of a layer."""
        features = Forest(index, self.words).features(layer, depth=self.depth)
        probabilities: Floats = self.predictor.probabilities(features[channel : channel + 1])[0]
        return probabilities

    def probabilities_of(self, children: Floats) -> Floats:
        """(k,) class probabilities of the parents of these (n, *shape) kernels, without the children's children.

        Raises `WeightsError` for a shape that the index does not have.
        """
        if children.shape[1:] not in self.words.places:
            known = ", ".join(map(shape_name, self.words.places))
            raise WeightsError(
                f"the children are of shape {shape_name(children.shape[1:])}, of which the index has no classes: "
                f"it has {known}."
            )
        counts = self.words.counts(children)
        features = np.zeros((1, (self.depth - 1) * self.words.size), np.float32)
        features[0, : self.words.size] = counts  # words of the children's children, which are unknown, stay 0
        probabilities: Floats = self.predictor.probabilities(features)[0]
        return probabilities


def mine(
    index: Index, shape: tuple[int, ...], *, depth: int = 2, k: int = DEFAULT_K, seed: int = 0, keep: bool = True
) -> Mined:
    """The classifier for parents of `shape`, read from beside the index or made, and stored there if possible.

    Raises `WeightsError` for another depth than 2 or 3 and for too few kernels in the index.
    """
    _check(depth)
    path = index.folder / "mined" / f"{FORMAT}-{shape_name(shape)}-{depth}-{k}-{seed}-{index.num_kernels}.npz"
    if path.is_file() and (stored := _read(path, shape, depth)) is not None:
        return stored
    words = vocabulary(index, shape, k=k, seed=seed)
    mined = Mined(shape, depth, words, fit(_sites(index, words, shape, depth), seed=seed))
    if keep:
        _write(mined, path)
    return mined


def held_out_scores(
    index: Index, shape: tuple[int, ...], *, depth: int = 2, k: int = DEFAULT_K, seed: int = 0
) -> ClassAccuracy:
    """The accuracy of the classifier on held-out networks."""
    _check(depth)
    words = vocabulary(index, shape, k=k, seed=seed)
    return scores(_sites(index, words, shape, depth), seed=seed)


def _check(depth: int) -> None:
    if depth not in DEPTHS:
        raise WeightsError(f"depth is {depth}: trees are 2 deep (children) or 3 (with their children).")


def _sites(index: Index, words: Vocabulary, shape: tuple[int, ...], depth: int) -> ParentPositions:
    sites = Forest(index, words).sites(shape, depth=depth)
    if not len(sites.layers):
        raise WeightsError(
            f"no convolution of the index with kernels of shape {shape_name(shape)} is fed by another one: there is "
            "nothing to learn from. Add networks of several layers."
        )
    return sites


def _write(mined: Mined, path: Path) -> None:
    arrays: dict[str, Any] = {"weights": mined.predictor.weights, "offsets": mined.predictor.offsets}
    for shape, classes in mined.words.classes.items():
        arrays |= {f"{shape_name(shape)}/{field}": getattr(classes, field) for field in _CLASS_FIELDS}
    with contextlib.suppress(OSError):  # a read-only index is mined again each time
        path.parent.mkdir(exist_ok=True)
        write_whole(path, lambda file: np.savez(file, **arrays))


def _read(path: Path, shape: tuple[int, ...], depth: int) -> Mined | None:
    """Reads the file of `_write`; None where it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            names = dict.fromkeys(name.partition("/")[0] for name in arrays.files if "/" in name)
            classes = {}
            for name in names:
                of: tuple[int, ...] = tuple(map(int, name.split("x")))
                centres, counts, scales, inertia = (arrays[f"{name}/{field}"] for field in _CLASS_FIELDS)
                classes[of] = KernelClasses(of, centres, counts, scales, float(inertia))
            return Mined(shape, depth, Vocabulary(classes), Predictor(arrays["weights"], arrays["offsets"]))
    except (OSError, ValueError, KeyError):
        return None
