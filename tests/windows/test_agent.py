#!/usr/bin/env python3
"""The agent for Windows under wine: in the foreground, asked over loopback, with an authority of this machine.

    test_agent.py BUILD_WINDOWS BUILD
"""
import json
import os
import re
import shutil
import sys

from under_wine import windows_path
from windows_agent import WindowsAgent

from harness import Authority, Place, Tap, wait_until

BUILD_WINDOWS, BUILD = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
STOPPED, BUSY, CONFIGURATION = 0, 75, 78


def doors(tap, agent):
    tap.equal([agent.call("GET", path, who=None).status for path in ("/healthz", "/metrics", "/v1/status")],
              [200, 200, 401], "without a token only what anybody may know")
    tap.equal(agent.call("GET", "/v1/status", who="stranger").status, 401, "an unknown token is refused")
    tap.equal([agent.call("GET", "/v1/status", who="portal").status,
               agent.call("PUT", "/v1/connections/ts1/0", {"user": "a", "kind": "desktop"}, "portal").status],
              [200, 403], "a token for reading reads")


def counts(tap, agent):
    tap.equal([agent.put("1", "CORP\\ann"), agent.put("2", "corp\\ANN"), agent.put("3", "Zoë 🙂@corp.example")],
              [204, 204, 204], "connections are taken")
    status = agent.status()
    tap.equal([status["concurrent_users"], status["connections"], status["peak_today"]["users"]], [2, 3, 2],
              "a user is counted once, however written")
    users = [each["user"] for each in agent.call("GET", "/v1/connections").json()["connections"]]
    tap.ok("Zoë 🙂@corp.example" in users, "names are UTF-8", users)


def survives(tap, agent):
    agent.kill()
    agent.start()
    tap.equal(agent.status()["connections"], 3, "killed, it has lost no connection that it took")
    tap.equal(agent.call("DELETE", "/v1/connections/ts1/3").status, 204, "a connection ends")
    tap.equal(agent.interrupt(), STOPPED, "Ctrl-C stops it")
    tap.ok("is stopping" in agent.log(), "and it says so", agent.log())
    agent.start()
    tap.equal(agent.status()["concurrent_users"], 1, "started again, it goes on where it was")


def alone_on_its_store(tap, place, agent):
    second = WindowsAgent(place, BUILD_WINDOWS, "second", store=agent.state)
    tap.equal(second.ends(), BUSY, "a second agent on one store ends")
    third = WindowsAgent(place, BUILD_WINDOWS, "third", listen="127.0.0.1:%d" % agent.port)
    tap.ok(third.ends() not in (STOPPED, None) and "listen" in third.log(), "and one on a port that is taken, which it says",
           third.log())


def licensed(tap, agent, authority):
    answer = agent.call("POST", "/v1/activation", {"license_key": authority.new_key(5)})
    tap.equal(answer.status, 200, "a key activates it")
    status = agent.status()
    tap.equal([status["verdict"]["open"], status["limit"]], [True, 5], "the gate is open")
    tap.equal(agent.call("GET", "/v1/gate?user=CORP%5Cann", who=None).status, 204, "and says so")
    tap.equal(agent.call("POST", "/v1/report").status, 200, "the authority takes its report")
    farms = json.loads(authority.run("farm", "list", "--json").stdout)["farms"]
    tap.ok([farm["status"] for farm in farms] == ["active"] and farms[0]["reported_at"], "which lists the farm", farms)
    agent.interrupt()
    agent.start()
    tap.ok(agent.status()["verdict"]["open"], "the entitlement is kept")


def scripted(tap, place):
    script = place.write("sessions.ndjson", "".join(json.dumps(
        {"event": "connect", "session": str(i), "user": user, "admin": False, "kind": "desktop", "route": "rdp"}) + "\n"
        for i, user in enumerate(("ann", "bob", "ann"))))
    agent = WindowsAgent(place, BUILD_WINDOWS, "scripted", sources='"scripted"', settings='scripted_file = "%s";' % windows_path(script)).start()
    tap.ok(wait_until(lambda: agent.status()["concurrent_users"] == 2), "the sessions of a script are counted", agent.status())
    tap.equal(agent.interrupt(), STOPPED, "it stops")


