"""The search as an estimator of scikit-learn: `fit` evolves programs, `predict` uses the best of the front."""

import math
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from gi.api.arrays import ArraySet
from gi.api.evolving import evolve
from gi.api.predicting import probabilities
from gi.core.errors import ConfigError, DatasetError
from gi.data.readers.npz import SPELLINGS, channels_last
from gi.data.splits import LARGEST_SIDE, stratified_share
from gi.export import KNEE

_LARGEST_SEED = 2**31 - 1
_LEAST = 3  # samples that a class needs to be in all three parts
_GREY = 1


class FitError(DatasetError, ValueError):
    """Samples that cannot be used for training or prediction. Also a `ValueError`, as scikit-learn expects."""


class GIClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Classifies images by a program that `gi.evolve` found; an estimator of scikit-learn.

    `X` is images (n, h, w), (n, h, w, c) or (n, c, h, w), or rows (n, features) that are images of `image_shape`, by
    default square ones where the number of features is a square, else one line each. Values of uint8 are pixels; others
    are scaled to 256 steps between the least and the greatest value in `fit`. Of the samples a fifth is set apart for
    the final trainings' test error and a fifth of the rest for selection, as for any data set.

    Args:
        generations: Their number; `population`, `budget`, `time`, `objectives` and `workers` as for `gi.evolve`.
        best: The member of the front that predicts: an objective, or "knee".
        image_shape: (height, width) or (channels, height, width) of the image in a row of `X`.
        model: The user's own model to start from, "FILE" or "FILE:NAME".
        settings: Further keyword arguments of `gi.evolve`, by name.
        out: The run's folder, which is kept. Without one the run is deleted after `fit`, and `front_` is kept.
        random_state: An int makes two fits draw alike. Times are still measured: `settings={"clock": "model"}` makes
            these equal, too.

    Attributes:
        classes_: The labels (classes,), sorted: the columns of `predict_proba`.
        front_: The members of the front, `gi.RunIndividual`, the best error first; each can predict and build.
        best_: The member that predicts.
        n_features_in_: `X.shape[1]` in `fit`; `feature_names_in_` where `X` had names.
    """

    def __init__(
        self,
        *,
        generations: int = 20,
        population: int = 8,
        budget: str | float | None = None,
        time: str | float | None = None,
        objectives: Sequence[str] = ("error", "params", "time"),
        best: str = "error",
        image_shape: tuple[int, ...] | None = None,
        model: str | Path | None = None,
        workers: int | None = None,
        settings: Mapping[str, Any] | None = None,
        out: str | Path | None = None,
        random_state: Any = None,
    ) -> None:
        # Stored unchanged and checked in `fit`, as scikit-learn's `clone` and `set_params` require.
        self.generations = generations
        self.population = population
        self.budget = budget
        self.time = time
        self.objectives = objectives
        self.best = best
        self.image_shape = image_shape
        self.model = model
        self.workers = workers
        self.settings = settings
        self.out = out
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> "GIClassifier":  # noqa: N803 (scikit-learn's name)
        """Evolves programs on images and their labels (n,). Raises `FitError` and the errors of `gi.evolve`."""
        X, y = validate_data(self, X, y, allow_nd=True)  # noqa: N806
        check_classification_targets(y)
        self.classes_, numbers = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise FitError(f"y has 1 class ({self.classes_[0]!r}): give it two.")
        self._image_shape = _image_shape(X.shape, self.image_shape)
        self._range = None if X.dtype == np.uint8 else (float(X.min()), float(X.max()))
        samples = _parts(self._pixels(X), numbers)
        with ExitStack() as held:
            self._search(samples, held)
        return self

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803
        """The most probable class (n,) of each image."""
        chosen = self.predict_proba(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[chosen]
        return labels

    def predict_proba(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """The probability (n, classes) of each class; the program runs in a confined worker process."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, allow_nd=True)  # noqa: N806
        return probabilities(self.best_, self._pixels(X))

    def _search(self, samples: ArraySet, held: ExitStack) -> None:
        if self.best not in (*self.objectives, KNEE):
            raise ConfigError(f"best is {self.best!r}: choose from {', '.join(self.objectives)}, {KNEE}.")
        seed = int(check_random_state(self.random_state).randint(_LARGEST_SEED))
        scratch = None if self.out is not None else Path(held.enter_context(tempfile.TemporaryDirectory(prefix="gi-")))
        run = evolve(
            samples, model=self.model, generations=self.generations, population=self.population, seed=seed,
            budget=self.budget, time=self.time, objectives=self.objectives, workers=self.workers,
            out=self.out if scratch is None else scratch / "run", **(self.settings or {}),
        )  # fmt: skip
        # Copies, because the run's folder may be deleted when `fit` returns.
        self.best_ = run.best(self.best, trained=True).held()
        self.front_ = tuple(member.held() for member in run.front)
        if scratch is not None:
            from gi.data.dataset import run_dataset

            # The decoded arrays: every fit on other samples would leave a copy in the cache folder.
            shutil.rmtree(run_dataset(run.config).path, ignore_errors=True)

    def _pixels(self, X: NDArray[Any]) -> NDArray[np.uint8]:  # noqa: N803
        """The samples as (n, c, h, w) uint8. Raises `FitError` for another shape than in `fit`."""
        shape = self._image_shape
        if _image_shape(X.shape, self.image_shape) != shape:
            raise FitError(f"X has samples of the shape {X.shape[1:]}: fit had images of {shape} (channels first).")
        if X.ndim == 4 and X.shape[1:] != shape:
            X = X.transpose(0, 3, 1, 2)  # noqa: N806
        images = X.reshape(-1, *shape)
        if self._range is None:
            if images.dtype != np.uint8:
                raise FitError(f"X has the type {images.dtype}: fit had uint8.")
            return images
        low, high = self._range
        steps = (images.astype(np.float64) - low) * (255.0 / (high - low) if high > low else 0.0)
        return np.round(np.clip(steps, 0, 255)).astype(np.uint8)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.classifier_tags.poor_score = True  # it needs images, and more of them than scikit-learn's checks have
        tags.non_deterministic = (self.settings or {}).get("clock") != "model"
        return tags


