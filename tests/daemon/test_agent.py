#!/usr/bin/env python3
"""The agent and the authority as they are run: start, activation, reports, deactivation, reload, bad configuration, bad disks,
two agents on one store.     test_agent.py BUILD"""
import json
import os
import signal
import socket
import subprocess
import sys
import time

from harness import Agent, Authority, Place, Tap, request, wait_until

BUILD = sys.argv[1]
tap = Tap()


def farms(authority):
    return json.loads(authority.run("farm", "list", "--json").stdout)["farms"]


def state_of(authority, key):
    return next(k["state"] for k in json.loads(authority.run("key", "list", "--json").stdout)["keys"] if k["key"] == key)


def life():
    with Place() as place:
        authority = Authority(place, BUILD).start()
        agent = Agent(place, BUILD, authority).start()
        nologin, present = (os.path.join(agent.run_directory, name) for name in ("nologin", "present"))
        tap.equal(agent.status()["verdict"]["reason"], "not_activated", "a new farm is closed: not activated")
        tap.ok(os.path.exists(nologin) and os.path.exists(present), "the gate's files stand before activation")
        tap.equal(os.stat(nologin).st_mode & 0o7777, 0o600, "nologin is the agent's alone")
        tap.equal(agent.activate().status, 200, "a trial is activated")
        tap.equal(agent.status()["verdict"]["open"], True, "the gate is open")
        tap.ok(wait_until(lambda: not os.path.exists(nologin)), "nologin is gone")
        key = authority.new_key(2)
        tap.equal(agent.activate(key).status, 200, "a key may be activated over a trial")
        tap.equal(agent.status()["limit"], 2, "the key's limit holds")
        answer = agent.activate()
        tap.equal((answer.status, answer.json().get("code")), (409, "already_activated"), "but no trial over a key")
        other = authority.new_key(2)
        tap.equal(agent.activate(other).status, 200, "another key may take its place")
        tap.ok(wait_until(lambda: state_of(authority, key) == "free"), "the former one is given back",
               state_of(authority, key))
        tap.equal(agent.activate(key).status, 200, "and can be used again")
        for user in ("alice", "bob", "carol"):
            tap.equal(agent.put("h1", user, user).status in (200, 201, 204), True, "%s connects" % user)
        tap.equal(agent.status()["concurrent_users"], 3, "three concurrent users")
        wait_until(lambda: "carol" in open(present, encoding="utf-8").read(), 3)
        tap.equal(open(present, encoding="utf-8").read().split(), ["alice", "bob", "carol"], "present names them")
        tap.equal(agent.call("POST", "/v1/report").status, 200, "a report is taken")
        farm = [f for f in farms(authority) if f["status"] == "active"][0]
        tap.equal(authority.run("farm", "deactivate", farm["farm_id"]).returncode, 0, "the operator deactivates it")
        agent.call("POST", "/v1/report")
        tap.equal(agent.status()["verdict"]["reason"], "revoked", "at the next contact the gate closes")
        wait_until(lambda: os.path.exists(nologin), 3)
        tap.ok("farm" in open(nologin, encoding="utf-8").read(), "nologin says why")
        tap.equal(agent.get("/v1/gate?user=dave").status, 403, "a stranger is refused")
        tap.equal(agent.get("/v1/gate?user=alice&host=h1").status, 204, "who has a session may come back")
        tap.equal(agent.get("/v1/resources?user=alice").status, 403, "but is listed nothing")
        agent.stop()
        tap.ok(os.path.exists(nologin), "deactivation survives the agent's end")
        agent.start()
        tap.equal(agent.status()["verdict"]["reason"], "revoked", "and a restart")
        tap.equal(agent.status()["concurrent_users"], 3, "connections survive too")
        tap.equal(agent.activate(key).status, 200, "a new activation opens")
        tap.equal(agent.status()["verdict"]["open"], True, "the gate is open again")
        tap.equal(agent.call("DELETE", "/v1/activation").status in (200, 204), True, "the key is given back")
        tap.equal(agent.status()["verdict"]["reason"], "not_activated", "then the farm is not activated")


