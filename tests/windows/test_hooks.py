#!/usr/bin/env python3
"""packaging/windows/hooks/gate.cmd under the event follower, with a real agent behind its pipe and an authority of this machine.

    test_hooks.py BUILD_WINDOWS BUILD
"""
import json
import os
import shutil
import signal
import sys
import xml.etree.ElementTree as ElementTree

from under_wine import TREE, WINE, environment, windows_path, wine

from harness import Authority, Place, Program, Tap, wait_until

BUILD_WINDOWS, BUILD = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
PIPES = "//./pipe/farmgate-hooks-%d-" % os.getpid()
CODES = "agent_started,gate_opened,gate_closed,licenses_run_out,licenses_free_again"
SECONDS = 30


class Agent(Program):
    """farmgated.exe with farmgate.exe and gate.cmd beside each other, as they are installed."""

    def __init__(self, place, authority):
        self.home = place.join("Farm gate")  # a name with a space, as "Program Files" is
        os.makedirs(self.home)
        shutil.copy(os.path.join(BUILD_WINDOWS, "agent", "ctl", "farmgate.exe"), self.home)
        shutil.copy(os.path.join(TREE, "packaging", "windows", "hooks", "gate.cmd"), self.home)
        with open(os.path.join(self.home, "change.cmd"), "w", encoding="ascii", newline="\r\n") as file:
            file.write('@echo off\necho %*>>"%~dp0changes"\nexit /b 0\n')
        os.makedirs(place.join("state"))
        conf = place.write("agent.conf", """
farm: { host = "ts1"; };
authority: { url = "%s"; key = "%s"; };
sessions: { sources = ("api"); };
gate: { directory = ""; resources = "%s"; };
store: { directory = "%s"; };
api: { socket = "%s"; admin_socket = "%s"; };
""" % (authority.url, authority.public_key(), windows_path(place.write("resources.conf", "")),
            windows_path(place.join("state")), PIPES + "reader", PIPES + "admin"))
        exe = os.path.join(BUILD_WINDOWS, "agent", "farmgated.exe")
        super().__init__(place, "agent", [WINE, exe, "--config", windows_path(conf)], environment())

    def farmgate(self, *words, **more):
        return wine(os.path.join(self.home, "farmgate.exe"), *words, "--socket", PIPES + "admin", **more)

    def start(self):
        super().start()
        if not wait_until(lambda: self.farmgate("status")[0] == 0 or not self.alive(), SECONDS, 0.2) or not self.alive():
            raise RuntimeError("the agent did not start:\n" + self.log())
        return self

    def hook(self, *words):
        """By hand, as an administrator would."""
        return wine("cmd", "/c", windows_path(os.path.join(self.home, "gate.cmd")), *words, FARMGATE_SOCKET=PIPES + "reader",
                    WINEPATH=windows_path(self.home))

    def changes(self):
        path = os.path.join(self.home, "changes")
        return open(path, encoding="ascii").read().split("\n")[:-1] if os.path.exists(path) else []


def follower(place, agent, name, what):
    command = '"%s" %s' % (windows_path(os.path.join(agent.home, "gate.cmd")).replace("/", "\\"), what)
    return Program(place, name, [WINE, os.path.join(agent.home, "farmgate.exe"), "events", "--follow", "--after", "0", "--code", CODES,
                                 "--cursor", windows_path(place.join(name + ".cursor")), "--exec", command, "--socket", PIPES + "reader"],
                   environment(FARMGATE_SOCKET=PIPES + "reader", WINEPATH=windows_path(agent.home))).start()


def by_hand(tap, agent, flag):
    code, _, said = agent.hook()
    tap.ok(code == 64 and "usage" in said, "without words it says its own", (code, said))
    tap.equal((agent.hook("flag", windows_path(flag))[0], os.path.exists(flag)), (0, False), "closed: there is no flag")
    code, _, said = agent.hook("flag", windows_path(os.path.join(flag, "nowhere", "open")))
    tap.equal(code, 0, "nor has one to be taken away")


def main():
    tap = Tap()
    config = ElementTree.parse(os.path.join(TREE, "packaging", "windows", "iis", "web.config")).getroot()
    condition = config.find("system.webServer/rewrite/rules/rule/conditions/add").attrib
    tap.equal((condition["input"], condition["matchType"], condition["negate"]), ("C:\\inetpub\\farmgate\\open", "IsFile", "true"),
              "web.config is XML, and looks for the file")
    with open(os.path.join(TREE, "packaging", "windows", "iis", "README.md"), encoding="utf-8") as file:
        page = file.read()
    tap.ok("gate.cmd\" flag %s " % condition["input"] in page and "$Codes = '%s'" % CODES in page,
           "which README.md has made, by a follower of the same events as here", page)
    with Place() as place:
        authority = Authority(place, BUILD).start()
        agent = Agent(place, authority).start()
        flag = place.join("open")
        by_hand(tap, agent, flag)
        flags = follower(place, agent, "flags", "flag " + windows_path(flag).replace("/", "\\"))
        logons = follower(place, agent, "logons", "logon")
        tap.ok(wait_until(lambda: agent.changes()[-1:] == ["logon /drain"], SECONDS), "closed: new log-ons are drained",
               (agent.changes(), logons.log()))
        tap.equal(agent.farmgate("activate", authority.new_key(5))[0], 0, "the farm is activated")
        tap.ok(wait_until(lambda: os.path.exists(flag), SECONDS), "the gate opens: the flag is there", flags.log())
        tap.ok(wait_until(lambda: agent.changes()[-1:] == ["logon /enable"], SECONDS), "and log-ons are enabled", agent.changes())
        farm_id = json.loads(authority.run("farm", "list", "--json").stdout)["farms"][0]["farm_id"]
        authority.run("farm", "deactivate", farm_id)
        agent.farmgate("report")
        tap.ok(wait_until(lambda: not os.path.exists(flag), SECONDS), "it closes: the flag goes", flags.log())
        tap.ok(wait_until(lambda: agent.changes()[-1:] == ["logon /drain"], SECONDS), "and log-ons are drained", agent.changes())
        agent.farmgate("activate", authority.new_key(5), "--move")
        tap.ok(wait_until(lambda: os.path.exists(flag), SECONDS), "it opens again", flags.log())
        for program in (flags, logons):
            program.stop(signal.SIGINT)
        agent.stop(signal.SIGINT)
        code, _, said = agent.hook("flag", windows_path(flag))
        tap.ok(code == 1 and "was not asked" in said and os.path.exists(flag), "without an agent what holds stays, and it fails", said)
    tap.done()


main()
