"""Writes an individual of a run to files: the program, its data if needed, weights, ONNX model and NOTICE."""

import filecmp
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from gi.archive import Archive, RunRecord
from gi.core.errors import ConfigError, CorpusError
from gi.core.files import write_whole
from gi.core.settings import RunConfig, cache_folder
from gi.core.types import Origin
from gi.corpus import Corpus, default_corpus_file
from gi.data.dataset import Dataset, run_dataset
from gi.export.data import companion_name, data_facts, write_splits
from gi.export.notice import Terms, notice_text
from gi.export.render import Figures, model_text
from gi.export.subject import Subject, individual_subject
from gi.harvest import LicenceFile, package_terms


@dataclass(frozen=True, slots=True)
class Exported:
    """The files of one export; None for those that were not asked for or not needed."""

    id: str
    model: Path
    data: Path | None = None
    weights: Path | None = None
    onnx: Path | None = None
    notice: Path | None = None


def model_source(archive: Archive, id_: str) -> str:
    """The text of the plain PyTorch file of the individual whose id starts with `id_`."""
    return _source(archive.run(), individual_subject(archive, id_), run_dataset(archive.run().config))


def export_model(
    archive: Archive, id_: str, out: Path, *, weights: bool = False, onnx: bool = False, force: bool = False
) -> Exported:
    """Writes the file `out` for an individual and what goes beside it: see `export_subject`."""
    return export_subject(archive, individual_subject(archive, id_), out, weights=weights, onnx=onnx, force=force)


def export_subject(
    archive: Archive, subject: Subject, out: Path, *, weights: bool = False, onnx: bool = False, force: bool = False
) -> Exported:
    """Writes the file `out` for a program and what goes beside it, each whole or not at all.

    Weights become `out` with the suffix .pt, the ONNX model with .onnx; a data set that has no test files of its own
    is written to data/, and what the licences of borrowed lines ask for to NOTICE. Raises `ConfigError` for files that
    exist (without `force`), `RunError` for weights that the run does not have.
    """
    config = archive.run().config
    dataset = run_dataset(config)
    notice = _notice(archive, subject)
    plan = Exported(
        subject.id,
        out,
        _companion(dataset, config.dataset, out),
        out.with_suffix(".pt") if weights else None,
        out.with_suffix(".onnx") if onnx else None,
        out.with_name("NOTICE") if notice else None,
    )
    trained = subject.trained(archive.folder) if weights or onnx else None
    # Every refusal comes before the first file: an export that fails leaves the folder as it was.
    refuse_existing(out, weights=weights, onnx=onnx, force=force)
    refuse_others_beside(archive, subject, out, force=force)
    text = _source(archive.run(), subject, dataset)
    out.parent.mkdir(parents=True, exist_ok=True)
    if plan.onnx and trained:
        from gi.export.onnx import onnx_bytes

        write_whole(plan.onnx, onnx_bytes(subject.text, trained, dataset.task, config.entry))
    if plan.weights and trained:
        write_whole(plan.weights, trained.read_bytes())
    if plan.data:
        write_splits(dataset, plan.data)
    if plan.notice:
        write_whole(plan.notice, notice.encode())
    write_whole(out, text.encode())
    return plan


def refuse_others_beside(archive: Archive, subject: Subject, out: Path, *, force: bool) -> None:
    """Raises `ConfigError` where the NOTICE or the data that a program needs would replace another file.

    A file with the same content, as an earlier export into this folder left it, is none. Nothing is written.
    """
    if force:
        return
    config = archive.run().config
    notice, beside = _notice(archive, subject).encode(), out.with_name("NOTICE")
    if notice and _exists(beside) and not (beside.is_file() and beside.read_bytes() == notice):
        raise _replaced(beside)
    refuse_other_data(run_dataset(config), config.dataset, out)


def refuse_other_data(dataset: Dataset, given: str, out: Path) -> None:
    """Raises `ConfigError` where the data that goes beside the file `out` would replace another file in data/."""
    companion = _companion(dataset, given, out)
    if companion and _exists(companion) and not _holds_splits(companion, dataset):
        raise _replaced(companion)


def _companion(dataset: Dataset, given: str, out: Path) -> Path | None:
    name = companion_name(dataset, given)
    return out.parent / "data" / name if name else None


def _exists(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _holds_splits(path: Path, dataset: Dataset) -> bool:
    # Equal parts give equal bytes (`write_splits`), so that files compare without decoding.
    with tempfile.TemporaryDirectory(prefix="gi-export-") as scratch:
        write_splits(dataset, Path(scratch, "data.npz"))
        return path.is_file() and filecmp.cmp(path, Path(scratch, "data.npz"), shallow=False)


def _replaced(path: Path) -> ConfigError:
    return ConfigError(f"{path} exists with other content: pass --force to replace it, or name another folder as -o.")


def _notice(archive: Archive, subject: Subject) -> str:
    """The NOTICE for a program's borrowed lines, with terms from the corpus that the run borrowed from."""
    own = {seed.origin.repository for seed in archive.seeds() if seed.original is not None}
    with _terms(archive.run().config) as terms:
        return notice_text(subject.origins, terms, own=own)


@contextmanager
def _terms(config: RunConfig) -> Iterator[Terms]:
    """The licence files of an origin: the corpus's, else those of the installed package that it names."""
    try:
        corpus = Corpus.open(Path(config.corpus) if config.corpus else default_corpus_file(cache_folder()))
    except CorpusError:  # gone since, or of another version: the NOTICE then names where the terms can be found
        yield _installed_terms
        return
    with corpus:
        yield lambda origin: corpus.terms(origin) or _installed_terms(origin)


def _installed_terms(origin: Origin) -> tuple[LicenceFile, ...]:
    name, _, version = origin.repository.partition("==")
    return package_terms(name) if name == "gi" or (version and _version(name) == version) else ()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _source(run: RunRecord, subject: Subject, dataset: Dataset) -> str:
    facts = data_facts(dataset, run.config.dataset)
    return model_text(subject.text, subject.origins, facts, _figures(run, subject, dataset), run.config.entry)


def _figures(run: RunRecord, subject: Subject, dataset: Dataset) -> Figures:
    batch_size = min(run.config.batch_size, dataset.num_train)
    return Figures(
        num_params=subject.num_params,
        batch_size=batch_size,
        steps=max(1, run.final_images // batch_size),
        validation_errors=subject.validation_errors,
        test_errors=subject.test_errors,
        notes=subject.notes,
    )


def refuse_existing(
    out: Path | None, patch: Path | None = None, *, weights: bool = False, onnx: bool = False, force: bool = False
) -> None:
    """Raises `ConfigError` for a model that is no .py file, and for a file that would be replaced without `force`."""
    beside = {".pt": weights, ".onnx": onnx}
    planned = [out, *(out.with_suffix(suffix) for suffix, asked in beside.items() if asked)] if out else []
    if out is not None and out.is_dir():
        raise ConfigError(f"{out} is a folder: pass a file as -o.")
    if out is not None and out.suffix != ".py":
        raise ConfigError(f"{out} is no .py file: name the model after one; weights (.pt) and ONNX go beside it.")
    for path, flag in (*((path, "-o") for path in planned), (patch, "--patch")):
        if path is not None and path.exists() and not force:
            raise ConfigError(f"{path} exists: pass --force to replace it, or another name as {flag}.")
