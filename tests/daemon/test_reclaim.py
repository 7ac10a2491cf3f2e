#!/usr/bin/env python3
"""Forgotten sessions: since when they are disconnected, over restarts; what it would save to end them; and the shipped hook,
which ends them by a logind that is played here, and whom it leaves alone.     test_reclaim.py BUILD"""
import datetime
import json
import os
import pwd
import signal
import subprocess
import sys
import time

from harness import Agent, Place, Tap, wait_until

BUILD = sys.argv[1]
SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HOOK = os.path.join(SOURCE, "packaging", "hooks", "reclaim")
FOR_S = 10  # the least that reclaim.disconnected_for takes
tap = Tap()

# logind as far as the hook asks it: a session's owner stands in a file; who is ended leaves the script of sessions. One that
# does not want to end has a file, too.
LOGINCTL = """#!/bin/sh
case $1 in
show-session) cat "$PLACE/owner-$5" 2>/dev/null ;;
terminate-session)
    echo "$3" >>"$PLACE/ended"
    if [ -e "$PLACE/stubborn-$3" ]; then echo "Access denied" >&2; exit 1; fi
    echo "{\\"event\\": \\"logoff\\", \\"session\\": \\"$3\\"}" >>"$PLACE/script" ;;
esac
"""
FARMGATE = """#!/bin/sh
exec "%s" "$@" --socket "%s"
"""


class Host:
    """An agent whose sessions a script tells, and people on it."""

    def __init__(self, place, settings=""):
        self.place = place
        self.script = place.write("script", "")
        self.agent = Agent(place, BUILD, sources='"scripted", "api"', scripted=self.script,
                           settings=settings or 'reclaim: { disconnected_for = "%ds"; };' % FOR_S).start()
        self.follower = None
        os.mkdir(place.join("bin"))
        for name, text in (("loginctl", LOGINCTL), ("farmgate", FARMGATE % (self.agent.ctl_binary, self.agent.admin))):
            with open(place.join("bin", name), "w", encoding="utf-8") as file:
                os.chmod(file.name, 0o755)
                file.write(text)

    def tell(self, event, session, user=None, **rest):
        with open(self.script, "a", encoding="utf-8") as file:
            line = dict({"event": event, "session": session}, **rest)
            if user:
                line["user"] = user
            file.write(json.dumps(line) + "\n")
        if event == "connect":
            self.place.write("owner-" + session, "%d\n" % pwd.getpwnam(user).pw_uid)

    def connect(self, session, user, gone=True, **rest):
        self.tell("connect", session, user, **rest)
        if gone:
            self.tell("disconnect", session)

    def of(self, session):
        return next((one for one in self.agent.get("/v1/connections").json()["connections"] if one["id"] == session), None)

    def state(self, session):
        one = self.of(session)
        return one and one["state"]

    def events(self, code=None):
        said = [json.loads(line) for line in self.agent.ctl("events", "--json", "--after", "0").stdout.splitlines()]
        return [event for event in said if code in (None, event["code"])]

    def sessions_said(self, code):
        return sorted(event["session"] for event in self.events(code))

    def hook(self):
        """What farmgate-hook.service runs, with events from the oldest on."""
        path = self.place.join("bin") + ":" + os.environ["PATH"]
        with open(self.place.join("hook.log"), "ab") as log:
            self.follower = subprocess.Popen(
                [self.agent.ctl_binary, "events", "--follow", "--after", "0", "--exec", HOOK, "--cursor",
                 self.place.join("cursor"), "--socket", self.agent.socket],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=dict(os.environ, PATH=path, PLACE=self.place.path))

    def hook_log(self):
        with open(self.place.join("hook.log"), encoding="utf-8") as file:
            return file.read()

    def handled(self):
        """Whether the hook has been run for every event there is."""
        try:
            with open(self.place.join("cursor"), encoding="utf-8") as file:
                return int(file.read()) >= self.events()[-1]["id"]
        except OSError:
            return False

    def ended(self):
        """Which sessions logind was told to end."""
        try:
            with open(self.place.join("ended"), encoding="utf-8") as file:
                return sorted(file.read().split())
        except OSError:
            return []

    def stop_hook(self):
        if self.follower:
            self.follower.send_signal(signal.SIGTERM)
            self.follower.wait(15)


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def at(started, seconds):
    time.sleep(max(0, started + seconds - time.monotonic()))


