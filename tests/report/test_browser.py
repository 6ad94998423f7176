"""The page in a real browser, wide and narrow, light and dark: what people see, hear of and can reach.

Screenshots stay in pytest's temporary folder (`--basetemp DIR` puts them where they can be looked at).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from idse.metrics.matching import iou
from idse.report.page import MAX_BYTES, PageOptions, make_page
from idse.study import Study

SIZES = {"wide": (1440, 900), "narrow": (390, 844)}


@pytest.fixture(scope="module")
def page_file(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(make_page(study, PageOptions("plain", title="A <b>title</b>", gallery=4, draws=40)))
    return path


class Visit:
    """A page that was opened, with all that the browser said meanwhile."""

    def __init__(self, browser: Any, file: Path, size: str) -> None:
        width, height = SIZES[size]
        self.page = browser.new_page(viewport={"width": width, "height": height}, color_scheme="light")
        self.page.set_default_timeout(90_000)  # ms; other work may keep the machine busy
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(file.as_uri())
        self.page.wait_for_selector("#rd .main-svg")

    def focused(self) -> str:
        return self.page.evaluate("document.activeElement.id || document.activeElement.tagName")


@pytest.fixture(scope="module")
def visit(chromium: Any, page_file: Path) -> Iterator[Visit]:
    """One wide page for all that is tried by hand; every test sets what it depends on."""
    visit = Visit(chromium, page_file, "wide")
    yield visit
    assert visit.said == []


@pytest.mark.parametrize("size", SIZES)
def test_quiet_alone_and_within_the_window(chromium: Any, page_file: Path, size: str) -> None:
    visit = Visit(chromium, page_file, size)
    page = visit.page
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=page_file.with_name(f"{size}-{scheme}.png"), full_page=True)
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") == SIZES[size][0]
    wider = page.evaluate(
        """() => [...document.querySelectorAll('main *, header *')].filter(e => {
             const box = e.getBoundingClientRect();
             return box.width && box.right > innerWidth + 1 &&
               !e.closest('.scroll, .sr, .stage, .plot, pre, .thumbnails');
           }).map(e => e.outerHTML.slice(0, 80))"""
    )
    assert wider == []
    assert visit.said == []
    assert [url for url in visit.asked if not url.startswith(("data:", "blob:"))] == [page_file.as_uri()]
    page.close()


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_words_have_contrast(visit: Visit, scheme: str) -> None:
    visit.page.emulate_media(color_scheme=scheme)
    ratios = visit.page.evaluate(
        """() => {
          const light = c => { const [r, g, b] = c.match(/[\\d.]+/g).map(v => v / 255)
            .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
          const paper = light(getComputedStyle(document.body).backgroundColor);
          const ratio = e => { const ink = light(getComputedStyle(e).color);
            return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05); };
          return ['h1', '.lead', '.pm', '.win .v', '.loss .v', '#bd a', 'caption', 'td.none abbr', '.terms dt'].map(
            s => [s, ratio(document.querySelector(s))]);
        }"""
    )
    assert all(ratio >= 4.5 for _, ratio in ratios), ratios


def test_the_slider_by_keyboard(visit: Visit) -> None:
    page = visit.page
    page.locator("#split").focus()
    clip = "getComputedStyle(document.querySelector('.layer.right')).clipPath"
    assert page.evaluate(clip) == "inset(0px 0px 0px 50%)"
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    assert page.evaluate(clip) == "inset(0px 0px 0px 60%)"
    page.keyboard.press("Home")
    assert page.evaluate(clip) == "inset(0px 0px 0px 0%)"


def test_tab_reaches_everything(chromium: Any, page_file: Path) -> None:
    visit = Visit(chromium, page_file, "wide")  # the first Tab of a fresh page
    page = visit.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('nav') !== null")
    # What a Tab comes to next, from the first of each part; a list of pictures is one stop.
    for start, following in (
        ("#measure", ["log", "INPUT"]),
        ("#pareto-codec", ["DIV"]),
        ("#gain", ["DIV"]),
        (
            "#thumbnails input",
            ["left", "right", "split", *(f"show-{k}" for k in ("map", "found", "lost", "new", "truth")), "detector"],
        ),
    ):
        page.locator(start).first.focus()
        for wanted in following:
            page.keyboard.press("Tab")
            while page.evaluate("document.activeElement.closest('.modebar') !== null"):
                page.keyboard.press("Tab")
            assert visit.focused() == wanted
    assert page.locator("#anchor, #measure, #pareto-codec, #gain").evaluate_all(
        "all => all.every(e => e.tabIndex === 0)"
    )
    regions = page.locator(".scroll:visible").count()
    assert page.locator(".scroll[role=region][aria-labelledby][tabindex='0']:visible").count() == regions > 4
    # Whatever has the focus shows it.
    page.locator("#measure").focus()
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.close()


def test_another_anchor(visit: Visit, study: Study) -> None:
    page = visit.page
    page.select_option("#anchor", label="weighted tau=0.5")
    caption = page.locator("[data-anchor]:visible caption").first
    assert caption.inner_text().startswith("BD-rate against weighted tau=0.5")
    cell = page.locator("[data-anchor]:visible tbody tr", has_text="plain").first.locator("td").first
    percent = study.figure("weighted tau=0.5", "plain", "psnr_y").value.percent
    assert percent is not None
    assert cell.inner_text().startswith(f"{percent:+.1f}".replace("-", "−"))
    page.select_option("#anchor", label="plain")


def test_curves_follow_measure_axis_and_legend(visit: Visit, study: Study) -> None:
    page = visit.page
    drawn = (
        "document.getElementById('rd').data.filter(t => t.mode === 'lines+markers').map(t => [t.name, t.y])"
    )
    page.select_option("#measure", "psnr_y")
    curves = dict(page.evaluate(drawn))
    assert len(curves) == len(study.codecs)
    assert curves["sizes"] == pytest.approx([p.quality for p in study.curve("sizes", "psnr_y")], rel=1e-4)
    assert page.evaluate("document.getElementById('rd').layout.xaxis.type") == "log"
    page.uncheck("#log")
    assert page.evaluate("document.getElementById('rd').layout.xaxis.type") != "log"
    page.locator("#legend label", has_text="sizes").locator("input").uncheck()
    assert "sizes" not in dict(page.evaluate(drawn))
    page.select_option("#measure", "class_box:eye:" + study.dataset["classes"][0])
    title = page.locator("#rd .ytitle").text_content()
    assert title is not None and title.startswith(study.dataset["classes"][0])


def test_the_front_is_drawn_and_listed(visit: Visit, study: Study) -> None:
    page = visit.page
    page.select_option("#measure", "map_box:lynx")
    front = study.curve("sizes", "map_box:lynx")
    rows = page.locator("#pareto-rows tr").all_inner_texts()
    assert [row.split("\t")[:2] for row in rows] == [[f"{p.scale} %", f"{p.qp:g}"] for p in front]
    assert {p.scale for p in front} == {50, 100}
    names = page.evaluate("document.getElementById('pareto-plot').data.map(t => t.name)")
    assert names == ["100 %", "50 %", "front"]


def test_hovering_tells_the_point(visit: Visit) -> None:
    texts = visit.page.evaluate("document.getElementById('rd').data[0].text")
    assert re.fullmatch(r"<b>plain</b><br>QP 42<br>0\.\d{4} bpp<br>0\.\d{4}", texts[0])


def test_pictures_boxes_and_maps(visit: Visit, study: Study) -> None:
    page = visit.page
    assert page.locator("#thumbnails input").count() == 2  # so many have streams
    assert "2 pictures cannot be shown" in page.locator("#gallery .fine").inner_text()
    assert page.locator(".layer.left .tag").inner_text() == "plain"
    assert page.locator(".layer.right .tag").inner_text() == "weighted tau=0.05"
    rows = page.locator("#gallery-rows tr")
    assert rows.count() == 1 + len(study.codecs)

    heads = page.locator("#gallery-head th").all_inner_texts()
    assert heads[-4:] == ["found", "lost", "new", "importance map of"]
    said = "eye: features and detections (metric scores), l = 4, at the decoded picture (QP 32), own profile"
    captions = [row.split("\t")[-1] for row in rows.all_inner_texts()]
    assert captions[:3] == ["–", "–", said]
    assert page.locator(".layer.right .more").all_inner_texts() == [tag_words(study, "weighted tau=0.05")]
    page.check("#show-map")
    assert page.locator(".layer.right .map-of").inner_text() == f"map of {said}"
    assert said in (page.locator(".layer.right img.map").get_attribute("alt") or "")
    assert page.locator(".layer.left .map-of").count() == 0
    tables = page.locator("#profiles .profile")
    assert page.locator("#profiles p").all_inner_texts() == ["weighted tau=0.05"]  # the other has no map
    assert tables.locator("figcaption").all_inner_texts() == ["Y", "Cb", "Cr"]
    for image in tables.locator("img").all():
        assert image.evaluate("i => i.complete && i.naturalWidth == 8 && i.naturalHeight == 8 && i.width > 80")
    assert page.locator("#profile-scale").is_visible()
    assert boxes(page, "right") == compared(study, "weighted tau=0.05", 0.3)  # also over the map
    page.uncheck("#show-map")
    assert not page.locator("#profiles").is_visible()
    assert not page.locator("#profile-scale").is_visible()
    page.check("#show-truth")
    truth = study.gallery.truth(study.items[0])
    assert truth is not None
    assert page.locator(".layer.left rect.truth").count() == len(truth)
    page.check("#show-map")
    assert (
        page.locator(".layer.left img.map").count() == 0 and page.locator(".layer.right img.map").count() == 1
    )
    for image in page.locator("#stage img").all():
        assert image.evaluate("i => i.complete && i.naturalWidth > 0")
    shown = page.locator(".layer.left img").get_attribute("src")
    page.locator("#thumbnails input").first.focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".layer.left img").first.get_attribute("src") != shown
    page.select_option("#left", label="original")
    assert page.locator(".layer.left .tag").inner_text() == "original"


def tag_words(study: Study, codec: str) -> str:
    """What the page says of a codec's point in the first picture."""
    cell = shown_cell(study, codec)
    return f"QP {cell.qp}, {float(f'{cell.bpp:.4g}'):.3f} bpp"


