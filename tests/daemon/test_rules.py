#!/usr/bin/env python3
"""RULES.md, row by row and rule by rule, asked of a real agent and a real authority: what one host can show of who counts (§2),
of windows, revocation and activation (§3), and of the gate's answers (§4). Every expectation is the rule's, not the program's.
     test_rules.py BUILD"""
import contextlib
import datetime
import json
import os
import signal
import sys
import time
import urllib.parse

from elsewhere import BOOT_ID, later, on_machine, possible, rebooted
from harness import Agent, Authority, Place, Tap, wait_until

BUILD = sys.argv[1]
ONLY = sys.argv[2:]
tap = Tap()

KINDS = ("desktop", "application")
GUARDED = ("broker", "rdp", "rdp-tunnel")
ROUTES = GUARDED + ("console", "ssh")
WINDOW_S = 1200
DAY_S = 86400


# --- the farm in a few words --------------------------------------------------------------------------------------------

AN_HOUR_AGO = time.time() - 3600


def at(seconds):
    """Logged on so many seconds after the instant that all log-ons here are measured from."""
    return stamp(AN_HOUR_AGO + seconds)


def stamp(unix_s):
    return datetime.datetime.fromtimestamp(unix_s, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def unix(text):
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z").timestamp()


def put(agent, host, session, user, admin=False, kind="desktop", route="broker", **rest):
    answer = agent.put(host, urllib.parse.quote(session, safe=""), user, admin, kind, route, **rest)
    if answer.status != 204:
        raise RuntimeError("%s/%s: %r" % (host, session, answer))


def end(agent, host, session):
    agent.end(host, urllib.parse.quote(session, safe=""))


def connections(agent):
    return {(c["host"], c["id"]): c for c in agent.get("/v1/connections").json()["connections"]}


def reasons(agent, host="h1"):
    """Why each connection of a host counts or not, in one word: yes, 1, 2 (its exempt place), no."""
    words = {"counted": "yes", "exempt 1 of 2": "1", "exempt 2 of 2": "2"}
    return {c["id"]: words.get(c["reason"], "no") for c in connections(agent).values() if c["host"] == host}


def users(agent):
    return agent.status()["concurrent_users"]


def clear(agent):
    for host, session in connections(agent):
        end(agent, host, session)
    if connections(agent):
        raise RuntimeError("not all ended: %r" % connections(agent))


def events(agent, code):
    body = agent.get("/v1/events?after=0&follow=false").body.decode()
    all_events = [json.loads(line[6:]) for line in body.splitlines() if line.startswith("data: ")]
    return [event for event in all_events if event["code"] == code]


class Script:
    """The host's own sessions: the file of a scripted source."""

    def __init__(self, place, name="script.ndjson"):
        self.path = place.write(name, "")

    def say(self, event, session, user=None, host=None, admin=None, kind=None, route=None):
        line = {"ts": 0, "event": event, "session": session, "user": user, "host": host, "admin": admin, "kind": kind,
                "route": route}
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps({name: value for name, value in line.items() if value is not None}) + "\n")

    def connect(self, session, user, **rest):
        self.say("connect", session, user, **rest)

    def disconnect(self, session, host=None):
        self.say("disconnect", session, host=host)

    def logoff(self, session, host=None):
        self.say("logoff", session, host=host)

    def restart(self):
        """The file begins anew."""
        with open(self.path, "w", encoding="utf-8"):
            pass


def same(read, wanted, name, seconds=5):
    """What is read becomes what is wanted, and is so still."""
    got = wait_until(lambda: (True, read()) if read() == wanted else None, seconds)
    return tap.equal(got[1] if got else read(), wanted, name)


@contextlib.contextmanager
def farm(settings="", sources='"api"', script=False, authority=False, **rest):
    """An agent that runs; with a script, and an authority that activated it, where asked for."""
    with Place() as place:
        cloud = Authority(place, BUILD).start() if authority else None
        file = Script(place) if script else None
        agent = Agent(place, BUILD, cloud, sources='"scripted", "api"' if script else sources,
                      scripted=file.path if script else None, **rest)
        configure(agent, settings)
        agent.place, agent.authority, agent.script = place, cloud, file
        yield agent.start()
        agent.stop()


def edit(agent, before, after):
    with open(agent.conf, encoding="utf-8") as file:
        text = file.read()
    if before not in text:
        raise RuntimeError("no %r in the configuration" % before)
    with open(agent.conf, "w", encoding="utf-8") as file:
        file.write(text.replace(before, after))


def configure(agent, settings):
    """Further settings of the part `sessions`."""
    edit(agent, "sessions: { ", "sessions: { " + settings + " ")


def restart(agent, prepare=None, kill=False):
    agent.stop(signal.SIGKILL if kill else signal.SIGTERM)
    agent.prepare = prepare
    agent.start()


def wait_for_room_in_window(seconds=15):
    """Not in the last seconds of a window: what follows belongs into one."""
    left = WINDOW_S - time.time() % WINDOW_S
    if left < seconds:
        time.sleep(left + 1)


# --- §2: what a connection consumes -------------------------------------------------------------------------------------

def consumes(kind, route, admin):
    """The table of §2 for the only connection of a host: does it consume?"""
    if route in ("console", "ssh"):
        return "no"
    return "1" if kind == "desktop" and admin else "yes"


def table():
    with farm() as agent:
        for kind in KINDS:
            for route in ROUTES:
                for admin in (False, True):
                    put(agent, "h1", "s", "u", admin, kind, route)
                    wanted = consumes(kind, route, admin)
                    got = (reasons(agent), users(agent))
                    tap.equal(got, ({"s": wanted}, 1 if wanted == "yes" else 0),
                              "§2 %s by %s, %s: %s" % (kind, route, "administrator" if admin else "no administrator", {
                                  "yes": "consumes", "1": "exempt", "no": "not counted"}[wanted]))
                    clear(agent)
        for route in GUARDED:
            for number in range(3):
                put(agent, "h1", "s%d" % number, "u%d" % number, True, route=route, connected_at=at(number))
            tap.equal((reasons(agent), users(agent)), ({"s0": "1", "s1": "2", "s2": "yes"}, 1),
                      "§2 of three administrators' desktops by %s the third consumes" % route)
            clear(agent)


def table_as_hosts_tell_it():
    with farm(script=True) as agent:
        for kind in KINDS:
            for route in ROUTES:
                for admin in (False, True):
                    name = "%s by %s, %s" % (kind, route, "administrator" if admin else "no administrator")
                    agent.script.connect("s", "u", kind=kind, route=route, admin=admin)
                    same(lambda: reasons(agent), {"s": consumes(kind, route, admin)}, "§2 told by the host: " + name)
                    agent.script.logoff("s")
                    wait_until(lambda: not connections(agent))


