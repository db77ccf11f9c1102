"""Tidies a program for export: the new text, its origins and weights, after a confined worker compared both."""

import base64
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gi.archive import Archive
from gi.core.errors import GiError, WorkerError
from gi.core.types import Task
from gi.data.dataset import run_dataset
from gi.explain.provenance.origins import LineOrigin, borrowed_lines, carried_over, origin_text
from gi.export.subject import Subject
from gi.export.tidy.marks import marked, unmarked
from gi.export.tidy.passes import tidy_text
from gi.export.tidy.records import WeightStep
from gi.sandbox.isolation import Reach
from gi.sandbox.warm_worker import WarmWorker, WorkerDied, WorkerTimeout
from gi.source.gate.passing import STRICT, Gate

_COMPARE = "gi.export.tidy.check:compare"
_WALL_LIMIT_S = 120.0
_MEMORY_MB = 4096


@dataclass(frozen=True, slots=True)
class TidySubject:
    """A subject after tidying, or the unchanged one, with the reason in `note`."""

    subject: Subject
    note: str = ""


@contextmanager
def tidied(subject: Subject, task: Task, entry: str = "Net", *, gate: Gate = STRICT) -> Iterator[TidySubject]:
    """The subject with its program tidied and its weights converted; their file exists within the context.

    The unchanged subject where the `gate` refuses it or its tidied text, or where they differ.
    """
    if entry != "Net":
        yield TidySubject(subject, note="not tidied: it does not build a class called Net")
        return
    try:
        text, origins, steps = _rewritten(subject)
    except Exception as error:  # an error of LibCST must not prevent the export
        yield TidySubject(subject, note=f"not tidied: {type(error).__name__} {' '.join(str(error).split())[:100]}")
        return
    refusal = gate.refusal(subject.text, entry) or gate.refusal(text, entry)
    answer = {"error": f"the gate refuses it, {refusal}"} if refusal else _compared(subject, text, steps, task)
    if "error" in answer:
        yield TidySubject(subject, note=f"not tidied: {answer['error']}")
        return
    with tempfile.TemporaryDirectory(prefix="gi-tidy-") as folder:
        weights = None
        if answer["weights"] is not None:
            weights = Path(folder, "weights.pt")
            weights.write_bytes(base64.b64decode(answer["weights"]))  # a text, since workers answer in JSON
        # A network that draws its initial values in another order has another error with the same seed.
        same_start = bool(answer["same_start"])
        made = replace(
            subject, text=text, origins=origins, num_params=int(answer["params"]), weights=weights or subject.weights,
            measured=subject.measured if same_start else None, channels_last=bool(answer["channels_last"]),
            notes=(*subject.notes, *_notes(subject, steps, same_start=same_start), *_lost(subject.origins, origins)),
        )  # fmt: skip
        yield TidySubject(made)


@contextmanager
def tidied_for_run(
    archive: Archive, subject: Subject, tidy: bool | None = None, *, gate: Gate = STRICT
) -> Iterator[TidySubject]:
    """`tidied` for a subject of a run if `tidy`; by default if the run started from gi's own programs.

    Users of an own model know its lines, and compare the result with them.
    """
    wanted = all(seed.original is None for seed in archive.seeds()) if tidy is None else tidy
    config = archive.run().config
    with (
        tidied(subject, run_dataset(config).task, config.entry, gate=gate)
        if wanted
        else nullcontext(TidySubject(subject)) as made
    ):
        yield made


def _rewritten(subject: Subject) -> tuple[str, tuple[LineOrigin, ...], tuple[WeightStep, ...]]:
    with_marks = marked(subject.text, subject.origins)
    made, steps = tidy_text(with_marks)
    text, origins = unmarked(made, subject.origins)
    if with_marks == subject.text:  # no line could be marked
        origins = carried_over(subject.origins, text)
    return text, origins, steps


def _compared(subject: Subject, text: str, steps: tuple[WeightStep, ...], task: Task) -> dict[str, Any]:
    stored = subject.weights if subject.weights is not None and subject.weights.is_file() else None
    path = str(stored.resolve()) if stored else None
    with WarmWorker(
        _COMPARE, wall_limit_s=_WALL_LIMIT_S, memory_mb=_MEMORY_MB, reach=Reach(readable=(path,) if path else ())
    ) as worker:
        try:
            answer: dict[str, Any] = worker.call(subject.text, text, list(steps), path, list(task.input_shape))
        except (WorkerDied, WorkerTimeout, WorkerError, GiError) as error:
            return {"error": f"its worker ended ({error})"}
    return answer


def _lost(before: Sequence[LineOrigin], after: Sequence[LineOrigin]) -> tuple[str, ...]:
    """Notes on origins whose borrowed lines are all gone, removed or merged into others."""
    left = {o.origin for o in after}
    gone = dict.fromkeys(o.origin for o in borrowed_lines(before) if o.origin and o.origin not in left)
    return tuple(f"a borrowed line that tidying removed or merged was {origin_text(origin)}" for origin in gone)


def _notes(subject: Subject, steps: tuple[WeightStep, ...], *, same_start: bool) -> tuple[str, ...]:
    """Notes on the figures, which are the evolved program's."""
    if any(step[0] == "fold" for step in steps):
        return (
            "the figures are of the evolved program, whose linear layers in a row are one here: trained, it differs",
        )
    if subject.measured and not same_start:
        seed, error = subject.measured
        said = (
            f"gi's training with seed {seed} gave {error:.2%} on the test part; tidied, the network draws other numbers"
        )
        return (f"{said} from that seed",)
    return ()
