#!/usr/bin/env python3
"""The whole agent for Windows under wine, with a wtsapi32.dll beside it that plays sessions: what it counts, as a service and
in the console.

    test_sessions.py BUILD_WINDOWS BUILD
"""
import contextlib
import hashlib
import json
import os
import shutil
import sys
import tempfile

from under_wine import WINE, environment, sc, service_state, somebody, windows_path, wine

from harness import Place, Program, Tap, free_port, request, wait_until

BUILD_WINDOWS = os.path.abspath(sys.argv[1])
CONTROL = os.path.join(BUILD_WINDOWS, "tests", "windows", "control.exe")
TOKEN = "sessions"
NAME = "farmgated"
OVERRIDES = "HKCU\\Software\\Wine\\AppDefaults\\farmgated.exe\\DllOverrides"
PARAMCHANGE, SESSIONCHANGE = 6, 14
REFUSED = 87  # that is for Windows itself to send
SECONDS = 25  # without a service manager's notes it looks every 15 seconds, and sooner while a kind is only guessed

ANN = "session 2; user ann; domain CORP; client PC-7; token user; state %d; protocol %d; remote %d\n"
BOB = "session 3; user bob; domain CORP; token administrator; protocol 2; remote 1\n"
CEM = "session 1; user cem; domain CORP; token user; protocol 0; remote 0\n"
GUESSED = "session 9; user \U0001f33b; domain \u00c4RZTE; token user; protocol 2; remote 1\n"
DESKTOPS = "process 90; session 2; name explorer.exe\nprocess 91; session 3; name explorer.exe\n"
SHELL = "process 92; session 2; name rdpshell.exe\n"
CONNECTED, DISCONNECTED = (0, 2, 1), (4, 0, 0)
ALWAYS = BOB + CEM + GUESSED
OTHERS = {"CORP\\bob desktop rdp active exempt 1 of 2", "CORP\\cem desktop console active route not counted",
          "\u00c4RZTE\\\U0001f33b desktop rdp active counted"}

SERVICE = "session 5; user SVC-Backup; domain CORP; token user; protocol 2; remote 1\n"
RULES = """sessions = { rules = (
    { user = "corp\\\\svc-*"; kind = "ignore"; },
    { group = "nobody's"; kind = "ignore"; },
    { user = "*\\\\\U0001f33b*"; kind = "ignore"; },
    { service = "console"; kind = "desktop"; route = "rdp"; }
); };"""


