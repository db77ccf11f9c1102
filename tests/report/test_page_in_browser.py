"""The page in a browser, as its user meets it: Debian's `chromium`, driven by Playwright."""

import os
import shutil

import pytest

from gi.archive import Archive
from gi.report.page import following, write_page
from gi.report.page.following import Followed, served
from tests.large_run import write_large_run
from tests.report.test_page import hostile_run
from tests.small_run import BROKEN_ID, DEEP_ID, SMALL_ID, scored, write_run

playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright: pip install 'gi[browser]'")
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Debian's chromium: apt-get install chromium")

WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
LIMIT_MS = 120_000  # of a machine that others use, too


@pytest.fixture(scope="module")
def chromium():
    with playwright.sync_playwright() as driver:
        # A sandbox of Chromium's own cannot be had as root, as which containers run.
        sandbox = ["--no-sandbox"] if os.getuid() == 0 else []
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=sandbox, timeout=LIMIT_MS)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium):
    """Opens an address and watches: no error may be written to the console, nothing asked of another address."""
    contexts, complaints = [], []

    def opened(address, **options):
        context = chromium.new_context(**{"viewport": WIDE, **options})
        context.set_default_timeout(LIMIT_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda told: complaints.append(told.text) if told.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.on("request", lambda asked: _allow(asked.url, address, complaints))
        page.goto(address)
        page.wait_for_selector("#front-plot .main-svg")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def click_on(page, point):
    """Clicks on a point of a chart as a hand does: Plotly looks under the mouse first, on a layer above its points."""
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_selector("#front-plot .hoverlayer .hovertext")
    page.mouse.down()
    page.mouse.up()
    page.wait_for_selector("#individual-heading")


def _allow(url, address, complaints):
    if not url.startswith((address.partition("#")[0], "data:", "blob:")):
        complaints.append(f"asked for {url}")


@pytest.fixture
def small(tmp_path):
    return written(write_run(tmp_path / "run"))


def written(folder):
    page = folder.parent / "report.html"
    with Archive.open(folder) as archive:
        write_page(archive, page)
    return page.as_uri()


def test_axes_are_chosen_and_are_logarithmic_where_the_objective_is(visit, small):
    page = visit(small)
    layout = "() => [at('front-plot').layout.xaxis, at('front-plot').layout.yaxis].map((a) => [a.title.text, a.type])"
    assert page.evaluate(layout)[0] == ["parameters", "log"]
    page.select_option("#x-axis", label="test error, mean of the final trainings (up to 2 seeds)")
    assert page.evaluate(layout)[0][0] == "test error, mean of the final trainings (up to 2 seeds)"
    page.select_option("#colour", "generation")
    assert page.evaluate("() => at('front-plot').data[0].marker.color") == []


def test_a_click_on_a_point_shows_the_individual_and_its_difference_to_its_seed_program(visit, small):
    page = visit(small)
    click_on(page, page.locator("#front-plot .points path.point").last)
    chosen = page.locator("#individual-heading").inner_text()
    assert chosen in (SMALL_ID, DEEP_ID)
    page.click(f"#members button:text-is('{DEEP_ID[:8]}')")
    assert page.locator("#individual-heading").inner_text() == DEEP_ID
    assert page.locator("#other-name").inner_text() == f"its seed program {SMALL_ID[:8]}"
    assert "nn.Hardswish()," in page.locator("#diff .new.changed").all_inner_texts()[1]
    page.click("summary:text-is('Origin and licence of borrowed lines')")
    assert "BSD-3-Clause" in page.locator("#origins").inner_text()
    page.click("summary:text-is('Source')")
    assert page.locator("#source .k:text-is('class')").count() == 1
    page.click("summary:text-is('Family')")
    assert page.locator("#family li").count() == 2
    page.wait_for_selector("#family-plot path.point")
    assert page.locator("#family-plot path.point").count() == 2
    page.click("#family button >> nth=0")
    assert page.locator("#individual-heading").inner_text() == SMALL_ID


def test_learning_curves_confusions_and_mistakes_of_a_member_are_shown(visit, small):
    page = visit(f"{small}#{DEEP_ID}")
    assert page.locator("#loss-plot .scatterlayer .trace").count() == 2
    assert page.locator("#error-plot path.point").count() == 1
    assert page.locator("#confusion-matrix .wrong").all_inner_texts() == ["2", "7", "3"]
    assert "7" in page.locator("#confusions tbody tr").first.inner_text()
    pictures = page.locator("#mistakes img")
    assert pictures.count() == 2
    assert pictures.evaluate_all("all => all.every((one) => one.complete && one.naturalWidth === 8)")
    assert "no picture kept" in page.locator("#mistakes li").last.inner_text()
    page.fill("#search-id", BROKEN_ID[:4])
    page.press("#search-id", "Enter")
    assert "the loss is nan" in page.locator("#individual-facts").inner_text()
    assert not page.locator("#confusion-part").is_visible()


def test_any_two_are_compared_and_what_no_id_begins_with_is_said(visit, small):
    page = visit(f"{small}#{DEEP_ID}")
    page.fill("#compare-id", "b2")
    page.click("button:text-is('Compare')")
    assert page.locator("#other-name").inner_text() == BROKEN_ID[:8]
    page.fill("#compare-id", "zz")
    page.click("button:text-is('Compare')")
    assert page.locator("#compare-note").inner_text() == "no id begins so"


def test_the_keyboard_is_enough(visit, small):
    page = visit(small)
    page.focus("#members button >> nth=0")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "individual-heading"
    assert page.locator("#individual").is_visible()


@pytest.mark.parametrize("options", [{"viewport": NARROW}, {"color_scheme": "dark"}], ids=["narrow", "dark"])
def test_nothing_is_wider_than_the_window_and_nothing_is_hard_to_read(visit, small, options):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe: pip install 'gi[browser]'")
    page = visit(f"{small}#{DEEP_ID}", **options)
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    width = page.viewport_size["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = axe.Axe().run(page).response["violations"]
    grave = [one for one in found if one["impact"] in ("serious", "critical")]
    serious = [(one["id"], [node["html"] for node in one["nodes"]]) for one in grave]
    assert serious == []


def test_no_name_is_obeyed(visit, tmp_path):
    page = visit(f"{written(hostile_run(tmp_path / 'run'))}#{DEEP_ID}")
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    assert "obeyed" in page.title(), "the data set's name, as text"
    assert page.title() != "obeyed"
    assert page.locator("script").count() == 3
    assert page.locator("img:not([src^='data:'])").count() == 0


def test_a_run_that_goes_on_is_followed_where_its_user_is(visit, tmp_path, monkeypatch):
    monkeypatch.setattr(following, "_EVERY_S", 0.0)
    folder = write_run(tmp_path / "run", finished=False)
    followed = Followed(folder)
    with served(followed) as address:
        page = visit(f"{address}#{DEEP_ID}")
        page.select_option("#x-axis", label="inference time (x reference network), 1 training (1 seed)")
        page.focus("#members button >> nth=1")
        with Archive.annotate(folder) as archive:
            archive.outcomes.add(BROKEN_ID, scored(0.01, 5000, 0.1), seed=2, images=640)
        followed._due_s = 0.0
        followed.refresh()
        page.wait_for_function("points.individual.length === 3")
        assert page.locator("#followed").inner_text().startswith("Followed: as of")
        assert page.locator("#individual-heading").inner_text() == DEEP_ID
        assert page.evaluate("axes[at('x-axis').value].key") == "time"
        assert page.evaluate("document.activeElement.className") == "id"


def test_20_000_individuals_are_drawn_and_chosen(visit, tmp_path):
    page = visit(written(write_large_run(tmp_path / "run")))
    assert page.evaluate("individuals.id.length") == 20_000
    assert "trainings of" in page.locator("#front-note").inner_text()
    page.click("#members button >> nth=0")
    assert page.locator("#diff").inner_text()
    page.select_option("#x-axis", "2")
    assert page.evaluate("at('front-plot').data.flatMap((trace) => trace.x).length") > 20_000
