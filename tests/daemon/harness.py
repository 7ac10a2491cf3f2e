"""What the daemon tests share: TAP, real programs in a throw-away place, HTTP over their sockets. Python's library only."""
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time


class Tap:
    """Counts and prints; `done` closes with the plan and ends the program."""

    def __init__(self):
        self.count = 0
        self.failed = 0

    def ok(self, condition, name, detail=None):
        self.count += 1
        self.failed += 0 if condition else 1
        print("%sok %d - %s" % ("" if condition else "not ", self.count, name), flush=True)
        if not condition and detail is not None:
            print("\n".join("# " + line for line in str(detail).splitlines()), flush=True)
        return bool(condition)

    def equal(self, got, wanted, name):
        return self.ok(got == wanted, name, "got    %r\nwanted %r" % (got, wanted))

    def skip(self, name, reason):
        self.count += 1
        print("ok %d - %s # SKIP %s" % (self.count, name, reason), flush=True)

    def done(self):
        print("1..%d" % self.count, flush=True)
        sys.exit(1 if self.failed else 0)


def wait_until(condition, seconds=10.0, every=0.02):
    """The condition's first true value, or its last one after so many seconds."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(every)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=15):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return "%d %s" % (self.status, self.body[:2000])


def request(address, method, path, body=None, headers=None, timeout=15):
    """One request; address is a socket's path or (host, port). A dict or list goes as JSON."""
    connection = UnixConnection(address, timeout) if isinstance(address, str) else http.client.HTTPConnection(
        *address, timeout=timeout)
    headers = dict(headers or {})
    if isinstance(body, (dict, list)):
        body = json.dumps(body)
        headers.setdefault("Content-Type", "application/json")
    try:
        connection.request(method, path, body, headers)
        return Answer(connection.getresponse())
    finally:
        connection.close()


