#!/usr/bin/env python3
"""A farm of three hosts with real xrdp sessions over three members of etcd, set up with the commands of the manual: one count;
the power of the host that leads fails in an open window; all gates close and open within a second of the verdict.
$1 is the build directory."""
import json
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from farm_host import MACHINE, FarmHost, Tap, wait_until
from farm_net import Cluster, Network, Space, lacking, open_door
from harness import Authority, Place
from years import ms

NAMES = ["rds1", "rds2", "rds3"]
LEASE, LOST_AFTER = "2s", "20s"
LOST_S = 20 + 12  # its lease ends, and the others hear of it with the next checkpoint
CONF = """
farm: { host = "%s"; any_etcd_version = true; lease_ttl = "%s"; host_lost_after = "%s"; };
authority: { url = "%s"; key = "%s"; };
sessions: { sources = ("logind", "api"); };
gate: { text = "Ask Frida."; };
"""
TEXT = "Ask Frida."
WITHIN_MS = 1000  # of the verdict every gate has moved
# Says when the file has come, or gone; the clock is everybody's.
WATCH = 'while [ %s -e /run/farmgate/nologin ]; do sleep 0.01; done; date +%%s%%3N'


class Host(FarmHost):
    """One of the farm's machines."""

    def __init__(self, build, name):
        super().__init__(build, "-" + name)
        self.called = name

    def status(self):
        return self.json("farmgate", "status", "--json")

    def part(self):
        return self.status()["farm"]["part"]

    def count(self):
        return self.status()["concurrent_users"]

    def gate(self, user):
        return self.try_run("farmgate", "gate", "--user", user).returncode

    def watch_gate(self, closes):
        """A program that ends when the gate has moved, and says when."""
        return subprocess.Popen([MACHINE, "in", "sh", "-c", WATCH % ("!" if closes else "")], env=self.env, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)

    def last(self, code):
        """When it said this event last, in ms."""
        stored = [json.loads(line) for line in self.run("farmgate", "events", "--after", "0", "--json").splitlines()]
        return max(ms(event["at"]) for event in stored if event["code"] == code)

    def log(self):
        return self.try_run("journalctl", "-q", "--no-pager", "-n", "40", "-u", "farmgated").stdout


class Farm:
    def __init__(self, tap, place, build):
        self.tap, self.place, self.build = tap, place, build
        self.network = Network()
        self.cluster = Cluster(place, self.network, "office")
        self.authority = Authority(place, build)
        self.machines = [Host(build, name) for name in NAMES]
        self.hosts = list(self.machines)  # those that are up
        self.key = None

    def __enter__(self):
        self.cluster.start()
        self.authority.start()
        self.key = self.authority.new_key(10)
        return self

    def __exit__(self, *_):
        self.each(lambda host: host.__exit__(), self.machines)

    def each(self, do, hosts=None):
        """At the same time."""
        hosts = hosts or self.hosts
        with ThreadPoolExecutor(len(hosts)) as pool:
            return list(pool.map(do, hosts))

    def boot(self, host):
        host.__enter__()
        host.install()
        host.write("/etc/farmgate/farmgate.conf", CONF % (host.called, LEASE, LOST_AFTER, self.authority.url,
                                                          self.authority.public_key()), "0640")
        host.run("chgrp", "farmgate", "/etc/farmgate/farmgate.conf")
        host.run("farmgate-pam", "install")

    def wire(self, host):
        open_door(self.network.join(host.called, Space(host.first_process())), self.authority.port)

    def set_up(self):
        """Of one host a farm, then of one three, as farmgate-etcd(7) and farmgate(1) say."""
        self.each(self.boot)
        for host in self.hosts:
            self.wire(host)
        first = self.hosts[0]
        for name in ("ca.crt", "host.crt", "host.key"):
            with open(self.cluster.host_file(name), encoding="ascii") as file:
                first.write("/etc/farmgate/" + name, file.read(), "0600")
            first.run("chown", "farmgate:", "/etc/farmgate/" + name)
        first.run("farmgate", "farm", "init", "--name", "office", "--endpoints", ",".join(self.cluster.urls), "--ca",
                  "/etc/farmgate/ca.crt", "--certificate", "/etc/farmgate/host.crt", "--key", "/etc/farmgate/host.key")
        invitation = first.run("farmgate", "farm", "invite", "--with-client-key")
        for host in self.hosts[1:]:
            host.run("farmgate", "farm", "join", "-", text=invitation)
        for host in self.hosts:
            host.run("farmgate", "check-config")
            host.run("systemctl", "enable", "--quiet", "--now", "farmgated")

    def leader(self, among=None, seconds=20):
        def look():
            return next((host for host in among or self.hosts if host.part() == "leads"), None)
        found = wait_until(look, seconds, every=0.2)
        if found is None:
            raise RuntimeError("nobody leads:\n" + "\n".join(host.log() for host in among or self.hosts))
        return found

    def expect(self, users, name, hosts=None, seconds=25):
        """So many concurrent users, on every host."""
        hosts = hosts or self.hosts
        wait_until(lambda: {host.count() for host in hosts} == {users}, seconds, every=0.2)
        self.tap.equal([host.count() for host in hosts], [users] * len(hosts), name)


def test_one_farm(tap, farm):
    leader = farm.leader()
    leader.run("farmgate", "activate", farm.key)
    wait_until(lambda: all(host.gate("bob") == 0 for host in farm.hosts), 15, every=0.2)
    tap.equal([host.gate("bob") for host in farm.hosts], [0, 0, 0], "activated on one host, all three are open")
    shown = leader.json("farmgate", "farm", "status", "--json")
    tap.equal((shown["name"], {one["host"]: one["state"] for one in shown["hosts"]}),
              ("office", {host.called: "leads" if host is leader else "follows" for host in farm.hosts}),
              "`farmgate farm status` shows them")
    return leader


