"""Checks and preparations before a run's first training, so that wrong options fail early, and warnings."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from gi.api.arrays import ArraySet, keep_arrays
from gi.api.isolating import missing_layers_text
from gi.api.messages import WARNING, Tell, tell_dataset
from gi.api.model_file import ModelFile, argument_texts, fitted_text, read_model
from gi.api.options import absolute
from gi.api.trusting import model_gate
from gi.core.errors import ConfigError
from gi.core.settings import RunConfig, cache_folder
from gi.source.gate.passing import STRICT, Gate

if TYPE_CHECKING:
    from gi.search.events import RunEvent


def own_model(
    model: str | Path | None, arguments: Sequence[str] | Mapping[str, object], *, trust: bool
) -> tuple[ModelFile | None, Gate]:
    """The user's own model, None for gi's seed programs, and the gate for its offspring.

    Raises `ConfigError` for options of a model without one, `SourceError` for one that cannot be read.
    """
    if model is not None:
        own = read_model(str(model), argument_texts(arguments))
        return own, model_gate(own, trust=trust)
    if arguments:
        raise ConfigError(f"--arg {argument_texts(arguments)[0]}: it is for a model of your own; pass MODEL.py too.")
    if trust:
        raise ConfigError("--trust: it is for a model of your own; pass MODEL.py too, or --resume RUN.")
    return None, STRICT


def prepared(
    config: RunConfig,
    folder: Path,
    arrays: ArraySet | None,
    own: ModelFile | None,
    gate: Gate,
    held: ExitStack,
    *,
    tell: Tell,
    notify: "Callable[[RunEvent], None]",
) -> RunConfig:
    """The settings with the path of the data, after checks of the data, the model and the index.

    Resources that the run needs until its end are entered into `held`. Raises the errors of `gi.evolve`.
    """
    from gi.archive import refuse_unfit
    from gi.data.dataset import run_dataset
    from gi.search.events import Doing

    refuse_unfit(folder)
    notify(Doing(f"reading {config.dataset_name}"))
    if arrays is not None:
        config = dataclasses.replace(config, dataset=str(keep_arrays(arrays, folder, held)))
    dataset = run_dataset(config)
    if dataset.source_kind in ("folder", "npz"):
        config = dataclasses.replace(config, dataset=str(absolute(config.dataset)))
    if own is not None:
        from gi.trace.client import CheckWorker

        notify(Doing(f"fitting {own.entry} to it"))
        fitted_text(own, dataset.task, held.enter_context(CheckWorker(entry=own.entry, gate=gate)), tell=tell)
    _refuse_what_it_borrows_from(config)
    tell_dataset(dataset, tell)
    return config


def _refuse_what_it_borrows_from(config: RunConfig) -> None:
    """Opens the index and the corpus of the settings, which raises their errors."""
    if config.index is not None:
        from gi.kernels.donors.from_index import index_pack
        from gi.kernels.index.reader import Index

        index_pack(Index.open(config.index), cache_folder() / "donors")
    if config.corpus is not None:
        from gi.corpus import Corpus

        Corpus.open(Path(config.corpus)).close()


def tell_missing_layers(tell: Tell) -> None:
    """Warns where the system lacks layers of isolation."""
    missing = missing_layers_text()
    if missing:
        tell(f"{WARNING}programs run with less isolation: {missing}; see `gi doctor`.")


def tell_lag(config: RunConfig, workers: int, tell: Tell) -> None:
    """Warns of workers that will be idle, because there are more than `lag`."""
    if config.lag < workers:
        tell(
            f"{WARNING}{config.lag} of {workers} workers will work: a decision waits for all trainings but the last "
            f"{config.lag}. A new run with --lag {2 * workers} keeps most of them busy, and finds other programs."
        )
