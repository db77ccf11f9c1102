"""How many single edits of the seed programs are accepted without a second try, and why the rest are not.

    python experiments/04-raw-tries/raw_tries.py --tries 100 --seed 0

Writes results.json beside itself and prints the tables of the README.
"""

import argparse
import json
import platform
import time
from collections import Counter
from pathlib import Path

from gi.core.settings import cache_folder
from gi.core.streams import stream
from gi.core.trace import Trace
from gi.core.types import Task
from gi.corpus import Corpus, default_corpus, seed_programs
from gi.trace.client import CheckWorker
from gi.vary import Vary

TASKS = {"1x28x28": Task((1, 28, 28), 10), "1x8x8": Task((1, 8, 8), 10), "3x32x32": Task((3, 32, 32), 10)}
HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tries", type=int, default=100, help="single edits for each seed program and task")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    stock = Corpus.open(default_corpus(cache_folder()))
    rows = [row for name, task in TASKS.items() for row in tried(name, task, stock, options)]
    summary = summarised(rows)
    summary |= {"tries": options.tries, "seed": options.seed, "machine": platform.processor() or platform.machine()}
    (HERE / "results.json").write_text(json.dumps(summary, indent=1) + "\n")
    print(tables(summary))


def tried(name: str, task: Task, stock: Corpus, options: argparse.Namespace) -> list[dict]:
    """One row a try: task, program, operator, verdict, and the CPU seconds of driver and check worker."""
    rows = []
    with CheckWorker() as check:
        vary = Vary(stock, check, task)
        for program in seed_programs():
            text, answer = vary.fitted(program.text)
            assert isinstance(answer, Trace), program.origin.path
            for index in range(options.tries):
                rng = stream(options.seed, "raw", name, program.origin.path, index)
                started = time.process_time() + check.cpu_s
                verdict = vary.edited(text, 1, rng=rng).verdict
                cpu_s = time.process_time() + check.cpu_s - started
                verdict_row = {"operator": verdict.operator, "stage": verdict.stage, "reason": verdict.reason}
                program_name = Path(program.origin.path).stem
                rows.append({"task": name, "program": program_name, "cpu_s": cpu_s, **verdict_row})
    return rows


def summarised(rows: list[dict]) -> dict:
    def share(key: str) -> dict[str, tuple[int, int]]:
        counts, accepted = Counter(r[key] for r in rows), Counter(r[key] for r in rows if not r["stage"])
        return {str(k): (accepted[k], counts[k]) for k in sorted(counts, key=str)}

    accepted = sum(not r["stage"] for r in rows)
    reasons = Counter((r["operator"], r["stage"], r["reason"]) for r in rows if r["stage"])
    return {
        "accepted": accepted,
        "of": len(rows),
        "cpu_ms_per_accepted": 1000 * sum(r["cpu_s"] for r in rows) / max(1, accepted),
        "task": share("task"),
        "operator": share("operator"),
        "program": share("program"),
        "reasons": [[*key, count] for key, count in reasons.most_common()],
    }


def tables(summary: dict) -> str:
    accepted, of = summary["accepted"], summary["of"]
    lines = [f"accepted at the first try: {accepted} of {of} ({100 * accepted / of:.1f} %)",
             f"CPU per accepted offspring, checks included: {summary['cpu_ms_per_accepted']:.1f} ms"]  # fmt: skip
    for key in ("task", "operator", "program"):
        lines += ["", f"| {key} | accepted | of | share |", "| --- | --- | --- | --- |"]
        lines += [f"| {k} | {a} | {n} | {100 * a / n:.1f} % |" for k, (a, n) in summary[key].items()]
    lines += ["", "| operator | stage | reason | tries |", "| --- | --- | --- | --- |"]
    lines += [f"| {o} | {s} | {r} | {n} |" for o, s, r, n in summary["reasons"]]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
