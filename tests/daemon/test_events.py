#!/usr/bin/env python3
"""`farmgate events --exec` against a real agent: no event is left out, whatever fails, hangs, is killed or restarted; and
which events are shown.     test_events.py BUILD"""
import contextlib
import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time

from harness import Agent, Place, Tap, wait_until

BUILD = sys.argv[1]
tap = Tap()

# A command that writes down what it was given, one JSON object a line.
HOOK = """
import json, os, signal, sys
out, murder = sys.argv[1:3]
given = {"env": {k: v for k, v in os.environ.items() if k.startswith("FARMGATE_")}, "stdin": sys.stdin.read()}
with open(out, "a", encoding="utf-8") as file:
    file.write(json.dumps(given) + "\\n")
if murder in given["stdin"] and not os.path.exists(out + ".done"):
    open(out + ".done", "w").close()
    os.kill(os.getppid(), signal.SIGKILL)
"""


class Follower:
    """`farmgate events --follow`, or with a command and a cursor of its own; what it says goes to files."""

    def __init__(self, place, agent, name, command=None, *words):
        self.cursor = place.join(name + ".cursor")
        self.out_path = place.join(name + ".out")
        self.err_path = place.join(name + ".err")
        self.command = [agent.ctl_binary, "events", "--socket", agent.socket, *words]
        self.command += ["--exec", command, "--cursor", self.cursor] if command else ["--follow"]
        self.process = None

    def start(self):
        with open(self.out_path, "a", encoding="utf-8") as out, open(self.err_path, "a", encoding="utf-8") as err:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        return self

    def begin(self):
        """Started, and the cursor stands: what comes from now on is for the command."""
        self.start()
        wait_until(lambda: os.path.exists(self.cursor))
        return self

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(15)

    def out(self):
        with open(self.out_path, encoding="utf-8") as file:
            return file.read()

    def err(self):
        with open(self.err_path, encoding="utf-8") as file:
            return file.read()

    def at(self):
        with open(self.cursor, encoding="utf-8") as file:
            return int(file.read())


def stored(agent):
    return [json.loads(line) for line in agent.ctl("events", "--json", "--after", "0").stdout.splitlines()]


def newest(agent):
    return stored(agent)[-1]["id"]


def caught_up(agent, follower, seconds=15):
    return wait_until(lambda: os.path.exists(follower.cursor) and follower.at() == newest(agent), seconds, every=0.1)


class Recorder(Follower):
    """With the command above."""

    def __init__(self, place, agent, name, murder="no such event", *words):
        self.heard_path = place.join(name + ".heard")
        place.write("hook.py", HOOK)
        super().__init__(place, agent, name, "exec python3 %s %s '%s'" % (place.join("hook.py"), self.heard_path, murder), *words)

    def heard(self):
        if not os.path.exists(self.heard_path):
            return []
        with open(self.heard_path, encoding="utf-8") as file:
            return [json.loads(line) for line in file.read().splitlines()]

    def ids(self):
        return [json.loads(one["stdin"])["id"] for one in self.heard()]


def what_a_command_gets(place, agent):
    hook = Recorder(place, agent, "whole").begin()
    tap.equal((hook.at(), hook.heard()), (newest(agent), []), "the first start keeps where it begins: with what comes")
    names = ("u" * 250 + "ü\"'$(id)`x`;\\" * 18)[:480], "h" * 255, "s" * 127
    agent.put(names[1], names[2], names[0])
    agent.put("h2", "1", "anna")
    tap.ok(wait_until(lambda: len(hook.heard()) == 2), "the command is run for each event", hook.heard())
    heard = hook.heard()[0]
    event = [one for one in stored(agent) if one.get("session") == names[2]][0]
    tap.equal(json.loads(heard["stdin"]), event, "with the event as JSON on its input, however long its names")
    tap.equal(heard["env"], {"FARMGATE_" + name.upper(): str(value) for name, value in event.items()},
              "and each of its members in the environment")
    tap.ok(caught_up(agent, hook), "the cursor follows")
    tap.equal(oct(os.stat(hook.cursor).st_mode & 0o777), "0o600", "in a file of its own")
    tap.equal(hook.stop(), -signal.SIGTERM, "SIGTERM ends it")
    agent.put("h2", "2", "anna")
    agent.put("h2", "3", "berta")
    hook.start()
    tap.ok(caught_up(agent, hook), "what comes while it is down")
    tap.equal([one["env"]["FARMGATE_USER"] for one in hook.heard()[2:]], ["anna", "berta"], "is handled after")
    hook.stop(signal.SIGINT)


