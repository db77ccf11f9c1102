"""What a run leaves at its end: the best of its front as a file, and a line on it."""

from typing import TYPE_CHECKING

from gi.api.runs import Run
from gi.api.telling import Tell
from gi.core.errors import GiError
from gi.source.gate.passing import STRICT, Gate

if TYPE_CHECKING:
    from gi.archive import Archive

BEST = "error"  # whose least value decides what a run exports


def ended(run: Run, state: str, gate: Gate, tell: Tell) -> Run:
    """The run, with the best of its front exported where it came to its end."""
    from gi.archive import Archive

    if state == "interrupted":
        tell(f"interrupted; go on with: gi evolve --resume {run.path}" + (" --trust" if run.trust else ""))
    else:
        with Archive.open(run.path) as archive:
            tell(exported_text(archive, gate))
    return run


def exported_text(archive: "Archive", gate: Gate = STRICT) -> str:
    """Writes the best of the front to RUN/best/model.py; one line on that, or on why there is none.

    Hours of search stand behind the front: no fault of the export may cost it, not even one that is gi's own.
    """
    folder = archive.folder
    try:
        from gi.archive import front_members
        from gi.export import best_member, export_best

        chosen = best_member(front_members(archive), archive.run().objectives, BEST)
        remarks = export_best(archive, chosen.id, folder / "best" / "model.py", gate=gate)
        metric = archive.run().config.objective(BEST).title
    except Exception as error:
        told = str(error) if isinstance(error, GiError | OSError) else f"{type(error).__name__} {error}"
        return f"the best of the front is not exported: {' '.join(told.split())} Try `gi export {folder} ID`."
    by = "by its final trainings' mean on the validation split" if chosen.validation_errors else "in the search"
    return "; ".join([f"{folder}/best/model.py holds {chosen.id[:8]}, the front's best {metric} {by}", *remarks])