def ending():
    with Place() as place:
        agent = Agent(place, BUILD).start()
        agent.put("h1", "1", "alice")
        follower = socket.socket(socket.AF_UNIX)
        follower.connect(agent.socket)
        follower.sendall(b"GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
        half = socket.socket(socket.AF_UNIX)
        half.connect(agent.socket)
        half.sendall(b"GET /v1/sta")
        started = time.monotonic()
        code = agent.stop()
        took = time.monotonic() - started
        tap.equal(code, 0, "SIGTERM ends it with 0")
        tap.ok(took < 1.0, "within a second, followers and half requests and all", "%.2f s" % took)
        agent.start()
        tap.equal(agent.status()["concurrent_users"], 1, "with everything durable")
        follower.close()
        half.close()


def a_script_of_many_hosts():
    """What a script says of other hosts is known before what it says of this one, so a restart ends nothing."""
    with Place() as place:
        script = place.write("script", "".join(
            json.dumps({"event": "connect", "host": "h%d" % (i % 3 + 1), "session": str(i), "user": "u%d" % i}) + "\n"
            for i in range(2000)))
        agent = Agent(place, BUILD, sources='"scripted"', scripted=script).start()
        tap.ok(wait_until(lambda: agent.status()["connections"] == 2000), "a script of three hosts", agent.status())
        last = [json.loads(line[6:])["id"] for line in agent.get("/v1/events?after=0&follow=false").body.decode().splitlines()
                if line.startswith("data: ")][-1]
        agent.stop()
        agent.start()
        tap.ok(wait_until(lambda: agent.status()["connections"] == 2000), "after a restart the same are on", agent.status())
        body = agent.get("/v1/events?after=%d&follow=false" % last).body.decode()
        said = [json.loads(line[6:])["code"] for line in body.splitlines() if line.startswith("data: ")]
        tap.equal({code for code in said if code in ("connection_opened", "connection_ended")}, set(),
                  "and none has ended or come meanwhile")


def configuration():
    cases = [
        ("farm: { mode = 3; };", "farm.mode", "a wrong type"),
        ("farm: { mod = \"alone\"; };", "farm.mode", "an unknown setting, with the nearest known name"),
        ("api: { listen = \"0.0.0.0:8620\"; };", "api.listen", "an address that is not loopback"),
        ("authority: { url = \"http://example.org\"; };", "authority.url", "plain http to elsewhere"),
        ("sessions: { api_lease = \"-5s\"; };", "sessions.api_lease", "a duration out of range"),
        ("farm: { name = \"x\" ", ":", "a syntax error"),
        ("gate: { limit_warnings = (80, 100, 90); };", "gate.limit_warnings[2]", "warnings out of order"),
        ("gate: { overuse_grace = 0; };", "gate.overuse_grace", "a grace, which the rules fix"),
        ('sessions: { aliases = ( { dns_domain = "a"; domain = "B"; }, { dns_domain = "b"; domain = "A"; } ); };',
         "sessions.aliases[0].domain", "aliases in a loop"),
        ('sessions: { aliases = ( { dns_domain = "a.example"; domain = "A"; }, { dns_domain = "A.EXAMPLE"; domain = "B"; } ); };',
         "sessions.aliases[1].dns_domain", "a domain with two aliases"),
        ('sessions: { sources = ("wts", "api"); };', "sessions.sources[0]", "a source that this platform has not"),
        ('reclaim: { disconnected_for = "5s"; };', "reclaim.disconnected_for", "too short a time"),
    ]
    with Place() as place:
        for number, (text, named, name) in enumerate(cases):
            path = place.write("wrong%d.conf" % number, "# first line\n" + text + "\n")
            said = set()
            for words in (["agent/farmgated", "--check-config", "--config", path], ["agent/farmgated", "--config", path],
                          ["agent/ctl/farmgate", "check-config", path]):
                done = subprocess.run([os.path.join(BUILD, words[0])] + words[1:], capture_output=True, text=True, timeout=10,
                                      check=False)
                tap.ok(done.returncode == 78 and named in done.stderr and "wrong%d.conf:" % number in done.stderr,
                       "%s: exit 78, file, line and setting (%s)" % (name, words[1]), "%d %s" % (done.returncode, done.stderr))
                said.add(done.stderr.partition(": ")[2].replace("error: farmgated cannot run: ", ""))
            tap.equal(len(said), 1, "%s: all three say the same" % name)


def reload():
    with Place() as place:
        agent = Agent(place, BUILD).start()
        with open(agent.conf, encoding="utf-8") as file:
            before = file.read()
        agent.put("h1", "1", "root-like", kind="desktop", route="ssh")
        tap.equal(agent.status()["concurrent_users"], 0, "ssh is not counted by default")

        def reload_with(text):
            size = len(agent.log())
            place.write("agent.conf", text)
            agent.process.send_signal(signal.SIGHUP)
            wait_until(lambda: "configuration" in agent.log()[size:])
            return agent.log()[size:]

        changed = before.replace("sessions: {", 'sessions: { count_routes = ("broker", "ssh");')
        said = reload_with(changed.replace("sources", "sorces"))
        tap.ok("refused" in said and "sources" in said, "a wrong configuration is refused, loudly", said)
        tap.equal(agent.status()["concurrent_users"], 0, "and the old stays")
        said = reload_with(changed)
        tap.ok("applied" in said, "a right one is applied", said)
        tap.equal(agent.status()["concurrent_users"], 1, "and counts at once")
        said = reload_with(changed.replace(agent.state, agent.state + "-other"))
        tap.ok(wait_until(lambda: "store.directory" in agent.log()), "a change that needs a restart is named", agent.log())
        tap.ok(agent.alive() and agent.status()["concurrent_users"] == 1, "and not applied")


def sockets():
    with Place() as place:
        agent = Agent(place, BUILD).start()
        second = Agent(place, BUILD, name="second")
        with open(second.conf, encoding="utf-8") as file:
            text = file.read()
        place.write("second.conf", text.replace(second.socket, agent.socket))
        second.start(wait=False)
        tap.equal(second.process.wait(10), 75, "a socket taken by a live agent: exit 75")
        tap.ok("another agent" in second.log() and agent.socket in second.log(), "and says so", second.log())
        place.write("second.conf", text.replace(second.state + '"', agent.state + '"'))
        second.start(wait=False)
        tap.equal(second.process.wait(10), 75, "two agents on one store: the second refuses")
        tap.ok(agent.state in second.log(), "naming the store", second.log())
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            address = "127.0.0.1:%d" % other.getsockname()[1]
            place.write("second.conf", text.replace("api: {", 'api: { listen = "%s";' % address))
            second.start(wait=False)
            tap.equal(second.process.wait(10), 75, "a TCP address that a stranger has: exit 75")
        tap.ok(address + ": another agent or program is listening there" in second.log(), "and says so", second.log())
        done = subprocess.run([agent.binary, "--nosuch"], capture_output=True, text=True, timeout=20, check=False)
        tap.ok(done.returncode == 64 and done.stderr == "farmgated: no option --nosuch; try 'farmgated --help'\n",
               "a wrong option is told in the program's name", done)
        tap.ok(agent.alive() and agent.get("/healthz").status == 200, "the first is unmoved")
        agent.kill()
        tap.ok(os.path.exists(agent.socket), "kill -9 leaves a stale socket")
        agent.start()
        tap.equal(agent.get("/healthz").status, 200, "which is replaced")


def damaged():
    with Place() as place:
        authority = Authority(place, BUILD).start()
        agent = Agent(place, BUILD, authority).start()
        agent.activate()
        agent.put("h1", "1", "alice")
        agent.stop()
        for name in os.listdir(agent.state):
            if name.startswith("farmgate.db") and name != "farmgate.db":
                os.unlink(os.path.join(agent.state, name))
        with open(os.path.join(agent.state, "farmgate.db"), "r+b") as file:
            file.write(os.urandom(4096))
        agent.start()
        tap.equal(agent.status()["verdict"]["open"], True, "a damaged database costs no licence")
        tap.ok("damaged" in agent.log(), "and is said", agent.log())
        aside = [name for name in os.listdir(agent.state) if "damaged" in name]
        tap.ok(len(aside) >= 1, "the damaged file is set aside", os.listdir(agent.state))
        tap.equal(agent.put("h1", "2", "bob").status in (200, 201, 204), True, "a new one is begun")


def full_disk():
    """A small file system of its own, where there is one to be had."""
    with Place() as place:
        agent = Agent(place, BUILD)
        if os.getuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", agent.state],
                                              capture_output=True, check=False).returncode != 0:
            tap.skip("a full disk", "no tmpfs can be mounted here")
            return
        try:
            agent.start()
            tap.equal(agent.put("h1", "1", "alice").status in (200, 201, 204), True, "while there is room a change is taken")
            filler = os.path.join(agent.state, "filler")
            descriptor = os.open(filler, os.O_WRONLY | os.O_CREAT)
            try:
                while True:
                    os.write(descriptor, b"x" * 4096)
            except OSError:
                os.close(descriptor)
            codes = [agent.put("h1", "x%d" % n, "user%d" % n) for n in range(200)]
            refused = [answer for answer in codes if answer.status == 503]
            tap.ok(refused and refused[-1].json()["code"] == "store_unavailable", "a full disk: changes get 503", codes[-1])
            tap.equal(agent.get("/v1/gate?user=alice&host=h1").status, 204, "the gate goes on from memory")
            tap.equal(agent.get("/v1/status").status, 200, "and so does status")
            tap.equal(agent.get("/healthz").status, 503, "healthz tells")
            tap.equal(agent.log().count("state cannot be written"), 1, "it is said once")
            os.unlink(filler)
            tap.ok(wait_until(lambda: agent.get("/healthz").status == 200, 20), "with room it recovers by itself")
            tap.equal(agent.put("h1", "after", "zoe").status in (200, 201, 204), True, "and takes changes")
            users = agent.status()["concurrent_users"]
            agent.kill()
            agent.start()
            tap.equal(agent.status()["concurrent_users"], users, "what memory held meanwhile is durable now")
        finally:
            agent.stop()
            subprocess.run(["umount", agent.state], check=False)


