"""Writes an individual of a run to files: the program, its data if needed, its network in other formats, a NOTICE."""

import filecmp
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import gi
from gi.archive import Archive, RunRecord
from gi.core.errors import ConfigError, CorpusError, RunError
from gi.core.files import write_whole
from gi.core.quoting import json_text
from gi.core.settings import RunConfig, cache_folder
from gi.core.types import Origin
from gi.corpus import Corpus, default_corpus_file
from gi.data.dataset import Dataset, run_dataset
from gi.export.data import companion_name, data_facts, write_splits
from gi.export.formats import SUFFIXES, Converted, Format, converted
from gi.export.notice import Terms, notice_text
from gi.export.render import Figures, model_text
from gi.export.subject import Subject, individual_subject
from gi.export.tidy.tidied import tidied_for_run
from gi.harvest import LicenceFile, package_terms
from gi.source.gate.passing import STRICT, Gate


@dataclass(frozen=True, slots=True)
class Exported:
    """The files of one export; None for those that were not asked for or not needed."""

    id: str
    model: Path
    data: Path | None = None
    weights: Path | None = None
    onnx: Path | None = None
    pt2: Path | None = None
    notice: Path | None = None


def model_source(archive: Archive, id_: str) -> str:
    """The text of the plain PyTorch file of the individual whose id starts with `id_`."""
    return _source(archive.run(), individual_subject(archive, id_), run_dataset(archive.run().config))


def export_subject(
    archive: Archive,
    subject: Subject,
    out: Path,
    kinds: Collection[Format] = (),
    *,
    force: bool = False,
    gate: Gate = STRICT,
) -> Exported:
    """Writes the file `out` for a program and what goes beside it, each whole or not at all.

    The trained network goes into a file for each of `kinds`, named like `out` with the format's suffix; a data set that
    has no test files of its own to data/, and what the licences of borrowed lines ask for to NOTICE. Raises
    `ConfigError` for files that exist (without `force`), `RunError` for weights that the run does not have and for a
    format that the network cannot be written in, `SourceError` for a program that the `gate` refuses: the written
    file runs without a sandbox.
    """
    config = archive.run().config
    dataset = run_dataset(config)
    # Every refusal comes before the first file: an export that fails leaves the folder as it was.
    refuse_existing(out, kinds=kinds, force=force)
    refuse_others_beside(archive, subject, out, force=force)
    with converted_subject(archive, subject, dataset, kinds, gate=gate) as network:
        network.refuse_missing()
        return write_files(archive, subject, dataset, out, network, companion_path(dataset, config.dataset, out))


def export_best(archive: Archive, id_: str, out: Path, *, gate: Gate = STRICT) -> tuple[str, ...]:
    """Writes the file `out` in place of another one, as `gi export --weights` would, with weights where there are any.

    Answers with what is to be said of it: why it is not tidied, and why the run's weights are not beside it.
    """
    remarks = list[str]()
    with tidied_for_run(archive, individual_subject(archive, id_), gate=gate) as made:
        if made.note:
            remarks.append(made.note)
        if made.subject.weights:
            try:
                export_subject(archive, made.subject, out, ["weights"], force=True, gate=gate)
            except RunError as error:  # hours of search stand behind the program: it is written all the same
                remarks.append(f"without weights: {error}")
            else:
                return tuple(remarks)
        out.with_suffix(SUFFIXES["weights"]).unlink(missing_ok=True)  # of another program
        export_subject(archive, made.subject, out, force=True, gate=gate)
    return tuple(remarks)


@contextmanager
def converted_subject(
    archive: Archive, subject: Subject, dataset: Dataset, kinds: Collection[Format], *, gate: Gate = STRICT
) -> Iterator[Converted]:
    """The trained network of a program in each of `kinds`, checked; with no kinds too, the program has passed the gate.

    Raises `SourceError` where the `gate` refuses it, `RunError` where the run has no weights.
    """
    entry = archive.run().config.entry
    gate.require(subject.text, entry, f"program {subject.id[:8]}")
    trained = subject.trained(archive.folder) if kinds else Path()
    facts = json_text(network_facts(archive.run(), subject, dataset))
    with converted(subject.text, trained, dataset.task, kinds, entry=entry, config=facts, gate=gate) as network:
        yield network


def write_files(
    archive: Archive, subject: Subject, dataset: Dataset, out: Path, network: Converted, companion: Path | None = None
) -> Exported:
    """Writes the program to `out`, the network in the formats that it has, the NOTICE, and the data to `companion`."""
    notice = _notice(archive, subject)
    text = _source(archive.run(), subject, dataset)
    out.parent.mkdir(parents=True, exist_ok=True)
    files: dict[str, Path] = {kind: out.with_suffix(SUFFIXES[kind]) for kind in network.kinds}
    for kind in network.kinds:
        network.write(kind, files[kind])
    if companion:
        write_splits(dataset, companion)
        files["data"] = companion
    if notice:
        files["notice"] = out.with_name("NOTICE")
        write_whole(files["notice"], notice.encode())
    # The program comes last: a file `out` that exists has what it needs beside it.
    write_whole(out, text.encode())
    return Exported(subject.id, out, **files)


def network_facts(run: RunRecord, subject: Subject, dataset: Dataset) -> dict[str, Any]:
    """What is needed to feed a network and to read its outputs, as values for JSON.

    Its input is (n, channels, height, width): pixels of 0..255, less `mean`, through `std`, channel by channel.
    """
    return {
        "made_by": f"gi {gi.__version__}",
        "id": subject.id,
        "network": run.config.entry,
        "task": "image-classification",
        "dataset": dataset.name,
        "input_shape": list(dataset.task.input_shape),
        "classes": list(dataset.class_names),
        "mean": list(dataset.mean),
        "std": list(dataset.std),
        "parameters": subject.num_params,
        "validation_errors": list(subject.validation_errors),
        "test_errors": list(subject.test_errors),
    }


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
    companion = companion_path(dataset, given, out)
    if companion and _exists(companion) and not _holds_splits(companion, dataset):
        raise _replaced(companion)


def companion_path(dataset: Dataset, given: str, out: Path) -> Path | None:
    """The file for the data that goes beside the file `out`; None where the data set's own files will do."""
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
        measured=subject.measured,
        channels_last=subject.channels_last,
    )


def formats(*, weights: bool = False, onnx: bool = False, pt2: bool = False) -> tuple[Format, ...]:
    """The formats that are asked for, in the order of `SUFFIXES`."""
    asked: dict[Format, bool] = {"weights": weights, "onnx": onnx, "pt2": pt2}
    return tuple(kind for kind in SUFFIXES if asked[kind])


def refuse_existing(
    out: Path | None, patch: Path | None = None, *, kinds: Collection[Format] = (), force: bool = False
) -> None:
    """Raises `ConfigError` for a model that is no .py file, and for a file that would be replaced without `force`."""
    planned = [out, *(out.with_suffix(SUFFIXES[kind]) for kind in kinds)] if out else []
    if out is not None and out.is_dir():
        raise ConfigError(f"{out} is a folder: pass a file as -o, or --hub {out}.")
    if out is not None and out.suffix != ".py":
        raise ConfigError(f"{out} is no .py file: name the model after one; weights and other formats go beside it.")
    for path, flag in (*((path, "-o") for path in planned), (patch, "--patch")):
        if path is not None and path.exists() and not force:
            raise ConfigError(f"{path} exists: pass --force to replace it, or another name as {flag}.")
