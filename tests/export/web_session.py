"""Opens an exported page in headless Chromium as a visitor would, and uses it.

Run by test_web.py in an environment that has playwright, with the page's folder and one
for the outcome: pixels and latent vectors (outcome.json), screenshots, saved PNGs.
Further arguments are files that a visitor gives to a page which takes pictures: one to
choose, one to drop, and one that is no picture.
"""

import base64
import functools
import http.server
import json
import pathlib
import shutil
import sys
import threading

from playwright.sync_api import sync_playwright

_PIXELS = """() => [...document.querySelectorAll("#grid canvas, #picked")].map((c) => [
  ...c.getContext("2d").getImageData(0, 0, c.width, c.height).data])"""
_STATE = """() => ({
  latents: state.latents.map((v) => [...v]), labels: state.labels,
  shown: [...state.shown], picked: state.picked, before: state.before})"""
_PAIR = """() => ["original", "reconstruction"].map((id) => {
  const c = document.getElementById(id);
  return [...c.getContext("2d").getImageData(0, 0, c.width, c.height).data]})"""
DROP = """([name, content]) => {
  const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], name));
  const options = { dataTransfer, bubbles: true, cancelable: true };
  document.getElementById("drop").dispatchEvent(new DragEvent("drop", options)); }"""

_ARGUMENTS = (
    "--use-fake-device-for-media-stream",
    # A page from a name that is not localhost, without https.
    "--host-resolver-rules=MAP elsewhere.test 127.0.0.1",
)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def main(visit, folder, out, *files):
    handler = functools.partial(Quiet, directory=folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_ARGUMENTS)
        outcome = visit(browser, f"http://127.0.0.1:{server.server_port}/", out, files)
        browser.close()
    server.shutdown()
    pathlib.Path(out, "outcome.json").write_text(json.dumps(outcome))


def visit(browser, address, out, files):
    page = browser.new_page(viewport={"width": 1200, "height": 850})
    problems, asked = [], []
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    page.wait_for_selector("main:not([hidden])", timeout=60_000)
    moments = {}

    def look(name):
        # Pictures are made after an event; wait until two looks agree.
        seen = None
        while (now := (page.evaluate(_PIXELS), page.evaluate(_STATE))) != seen:
            seen = now
            page.wait_for_timeout(300)
        moments[name] = {"pixels": seen[0], **seen[1]}
        if files:
            said = page.locator("#said").inner_text()
            moments[name] |= {"pair": page.evaluate(_PAIR), "said": said}

    look("start")
    page.screenshot(path=f"{out}/wide.png", full_page=True)
    classes = page.locator("#classes button")
    if classes.count():
        classes.nth(2).click()
        look("class")
    # By keyboard alone: another picture, then a direction.
    page.locator("#grid button").nth(4).focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    look("picked")
    page.locator("#directions input").first.focus()
    for _ in range(15):
        page.keyboard.press("ArrowRight")
    look("moved")
    page.locator("#way").fill("0.5")
    page.locator("#reset").click()
    page.locator("#way").fill("0")
    look("walked")
    page.locator("#seed").fill("41")
    page.locator("#next").click()
    look("seed 42")
    if files:
        chosen, dropped, broken = map(pathlib.Path, files)
        page.locator("#file").set_input_files(chosen)
        look("yours")
        page.locator("#directions input").first.focus()
        page.keyboard.press("ArrowRight")
        look("yours moved")
        if classes.count():
            classes.nth(3).click()
            look("yours of a class")
        content = base64.b64encode(dropped.read_bytes()).decode()
        page.evaluate(DROP, [dropped.name, content])
        look("dropped")
        page.screenshot(path=f"{out}/yours.png", full_page=True)
        page.locator("#file").set_input_files(broken)
        look("broken")
        page.locator("#grid button").first.click()
        page.locator("#next").click()
        look("seed 43")
    for button, name in {"#save-grid": "grid", "#save-picked": "picked"}.items():
        with page.expect_download() as download:
            page.locator(button).click()
        download.value.save_as(f"{out}/{name}.png")
    page.set_viewport_size({"width": 390, "height": 800})
    page.screenshot(path=f"{out}/phone.png", full_page=True)
    width = page.evaluate("document.documentElement.scrollWidth")
    page.reload()
    page.wait_for_selector("main:not([hidden])", timeout=60_000)
    look("again")
    status = page.locator("#status").inner_text()
    return {
        "problems": problems,
        "elsewhere": [url for url in asked if not url.startswith((address, "data:"))],
        "moments": moments,
        "phone_width": width,
        "status": status,
    }


if __name__ == "__main__":
    main(visit, *sys.argv[1:])
