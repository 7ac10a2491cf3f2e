#!/usr/bin/env python3
"""`farmgate explain` as somebody who knows nothing beforehand reads it, of a real agent and authority in each state that a farm
comes to: what it prints is what the API tells, sentence by sentence; and the examples of farmgate(1) are real.
     test_explain.py BUILD"""
import ctypes
import http.server
import json
import os
import re
import signal
import socketserver
import sys
import threading

from harness import Agent, Authority, Place, Tap, wait_until

BUILD = sys.argv[1]
TREE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
CLONE_NEWTIME = 0x00000080
DAY_S = 86400
tap = Tap()


def later(seconds):
    """The program starts with boot time so far ahead: so long it has not run."""
    def prepare():
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWTIME) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        with open("/proc/self/timens_offsets", "w", encoding="ascii") as file:
            file.write("boottime %d 0\n" % seconds)
    return prepare


def possible():
    child = os.fork()
    if child == 0:
        try:
            later(1)()
            os._exit(0)
        except OSError:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


# --- sentences, whatever the instants ---------------------------------------------------------------------------------------

def plain(text):
    """With every instant as one word, whatever the line breaks."""
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "@", text)
    text = re.sub(r"(\b[A-Z][a-z][a-z]|\d{4}-\d\d-\d\d) \d\d:\d\d( [A-Z]+\b)?", "@", text)
    return re.sub(r"\s+", " ", text).strip()


def unwrapped(text):
    """What is printed, each cell of a table's last column in one piece again."""
    lines, column = [], None
    for line in text.splitlines():
        title = re.match(r"(?:.*\s)?(HOW IT STANDS|WHAT HAPPENS NEXT|WHAT WOULD CHANGE IT|WHY|WHY IT IS NO CONNECTION)$", line)
        if title:
            column = title.start(1)
        elif column and line[:column].strip() == "" and line.strip() and lines:
            lines[-1] += " " + line.strip()
            continue
        column = column if line else None
        lines.append(line)
    return "\n".join(lines)


def every_why(answer):
    """All that the API tells, in the order in which it is printed."""
    whole = not answer["admission"]
    rows = [answer["verdict"], *answer["machines"]] if whole else [*answer["users"]]
    steps = answer["next"] + answer["remedies"] if whole else []
    rest = answer["connections"] + answer["ignored"] + ([] if whole else answer["admission"] + [answer["verdict"]])
    for row in rows:
        yield row["why"]
    for step in steps:
        yield [step]
    for row in rest:
        yield row["why"]


class Reader:
    """Somebody who asks the agent, and holds what is printed against what the API tells."""

    def __init__(self, agent):
        self.agent = agent

    def ask(self, state, *words):
        done = self.agent.ctl("explain", *words, env={"TZ": "Europe/Berlin"})
        told = json.loads(self.agent.ctl("explain", "--json", *words).stdout)
        shown, missing = plain(unwrapped(done.stdout)), []
        at = 0
        for why in every_why(told):
            text = plain(" ".join(sentence["text"] for sentence in why))
            if text == "Not judged before this farm is activated.":
                continue
            found = shown.find(text, at)
            missing += [text] if found < 0 else []
            at = found if found >= 0 else at
        name = "%s: explain %s" % (state, " ".join(words))
        tap.ok(done.returncode == 0 and not done.stderr and not missing, "%s prints what the API tells, in order" % name,
               "%s\nmissing: %s\n%s" % (done.stderr, missing, done.stdout))
        widest = max(done.stdout.splitlines(), key=len)
        tap.ok(len(widest) <= 80 and "\x1b" not in done.stdout, "%s fits 80 columns without colour" % name, widest)
        return told, done.stdout

    def sentences(self, state, *words, has=()):
        """Exact sentences that must be among what is told; instants are @."""
        told, shown = self.ask(state, *words)
        texts = [plain(sentence["text"]) for why in every_why(told) for sentence in why]
        for sentence in has:
            tap.ok(sentence in texts, "%s: %s" % (state, sentence), "\n".join(texts))
        return told, shown


def next_of(told):
    return [(step["code"], step["at"]) for step in told["next"]]


# --- the states -------------------------------------------------------------------------------------------------------------

