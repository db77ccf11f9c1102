"""Variation: propose an edit, repair it, accept it or say why not, and try again a bounded number of times."""

import dataclasses
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from gi.errors import SourceError
from gi.seams import Check, Ingredients, Lookup
from gi.source import digest, repaired, without_dead_code
from gi.source.trace import Answer, Stopped
from gi.types import Edit, Offspring, Refused, Task, Try
from gi.vary.host import Host
from gi.vary.operators import OPERATORS, Means, Proposal, cut

MAX_DRAWS = 40  # proposals that found nothing to do, before a host counts as barren
_PARENT_SHARE = 0.5  # of crossovers take their lines from the other parent, where there is one
_CUT_SHARE = 0.15


class Checker(Check, Lookup, Protocol):
    """The check worker: it checks programs, and knows the installed torch."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One try as it came: the text after repair (before it, where repair failed), what was done, the verdict."""

    text: str
    edits: tuple[Edit, ...]
    verdict: Try
    before_repair: str = ""


class Vary:
    """Makes offspring of programs that fit `task`. The same arguments and `rng` give the same offspring."""

    def __init__(self, stock: Ingredients, check: Checker, task: Task, *, entry: str = "Net", tries: int = 8) -> None:
        self.stock, self.check, self.task, self.entry, self.tries = stock, check, task, entry, tries
        self._host = lru_cache(maxsize=512)(self._checked_host)

    def __call__(
        self, parents: Sequence[str], *, rng: random.Random, known: frozenset[str] | set[str] = frozenset()
    ) -> Offspring | Refused:
        """An offspring of the first parent (with the second as a donor), or every refused try.

        Raises `SourceError` where a parent itself does not fit the task.
        """
        tries: list[Try] = []
        for tried in self.raw(parents, rng=rng, known=known):
            tries.append(tried.verdict)
            if tried.verdict.accepted:
                return Offspring(tried.text, tried.edits, tuple(tries))
            if len(tries) >= self.tries:
                break
        return Refused(tuple(tries))

    def raw(
        self, parents: Sequence[str], *, rng: random.Random, known: frozenset[str] | set[str] = frozenset()
    ) -> Iterator[Tried]:
        """Single tries without end, each as it came; ends where no operator finds anything to do."""
        hosts = [self._host(text) for text in parents]
        while (proposal := self._proposal(hosts, rng)) is not None:
            yield self._judged(hosts, proposal, known)

    def edited(self, text: str, edits: int, *, rng: random.Random) -> Tried:
        """`edits` single tries in a row, each on the last one's text; stops at the first that is refused."""
        tried = Tried(text, (), Try(""))
        for _ in range(edits):
            barren = Tried(tried.text, (), Try("", "propose", "nothing to change"))
            following = next(self.raw([tried.text], rng=rng), barren)
            tried = dataclasses.replace(following, edits=tried.edits + following.edits)
            if not tried.verdict.accepted:
                break
        return tried

    def fitted(self, text: str) -> tuple[str, Answer]:
        """A seed program's text after shape repair, with its answer."""
        result = repaired(text, self.task, self.check)
        return result.text, result.answer

    # ----------------------------------------------------------------------------------------------------------------

    def _checked_host(self, text: str) -> Host:
        answer = self.check(text, self.task)
        if isinstance(answer, Stopped):
            raise SourceError(f"a parent does not run: {answer.reason} at line {answer.line}: {answer.detail}")
        return Host(text, answer, self.task)

    def _proposal(self, hosts: Sequence[Host], rng: random.Random) -> Proposal | None:
        """What the first operator that finds something to do makes of it."""
        names, shares = list(OPERATORS), [share for _, share in OPERATORS.values()]
        for _ in range(MAX_DRAWS):
            if len(hosts) > 1 and rng.random() < _CUT_SHARE:
                proposal = cut(hosts[0], hosts[1], Means(self.stock, self.check, rng))
            else:
                operator = OPERATORS[rng.choices(names, shares)[0]][0]
                stock = hosts[1] if len(hosts) > 1 and rng.random() < _PARENT_SHARE else self.stock
                proposal = operator(hosts[0], Means(stock, self.check, rng))
            if proposal is not None and proposal.text != hosts[0].text:
                return proposal
        return None

    def _judged(self, hosts: Sequence[Host], proposal: Proposal, known: frozenset[str] | set[str]) -> Tried:
        operator = proposal.edits[0].operator
        try:
            text = without_dead_code(proposal.text, before=hosts[0].text, entry=self.entry)
            result = repaired(text, self.task, self.check)
            text = without_dead_code(result.text, before=hosts[0].text, entry=self.entry)
            answer = result.answer if text == result.text else self.check(text, self.task)
        except SourceError as error:
            return Tried(
                proposal.text, proposal.edits, Try(operator, "parse", "syntax error", str(error)), proposal.text
            )
        return Tried(text, proposal.edits, self._verdict(operator, text, answer, hosts, known), proposal.text)

    def _verdict(
        self, operator: str, text: str, answer: Answer, hosts: Sequence[Host], known: frozenset[str] | set[str]
    ) -> Try:
        if isinstance(answer, Stopped):
            return Try(operator, answer.stage, answer.reason, f"line {answer.line}: {answer.detail}")
        if answer.fixes:
            return Try(operator, "forward", "cannot repair", answer.fixes[0].kind)
        if answer.no_gradient:
            return Try(operator, "gradient", "a parameter gets no gradient", ", ".join(answer.no_gradient))
        if any(answer.fingerprint == host.trace.fingerprint for host in hosts):
            return Try(operator, "identity", "equal to a parent")
        if digest(text, self.entry) in known:
            return Try(operator, "identity", "known already")
        return Try(operator)


__all__ = ["Checker", "Tried", "Vary"]
