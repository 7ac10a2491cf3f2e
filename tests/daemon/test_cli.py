#!/usr/bin/env python3
"""The command line against a real agent and authority: what it prints, and its exit codes.     test_cli.py BUILD"""
import json
import os
import pty
import re
import select
import signal
import socket
import sqlite3
import subprocess
import sys
import time

from harness import Agent, Authority, Place, Tap, free_port, request, wait_until

BUILD = sys.argv[1]
tap = Tap()
COMMANDS = ["status", "connections", "users", "explain", "windows", "gate", "resources", "connection", "activate", "release",
            "report", "forget", "events", "check", "check-config", "configure", "farm", "size", "web"]


def run(agent, *words, **rest):
    return agent.ctl(*words, **rest)


def expect(agent, code, *words, out=None, err=None, **rest):
    """Runs it; the exit code, and patterns in what it says."""
    done = run(agent, *words, **rest)
    good = done.returncode == code and (out is None or re.search(out, done.stdout)) and (
        err is None or re.search(err, done.stderr))
    tap.ok(good, "farmgate %s: %d" % (" ".join(words).replace("\n", "\\n"), code),
           "exit code %d\nout %s\nerr %s" % (done.returncode, done.stdout[:1500], done.stderr[:1500]))
    return done


def plain(*words, env=None):
    return subprocess.run([os.path.join(BUILD, "agent", "ctl", "farmgate"), *words], capture_output=True, text=True, timeout=20,
                          env=dict(os.environ, **(env or {})), check=False)


def without_agent(place):
    done = plain("--help")
    tap.ok(done.returncode == 0 and all(re.search("^  %s " % name, done.stdout, re.M) for name in COMMANDS),
           "--help names every command", done.stdout)
    for name in COMMANDS:
        done = plain(name, "--help")
        tap.ok(done.returncode == 0 and done.stdout.startswith("usage: farmgate " + name) and not done.stderr,
               "%s --help" % name, done.stdout + done.stderr)
    done = plain("--version")
    tap.ok(re.fullmatch(r"farmgate \d+\.\d+\.\d+\n", done.stdout), "--version", done.stdout)
    for words, code, said in ((["statsu"], 64, "did you mean 'status'"), ([], 64, "usage"), (["status", "--jsn"], 64, "--json"),
                              (["--josn"], 64, "no option --josn;"),
                              (["gate"], 64, "--user"), (["users", "x"], 64, "too many"), (["activate"], 64, "either"),
                              (["activate", "K", "--trial"], 64, "either"), (["connection", "pt"], 64, "put"),
                              (["connection", "put", "h"], 64, "missing"), (["windows", "--since", "x"], 64, "--since"),
                              (["events", "--exec", "true"], 64, "--cursor"), (["events", "--after", "x"], 64, "--after"),
                              (["web", "--hours", "25"], 64, "1 to 24"), (["web", "--hours", "1", "--revoke"], 64, "--revoke"),
                              (["check-config", "/nonexistent"], 78, "/nonexistent")):
        done = plain(*words, env={"STATE_DIRECTORY": ""})
        tap.ok(done.returncode == code and said in done.stderr, "farmgate %s: %d" % (" ".join(words), code),
               "%d %s" % (done.returncode, done.stderr))
    for words in (["status"], ["gate", "--user", "a"], ["connection", "end", "h", "1"], ["events"], ["events", "--follow"]):
        done = plain(*words, "--socket", place.join("none.sock"))
        tap.ok(done.returncode == 3 and "farmgated" in done.stderr, "no agent: farmgate %s: 3" % words[0], done.stderr)
    done = plain("check", "--socket", place.join("none.sock"))
    tap.ok(done.returncode == 3 and done.stdout.startswith("FARMGATE UNKNOWN - no agent"), "no agent: check: unknown", done.stdout)