def the_list():
    """farmgate connections --disconnected, and the answer behind it."""
    with Place() as place:
        host = Host(place)
        agent = host.agent
        tap.equal(agent.ctl("connections", "--disconnected").stdout, "nobody is disconnected\n", "nobody is disconnected")
        host.connect("1", "daemon")
        host.connect("2", "bin")
        host.connect("3", "bin", gone=False)
        host.connect("4", "sys")
        host.connect("5", "sys", kind="application")
        host.connect("6", "root", admin=True)
        host.connect("7", "root", admin=True, kind="application")
        host.connect("8", "games", route="ssh")
        agent.put("h2", "9", "man", state="disconnected")
        agent.put("h2", "10", "lp", administrator=None, state="disconnected")
        wait_until(lambda: agent.status()["disconnected"] == 9)
        listed = agent.get("/v1/connections?state=disconnected").json()
        rows = {one["id"]: (one["reclaimable"], one["would_save"]) for one in listed["connections"]}
        tap.equal(rows, {"1": (True, True), "2": (True, False), "4": (True, True), "5": (True, True), "6": (False, False),
                         "7": (False, False), "8": (False, False), "9": (False, True), "10": (False, True)},
                  "which may be ended by a hook, and whose end would save one")
        tap.equal(listed["would_save"], 4, "and what all of them would save")
        before = agent.status()["concurrent_users"]
        since = [instant(one["disconnected_at"]) for one in listed["connections"]]
        tap.ok(all(instant(listed["now"]) - 5 < one <= instant(listed["now"]) for one in since), "since when", listed)
        shown = agent.ctl("connections", "--disconnected")
        lines = shown.stdout.splitlines()
        tap.equal(lines[0].split("  ")[0], "USER", "as a table")

        def line(user, session):
            return next(" ".join(one.split()) for one in lines if one.split()[:1] == [user] and one.split()[2] == session)
        tap.equal([line("daemon", "1"), line("bin", "2"), line("sys", "5"), line("root", "6"), line("root", "7"),
                   line("games", "8")],
                  ["daemon h1 1 a moment counted a licence", "bin h1 2 a moment counted nothing: the user has others that count",
                   "sys h1 5 a moment counted a licence, if all 2 end",
                   "root h1 6 a moment exempt 1 of 2 nothing: it does not count",
                   "root h1 7 a moment counted left alone: an administrator's",
                   "games h1 8 a moment route not counted nothing: it does not count"], "with what each would save")
        tap.equal(lines[-1], "9 disconnected sessions of 7 users; without them, administrators' left alone, there would be 4 "
                             "concurrent users fewer", "and all of them")
        tap.equal(json.loads(agent.ctl("connections", "--disconnected", "--json").stdout)["would_save"], 4, "--json is the answer")
        some = agent.ctl("connections", "--disconnected", "--user", "bin").stdout
        tap.ok("1 disconnected session of 1 user;" in some and "no concurrent user fewer" in some, "of one user", some)
        tap.equal(agent.ctl("connections", "--disconnected", "--state", "active").returncode, 64, "not together with --state")
        for session in ("1", "2", "4", "5", "8"):
            host.tell("logoff", session)
        agent.end("h2", "9")
        agent.end("h2", "10")
        wait_until(lambda: agent.status()["disconnected"] == 2)
        tap.equal(before - agent.status()["concurrent_users"], 4, "so many users fewer there are when they have ended")


def the_question():
    """farmgate connection reclaimable, which the hook asks."""
    with Place() as place:
        host = Host(place)
        host.connect("1", "daemon")
        host.connect("2", "root", admin=True)
        host.connect("3", "bin", gone=False)
        host.agent.put("h2", "4", "sys", state="disconnected")
        wait_until(lambda: host.agent.status()["disconnected"] == 3)
        since = host.of("1")["disconnected_at"]

        def ask(*words):
            done = host.agent.ctl("connection", "reclaimable", *words)
            return done.returncode, done.stdout.strip()
        tap.equal(ask("h1", "1", "--user", "daemon", "--since", since), (0, ""), "disconnected since then: it may be ended")
        tap.equal(ask("h1", "1", "--user", "daemon"), (0, ""), "or since whenever")
        tap.equal(ask("h1", "1", "--user", "daemon", "--since", "2026-01-01T00:00:00Z"),
                  (2, "its user has come back since then"), "not one whose user has come back")
        tap.equal(ask("h1", "1", "--user", "bin", "--since", since), (2, "no such session is disconnected"), "not another user's")
        tap.equal(ask("h1", "3", "--user", "bin"), (2, "no such session is disconnected"), "not an active one")
        tap.equal(ask("h1", "2", "--user", "root")[0], 2, "not an administrator's")
        tap.equal(ask("h2", "4", "--user", "sys"), (2, "it is another host's"), "not one of another host")
        tap.equal((ask("h1", "1")[0], ask("h1", "1", "--user", "daemon", "--since", "noon")[0]), (64, 64), "usage")
        denied = host.agent.ctl("connection", "reclaimed", "h1", "1", "--user", "daemon", socket_path=host.agent.socket)
        tap.equal(denied.returncode, 77, "what was done is told at the administrator's socket only")


