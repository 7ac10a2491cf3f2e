#!/usr/bin/env python3
"""Leaders of a farm on a real etcd of three members: killed, stopped past their lease, with members killed under them,
and compacted behind their backs. Peak, its instant and every window are those that follow from what the hosts'
transactions were acknowledged with, in the store's order.

    test_farm_leader.py BUILD [--seed N]
"""
import os
import random
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from etcd_cluster import Cluster, needs_etcd  # noqa: E402
from harness import Tap, wait_until  # noqa: E402

BUILD = os.path.abspath(sys.argv[1])
SEED = int(sys.argv[sys.argv.index("--seed") + 1]) if "--seed" in sys.argv else 20260101
T0 = 1700000400000
WINDOW_MS = 1200000
SPEED = 600  # a window in two seconds
HOSTS = 3
USERS = 12
SECONDS = 12


class Part:
    """One of the program's forms, and what it has said."""

    def __init__(self, farm, form, name):
        self.process = subprocess.Popen(
            [os.path.join(BUILD, "tests/daemon/farm_leader"), form, name, str(farm.epoch_ms), str(SPEED),
             *farm.cluster.urls], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.lines = []
        self.wakes = None  # it is stopped until then
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def of(self, word):
        return [line.split(" ") for line in list(self.lines) if line.split(" ")[0] == word]

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.reader.join(10)

    def end(self):
        self.process.stdin.close()
        code = self.process.wait(30)
        self.reader.join(10)
        return code


class Writer(Part):
    """A host with sessions that come and go."""

    def __init__(self, farm, name):
        super().__init__(farm, "write", name)
        self.on = {}

    def act(self, chance):
        session = "s%d" % chance.randrange(6)
        if session in self.on:
            del self.on[session]
            self.say("off " + session)
        else:
            self.on[session] = "user%d" % chance.randrange(USERS)
            self.say("on %s %s" % (session, self.on[session]))


class Farm:
    def __init__(self):
        self.cluster = Cluster(3)
        self.cluster.wait()
        self.epoch_ms = int(time.time() * 1000)
        self.leaders = [Part(self, "lead", "rds%d" % i) for i in range(3)]
        self.gone = []  # leaders that were killed
        self.writers = [Writer(self, "h%d" % i) for i in range(HOSTS)]

    def leaderships(self):
        return sum(len(part.of("live")) for part in self.leaders + self.gone)

    def leading(self):
        """Who is live now, and awake; None: nobody."""
        for part in self.leaders:
            if part.wakes:
                continue
            last = [line for line in list(part.lines) if line == "live" or line.startswith("resigned")]
            if last and last[-1] == "live":
                return part
        return None

    def replace(self, part):
        part.kill()
        self.gone.append(part)
        self.leaders[self.leaders.index(part)] = Part(self, "lead", "again%d" % len(self.gone))

    def remove(self):
        for part in self.leaders + self.writers:
            if part.process.poll() is None:
                part.kill()
        self.cluster.remove()


def mishap(farm, chance, kind):
    """What goes wrong now."""
    leader = farm.leading()
    if kind == "kill" and leader:
        farm.replace(leader)
    elif kind == "stop" and leader:
        leader.process.send_signal(signal.SIGSTOP)
        leader.wakes = time.monotonic() + 3.5
    elif kind == "member":
        member = chance.choice(farm.cluster.members)
        member.kill()
        member.start()


def run(farm, chance):
    """Sessions and mishaps for a while."""
    kinds = ["kill", "stop", "kill", "member", "kill", "stop", "kill"]  # in a farm whose lease is two seconds
    end = time.monotonic() + SECONDS
    next_mishap = time.monotonic() + 1
    while time.monotonic() < end or any(part.wakes for part in farm.leaders):
        chance.choice(farm.writers).act(chance)
        time.sleep(chance.random() * 0.03)
        if kinds and time.monotonic() > next_mishap and farm.leading():
            mishap(farm, chance, kinds.pop(0))
            next_mishap = time.monotonic() + 1.3
        for part in farm.leaders:
            if part.wakes and time.monotonic() > part.wakes:
                part.process.send_signal(signal.SIGCONT)
                part.wakes = None


class Oracle:
    """What follows from the acknowledged transactions; checkpoints are the farm's clock, and nothing else is taken from
    them."""

    def __init__(self, start_ms, acked, clocks):
        now, users = start_ms, {}
        self.levels = []  # (instant, users)
        for _, at_ms, change in sorted(acked + clocks, key=lambda entry: entry[0]):
            now = max(now, at_ms)
            if change is None:
                continue
            host, words = change
            if words[0] == "on":
                users[host, words[1]] = words[2]
            else:
                del users[host, words[1]]
            self.levels.append((now, len(set(users.values()))))

    def window(self, start, end):
        peak, peak_at, last = 0, start, 0
        for at_ms, level in self.levels:
            if at_ms >= end:
                break
            last = level
            if at_ms < start:
                peak = level
            elif level > peak:
                peak, peak_at = level, at_ms
        return [peak, peak_at, last]


def history(farm):
    part = Part(farm, "history", "looker")
    part.process.wait(60)
    part.reader.join(10)
    return part


def acknowledged(farm):
    return [(int(words[1]), int(words[2]), ("h%d" % number, words[3:]))
            for number, writer in enumerate(farm.writers) for words in writer.of("acked")]


def compare(tap, farm, start_ms):
    told = history(farm)
    checkpoints = told.of("checkpoint")
    clocks = [(int(words[1]), int(words[2]), None) for words in checkpoints]
    acked = acknowledged(farm)
    oracle = Oracle(start_ms, acked, clocks)
    windows = {int(words[1]): [int(word) for word in words[2:]] for words in told.of("window")}
    wrong = []
    for start, (end, *found) in sorted(windows.items()):
        expected = oracle.window(start, end)
        if found != expected:
            wrong.append((start - T0, found, expected))
    starts = sorted(windows)
    missing = [start for start, after in zip(starts, starts[1:]) if windows[start][0] != after]
    last = checkpoints[-1]
    print("# %d transactions, %d checkpoints, %d windows, peak %s" % (len(acked), len(checkpoints), len(windows), last[5]))
    tap.ok(not wrong and len(windows) >= 5, "every window is the oracle's", wrong)
    tap.ok(not missing, "no window is missing between two", missing)
    tap.equal([int(last[5]), int(last[6])], oracle.window(start_ms, 1 << 62)[:2],
              "the peak ever and its instant are the oracle's")
    tap.equal(int(last[8]), oracle.levels[-1][1], "who is on now is the oracle's")
    tap.equal(last[3], "0", "there is no gap")


def test_leaders(tap, chance):
    farm = Farm()
    try:
        tap.ok(wait_until(farm.leading, 15), "somebody leads", [part.lines for part in farm.leaders])
        start_ms = int(next(part for part in farm.leaders if part.of("first")).of("first")[0][1])
        run(farm, chance)
        for writer in farm.writers:
            tap.equal(writer.end(), 0, "a host's changes are all acknowledged")
        tap.ok(wait_until(farm.leading, 15), "somebody leads at the end")
        time.sleep(2.5)  # a window closes: with a checkpoint of all that there was
        print("# %d leaderships" % farm.leaderships())
        tap.ok(farm.leaderships() >= 5, "there were several leaderships", farm.leaderships())
        tap.ok(any(part.of("resigned") for part in farm.leaders + farm.gone),
               "whoever was stopped past its lease resigned")
        compare(tap, farm, start_ms)
        test_compaction(tap, farm)
    finally:
        farm.remove()


def test_compaction(tap, farm):
    """An operator compacts where the next leader would go on."""
    for part in farm.leaders:
        part.process.send_signal(signal.SIGSTOP)
    time.sleep(2.5)
    told = history(farm)
    farm.cluster.etcdctl("put", "/elsewhere", "x")
    farm.cluster.etcdctl("compact", str(int(told.of("checkpoint")[-1][1]) + 1))
    for part in list(farm.leaders):
        farm.replace(part)
    tap.ok(wait_until(lambda: any(part.of("gap") for part in farm.leaders), 20),
           "history that is gone is reported as a gap", [part.lines for part in farm.leaders])
    tap.ok(wait_until(farm.leading, 15), "and counting goes on")


def main():
    tap = Tap()
    needs_etcd(tap, "farm_leader")
    print("# seed %d" % SEED)
    test_leaders(tap, random.Random(SEED))
    tap.done()


if __name__ == "__main__":
    main()
