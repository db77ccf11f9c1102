"""Which seed programs a run with `max_params` trains: their parameter counts are exact before any training."""

import math
from collections.abc import Sequence

from gi.core.errors import SourceError
from gi.core.trace import Trace
from gi.core.types import BEYOND_MAX_PARAMS, Program, Try
from gi.search.parts import Parts


def seed_limit(seeds: Sequence[Program], parts: Parts, max_params: int | None) -> float:
    """The most parameters that a seed program may have; infinite without `max_params`.

    Where every one has more, the limit is the smallest count: a run needs a first individual, and children may shrink.
    """
    if max_params is None:
        return math.inf
    counts = [count for seed in seeds if (count := _fitted_params(seed, parts)) is not None]
    return max(max_params, min(counts, default=0))


def admitted(seeds: Sequence[Program], parts: Parts, max_params: int | None) -> tuple[Program, ...]:
    """The seed programs that are within `seed_limit`, and those whose parameters cannot be counted."""
    limit = seed_limit(seeds, parts, max_params)
    # One that cannot be counted stays in: its slot then fails with the true reason, where `gi failures` finds it.
    return tuple(seed for seed in seeds if math.isinf(limit) or (_fitted_params(seed, parts) or 0) <= limit)


def refusal(text: str, parts: Parts, limit: float) -> tuple[Try, ...]:
    """One refused try, where a fitted seed program has more than `limit` parameters; empty where it is trained."""
    count = None if math.isinf(limit) else _params(text, parts)
    return (
        () if count is None or count <= limit else (Try("seed", "build", BEYOND_MAX_PARAMS, f"{count:,} parameters"),)
    )


def _fitted_params(seed: Program, parts: Parts) -> int | None:
    try:
        # After repair: a head for 1,000 classes that is made to fit ten may have been most of the parameters.
        return _params(parts.repair(seed.text, parts.task, parts.check), parts)
    except SourceError:
        return None


def _params(text: str, parts: Parts) -> int | None:
    answer = parts.check(text, parts.task)
    return answer.num_params if isinstance(answer, Trace) else None
