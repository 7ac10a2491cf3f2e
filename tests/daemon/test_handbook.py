#!/usr/bin/env python3
"""farmgate-handbook(7), followed: backup and restore, a state without its database, three moves and the fourth, a copied
machine, and a person who is forgotten. Every command of farmgate's that stands there as an example is run here.
     test_handbook.py BUILD"""
import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time

import years
from elsewhere import on_machine, possible
from harness import Agent, Authority, Place, Tap

BUILD = sys.argv[1]
PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../packaging/man/farmgate-handbook.7")
A_KEY = "XXXXX-XXXXX-XXXXX-XXXXX-XXXXX"
tap = Tap()
followed = set()


def examples():
    with open(PAGE, encoding="utf-8") as file:
        blocks = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", file.read(), re.M | re.S)
    return {line for block in blocks for line in block.splitlines() if line.startswith("farmgate ")}


def words_of(line, instead):
    followed.add(line)
    meant = dict(instead)
    return [meant.get(word, word) for word in line.split()[1:]]


def follow(agent, line, *instead):
    """An example of the page that asks the agent; `instead` says what stands for its words."""
    return agent.ctl(*words_of(line, instead))


def follow_alone(agent, line, *more, instead=()):
    """One that asks no agent."""
    return subprocess.run([agent.ctl_binary, *words_of(line, instead), *more], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60, check=False)


def first_day(place, authority):
    bare = Agent(place, BUILD, name="bare")
    done = follow_alone(bare, "farmgate configure --authority-url https://licences.example.com --authority-key k1:...",
                        "--config", bare.conf, instead=(("https://licences.example.com", authority.url),
                                                        ("k1:...", authority.public_key())))
    tap.equal(done.returncode, 0, "the authority is written into the configuration")
    tap.equal(follow_alone(bare, "farmgate check-config", bare.conf).returncode, 0, "which is right")
    log = place.write("wtmp", "")
    done = follow_alone(bare, "farmgate size /var/log/wtmp", instead=(("/var/log/wtmp", log),))
    tap.equal((done.returncode, done.stdout), (0, "no events\n"), "an empty log is said to be")
    bare.start()
    for line in ("farmgate activate --trial", "farmgate status", "farmgate connections", "farmgate explain", "farmgate windows"):
        tap.equal(follow(bare, line).returncode, 0, line)
    bare.stop()


def closed_gates():
    """Each reason that the program knows has its place on the page."""
    with open(PAGE, encoding="utf-8") as file:
        told = set(re.findall(r"^\.It Cm (\w+)$", file.read().split(".Sh UPGRADING")[0], re.M))
    source = os.path.join(os.path.dirname(PAGE), "../../agent/core/verdict.c")
    with open(source, encoding="utf-8") as file:
        known = set(re.findall(r'\[VERDICT_[A-Z_]+\] = "([a-z_]+)"', file.read()))
    tap.equal(told, (known - {"open"}) | {"no_license_free"}, "every reason of a closed gate is explained")


def put(agent, user):
    answer = agent.put("h1", user, user)
    tap.equal(answer.status, 204, "%s is on" % user)


def accepted(agent):
    listed = agent.get("/v1/windows?since=2020-01-01T00:00:00Z").json()["windows"]
    return [window["sequence"] for window in listed if window["state"] == "accepted"]


def backup_and_restore(place, authority):
    if not years.possible():
        tap.skip("backup and restore", "another clock needs time namespaces and libfaketime")
        return
    agent = Agent(place, BUILD, authority, name="kept").start()
    tap.equal(follow(agent, "farmgate activate " + A_KEY, (A_KEY, authority.new_key(5))).returncode, 0, "a key is activated")
    agent.put("h1", "alice", "alice")
    clock = years.Years(authority, agent)

    def windows_pass(count):
        for _ in range(count):
            clock.jump(clock.now() + years.WINDOW)
            agent.ctl("report")

    windows_pass(2)
    files, backup = ("identity", "licence"), place.join("backup")
    os.makedirs(backup)
    for name in files:
        shutil.copy2(os.path.join(agent.state, name), backup)
    windows_pass(2)
    tap.equal(accepted(agent), [1, 2, 3, 4], "two windows were accepted before the backup, and two after it")
    agent.stop()
    for name in os.listdir(agent.state):
        os.unlink(os.path.join(agent.state, name))
    for name in files:
        shutil.copy2(os.path.join(backup, name), agent.state)
    agent.start()
    tap.equal(reason(agent), "open", "restored without a database, the farm is licensed")
    agent.put("h1", "bob", "bob")
    windows_pass(1)
    tap.equal(follow(agent, "farmgate report").returncode, 0, "and reports")
    numbers = accepted(agent)
    tap.ok(numbers and min(numbers) > 4, "its windows have numbers that were never used, and are accepted", numbers)
    agent.stop()
    clock.jump(int(time.time() * 1000))


