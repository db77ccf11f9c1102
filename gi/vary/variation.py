"""Variation: propose an edit, repair it, accept it or say why not, and try again a bounded number of times."""

import dataclasses
import random
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import libcst as cst

from gi.core.errors import SourceError
from gi.core.protocols import Check, Ingredients, Lookup
from gi.core.trace import Answer, Stopped, Trace
from gi.core.types import BEYOND_MAX_PARAMS, Edit, Offspring, Origin, Refused, Task, Try
from gi.source.identity.dead_code import without_dead_code
from gi.source.identity.digest import digest
from gi.source.repair.repair import repaired
from gi.vary.hosts.host import Host
from gi.vary.hosts.parent import Parent
from gi.vary.hosts.parent_line import OriginOf, is_parent_line, with_origins
from gi.vary.hosts.weighed_stock import WeighedStock
from gi.vary.operators.class_weights import has_uneven_classes
from gi.vary.operators.proposal import Operator, OperatorContext, Proposal
from gi.vary.operators.table import FOR_TWO_PARENTS, FOR_UNEVEN_CLASSES, OPERATORS, SHARES

EDIT_SHARES = (0.5, 0.3, 0.2)
"""How many offspring have one edit, two, three."""
MAX_DRAWS = 40  # proposals that found nothing to do, before a host counts as barren


class Checker(Check, Lookup, Protocol):
    """The check worker: it checks programs, and knows the installed torch."""

    def __call__(self, text: str, task: Task, *, entry: str | None = None) -> Answer:
        """The answer for one program; `entry` builds its network where that is another than the worker's own."""
        ...


@dataclass(frozen=True, slots=True)
class Donor:
    """A second parent whose network is built by an entry of its own: another file, of any style."""

    text: str
    entry: str


@dataclass(frozen=True, slots=True)
class Plan:
    """How often each operator is drawn, and how often it takes its lines from the other parent, not from the stock.

    `donor_weights` says how readily a line of the stock is taken by its repository: from 0 to 1, 1 where none is given.
    """

    shares: Mapping[str, float]
    parent_share: float = 0.5
    donor_weights: Mapping[str, float] = field(default_factory=dict)

    def drawn(self, parents: int, *, uneven: bool = True) -> tuple[list[str], list[float]]:
        """The operators that so many parents and classes that are `uneven` or not are enough for, and their shares."""
        left_out = (frozenset() if parents > 1 else FOR_TWO_PARENTS) | (frozenset() if uneven else FOR_UNEVEN_CLASSES)
        fitting = {name: share for name, share in self.shares.items() if name not in left_out}
        return list(fitting), list(fitting.values())


ALL = Plan(SHARES)
CROSSED = Plan({"cut": 0.45, "crossover": 0.27, "insertion": 0.18, "block": 0.1}, parent_share=1.0)
BORROWED = Plan({"crossover": 0.6, "insertion": 0.4})


@dataclass(frozen=True, slots=True)
class Tried:
    """One try as it came: the text after repair (before it, where repair failed), what was done, the verdict.

    `id` is the digest of a text that ran, "" otherwise.
    """

    text: str
    edits: tuple[Edit, ...]
    verdict: Try
    before_repair: str = ""
    answer: Answer | None = field(default=None, repr=False)
    id: str = ""

    @property
    def runs(self) -> bool:
        """Whether the text fits the task as it stands, accepted or not: an equal program is refused and runs."""
        return isinstance(self.answer, Trace) and not self.answer.fixes


#: What a mistake in gi's own code raises. It costs one try, not the run: the program that brings it out is one of
#: thousands. Workers that die, full disks and interruptions raise other errors, which end a run that can be resumed.
FAULTS = (
    ArithmeticError, AssertionError, AttributeError, LookupError, NameError, NotImplementedError, RecursionError,
    SyntaxError, TypeError, ValueError, cst.ParserSyntaxError,
)  # fmt: skip
FAULT = "a fault in gi"


def _of_fault(operator: str, stage: str, error: BaseException) -> Try:
    """The try that a fault ended, with what a report of it needs."""
    *_, frame = traceback.extract_tb(error.__traceback__)
    where = f"{Path(frame.filename).name}:{frame.lineno}"
    return Try(operator, stage, FAULT, f"{type(error).__name__} in {where}: {error}; please report it")


def _unknown(_: int) -> Origin | None:
    return None


