"""Unedited third-party model files, improved. Usage: python experiments/09-own-models/run.py CASE [--seed 0]"""

import argparse
import dataclasses
import json
import math
import resource
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from images import cifar_folder
from table import show_in_readme

from gi.archive import Archive, front_members, run_summary
from gi.core.protocols import Job
from gi.core.settings import RunConfig, cache_folder
from gi.core.streams import torch_seed
from gi.core.types import Scored
from gi.data.dataset import Dataset, load_dataset
from gi.source.model_file.patching import plain_text
from gi.source.model_file.plain_recipe import with_recipe
from gi.train.executor import LocalExecutor

HERE = Path(__file__).parent
GI = [sys.executable, "-c", "import sys; from gi.cli import run; sys.exit(run(sys.argv[1:]))"]
CANDIDATES = 3
SEEDS = 3
FASTER = 0.95  # of the original's time: below that it is no noise


@dataclass(frozen=True)
class Case:
    """One unedited file: where it is, what it builds, and how long to look for a better one."""

    url: str
    commit: str
    path: str
    entry: str
    arguments: tuple[str, ...]
    dataset: str
    images: int
    final_images: int
    population: int
    generations: int
    budget: str


EXAMPLES = "https://github.com/pytorch/examples", "77f55b912142e11fcfdf5b530231fb9c52f181e8"
CIFAR = "https://github.com/kuangliu/pytorch-cifar", "49b7aa97b0c12fe0d4054e670403a16b6b834ddd"
CASES = {
    "mnist": Case(*EXAMPLES, "mnist/main.py", "Net", (), "mnist", 10_000, 20_000, 10, 20, "11m"),
    "lenet": Case(*CIFAR, "models/lenet.py", "LeNet", (), "cifar", 20_000, 40_000, 16, 30, "9m"),
    "shufflenet": Case(
        *CIFAR, "models/shufflenetv2.py", "ShuffleNetV2", ("net_size=0.5",), "cifar", 6_000, 12_000, 8, 40, "24m"
    ),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", choices=CASES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scratch", type=Path, help="where checkouts, images and runs go (a new temporary folder)")
    parser.add_argument("--budget", help="of the search, in place of the case's own")
    parser.add_argument("--run", type=Path, help="judge this run in place of a new one")
    options = parser.parse_args()
    case, scratch = CASES[options.case], options.scratch or Path(tempfile.mkdtemp(prefix="gi-own-models-"))
    case = dataclasses.replace(case, budget=options.budget or case.budget)
    scratch.mkdir(parents=True, exist_ok=True)
    file = checkout(case, scratch / "searched") / case.path
    before = file.read_bytes()
    dataset = "mnist" if case.dataset == "mnist" else str(cifar_folder(scratch / "cifar-10000"))
    run = options.run or evolved(case, file, dataset, options.seed, scratch / f"run-{options.case}-{options.seed}")
    assert file.read_bytes() == before, "the user's file was written to"
    result = {"case": options.case, "seed": options.seed, **judged(case, run, dataset, scratch)}
    result["cpu_min"] = sum(cpu_s()) / 60 + (result["search"]["cpu_min"] if options.run else 0.0)
    name = f"results-{options.case}{'' if options.seed < 1000 else f'-{options.seed}'}.json"
    (HERE / name).write_text(json.dumps(result, indent=2) + "\n")
    show_in_readme()
    print(json.dumps(result, indent=2))
    return 0 if result["holds"] else 1


# The files --------------------------------------------------------------------------------------------


def checkout(case: Case, folder: Path) -> Path:
    """A clean checkout of the case's commit."""
    place = folder / case.url.rpartition("/")[2]
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        git("clone", "--quiet", "--no-checkout", case.url, str(place))
        git("-C", str(place), "sparse-checkout", "set", case.path.rpartition("/")[0])
        git("-C", str(place), "checkout", "--quiet", case.commit)
    git("-C", str(place), "checkout", "--quiet", "--", ".")
    return place


