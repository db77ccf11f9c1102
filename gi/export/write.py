"""An individual of a run to files: the program, its data where it needs them, its weights, its ONNX model."""

from dataclasses import dataclass
from pathlib import Path

from gi.archive import Archive
from gi.errors import ConfigError, RunError
from gi.evaluate.datasets import Dataset
from gi.export.data import companion_name, data_facts, run_dataset, write_splits
from gi.export.render import Figures, model_text
from gi.report.origins import individual_origins
from gi.types import Scored


@dataclass(frozen=True, slots=True)
class Exported:
    """The files of one export; None for those that were not asked for or not needed."""

    id: str
    model: Path
    data: Path | None = None
    weights: Path | None = None
    onnx: Path | None = None


def model_source(archive: Archive, id_: str) -> str:
    """The text of the plain PyTorch file of the individual whose id starts with `id_`."""
    return _source(archive, archive.individual(id_).id, run_dataset(archive.run().config))


def export_model(
    archive: Archive, id_: str, out: Path, *, weights: bool = False, onnx: bool = False, force: bool = False
) -> Exported:
    """Writes the file `out` for an individual and what goes beside it, each whole or not at all.

    Weights become `out` with the suffix .pt, the ONNX model with .onnx; a data set that has no test files of its own
    is written to data/. Raises `ConfigError` for files that exist (without `force`), `RunError` for weights that the
    run does not have.
    """
    individual = archive.individual(id_)
    config = archive.run().config
    dataset = run_dataset(config)
    companion = companion_name(dataset, config.dataset)
    plan = Exported(
        individual.id,
        out,
        out.parent / "data" / companion if companion else None,
        out.with_suffix(".pt") if weights else None,
        out.with_suffix(".onnx") if onnx else None,
    )
    trained = _weights(archive, individual.id) if weights or onnx else None
    _refuse_existing(plan, force=force)
    text = _source(archive, individual.id, dataset)
    out.parent.mkdir(parents=True, exist_ok=True)
    if plan.onnx and trained:
        from gi.export.onnx import onnx_bytes

        _write(plan.onnx, onnx_bytes(individual.text, trained, dataset.task, config.entry))
    if plan.weights and trained:
        _write(plan.weights, trained.read_bytes())
    if plan.data:
        write_splits(dataset, plan.data)
    _write(out, text.encode())
    return plan


def _source(archive: Archive, id_: str, dataset: Dataset) -> str:
    config = archive.run().config
    facts = data_facts(dataset, config.dataset)
    text = archive.individual(id_).text
    return model_text(text, individual_origins(archive, id_), facts, _figures(archive, id_, dataset), config.entry)


def _figures(archive: Archive, id_: str, dataset: Dataset) -> Figures:
    config = archive.run().config
    outcome = next((e.outcome for e in archive.evaluations("validation") if e.individual == id_), None)
    if not isinstance(outcome, Scored):
        raise ConfigError(f"{id_[:8]} was not evaluated or failed: `gi front` lists individuals that can be exported.")
    batch_size = min(config.batch_size, dataset.num_train)
    tests = [r.test_error for r in archive.retrainings() if r.individual == id_]
    return Figures(
        num_params=int(outcome.values["params"]),
        batch_size=batch_size,
        steps=max(1, config.final_images // batch_size),
        validation_error=outcome.values["error"],
        test_errors=tuple(error for error in tests if error is not None),
    )


def _weights(archive: Archive, id_: str) -> Path:
    """The weights of an individual's first retraining."""
    found = [archive.folder / r.weights for r in archive.retrainings() if r.individual == id_ and r.weights]
    kept = [path for path in found if path.is_file()]
    if not kept:
        raise RunError(
            f"the run has no weights of {id_[:8]}: only the front of a finished run is trained to the end. "
            f"Go on with it by `gi evolve --resume {archive.folder}`, or export without weights."
        )
    return kept[0]


def _refuse_existing(plan: Exported, *, force: bool) -> None:
    taken = [path for path in (plan.model, plan.weights, plan.onnx) if path and path.exists()]
    if plan.model.is_dir():
        raise ConfigError(f"{plan.model} is a folder: pass a file as -o.")
    if taken and not force:
        raise ConfigError(f"{taken[0]} exists: pass --force to replace it, or another name as -o.")


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
