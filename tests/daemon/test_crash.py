#!/usr/bin/env python3
"""kill -9 at random instants under a stream of changes: what was acknowledged, and every window that was shown, is there again.

    test_crash.py BUILD [--long] [--seed N]

Wall time runs 6000 times as fast for the agent, and leaps an hour at each start (before any entitlement it is licence time), so that
windows close all the while.
"""
import http.client
import json
import os
import random
import sys
import threading
import time

from harness import Agent, Place, Tap, UnixConnection, request

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
USERS = 40
SEED = 20260101  # of the short form: whether a change is good does not depend on the day


class Stream(threading.Thread):
    """One broker: puts and ends over one kept-alive connection until it breaks."""

    def __init__(self, agent, number, seed, truth):
        super().__init__(daemon=True)
        self.agent, self.number, self.random, self.truth = agent, number, random.Random(seed), truth

    def run(self):
        connection = UnixConnection(self.agent.admin, 5)
        try:
            while True:
                user = "u%d-%d" % (self.number, self.random.randrange(USERS))
                path = "/v1/connections/h%d/%s" % (self.random.randrange(3), user)
                put = self.random.random() < 0.6
                self.truth[path] = None  # in between: either state is right
                if put:
                    connection.request("PUT", path, json.dumps({"user": user, "administrator": False,
                                                                "kind": "application", "route": "broker"}))
                else:
                    connection.request("DELETE", path)
                response = connection.getresponse()
                response.read()
                if response.status in (200, 201, 204, 404):
                    self.truth[path] = put
        except (OSError, http.client.HTTPException):
            pass  # the agent was killed
        finally:
            connection.close()


def live(agent):
    return {"/v1/connections/%s/%s" % (c["host"], c["id"])
            for c in request(agent.admin, "GET", "/v1/connections").json()["connections"]}


def windows(agent):
    """Closed ones ; the running one still moves."""
    found, since = {}, "2020-01-01T00:00:00Z"
    while True:
        answer = request(agent.admin, "GET", "/v1/windows?since=" + since).json()
        found.update({w["start"]: w["peak_users"] for w in answer["windows"] if w["state"] != "running"})
        if not answer.get("more"):
            return found
        since = answer["windows"][-1]["end"]


def main():
    tap = Tap()
    long_form = "--long" in sys.argv
    seed = random.randrange(1 << 32) if long_form else SEED
    if "--seed" in sys.argv:
        seed = int(sys.argv[sys.argv.index("--seed") + 1])
    rounds = 10000 if long_form else 200
    print("# seed %d" % seed, flush=True)
    if not os.path.exists(FAKETIME):
        tap.skip("kill -9 at %d random instants" % rounds, "libfaketime is not installed")
        tap.done()
    chance = random.Random(seed)
    lost, extra, lost_windows, changed_windows, acknowledged, seen_windows = [], [], [], [], 0, 0
    env = {"LD_PRELOAD": FAKETIME, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    with Place() as place:
        agent = Agent(place, sys.argv[1], env=env)
        with open(agent.conf, encoding="utf-8") as file:
            text = file.read()
        place.write("agent.conf", text.replace("sessions: {", 'sessions: { api_lease = "0";'))  # days pass unseen
        truth = {}
        hours = 0

        def start():
            """Each life begins an hour after the last: its first step closes windows, and so does its stream."""
            nonlocal hours
            hours += 1
            agent.env["FAKETIME"] = "+%dh x6000" % hours
            agent.start()

        for number in range(rounds):
            start()
            now = live(agent)
            lost += [path for path, there in truth.items() if there is True and path not in now]
            extra += [path for path, there in truth.items() if there is False and path in now]
            acknowledged += sum(1 for there in truth.values() if there is not None)
            truth = {path: path in now for path in set(truth) | now}
            before = windows(agent)
            streams = [Stream(agent, index, chance.randrange(1 << 32), truth) for index in range(3)]
            for stream in streams:
                stream.start()
            time.sleep(chance.uniform(0.0, 0.08))
            shown = windows(agent) if number % 4 == 0 else before
            time.sleep(chance.uniform(0.0, 0.04))
            agent.kill()
            for stream in streams:
                stream.join(5)
            if number % 4 == 0:
                seen_windows += len(shown)
                start()
                after = windows(agent)
                lost_windows += [start for start in shown if start not in after]
                changed_windows += [start for start in shown if after.get(start, 0) != shown[start]]
                agent.kill()
        print("# %d rounds, %d acknowledged states and %d windows looked up again" % (rounds, acknowledged, seen_windows))
        tap.ok(acknowledged > rounds and seen_windows > 0, "the stream did something in every round")
        tap.equal(lost[:5], [], "no acknowledged connection was lost in %d kills" % rounds)
        tap.equal(extra[:5], [], "no acknowledged end was undone in %d kills" % rounds)
        tap.equal(lost_windows[:5], [], "no window was lost")
        tap.equal(changed_windows[:5], [], "no window's peak changed")
    tap.done()


main()
