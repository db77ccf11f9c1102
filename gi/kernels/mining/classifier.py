"""The linear classifier of a kernel's class from its children, and its scores on held-out networks."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gi.core.errors import WeightsError
from gi.kernels.mining.classes import KernelClasses
from gi.kernels.mining.trees import ParentPositions
from gi.kernels.records import Floats, Ints, shape_name

DEPTHS = (2, 3)
_MOST_ROWS = 6_000  # of training data, parents drawn from the sites
_FOLDS = 5
_ITERATIONS = 40


@dataclass(frozen=True, eq=False)
class Predictor:
    """A multinomial logistic regression: `weights` (features, k), `offsets` (k,)."""

    weights: Floats
    offsets: Floats

    def probabilities(self, features: Floats) -> Floats:
        """(n, k) class probabilities for (n, features)."""
        # Square roots of shares, as in a Hellinger kernel, so that frequent words do not dominate.
        scores = np.sqrt(features) @ self.weights + self.offsets
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(scores / scores.sum(axis=1, keepdims=True), np.float32)


@dataclass(frozen=True, slots=True)
class ClassAccuracy:
    """Top-1 and top-5 accuracy of the predicted classes of parents in held-out networks.

    `majority_*` predict the most frequent classes of the training networks; log losses are in nats, `prior_log_loss` is
    that of their frequencies.
    """

    parents: int
    networks: int
    top1: float
    top5: float
    majority_top1: float
    majority_top5: float
    log_loss: float
    prior_log_loss: float


def fit(sites: ParentPositions, *, seed: int = 0) -> Predictor:
    """The classifier for these sites. Raises `WeightsError` where there are fewer than two classes of parents."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    present = np.flatnonzero(sites.parents.sum(axis=0))
    if len(present) < 2:
        raise WeightsError(
            f"{len(sites.layers)} parents' inputs with children show {len(present)} classes: a classifier needs two. "
            "Add networks whose layers feed each other."
        )
    rows, labels = _drawn(sites, seed)
    model = LogisticRegression(C=0.3, max_iter=_ITERATIONS)
    # More threads take eight times the CPU time for a fit of this size, and no less wall time.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")  # a fit that has not converged is usable: scores on other networks show it
        model.fit(np.sqrt(sites.features[rows]), labels)
    k = sites.parents.shape[1]
    weights = np.zeros((sites.features.shape[1], k), np.float32)
    offsets = np.full(k, -20.0, np.float32)  # for classes without training data
    coefficients, intercepts = model.coef_, model.intercept_
    if len(model.classes_) == 2:  # scikit-learn returns only the second class's
        coefficients = np.concatenate([-coefficients, coefficients]) / 2
        intercepts = np.concatenate([-intercepts, intercepts]) / 2
    weights[:, model.classes_], offsets[model.classes_] = coefficients.T, intercepts
    return Predictor(weights, offsets)


def scores(sites: ParentPositions, *, seed: int = 0) -> ClassAccuracy:
    """Cross-validated scores on held-out networks. Raises `WeightsError` for fewer than two networks."""
    groups = np.unique(sites.groups)
    if len(groups) < 2:
        raise WeightsError(
            f"scores need networks to hold out: the index has {len(groups)} with such parents. Add some."
        )
    folds = np.array_split(np.random.default_rng(seed).permutation(groups), min(_FOLDS, len(groups)))
    totals = np.zeros(6)
    for fold in folds:
        held = np.isin(sites.groups, fold)
        totals += _fold_totals(_part(sites, ~held), _part(sites, held), seed)
    count = int(sites.parents.sum())
    return ClassAccuracy(count, len(groups), *(float(total / max(1, count)) for total in totals))


def _fold_totals(train: ParentPositions, test: ParentPositions, seed: int) -> Floats:
    """Sums over the parents of `test`: top-1 and top-5 hits of classifier and majority, and both log losses."""
    predicted = fit(train, seed=seed).probabilities(test.features)
    frequency = train.parents.sum(axis=0) + 0.5
    prior = np.broadcast_to(frequency / frequency.sum(), predicted.shape)
    num_hits = []
    for answer in (predicted, prior):
        best = np.argsort(-answer, axis=1, kind="stable")[:, :5]
        hits = np.take_along_axis(test.parents, best, axis=1)
        num_hits += [hits[:, 0].sum(), hits.sum()]
    losses = [-(test.parents * np.log(np.maximum(answer, 1e-9))).sum() for answer in (predicted, prior)]
    return np.array(num_hits + losses, np.float64)


def most_likely(classes: KernelClasses, probabilities: Floats, count: int) -> Floats:
    """(n, count, *shape): the centre of the most likely class, repeated `count` times."""
    best = probabilities.argmax(axis=1)
    return np.repeat(_scaled(classes, best)[:, None], count, axis=1)


def sampled(classes: KernelClasses, probabilities: Floats, count: int, rng: np.random.Generator) -> Floats:
    """(n, count, *shape): centres of classes drawn by their probabilities, so that parents differ."""
    cumulated = probabilities.cumsum(axis=1)
    drawn = rng.random((len(probabilities), count)) * cumulated[:, -1:]
    chosen = (drawn[:, :, None] >= cumulated[:, None, :-1]).sum(axis=2)
    return _scaled(classes, chosen.reshape(-1)).reshape(*chosen.shape, *classes.shape)


def answer(classes: KernelClasses, probabilities: Floats, *, top: int) -> list[Mapping[str, object]]:
    """The `top` most likely classes of one site, as JSON objects."""
    order = np.argsort(-probabilities, kind="stable")[:top]
    return [
        {
            "class": int(each),
            "probability": round(float(probabilities[each]), 5),
            "frequency": round(float(classes.counts[each] / classes.counts.sum()), 5),
            "scale": round(float(classes.scales[each]), 5),
            "shape": shape_name(classes.shape),
            "centre": np.round(classes.centres[each].astype(np.float64), 5).tolist(),
        }
        for each in order
    ]


def _scaled(classes: KernelClasses, labels: Ints) -> Floats:
    return np.asarray(classes.centres[labels] * classes.scales[labels].reshape(-1, *[1] * len(classes.shape)))


def _drawn(sites: ParentPositions, seed: int) -> tuple[Ints, Ints]:
    """Site and class of uniformly drawn parents, (n,) each; every present class occurs at least once."""
    site, label = np.nonzero(sites.parents)
    counts = sites.parents[site, label]
    rng = np.random.default_rng(seed)
    total = int(counts.sum())
    if total <= _MOST_ROWS:
        rows = np.repeat(np.arange(len(site)), counts)
    else:
        rows = rng.choice(len(site), _MOST_ROWS, p=counts / total)
    _, firsts = np.unique(label, return_index=True)
    rows = np.concatenate([rows, firsts])
    return site[rows], label[rows]


def _part(sites: ParentPositions, chosen: NDArray[np.bool_]) -> ParentPositions:
    return ParentPositions(
        *(getattr(sites, name)[chosen] for name in ("features", "parents", "layers", "channels", "groups"))
    )
