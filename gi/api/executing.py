"""Where a run's trainings take place, as a caller chooses it: on this machine, or on a cluster."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, get_args

from gi.core.errors import ConfigError
from gi.core.settings import default_workers
from gi.sandbox.process_cpu import CpuClock
from gi.search.parts import MakeExecutor

ExecutorName = Literal["local", "ray"]
#: What `--executor` takes: this machine; the machines of a Ray cluster.
EXECUTORS: tuple[ExecutorName, ...] = get_args(ExecutorName)


@dataclass(frozen=True, slots=True)
class Machines:
    """What evaluates a run's jobs; None for the executor of this machine. `slots` says how many at once on a device."""

    executor: MakeExecutor | None
    slots: Callable[[str], int]

    def workers(self, given: int | None, device: str) -> int:
        """How many workers a run has: as many as given, else one for each slot. Raises `ConfigError` for none."""
        if given is not None and given < 1:
            raise ConfigError(f"workers is {given}: it must be at least 1.")
        return given or self.slots(device)

    def clock(self) -> CpuClock:
        """A clock for what the run costs, on whichever machines that is."""
        return CpuClock(workers_elsewhere=self.executor is not None)


THIS_MACHINE = Machines(None, lambda _: default_workers())


@contextmanager
def machines(executor: str, address: str | None = None) -> Iterator[Machines]:
    """The machines of this name, connected while the context lasts. Raises `ConfigError` where there are none.

    `address` is that of a Ray cluster; None stands for $RAY_ADDRESS, else for the cluster that this machine is part of.
    """
    if executor not in EXECUTORS:
        raise ConfigError(f"unknown executor {executor!r}: choose from {', '.join(EXECUTORS)}.")
    if executor == "ray":
        from gi.train.cluster.connection import connected, slots

        with connected(address):
            from gi.train.cluster.executor import RayExecutor

            yield Machines(RayExecutor, slots)
    elif address is not None:
        raise ConfigError(f"--address {address}: it is for a cluster; pass --executor ray too.")
    else:
        yield THIS_MACHINE
