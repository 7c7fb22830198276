"""Pages in a real Chromium, by mouse and by keyboard, without a network.

`make test-page` runs them. They need playwright, and a Chromium: `chromium`,
`chromium-browser` or `google-chrome` on PATH, or the one that `CHROMIUM` names.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FOUND = [os.environ.get("CHROMIUM"), *map(shutil.which, _NAMES)]
CHROMIUM = next(filter(None, _FOUND), "")
OFFLINE = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update"),
    "--disable-sync",
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium here"),
]

ROWS = {
    "x": np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32),
    "y": np.arange(6) % 3,
}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of a small network with a recorded training."""
    x = gc.input("x", ("batch", 4))
    y = gc.input("y", ("batch",), "int64")
    hidden = gc.nn.relu(gc.nn.Linear(4, 5, name="hidden")(x))
    logits = gc.nn.Linear(5, 3, name="output")(hidden) + hidden[:, :3]
    loss = gc.nn.cross_entropy(logits, y)
    trainer = gc.Trainer(loss, gc.optim.SGD(lr=0.1))
    recording = gc.Recording(ROWS)
    trainer.fit(ROWS, ROWS, epochs=3, callbacks=[recording], verbose=False)
    path = tmp_path_factory.mktemp("page") / "model.html"
    title = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    return gc.page(trainer, path, recording=recording, times=True, title=title)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            folder,
            executable_path=CHROMIUM,
            args=[*OFFLINE],
            viewport={"width": 1280, "height": 800},
        )
        yield browser
        browser.close()


class Step(gc.nn.Layer):
    """`tanh(second(first(x)))`."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.first, self.second = gc.nn.Linear(2, 3), gc.nn.Linear(3, 2)

    def forward(self, x: gc.Node) -> gc.Node:
        return gc.tanh(self.second(self.first(x)))


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of a loop, and of equal layers in a row."""
    xs, w = gc.input("xs", (3, 2)), gc.parameter("w", (2,), [1.0, 2.0])
    total, _ = gc.scan(lambda c, x: (c + w * x, None), gc.zeros((2,)), xs)
    flow = gc.reshape(total, (1, 2))
    for number in range(3):
        flow = Step(f"step{number}")(flow)
    path = tmp_path_factory.mktemp("loop") / "loop.html"
    feeds = {"xs": np.ones((3, 2))}
    return gc.page(gc.Trainer(gc.sum(flow), gc.optim.SGD(0.1)), path, feeds=feeds)


@pytest.fixture
def page(chromium: Any, file: Path, loop: Path) -> Iterator[Any]:
    """The page as it opens; nothing may fail, ask for anything or show a dialog."""
    opened = chromium.new_page()
    faults: list[str] = []
    opened.on("console", lambda message: faults.append(message.text))
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("request", lambda request: faults.append(request.url))
    opened.on("dialog", lambda dialog: faults.append(dialog.message))
    opened.goto(file.as_uri())
    yield opened
    assert {*faults} <= {file.as_uri(), loop.as_uri()}
    opened.close()


def vertex(page: Any, name: str) -> Any:
    """The vertex with this first line."""
    return (
        page.locator("#picture .vertex")
        .filter(has=page.locator("text.head", has_text=name))
        .first
    )


def texts(page: Any, selector: str) -> list[str]:
    return [text.strip() for text in page.locator(selector).all_inner_texts()]


def test_it_opens(page):
    assert page.locator("#title").inner_text().startswith("</script>")
    assert page.locator("img").count() == 0
    assert vertex(page, "loss").is_visible()
    assert page.locator(".flow").count() >= 8
    assert "np" in page.locator("#panel-code").inner_text()
    # All text of the graph is large enough to read, and nothing sticks out.
    boxes = page.evaluate(
        "[...document.querySelectorAll('#picture text')].map(t => "
        "t.getBoundingClientRect().height)"
    )
    assert min(boxes) >= 8.9
    assert page.evaluate("document.documentElement.scrollWidth") == 1280


def test_hover_and_click_link_all_parts(page):
    box = vertex(page, "hidden.weight")
    box.hover()
    lit = texts(page, ".line.lit code")
    assert 'hidden_weight = parameters["hidden.weight"]  # (5, 4)' in lit
    box.click()
    told = page.locator("#node").inner_text()
    assert told.startswith("hidden.weight")
    assert "d_hidden.weight" in told
    assert page.locator("#node canvas").count() == 2
    assert page.locator("#node .numbers").count() == 2
    page.locator("#tab-derivation").click()
    assert page.locator("#panel-derivation .selected").count() >= 1
    line = page.locator("#panel-code .line.backward").first
    page.locator("#tab-code").click()
    line.click()
    assert page.locator(".vertex.selected").count() == 1
    page.locator("#tab-rules").click()
    assert page.locator(".rule").count() >= 2


