#!/usr/bin/env python3
"""farmgate size against every log in tests/data, and against logs and arguments that are wrong.

    test_size_data.py FARMGATE DATA_DIRECTORY
"""
import glob
import json
import os
import subprocess
import sys
import tempfile

FARMGATE, DATA = sys.argv[1], sys.argv[2]
CONNECT = {"ts": 1767225600000, "event": "connect", "host": "h", "session": "1", "user": "a", "admin": False,
           "kind": "desktop", "route": "rdp"}
tests = 0
failed = False


def check(good, name, note=""):
    global tests, failed
    tests += 1
    failed = failed or not good
    print("%sok %d - %s" % ("" if good else "not ", tests, name))
    if not good and note:
        print("\n".join("# " + line for line in str(note)[:2000].splitlines()))


def size(*arguments, text=b""):
    run = subprocess.run([FARMGATE, "size", *arguments], input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         timeout=60, check=False)
    return run.returncode, run.stdout.decode("utf-8", "replace"), run.stderr.decode("utf-8", "replace")


def line(without=(), **changes):
    event = {**CONNECT, **changes}
    return json.dumps({name: value for name, value in event.items() if name not in without}).encode()


def expected_of(log):
    beside = log[:-len(".ndjson")] + ".expected.json"
    if not os.path.exists(beside):
        beside = os.path.join(os.path.dirname(log), "expected.json")
    with open(beside, encoding="utf-8") as file:
        return json.load(file)


def known_answers():
    logs = sorted(glob.glob(os.path.join(DATA, "*", "*.ndjson")))
    check(len(logs) >= 32, "the logs are there", logs)
    for log in logs:
        code, out, err = size("--json", log)
        name = os.path.relpath(log, DATA)
        try:
            check(code == 0 and json.loads(out) == expected_of(log), name, out + err)
        except ValueError:
            check(False, name, out + err)
    big = os.path.join(DATA, "office-100", "events.ndjson")
    with open(big, "rb") as file:
        lines = file.read().splitlines(keepends=True)
    with tempfile.TemporaryDirectory() as place:
        halves = [os.path.join(place, name) for name in ("second", "first")]
        for path, part in zip(halves, (lines[2000:], lines[:2000])):
            with open(path, "wb") as file:
                file.writelines(part)
        code, out, err = size("--json", *halves)
        check(code == 0 and json.loads(out) == expected_of(big), "two files in the wrong order are one log", err)
    code, out, err = size("--json", "-", text=b"".join(lines))
    check(code == 0 and json.loads(out) == expected_of(big), "standard input", err)


def tables():
    """The CSV from which the office's log was made: it has the same sessions, by user, and no peak that differs."""
    table = os.path.join(DATA, "office-100", "logon.csv")
    expected = expected_of(os.path.join(DATA, "office-100", "events.ndjson"))
    code, out, err = size("--json", table)
    check(code == 65 and out == "" and "logon.csv:4: " in err and "--sort" in err, "a table that is sorted by user", err)
    for name, arguments in (("names that are usual", []),
                            ("a map", ["--map", "ts=date,user=user,host=pc,event=activity,connect=Logon,logoff=Logoff"])):
        code, out, err = size("--json", "--sort", *arguments, table)
        got = json.loads(out) if code == 0 else {}
        check(got.pop("events", 0) == 4604 and got == {key: expected[key] for key in expected if key != "events"},
              "the office as CSV, by " + name, err)
    code, out, err = size("--json", "--sort", "--map", "ts=when", table)
    check(code == 65 and "logon.csv:1: ts: there is no column 'when'" in err, "a map that does not fit", err)
    code, out, err = size("--map", "when=date", table)
    check(code == 64 and "--map: 'when=date'" in err, "a map that is none", err)


def windows_logs():
    """What both logs of a host tell counts once, whether they come in one file or in two."""
    for day, joined in (("2020-09-04", "security"), ("2020-09-22", "lsm")):
        log = os.path.join(DATA, "windows-otrf", day + ".jsonl")
        expected = {view: expected_of("%s.%s.ndjson" % (log[:-len(".jsonl")], view)) for view in ("lsm", "security")}
        for view in ("lsm", "security"):
            code, out, err = size("--json", "--service", view, log)
            check(code == 0 and json.loads(out) == expected[view], "%s --service %s" % (day, view), out + err)
        code, out, err = size("--json", log)
        check(code == 0 and json.loads(out) == expected[joined], day + ", both logs", out + err)
        with open(log, "rb") as file:
            lines = file.read().splitlines(keepends=True)
        with tempfile.TemporaryDirectory() as place:
            parts = {os.path.join(place, "lsm"): [text for text in lines if b"LocalSessionManager" in text],
                     os.path.join(place, "others"): [text for text in lines if b"LocalSessionManager" not in text]}
            for path, part in parts.items():
                with open(path, "wb") as file:
                    file.writelines(part)
            code, out, err = size("--json", *parts)
            check(code == 0 and json.loads(out) == expected[joined], day + ", each log in a file", out + err)


