"""Which rows of a verb's answer `--csv` prints, where the answer is more than one list."""

from collections.abc import Mapping, Sequence
from typing import Any

Rows = Sequence[Mapping[str, Any]]


def show_rows(answer: Mapping[str, Any], view: str | None) -> Rows:
    """Of an individual its ancestors, its changes or, without one of these views, itself in one row."""
    if view == "lineage":
        return list(answer["lineage"])
    if view == "provenance":
        return list(answer["explanation"]["changes"])
    return [{key: value for key, value in answer.items() if key not in ("lineage", "provenance", "explanation")}]


def corpus_rows(summary: Mapping[str, Any]) -> Rows:
    """Of a corpus its blocks, or a row for each type, repository and licence, told apart by the column `by`."""
    if "blocks" in summary:
        return list(summary["blocks"])
    parts = {"type": summary["types"], "repository": summary["repositories"], "licence": summary["licences"]}
    return [{"by": part, **row} for part, rows in parts.items() for row in rows]


def kernel_rows(answer: Mapping[str, Any]) -> Rows:
    """Of a kernel those that it is kin to or near, told apart by the column `relation`."""
    kin = [
        {"relation": relation, "kernel": id_}
        for relation, key in (("child", "children"), ("parent", "parents"))
        for id_ in answer.get(key, {}).get("ids", ())
    ]
    return [*kin, *({"relation": "near", **row} for row in answer["nearest"])]