def routes_that_are_told_to_count():
    with farm('count_routes = ("broker", "console", "ssh");') as agent:
        for route in ROUTES:
            put(agent, "h1", route, "user of " + route, route=route)
        tap.equal(reasons(agent), {"broker": "yes", "rdp": "no", "rdp-tunnel": "no", "console": "yes", "ssh": "yes"},
                  "§2 console and ssh count where the configuration says so, and what it leaves out does not")
        clear(agent)
        for number, route in enumerate(("ssh", "rdp", "broker")):
            put(agent, "h1", "s%d" % number, "a%d" % number, True, route=route, connected_at=at(number))
        tap.equal(reasons(agent), {"s0": "1", "s1": "no", "s2": "2"}, "§2.1 connections that are not counted take no place")


# --- §2.1: the two exempt ones ------------------------------------------------------------------------------------------

def two_oldest():
    with farm() as agent:
        for session, second in (("c", 3), ("a", 2), ("d", 4), ("b", 1)):
            put(agent, "h1", session, "admin " + session, True, connected_at=at(second))
        tap.equal(reasons(agent), {"b": "1", "a": "2", "c": "yes", "d": "yes"},
                  "§2.1 the two oldest are exempt, in whatever order they were told")
        put(agent, "h1", "z", "admin z", True, connected_at=at(0))
        tap.equal((reasons(agent), users(agent)), ({"z": "1", "b": "2", "a": "yes", "c": "yes", "d": "yes"}, 3),
                  "§2.1 the answer depends only on the set: one told later but older takes the place")
        clear(agent)
        for number, route in enumerate(("rdp", "broker", "rdp-tunnel", "broker")):
            put(agent, "h1", "s%d" % number, "a%d" % number, True, route=route, connected_at=at(number))
        tap.equal(reasons(agent), {"s0": "1", "s1": "2", "s2": "yes", "s3": "yes"}, "§2.1 two in total, not two of each route")
        clear(agent)


def ties():
    with farm() as agent:
        for session in ("b", "B", "a", "ä", "10", "9"):
            put(agent, "h1", session, "admin " + session, True, connected_at=at(0))
        tap.equal(reasons(agent), {"10": "1", "9": "2", "B": "yes", "a": "yes", "b": "yes", "ä": "yes"},
                  "§2.1 ties are broken by session id as bytes: 10 before 9 before B before a")
        end(agent, "h1", "10")
        end(agent, "h1", "9")
        tap.equal(reasons(agent), {"B": "1", "a": "2", "b": "yes", "ä": "yes"}, "§2.1 and so for those that move up")


def next_oldest():
    with farm() as agent:
        for number in range(4):
            put(agent, "h1", "s%d" % number, "a%d" % number, True, connected_at=at(number))
        end(agent, "h1", "s0")
        tap.equal((reasons(agent), users(agent)), ({"s1": "1", "s2": "2", "s3": "yes"}, 1),
                  "§2.1 when one ends the next oldest becomes exempt")
        tap.equal(agent.status()["window"]["peak_users"], 2, "§2.1 within the same event: no instant between is in the peak")
        put(agent, "h1", "x", "x", True, kind="application", connected_at=at(0))
        tap.equal(reasons(agent)["x"], "yes", "§2.1 an administrator's application never takes a place")
        put(agent, "h1", "y", "y", False, connected_at=at(0))
        tap.equal(reasons(agent), {"s1": "1", "s2": "2", "s3": "yes", "x": "yes", "y": "yes"},
                  "§2.1 nor does an ordinary user's desktop")
        clear(agent)
        for host in ("h1", "h2", "h3"):
            for number in range(3):
                put(agent, host, "s%d" % number, "%s admin %d" % (host, number), True, connected_at=at(number))
        tap.equal([sorted(reasons(agent, host).values()) for host in ("h1", "h2", "h3")], [["1", "2", "yes"]] * 3,
                  "§2 two exempt per host")
        tap.equal((agent.status()["exempt"], users(agent)), (6, 3), "§2 six on three hosts, and three users")


def all_of_one_administrator():
    with farm() as agent:
        for number in range(2):
            put(agent, "h1", "s%d" % number, "root", True, connected_at=at(number))
        tap.equal(users(agent), 0, "§2.2 a user whose every connection is exempt is not counted")
        for number in range(2, 5):
            put(agent, "h1", "s%d" % number, "root", True, connected_at=at(number))
        tap.equal((reasons(agent)["s2"], users(agent)), ("yes", 1), "§2.2 his third to fifth make him one user, not three")


# --- §2.2 and §2.3 ------------------------------------------------------------------------------------------------------

def one_user():
    with farm() as agent:
        number = 0
        for host in ("h1", "h2", "h3"):
            for kind in KINDS:
                for route in GUARDED:
                    put(agent, host, "s%d" % number, "alice", kind=kind, route=route)
                    number += 1
        tap.equal((users(agent), agent.status()["consuming"], agent.status()["connections"]), (1, 18, 18),
                  "§2.2 one user with any number of connections, kinds and hosts is one concurrent user")
        for host, session in sorted(connections(agent))[:-1]:
            end(agent, host, session)
        tap.equal(users(agent), 1, "§2.2 as long as one of them consumes")
        clear(agent)
        tap.equal(users(agent), 0, "§2.2 and not after the last has ended")
        put(agent, "h1", "s", "root", True)
        put(agent, "h2", "s", "root", False)
        tap.equal((reasons(agent, "h1"), reasons(agent, "h2"), users(agent)), ({"s": "1"}, {"s": "yes"}, 1),
                  "§2.2 exempt here, consuming there: one user")
        end(agent, "h2", "s")
        tap.equal(users(agent), 0, "§2.2 once only the exempt one is left he is not counted")


