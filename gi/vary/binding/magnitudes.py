"""How far a number moves in one edit, and between which bounds, by the name of its parameter.

What spans orders of magnitude (a learning rate) moves by a factor, a share of 1 (a momentum, a dropout) by a factor of
its odds, so that 0.9 becomes 0.75 or 0.97 and never 1. Steps of 1.5 to 3 are what a training feels: smaller ones
drown in its noise.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FACTORS = (1 / 3, 1 / 2, 2 / 3, 3 / 2, 2.0, 3.0)


@dataclass(frozen=True, slots=True)
class Magnitude:
    """The bounds of a parameter, `is_share` of 1 or not, and how often it is chosen beside its call's others."""

    low: float
    high: float
    is_share: bool = False
    weight: float = 1.0


_RATE = Magnitude(1e-5, 2.0, weight=3.0)
_STRENGTH = Magnitude(0.03, 0.9)
MAGNITUDES: Mapping[str, Magnitude] = {
    **dict.fromkeys(("lr", "max_lr", "base_lr"), _RATE),
    "weight_decay": Magnitude(1e-5, 0.5, weight=2.0),
    "momentum": Magnitude(0.5, 0.99, is_share=True),
    "alpha": Magnitude(0.01, 10.0),
    "p": Magnitude(0.02, 0.9, is_share=True),
    "label_smoothing": Magnitude(0.01, 0.4, is_share=True, weight=2.0),
    "pct_start": Magnitude(0.02, 0.7, is_share=True),
    "gamma": Magnitude(0.05, 0.999, is_share=True),
    **dict.fromkeys(("start_factor", "end_factor", "factor"), Magnitude(1e-4, 1.0)),
    "eta_min": Magnitude(1e-8, 0.01),
    "power": Magnitude(0.5, 4.0),
    "div_factor": Magnitude(2.0, 100.0),
    "final_div_factor": Magnitude(10.0, 1e5),
    # Of augmentations: their strengths.
    "degrees": Magnitude(2.0, 45.0),
    "shear": Magnitude(2.0, 45.0),
    "translate": Magnitude(0.02, 0.4),
    "distortion_scale": _STRENGTH,
    **dict.fromkeys(("brightness", "contrast", "saturation"), _STRENGTH),
    "hue": Magnitude(0.01, 0.5),
    "sigma": Magnitude(0.1, 3.0),
}


def weight_of(name: str) -> float:
    """How often a parameter is chosen beside the others of its call."""
    known = MAGNITUDES.get(name)
    return known.weight if known else 1.0


def moved(name: str, value: float, rng: random.Random) -> float | None:
    """Another value for a parameter, two digits long and within its bounds; None where there is none."""
    known = MAGNITUDES.get(name) or _unknown(name, value)
    if not value:  # no factor moves 0
        return known.low * 5
    near = [_rounded(_stepped(value, factor, is_share=known.is_share)) for factor in FACTORS]
    choices = [v for v in near if known.low <= v <= known.high and v != value]  # rounding may give the old one
    return rng.choice(choices) if choices else None


def _unknown(name: str, value: float) -> Magnitude:
    if name.endswith(("_prob", "_p")):
        return MAGNITUDES["p"]
    return Magnitude(min(value * 4, value / 4), max(value * 4, value / 4))


def _stepped(value: float, factor: float, *, is_share: bool) -> float:
    if not is_share or not 0 < value < 1:
        return value * factor
    odds = value / (1 - value) * factor
    return odds / (1 + odds)


def _rounded(value: float) -> float:
    """Two digits of the number, or of its distance to 1 where that is smaller: 0.0033, 0.967."""
    if 0.5 < value < 1:
        return round(1 - float(f"{1 - value:.2g}"), 6)
    return float(f"{value:.2g}")


# Strengths of augmentations ------------------------------------------------------------------------------------------


def strengthened(name: str, value: Any, rng: random.Random, *, side: int) -> Any:
    """Another strength for an image transform's parameter, a number or a pair; None for what is no strength.

    `side` is the shorter side of the images, a quarter of which is the most that they are padded by.
    """
    match name, value:
        case "padding", int():
            choices = {max(1, round(value * f)) for f in FACTORS} | {value - 1, value + 1}
            return _chosen([v for v in sorted(choices - {value}) if 1 <= v <= max(1, side // 4)], rng)
        case "scale" | "ratio", (int() | float() as low, int() | float() as high) if low < high:
            return _chosen([p for f in FACTORS if (p := _widened(low, high, f)) != value], rng)
        case _, (int() | float() as low, int() | float() as high) if name in MAGNITUDES:
            top = moved(name, float(high), rng)
            return None if top is None or not high else (_rounded(low * top / high), top)
        case _, int() | float() if not isinstance(value, bool) and name in MAGNITUDES:
            return moved(name, float(value), rng)
    return None


def _widened(low: float, high: float, factor: float) -> tuple[float, float]:
    """A range about 1 with its ends farther from 1 or nearer to it; of any other range the upper end moves."""
    if low < 1 < high:
        return max(0.1, round(1 - (1 - low) * factor, 3)), min(4.0, round(1 + (high - 1) * factor, 3))
    return low, min(max(_rounded(high * factor), low), 0.9)


def _chosen(choices: list[Any], rng: random.Random) -> Any:
    return rng.choice(choices) if choices else None
