"""The README of a network in a folder of its own: a model card with its data, its errors, its use and its licences."""

from collections.abc import Sequence

import gi
from gi.archive import Archive
from gi.core.figures import spread_text
from gi.core.quoting import json_text, markdown_text
from gi.data.dataset import Dataset
from gi.explain.provenance.origins import borrowed_parts, home_origin, origin_text
from gi.export.formats import SUFFIXES, TITLES, Format
from gi.export.subject import Subject
from gi.source.tree.entry import entry_name, plain_entry_call

#: How the Hugging Face Hub writes the licences that it knows.
_HUB_LICENCES = {"Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MPL-2.0", "Unlicense", "CC0-1.0", "WTFPL"}
_OTHER_LICENCE = "other"


def model_card(archive: Archive, subject: Subject, dataset: Dataset, kinds: Sequence[Format], *, notice: bool) -> str:
    """The text of README.md in Markdown, with the Hub's metadata in YAML above it; `kinds` lie beside it."""
    name = markdown_text(dataset.name)
    parts = [
        _metadata(subject, dataset),
        f"# {name}, {subject.num_params:,} parameters",
        f"A network that puts images of {_shape(dataset)} into {dataset.task.num_classes} classes, "
        f"with the program that trains it. It was evolved by gi {gi.__version__}.",
        "## Errors",
        errors_text(archive, subject),
        "## Data",
        _data_text(dataset),
        "## Use",
        _use_text(archive.run().config.entry, dataset, kinds),
        "## Licences",
        _licence_text(subject, notice=notice),
    ]
    return "\n\n".join(parts) + "\n"


def errors_text(archive: Archive, subject: Subject) -> str:
    """A table of errors with their splits, and how many trainings from which seeds stand behind them."""
    seeds = [r.seed for r in archive.outcomes.retrainings(subject.id) if r.test_error is not None]
    count = len(subject.test_errors)
    rows = [
        ("validation", "chose between networks", subject.validation_errors),
        ("test", "read once by each training, nothing was decided by it", subject.test_errors),
    ]
    table = [f"| {split} | {use} | {spread_text(errors)} |" for split, use, errors in rows if errors]
    lines = ["| split | what for | wrong answers |", "| --- | --- | --- |", *table, ""]
    if count:
        named = f"seed{'s' if count > 1 else ''} {', '.join(map(str, seeds))}"
        by = f", {named}" if len(seeds) == count else ""  # of a minimised program the run keeps no retrainings
        each = f"{count} trainings from scratch{by}: mean ± deviation" if count > 1 else f"1 training from scratch{by}"
        first = (
            f" The weights are those of the first one: test error {subject.test_errors[0]:.2%}." if count > 1 else ""
        )
        lines.append(f"{each}.{first}")
    else:
        lines.append("1 training during the search; the test split was not read.")
    return "\n".join([*lines, *(f"\n{markdown_text(note[:1].upper() + note[1:])}." for note in subject.notes)])


def licences(subject: Subject) -> tuple[str, ...]:
    """The licences of the program that it started as and of all borrowed lines, each once, in order of the text."""
    home = home_origin(subject.origins)
    found = [*([home] if home else []), *(part.origin for part, _ in borrowed_parts(subject.origins) if part.origin)]
    return tuple(dict.fromkeys(origin.licence for origin in found))


def _metadata(subject: Subject, dataset: Dataset) -> str:
    # Each value as JSON, which YAML reads as it is whatever a name holds.
    known = licences(subject)
    # The Hub's field holds one licence: several are listed in the text, and are "other" to it.
    licence = known[0].lower() if len(known) == 1 and known[0] in _HUB_LICENCES else _OTHER_LICENCE
    metrics = [
        {"type": "accuracy", "name": f"accuracy ({split})", "value": round(1 - sum(errors) / len(errors), 6)}
        for split, errors in (("validation", subject.validation_errors), ("test", subject.test_errors))
        if errors
    ]
    task = {"type": "image-classification", "name": "image classification"}
    data = {"type": dataset.name, "name": dataset.name}
    values = {
        "license": licence,
        "library_name": "pytorch",
        "pipeline_tag": "image-classification",
        "tags": ["gi", "pytorch", "image-classification"],
        "model-index": [
            {"name": subject.id[:8], "results": [{"task": task, "dataset": data, "metrics": metrics}]},
        ],
    }
    return "\n".join(["---", *(f"{key}: {json_text(value)}" for key, value in values.items()), "---"])


def _shape(dataset: Dataset) -> str:
    channels, height, width = dataset.task.input_shape
    colour = {1: "grey", 3: "colour"}.get(channels, f"{channels} channels")
    return f"{width}x{height} pixels, {colour}"


def _data_text(dataset: Dataset) -> str:
    own = [part for part in ("train", "validation", "test") if part not in dataset.places]
    apart = f" gi set {' and '.join(own)} apart." if own and len(own) < 3 else " gi split the samples." if own else ""
    classes = ", ".join(map(markdown_text, dataset.class_names))
    return (
        f"{markdown_text(dataset.name)}: {dataset.num_train:,} training, {dataset.num_validation:,} validation and "
        f"{dataset.num_test:,} test samples.{apart} The data is not in this folder.\n\nClasses, in the order of the "
        f"outputs: {classes}."
    )


def _use_text(entry: str, dataset: Dataset, kinds: Sequence[Format]) -> str:
    shape = ", ".join(map(str, dataset.task.input_shape))
    files = {kind: f"model{SUFFIXES[kind]}" for kind in kinds}
    blocks = [
        f"Each takes images of shape (n, {shape}): pixels of 0..255, less `mean`, through `std` of `config.json`, by "
        "channel. It gives one value for each class, the largest for the class that it chooses."
    ]
    if "weights" in files:
        blocks.append(_code("model.py and model.safetensors", f"""
import torch
from model import {entry_name(entry)}, normalise
from safetensors.torch import load_file

net = {plain_entry_call(entry)}.eval()
net.load_state_dict(load_file("model.safetensors"))
logits = net(normalise(torch.zeros(1, {shape})))  # images of 0..255
"""))  # fmt: skip
    if "pt2" in files:
        blocks.append(_code(f"model.pt2, {TITLES['pt2']}", f"""
import torch

net = torch.export.load("model.pt2").module()
logits = net(torch.zeros(1, {shape}))
"""))  # fmt: skip
    if "onnx" in files:
        blocks.append(_code(f"model.onnx, {TITLES['onnx']}", f"""
import numpy
import onnxruntime

session = onnxruntime.InferenceSession("model.onnx")
(logits,) = session.run(["logits"], {{"images": numpy.zeros((1, {shape}), "float32")}})
"""))  # fmt: skip
    blocks.append("`python model.py --data DIR` trains the network again and prints its error on the test split.")
    return "\n\n".join(blocks)


def _code(title: str, code: str) -> str:
    return f"{title}:\n\n```python\n{code.strip()}\n```"


def _licence_text(subject: Subject, *, notice: bool) -> str:
    home = home_origin(subject.origins)
    borrowed = [part.origin for part, _ in borrowed_parts(subject.origins) if part.origin]
    rows = [f"- {markdown_text(origin_text(home, with_line=False))}, the program that it started as"] if home else []
    rows += [f"- {markdown_text(origin_text(origin))}" for origin in dict.fromkeys(borrowed)]
    terms = "Their terms are in `NOTICE`: pass it on with the rest." if notice else "None of them asks for a notice."
    return "\n".join(["`model.py` holds lines of:", "", *rows, "", terms])
