"""Sums up the records of tries, and prints them as the tables of the README."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

COLUMNS = ("parse", "build", "forward", "different", "gradient")
Record = dict[str, Any]


def summarised(records: Iterable[Record]) -> dict[str, Any]:
    """Counts by row, by file and row and by operator, the reasons for the rest, and CPU time by file."""
    records = list(records)
    return {
        "rows": grouped(records, lambda r: r["row"]),
        "files": grouped(records, lambda r: f"{r['file']} / {r['row']}"),
        "operators": grouped([r for r in records if r["row"] != "10 edits"], operator_of),
        "reasons": reasons(records),
        "cpu": cost(records),
    }


def operator_of(record: Record) -> str:
    """The operator of the edit that ended the try."""
    return f"{record['row']}: {record['operators'][-1] if record['operators'] else 'none'}"


def grouped(records: Sequence[Record], key: Any) -> dict[str, Any]:
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(key(record), []).append(record)
    return {name: counted(group) for name, group in groups.items()}


def counted(records: Sequence[Record]) -> dict[str, Any]:
    """How many tries reach each column; one that made no edit, or whose file gi refuses, reaches none."""
    made = [r for r in records if r["operators"]]
    after, before = ({c: sum(r[side].get(c, False) for r in made) for c in COLUMNS} for side in ("after", "before"))
    return {"tries": len(records), "after": after, "before": before}


def reasons(records: Sequence[Record]) -> list[list[Any]]:
    """Why tries fell short: by row, the first column that fails, and what the variation said."""
    found = Counter((r["row"], *shortfall(r)) for r in records if shortfall(r)[0])
    return [[*reason, count] for reason, count in sorted(found.items(), key=lambda item: (item[0][0], -item[1]))]


def shortfall(record: Record) -> tuple[str, str]:
    failed = next((c for c in COLUMNS if not record["after"].get(c)), "")
    said = record["reason"] or record["after"]["error"].partition(":")[0] or "equal to a parent"
    return failed, said if record["reason"] != "cannot repair" else f"cannot repair: {plain(record['detail'])}"


def plain(detail: str) -> str:
    """A detail without its numbers and line, so that equal reasons count together."""
    return " ".join(w for w in detail.split() if not any(c.isdigit() for c in w) and w != "line").strip(": ")


def cost(records: Sequence[Record]) -> dict[str, Any]:
    """By file and row: CPU ms of driver and check worker for each distinct working network that is not the original."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(f"{record['file']} / {record['row']}", []).append(record)
    return {name: new_network_cost(group) for name, group in groups.items()}


def new_network_cost(records: Sequence[Record]) -> dict[str, float]:
    new = {r["model"] for r in records if r["after"].get("different")}
    total = sum(r["cpu_ms"] for r in records)
    return {"cpu_ms": round(total, 1), "distinct": len(new), "cpu_ms_per_new": round(total / max(1, len(new)), 1)}


def printed(summary: dict[str, Any]) -> str:
    parts = [
        table("row", summary["rows"]),
        table("file / row", summary["files"]),
        table("by operator", summary["operators"]),
    ]
    lines = ["| row | first column that fails | why | tries |", "| --- | --- | --- | --- |"]
    lines += [f"| {row} | {column} | {why} | {count} |" for row, column, why, count in summary["reasons"]]
    costs = ["| file / row | distinct new networks | CPU ms for each |", "| --- | --- | --- |"]
    costs += [f"| {name} | {c['distinct']} | {c['cpu_ms_per_new']} |" for name, c in summary["cpu"].items()]
    return "\n\n".join([*parts, "\n".join(lines), "\n".join(costs)])


def table(title: str, groups: dict[str, Any]) -> str:
    """Percentages after repair, with those before repair in brackets."""
    lines = [f"| {title} | tries | {' | '.join(COLUMNS)} |", "| --- | --- |" + " --- |" * len(COLUMNS)]
    for name, group in groups.items():
        n = group["tries"]
        cells = [f"{100 * group['after'][c] / n:.1f} ({100 * group['before'][c] / n:.0f})" for c in COLUMNS]
        lines.append(f"| {name} | {n} | {' | '.join(cells)} |")
    return "\n".join(lines)
