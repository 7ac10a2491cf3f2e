#!/usr/bin/env python3
"""What a farm meets in its store and on the way to it that should not be there: keys and values of strangers, other farms, hosts of
one name, old values and whole backups put back, etcds that are none, certificates and users that do not do, full disks. It is said,
and neither gate nor counts believe it.
     test_farm_bad_input.py BUILD"""
import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from etcd_cluster import Certificates, openssl  # noqa: E402
from farm_hosts import Farm, LEASE_SECONDS, LIBC, machines_possible, on_machine, part, said, users  # noqa: E402
from harness import Authority, Place, Tap, wait_until  # noqa: E402

BUILD = os.path.abspath(sys.argv[1])
os.environ["PATH"] = os.path.join(BUILD, "bin") + os.pathsep + os.environ["PATH"]
PREFIX = "/farmgate/farm/"
GENEROUS = "activations: { per_minute = 6000; burst = 6000; };"
tap = Tap()


def say(text, *values):
    print("# " + text % values, flush=True)


def gate(agent, user="zoe"):
    answer = agent.get("/v1/gate?user=" + user)
    return "yes" if answer.status == 204 else answer.json()["code"]


def raw(farm, key):
    """A value of the store, as bytes."""
    told = json.loads(farm.cluster.etcdctl("get", PREFIX + key, "-w", "json"))
    return base64.b64decode(told["kvs"][0]["value"]) if told.get("kvs") else None


def put_raw(farm, key, value):
    done = subprocess.run(["etcdctl", "--endpoints", farm.cluster.members[0].url, "put", PREFIX + key], input=value,
                          env=dict(os.environ, ETCDCTL_API="3"), capture_output=True, timeout=20, check=False)
    if b"OK" not in done.stdout:
        raise RuntimeError(done)


def pair(place, cloud, **rest):
    """A licensed farm of two; the first leads."""
    farm = Farm(place, BUILD, 1, cloud, **rest)
    farm.__enter__()
    farm.host("h1")
    farm.leader()
    farm.host("h2")
    if cloud:
        answer = farm.hosts["h1"].activate(cloud.new_key(3))
        assert answer.status == 200, answer
        wait_until(lambda: farm.hosts["h2"].status()["verdict"]["open"])
    return farm


def all_count(farm, wanted):
    return wait_until(lambda: all(users(agent) == wanted for agent in farm.hosts.values() if agent.alive()), 12, 0.05)


# --- strangers

def strangers(farm):
    h1, h2 = farm.hosts["h1"], farm.hosts["h2"]
    h2.put("h2", "1", "ann")
    all_count(farm, 1)
    name = farm.cluster.etcdctl("get", PREFIX + "seq/", "--prefix", "--keys-only").split()[0].rsplit("/", 1)[1]
    keys = ["readme", "s/x", "s/%s/%s" % (name, name), "b/x/y", "seq/x", "host/" + "a" * len(name), "checkpoint", "verdict", "settings",
            "identity", "w/x", "boot/x", "leader/x", "\u00fc"]
    for _ in range(3):
        for key in keys:
            put_raw(farm, key, b"{\"open\":true}\x00\xff" * 3)
    h2.put("h2", "2", "bob")
    tap.ok(all_count(farm, 2), "strangers write under the farm's prefix: it counts on", [users(agent) for agent in (h1, h2)])
    tap.equal([gate(agent) for agent in (h1, h2)], ["yes", "yes"], "and no gate has moved")
    wait_until(lambda: len(said(h1, "farm_value_ignored")) >= 6, 5)
    told = [(agent.socket, event["key"], event["detail"]) for agent in (h1, h2) for event in said(agent, "farm_value_ignored")]
    say("%d values were ignored, said %d times", 3 * len(keys), len(told))
    tap.ok(len(told) >= 6 and len(told) == len(set(told)), "each key is told of once by each host", sorted(told))
    tap.ok({PREFIX + "readme", PREFIX + "seq/x", PREFIX + "checkpoint"} <= {key for _, key, _ in told}, "with its name", told)
    answer = h1.call("PUT", "/v1/farm/settings/gate.strict", {"value": "false"})
    tap.ok(answer.status == 204, "settings that were written over can be set again", answer)
    farm.cluster.etcdctl("del", PREFIX, "--prefix")
    tap.ok(wait_until(lambda: farm.leaders() and all_count(farm, 2), 15), "even where all is deleted, it counts on",
           [(part(agent), users(agent), agent.log()[-1500:]) for agent in (h1, h2)])
    tap.equal([gate(agent) for agent in (h1, h2)], ["yes", "yes"], "with its licence")


def ignored(farm):
    return {(event["key"], event["detail"]) for agent in farm.hosts.values() for event in said(agent, "farm_value_ignored")}


