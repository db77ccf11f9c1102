"""Credit assignment: operators and donors whose edits led to survivors are drawn more often; none drops to 0.

Probability matching with a floor (Thierens 2005, "An adaptive pursuit strategy for allocating operator probabilities"):
a draw's probability follows its recent success. Adaptive pursuit, which gives all but the floor to the best one, needs
more successes than a run of some hundred trainings has. Few edits count as of average success, and the weight of an
edit halves with every `HALF_LIFE` later ones, because what helps early in a run need not help later.

The loop, before it draws the operator of a slot:

    credits = [c for child in judged for c in credits_of(child.edits, success=child.id in survivors)]
    vary(texts, rng=rng, known=known, operators=operators, shares=adapted_shares(SHARES, credits),
         donor_weights=donor_weights(credits))

where `judged` are the children whose outcome the slot may depend on, failed ones included, in order of acceptance, and
`survivors` those that were in the population when their generation closed, or whose hypervolume contribution to the
front of their rung was above 0 when it was last computed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from gi.core.types import Edit, LineType

HALF_LIFE = 200
"""Credits after which one counts half: seven generations of 16 children with one or two edits each."""
PRIOR = 8.0
"""Edits of average success that every operator and every donor starts with."""
FLOOR = 0.3
"""The part of an operator's own share that it keeps at any success."""

Key = TypeVar("Key", bound=str)


@dataclass(frozen=True, slots=True)
class Credit:
    """The success of one edit: its operator, the type of its line (None for several), whether its child was a success,
    and the repository of its ingredient as `donor` ("" where it borrowed nothing)."""

    operator: str
    line_type: LineType | None
    success: bool
    donor: str = ""


_credit = lru_cache(maxsize=4_096)(Credit)  # the credits of 2,000 children, of which most are equal, are in memory


def credits_of(edits: Sequence[Edit], *, success: bool) -> tuple[Credit, ...]:
    """One credit for each pair of operator and line type in a child's edits: a cut of nine lines counts once."""
    donors = {(e.operator, e.type): e.origin.repository if e.origin else "" for e in edits}
    return tuple(_credit(operator, type_, success, donor) for (operator, type_), donor in donors.items())


def adapted_shares(shares: Mapping[str, float], credits: Sequence[Credit]) -> dict[str, float]:
    """The shares by operator, with the same order and sum, shifted towards operators with recent success.

    `credits` are in order of acceptance; those of operators without a share count only in the average. No share
    falls below `FLOOR` of its own value; without any success, or any failure, the shares are unchanged.
    """
    ratios = success_ratios([(credit.operator, credit.success) for credit in credits])
    matched = {name: share * ratios.get(name, 1.0) for name, share in shares.items()}
    scale = sum(shares.values()) / (sum(matched.values()) or 1.0)
    return {name: FLOOR * share + (1 - FLOOR) * matched[name] * scale for name, share in shares.items()}


def donor_weights(credits: Sequence[Credit]) -> dict[str, float]:
    """The weight, `FLOOR` to 1, of drawing another ingredient from each repository that gave one.

    A repository that is missing was never tried and has the weight 1.
    """
    # Relative to the best donor, not to the average: an untried one has 1, and is drawn as often as the best.
    ratios = success_ratios([(credit.donor, credit.success) for credit in credits if credit.donor])
    most = max(ratios.values(), default=1.0)
    return {donor: max(FLOOR, ratio / most) for donor, ratio in ratios.items()}


def success_ratios(records: Sequence[tuple[Key, bool]]) -> dict[Key, float]:
    """The recent success rate of each key over that of all (average 1); `records` are (key, success), oldest first."""
    weights = [0.5 ** (age / HALF_LIFE) for age in range(len(records) - 1, -1, -1)]
    average = _share((success, weight) for (_, success), weight in zip(records, weights, strict=True))
    # Without any success the average is 0, no key lies above or below it, and all keep their shares.
    if not average:
        return dict.fromkeys((key for key, _ in records), 1.0)
    # A prior of average success: one lucky edit out of one would else give an operator the largest share.
    totals = {key: [PRIOR * average, PRIOR] for key, _ in records}
    for (key, success), weight in zip(records, weights, strict=True):
        totals[key][0] += weight * success
        totals[key][1] += weight
    return {key: won / tried / average for key, (won, tried) in totals.items()}


def _share(weighted: Iterable[tuple[bool, float]]) -> float:
    pairs = list(weighted)
    total = sum(weight for _, weight in pairs)
    return sum(weight for success, weight in pairs if success) / total if total else 0.0
