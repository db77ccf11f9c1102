"""Promotion from rung to rung: asynchronous successive halving with an order of several objectives."""

import math
from collections.abc import Collection, Sequence

from numpy.typing import ArrayLike

from gi.search.select.contribution import volume_survivors
from gi.search.select.survival import objective_matrix


def promotable(
    values: ArrayLike,
    promoted: Collection[int],
    share: float,
    violation: ArrayLike = (),
    *,
    reference: Sequence[float],
    first: Sequence[int] = (),
) -> int | None:
    """The row of a rung's (n, m) values that is trained on the next rung; None where all of the best went up.

    The first of the best `share` of the rung, rounded up, that is not in `promoted`: no promotion waits for a rung to
    fill (Li et al. 2020, asynchronous successive halving). The order is that of `volume_survivors`: first the best by
    the first objective, then front by front, within a front the row that adds most volume. A mean or a sum of ranks
    would promote the middle of the front before its ends.
    `first` are rows of the first front that go before all others but the best by the first objective. Raises
    `ValueError` for a NaN and for a share that is not in (0, 1].
    """
    if not 0 < share <= 1:
        raise ValueError(f"share is {share}: it must be above 0 and at most 1.")
    # Rounded up: the first outcome of a rung is promoted at once, without waiting for the rung to fill.
    quota = math.ceil(share * len(objective_matrix(values)))
    best = volume_survivors(values, quota, violation, reference=reference)
    order = dict.fromkeys([*best[:1], *first, *best])
    return next((row for row in list(order)[:quota] if row not in promoted), None)
