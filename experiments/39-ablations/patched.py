"""`gi` with one part of the search taken out. Usage: python patched.py ARM evolve ...

What no option takes out is taken out of the modules here; processes that train know nothing of it.
"""

import dataclasses
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import gi.core.objectives as objectives
import gi.corpus
import gi.vary
from gi.cli import main
from gi.core.types import Offspring, Refused
from gi.corpus import Corpus
from gi.harvest import Harvest


def error_not_in_logarithms() -> None:
    objectives.OBJECTIVES["error"] = dataclasses.replace(objectives.OBJECTIVES["error"], log=False)


def no_crossover() -> None:
    class OfOneParent(gi.vary.Vary):
        def __call__(self, parents: Sequence[str], **how: Any) -> Offspring | Refused:
            return super().__call__(parents[:1], **how)

    gi.vary.Vary = OfOneParent


def stock_of_the_seed_programs() -> None:
    def of_seed_programs(cache: Path, **_: object) -> Path:
        path = cache / f"seeds-{os.getpid()}.sqlite"
        if not path.exists():
            with closing(Corpus.create(path)) as corpus:
                corpus.add(Harvest("gi", "", gi.corpus.seed_programs()), workers=1, blocks=())
        return path

    gi.corpus.default_corpus = of_seed_programs


def every_third_seed_program() -> None:
    programs = gi.corpus.seed_programs()[::3]
    gi.corpus.seed_programs = lambda **_: programs


PATCHES: dict[str, Callable[[], None]] = {
    "error not in logarithms": error_not_in_logarithms,
    "no crossover": no_crossover,
    "stock of the seed programs": stock_of_the_seed_programs,
    "every third seed program": every_third_seed_program,
}

if __name__ == "__main__":
    PATCHES.get(sys.argv.pop(1), lambda: None)()
    main()