def shown_cell(study: Study, codec: str) -> Any:
    """The cell of the first picture that the gallery shows: the one nearest to the anchor's middle point."""
    item = study.items[0]
    rates = sorted(p.bpp for p in study.points("plain", "psnr_y"))
    anchor = next(c for c in study.gallery.cells(item, rates[(len(rates) - 1) // 2]) if c.codec == "plain")
    return next(c for c in study.gallery.cells(item, anchor.bpp) if c.codec == codec)


def boxes(page: Any, where: str) -> dict[str, list[str]]:
    """The names of the boxes that a side shows, by kind."""
    return {
        kind: sorted(page.locator(f".layer.{where} text.{kind}").all_text_contents())
        for kind in ("found", "lost", "new")
    }


def compared(study: Study, codec: str, score: float, detector: str = "eye") -> dict[str, list[str]]:
    """The same by idse's own matching at IoU 0.5, with the detections on the uncompressed picture as truth."""
    item, names = study.items[0], study.gallery.classes(detector)
    source, here = (
        study.gallery.detections(item, cell, detector) for cell in (None, shown_cell(study, codec))
    )
    assert source is not None and here is not None
    source, here = (d.select(d.scores > score) for d in (source, here))
    kinds: dict[str, list[str]] = {"found": [], "lost": [], "new": []}
    left = list(range(len(source)))
    for i in np.argsort(-here.scores, kind="stable"):
        alike = [k for k in left if source.labels[k] == here.labels[i]]
        overlaps = iou(here.boxes[i : i + 1], source.boxes[alike])[0] if alike else np.zeros(1)
        name = f"{names[here.labels[i]]} {here.scores[i]:.2f}"
        if overlaps.max() >= 0.5:
            left.remove(alike[int(overlaps.argmax())])
            kinds["found"].append(name)
        else:
            kinds["new"].append(f"+ {name}")
    kinds["lost"] = [f"− {names[source.labels[k]]} {source.scores[k]:.2f}" for k in left]
    return {kind: sorted(named) for kind, named in kinds.items()}


def test_boxes_found_lost_and_new(visit: Visit, study: Study) -> None:
    """Each kind has its own line and can be switched off; the page's matching is that of the metric."""
    page = visit.page
    page.locator("#thumbnails input").first.check(force=True)
    codec = "plain"
    page.select_option("#left", label=codec)
    page.select_option("#detector", "eye")
    for words in ("0.1", "0.3", "0.6"):
        page.fill("#score", words)
        wanted = compared(study, codec, float(words))
        assert boxes(page, "left") == wanted
        row = page.locator("#gallery-rows tr").nth(1).locator("td").all_inner_texts()
        assert row[-4:-1] == [str(len(wanted[kind])) for kind in ("found", "lost", "new")]
    # The made-up detections have none that are new, so the page gets two: one where nothing is, and a second one of an
    # object that is found already.
    score, label = 0.3, study.gallery.classes("eye")
    found = f"pictures.pictures[0].sides.find(s => s.codec === {codec!r}).found.eye"
    first = page.evaluate(f"{found}.reduce((a, b) => b[5] > a[5] ? b : a)")
    page.evaluate(f"{found}.push([150, 1, 157, 6, 0, 0.95], [...{first[:5]}, 0.31])")
    page.fill("#score", str(score))
    wanted = compared(study, codec, score)
    wanted["new"] = sorted([*wanted["new"], f"+ {label[0]} 0.95", f"+ {label[first[4]]} 0.31"])
    assert all(wanted.values())
    assert boxes(page, "left") == wanted
    looks = []
    for kind in ("found", "lost", "new"):
        box = page.locator(f".layer.left rect.box.{kind}")
        assert box.count() == len(wanted[kind])
        style = box.first.evaluate("e => [getComputedStyle(e).stroke, getComputedStyle(e).strokeDasharray]")
        sample = page.locator(f"label:has(#show-{kind}) path.box")
        assert sample.evaluate("e => [getComputedStyle(e).stroke, getComputedStyle(e).strokeDasharray]") == style
        looks.append(style)
        page.uncheck(f"#show-{kind}")
        assert box.count() == 0
        page.check(f"#show-{kind}")
    assert len({colour for colour, _ in looks}) == len({dashes for _, dashes in looks}) == 3
    page.select_option("#left", label="original")
    shown = boxes(page, "left")
    source = study.gallery.detections(study.items[0], None, "eye")
    assert source is not None
    assert len(shown["found"]) == (source.scores > score).sum()
    assert shown["lost"] == shown["new"] == []
    alt = page.locator(".layer.left img").get_attribute("alt")
    assert alt == f"{study.items[0]}, original, eye: {len(shown['found'])} detections"
    page.evaluate(f"{found}.splice(-2)")
    page.select_option("#left", label=codec)
    assert boxes(page, "left") == compared(study, codec, score)


def test_dragging_moves_the_line(visit: Visit) -> None:
    stage = visit.page.locator("#stage")
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    assert box is not None
    visit.page.mouse.click(box["x"] + 0.25 * box["width"], box["y"] + 0.5 * box["height"])
    assert int(visit.page.locator("#split").input_value()) == pytest.approx(25, abs=1)


def test_notes_say_why_there_is_no_figure(visit: Visit) -> None:
    link = visit.page.locator("td.none sup a").first
    link.focus()
    visit.page.keyboard.press("Enter")
    note = visit.page.locator(":target")
    assert "overlap" in note.inner_text() or "rise" in note.inner_text()


def test_tables_can_be_taken_along(visit: Visit) -> None:
    with visit.page.expect_download() as download:
        visit.page.locator("#fidelity-0 .download").click()
    assert download.value.suggested_filename == "fidelity-against-plain.csv"
    assert download.value.path().read_text().startswith("codec,BD-Y [%],BD-Y [%] ±")


def test_names_are_text(page_file: Path) -> None:
    words = page_file.read_text()
    body = words[words.index("<body") : words.index('<script type="application/json"')]
    assert "A &lt;b&gt;title&lt;/b&gt;" in body and "else&lt;where&gt;" in body and "<where>" not in words
    assert len(words.encode()) < MAX_BYTES


def test_the_page_asks_the_network_for_nothing(page_file: Path) -> None:
    words = page_file.read_text()
    head = words[: words.index("<style>")]
    assert "default-src 'none'" in head
    own = words[: words.index("<script>")] + words[words.rindex("<script>") :]  # without Plotly's own script
    assert not re.findall(r"""(?:src|href)=["']?(?:https?:)?//|url\(["']?https?:|@import|fetch\(""", own)


def test_one_codec_and_no_detector(chromium: Any, maker: Any, pictures: list[Any], tmp_path: Path) -> None:
    store = maker.make_store(tmp_path, [maker.Synthetic("alone")], pictures[:1], detectors=())
    file = tmp_path / "report.html"
    file.write_text(make_page(Study.load(store), PageOptions("alone")))
    visit = Visit(chromium, file, "narrow")
    page = visit.page
    assert "nothing to compare it with" in page.locator(".verdict").inner_text()
    assert page.locator("#bd").count() == page.locator("#matched").count() == 0
    assert page.locator(".layer.left .tag").inner_text() == "original"
    assert page.locator(".layer.right .tag").inner_text() == "alone"
    hidden = ("detector", "score", "show-found", "show-lost", "show-new", "show-map", "boxes-words")
    assert not any(page.locator(f"#{name}").is_visible() for name in hidden)
    assert visit.said == []
    page.close()