def office(place):
    """A few people at work, and an administrator, as their host tells of them; what the broker adds is put()."""
    lines = [("connect", "12", "alice", False, "rdp"), ("connect", "15", "bob", False, "rdp"), ("connect", "3", "root", True, "rdp"),
             ("connect", "11", "dora", False, "rdp-tunnel"), ("disconnect", "15", "bob", False, "rdp")]
    names = ("event", "session", "user", "admin", "route")
    return place.write("office.ndjson", "".join(json.dumps(dict(zip(names, line), ts=0, host="ts1")) + "\n" for line in lines))


def configure(agent, place):
    """Grace begins at once, and what a broker told is believed for ever."""
    with open(agent.conf, encoding="utf-8") as file:
        text = file.read().replace("gate: {", 'gate: { overuse_settle = "0";').replace("sessions: {", 'sessions: { api_lease = "%s";')
    place.write("agent.conf", text % "24h")
    return lambda: place.write("agent.conf", text % "0")


def not_activated(reader):
    told, _ = reader.sentences("not activated", has=(
        "The gate is closed: this farm is not activated.", "This farm is not activated.",
        "Nobody may list or start published resources; users may come back to the sessions that they have.",
        "Activate this farm with `farmgate activate KEY`, or for 30 days without a key with `farmgate activate --trial`."))
    tap.equal((told["next"], told["limit"], told["verdict"]["admission"]), ([], None, "none"), "not activated: nothing happens by itself")
    reader.sentences("not activated", "alice", has=(
        "alice counts as one concurrent user: 2 of 2 connections consume a licence.",
        "The gate lets alice come back to the session on ts1; published resources stay closed."))
    reader.sentences("not activated", "ghost", has=("Nobody of the name ghost is on.",
                                                    "The gate refuses ghost a new application on ts1: it is closed."))


def counted(reader):
    """Every reason to count or not, with a licence for everybody."""
    told, _ = reader.sentences("open", has=(
        "The gate is open: 4 of 25 licences are in use.", "Everyone may list published resources and start them.",
        "5 users are on with 6 connections; 4 users count.", "This farm is activated for 25 concurrent users.",
        "4 users count and 25 are licensed; the overuse grace of 7 days is available.", "Consumes a licence.",
        "Shares the licence of session 12 on ts1: one user needs only one.", "Desktop by rdp, disconnected since @.",
        "Consumes a licence until it ends.", "Does not count: an administrator's desktop, exempt 1 of 2 on ts1."))
    tap.equal(sorted(code for code, _ in next_of(told)),
              ["next_contact_closes", "next_expires", "next_report", "next_validation"], "open: every clock that runs is told")
    tap.equal([at for _, at in next_of(told)], sorted(at for _, at in next_of(told)), "open: in order of instants")
    status = reader.agent.status()
    tap.equal({name: at for name, at in status["clocks"].items() if at},
              {"expires_at": dict(next_of(told))["next_expires"], "refresh_by": dict(next_of(told))["next_contact_closes"],
               "next_validation": dict(next_of(told))["next_validation"], "next_report": dict(next_of(told))["next_report"]},
              "open: the status has the same instants")
    tap.equal((status["verdict"]["admission"], status["next"]), ("all", None), "open: nothing to know of what comes")
    for user in ("alice", "bob", "carol", "root"):
        reader.ask("open", user)
    agent = reader.agent
    agent.put("ts3", "1", "CORP\\Emil")
    agent.put("ts3", "2", "corp\\emil", kind="application")
    reader.sentences("open", "CORP\\EMIL", has=("CORP\\EMIL and CORP\\Emil are the same user.", "Spelled corp\\emil there.",
                                                "Only a broker tells of it: unless the broker does so again, it ends @."))
    agent.put("ts3", "3", "op", route="console")
    reader.sentences("open", "op", has=("op does not count: no connection of this user consumes a licence.",
                                        "Does not count: console is no route that counts (sessions.count_routes)."))
    for session in "123":
        agent.end("ts3", session)


