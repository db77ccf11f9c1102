"""Writes the tables of the README beside this script from build.json and borrowed.json.

python experiments/25-stock/tables.py
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
from results import put_table

HERE = Path(__file__).parent


def main() -> None:
    texts = [_held(_read("build.json")), _cost(_read("build.json")), _run(_read("borrowed.json"))]
    put_table(HERE / "README.md", Path(__file__), "\n".join(text for text in texts if text))


def _read(name: str) -> dict:
    return json.loads((HERE / name).read_text()) if (HERE / name).exists() else {}


def _held(built: dict) -> str:
    """Distinct lines by type, with the number of symbols, a column a corpus."""
    types = sorted({t for row in built.values() for t in row["types"]})
    lines = [f"| distinct lines (symbols) | {' | '.join(built)} |", f"| --- |{' --- |' * len(built)}"]
    for line_type in types:
        cells = (row["types"].get(line_type, {"ingredients": 0, "symbols": 0}) for row in built.values())
        lines.append(_row(line_type, (f"{c['ingredients']:,} ({c['symbols']})" for c in cells)))
    lines.append(_row("block", (f"{row['blocks']:,}" for row in built.values())))
    return "\n".join(lines) + "\n"


def _row(name: str, cells: Iterable[str]) -> str:
    return f"| {name} | {' | '.join(cells)} |"


_COSTS = {
    "cpu_s": "first build, CPU s",
    "wall_s": "first build, wall s",
    "file_mb": "file, MB",
    "open_ms": "opening and first draw of every type, CPU ms",
    "draw_us": "one draw, CPU us",
    "held_mb": "memory held, MB",
}


def _cost(built: dict) -> str:
    lines = [f"| cost | {' | '.join(built)} |", f"| --- |{' --- |' * len(built)}"]
    lines += [_row(text, (str(row[key]) for row in built.values())) for key, text in _COSTS.items()]
    return "\n".join(lines) + "\n"


def _run(borrowed: dict) -> str:
    lines = ["| corpus | what | first tries | run | accepted |", "| --- | --- | --- | --- | --- |"]
    for stock, plans in borrowed.items():
        for name, row in plans.items():
            lines.append(f"| {stock} | {name} | {row['tries']} | {row['run']:.1%} | {row['accepted']:.1%} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
