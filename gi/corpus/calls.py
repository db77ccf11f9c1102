"""Programs -> their typed calls, by several processes; nothing here imports torch."""

import ast
import logging
import multiprocessing
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from gi.core.errors import RunError, SourceError
from gi.core.types import TypedCall
from gi.corpus.modules import modules, texts_below
from gi.harvest import Harvest, Progress
from gi.lines import ClassIndex, typed_lines

#: Below this much text one process is done before others have started: each imports LibCST first.
_WORTH_PROCESSES_CHARACTERS = 400_000

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """One typed call, its text in one fixed formatting, and the source of its line."""

    typed: TypedCall
    text: str
    code: str


@dataclass(frozen=True, slots=True)
class Typed:
    """One typed program: the number of its typed lines and their calls in order, or why it was refused."""

    num_lines: int = 0
    calls: tuple[Call, ...] = ()
    refusal: str = ""


_Job: TypeAlias = tuple[str, str, str]  # a program's text, its module's name, the root that its imports start from
_Indices: TypeAlias = Mapping[str, ClassIndex]


def typed_programs(harvest: Harvest, *, workers: int, on_progress: Progress | None = None) -> list[Typed]:
    """One `Typed` for each program of the harvest, in its order, the same for every number of workers."""
    texts = {file.origin.path: file.text for file in (*harvest.programs, *harvest.others)}
    names = modules(texts)
    jobs = [(file.text, names[file.origin.path].name, names[file.origin.path].root) for file in harvest.programs]
    indices = {root: ClassIndex.of(texts_below(root, texts)) for root in sorted({root for _, _, root in jobs})}
    results: list[Typed] = []
    for typed in _in_processes(jobs, indices, workers):
        results.append(typed)
        if on_progress:
            on_progress("type", len(results), len(jobs))
    return results


def _in_processes(jobs: list[_Job], indices: _Indices, workers: int) -> Iterator[Typed]:
    # More processes than programs would import LibCST for nothing.
    workers = min(workers, len(jobs))
    if workers < 2 or sum(len(text) for text, _, _ in jobs) < _WORTH_PROCESSES_CHARACTERS:
        yield from (_typed(job, indices) for job in jobs)
        return
    with _pool(indices, workers) as pool:
        # `map` keeps the order, so that the rows of a corpus do not depend on the number of workers.
        yield from pool.map(_typed_here, jobs, chunksize=4)


@contextmanager
def _pool(indices: _Indices, workers: int) -> Iterator[ProcessPoolExecutor]:
    """A pool whose processes hold `indices`; waiting jobs are cancelled when the caller stops early.

    They are spawned: the fork server belongs to the training workers, which preload torch into it.
    """
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=spawn, initializer=_hold, initargs=(indices,))
    try:
        yield pool
    except BrokenProcessPool as error:
        raise RunError("a process that reads programs was killed: free memory, or use fewer workers.") from error
    finally:
        pool.shutdown(cancel_futures=True)


# Set once in each worker process: passed with the jobs, the indices would be pickled again for each chunk.
_held: _Indices = {}


def _hold(indices: _Indices) -> None:
    global _held
    _held = indices


def _typed_here(job: _Job) -> Typed:
    return _typed(job, _held)


def _typed(job: _Job, indices: _Indices) -> Typed:
    text, module, root = job
    try:
        lines = typed_lines(text, module=module, classes=indices[root])
    except SourceError as error:
        return Typed(refusal=f"does not parse: {error}")
    except RecursionError:
        return Typed(refusal="nested too deeply")
    except Exception as error:  # one odd file out of thousands must not cost the harvest the others
        logger.warning("%r cannot be typed: %r", module, error)
        return Typed(refusal=f"cannot be typed: {type(error).__name__}")
    calls = tuple(Call(call, without_formatting(call.code), line.code) for line in lines for call in line.calls)
    return Typed(len(lines), calls)


def without_formatting(code: str) -> str:
    """An expression's text in one fixed formatting; syntax newer than this Python stays as it is, on one line."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes in foreign strings
        try:
            return ast.unparse(ast.parse(code, mode="eval"))
        except (SyntaxError, ValueError, RecursionError):
            return " ".join(code.split())
