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
from farm_hosts import CLONE_NEWNS, Farm, LEASE_SECONDS, LIBC, MS_PRIVATE, MS_REC, machines_possible, part, said, users  # noqa: E402
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


# --- etcds that are none, or will not have this host

class Nonsense(BaseHTTPRequestHandler):
    """Answers as `form` says, whatever was asked."""
    form = "object"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.answer()

    def do_GET(self):
        self.answer()

    def answer(self):
        version = self.path == "/version"
        status, kind, body = {
            "object": (200, "application/json", b"{}"),
            "html": (200, "text/html", b"<html><body>Please accept our terms</body></html>"),
            "redirect": (302, "text/html", b"moved"),
            "half": (200, "application/json", b'{"etcdserver":"3.5.29"}' if version else b'{"result":{"header":{"revision":"12'),
            "lies": (200, "application/json", b'{"etcdserver":"3.5.29"}' if version else
                     b'{"header":{"revision":"-9"},"ID":"1","TTL":"-5","succeeded":true,"kvs":[{"key":"eA==","value":"eA=="}]}'),
            "deep": (200, "application/json", b"[" * 100000),
        }[self.form]
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if status == 302:
            self.send_header("Location", "http://127.0.0.1:1/")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def nonsense(form):
    server = type("Quiet", (ThreadingHTTPServer,), {"handle_error": lambda *_: None})(("127.0.0.1", 0), type("Of", (Nonsense,), {"form": form}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def rewrite(agent, *changes):
    with open(agent.conf, encoding="utf-8") as file:
        text = file.read()
    for old, new in changes:
        text = text.replace(old, new)
    with open(agent.conf, "w", encoding="utf-8") as file:
        file.write(text)


def not_etcd(farm):
    """Hosts that have nothing but something else to ask; all at once, for each waits a while for its farm."""
    servers = {form: nonsense(form) for form in ("object", "html", "redirect", "half", "lies", "deep")}
    words = {"object": "no version of etcd", "html": "not the JSON of an etcd", "redirect": "redirect", "deep": "not an object", "old": "too old"}
    asked = {}
    try:
        for form, server in servers.items():
            asked[form] = farm.host("n-" + form, wait=False, endpoints=["http://127.0.0.1:%d" % server.server_address[1]])
        old = farm.host("n-old", start=False)
        rewrite(old, ("any_etcd_version = true;", ""))
        asked["old"] = old.start(False)
        for form, agent in asked.items():
            wait_until(lambda agent=agent: os.path.exists(agent.socket) and part(agent), 10)
        time.sleep(3)
        for form, agent in asked.items():
            told = agent.get("/v1/farm").json()
            say("%s: %s, %s", form, told["part"], told["detail"])
            tap.ok(agent.alive() and told["part"] != "leads", "an etcd that is none (%s): not in a farm" % form, told)
            if form in words:
                tap.ok(said(agent, "farm_unreachable") and words[form] in told["detail"], "and what is wrong is said: %s" % words[form], agent.log())
            tap.equal((gate(agent), agent.put("h", "1", "ann").status), ("not_activated", 204), "its gate is as before, its journal goes on")
    finally:
        for form, agent in asked.items():
            tap.equal(agent.stop(), 0, "stopped well (%s)" % form)
            del farm.hosts["n-" + form]
        for server in servers.values():
            server.shutdown()


# --- who is let in

def doors(place):
    """Certificates, users and passwords that do not do, and a role that is taken away for a while."""
    certificates = Certificates()
    expired = certificates.path("expired.pem")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/O=farm", "-keyout",
            certificates.path("expired.key"), "-out", certificates.path("expired.csr"))
    openssl("x509", "-req", "-in", certificates.path("expired.csr"), "-CA", certificates.path("ca.pem"), "-CAkey",
            certificates.path("ca.key"), "-CAcreateserial", "-days", "-1", "-out", expired)
    farm = Farm(place, BUILD, 1, None, name="farm", tls=(certificates, "member"))
    password = place.write("password", "s3\n")
    wrong = place.write("wrong", "x\n")
    for path in (password, wrong):
        os.chmod(path, 0o600)
    for name in ("agent.key", "named.key", "expired.key"):
        os.chmod(certificates.path(name), 0o600)

    def lines(name="agent", ca=certificates.path("ca.pem"), user="farm", words=password):
        login = 'user = "%s"; password_file = "%s";' % (user, words) if user else ""
        return ' ca = "%s"; certificate = "%s"; key = "%s"; %s' % (ca, certificates.path(name + ".pem"), certificates.path(name + ".key"), login)
    with farm:
        for words in (["user", "add", "root:r"], ["user", "grant-role", "root", "root"], ["user", "add", "farm:s3"], ["role", "add", "farm"],
                      ["role", "grant-permission", "farm", "--prefix=true", "readwrite", "/farmgate/"], ["user", "grant-role", "farm", "farm"],
                      ["auth", "enable"]):
            farm.cluster.etcdctl(*words)
        first = farm.host("h1", lines=lines())
        tap.ok(wait_until(lambda: part(first) == "leads", 10), "with certificate, user and password a host is in", first.log())
        table = (("expired", lines("expired"), "certificate|TLS|SSL|select/poll"), ("wrong-ca", lines(ca=expired), "certificate"),
                 ("named", lines("named"), "CommonName"), ("password", lines(words=wrong), "password"), ("no-user", lines(user=None), "user"))
        agents = {name: farm.host("d-" + name, wait=False, lines=text) for name, text, _ in table}
        for name, _, words in table:
            agent = agents[name]
            wait_until(lambda agent=agent: os.path.exists(agent.socket) and part(agent) and agent.get("/v1/farm").json()["detail"], 8)
            told = agent.get("/v1/farm").json()
            say("%s: %s, %s", name, told["part"], told["detail"])
            tap.ok(told["part"] == "joining" and any(word in told["detail"] for word in words.split("|")), "%s: said, and not in" % name, told)
        for name, agent in agents.items():
            agent.stop()
            del farm.hosts["d-" + name]
        root = ("--user", "root:r")
        farm.cluster.etcdctl("user", "revoke-role", "farm", "farm", *root)
        tap.equal(first.put("h1", "1", "ann").status, 204, "its role is taken away: log-ons are acknowledged")
        wait_until(lambda: first.get("/v1/farm").json()["detail"], 5)
        told = first.get("/v1/farm").json()
        tap.ok(told["waiting"] == 1 and "permission denied" in told["detail"], "they wait, and it is said why", told)
        say("without its role: %s, %s", part(first), first.get("/v1/farm").json()["detail"])
        farm.cluster.etcdctl("user", "grant-role", "farm", "farm", *root)
        tap.ok(wait_until(lambda: part(first) == "leads" and users(first) == 1, 15), "it has it again: it leads, and all is counted", first.log()[-2000:])


# --- a backup put back, and settings for all

def backup(place, cloud):
    farm = pair(place, cloud)
    try:
        h1, h2 = farm.hosts["h1"], farm.hosts["h2"]
        h2.put("h2", "1", "ann")
        all_count(farm, 1)
        saved = place.join("snapshot")
        farm.cluster.etcdctl("snapshot", "save", saved)
        h2.put("h2", "2", "bob")
        h1.put("h1", "1", "cem")
        all_count(farm, 3)
        cloud.run("farm", "deactivate", h1.status()["farm_id"])
        h1.call("POST", "/v1/report")
        tap.equal(h1.activate(cloud.new_key(7)).status, 200, "after the backup the farm got another licence")
        wait_until(lambda: h2.status()["limit"] == 7)
        before = h1.status()
        member = farm.cluster.members[0]
        member.kill()
        os.rename(member.place, member.place + ".lost")
        done = subprocess.run(["etcdctl", "snapshot", "restore", saved, "--name", member.name, "--data-dir", member.place, "--initial-cluster",
                               "%s=http://127.0.0.1:%d" % (member.name, member.peer), "--initial-advertise-peer-urls",
                               "http://127.0.0.1:%d" % member.peer], env=dict(os.environ, ETCDCTL_API="3"), capture_output=True, text=True, check=False)
        tap.equal(done.returncode, 0, "the backup is put back")
        member.start()
        farm.cluster.wait()
        wait_until(lambda: any(said(agent, "farm_put_back") for agent in farm.hosts.values()), 20)
        farm.leader()
        tap.ok(all_count(farm, 3), "an old backup is put back: everybody who is on is counted",
               [(part(agent), users(agent), agent.log()[-1200:]) for agent in farm.hosts.values()])
        told = [event["detail"] for agent in farm.hosts.values() for event in said(agent, "farm_put_back")]
        tap.ok(told, "it is said that the store went back", h1.log()[-3000:])
        wait_until(lambda: h1.status()["limit"] == h2.status()["limit"] == 7, 20)
        for agent in (h1, h2):
            after = agent.status()
            tap.equal((after["farm_id"], after["entitlement"], gate(agent)), (before["farm_id"], before["entitlement"], "yes"),
                      "the licence is the newest that was known")
        tap.equal(farm.hosts[farm.leader()].call("POST", "/v1/report").status, 200, "and the farm reports by it")
        time.sleep(1)
        tap.ok(all_count(farm, 3), "and counts everybody still", [(part(agent), users(agent), agent.log()[-1200:]) for agent in farm.hosts.values()])
        tap.equal(farm.hosts[farm.leader()].status()["peak_ever"], before["peak_ever"], "no peak is forgotten")
    finally:
        farm.__exit__()


# --- settings

def settings_of(agent):
    return {row["path"]: (row["value"], row["host_value"]) for row in agent.get("/v1/farm/settings").json()["settings"]}


def settings(farm):
    """Of the farm, from any of its hosts; and of a host's file, which gives way."""
    h1, h2 = farm.hosts["h1"], farm.hosts["h2"]
    name = "h2" if farm.leader() == "h1" else "h1"
    follower = farm.hosts[name]
    path = "sessions.count_disconnected"
    tap.equal(follower.put(name, "gone", "dan", state="disconnected").status, 204, "a user who is disconnected")
    all_count(farm, 3)
    tap.equal([users(agent) for agent in (h1, h2)], [3, 3], "counts")
    done = follower.ctl("farm", "set", path, "false")
    tap.equal(done.returncode, 0, "until a follower sets that he does not: farm set")
    tap.ok(wait_until(lambda: settings_of(h1)[path][0] == settings_of(h2)[path][0] == "false", 5), "every host has it", settings_of(h1)[path])
    tap.ok(all_count(farm, 2), "and counts by it", [users(agent) for agent in (h1, h2)])
    rewrite(follower, ("gate: {", "gate: { strict = true;"))
    follower.process.send_signal(signal.SIGHUP)
    tap.ok(wait_until(lambda: settings_of(follower)["gate.strict"] == ("false", "true"), 5), "a file that says otherwise is told",
           settings_of(follower)["gate.strict"])
    tap.ok(wait_until(lambda: said(follower, "farm_settings_differ"), 5), "and gives way", follower.log()[-1500:])
    tap.equal(farm.hosts[farm.leader()].call("PUT", "/v1/farm/settings/no.such", {"value": "1"}).status, 400, "one that is none is refused")
    tap.equal(follower.call("DELETE", "/v1/farm/settings/" + path).status, 204, "back to the default")
    tap.ok(all_count(farm, 3), "he counts again", [users(agent) for agent in (h1, h2)])
    follower.end(name, "gone")
    all_count(farm, 2)


# --- full disks

def on_small_disk(path):
    """A state directory of its own, which only this program sees, of 1 MiB."""
    def prepare():
        if LIBC.unshare(CLONE_NEWNS) or LIBC.mount(None, b"/", None, MS_REC | MS_PRIVATE, None) or \
                LIBC.mount(b"tmpfs", path.encode(), b"tmpfs", 0, b"size=1m"):
            raise OSError("mount")
    return prepare


def full_disk(place):
    farm = Farm(place, BUILD, 1, None, name="full")
    with farm:
        for name in ("f1", "f2"):
            agent = farm.host(name, start=False)
            agent.prepare = on_small_disk(agent.state)
            agent.start()
        leader = farm.hosts[farm.leader()]
        follower = next(agent for agent in farm.hosts.values() if agent is not leader)
        for number, (what, agent, other) in enumerate((("a follower's", follower, leader), ("the leader's", leader, follower))):
            host = next(name for name, one in farm.hosts.items() if one is agent)
            agent.put(host, "before", "user%d" % number)
            stuffing = "/proc/%d/root%s/stuffing" % (agent.process.pid, agent.state)
            with open(stuffing, "wb", buffering=0) as file:
                try:
                    while True:
                        file.write(b"x" * 4096)
                except OSError:
                    pass
            answers = [agent.put(host, "full%d" % one, "more%d-%d" % (number, one)) for one in range(12)]
            refused = [answer for answer in answers if answer.status == 503]
            say("%s disk is full: %d of %d log-ons were refused as not durable", what, len(refused), len(answers))
            tap.ok(refused and {answer.status for answer in answers} <= {204, 503}, "%s disk is full: brokers are told" % what, answers)
            before = users(leader)
            other.put("elsewhere", "full%d" % number, "elsewhere%d" % number)
            tap.ok(wait_until(lambda: users(leader) > before, 12), "and the farm counts on", users(leader))
            tap.equal((len(farm.leaders()), part(leader)), (1, "leads"), "it leads, who led")
            os.unlink(stuffing)
            tap.ok(wait_until(lambda: said(agent, "farm_journal_recovered", "store_recovered"), 30), "room again: it is kept again", agent.log()[-1500:])
            tap.equal(agent.put(host, "after", "after%d" % number).status, 204, "and log-ons are acknowledged")


def main():
    with Place() as place:
        cloud = Authority(place, BUILD, settings=GENEROUS).start()
        farm = pair(place, cloud)
        try:
            strangers(farm)
            two_farms(farm)
            one_name(place, farm)
            old_values(farm, cloud)
            settings(farm)
            not_etcd(farm)
        finally:
            farm.__exit__()
        backup(place, cloud)
        if machines_possible(place.write("probe.machine-id", "0" * 31 + "1\n")):
            full_disk(place)
        else:
            tap.skip("full disks", "needs mount namespaces")
        doors(place)
    tap.done()


main()