def killed(place, agent):
    """kill -9 between the command and the cursor."""
    hook = Recorder(place, agent, "killed", '"user":"judith"').begin()
    first = hook.at()
    for user in ("ida", "judith", "karla"):
        agent.put("h3", user, user)
    tap.equal(hook.process.wait(10), -signal.SIGKILL, "killed while its command ran")
    tap.equal(hook.ids(), [first + 1, first + 2], "the command had done its work")
    tap.equal(hook.at(), first + 1, "and the cursor stands before it")
    hook.start()
    tap.ok(caught_up(agent, hook), "started again it goes on")
    tap.equal(hook.ids(), [first + 1, first + 2, first + 2, first + 3], "that event comes again, no other twice, none is left out")
    hook.stop()


def interrupted(place, agent):
    mark = place.join("interrupted.mark")
    hook = Follower(place, agent, "interrupted", "echo $FARMGATE_USER >>%s; test -e %s.go || exec sleep 8" % (mark, mark)).begin()
    agent.put("h4", "1", "laura")
    wait_until(lambda: os.path.exists(mark))
    began = time.monotonic()
    tap.equal(hook.stop(), -signal.SIGTERM, "SIGTERM while a command runs")
    tap.ok(time.monotonic() - began < 5 and "will be run again" in hook.err(), "ends the command too, and says so", hook.err())
    open(mark + ".go", "w", encoding="utf-8").close()
    hook.start()
    tap.ok(caught_up(agent, hook) and open(mark, encoding="utf-8").read() == "laura\nlaura\n", "it is run again with the next start")
    hook.stop()


def bad_commands(place, agent):
    command = """case $FARMGATE_USER in
        mia) exit 3;;
        nora) trap '' TERM; sh -c 'echo $$ >%s; while :; do sleep 1; done' & wait; while :; do sleep 1; done;;
        olga) kill -KILL $$;;
        esac""" % place.join("stubborn")
    hook = Follower(place, agent, "bad", command).begin()
    began = time.monotonic()
    for user in ("mia", "nora", "olga", "paula"):
        agent.put("h5", user, user)
    ids = {one["user"]: one["id"] for one in stored(agent) if one.get("host") == "h5"}
    tap.ok(caught_up(agent, hook, 20), "one that fails and one that hangs are gone on from", hook.err())
    took = time.monotonic() - began
    tap.ok(10 < took < 16, "the one that hangs after 10 s (%.1f s)" % took)
    tap.equal(hook.err().splitlines(), [
        "farmgate events: the command for event %d (connection_opened) ended with status 3" % ids["mia"],
        "farmgate events: the command for event %d (connection_opened) took over 10 s and was ended" % ids["nora"],
        "farmgate events: the command for event %d (connection_opened) ended with signal 9" % ids["olga"]], "each is said")
    with open(place.join("stubborn"), encoding="utf-8") as file:
        stubborn = int(file.read())
    tap.ok(wait_until(lambda: not alive(stubborn), 3), "what the hanging one had begun is gone, though it ignores SIGTERM")
    hook.stop()


def alive(pid):
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def slow_commands(place, agent):
    """Far more happens than the command keeps up with; the agent is restarted, and killed, meanwhile."""
    out = place.join("slow.ids")
    hook = Follower(place, agent, "slow", "sleep 0.02; echo $FARMGATE_ID >>" + out).begin()
    first = hook.at()
    lines = "".join('{"event":"put","host":"h6","id":"%d","user":"%s%d","kind":"desktop","administrator":false}\n' % (i, "x" * 200, i)
                    for i in range(400))
    agent.call("POST", "/v1/connections", lines, headers={"Content-Type": "application/x-ndjson"})
    agent.stop()
    agent.start()
    agent.put("h6", "last", "quitta")
    agent.kill()
    agent.start()
    tap.ok(caught_up(agent, hook, 60), "slow commands, and an agent that is restarted and killed")
    with open(out, encoding="utf-8") as file:
        ids = [int(line) for line in file]
    tap.equal(ids, list(range(first + 1, newest(agent) + 1)), "each event once and in order (%d)" % len(ids))
    tap.ok("waiting for it" in hook.err(), "that the agent was waited for is said", hook.err())
    hook.stop()


