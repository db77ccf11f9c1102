"""Stand-ins for the parts of a run: programs are "width depth" texts, evaluated by a formula, with no torch about."""

import hashlib
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from gi.core.errors import SourceError, WorkerError
from gi.core.types import Cost, Edit, Failed, LineType, Offspring, Origin, Program, Refused, Scored, Task, Try
from gi.search.parts import Parts
from gi.source.gate.passing import STRICT
from tests.small_run import DIAGNOSIS, PICTURE

TASK = Task((1, 8, 8), 10)
CLASS_NAMES = tuple("0123456789")
ORIGIN = Origin("gi", "", "corpus/seeds/x.py", 1, "Apache-2.0")
DONOR = Origin("torchvision==0.28.0", "abc", "models/resnet.py", 177, "BSD-3-Clause")


class OpenGate:
    """Lets everything through: for tests of what stands behind the gate, which programs that mean harm must reach."""

    def refusal(self, text, entry):
        return None

    def vouches(self, text, entry):
        return STRICT.vouches(text, entry)

    def require(self, text, entry, what):
        pass


OPEN = OpenGate()


def program(text: str) -> Program:
    return Program(text, ORIGIN)


SEEDS = tuple(map(program, ["8 1", "64 2", "16 3", "256 4"]))


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def repair(text, task, check):
    if "broken" in text:
        raise SourceError("line 3: cannot be made to fit")
    return text.replace("shape ", "")


def tweak(parents, rng):
    width, depth = map(int, parents[0].split())
    return f"{max(1, width + rng.randint(-9, 9))} {depth}"


def crossover(parents, rng):
    return f"{parents[0].split()[0]} {parents[-1].split()[1]}"


def insertion(parents, rng):
    width, depth = map(int, parents[0].split())
    return f"{width} {max(depth + rng.randint(-1, 2), 0)}"


OPERATORS = {"tweak": tweak, "crossover": crossover, "insertion": insertion}
SHARES = dict.fromkeys(OPERATORS, 1.0)


def vary(parents, *, rng, known, operators, shares, origin_of=None, donor_weights=None):
    """Changes the width or the depth, borrows one from the other parent, or finds nothing."""
    tries = []
    while len(tries) < 4:
        operator = rng.choice(list(shares))
        text = operators[operator](parents, rng)
        if digest(text) in known:
            tries.append(Try(operator, "identity", "known already"))
            continue
        origin = DONOR if operator == "insertion" else None
        edit = Edit(operator, LineType.CONNECTION, 1, parents[0], text, origin)
        return Offspring(digest(text), text, (edit,), (*tries, Try(operator)), crossed=operator == "crossover")
    return Refused(tuple(tries))


def outcome(job):
    """Wider and deeper is better and dearer; depth 0 fails, and one width in seven does not learn."""
    cost = Cost(0.02, 0.01, 0.04, 0.05)
    try:
        width, depth = map(int, job.text.split())
    except ValueError as error:
        return Failed("parse", "syntax error", str(error), cost)
    if depth == 0:
        return Failed("build", "no layers", job.text, cost)
    if width % 7 == 0:
        return Failed("measure", "nan", "an output for a sample to score is not finite", cost)
    if job.weights_path is not None and not written(Path(job.weights_path), job.text):
        raise WorkerError(f"{Path(job.weights_path).parent} takes no weights")
    return Scored(values(job, width, depth), cost, diagnosis=DIAGNOSIS if job.split == "test" else None)


def values(job, width, depth):
    """The real executor's keys for the job's split, each a formula of the text, the seed and the split."""
    figures = {
        "params": float(width * depth * 10),
        "macs": float(width * depth * 10),
        "time": depth / 10,
        "train_time": width * depth * job.images * 1e-9,
        "size": float(len(job.text)),
    }
    splits = (
        {"validation": "error"} if job.split == "validation" else {"validation": "validation_error", "test": "error"}
    )
    errors = {name: error(job, split, width * depth) for split, name in splits.items()}
    return figures | errors | (answers(errors) if job.split == "test" else {})


def answers(errors):
    return {
        "accuracy": 1 - errors["error"],
        "auc": 1 - errors["error"] / 2,
        "validation_accuracy": 1 - errors["validation_error"],
        "validation_auc": 1 - errors["validation_error"] / 2,
    }


def error(job, split, units):
    share = 1 / (1 + units) + random.Random(f"{job.text}/{job.seed}/{split}").uniform(0, 0.02)
    return round(share * job.scored) / job.scored if job.scored and split == "validation" else share


def written(path, text):
    try:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    except FileNotFoundError:  # the run's folder has gone
        return True
    except OSError:
        return False
    return True


class PoolExecutor:
    """Evaluates in threads; `delay_s(job)` makes later jobs end before earlier ones."""

    def __init__(self, workers=2, evaluate=outcome, delay_s=lambda job: 0.0):
        self.capacity, self.jobs = workers, []
        self._evaluate, self._delay_s = evaluate, delay_s
        self._pool = ThreadPoolExecutor(workers)
        self._down = threading.Event()

    def submit(self, job) -> Future:
        self.jobs.append(job)
        return self._pool.submit(self._run, job)

    def _run(self, job):
        if self._down.wait(self._delay_s(job)):
            raise CancelledError
        return self._evaluate(job)

    def shutdown(self):
        self._down.set()
        self._pool.shutdown(cancel_futures=True)


def shuffled_delay_s(job):
    return random.Random(job.id).uniform(0, 0.003)


@contextmanager
def made(executor, seeds=SEEDS, variation=vary) -> Iterator[Parts]:
    try:
        yield Parts(
            TASK,
            tuple(seeds),
            lambda text, task: None,
            variation,
            OPERATORS,
            SHARES,
            executor,
            repair,
            digest,
            1200,
            300,
            class_names=CLASS_NAMES,
            pictures=lambda samples: dict.fromkeys(samples, PICTURE),
        )
    finally:
        executor.shutdown()


def parts(*, seeds=SEEDS, variation=vary, executors=None, **options):
    """A maker of parts; every executor that it makes is appended to `executors`."""

    def make(config, *, workers, cost_model):
        executor = PoolExecutor(workers, **options)
        if executors is not None:
            executors.append(executor)
        return made(executor, seeds, variation)

    return make


def slow(job):
    time.sleep(0.05)
    return outcome(job)