def windows_files():
    """The same day as .evtx files of both logs, and as XML in UTF-16 with what another program wrote before it."""
    logs = [os.path.join(DATA, "sizing", name) for name in ("lsm.evtx", "security.evtx")]
    code, out, err = size("--json", "--routes", "all", *logs)
    got = json.loads(out) if code == 0 else {}
    check((got.get("users"), got.get("hosts"), got.get("peak_users"), got.get("peak_at")) ==
          (3, 1, 2, "2024-03-05T08:10:00.000Z"), "two .evtx files of a host", out + err)
    check("another service had recorded, left out: 4\n" in err, "alice's session counts once", err)
    code, out, err = size("--json", *logs)
    got = json.loads(out) if code == 0 else {}
    check((got.get("users"), got.get("peak_users")) == (1, 0), "the console is left out, an administrator exempt", out)
    code, out, err = size("--json", "--service", "lsm", *logs)
    got = json.loads(out) if code == 0 else {}
    check((got.get("users"), got.get("peak_users")) == (1, 1), "LSM alone knows no administrators", out)
    text = "".join("<Event xmlns='u'><System><EventID>%d</EventID><TimeCreated SystemTime='2024-03-05T08:0%d:00Z'/><Channel>"
                   "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational</Channel><Computer>RDS1</Computer>"
                   "</System><UserData><EventXML><User>CORP\\alice</User><SessionID>3</SessionID><Address>192.0.2.7</Address>"
                   "</EventXML></UserData></Event>\r\n" % (number, minute) for minute, number in enumerate((21, 24, 25, 23)))
    for name, given in {"XML in UTF-16": text.encode("utf-16"), "XML behind a line": b"exporter 1.0\r\n" + text.encode()}.items():
        code, out, err = size("--json", "-", text=given)
        got = json.loads(out) if code == 0 else {}
        check((got.get("events"), got.get("peak_users"), err) == (4, 1, ""), name, out + err)


def windows_logs_that_overlap():
    """LSM's file begins two hours before Security's ends: they are two logs, and no clock was set back."""
    def told(at, host, channel, number, kind, data):
        return json.dumps({"@timestamp": "2024-03-05T%sZ" % at, "winlog": {
            "event_id": number, "channel": channel, "computer_name": host, kind: data}}) + "\n"

    def logon(at, user, identifier):
        return told(at, "H", "Security", 4624, "event_data", {
            "TargetUserName": user, "TargetDomainName": "D", "TargetLogonId": identifier, "LogonType": "10",
            "IpAddress": "192.0.2.7", "ElevatedToken": "%%1843"})

    def lsm(at, number, session, user):
        return told(at, "h", "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational", number, "user_data",
                    {"User": user, "SessionID": session, "Address": "192.0.2.7"})

    files = {"security": logon("08:00:00", "u", "0x5") + logon("09:30:00", "v", "0x6") + told(
                 "12:00:00", "H", "Security", 4634, "event_data", {"TargetUserName": "u", "TargetLogonId": "0x5",
                                                                   "LogonType": "10"}),
             "lsm": lsm("09:30:02", 21, "3", "D\\v") + lsm("10:00:00", 23, "3", "D\\v") + lsm("13:00:00", 21, "4", "D\\w")}
    with tempfile.TemporaryDirectory() as place:
        paths = [os.path.join(place, name) for name in files]
        for path, text in zip(paths, files.values()):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        code, out, err = size("--json", *paths)
    got = json.loads(out) if code == 0 else {}
    peaks = {window["start"][11:16]: window["peak_users"] for window in got.get("windows", [])}
    check((got.get("users"), peaks.get("09:20"), peaks.get("10:20")) == (3, 2, 1) and "clock" not in err,
          "logs of a host that overlap", out + err)