def quiet_agent(place, agent):
    """A follower that has heard nothing yet is no less a follower."""
    hook = Recorder(place, agent, "quiet").begin()
    hook.stop()
    hook.start()
    time.sleep(0.5)
    agent.stop()
    agent.start()
    agent.put("h7", "1", "rosa")
    tap.ok(caught_up(agent, hook), "an agent that leaves before its first word is waited for", hook.err())
    hook.stop()


def cursors(place, agent):
    for text in ("x\n", "", "12 13\n", "9" * 30 + "\n"):
        hook = Follower(place, agent, "damaged", "true")
        place.write("damaged.cursor", text)
        hook.start()
        code = hook.process.wait(10)
        tap.ok(code == 65 and hook.cursor in hook.err() and "remove it" in hook.err(), "a damaged cursor is named, with what to do: %r" %
               text[:8], "%d %s" % (code, hook.err()))
        tap.equal(open(hook.cursor, encoding="utf-8").read(), text, "and left as it is")
    hook = Follower(place, agent, "nowhere", "true")
    hook.command[-1] = place.join("no", "such", "cursor")
    hook.start()
    tap.equal(hook.process.wait(10), 1, "a cursor that cannot be written ends it")
    tap.ok(hook.command[-1] in hook.err(), "with its name", hook.err())
    done = agent.ctl("events", "--exec", "true")
    tap.ok(done.returncode == 64 and "--cursor" in done.stderr, "a command without a cursor: 64", done.stderr)
    state = place.join("state-directory")
    os.makedirs(state)
    hook = Follower(place, agent, "state", "true")
    hook.command = hook.command[:-2]
    hook.cursor = os.path.join(state, "cursor")
    os.environ["STATE_DIRECTORY"] = state
    hook.begin()
    del os.environ["STATE_DIRECTORY"]
    tap.ok(os.path.exists(hook.cursor), "$STATE_DIRECTORY says where it is")
    hook.stop()


def limit_files(agent, limit):
    resource.prlimit(agent.process.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))


def bad_disk(place, agent):
    """What happens while the disk takes no write has no id until it does. A follower that was not there meanwhile gets it then."""
    absent, present = Recorder(place, agent, "absent").begin(), Recorder(place, agent, "present").begin()
    absent.stop()
    at = absent.at()
    wal = os.path.join(agent.state, "farmgate.db-wal")
    while os.path.getsize(wal) <= os.path.getsize(agent.log_path) + 16384:  # the log stays below the limit
        agent.put("filler", "1", "filler", state="disconnected")
        agent.put("filler", "1", "filler", state="active")
    limit_files(agent, os.path.getsize(agent.log_path) + 16384)
    tap.equal(agent.put("h10", "1", "wanda").status, 503, "a disk that takes no write")
    agent.process.send_signal(signal.SIGHUP)
    wait_until(lambda: any(one["env"]["FARMGATE_CODE"] == "settings_applied" for one in present.heard()), 15)
    unstored = [one["env"]["FARMGATE_CODE"] for one in present.heard() if one["env"]["FARMGATE_ID"] == "0"]
    tap.ok("store_failed" in unstored and "settings_applied" in unstored, "what happens then is told at once, with no id", unstored)
    absent.start()
    time.sleep(1)
    limit_files(agent, resource.RLIM_INFINITY)
    tap.ok(wait_until(lambda: agent.get("/healthz").status == 200, 20), "it recovers")
    agent.put("h10", "2", "xenia")
    tap.ok(caught_up(agent, absent) and caught_up(agent, present), "who comes meanwhile")
    wanted = [one["id"] for one in stored(agent) if one["id"] > at]
    tap.equal([one for one in absent.ids() if one != 0], wanted, "gets every event that is stored then, in order")
    tap.ok(set(wanted) - set(present.ids()) <= {one["id"] for one in stored(agent) if one["code"] in unstored},
           "and who was there lacks none", (wanted, present.ids()))
    absent.stop()
    present.stop()