class Host:
    """farmgated.exe in a folder, and what Remote Desktop Services tell there."""

    def __init__(self, folder, rules=""):
        self.folder, self.port = folder, free_port()
        for program in ("agent/farmgated.exe", "tests/windows/wtsapi32.dll"):
            shutil.copy(os.path.join(BUILD_WINDOWS, program), folder)
        tokens = self.write("tokens", "test:read:%s\n" % hashlib.blake2b(TOKEN.encode(), digest_size=32).hexdigest())
        os.chmod(tokens, 0o600)
        self.exe = os.path.join(folder, "farmgated.exe")
        self.conf = self.write("farmgate.conf", """
farm = { host = "ts1"; };
store = { directory = "%s"; };
api = { socket = ""; admin_socket = ""; listen = "127.0.0.1:%d"; token_file = "%s"; };
gate = { directory = ""; };
log = { file = "%s"; };
%s
""" % (windows_path(os.path.join(folder, "state")), self.port, windows_path(tokens), windows_path(self.path("events.jsonl")), rules))
        os.mkdir(os.path.join(folder, "state"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def play(self, script):
        """What Remote Desktop Services tell from now on."""
        os.replace(self.write("script.fresh", script), self.path("wtsapi32.script"))

    def ask(self, path):
        try:
            answer = request(("127.0.0.1", self.port), "GET", path, headers={"Authorization": "Bearer " + TOKEN})
        except OSError:
            return None
        return answer.json() if answer.status == 200 else None

    def connections(self):
        said = self.ask("/v1/connections")
        return said and {"%(user)s %(kind)s %(route)s %(state)s %(reason)s" % one for one in said["connections"]}

    def users(self):
        said = self.ask("/v1/status")
        return said and said["concurrent_users"]

    def said(self, *codes):
        """[(code, detail)] of its events."""
        if not os.path.exists(self.path("events.jsonl")):
            return []
        with open(self.path("events.jsonl"), encoding="utf-8") as file:
            events = [json.loads(line) for line in file]
        return [(event["code"], event.get("detail")) for event in events if event["code"] in codes]


def becomes(tap, host, connections, users, name):
    wait_until(lambda: host.connections() == connections, SECONDS, 0.1)
    tap.equal((host.connections(), host.users()), (connections, users), name)


# --- as a service ------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def remote_desktop_services_missing():
    """wine has a service of that name, which does nothing."""
    wine("sc", "delete", "TermService")
    try:
        yield
    finally:
        remote_desktop_services_installed()


def remote_desktop_services_installed():
    if not service_state("TermService"):
        wine("sc", "create", "TermService", "binPath=", "C:\\windows\\system32\\termsv.exe", "type=", "share", "start=", "demand")


class Service(Host):
    @contextlib.contextmanager
    def managed(self):
        wine("reg", "add", OVERRIDES, "/v", "wtsapi32", "/d", "native", "/f")
        code, _, said = wine(self.exe, "install", "--config", windows_path(self.conf))
        if code != 0:
            raise RuntimeError("the service cannot be installed: " + said)
        try:
            yield self
        finally:
            wine(self.exe, "uninstall")
            wine("reg", "delete", OVERRIDES, "/f")

    def now(self, script):
        """Tells it so at once, as SESSIONCHANGE does, which only Windows may send: a reload looks anew as well."""
        self.play(script)
        wine(CONTROL, NAME, str(PARAMCHANGE))

    def troubles(self):
        return self.said("source_failed", "source_limited", "source_recovered")

    def troubled(self, tap, code, words, name):
        wait_until(lambda: self.troubles() and self.troubles()[-1][0] == code and words in (self.troubles()[-1][1] or ""), SECONDS)
        last = (self.troubles() or [(None, "")])[-1]
        tap.ok(last[0] == code and words in (last[1] or ""), name, self.troubles())


def starts_without_remote_desktop_services(tap, host):
    with remote_desktop_services_missing():
        host.play("error sessions 1702\n")
        tap.equal(sc("start", NAME)[0], 0, "the service starts where Remote Desktop Services are not installed")
        tap.ok(wait_until(lambda: host.ask("/v1/status") is not None and service_state(NAME) == "RUNNING", SECONDS), "and runs",
               service_state(NAME))
        host.troubled(tap, "source_failed", "not installed (there is no service TermService) (Windows' error 1702); install them",
                      "it says that they are missing, and what to do")
        host.now("error sessions 1702\n")
        host.now("error sessions 1702\n")
    host.now("error sessions 1702\n")
    host.troubled(tap, "source_failed", "do not run (the service TermService) (Windows' error 1702); start them", "then that they do not run")
    tap.equal(len(host.troubles()), 2, "each once")
    tap.equal(wine(CONTROL, NAME, str(SESSIONCHANGE))[0], REFUSED, "a note of sessions only Windows sends")


def lives(tap, host):
    """A session from beginning to end."""
    host.now(ANN % CONNECTED + ALWAYS + DESKTOPS)
    becomes(tap, host, OTHERS | {"CORP\\ann desktop rdp active counted"}, 2, "they come, and their sessions count")
    host.troubled(tap, "source_recovered", "", "and it says so")
    host.now(ANN % DISCONNECTED + ALWAYS + DESKTOPS)
    becomes(tap, host, OTHERS | {"CORP\\ann desktop rdp disconnected counted"}, 2, "one without a client is no console's")
    host.now(ANN % CONNECTED + ALWAYS + DESKTOPS + SHELL)
    becomes(tap, host, OTHERS | {"CORP\\ann application rdp active counted"}, 2, "it comes back as the other kind")
    host.now(ANN % DISCONNECTED + ALWAYS + DESKTOPS)
    host.now(ANN % CONNECTED + ALWAYS + DESKTOPS)
    becomes(tap, host, OTHERS | {"CORP\\ann desktop rdp active counted"}, 2, "and as the first one again")
    host.now(ALWAYS.replace("token administrator", "token user") + DESKTOPS)
    becomes(tap, host, {one.replace("exempt 1 of 2", "counted") for one in OTHERS}, 2, "a log-off ends it; who is no administrator counts")
    host.now(ANN % CONNECTED + ALWAYS + DESKTOPS)
    becomes(tap, host, OTHERS | {"CORP\\ann desktop rdp active counted"}, 2, "she comes again")


def fails(tap, host):
    """Every way in which Windows does not answer: said once, and nobody's end."""
    here = OTHERS | {"CORP\\ann desktop rdp active counted"}
    whole = ANN % CONNECTED + ALWAYS + DESKTOPS
    for script, code, words, name in (
            ("error sessions 0\n", "source_failed", "a failure without a reason", "(rc 0, error 0) is a failure, and said as such"),
            ("empty\n", "source_failed", "an empty list", "so is a list without a session"),
            ("error sessions 1722\n", "source_failed", "Windows' error 1722", "and services that have gone"),
            ("error sessions 5\n", "source_failed", "run it as LocalSystem", "and an account that may not"),
            (whole + "error processes 0\n", "source_limited", "only guessed", "processes that are not told"),
            (whole + "error tokens 1314\n" + "session 6; user \U00020bb7; domain CORP; protocol 0; remote 0\n", "source_limited",
             "(SeTcbPrivilege) (Windows' error 1314); run it as LocalSystem", "a right that the account lacks is named"),
            (whole + "error details 1722\n", "source_limited", "count as remote", "and connections that are not told")):
        before = len(host.troubles())
        host.now(script)
        host.troubled(tap, code, words, name)
        more = {"CORP\\\U00020bb7 desktop console active route not counted"} if "session 6" in script else set()
        users = host.users()
        tap.equal((host.connections(), users, len(host.troubles())), (here | more, 2, before + 1), name + ": nobody's session ends")
    host.now(whole)
    becomes(tap, host, here, 2, "then all is told again")
    host.troubled(tap, "source_recovered", "", "which it says")


def stops(tap, host):
    tap.equal(sc("stop", NAME)[0], 0, "it is stopped")
    tap.ok(wait_until(lambda: service_state(NAME) == "STOPPED", SECONDS), "and ends", service_state(NAME))
    host.play(CEM)
    sc("start", NAME)
    becomes(tap, host, {"CORP\\cem desktop console active route not counted"}, 0, "who left meanwhile is gone when it starts again")


def as_service(tap):
    drive = os.path.join(os.environ["WINEPREFIX"], "drive_c")
    folder = tempfile.mkdtemp(prefix="farmgate sessions ", dir=drive)
    try:
        host = Service(folder)
        with somebody(), host.managed():
            starts_without_remote_desktop_services(tap, host)
            lives(tap, host)
            fails(tap, host)
            stops(tap, host)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# --- in the console ----------------------------------------------------------------------------------------------------


class Agent(Host, Program):
    def __init__(self, place, rules=""):
        Host.__init__(self, place.path, rules)
        Program.__init__(self, place, "agent", [WINE, self.exe, "--config", windows_path(self.conf)],
                         environment(WINEDLLOVERRIDES="wtsapi32=n;mscoree=;mshtml=;winemenubuilder.exe="))


def with_rules(tap):
    """What the configuration says of some sessions goes before what Windows tells of them; of the others that stands."""
    with Place() as place:
        agent = Agent(place, RULES)
        agent.play(ANN % CONNECTED + BOB + CEM + SERVICE + GUESSED + DESKTOPS + SHELL)
        agent.start()
        becomes(tap, agent, {"CORP\\ann application rdp active counted", "CORP\\bob desktop rdp active exempt 1 of 2",
                             "CORP\\cem desktop rdp active counted"}, 2, "rules apply, by names in any case, and to nobody else")
        ignored = [(one["user"], one["reason"]) for one in agent.ask("/v1/connections")["ignored"]]
        tap.equal(ignored, [("CORP\\SVC-Backup", "ignored by rule 1"), ("\u00c4RZTE\\\U0001f33b", "ignored by rule 3")],
                  "and who is ignored is shown with the rule")
        agent.play(ANN % CONNECTED + BOB + SERVICE + DESKTOPS + SHELL)
        becomes(tap, agent, {"CORP\\ann application rdp active counted", "CORP\\bob desktop rdp active exempt 1 of 2"}, 1,
                "without anybody's note it looks by itself")
        agent.kill()


def main():
    tap = Tap()
    as_service(tap)
    with_rules(tap)
    tap.done()


main()
