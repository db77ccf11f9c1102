"""A slot of the cluster as the driver sees it: an actor somewhere, and another one where that is lost."""

import contextlib
import threading
from concurrent.futures import CancelledError
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError

from gi.core.errors import ConfigError, GiError
from gi.core.protocols import Job
from gi.train.cluster.slot import Delivery, Equipment, Installed, SlotActor

_MOST_STARTS = 3  # in a row that come to nothing


class SlotLostError(Exception):
    """The actor or its node is gone: no fault of what ran there."""


class RemoteSlot:
    """One slot, to be used by one thread; any thread may `kill` it."""

    def __init__(self, equipment: Equipment, *, gpus: int) -> None:
        """Takes what every slot needs, and how many GPUs each has."""
        self._equipment = equipment
        # Fewer slots than there is room for share no node's memory that they need not, and fewer die with one.
        self._make = ray.remote(num_cpus=1, num_gpus=gpus, max_restarts=0, scheduling_strategy="SPREAD")(SlotActor)
        self._actor: Any = None
        self._lock = threading.Lock()
        self._killed = False

    def start(self) -> Installed:
        """Waits until Ray has a place for it and it is ready there.

        Raises `GiError` where that node is unfit, `SlotLostError` where one slot after another is lost.
        """
        for _ in range(_MOST_STARTS - 1):
            with contextlib.suppress(SlotLostError):
                return self._install()
        return self._install()

    def evaluate(self, job: Job, parent: Any | None) -> Delivery:
        """Runs a job; `parent` refers to the weights that it starts from. Raises `SlotLostError`, `GiError`."""
        delivery: Delivery = self._called("evaluate", job, parent)
        return delivery

    def kill(self) -> None:
        """Ends it and what runs on it, for good; a caller that waits for it gets `CancelledError`."""
        with self._lock:
            self._killed = True
            if self._actor is not None:
                # By now the cluster may be gone, too.
                with contextlib.suppress(RayError, RuntimeError, ConnectionError):
                    ray.kill(self._actor)

    def _install(self) -> Installed:
        with self._lock:
            if self._killed:
                raise CancelledError
            self._actor = self._make.remote()
        installed: Installed = self._called("install", self._equipment)
        return installed

    def _called(self, method: str, *arguments: Any) -> Any:
        try:
            return ray.get(getattr(self._actor, method).remote(*arguments))
        except (RayError, ConnectionError) as error:
            if self._killed:
                raise CancelledError from None
            if isinstance(error, RayTaskError):  # the slot's own, in which Ray has wrapped a traceback
                raise (error.cause if isinstance(error.cause, GiError) else error) from None
            if isinstance(error, RayActorError) and error.actor_init_failed:
                raise ConfigError(f"gi cannot run on a node of the cluster: {_last_line(error)}") from error
            raise SlotLostError(_last_line(error)) from error


def _last_line(error: Exception) -> str:
    return next((line.strip() for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)
