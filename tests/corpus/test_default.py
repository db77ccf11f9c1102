import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from gi.core.errors import CorpusError
from gi.core.types import LineType
from gi.corpus import Corpus, bundled, default, default_corpus, seed_programs
from gi.harvest import Harvest

Harvested = Callable[..., Harvest]

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


def test_what_the_project_brings_along_is_found() -> None:
    assert (bundled() / "repositories.toml").is_file()


@pytest.mark.slow
def test_the_real_one_has_something_of_every_type_of_line(tmp_path: Path) -> None:
    told: list[str] = []
    path = default_corpus(tmp_path, on_progress=lambda stage, *_: told.append(stage))
    assert set(told) == {"fetch", "read", "type", "try"}
    with Corpus.open(path) as corpus:
        for line_type in LineType:
            assert corpus.sample(random.Random(0), line_type), line_type
