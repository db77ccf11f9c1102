"""Draws docs/flow.svg, the diagram of how gi works. Run it by `make docs`; a test holds that the file is current."""

from dataclasses import dataclass
from html import escape
from pathlib import Path

PICTURE = Path(__file__).with_name("flow.svg")
WIDTH, HEIGHT = 1000, 600
STYLE = """
  .ground { fill: #ffffff } .box { fill: #f6f8fa; stroke: #57606a } .given { fill: #ddf4ff; stroke: #0969da }
  .walled { fill: #fff8c5; stroke: #9a6700 } .out { fill: #dafbe1; stroke: #1a7f37 }
  .loop { fill: none; stroke: #8c959f; stroke-dasharray: 6 4 }
  text { font-family: system-ui, sans-serif; font-size: 15px; fill: #1f2328; text-anchor: middle }
  .package { font-family: ui-monospace, monospace; font-size: 12px; fill: #57606a }
  .note { font-size: 12px; fill: #57606a }
  path { fill: none; stroke: #1f2328; stroke-width: 1.5 } .head { fill: #1f2328 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117 } .box { fill: #161b22; stroke: #8b949e } .given { fill: #051d4d; stroke: #4493f8 }
    .walled { fill: #2e2202; stroke: #d29922 } .out { fill: #04260f; stroke: #3fb950 } .loop { stroke: #6e7681 }
    text { fill: #e6edf3 } .package, .note { fill: #9198a1 } path { stroke: #e6edf3 } .head { fill: #e6edf3 }
  }
""".strip("\n")


@dataclass(frozen=True)
class Box:
    """A part of the flow: the middle of its box, what it says, and the package that does it."""

    x: int
    y: int
    title: str
    package: str = ""
    kind: str = "box"
    width: int = 170
    height: int = 56


REPOSITORIES = Box(110, 60, "repositories, wheels", "read as text", "given")
HARVEST = Box(305, 60, "harvest", "gi/harvest")
LINES = Box(500, 60, "type each line", "gi/lines")
CORPUS = Box(695, 60, "lines with origin", "gi/corpus")
SEEDS = Box(110, 215, "seed programs", "or your model.py", "given")
PARENTS = Box(305, 215, "parents", "gi/search")
VARY = Box(500, 215, "vary: typed edits", "gi/vary")
GATE = Box(695, 215, "the gate reads", "gi/source/gate", "walled")
REPAIR = Box(890, 215, "trace and repair", "gi/trace, gi/source")
KERNELS = Box(890, 345, "trained kernels", "gi/kernels", "given")
SELECT = Box(305, 440, "select, promote", "gi/search")
ARCHIVE = Box(500, 440, "archive: one file", "gi/archive")
TRAIN = Box(695, 440, "train and score", "gi/train, gi/sandbox", "walled")
DATA = Box(890, 440, "a data set", "gi/data", "given")
EXPLAIN = Box(305, 555, "explain, minimise", "gi/explain, gi/jobs")
EXPORT = Box(500, 555, "tidy and export", "gi/export, gi/report")
RESULT = Box(700, 555, "plain PyTorch", "model.py, weights, NOTICE", "out", width=190)
BOXES = (
    REPOSITORIES, HARVEST, LINES, CORPUS, SEEDS, PARENTS, VARY, GATE, REPAIR, KERNELS, SELECT, ARCHIVE, TRAIN, DATA,
    EXPLAIN, EXPORT, RESULT,
)  # fmt: skip
ACROSS = (
    (REPOSITORIES, HARVEST), (HARVEST, LINES), (LINES, CORPUS), (SEEDS, PARENTS), (PARENTS, VARY), (VARY, GATE),
    (GATE, REPAIR), (DATA, TRAIN), (TRAIN, ARCHIVE), (ARCHIVE, SELECT), (EXPLAIN, EXPORT), (EXPORT, RESULT),
)  # fmt: skip
ROUTES = (
    f"M {CORPUS.x} {CORPUS.y + 28} V 135 H {VARY.x} V {VARY.y - 30}",
    f"M {REPAIR.x} {REPAIR.y + 28} V 285 H {TRAIN.x - 20} V {TRAIN.y - 30}",
    f"M {KERNELS.x - 85} {KERNELS.y} H {TRAIN.x + 20} V {TRAIN.y - 30}",
    f"M {SELECT.x} {SELECT.y - 28} V {PARENTS.y + 30}",
    f"M {ARCHIVE.x} {ARCHIVE.y + 28} V 498 H {EXPLAIN.x} V {EXPLAIN.y - 30}",
)
NOTES = (
    (VARY.x + 98, 128, "lines to borrow"),
    (REPAIR.x - 108, 278, "each in a process of its own"),
    (KERNELS.x - 130, 337, "to start from"),
    (SELECT.x + 110, 320, "the best quarter trains"),
    (SELECT.x + 110, 337, "four times as long"),
)


def picture() -> str:
    """The whole picture as SVG."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        ' aria-label="The flow of gi, from repositories and a data set to plain PyTorch">',
        f"<style>\n{STYLE}\n</style>",
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path class="head" d="M 0 0 L 8 4 L 0 8 z" style="stroke: none"/></marker></defs>',
        f'<rect class="ground" width="{WIDTH}" height="{HEIGHT}"/>',
        '<rect class="loop" x="208" y="165" width="784" height="312" rx="10"/>',
        *map(_box, BOXES),
        *(_arrow(one, other) for one, other in ACROSS),
        *(_path(route) for route in ROUTES),
        *(f'<text class="note" x="{x}" y="{y}">{escape(text)}</text>' for x, y, text in NOTES),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _box(box: Box) -> str:
    left, top = box.x - box.width // 2, box.y - box.height // 2
    return (
        f'<rect class="{box.kind}" x="{left}" y="{top}" width="{box.width}" height="{box.height}" rx="6"/>'
        f'<text x="{box.x}" y="{box.y - 3}">{escape(box.title)}</text>'
        f'<text class="package" x="{box.x}" y="{box.y + 16}">{escape(box.package)}</text>'
    )


def _arrow(one: Box, other: Box) -> str:
    """From the side of one box to the facing side of another one in its row."""
    sign = 1 if other.x > one.x else -1
    start, end = one.x + sign * one.width // 2, other.x - sign * (other.width // 2 + 2)
    return _path(f"M {start} {one.y} L {end} {other.y}")


def _path(route: str) -> str:
    return f'<path d="{route}" marker-end="url(#head)"/>'


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