def reason(agent):
    return agent.status()["verdict"]["reason"]


def moves(place, authority):
    """From server to server: given back, and taken."""
    if not possible(on_machine(place.write("id0", "0" * 32 + "\n"))):
        tap.skip("moves", "another machine needs mount namespaces")
        return
    key = authority.new_key(3)
    servers = []
    for i in range(5):
        server = Agent(place, BUILD, authority, name="server%d" % i)
        server.prepare = on_machine(place.write("machine%d" % i, "%032x\n" % (i + 17)))
        servers.append(server.start())
    activate = "farmgate activate " + A_KEY
    tap.equal(follow(servers[0], activate, (A_KEY, key)).returncode, 0, "on the first server")
    tap.equal(follow(servers[0], "farmgate release").returncode, 0, "given back")
    tap.equal(follow(servers[1], activate, (A_KEY, key)).returncode, 0, "and activated on the second: a move")
    tap.ok("key_in_use" in follow(servers[2], activate, (A_KEY, key)).stderr, "what is in use is not taken without a word")
    for i in (2, 3):
        tap.equal(follow(servers[i], activate + " --move", (A_KEY, key)).returncode, 0, "moved to server %d" % i)
    servers[1].ctl("report")
    tap.equal(reason(servers[1]), "revoked", "the one before closes at its next contact")
    tap.ok("moves_exhausted" in follow(servers[4], activate + " --move", (A_KEY, key)).stderr, "the fourth move is refused")
    tap.equal(follow(servers[3], activate, (A_KEY, key)).returncode, 0, "where the key is, activating again is no move")
    for server in servers:
        server.stop()
    copy(place, servers[3], key, authority)


def copy(place, original, key, authority):
    """Its disk in a new machine."""
    authority.run("key", "edit", key, "--reset-moves")
    original.prepare = on_machine(place.write("copy", "f" * 32 + "\n"))
    original.start()
    tap.equal(reason(original), "copied", "a copied state is licensed nowhere else")
    tap.equal(follow(original, "farmgate activate %s --move" % A_KEY, (A_KEY, key)).returncode, 0, "until the key is moved there")
    tap.equal(reason(original), "open", "and is open then")
    original.stop()


def history(place):
    """A copy of the database, of an agent that runs and of one that is stopped."""
    with open(PAGE, encoding="utf-8") as file:
        block = next(block for block in re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed$", file.read(), re.M | re.S) if "sqlite3" in block)
    tap.equal([line.split()[:2] for line in block.splitlines()],
              [["systemctl", "stop"], ["sqlite3", "/var/lib/farmgate/farmgate.db"], ["systemctl", "start"]],
              "the database is copied while the agent is stopped")

    def copied():
        try:
            with contextlib.closing(sqlite3.connect(os.path.join(agent.state, "farmgate.db"), timeout=0)) as database:
                return database.execute("SELECT count(*) FROM events").fetchone()[0] > 0
        except sqlite3.OperationalError as error:
            return str(error)
    agent = Agent(place, BUILD, name="history").start()
    tap.equal(copied(), "database is locked", "for while it runs the database is its own")
    agent.stop()
    tap.equal(copied(), True, "and then it is not")


def privacy(place, authority):
    agent = Agent(place, BUILD, authority, name="private").start()
    agent.ctl("activate", "--trial")
    put(agent, "alice")
    tap.ok("alice" in follow(agent, "farmgate explain alice").stdout, "what is known of one person")
    agent.ctl("connection", "end", "h1", "alice")
    tap.equal(follow(agent, "farmgate forget alice").returncode, 0, "is erased")
    agent.stop()
    told = b"".join(open(os.path.join(folder, name), "rb").read() for folder in (agent.state, authority.state)
                    for name in os.listdir(folder) if os.path.isfile(os.path.join(folder, name)))
    tap.ok(b"alice" not in told, "neither the host's state nor the authority's knows the name")


def main():
    with Place() as place:
        authority = Authority(place, BUILD).start()
        closed_gates()
        first_day(place, authority)
        backup_and_restore(place, authority)
        moves(place, authority)
        history(place)
        privacy(place, authority)
    tap.equal(sorted(examples() - followed), [], "every example of farmgate's was run")
    tap.done()


if __name__ == "__main__":
    main()
