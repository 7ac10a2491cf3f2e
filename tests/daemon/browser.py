"""A headless Chromium, driven by the DevTools protocol over its pipe. Python's library only."""
import base64
import json
import os
import select
import shutil
import subprocess
import time

PROGRAMS = ("chromium", "chromium-headless-shell")
START_SECONDS = 30


def program():
    return next((path for path in map(shutil.which, PROGRAMS) if path), None)


class Browser:
    """Its profile is in the place; times are Berlin's, the language is English."""

    def __init__(self, place):
        self.profile = place.join("browser")
        to_it, self.out = os.pipe()
        self.inn, from_it = os.pipe()
        command = [program(), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                   "--no-first-run", "--disable-extensions", "--disable-background-networking", "--disable-component-update",
                   "--disable-sync", "--no-proxy-server", "--force-color-profile=srgb", "--lang=en-GB",
                   "--disable-features=Translate,OptimizationHints,MediaRouter", "--remote-debugging-pipe", "--user-data-dir=" + self.profile,
                   "about:blank"]
        with open(place.join("browser.log"), "wb") as log:
            # The browser reads from 3 and writes to 4; dup2 there after both ends are out of the way.
            high = os.dup(to_it), os.dup(from_it)
            shell = "exec 3<&%d 4>&%d; exec \"$@\"" % high
            self.process = subprocess.Popen(["bash", "-c", shell, "bash", *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            pass_fds=high, env=dict(os.environ, TZ="Europe/Berlin", LANG="en_GB.UTF-8", HOME=place.path),
                                            start_new_session=True)
            for end in (*high, to_it, from_it):
                os.close(end)
        self.buffer = b""
        self.number = 0
        self.pages = {}

    def send(self, method, session, params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        return self.number

    def receive(self, seconds):
        """The next message; None after so many seconds."""
        end = time.monotonic() + seconds
        while b"\0" not in self.buffer:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.inn], [], [], left)[0]:
                return None
            piece = os.read(self.inn, 1 << 20)
            if not piece:
                raise RuntimeError("the browser has ended")
            self.buffer += piece
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, session=None, seconds=START_SECONDS, **params):
        number, end = self.send(method, session, params), time.monotonic() + seconds
        while True:
            message = self.receive(end - time.monotonic())
            if message is None:
                raise RuntimeError("the browser does not answer to %s" % method)
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError("%s: %s" % (method, message["error"]))
                return message["result"]
            self.heard(message)

    def heard(self, message):
        page = self.pages.get(message.get("sessionId"))
        if page and "method" in message:
            page.heard(message["method"], message["params"])

    def page(self, **options):
        return Page(self, **options)

    def close(self):
        if self.process.poll() is None:
            try:
                self.call("Browser.close", seconds=5)
            except (RuntimeError, OSError):
                pass
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, 9)
            self.process.wait()
        for end in (self.out, self.inn):
            os.close(end)


class Page:
    """A tab, with what it has asked for and complained of."""

    def __init__(self, browser, width=1280, height=900, dark=False):
        self.browser = browser
        self.requests, self.complaints = [], []
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        browser.pages[self.session] = self
        for domain in ("Page", "Runtime", "Log", "Network", "Audits"):
            self.call(domain + ".enable")
        self.size(width, height)
        self.media(dark=dark)

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def heard(self, method, params):
        if method == "Network.requestWillBeSent":
            self.requests.append((params["request"]["method"], params["request"]["url"], params["request"]["headers"]))
        elif method == "Runtime.exceptionThrown":
            self.complaints.append("exception: " + json.dumps(params["exceptionDetails"])[:800])
        elif method == "Audits.issueAdded" and params["issue"]["code"] == "ContentSecurityPolicyIssue":
            self.complaints.append("policy: " + json.dumps(params["issue"])[:800])
        elif method == "Log.entryAdded" and params["entry"]["source"] in ("security", "violation"):
            self.complaints.append("log: " + params["entry"]["text"][:800])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert"):
            self.complaints.append("console: " + json.dumps(params["args"])[:800])

    def size(self, width, height):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def media(self, dark=False, still=True, kind=""):
        self.call("Emulation.setEmulatedMedia", media=kind, features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if still else "no-preference"}])

    def go(self, url):
        answer = self.call("Page.navigate", url=url)
        if "errorText" in answer:
            raise RuntimeError("%s: %s" % (url, answer["errorText"]))
        self.until("document.readyState === 'complete'")

    def run(self, script):
        """The value of an expression, a promise's too."""
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError("%s: %s" % (script[:200], json.dumps(answer["exceptionDetails"])[:800]))
        return answer["result"].get("value")

    def until(self, script, seconds=10.0):
        """The expression's first true value, or its last one after so many seconds."""
        end = time.monotonic() + seconds
        while True:
            value = self.run(script)
            if value or time.monotonic() > end:
                return value
            time.sleep(0.05)

    def text(self, selector):
        return self.run("document.querySelector(%s)?.innerText ?? null" % json.dumps(selector))

    def click(self, selector):
        self.run("document.querySelector(%s).click()" % json.dumps(selector))

    def key(self, name, code=None):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=name, code=code or name,
                      windowsVirtualKeyCode={"Tab": 9, "ArrowLeft": 37, "ArrowRight": 39, "Home": 36, "End": 35, "Enter": 13}.get(name, 0))

    def picture(self, path, whole=True):
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))

    def paper(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("Page.printToPDF", printBackground=True, paperWidth=8.27, paperHeight=11.69)["data"]))

    def tree(self):
        """What assistive programs are told: (role, name) of every node that is not ignored."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node.get("ignored")]
