#!/usr/bin/env python3
"""When licences run out (RULES 4): a real agent with a real authority. Whom the gate lets in and what it lists, the files
that PAM reads, what becomes of them when the agent ends in one way or another, and which refusals are said.
$1 is the build directory."""
import json
import os
import signal
import subprocess
import sys
import time

from harness import Agent, Authority, Place, Tap, request, wait_until

tap = Tap()
BUILD = sys.argv[1]
RUN_OUT = "no_license_free"
RESOURCES = """resources = (
    { id = "word"; name = "Word"; kind = "application"; command = "word"; },
    { id = "office"; name = "Office"; kind = "desktop"; }
);
"""
ALIASES = 'aliases = ( { dns_domain = "corp.example"; domain = "CORP"; } );'


def gate(agent, user, **words):
    query = "&".join("%s=%s" % item for item in dict(words, user=user.replace("\\", "%5C")).items())
    answer = agent.get("/v1/gate?" + query)
    if answer.status == 204:
        return "yes"
    problem = answer.json()
    assert answer.headers["x-farmgate-reason"] == problem["code"] and problem["detail"], answer
    return problem["code"]


def listing(agent, user):
    answer = agent.get("/v1/resources?user=" + user)
    return [one["id"] for one in answer.json()["resources"]] if answer.status == 200 else answer.json()["code"]


