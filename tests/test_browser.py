"""The page of a report in a real browser; run as a program it makes the picture of the docs."""

import contextlib
import itertools
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from reports import HOSTILE, healthy, sick

from constrainit.cli import cli
from constrainit.log._storage import COLUMNS, Weight
from constrainit.log._writer import Writer

# No compiler has a part in it.

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
SYSTEM = ("chromium", "chromium-browser", "google-chrome")


@contextlib.contextmanager
def browser():
    """Playwright's own Chromium, or that of the system; None if there is neither."""
    with sync_api.sync_playwright() as playwright:
        system = next(filter(None, map(shutil.which, SYSTEM)), None)
        started = _launched(playwright.chromium, playwright.chromium.executable_path)
        started = started or _launched(playwright.chromium, system)
        if started is None:
            yield None
            return
        yield started
        started.close()


def _launched(chromium, path):
    """A browser, or None if it is not there or lacks libraries of the system."""
    if path is None or not Path(path).exists():
        return None
    try:
        return chromium.launch(executable_path=path, args=["--no-sandbox"])
    except sync_api.Error:
        return None


@pytest.fixture(scope="module")
def chromium():
    with browser() as started:
        if started is None:
            pytest.skip("no Chromium that starts: `playwright install chromium` gets one")
        yield started


@pytest.fixture
def show(chromium, tmp_path):
    """Opens a page, or a report's; nothing may be fetched, said on the console, or asked."""
    opened, said = [], []

    def show(report, **options):
        target = report
        if not isinstance(report, Path):
            target = tmp_path / "report.html"
            report.save(target)
        context = chromium.new_context(**{"viewport": {"width": 1000, "height": 900}, **options})
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.on("request", lambda request: said.append(request.url))
        page.goto(target.as_uri())
        assert said.pop(0) == target.as_uri()
        opened.append(context)
        return page

    yield show
    for context in opened:
        context.close()
    assert said == []


def test_key_texts_are_visible(show):
    """The verdict, the findings in order, what was tried, the strip, the charts and weights."""
    page = show(sick())
    assert page.locator("h1").inner_text() == "What the doctor found in model of first"
    assert "1 error, 2 warnings, 1 note" in page.locator(".verdict").inner_text()
    codes = page.locator(".finding > summary").all_inner_texts()
    assert [text.split()[0][-5:] for text in codes] == ["CW201", "CW101", "CW102", "CW404"]
    for text in ("ci.prepare('first')", "+new(first)", "train.py:10", "not healed", "25 %"):
        assert page.get_by_text(text).first.is_visible()
    assert page.locator(".strip li.error a").inner_text() == "second"
    assert page.get_by_role("img", name="Signal by depth").is_visible()
    assert page.get_by_role("img", name="Histograms of model/first/kernel").is_visible()
    assert page.locator("rect.bar0").count() > 4
    assert "Healthy: nothing found" in show(healthy()).locator(".verdict").inner_text()


def test_it_is_used_by_keyboard(show):
    """The skip link comes first; a finding that is closed is opened by Enter; focus is seen."""
    page = show(sick())
    page.keyboard.press("Tab")
    focus = "document.activeElement"
    assert page.evaluate(f"{focus}.className") == "skip"
    assert page.evaluate(f"getComputedStyle({focus}).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert page.evaluate(f"{focus}.id") == "findings"
    consequence = page.locator("#finding-2")
    inner = consequence.get_by_text("jumps (first)")
    assert not inner.is_visible()
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate(f"{focus}.parentElement.id") == "finding-2":
            break
    page.keyboard.press("Enter")
    assert inner.is_visible()


def test_it_is_read_without_eyes(show):
    """One first heading, levels without gaps, a name for each image, a table beside each chart."""
    page = show(sick())
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])")
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    images = page.locator("svg")
    assert images.count() >= 4
    assert all(one.get_attribute("role") == "img" for one in images.all())
    assert all(one.get_attribute("aria-label") for one in images.all())
    assert page.locator("figure table").count() == images.count()
    assert page.locator(".strip li").first.inner_text().count("warning") == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_light_or_dark_and_fits(show, scheme):
    """The background follows the reader's choice, text stands out, and a phone needs no scroll."""
    page = show(sick(), color_scheme=scheme, viewport={"width": 360, "height": 700})
    body = "getComputedStyle(document.body)"
    background = page.evaluate(f"{body}.backgroundColor")
    assert (background == "rgb(255, 255, 255)") == (scheme == "light")
    assert page.evaluate(f"{body}.color") != background
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_names_are_text(show):
    """A name from a model is shown, and runs nothing: no script, no element of its own."""
    page = show(sick(HOSTILE))
    assert page.evaluate("document.scripts.length") == 0
    assert '<script>alert("1")</script>' in page.locator("h1").inner_text()
    assert r"\x1b[31mred\x9b2J\u202e" in page.locator("h1").inner_text()
    assert page.locator("[onerror], [onload], iframe, img, link, object").count() == 0


