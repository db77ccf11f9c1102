"""The plain lines that a display prints for the events of a run."""

from collections.abc import Mapping

from gi.archive import RunSummary
from gi.core.figures import count_text, duration_text
from gi.report.live.state import RunState
from gi.search.events import (
    Finished,
    GenerationEnded,
    Planned,
    RetrainingStarted,
    RunEvent,
    StockChanged,
    Stopping,
)


def event_line(event: RunEvent, state: RunState) -> str:
    """The line for an event, "" for most; `state` must include the event already."""
    match event:
        case Planned():
            return _plan_text(event)
        case GenerationEnded():
            return _generation_text(event, state)
        case RetrainingStarted():
            return finals_text(event)
        case Stopping():
            return f"stopping: {waiting_text(event)}"
        case StockChanged():
            return _CHANGED_STOCK
        case Finished(summary=summary, already=True):
            return _already_text(summary)
        case _:
            return ""


def _plan_text(plan: Planned) -> str:
    """The planned programs and trainings, and their estimated wall time."""
    rungs = ", ".join(f"{count} on {count_text(images)} images" for images, count in plan.rungs)
    text = f"plan: {plan.programs} programs, trainings: {rungs}; {plan.final_trainings} final trainings"
    if plan.cpu_s is None:
        return text
    workers = "1 worker" if plan.workers == 1 else f"{plan.workers} workers"
    return f"{text}; about {duration_text(plan.cpu_s / plan.workers)} with {workers}"


def _generation_text(event: GenerationEnded, state: RunState) -> str:
    left_s = state.left_s()
    rest = f", {duration_text(left_s)} left" if left_s is not None else ""
    # That of the top rung, 0 while the rung is empty.
    volume = f", hypervolume {event.hypervolume:.4f}" if event.hypervolume else ""
    return (
        f"generation {event.number}/{event.generations}: "
        f"{event.evaluations} evaluated{cached_text(event.from_cache)}, {sum(event.failures.values())} failed, "
        f"front {event.front} on {count_text(event.images)} images{volume}, "
        f"best {_best_text(event.best, state)}{rest}"
    )


def _best_text(best: Mapping[str, float], state: RunState) -> str:
    measured = ((state.objective(key), value) for key, value in best.items())
    return ", ".join(f"{objective.title} {objective.text(value)}" for objective, value in measured)


def finals_text(event: RetrainingStarted) -> str:
    """The numbers of members and of their final trainings."""
    members = "1 member" if event.members == 1 else f"{event.members} members"
    who = f"final trainings: {members} of a front of {event.front}"
    if event.jobs == event.wanted:
        return f"{who}, {event.jobs} from scratch"
    return f"{who}; of their {event.wanted} trainings from scratch the budget pays for {event.jobs or 'none'}"


def waiting_text(event: Stopping) -> str:
    """The trainings that the run waits for after Ctrl-C."""
    waiting = f"{event.running} trainings under way may end within {event.grace_s:g} s"
    return f"{waiting if event.running else 'nothing is under way'}; Ctrl-C again stops at once"


_CHANGED_STOCK = (
    "warning: the corpus has changed since the run was last under way: from here on it borrows other lines than an "
    "undisturbed run would"
)


def _already_text(summary: RunSummary) -> str:
    """The line for a resumed run that had finished already."""
    return (
        f"already finished: {summary.generations} generations, "
        f"{summary.evaluations} evaluations{cached_text(summary.from_cache)}, "
        f"{duration_text(summary.cpu_s)} of CPU time; more with --generations or --budget"
    )


def cached_text(count: int) -> str:
    """The number of outcomes from the cache, after a comma; "" for none."""
    return f", {count} from the cache" if count else ""
