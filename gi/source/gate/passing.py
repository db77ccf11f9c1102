"""Which texts may be run: what is asked before a harvested class is handed to a worker."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

from gi.core.quoting import shown
from gi.source.gate.gate import refusals
from gi.source.gate.program import EVERY_BUILTIN
from gi.source.gate.refusal import GateRefusal
from gi.source.gate.trusted import stands
from gi.source.tree.entry import entry_name, is_entry

_MAX_REMEMBERED = 20_000  # a refusal or none for each: a few hundred bytes


@dataclass(frozen=True)
class Gate:
    """Says of each text whether it may be run.

    `trusted` are texts that the user vouches for. They pass, and so does in other texts what stands in them
    as it stands there; a borrowed line is refused as ever. Nothing passes the limits of what gi reads
    (`NEVER_TRUSTED`), nor the sandbox.
    """

    trusted: tuple[str, ...] = ()

    def refusal(self, text: str, entry: str) -> GateRefusal | None:
        """The first reason why a text may not be run to build `entry`; None where it may."""
        # It is evaluated among the names of the program, behind which stand the builtins: `exec('...')` is a call, too.
        if not is_entry(entry) or entry_name(entry) in EVERY_BUILTIN:
            return GateRefusal(1, 0, "entry", f"{shown(entry)!r} is no name of its own, called with literals or not")
        found = _remembered(text, entry_name(entry))
        if not found or not self.trusted:
            return found[0] if found else None
        vouched = {refusal for refusal, stand in stands(text, found) if stand in self._trusted_stands}
        return next((refusal for refusal in found if refusal not in vouched), None)

    @cached_property
    def _trusted_stands(self) -> frozenset[tuple[str, str, str]]:
        # Of all of the text: what one entry does not reach, another one may.
        return frozenset(stand for text in self.trusted for _, stand in stands(text, refusals(text)))


#: The gate where the user vouches for nothing.
STRICT = Gate()


_ANSWERS: dict[str, tuple[GateRefusal, ...]] = {}


def _remembered(text: str, entry: str) -> tuple[GateRefusal, ...]:
    key = hashlib.sha256(f"{entry}\0{text}".encode("utf-8", "surrogatepass")).hexdigest()
    if key not in _ANSWERS:
        if len(_ANSWERS) >= _MAX_REMEMBERED:
            _ANSWERS.clear()
        _ANSWERS[key] = refusals(text, entry)
    return _ANSWERS[key]