def test_one_count(tap, farm, leader):
    others = [host for host in farm.hosts if host is not leader]
    leader.rdp("alice")
    others[0].rdp("alice")
    others[1].rdp("bob")
    farm.expect(2, "one user on two hosts and another on the third are two, on every host")
    tap.ok(wait_until(lambda: sum(host.status()["this_host"]["connections"] for host in farm.hosts) == 3, 15, every=0.2),
           "of three sessions")
    leader.rdp("carol")
    farm.expect(3, "a third user is the third")
    return others


def test_leader_dies(tap, farm, leader, others):
    window = leader.status()["window"]["start"]
    leader.kill()
    farm.hosts = others
    died = time.monotonic()
    client = others[1].rdp("dave")
    tap.ok(wait_until(lambda: others[1].has_session("dave", "xrdp-sesman"), 15, every=0.2), "while nobody leads a user gets in", client.log())
    tap.equal([host.gate("carol") for host in others], [0, 0], "and the gates are open")
    leads = farm.leader(others)
    print("# %s led %.1f s after the power failed" % (leads.called, time.monotonic() - died), flush=True)
    farm.expect(4, "the lost host's users still count, with the new one", seconds=15)
    silent = {one["host"]: one["state"] for one in leads.json("farmgate", "farm", "status", "--json")["hosts"]}
    tap.equal(silent[leader.called], "silent", "it is waited for")
    farm.expect(3, "its users end when it is given up; who is on another host, too, does not", seconds=30)
    gone_s = time.monotonic() - died
    tap.ok(20 <= gone_s <= LOST_S, "host_lost_after after it was missed (%.1f s)" % gone_s, gone_s)
    status = leads.status()
    if status["window"]["start"] == window:  # else it was closed on the way, and is among the windows
        tap.equal(status["window"]["peak_users"], 4, "the window that was open has its peak")
    else:
        windows = leads.json("farmgate", "windows", "--json")["windows"]
        tap.equal(max(one["peak_users"] for one in windows if one["start"] >= window), 4, "the windows have the peak")
    tap.equal([(host.status()["peak_ever"]["users"], host.status()["farm"]["gaps"]) for host in others], [(4, 0)] * 2,
              "so has the farm, without a gap")
    return leads


def moved(watchers):
    """When each gate has moved, in ms."""
    return [int(watcher.communicate(timeout=30)[0]) for watcher in watchers]


def expect_together(tap, times, verdict_ms, name):
    after = [at - verdict_ms for at in times]
    tap.ok(0 <= min(after) and max(after) <= WITHIN_MS, "%s: %s ms after the verdict" % (name, after), after)


def refused(host, user):
    """xrdp's own log tells how the log-in ended: with the text of the gate."""
    def log():
        return host.run("tail", "-n", "+%d" % (before + 1), "/var/log/xrdp-sesman.log")
    before = len(host.run("cat", "/var/log/xrdp-sesman.log").splitlines())
    client = host.rdp(user)
    found = wait_until(lambda: TEXT in log(), 20, every=0.3) and not host.has_session(user, "xrdp-sesman")
    client.close()
    return found


def test_close(tap, farm, leads, others):
    farm.authority.run("farm", "deactivate", leads.status()["farm_id"])
    watchers = [host.watch_gate(True) for host in others]
    leads.try_run("farmgate", "report")
    expect_together(tap, moved(watchers), leads.last("gate_closed"), "deactivated, all gates close")
    tap.equal([host.status()["verdict"]["reason"] for host in others], ["revoked"] * 2, "for the same reason")
    tap.equal([host.run("cat", "/run/farmgate/present").split() for host in others], [["alice"], ["bob", "dave"]],
              "each lets those come back who are on it")
    tap.equal(farm.each(lambda host: bool(refused(host, "carol")), others), [True, True], "xrdp refuses a new user on every host")


def test_comes_back(tap, farm, host):
    """The host whose power failed did not hear of the verdict."""
    host.reboot()
    farm.wire(host)
    tap.ok(wait_until(lambda: host.part() == "follows" and host.gate("carol") == 2, 25, every=0.3),
           "the host that was gone is back, and closed", host.log())
    farm.hosts.append(host)
    farm.expect(3, "nobody is on it")


def test_open(tap, farm, leads):
    watchers = [host.watch_gate(False) for host in farm.hosts]
    leads.run("farmgate", "activate", farm.key)
    expect_together(tap, moved(watchers), leads.last("gate_opened"), "activated again, all gates open")
    for host in farm.hosts:
        host.rdp("carol")
    tap.ok(wait_until(lambda: all(host.has_session("carol", "xrdp-sesman") for host in farm.hosts), 25, every=0.3),
           "and xrdp admits the user everywhere")
    farm.expect(4, "who counts once")


def main():
    tap = Tap()
    build = os.path.abspath(sys.argv[1])
    reason = lacking()
    if reason:
        tap.skip("farm of machines", reason)
        tap.done()
    with Place() as place, Farm(tap, place, build) as farm:
        begun = time.monotonic()
        try:
            farm.set_up()
            print("# three hosts after %.1f s" % (time.monotonic() - begun), flush=True)
            leader = test_one_farm(tap, farm)
            others = test_one_count(tap, farm, leader)
            leads = test_leader_dies(tap, farm, leader, others)
            test_close(tap, farm, leads, others)
            test_comes_back(tap, farm, leader)
            test_open(tap, farm, leads)
        except Exception as error:  # the journals say more than the traceback
            tap.ok(False, "no step broke off", "%r\n%s" % (error, "\n".join(host.log() for host in farm.hosts)))
    tap.done()


main()
