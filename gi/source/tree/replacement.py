"""One edit of a text: a stretch of bytes becomes another."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Replacement:
    """Bytes `start` to `end` become `text`.

    Of what is put in at one byte, first comes what closes (`closes` bytes before it, fewest first), last what opens
    (`opens` bytes behind it, most first), so that wrapped stretches nest.
    """

    start: int
    end: int
    text: str
    closes: int = 0
    opens: int = 0

    @property
    def rank(self) -> tuple[int, ...]:
        """The order in which replacements apply."""
        phase, inner = (0, self.closes) if self.closes else (2, -self.opens) if self.opens else (1, 0)
        return (self.start, self.start != self.end, phase, inner, -self.end)
