#!/usr/bin/env python3
"""One host's writer, member and journal against a real etcd of three members, all of which are killed again and again: what was
acknowledged reaches the farm once and in order, and in the end the farm's keys are the host's live set.

    test_farm_writer.py BUILD [SEED] [SECONDS]
"""
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from etcd_cluster import Cluster, needs_etcd  # noqa: E402
from harness import Tap, wait_until  # noqa: E402

BUILD = os.path.abspath(sys.argv[1])
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 20260101
SECONDS = float(sys.argv[3]) if len(sys.argv) > 3 else 8.0
HOST = "rds1"


class Program:
    def __init__(self, *words, machine=None):
        environment = dict(os.environ, MACHINE=machine) if machine else None
        self.process = subprocess.Popen([os.path.join(BUILD, "tests/daemon/tell_farm"), *words], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, bufsize=1, env=environment)
        self.lines = []
        self.done = {}
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            words = line.split()
            if len(words) == 3 and words[1] == "done":
                self.done[words[0]] = int(words[2])
            self.lines.append(line.rstrip("\n"))

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def heard(self, part, seconds=15):
        return wait_until(lambda: next((line for line in list(self.lines) if part in line), None), seconds)

    def end(self):
        self.process.stdin.close()
        self.reader.join(20)
        return self.process.wait(20)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.reader.join(20)


def shown(cluster):
    """Every change in the order of the farm, and what stands there now: {(kind, host, id): user}."""
    program = Program("--show", *cluster.urls)
    seen = -1
    while seen != len(program.lines) or not program.heard("revision", 5):
        seen = len(program.lines)
        time.sleep(0.5)
    program.end()
    changes, keys, seqs = [], {}, []
    for line in program.lines:
        words = line.split()
        if words[0] == "seq":
            seqs.append((words[1], int(words[3]), int(words[5]), int(words[7])))
        elif words[0] == "change":
            changes.append(words[1:6])
        elif words[0] == "key":
            keys[words[1]] = ("b" if words[4] == "broker" else words[4], words[5], words[6], words[7])
        elif words[0] == "deleted":
            keys.pop(words[1], None)
    return changes, sorted(keys.values()), seqs


class Host:
    """The host as it is, and who acknowledged what."""

    def __init__(self, cluster):
        self.cluster, self.place = cluster, tempfile.mkdtemp(prefix="tell-farm-")
        self.sessions, self.brokers, self.count, self.acknowledged, self.unsure = {}, {}, 0, set(), {}
        self.program = None
        self.start()

    def start(self):
        self.program = Program(self.place, HOST, *self.cluster.urls)
        self.send("boot boot-1", set())
        self.tell_sessions(set())
        for name in set(self.unsure.values()):
            self.tell_broker(name)

    def send(self, text, users):
        self.count += 1
        word = "w%d" % self.count
        self.program.say("%s %s" % (word, text))
        self.unsure.pop(word, None)
        return word, users

    def tell_sessions(self, users):
        return self.send("set " + " ".join("%s=%s" % pair for pair in self.sessions.items()), users)

    def tell_broker(self, name):
        if name in self.brokers:
            asked = self.send("put rds2 %s %s" % (name, self.brokers[name]), {self.brokers[name]})
        else:
            asked = self.send("end rds2 " + name, set())
        self.unsure = {word: one for word, one in self.unsure.items() if one != name}
        self.unsure[asked[0]] = name
        return asked

    def note(self, asked):
        for word, users in list(asked):
            if word in self.program.done:
                asked.remove((word, users))
                if self.program.done[word] == 0:
                    self.acknowledged |= users
                    self.unsure.pop(word, None)

    def change(self, chance):
        self.count += 1
        user = "u%d" % self.count
        if chance.random() < 0.4:
            name = "b%d" % chance.randrange(6)
            if chance.random() < 0.6:
                self.brokers[name] = user
            else:
                self.brokers.pop(name, None)
            return self.tell_broker(name)
        if len(self.sessions) > 30 or (self.sessions and chance.random() < 0.4):
            del self.sessions[chance.choice(sorted(self.sessions))]
            return self.tell_sessions(set())
        self.sessions["c%d" % self.count] = user
        return self.tell_sessions({user})

    def calm(self):
        self.count += 1
        word = "s%d" % self.count

        def told():
            self.program.say(word + " status")
            time.sleep(0.1)
            return any(line.startswith(word + " status loaded 1 waiting 0 ") for line in list(self.program.lines))
        return wait_until(told, 30)


