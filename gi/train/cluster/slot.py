"""What runs on a node: one actor for each slot, around the executor of that node's own machine.

Ray finds it a place and says when that is gone. All else is as on the driver's machine: a warm server, a process for
each half of a job, the same sandbox around both. Nothing of a job stays on the node: its outcome and its weights go to
the driver, which alone writes to the run's folder.
"""

import dataclasses
import os
import platform
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import gi
from gi.core.errors import ConfigError
from gi.core.protocols import Job
from gi.core.settings import RunConfig, cache_folder
from gi.core.types import Outcome
from gi.data.dataset import open_dataset
from gi.sandbox.isolation import VARIABLE, Isolation, probed_layers
from gi.source.gate.passing import Gate
from gi.train.cluster.shipping import Shipment, unpacked
from gi.train.executor import LocalExecutor
from gi.train.version import TRAINER_VERSION


@dataclass(frozen=True, slots=True)
class Equipment:
    """The settings with which a slot evaluates the jobs of a run."""

    config: RunConfig
    gate: Gate
    isolation: Isolation
    versions: Mapping[str, str]
    dataset: Shipment
    donors: Shipment | None


@dataclass(frozen=True, slots=True)
class Installed:
    """A ready slot's report: its node's name, and the layers of isolation that the node lacks, with reasons."""

    node: str
    missing_layers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Delivery:
    """An outcome, and the checkpoint of the trained network where the job wants one."""

    outcome: Outcome
    weights: bytes | None


class SlotActor:
    """One evaluation at a time. Its methods raise `GiError` as a `LocalExecutor` does."""

    def __init__(self) -> None:
        self._weights: list[bytes] = []

    def install(self, equipment: Equipment) -> Installed:
        """Makes the slot ready. Raises `ConfigError` for a node that would give other outcomes than the driver's."""
        node = platform.node()
        _refuse_other_versions(node, equipment.versions)
        os.environ[VARIABLE] = equipment.isolation
        layers = probed_layers() if equipment.isolation != "off" else {}
        missing = {name: why for name, why in layers.items() if why}
        if missing and equipment.isolation == "strict":
            raise ConfigError(f"--isolation strict: {node} lacks {', '.join(missing)}. See `gi doctor` there.")
        root = cache_folder() / "shipped"
        pack = equipment.donors
        self._executor = LocalExecutor(
            open_dataset(unpacked(equipment.dataset, root)),
            equipment.config,
            workers=1,
            donors=None if pack is None else unpacked(pack, root) / next(iter(pack.files)),
            gate=equipment.gate,
            keep=self._keep,
        )
        return Installed(node, missing)

    def evaluate(self, job: Job, parent: bytes | None) -> Delivery:
        """The outcome of a job. Its paths are the driver's: `parent` is what the file to inherit from holds."""
        self._weights.clear()
        with tempfile.TemporaryDirectory(prefix="gi-parent-") as folder:
            inherited = Path(folder, "parent.pt")
            if parent is not None:
                inherited.write_bytes(parent)
            inherit_from = None if job.inherit_from is None else str(inherited)
            outcome = self._executor.submit(dataclasses.replace(job, inherit_from=inherit_from)).result()
        return Delivery(outcome, self._weights[-1] if self._weights else None)

    def _keep(self, _: Path, content: bytes) -> None:
        self._weights.append(content)


def installed_versions() -> dict[str, str]:
    """What decides a training's outcome, by the names that people know it by."""
    # Without what follows the +: a build for CUDA computes on the CPU what one for the CPU does.
    packages = {name: version(name).partition("+")[0] for name in ("torch", "torchvision", "numpy")}
    python = ".".join(platform.python_version_tuple()[:2])
    return {"gi": gi.__version__, "gi's trainer": str(TRAINER_VERSION), "Python": python, **packages}


def _refuse_other_versions(node: str, wanted: Mapping[str, str]) -> None:
    for name, here in installed_versions().items():
        if here != wanted[name]:
            raise ConfigError(
                f"the node {node} has {name} {here}, this machine {wanted[name]}: outcomes would differ. "
                "Install the same versions on every node."
            )