def _image_shape(shape: tuple[int, ...], given: tuple[int, ...] | None) -> tuple[int, int, int]:
    """(channels, height, width) of images from the shape of `X`. Raises `FitError`."""
    if len(shape) > 2:
        try:
            last = channels_last(shape, "X")
        except DatasetError as error:
            raise FitError(str(error)) from None
        if len(shape) == 3:
            return _GREY, shape[1], shape[2]
        return (shape[3], shape[1], shape[2]) if last else (shape[1], shape[2], shape[3])
    features = shape[1]
    if given is not None:
        wanted = (_GREY,) * (3 - len(given)) + tuple(given)
        if len(wanted) != 3 or math.prod(wanted) != features:
            raise FitError(f"image_shape is {given}: X has {features} features.")
        return wanted[0], wanted[1], wanted[2]
    side = math.isqrt(features)
    if side * side == features:
        return _GREY, side, side
    if features <= LARGEST_SIDE:
        return _GREY, 1, features
    raise FitError(f"X has {features} features, which are no square image: pass image_shape, (height, width).")


def _parts(images: NDArray[np.uint8], labels: NDArray[Any]) -> ArraySet:
    """The samples by part. gi's own split needs three of each class; smaller classes are used for training only."""
    counts = np.bincount(labels)
    # Colour images stay (n, c, h, w); the axis of channels of grey ones could be taken for one of pixels.
    images = images[:, 0] if images.shape[1] == _GREY else images
    if counts.min() >= _LEAST:
        return dict(zip(SPELLINGS["train"][0], (images, labels), strict=True))
    common = np.flatnonzero(counts[labels] >= _LEAST)
    if not len(common):
        raise FitError(f"y has at most {counts.max()} samples of each class: one class needs {_LEAST}, better all do.")
    part = np.zeros(len(labels), np.int64)
    for number, name in enumerate(("test", "validation"), start=1):
        left = common[part[common] == 0]
        part[left[stratified_share(labels[left], max(1, len(left) // 5), seed_name=name)]] = number
    chosen = {"train": part == 0, "test": part == 1, "validation": part == 2}
    return {
        key: array[mask]
        for name, mask in chosen.items()
        for key, array in zip(SPELLINGS[name][0], (images, labels), strict=True)
    }
