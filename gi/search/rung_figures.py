"""The figures of every individual on a rung, in columns: a run of a million evaluations keeps them all in memory."""

import math
from array import array
from collections.abc import Iterator

import numpy as np

from gi.search.select import Matrix


class FloatRows:
    """Rows of `width` floats, which grow at the end: eight bytes for a value, where a tuple of floats takes 32."""

    def __init__(self, width: int) -> None:
        """Starts empty; `width` is at least 1."""
        self._width, self._values = width, array("d")

    def __len__(self) -> int:
        return len(self._values) // self._width

    def __getitem__(self, place: int) -> tuple[float, ...]:
        """The row at a place from 0."""
        return tuple(self._values[place * self._width : (place + 1) * self._width])

    def append(self, row: tuple[float, ...]) -> None:
        """Adds a row behind the last one."""
        assert len(row) == self._width
        self._values.extend(row)

    def replace(self, place: int, row: tuple[float, ...]) -> None:
        """Puts another row at a place that is taken."""
        assert len(row) == self._width
        self._values[place * self._width : (place + 1) * self._width] = array("d", row)

    def clear(self) -> None:
        """Forgets every row."""
        del self._values[:]

    def matrix(self) -> Matrix:
        """A copy of shape (n, width)."""
        return np.array(self._values, dtype=np.float64).reshape(-1, self._width)


class RungFigures:
    """Objective values, and figures that need not be objectives, by id in order of arrival.

    An individual's place is its number in that order, from 0; one that comes again keeps it.
    """

    def __init__(self, objectives: int) -> None:
        """Starts empty; `objectives` is the number of objective values of an individual, at least 1."""
        self._objectives = objectives
        self._rows = FloatRows(objectives + 4)
        self.places: dict[str, int] = {}
        self.least: tuple[float, ...] = (math.inf,) * objectives
        """The least value of each objective so far."""

    def add(
        self, id_: str, values: tuple[float, ...], *, params: float, macs: float, train_s: float, excess: float
    ) -> None:
        """Adds an individual, or replaces its figures."""
        row = (*values, params, macs, train_s, excess)
        place = self.places.setdefault(id_, len(self.places))
        if place < len(self._rows):
            self._rows.replace(place, row)
        else:
            self._rows.append(row)
        self.least = tuple(map(min, self.least, values))

    def __contains__(self, id_: object) -> bool:
        return id_ in self.places

    def __len__(self) -> int:
        return len(self.places)

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def values(self, id_: str) -> tuple[float, ...]:
        """The objective values of an individual, in the order of the objectives."""
        return self._rows[self.places[id_]][: self._objectives]

    def values_from(self, place: int) -> list[tuple[float, ...]]:
        """The objective values of the individuals from a place on."""
        return [self._rows[n][: self._objectives] for n in range(place, len(self._rows))]

    def params(self, id_: str) -> float:
        """The number of parameters of an individual."""
        return self._rows[self.places[id_]][-4]

    def macs(self, id_: str) -> float:
        """The multiply-adds of an individual for one sample; 0 where they are not known."""
        return self._rows[self.places[id_]][-3]

    def train_s(self, id_: str) -> float:
        """The CPU seconds of an individual's training."""
        return self._rows[self.places[id_]][-2]

    def excess(self, id_: str) -> float:
        """How far an individual is beyond the constraints; 0 for one that keeps them."""
        return self._rows[self.places[id_]][-1]

    def excess_from(self, place: int) -> list[float]:
        """The excess of the individuals from a place on."""
        return [self._rows[n][-1] for n in range(place, len(self._rows))]