def disconnected():
    with farm() as agent:
        put(agent, "h1", "s", "alice", connected_at=at(0))
        put(agent, "h1", "s", "alice", state="disconnected")
        tap.equal((reasons(agent), users(agent)), ({"s": "yes"}, 1), "§2.3 a disconnected connection still holds its licence")
        for number in range(3):
            put(agent, "h1", "a%d" % number, "a%d" % number, True, connected_at=at(number),
                state="disconnected" if number == 0 else "active")
        tap.equal(reasons(agent), {"s": "yes", "a0": "1", "a1": "2", "a2": "yes"}, "§2.3 and its exempt place")
    with farm("count_disconnected = false;") as agent:
        put(agent, "h1", "s", "alice")
        put(agent, "h1", "s", "alice", state="disconnected")
        tap.equal((reasons(agent), users(agent)), ({"s": "no"}, 0), "§2.3 with count_disconnected = false it does not consume")
        put(agent, "h1", "s", "alice", state="active")
        tap.equal(users(agent), 1, "§2.3 and does again when the client is back")
        clear(agent)
        for number in range(3):
            put(agent, "h1", "a%d" % number, "a%d" % number, True, connected_at=at(number))
        put(agent, "h1", "a0", "a0", True, state="disconnected")
        tap.equal((reasons(agent), users(agent)), ({"a0": "no", "a1": "1", "a2": "2"}, 0),
                  "§2.3 nor takes it an exempt place while disconnected: the next oldest has it")
        put(agent, "h1", "a0", "a0", True, state="active")
        tap.equal((reasons(agent), users(agent)), ({"a0": "1", "a1": "2", "a2": "yes"}, 1),
                  "§2.3 back again it is the oldest, and the youngest consumes")
    with farm(script=True) as agent:
        agent.script.connect("s", "alice")
        same(lambda: users(agent), 1, "§2.3 a host's session counts")
        before = connections(agent)[("h1", "s")]["connected_at"]
        agent.script.disconnect("s")
        same(lambda: connections(agent)[("h1", "s")]["state"], "disconnected", "§2.3 its client goes")
        tap.equal(users(agent), 1, "§2.3 and it still counts")
        agent.script.connect("s", "alice")
        same(lambda: connections(agent)[("h1", "s")]["state"], "active", "§2.3 its client comes back")
        tap.equal((users(agent), connections(agent)[("h1", "s")]["connected_at"]), (1, before),
                  "§2.4 coming back does not change the connect time")
        agent.script.logoff("s")
        same(lambda: users(agent), 0, "§2.3 it ends with the log-off")


# --- §2.4 ---------------------------------------------------------------------------------------------------------------

def connect_time():
    with farm('aliases = ( { dns_domain = "corp.example"; domain = "CORP"; } );') as agent:
        put(agent, "h1", "s", "alice", connected_at=at(0))
        first = connections(agent)[("h1", "s")]["connected_at"]
        for state in ("disconnected", "active"):
            put(agent, "h1", "s", "alice", state=state)
            tap.equal(connections(agent)[("h1", "s")]["connected_at"], first, "§2.4 %s: the connect time stays" % state)
        put(agent, "h1", "s", "bob")
        tap.ok(unix(connections(agent)[("h1", "s")]["connected_at"]) > time.time() - 60,
               "§2.4 a changed user is an end and a connect: the new one's connect time is now", connections(agent))
        tap.equal([(e["user"], e["session"]) for e in events(agent, "connection_ended")], [("alice", "s")],
                  "§2.4 the first user's connection is said to have ended")
        put(agent, "h1", "w", "alice@corp.example", connected_at=at(0))
        first = connections(agent)[("h1", "w")]["connected_at"]
        put(agent, "h1", "w", "CORP\\Alice", state="disconnected")
        tap.equal(connections(agent)[("h1", "w")]["connected_at"], first,
                  "§2.4 the same user in another spelling is no other user: the connect time stays")
        put(agent, "h1", "w", "corp\\alice", state="active")
        tap.equal(len(events(agent, "connection_ended")), 1, "§2.4 and nobody is said to have left")


def live_changes():
    with farm() as agent:
        def becomes(wanted, name, **now):
            facts = dict({"admin": True, "kind": "desktop", "route": "broker"}, **now)
            put(agent, "h1", "s", "root", **facts)
            tap.equal((reasons(agent)["s"], users(agent)), (wanted, 1 if wanted == "yes" else 0), "§2.4 " + name)

        becomes("1", "an administrator's desktop is exempt")
        becomes("yes", "a live change of kind applies at that instant: as an application it consumes", kind="application")
        becomes("1", "and back: exempt again")
        becomes("no", "a live change of route: by ssh it is not counted", route="ssh")
        becomes("1", "and back", route="rdp")
        becomes("yes", "a live change of the administrator flag: he consumes", admin=False)
        becomes("1", "and back: exempt")
        put(agent, "h1", "b", "b", True)
        put(agent, "h1", "c", "c", True)
        tap.equal(reasons(agent), {"s": "1", "b": "2", "c": "yes"}, "§2.4 the changed one kept its place by its connect time")
        put(agent, "h1", "s", "other", True)
        tap.equal(reasons(agent), {"b": "1", "c": "2", "s": "yes"},
                  "§2.4 a changed user is an end and a connect: the newcomer is the youngest and consumes")


def unknown_administrator():
    shim = os.path.join(BUILD, "tests", "daemon", "libslow_names.so")
    with farm(env={"LD_PRELOAD": shim}) as agent:
        put(agent, "h1", "s", "slow-sam", admin=None)
        found = connections(agent)[("h1", "s")]
        tap.equal((found["administrator"], found["reason"]), (None, "counted"), "§2.4 an unknown administrator flag counts as no")
        tap.equal([e["user"] for e in events(agent, "administrator_unknown")], ["slow-sam"], "§2.4 and is said")
        tap.equal(agent.get("/v1/gate?user=slow-sam&host=h9&kind=desktop").status, 403, "§4 nor does it open the gate")
        put(agent, "h1", "r", "root", admin=None)
        tap.equal(reasons(agent)["r"], "1", "§2.4 uid 0 is an administrator")


# --- §2.5 ---------------------------------------------------------------------------------------------------------------