def in_grace(reader, authority):
    reader.agent.activate(authority.new_key(3))
    told, shown = reader.sentences("in the grace", has=(
        "The gate is open, although 4 users count and 3 are licensed.",
        "The overuse grace began @: until @ more users may connect than the 3 who are licensed. Now 4 count.",
        "The overuse grace ends. From then on nobody else is let in while 3 users count or more.",
        "The farm is deactivated, unless the number of users falls to 3 before: this is the first validation after @, when the limit "
        "will have been exceeded for an hour.",
        "Have 1 user end all of their sessions, or add 1 licence: then the limit is kept."))
    status = reader.agent.status()
    tap.equal(status["clocks"]["overuse_grace_ends"], dict(next_of(told))["next_grace_ends"], "in the grace: its clock")
    tap.equal(status["next"]["code"], "next_grace_ends", "in the grace: its end is what matters")
    line = [text for text in reader.agent.ctl("status").stdout.splitlines() if text.startswith("next ")]
    tap.ok(line and re.search(r"^next +20\d\d-\d\d-\d\d \d\d:\d\d \S+, in 6 days: The overuse grace ends\. ", line[0]),
           "in the grace: the status says so in a line", line)
    return shown, reader.ask("in the grace", "alice")[1]


def manual_examples():
    with open(os.path.join(TREE, "packaging", "man", "farmgate.1"), encoding="utf-8") as file:
        page = file.read().replace("\\(ga", "`").replace("\\-", "-")
    return re.findall(r"^\$ farmgate explain( alice)?\n(.*?)^\.Ed", page, re.M | re.S)


def manual(place, whole, one_user):
    """The examples of farmgate(1), but for their instants."""
    examples = manual_examples()
    for shown, (words, example) in zip((whole, one_user), examples):
        tap.equal(*(plain(re.sub(r"(?m)^(\S+ \d\d:\d\d) +(\d+ \w+|a moment)  ", r"\1", unwrapped(text))) for text in (example, shown)),
                  "farmgate(1): the example of explain%s" % words)
    tap.equal([words for words, _ in examples], ["", " alice"], "farmgate(1) has both examples")


def unreachable(reader):
    reader.agent.call("POST", "/v1/report")
    reader.sentences("unreachable", has=(
        "Restore the connection to the licensing authority; `farmgate report` tries it at once and tells what is wrong.",))
    told, _ = reader.ask("unreachable")
    tap.ok(re.search(r"Reports do not reach it now \(\d+ tr(y|ies)\)\.$", told["machines"][2]["why"][-1]["text"]),
           "unreachable: it is told", told["machines"][2])


def run_out(reader):
    """7 days and half an hour after the grace began: it is spent, and users still exceed the limit."""
    told, _ = reader.sentences("run out", has=(
        "The gate is open, but no licence is free: 4 users count and 3 are licensed.",
        "Users who hold a licence, or have a session on the host in question, go on as before; everyone else waits until somebody has "
        "ended all of their sessions.", "Administrators may open a desktop.",
        "Add licences: they hold with the next report, and make the whole overuse grace available again."))
    tap.equal((told["verdict"]["admission"], reader.agent.status()["clocks"]["deactivates_at"]),
              ("holders", dict(next_of(told))["next_deactivates"]), "run out: who is admitted, and when that ends")
    reader.sentences("run out", "ghost", has=("The gate refuses ghost a new application on ts1: no licence is free.",))
    reader.sentences("run out", "bob", has=("The gate lets bob start a new application on ts1.",))
    _, shown = reader.ask("run out")
    tap.ok(re.search(r"Licence time, which all this goes by, is 101\d\d minutes ahead of the clock of this machine\.$", plain(shown)),
           "run out: another clock than the licence's is told", shown)


def over(reader):
    told, _ = reader.sentences("over", has=(
        "The gate is closed: for too long more users have counted than are licensed.",
        "The gate opens if this validation finds that no more than 3 users count; now 4 do."))
    tap.equal(reader.agent.status()["next"]["code"], "next_opens", "over: the validation that opens is what matters")
    tap.ok(told["machines"][3]["closes"], "over: usage keeps it closed")


