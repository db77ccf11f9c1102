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
    """The row of a rung's (n, m) values that is trained on the next rung, None where none deserves it yet.

    The first of the best `share` of the rung, rounded up, that is not in `promoted`: nobody waits for a rung to fill
    (Li et al. 2020, asynchronous successive halving). The order is that of `volume_survivors`, so the best by the first
    objective is never stopped, no member of the first front is passed over for a dominated row, and within a front goes
    first what adds most volume. A mean or a sum of ranks in its place promotes the middle of the front before its ends.
    `first` are rows of the first front that go before all others but the best by the first objective. Raises
    `ValueError` for a NaN and for a share that is not in (0, 1].
    """
    if not 0 < share <= 1:
        raise ValueError(f"share is {share}: it must be above 0 and at most 1.")
    # Rounded up: of the first outcome of a rung one is promoted, and nobody waits for the rung to fill.
    quota = math.ceil(share * len(objective_matrix(values)))
    best = volume_survivors(values, quota, violation, reference=reference)
    order = dict.fromkeys([*best[:1], *first, *best])
    return next((row for row in list(order)[:quota] if row not in promoted), None)
