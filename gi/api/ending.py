"""The end of a run: exports the best of its front, with a line on the file."""

from typing import TYPE_CHECKING

from gi.api.messages import Tell
from gi.api.runs import Run
from gi.core.errors import GiError
from gi.source.gate.passing import STRICT, Gate

if TYPE_CHECKING:
    from gi.archive import Archive

BEST = "error"  # the objective that chooses the exported member


def ended(run: Run, state: str, gate: Gate, tell: Tell) -> Run:
    """The run; exports the best of its front, unless the run was interrupted."""
    from gi.archive import Archive

    if state == "interrupted":
        tell(f"interrupted; go on with: gi evolve --resume {run.path}" + (" --trust" if run.trust else ""))
    else:
        with Archive.open(run.path) as archive:
            tell(exported_text(archive, gate))
    return run


def exported_text(archive: "Archive", gate: Gate = STRICT) -> str:
    """Writes the best of the front to RUN/best/model.py; returns one line on the file, or on why there is none.

    No error of the export may be raised, not even one of gi's own: the front took hours of search.
    """
    folder = archive.folder
    try:
        from gi.archive import front_members
        from gi.export import best_member, export_best

        chosen = best_member(front_members(archive), archive.run().objectives, BEST)
        remarks = export_best(archive, chosen.id, folder / "best" / "model.py", gate=gate)
        metric = archive.run().config.objective(BEST).title
    except Exception as error:
        reason = str(error) if isinstance(error, GiError | OSError) else f"{type(error).__name__} {error}"
        return f"the best of the front is not exported: {' '.join(reason.split())} Try `gi export {folder} ID`."
    by = "by its final trainings' mean on the validation split" if chosen.validation_errors else "in the search"
    return "; ".join([f"{folder}/best/model.py holds {chosen.id[:8]}, the front's best {metric} {by}", *remarks])
