#!/usr/bin/env python3
"""The whole agent for Windows, in the console, under wine, with a wtsapi32.dll beside it that plays sessions: what it counts.

    test_sessions.py BUILD_WINDOWS BUILD
"""
import hashlib
import os
import shutil
import sys

from under_wine import WINE, environment, windows_path

from harness import Place, Program, Tap, free_port, request, wait_until

BUILD_WINDOWS = os.path.abspath(sys.argv[1])
TOKEN = "sessions"
SECONDS = 25  # without a service manager's notes it looks every 15 seconds, and sooner while a kind is only guessed

ANN = "session 2; user ann; domain CORP; client PC-7; token user; state %d; protocol %d; remote %d\n"
BOB = "session 3; user bob; domain CORP; token administrator; protocol 2; remote 1\n"
CEM = "session 1; user cem; domain CORP; token user; protocol 0; remote 0\n"
GUESSED = "session 9; user \U0001f33b; domain \u00c4RZTE; token user; protocol 2; remote 1\n"
DESKTOPS = "process 90; session 2; name explorer.exe\nprocess 91; session 3; name explorer.exe\n"
CONNECTED, DISCONNECTED = (0, 2, 1), (4, 0, 0)
ALWAYS = BOB + CEM + GUESSED


SERVICE = "session 5; user SVC-Backup; domain CORP; token user; protocol 2; remote 1\n"
RULES = """sessions = { rules = (
    { user = "corp\\\\svc-*"; kind = "ignore"; },
    { group = "nobody's"; kind = "ignore"; },
    { service = "console"; kind = "desktop"; route = "rdp"; }
); };"""


class Agent(Program):
    def __init__(self, place, rules=""):
        self.place, self.port = place, free_port()
        for program in ("agent/farmgated.exe", "tests/windows/wtsapi32.dll"):
            shutil.copy(os.path.join(BUILD_WINDOWS, program), place.path)
        tokens = place.write("tokens", "test:read:%s\n" % hashlib.blake2b(TOKEN.encode(), digest_size=32).hexdigest())
        os.chmod(tokens, 0o600)
        conf = place.write("farmgate.conf", """
store = { directory = "%s"; };
api = { socket = ""; admin_socket = ""; listen = "127.0.0.1:%d"; token_file = "%s"; };
gate = { directory = ""; };
%s
""" % (windows_path(place.join("state")), self.port, windows_path(tokens), rules))
        os.mkdir(place.join("state"))
        super().__init__(place, "agent", [WINE, place.join("farmgated.exe"), "--config", windows_path(conf)],
                         environment(WINEDLLOVERRIDES="wtsapi32=n;mscoree=;mshtml=;winemenubuilder.exe="))

    def play(self, script):
        """What Remote Desktop Services tell from now on."""
        os.replace(self.place.write("script.fresh", script), self.place.join("wtsapi32.script"))

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


def becomes(tap, agent, connections, users, name):
    wait_until(lambda: agent.connections() == connections, SECONDS, 0.1)
    tap.equal((agent.connections(), agent.users()), (connections, users), name)


def test_rules(tap):
    """What the configuration says of some sessions goes before what Windows tells of them; of the others that stands."""
    with Place() as place:
        agent = Agent(place, RULES)
        agent.play(ANN % CONNECTED + BOB + CEM + SERVICE + DESKTOPS + "process 92; session 2; name rdpshell.exe\n")
        agent.start()
        becomes(tap, agent, {"CORP\\ann application rdp active counted", "CORP\\bob desktop rdp active exempt 1 of 2",
                             "CORP\\cem desktop rdp active counted"}, 2, "rules apply, by names in any case, and to nobody else")
        ignored = [(one["user"], one["reason"]) for one in agent.ask("/v1/connections")["ignored"]]
        tap.equal(ignored, [("CORP\\SVC-Backup", "ignored by rule 1")], "and who is ignored is shown with the rule")
        agent.kill()


def main():
    tap = Tap()
    others = {"CORP\\bob desktop rdp active exempt 1 of 2", "CORP\\cem desktop console active route not counted",
              "\u00c4RZTE\\\U0001f33b desktop rdp active counted"}
    with Place() as place:
        agent = Agent(place)
        agent.play("error sessions 1702\n")
        agent.start()
        tap.ok(wait_until(lambda: "ready" in agent.log(), SECONDS), "it is ready without Remote Desktop Services", agent.log())
        tap.ok("session source wts failed" in agent.log() and "1702" in agent.log(), "and says what is wrong", agent.log())
        agent.play(ANN % CONNECTED + ALWAYS + DESKTOPS)
        becomes(tap, agent, others | {"CORP\\ann desktop rdp active counted"}, 2, "they come, and their sessions count")
        tap.ok("session source wts works again" in agent.log(), "and it says so", agent.log())
        agent.play(ANN % DISCONNECTED + ALWAYS + DESKTOPS)
        becomes(tap, agent, others | {"CORP\\ann desktop rdp disconnected counted"}, 2, "one without a client is no console's")
        agent.play(ANN % CONNECTED + ALWAYS + DESKTOPS + "process 92; session 2; name rdpshell.exe\n")
        becomes(tap, agent, others | {"CORP\\ann application rdp active counted"}, 2, "it comes back as the other kind")
        agent.play(ANN % CONNECTED + ALWAYS + "error processes 0\n")
        tap.ok(wait_until(lambda: "only guessed" in agent.log(), SECONDS), "processes that are not told are said", agent.log())
        becomes(tap, agent, others | {"CORP\\ann application rdp active counted"}, 2, "and change no kind")
        agent.play("error sessions 0\n")
        tap.ok(wait_until(lambda: agent.log().count("cannot be listed") == 2, SECONDS),
               "a failure without a reason is one", agent.log())
        tap.ok("a failure without a reason" in agent.log().split("cannot be listed")[-1], "and said as such", agent.log())
        becomes(tap, agent, others | {"CORP\\ann application rdp active counted"}, 2, "and ends nobody's session")
        agent.play(ALWAYS + DESKTOPS)
        becomes(tap, agent, others, 1, "a log-off ends one")
        tap.ok(agent.log().count("wts failed") == 3 and agent.log().count("wts works again") == 2, "each trouble is said once", agent.log())
        agent.kill()
    test_rules(tap)
    tap.done()


main()