def names():
    one, two = 1, 2
    cases = [
        ("alice", "alice", one, "the same Unix name on two hosts is one user"),
        ("alice", "Alice", two, "Unix names compare by bytes"),
        ("müller", "MÜLLER", two, "Unix names compare by bytes, beyond ASCII too"),
        ("CORP\\alice", "corp\\ALICE", one, "Windows names compare without case"),
        ("alice@corp.example", "ALICE@Corp.Example", one, "names with @ compare without case"),
        ("CORP\\müller", "corp\\MÜLLER", one, "and so beyond ASCII"),
        ("CORP\\ΣΑΣ", "corp\\σας", one, "simple folding knows the final sigma"),
        ("CORP\\\u212aelvin", "corp\\kelvin", one, "simple folding knows the Kelvin sign"),
        ("CORP\\straße", "corp\\STRASSE", two, "folding is simple: ß is not ss"),
        ("CORP\\stra\u1e9ee", "corp\\straße", one, "folding is simple: capital ß is ß"),
        ("CORP\\INES", "corp\\ınes", two, "folding is free of locale: no Turkish i"),
        ("CORP\\\u0130nes", "corp\\ines", two, "folding is simple: İ is not i"),
        ("CORP\\e\u0301va", "CORP\\\u00e9va", two, "and only folding: nothing is composed"),
        ("alice", "CORP\\alice", two, "a Unix name is no Windows name"),
        ("alice", "alice@corp.example", two, "nor one with a domain"),
        ("CORP\\alice", "OTHER\\alice", two, "users of two domains are two"),
        ("H1\\alice", "H2\\alice", two, "local accounts of two hosts are two users"),
        ("h1\\alice", "H1\\Alice", one, "a local account is HOST\\user, without case"),
        ("CORP\\alice", "alice@corp.example", two, "DOMAIN\\user and user@domain are not the same without an alias"),
    ]
    aliased = [
        ("CORP\\alice", "alice@corp.example", one, "DOMAIN\\user and user@domain are the same where an alias maps it"),
        ("corp\\Alice", "ALICE@CORP.EXAMPLE", one, "and so without case"),
        ("CORP\\alice", "alice@sub.corp.example", two, "an alias maps its domain, not those below it"),
        ("CORP\\alice", "alice@corp", two, "nor a domain that merely begins so"),
        ("OTHER\\alice", "alice@corp.example", two, "nor another domain"),
        ("alice", "alice@corp.example", two, "nor a Unix name"),
    ]
    for settings, table_of_names, said in (("", cases, ""), (
            'aliases = ( { dns_domain = "corp.example"; domain = "CORP"; } );', aliased, " (alias)")):
        with farm(settings) as agent:
            for first, second, wanted, name in table_of_names:
                put(agent, "h1", "s", first)
                put(agent, "h2", "s", second)
                tap.equal(users(agent), wanted, "§2.5 %s: %s, %s%s" % (name, ascii(first)[1:-1], ascii(second)[1:-1], said))
                clear(agent)


# --- §2.6 and §2.7 ------------------------------------------------------------------------------------------------------

def peaks():
    wait_for_room_in_window()
    with farm() as agent:
        put(agent, "h1", "s", "stays")
        for number in range(4):
            put(agent, "h1", "g%d" % number, "guest %d" % number)
        for number in range(4):
            end(agent, "h1", "g%d" % number)
        window = agent.status()["window"]
        tap.equal((users(agent), window["peak_users"], window["users_at_end"]), (1, 5, 1),
                  "§2.6 who connects and leaves between two reports is in the peak")
        for number in range(9):
            put(agent, "h1", "one", "guest %d" % number)
        tap.equal(agent.status()["window"]["peak_users"], 5, "§2.6 it is of instants: nine one after the other are not nine")
        started = time.time()
        put(agent, "h1", "old", "a", connected_at="2020-01-01T00:00:00.000Z")
        put(agent, "h1", "new", "b", connected_at=stamp(time.time() + 3000))
        for number in range(3):
            put(agent, "h1", "n%d" % number, "n%d" % number, connected_at=at(number))
        peak = agent.status()["window"]
        tap.equal(peak["peak_users"], 7, "§2.7 all are in the level of the running window")
        tap.ok(started - 1 <= unix(peak["peak_at"]) <= time.time() + 1,
               "§2.7 live order is the order of arrival: connect times do not move the peak", peak)
        tap.equal(agent.status()["peak_ever"]["users"], 7, "§2.7 nor raise one of 2020")
        tap.equal([(d["peak_users"], d["complete"]) for d in agent.get("/v1/days").json()["days"]], [(7, False)],
                  "§3.2 today's peak is that of the day so far")


# --- §2.8 ---------------------------------------------------------------------------------------------------------------

def restarts():
    wait_for_room_in_window()
    with farm(script=True) as agent:
        for session, user in (("1", "alice"), ("2", "bob"), ("3", "carol")):
            agent.script.connect(session, user)
        agent.script.connect("far", "dora", host="h2")
        put(agent, "h1", "b1", "brokered")
        same(lambda: users(agent), 5, "§2.8 before the restart: four host sessions, one of a broker")
        agent.stop()
        agent.script.restart()
        for session, user in (("2", "bob"), ("7", "mallory"), ("8", "nina")):
            agent.script.connect(session, user)
        agent.script.connect("far", "dora", host="h2")
        agent.start()
        same(lambda: sorted(connections(agent)), [("h1", "2"), ("h1", "7"), ("h1", "8"), ("h1", "b1"), ("h2", "far")],
             "§2.8 after a restart the stored connections give way to those that are enumerated; a broker's stay")
        tap.equal(agent.status()["window"]["peak_users"], 5, "§2.8 the difference is one batch: levels are judged after it")
        restart(agent, kill=True)
        same(lambda: (users(agent), agent.status()["window"]["peak_users"]), (5, 5),
             "§2.8 killed and started: nobody comes or leaves twice")
    with farm(script=True) as agent:
        agent.script.connect("1", "alice")
        agent.script.connect("2", "bob")
        put(agent, "h1", "2", "bob")
        put(agent, "h1", "b1", "brokered")
        same(lambda: users(agent), 3, "§2.8 two sessions of a host, one of them a broker's too, and one of a broker")
        agent.stop()
        agent.script.restart()
        for session, user in (("1", "carol"), ("2", "dora"), ("3", "emil")):
            agent.script.connect(session, user)
        edit(agent, 'host = "h1"', 'host = "renamed"')
        agent.start()
        same(lambda: sorted(connections(agent)), [("h1", "b1"), ("renamed", "1"), ("renamed", "2"), ("renamed", "3")],
             "§2.8 a renamed host: what it had under its old name is enumerated no more, and ends")
        tap.equal(agent.status()["window"]["peak_users"], 4, "§2.8 before the others connect")
        agent.stop()
        edit(agent, '"scripted", "api"', '"api"')
        agent.start()
        same(lambda: sorted(connections(agent)), [("h1", "b1")], "§2.8 nor does what a source told count that is there no more")
    with farm(script=True) as agent:
        for number in range(3):
            agent.script.connect("s%d" % number, "admin%d" % number, admin=True)
        same(lambda: reasons(agent), {"s0": "1", "s1": "2", "s2": "yes"}, "§2.8 three administrators at one instant")
        agent.stop()
        agent.script.restart()
        for number in (5, 3, 4):
            agent.script.connect("s%d" % number, "admin%d" % number, admin=True)
        agent.start()
        same(lambda: reasons(agent), {"s3": "1", "s4": "2", "s5": "yes"}, "§2.8 connects are taken by connect time, ties by id")
        tap.equal(agent.status()["window"]["peak_users"], 1, "§2.8 and no instant of the batch is in the peak")


