"""Which texts may be run: the one place that every part of gi asks before it hands a text to a worker."""

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
    """Says of each text whether it may be run.

    `trusted` are texts that the user vouches for (`--trust`). They pass, and so does in other texts what stands in them
    as it stands there; a borrowed line is refused as ever. Nothing passes the limits of what gi reads
    (`NEVER_TRUSTED`), nor the sandbox.
    """

    trusted: tuple[str, ...] = ()

    def refusal(self, text: str, entry: str) -> GateRefusal | None:
        """The first reason why a text may not be run to build `entry`; None where it may."""
        # It is evaluated among the names of the program, behind which stand the builtins: `exec('...')` is a call, too.
        if not is_entry(entry) or entry_name(entry) in EVERY_BUILTIN:
            return GateRefusal(1, 0, "entry", f"{shown(entry)!r} is no name of its own, called with literals or not")
        # A list that the entry gives may be kept and changed; of all else the answer is the same.
        found = _remembered(text, entry if "[" in entry or "{" in entry else entry_name(entry))
        if not found or not self.trusted:
            return found[0] if found else None
        vouched = {refusal for refusal, stand in stands(text, found) if stand in self._trusted_stands}
        return next((refusal for refusal in found if refusal not in vouched), None)

    def vouches(self, text: str, entry: str) -> bool:
        """Whether a text passes by the rules alone: one that passes by trust may do what no rule looked at."""
        return is_entry(entry) and not _remembered(text, entry_name(entry))

    def require(self, text: str, entry: str, what: str) -> None:
        """Raises `SourceError`, which names `what` the text is, where it may not be run."""
        refusal = self.refusal(text, entry)
        if refusal is not None:
            raise SourceError(f"{what} is refused by the gate, {refusal}: {trust_advice(refusal.rule)}.")

    @cached_property
    def _trusted_stands(self) -> frozenset[tuple[str, str, str]]:
        # Of all of the text: what one entry does not reach, another one may.
        return frozenset(stand for text in self.trusted for _, stand in stands(text, refusals(text)))


#: The gate where the user vouches for nothing.
STRICT = Gate()


def trust_advice(rule: str) -> str:
    """What a user can do about a refusal by a rule."""
    if rule in NEVER_TRUSTED or rule == "entry":
        return "gi reads no such file, with --trust neither"
    return "pass --trust for code that you trust; it runs in the sandbox all the same"


def stage_and_reason(refusal: GateRefusal) -> tuple[Stage, str]:
    """What a refusal is recorded as: a text that does not parse is one wherever that is found."""
    return ("parse", "syntax error") if refusal.rule == "parse" else ("gate", refusal.rule)


def refused_outcome(refusal: GateRefusal) -> Failed:
    """The record of a program that was not trained."""
    return Failed(*stage_and_reason(refusal), f"line {refusal.line}, {refusal.told}")


_ANSWERS: dict[str, tuple[GateRefusal, ...]] = {}


def _remembered(text: str, entry: str) -> tuple[GateRefusal, ...]:
    key = hashlib.sha256(f"{entry}\0{text}".encode("utf-8", "surrogatepass")).hexdigest()
    if key not in _ANSWERS:
        if len(_ANSWERS) >= _MAX_REMEMBERED:
            _ANSWERS.clear()
        _ANSWERS[key] = refusals(text, entry)
    return _ANSWERS[key]
