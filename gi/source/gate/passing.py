"""Which texts may be run: every part of gi asks here before it sends a text to a worker."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

from gi.core.errors import SourceError
from gi.core.quoting import shown
from gi.core.types import Failed, Stage
from gi.source.gate.gate import refusals
from gi.source.gate.program import EVERY_BUILTIN
from gi.source.gate.refusal import GateRefusal
from gi.source.gate.trusted import NEVER_TRUSTED, stands
from gi.source.tree.entry import entry_name, is_entry

_MAX_REMEMBERED = 20_000  # a refusal or none for each: a few hundred bytes


@dataclass(frozen=True)
class Gate:
    """Decides whether texts may be run.

    `trusted` are texts that the user trusts (`--trust`). They pass, and so does the same code in other texts; other
    code there is checked as usual. Trust does not lift the limits of what gi reads (`NEVER_TRUSTED`), nor the sandbox.
    """

    trusted: tuple[str, ...] = ()

    def refusal(self, text: str, entry: str) -> GateRefusal | None:
        """The first reason why a text may not be run to build `entry`; None where it may."""
        # The entry is evaluated in the program's namespace, where builtins are in reach: `exec('...')` is a call, too.
        if not is_entry(entry) or entry_name(entry) in EVERY_BUILTIN:
            return GateRefusal(1, 0, "entry", f"{shown(entry)!r} must be a name of the file, alone or with literals")
        # The program may keep and change a list that the entry passes; other arguments do not change the answer.
        found = _remembered(text, entry if "[" in entry or "{" in entry else entry_name(entry))
        if not found or not self.trusted:
            return found[0] if found else None
        vouched = {refusal for refusal, stand in stands(text, found) if stand in self._trusted_stands}
        return next((refusal for refusal in found if refusal not in vouched), None)

    def vouches(self, text: str, entry: str) -> bool:
        """Whether a text passes by the rules alone, without trust: a trusted text may do what the rules refuse."""
        return is_entry(entry) and not _remembered(text, entry_name(entry))

    def require(self, text: str, entry: str, what: str) -> None:
        """Raises `SourceError`, with `what` as the text's name, where it may not be run."""
        refusal = self.refusal(text, entry)
        if refusal is not None:
            raise SourceError(f"{what} is refused by the gate, {refusal}: {trust_advice(refusal.rule)}.")

    @cached_property
    def _trusted_stands(self) -> frozenset[tuple[str, str, str]]:
        # From the whole text: another entry may reach what this one does not.
        return frozenset(stand for text in self.trusted for _, stand in stands(text, refusals(text)))


#: The gate without trusted texts.
STRICT = Gate()


def trust_advice(rule: str) -> str:
    """Advice to the user for a refusal by a rule."""
    if rule in NEVER_TRUSTED or rule == "entry":
        return "gi reads no such file, not even with --trust"
    return "pass --trust for code that you trust; it runs in the sandbox all the same"


def stage_and_reason(refusal: GateRefusal) -> tuple[Stage, str]:
    """The stage and reason of a refusal's record; one by the rule "parse" counts as a syntax error."""
    return ("parse", "syntax error") if refusal.rule == "parse" else ("gate", refusal.rule)


def refused_outcome(refusal: GateRefusal) -> Failed:
    """The record of a program that was not trained."""
    return Failed(*stage_and_reason(refusal), f"line {refusal.line}, {refusal.description}")


_ANSWERS: dict[str, tuple[GateRefusal, ...]] = {}


def _remembered(text: str, entry: str) -> tuple[GateRefusal, ...]:
    key = hashlib.sha256(f"{entry}\0{text}".encode("utf-8", "surrogatepass")).hexdigest()
    if key not in _ANSWERS:
        if len(_ANSWERS) >= _MAX_REMEMBERED:
            _ANSWERS.clear()
        _ANSWERS[key] = refusals(text, entry)
    return _ANSWERS[key]
