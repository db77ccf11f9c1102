"""Which outcomes a decision may read, told by a schedule that no machine has a part in.

A search that waits for every outcome keeps workers idle; one that reads whatever has ended decides differently on every
machine. Here decisions follow a made-up schedule: a fixed number of lanes, each of which takes up the next training
when its last one ends, by estimated work in place of time. A decision reads the trainings that have ended on it, and
waits for those alone. So a search with as many workers as lanes or fewer is never idle for long, a long training delays
nobody, and the archive is the same at every number of workers.
"""

import heapq
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

Training = TypeVar("Training", bound=Hashable)


class Lanes(Generic[Training]):
    """The schedule. Work is in any unit; trainings that end at one moment end in the order in which they began."""

    def __init__(self, count: int) -> None:
        """`count` lanes, at least 1, all of them free."""
        self._free = [0.0] * count
        self._under_way: list[tuple[float, int, Training]] = []
        self._placed = 0

    def __len__(self) -> int:
        """How many trainings nobody has been told the end of."""
        return len(self._under_way)

    def __iter__(self) -> Iterator[Training]:
        return (training for _, _, training in self._under_way)

    def place(self, training: Training, work: float) -> None:
        """Puts a training of so much work on the lane that is free first."""
        end = heapq.heappop(self._free) + work
        heapq.heappush(self._free, end)
        # The number breaks ties: equal work is common, and ids that decide would favour some programs.
        heapq.heappush(self._under_way, (end, self._placed, training))
        self._placed += 1

    def ended(self) -> list[Training]:
        """The trainings that ended before the next one can begin and were not told yet, the first to end first."""
        told = []
        # The moment when a lane is free is the schedule's present: what ends later is not known yet, even if it has.
        while self._under_way and self._under_way[0][0] <= self._free[0]:
            told.append(heapq.heappop(self._under_way)[2])
        return told

    def idle(self) -> None:
        """Nothing is placed until the next training ends: the free lanes wait for it."""
        if self._under_way:
            moment = self._under_way[0][0]
            self._free = [max(free, moment) for free in self._free]
            heapq.heapify(self._free)
