"""The settings of a run: one frozen record, checked when it is made, stored in the run's archive."""

import dataclasses
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import platformdirs

from gi.core.errors import ConfigError, RecordError
from gi.core.objectives import METRICS, OBJECTIVES, Constraint, Objective

# Twice what the user's own model takes: offspring may be dearer, not without bound (decision 009).
OWN_MODEL_FACTOR = 2.0
RUNG_FACTOR = 4  # a rung is so many times as long as the one below
PROMOTED_SHARE = 1 / 4  # of a rung goes up, so that all rungs cost about the same
EPOCHS = 3.5  # of a training on the top rung, where a bound does not ask for fewer
LEAST_TOP_IMAGES = 60_000
LEAST_RUNG_IMAGES = 2_000  # of a shorter training most is its start and its scoring
PACE_IMAGES = 30_000  # a limit of CPU seconds is that of a training which presents so many samples
WALL_FOR_CPU = 8  # a busy machine may take this many times as long as the CPU does


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """Everything that decides a run's result. Raises `ConfigError` for a value out of range.

    Programs are trained on at most `rungs` rungs, each `RUNG_FACTOR` times as long as the one below; the top one
    presents every training sample `epochs` times (None: `EPOCHS`, or what a bound pays for). With
    `images` there is one rung, of so many training samples. `population` offspring make a generation; parents are the
    best `parents` that a rung knows, chosen by `survival`. An offspring is made knowing all outcomes but those of the
    `lag` trainings before it; with `adapt` operators and donors are drawn by what their edits gave so far.
    `budget_cpu_s` and `time_s` bound the CPU and the wall seconds of the whole run. `finals` members of the front are
    trained on `final_seeds` seeds each, with `final_images` samples presented (None: as many as on the top rung).
    `clock="model"` replaces measured times by a cost model, which makes the run equal on every machine. `cpu_limit_s`
    is the CPU seconds that a training of `PACE_IMAGES` images may take, fewer or more in proportion; a program whose
    first steps show that it would take longer is refused, which keeps a search from spending itself on a few giants.
    `wall_limit_s` bounds one evaluation of that many images or fewer. Without `cpu_limit_s` the limit is
    `OWN_MODEL_FACTOR` times what the slowest seed program takes. `entry` is the expression that builds the network
    among a program's names. `index` is the folder of the weight-search index whose networks trainings start from. With
    `inherit` the trainings of the search start from the parents' weights; the front's final ones never do. `image_size`
    (height, width) is what all images are brought to. With `cache` what trainings give is kept across runs and taken
    from there: decisions are the same without it. What has more parameters than `max_params`, takes longer than
    `max_time` (a ratio to the reference network) or is wrong on a larger share than `max_error` is infeasible. `metric`
    is what the objective "error" measures: the share of wrong answers, its mean over the classes, or 1 - AUC.
    """

    dataset: str
    generations: int = 50
    population: int = 8
    seed: int = 0
    budget_cpu_s: float | None = None
    time_s: float | None = None
    adapt: bool = True
    objectives: tuple[str, ...] = ("error", "params", "time")
    epochs: float | None = None
    rungs: int = 4
    images: int | None = None
    parents: int = 64
    survival: Literal["hypervolume", "nsga2"] = "hypervolume"
    lag: int = 8
    finals: int = 8
    final_images: int | None = None
    final_seeds: int = 2
    batch_size: int = 64
    cpu_limit_s: float | None = None
    wall_limit_s: float = 60.0
    memory_limit_mb: int = 4096
    clock: Literal["cpu", "model"] = "cpu"
    device: str = "cpu"
    data_root: str | None = None
    corpus: str | None = None
    allow_licences: tuple[str, ...] = ()
    entry: str = "Net"
    index: str | None = None
    inherit: bool = False
    image_size: tuple[int, int] | None = None
    cache: bool = True
    max_params: int | None = None
    max_time: float | None = None
    max_error: float | None = None
    metric: Literal["error", "balanced-error", "auc"] = "error"

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= _MOST:
                rule = f"at least {least}" if not value >= least else f"at most {_MOST:,}"
                raise ConfigError(f"{name.replace('_', ' ')} is {value}: it must be {rule}.")
        if self.max_error is not None and self.max_error > 1:
            raise ConfigError(f"max error is {self.max_error:g}: it must be a share of at most 1.")
        unknown = [key for key in self.objectives if key not in OBJECTIVES]
        if unknown:
            raise ConfigError(f"unknown objective {unknown[0]!r}: choose from {', '.join(OBJECTIVES)}.")
        # One objective has no front.
        if len(set(self.objectives)) < max(len(self.objectives), 2):
            raise ConfigError(f"objectives are {', '.join(self.objectives)}: name at least two different ones.")

    def ladder(self, samples: int) -> tuple[int, ...]:
        """How many training samples each rung presents, the lowest first, on a set of so many training samples.

        A set of a few thousand needs more than a few epochs to be learned: the top rung presents at least
        `LEAST_TOP_IMAGES`. There are at most `rungs`, and none of several presents fewer than `LEAST_RUNG_IMAGES`.
        """
        if self.images is not None:
            return (self.images,)
        epochs = EPOCHS if self.epochs is None else self.epochs
        top = max(round(epochs * samples), LEAST_TOP_IMAGES)
        lower = [top // RUNG_FACTOR**below for below in range(self.rungs - 1, 0, -1)]
        return (*(images for images in lower if images >= LEAST_RUNG_IMAGES), top)

    @property
    def constraints(self) -> tuple[Constraint, ...]:
        """What programs of the run must not go beyond."""
        limits = {"params": self.max_params, "time": self.max_time, "error": self.max_error}
        return tuple(Constraint(key, limit) for key, limit in limits.items() if limit is not None)

    @property
    def dataset_name(self) -> str:
        """The data set's name, or the last part of its path."""
        return Path(self.dataset).name or self.dataset

    def objective(self, key: str) -> Objective:
        """The objective of this key as the run measures it. Raises `KeyError` for an unknown one."""
        return METRICS[self.metric] if key == "error" else OBJECTIVES[key]

    def to_json(self) -> dict[str, Any]:
        """The settings as plain JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "RunConfig":
        """The settings that `to_json` wrote. Raises `ConfigError` unless each is known, of its type and in range."""
        if not isinstance(stored, dict):
            raise ConfigError("the run's configuration is no object.")
        kinds = get_type_hints(cls)
        unknown = set(stored) - set(kinds)
        if unknown:
            raise ConfigError(f"unknown setting {min(unknown)!r} in the run's configuration: use the gi that wrote it.")
        if "dataset" not in stored:
            raise ConfigError("the run's configuration names no dataset.")
        return cls(**{name: _setting(name, value, kinds[name]) for name, value in stored.items()})


def _setting(name: str, value: Any, kind: Any) -> Any:
    # Here and not above: the command line starts without msgspec.
    from gi.core.decoding import decoded

    try:
        return decoded(kind, value)
    except RecordError as error:
        rule = _kind_text(kind)
        raise ConfigError(f"{name.replace('_', ' ')} is {value!r:.80}: it must be {rule}.") from error


def _kind_text(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return f"one of {', '.join(get_args(kind))}"
    if get_origin(kind) is tuple:
        return "a list of texts" if get_args(kind)[-1] is Ellipsis else "a list of two whole numbers"
    if isinstance(kind, UnionType):
        return " or ".join(map(_kind_text, get_args(kind)))
    return _KINDS[kind]


_KINDS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", NoneType: "none"}
_MOST = 1_000_000_000  # no run needs more of anything, and a stored setting may come from a stranger
_LEAST: dict[str, float] = {
    "generations": 1,
    "population": 2,
    "budget_cpu_s": 1,
    "time_s": 1,
    "epochs": 0.01,
    "rungs": 1,
    "images": 1,
    "parents": 2,
    "lag": 1,
    "finals": 0,
    "final_images": 1,
    "final_seeds": 1,
    "batch_size": 1,
    "cpu_limit_s": 0.1,
    "wall_limit_s": 0.1,
    "memory_limit_mb": 256,
    "max_params": 1,
    "max_time": 1e-6,
    "max_error": 1e-6,
}

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def parse_duration(text: str, what: str = "budget") -> float:
    """The seconds that "90s", "20m", "1h30m" or "45" (seconds) stand for. Raises `ConfigError`."""
    parts = re.findall(r"(\d+(?:\.\d+)?)([smh])", text)
    if parts and "".join(n + u for n, u in parts) == text:
        return sum(float(n) * _UNITS[u] for n, u in parts)
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    raise ConfigError(f"{what} {text!r} is no duration: write seconds, minutes or hours such as 90s, 20m or 1h30m.")


def pace_s(limit_s: float, images: int) -> float:
    """The `cpu_limit_s` with which a training of so many images may take `limit_s` CPU seconds."""
    return limit_s * PACE_IMAGES / images


def parse_count(text: str) -> int:
    """The whole number that "10k", "1.5M" or "10000" stand for. Raises `ConfigError`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([kM]?)", text)
    count = float(match[1]) * _MAGNITUDES[match[2]] if match else 0.0
    if not match or not count < math.inf or round(count, 6) != round(count):
        raise ConfigError(f"{text!r} is no count: write a whole number, or thousands and millions such as 10k or 1.5M.")
    return round(count)


def parse_share(text: str) -> float:
    """The share of 1 that "2%" or "0.02" stand for. Raises `ConfigError`, also for what is above 1."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?|\.\d+)(%?)", text)
    share = float(match[1]) / (100 if match[2] else 1) if match else math.inf
    if share > 1:
        raise ConfigError(f"{text!r} is no share: write a percentage such as 2%, or a share of 1 such as 0.02.")
    return share


_MAGNITUDES = {"": 1, "k": 1_000, "M": 1_000_000}


def default_workers() -> int:
    """One evaluation slot for each core that this process may use."""
    # Of the cores that this process may use: a container has fewer than the machine.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cache_folder() -> Path:
    """Where gi keeps what it can make again: $GI_CACHE, else the platform's cache folder (not created here)."""
    return Path(os.environ.get("GI_CACHE") or platformdirs.user_cache_dir("gi", appauthor=False))


def is_offline() -> bool:
    """Whether $GI_OFFLINE asks that nothing is fetched unless a command names it."""
    return os.environ.get("GI_OFFLINE", "") not in ("", "0")


def data_folder(data_root: str | None = None) -> Path:
    """Where data sets lie: `data_root`, else $GI_DATA, else `data` in the cache folder (not created here)."""
    chosen = data_root or os.environ.get("GI_DATA")
    return Path(chosen).expanduser() if chosen else cache_folder() / "data"