def boots():
    with Place() as place:
        other = place.write("boot_id", "0f0e0d0c-0b0a-4908-8706-050403020100\n")
        if not possible(rebooted(other)):
            tap.skip("§2.8 a changed boot id ends the host's connections", "another boot id needs mount namespaces")
            return
        wait_for_room_in_window()
        with farm(script=True) as agent:
            agent.script.connect("1", "alice")
            agent.script.connect("2", "bob")
            put(agent, "h1", "b1", "brokered")
            put(agent, "h2", "b2", "elsewhere")
            same(lambda: users(agent), 4, "§2.8 before the boot: two of the host, two of a broker")
            agent.stop()
            agent.script.restart()
            agent.script.connect("1", "zoe")
            agent.prepare = rebooted(other)
            agent.start()
            same(lambda: sorted(connections(agent)), [("h1", "1"), ("h2", "b2")],
                 "§2.8 a changed boot id ends all earlier connections of that host, broker-reported ones too; other hosts' stay")
            tap.equal((users(agent), agent.status()["window"]["peak_users"]), (2, 4), "§2.8 the same id is a new connection")
            tap.equal(len(events(agent, "host_booted")), 1, "§2.8 and it is said")
            restart(agent, rebooted(other))
            same(lambda: users(agent), 2, "§2.8 the same boot id again ends nothing")


# --- §2.9 ---------------------------------------------------------------------------------------------------------------

def leases():
    with farm('api_lease = "3s";', script=True) as agent:
        put(agent, "h1", "lost", "alice")
        put(agent, "h1", "kept", "bob")
        put(agent, "h1", "seen", "carol")
        agent.script.connect("seen", "carol")
        agent.script.connect("own", "dora")
        same(lambda: connections(agent).get(("h1", "seen"), {}).get("reported_by"), ["host", "broker"],
             "§2.9 a broker's and a host's record of one session are one connection")
        for _ in range(4):
            time.sleep(1)
            put(agent, "h1", "kept", "bob")
        tap.equal(sorted(connections(agent)), [("h1", "kept"), ("h1", "own"), ("h1", "seen")],
                  "§2.9 a broker's connection that no source sees ends after api_lease; put again, or seen, it stays")
        same(lambda: ("h1", "kept") in connections(agent), False, "§2.9 and ends when it is put no more", 6)
        put(agent, "h1", "asleep", "erwin")
        agent.stop()
        time.sleep(3.2)
        agent.start()
        same(lambda: sorted(connections(agent)), [("h1", "own"), ("h1", "seen")], "§2.9 a lease runs while the agent does not")
    with farm("api_lease = 0;") as agent:
        put(agent, "h1", "s", "alice")
        time.sleep(1.5)
        tap.equal(users(agent), 1, "§2.9 with api_lease = 0 it never ends by itself")


def one_session():
    def facts(agent, session="s", host="h1"):
        found = connections(agent).get((host, session))
        return found and (found["user"], found["kind"], found["route"], found["administrator"], found["reported_by"])

    with farm(script=True) as agent:
        def gone(name):
            same(lambda: connections(agent), {}, name)

        put(agent, "h1", "s", "alice", admin=False, kind="application", route="broker", connected_at=at(0))
        first = connections(agent)[("h1", "s")]["connected_at"]
        agent.script.connect("s", "alice", admin=True, kind="desktop", route="rdp")
        same(lambda: facts(agent), ("alice", "application", "broker", True, ["host", "broker"]),
             "§2.9 same id: the host's administrator flag, the broker's kind and route")
        tap.equal((connections(agent)[("h1", "s")]["connected_at"], users(agent)), (first, 1), "§2.9 the earlier connect time")
        agent.script.disconnect("s")
        same(lambda: connections(agent)[("h1", "s")]["state"], "disconnected", "§2.9 the host tells its state")
        agent.script.logoff("s")
        gone("§2.9 it ends when the host says so")

        agent.script.connect("s", "alice", admin=True, kind="desktop", route="rdp")
        same(lambda: facts(agent), ("alice", "desktop", "rdp", True, ["host"]), "§2.9 the host first: as the host sees it")
        tap.equal((reasons(agent), users(agent)), ({"s": "1"}, 0), "§2.9 an exempt desktop")
        seen = connections(agent)[("h1", "s")]["connected_at"]
        put(agent, "h1", "s", "alice", admin=False, kind="application", route="rdp-tunnel")
        tap.equal((facts(agent), users(agent)), (("alice", "application", "rdp-tunnel", True, ["host", "broker"]), 1),
                  "§2.9 then the broker: its kind makes it consume")
        tap.equal(connections(agent)[("h1", "s")]["connected_at"], seen, "§2.9 a broker that tells no time changes none")
        end(agent, "h1", "s")
        tap.equal(facts(agent), ("alice", "desktop", "rdp", True, ["host"]), "§2.9 it ends when the host says so, not the broker")
        agent.script.logoff("s")
        gone("§2.9 and the host says so")

        # another id, begun within two minutes
        put(agent, "h1", "broker-7", "alice", admin=True, kind="application", route="broker", connected_at=stamp(time.time() - 60))
        first = connections(agent)[("h1", "broker-7")]["connected_at"]
        agent.script.connect("c1", "alice", admin=False)
        same(lambda: sorted(connections(agent)), [("h1", "c1")], "§2.9 another id, a minute apart: one, with the host's id")
        tap.equal(facts(agent, "c1"), ("alice", "application", "broker", False, ["host", "broker"]),
                  "§2.9 the host's administrator flag, the broker's kind and route")
        tap.equal(connections(agent)[("h1", "c1")]["connected_at"], first, "§2.9 the earlier connect time")
        put(agent, "h1", "broker-7", "alice", admin=True, kind="desktop", route="rdp-tunnel")
        tap.equal((sorted(connections(agent)), facts(agent, "c1")),
                  ([("h1", "c1")], ("alice", "desktop", "rdp-tunnel", False, ["host", "broker"])),
                  "§2.9 told again under the broker's id it is the same connection")
        tap.equal(connections(agent)[("h1", "c1")]["connected_at"], first, "§2.4 and keeps its connect time")
        restart(agent)
        same(lambda: facts(agent, "c1"), ("alice", "desktop", "rdp-tunnel", False, ["host", "broker"]),
             "§2.9 a restart does not part them")
        end(agent, "h1", "broker-7")
        tap.equal(facts(agent, "c1"), ("alice", "desktop", "rdp", False, ["host"]),
                  "§2.9 ended under the broker's id it is what its host sees")
        agent.script.logoff("c1")
        gone("§2.9 until the host says that it ended")

        # no pairs
        put(agent, "h1", "broker-8", "alice", connected_at=stamp(time.time() - 180))
        agent.script.connect("c2", "alice")
        same(lambda: sorted(connections(agent)), [("h1", "broker-8"), ("h1", "c2")], "§2.9 three minutes apart they are two")
        tap.equal(users(agent), 1, "§2.2 of one user")
        put(agent, "h1", "broker-9", "bob")
        put(agent, "h2", "broker-9", "alice")
        tap.equal(sorted(connections(agent)), [("h1", "broker-8"), ("h1", "broker-9"), ("h1", "c2"), ("h2", "broker-9")],
                  "§2.9 nor is another user's, or one on another host, the same session")
        clear_broker = [key for key in connections(agent) if key[1].startswith("broker")]
        for host, session in clear_broker:
            end(agent, host, session)
        agent.script.logoff("c2")
        gone("§2.9 all have ended")
        agent.script.connect("c3", "alice")
        same(lambda: facts(agent, "c3"), ("alice", "desktop", "rdp", False, ["host"]), "§2.9 the host first")
        put(agent, "h1", "broker-10", "alice", kind="application")
        tap.equal((sorted(connections(agent)), facts(agent, "c3")),
                  ([("h1", "c3")], ("alice", "application", "broker", False, ["host", "broker"])),
                  "§2.9 then the broker, under another id: one connection too")


