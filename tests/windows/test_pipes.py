#!/usr/bin/env python3
"""The local API's named pipes under wine: farmgated.exe behind them, farmgate.exe before them.

    test_pipes.py BUILD_WINDOWS BUILD
"""
import json
import os
import select
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from under_wine import WINE, environment, windows_path, wine

from harness import Place, Program, Tap, free_port, wait_until

BUILD_WINDOWS = os.path.abspath(sys.argv[1])
FARMGATED = os.path.join(BUILD_WINDOWS, "agent", "farmgated.exe")
FARMGATE = os.path.join(BUILD_WINDOWS, "agent", "ctl", "farmgate.exe")
START_SECONDS = 30
CLIENTS = 10
NO_AGENT = 3
PIPES = "//./pipe/farmgate-test-%d-" % os.getpid()


class Agent(Program):
    def __init__(self, place, name, reader=PIPES + "reader", admin=PIPES + "admin"):
        self.reader, self.admin = reader, admin
        state = place.join(name)
        os.makedirs(state)
        conf = place.write(name + ".conf", """
farm: { host = "ts1"; };
sessions: { sources = ("api"); };
gate: { directory = ""; resources = "%s"; };
store: { directory = "%s"; };
api: { socket = "%s"; admin_socket = "%s"; listen = "127.0.0.1:%d"; };
""" % (windows_path(place.write("resources.conf", "")), windows_path(state), reader, admin, free_port()))
        super().__init__(place, name, [WINE, FARMGATED, "--config", windows_path(conf)], environment())

    def status(self):
        code, said, _ = farmgate("status", "--json", "--socket", self.reader)
        return json.loads(said) if code == 0 else None


def farmgate(*arguments):
    return wine(FARMGATE, *arguments)


def put(agent, door, number):
    return farmgate("connection", "put", "ts1", str(number), "--user", "CORP\\user%d" % number, "--kind", "desktop",
                    "--socket", door)


def answers(tap, agent):
    tap.ok(wait_until(lambda: agent.status() is not None or not agent.alive(), START_SECONDS) and agent.alive(),
           "farmgate.exe asks for the status over the pipe", agent.log())
    code, said, _ = farmgate("status", "--socket", agent.reader.replace("/", "\\"))
    tap.ok(code == 0 and "users" in said, "as text, by the pipe's name as Windows writes it", said)
    code, _, said = put(agent, agent.reader, 1)
    tap.ok(code != 0, "the pipe for reading takes no change", said)
    tap.equal(put(agent, agent.admin, 1)[0], 0, "the administrators' does")
    tap.equal(agent.status()["concurrent_users"], 1, "and it is counted")


def names(tap, agent):
    """As they are written, outside the basic plane as well, there and back by a command line, a pipe and an output."""
    user = "\u00c4RZTE\\\U00020bb7\U0001f33b"
    code = farmgate("connection", "put", "ts1", "\U0001f600", "--user", user, "--kind", "desktop", "--socket", agent.admin)[0]
    tap.equal(code, 0, "a name may have any characters")
    said = [farmgate(*words, "--socket", agent.reader)[1] for words in (("connections",), ("users",), ("explain", user), ("events",))]
    tap.equal([user in one for one in said], [True] * 4, "and is shown with them")
    told = json.loads(farmgate("connections", "--json", "--socket", agent.reader)[1])["connections"]
    tap.ok((user, "\U0001f600") in [(one["user"], one["id"]) for one in told], "as in JSON", told)
    tap.equal(farmgate("connection", "end", "ts1", "\U0001f600", "--socket", agent.admin)[0], 0, "and found by them")


def many(tap, agent):
    with ThreadPoolExecutor(CLIENTS) as pool:
        codes = list(pool.map(lambda number: put(agent, agent.admin, number)[0], range(CLIENTS)))
    tap.equal(codes, [0] * CLIENTS, "many clients at a time are all answered")
    tap.equal(agent.status()["concurrent_users"], CLIENTS, "and all that they said is counted")


def goes_away(tap, agent):
    with subprocess.Popen([WINE, FARMGATE, "events", "--follow", "--after", "0", "--socket", agent.reader], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment()) as client:
        arrived = wait_until(lambda: select.select([client.stdout], [], [], 0)[0], START_SECONDS)
        tap.ok(arrived and client.stdout.readline(), "a client follows events")
        client.kill()
    tap.equal(put(agent, agent.admin, CLIENTS)[0], 0, "one that goes away in the middle disturbs nobody")


def taken(tap, place, agent):
    second = Agent(place, "second", admin=PIPES + "other")
    second.start()
    wait_until(lambda: not second.alive(), START_SECONDS)
    tap.ok(second.process.poll() == 75 and agent.reader in second.log() and "another agent is listening" in second.log(),
           "a pipe's name that is taken is named, and ends the agent", second.log())


def main():
    tap = Tap()
    with Place() as place:
        agent = Agent(place, "agent")
        try:
            agent.start()
            answers(tap, agent)
            names(tap, agent)
            many(tap, agent)
            goes_away(tap, agent)
            taken(tap, place, agent)
        finally:
            code = agent.stop(signal.SIGINT)
        tap.equal(code, 0, "it stops with its pipes open")
        code, _, said = farmgate("status", "--socket", agent.reader)
        tap.ok(code == NO_AGENT and "nobody listens there" in said, "then nobody listens, and that is said", said)
    tap.done()


main()