def the_hook():
    """Seconds count here: sessions 1 to 9 are disconnected at once, and what became due stays unhandled for a while."""
    with Place() as place:
        host = Host(place)
        place.write("stubborn-4", "")
        for session, user in enumerate(("daemon", "bin", "sys", "games", "man", "lp", "mail"), 1):
            host.connect(str(session), user, admin=user == "bin")
        wait_until(lambda: host.agent.status()["disconnected"] == 7)
        started = time.monotonic()
        at(started, FOR_S / 2)
        host.tell("connect", "3", "sys")  # comes back in time
        tap.equal(host.events("reclaim_due"), [], "nothing is due before its time")
        due = ["1", "4", "5", "6", "7"]
        tap.ok(wait_until(lambda: host.sessions_said("reclaim_due") == due, FOR_S, every=0.1),
               "then those are due whose users did not come back, but no administrator's", host.sessions_said("reclaim_due"))
        event = next(one for one in host.events("reclaim_due") if one["session"] == "1")
        tap.equal((event["user"], event["host"], event["disconnected_at"]), ("daemon", "h1", host.of("1")["disconnected_at"]),
                  "each with user, host and since when")
        tap.equal(instant(event["at"]) - instant(event["disconnected_at"]), FOR_S, "to the millisecond")
        host.tell("connect", "5", "man")  # comes back, and is gone again
        wait_until(lambda: host.state("5") == "active")
        host.tell("disconnect", "5")
        host.tell("connect", "6", "lp")  # comes back
        host.tell("logoff", "7")  # another has the id
        wait_until(lambda: host.state("7") is None)
        host.connect("7", "news")
        wait_until(lambda: host.state("7") == "disconnected" and host.state("6") == "active")
        host.hook()
        tap.ok(wait_until(host.handled, 20, every=0.2), "the hook is run for all that has happened", host.hook_log())
        host.stop_hook()
        tap.equal(host.ended(), ["1", "4"], "it ends those that are as they were, and no other")
        tap.ok(wait_until(lambda: host.state("1") is None), "and they are gone")
        tap.equal({one: host.state(one) for one in "234567"},
                  {"2": "disconnected", "3": "active", "4": "disconnected", "5": "disconnected", "6": "active",
                   "7": "disconnected"}, "all others are there: an administrator's, who came back, who has the id now")
        tap.equal(host.sessions_said("session_reclaimed"), ["1"], "what it did is an event")
        failed = host.events("reclaim_failed")
        tap.equal([(one["session"], one["user"], one["detail"]) for one in failed], [("4", "games", "Access denied")],
                  "so is what it could not do")
        log = host.hook_log()
        tap.ok("session 5 of man is left alone: its user has come back since then" in log and
               "session 7 of mail is left alone: no such session is disconnected" in log, "why it left others alone is said", log)

        # a new life of the agent
        ages = {one: host.of(one)["disconnected_at"] for one in "257"}
        host.agent.kill()
        host.agent.start()
        wait_until(lambda: host.agent.status()["disconnected"] >= 4)
        tap.equal({one: host.of(one)["disconnected_at"] for one in "257"}, ages, "since when is known over kill -9")
        wait_until(lambda: len([one for one in host.sessions_said("reclaim_due") if one == "7"]) == 2, FOR_S + 5, every=0.1)
        tap.equal(host.sessions_said("reclaim_due"), sorted(due + ["4", "5", "7"]), "who is still forgotten is said again, once")


def other_times():
    with Place() as place:
        host = Host(place, settings='reclaim: { disconnected_for = "1h"; };')
        host.connect("1", "daemon")
        wait_until(lambda: host.agent.status()["disconnected"] == 1)
        started = time.monotonic()

        def reload(text):
            with open(host.agent.conf, encoding="utf-8") as file:
                before = file.read()
            lines = before[:before.index("reclaim:")] + 'reclaim: { disconnected_for = %s; };\n' % text
            place.write("agent.conf", lines)
            said = host.agent.log().count("was read again")
            host.agent.process.send_signal(signal.SIGHUP)
            wait_until(lambda: host.agent.log().count("was read again") > said)
        at(started, FOR_S + 1)
        reload("0")
        tap.equal(host.events("reclaim_due"), [], "0 is never")
        reload('"%ds"' % FOR_S)
        tap.ok(wait_until(lambda: host.sessions_said("reclaim_due") == ["1"], 5), "a shorter time holds at once")
        reload('"1h"')
        reload('"%ds"' % FOR_S)
        tap.equal(host.sessions_said("reclaim_due"), ["1"], "and says nobody twice")


if __name__ == "__main__":
    for story in (the_list, the_question, the_hook, other_times):
        try:
            story()
        except Exception as error:  # pylint: disable=broad-except
            tap.ok(False, "%s runs to its end" % story.__name__, repr(error))
    tap.done()
