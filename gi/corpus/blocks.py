"""Module classes of a harvest -> blocks: each is flattened into one module and tried in confined worker processes."""

import dataclasses
import json
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from queue import SimpleQueue
from typing import Any

from gi.core.types import Block, Origin
from gi.corpus.classes import ModuleClass, module_classes
from gi.corpus.flatten import UnusableError, flattened
from gi.harvest import Harvest, Progress
from gi.source.gate.passing import STRICT
from gi.source.model_file.class_calls import block_of
from gi.trace.classes.client import TrialWorker


@dataclass(frozen=True, slots=True)
class TriedClass:
    """One module class: its origin, and its block, or why it is none (a short stable reason and the detail)."""

    name: str
    origin: Origin
    block: Block | None = None
    reason: str = ""
    detail: str = ""


def tried_classes(
    harvest: Harvest, *, workers: int, on_progress: Progress | None = None, files: Sequence[str] = ("*",)
) -> list[TriedClass]:
    """Every module class of the files that match a pattern, in order, the same for every number of workers."""
    paths = [program.origin.path for program in harvest.programs]
    chosen = {path for path in paths if any(fnmatchcase(path, pattern) for pattern in files)}
    classes = [one for one in module_classes(harvest) if one.origin.path in chosen] if chosen else []
    tried: list[TriedClass] = []
    if not classes:
        return tried
    # Threads suffice: they wait for the workers' processes. `map` keeps the order of the classes.
    with _trials(min(workers, len(classes))) as trial, ThreadPoolExecutor(workers) as pool:
        for one in pool.map(trial, classes):
            tried.append(one)
            if on_progress:
                on_progress("try", len(tried), len(classes))
    return tried


@contextmanager
def _trials(workers: int) -> Iterator["_Trials"]:
    with ExitStack() as stack:
        yield _Trials([stack.enter_context(TrialWorker()) for _ in range(workers)])


class _Trials:
    """Lends each thread a worker; the parsed package is shared, not thread-safe, and read by one thread at a time."""

    def __init__(self, workers: list[TrialWorker]) -> None:
        self._free: SimpleQueue[TrialWorker] = SimpleQueue()
        for worker in workers:
            self._free.put(worker)
        self._reading = threading.Lock()

    def __call__(self, candidate: ModuleClass) -> TriedClass:
        try:
            with self._reading:
                source, name = flattened(candidate.package, candidate.module, candidate.name)
                # Python 3.11 counts the depth of a tree for all threads at once: two that parse fail with SystemError.
                # So the gate reads here, and it and `is_entry` remember what the worker's client is about to ask.
                STRICT.refusal(source, name)
        except UnusableError as error:
            return TriedClass(candidate.name, candidate.origin, None, error.reason, error.detail)
        worker = self._free.get()
        try:  # outside of the lock: trying is what takes the time
            answer = worker(source, name, candidate.calls)
        finally:
            self._free.put(worker)
        if "reason" in answer:
            return TriedClass(candidate.name, candidate.origin, None, str(answer["reason"]), str(answer["detail"]))
        with self._reading:
            block = block_of(name, source, answer, candidate.origin)
        return TriedClass(candidate.name, candidate.origin, block)


def stored_block(source: str, fields: str, origin: Origin) -> Block:
    """The block that the corpus stores as its source, and its other fields as JSON."""
    stored = json.loads(fields)
    stored["arguments"] = tuple((name, expression) for name, expression in stored["arguments"])
    return Block(source=source, origin=origin, **stored)


def block_json(block: Block) -> dict[str, Any]:
    """A block as plain JSON values, with its origin's fields beside its own and the length of its source."""
    fields = dataclasses.asdict(block)
    source, origin = fields.pop("source"), fields.pop("origin")
    return {**fields, "arguments": dict(block.arguments), "characters": len(source), **origin}
