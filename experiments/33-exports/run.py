"""Does what gi exports work without gi, and is it as good as gi says?

Usage: python experiments/33-exports/run.py RUN... [--out DIR] [--seeds 3] [--image FILE]
Exports every member of each front (`gi export --all --onnx --pt2`), trains it from scratch by the exported file's own
main in a virtual environment that has torch alone, and compares the test errors with those of gi's final trainings.
Writes members.csv and the table in README.md after each member; a member that is there is not done again, so that the
same command goes on where it was stopped.
"""

import argparse
import csv
import json
import os
import re
import statistics
import subprocess
import sys
import venv
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from results import put_table, write_csv

HERE = Path(__file__).parent
MEMBERS = HERE / "members.csv"
TORCH, EXTRA = ["torch==2.13.0"], ["torchvision==0.28.0", "numpy==2.4.6", "pillow==13.0.0"]
FORMATS = ("model.safetensors", "model.onnx", "model.pt2")


class Alone:
    """An interpreter that has torch and nothing of gi; torchvision, numpy and Pillow lie aside for files that ask."""

    def __init__(self, place: Path) -> None:
        self.python, self.extra = place / "venv" / "bin" / "python", place / "extra"
        if not self.python.exists():
            venv.create(place / "venv", with_pip=True)
            self._pip("install", *TORCH)
        if not self.extra.exists():
            self._pip("install", "--no-deps", "--target", str(self.extra), *EXTRA)

    def run(self, model: Path, *arguments: str) -> tuple[str, bool]:
        """What `python model.py ARGUMENTS` prints, and whether it needed what lies aside. Raises `SystemExit`."""
        for extra in ("", str(self.extra)):
            environment = {"PATH": os.environ["PATH"], "HOME": str(model.parent), "OMP_NUM_THREADS": "1"}
            done = subprocess.run(
                [str(self.python), "-P", model.name, *arguments],
                cwd=model.parent, env=environment | ({"PYTHONPATH": extra} if extra else {}),
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            if done.returncode == 0:
                return done.stdout, bool(extra)
            if not re.search(r"No module named '(torchvision|numpy|PIL)|Pillow is needed", done.stderr):
                break
        raise SystemExit(f"{model} {' '.join(arguments)}: {done.stderr[-400:]}")

    def _pip(self, *arguments: str) -> None:
        subprocess.run([str(self.python), "-m", "pip", "--quiet", *arguments], check=True)


def exported(run: Path, zoo: Path) -> list[dict]:
    """Every member of a run's front, as `gi export --all` answers."""
    command = ["export", str(run), "--all", str(zoo), "--onnx", "--pt2", "--force", "--json"]
    asked = [sys.executable, "-c", "from gi.cli import main; main()", *command]
    done = subprocess.run(asked, stdout=subprocess.PIPE, text=True, check=False)
    if not done.stdout:
        raise SystemExit(f"gi {' '.join(command)} gave nothing")
    return json.loads(done.stdout)["members"]


def data_folder(run: Path, zoo: Path) -> Path:
    """Where a run's data set lies, as the exported file wants it."""
    import gi
    from gi.data.readers.named import NAMED

    config = gi.open_run(run).config
    if (zoo / "data").is_dir():
        return (zoo / "data").resolve()
    # By name first: the run itself may lie in a folder that is called after its data set.
    if config.dataset in NAMED:
        return Path(config.data_root or os.environ["GI_DATA"]).resolve()
    return Path(config.dataset).resolve()


def row_of(run: Path, member: dict, alone: Alone, data: Path, image: str, seeds: int) -> dict[str, str]:
    """One member: what gi says of it, and what it does alone."""
    model = (Path(member["hub"]) / "model.py").resolve()
    facts = json.loads((model.parent / "config.json").read_text())
    described, _ = alone.run(model)  # torch alone has to do for this much
    errors, needed = [], False
    for seed in range(seeds):
        said, with_extra = alone.run(model, "--data", str(data), "--seed", str(seed), "--save", f"trained-{seed}.pt")
        errors.append(float(re.search(r"test error ([\d.]+)%", said)[1]))
        needed |= with_extra
    again, _ = alone.run(model, "--data", str(data), "--save", "again.pt")
    repeated = re.search(r"test error ([\d.]+%), as .* with this seed: ([\d.]+%)", again)
    named, _ = alone.run(model, "--weights", "trained-0.pt", "--predict", image)
    known = [100 * error for error in facts["test_errors"]]
    mean, sd = statistics.mean(known), statistics.stdev(known) if len(known) > 1 else None
    away = abs(statistics.mean(errors) - mean)
    return {
        "run": run.name,
        "member": member["id"][:8],
        "parameters": described.split(" ", 1)[0],
        "gi's test error": f"{mean:.2f}" + ("" if sd is None else f" ± {sd:.2f}") + f" ({len(known)})",
        "its seed again": f"{repeated[1]} of {repeated[2]}" if repeated else "-",
        "alone, other seeds": ", ".join(f"{error:.2f}" for error in errors),
        "difference, sd": "-" if sd is None else f"{away / max(sd, 1e-9):.1f}",
        "training needs": "torch, torchvision or Pillow" if needed else "torch",
        "formats": "all" if all((model.parent / name).is_file() for name in FORMATS) else str(member["reasons"]),
        "names a picture": named.strip().rpartition(": ")[2],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=Path("exports"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--image", required=True, help="a picture for every network to name")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    alone, rows = Alone(given.out.resolve()), rows_so_far()
    for run in given.runs:
        zoo = given.out / run.name
        answer = given.out / f"{run.name}.json"
        if not answer.exists():
            answer.write_text(json.dumps(exported(run, zoo)))
        for member in json.loads(answer.read_text()):
            if any((row["run"], row["member"]) == (run.name, member["id"][:8]) for row in rows):
                continue
            row = row_of(run, member, alone, data_folder(run, zoo), str(Path(given.image).resolve()), given.seeds)
            print(row, flush=True)
            rows.append(row)
            write_csv(MEMBERS, rows)
            write_table()


def rows_so_far() -> list[dict[str, str]]:
    """What members.csv holds."""
    if not MEMBERS.exists():
        return []
    with MEMBERS.open(newline="") as file:
        return list(csv.DictReader(file))


def write_table() -> None:
    """The table of members.csv, and how many of it are within two standard deviations; one training has none."""
    rows = rows_so_far()
    compared = [float(row["difference, sd"]) for row in rows if row["difference, sd"] != "-"]
    near = sum(difference <= 2 for difference in compared)
    repeated = [{*row["its seed again"].split(" of ")} for row in rows if row["its seed again"] != "-"]
    same = sum(len(two) == 1 for two in repeated)
    whole = sum(row["formats"] == "all" for row in rows)
    lines = [[*rows[0]], ["---"] * len(rows[0]), *([*row.values()] for row in rows)]
    told = (
        f"With the seed of gi's own training {same} of {len(repeated)} give its very figure; with other seeds {near} "
        f"of {len(compared)} that have a standard deviation are within two of it; "
        f"{whole} of {len(rows)} are there in all formats.\n\n"
    )
    put_table(MEMBERS, Path(__file__), told + "".join(f"| {' | '.join(line)} |\n" for line in lines))


if __name__ == "__main__":
    main()