def configuration(place, agent):
    done = plain("check-config", agent.conf)
    tap.ok(done.returncode == 0, "a right configuration", done.stderr)
    etcd = 'farm: { mode = "etcd"; name = "f"; endpoints = ("http://127.0.0.1:2379"); secret_file = "%s"; };' % place.write("secret", "x")
    for name, text, said in (("unknown", 'gate: { directry = "/x"; };', "directory"), ("syntax", "gate: {", ":1"),
                             ("range", "api: { clients_max = 0; };", "clients_max"),
                             ("certificates", 'authority: { ca_file = "/nonexistent/ca"; };', "authority.ca_file: cannot read"),
                             ("script", 'sessions: { sources = ("scripted"); scripted_file = "/nonexistent/s"; };',
                              "sessions.scripted_file: cannot read"),
                             ("tokens", 'api: { token_file = "%s"; };' % place.write("tokens", "x:all:1\n"), "tokens:1"),
                             ("secret", etcd, "may be read or changed by others"),
                             ("resources", 'gate: { resources = "%s"; };' % place.write("r.conf", "resources = 1;\n"), "r.conf")):
        done = plain("check-config", place.write(name + ".conf", text))
        tap.ok(done.returncode == 78 and said in done.stderr, "a configuration with wrong %s: 78" % name, done.stderr)


