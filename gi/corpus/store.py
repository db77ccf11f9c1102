"""The corpus: typed calls and blocks, with their origins, in one SQLite file."""

import errno
import hashlib
import json
import os
import random
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from gi.core.errors import CorpusError
from gi.core.settings import default_workers
from gi.core.types import Block, Ingredient, LineType, Origin
from gi.corpus import schema
from gi.corpus.blocks import TriedClass, block_json, stored_block, tried_classes
from gi.corpus.calls import typed_programs
from gi.corpus.draw import Draw
from gi.corpus.insert import Added, digest_of, insert
from gi.corpus.licences import PERMISSIVE, permits
from gi.corpus.summary import Summary, summary
from gi.corpus.terms import terms_of
from gi.harvest import Harvest, LicenceFile, Progress
from gi.source.model_file.class_calls import ingredient_of

#: A block with a longer source is stored and listed, but not drawn: it would make up most of a program.
MAX_DRAWN_CHARACTERS = 12_000


class Corpus:
    """The ingredients of one file under the allowed licences; one writer at a time.

    Use it as a context manager or `close` it. The order of all results depends only on the contents, not on the order
    of insertions.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, allowed: frozenset[str] = PERMISSIVE) -> None:
        self.path = path
        self._connection = connection
        self._allowed = allowed
        self._draws: dict[LineType, Draw] = {}

    @classmethod
    def open(cls, path: Path) -> Self:
        """The corpus at `path`. Raises `CorpusError` where there is none, or one that this version cannot read."""
        return cls(path, schema.connect(path))

    @classmethod
    def create(cls, path: Path) -> Self:
        """A new, empty corpus at `path`. Raises `CorpusError` where a file exists or none can be written."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=path.parent, prefix=".corpus-") as folder:
                schema.create(Path(folder, "new.sqlite"))
                os.link(Path(folder, "new.sqlite"), path)  # unlike a rename, replaces nothing
        except (OSError, sqlite3.OperationalError) as error:
            if path.exists():
                raise CorpusError(f"{path} exists already: open it, or choose another name.") from error
            full = isinstance(error, OSError) and error.errno == errno.ENOSPC
            reason = "no space is left" if full else getattr(error, "strerror", None) or str(error)
            raise CorpusError(f"{path} cannot be written: {reason}. Choose another place.") from error
        return cls.open(path)

    def with_licences(self, allowed: Collection[str]) -> Self:
        """The same corpus with the same connection, which also allows these licences."""
        return type(self)(self.path, self._connection, self._allowed | frozenset(allowed))

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(
        self,
        harvest: Harvest,
        *,
        workers: int | None = None,
        on_progress: Progress | None = None,
        blocks: Sequence[str] = ("*",),
    ) -> Added:
        """Types the programs of a harvest and stores them in one transaction, with the blocks of its module classes.

        Classes are tried in files whose paths match one of the patterns `blocks`, which takes most of the time. A
        harvest that is stored already adds nothing; one of the same repository and commit with other contents (an
        edited folder, an older gi) is replaced. Raises `CorpusError` where the file cannot be written.
        """
        digest = digest_of(harvest)
        if self._holds(harvest, digest):
            return Added(harvest.repository)
        workers = workers or default_workers()
        # Typing and trying take minutes; the file is locked only while rows are written.
        typed = typed_programs(harvest, workers=workers, on_progress=on_progress)
        tried = tried_classes(harvest, workers=workers, on_progress=on_progress, files=blocks)
        with self._transaction():
            return insert(self._connection, harvest, typed, tried, digest)

    def sample(self, rng: random.Random, line_type: LineType) -> Ingredient | None:
        """One ingredient of a type: a symbol, then a donor, then one of its calls; see `Draw`."""
        if line_type not in self._draws:
            self._draws[line_type] = Draw.of(self._drawn(line_type))
        return self._draws[line_type](rng)

    def digest(self) -> str:
        """The digest of all that can be drawn: with equal digests, equal streams give equal draws."""
        digest = hashlib.sha256()
        for line_type in LineType:
            for one in self._drawn(line_type):
                drawn = (line_type, one.symbol, one.call, one.names, one.origin.repository, one.source)
                digest.update(repr(drawn).encode("utf-8", "surrogatepass"))
        return digest.hexdigest()[:16]

    def holds(self, repository: str) -> bool:
        """Whether anything was harvested from a repository, at any commit."""
        query = "SELECT 1 FROM sources WHERE repository = ?"
        return bool(self._connection.execute(query, (repository,)).fetchone())

    def ingredients(
        self, line_type: LineType | None = None, *, symbol: str | None = None, passing: bool = False
    ) -> Iterator[Ingredient]:
        """The distinct calls, of a type or symbol if given, ordered by type, symbol and text.

        Each has its first origin under an allowed licence, by repository, commit, path and place. With `passing`, calls
        that the gate refuses in every program are left out.
        """
        allowed = sorted(self._allowed_licences())
        query = _INGREDIENTS.format(", ".join("?" * len(allowed)))
        last = None
        chosen = (line_type, line_type, symbol, symbol, passing)
        for row in self._connection.execute(query, (*chosen, *allowed)):
            if row[0] != last:  # rows are sorted: the first origin of a call is cited
                last = row[0]
                yield _ingredient(*row[1:])

    def blocks(self) -> Iterator[Block]:
        """The distinct blocks, by name, each with the first of its origins under an allowed licence."""
        seen: set[tuple[str, str]] = set()
        for block in self._all_blocks():
            if (block.name, block.source) not in seen:
                seen.add((block.name, block.source))
                yield block

    def classes(self) -> Iterator[TriedClass]:
        """Every tried module class, under any licence, by name, with its block if it is one."""
        for name, block, source, reason, detail, *origin in self._connection.execute(_CLASSES):
            where = Origin(*origin)
            parsed = stored_block(source, block, where) if block else None
            yield TriedClass(name, where, parsed, reason, detail)

    def _all_blocks(self) -> Iterator[Block]:
        allowed = self._allowed_licences()
        return (c.block for c in self.classes() if c.block is not None and c.origin.licence in allowed)

    def _drawn(self, line_type: LineType) -> Iterator[Ingredient]:
        """The ingredients of a type that can be drawn: blocks up to `MAX_DRAWN_CHARACTERS`, and importable lines.

        The gate has checked both: what it refuses is stored and listed, but neither tried nor drawn.
        """
        if line_type == LineType.BLOCK:
            return (ingredient_of(b) for b in self.blocks() if len(b.source) <= MAX_DRAWN_CHARACTERS)
        # A call of a class in the donor's text fails elsewhere; as a block, the class is borrowed with its text.
        return (one for one in self.ingredients(line_type, passing=True) if one.symbol.startswith(_IMPORTABLE))

    def terms(self, origin: Origin) -> tuple[LicenceFile, ...]:
        """The licence files that apply to an origin's file; empty where its source had none."""
        return terms_of(self._connection, origin)

    def summary(self) -> Summary:
        """The figures of the corpus, by type, repository and licence."""
        return summary(self._connection, self._allowed_licences())

    def block_summary(self) -> dict[str, Any]:
        """The distinct blocks, the number of tried classes, and the reasons of the others, as plain JSON values."""
        classes, allowed = list(self.classes()), self._allowed_licences()
        reasons = Counter(
            one.reason or "its licence is not allowed"
            for one in classes
            if not (one.block and one.origin.licence in allowed)
        )
        blocks = [block_json(block) for block in self.blocks()]
        rows = [{"reason": reason, "classes": count} for reason, count in reasons.most_common()]
        usable = len(classes) - sum(reasons.values())
        return {"tried": len(classes), "usable": usable, "distinct": len(blocks), "reasons": rows, "blocks": blocks}

    def _allowed_licences(self) -> frozenset[str]:
        held = (licence for (licence,) in self._connection.execute("SELECT DISTINCT licence FROM programs"))
        return frozenset(licence for licence in held if permits(self._allowed, licence))

    def _holds(self, harvest: Harvest, digest: str) -> bool:
        query = "SELECT 1 FROM sources WHERE repository = ? AND commit_hash = ? AND digest = ?"
        return bool(self._connection.execute(query, (harvest.repository, harvest.commit, digest)).fetchone())

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._draws.clear()  # they cache earlier rows
        try:
            # IMMEDIATE takes the writer's lock at once, so that no other writer changes what the transaction reads.
            self._connection.execute("BEGIN IMMEDIATE")
            yield
            self._connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise CorpusError(f"{self.path} cannot be written: {error}. Nothing was added.") from error
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")


_IMPORTABLE = ("torch.", "torchvision.")

_CLASSES = """
SELECT name, block, classes.source, reason, detail, repository, commit_hash, path, line, licence
FROM classes
JOIN programs ON programs.id = classes.program
JOIN sources ON sources.id = programs.source
ORDER BY name, repository, commit_hash, path, line
"""

_INGREDIENTS = """
SELECT ingredients.id, type, symbol, call, code, names, repository, commit_hash, path, line, licence
FROM ingredients
JOIN origins ON origins.ingredient = ingredients.id
JOIN programs ON programs.id = origins.program
JOIN sources ON sources.id = programs.source
WHERE (? IS NULL OR type = ?) AND (? IS NULL OR symbol = ?) AND (NOT ? OR refused = '') AND licence IN ({})
ORDER BY type, symbol, call, repository, commit_hash, path, place
"""


def _ingredient(line_type: str, symbol: str, call: str, code: str, names: str, *origin: str | int) -> Ingredient:
    repository, commit, path, line, licence = origin
    where = Origin(str(repository), str(commit), str(path), int(line), str(licence))
    free = tuple((name, value) for name, value in json.loads(names))
    return Ingredient(LineType(line_type), symbol, code, call, free, where)
