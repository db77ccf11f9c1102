"""Pairs of programs that are equal and pairs that differ: what each way of telling programs apart merges and misses.

Run: python experiments/08-identity/identity.py
"""

import ast
import csv
import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from gi.core.compat import allow_torchvision

allow_torchvision()

import kinds as kinds_of_pairs  # noqa: E402
import torch  # noqa: E402
from programs import programs  # noqa: E402
from rewrites import DIFFERENT, EQUAL  # noqa: E402

from gi.source.identity.digest import digest  # noqa: E402
from gi.trace.service import trace  # noqa: E402

WAYS = ("text", "steps", "numbers")
HERE = Path(__file__).parent


def identities(text: str, entry: str, shape: tuple[int, int, int]) -> dict[str, str] | str:
    """What each way calls a program; why it does not run where it does not."""
    found = {"text": digest(text, entry)}
    for way, with_numbers in (("steps", False), ("numbers", True)):
        answer = trace(text, list(shape), 10, entry, with_numbers=with_numbers)
        if "stage" in answer:
            return f"{answer['stage']}: {answer['reason']}: {answer['detail'][:120]}"
        if answer["fixes"] or (answer["no_gradient"] and "extra" not in text):
            return f"does not fit: {[f['kind'] for f in answer['fixes']]} {answer['no_gradient'][:2]}"
        found[way] = answer["fingerprint"]
    return found


def _changed(text: str, other: str) -> bool:
    """Whether a rewrite did more than lay the text out anew; one that does not parse counts, and is told of."""
    try:
        return ast.dump(ast.parse(text)) != ast.dump(ast.parse(other))
    except SyntaxError:
        return True


def pairs() -> list[dict[str, object]]:
    """One row for each pair that both run: program, rewrite, whether it is equal, and what each way says."""
    rows: list[dict[str, object]] = []
    for name, (text, entry, shape) in programs().items():
        original = identities(text, entry, shape)
        if isinstance(original, str):
            print(f"{name}: {original}", flush=True)
            continue
        for equal, rewrites in ((True, EQUAL), (False, DIFFERENT)):
            for kind, rewrite in rewrites.items():
                other = rewrite(text)
                if not _changed(text, other):
                    continue
                found = identities(other, entry, shape)
                if isinstance(found, str):
                    print(f"{name}, {kind}: {found}", flush=True)
                    continue
                merged = {way: found[way] == original[way] for way in WAYS}
                rows.append({"program": name, "rewrite": kind, "equal": equal, **merged})
    return [*rows, *single_differences()]


def single_differences() -> Iterator[dict[str, object]]:
    """The same for the pairs of `kinds`: one small program with one thing in two forms."""
    for equal, kinds in ((True, kinds_of_pairs.EQUAL), (False, kinds_of_pairs.DIFFERENT)):
        for kind, pair in kinds.items():
            one, other = (identities(text, "Net", (1, 8, 8)) for text in kinds_of_pairs.texts(pair))
            if isinstance(one, str) or isinstance(other, str):
                print(f"{kind}: {one} {other}", flush=True)
                continue
            yield {"program": "kinds", "rewrite": kind, "equal": equal, **{way: one[way] == other[way] for way in WAYS}}


def main() -> None:
    torch.set_num_threads(1)
    start = time.process_time()
    rows = pairs()
    with (HERE / "pairs.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    counts = {
        side: {"pairs": sum(r["equal"] is equal for r in rows)}
        | {way: sum(bool(r[way]) for r in rows if r["equal"] is equal) for way in WAYS}
        for side, equal in (("equal", True), ("different", False))
    }
    print(json.dumps(counts, indent=2))
    print("missed by numbers:", Counter(r["rewrite"] for r in rows if r["equal"] and not r["numbers"]))
    print("merged wrongly:", [(r["program"], r["rewrite"], w) for r in rows if not r["equal"] for w in WAYS if r[w]])
    (HERE / "summary.json").write_text(
        json.dumps(counts | {"cpu_s": round(time.process_time() - start)}, indent=2) + "\n"
    )


if __name__ == "__main__":
    main()
