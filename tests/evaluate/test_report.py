"""The page about a run, read as a browser reads it and in one."""

import base64
import functools
import html
import html.parser
import io
import json
import math
import re
import shutil
import subprocess

import keras
import numpy as np
import pytest
from PIL import Image

from keras_gan import GAN
from keras_gan.errors import InputError
from keras_gan.evaluate import report

VOID = {"meta", "link", "img", "br"}
NAMES = ["cats & <b>dogs</b>", '"mice"', "plain"]


class Page(html.parser.HTMLParser):
    """Elements of a page, and its text; fails where a tag is not closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.words = [], [], []
        self.feed(text)
        self.close()
        assert not self.open
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def metrics_of(**changes):
    return {
        "run": "a & <i>run</i>",
        "recipe": "digits",
        "data": "folder:cats & <b>dogs</b>",
        "step": 12345,
        "seed": 3,
        "samples": 50,
        "features": "raw pixels",
        "measures": {"frechet_distance": 12.34567, "precision": 0.625},
        "between_halves": {"frechet_distance": 1.5, "precision": 0.75},
        "classes": None,
        "nearest": None,
        "protocol": "raw pixels, 50 generated & 50 real",
        **changes,
    }


CLASSES = {"names": NAMES, "generated": [0.5, 0.125, 0.375], "real": [0.25, 0.25, 0.5]}
NEAREST = {
    "measured": {
        "samples": {"0.5": 2.75},
        "real": {"0.5": 3.5},
        "copies": 7,
        "share_below_real_5_percent": 0.375,
    },
    "paper": None,
    "protocol": "by pixels",
}


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, "uint8")


def save(values, path):
    Image.fromarray(values).save(path)


@pytest.fixture
def folder(tmp_path):
    """A run folder with its configuration only."""
    config = {
        "recipe": "digits",
        "settings": {
            "summary": "small & <fast>",
            "data": "folder:cats & <b>dogs</b>",
            "objective": "non_saturating",
            "latent_dim": 77,
            "penalty": None,
        },
        "data": {"images": 100, "image_shape": [8, 8, 1], "num_classes": None},
        "versions": {"keras": "3.15.1"},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    return tmp_path


@pytest.fixture
def full(folder):
    """A run folder with all that a page can show."""
    (folder / "metrics.csv").write_text(
        "epoch,d_fake,d_real,discriminator_loss,generator_loss,value\n"
        "0,0.25,0.75,0.5,2.0,-0.5\n1,0.3125,0.6875,0.75,1.5,-0.75\n"
    )
    (folder / "measures.csv").write_text("epoch,frechet_distance\n0,40\n1,31.25\n")
    (folder / "samples").mkdir()
    for step in range(0, 100, 5):
        save(noise(60, 60, 3, seed=step), folder / f"samples/step_{step:08d}.png")
    finding = {
        "kind": "mode_collapse",
        "epoch": 9,
        "message": "all <alike>",
        "ended": False,
    }
    (folder / "findings.json").write_text(json.dumps([finding]))
    (folder / "experiments/parzen").mkdir(parents=True)
    parzen = {
        "measured": {
            "mean": 218.53125,
            "sigma": 0.125,
            "pair": [1, 2.5],
            "walk": [*range(9), 0.5],
            "label": None,
        },
        "paper": {"mean": 225},
        "protocol": "10,000 samples",
    }
    (folder / "experiments/parzen/parzen.json").write_text(json.dumps(parzen))
    save(noise(10, 3200, 3), folder / "experiments/parzen/parzen.png")
    (folder / "export").mkdir()
    export = {
        "format": "onnx",
        "path": "x.onnx",
        "bytes": 3388715,
        "tolerance": 1e-5,
        "passed": True,
        "largest_difference": 1.25e-6,
        "runtime": "onnxruntime",
        "runtime_version": "1.31.1",
        "problem": None,
    }
    (folder / "export/report.json").write_text(json.dumps([export]))
    return folder


def full_page(folder):
    metrics = metrics_of(classes=CLASSES, nearest=NEAREST)
    return rendered(folder, Image.fromarray(noise(50, 200)), metrics)


def rendered(folder, nearest=None, metrics=None, objective="non_saturating"):
    """Returns the page about a GAN."""
    gan = gan_with(objective)
    return report.render(
        metrics or metrics_of(), folder, grid(), nearest, gan.charts, gan.charts_note
    )


@functools.cache
def gan_with(objective):
    def network(inputs, outputs):
        return keras.Sequential([keras.Input((inputs,)), keras.layers.Dense(outputs)])

    gan = GAN(network(2, 2), network(2, 1), 2, value_range=None)
    gan.compile("sgd", "sgd", objective=objective)
    return gan


def grid():
    return Image.fromarray(noise(64, 64))


def sections(page):
    return [attributes["id"] for attributes in page.all("section")]


def test_nothing_comes_from_outside(full):
    text = full_page(full)
    page = Page(text)
    assert len(page.all("img")) == 1 + 6 + 4 + 1 + 1  # grids, curves, pairs, parzen
    assert all(image["src"].startswith("data:image/") for image in page.all("img"))
    assert all(len(image["alt"]) > 10 for image in page.all("img"))
    assert not page.all("script") and not page.all("iframe")
    assert [link["href"] for link in page.all("link")] == ["data:,"]
    assert all(link["href"].startswith("#") for link in page.all("a"))
    assert not re.search(r"https?:|url\(|@import", text)
    assert text.isprintable() or "\x00" not in text


def test_links_lead_to_sections(full):
    page = Page(full_page(full))
    targets = [link["href"][1:] for link in page.all("a")]
    assert set(targets) <= set(sections(page))
    assert sections(page) == [
        "measures",
        "findings",
        "samples",
        "training",
        "classes",
        "nearest",
        "experiments",
        "exports",
        "settings",
    ]


def test_values_are_those_of_the_files(full):
    text = Page(full_page(full)).text
    for shown in (
        "Fréchet distance ↓ lower is better",
        "12.35 1.5",
        "Precision ↑ higher is better",
        "0.625 0.75",
        "12,345",
        "raw pixels, 50 generated & 50 real",
        "50.0% 25.0%",
        "12.5% 25.0%",
        "exact copies 7",
        "median distance of samples 2.75",
        "mean 218.5 225",
        "sigma 0.125 – pair 1, 2.5 – walk 0 to 8 – 10,000 samples",
        "1.25e-06",
        "latent dim 77",
        "at the end 31.25",
        "at the end discriminator 0.75, generator 1.5",
        "mode collapse epoch 9 all <alike>",
        "step 95",
    ):
        assert shown in text


def test_words_of_the_data_are_no_markup(full):
    text = full_page(full)
    page = Page(text)
    assert not page.all("b") and not page.all("i") and not page.all("fast")
    for name in [*NAMES, "a & <i>run</i>", "small & <fast>"]:
        assert name in page.text
    assert "folder:cats & <b>dogs</b>" in page.text


def test_leaves_out_what_a_run_does_not_have(folder):
    page = Page(rendered(folder))
    assert sections(page) == ["measures", "samples", "settings"]
    assert len(page.all("img")) == 1


def test_same_run_same_bytes(full):
    assert full_page(full) == full_page(full)


def test_stays_small(full):
    # Noise is the most that a picture can take.
    for path in full.glob("samples/*.png"):
        save(noise(520, 520, 3), path)
    save(noise(1000, 2000, 3), full / "experiments/parzen/parzen.png")
    assert len(full_page(full)) < 5_000_000


def pictures_of(page):
    for image in page.all("img"):
        kind, _, content = image["src"].partition(";base64,")
        yield image["alt"], kind, base64.b64decode(content)


def test_pictures_are_whole_and_true(full):
    page = Page(rendered(full))
    found = {alt: content for alt, kind, content in pictures_of(page) if "webp" in kind}
    sizes = {alt: Image.open(io.BytesIO(found[alt])).size for alt in found}
    final = "Grid of generated images at step 12345"
    # Small ones without loss, wide ones made smaller.
    shown = np.asarray(Image.open(io.BytesIO(found[final])).convert("L"))
    np.testing.assert_array_equal(shown, noise(64, 64))
    assert sizes["Picture of the experiment parzen"] == (1600, 5)
    steps = [int(alt.split()[-1]) for alt in found if "seed" in alt]
    assert steps == [0, 20, 40, 55, 75, 95]


@pytest.mark.parametrize(
    ("objective", "lines"),
    [
        ("non_saturating", {"log 4": 1, "log 2": 1, "1/2": 1, "−log 4": 1}),
        ("minimax", {"log 4": 1, "−log 2": 1, "1/2": 1, "−log 4": 1}),
        ("wasserstein", {}),
    ],
)
def test_landmarks_of_the_game(full, objective, lines):
    page = Page(rendered(full, objective=objective))
    charts = [text.decode() for _, kind, text in pictures_of(page) if "svg" in kind]
    words = re.findall(r">([−log/ 0-9]*(?:log|/)[^<]*)</text>", "".join(charts))
    assert sorted(words) == sorted(lines)
    assert ("Dashed" in page.text) == bool(lines)


@pytest.mark.parametrize("cut", ["2,0.5,0.5,9", "2,0.5,0.5,9.,9,-", "2,0.5,0.5,9,9,9"])
def test_rows_that_are_being_written_are_left_out(full, cut):
    with (full / "metrics.csv").open("a") as file:
        file.write(cut)
    text = Page(rendered(full)).text
    assert "at the end discriminator 0.75, generator 1.5" in text


def test_a_measure_that_was_not_always_taken(full):
    table = "epoch,frechet_distance,recall\n0,40,\n1,31.25,0.125\n2,,0.375\n"
    (full / "measures.csv").write_text(table)
    text = Page(rendered(full)).text
    assert "at the end 31.25" in text
    assert "at the end 0.375" in text


def test_curves_run_over_steps_or_over_epochs_of_older_versions(full):
    def axes():
        page = Page(rendered(full))
        found = [text.decode() for _, kind, text in pictures_of(page) if "svg" in kind]
        return [re.findall(r">(epoch|step)</text>", text) for text in found]

    assert axes() == [["epoch"]] * 4
    (full / "metrics.csv").write_text(
        "epoch,step,d_fake,d_real,discriminator_loss,generator_loss,value\n"
        "0,100,0.25,0.75,0.5,2.0,-0.5\n0,200,0.3125,0.6875,0.75,1.5,-0.75\n"
    )
    assert axes() == [["step"]] * 3 + [["epoch"]]


def test_points_are_called_so(folder):
    config = json.loads((folder / "config.json").read_text())
    config["data"]["image_shape"] = [2]
    (folder / "config.json").write_text(json.dumps(config))
    page = Page(rendered(folder))
    assert "training points 100" in page.text
    assert page.all("img")[0]["alt"].startswith("Generated points")


@pytest.mark.parametrize("name", ["findings.json", "experiments/parzen/parzen.json"])
def test_a_broken_file_is_named(full, name):
    (full / name).write_text("{")
    with pytest.raises(InputError, match=re.escape(name)):
        rendered(full)


def test_numbers_as_a_person_reads_them():
    shown = [0.000123456, 1234567, 12.0, math.pi, None, True, "x"]
    expected = ["0.0001235", "1,234,567", "12", "3.142", "–", "True", "x"]
    assert [report.number(value) for value in shown] == expected


# In a browser ------------------------------------------------------------------

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
# Shows a page as wide as a phone, which no window can be, and asks what became of it.
HOST = """<!DOCTYPE html>
<meta name="color-scheme" content="light dark">
<iframe srcdoc="{page}" style="width:{width}px;height:900px;border:0"></iframe>
<script>
addEventListener("load", () => {{
  const frame = document.querySelector("iframe");
  const page = frame.contentDocument, view = frame.contentWindow;
  const images = [...page.images], loaded = view.performance;
  document.documentElement.dataset.answer = JSON.stringify({{
    images: images.length,
    decoded: images.filter(i => i.complete && i.naturalWidth > 0).length,
    sections: page.querySelectorAll("section").length,
    width: view.innerWidth,
    room: page.documentElement.clientWidth,
    content: page.documentElement.scrollWidth,
    requests: loaded.getEntriesByType("resource").map(entry => entry.name.slice(0, 40)),
    background: view.getComputedStyle(page.body).backgroundColor,
  }});
}});
</script>"""
LIGHT, DARK = 1, 0


@pytest.fixture(scope="module")
def browse(tmp_path_factory):
    """Returns a function that shows a page and tells of it, and what was logged."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip(f"no browser on PATH: none of {', '.join(BROWSERS)}")

    def show(text, width=1200, scheme=LIGHT):
        folder = tmp_path_factory.mktemp("browser")
        path = folder / "host.html"
        path.write_text(HOST.format(page=html.escape(text), width=width))
        result = subprocess.run(
            [
                browser,
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                f"--user-data-dir={folder / 'profile'}",
                f"--blink-settings=preferredColorScheme={scheme}",
                "--enable-logging=stderr",
                "--dump-dom",
                path.as_uri(),
            ],
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert result.returncode == 0, result.stderr
        answer = re.search(r'data-answer="([^"]*)"', result.stdout)[1]
        console = [line for line in result.stderr.splitlines() if "CONSOLE" in line]
        return json.loads(html.unescape(answer)), console

    return show


@pytest.mark.parametrize(
    ("width", "scheme", "background"),
    [
        (1200, LIGHT, "rgb(246, 248, 250)"),
        (400, LIGHT, "rgb(246, 248, 250)"),
        (400, DARK, "rgb(13, 17, 23)"),
    ],
)
def test_renders_without_errors(full, browse, width, scheme, background):
    answer, console = browse(full_page(full), width, scheme)
    assert console == []
    assert answer["sections"] == 9
    assert answer["images"] == answer["decoded"] == 13
    assert all(name.startswith("data:") for name in answer["requests"])
    # Not wider than the screen: nothing to scroll to the side.
    assert answer["width"] == width
    assert answer["content"] == answer["room"]
    assert answer["background"] == background


def test_the_check_sees_what_would_be_wrong(full, browse):
    outside = '<img src="http://x.test/a.png"><img src="data:image/webp;base64,AAAA">'
    wide = '<p style="width:500px">wide</p>'
    text = full_page(full).replace("</main>", f"{outside}{wide}</main>")
    answer, console = browse(text, 400)
    assert any("Content Security Policy" in line for line in console)
    assert answer["decoded"] == answer["images"] - 2
    assert answer["content"] > answer["room"]


def test_pictures_on_the_page_lie_over_white():
    transparent = Image.new("RGBA", (8, 8), (40, 40, 40, 0))
    content = base64.b64decode(report.picture(transparent).partition(",")[2])
    with Image.open(io.BytesIO(content)) as shown:
        assert shown.convert("RGB").getpixel((4, 4)) == (255, 255, 255)


def test_what_is_better_than_between_real_halves_gets_a_word():
    worse = {"frechet_distance": 2.0, "precision": 0.5, "recall": None}
    halves = {"frechet_distance": 1.5, "precision": 0.75, "recall": 0.5}
    assert report.flattering({"measures": worse, "between_halves": halves}) is None
    said = report.flattering({"measures": halves, "between_halves": worse})
    assert said.startswith(
        "Better than between real halves: Fréchet distance, Precision. "
    )
