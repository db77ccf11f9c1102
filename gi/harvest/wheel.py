"""A wheel as a source: its files are read as text out of the archive, nothing is unpacked or installed."""

import re
import zipfile
from importlib import metadata
from pathlib import PurePosixPath

from gi.harvest.package import stated_licence, stated_terms
from gi.harvest.tree import Tree

MAX_FILE_BYTES = 16_000_000
#: Of all files that are read together: an archive of a megabyte can hold gigabytes of zeros.
MAX_UNPACKED_BYTES = 500_000_000
_MAX_METADATA_BYTES = 64_000_000  # the list of files of a wheel of 120,000 files has 16 million
_SYMBOLIC_LINK = 0o120000


def archive_tree(archive: zipfile.ZipFile, repository: str, version: str) -> Tree:
    """The files of an open wheel, under the licence that its metadata states.

    Paths that leave the archive's top or cannot be printed are passed over. Raises `zipfile.BadZipFile` where the
    metadata is too large to be any.
    """
    entries = {entry.filename: entry for entry in archive.infolist() if not entry.is_dir() and _is_plain(entry)}
    # The upper 16 bits of an entry's attributes are its Unix mode.
    links = tuple(path for path, entry in entries.items() if entry.external_attr >> 16 & 0o170000 == _SYMBOLIC_LINK)
    sizes = {path: entry.file_size for path, entry in entries.items() if path not in links}
    unpacked = 0

    def read(path: str) -> bytes:
        nonlocal unpacked
        # Counted while unpacking: an archive's header may understate its sizes.
        with archive.open(entries[path]) as file:
            content = file.read(MAX_FILE_BYTES + 1)
        unpacked += len(content)
        if len(content) > MAX_FILE_BYTES:
            raise OSError(f"larger than {MAX_FILE_BYTES:,} bytes when unpacked")
        if unpacked > MAX_UNPACKED_BYTES:
            raise OSError(f"the archive holds more than {MAX_UNPACKED_BYTES:,} bytes")
        return content

    stated = _distribution(archive)
    return Tree(
        repository,
        version,
        sizes,
        links,
        read,
        licence=stated_licence(stated),
        licence_texts=stated_terms(stated) if stated else {},
        close=archive.close,
    )


def _is_plain(entry: zipfile.ZipInfo) -> bool:
    """Whether a path stays below the archive's top and is printable, so that it can be listed as an origin."""
    path = PurePosixPath(entry.filename)
    return not path.is_absolute() and ".." not in path.parts and entry.filename.isprintable()


def _distribution(archive: zipfile.ZipFile) -> metadata.Distribution | None:
    """The wheel's metadata, read from its `dist-info` inside the archive."""
    entries = [entry for entry in archive.infolist() if re.match(r"[^/]+\.dist-info/", entry.filename)]
    if sum(entry.file_size for entry in entries) > _MAX_METADATA_BYTES:
        raise zipfile.BadZipFile(f"its metadata has more than {_MAX_METADATA_BYTES:,} bytes")
    tops = sorted({entry.filename.split("/")[0] for entry in entries})
    return metadata.PathDistribution(zipfile.Path(archive, f"{tops[0]}/")) if tops else None
