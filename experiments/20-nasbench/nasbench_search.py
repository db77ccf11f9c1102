"""Searches over the cells of NAS-Bench-201 until their trainings have cost the budget: ours, NSGA-II, random."""

import contextlib
import random
from collections.abc import Callable
from functools import partial

import numpy as np
from nasbench_table import CELLS, EDGES, OPERATIONS, CellTable

from gi.search.select import (
    contribution_tournament,
    contributions,
    ranks,
    standing,
    survivors,
    tournament,
    volume_order,
    volume_standing,
    volume_survivors,
)

FIRST, MOST_PARENTS = 16, 64
SIZE = 2  # the column of the parameter count
CELL_NUMBERS = {cell: number for number, cell in enumerate(CELLS)}


class BudgetSpent(Exception):
    """The next training would cost more than is left."""


class CellSearch:
    """One search: the cells that it trained, in order, and what it saw of each. No cell is trained twice."""

    def __init__(self, table: CellTable, seed: int) -> None:
        self.table, self.rng = table, random.Random(seed)
        self.cells: list[int] = []
        self.values: list[tuple[float, float, float]] = []
        self.left_s = table.budget_s

    def train(self, cell: int) -> None:
        """Trains one cell once; raises `BudgetSpent`."""
        self.left_s -= self.table.train_s[cell]
        if self.left_s < 0:
            raise BudgetSpent
        self.cells.append(cell)
        self.values.append(self.table.seen(cell, self.rng.randrange(6)))

    def new_cell(self) -> int:
        """A cell drawn from all that were not trained."""
        known = set(self.cells)
        return self.rng.choice([cell for cell in range(len(CELLS)) if cell not in known])

    def child(self, draw_parent: Callable[[], int], *, crossover: float = 0.0) -> int:
        """A cell of a parent's with one operation changed, or first mixed with another parent's; never a known one."""
        known = set(self.cells)
        for _ in range(100):
            genes = list(CELLS[self.cells[draw_parent()]])
            if self.rng.random() < crossover:
                other = CELLS[self.cells[draw_parent()]]
                genes = [self.rng.choice(pair) for pair in zip(genes, other, strict=True)]
            edge = self.rng.randrange(EDGES)
            genes[edge] = self.rng.choice([operation for operation in OPERATIONS if operation != genes[edge]])
            cell = CELL_NUMBERS["".join(genes)]
            if cell not in known:
                return cell
        return self.new_cell()


def by_random(search: CellSearch) -> None:
    """Cells as they come."""
    while True:
        search.train(search.new_cell())


def by_nsga2(search: CellSearch) -> None:
    """Plain NSGA-II (Deb et al. 2002) without repetitions: generations of 16, crossover in half of the children."""
    for _ in range(FIRST):
        search.train(search.new_cell())
    population = list(range(FIRST))
    while True:
        compared = standing([search.values[n] for n in population])
        before = len(search.cells)
        draw_parent = partial(drawn, population, partial(tournament, compared), search.rng)
        for _ in range(FIRST):
            search.train(search.child(draw_parent, crossover=0.5))
        candidates = [*population, *range(before, len(search.cells))]
        population = [candidates[n] for n in survivors([search.values[n] for n in candidates], FIRST)]


def by_volume(search: CellSearch) -> None:
    """The selection of `--survival hypervolume`: parents are what nothing dominates, 64 at most, by contribution."""
    for _ in range(FIRST):
        search.train(search.new_cell())
    known = None
    while True:
        values = np.array(search.values)
        reference = tuple(values.max(axis=0).tolist())
        front = [n for n, rank in enumerate(ranks(values)) if rank == 0]
        if (front, reference) != known:  # a dominated child changes nothing: most of the time goes into the order
            parents = volume_survivors(values, min(max(len(front), 4), MOST_PARENTS), reference=reference)
            compared = volume_standing(values[parents], values[parents, SIZE].tolist(), reference=reference)
            known = front, reference
            draw_parent = partial(drawn, parents, partial(contribution_tournament, compared), search.rng)
        search.train(search.child(draw_parent))


def drawn(parents: list[int], select: Callable[..., int], rng: random.Random) -> int:
    """One of the parents by a tournament."""
    return parents[select(rng=rng)]


SEARCHES: dict[str, Callable[[CellSearch], None]] = {
    "random search": by_random,
    "NSGA-II": by_nsga2,
    "selection by hypervolume": by_volume,
}


def share_found(table: CellTable, name: str, seed: int) -> tuple[float, int]:
    """The share of the best hypervolume that a search reached within the budget, and how many cells it trained."""
    search = CellSearch(table, seed)
    with contextlib.suppress(BudgetSpent):
        SEARCHES[name](search)
    return table.volume(search.cells) / table.volume(list(range(len(CELLS)))), len(search.cells)


def shares_kept(table: CellTable, seed: int, slots: int = 16) -> dict[str, float]:
    """How much of a front's volume 16 of its members keep, by each order; the front is that of 2,000 random cells."""
    rng = random.Random(seed)
    cells = rng.sample(range(len(CELLS)), 2_000)
    front = [cell for cell, rank in zip(cells, ranks(table.values[cells]), strict=True) if rank == 0]
    values, whole = table.values[front], table.volume(front)
    kept = {
        "crowding": survivors(values, slots),
        "forward": volume_order(values, slots, reference=table.reference),
        "backward": dropped_backward(values, slots, table.reference),
    }
    return {"members": len(front)} | {
        name: table.volume([front[n] for n in rows]) / whole for name, rows in kept.items()
    }


def dropped_backward(values: np.ndarray, slots: int, reference: tuple[float, ...]) -> list[int]:
    """The rows that are left when the least contributor goes until there are as many as slots."""
    rows = list(range(len(values)))
    while len(rows) > slots:
        contributed = contributions(values[rows], reference)
        rows.pop(contributed.index(min(contributed)))
    return rows
