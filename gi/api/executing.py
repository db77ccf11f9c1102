"""The executor of a run's trainings that a caller chooses: this machine, or a cluster."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from gi.core.errors import ConfigError
from gi.core.settings import default_workers
from gi.sandbox.process_cpu import CpuClock

if TYPE_CHECKING:
    from gi.search.parts import MakeExecutor  # and with it all that varies programs, which `gi --help` needs not

ExecutorName = Literal["local", "ray"]
#: The choices of `--executor`: this machine, or the machines of a Ray cluster.
EXECUTORS: tuple[ExecutorName, ...] = get_args(ExecutorName)


@dataclass(frozen=True, slots=True)
class Machines:
    """The executor of a run, None for that of this machine. `slots` gives the number of parallel jobs for a device."""

    executor: "MakeExecutor | None"
    slots: Callable[[str], int]

    def workers(self, given: int | None, device: str) -> int:
        """The number of workers: as given, else one for each slot. Raises `ConfigError` for less than 1."""
        if given is not None and given < 1:
            raise ConfigError(f"workers is {given}: it must be at least 1.")
        return given or self.slots(device)

    def clock(self) -> CpuClock:
        """A clock for the run's CPU time on this machine, or also of workers elsewhere."""
        return CpuClock(workers_elsewhere=self.executor is not None)


THIS_MACHINE = Machines(None, lambda _: default_workers())


@contextmanager
def machines(executor: str, address: str | None = None) -> Iterator[Machines]:
    """The machines of an executor, connected while the context lasts. Raises `ConfigError` where there are none.

    `address` is that of a Ray cluster; by default $RAY_ADDRESS, else the cluster that this machine is part of.
    """
    if executor not in EXECUTORS:
        raise ConfigError(f"unknown executor {executor!r}: choose from {', '.join(EXECUTORS)}.")
    if executor == "ray":
        from gi.train.cluster.connection import connected, slots

        with connected(address):
            # Behind `connected`, which refuses a machine without Ray in one line.
            from gi.train.cluster.executor import RayExecutor

            yield Machines(RayExecutor, slots)
    elif address is not None:
        raise ConfigError(f"--address {address}: it is for a cluster; pass --executor ray too.")
    else:
        yield THIS_MACHINE