def test_blocks_open_and_close_by_keyboard(page):
    page.keyboard.press("g")
    vertex(page, "loss").focus()
    before = page.locator("#picture .vertex").count()
    page.keyboard.press("o")
    assert page.locator(".frame").count() == 1
    assert page.locator("#picture .vertex").count() > before + 3
    page.keyboard.press("o")
    assert page.locator(".frame").count() == 0
    page.keyboard.press("e")
    assert page.locator(".frame").count() >= 4
    page.keyboard.press("c")
    assert page.locator("#picture .vertex").count() == before


def test_arrows_go_along_edges_and_focus_is_seen(page):
    vertex(page, "loss").focus()
    assert page.evaluate("document.activeElement.ariaLabel").startswith("loss")
    page.keyboard.press("ArrowUp")
    above = page.evaluate("document.activeElement.ariaLabel")
    assert not above.startswith("loss")
    shape = "document.querySelector('.vertex:focus .shape')"
    assert page.evaluate(f"getComputedStyle({shape}).strokeWidth") == "3.5px"
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.ariaLabel").startswith("loss")
    page.keyboard.press("Enter")
    assert page.locator("#node").inner_text().startswith("loss")


def test_all_controls_are_reached_by_tab(page):
    reached: set[str] = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "document.activeElement.closest('#picture') ? 'picture' : "
                "document.activeElement.id"
            )
        )
    wanted = {"search", "open-all", "fit", "theme", "help", "picture", "next"}
    assert wanted | {"divider", "tab-code"} <= reached
    named = page.evaluate(
        "[...document.querySelectorAll('button, input, [role=button]')]"
        ".every(e => e.ariaLabel || e.textContent || e.labels?.length)"
    )
    assert named


def test_steps_go_forward_and_back_and_add_up(page):
    page.keyboard.press("n")
    assert page.locator("#step").inner_text().startswith("1 of")
    assert page.locator(".vertex.pending").count() > 2
    assert page.locator(".vertex.current").count() == 1
    seen: list[str] = []
    for _ in range(30):
        page.keyboard.press("n")
        seen.append(page.locator("#step").inner_text())
    assert any("forward: loss" in text for text in seen)
    assert any("(1 of 2 added up" in text for text in seen)
    assert any("(2 of 2 added up" in text for text in seen)
    page.keyboard.press("Home")
    assert "inputs and parameters" in page.locator("#step").inner_text()
    page.keyboard.press("End")
    assert page.locator(".pending").count() == 0


def test_search_and_the_backward_graph(page):
    page.keyboard.press("/")
    page.keyboard.type("exponentials")
    page.keyboard.press("Enter")
    assert page.locator(".frame").count() == 1
    assert page.locator("#node").inner_text().startswith("exponentials")
    page.keyboard.press("Escape")
    vertex(page, "output.weight").click()
    page.keyboard.press("3")
    assert page.locator(".vertex.gradient").count() > 5
    vertex(page, "hidden_2").click()
    page.keyboard.press("b")
    assert page.locator(".vertex.selected").get_attribute("class").count("gradient")


def test_a_recorded_training(page):
    page.locator("#tab-training").click()
    assert page.locator("#panel-training polyline").count() >= 2
    vertex(page, "hidden.weight").click()
    page.locator("#epoch").focus()
    page.keyboard.press("Home")
    assert "Before training" in page.locator(".moment").inner_text()
    first = page.locator("#node").inner_text()
    page.keyboard.press("ArrowRight")
    assert "Epoch 1" in page.locator(".moment").inner_text()
    assert "Epoch 1" in page.locator("#node").inner_text() != first
    assert page.locator("#node canvas").count() == 1


def test_dark_light_and_paper(page):
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    page.keyboard.press("d")
    assert page.evaluate(ground) == "rgb(20, 24, 29)"
    page.emulate_media(color_scheme="dark")
    page.reload()
    assert page.evaluate(ground) == "rgb(20, 24, 29)"
    page.emulate_media(media="print")
    assert not page.locator("#stepper").is_visible()
    assert page.locator("#panel-derivation").is_visible()
    assert page.locator("#panel-code").is_visible()


def test_loops_turn_by_turn_and_equal_layers_in_one(page, loop):
    before = page.url
    page.goto(loop.as_uri())
    page.keyboard.press("c")
    assert "3 × Step" in vertex(page, "step0 … step2").text_content()
    vertex(page, "step0 … step2").focus()
    page.keyboard.press("o")
    titles = ["step0", "step1", "step2"]
    assert all(vertex(page, title).count() for title in titles)
    page.keyboard.press("c")
    vertex(page, "scan").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("o")
    added = page.locator('#picture .vertex[aria-label^="+"]')
    assert "= [1, 2]" in added.text_content()
    page.locator("#turn").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#turn").get_attribute("aria-valuetext") == "turn 2 of 3"
    assert page.evaluate("document.activeElement.id") == "turn"
    assert "= [2, 4]" in added.text_content()
    page.keyboard.press("g")
    seen = []
    for _ in range(7):
        page.keyboard.press("n")
        seen.append(page.locator("#step").inner_text())
    assert "forward, turn 3 of 3: add = [3, 6]" in seen[5]
    page.goto(before)