class Place:
    """A directory that is gone at the end, with every process started in it."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="farmgate-test-")
        self.programs = []

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        for program in self.programs:
            program.stop()
        accused = [program.accused() for program in self.programs]
        shutil.rmtree(self.path, ignore_errors=True)
        if kind is None and any(accused):
            raise RuntimeError("a sanitizer has something to say:\n" + "\n".join(filter(None, accused)))

    def join(self, *names):
        return os.path.join(self.path, *names)

    def write(self, name, text):
        with open(self.join(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.join(name)


class Program:
    """A daemon with its log in a file."""

    def __init__(self, place, name, command, env=None):
        self.command = command
        self.log_path = place.join(name + ".log")
        self.env = dict(os.environ, **(env or {}))
        self.process = None
        self.prepare = None  # called in the new process before the program is: other clocks, other file systems
        place.programs.append(self)

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env,
                                            preexec_fn=self.prepare)
        return self

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, number=signal.SIGTERM, seconds=10):
        """The exit code; a program that does not end in time is killed and gives None."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None

    def kill(self):
        self.stop(signal.SIGKILL)

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def accused(self):
        """What a sanitizer said in the log, in a build that has them."""
        text = self.log() if os.path.exists(self.log_path) else ""
        found = [text.find(word) for word in ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error: ") if word in text]
        return text[min(found):][:4000] if found else ""

    def forget_log(self):
        accusation = self.accused()
        if accusation:
            raise RuntimeError(accusation)
        open(self.log_path, "w", encoding="utf-8").close()


class Authority(Program):
    """farmgate-cloud on a free loopback port."""

    def __init__(self, place, build, name="cloud", settings="", state=None, env=None):
        self.binary = os.path.join(build, "cloud", "farmgate-cloud")
        self.port = free_port()
        self.url = "http://127.0.0.1:%d" % self.port
        self.state = state or place.join(name)
        os.makedirs(self.state, exist_ok=True)
        self.socket = place.join(name + ".sock")
        conf = place.write(name + ".conf", """
listen = "127.0.0.1:%d";
admin_socket = "%s";
state_directory = "%s";
%s
""" % (self.port, self.socket, self.state, settings))
        super().__init__(place, name, [self.binary, "serve", "--config", conf], env)

    def start(self, seconds=10.0):
        super().start()
        if not wait_until(lambda: self.answers() or not self.alive(), seconds) or not self.alive():
            raise RuntimeError("the authority did not start:\n" + self.log())
        return self

    def answers(self):
        try:
            return request(("127.0.0.1", self.port), "GET", "/healthz", timeout=2).status == 200
        except OSError:
            return False

    def run(self, *words):
        return subprocess.run([self.binary, *words, "--socket", self.socket], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=20, check=False)

    def public_key(self):
        return self.run("public-key").stdout.strip()

    def new_key(self, limit, term="1y"):
        return self.run("key", "create", "--limit", str(limit), "--term", term).stdout.split()[0]


class Agent(Program):
    """farmgated with its state, sockets and gate files in the place; session events come through the API or `script`."""

    def __init__(self, place, build, authority=None, name="agent", settings="", sources='"api"', host="h1", env=None,
                 gate=True, scripted=None, key=None, url=None, farm=""):
        self.build = build
        self.binary = os.path.join(build, "agent", "farmgated")
        self.ctl_binary = os.path.join(build, "agent", "ctl", "farmgate")
        self.state = place.join(name)
        self.run_directory = place.join(name + "-run")
        os.makedirs(self.state, exist_ok=True)
        os.makedirs(self.run_directory, exist_ok=True)
        self.socket = os.path.join(self.run_directory, "agent.sock")
        self.admin = os.path.join(self.run_directory, "admin.sock")
        self.resources = place.write(name + "-resources.conf", "")
        authority_lines = ""
        if authority:
            authority_lines = 'authority: { url = "%s"; key = "%s"; };' % (url or authority.url,
                                                                           key or authority.public_key())
        self.conf = place.write(name + ".conf", """
farm: { host = "%s"; %s };
%s
sessions: { sources = (%s); %s };
gate: { directory = "%s"; resources = "%s"; };
store: { directory = "%s"; };
api: { socket = "%s"; admin_socket = "%s"; };
%s
""" % (host, farm, authority_lines, sources, 'scripted_file = "%s";' % scripted if scripted else "",
            self.run_directory if gate else "", self.resources, self.state, self.socket, self.admin, settings))
        super().__init__(place, name, [self.binary, "--config", self.conf], env)

    def start(self, wait=True):
        super().start()
        if wait and (not wait_until(lambda: self.ready() or not self.alive()) or not self.alive()):
            raise RuntimeError("the agent did not start:\n" + self.log())
        return self

    def ready(self):
        try:
            return request(self.socket, "GET", "/readyz", timeout=2).status == 200
        except OSError:
            return False

    def get(self, path, **rest):
        return request(self.socket, "GET", path, **rest)

    def call(self, method, path, body=None, **rest):
        return request(self.admin, method, path, body, **rest)

    def put(self, host, session, user, administrator=False, kind="desktop", route="broker", **rest):
        body = dict({"user": user, "administrator": administrator, "kind": kind, "route": route}, **rest)
        return self.call("PUT", "/v1/connections/%s/%s" % (host, session), body)

    def end(self, host, session):
        return self.call("DELETE", "/v1/connections/%s/%s" % (host, session))

    def status(self):
        return self.get("/v1/status").json()

    def ctl(self, *words, socket_path=None, env=None, timeout=20, **rest):
        return subprocess.run([self.ctl_binary, *words, "--socket", socket_path or self.admin], capture_output=True,
                              text=True, timeout=timeout, env=dict(os.environ, **(env or {})), check=False, **rest)

    def activate(self, key=None, move=False):
        body = {"license_key": key} if key else {"trial": True}
        if move:
            body["move"] = True
        return self.call("POST", "/v1/activation", body)