def gone_events(place, agent):
    """Events that the store has no more, and a cursor from another database."""
    hook = Recorder(place, agent, "gone").begin()
    hook.stop()
    last = hook.at()
    for i in range(5):
        agent.put("h8", str(i), "sara%d" % i)
    agent.stop()
    with contextlib.closing(sqlite3.connect(os.path.join(agent.state, "farmgate.db"))) as database, database:
        database.execute("DELETE FROM events WHERE id <= ?", (last + 3,))
    agent.start()
    hook.start()
    tap.ok(caught_up(agent, hook) and hook.ids() and hook.ids()[0] == last + 4, "events that are no longer stored are gone on from", hook.ids())
    tap.ok("store has no events %d to %d; going on" % (last + 1, last + 3) in hook.err(), "and named", hook.err())
    hook.stop()
    other = Recorder(place, agent, "other")
    place.write("other.cursor", "99999999999999999\n")
    other.start()
    tap.ok(caught_up(agent, other) and other.ids()[0] == last + 4, "a cursor of another database begins with the oldest event", other.ids())
    tap.ok("does not know event 99999999999999999" in other.err(), "and it is said", other.err())
    other.stop()


def chosen(place, agent):
    lists = {words: [json.loads(line) for line in agent.ctl("events", "--json", "--after", "0", *words).stdout.splitlines()]
             for words in ((), ("--code", "agent_started"), ("--code", "agent_started,agent_stopping"), ("--severity", "notice"),
                           ("--severity", "error"))}
    everything = lists[()]

    def only(*codes):
        return [one for one in everything if one["code"] in codes]
    tap.equal(lists[("--code", "agent_started")], only("agent_started"), "--code shows these alone")
    tap.equal(lists[("--code", "agent_started,agent_stopping")], only("agent_started", "agent_stopping"), "and takes several")
    tap.equal(lists[("--severity", "notice")], [one for one in everything if one["severity"] != "info"],
              "--severity shows those that are as important")
    tap.ok(len(only("agent_started")) > 2 and len(lists[("--severity", "notice")]) > 3, "(there are some)")
    tap.equal(lists[("--severity", "error")], [one for one in everything if one["severity"] == "error"], "or more")
    for words in (("--code", "agent_start"), ("--severity", "bad"), ("--code", "")):
        done = agent.ctl("events", *words)
        tap.ok(done.returncode == 64 and words[1] in done.stderr, "%s %s: 64" % words, done.stderr)
    hook = Recorder(place, agent, "chosen", "no such event", "--code", "connection_ended").begin()
    first = hook.at()
    agent.put("h9", "1", "tina")
    agent.end("h9", "1")
    agent.put("h9", "1", "ulla")
    tap.ok(wait_until(lambda: len(hook.heard()) == 1), "a command is run for these alone")
    tap.equal((hook.heard()[0]["env"]["FARMGATE_CODE"], hook.heard()[0]["env"]["FARMGATE_USER"]), ("connection_ended", "tina"),
              "and for the right ones")
    tap.ok(wait_until(lambda: hook.at() == first + 2), "the cursor passes over the others with it")
    follower = Follower(place, agent, "shown", None, "--json", "--severity", "notice").start()
    time.sleep(0.5)
    agent.put("h9", "2", "vera")
    agent.stop()
    agent.start()
    tap.ok(wait_until(lambda: "agent_started" in follower.out()) and "vera" not in follower.out(), "a follower leaves out as well",
           follower.out())
    follower.stop()
    hook.stop()


def main():
    with Place() as place:
        agent = Agent(place, BUILD).start()
        what_a_command_gets(place, agent)
        killed(place, agent)
        interrupted(place, agent)
        bad_commands(place, agent)
        slow_commands(place, agent)
        quiet_agent(place, agent)
        cursors(place, agent)
        chosen(place, agent)
        bad_disk(place, agent)
        gone_events(place, agent)
    tap.done()


main()
