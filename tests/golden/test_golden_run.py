"""A small run's decisions, line for line as they are committed in `run.txt`, on every platform.

Variation, the check worker, selection and the archive are the real ones. What differs between machines is replaced:
trainings (sums of floats differ from CPU to CPU) and clocks by figures that come from the program's text, the harvested
corpus by the lines of three seed programs. So ids, parents, edits, refused tries, survivors, front and finalists are
compared, and no measured figure. Other versions of torch or Python may print or check a program differently: the file
holds for the versions in `constraints.txt`.

Where a change alters decisions on purpose, write the file anew and read its difference before you commit it:

    python -m tests.golden.test_golden_run
"""

import hashlib
import tempfile
from contextlib import contextmanager
from functools import partial
from itertools import zip_longest
from pathlib import Path

from gi.archive import Archive
from gi.core.settings import RunConfig
from gi.core.types import Failed, Program, Scored
from gi.search.evolve import evolve
from gi.search.parts import Parts
from gi.source.identity.digest import digest
from gi.source.repair.repair import repair
from gi.trace.client import CheckWorker
from gi.vary import OPERATORS, SHARES, Vary
from tests.checking import SEEDS, SMALL, Stock
from tests.stand_ins import ORIGIN, PoolExecutor, shuffled_delay_s

EXPECTED = Path(__file__).with_name("run.txt")
NAMES = ("conv_tiny_append", "pooled_small_sequential", "shared_small_attribute")  # one of each style
CONFIG = RunConfig(
    dataset="digits", generations=4, population=8, rungs=2, finals=4, final_seeds=1, lag=4, clock="model", seed=3
)


def outcome(job):
    """Figures of the text's digest alone; one program in nine fails."""
    number = int(hashlib.sha256(f"{job.text}/{job.split}/{job.images}".encode()).hexdigest()[:12], 16)
    if number % 9 == 0:
        return Failed("train", "nan", "the loss is nan")
    wrong, weights, time = number % 400, number // 400 % 900, number // 360_000 % 90
    figures = {"error": (20 + wrong) / 1000, "params": 1000.0 + 100 * weights, "time": (10 + time) / 100}
    figures |= {"macs": figures["params"], "train_time": 1.0, "size": float(len(job.text))}
    return Scored(figures | ({"validation_error": figures["error"]} if job.split == "test" else {}))


@contextmanager
def parts(config, *, workers, cost_model):
    stock, identity = Stock.of(*(SEEDS[name] for name in NAMES)), partial(digest, entry=config.entry)
    seeds = tuple(Program(SEEDS[name], ORIGIN) for name in NAMES)
    executor = PoolExecutor(workers, evaluate=outcome, delay_s=shuffled_delay_s)
    with CheckWorker(entry=config.entry) as check:
        try:
            vary = Vary(stock, check, SMALL)
            yield Parts(SMALL, seeds, check, vary, OPERATORS, SHARES, executor, repair, identity, 1200, 300)
        finally:
            executor.shutdown()


def decisions(workers):
    """What the run decided, a decision to a line, in the order in which it was taken."""
    with tempfile.TemporaryDirectory() as folder:
        evolve(CONFIG, Path(folder) / "run", workers=workers, parts=parts)
        with Archive.open(Path(folder) / "run") as archive:
            finals = dict.fromkeys(e.individual for e in archive.outcomes.evaluations("test"))
            lines = [line for closed in archive.generations.all() for line in generation_lines(archive, closed)]
            lines += [f"{p.individual} goes up before slot {p.slot} of generation {p.generation}"
                      for p in archive.individuals.promotions()]  # fmt: skip
    return [*lines, f"final trainings: {' '.join(finals)}"]


def generation_lines(archive, closed):
    for slot in archive.individuals.slots(closed.number):
        yield f"generation {closed.number} slot {slot.slot}: {slot.individual or 'nothing'}"
        if slot.individual is not None:
            individual = archive.individuals.by_prefix(slot.individual)
            yield f"  parents: {' '.join(individual.parents) or 'none'}"
            yield from map(edit_line, individual.edits)
        yield from (f"  refused {t.operator}: {t.stage}, {t.reason}" for t in slot.tries if not t.accepted)
    yield f"generation {closed.number} keeps: {' '.join(closed.population)}"
    yield f"generation {closed.number} front: {' '.join(closed.front)}"


def edit_line(edit):
    origin = f" from {edit.origin.path}:{edit.origin.line}" if edit.origin else ""
    return f"  {edit.operator} of {edit.type.value} in line {edit.line}: {edit.before!r} -> {edit.after!r}{origin}"


def first_difference(expected, actual):
    """Which line differs first, and under which slot; "" for equal ones."""
    slot = "the beginning"
    for number, (left, right) in enumerate(zip_longest(expected, actual, fillvalue="nothing more"), 1):
        if left != right:
            return f"{EXPECTED.name}:{number}, after {slot}:\n  expected {left.strip()}\n  decided  {right.strip()}"
        slot = left.partition(":")[0] if left.startswith("generation") else slot
    return ""


def test_a_small_run_decides_what_it_decided_when_the_file_was_written():
    difference = first_difference(EXPECTED.read_text("utf-8").splitlines(), decisions(workers=2))
    assert not difference, f"{difference}\nOn purpose? python -m tests.golden.test_golden_run"


def test_the_first_difference_is_named_with_the_slot_that_it_belongs_to():
    expected = ["generation 0 slot 0: a", "  parents: none", "generation 0 slot 1: b", "  parents: a"]
    told = first_difference(expected, [*expected[:3], "  parents: c"])
    assert told == "run.txt:4, after generation 0 slot 1:\n  expected parents: a\n  decided  parents: c"
    assert "decided  nothing more" in first_difference(expected, expected[:3])
    assert first_difference(expected, expected) == ""


if __name__ == "__main__":
    EXPECTED.write_text("\n".join(decisions(workers=1)) + "\n", "utf-8")
