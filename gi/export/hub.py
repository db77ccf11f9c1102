"""A network in a folder of its own, for a model hub; and a front as a zoo of such folders."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import gi
from gi.archive import Archive, front_members, ranked
from gi.core.errors import ConfigError, RunError
from gi.core.figures import count_text, spread_text
from gi.core.files import write_whole
from gi.core.objectives import OBJECTIVES
from gi.core.quoting import json_text, markdown_text
from gi.data.dataset import Dataset, run_dataset
from gi.export.card import model_card
from gi.export.data import write_splits
from gi.export.formats import SUFFIXES, TITLES, Converted, Format
from gi.export.subject import Subject, individual_subject
from gi.export.tidy.tidied import tidied_for_run
from gi.export.write import companion_path, converted_subject, network_facts, refuse_other_data, write_files
from gi.source.gate.passing import STRICT, Gate

_NAMES = ("README.md", "config.json", "model.py", "NOTICE")


@dataclass(frozen=True, slots=True)
class Hub:
    """One network's folder: its files, and for each format that it could not be written in, why.

    `note` says why its program is not tidied, where it was to be.
    """

    id: str
    folder: Path
    files: tuple[Path, ...]
    reasons: Mapping[Format, str]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Zoo:
    """A front's folder: its own files, and those of its members. `untrained` members have no weights and are not in."""

    folder: Path
    files: tuple[Path, ...]
    members: tuple[Hub, ...]
    untrained: tuple[str, ...]


def export_hub(
    archive: Archive,
    subject: Subject,
    folder: Path,
    kinds: Collection[Format] = (),
    *,
    force: bool = False,
    gate: Gate = STRICT,
) -> Hub:
    """Writes a network with its model card, settings and weights to `folder`, and in each of `kinds`.

    The data is not written, which has an owner and a licence of its own. Raises `ConfigError` for files that exist
    (without `force`), `RunError` for weights that the run does not have and for a format that cannot hold the network,
    `SourceError` for a program that the `gate` refuses.
    """
    kinds = ("weights", *(kind for kind in kinds if kind != "weights"))
    refuse_replacing(folder, kinds, force=force)
    dataset = run_dataset(archive.run().config)
    with converted_subject(archive, subject, dataset, kinds, gate=gate) as network:
        network.refuse_missing()
        return _written(archive, subject, dataset, folder, network)


def export_zoo(
    archive: Archive,
    folder: Path,
    kinds: Collection[Format] = (),
    *,
    tidy: bool | None = None,
    force: bool = False,
    gate: Gate = STRICT,
) -> Zoo:
    """Writes every member of a front that has weights to a folder named after its id, as `export_hub` does.

    Each is tidied by itself (`tidied_for_run`). README.md lists them, the best by its error first; a data set that has
    no test files of its own is written to data/.
    A format that cannot hold a member is left out, with the reason. Raises `ConfigError`, `RunError`, and
    `SourceError` for a program that the `gate` refuses.
    """
    kinds = ("weights", *(kind for kind in kinds if kind != "weights"))
    config, objectives = archive.run().config, archive.run().objectives
    front = ranked(front_members(archive), objectives, OBJECTIVES["error"])
    subjects = [individual_subject(archive, member.id) for member in front]
    trained = [subject for subject in subjects if subject.weights]
    if not trained:
        raise RunError(
            f"no member of the front has weights: only the front of a finished run is trained to the end. Go on with "
            f"it by `gi evolve --resume {archive.folder}`."
        )
    dataset = run_dataset(config)
    refuse_replacing(folder, (), names=("README.md",), force=force)
    # What is to be refused is refused before the first member is written.
    for subject in trained:
        refuse_replacing(folder / subject.id[:8], kinds, force=force)
        gate.require(subject.text, config.entry, f"program {subject.id[:8]}")
    if not force:
        refuse_other_data(dataset, config.dataset, folder / "README.md")
    written = [_member(archive, subject, dataset, folder / subject.id[:8], kinds, tidy, gate) for subject in trained]
    members = [hub for hub, _ in written]
    files = [folder / "README.md"]
    companion = companion_path(dataset, config.dataset, files[0])
    if companion:
        write_splits(dataset, companion)
        files.append(companion)
    left_out = [subject.id for subject in subjects if not subject.weights]
    text = _index_text(archive, dataset, [subject for _, subject in written], members, left_out, companion)
    write_whole(files[0], text.encode())  # last: a README that is there lists folders that are there
    return Zoo(folder, tuple(files), tuple(members), tuple(left_out))