def _is_crossed(edits: Sequence[Edit]) -> bool:
    # A cut may take nothing but the length of the other parent's tail, and delete what is beyond it.
    return any(is_parent_line(edit) or edit.operator in FOR_TWO_PARENTS for edit in edits)


class Vary:
    """Makes offspring of programs that fit `task`. The same arguments and `rng` give the same offspring.

    One of more than `max_params` parameters is refused, but for a child of a parent that has more itself: it must be
    smaller than that. A network of the user's own may be twice too large, and no single edit halves it.
    """

    def __init__(
        self,
        stock: Ingredients,
        check: Checker,
        task: Task,
        *,
        entry: str = "Net",
        tries: int = 8,
        max_params: int | None = None,
    ) -> None:
        self.stock, self.check, self.task, self.entry, self.tries = stock, check, task, entry, tries
        self.max_params = max_params
        # A parent is drawn again and again: its check, its parsed text and its genes are kept.
        self._host = lru_cache(maxsize=512)(self._checked_host)

    def __call__(
        self,
        parents: Sequence[str],
        *,
        rng: random.Random,
        known: frozenset[str] | set[str] = frozenset(),
        origin_of: OriginOf = _unknown,
        operators: Mapping[str, Operator] = OPERATORS,
        shares: Mapping[str, float] = SHARES,
        edit_shares: Sequence[float] = EDIT_SHARES,
        donor_weights: Mapping[str, float] = MappingProxyType({}),
    ) -> Offspring | Refused:
        """An offspring of the first parent (with the second as a donor), or every refused try.

        How many edits it has is drawn from `edit_shares`: of one, two, ... edits. Each is made on what the one before
        gave and accepted as if it were the only one; they are fewer where the tries run out. `origin_of` gives the
        origin of a line (1-based) of the second parent. Of the `operators` those are drawn that have a share;
        `donor_weights` are those of a `Plan`. Raises `SourceError` where a parent itself does not fit the task.
        """
        tries, edits = list[Try](), list[Edit]()
        child: Tried | None = None
        # The second parent stays what it is: later edits take their lines from it, not from the child.
        texts, plan = list(parents), Plan(shares, donor_weights=donor_weights)
        for _ in range(rng.choices(range(1, len(edit_shares) + 1), edit_shares)[0]):
            more = self.raw(texts, rng=rng, known=known, plan=plan, operators=operators)
            following = self._first_accepted(islice(more, self.tries - len(tries)), tries)
            if following is None:
                break
            if child is None:  # whatever follows must differ from the parents too
                known = known | {self._host(parent).trace.fingerprint for parent in parents}
            child, texts[0] = following, following.text
            edits += following.edits
        if child is None or not isinstance(child.answer, Trace):
            return Refused(tuple(tries))
        traced, crossed = with_origins(edits, origin_of), _is_crossed(edits)
        return Offspring(child.id, child.text, traced, tuple(tries), child.answer.fingerprint, crossed=crossed)

    def _first_accepted(self, tried: Iterator[Tried], tries: list[Try]) -> Tried | None:
        """The first try that was accepted; every verdict up to it is added to `tries`."""
        for one in tried:
            tries.append(one.verdict)
            if one.verdict.accepted:
                return one
        return None

    def raw(
        self,
        parents: Sequence[str | Donor],
        *,
        rng: random.Random,
        known: frozenset[str] | set[str] = frozenset(),
        plan: Plan = ALL,
        operators: Mapping[str, Operator] = OPERATORS,
    ) -> Iterator[Tried]:
        """Single tries without end, each as it came; ends where no operator finds anything to do.

        `plan` says which operators are drawn (`CROSSED`: only what joins two parents), by default all.
        """
        hosts = [self._host(parent) for parent in parents]
        while (proposal := self._proposal(hosts, rng, plan, operators)) is not None:
            yield proposal if isinstance(proposal, Tried) else self._judged(hosts, proposal, known)

    def edited(self, text: str, edits: int, *, rng: random.Random) -> Tried:
        """`edits` single tries in a row, each on the last one's text whatever came; a text that does not run ends it.

        An edit that leaves the network as it was counts as one of them: nothing is tried again.
        """
        tried = Tried(text, (), Try(""))
        for _ in range(edits):
            barren = Tried(tried.text, (), Try("", "propose", "nothing to change"))
            try:
                following = next(self.raw([tried.text], rng=rng), barren)
            except SourceError as error:  # a file that gi refuses as it is
                return dataclasses.replace(tried, verdict=Try("", "build", "does not run as a parent", str(error)))
            tried = dataclasses.replace(following, edits=tried.edits + following.edits)
            if not tried.runs:
                break
        return tried

    def fitted(self, text: str) -> tuple[str, Answer]:
        """A seed program's text after shape repair, with its answer."""
        result = repaired(text, self.task, self.check)
        return result.text, result.answer

    # ----------------------------------------------------------------------------------------------------------------

    def _checked_host(self, parent: str | Donor) -> Host:
        text, entry = (parent.text, parent.entry) if isinstance(parent, Donor) else (parent, None)
        answer = self.check(text, self.task) if entry is None else self.check(text, self.task, entry=entry)
        if isinstance(answer, Stopped):
            raise SourceError(f"a parent does not run: {answer.reason} at line {answer.line}: {answer.detail}")
        return Host(text, answer, self.task)

    def _proposal(
        self, hosts: Sequence[Host], rng: random.Random, plan: Plan, operators: Mapping[str, Operator]
    ) -> Proposal | Tried | None:
        """What the first operator that finds something to do makes of it; the failed try of one with a fault."""
        names, shares = plan.drawn(len(hosts), uneven=has_uneven_classes(self.task))
        other = hosts[1] if len(hosts) > 1 else None
        donors = WeighedStock(self.stock, plan.donor_weights) if plan.donor_weights else self.stock
        for _ in range(MAX_DRAWS):
            name = rng.choices(names, shares)[0]
            from_parent = other is not None and rng.random() < plan.parent_share
            stock = Parent(other, self.check) if other is not None and from_parent else donors
            try:
                proposal = operators[name](hosts[0], OperatorContext(stock, self.check, rng, other))
            except (SourceError, *FAULTS) as error:
                return Tried(hosts[0].text, (), _of_fault(name, "propose", error))
            if proposal is not None and proposal.text != hosts[0].text:
                return proposal
        return None

    def _judged(self, hosts: Sequence[Host], proposal: Proposal, known: frozenset[str] | set[str]) -> Tried:
        operator = proposal.edits[0].operator
        try:
            # Before repair, which would mend lines that nothing reads, and after it, for it may take a
            # line's last use.
            text = without_dead_code(proposal.text, before=hosts[0].text, entry=self.entry)
            result = repaired(text, self.task, self.check)
            text = without_dead_code(result.text, before=hosts[0].text, entry=self.entry)
            answer = result.answer if text == result.text else self.check(text, self.task)
        except SourceError as error:
            return Tried(
                proposal.text, proposal.edits, Try(operator, "parse", "syntax error", str(error)), proposal.text
            )
        except FAULTS as error:
            return Tried(proposal.text, proposal.edits, _of_fault(operator, "build", error), proposal.text)
        id_ = digest(text, self.entry) if isinstance(answer, Trace) else ""
        verdict = self._verdict(operator, id_, answer, hosts, known)
        return Tried(text, proposal.edits, verdict, proposal.text, answer, id_)

    def _verdict(
        self, operator: str, id_: str, answer: Answer, hosts: Sequence[Host], known: frozenset[str] | set[str]
    ) -> Try:
        if isinstance(answer, Stopped):
            return Try(operator, answer.stage, answer.reason, f"line {answer.line}: {answer.detail}")
        if answer.fixes:
            return Try(operator, "forward", "cannot repair", answer.fixes[0].kind)
        if len(answer.no_gradient) > len(hosts[0].trace.no_gradient):  # a user's own file may leave some without
            return Try(operator, "gradient", "a parameter gets no gradient", ", ".join(answer.no_gradient))
        if any(answer.fingerprint == host.trace.fingerprint for host in hosts):
            return Try(operator, "identity", "equal to a parent")
        if answer.fingerprint in known or id_ in known:
            return Try(operator, "identity", "known already")
        if self.max_params is not None and answer.num_params > max(self.max_params, hosts[0].trace.num_params - 1):
            return Try(operator, "build", BEYOND_MAX_PARAMS, f"{answer.num_params:,} parameters")
        return Try(operator)


__all__ = ["BORROWED", "CROSSED", "Checker", "Donor", "Plan", "Tried", "Vary"]