# --- §3.1, §3.2, §3.3 ---------------------------------------------------------------------------------------------------

def by_start(agent):
    return agent.get("/v1/windows?since=2020-01-01T00:00:00Z&until=2099-01-01T00:00:00Z").json()["windows"]


def windows():
    if not possible(later(10)):
        tap.skip("§3.2 windows", "another clock needs time namespaces")
        return
    wait_for_room_in_window(40)
    time.sleep(max(0, 61 - time.time() % DAY_S))  # a minute less than a day from now is tomorrow
    with farm(authority=True) as agent:
        started = time.time()
        for user in ("alice", "bob", "carol"):
            put(agent, "h1", user, user)
        tap.equal(agent.activate().status, 200, "§3.13 a trial is activated")
        end(agent, "h1", "carol")
        first = by_start(agent)[0]
        tap.ok(started - 2 <= unix(first["start"]) <= started + 2 and unix(first["end"]) % WINDOW_S == 0
               and unix(first["end"]) - unix(first["start"]) <= WINDOW_S,
               "§3.2 the first window begins with the agent and ends at k * 1200 s of Unix time", first)
        agent.authority.stop()
        restart(agent, later(WINDOW_S))
        tap.ok(abs(unix(agent.status()["now"]) - time.time() - WINDOW_S) < 5,
               "§3.1 licence time advances with boot time, whatever the wall clock says", agent.status()["now"])
        listed = by_start(agent)
        tap.equal([(w["peak_users"], w["users_at_end"], w["state"]) for w in listed], [(3, 2, "closed"), (2, 2, "running")],
                  "§2.6 a window's peak includes the level carried in at its start")
        tap.equal((listed[1]["start"], listed[1]["peak_at"]), (listed[0]["end"], listed[0]["end"]),
                  "§3.2 windows stand one behind the other; what is carried in is there from the start")
        tap.equal(unix(listed[1]["end"]) - unix(listed[1]["start"]), WINDOW_S, "§3.2 and are 1200 s long")
        bob_left = unix(agent.status()["now"])
        end(agent, "h1", "bob")
        tap.equal(by_start(agent)[1]["peak_users"], 2, "§2.6 who leaves was in it")
        restart(agent, later(3 * WINDOW_S))
        tap.equal([w["peak_users"] for w in by_start(agent)], [3, 2, 1, 1], "§3.2 a window in which nothing happens has the level")
        tap.equal([w["sequence"] for w in by_start(agent)], [1, 2, 3, None], "§5.5 windows are numbered without a gap")
        tap.equal(agent.status()["windows_queued"], 3, "§3.3 what is not accepted waits")
        tap.equal(agent.status()["verdict"]["open"], True, "§3.12 an authority that is not there closes nothing")
        restart(agent, later(DAY_S - 60))  # healed from a day and more ahead, windows would begin anew
        days = agent.get("/v1/days").json()["days"]
        carried_in = 2 if bob_left // DAY_S > unix(first["start"]) // DAY_S else 1  # shortly before midnight: bob, too
        tap.equal([(d["peak_users"], d["complete"]) for d in days], [(3, True), (carried_in, False)],
                  "§3.2 a day's peak is kept, and the next begins with the level carried in")
        tap.equal(len({d["day"] for d in days}), 2, "§3.2 days are UTC")
        tap.equal(agent.status()["peak_ever"]["users"], 3, "the highest ever stays")
        agent.authority.start()
        before = agent.status()["windows_queued"]
        tap.equal(agent.call("POST", "/v1/report").status, 200, "§3.3 the authority answers again")
        tap.ok(before > 60 and agent.status()["windows_queued"] == 0, "§3.3 every closed window is sent",
               (before, agent.status()["windows_queued"]))
        tap.equal({w["state"] for w in by_start(agent)}, {"accepted", "running"}, "§3.3 and accepted")
        tap.ok(abs(unix(agent.status()["now"]) - time.time()) < 5, "§3.1 an accepted entitlement sets licence time",
               agent.status()["now"])


def windows_before_activation():
    """A farm that activates only after a window has closed. Before any entitlement licence time is the wall clock, so the key is
    given back first: the numbers of windows tell what would be sent."""
    if not possible(later(10)):
        tap.skip("§3.2 windows before the first activation", "another clock needs time namespaces")
        return
    with farm(authority=True) as agent:
        put(agent, "h1", "s", "alice")
        agent.activate()
        agent.call("DELETE", "/v1/activation")
        tap.equal(agent.status()["verdict"]["reason"], "not_activated", "§3.13 a key given back closes the gate")
        restart(agent, later(WINDOW_S))
        listed = by_start(agent)
        tap.equal([(w["state"], w["sequence"], w["peak_users"]) for w in listed][-2:],
                  [("closed", None, 1), ("running", None, 1)], "§3.2 without an activation windows are kept")
        tap.equal(agent.status()["windows_queued"], 0, "§3.2 and not sent")


