import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from gi.core.errors import CorpusError, HarvestError, UnreachableError
from gi.core.types import LineType
from gi.corpus import (
    Corpus,
    add_packages,
    bundled,
    default,
    default_corpus,
    fetch_text,
    missing_packages,
    seed_programs,
)
from gi.harvest import Harvest, PinnedPackage
from tests.built_cache import BuiltCache

Harvested = Callable[..., Harvest]
Listed = Callable[..., list[str]]

NET = "import torch\nx = torch.nn.Linear(1, 1)\n"


def test_it_is_built_once_of_torchvision_and_the_seed_programs(
    tmp_path: Path, harvested: Harvested, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def once(source: str, **_: object) -> Harvest:
        asked.append(source)
        return harvested({"net.py": NET}, repository="torchvision==1")

    monkeypatch.setattr(default, "harvest", once)
    path = default_corpus(tmp_path / "cache")
    assert default_corpus(tmp_path / "cache") == path
    assert asked == ["torchvision"]
    assert list((tmp_path / "cache").iterdir()) == [path]
    with Corpus.open(path) as corpus:
        assert [row["repository"] for row in corpus.summary().repositories] == ["gi", "torchvision==1"]


def test_two_that_build_at_once_give_one_whole_file(
    tmp_path: Path, harvested: Harvested, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = Barrier(2)

    def together(source: str, **_: object) -> Harvest:
        both.wait(30)
        return harvested({"net.py": NET}, repository=source)

    monkeypatch.setattr(default, "harvest", together)
    with ThreadPoolExecutor(2) as pool:
        paths = set(pool.map(default_corpus, (tmp_path, tmp_path)))
    (path,) = paths
    with Corpus.open(path) as corpus:
        assert corpus.sample(random.Random(0), LineType.CONNECTION)


def test_a_build_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(default, "harvest", fail)
    with pytest.raises(KeyboardInterrupt):
        default_corpus(tmp_path)
    assert not list(tmp_path.iterdir())


def test_refuses_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(CorpusError, match=r"default corpus cannot be built in .*: File exists"):
        default_corpus(tmp_path / "cache")


def test_seed_programs_count_as_the_projects_own_in_stable_order(tmp_path: Path) -> None:
    for name in ("b.py", "a.py", "notes.txt"):
        (tmp_path / name).write_text(NET)
    origins = [program.origin for program in seed_programs(tmp_path)]
    assert [origin.path for origin in origins] == ["corpus/seeds/a.py", "corpus/seeds/b.py"]
    assert {(origin.repository, origin.licence) for origin in origins} == {("gi", "Apache-2.0")}


def test_images_with_colours_get_the_seed_programs_for_them_too() -> None:
    plain, colour = seed_programs(), seed_programs(colour=True)
    assert colour[: len(plain)] == plain
    assert {program.origin.path.rpartition("/")[0] for program in colour[len(plain) :]} == {"corpus/seeds/colour"}


def test_what_the_project_brings_along_is_found() -> None:
    assert (bundled() / "repositories.toml").is_file()


@pytest.fixture
def listed(tmp_path: Path, harvested: Harvested, monkeypatch: pytest.MonkeyPatch) -> Listed:
    """Sets which packages are listed, and what harvesting each gives or raises."""

    def _listed(**answers: Harvest | HarvestError | None) -> list[str]:
        packages = [PinnedPackage(name, "1", "0" * 64, 2_000_000, "MIT", "because") for name in answers]
        asked: list[str] = []

        def harvest(source: str, **_: object) -> Harvest:
            asked.append(source.split("#")[0].removeprefix("pypi:").split("=")[0])
            answer = answers.get(asked[-1]) or harvested({"net.py": NET}, repository=f"{asked[-1]}==1")
            if isinstance(answer, HarvestError):
                raise answer
            return answer

        monkeypatch.delenv("GI_OFFLINE", raising=False)
        monkeypatch.setattr(default, "packages", lambda: tuple(packages))
        monkeypatch.setattr(default, "harvest", harvest)
        return asked

    return _listed


def repositories(path: Path) -> list[str]:
    with Corpus.open(path) as corpus:
        return [row["repository"] for row in corpus.summary().repositories]


def test_it_draws_on_every_listed_package_that_the_registry_has(tmp_path: Path, listed: Listed) -> None:
    asked, told = listed(one=None, gone=HarvestError("gone==1 has gone."), two=None), list[str]()
    path = default_corpus(tmp_path, tell=told.append)
    assert asked == ["torchvision", "one", "gone", "two"]
    assert repositories(path) == ["gi", "one==1", "torchvision==1", "two==1"]
    (line,) = told
    assert line == "gone==1 has gone; programs borrow nothing from gone until `gi corpus --fetch` has fetched it."


def test_a_registry_that_does_not_answer_is_asked_once_and_not_again_by_later_runs(
    tmp_path: Path, listed: Listed
) -> None:
    asked, told = listed(one=UnreachableError("it cannot be reached."), two=None), list[str]()
    path = default_corpus(tmp_path, tell=told.append)
    assert default_corpus(tmp_path, tell=told.append) == path
    assert asked == ["torchvision", "one"]
    assert repositories(path) == ["gi", "torchvision==1"]
    (line,) = told
    assert "borrow nothing from one, two until `gi corpus --fetch`" in line


def test_what_is_missing_is_fetched_when_asked_for(tmp_path: Path, listed: Listed) -> None:
    listed(one=UnreachableError("it cannot be reached."), two=None)
    path = default_corpus(tmp_path)
    listed(one=None, two=None)
    with Corpus.open(path) as corpus:
        before = corpus.digest()
        assert [package.name for package in missing_packages(corpus)] == ["one", "two"]
        add_packages(corpus, tmp_path)
        assert missing_packages(corpus) == ()
        assert corpus.digest() != before


def test_offline_nothing_is_fetched_and_nothing_said(
    tmp_path: Path, listed: Listed, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, told = listed(one=None), list[str]()
    monkeypatch.setenv("GI_OFFLINE", "1")
    default_corpus(tmp_path, tell=told.append)
    assert (asked, told) == (["torchvision"], [])


def test_another_list_is_another_file(tmp_path: Path, listed: Listed) -> None:
    listed(one=None)
    first = default.default_corpus_file(tmp_path)
    listed(one=None, two=None)
    assert default.default_corpus_file(tmp_path) != first


def test_a_line_says_what_is_fetched_from_where_and_how_large_it_is() -> None:
    wanted = [PinnedPackage(name, "1", "", 2_000_000, "MIT", "") for name in ("one", "two")]
    assert fetch_text(wanted) == (
        "fetching 2 packages to borrow lines from, once, 4 MB, from pip's registry: one 1, two 1"
    )


@pytest.mark.slow
def test_the_real_one_has_something_of_every_type_of_line(built_cache: BuiltCache) -> None:
    assert built_cache.stages == {"fetch", "read", "type", "try"}
    path = default_corpus(built_cache.folder)
    assert list(built_cache.folder.glob("corpus-*.sqlite")) == [path], "built once"
    with Corpus.open(path) as corpus:
        for line_type in LineType:
            assert corpus.sample(random.Random(0), line_type), line_type
