#!/usr/bin/env python3
"""Events where systems collect logs: the journal's queries of farmgate-events(7), the catalog, and the examples for rsyslog and
Fluent Bit. The agent is real, so are journalctl, rsyslogd and the file of the journal; in journald's place stands the test, which
hands what libsystemd sends to systemd-journal-remote. Fluent Bit is not in Debian 12: its files are read as its manual has them.

    test_log_shipping.py BUILD
"""
import ctypes
import glob
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from farm_hosts import LIBC, MS_BIND, machines_possible, on_machine  # noqa: E402
from harness import Agent, Authority, Place, Program, Tap, wait_until  # noqa: E402

BUILD = os.path.abspath(sys.argv[1])
TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACKAGING = os.path.join(TREE, "packaging")
PROGRAMS = os.path.join(BUILD, "programs")
LIBRARIES = "usr/lib/x86_64-linux-gnu"
tap = Tap()


def read(*path):
    with open(os.path.join(TREE, *path), encoding="utf-8") as file:
        return file.read()


def table():
    """{code: (severity, message id, [fields])}"""
    text = r'((?:\s*"(?:[^"\\]|\\.)*")+)'
    rows = re.findall(r'^LOG_EVENT\((\w+), \d+, (\w+), "(\w+)",%s,%s,' % (text, text), read("agent", "core", "log_events.def"), re.M)
    return {row[0]: (row[1].lower(), row[2], "".join(re.findall(r'"([^"]*)"', row[4])).split()) for row in rows}


EVENTS = table()


def program_of(tree, path):
    path = os.path.join(PROGRAMS, tree, path)
    return path if os.path.exists(path) else shutil.which(os.path.basename(path))


# --- an agent whose journal is this test ----------------------------------------------------------------------------------------


def bind(source, target):
    def mount():
        if LIBC.mount(source.encode(), target.encode(), None, MS_BIND, None) != 0:
            raise OSError(ctypes.get_errno(), "mount " + target)
    return mount


class Journal:
    """journald's socket, and what came to it: each datagram is an entry as the export format has it."""

    def __init__(self, place):
        self.root = place.join("machine")
        for name in ("run/systemd/journal", "log/journal", "catalog", "catalog-db"):
            os.makedirs(os.path.join(self.root, name))
        with open("/etc/machine-id", encoding="ascii") as file:
            self.machine_id = file.read().strip()
        self.machine_id_path = place.write("machine-id", self.machine_id + "\n")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(os.path.join(self.root, "run/systemd/journal/socket"))
        self.entries = []
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            try:
                self.entries.append(self.socket.recv(1 << 20))
            except OSError:
                return

    def mounts(self):
        return [bind(os.path.join(self.root, source), target) for source, target in
                (("run", "/run"), ("catalog", "/usr/lib/systemd/catalog"), ("catalog-db", "/var/lib/systemd/catalog"))]

    def write(self):
        """The journal's file, with what journald itself knows of each entry."""
        directory = os.path.join(self.root, "run", "log", "journal", self.machine_id)
        os.makedirs(directory)
        remote = program_of("journal-remote", "lib/systemd/systemd-journal-remote")
        own = "_SYSTEMD_UNIT=farmgated.service\n_HOSTNAME=h1\n_TRANSPORT=journal\n_BOOT_ID=%s\n_MACHINE_ID=%s\n" % ("b" * 32, self.machine_id)
        now_us = int(time.time() * 1e6)
        export = b"".join(b"__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n%s%s\n" % (
            now_us - 1000 * (len(self.entries) - i), 1000000 + 1000 * i, own.encode(), entry) for i, entry in enumerate(self.entries))
        env = dict(os.environ, LD_LIBRARY_PATH=os.path.join(PROGRAMS, "journal-remote", LIBRARIES))
        done = subprocess.run([remote, "--split-mode=none", "-o", os.path.join(directory, "system.journal"), "-"], input=export, env=env,
                              capture_output=True, timeout=60, check=False)
        tap.equal(done.returncode, 0, "the entries make a journal (%d)" % len(self.entries))

    def run(self, *command):
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=dict(os.environ, LC_ALL="C.UTF-8"),
                              preexec_fn=on_machine(self.machine_id_path, *self.mounts()))


