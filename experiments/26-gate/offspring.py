"""How many offspring of the seed programs the gate refuses: `offspring.py COUNT`, three edits in a row from each seed.

Offspring borrow from the other seed programs; checks run in this process, as in the tests.
"""

import json
import random
import sys
from collections import Counter
from pathlib import Path

from gi.core.types import Offspring
from gi.source.gate.gate import refusals
from gi.vary import Vary
from tests.checking import SEEDS, SMALL, InProcess, Stock

HERE = Path(__file__).parent


def main() -> None:
    count, names = int(sys.argv[1]), sorted(SEEDS)
    vary = Vary(Stock.of(*SEEDS.values()), InProcess(), SMALL)
    parents = {name: vary.fitted(text)[0] for name, text in SEEDS.items()}
    texts: list[str] = []
    for number in range(count):
        rng, name = random.Random(f"gate/{number}"), names[number % len(names)]
        # Every third starts from a seed, the two after it from the one before.
        first = parents[name] if number % 3 == 0 or not texts else texts[-1]
        made = vary([first, parents[rng.choice(names)]], rng=rng)
        if isinstance(made, Offspring):
            texts.append(made.text)
    found = [refusals(text) for text in texts]
    answer = {
        "offspring": len(texts),
        "distinct": len(set(texts)),
        "refused": sum(map(bool, found)),
        "by rule": dict(Counter(r.rule for each in found for r in each).most_common()),
        "first": [str(each[0]) for each in found if each][:20],
    }
    (HERE / "offspring.json").write_text(json.dumps(answer, indent=1) + "\n")
    print(json.dumps(answer, indent=1))


if __name__ == "__main__":
    main()