def git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], check=True)


# The run -------------------------------------------------------------------------------------------------------------


def evolved(case: Case, file: Path, dataset: str, seed: int, out: Path) -> Path:
    """The folder of a finished `gi evolve`."""
    command = ["evolve", f"{file}:{case.entry}", "--dataset", dataset, "--out", str(out), "--seed", str(seed)]
    command += [option for argument in case.arguments for option in ("--arg", argument)]
    command += ["--population", str(case.population), "--generations", str(case.generations), "--budget", case.budget]
    command += ["--images", str(case.images), "--final-images", str(case.images), "--final-seeds", "1"]
    subprocess.run([*GI, *command, "--workers", "1"], check=True, stdout=sys.stderr)
    return out


def judged(case: Case, run: Path, dataset: str, scratch: Path) -> dict:
    """The original and the best candidate, trained from scratch, the latter as its patch makes it."""
    with Archive.open(run) as archive:
        config, summary = archive.run().config, run_summary(archive)
        outcomes = {e.individual: e.outcome for e in archive.outcomes.evaluations("validation")}
        first = archive.individuals.ids()[0]
        original, chosen = outcomes[first], candidates(front_members(archive), outcomes[first])
    data = load_dataset(dataset, cache=cache_folder())
    settings = RunConfig(
        dataset=dataset, entry=config.entry, images=case.final_images, cpu_limit_s=None, data_root=config.data_root
    )
    with LocalExecutor(data, settings, workers=1) as executor:
        before = plain_text((checkout(case, scratch / "clean") / case.path).read_bytes())
        patched = {id_: patched_text(case, run, id_, scratch) for id_ in chosen}
        unedited = trained(executor, settings, with_recipe(before), "validation")
        tried = {id_: trained(executor, settings, with_recipe(text), "validation") for id_, text in patched.items()}
        winner = best(unedited, tried)
        tests = [trained(executor, settings, with_recipe(t), "test") for t in (before, patched[winner])]
        own = evolved_recipe(patched[winner])
        plain = trained(executor, settings, with_recipe(own), "validation") if own else None
    return {
        "commit": case.commit,
        "file": case.path,
        "entry": config.entry,
        "search": {
            "generations": summary.generations,
            "evaluations": summary.evaluations,
            "failed": summary.failed,
            "cpu_min": summary.cpu_s / 60,
            "images": case.images,
            "error": original.values["error"],
            "front": len(summary.front),
        },
        "trainings": {"images": case.final_images, "seeds": SEEDS},
        "original": {**unedited, "test_error": tests[0]["error"], "test_errors": tests[0]["errors"]},
        "candidates": tried,
        "winner": {"id": winner, **tried[winner], "test_error": tests[1]["error"], "test_errors": tests[1]["errors"]},
        "winner_with_the_plain_recipe": plain,
        "patch": patch_facts(case, run, winner, scratch),
        "params_ratio": tried[winner]["params"] / unedited["params"],
        "time_ratio": tried[winner]["time"] / unedited["time"],
        "holds": is_better(unedited, tried[winner]),
        "data": facts(data),
    }


def candidates(front: tuple, original: Scored) -> list[str]:
    """The ids to try: smaller or faster, first those whose error in the search is at most the original's."""
    limit = original.values["error"]
    smaller = [m for m in front if gain(original.values, m.values) < 0]
    ordered = sorted(smaller, key=lambda m: (max(m.values["error"] - limit, 0.0), gain(original.values, m.values)))
    return [m.id for m in ordered[:CANDIDATES]]


def gain(original: dict, values: dict) -> float:
    """The logarithm of parameters and time as shares of the original's: below 0 is smaller or faster on the whole."""
    return sum(math.log(max(values[key], 1e-6) / original[key]) for key in ("params", "time"))


def best(original: dict, tried: dict[str, dict]) -> str:
    """The candidate of an error no worse that gains most; where there is none, the one of least error."""
    good = {id_: found for id_, found in tried.items() if is_better(original, found)}
    if good:
        return min(good, key=lambda id_: gain(original, good[id_]))
    return min(tried, key=lambda id_: tried[id_]["error"])


