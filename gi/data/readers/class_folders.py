"""Finds the parts of an image folder and the image files of each class, in the layouts that people have.

The parts are `train`, `val` and `test` in any of their usual spellings, each with one folder for each class; or the
classes lie in the folder itself, and all is training. Both may lie one or two folders down, as in an unpacked archive.
"""

import difflib
import hashlib
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gi.core.errors import DatasetError
from gi.data.readers.image_file import class_folders, image_files, is_hidden, is_image_name

PART_NAMES: Mapping[str, tuple[str, ...]] = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
HIDDEN, SUBFOLDER, UNNAMED = "hidden", "subfolder", "without a suffix"
# `archive/archive/train` is as deep as archives unpack.
_DEEPEST = 3  # folders that hold nothing but one folder, as archives unpack


@dataclass(frozen=True, slots=True)
class ClassFolders:
    """The image files of each part ("train", "validation", "test") by class, all in sorted order.

    `places` are the parts' folders, relative to the data set's, which an exported file reads too; a part that is not
    there is missing in both. `passed_over` counts what is not read, by suffix or kind.
    """

    parts: Mapping[str, Mapping[str, list[Path]]]
    places: Mapping[str, str]
    passed_over: Mapping[str, int]

    def digest(self) -> str:
        """A digest that changes with every file that is read, also behind links, and with what is passed over."""
        digest = hashlib.sha256(repr((sorted(self.places.items()), sorted(self.passed_over.items()))).encode())
        for part, classes in self.parts.items():
            for name, files in classes.items():
                for path in files:
                    stat = path.stat()  # of what a link points to; the time of change shows a file put in its place
                    signature = (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
                    digest.update(os.fsencode(f"{part}\0{name}\0{path.name}\0{signature}\n"))
        return digest.hexdigest()


def find_class_folders(folder: Path) -> ClassFolders:
    """The parts and classes of an image folder; no image is opened. Raises `DatasetError` for another layout."""
    try:
        base, places = _layout(folder)
        folders = {part: class_folders(place) for part, place in places.items()}
        parts = {part: {name: image_files(path) for name, path in each.items()} for part, each in folders.items()}
    except ValueError as error:
        raise DatasetError(str(error)) from None
    _check_classes(folders, places, parts)
    above = [base, *(parent for parent in base.parents if parent.is_relative_to(folder))]
    opened = {*above, *places.values(), *(path for each in folders.values() for path in each.values())}
    files = {path for each in parts.values() for paths in each.values() for path in paths}
    passed_over = Counter(_kind(e) for place in opened for e in place.iterdir() if e not in opened and e not in files)
    # An empty test folder is no test part: one is set apart then, with a remark (`gi.data.readers.folder`).
    filled = {part: {name: paths for name, paths in each.items() if paths} for part, each in parts.items()}
    return ClassFolders(
        {part: filled[part] for part in PART_NAMES if filled.get(part)},
        {part: place.relative_to(folder).as_posix() for part, place in places.items()},
        dict(passed_over),
    )


def _layout(folder: Path) -> tuple[Path, dict[str, Path]]:
    """The folder that holds the parts, down to three levels, and the parts' folders. Raises `DatasetError`."""
    base = folder
    for _ in range(_DEEPEST):
        if parts := _part_folders(base):
            return base, parts
        if _holds_classes(base):
            return base, {"train": base}
        below = [entry for entry in _visible(base) if entry.is_dir()]
        # With more than one folder, or with images, it is a layout of its own and nothing unpacked.
        if len(below) != 1 or _part_of(below[0]) or _has_images(base) or _has_images(below[0]):
            break
        base = below[0]
    raise DatasetError(_no_layout(folder, base))


def _part_folders(base: Path) -> dict[str, Path]:
    """The parts' folders by part; none where there is no folder for training."""
    by_part: dict[str, Path] = {}
    for entry in _visible(base):
        part = _part_of(entry)
        if part is None or not entry.is_dir():
            continue
        if part in by_part:
            raise DatasetError(
                f"{base} holds both {by_part[part].name} and {entry.name}: rename or remove one of them."
            )
        by_part[part] = entry
    # A class may be called "train": then it holds images and no classes, beside others of its kind.
    is_class = "train" in by_part and len(by_part) == 1 and not class_folders(by_part["train"]) and _holds_classes(base)
    return by_part if "train" in by_part and not is_class else {}


def _holds_classes(base: Path) -> bool:
    """Whether two folders or more hold images directly, none of them called like a part other than training."""
    names = [name for name, entry in class_folders(base).items() if _has_images(entry)]
    return len(names) > 1 and not any(_part_of(Path(name)) in ("validation", "test") for name in names)


def _part_of(folder: Path) -> str | None:
    """The part that a folder of this name holds, None for another name."""
    return next((part for part, names in PART_NAMES.items() if folder.name.lower() in names), None)


def _no_layout(folder: Path, base: Path) -> str:
    """What is wrong with a folder that holds neither parts nor classes."""
    expected = "expected train/CLASS/*.png, or CLASS/*.png with at least two classes"
    if _has_images(base):
        return f"{base} holds images without class folders: {expected}; found {_first_names(base)}."
    below = [entry for entry in _visible(base) if entry.is_dir()]
    parts = [entry for entry in below if _part_of(entry)]
    with_parts = [entry for entry in below if _part_folders(entry) or _holds_classes(entry)]
    if with_parts and not parts:
        return f"{base} has no folder train, but {with_parts[0].name} in it holds a data set: pass {with_parts[0]}."
    with_images = [entry for entry in below if _has_images(entry)]
    if len(with_images) == 1 and not parts:
        return f"{base} has one class ({with_images[0].name}): {expected}."
    return f"{folder} has no folder train: {expected}; found {_first_names(base)}."


def _check_classes(
    folders: Mapping[str, Mapping[str, Path]], places: Mapping[str, Path], parts: Mapping[str, Mapping[str, list[Path]]]
) -> None:
    """Raises `DatasetError` for training without two classes that all have images, and for classes that it lacks."""
    names = list(folders["train"])
    if len(names) < 2:
        what = f"one class ({names[0]})" if names else f"no class folders (found {_first_names(places['train'])})"
        raise DatasetError(f"{places['train']} has {what}: expected train/CLASS/*.png with at least two classes.")
    empty = next((name for name in names if not parts["train"][name]), None)
    if empty is not None:
        folder = folders["train"][empty]
        raise DatasetError(
            f"the class folder {folder} holds no images: expected files such as *.png directly in it; "
            f"found {_first_names(folder)}."
        )
    for part, classes in parts.items():
        unknown = next((name for name, files in classes.items() if files and name not in names), None)
        if unknown is not None:
            # A class that training lacks is often one that is spelled otherwise there, such as `Cat` and `cat`.
            close = difflib.get_close_matches(unknown.lower(), [name.lower() for name in names], n=1)
            meant = next((f" Is it {name!r}?" for name in names if [name.lower()] == close), "")
            raise DatasetError(f"{places[part]} has the class {unknown!r}, which {places['train']} lacks.{meant}")


def _visible(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if not is_hidden(entry.name))


def _has_images(folder: Path) -> bool:
    return any(is_image_name(entry.name) and not entry.is_dir() for entry in folder.iterdir())


def _kind(entry: Path) -> str:
    """What an entry that is not read is counted as."""
    if is_hidden(entry.name):
        return HIDDEN
    return SUBFOLDER if entry.is_dir() else entry.suffix.lower() or UNNAMED


def _first_names(folder: Path) -> str:
    names = sorted(entry.name for entry in folder.iterdir())
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "") if names else "nothing"