def revoked(reader, authority):
    authority.run("farm", "deactivate", reader.agent.status()["farm_id"])
    reader.agent.call("POST", "/v1/report")
    wait_until(lambda: reader.agent.status()["clocks"]["next_report"])  # all that was left to report is reported
    told, _ = reader.sentences("revoked", has=(
        "The gate is closed: the licensing authority has deactivated this farm.",
        "Activate this farm anew with `farmgate activate KEY`; nothing else opens the gate."))
    tap.equal([code for code, _ in next_of(told)], ["next_report"], "revoked: only the reports go on")
    reader.sentences("revoked", "root", has=("The gate lets root come back to the session on ts1; published resources stay closed.",))


# --- what no agent without logind tells --------------------------------------------------------------------------------------

class TellsThis(http.server.BaseHTTPRequestHandler):
    """An agent that gives one answer."""

    def do_GET(self):
        body = json.dumps(self.server.answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self):
        return "a socket"

    def log_message(self, *_):
        pass


def printed(agent, place, answer):
    path = place.join("told.sock")
    with socketserver.UnixStreamServer(path, TellsThis) as server:
        server.answer = answer
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        done = agent.ctl("explain", socket_path=path, env={"TZ": "Europe/Berlin"})
        thread.join()
    os.unlink(path)
    return done


def left_out(agent, place):
    """Sessions that are no connections, sentences of a newer agent, and more than there is room for."""
    told = json.loads(agent.ctl("explain", "--json").stdout)
    rule = '{ service = "sshd*"; kind = "ignore"; }'
    told["ignored"] = [
        {"host": "ts1", "id": "c4", "user": None, "connected_at": None, "why": [{"code": "closing", "text": "", "fields": {}}]},
        {"host": "ts1", "id": "88", "user": "alice\x1b[2J", "connected_at": told["now"],
         "why": [{"code": "ignored", "text": "", "fields": {"rule": 5, "rule_text": rule}},
                 {"code": "of_a_newer_agent", "text": "As {told} then.", "fields": {"told": [1, {"two": 2}]}}]}]
    told["more"] = True
    told["users"], told["connections"], told["new_member"] = [], [], {"why": 7}
    done = printed(agent, place, told)
    shown = unwrapped(done.stdout)
    tap.ok(re.search(r"^USER +SESSION +SINCE \(CES?T\) +WHY IT IS NO CONNECTION\n- +ts1 c4 +- +Does not count: it is closing\.\n"
                     r"alice\?\[2J +ts1 88 +\w{3} \d\d:\d\d +Does not count: rule 5 ignores it, \{ service = \"sshd\*\"; kind = "
                     r"\"ignore\"; \}\. As \{told\} then\.\n", shown, re.M), "left out: why, by which rule, and nothing steers the terminal",
           done.stdout + done.stderr)
    tap.ok("USER   COUNTS" not in shown and shown.endswith("there are more; ask for one user"), "left out: that there are more", shown)
    for wrong in ({"users": 7}, [], {"verdict": {"why": [7]}}):
        done = printed(agent, place, wrong)
        tap.ok(done.returncode == 65 and "not as expected" in done.stderr, "an answer that is none: 65", done.stderr)


def main():
    with Place() as place:
        authority = Authority(place, BUILD).start()
        agent = Agent(place, BUILD, authority, sources='"scripted", "api"', scripted=office(place), host="ts1")
        believe_for_ever = configure(agent, place)
        agent.start()
        for session, user in (("7", "alice"), ("9", "carol")):
            agent.put("ts2", session, user, kind="application")
        reader = Reader(agent)
        wait_until(lambda: agent.status()["disconnected"] == 1)
        not_activated(reader)
        agent.activate(authority.new_key(25))
        counted(reader)
        left_out(agent, place)
        believe_for_ever()
        agent.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "leased" not in agent.ctl("explain", "carol", "--json").stdout)
        manual(place, *in_grace(reader, authority))
        authority.stop()
        unreachable(reader)
        if possible():
            for seconds, state in ((7 * DAY_S + 1800, run_out), (8 * DAY_S, over)):
                agent.stop()
                agent.prepare = later(seconds)
                agent.start()
                wait_until(lambda: agent.status()["concurrent_users"] == 4)
                state(reader)
            agent.stop()
            agent.prepare = None
            agent.start()
        else:
            tap.skip("run out, and over", "needs a time namespace")
        authority.start()
        revoked(reader, authority)
    tap.done()


if __name__ == "__main__":
    main()