def story(agent, authority):
    """An agent's day: each of the codes that the examples go by and that one host can bring about."""
    agent.activate(authority.new_key(2))
    agent.put("ts1", "1", "alice")
    agent.put("ts1", "2", "bob")
    agent.get("/v1/gate?user=alice&host=ts1&kind=application")
    agent.get("/v1/gate?user=carol&host=ts1&kind=application")
    farm_id = json.loads(authority.run("farm", "list", "--json").stdout)["farms"][0]["farm_id"]
    authority.run("farm", "deactivate", farm_id)
    agent.call("POST", "/v1/report")
    agent.get("/v1/gate?user=alice&host=h9&kind=application")


def day(place, authority, name, settings, **rest):
    agent = Agent(place, BUILD, authority, name=name, settings=settings, **rest)
    with open(agent.conf, encoding="utf-8") as file:
        text = file.read()
    with open(agent.conf, "w", encoding="utf-8") as file:
        file.write(text.replace("gate: {", "gate: { spare_grace = true; "))
    return agent


def said(agent):
    body = agent.get("/v1/events?after=0&follow=false").body.decode()
    return [json.loads(line[6:]) for line in body.splitlines() if line.startswith("data: ")]


# --- the journal ----------------------------------------------------------------------------------------------------------------


def manual_queries():
    return re.findall(r"^\.Dl (journalctl .*)$", read("packaging", "man", "farmgate-events.7.in"), re.M)


def queries(journal):
    """Each query of the manual finds something, and nothing but what it asks for."""
    lines = manual_queries()
    tap.ok(len(lines) > 10, "the manual has queries", lines)
    for line in lines:
        words = shlex.split(line)
        done = journal.run(words[0], "-q", "--no-pager", *words[1:])
        tap.ok(done.returncode == 0 and done.stdout.strip(), line, done.stdout + done.stderr)
        wanted = [word.split("=", 1) for word in words if re.match(r"(FARMGATE_\w+|MESSAGE_ID)=", word)]
        if not wanted or "+" in words:
            continue
        done = journal.run("journalctl", "-q", "--no-pager", "-o", "json", *["%s=%s" % pair for pair in map(tuple, wanted)])
        entries = [json.loads(entry) for entry in done.stdout.splitlines()]
        values = {}
        for name, value in wanted:
            values.setdefault(name, set()).add(value)
        wrong = [entry for entry in entries if any(entry.get(name) not in allowed for name, allowed in values.items())]
        tap.ok(entries and not wrong, "%s: and only that" % line, wrong)


def explained(journal):
    """journalctl -x has words for every event there is."""
    shutil.copy(os.path.join(BUILD, "packaging", "farmgate.catalog"), os.path.join(journal.root, "catalog"))
    tap.equal(journal.run("journalctl", "--update-catalog").returncode, 0, "the catalog is taken")
    for code in ("gate_closed", "user_refused"):
        shown = journal.run("journalctl", "-q", "--no-pager", "-x", "-n", "1", "MESSAGE_ID=" + EVENTS[code][1]).stdout
        subject = re.search("Subject: (.*)", shown)
        tap.ok(subject and "@FARMGATE_" not in subject.group(1) and "Defined-By: Farmgate" in shown,
               "journalctl -x has a sentence for %s, with the event's own fields" % code, shown)
    count = journal.run("journalctl", "-q", "--no-pager", "-o", "cat", "-u", "farmgated").stdout.count("\n")
    explained_count = journal.run("journalctl", "-q", "--no-pager", "-x", "-u", "farmgated").stdout.count("Defined-By: Farmgate")
    tap.ok(count == len(journal.entries) >= len(EVENTS) and explained_count == count, "journalctl -x explains every event there is",
           "%d entries, %d explained" % (count, explained_count))


def the_rest(journal):
    """An entry for each event that has not happened, with the fields of the table."""
    happened = {code for entry in journal.entries for code in re.findall(rb"^FARMGATE_CODE=(\w+)$", entry, re.M)}
    for code, (severity, message_id, fields) in EVENTS.items():
        if code.encode() not in happened:
            priority = {"error": 3, "warning": 4, "notice": 5, "info": 6}[severity]
            lines = ["MESSAGE=%s" % code, "MESSAGE_ID=" + message_id, "PRIORITY=%d" % priority, "FARMGATE_CODE=" + code]
            journal.entries.append("".join(line + "\n" for line in lines + ["FARMGATE_%s=some" % name.upper() for name in fields]).encode())


# --- rsyslog --------------------------------------------------------------------------------------------------------------------


