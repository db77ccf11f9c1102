"""How long gi takes to start, as a history that shows a slowdown.

Usage: python experiments/35-startup/run.py [--rounds 15] [--check]
Appends a row to history.csv and writes the table in README.md. --check writes nothing and exits 1 where a start takes a
quarter longer, beside `import click`, than the median of the rows of this machine.
"""

import argparse
import csv
import os
import platform
import statistics
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from results import put_table

HERE = Path(__file__).parent
HISTORY = HERE / "history.csv"
REFERENCE = "import click"
STARTS = {
    REFERENCE: [sys.executable, "-c", "import click"],
    "import gi": [sys.executable, "-c", "import gi"],
    "gi --help": [sys.executable, "-c", "from gi.cli import main; main()", "--help"],
    "gi evolve --help": [sys.executable, "-c", "from gi.cli import main; main()", "evolve", "--help"],
    "gi --version": [sys.executable, "-c", "from gi.cli import main; main()", "--version"],
}
ALLOWED = 1.25


def cpu_seconds(command: list[str]) -> float:
    """CPU seconds of a process from its start to its end."""
    pid = os.posix_spawn(
        command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    )
    _, status, used = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed: {status}")
    return used.ru_utime + used.ru_stime


def measured(rounds: int) -> dict[str, float]:
    """The least CPU seconds of each start; the starts take turns, and the first round only warms the caches."""
    seconds: dict[str, list[float]] = {name: [] for name in STARTS}
    for round_ in range(rounds + 1):
        for name, command in STARTS.items():
            took = cpu_seconds(command)
            if round_:
                seconds[name].append(took)
    return {name: min(took) for name, took in seconds.items()}


def row_of(seconds: dict[str, float], rounds: int) -> dict[str, str]:
    """A row of the history: what was measured of which commit, where."""
    cores = len(os.sched_getaffinity(0))
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=HERE, capture_output=True, text=True, check=True
    )
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "commit": commit.stdout.strip(),
        "machine": f"{platform.system()} {platform.machine()}, {cores} cores, load {os.getloadavg()[0]:.1f}",
        "python": platform.python_version(),
        "rounds": str(rounds),
        f"{REFERENCE} s": f"{seconds[REFERENCE]:.3f}",
        **{name: f"{seconds[name] / seconds[REFERENCE]:.2f}" for name in STARTS if name != REFERENCE},
    }


def slower(row: dict[str, str], before: list[dict[str, str]]) -> list[str]:
    """The starts that take longer than before, a line each."""
    told = []
    for name in [name for name in STARTS if name != REFERENCE]:
        known = [float(old[name]) for old in before if old["python"] == row["python"]]
        if known and float(row[name]) > ALLOWED * statistics.median(known):
            told.append(f"{name}: {row[name]} times `{REFERENCE}`, {statistics.median(known):.2f} before")
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    row = row_of(measured(given.rounds), given.rounds)
    before = list(csv.DictReader(HISTORY.open(newline=""))) if HISTORY.exists() else []
    told = slower(row, before)
    if not given.check:
        with HISTORY.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(row))
            writer.writeheader()
            writer.writerows([*before, row])
        heads = list(row)
        lines = [heads, ["---"] * len(heads), *([old[head] for head in heads] for old in [*before, row])]
        put_table(HISTORY, Path(__file__), "".join(f"| {' | '.join(line)} |\n" for line in lines))
    print("\n".join(f"{name}: {value}" for name, value in row.items()))
    for line in told:
        print(f"slower: {line}", file=sys.stderr)
    if given.check and told:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