def refuse_replacing(
    folder: Path, kinds: Collection[Format], *, names: Sequence[str] = _NAMES, force: bool = False
) -> None:
    """Raises `ConfigError` where a file of a folder would be replaced without `force`, and for a file in its place."""
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file: name a folder.")
    for name in (*names, *(f"model{SUFFIXES[kind]}" for kind in kinds)):
        path = folder / name
        if (path.exists() or path.is_symlink()) and not force:  # a link to nowhere would be written through
            raise ConfigError(f"{path} exists: pass --force to replace it, or name another folder.")


def _member(
    archive: Archive,
    subject: Subject,
    dataset: Dataset,
    folder: Path,
    kinds: Collection[Format],
    tidy: bool | None,
    gate: Gate,
) -> tuple[Hub, Subject]:
    """The folder of one network, and what is in it: the program as it was evolved, or tidied."""
    with (
        tidied_for_run(archive, subject, tidy, gate=gate) as made,
        converted_subject(archive, made.subject, dataset, kinds, gate=gate) as network,
    ):
        return replace(_written(archive, made.subject, dataset, folder, network), note=made.note), made.subject


def _written(archive: Archive, subject: Subject, dataset: Dataset, folder: Path, network: Converted) -> Hub:
    written = write_files(archive, subject, dataset, folder / "model.py", network)
    facts = network_facts(archive.run(), subject, dataset)
    write_whole(folder / "config.json", f"{json_text(facts, indent=2)}\n".encode())
    card = model_card(archive, subject, dataset, network.kinds, notice=written.notice is not None)
    write_whole(folder / "README.md", card.encode())
    paths = [folder / "README.md", folder / "config.json", written.model, written.weights, written.onnx, written.pt2]
    files = tuple(path for path in (*paths, written.notice) if path)
    return Hub(subject.id, folder, files, {k: reason for k, reason in network.reasons.items() if reason})


def _index_text(
    archive: Archive,
    dataset: Dataset,
    subjects: Sequence[Subject],
    members: Sequence[Hub],
    left_out: Sequence[str],
    companion: Path | None,
) -> str:
    """The zoo's README: a row for each member, what could not be written, and how to train one again."""
    front = {member.id: member for member in front_members(archive)}
    others = [o for o in archive.run().objectives if o.key not in ("error", "params")]
    heads = ["network", "test error", "validation error", "parameters", *(f"{o.title} ({o.unit})" for o in others)]
    rows = [
        [
            f"[{subject.id[:8]}]({subject.id[:8]}/README.md)",
            spread_text(subject.test_errors),
            spread_text(subject.validation_errors),
            count_text(subject.num_params),
            *(o.text(front[subject.id].judged[o.key]) for o in others),
        ]
        for subject in subjects
    ]
    reasons = [
        f"- {member.id[:8]} is not there as {TITLES[kind]}: {markdown_text(reason)}."
        for member in members
        for kind, reason in member.reasons.items()
    ]
    count = f"{len(members)} networks" if len(members) > 1 else "1 network"
    data = f"data/{companion.name}" if companion else "the data set's own files"
    lines = [
        f"# {markdown_text(dataset.name)}: {count} of a front",
        f"\nNone of them is better than another one by every objective of the search. Evolved by gi {gi.__version__}; "
        "errors are means and deviations over trainings from scratch, whose number and seeds each README states.\n",
        *(f"| {' | '.join(row)} |" for row in (heads, ["---"] * len(heads), *rows)),
        "",
        *reasons,
        *([""] if reasons else []),
        *([f"{len(left_out)} more of the front had no final training, and have no weights.\n"] if left_out else []),
        f"`python NETWORK/model.py --data DIR` trains one again; DIR holds {markdown_text(data)}.",
    ]
    return "\n".join(lines) + "\n"