def is_better(original: dict, found: dict) -> bool:
    """Smaller or faster, at an equal or smaller mean validation error."""
    leaner = found["params"] < original["params"] or found["time"] < FASTER * original["time"]
    return leaner and found["error"] <= original["error"]


def trained(executor: LocalExecutor, settings: RunConfig, text: str, split: str) -> dict:
    """Trainings from scratch: mean error, each error, parameters and mean time."""
    seeds = [torch_seed(settings.seed, "experiment", n) for n in range(SEEDS)]
    outcomes = [executor.submit(Job("it", text, seed, settings.images, split)).result() for seed in seeds]
    failed = [outcome for outcome in outcomes if not isinstance(outcome, Scored)]
    if failed:
        raise SystemExit(f"a training failed: {failed[0]}")
    errors = [outcome.values["error"] for outcome in outcomes]
    return {
        "error": statistics.mean(errors),
        "sd": statistics.stdev(errors),
        "errors": errors,
        "params": int(outcomes[0].values["params"]),
        "macs": int(outcomes[0].values["macs"]),
        "time": statistics.mean(outcome.values["time"] for outcome in outcomes),
        "train_cpu_s": statistics.mean(outcome.cost.train_cpu_s for outcome in outcomes),
    }


# The patch -----------------------------------------------------------------------------------------------------------


def patched_text(case: Case, run: Path, id_: str, scratch: Path) -> str:
    """The file of a clean checkout after `git apply`."""
    patch = (scratch / f"{id_}.patch").absolute()
    subprocess.run([*GI, "export", str(run), id_, "--patch", str(patch), "--force"], check=True, stdout=sys.stderr)
    place = checkout(case, scratch / "clean")
    git("-C", str(place), "apply", "--check", str(patch))
    git("-C", str(place), "apply", str(patch))
    text = plain_text((place / case.path).read_bytes())
    checkout(case, scratch / "clean")
    return text


def evolved_recipe(text: str) -> str:
    """The patched file without the recipe that evolution changed; "" where it did not."""
    from gi.source.tree.statements import delete_statements
    from gi.source.tree.tree import parse

    source = parse(text)
    function = source.functions.get("recipe")
    return source.edited(delete_statements(source, [function])) if function else ""


def patch_facts(case: Case, run: Path, id_: str, scratch: Path) -> dict:
    """The winner's patch on a clean checkout, and what Python imports from there."""
    patch = (scratch / f"{id_}.patch").absolute()
    place = checkout(case, scratch / "clean")
    git("-C", str(place), "apply", str(patch))
    file = place / case.path
    with Archive.open(run) as archive:
        entry = archive.run().config.entry
    call = entry if entry.endswith(")") else f"{entry}()"
    program = (
        "from gi.core.compat import allow_torchvision; allow_torchvision()\n"  # torch may lack torchvision's operators
        f"import {file.stem} as module\nprint(sum(p.numel() for p in module.{call}.parameters()))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=file.parent, check=True, capture_output=True, text=True)
    checkout(case, scratch / "clean")
    lines = patch.read_text().splitlines()
    return {
        "git_apply": "taken",
        "params_of_the_imported_model": int(done.stdout),
        "added": sum(line.startswith("+") and not line.startswith("+++") for line in lines),
        "removed": sum(line.startswith("-") and not line.startswith("---") for line in lines),
        "has_a_recipe": any(line.startswith("+def recipe(") for line in lines),
        "header": [line for line in lines[: lines.index(next(x for x in lines if x.startswith("---")))] if line],
    }


def facts(data: Dataset) -> dict:
    return {"name": data.name, "train": data.num_train, "input_shape": data.task.input_shape}


def cpu_s() -> tuple[float, ...]:
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return tuple(used.ru_utime + used.ru_stime for used in both)


if __name__ == "__main__":
    sys.exit(main())
