"""The agent for Windows under wine, asked over loopback."""
import hashlib
import os
import signal

from under_wine import WINE, environment, windows_path

from harness import Program, free_port, request, wait_until

START_SECONDS = 30
TOKENS = {"boss": "write", "portal": "read"}


class WindowsAgent(Program):
    """farmgated.exe, with a store in the place; its only door is a loopback port with tokens."""

    def __init__(self, place, build, name="agent", authority=None, settings="", listen=None, store=None, sources='"api"',
                 url=None, trust="", farm=""):
        """`url`, `trust`: of the authority, another way to it, and more of its settings; `farm`: of that group."""
        self.port = free_port()
        self.state = store or place.join(name)
        os.makedirs(self.state, exist_ok=True)
        tokens = place.write(name + "-tokens", "".join(
            "%s:%s:%s\n" % (who, scope, hashlib.blake2b(who.encode(), digest_size=32).hexdigest())
            for who, scope in TOKENS.items()))
        authority_lines = 'authority: { url = "%s"; key = "%s"; %s };' % (
            url or authority.url, authority.public_key(), trust) if authority else ""
        self.conf = place.write(name + ".conf", """
farm: { host = "ts1"; %s };
%s
sessions: { sources = (%s); %s };
gate: { directory = ""; resources = "%s"; };
store: { directory = "%s"; };
api: { socket = ""; admin_socket = ""; listen = "%s"; token_file = "%s"; };
""" % (farm, authority_lines, sources, settings, windows_path(place.write(name + "-resources.conf", "")),
            windows_path(self.state), listen or "127.0.0.1:%d" % self.port, windows_path(tokens)))
        exe = os.path.join(build, "agent", "farmgated.exe")
        super().__init__(place, name, [WINE, exe, "--config", windows_path(self.conf)], environment())

    def start(self):
        super().start()
        if not wait_until(lambda: self.ready() or not self.alive(), START_SECONDS) or not self.alive():
            raise RuntimeError("the agent did not start:\n" + self.log())
        return self

    def ready(self):
        try:
            return request(("127.0.0.1", self.port), "GET", "/readyz", timeout=2).status == 200
        except OSError:
            return False

    def ends(self):
        """Its exit code, when it does not start."""
        super().start()
        wait_until(lambda: not self.alive(), START_SECONDS)
        return self.process.poll()

    def call(self, method, path, body=None, who="boss"):
        headers = {"Authorization": "Bearer " + who} if who else {}
        return request(("127.0.0.1", self.port), method, path, body, headers, timeout=35)

    def status(self):
        return self.call("GET", "/v1/status").json()

    def put(self, session, user, **more):
        body = {"user": user, "administrator": False, "kind": "desktop", "route": "broker", **more}
        return self.call("PUT", "/v1/connections/ts1/" + session, body).status

    def interrupt(self):
        """Its exit code after Ctrl-C, as wine makes it of this signal."""
        return self.stop(signal.SIGINT)
