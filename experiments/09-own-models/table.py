"""Writes the results of the reported cases into the README. Usage: python experiments/09-own-models/table.py"""

import json
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from results import put_table

HERE = Path(__file__).parent
CASES = ("mnist", "lenet", "shufflenet")


def show_in_readme() -> None:
    """Writes the table of the reported cases into the README."""
    files = [HERE / f"results-{name}.json" for name in CASES]
    results = [json.loads(file.read_text()) for file in files if file.exists()]
    if results:
        put_table(files[0], Path(__file__), table(results))


def table(found: list[dict]) -> str:
    head = "| file | | validation error | test error | parameters | time (x reference) |\n" + "| --- " * 6 + "|\n"
    lines = []
    for result in found:
        name = f"`{result['file']}` `{result['entry']}`"
        lines += [row(name, "as it is", result["original"]), row("", "patched", result["winner"])]
        if plain := result["winner_with_the_plain_recipe"]:
            lines.append(row("", "patched, plain recipe", plain))
        times = f"{result['time_ratio']:.2f}"
        lines.append(f"| | patched / as it is | | | **{result['params_ratio']:.3f}** | **{times}** |")
    return head + "\n".join(lines) + "\n\n" + searches(found)


def row(name: str, what: str, figures: dict) -> str:
    tests = figures.get("test_errors")
    test = f"{statistics.mean(tests):.2%} ± {100 * statistics.stdev(tests):.2f}" if tests else ""
    error = f"{figures['error']:.2%} ± {100 * figures['sd']:.2f}"
    return f"| {name} | {what} | {error} | {test} | {figures['params']:,} | {figures['time']:.2f} |"


def searches(found: list[dict]) -> str:
    columns = (
        "file",
        "holds",
        "generations",
        "evaluations",
        "failed",
        "CPU-minutes: search, all",
        "patch",
        "recipe in it",
    )
    head = f"| {' | '.join(columns)} |\n"
    lines = []
    for result in found:
        search, patch = result["search"], result["patch"]
        cpu = f"{search['cpu_min']:.1f}, {result['cpu_min']:.1f}"
        lines.append(
            f"| `{result['file']}` | {'yes' if result['holds'] else 'no'} | {search['generations']} | "
            f"{search['evaluations']} | {search['failed']} | {cpu} | +{patch['added']} -{patch['removed']} | "
            f"{'yes' if patch['has_a_recipe'] else 'no'} |"
        )
    return head + "| --- " * 8 + "|\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    show_in_readme()
