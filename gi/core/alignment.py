"""The alignment of two sequences that keeps their order: which element of one goes with which of the other.

Rows of two texts and layers of two networks are aligned alike: an insertion moves all that follow, so neither names nor
positions tell what belongs together.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def aligned_pairs(
    ours: Sequence[Item], theirs: Sequence[Item], likeness: Callable[[Item, Item], float]
) -> list[tuple[int, int]]:
    """Places (in `ours`, in `theirs`) of the pairs with the largest sum of likenesses, in the order of both.

    An element without a partner costs nothing, and a likeness of 0 or less means that two elements never pair. Of equal
    sums the one is taken that pairs where it can, and else passes over elements of `ours` first. Needleman and Wunsch
    (1970); as many calls of `likeness` as there are pairs of elements.
    """
    like = [[likeness(one, other) for other in theirs] for one in ours]
    # Plain tables: what is compared are lines of a program or layers of a network, some hundred at most.
    best = _best_sums(like, len(theirs))
    pairs: list[tuple[int, int]] = []
    i, j = 0, 0
    while i < len(ours) and j < len(theirs):
        # Compared by value: both sides are the same sums in the same order.
        if like[i][j] > 0 and best[i][j] == best[i + 1][j + 1] + like[i][j]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return pairs


def _best_sums(like: Sequence[Sequence[float]], width: int) -> list[list[float]]:
    """The table whose `[i][j]` is the best sum over the pairings of what follows from i and from j on."""
    best = [[0.0] * (width + 1) for _ in range(len(like) + 1)]
    for i in reversed(range(len(like))):
        for j in reversed(range(width)):
            pair = best[i + 1][j + 1] + like[i][j] if like[i][j] > 0 else 0.0
            best[i][j] = max(pair, best[i + 1][j], best[i][j + 1])
    return best
