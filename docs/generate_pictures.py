"""Takes the pictures of a run on digits: docs/front.png, and docs/report.png with Chromium. Run it by `make docs`.

The run takes three CPU minutes and lies in build/pictures afterwards, where the next call finds it. Times vary with the
machine, so that no two runs give the same picture: no test compares them.
"""

import os
import shutil
import sys
from pathlib import Path

import gi
from gi.archive import Archive
from gi.report.page import write_page
from gi.report.printing import front_plot

DOCS = Path(__file__).parent
BUILD = DOCS.parent / "build" / "pictures"
WINDOW = {"width": 1440, "height": 900}


def main() -> None:
    """Writes the pictures; says which one is left as it was, and why."""
    run = BUILD / "run"
    if not (run / "run.sqlite").exists():
        gi.evolve("digits", generations=12, budget="3m", out=run, tell=_tell)
    with Archive.open(run) as archive:
        front_plot(archive, DOCS / "front.png")
        write_page(archive, BUILD / "report.html", force=True)
    chromium = shutil.which("chromium")
    if chromium is None:
        _tell("docs/report.png is left as it was: it needs Debian's chromium (apt-get install chromium)")
    else:
        _photograph(BUILD / "report.html", DOCS / "report.png", chromium)


def _photograph(page: Path, picture: Path, chromium: str) -> None:
    from playwright.sync_api import sync_playwright

    # As root, which containers run as, Chromium has no sandbox of its own. The page is ours.
    arguments = ["--no-sandbox"] if os.getuid() == 0 else []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=arguments)
        tab = browser.new_page(viewport=WINDOW)
        tab.goto(page.resolve().as_uri())
        tab.wait_for_selector("#front-plot .main-svg")
        tab.screenshot(path=picture)
        browser.close()


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    main()
