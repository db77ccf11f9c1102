"""The main job with all defaults on MNIST, judged.

Usage: python experiments/05-mnist/run.py --seed 11       results-11.json, generations-11.csv, front-11.png
       python experiments/05-mnist/run.py --table 11 12 13   the README's tables, from the results of these seeds
"""

import argparse
import csv
import json
import math
import resource
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from results import judged, put_table, test_error_text

from gi.archive import Archive

HERE = Path(__file__).parent
GI = str(Path(sys.executable).with_name("gi"))
MEASURES = ("error", "params", "time")


def evolved(seed: int, folder: Path) -> tuple[dict, float]:
    """What `gi evolve` answers, and the CPU seconds of all of its processes as the kernel counts them."""
    command = [GI, "evolve", "--dataset", "mnist", "--generations", "50", "--no-cache", "--json", "--out", str(folder)]
    command += ["--seed", str(seed)] if seed else []
    before = children_cpu_s()
    answer = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
    return json.loads(answer), children_cpu_s() - before


def children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def asked(verb: str, folder: Path, *options: str) -> dict:
    command = [GI, verb, str(folder), "--json", *options]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)


def figures(summary: dict, kernel_cpu_s: float | None) -> dict:
    """The figures that the experiment is about. The run's own CPU count and the kernel's: the larger one is judged."""
    front = sorted(summary["front"], key=lambda member: member["error"])
    best = front[0]
    params = [member["params"] for member in front]
    return {
        "cpu_min": max(summary["cpu_s"], kernel_cpu_s or 0.0) / 60,
        "cpu_min_by_gi": summary["cpu_s"] / 60,
        "cpu_min_by_kernel": kernel_cpu_s and kernel_cpu_s / 60,
        "wall_min": summary["wall_s"] / 60,
        "evaluations": summary["evaluations"],
        "cached": summary["cached"],
        "failed": summary["failed"],
        "overhead_share": summary["overhead_cpu_s"] / summary["cpu_s"],
        "hypervolume": summary["hypervolume"],
        "front_size": len(front),
        "params_factor": max(params) / min(params),
        "best_validation_error": best["error"],
        "best_test_error_mean": best.get("test_error_mean"),
        "best_test_error_sd": best.get("test_error_sd"),
        "final_seeds": max((member.get("seeds") or 0 for member in front), default=0),
    }


CLASSES = ((math.inf, 0.0055), (10_000, 0.0075), (2_000, 0.014), (1_000, 0.025))
"""Below how many parameters which test error is asked for."""


def verdicts(found: dict, front: list[dict]) -> list[tuple[str, str, str, bool]]:
    """(what, rule, value, whether it holds) of every claim.

    Of a class of sizes the member with the least validation error, mean of its final trainings, is the one whose test
    error is judged. Members with fewer final trainings than others of their class are left out.
    """
    rows = [("wall minutes", "at most 15", f"{found['wall_min']:.1f}", found["wall_min"] <= 15)]
    for most, asked_for in CLASSES:
        best = judged(front, most)
        what = "test error, any size" if math.isinf(most) else f"test error under {most:,} parameters"
        value = "none" if best is None else f"{test_error_text(best)} ({best['seeds']}) at {best['params']:,.0f}"
        held = best is not None and best["test_error_mean"] <= asked_for
        rows.append((what, f"at most {asked_for:.2%}", value, held))
    low = sum(member["error"] < 0.05 for member in front)
    rows.append(("members of the front under 5 %", "at least 12", str(low), low >= 12))
    share = found["overhead_share"]
    rows.append(("CPU seconds outside training and measuring", "at most 15 %", f"{share:.1%}", share <= 0.15))
    return rows


def table(results: list[dict]) -> str:
    """Both tables of the README, in Markdown: what was asked over all seeds, and the front of the first."""
    columns = [verdicts(result, result["summary"]["front"]) for result in results]
    seeds = " | ".join(f"seed {result['seed']}" for result in results)
    lines = [f"| what | asked | {seeds} | holds |"]
    lines += ["| --- " * (len(results) + 3) + "|"]
    for rows in zip(*columns, strict=True):
        what, rule = rows[0][:2]
        held = sum(holds for *_, holds in rows)
        values = " | ".join(value for _, _, value, _ in rows)
        lines.append(f"| {what} | {rule} | {values} | {'yes' if held == len(rows) else f'{held} of {len(rows)}'} |")
    lines += [
        "",
        f"The front of seed {results[0]['seed']}:",
        "",
        "| id | born in | validation error | parameters | time | test error (final trainings) |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for member in sorted(results[0]["summary"]["front"], key=lambda m: m["params"]):
        error, params, time = (member[key] for key in MEASURES)
        lines.append(
            f"| `{member['id'][:8]}` | {member['generation']} | {error:.2%} | {params:,.0f} | {time:.2f} "
            f"| {test_error_text(member)} ({member.get('seeds') or 0}) |"
        )
    return "\n".join(lines) + "\n"


def write_generations(folder: Path, path: Path) -> None:
    """One row for each generation: CPU seconds so far, hypervolume, size of the front, best error."""
    with Archive.open(folder) as archive, path.open("w", newline="") as file:
        errors = {
            e.individual: e.outcome.values["error"]
            for e in archive.outcomes.evaluations("validation")
            if hasattr(e.outcome, "values")
        }
        rows = csv.writer(file)
        rows.writerow(["generation", "cpu_s", "hypervolume", "front", "best_error"])
        for g in archive.generations.all():
            best = min(errors[id_] for id_ in g.front)
            rows.writerow([g.number, round(g.cpu_s, 1), round(g.hypervolume, 5), len(g.front), best])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=None, help="the new run's folder")
    parser.add_argument("--run", type=Path, default=None, help="judge this finished run of gi evolve --json > RUN.json")
    parser.add_argument("--table", type=int, nargs="+", default=[], help="write the README's tables of these seeds")
    options = parser.parse_args()
    if options.table:
        results = [json.loads((HERE / f"results-{seed}.json").read_text()) for seed in options.table]
        put_table(HERE / "results", Path(__file__), table(results))
        return 0
    kernel_cpu_s = None
    if options.run is None:
        folder = options.out or HERE / "runs" / f"seed-{options.seed}"
        folder.parent.mkdir(parents=True, exist_ok=True)
        summary, kernel_cpu_s = evolved(options.seed, folder)
    else:
        folder = options.run
        summary = json.loads(folder.with_suffix(".json").read_text())
    found = figures(summary, kernel_cpu_s)
    front = asked("front", folder, "--plot", str(HERE / f"front-{options.seed}.png"))
    write_generations(folder, HERE / f"generations-{options.seed}.csv")
    result = {"seed": options.seed, **found, "summary": summary, "objectives": front["objectives"]}
    result["failures"] = asked("failures", folder)
    (HERE / f"results-{options.seed}.json").write_text(json.dumps(result, indent=2) + "\n")
    print(table([result]))
    return 0 if all(holds for *_, holds in verdicts(found, summary["front"])) else 1


if __name__ == "__main__":
    sys.exit(main())