def good_input():
    def result(text, *arguments):
        code, out, err = size("--json", *arguments, "-", text=text)
        return json.loads(out) if code == 0 else {"code": code, "err": err}

    nothing = {"events": 0, "users": 0, "hosts": 0, "peak_users": 0, "peak_at": None, "windows": []}
    for name, text in {"an empty file": b"", "blank lines": b"\n \r\n\t\n"}.items():
        got = result(text)
        check(got == nothing, name, got)
    check(size("-", text=b"")[:2] == (0, "no events\n"), "no events, for people")
    got = result(line() + b"\r\n\n" + line(session="2", user="b"))
    check(got.get("peak_users") == 2, "no newline at the end, CR LF and blank lines", got)
    got = result(line(note={"deep": [[[1]]]}))
    check(got.get("peak_users") == 1, "unknown fields are skipped", got)
    got = result(line(user="x" * 511, session="s" * 127, host="h" * 255))
    check(got.get("peak_users") == 1, "the longest names", got)
    padded = line() + b" " * (16384 - len(line()))
    got = result(padded + b"\n")
    check(got.get("peak_users") == 1, "a line of 16384 bytes", got)
    got = result(line(user="CORP\\Bob") + b"\n" + line(user="corp\\bOB", session="2"))
    check((got.get("users"), got.get("peak_users")) == (1, 1), "Windows names fold", got)
    got = result(line(route="ssh"))
    check((got.get("users"), got.get("hosts"), got.get("peak_users"), got.get("events")) == (0, 0, 0, 1),
          "ssh does not count by default", got)
    got = result(line(route="ssh"), "--routes", "ssh,console")
    check((got.get("users"), got.get("peak_users")) == (1, 1), "--routes ssh,console", got)
    got = result(line(ts=0))
    check(got.get("peak_at") == "1970-01-01T00:00:00.000Z", "an event at 0", got)
    got = result(line(ts=0, admin=True) + b"\n" + line(ts=5, admin=True, session="2"))
    check((got.get("peak_users"), got.get("peak_at")) == (0, "1970-01-01T00:00:00.000Z"), "a peak of nobody at 0", got)

    def later(event, **changes):
        return b"\n" + line(("user", "admin", "kind", "route"), event=event, **changes)

    text = line() + later("disconnect", ts=CONNECT["ts"] + 1) + b"\n" + line(ts=CONNECT["ts"] + 1200000, user="a")
    text += later("logoff", ts=CONNECT["ts"] + 2400000)
    got = result(text)
    check([window["peak_users"] for window in got.get("windows", [])] == [1, 1, 1],
          "a disconnected session holds its licence", got)
    code, _, err = size("-", text=text)
    check(code == 0 and err == "", "coming back to a disconnected session is nothing odd", err)
    code, _, err = size("-", text=line() + b"\n" + line() + later("disconnect", session="9") + later("logoff", host="x"))
    check(code == 0 and "no change: 1\n" in err and "not live, ignored: 2\n" in err, "oddities are told on stderr", err)
    year = 365 * 86400000
    got = result(line() + later("logoff", ts=CONNECT["ts"] + 3 * year))
    check(len(got.get("windows", [])) == 3 * 365 * 72 + 1 and all(w["peak_users"] == 1 for w in got["windows"]),
          "a pause of three years loses no window")
    code, out, err = size("--utc", os.path.join(DATA, "synthetic-300", "events.ndjson"))
    check(code == 0 and out.startswith("licences needed   208,") and "Thu 5 March 2026, 13:18:36" in out and
          "300 on 8 hosts" in out, "the summary for people", out)


