"""What trying every module class of torchvision costs, with and without the short ways to shapes on meta tensors.

Usage: python experiments/41-trials/run.py [--rounds 3]
Both ways take turns in processes of their own, and have to give the same answer for every class. Writes the README.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from results import put_table

HERE = Path(__file__).parent
WAYS = ("torch's own", "short")


def classes() -> list[tuple[str, str, list[object]]]:
    """The (text, name, calls) of every module class of torchvision that can be written as one module."""
    from gi.corpus.classes import module_classes
    from gi.corpus.flatten import UnusableError, flattened
    from gi.harvest import harvest

    found = []
    with tempfile.TemporaryDirectory() as cache:
        for one in module_classes(harvest("torchvision", cache=Path(cache))):
            try:
                text, name = flattened(one.package, one.module, one.name)
            except UnusableError:
                continue
            found.append((text, name, list(one.calls)))
    return found


def tried(way: str) -> None:
    """Prints the CPU seconds of all trials in this process and their answers, as JSON."""
    from gi.core.compat import allow_torchvision

    allow_torchvision()
    from gi.trace import meta_kernels

    if way != "short":
        meta_kernels.install = lambda: None
    from gi.trace.classes import trial

    asked = json.load(sys.stdin)
    start = time.process_time()
    answers = [trial.tried(*one) for one in asked]
    print(json.dumps({"cpu_s": time.process_time() - start, "answers": answers}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        return tried(options.way)
    asked = json.dumps(classes())
    cpu_s: dict[str, list[float]] = {way: [] for way in WAYS}
    answers = []
    for _ in range(options.rounds):
        for way in WAYS:
            command = [sys.executable, __file__, "--way", way]
            told = json.loads(
                subprocess.run(command, input=asked, stdout=subprocess.PIPE, text=True, check=True).stdout
            )
            cpu_s[way].append(told["cpu_s"])
            answers.append(told["answers"])
            print(way, f"{told['cpu_s']:.1f} CPU s", flush=True)
    differ = sum(any(row[n] != answers[0][n] for row in answers) for n in range(len(answers[0])))
    lines = [f"{len(answers[0])} classes, answers differ for {differ}.", ""]
    lines += ["| shapes on meta | CPU s, median | range |", "| --- | --- | --- |"]
    lines += [f"| {w} | {statistics.median(s):.1f} | {min(s):.1f} to {max(s):.1f} |" for w, s in cpu_s.items()]
    put_table(HERE / "results", Path(__file__), "\n".join(lines) + "\n")
    return None


if __name__ == "__main__":
    main()