def two_farms(farm):
    """Another one under the same name, in the same etcd."""
    known = ignored(farm)
    licensed = farm.hosts["h1"].status()["farm_id"]
    other = Farm.__new__(Farm)
    other.__dict__.update(farm.__dict__, hosts={})
    other.secret = base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()
    x1 = other.host("x1", wait=False)
    try:
        wait_until(lambda: os.path.exists(x1.socket) and x1.ready(), 15)
        x1.put("x1", "1", "mallory")
        wait_until(lambda: said(x1, "farm_value_ignored"), 5)
        wait_until(lambda: ignored(farm) - known, 5)
        tap.ok(said(x1, "farm_value_ignored"), "a farm of the same name with another secret: the new one says so", x1.log())
        tap.ok(ignored(farm) - known, "and so does the old one", ignored(farm))
        tap.equal((gate(x1), part(x1)), ("not_activated", "follows"), "it does not get in by the other's licence")
        tap.ok(all_count(farm, 2), "nor are its users counted there")
        for agent in farm.hosts.values():
            agent.kill()
        wait_until(lambda: part(x1) == "leads", LEASE_SECONDS + 5)
        tap.equal((part(x1), gate(x1)), ("leads", "not_activated"), "it leads alone, and is not licensed for that")
        for agent in farm.hosts.values():
            agent.start(False)
        wait_until(lambda: all(agent.ready() for agent in farm.hosts.values()), 20)
        tap.equal([gate(agent) for agent in farm.hosts.values()], ["yes", "yes"], "nor does it close the other's gate")
    finally:
        x1.stop()
    tap.ok(wait_until(lambda: farm.leaders(), 10) and all_count(farm, 2), "once it is gone, the farm counts as before",
           [agent.log()[-2500:] for agent in farm.hosts.values()])
    tap.equal([agent.status()["farm_id"] for agent in farm.hosts.values()], [licensed] * 2, "by its own licence")


# --- one name

def one_name(place, farm):
    machine = farm.machine("other")
    if not machines_possible(machine):
        tap.skip("two hosts of one name", "needs mount namespaces")
        return
    with open("/etc/machine-id", encoding="ascii") as file:
        own = file.read().strip()
    first = farm.hosts["h2"]
    second = farm.host("h2", directory="h2-again", machine=machine, wait=False)
    farm.hosts["h2"] = first
    code = wait_until(lambda: second.process.poll(), 10)
    holder = first.get("/v1/farm").json()
    holder = next(row for row in holder["hosts"] if row["host"] == "h2")["machine_id"]
    tap.ok(code == 75 and holder in second.log(), "the second host of one name does not start, and says which machine has it",
           (code, holder, own, second.log()))
    tap.equal((part(first), users(first)), (part(first), 2), "the first one does not mind")


# --- old values

def old_values(farm, cloud):
    """What was true once, written again."""
    farm.leader()
    h1, h2 = (farm.hosts[name] for name in ("h1", "h2"))
    old = {key: raw(farm, key) for key in ("verdict", "checkpoint")}
    cloud.run("farm", "deactivate", h1.status()["farm_id"])
    leader = farm.hosts[farm.leader()]
    tap.equal(leader.call("POST", "/v1/report").status, 200, "the farm is deactivated")
    wait_until(lambda: [gate(agent) for agent in (h1, h2)] == ["revoked"] * 2)
    follower = h2 if leader is h1 else h1
    for key, value in old.items():
        put_raw(farm, key, value)
    time.sleep(0.5)
    tap.equal([gate(agent) for agent in (h1, h2)], ["revoked"] * 2, "an old verdict and checkpoint written again open no gate")
    wait_until(lambda: any("earlier" in event["detail"] for event in said(follower, "farm_value_ignored")), 5)
    tap.ok(any("earlier" in event["detail"] for event in said(follower, "farm_value_ignored")), "and that is said",
           said(follower, "farm_value_ignored"))
    put_raw(farm, "checkpoint", old["checkpoint"])
    leader.kill()
    put_raw(farm, "checkpoint", old["checkpoint"])
    tap.ok(wait_until(lambda: part(follower) == "leads", 10), "nor where the next leader finds them", follower.log()[-2000:])
    tap.equal((gate(follower), follower.status()["verdict"]["reason"]), ("revoked", "revoked"), "it goes on from the newest")
    leader.start(False)
    wait_until(leader.ready, 15)
    tap.equal(gate(leader), "revoked", "and so does everybody")
    key = cloud.new_key(3)
    tap.equal(farm.hosts[farm.leader()].activate(key).status, 200, "a new key opens")
    wait_until(lambda: [gate(agent) for agent in (h1, h2)] == ["yes"] * 2)
    tap.equal([gate(agent) for agent in (h1, h2)], ["yes"] * 2, "every gate")
    tap.equal([said(agent, "farm_licence_put_aside") for agent in (h1, h2)], [[], []], "and nobody takes the former one for his own")


def main():
    with Place() as place:
        cloud = Authority(place, BUILD, settings=GENEROUS).start()
        farm = pair(place, cloud)
        try:
            strangers(farm)
            two_farms(farm)
            one_name(place, farm)
            old_values(farm, cloud)
        finally:
            farm.__exit__()
    tap.done()


main()
