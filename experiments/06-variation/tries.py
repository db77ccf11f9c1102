"""One try of each kind (a row of the table) on one file, as a record of plain values."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from gi.core.errors import SourceError
from gi.core.streams import stream
from gi.core.trace import Answer, Trace, answer_from_json
from gi.core.types import Refused, Task, Try
from gi.corpus import Corpus
from gi.sandbox.warm_worker import WarmWorker, WorkerDied, WorkerTimeout
from gi.source.gate.passing import Gate
from gi.trace.client import CheckWorker
from gi.vary import BORROWED, CROSSED, Donor, Plan, Tried, Vary

ROWS = ("single", "3 edits", "10 edits", "crossover", "donor lines", "blocks")
EDITS = {"single": 1, "3 edits": 3, "5 edits": 5, "10 edits": 10}
GENERATIONS = 3  # edits that made each of the two descendants of a crossover
PER_POOL, POOL = 25, 8  # tries that draw their two parents from one pool of descendants, and how many it holds
COLUMNS = ("parse", "build", "forward", "different", "gradient")


class ModelCheck(CheckWorker):
    """Checks the network alone: these files hold no recipe of gi's, and none is given to them."""

    def _traced(self, text: str, task: Task, entry: str) -> Answer:
        shape = list(task.input_shape)
        return answer_from_json(self._call("trace", text, shape, task.num_classes, entry, False))


@dataclass(frozen=True)
class Subject:
    """One file under test, fitted to its task, with the other files whose lines it may borrow."""

    name: str
    text: str
    entry: str
    task: Task
    others: tuple[Donor, ...] = ()


@dataclass
class Bench:
    """The variation of one subject, the judge beside it, and the streams that tries draw from."""

    subject: Subject
    vary: Vary
    check: CheckWorker
    judge: WarmWorker
    seed: int
    _models: dict[str, str] = field(default_factory=dict)
    _descendants: dict[tuple[int, int], str] = field(default_factory=dict)

    def row(self, row: str, first: int, last: int) -> Iterator[dict[str, Any]]:
        """The records of the tries `first` to `last` of a row."""
        for index in range(first, last):
            yield self.record(row, index)

    def record(self, row: str, index: int) -> dict[str, Any]:
        """One try, timed, then judged with the clock stopped."""
        rng = stream(self.seed, "variation", self.subject.name, row, index)
        parents, make = self.prepared(row, index, rng)
        started = time.process_time() + self.check.cpu_s
        tried = make()
        cpu_s = time.process_time() + self.check.cpu_s - started
        verdict = tried.verdict
        record = {"file": self.subject.name, "row": row, "index": index, "cpu_ms": round(1000 * cpu_s, 2)}
        record |= {"operators": [e.operator for e in tried.edits], "borrowed": sum(bool(e.origin) for e in tried.edits)}
        record |= {"stage": verdict.stage, "reason": verdict.reason, "detail": verdict.detail[:300]}
        record |= {"after": self.judged(tried.text, parents), "before": self.judged(tried.before_repair, parents)}
        return record | {"model": self.model(tried.text) if record["after"]["forward"] else ""}

    def prepared(self, row: str, index: int, rng: Any) -> tuple[list[str], Callable[[], Tried]]:
        """The texts that the outcome must differ from, and what makes it."""
        text, others = self.subject.text, self.subject.others
        if row in EDITS:
            return [text], lambda: self.vary.edited(text, EDITS[row], rng=rng)
        if row == "crossover":
            pair = [self.descendant(index // PER_POOL, k) for k in rng.sample(range(POOL), 2)]
            return pair, lambda: self.first(pair, rng, CROSSED)
        if row == "donor lines" and others and index % 2:
            return [text], lambda: self.first([text, others[index // 2 % len(others)]], rng, CROSSED)
        plan = BORROWED if row == "donor lines" else Plan({operator_alone(row): 1.0})
        return [text], lambda: self.first([text], rng, plan)

    def descendant(self, pool: int, number: int) -> str:
        """A text that accepted edits in a row made; made once in a process."""
        if (pool, number) not in self._descendants:
            rng, text = stream(self.seed, "descendant", self.subject.name, pool, number), self.subject.text
            with suppress(SourceError):  # a file that gi refuses has none
                for _ in range(GENERATIONS):
                    made = self.vary([text], rng=rng, edit_shares=(1.0,))
                    text = text if isinstance(made, Refused) else made.text
            self._descendants[pool, number] = text
        return self._descendants[pool, number]

    def first(self, parents: list[Any], rng: Any, plan: Plan) -> Tried:
        barren = Tried(str(parents[0]), (), Try("", "propose", "nothing to change"))
        try:
            return next(self.vary.raw(parents, rng=rng, plan=plan), barren)
        except SourceError as error:  # the other file does not run for this one's task
            return Tried(str(parents[0]), (), Try("", "propose", "no second parent", str(error)))

    def judged(self, text: str, parents: list[str]) -> dict[str, Any]:
        """The columns of one text; different is by fingerprint, and only of a text whose forward fits."""
        task = self.subject.task
        try:
            answer = self.judge.call(text, self.subject.entry, list(task.input_shape), task.num_classes)
        except (WorkerDied, WorkerTimeout) as error:
            answer = {"parse": True, "build": False, "forward": False, "gradient": False, "error": str(error)}
        model = self.model(text) if answer["forward"] else ""
        return answer | {"different": bool(model) and all(model != self.model(parent) for parent in parents)}

    def model(self, text: str) -> str:
        """The fingerprint of what a text computes."""
        if text not in self._models:
            answer = self.check(text, self.subject.task)
            self._models[text] = answer.model if isinstance(answer, Trace) else ""
        return self._models[text]


def operator_alone(row: str) -> str:
    """The one operator of a row: "blocks", or "only NAME"."""
    return "block" if row == "blocks" else row.removeprefix("only ")


def opened(subject: Subject, stock: Corpus, seed: int) -> Bench:
    """A bench for a subject; `close` it."""
    # As with --trust: whose lines the gate would refuse is no question of variation.
    trusted = (subject.text, *(donor.text for donor in subject.others))
    check = ModelCheck(entry=subject.entry, gate=Gate(trusted))
    vary = Vary(stock, check, subject.task, entry=subject.entry)
    fitted, _ = vary.fitted(subject.text)
    judge = WarmWorker("judge:handle", wall_limit_s=30.0, memory_mb=4096)
    return Bench(Subject(subject.name, fitted, subject.entry, subject.task, subject.others), vary, check, judge, seed)
