# SPDX-License-Identifier: Apache-2.0
"""Headless Chromium driven by WebDriver, spoken in plain HTTP: Browser(profile, width, height).

    with Browser(folder, 320, 640) as b:
        b.open(url); b.click("#call"); b.wait("return busy == false"); b.shot("phone.png")

Only loopback addresses are asked for, each browser has a profile of its own, and both processes are
ended at the end. missing() tells why there is no browser to drive.
"""
import base64
import shutil

from support import Process, free_port, http_request, wait_until

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage", "--hide-scrollbars"]
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


def missing():
    """Why no browser can be driven, or None."""
    for name in ("chromium", "chromedriver"):
        if not shutil.which(name):
            return f"{name} is not installed (apt: chromium chromium-driver)"
    return None


class Browser:
    def __init__(self, profile, width, height, language="fr"):
        profile.mkdir(parents=True)
        port = free_port()
        self.driver = Process(["chromedriver", f"--port={port}"], profile / "driver.log")
        self.url, self.session = f"http://127.0.0.1:{port}", None
        try:
            wait_until(self.is_up, lambda: f"chromedriver: {self.driver.tail()}", 30)
            self.session = self.begin(profile, width, height, language)
        except BaseException:
            self.driver.stop()
            raise

    def is_up(self):
        assert self.driver.running(), self.driver.tail()
        try:
            return http_request("GET", self.url + "/status").json()["value"]["ready"]
        except OSError:
            return False

    def begin(self, profile, width, height, language):
        # A window is never narrower than 500 pixels: the page's width is set by device metrics.
        options = {"binary": shutil.which("chromium"),
                   "args": [*FLAGS, f"--user-data-dir={profile}/data", f"--lang={language}",
                            f"--accept-lang={language}"],
                   "mobileEmulation": {"deviceMetrics": {
                       "width": width, "height": height, "pixelRatio": 1.0, "mobile": False}}}
        return self.ask("POST", "/session", {"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}})["sessionId"]

    def ask(self, method, path, body=None):
        base = f"{self.url}/session/{self.session}" if self.session else self.url
        answer = http_request(method, base + path, body, timeout=60)
        assert answer.status == 200, f"{method} {path}: {answer.text}"
        return answer.json()["value"]

    def open(self, url):
        self.ask("POST", "/url", {"url": url})

    def run(self, script, *args):
        return self.ask("POST", "/execute/sync", {"script": script, "args": list(args)})

    def wait(self, script, *args, timeout=15):
        return wait_until(lambda: self.run(script, *args), lambda: f"{script} {args}:\n{self.page()}",
                          timeout)

    def page(self):
        return f"{self.run('return document.body.innerText')}\n{self.console()}"

    def find(self, css):
        return self.ask("POST", "/element", {"using": "css selector", "value": css})[ELEMENT]

    def click(self, css):
        """As a finger does: WebDriver refuses what is covered or out of sight."""
        self.ask("POST", f"/element/{self.find(css)}/click", {})

    def text(self, css):
        return self.ask("GET", f"/element/{self.find(css)}/text")

    def shot(self, path):
        path.write_bytes(base64.b64decode(self.ask("GET", "/screenshot")))

    def console(self):
        """Warnings and errors since the last call."""
        entries = self.ask("POST", "/se/log", {"type": "browser"})
        return [e["message"] for e in entries if e["level"] in ("SEVERE", "WARNING")]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.ask("DELETE", "")
        finally:
            self.driver.stop()
