"""Isolation keeps programs in, and changes nothing else: a run without it comes to the same archive."""

from contextlib import contextmanager
from functools import partial

import pytest

from gi.archive import Archive, canonical_text
from gi.core.settings import RunConfig
from gi.core.types import Program
from gi.search.evolve import evolve
from gi.search.parts import Parts
from gi.source.identity.digest import digest
from gi.source.repair.repair import repair
from gi.train.executor import LocalExecutor
from gi.vary import OPERATORS, SHARES, Vary
from tests.checking import SEEDS, SMALL, InProcess, Stock
from tests.stand_ins import ORIGIN

NAMES = ("conv_tiny_append", "shared_small_attribute")
CONFIG = RunConfig(
    dataset="digits", generations=1, population=3, images=256, final_images=256, finals=1, final_seeds=1, clock="model",
    seed=3,
)  # fmt: skip


@pytest.fixture
def parts(digits):
    @contextmanager
    def made(config, *, workers, cost_model):
        check, stock = InProcess(), Stock.of(*(SEEDS[name] for name in NAMES))
        seeds = tuple(Program(SEEDS[name], ORIGIN) for name in NAMES)
        identity = partial(digest, entry=config.entry)
        with LocalExecutor(digits, config, workers=workers) as executor:
            vary = Vary(stock, check, SMALL)
            yield Parts(SMALL, seeds, check, vary, OPERATORS, SHARES, executor, repair, identity, 1200, 300)

    return made


def test_the_front_without_isolation_is_the_front_with_it(parts, tmp_path, monkeypatch):
    archives = {}
    for isolation in ("auto", "off"):
        monkeypatch.setenv("GI_ISOLATION", isolation)
        evolve(CONFIG, tmp_path / isolation, workers=2, parts=parts)
        with Archive.open(tmp_path / isolation) as archive:
            assert archive.generations.last().front
            archives[isolation] = canonical_text(archive)
    assert archives["auto"] == archives["off"]
