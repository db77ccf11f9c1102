"""How many offspring of the seed programs the gate refuses: `offspring.py COUNT`, three edits in a row from each seed.

Offspring borrow from the other seed programs; checks run in this process, as in the tests. With `--texts FILE` the
offspring that FILE has already are read and not made again, and new ones are added to it: making them is what takes the
time, and a rule that changes asks for no other ones.
"""

import argparse
import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from gi.core.types import Offspring
from gi.source.gate.gate import refusals
from gi.vary import Vary
from tests.checking import SEEDS, SMALL, InProcess, Stock

HERE = Path(__file__).parent


def made(numbers: range, before: str) -> Iterator[str | None]:
    """The offspring of these numbers, each None where no edit ran; `before` is the last text that there is."""
    names = sorted(SEEDS)
    vary = Vary(Stock.of(*SEEDS.values()), InProcess(), SMALL)
    parents = {name: vary.fitted(text)[0] for name, text in SEEDS.items()}
    for number in numbers:
        rng, name = random.Random(f"gate/{number}"), names[number % len(names)]
        # Every third starts from a seed, the two after it from the one before.
        first = parents[name] if number % 3 == 0 or not before else before
        result = vary([first, parents[rng.choice(names)]], rng=rng)
        before = result.text if isinstance(result, Offspring) else before
        yield result.text if isinstance(result, Offspring) else None


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("count", type=int)
    parser.add_argument("--texts", type=Path)
    options = parser.parse_args()
    stored = options.texts.read_text() if options.texts and options.texts.exists() else ""
    texts: list[str | None] = [json.loads(line) for line in stored.splitlines()]
    last = next((text for text in reversed(texts) if text), "")
    for text in made(range(len(texts), options.count), last):
        texts.append(text)
        if options.texts:
            with options.texts.open("a") as file:
                file.write(json.dumps(text) + "\n")
    offspring = [text for text in texts[: options.count] if text]
    found = [refusals(text) for text in offspring]
    answer = {
        "tries": options.count,
        "offspring": len(offspring),
        "distinct": len(set(offspring)),
        "refused": sum(map(bool, found)),
        "by rule": dict(Counter(r.rule for each in found for r in each).most_common()),
        "first": [str(each[0]) for each in found if each][:20],
    }
    (HERE / "offspring.json").write_text(json.dumps(answer, indent=1) + "\n")
    print(json.dumps(answer, indent=1))


if __name__ == "__main__":
    main()
