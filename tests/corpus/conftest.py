from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gi.core.types import Origin, Program
from gi.corpus import Corpus, blocks
from gi.harvest import Harvest, Refusal


class NoTrial:
    """Stands in for the worker that tries classes: every class is refused."""

    def __call__(self, *_: object) -> dict[str, str]:
        return {"reason": "was not tried", "detail": ""}

    def __enter__(self) -> "NoTrial":
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture(autouse=True)
def no_trials(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker takes seconds to start; only slow tests and those of blocks need one."""
    if "slow" not in request.keywords:
        monkeypatch.setattr(blocks, "TrialWorker", NoTrial)


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
