"""Sends the figures of a run to an experiment tracker, through the tracker's own client.

The clients are optional (`pip install 'gi[log]'`) and imported when used.
"""

import hashlib
import json
import os
import statistics
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from gi.archive import RunSummary, ranked
from gi.core.errors import ConfigError
from gi.core.settings import RunConfig
from gi.search.events import Finished, GenerationEnded, Opened, RunEvent

TRACKERS = ("mlflow", "tensorboard")


class Tracker(Protocol):
    """An experiment tracker, to which the figures of a run are logged."""

    def begin(self, opened: Opened) -> None:
        """Starts to log a run, or continues one that was logged before."""
        ...

    def log(self, figures: Mapping[str, float], step: int) -> None:
        """Logs the figures after generation `step`."""
        ...

    def end(self, state: str) -> None:
        """Ends the run as "finished", "interrupted" or "failed"."""
        ...


def client_tracker(name: str) -> Tracker:
    """The tracker called `name`, one of `TRACKERS`. Raises `ConfigError` where its client is not installed."""
    try:
        if name == "mlflow":
            import mlflow

            return MlflowTracker(mlflow)
        from torch.utils.tensorboard import SummaryWriter

        return TensorboardTracker(SummaryWriter)
    except ImportError as error:
        raise ConfigError(f"--log-to {name}: its client is not installed; pip install 'gi[log]'.") from error


class MlflowTracker:
    """MLflow at MLFLOW_TRACKING_URI, in the experiment MLFLOW_EXPERIMENT_NAME, by default gi."""

    def __init__(self, client: Any) -> None:
        """`client` is the module mlflow."""
        self._client = client

    def begin(self, opened: Opened) -> None:
        """Starts a run of MLflow, or continues it where the run of gi is resumed."""
        if not os.environ.get("MLFLOW_EXPERIMENT_NAME"):
            self._client.set_experiment("gi")
        # A digest, since a path would have to be quoted in the filter.
        place = f"{opened.folder.absolute()} {opened.run.started}"
        key = hashlib.sha256(place.encode("utf-8", "surrogateescape")).hexdigest()[:32]
        known = self._client.search_runs(filter_string=f"tags.gi_run = '{key}'", max_results=1, output_format="list")
        if known:
            self._client.start_run(run_id=known[0].info.run_id)
            return
        self._client.start_run(run_name=opened.folder.name, tags={"gi_run": key})
        self._client.log_params({name: str(value) for name, value in opened.run.config.to_json().items()})

    def log(self, figures: Mapping[str, float], step: int) -> None:
        """Logs all figures of a step in one call."""
        self._client.log_metrics(dict(figures), step=step)

    def end(self, state: str) -> None:
        """Ends the run with MLflow's name of the state."""
        self._client.end_run({"finished": "FINISHED", "interrupted": "KILLED"}.get(state, "FAILED"))


class TensorboardTracker:
    """TensorBoard: event files in the run's folder, beside the archive."""

    def __init__(self, make_writer: Callable[..., Any]) -> None:
        """`make_writer` is `torch.utils.tensorboard.SummaryWriter`."""
        self._make_writer = make_writer
        self._writer: Any = None

    def begin(self, opened: Opened) -> None:
        """Opens an event file for this session; TensorBoard reads those of one folder as one run."""
        self._writer = self._make_writer(log_dir=str(opened.folder / "tensorboard"))
        self._writer.add_text("settings", f"```json\n{json.dumps(opened.run.config.to_json(), indent=2)}\n```", 0)

    def log(self, figures: Mapping[str, float], step: int) -> None:
        """Logs a scalar for each figure, and flushes it to the disk, for viewers of a running search."""
        for name, value in figures.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def end(self, state: str) -> None:  # noqa: ARG002 (an event file has no state)
        """Closes the file."""
        self._writer.close()


class Tracked:
    """A callable that gets a run's events and logs their figures to a tracker; call `close` at the end.

    A tracker that fails is reported once and not called again: a lost server must not cost hours of search.
    """

    def __init__(self, name: str, tracker: Tracker, tell: Callable[[str], None]) -> None:
        """`tell` is called with a line on a failure of the tracker."""
        self._name, self._tracker, self._tell = name, tracker, tell
        self._config: RunConfig | None = None
        self._is_open = False

    def __call__(self, event: RunEvent) -> None:
        """Logs the figures of an event."""
        match event:
            case Opened():
                self._config, self._is_open = event.run.config, True
                self._try(lambda: self._tracker.begin(event))
            case GenerationEnded() if self._config:
                figures = generation_figures(event, self._config)
                self._try(lambda: self._tracker.log(figures, event.number))
            case Finished(summary=summary) if self._config:
                finals = final_figures(summary, self._config)
                if finals:
                    self._try(lambda: self._tracker.log(finals, summary.generations))
                self._end(summary.state)

    def close(self) -> None:
        """Ends a run without a `Finished` event as failed."""
        self._end("failed")

    def _end(self, state: str) -> None:
        self._try(lambda: self._tracker.end(state))
        self._is_open = False

    def _try(self, action: Callable[[], None]) -> None:
        if not self._is_open:
            return
        try:
            action()
        except Exception as error:  # whatever a foreign client raises
            self._is_open = False
            self._tell(f"warning: --log-to {self._name} failed and is left out from here on: {error}")


def generation_figures(event: GenerationEnded, config: RunConfig) -> dict[str, float]:
    """The figures after a generation by name: the front's, and the search's cost so far."""
    volume = {"hypervolume": event.hypervolume} if event.hypervolume else {}
    best = {f"best/{config.objective(key).title}": value for key, value in event.best.items()}
    counts = {"front": event.front, "evaluations": event.evaluations, "failed": sum(event.failures.values())}
    return {**volume, **best, **counts, "from_cache": event.from_cache, "cpu_s": event.cpu_s}


def final_figures(summary: RunSummary, config: RunConfig) -> dict[str, float]:
    """The mean errors over the final trainings of the front's best member; {} without a front."""
    objectives = [config.objective(key) for key in config.objectives]
    if not summary.front:
        return {}
    best, title = ranked(summary.front, objectives, objectives[0])[0], config.objective("error").title
    measured = {f"final/validation {title}": best.validation_errors, f"final/test {title}": best.test_errors}
    return {name: statistics.fmean(values) for name, values in measured.items() if values}