def long_paths(tap, place):
    """Windows' old limit is 260 characters; names of the store's files come behind its directory's."""
    store = place.join("s" * (250 - len(windows_path(place.path))))
    log, resources = [place.join(letter * 100, "%s.jsonl" % (letter * (248 - 101 - len(windows_path(place.path))))) for letter in "lr"]
    for path in (log, resources):
        os.makedirs(os.path.dirname(path))
    agent = WindowsAgent(place, BUILD_WINDOWS, "long", store=store)
    with open(agent.conf, encoding="utf-8") as file:
        text = file.read()
    before = re.search('resources = "([^"]*)"', text).group(1)
    place.write("long.conf", text.replace(before, windows_path(resources)) + 'log: { file = "%s"; };\n' % windows_path(log))
    with open(resources, "w", encoding="utf-8") as file:
        file.write('resources = ({ id = "calc"; name = "Calculator"; kind = "application"; command = "calc.exe"; });\n')
    deep = place.join("a" * 120, "ö" * 100, "b" * 60)
    os.makedirs(deep)
    agent.command[-1] = windows_path(shutil.copy(agent.conf, os.path.join(deep, "farmgate.conf")))
    agent.start()
    tap.equal(agent.put("1", "CORP\\ann"), 204, "a configuration and a store may have long paths")
    with open(log, encoding="utf-8") as file:
        codes = [json.loads(line)["code"] for line in file]
    tap.ok(len(windows_path(log)) >= 253 and "agent_started" in codes, "so may the log file", (len(windows_path(log)), codes))
    agent.kill()
    agent.start()
    tap.equal(agent.status()["connections"], 1, "and what is told is kept")
    agent.interrupt()
    with open(resources, "a", encoding="utf-8") as file:
        file.write("nonsense = 1;\n")
    tap.ok(agent.ends() == CONFIGURATION and os.path.basename(resources) + ":2: nonsense" in agent.log(),
           "and the published resources, whose mistakes are found", agent.log())
    longer = WindowsAgent(place, BUILD_WINDOWS, "longer", store=place.join("a" * 120, "b" * 130))
    tap.ok(longer.ends() == CONFIGURATION and "store.directory: too long" in longer.log(), "one that is too long is said to be", longer.log())


def read_only_store(tap, place):
    """Where not even root makes a file."""
    agent = WindowsAgent(place, BUILD_WINDOWS, "readonly", store="/sys/kernel")
    agent.start()
    tap.ok("state cannot be written" in agent.log() and "/sys/kernel/farmgate.db" in agent.log(),
           "where its store cannot be written it says so, with the path", agent.log())
    answer = agent.call("PUT", "/v1/connections/ts1/1", {"user": "CORP\\ann", "administrator": False, "kind": "desktop", "route": "broker"})
    tap.equal([answer.status, answer.json()["code"], agent.status()["concurrent_users"]], [503, "store_unavailable", 0],
              "takes nothing that it could not keep, and answers")
    tap.equal(agent.interrupt(), STOPPED, "and stops as always")


def wrong_configuration(tap, place):
    agent = WindowsAgent(place, BUILD_WINDOWS, "wrong", sources='"wts2"')
    tap.equal(agent.ends(), CONFIGURATION, "a wrong configuration ends it")
    tap.ok("wrong.conf:4: sessions.sources" in agent.log(), "with file and line", agent.log())
    utmp = WindowsAgent(place, BUILD_WINDOWS, "utmp", sources='"utmp"')
    tap.ok(utmp.ends() not in (STOPPED, None) and "utmp" in utmp.log(), "so does a source that Windows does not have",
           utmp.log())


def main():
    tap = Tap()
    with Place() as place:
        authority = Authority(place, BUILD).start()
        agent = WindowsAgent(place, BUILD_WINDOWS, authority=authority).start()
        doors(tap, agent)
        counts(tap, agent)
        survives(tap, agent)
        alone_on_its_store(tap, place, agent)
        licensed(tap, agent, authority)
        tap.equal(agent.interrupt(), STOPPED, "it stops")
        scripted(tap, place)
        long_paths(tap, place)
        read_only_store(tap, place)
        wrong_configuration(tap, place)
    tap.done()


main()