def live(host, cluster, chance):
    """Kills at random instants what can be killed; everything runs in the end. How often each was."""
    kills = {"writer": 0, "etcd": 0, "quorum": 0}
    asked, down, end = [], [], time.monotonic() + SECONDS
    while time.monotonic() < end:
        asked.append(host.change(chance))
        time.sleep(chance.random() * 0.02)
        host.note(asked)
        dice = chance.random()
        if dice < 0.01:
            host.program.kill()
            host.note(asked)
            asked = []
            kills["writer"] += 1
            host.start()
        elif dice < 0.02 and len(down) < 2:
            member = chance.choice([one for one in cluster.members if one not in down])
            member.kill()
            down.append(member)
            kills["etcd"] += 1
            kills["quorum"] += len(down) == 2
        elif dice < 0.05 and down:
            down.pop(0).start()
    for member in down:
        member.start()
    cluster.wait()
    wait_until(lambda: host.note(asked) or not asked, 20)
    return kills, asked


def test_kills(tap, cluster):
    chance = random.Random(SEED)
    host = Host(cluster)
    try:
        tap.ok(host.program.heard("member joined") and host.program.heard("said loaded"), "a host joins and is told of itself")
        kills, asked = live(host, cluster, chance)
        tap.ok(all(kills.values()), "everything was killed: %s" % kills)
        tap.equal(asked, [], "everything is acknowledged")
        tap.ok(host.calm(), "it catches up", host.program.lines[-10:])
        changes, keys, seqs = shown(cluster)
        wanted = [("booted", HOST, "boot-1", "-")]
        wanted += [("session", HOST, name, user) for name, user in host.sessions.items()]
        wanted += [("b", "rds2", name, user) for name, user in host.brokers.items()]
        tap.equal(keys, sorted(wanted), "the farm has the host's live set")
        numbers = [int(change[0]) for change in changes]
        tap.equal(numbers, list(range(1, len(numbers) + 1)), "%d numbers without gap or repetition" % len(numbers))
        tap.equal([seq[3] for seq in seqs], list(range(1, len(seqs) + 1)), "each of %d transactions happened once" % len(seqs))
        missing = host.acknowledged - {change[4] for change in changes}
        tap.equal(missing, set(), "all of %d acknowledged users were told" % len(host.acknowledged))
        tap.equal(host.program.end(), 0, "and it ends with nothing left open")
    finally:
        if host.program.process.poll() is None:
            host.program.kill()
        shutil.rmtree(host.place, ignore_errors=True)


def test_names(tap, cluster):
    place = tempfile.mkdtemp(prefix="tell-farm-")
    try:
        first = Program(place + "/1", "rds7", *cluster.urls)
        tap.ok(first.heard("member joined"), "a host has its name")
        second = Program(place + "/2", "rds7", *cluster.urls, machine="machine-2")
        tap.ok(second.heard("member refused rds7 is in the farm already: machine machine-1"), "another machine of it is refused",
               second.lines)
        second.end()
        first.kill()
        again = Program(place + "/1", "rds7", *cluster.urls)
        tap.ok(again.heard("member joined", 1.5), "the same machine takes over at once", again.lines)
        again.say("x leave")
        tap.ok(again.heard("member left"), "and leaves")
        other = Program(place + "/2", "rds7", *cluster.urls, machine="machine-2")
        tap.ok(other.heard("member joined"), "then the other may have it", other.lines)
        again.end()
        other.end()
    finally:
        shutil.rmtree(place, ignore_errors=True)


def main():
    tap = Tap()
    needs_etcd(tap, "farm_writer")
    print("# seed %d" % SEED)
    cluster = Cluster(3)
    try:
        cluster.wait()
        test_names(tap, cluster)
        test_kills(tap, cluster)
    finally:
        cluster.remove()
    tap.done()


if __name__ == "__main__":
    main()
