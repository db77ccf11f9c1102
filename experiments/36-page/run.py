"""How soon does the page of a run answer, with 20 individuals and with 20,000? And what does it look like?

Usage: python experiments/36-page/run.py [--out DIR] [--rounds 3] [--pictures]
Writes a made-up run of each size (no training), its page, opens it in Debian's chromium through Playwright and waits
until a click on a member of the front shows its difference. Prints the table in README.md; --pictures also takes
screenshots, light and dark, 1440 and 390 pixels wide. Needs gi[browser] and the checkout on the path.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2]))  # tests.large_run
from results import put_table

from gi.archive import Archive
from gi.report.page import write_page
from tests.large_run import write_large_run

HERE = Path(__file__).parent
SIZES = (20, 20_000)
LOOKS = {"wide": {"width": 1440, "height": 900}, "narrow": {"width": 390, "height": 844}}
# The last mark that the page's own program can leave: its front is drawn and its controls listen.
READY = "() => document.querySelector('#front-plot .main-svg') && at('front-note').textContent && performance.now()"


def page_of(folder: Path, count: int) -> tuple[Path, float]:
    """The page of a made-up run of `count` individuals, and the CPU seconds that writing it takes."""
    run = write_large_run(folder / f"run-{count}", count, min(100, count // 2))
    page, start = folder / f"page-{count}.html", time.process_time()
    with Archive.open(run) as archive:
        write_page(archive, page)
    return page, time.process_time() - start


def opened(chromium, page: Path) -> dict[str, float]:
    """Seconds until the page is drawn and listens, and until a click is answered: wall, and the page's thread's CPU."""
    context = chromium.new_context(viewport=LOOKS["wide"])
    context.set_default_timeout(300_000)
    tab = context.new_page()
    tab.goto("file:///")  # a page of the same kind, so that the process that counts CPU time is the same
    clock = context.new_cdp_session(tab)
    clock.send("Performance.enable", {"timeDomain": "threadTicks"})
    before = _busy(clock)
    tab.goto(page.as_uri(), wait_until="commit")
    drawn = tab.wait_for_function(READY).json_value() / 1000
    ready = _busy(clock)
    took = tab.evaluate("""() => { const start = performance.now();
        document.querySelector('#members button').click(); return performance.now() - start; }""")
    answered = _busy(clock)
    context.close()
    return {"drawn": drawn, "drawn CPU": ready - before, "click": took / 1000, "click CPU": answered - ready}


def _busy(clock) -> float:
    """CPU seconds of the page's main thread so far."""
    metrics = clock.send("Performance.getMetrics")["metrics"]
    return next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")


def pictures(chromium, page: Path, out: Path, count: int) -> None:
    """Screenshots of the page as it opens, and with a member of its front chosen."""
    for width, viewport in LOOKS.items():
        for scheme in ("light", "dark"):
            context = chromium.new_context(viewport=viewport, color_scheme=scheme)
            context.set_default_timeout(300_000)
            tab = context.new_page()
            tab.goto(page.as_uri())
            tab.wait_for_function(READY)
            tab.wait_for_timeout(1000)
            tab.screenshot(path=out / f"{count}-{width}-{scheme}.png")
            tab.click("#members button >> nth=0")
            tab.wait_for_timeout(1000)
            tab.screenshot(path=out / f"{count}-{width}-{scheme}-member.png")
            context.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pictures", action="store_true")
    given = parser.parse_args()
    from playwright.sync_api import sync_playwright

    out = given.out or Path(tempfile.mkdtemp(prefix="gi-page-"))
    out.mkdir(parents=True, exist_ok=True)
    sandbox = ["--no-sandbox"] if os.getuid() == 0 else []
    heads = ["drawn and listening, s", "CPU s", "a click answered, s", "CPU s"]
    rows = [["individuals", "page, MB", "written, CPU s", *heads], ["---"] * 7]
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=shutil.which("chromium"), args=sandbox, timeout=300_000)
        for count in SIZES:
            page, written_s = page_of(out, count)
            times = [opened(chromium, page) for _ in range(given.rounds)]
            (out / f"times-{count}.json").write_text(json.dumps(times))
            shown = [f"{min(t[key] for t in times):.2f}" for key in times[0]]
            rows.append([f"{count:,}", f"{page.stat().st_size / 1e6:.1f}", f"{written_s:.1f}", *shown])
            print(rows[-1], flush=True)
            if given.pictures:
                pictures(chromium, page, out, count)
        chromium.close()
    told = f"Load {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores; the least of {given.rounds} rounds.\n\n"
    put_table(HERE / "table", Path(__file__), told + "".join(f"| {' | '.join(row)} |\n" for row in rows))


if __name__ == "__main__":
    main()
