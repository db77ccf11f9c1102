from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gi.corpus import Corpus
from gi.harvest import Harvest, Refusal
from gi.types import Origin, Program


@pytest.fixture
def corpus(tmp_path: Path) -> Iterator[Corpus]:
    with Corpus.create(tmp_path / "corpus.sqlite") as opened:
        yield opened


@pytest.fixture
def harvested() -> Callable[..., Harvest]:
    """A harvest of texts by path, all under one licence; `others` are files without torch."""

    def _harvested(
        programs: dict[str, str],
        *,
        repository: str = "https://example.org/nets",
        commit: str = "1" * 40,
        licence: str = "MIT",
        others: dict[str, str] | None = None,
        refused: tuple[Refusal, ...] = (),
    ) -> Harvest:
        def files(texts: dict[str, str]) -> tuple[Program, ...]:
            pairs = sorted(texts.items())
            return tuple(Program(text, Origin(repository, commit, path, 1, licence)) for path, text in pairs)

        return Harvest(repository, commit, files(programs), refused, files(others or {}))

    return _harvested
