"""A cache folder with the default corpus, which takes minutes to build: one of all test workers builds it."""

import json
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from gi.core.lock import hold
from gi.corpus import default_corpus, default_corpus_file


class BuiltCache(NamedTuple):
    """A cache folder with the default corpus, and the stages that its building told of."""

    folder: Path
    stages: frozenset[str]


def build_cache(folder: Path, shared: Path) -> BuiltCache:
    """Puts the default corpus into `folder`, from the folder that all workers share; the first one builds it there."""
    folder.mkdir(exist_ok=True)
    stages = shared / "corpus-stages.json"
    with closing(_held(shared / "corpus.lock")):
        if not stages.exists():
            told: set[str] = set()
            default_corpus(shared, on_progress=lambda stage, *_: told.add(stage))
            stages.write_text(json.dumps(sorted(told)))
    shutil.copy(default_corpus_file(shared), folder)
    return BuiltCache(folder, frozenset(json.loads(stages.read_text())))


def _held(path: Path) -> sqlite3.Connection:
    """The lock at `path`, waited for."""
    while True:
        try:
            return hold(path)
        except BlockingIOError:
            time.sleep(0.5)