def reports():
    with farm(authority=True) as agent:
        agent.activate()
        first = agent.status()["clocks"]["next_report"]
        now = unix(agent.status()["now"])
        tap.ok(now < unix(first) <= now + WINDOW_S, "§3.3 the next report is within 1200 s", (first, now))
        agent.call("POST", "/v1/report")
        second = agent.status()["clocks"]["next_report"]
        phase = unix(first) % WINDOW_S
        tap.ok(second == first or unix(second) - unix(first) == WINDOW_S, "§3.3 every 1200 s at a fixed phase", (first, second))
        restart(agent)
        tap.equal(unix(agent.status()["clocks"]["next_report"]) % WINDOW_S, phase, "§3.3 of the farm, over a restart")


# --- §3.9, §3.12, §3.13 -------------------------------------------------------------------------------------------------

def farm_id(agent):
    return agent.status()["farm_id"]


def reason(agent):
    return agent.status()["verdict"]["reason"]


def overuse():
    with farm(authority=True) as agent:
        for user in ("alice", "bob", "carol"):
            put(agent, "h1", user, user)
        tap.equal(agent.activate(agent.authority.new_key(2)).status, 200, "§3.9 a limit below the users on is taken")
        tap.equal((users(agent), len(connections(agent)), reason(agent)), (3, 3, "open"), "§3.9 and nobody is logged off")
        tap.equal(len(events(agent, "limit_exceeded")), 1, "§3.9 overuse starts when it arrives, and is said")
        put(agent, "h1", "dora", "dora")
        tap.equal((users(agent), agent.get("/v1/gate?user=erwin").status), (4, 204), "§3.6 more users may connect in the grace")
        end(agent, "h1", "dora")
        end(agent, "h1", "carol")
        tap.equal((agent.status()["verdict"]["usage"], len(events(agent, "limit_kept"))), ("within", 1), "§3.6 at the limit all is well")


def revocation():
    if not possible(later(10)):
        tap.skip("§3.12 a revoked farm delivers its windows", "another clock needs time namespaces")
        return
    with farm(authority=True) as agent:
        second = Agent(agent.place, BUILD, agent.authority, name="second").start()
        key = agent.authority.new_key(5)
        agent.activate(key)
        identity = farm_id(agent)
        put(agent, "h1", "alice", "alice")
        agent.authority.run("farm", "deactivate", identity)
        tap.equal(reason(agent), "open", "§3.12 deactivated at the authority: nothing happens before the contact")
        agent.call("POST", "/v1/report")
        tap.equal(reason(agent), "revoked", "§3.12 the signed entitlement revokes at that contact")
        agent.call("POST", "/v1/report")
        tap.equal(reason(agent), "revoked", "§3.12 the next contact opens nothing")
        restart(agent, later(WINDOW_S))
        tap.equal(reason(agent), "revoked", "§3.12 nor does a restart")
        queued = agent.status()["windows_queued"]
        agent.call("POST", "/v1/report")
        tap.equal((queued, agent.status()["windows_queued"], by_start(agent)[-2]["state"]), (1, 0, "accepted"),
                  "§3.12 a revoked farm may still deliver windows")
        tap.equal(second.activate(key).status, 200, "§3.12 the key is free again")
        tap.equal((reason(second), reason(agent)), ("open", "revoked"), "§3.12 and runs where it was activated")
        tap.equal(agent.activate(key).status, 409, "§3.13 a key runs one installation at a time")
        tap.equal(agent.activate(key, move=True).status, 200, "§3.12 only a new activation opens")
        tap.equal((reason(agent), farm_id(agent)), ("open", identity), "§3.13 key and server id give the same farm id")
        second.call("POST", "/v1/report")
        tap.equal(reason(second), "revoked", "§3.13 the old installation closes at its next contact")


def moves():
    with farm(authority=True) as agent:
        other = Agent(agent.place, BUILD, agent.authority, name="other").start()
        key = agent.authority.new_key(5)
        tap.equal((reason(agent), agent.get("/v1/gate?user=zoe").status), ("not_activated", 403),
                  "§3.13 before any activation the gate is closed")
        agent.activate(key)
        for _ in range(5):
            agent.activate(key)
        agent.call("DELETE", "/v1/activation")
        agent.activate(key)
        identity = farm_id(agent)
        tap.equal(other.activate(key, move=True).status, 200, "§3.13 again on the same server is no move; the first to another is")
        other.call("DELETE", "/v1/activation")
        tap.equal(agent.activate(key).status, 200, "§3.13 back again, freed by being given back, is the second: A, B, A is two")
        tap.equal(farm_id(agent), identity, "§3.13 with the same farm id")
        tap.equal(other.activate(key, move=True).status, 200, "§3.13 the third move is allowed")
        refused = agent.activate(key, move=True)
        tap.equal((refused.status, refused.json().get("code")), (409, "moves_exhausted"), "§3.13 the fourth is refused")
        other.call("DELETE", "/v1/activation")
        refused = agent.activate(key)
        tap.equal((refused.status, refused.json().get("code")), (409, "moves_exhausted"), "§3.13 however it was freed")
        tap.equal(other.activate(key).status, 200, "§3.13 where it was last it still runs")


def trials():
    with farm(authority=True) as agent:
        answer = agent.activate()
        tap.equal((answer.status, answer.json()["trial"]), (200, True), "§3.13 a trial needs no key")
        left = unix(answer.json()["expires_at"]) - time.time()
        tap.ok(abs(left - 30 * DAY_S) < DAY_S, "§3.13 it runs for 30 days", left)
        again = agent.activate()
        tap.equal((again.status, again.json().get("expires_at")), (200, answer.json()["expires_at"]),
                  "§3.13 again it is the same trial, no longer one")
        tap.equal(agent.activate(agent.authority.new_key(3)).status, 200, "§3.13 a key may be activated over it")
        tap.equal((agent.status()["limit"], agent.status()["entitlement"]["trial"]), (3, False), "§3.13 and is what holds")
        agent.call("DELETE", "/v1/activation")
        answer = agent.activate()
        tap.ok(answer.status >= 400 or unix(answer.json()["expires_at"]) - time.time() <= left,
               "§3.13 a trial is once per server: never a second 30 days", answer)


# --- §4 -----------------------------------------------------------------------------------------------------------------

def gate(agent, user, **rest):
    query = urllib.parse.urlencode(dict({"user": user}, **rest))
    answer = agent.get("/v1/gate?" + query)
    return "yes" if answer.status == 204 else answer.json()["code"]


def listing(agent, user):
    answer = agent.get("/v1/resources?" + urllib.parse.urlencode({"user": user}))
    return "yes" if answer.status == 200 else answer.json()["code"]


