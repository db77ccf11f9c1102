"""The figures of the user's own model, the baseline of a front."""

from gi.archive import Archive
from gi.core.types import Scored


def own_model_text(archive: Archive) -> str:
    """One line on the model that the run started from; "" for a run from gi's own programs."""
    # Only a user's own model keeps the bytes of its file.
    own = next((seed for seed in archive.seeds() if seed.original is not None), None)
    first = next(iter(archive.individuals.ids()), None)
    outcome = archive.outcome(first) if first else None
    if own is None or not isinstance(outcome, Scored):
        return ""
    figures = [f"{o.title} {o.text(outcome.values[o.key])}" for o in archive.run().objectives]
    return f"{own.origin.path} itself: {', '.join(figures)}"