def hopeless_authority():
    """What answers is no authority: nothing changes, and it is told apart."""
    with Place() as place:
        authority = Authority(place, BUILD).start()
        agent = Agent(place, BUILD, authority).start()
        agent.activate()
        authority.stop()
        tap.equal(agent.call("POST", "/v1/report").status, 502, "without an authority a report fails")
        tap.equal(agent.status()["verdict"]["open"], True, "and the gate stays open")
        other = Authority(place, BUILD, name="other")
        other.port = authority.port
        with open(place.join("other.conf"), encoding="utf-8") as file:
            text = file.read()
        place.write("other.conf", text.replace(":%s" % text.split("127.0.0.1:")[1].split('"')[0], ":%d" % authority.port))
        other.start()
        answer = agent.call("POST", "/v1/report")
        tap.equal(answer.status, 502, "another authority's refusal is no contact")
        tap.equal(answer.json()["code"], "authority_refused", "it is told apart from being unreachable")
        tap.equal(agent.status()["verdict"]["open"], True, "and closes nothing")


if __name__ == "__main__":
    for story in (life, ending, a_script_of_many_hosts, configuration, reload, sockets, damaged, full_disk, hopeless_authority):
        try:
            story()
        except Exception as error:  # pylint: disable=broad-except
            tap.ok(False, "%s runs to its end" % story.__name__, repr(error))
    tap.done()
