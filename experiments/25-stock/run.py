"""What the default corpus holds with and without the registry's packages, what it costs, and whether its lines run.

    python experiments/25-stock/run.py build --cache DIR      # each corpus in a folder of its own; needs the registry
    python experiments/25-stock/run.py borrow --cache DIR --tries 400 --seed 1

`build` writes build.json, `borrow` writes borrowed.json beside this script.
"""

import argparse
import collections
import json
import os
import random
import resource
import time
import tracemalloc
from pathlib import Path

from gi.core.streams import stream
from gi.core.types import LineType, Task
from gi.corpus import Corpus, default_corpus, seed_programs
from gi.trace.client import CheckWorker
from gi.vary import Plan, Vary

HERE = Path(__file__).parent
STOCKS = {"torchvision alone": "1", "with packages": ""}  # and what $GI_OFFLINE is while each is built
TASK = Task((1, 28, 28), 10)
PLANS = {"lines": Plan({"crossover": 0.6, "insertion": 0.4}), "blocks": Plan({"block": 1.0})}
DRAWS = 20_000
SHOWN = (LineType.CONNECTION, LineType.OPTIMIZER, LineType.SCHEDULER)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["build", "borrow"])
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--tries", type=int, default=400, help="of each plan and corpus")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rows = {stock: _built(stock, options.cache) if options.what == "build" else _borrowed(stock, options)
            for stock in STOCKS}  # fmt: skip
    out = HERE / ("build.json" if options.what == "build" else "borrowed.json")
    out.write_text(json.dumps(rows, indent=1) + "\n")
    print(json.dumps(rows, indent=1))


def _file(stock: str, cache: Path, tell: list[str] | None = None) -> Path:
    os.environ["GI_OFFLINE"] = STOCKS[stock]
    return default_corpus(cache / stock.replace(" ", "-"), tell=(tell if tell is not None else []).append)


def _built(stock: str, cache: Path) -> dict:
    """Times the first build of a corpus, and its opening; counts what it holds."""
    told: list[str] = []
    before_s, start = _cpu_s(), time.monotonic()
    path = _file(stock, cache, told)
    row = {"cpu_s": round(_cpu_s() - before_s, 1), "wall_s": round(time.monotonic() - start, 1), "left out": told}
    with Corpus.open(path) as corpus:
        summary = corpus.summary()
        row |= {"file_mb": round(path.stat().st_size / 1e6, 1), "digest": corpus.digest()}
        row["blocks"] = sum(1 for _ in corpus.blocks())
        row["repositories"] = [r["repository"] for r in summary.repositories]
        row["types"] = {r["type"]: {"ingredients": r["ingredients"], "symbols": r["symbols"]} for r in summary.types}
    row |= _drawing(path)
    return row


def _drawing(path: Path) -> dict:
    """CPU ms until every type was drawn from once, microseconds of one draw after that, and the memory that is held."""
    rng, start = random.Random(0), time.process_time()
    with Corpus.open(path) as corpus:
        for line_type in LineType:
            corpus.sample(rng, line_type)
        opened_s = time.process_time() - start
        start, found = time.process_time(), collections.Counter()
        for _ in range(DRAWS):
            for line_type in SHOWN:
                one = corpus.sample(rng, line_type)
                found[line_type, one.symbol if one else ""] += 1
        drawn_s = time.process_time() - start
    tracemalloc.start()
    with Corpus.open(path) as corpus:
        for line_type in LineType:
            corpus.sample(rng, line_type)
        held_mb = tracemalloc.get_traced_memory()[0] / 1e6
    tracemalloc.stop()
    shares = {t: {s: round(n / DRAWS, 3) for (of, s), n in found.most_common() if of == t} for t in SHOWN}
    return {"open_ms": round(1000 * opened_s, 1), "draw_us": round(1e6 * drawn_s / DRAWS / len(SHOWN), 2),
            "held_mb": round(held_mb, 1), "shares": shares}  # fmt: skip


def _borrowed(stock: str, options: argparse.Namespace) -> dict:
    """What becomes of single borrowed lines and blocks in the seed programs: first tries, none repeated."""
    with Corpus.open(_file(stock, options.cache)) as corpus, CheckWorker() as check:
        vary = Vary(corpus, check, TASK)
        seeds = [vary.fitted(seed.text)[0] for seed in seed_programs()]
        return {name: _tried(vary, seeds, plan, name, options) for name, plan in PLANS.items()}


def _tried(vary: Vary, seeds: list[str], plan: Plan, name: str, options: argparse.Namespace) -> dict:
    verdicts: collections.Counter[str] = collections.Counter()
    by_type: dict[str, list[int]] = {}
    runs = tries = 0
    for index in range(options.tries):
        rng = stream(options.seed, "stock", name, index)  # the same places and draws for both corpora
        tried = next(vary.raw([seeds[index % len(seeds)]], rng=rng, plan=plan), None)
        if tried is None:
            verdicts["nothing to change"] += 1
            continue
        tries, runs = tries + 1, runs + tried.runs
        reason = tried.verdict.reason or "accepted"
        verdicts[reason if tried.runs else f"does not run: {reason}"] += 1
        kind = by_type.setdefault(tried.edits[0].type, [0, 0])
        kind[0], kind[1] = kind[0] + 1, kind[1] + tried.runs
    return {"tries": tries, "run": round(runs / max(tries, 1), 4),
            "accepted": round(verdicts["accepted"] / max(tries, 1), 4),
            "run by type": {t: f"{ok}/{n}" for t, (n, ok) in sorted(by_type.items())},
            "verdicts": dict(verdicts.most_common())}  # fmt: skip


def _cpu_s() -> float:
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in usage)


if __name__ == "__main__":
    main()
