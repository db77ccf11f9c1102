"""Numbers the way that a person reads them: the same in tables, plots and progress lines."""

import statistics
from collections.abc import Sequence


def count_text(count: float) -> str:
    """A count with three digits and a magnitude: 812, 12.3k, 4.57M."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        # Rounding to three digits would make 999,700 "1e+03k".
        if abs(count) >= limit * 0.9995:
            return f"{count / limit:.3g}{unit}"
    return f"{count:.0f}"


def share_text(share: float) -> str:
    """A share in percent with two decimals: 1.23%."""
    return f"{share:.2%}"


def spread_text(shares: Sequence[float], *, seeds: int = 0) -> str:
    """Mean and deviation of shares in percent: 1.23% ± 0.05; "-" for none.

    In a column that is headed by a number of `seeds`, fewer of them are counted behind it: 1.23% (1 seed).
    """
    if not shares:
        return "-"
    mean, count = statistics.mean(shares), len(shares)
    fewer = f" ({count} seed{'s' * (count > 1)})" if count < seeds else ""
    return f"{mean:.2%} ± {100 * statistics.stdev(shares):.2f}{fewer}" if count > 1 else f"{mean:.2%}{fewer}"


def duration_text(seconds: float) -> str:
    """Seconds as 42s, 3m05s or 1h02m."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02}m"
