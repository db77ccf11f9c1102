"""One-line errors for a run that cannot go on after its seed programs; each says what to do."""

from gi.archive import Archive
from gi.search.budget import RunCost
from gi.search.estimate import rounded_up
from gi.search.outcomes import Outcomes


def too_short(archive: Archive, cost: RunCost, outcomes: Outcomes, slot: int) -> str:
    """The error for seed programs dearer than estimated: the budget does not pay for that of `slot`."""
    run, seeds = archive.run(), len(archive.seeds())
    evaluations_s = (seeds - slot) * outcomes.expected_s(run.rungs[0])
    needed = rounded_up(cost.cpu_s + evaluations_s + 2 * outcomes.expected_s(run.final_images))
    return (
        f"the budget pays for {slot} of {seeds} seed programs: all and one final training take about {needed} "
        f"here. Go on by `gi evolve --resume {archive.folder} --budget {needed}`."
    )


def no_seed(archive: Archive) -> str:
    """The error for a run none of whose seed programs could be evaluated."""
    # The commonest three: one line has no room for the failures of 20 programs, and they share a few reasons.
    groups = archive.outcomes.failures()[:3]
    failures = "; ".join(f"{f.count} x {f.stage}: {f.reason} ({f.detail})" for f in groups)
    why = failures or "the budget was used up before the first evaluation ended"
    return (
        f"none of the {len(archive.seeds())} seed programs could be evaluated: {why}. "
        f"`gi failures {archive.folder}` lists them."
    )