class Rsyslog(Program):
    """rsyslogd in the foreground with a shipped file, whose paths are the place's."""

    def __init__(self, place, name, shipped, before="", replaced=()):
        self.logs = place.join(name)
        os.makedirs(self.logs)
        text = read("packaging", "rsyslog", shipped)
        for old, new in replaced:
            assert old in text
            text = text.replace(old, new)
        place.write(shipped, text.replace("/var/log/farmgate", self.logs))
        conf = place.write(name + ".conf", 'global(workDirectory="%s")\n%sinclude(file="%s")\n' % (self.logs, before, place.join(shipped)))
        binary, modules = program_of("rsyslog", "usr/sbin/rsyslogd"), os.path.join(PROGRAMS, "rsyslog", LIBRARIES, "rsyslog")
        self.words = [binary] + (["-M", modules] if os.path.isdir(modules) else [])
        self.path_env = {"LD_LIBRARY_PATH": os.path.join(PROGRAMS, "rsyslog", LIBRARIES)}
        done = subprocess.run(self.words + ["-N1", "-f", conf], env=dict(os.environ, **self.path_env), capture_output=True, text=True,
                              timeout=60, check=False)
        tap.ok(done.returncode == 0 and "error" not in done.stderr, "rsyslogd takes %s" % shipped, done.stdout + done.stderr)
        super().__init__(place, name, self.words + ["-n", "-i", "NONE", "-f", conf], self.path_env)

    def lines(self, name):
        path = os.path.join(self.logs, name)
        return read(path).splitlines() if os.path.exists(path) else []


def by_file(place, agent):
    """A file of JSON lines, by code."""
    wanted = [event for event in said(agent) if event["code"] in ("gate_closed", "licenses_run_out", "farm_deactivated")]
    rsyslog = Rsyslog(place, "by-file", "farmgate-file.conf", replaced=[("/var/log/farmgate/farmgated.json", agent.log_path)]).start()
    expected = ["%s %s %s: %s" % (event["at"], event["severity"], event["code"], event["text"]) for event in wanted]
    tap.ok(len(expected) >= 4 and wait_until(lambda: len(rsyslog.lines("urgent.log")) >= len(expected), 15), "rsyslog: what is urgent comes",
           rsyslog.log())
    tap.equal(sorted(rsyslog.lines("urgent.log")), sorted(expected), "rsyslog: by its code, and nothing else")
    refused = ["%s %s on %s: %s" % tuple(event[name] for name in ("at", "user", "host", "reason")) for event in said(agent) if event["code"] == "user_refused"]
    tap.ok(refused and wait_until(lambda: rsyslog.lines("refused.log") == refused, 5), "rsyslog: with the fields of an event", rsyslog.lines("refused.log"))
    warnings = [event["code"] for event in said(agent) if event["severity"] in ("warning", "error")]
    tap.equal(sorted(line.split()[2].rstrip(":") for line in rsyslog.lines("warnings.log")), sorted(warnings), "rsyslog: and by severity")
    rsyslog.stop()


def by_journal(place, journal):
    """What imjournal reads, by code and by message id."""
    rsyslog = Rsyslog(place, "by-journal", "farmgate-journal.conf", 'module(load="imjournal" StateFile="state" IgnorePreviousMessages="off")\n')
    rsyslog.prepare = on_machine(journal.machine_id_path, *journal.mounts())
    rsyslog.start()
    codes = ["gate_closed", "licenses_run_out", "farm_over", "farm_deactivated", "term_expired", "contact_stale"]
    count = sum(len(re.findall(rb"^FARMGATE_CODE=(?:%s)$" % "|".join(codes).encode(), entry, re.M)) for entry in journal.entries)
    tap.ok(wait_until(lambda: len(rsyslog.lines("urgent.log")) >= count, 15), "rsyslog reads the journal", rsyslog.log())
    lines = rsyslog.lines("urgent.log")
    tap.equal((len(lines), {line.split()[1].rstrip(":") for line in lines if " " in line.strip()} <= set(codes)), (count, True), "rsyslog: what is urgent, and nothing else")
    refused = sum(b"\nFARMGATE_CODE=user_refused\n" in entry for entry in journal.entries)
    tap.ok(refused and wait_until(lambda: len(rsyslog.lines("refused.log")) == refused, 5), "rsyslog: and by message id", rsyslog.lines("refused.log"))
    rsyslog.stop()


# --- what there is no program for -----------------------------------------------------------------------------------------------

FLUENT_BIT = {
    "SERVICE": {"parsers_file"},
    "PARSER": {"name", "format", "time_key", "time_format", "time_keep"},
    "INPUT": {"name", "tag", "path", "path_key", "parser", "db", "read_from_head"},
    "FILTER": {"name", "match", "rule"},
    "OUTPUT": {"name", "match", "format", "path", "file"},
}


