"""Which outcomes a decision may read: a simulated schedule decides, the same on every machine.

A search that waits for every outcome keeps workers idle; one that reads whatever has ended decides differently on every
machine. Here decisions follow a simulated schedule: a fixed number of lanes, each of which starts the next training
when its last one ends, with estimated work as the time axis. A decision reads the trainings that have ended in the
simulation, and waits only for those. So a search with at most as many workers as lanes is never idle for long, a long
training delays no other one, and the archive is the same at every number of workers.
"""

import heapq
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

Training = TypeVar("Training", bound=Hashable)


class Lanes(Generic[Training]):
    """The simulated schedule. Work is in any unit; trainings with equal ends end in the order of their start."""

    def __init__(self, count: int) -> None:
        """`count` lanes, at least 1, all of them free."""
        self._free = [0.0] * count
        self._under_way: list[tuple[float, int, Training]] = []
        self._placed = 0

    def __len__(self) -> int:
        """The number of placed trainings that `ended` has not returned yet."""
        return len(self._under_way)

    def __iter__(self) -> Iterator[Training]:
        return (training for _, _, training in self._under_way)

    def place(self, training: Training, work: float) -> None:
        """Puts a training of `work` on the lane that is free first."""
        end = heapq.heappop(self._free) + work
        heapq.heappush(self._free, end)
        # The number breaks ties: equal work is common, and ids that decide would favour some programs.
        heapq.heappush(self._under_way, (end, self._placed, training))
        self._placed += 1

    def ended(self) -> list[Training]:
        """Removes and returns the trainings that end before the next can start, the first to end first."""
        ended = []
        # The first free moment of a lane is the present: a later end is not known yet, even if it has come in reality.
        while self._under_way and self._under_way[0][0] <= self._free[0]:
            ended.append(heapq.heappop(self._under_way)[2])
        return ended

    def idle(self) -> None:
        """Moves the free lanes to the end of the next training, so that `ended` returns it."""
        if self._under_way:
            moment = self._under_way[0][0]
            self._free = [max(free, moment) for free in self._free]
            heapq.heapify(self._free)
