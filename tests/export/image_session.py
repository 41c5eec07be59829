"""Opens the page of a model from images to images in headless Chromium and uses it.

Run by test_image_to_image.py as web_session.py is by test_web.py. The files are
pictures to choose one after the other, then one to drop, and one that is no picture.
"""

import base64
import pathlib
import sys

import web_session

_CANVAS = """(id) => {
  const c = document.getElementById(id);
  const { data } = c.getContext("2d").getImageData(0, 0, c.width, c.height);
  return { height: c.height, width: c.width, data: [...data] }; }"""
# All that the page has said, with the time between loading and the first picture.
_LISTEN = """() => {
  window.told = [];
  new MutationObserver(() => {
    for (const id of ["status", "said"]) {
      const text = document.getElementById(id)?.textContent;
      if (text && !window.told.includes(text)) window.told.push(text);
    }
  }).observe(document, { childList: true, subtree: true }); }"""


def visit(browser, address, out, files):
    context = browser.new_context(viewport={"width": 1200, "height": 850})
    page = context.new_page()
    problems, asked, moments = [], [], {}
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.add_init_script(f"({_LISTEN})()")

    def opened(address):
        page.goto(address)
        page.wait_for_selector("main:not([hidden])", timeout=60_000)

    def said():
        return page.locator("#said").inner_text()

    def look(name, act):
        before = page.evaluate("state.done")
        act()
        web_session.until(page, f"state.done > {before}")
        moments[name] = {
            "original": page.evaluate(_CANVAS, "original"),
            "result": page.evaluate(_CANVAS, "result"),
            "caption": page.locator("#of-original").inner_text(),
            "way": page.evaluate("state.way"),
            "said": said(),
        }

    opened(address)
    *chosen, dropped, broken = map(pathlib.Path, files)
    for path in chosen:
        look(path.stem, lambda p=path: page.locator("#file").set_input_files(p))
    with page.expect_download() as download:
        page.locator("#save").click()
    download.value.save_as(f"{out}/saved.png")
    if page.locator("#sizes").is_visible():
        page.locator("#size").select_option("128")
    content = base64.b64encode(dropped.read_bytes()).decode()
    drop = [dropped.name, content]
    look("dropped", lambda: page.evaluate(web_session.DROP, drop))
    page.screenshot(path=f"{out}/wide.png", full_page=True)
    if page.locator("#directions").is_visible():
        look("back", page.locator("#directions button").nth(1).click)
        name = download_name(page)
    else:
        name = None
    if page.locator("#classes").is_visible():
        look("class", lambda: page.locator("#class").select_option("2"))
    page.locator("#file").set_input_files(broken)
    web_session.until(page, f"said.textContent.includes({broken.name!r})")
    camera = {}
    page.locator("#camera").click()
    web_session.until(page, "said.textContent.includes('camera')")
    camera["refused"] = said()
    context.grant_permissions(["camera"])
    page.locator("#camera").click()
    web_session.until(page, "video.videoWidth > 0")
    look("camera", page.locator("#shoot").click)
    camera["tracks"] = page.evaluate(
        "video.srcObject.getTracks().map((track) => track.readyState)"
    )
    page.set_viewport_size({"width": 390, "height": 800})
    page.screenshot(path=f"{out}/phone.png", full_page=True)
    outcome = {
        "problems": problems,
        "elsewhere": [
            u for u in asked if not u.startswith((address, "data:", "blob:"))
        ],
        "moments": moments,
        "download": name,
        "told": page.evaluate("told"),
        "camera": camera,
        "phone_width": page.evaluate("document.documentElement.scrollWidth"),
        "graphics": graphics(browser, address, chosen[0]),
    }
    outcome["problems"] = list(problems)  # an insecure page has others
    opened(address.replace("127.0.0.1", "elsewhere.test"))
    page.locator("#camera").click()
    camera["insecure"] = said()
    return outcome


def graphics(browser, address, picture):
    """Returns what the page found out about a graphics processor."""
    page = browser.new_page()
    web_session.opened(page, address)
    page.evaluate("state.slow = 0")
    page.locator("#file").set_input_files(picture)
    web_session.until(page, "state.graphics[0]?.seconds || state.graphics[0]?.problem")
    return page.evaluate(
        "(({ problem, apart }) => ({ problem, apart }))(state.graphics[0])"
    )


def download_name(page):
    with page.expect_download() as download:
        page.locator("#save").click()
    return download.value.suggested_filename


if __name__ == "__main__":
    web_session.main(visit, *sys.argv[1:])
