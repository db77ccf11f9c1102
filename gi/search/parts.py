"""The parts that the loop of a run calls, and how the default ones are made."""

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from gi.core.protocols import Check, CostModel, Executor, Variation
from gi.core.settings import RunConfig, cache_folder
from gi.core.types import Program, Task
from gi.source.gate.passing import STRICT, Gate

if TYPE_CHECKING:
    from gi.data.dataset import Dataset

_COLOURS = 3  # channels of an image with colours


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that the loop calls. `seeds` are the programs that a new run starts from.

    `vary` draws one of the `operators` by its share of `shares`; both go by the operator's name. `stock` is the digest
    of what it can borrow, "" where unknown. `pictures` gives validation samples by their numbers as PNG.
    """

    task: Task
    seeds: tuple[Program, ...]
    check: Check
    vary: Variation
    operators: Mapping[str, Callable[..., Any]]
    shares: Mapping[str, float]
    executor: Executor
    repair: Callable[[str, Task, Check], str]
    digest: Callable[[str], str]
    training_samples: int
    validation_samples: int
    stock: str = ""
    class_names: tuple[str, ...] = ()
    pictures: Callable[[Collection[int]], Mapping[int, bytes]] = lambda _: {}


class MakeParts(Protocol):
    """Makes the parts of a run; leaving the context lets go of their processes and files."""

    def __call__(
        self, config: RunConfig, *, workers: int, cost_model: CostModel | None
    ) -> AbstractContextManager[Parts]:
        """The parts for these settings."""
        ...


class MakeExecutor(Protocol):
    """Makes the executor of a run: the class `LocalExecutor`, or one that runs jobs on other machines."""

    def __call__(
        self,
        dataset: "Dataset",
        config: RunConfig,
        *,
        workers: int,
        cost_model: CostModel | None,
        donors: Path | None,
        gate: Gate,
    ) -> AbstractContextManager[Executor]:
        """The executor with so many workers; leaving the context shuts it down."""
        ...


@contextmanager
def default_parts(
    config: RunConfig,
    *,
    workers: int,
    cost_model: CostModel | None,
    gate: Gate = STRICT,
    executor: MakeExecutor | None = None,
) -> Iterator[Parts]:
    """The real parts: the data set, warm workers, the check worker, the corpus and the project's seed programs.

    None of them runs what the `gate` refuses. `executor` replaces that of this machine.
    """
    # Imported here: torch takes over a second, which tests with stand-ins need not pay.
    from gi.corpus import Corpus, default_corpus
    from gi.data.dataset import run_dataset
    from gi.data.pictures import validation_pictures
    from gi.source.identity.digest import digest
    from gi.source.repair.repair import repair
    from gi.trace.client import CheckWorker
    from gi.train.executor import LocalExecutor
    from gi.vary import OPERATORS, SHARES, Vary

    cache = cache_folder()
    dataset = run_dataset(config)
    stock = Corpus.open(Path(config.corpus) if config.corpus else default_corpus(cache))
    ingredients = stock.with_licences(config.allow_licences)
    donors = _donors(config, cache)
    with (
        CheckWorker(entry=config.entry, gate=gate) as check,
        (executor or LocalExecutor)(
            dataset, config, workers=workers, cost_model=cost_model, donors=donors, gate=gate
        ) as evaluating,
        _caching(
            evaluating, dataset, config, from_text_alone=cost_model is None and donors is None and executor is None
        ) as cached,
    ):
        vary = Vary(ingredients, check, dataset.task, entry=config.entry, max_params=config.max_params)
        identity = partial(digest, entry=config.entry)
        yield Parts(
            dataset.task,
            _seeds(config, dataset.task),
            check,
            vary,
            OPERATORS,
            SHARES,
            cached,
            repair,
            identity,
            dataset.num_train,
            dataset.num_validation,
            ingredients.digest(),
            dataset.class_names,
            partial(validation_pictures, dataset),
        )


def _seeds(config: RunConfig, task: Task) -> tuple[Program, ...]:
    """The project's seed programs; under a metric that counts classes alike their losses do, too."""
    from gi.corpus import seed_programs
    from gi.vary import weighed

    programs = seed_programs(colour=task.input_shape[0] == _COLOURS)
    if config.metric == "error":
        return programs
    return tuple(dataclasses.replace(program, text=weighed(program.text, task)) for program in programs)


@contextmanager
def _caching(executor: Executor, dataset: "Dataset", config: RunConfig, *, from_text_alone: bool) -> Iterator[Executor]:
    """The executor behind the cache of outcomes; the executor itself where the settings switch the cache off.

    Or where outcomes depend on more than programs and settings (not `from_text_alone`).
    """
    # A donor pack, a caller's cost model or another machine is in no key: a later run would take their outcomes for
    # its own.
    if not config.cache or not from_text_alone:
        yield executor
        return
    from gi.train.cache.executor import CachedExecutor
    from gi.train.cache.key import OutcomeKeys
    from gi.train.cache.store import OutcomeCache, outcomes_folder

    with OutcomeCache(outcomes_folder()) as cache:
        yield CachedExecutor(executor, cache, OutcomeKeys(dataset, config))


def _donors(config: RunConfig, cache: Path) -> Path | None:
    """The pack of the run's donors, written anew where the index has grown; None for a run without an index."""
    if config.index is None:
        return None
    from gi.kernels.donors.from_index import index_pack
    from gi.kernels.index.reader import Index

    return index_pack(Index.open(config.index), cache / "donors")
