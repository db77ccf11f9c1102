"""The rows that `--csv` prints of answers with more than one list."""

from collections.abc import Mapping, Sequence
from typing import Any

Rows = Sequence[Mapping[str, Any]]


def corpus_rows(summary: Mapping[str, Any]) -> Rows:
    """The rows of a corpus: its blocks, or one for each type, repository and licence, named in the column `by`."""
    if "blocks" in summary:
        return list(summary["blocks"])
    parts = {"type": summary["types"], "repository": summary["repositories"], "licence": summary["licences"]}
    return [{"by": part, **row} for part, rows in parts.items() for row in rows]


def kernel_rows(answer: Mapping[str, Any]) -> Rows:
    """The rows of a kernel: its children, parents and nearest kernels, named in the column `relation`."""
    kin = [
        {"relation": relation, "kernel": id_}
        for relation, key in (("child", "children"), ("parent", "parents"))
        for id_ in answer.get(key, {}).get("ids", ())
    ]
    return [*kin, *({"relation": "near", **row} for row in answer["nearest"])]
