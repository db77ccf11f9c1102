"""Kills `gi evolve` at random moments, resumes it, and compares its archive with an uninterrupted run's.

    python experiments/03-resume/run.py [--kills 20] [--seed 1]

Every child of the run's process is killed with it (SIGKILL), in one of three orders: all at once, the driver first, the
workers first. A run is killed again and again until it ends; then the next one starts, until there were enough kills.
An uninterrupted control run at the end shows that nothing but the kills was different: run it on a checkout that nobody
edits meanwhile.
"""

import argparse
import contextlib
import csv
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from archives import dump, evaluated

HERE = Path(__file__).parent
GI = [sys.executable, "-c", "import sys; from gi.cli import main; sys.exit(main())"]
SETTINGS = (
    "--dataset digits --clock model --generations 20 --population 6 --images 400 --final-images 400 --final-seeds 2"
)
PAUSE_S = 0.02  # between one half of the tree and the other
ORDERS = ("at once", "driver first", "workers first")


def start(folder, workers):
    """A new run in `folder`, or the one there resumed."""
    known = (folder / "run.sqlite").exists()
    options = ["--resume", str(folder)] if known else [*SETTINGS.split(), "--out", str(folder)]
    command = [*GI, "evolve", *options, "--workers", str(workers)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def tree(pid):
    """A process and everything that it started and that still runs, parents first."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += map(int, task.read_text().split())
    return found


def kill(pid, order):
    """Kills the whole tree; returns how many processes that were."""
    driver, *others = tree(pid)
    halves = {"at once": [[driver, *others]], "driver first": [[driver], others], "workers first": [others, [driver]]}
    for half in halves[order]:
        for one in half:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        time.sleep(PAUSE_S)
    return 1 + len(others)


def whole(folder, workers):
    """An uninterrupted run: its archive as text, and its wall seconds."""
    begun = time.monotonic()
    process = start(folder, workers)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    return dump(folder), time.monotonic() - begun


def killed_run(folder, rng, span_s, kills_left, name):
    """One run, killed at random moments until it ends by itself: a row for each kill."""
    rows = []
    while True:
        process, moment_s = start(folder, 2), rng.uniform(*span_s)
        try:
            _, errors = process.communicate(timeout=moment_s if len(rows) < kills_left else None)
            assert process.returncode == 0, errors
            return rows
        except subprocess.TimeoutExpired:
            before, order = evaluated(folder), rng.choice(ORDERS)
            processes = kill(process.pid, order)
            process.communicate()
            after = evaluated(folder)
            rows.append([name, f"{moment_s:.1f}", order, processes, len(after), len(before - after)])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--earliest", type=float, default=0.3, help="seconds before the first kill; 2.5: workers are up"
    )
    options = parser.parse_args()
    rng, rows, same = random.Random(options.seed), [], []
    with tempfile.TemporaryDirectory() as scratch:
        whole(Path(scratch, "warm"), 2)  # builds the caches, so that the next one is timed without that
        expected, wall_s = whole(Path(scratch, "whole"), 2)
        print(f"uninterrupted, 2 workers: {wall_s:.0f} s, {expected.count(chr(10))} rows", flush=True)
        for workers in (1, 4):
            text, _ = whole(Path(scratch, f"workers-{workers}"), workers)
            print(f"{workers} workers: {'the same archive' if text == expected else 'ANOTHER ARCHIVE'}", flush=True)
            same.append(text == expected)
        while len(rows) < options.kills:
            name = f"run {len(same) - 1}"
            found = killed_run(Path(scratch, name), rng, (options.earliest, wall_s), options.kills - len(rows), name)
            same.append(dump(Path(scratch, name)) == expected)
            rows += [[*row, "yes" if same[-1] else "NO"] for row in found]
            print(f"{name}: {len(found)} kills, {'the same archive' if same[-1] else 'ANOTHER ARCHIVE'}", flush=True)
        unchanged = whole(Path(scratch, "control"), 2)[0] == expected
    with (HERE / "kills.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            ["run", "killed_after_s", "order", "processes", "evaluations", "lost", "same_archive_at_the_end"]
        )
        writer.writerows(rows)
    lost = sum(row[5] for row in rows)
    print(f"{len(rows)} kills in {len(same) - 2} runs: {lost} evaluations lost, all archives equal: {all(same)}")
    if not unchanged:
        print("VOID: an uninterrupted run at the end differs from that at the start; was gi edited meanwhile?")
    return 0 if all(same) and unchanged and not lost else 1


if __name__ == "__main__":
    sys.exit(main())