# who asks, with which words, what is answered while the farm is closed (None: the reason)
CLOSED = [
    ("a stranger", "zoe", {}, None),
    ("a stranger's desktop", "zoe", {"kind": "desktop"}, None),
    ("a user with a live session here", "alice", {}, "yes"),
    ("his desktop", "alice", {"kind": "desktop"}, "yes"),
    ("a user whose session is disconnected", "dis", {}, "yes"),
    ("a user whose session is not counted", "shell", {}, "yes"),
    ("a user whose session is exempt", "boss", {}, "yes"),
    ("a Windows user, spelt otherwise", "corp\\WINA", {}, "yes"),
    ("a user with a session on another host", "faraway", {}, None),
    ("the same, asked for that host", "faraway", {"host": "h2"}, "yes"),
    ("a user with a session here, asked for another host", "alice", {"host": "h2"}, None),
    ("an administrator's desktop", "root", {"kind": "desktop"}, "yes"),
    ("an administrator's desktop on another host", "root", {"kind": "desktop", "host": "h2"}, "yes"),
    ("an administrator's application", "root", {"kind": "application"}, None),
    ("an administrator, kind not told: an application", "root", {}, None),
    ("an ordinary account's desktop", "daemon", {"kind": "desktop"}, None),
]


def sessions_for_the_gate(agent):
    put(agent, "h1", "1", "alice")
    put(agent, "h1", "2", "dis", state="disconnected")
    put(agent, "h1", "3", "shell", route="ssh")
    put(agent, "h1", "4", "boss", True)
    put(agent, "h1", "5", "CORP\\wina")
    put(agent, "h2", "1", "faraway")


def closed_to(agent, wanted, state):
    tap.equal(reason(agent), wanted, "§4 the farm is %s" % state)
    for who, user, words, answer in CLOSED:
        tap.equal(gate(agent, user, **words), answer or wanted, "§4 %s: gate for %s" % (state, who))
    for user in ("zoe", "alice", "dis", "root", "boss"):
        tap.equal(listing(agent, user), wanted, "§4 %s: no list for %s" % (state, user))


def open_to_all(agent, state):
    tap.equal(reason(agent), "open", "§4 the farm is open: %s" % state)
    answers = {gate(agent, user, **words) for _, user, words, _ in CLOSED} | {listing(agent, "zoe"), listing(agent, "alice")}
    tap.equal(answers, {"yes"}, "§4 open, %s: gate and list for anyone" % state)


def present(agent):
    with open(os.path.join(agent.run_directory, "present"), encoding="utf-8") as file:
        return file.read().split("\n")[:-1]


def nologin(agent):
    try:
        with open(os.path.join(agent.run_directory, "nologin"), encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None


HERE = ["CORP\\wina", "alice", "boss", "dis", "shell"]


def gates():
    with farm("count_disconnected = false;", authority=True) as agent:
        sessions_for_the_gate(agent)
        closed_to(agent, "not_activated", "closed, never activated")
        same(lambda: sorted(present(agent)), HERE, "§4 closed: present names who has a live session on this host, counted or not")
        tap.ok("not activated" in (nologin(agent) or "").lower(), "§9 closed: nologin says why", nologin(agent))
        put(agent, "h1", "9", "latecomer")
        same(lambda: sorted(present(agent)), sorted(HERE + ["latecomer"]), "§4 closed: present follows who comes")
        end(agent, "h1", "9")
        same(lambda: sorted(present(agent)), HERE, "§4 and who goes")
        tap.equal(gate(agent, "latecomer"), "not_activated", "§4 who has left is a stranger again")
        put(agent, "h1", "6", "corp\\WinA")
        same(lambda: sorted(present(agent)), sorted(HERE + ["corp\\WinA"]), "§9 present has every spelling that this host uses")
        end(agent, "h1", "6")
        put(agent, "h1", "7", "alice", kind="application")
        same(lambda: sorted(present(agent)), HERE, "§4 a user with two sessions is named once")
        end(agent, "h1", "7")
        tap.equal(gate(agent, "alice"), "yes", "§4 and may come back while one of them lives")

        key = agent.authority.new_key(2)
        agent.activate(key)
        open_to_all(agent, "licences left")
        same(lambda: nologin(agent), None, "§9 open: nologin is gone")
        tap.equal(sorted(present(agent)), HERE, "§4 open: present stays")
        for user in ("u1", "u2", "u3"):
            put(agent, "h1", user, user)
        tap.ok(users(agent) > agent.status()["limit"], "more users than licences")
        open_to_all(agent, "grace available or running")
        for user in ("u1", "u2", "u3"):
            end(agent, "h1", user)
        agent.authority.run("farm", "deactivate", farm_id(agent))
        agent.call("POST", "/v1/report")
        closed_to(agent, "revoked", "closed, deactivated by the authority")
        same(lambda: "deactivated" in (nologin(agent) or "").lower(), True, "§9 nologin says that it was deactivated")
        tap.equal(len(connections(agent)), 6, "§4 running sessions are left alone")
        agent.kill()
        tap.ok(nologin(agent) and sorted(present(agent)) == HERE, "§4 deactivation survives the agent's end, killed even")
        agent.prepare = None
        agent.start()
        closed_to(agent, "revoked", "closed, after the agent was killed at once")
        agent.call("DELETE", "/v1/activation")
        tap.equal(reason(agent), "not_activated", "§3.13 given back: not activated")
        zero = agent.authority.new_key(1)
        agent.activate(zero)
        open_to_all(agent, "of one licence")


def copied():
    """The state of one machine started on another."""
    with farm(authority=True) as agent:
        agent.activate(agent.authority.new_key(5))
        sessions_for_the_gate(agent)
        agent.stop()
        another_machine = on_machine(agent.place.write("machine-id", "0123456789abcdef0123456789abcdef\n"))
        if not possible(another_machine):
            tap.skip("§4 closed, copied", "another machine id needs mount namespaces")
            return
        agent.prepare = another_machine
        agent.start()
        closed_to(agent, "copied", "closed, copied from another machine")


STORIES = (table, table_as_hosts_tell_it, routes_that_are_told_to_count, two_oldest, ties, next_oldest, all_of_one_administrator,
           one_user, disconnected, connect_time, live_changes, unknown_administrator, names, peaks, restarts, boots, leases,
           one_session, windows, windows_before_activation, reports, overuse, revocation, moves, trials, gates, copied)

if __name__ == "__main__":
    for story in STORIES:
        if ONLY and story.__name__ not in ONLY:
            continue
        try:
            story()
        except Exception as error:  # pylint: disable=broad-except
            tap.ok(False, "%s runs to its end" % story.__name__, repr(error))
    tap.done()
