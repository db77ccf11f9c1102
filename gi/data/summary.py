"""What a data set is, in one line for people, and what is odd about it."""

from gi.core.quoting import shown
from gi.data.dataset import Dataset
from gi.data.readers.class_folders import SUBFOLDER


def summary_line(dataset: Dataset) -> str:
    """Such as "cats: 3 classes, 36 training / 9 validation / 12 test images of 16x16 colour"."""
    channels, height, width = dataset.task.input_shape
    parts = f"{dataset.num_train} training / {dataset.num_validation} validation / {dataset.num_test} test images"
    kind = f"{height}x{width} {'grey' if channels == 1 else 'colour'}"
    text = f"{dataset.name}: {dataset.task.num_classes} classes, {parts} of {kind}{_passed_over(dataset)}"
    return shown(text)  # names and suffixes of files are foreign text


def warning_lines(dataset: Dataset) -> list[str]:
    """One line for each thing that is odd about the data set."""
    return [shown(f"{dataset.name}: {remark}.") for remark in dataset.remarks]


def _passed_over(dataset: Dataset) -> str:
    kinds = sorted(dataset.passed_over.items(), key=lambda item: (-item[1], item[0]))  # ties by name
    if not kinds:
        return ""
    total = sum(count for _, count in kinds)
    nouns = {"folder" if kind == SUBFOLDER else "file" for kind, _ in kinds}
    what = "files and folders" if len(nouns) > 1 else f"{nouns.pop()}{'' if total == 1 else 's'}"
    plural = {SUBFOLDER: "subfolders"}
    listed = ", ".join(f"{count} {plural.get(kind, kind) if count > 1 else kind}" for kind, count in kinds)
    return f", {total} {what} passed over: {listed}"