def sections(text):
    """The classic form of Fluent Bit: [SECTION], and below it indented keys and values."""
    found, wrong = [], []
    for line in text.splitlines():
        head, entry = re.match(r"\[([A-Z]+)\]$", line), re.match(r"    (\w+) +(\S.*)$", line)
        if head:
            found.append((head.group(1), {}))
        elif entry and found:
            found[-1][1][entry.group(1).lower()] = entry.group(2)
        elif line.strip() and not line.startswith("#"):
            wrong.append(line)
    return found, wrong


def fluent_bit(events):
    """No program of Debian 12 reads these: their form, the names of their settings, and their patterns against real events."""
    parts, wrong = [], []
    for name in ("farmgate.conf", "farmgate-parsers.conf"):
        found, bad = sections(read("packaging", "fluent-bit", name))
        parts += found
        wrong += bad
    wrong += ["%s: %s" % (name, sorted(set(values) - FLUENT_BIT.get(name, set()))) for name, values in parts if set(values) - FLUENT_BIT.get(name, set())]
    tap.ok(len(parts) == 6 and not wrong, "Fluent Bit: sections and settings as its manual has them", wrong)
    parser = [values for name, values in parts if name == "PARSER"][0]
    tap.ok(os.path.exists(os.path.join(PACKAGING, "fluent-bit", parts[0][1]["parsers_file"])), "Fluent Bit: the file of parsers is there")
    tap.equal([values["parser"] for name, values in parts if name == "INPUT"], [parser["name"]], "Fluent Bit: and the parser")
    form = parser["time_format"].replace("%L", "%f")
    tap.ok(all(time.strptime(event[parser["time_key"]][:19] + event["at"][23:], form.replace(".%f", "")) for event in events), "Fluent Bit: instants fit the parser")
    key, pattern, _, keep = [values for name, values in parts if name == "FILTER"][0]["rule"].split()
    caught = {event["code"] for event in events if re.search(pattern, event[key[1:]])}
    tap.ok(keep == "true" and caught == {"gate_closed", "licenses_run_out", "farm_deactivated"}, "Fluent Bit: its pattern catches what is urgent", caught)


def codes_there_are():
    named = {}
    for path in glob.glob(os.path.join(PACKAGING, "rsyslog", "*")) + glob.glob(os.path.join(PACKAGING, "fluent-bit", "*")):
        text = re.sub(r"^#.*$", "", read(path), flags=re.M)
        lists = re.findall(r"code\"? == \[(.*?)\]", text, re.I) + re.findall(r"\^\((.*?)\)\$", text) + re.findall(r'code == "(\w+)"', text, re.I)
        named.update({code: path for one in lists for code in re.findall(r"[a-z]\w+", one)})
    tap.ok(len(named) > 5 and set(named) <= set(EVENTS), "the examples name codes that there are", sorted(set(named) - set(EVENTS)))


def main():
    codes_there_are()
    with Place() as place:
        authority = Authority(place, BUILD).start()
        agent = day(place, authority, "lines", 'log: { format = "json"; };').start()
        story(agent, authority)
        events = said(agent)
        fluent_bit(events)
        if program_of("rsyslog", "usr/sbin/rsyslogd"):
            by_file(place, agent)
        else:
            tap.skip("rsyslog on a file", "no rsyslogd")
        agent.stop()
        if not program_of("journal-remote", "lib/systemd/systemd-journal-remote") or not machines_possible("/etc/machine-id"):
            tap.skip("the journal", "no systemd-journal-remote, or no mounts")
            tap.done()
        journal = Journal(place)
        agent = day(place, authority, "journal", "")
        open(agent.log_path, "wb").close()
        status = os.stat(agent.log_path)
        agent.env["JOURNAL_STREAM"] = "%d:%d" % (status.st_dev, status.st_ino)
        agent.prepare = on_machine(journal.machine_id_path, *journal.mounts())
        agent.start()
        story(agent, authority)
        events = said(agent)
        agent.stop()
        tap.ok(wait_until(lambda: len(journal.entries) > len(events), 5), "each event came to the journal", len(journal.entries))
        the_rest(journal)
        journal.write()
        explained(journal)
        queries(journal)
        if program_of("rsyslog", "usr/sbin/rsyslogd"):
            by_journal(place, journal)
        else:
            tap.skip("rsyslog on the journal", "no rsyslogd")
    tap.done()


if __name__ == "__main__":
    main()
