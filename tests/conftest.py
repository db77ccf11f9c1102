"""Parts that tests of several folders share; the warm server stays up for all of them: its start takes seconds."""

import os

# Before torch is imported: two workers whose operators each start a thread for every core wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from gi.core.protocols import Job
from gi.core.settings import RunConfig
from gi.core.types import Outcome
from gi.data.dataset import Dataset, load_dataset
from gi.sandbox.server import ForkServer, warm_server
from gi.train.executor import LocalExecutor
from tests.built_cache import BuiltCache, build_cache
from tests.checking import InProcess
from tests.stand_ins import OPEN

# A busy machine is no fault of an example.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow tests first: the last ones that two workers share out are then short, and neither waits for long."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session", autouse=True)
def _offline() -> Iterator[None]:
    """No test waits for a package registry, nor does its result depend on one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GI_OFFLINE", "1")
        yield


@pytest.fixture(scope="session")
def built_cache(tmp_path_factory: pytest.TempPathFactory, _offline: None) -> BuiltCache:
    """The cache folder of this worker with the default corpus in it, for tests that draw lines from that."""
    base = tmp_path_factory.getbasetemp()
    return build_cache(base / "cache", base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)


@pytest.fixture(scope="session")
def check() -> InProcess:
    return InProcess()


@pytest.fixture(scope="session", autouse=True)
def server() -> Iterator[ForkServer]:
    """The warm server: it starts with the first test that needs a worker, and stays up for all others."""
    with warm_server() as warm:
        yield warm


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return load_dataset("digits", cache=tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def executor(server: ForkServer, digits: Dataset) -> Iterator[LocalExecutor]:
    config = RunConfig(dataset="digits", images=2000, memory_limit_mb=1024, cpu_limit_s=20, wall_limit_s=60)
    with LocalExecutor(digits, config, workers=2, gate=OPEN) as local:
        yield local


@pytest.fixture
def evaluate(executor: LocalExecutor) -> Callable[..., Outcome]:
    def run(text: str, **fields: object) -> Outcome:
        job = {"id": "it", "text": text, "seed": 1, "images": 1000} | fields
        return executor.submit(Job(**job)).result(60)  # type: ignore[arg-type]

    return run


@pytest.fixture
def processes() -> Callable[[], set[int]]:
    """The ids of this process's descendants."""

    def below(pid: int) -> set[int]:
        try:
            lists = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
        except OSError:
            return set()
        direct = {int(each) for numbers in lists for each in numbers}
        return direct.union(*map(below, direct))

    return lambda: below(os.getpid())
