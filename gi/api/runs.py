"""Read access to a run: its front, its individuals, its failures."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from gi.api.html import front_html, run_html
from gi.api.individuals import RunIndividual
from gi.api.trusting import run_gate
from gi.core.errors import ConfigError
from gi.core.settings import RunConfig

if TYPE_CHECKING:
    from gi.archive import Archive, FailureGroup, RunSummary
    from gi.core.types import Individual


def open_run(path: str | Path, *, trust: bool = False) -> "Run":
    """The run in a folder, finished or running. Raises `ArchiveError` where there is none.

    With `trust` the user trusts the model that the run started from: see `gi.evolve`.
    """
    run = Run(Path(path), trust=trust)
    run.config  # noqa: B018 (raises now for a folder without a run, not on first use)
    return run


class Front(Sequence[RunIndividual]):
    """The Pareto front of a run: the non-dominated individuals of the highest rung, the best error first."""

    def __init__(self, members: Sequence[RunIndividual], rows: Sequence[dict[str, Any]]) -> None:
        self._members, self._rows = tuple(members), tuple(rows)

    @overload
    def __getitem__(self, place: int) -> RunIndividual: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[RunIndividual]: ...
    def __getitem__(self, place: int | slice) -> RunIndividual | Sequence[RunIndividual]:
        return self._members[place]

    def __len__(self) -> int:
        return len(self._members)

    def rows(self) -> list[dict[str, Any]]:
        """A dict for each member, as in `gi front --json`; `pandas.DataFrame(front.rows())` is a table."""
        return [dict(row) for row in self._rows]

    def __repr__(self) -> str:
        return "\n".join(["<front", *(f"  {member!r}" for member in self), ">"]) if self else "<front, empty>"

    def _repr_html_(self) -> str:
        return front_html(self)


class Run:
    """A run in its folder `path`. Each access reads the run's file, so the run may still be going on.

    With `trust`, the model that the run started from may be run although the gate refuses it.
    """

    def __init__(self, path: Path, *, trust: bool = False) -> None:
        self.path = path
        self.trust = trust

    @cached_property
    def config(self) -> RunConfig:
        """The settings of the run."""
        with self._opened() as archive:
            return archive.run().config

    @property
    def summary(self) -> "RunSummary":
        """The figures of the run: evaluations, CPU seconds, hypervolume."""
        from gi.archive import run_summary

        with self._opened() as archive:
            return run_summary(archive)

    @property
    def state(self) -> str:
        """Its last event: "started", "resumed", "interrupted" or "finished"."""
        return self.summary.state

    @property
    def front(self) -> Front:
        """Its Pareto front; empty before the first generation closed."""
        from gi.archive import front_members, ranked
        from gi.report.answers import member_json

        with self._opened() as archive:
            objectives = archive.run().objectives
            members = ranked(front_members(archive), objectives, objectives[0])
            individuals = [self._individual(archive, archive.individuals.by_id(member.id)) for member in members]
        return Front(individuals, [member_json(member) for member in members])

    def best(self, by: str = "error", *, trained: bool = False) -> RunIndividual:
        """The member of the front that `gi export --best` writes: by an objective, or "knee".

        With `trained`, only among members with trained weights. Raises `ConfigError` where there is none.
        """
        from gi.archive import front_members
        from gi.export import best_member

        with self._opened() as archive:
            front = [m for m in front_members(archive) if m.weights or not trained]
            if trained and not front:
                raise ConfigError(f"no member of the front of {self.path} was trained to the end: let the run end.")
            chosen = best_member(front, archive.run().objectives, by)
            return self._individual(archive, archive.individuals.by_id(chosen.id))

    def individual(self, id_: str) -> RunIndividual:
        """The individual whose id starts with `id_`, on the front or not. Raises `ArchiveError` for none or several."""
        with self._opened() as archive:
            return self._individual(archive, archive.individuals.by_prefix(id_))

    @property
    def failures(self) -> "tuple[FailureGroup, ...]":
        """The failures by stage and reason, the most frequent first."""
        with self._opened() as archive:
            return archive.outcomes.failures()

    def report(self, out: str | Path = "report.html", *, force: bool = False) -> Path:
        """Writes the run as one HTML page, as `gi report` does, and returns its path."""
        from gi.report.page import write_page

        with self._opened() as archive:
            write_page(archive, Path(out), force=force)
        return Path(out)

    @contextmanager
    def _opened(self) -> "Iterator[Archive]":
        from gi.archive import Archive

        with Archive.open(self.path) as archive:
            yield archive

    def _individual(self, archive: "Archive", stored: "Individual") -> RunIndividual:
        from gi.core.types import Failed, Scored

        outcome, trained = archive.outcome(stored.id), archive.outcomes.retrainings(stored.id)
        # Weights may have been deleted from the run folder.
        files = (archive.folder / r.weights for r in trained if r.weights)
        return RunIndividual(
            id=stored.id,
            source=stored.text,
            generation=stored.generation,
            parents=stored.parents,
            values=dict(outcome.values) if isinstance(outcome, Scored) else {},
            validation_errors=tuple(r.validation_error for r in trained if r.validation_error is not None),
            test_errors=tuple(r.test_error for r in trained if r.test_error is not None),
            failure=outcome if isinstance(outcome, Failed) else None,
            run=archive.folder,
            config=self.config,
            weights=next((path for path in files if path.is_file()), None),
            gate=run_gate(archive, trust=self.trust),
        )

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    def _repr_html_(self) -> str:
        return run_html(self)
