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

_PIXELS = """() => [
  ...document.querySelectorAll("#grid canvas"), document.getElementById("picked")
].map((c) => [
  ...c.getContext("2d").getImageData(0, 0, c.width, c.height).data])"""
_STATE = """() => ({
  latents: state.latents.map((v) => [...v]), labels: state.labels,
  shown: [...state.shown], picked: state.picked, before: state.before})"""
_STARTED = """() => !document.querySelector("main").hidden
  || document.getElementById("status").textContent.includes("could not")"""
# The small pictures beside the first direction's slider.
_ENDS = """() => [...document.querySelectorAll(".direction canvas")].slice(0, 2).map(
  (c) => [...c.getContext("2d").getImageData(0, 0, c.width, c.height).data])"""
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
    "--enable-unsafe-webgpu",  # computed by the processor, and so not faster
    # A page from a name that is not localhost, without https.
    "--host-resolver-rules=MAP elsewhere.test 127.0.0.1",
)


# As servers of large sites have it; nothing of the page may be inline.
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; "
    "script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:",
    # Only an isolated page may have threads.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def end_headers(self):
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        super().end_headers()


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
    context = browser.new_context(
        viewport={"width": 1200, "height": 850},
        reduced_motion="reduce",
        permissions=["clipboard-read", "clipboard-write"],
    )
    page = context.new_page()
    problems, asked = [], []
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    opened(page, address)
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
    ends = page.evaluate(_ENDS)
    page.locator("#directions input").first.focus()
    for _ in range(15):
        page.keyboard.press("ArrowRight")
    look("moved")
    page.locator("#way").fill("0.5")
    page.locator("#reset").click()
    page.locator("#way").fill("0")
    look("walked")
    if classes.count():
        classes.first.click()  # all, so that the picture fades from one to another
    page.locator("#way").fill("0.25")
    look("between")
    if classes.count():
        classes.nth(2).click()
    page.locator("#truncation").fill("0.5")
    look("truncated")
    page.locator("#truncation").fill("3")
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
    page.locator("#grid button").nth(6).click()
    page.locator("#copy").click()
    until(page, "copy.textContent === 'Copied'")
    link = page.evaluate("navigator.clipboard.readText()")
    page.goto("about:blank")
    opened(page, link)
    look("by the link")
    page.goto("about:blank")
    opened(page, address)
    look("again")
    status = page.locator("#status").inner_text()
    page.locator("#about summary").click()
    facts = page.locator("#facts").inner_text()
    isolated = page.evaluate("crossOriginIsolated")
    name = page.locator("#picked").get_attribute("aria-label")
    return {
        "problems": problems,
        "elsewhere": [url for url in asked if not url.startswith((address, "data:"))],
        "moments": moments,
        "ends": ends,
        "phone_width": width,
        "status": status,
        "facts": facts,
        "isolated": isolated,
        "link": link.removeprefix(address),
        "name": name,
        "walk": walk(browser, address),
        "without_scripts": without_scripts(browser, address),
    }


def until(page, condition):
    """Waits until JavaScript is true; what Playwright has for that needs `eval`."""
    for _ in range(600):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(100)
    sys.exit(f"it never came to this: {condition}")


def opened(page, address):
    """Opens an address and waits until the page shows pictures, or says why not."""
    page.goto(address)
    until(page, _STARTED)
    if page.locator("main").is_hidden():
        sys.exit(page.locator("#status").inner_text())


def walk(browser, address):
    """Returns what a page shows that opens with a walk, and after a click on Pause."""
    page = browser.new_page()
    opened(page, address)
    until(page, "state.picked === 1 || state.picked === 2")
    page.locator("#walk").click()
    page.wait_for_timeout(500)
    shown = page.evaluate("[...state.shown]")
    page.wait_for_timeout(500)
    still = page.evaluate("[...state.shown]") == shown
    return {"still": still, "caption": page.locator("#caption").inner_text()}


def without_scripts(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    return page.locator("noscript").inner_text()


if __name__ == "__main__":
    main(visit, *sys.argv[1:])
