"""What our selection finds on NAS-Bench-201 at the cost of 200 trainings, beside NSGA-II and chance. See README.md."""

import json
import statistics
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from nasbench_search import SEARCHES, share_found, shares_kept  # noqa: E402
from nasbench_table import DATA_SETS, CellTable, read_table  # noqa: E402
from results import put_table  # noqa: E402

SEEDS = range(30)


def found(tables: dict[str, CellTable]) -> dict[str, dict[str, list[tuple[float, int]]]]:
    """For each search and data set, the share of the best hypervolume and the trained cells of each seed."""
    return {
        name: {data_set: [share_found(table, name, seed) for seed in SEEDS] for data_set, table in tables.items()}
        for name in SEARCHES
    }


def found_text(runs: dict[str, dict[str, list[tuple[float, int]]]]) -> str:
    lines = [f"| search | {' | '.join(DATA_SETS)} | mean | least of 90 | cells trained |", "| --- " * 7 + "|"]
    for name, by_set in runs.items():
        shares = {data_set: [share for share, _ in results] for data_set, results in by_set.items()}
        every = [share for results in shares.values() for share in results]
        cells = statistics.fmean(cells for results in by_set.values() for _, cells in results)
        columns = " | ".join(
            f"{statistics.fmean(shares[d]):.3f} ± {statistics.stdev(shares[d]):.3f}" for d in DATA_SETS
        )
        lines.append(f"| {name} | {columns} | **{statistics.fmean(every):.3f}** | {min(every):.3f} | {cells:.0f} |")
    return "\n".join(lines) + "\n"


def kept_text(kept: list[dict[str, float]]) -> str:
    """How much of the volume of a front 16 members keep."""
    members = [round(row["members"]) for row in kept]
    orders = [name for name in kept[0] if name != "members"]
    lines = [
        f"| order, of fronts of {min(members)} to {max(members)} | 16 members keep, mean | least |",
        "| --- " * 3 + "|",
    ]
    for name in orders:
        shares = [row[name] for row in kept]
        lines.append(f"| {name} | {statistics.fmean(shares):.4f} | {min(shares):.4f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    tables = {data_set: read_table(data_set) for data_set in DATA_SETS}
    kept = [shares_kept(table, seed) for table in tables.values() for seed in SEEDS]
    runs = found(tables)
    text = f"{found_text(runs)}\n{kept_text(kept)}"
    out = Path(__file__).parent / "results.json"
    out.write_text(json.dumps({"found": runs, "kept": kept}) + "\n")
    print(text)
    put_table(out, Path(__file__), text)


if __name__ == "__main__":
    main()