def bad_input():
    bad = {
        "not JSON": (b"connect", "not JSON"),
        "a list": (b"[]", "not an object"),
        "two objects": (line() + line(), ""),
        "cut short": (line()[:-1], ""),
        "ts missing": (line(("ts",)), "ts: missing"),
        "ts a text": (line(ts="1"), "ts: not an integer"),
        "ts a fraction": (line(ts=1.5), "ts: not an integer"),
        "ts negative": (line(ts=-1), "ts: not between"),
        "ts beyond the calendar": (line(ts=253402300800000), "ts: not between"),
        "ts beyond 64 bits": (line(ts=10**30), "ts: not between"),
        "event missing": (line(("event",)), "event: missing"),
        "event unknown": (line(event="login"), "event: neither"),
        "host missing": (line(("host",)), "host: missing"),
        "host empty": (line(host=""), "host: empty"),
        "host too long": (line(host="h" * 256), "host: longer than 255"),
        "session missing": (line(("session",)), "session: missing"),
        "session a number": (line(session=1), "session: not a text"),
        "session too long": (line(session="s" * 128), "session: longer than 127"),
        "user missing": (line(("user",)), "user: missing"),
        "user null": (line(user=None), "user: not a text"),
        "user too long": (line(user="u" * 512), "user: longer than 511"),
        "user with NUL": (line(user="a\0b"), "user: contains a NUL"),
        "user with a newline": (line(user="a\nb"), "user: contains a control character"),
        "user given twice": (line()[:-1] + b', "user": "b"}', "user: given twice"),
        "user not UTF-8": (line(user="@@").replace(b"@@", b"\xff\xfe"), ""),
        "user a surrogate": (line(user="@@").replace(b"@@", b"\\ud800"), ""),
        "user overlong": (line(user="@@").replace(b"@@", b"\xc0\xaf"), ""),
        "admin missing": (line(("admin",)), "admin: missing"),
        "admin a text": (line(admin="no"), "admin: not true or false"),
        "admin a number": (line(admin=0), "admin: not true or false"),
        "kind missing": (line(("kind",)), "kind: missing"),
        "kind unknown": (line(kind="app"), "kind: neither"),
        "route missing": (line(("route",)), "route: missing"),
        "route unknown": (line(route="vnc"), "route: not one of"),
        "a NUL byte": (line()[:10] + b"\0" + line()[10:], ""),
        "a depth bomb": (b'{"x":' + b"[" * 10000, "nested"),
        "a line too long": (line(note="n" * 16384), "longer than 16384"),
        "a line without end": (b"x" * 3000000, "longer than 16384"),
        "a byte order mark in the middle": (b"\xef\xbb\xbf" + line(), ""),
    }
    for name, (text, words) in bad.items():
        # one bad line in millions must not cost the answer: it is left out, and told with its place and field
        code, out, err = size("--json", "-", text=line(session="first") + b"\n\n" + text + b"\n" + line(session="last"))
        check(code == 0 and json.loads(out)["events"] == 2 and ": 1 (first: -:3: " in err and words in err, name,
              "%d %s%s" % (code, out, err))
        # and where there is nothing else, nothing could be read
        code, out, err = size("--json", "-", text=text)
        if "order mark" not in name:
            check(code == 65 and out == "" and ("-: " in err or "-:1: " in err), name + ", alone",
                  "%d %s%s" % (code, out, err))
    code, out, err = size("-", text=line(ts=0) + b"\n" + line(ts=253402300799999, session="2"))
    check(code == 65 and "ts:" in err and out == "", "eight thousand years in one log", err)
    code, out, err = size(os.path.join(DATA, "cases", "three_users.ndjson"), "-", text=b"x")
    check(code == 0 and out.startswith("licences needed   3,") and "size: -: is text of no format" in err,
          "a second file that cannot be read is told, and the first answered", out + err)
    code, out, err = size("--json", "-", text=line() + b"\n" + line(ts=CONNECT["ts"] - 3600000, session="2", user="b"))
    check(code == 0 and json.loads(out)["peak_at"] == "2026-01-01T00:00:00.000Z", "an event an hour late", err)
    late = line() + b"\n" + line(ts=CONNECT["ts"] - 3600001, session="2", user="b")
    code, out, err = size("--json", "-", text=late)
    check(code == 65 and out == "" and "-:2: ts: 60 minutes before" in err and "--sort" in err, "later ones are refused", err)
    code, out, err = size("--json", "--sort", "-", text=late)
    check(code == 0 and json.loads(out)["peak_users"] == 2, "but for --sort", err)


def wrong_use():
    for arguments in ([], ["--json"], ["--nonsense", "x"], ["--routes"], ["--routes", "", "x"],
                      ["--routes", "rdp,", "x"], ["--routes", "vnc", "x"], ["--routes", "rdp-tunnel-and-more", "x"],
                      ["--json=yes", "x"]):
        code, out, err = size(*arguments)
        check(code == 64 and out == "" and err.startswith("farmgate size: "), "size " + " ".join(arguments), err)
    code, out, err = size("/nonexistent/log")
    check(code == 1 and "/nonexistent/log" in err, "a file that is not there", err)
    code, out, err = size("/")
    check(code == 65 and out == "" and "/: a directory, not a file" in err, "a directory", err)
    code, out, err = size("--help")
    check(code == 0 and out.startswith("usage: farmgate size") and err == "", "size --help", err)
    with open("/dev/full", "wb") as full:
        run = subprocess.run([FARMGATE, "size", "--json", os.path.join(DATA, "cases", "three_users.ndjson")],
                             stdout=full, stderr=subprocess.PIPE, check=False)
    check(run.returncode == 1 and b"standard output" in run.stderr, "a full disk behind the output", run.stderr)
    for arguments, code, start in ((["--help"], 0, "usage: farmgate"), (["--version"], 0, "farmgate "),
                                   ([], 64, ""), (["nonsense"], 64, "")):
        run = subprocess.run([FARMGATE, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        check(run.returncode == code and run.stdout.decode().startswith(start), "farmgate " + " ".join(arguments))


known_answers()
tables()
windows_logs()
windows_files()
windows_logs_that_overlap()
good_input()
bad_input()
wrong_use()
print("1..%d" % tests)
sys.exit(1 if failed else 0)