def text_of(agent, name):
    try:
        with open(os.path.join(agent.run_directory, name), encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None


def files(agent):
    """nologin's kind, who is present, and whether the mark of a crowd stands."""
    nologin = text_of(agent, "nologin")
    kind = None if nologin is None else "full" if "All licences" in nologin else "closed"
    return kind, (text_of(agent, "present") or "").split("\n")[:-1], text_of(agent, "run-out") is not None


def becomes(agent, wanted, name, seconds=5):
    wait_until(lambda: files(agent) == wanted, seconds)
    tap.equal(files(agent), wanted, name)


def settings(agent, text):
    """Reloads with these lines of gate and reclaim in the place of the former ones."""
    with open(agent.conf, encoding="utf-8") as file:
        old = file.read()
    start = old.index("gate: {")
    end = old.index("};", start)
    directory = 'gate: { directory = "%s"; resources = "%s"; %s ' % (agent.run_directory, agent.resources, text)
    with open(agent.conf, "w", encoding="utf-8") as file:
        file.write(old[:start] + directory + old[end:])
    before = agent.log().count("was read again and applied")
    agent.process.send_signal(signal.SIGHUP)
    if not wait_until(lambda: agent.log().count("was read again and applied") > before):
        raise RuntimeError("the reload failed:\n" + agent.log())


class Farm:
    """A farm with so many licences whose grace is spared: they run out at the limit."""

    def __init__(self, limit, more="", gate_text="spare_grace = true;"):
        self.place = Place()
        self.limit = limit
        self.more = more
        self.gate_text = gate_text

    def __enter__(self):
        self.place.__enter__()
        authority = Authority(self.place, BUILD).start()
        agent = Agent(self.place, BUILD, authority)
        agent.authority = authority
        agent.place = self.place
        with open(agent.resources, "w", encoding="utf-8") as file:
            file.write(RESOURCES)
        with open(agent.conf, encoding="utf-8") as file:
            conf = file.read()
        conf = conf.replace("sessions: {", "sessions: { " + self.more).replace("gate: {", "gate: { " + self.gate_text)
        with open(agent.conf, "w", encoding="utf-8") as file:
            file.write(conf)
        agent.start()
        agent.activate(authority.new_key(self.limit))
        return agent

    def __exit__(self, *what):
        return self.place.__exit__(*what)


def full(agent):
    """Two users hold the two licences of the farm, a third is here and not counted."""
    agent.put("h1", "1", "alice")
    agent.put("h2", "1", "bob")
    agent.put("h1", "2", "shell", route="ssh")


def test_whom_it_admits():
    with Farm(2) as agent:
        agent.put("h1", "1", "alice")
        agent.put("h1", "2", "shell", route="ssh")
        tap.equal((gate(agent, "zoe"), listing(agent, "zoe")), ("yes", ["word", "office"]), "a licence is left: anybody")
        becomes(agent, (None, ["alice", "shell"], False), "and no nologin")
        agent.put("h2", "1", "bob")
        tap.equal(agent.status()["verdict"]["open"], True, "at the limit, the grace spared: the farm is open")
        rows = [("a holder here", "alice", {}, "yes"), ("a holder of another host", "bob", {}, "yes"),
                ("who is here and not counted", "shell", {}, "yes"), ("anybody else", "zoe", {}, RUN_OUT),
                ("anybody else's desktop", "daemon", {"kind": "desktop"}, RUN_OUT),
                ("who is not on that host and not counted", "shell", {"host": "h2"}, RUN_OUT),
                ("an administrator's desktop", "root", {"kind": "desktop"}, "yes"),
                ("an administrator's application", "root", {}, RUN_OUT)]
        for who, user, words, answer in rows:
            tap.equal(gate(agent, user, **words), answer, "run out: the gate for %s" % who)
        tap.equal([listing(agent, user) for user in ("alice", "bob", "shell", "zoe", "root")],
                  [["word", "office"], ["word", "office"], ["word", "office"], RUN_OUT, ["office"]],
                  "run out: the list, of desktops alone for an administrator")
        asked = agent.ctl("gate", "--user", "zoe", socket_path=agent.socket)
        tap.ok(asked.returncode == 2 and asked.stdout.startswith("refused: no_license_free: All licences"),
               "`farmgate gate` says refused, and why", asked)
        asked = agent.ctl("resources", "--user", "zoe", socket_path=agent.socket)
        tap.ok(asked.returncode == 2 and asked.stdout.startswith("refused: no_license_free: "), "so does `resources`", asked)
        asked = agent.ctl("resources", "--user", "root", socket_path=agent.socket)
        tap.ok(asked.returncode == 0 and "office" in asked.stdout and "word" not in asked.stdout,
               "which shows an administrator the desktops", asked)
        agent.end("h2", "1")
        tap.equal((gate(agent, "zoe"), listing(agent, "zoe")), ("yes", ["word", "office"]), "somebody has gone: anybody")


def test_strict():
    with Farm(2, gate_text="spare_grace = true; strict = true;") as agent:
        full(agent)
        tap.equal([gate(agent, "root", kind="desktop"), gate(agent, "alice"), gate(agent, "shell"), gate(agent, "zoe")],
                  ["yes", "yes", "yes", RUN_OUT], "run out, strict: an administrator gets a free exempt place")
        agent.put("h1", "8", "boss", True)
        tap.equal((gate(agent, "root", kind="desktop"), listing(agent, "root")), ("yes", ["office"]), "and the second one")
        agent.put("h1", "9", "chief", True)
        tap.equal((gate(agent, "root", kind="desktop"), listing(agent, "root")), (RUN_OUT, RUN_OUT), "but there is no third")
        settings(agent, "spare_grace = true;")
        tap.equal(gate(agent, "root", kind="desktop"), "yes", "a reload without strict: that one would count")
        agent.call("DELETE", "/v1/activation")
        becomes(agent, ("closed", ["alice", "boss", "chief", "shell"], False), "closed: who is here is present")
        settings(agent, "spare_grace = true; strict = true;")
        becomes(agent, ("closed", [], False), "closed and strict: nobody is")
        tap.equal([gate(agent, user, kind="desktop") for user in ("root", "alice", "zoe")], ["not_activated"] * 3,
                  "and nobody passes")


def test_reload():
    with Farm(1, gate_text="") as agent:
        agent.put("h1", "1", "alice")
        tap.equal(gate(agent, "zoe"), "yes", "the grace is available: at the limit anybody gets in")
        settings(agent, "spare_grace = true;")
        tap.equal(gate(agent, "zoe"), RUN_OUT, "a reload spares it: at the limit nobody else does")
        becomes(agent, ("full", ["alice"], True), "and nologin stands")
        settings(agent, 'spare_grace = true; text = "Ask Frida.";')
        wait_until(lambda: "Ask Frida." in (text_of(agent, "nologin") or ""))
        tap.equal(text_of(agent, "nologin").split("\n")[1:], ["Ask Frida.", ""], "a reload changes its text")
        settings(agent, "")
        becomes(agent, (None, ["alice"], False), "a reload spares it no longer: nologin goes")
        settings(agent, "spare_grace = true; overuse_settle = 0;")
        agent.put("h1", "2", "zoe")
        verdict = agent.status()["verdict"]
        tap.equal((verdict["usage"], gate(agent, "dora")), ("overuse_grace", "yes"),
                  "who got in all the same begins the grace, at once with overuse_settle = 0, and it lets in more")


def rule_4_note_3_present_names_who_may_come_back():
    with Farm(3, ALIASES) as agent:
        agent.put("h1", "1", "CORP\\Wina")
        agent.put("h2", "1", "Gina@Corp.Example")
        becomes(agent, (None, ["CORP\\Wina"], False), "a licence is left: present has who is here")
        agent.put("h2", "2", "unix")
        holders = ["CORP\\Wina", "CORP\\gina", "Gina@Corp.Example", "corp\\gina", "gina@corp.example", "unix"]
        becomes(agent, ("full", holders, True), "run out: the holders of other hosts, in the spellings that PAM may use")
        agent.put("h2", "3", "guest", route="ssh")
        agent.put("h1", "2", "local", route="ssh")
        becomes(agent, ("full", sorted(holders + ["local"]), True), "whoever comes is added, here counted or not")
        agent.end("h1", "2")
        agent.put("h2", "4", "unix")
        agent.end("h2", "2")
        becomes(agent, ("full", holders, True), "a holder stays one with another session")
        for number in range(400):
            agent.put("h1", "storm%d" % number, "unix", route="broker")
        agent.put("h1", "last", "last", route="ssh")
        becomes(agent, ("full", sorted(holders + ["last"]), True), "after a storm of changes it is right, too")
        agent.call("PUT", "/v1/connections/h2", {"connections": []})
        becomes(agent, (None, ["CORP\\Wina", "last", "unix"], False), "licences are free again: no holders of other hosts")


def after_stop(agent, conf=None):
    return subprocess.run([agent.binary, "--after-stop", "--config", conf or agent.conf], capture_output=True, text=True,
                          timeout=10, check=False)


def rule_4_note_4_only_a_deactivation_survives_the_agents_end():
    with Farm(2) as agent:
        full(agent)
        crowd = ("full", ["alice", "bob", "shell"], True)
        gone = (None, ["alice", "bob", "shell"], False)
        becomes(agent, crowd, "run out")
        tap.equal(agent.stop(), 0, "told to stop, it ends")
        tap.equal(files(agent), gone, "and takes nologin with it")
        agent.start()
        becomes(agent, crowd, "started again, it is back")
        agent.kill()
        tap.equal(files(agent), crowd, "killed, it leaves the files as they were")
        cleaned = after_stop(agent)
        tap.equal((cleaned.returncode, cleaned.stdout + cleaned.stderr, files(agent)), (0, "", gone),
                  "farmgated --after-stop takes nologin away")
        agent.start()
        becomes(agent, crowd, "started again, it is back")
        agent.kill()
        broken = agent.place.write("broken.conf", 'gate: { directory = "%s"; nonsense = 1; };' % agent.run_directory)
        tap.equal((after_stop(agent, broken).returncode, files(agent)), (0, gone), "so it does with a wrong configuration")
        agent.start()
        becomes(agent, crowd, "started again, it is back")
        agent.kill()
        for name, text in (("torn", "gate: { directory = "), ("absent", None)):
            conf = agent.place.write(name + ".conf", text) if text else agent.place.join("absent.conf")
            tap.equal((after_stop(agent, conf).returncode, files(agent)), (0, crowd),
                      "a %s configuration means the default directory, and harms no other" % name)
        agent.start()
        becomes(agent, crowd, "without a service manager the next start does it, and judges anew")

        agent.authority.run("farm", "deactivate", agent.status()["farm_id"])
        agent.call("POST", "/v1/report")
        closed = ("closed", ["alice", "shell"], False)
        becomes(agent, closed, "deactivated, the crowd's mark and the holders of other hosts go")
        tap.equal(agent.stop(), 0, "told to stop, it ends")
        tap.equal(files(agent), closed, "and the deactivation stays")
        agent.start()
        agent.kill()
        tap.equal((after_stop(agent).returncode, files(agent)), (0, closed), "killed and cleaned up after, it stays")


def test_start_cleans():
    """The next start removes what a crash has left even where the new verdict is not known yet."""
    with Farm(1) as agent:
        agent.put("h1", "1", "alice")
        becomes(agent, ("full", ["alice"], True), "run out")
        agent.kill()
        with open(agent.conf, encoding="utf-8") as file:
            conf = file.read()
        agent.place.write("agent.conf", conf.replace("spare_grace = true;", ""))
        agent.start()
        becomes(agent, (None, ["alice"], False), "started with the grace no longer spared: nobody is refused")
        second = Agent(agent.place, BUILD, agent.authority, name="second")
        agent.place.write("agent.conf", conf)
        agent.stop()
        agent.start()
        becomes(agent, ("full", ["alice"], True), "run out again")
        second.process = subprocess.Popen([agent.binary, "--config", agent.conf], stdin=subprocess.DEVNULL,
                                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        tap.equal(second.process.wait(10), 75, "a second agent with the same state does not start")
        tap.equal(files(agent), ("full", ["alice"], True), "and leaves the first one's files alone")


def events(agent, *codes):
    lines = agent.ctl("events", "--after", "0", "--json").stdout.splitlines()
    return [event for event in map(json.loads, lines) if event["code"] in codes]


def test_refusals():
    with Farm(1) as agent:
        agent.put("h1", "1", "alice")
        for _ in range(3):
            gate(agent, "zoe")
        gate(agent, "zoe", kind="desktop")
        gate(agent, "zoe", host="h2")
        gate(agent, "alice")
        listing(agent, "dora")
        wait_until(lambda: len(events(agent, "user_refused")) == 4)
        said = [(one["user"], one["host"], one["kind"], one["reason"]) for one in events(agent, "user_refused")]
        tap.equal(said, [("zoe", "h1", "application", RUN_OUT), ("zoe", "h1", "desktop", RUN_OUT),
                         ("zoe", "h2", "application", RUN_OUT), ("dora", "h1", "application", RUN_OUT)],
                  "every refusal is said, the same one once")
        for number in range(500):
            gate(agent, "made-up-%d" % number)
        wait_until(lambda: len(events(agent, "user_refused")) == 60)
        tap.equal(len(events(agent, "user_refused")), 60, "of a storm of made-up names 60 are said")
        agent.stop()
        agent.start()
        tap.equal([one["count"] for one in events(agent, "refusals_not_said")], [444], "and the others are counted")


def test_slow_names():
    """A name service that hangs delays only who may be an administrator, and by no more than 100 ms."""
    slow = os.path.join(BUILD, "tests", "daemon", "libslow_names.so")
    if not os.path.exists(slow):
        tap.skip("a slow name service", "no " + slow)
        return
    with Farm(2) as agent:
        agent.stop()
        agent.env["LD_PRELOAD"] = slow
        agent.start()

        def took(path):
            began = time.monotonic()
            request(agent.socket, "GET", path)
            return time.monotonic() - began
        tap.ok(took("/v1/gate?user=slow-1&kind=desktop") < 0.09, "an open gate waits for nobody")
        tap.ok(took("/v1/resources?user=slow-2") < 0.09, "nor does a list that is for everybody")
        full(agent)
        tap.ok(took("/v1/gate?user=slow-3") < 0.09, "nor a refusal of an application")
        tap.ok(0.09 < took("/v1/gate?user=slow-4&kind=desktop") < 1, "a desktop may be an administrator's")


def main():
    test_whom_it_admits()
    test_strict()
    test_reload()
    rule_4_note_3_present_names_who_may_come_back()
    rule_4_note_4_only_a_deactivation_survives_the_agents_end()
    test_start_cleans()
    test_refusals()
    test_slow_names()
    tap.done()


main()