def configured(place):
    """The authority is written into a configuration, which stays what it is otherwise."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../conf/farmgate.conf"), encoding="utf-8") as file:
        shipped = file.read()
    key, other = "k1:" + "A" * 43, "k2:" + "B" * 42 + "A"
    conf = place.write("configure.conf", shipped)

    def configure(code, *words, out="^$", err="^$"):
        done = plain("configure", "--config", conf, *words)
        tap.ok(done.returncode == code and re.search(out, done.stdout) and re.search(err, done.stderr),
               "farmgate configure %s: %d" % (" ".join(words)[:60], code), done)
        with open(conf, encoding="utf-8") as file:
            return file.read()

    configure(64, err="nothing to write")
    letter = place.write("letter", "Dear all")
    done = plain("farm", "join", letter, "--config", conf, "--directory", place.path)
    tap.ok(done.returncode == 65 and letter + ": there is no invitation in it: it begins with" in done.stderr, "no invitation", done)
    for value, said in (("ftp://a", r'authority\.url: "ftp" is neither'), ("https://a.example", r"authority\.key: missing")):
        tap.equal(configure(78, "--authority-url", value, err="nothing was changed: .*" + said), shipped, "%s changes nothing" % value)
    text = configure(0, "--authority-url", "https://a.example", "--authority-key", key,
                     out=r"authority\.url is now https://a\.example\n.*authority\.key is now k1:")
    tap.equal(text, shipped.replace('# url = "";\n', '# url = "";\n    url = "https://a.example";\n').replace(
        '# key = "";\n\n    # Cert', '# key = "";\n    key = "%s";\n\n    # Cert' % key), "two lines come to it, behind their comments")
    tap.equal(configure(0, "--keep", "--authority-url", "https://b.example", "--authority-key", other,
                        out=r"authority\.url stays https://a\.example\n.*authority\.key stays k1:"), text, "--keep keeps")
    configure(78, "--authority-proxy", "proxy", err="authority.proxy: not a URL")
    tap.ok('proxy = "http://p:1"' in configure(0, "--keep", "--authority-proxy", "http://p:1", out="authority.proxy is now"),
           "and writes what was not there")
    tap.ok('url = "https://b.example"' in configure(0, "--authority-url", "https://b.example", out="is now"), "else it is changed")
    place.write("configure.conf", "authority: {")
    configure(78, "--authority-url", "https://b.example", err="configure.conf")
def privacy(agent):
    """Whoever is gone is erased, in any spelling; whoever is on is not."""
    expect(agent, 0, "connection", "put", "h8", "1", "--user", "CORP\\Wilhelmina")
    expect(agent, 1, "forget", "corp\\wilhelmina", err="user_is_on.*end it first")
    expect(agent, 0, "connection", "end", "h8", "1")
    tap.ok("Wilhelmina" in run(agent, "events", "--after", "0").stdout, "events know a name")
    expect(agent, 77, "forget", "corp\\wilhelmina", err="read_only", socket_path=agent.socket)
    expect(agent, 0, "forget", "corp\\wilhelmina", out=r"^erased from 2 stored events of this host; the journal")
    expect(agent, 0, "forget", "corp\\wilhelmina", out=r"^erased from 0 stored events")
    known = run(agent, "events", "--after", "0", "--json").stdout
    tap.ok("Wilhelmina" not in known and known.count('"erased":true') == 2, "and no more", known[-2000:])
    tap.ok('"person_erased"' in known, "that it was done is known", known[-500:])
    files = [os.path.join(agent.state, name) for name in os.listdir(agent.state)]
    tap.equal([file for file in files if b"ilhelmina" in open(file, "rb").read()], [], "no file of the state has the name")
    expect(agent, 0, "connection", "put", "h8", "1", "--user", "EXAMPLE/ottilie")
    expect(agent, 0, "connection", "end", "h8", "1")
    expect(agent, 0, "forget", "EXAMPLE/ottilie", out="^erased from 2 stored events")
    expect(agent, 64, "forget")


def erasing_and_stopping(place):
    """An agent that is to stop while it erases comes to an end of both."""
    agent = Agent(place, BUILD, name="erasing").start()
    told = json.dumps({"at": "2026-01-01T00:00:00.000Z", "code": "connection_opened", "severity": "info", "user": "wilhelmina"})
    for wait_ms in (2, 4, 6, 8, 10, 12):
        agent.stop()
        database = sqlite3.connect(os.path.join(agent.state, "farmgate.db"))
        with database:
            database.execute("DELETE FROM events")
            database.executemany("INSERT INTO events VALUES (?, 0, 'connection_opened', ?)", ((i, told) for i in range(1, 4001)))
        database.close()
        agent.start()
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20)
            client.connect(agent.admin)
            client.sendall(b"DELETE /v1/users/wilhelmina HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            time.sleep(wait_ms / 1000)
            code = agent.stop()
            answer = client.makefile("rb").read()
        tap.ok(code == 0 and (not answer or answer.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 503 "))),
               "told to stop %d ms after it began to erase, it does both" % wait_ms, (code, answer))


def before_activation(agent):
    expect(agent, 0, "status", out=r"gate +closed  not_activated: ", socket_path=agent.socket)
    expect(agent, 2, "gate", "--user", "dora", out="^closed: not_activated: ")
    expect(agent, 2, "gate", "--user", "dora", "--quiet", out="^$")
    expect(agent, 2, "resources", "--user", "dora", out="^closed: ")
    expect(agent, 2, "check", out=r"^FARMGATE CRITICAL - the gate is closed: not_activated, 0 users \| users=0;;;0 ")
    expect(agent, 1, "report", err="not_activated")
    expect(agent, 1, "release", err="not_activated")
    expect(agent, 65, "activate", "K7Q2M-TYPING-ERROR", err="invalid_key")


def licence(authority, agent):
    expect(agent, 0, "activate", "--trial", out=r"^activated as a trial: farm \S+, \d+ concurrent users, until 20")
    key = authority.new_key(3)
    expect(agent, 0, "activate", key, out=r"^activated: farm \S+, 3 concurrent users, until 20")
    expect(agent, 0, "activate", "-", input=key + "\n", out=r"^activated: farm \S+, 3 concurrent users, until 20")
    expect(agent, 65, "activate", "-", input="", err="there is no licence key on standard input")
    expect(agent, 65, "activate", "", err="there is no licence key in what was given")
    expect(agent, 65, "forget", "x" * 5000, err="too long")
    expect(agent, 64, "events", "--severity", "bad", err="--severity: not error, .*: bad\n")
    expect(agent, 64, "events", "--code", "agent_started,gate_open", err="--code: no event has the code gate_open;")
    expect(agent, 0, "report", out="^reported$")
    expect(agent, 0, "gate", "--user", "dora", out="^open$")
    expect(agent, 77, "activate", "--trial", err="read_only", socket_path=agent.socket)
    expect(agent, 77, "connection", "end", "h1", "1", err="read_only", socket_path=agent.socket)


def sessions(agent):
    expect(agent, 0, "connection", "put", "h1", "s1", "--user", "dora", out="^$")
    expect(agent, 0, "connection", "put", "h1", "a/b c", "--user", "CORP\\Emil", "--kind", "application", "--route", "rdp-tunnel",
           "--state", "disconnected", "--administrator", "yes", "--connected-at", "2026-01-31T08:00:00Z")
    expect(agent, 0, "connection", "put", "h2", "1", "--user", "root2", "--administrator", "yes")
    expect(agent, 64, "connection", "put", "h1", "s2", "--user", "x", "--administrator", "maybe", err="--administrator")
    expect(agent, 65, "connection", "put", "h1", "s2", "--user", "a\nb", err="control characters")
    expect(agent, 65, "connection", "put", "h1", "s2", "--user", "a\udcff", err="--user: invalid UTF-8")
    expect(agent, 65, "connection", "put", "h1/s2", "s3", "--user", "x", err="host: a slash in a host's name")
    expect(agent, 65, "connection", "end", "h1/s2", "s3", err="host: a slash in a host's name")
    expect(agent, 65, "connection", "put", "h1", "s2", "--user", "x", "--kind", "shell", err="kind")
    expect(agent, 0, "connections", out=r"h1 +s1 +dora +desktop +broker +active +\S+ \S+ +counted\n")
    expect(agent, 0, "connections", "--user", "root2", out=r"exempt 1 of 2\n")
    done = expect(agent, 0, "connections", "--state", "disconnected", out=r"h1 +a/b c +CORP\\Emil +application +rdp-tunnel +disc")
    tap.ok("dora" not in done.stdout, "connections --state leaves out the others")
    expect(agent, 65, "connections", "--state", "asleep", err="state")
    expect(agent, 0, "users", out=r"dora +1 +1  yes\n(.*\n)+2 concurrent users\n")
    explain(agent)
    expect(agent, 0, "status", out=r"gate +open\nusers +2 of 3 licences  █+▏?[▏▎▍▌▋▊▉]? +66 %\nconnections 3 of 3 users on 2 hosts; 1 disc")
    expect(agent, 0, "check", out=r"^FARMGATE OK - 2 of 3 users \| users=2;2;3;0;3 connections=3;;;0")
    expect(agent, 1, "check", "--warning-users", "60", out=r"^FARMGATE WARNING - 2 of 3 users")
    expect(agent, 3, "check", "--warning-users", "many", out=r"^FARMGATE UNKNOWN")
    for words in (["status"], ["connections"], ["users"], ["explain"], ["windows"], ["windows", "--days"],
                  ["resources", "--user", "dora"]):
        tap.ok(isinstance(json.loads(run(agent, *words, "--json").stdout), dict), "%s --json is JSON" % " ".join(words))
    expect(agent, 0, "windows", out=r"^(.*\n)*20\d\d-\d\d-\d\d \d\d:\d\d +2  █+ …\n$")
    expect(agent, 0, "windows", "--days", "--since", "7d", out=r"20\d\d-\d\d-\d\d +2  █+ …\n$")
    expect(agent, 0, "windows", "--until", "2001-01-01", out="^no windows in that time\n$")
    expect(agent, 0, "resources", "--user", "dora", out="nothing is published")
    for _ in range(2):
        expect(agent, 0, "connection", "end", "h2", "1")


def explain(agent):
    """At 80 columns and without colour: the farm, one user, and names that nobody has."""
    zone = time.strftime("%Z")
    day = time.strftime("%a ")
    done = expect(agent, 0, "explain", out=r"^The gate is open: 2 of 3 licences are in use\. Everyone may list published\n")
    for pattern in (r"3 users are\s+on\s+with\s+3\s+connections;\s+2\s+users\s+count\.\n\n",
                    r"^ +HOW IT STANDS\nactivation  This farm is activated for 3 concurrent users\.\n"
                    r"term        The licence runs until 20\d\d-\d\d-\d\d \d\d:\d\d %s\.\ncontact " % zone,
                    r"^usage       2 users count and 3 are licensed; the overuse grace of 7 days is\n            available\.\n\n",
                    r"^WHEN \(%s\) +IN +WHAT HAPPENS NEXT\n(%s|%s)\d\d:\d\d +\S+ \w+ +(Validation: |The farm reports )" % (
                        zone, day, time.strftime("%a ", time.localtime(time.time() + 1200))),
                    r"^USER +COUNTS  SESSION +SINCE \(%s\) +WHY\n" % zone,
                    r"^CORP\\Emil  yes     h1 a/b c  2026-01-31 \d\d:\d\d  Application by rdp-tunnel,\n",
                    r"An\s+administrator's\s+application\s+counts;\s+only\s+desktops\s+are\s+exempt\.\n",
                    r"^root2 +no +h2 1 +%s\d\d:\d\d +Desktop by broker\. Does not\n +count: an administrator's\n +desktop, exempt 1 of 2 on h2\.\n" % day):
        tap.ok(re.search(pattern, done.stdout, re.M), "explain: %s" % pattern, done.stdout)
    tap.ok(max(map(len, done.stdout.splitlines())) <= 80 and "\x1b" not in done.stdout, "explain: 80 columns, no colour", done.stdout)
    done = expect(agent, 0, "explain", "corp\\emil", out=r"^corp\\emil and CORP\\Emil are the same user\. CORP\\Emil counts as one\s+concurrent\s+user\.\n")
    tap.ok(re.search(r"it ends\n? *\w{3} \d\d:\d\d %s\.\n" % zone, done.stdout), "explain USER tells when a broker's word ends", done.stdout)
    tap.ok(re.search(r"^The gate lets CORP\\Emil start a new desktop on h1\.\n", done.stdout, re.M),
           "and what the gate would answer", done.stdout)
    expect(agent, 0, "explain", "--user", "ghost", out=r"^Nobody of the name ghost is on\.\n\nThe gate lets ghost start a new desktop on h1\.\n")


def bulk(place, agent):
    lines = "".join('{"event":"put","host":"h3","id":"%d","user":"load%d","kind":"desktop","administrator":false}\n' % (i, i)
                    for i in range(2000))
    path = place.write("load.ndjson", lines)
    expect(agent, 0, "connection", "load", path, out="^2000 accepted, 0 failed\n$")
    expect(agent, 65, "connection", "load", place.write("bad.ndjson", 'x\n{"event":"end","host":"h3","id":"1"}\n'),
           out="^1 accepted, 1 failed\n$", err="^line 1: invalid: ")
    expect(agent, 65, "connection", "load", "/nonexistent", err="/nonexistent")
    expect(agent, 65, "connection", "load", place.path, err=place.path + ": Is a directory")
    ends = "".join('{"event":"end","host":"h3","id":"%d"}\n' % i for i in range(2000))
    expect(agent, 0, "connection", "load", "-", out="^2000 accepted", input=ends)
    expect(agent, 2, "check", "--critical-users", "10", out="^FARMGATE CRITICAL")


def terminal(agent):
    """In a terminal there are colours, unless NO_COLOR says otherwise."""
    for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
        master, slave = pty.openpty()
        variables = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
        variables.update({"TERM": "xterm"}, **env)
        child = subprocess.Popen([agent.ctl_binary, "status", "--watch", "--socket", agent.socket], stdout=slave, env=variables)
        os.close(slave)
        shown = b""
        end = time.monotonic() + 8
        while shown.count(b"agent") < 2 and time.monotonic() < end:
            if select.select([master], [], [], 0.2)[0]:
                shown += os.read(master, 65536)
        child.send_signal(signal.SIGINT)
        try:
            code = child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            code = child.wait()
        os.close(master)
        tap.ok((b"\x1b[32m" in shown) == coloured and shown.count(b"agent") >= 2, "status --watch with %s" % (env or "colours"), shown)
        tap.equal(code, -signal.SIGINT, "and ^C ends it")


def start_events(agent, *words, **rest):
    return subprocess.Popen([agent.ctl_binary, "events", *words, "--socket", agent.socket], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, **rest)


def events(place, agent):
    done = expect(agent, 0, "events", out=r"(?m)^20\S+Z  info +dora connected to h1 \(s1: desktop by broker\), counted$")
    stored = [json.loads(text) for text in run(agent, "events", "--json").stdout.splitlines()]
    tap.equal(len(stored), len(done.stdout.splitlines()), "events and events --json tell the same")
    tap.equal([event["id"] for event in stored], list(range(stored[0]["id"], stored[0]["id"] + len(stored))), "each once, in order")
    after = run(agent, "events", "--json", "--after", str(stored[-3]["id"])).stdout.splitlines()
    tap.equal([json.loads(text)["id"] for text in after], [stored[-2]["id"], stored[-1]["id"]], "--after leaves out what was seen")
    follower = start_events(agent, "--follow", "--json", "--after", str(stored[-2]["id"]))
    tap.equal(json.loads(follower.stdout.readline())["id"], stored[-1]["id"], "--follow begins with what was missed")
    agent.put("h1", "f1", "frieda")
    tap.equal(json.loads(follower.stdout.readline()).get("user"), "frieda", "and goes on as it happens")
    agent.stop()
    agent.start()
    agent.put("h1", "f2", "fritz")
    users = []
    while "fritz" not in users:
        text = follower.stdout.readline()
        if not text:
            break
        users.append(json.loads(text).get("user"))
    tap.equal(users.count("fritz"), 1, "an agent that restarts is waited for, and nothing is missed or told twice")
    follower.terminate()
    follower.wait(5)


def web(agent):
    """A link to the status page; here the agent listens on no TCP address at first."""
    expect(agent, 1, "web", err=r'no_tcp_listener: .*api\.listen = "127\.0\.0\.1:8620"')
    port = free_port()
    with open(agent.conf, encoding="utf-8") as file:
        text = file.read()
    with open(agent.conf, "w", encoding="utf-8") as file:
        file.write(text.replace("api: {", 'api: { listen = "127.0.0.1:%d";' % port))
    agent.stop()
    agent.start()
    done = expect(agent, 0, "web", "--hours", "2", socket_path=agent.socket, out=r"^http://127\.0\.0\.1:%d/#token=[0-9a-f]{64}\n$" % port,
                  err=r"holds until 20[^\n]*\n(.*\n)*  ssh -N -L %d:127\.0\.0\.1:%d THIS-HOST\n" % (port, port))
    bearer = {"Authorization": "Bearer " + done.stdout.strip().partition("=")[2]}
    tap.equal(request(("127.0.0.1", port), "GET", "/v1/users", headers=bearer).status, 200, "its token reads")
    expect(agent, 77, "web", "--revoke", err="read_only", socket_path=agent.socket)
    expect(agent, 0, "web", "--revoke", out="no link .* holds")
    tap.equal(request(("127.0.0.1", port), "GET", "/v1/users", headers=bearer).status, 401, "and does no more when it is revoked")


def main():
    with Place() as place:
        without_agent(place)
        configured(place)
        authority = Authority(place, BUILD).start()
        agent = Agent(place, BUILD, authority).start()
        configuration(place, agent)
        before_activation(agent)
        licence(authority, agent)
        sessions(agent)
        bulk(place, agent)
        terminal(agent)
        events(place, agent)
        privacy(agent)
        erasing_and_stopping(place)
        web(agent)
        expect(agent, 0, "release", out="given back")
        if os.getuid() == 0:
            os.chmod(place.path, 0o755)
            os.chmod(agent.run_directory, 0o755)
            for path in (agent.socket, agent.admin):
                os.chmod(path, 0o600)
            done = subprocess.run([agent.ctl_binary, "status", "--socket", agent.socket], capture_output=True, text=True, timeout=20,
                                  user=65534, check=False)
            tap.ok(done.returncode == 77 and "group" in done.stderr, "who may not open the socket: 77", done.stderr)
        else:
            tap.skip("who may not open the socket: 77", "needs root to become somebody else")
    tap.done()


main()
