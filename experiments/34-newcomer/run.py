"""How long is a newcomer's way from `git clone` to the class of a picture of his own, and what does gi say on it?

Usage: python experiments/34-newcomer/run.py --photos DIR [--source REPO] [--out DIR] [--budget 2m] [--offline]
DIR holds one folder of pictures for each class. Of the first three classes 120 pictures each are brought to sizes as
they come out of cameras and screenshots, beside files that are no pictures, and one more of each class is kept as new.
Then the commands of README.md and docs/guide.md are run in a fresh clone, with an empty cache of gi, one after the
other; each step's output lies in OUT/NN-step.txt. Prints the times and writes the table in README.md.
"""

import argparse
import csv
import os
import resource
import shlex
import subprocess
import sys
import time
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))
from results import put_table, write_csv

HERE, CHECKOUT = Path(__file__).parent, Path(__file__).parents[2]
CLASSES, PICTURES = 3, 120

#: What a newcomer types. `status` is what the step has to end with: a mistake that everybody makes is among them.
STEPS = (
    ("clone", "git clone {source} clone", 0),
    ("first command: install, evolve on digits, export", "make evolve", 0),
    ("his folder as it is", ".venv/bin/gi evolve --dataset ../pictures --budget {budget}", 2),
    ("without the broken picture that the message names", "find ../pictures -name cut-off.jpg -delete", 0),
    ("again", ".venv/bin/gi evolve --dataset ../pictures --budget {budget}", 2),
    ("with the size that the message asks for",
     ".venv/bin/gi evolve --dataset ../pictures --image-size 32 --budget {budget} --out runs/pictures", 0),
    ("report, without its extra", ".venv/bin/gi report runs/pictures -o report.html", 2),
    ("the extra that the message names", ".venv/bin/pip install --quiet -c constraints.txt -e '.[report]'", 0),
    ("report", ".venv/bin/gi report runs/pictures -o report.html", 0),
    ("which it is", ".venv/bin/gi front runs/pictures", 0),
    ("the network as a file", ".venv/bin/gi export runs/pictures --best knee -o mine/model.py --weights", 0),
    ("the class of new pictures",
     ".venv/bin/python mine/model.py --weights mine/model.safetensors --predict {new}", 0),
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--source", default=str(CHECKOUT), help="what is cloned")
    parser.add_argument("--out", type=Path, default=Path("newcomer"))
    parser.add_argument("--budget", default="2m")
    parser.add_argument("--offline", action="store_true", help="borrow from torchvision and the seed programs alone")
    given = parser.parse_args()
    path = HERE / ("offline.csv" if given.offline else "online.csv")
    rows = rows_of(path) if given.out.exists() and path.exists() else []  # goes on where it was stopped
    if rows:
        new = [f"../new/{picture.name}" for picture in sorted((given.out / "new").iterdir())]
    else:
        given.out.mkdir(parents=True)
        new = write_pictures(given.photos, given.out / "pictures", given.out / "new")
    names = {"source": given.source, "budget": given.budget, "new": " ".join(new)}
    # Nothing of what the one who measures has set for gi and Python, so that the clone stands alone.
    environment = {key: os.environ[key] for key in os.environ if not key.startswith(("GI_", "PYTHON", "OMP_"))}
    environment |= {"GI_CACHE": str((given.out / "cache").resolve())} | ({"GI_OFFLINE": "1"} if given.offline else {})
    for number, (step, command, status) in enumerate(STEPS[len(rows) :], start=len(rows) + 1):
        place = given.out if number == 1 else given.out / "clone"
        rows.append(taken(number, step, command.format(**names), status, place, environment, given.out))
        print(rows[-1], flush=True)
        write_csv(path, rows)
        write_table()


def rows_of(path: Path) -> list[dict[str, str]]:
    """The steps that were taken so far."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def taken(
    number: int, step: str, command: str, status: int, place: Path, environment: dict[str, str], out: Path
) -> dict[str, str]:
    """One step: its seconds by the clock and of the processor, and how much it prints."""
    before, start = _cpu_s(), time.monotonic()
    with (out / f"{number:02}-{step.split(',')[0].split(':')[0].replace(' ', '-')}.txt").open("w+") as told:
        done = subprocess.run(shlex.split(command), cwd=place, env=environment, stdout=told, stderr=told, check=False)
        wall_s = time.monotonic() - start
        told.seek(0)
        lines = told.read().splitlines()
    if done.returncode != status:
        raise SystemExit(f"{command}: exit status {done.returncode}, not {status}\n" + "\n".join(lines[-10:]))
    shown = command.replace(environment["GI_CACHE"], "").replace(str(CHECKOUT), "REPO")
    return {
        "step": step, "command": f"`{shown}`", "minutes": f"{wall_s / 60:.1f}", "CPU s": f"{_cpu_s() - before:.0f}",
        "lines": str(len(lines)), "longest line": str(max(map(len, lines), default=0)),
    }  # fmt: skip


def write_pictures(photos: Path, folder: Path, new: Path) -> list[str]:
    """Pictures of several sizes by class, beside what else lies in such folders; the names of the new ones."""
    names = []
    new.mkdir()
    for kind in sorted(path for path in photos.iterdir() if path.is_dir())[:CLASSES]:
        (folder / kind.name).mkdir(parents=True)
        for number, path in enumerate(sorted(kind.iterdir())[: PICTURES + 1]):
            picture = Image.open(path).convert("RGB").resize((48 + number % 40, 64 - number % 20), Image.BICUBIC)
            place = folder / kind.name if number < PICTURES else new
            picture.save(place / f"{kind.name}-{number}.jpg", quality=95)
        names.append(f"../new/{kind.name}-{PICTURES}.jpg")
        (folder / kind.name / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (folder / "notes.txt").write_text("taken in May\n")
    (folder / kind.name / "cut-off.jpg").write_bytes((folder / kind.name / f"{kind.name}-0.jpg").read_bytes()[:600])
    return names


def write_table() -> None:
    """The tables of both ways, as far as they were gone."""
    text = ""
    for name in ("online", "offline"):
        if not (HERE / f"{name}.csv").exists():
            continue
        rows = rows_of(HERE / f"{name}.csv")
        lines = [[*rows[0]], ["---"] * len(rows[0]), *([*row.values()] for row in rows)]
        minutes = sum(float(row["minutes"]) for row in rows)
        text += f"**{name}**: {minutes:.0f} minutes, {sum(int(row['CPU s']) for row in rows)} CPU seconds.\n\n"
        text += "".join(f"| {' | '.join(line)} |\n" for line in lines) + "\n"
    put_table(HERE / "table", Path(__file__), text)


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
