"""Loss curves of final trainings and the misclassifications of their networks, for the page."""

import base64
from collections.abc import Collection, Mapping
from typing import Any

from gi.archive import Archive
from gi.core.diagnosis import Diagnosis

_MOST_MISTAKES = 12  # of one individual, worst first


def diagnoses(archive: Archive, shown: Collection[str], place: Mapping[str, int]) -> dict[int, dict[str, Any]]:
    """For each of `shown` (ids) the loss curves of its final trainings, and the first one's confusion and mistakes.

    The run keeps the weights of the first.
    """
    diagnosed: dict[int, dict[str, Any]] = {}
    for id_, _, images, diagnosis in archive.outcomes.diagnoses():
        if id_ in shown:
            first = {"images": images, "confusion": diagnosis.confusion, "mistakes": _mistakes(diagnosis), "curves": []}
            diagnosed.setdefault(place[id_], first)["curves"].append(diagnosis.losses)
    return diagnosed


def pictures(archive: Archive, diagnosed: Mapping[int, Mapping[str, Any]]) -> dict[int, str]:
    """The pictures (PNG, base64) of the misclassified samples of `diagnosed`, as far as the run keeps them."""
    wrong = {mistake[0] for one in diagnosed.values() for mistake in one["mistakes"]}
    kept = archive.outcomes.pictures()
    return {sample: base64.b64encode(kept[sample]).decode() for sample in sorted(wrong & kept.keys())}


def _mistakes(diagnosis: Diagnosis) -> list[list[float]]:
    return [[m.sample, m.label, m.answer, float(f"{m.share:.3g}")] for m in diagnosis.mistakes[:_MOST_MISTAKES]]