def test_the_page_of_a_log(show, tmp_path):
    """Plots of each weight and the heat map are visible; hostile names are text; a phone fits."""
    writer = Writer(tmp_path / "run.db")
    writer.begin({"model": "m", "every": 1}, [Weight(HOSTILE, (2, 3), "float32", "a box")], 0)
    for step in range(50):
        numbers = dict.fromkeys(COLUMNS, 1.0 + step) | {"share_moved": step / 50}
        writer.add(HOSTILE, step, [numbers[name] for name in COLUMNS])
        for side in ("before", "after"):
            writer.add_array(HOSTILE, step, f"histogram {side}", np.float32([2, 4]).tobytes())
    writer.commit()
    writer.close()
    done = CliRunner().invoke(
        cli, ["log", str(tmp_path / "run.db"), "--html", str(tmp_path / "page.html")]
    )
    assert done.exit_code == 0, done.output
    page = show(tmp_path / "page.html", viewport={"width": 360, "height": 700})
    assert page.locator("h1").inner_text() == "run.db: run 1"
    assert '<script>alert("1")</script>' in page.locator("h2").last.inner_text()
    assert page.get_by_text("outside by, before the constraint: 1 to 50").is_visible()
    curve = page.locator("figure polyline").first
    assert curve.is_visible()
    assert curve.bounding_box()["width"] > 100
    assert page.locator(".heat rect").count() == 49
    spread = page.locator(".spread svg")
    assert spread.bounding_box()["width"] > 100
    assert page.locator(".spread rect").first.is_visible()
    assert page.get_by_text("weights afterwards, histograms over time: 1 to 50").is_visible()
    assert page.locator(".heat svg").bounding_box()["width"] > 100
    assert page.evaluate("document.scripts.length") == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def picture(target):
    """The page of a real report, of a model that has several faults."""
    import keras
    import numpy as np
    from PIL import Image

    import constrainit as ci

    keras.utils.set_random_seed(0)
    layers = [keras.Input((16,))]
    for index in range(3):
        layers.append(keras.layers.Dense(
            64, activation="sigmoid", kernel_constraint="non_neg", name=f"hidden_{index}",
            kernel_initializer="random_normal" if index else "glorot_uniform",
        ))  # fmt: skip
    layers.append(keras.layers.Dense(3, name="scores", activation="softmax"))
    model = keras.Sequential(layers, name="monotone")
    model.compile("adam", "sparse_categorical_crossentropy")
    draws = np.random.default_rng(0)
    report = ci.diagnose(model, draws.normal(size=(32, 16)), draws.integers(0, 3, 32))
    with browser() as started:
        page = started.new_page(viewport={"width": 1100, "height": 900})
        page.set_content(report.to_html())
        page.screenshot(path=target, full_page=True)
    with Image.open(target) as drawn:
        drawn.quantize(64).save(target, optimize=True)


if __name__ == "__main__":
    folder = Path(__file__).parents[1] / "docs" / "images"
    folder.mkdir(exist_ok=True)
    picture(folder / "report.png")
