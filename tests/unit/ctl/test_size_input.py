#!/usr/bin/env python3
"""farmgate size and what it is given: compressed, torn, rotated, in any order, unreadable, endless, interrupted.

    test_size_input.py FARMGATE DATA_DIRECTORY
"""
import bz2
import gzip
import json
import lzma
import os
import pty
import resource
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

FARMGATE, DATA = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
with open(FARMGATE, "rb") as program:
    SANITIZED = b"__asan_init" in program.read()  # its shadow alone is terabytes
T = 1767225600
tests = 0
failed = False


def check(good, name, note=""):
    global tests, failed
    tests += 1
    failed = failed or not good
    print("%sok %d - %s" % ("" if good else "not ", tests, name))
    if not good and note:
        print("\n".join("# " + line for line in str(note)[:2000].splitlines()))


def size(*arguments, text=b"", **more):
    run = subprocess.run([FARMGATE, "size", *arguments], input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         timeout=60, check=False, **more)
    return run.returncode, run.stdout.decode("utf-8", "replace"), run.stderr.decode("utf-8", "replace")


def put(place, name, content):
    path = os.path.join(place, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)
    return path


def event(at, **changes):
    fields = {"ts": at * 1000, "event": "connect", "host": "h", "session": "1", "user": "a", "admin": False,
              "kind": "desktop", "route": "rdp", **changes}
    if fields["event"] != "connect":
        fields = {name: fields[name] for name in ("ts", "event", "host", "session")}
    return json.dumps(fields).encode() + b"\n"


def record(kind, at, line="", user="", host="", pid=100):
    """One of wtmp on x86-64."""
    return struct.pack("<hxxi32s4s32s256shhiii16s20x", kind, pid, line.encode(), b"ts/1", user.encode(), host.encode(),
                       0, 0, 0, at, 0, b"")


def login(at, line, user):
    return record(7, at, line, user, "10.0.0.1")


def logout(at, line):
    return record(8, at, line)


# --- what files are wrapped in ------------------------------------------------------------------------------------

def zstd(content, *options):
    return subprocess.run(["zstd", "-q", "-c", *options], input=content, stdout=subprocess.PIPE, check=True).stdout


FORMS = {"gzip": gzip.compress, "xz": lzma.compress, "zstd": zstd}


def compressed(place):
    log = os.path.join(DATA, "office-100", "events.ndjson")
    with open(log, "rb") as file:
        content = file.read()
    with open(os.path.join(DATA, "office-100", "expected.json"), encoding="utf-8") as file:
        expected = json.load(file)
    for form, pack in FORMS.items():
        if form == "zstd" and not shutil.which("zstd"):
            check(True, "zstd # SKIP no zstd")
            continue
        packed = pack(content)
        code, out, err = size("--json", put(place, "log", packed))
        check(code == 0 and json.loads(out) == expected, form + ", whatever it is called", err)
        code, out, err = size("--json", "-", text=packed)
        check(code == 0 and json.loads(out) == expected, form + " on the standard input", err)
        halves = pack(content[:200001]) + pack(content[200001:])
        code, out, err = size("--json", "-", text=halves)
        check(code == 0 and json.loads(out) == expected, "members of %s one behind the other" % form, err)
        code, out, err = size("--json", put(place, "torn", packed[:len(packed) // 2]))
        check(code == 0 and 0 < json.loads(out)["events"] < 4554 and "the %s data break off" % form in err and
              "torn: at byte %d" % (len(packed) // 2) in err, "torn %s: what was read counts" % form, out[:300] + err)
        spoilt = bytearray(pack(content) + pack(content))
        spoilt[len(packed):len(packed) + 12] = b"no such form"
        code, out, err = size("--json", put(place, "spoilt", bytes(spoilt)))
        check(code == 0 and json.loads(out) == expected and "the %s data are damaged" % form in err,
              "%s with rubbish behind it" % form, out[:300] + err)
        code, out, err = size(put(place, "empty", pack(b"")))
        check((code, out) == (0, "no events\n"), "%s of nothing" % form, err)
        code, out, err = size("--json", put(place, "head", packed[:11]))
        check(code == 65 and out == "" and "head: the %s data break off" % form in err, "a mere head of %s" % form, err)
    padded = gzip.compress(content) + b"\0" * 700
    code, out, err = size("--json", "-", text=padded)
    check(code == 0 and json.loads(out) == expected and "torn" not in err, "gzip padded with zeros, as on tapes", err)
    greedy = lzma.compress(content, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 256 << 20, "mode": lzma.MODE_FAST,
                                              "mf": lzma.MF_HC3, "nice_len": 8, "depth": 1}])
    code, out, err = size("-", text=greedy)
    check(code == 65 and "need more than 160 MiB" in err, "xz that wants too much memory", err)
    code, out, err = size("-", text=b"\x28\xb5\x2f\xfd\x00\x98\x09\x00\x00x")
    check(code == 65 and "need more than 160 MiB" in err, "zstd that wants too much memory", err)
    for name, text, words in (("bzip2", bz2.compress(content), "bzcat"), ("zip", b"PK\3\4" + b"\0" * 60, "unzip -p"),
                              ("tar", b"log".ljust(257, b"\0") + b"ustar\0" + b"\0" * 300, "tar archive")):
        code, out, err = size("-", text=text)
        check(code == 65 and out == "" and words in err, name + " is named", err)


# --- which files, and whose ---------------------------------------------------------------------------------------

def named(place):
    wtmp = put(place, "srv=1", login(T, "pts/0", "alice"))
    code, out, err = size("--json", "--routes", "all", wtmp)
    check(code == 0 and json.loads(out)["peak_users"] == 1, "a path with '=' that exists", err)
    os.chdir(place)
    code, out, err = size("--json", "--routes", "all", "srv=1")
    check(code == 0 and json.loads(out)["peak_users"] == 1, "a name with '=' that exists", err)
    other = put(place, "wtmp", login(T, "pts/0", "bob"))
    code, out, err = size("--json", "--routes", "all", "one=srv=1", "two=" + other)
    check(code == 0 and (json.loads(out)["hosts"], json.loads(out)["peak_users"]) == (2, 2), "NAME=FILE", err)
    with open(other, "rb") as file:
        code, out, err = size("--json", "--routes", "all", "one=srv=1", "two=-", text=file.read())
    check(code == 0 and json.loads(out)["hosts"] == 2, "NAME=-", err)
    code, out, err = size("=" + other)
    check(code == 64 and "host before '='" in err, "an empty NAME", err)
    code, out, err = size("a\tb=" + other)
    check(code == 64 and "host before '='" in err, "a NAME with control characters", err)
    code, out, err = size("--json", "--routes", "all", other, "./wtmp", other)
    check(code == 0 and json.loads(out)["events"] == 1 and err.count("same file") == 2, "one file given three times", err)
    for host in ("ts1", "ts2"):
        put(place, host + "/wtmp.1", login(T, "pts/0", host + "-old"))
        put(place, host + "/wtmp", login(T + 600, "pts/1", host + "-new"))
    code, out, err = size("--json", "--routes", "all", "ts1/wtmp", "ts2/wtmp", "ts2/wtmp.1", "ts1/wtmp.1")
    check(code == 0 and (json.loads(out)["hosts"], json.loads(out)["peak_users"]) == (2, 4) and
          "ts1/wtmp: taken as a log of a host called 'ts1'" in err, "the same names in several directories", out + err)


def rotated(place):
    whole = b""
    parts = []
    for week in range(5):
        at = T + week * 7 * 86400
        part = login(at, "pts/0", "user%d" % week) + login(at + 60, "pts/1", "both%d" % week) + logout(at + 3600, "pts/1")
        if week > 0:
            part = logout(at - 1800, "pts/0") + part
        parts.append(part)
        whole += part
    wanted = size("--json", "--routes", "all", put(place, "whole", whole))
    put(place, "r/wtmp", parts[4])
    put(place, "r/wtmp.1", parts[3])
    put(place, "r/wtmp-20260115.gz", gzip.compress(parts[2]))
    put(place, "r/wtmp-20260108.xz", lzma.compress(parts[1]))
    put(place, "elsewhere/old", parts[0])
    names = ["r/wtmp", "r/wtmp.1", "r/wtmp-20260115.gz", "r/wtmp-20260108.xz", "elsewhere/old"]
    for order in (names, names[::-1], names[2:] + names[:2]):
        got = size("--json", "--routes", "all", *[os.path.join(place, name) for name in order])
        check(got[:2] == wanted[:2] and "not live" not in got[2], "a rotated set in any order", got)
    got = size("--json", "--routes", "all", "--sort", *[os.path.join(place, name) for name in names])
    check(got[:2] == wanted[:2], "a rotated set with --sort", got)
    with open(os.path.join(place, "r/wtmp"), "rb") as file:
        got = size("--json", "--routes", "all", "-", *[os.path.join(place, name) for name in names[1:]], text=file.read())
    check(got[:2] == wanted[:2], "the last of a rotated set on the standard input", got)
    # what ends first in a file is what began in the one before it: no event, read alone
    nights = [login(T, "pts/0", "alice"), logout(T + 86400, "pts/0") + login(T + 172800, "pts/0", "bob"),
              logout(T + 259200, "pts/0")]
    for i, part in enumerate(nights):
        put(place, "night/wtmp.%d" % (2 - i) if i < 2 else "night/wtmp", part)
        put(place, "night/other%d" % i, event((T + 40000 * i), host="x", user="x%d" % i))
    wanted = size("--json", "--routes", "all", put(place, "nights", b"".join(nights)))
    night = sorted(os.listdir(os.path.join(place, "night")))
    got = size("--json", "--routes", "all", *[os.path.join(place, "night", name) for name in night if "wtmp" in name])
    check(got == wanted and "set back" not in got[2], "log-outs of sessions that began in another file", got)
    got = size("--json", "--routes", "all", *[os.path.join(place, "night", name) for name in night])
    check(got[0] == 0 and "set back" not in got[2] and "not live" not in got[2] and json.loads(got[1])["events"] == 7,
          "and beside another host's log", got[2])
    # two logs of one host whose times overlap are no rotated set: lines of one are not those of the other
    put(place, "twin/a", login(T, "pts/0", "alice") + logout(T + 86400, "pts/0") + login(T + 90000, "pts/0", "alice"))
    put(place, "twin/b", login(T + 10, "pts/0", "bob") + logout(T + 86410, "pts/0") + login(T + 90010, "pts/0", "bob"))
    code, out, err = size("--json", "--routes", "all", os.path.join(place, "twin/a"), os.path.join(place, "twin/b"))
    check(code == 0 and json.loads(out)["peak_users"] == 2 and "another took their place" not in err,
          "logs that overlap are read beside each other", out[:200] + err)


def crowd(place):
    """More files at once than may be open."""
    paths = []
    for i in range(90):
        body = b"".join(event(T + 10 * k + i % 7, session=str(i), user="u%d" % i, host="h%d" % i,
                              event="logoff" if k == 2999 else "connect" if k == 0 else "disconnect") for k in range(3000))
        paths.append(put(place, "crowd/%d.ndjson" % i, body if i % 3 else gzip.compress(body, 1)))
    code, out, err = size("--json", *paths, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40)))
    check(code == 0 and (json.loads(out)["hosts"], json.loads(out)["peak_users"]) == (90, 90),
          "90 logs of one time with 40 descriptors", out[:200] + err)


# --- what cannot be read ------------------------------------------------------------------------------------------

def unreadable(place):
    good = put(place, "good.ndjson", event(T))
    code, out, err = size("--json", place, "/nonexistent/log", good)
    check(code == 0 and json.loads(out)["events"] == 1 and place + ": a directory, not a file" in err and
          "/nonexistent/log: No such file" in err, "the rest goes on", err)
    code, out, err = size("--json", "/nonexistent/log")
    check(code == 1 and out == "", "a file that is not there, alone", err)
    noise = bytes((i * 7919 + (i >> 3)) & 255 for i in range(100000))
    for name, content, words in (("binary", b"\x7fELF" + noise, "looks binary"), ("a letter", b"Dear Sir or Madam,\n", "is text"),
                                 ("noise", noise, "looks binary")):
        code, out, err = size("--json", put(place, "odd", content))
        check(code == 65 and out == "" and "odd: " + words in err, name, err)
        code, out, err = size("--json", good, put(place, "odd", content))
        check(code == 0 and json.loads(out)["events"] == 1 and "odd: " + words in err, name + " beside a log", err)
    code, out, err = size("--json", put(place, "mixed", event(T) + noise + b"\n" + event(T + 1, session="2")))
    check(code == 0 and json.loads(out)["events"] == 2 and "mixed:2: not JSON" in err, "binary in a log of text", err)
    code, out, err = size("--json", put(place, "half", event(T) + event(T + 1, session="2")[:-20]))
    check(code == 0 and json.loads(out)["events"] == 1 and "half:2: " in err, "half a line", err)
    code, out, err = size("--json", "--routes", "all", put(place, "torn", login(T, "pts/0", "a") + login(T, "pts/1", "b")[:200]))
    check(code == 0 and json.loads(out)["events"] == 1 and "cut off, left out: 1 (first: %s/torn: at byte 384)" % place in err,
          "half a record", err)
    code, out, err = size("--json", put(place, "empty", b""), "/nonexistent/log")
    check(code == 0 and json.loads(out)["events"] == 0, "an empty log has been read", err)
    years = [login(T, "pts/0", "a"), login(T - 9 * 31536000, "pts/1", "b"), login(T + 60, "pts/2", "c"),
             login(T + 120, "pts/3", "d")]
    code, out, err = size("--json", "--routes", "all", put(place, "clock", b"".join(years)))
    check(code == 0 and json.loads(out)["peak_users"] == 4 and len(json.loads(out)["windows"]) <= 4 and
          "clock: at byte 384" in err and "set back" in err, "a clock that runs backwards by years", out[:300] + err)
    line = "2024-05-01T%s:00Z h xrdp-sesman[%d]: pam_unix(xrdp-sesman:session): session %s for user %s\n"
    steps = [("09:00", 1, "opened", "a"), ("10:10", 2, "opened", "d"),
             ("08:10", 3, "opened", "b"), ("08:20", 4, "opened", "c"), ("08:30", 3, "closed", "b"),
             ("09:30", 1, "closed", "a"), ("09:40", 4, "closed", "c"), ("11:00", 2, "closed", "d")]
    code, out, err = size("--json=full", put(place, "stepped", "".join(line % step for step in steps).encode()))
    answer = json.loads(out)
    check(code == 0 and answer["peak_names"] == ["a", "b", "c", "d"] and "stepped:3" in err and
          answer["peak_at"] == "2024-05-01T10:10:00.000Z", "who was on when a clock was set back", out[:300] + err)


def endless(place):
    """A line of a gigabyte, in memory that a gigabyte would burst."""
    process = subprocess.Popen([FARMGATE, "size", "--json", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE,
                               preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (200 << 20, 200 << 20))
                               if not SANITIZED else None)
    process.stdin.write(event(T))
    block = b"x" * (1 << 20)
    for _ in range(1024):
        process.stdin.write(block)
    process.stdin.write(b"\n" + event(T + 1, session="2"))
    out, err = process.communicate(timeout=60)
    check(process.returncode == 0 and json.loads(out)["events"] == 2 and b"too long, left out: 1 (first: -:2: " in err,
          "a line of a gigabyte", err)
    code, out, err = size("--json", "-", text=b"x" * (3 << 20))
    check(code == 65 and "is text of no format" in err, "nothing but a long line", err)


# --- people -------------------------------------------------------------------------------------------------------

def interrupted():
    def started(**more):
        process = subprocess.Popen([FARMGATE, "size", "--json", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, **more)
        process.stdin.write(event(T) + event(T + 5, session="2", user="b"))
        process.stdin.flush()
        time.sleep(0.3)
        return process

    process = started()
    process.send_signal(signal.SIGINT)
    process.wait(timeout=20)
    out, err = process.stdout.read(), process.stderr.read()
    process.stdin.close()
    check(process.returncode == 130 and json.loads(out)["events"] == 2 and b"interrupted" in err and
          b"2026-01-01T00:00:05" in err, "Ctrl-C gives what was read so far", err)
    process = started()
    process.stdin.write(event(T + 9, session="3", user="c") * 2000)
    process.stdin.flush()
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    process.wait(timeout=20)
    out = process.stdout.read()
    process.stdin.close()
    check(process.returncode == 130 and 2 <= json.loads(out)["events"] <= 2002, "and behind the first bytes", out[:200])
    process = started()
    process.send_signal(signal.SIGSTOP)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGCONT)
    out, err = process.communicate(timeout=20)
    check(process.returncode == 130, "Ctrl-C of a stopped one", err)


def progress():
    """On a terminal a long reading shows how far it is, and leaves nothing behind."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([FARMGATE, "size", "--json", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    for i in range(30):
        process.stdin.write(event(T + i) * 600)
        process.stdin.flush()
        time.sleep(0.06)
    process.stdin.close()
    process.stdin = None
    shown = b""
    out = process.stdout.read()
    while select.select([ours], [], [], 5)[0]:
        try:
            piece = os.read(ours, 65536)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    process.wait(timeout=20)
    os.close(ours)
    check(process.returncode == 0 and json.loads(out)["events"] == 18000 and b"iB/s" in shown, "progress is shown", shown)
    check(2 <= shown.count(b"iB/s") <= 12, "at most five times a second", shown)
    last = shown.rindex(b"iB/s")
    check(shown[last:].split(b"farmgate")[0].endswith(b"\r\x1b[K"), "and erased", shown)
    _, _, err = size("-", text=event(T) * 1000)
    check("\x1b" not in err, "and not without a terminal", err)


def chosen(place):
    log = put(place, "a/wtmp", login(T, "pts/0", "alice") + login(T, "pts/1", "bob") + login(T, "pts/2", "carol") +
              record(7, T, "tty1", "dora", ""))
    code, out, err = size("--json", log)
    check(code == 0 and json.loads(out)["peak_users"] == 0 and "1 console, 3 ssh sessions (--routes all" in err,
          "what does not count is told", err)
    code, out, err = size("--json", "--routes", "all", log)
    check(code == 0 and json.loads(out)["peak_users"] == 4 and "left out, for" not in err, "--routes all", err)
    rdp = put(place, "rdp.ndjson", b"".join(event(T, session=str(i), user=name) for i, name in
                                            enumerate(("alice", "CORP\\Bob", "carol"))))
    code, out, err = size("--json", "--admins", "alice,corp\\bob", rdp)
    check(code == 0 and json.loads(out)["peak_users"] == 3, "--admins changes nothing that the log tells", err)
    with open("/etc/group", encoding="utf-8") as file:
        group = file.readline().split(":")[0]
    code, out, err = size("--json", "--routes", "all", "--admins", "@%s,bob,alice" % group, log)
    check(code == 0 and json.loads(out)["peak_users"] == 2, "--admins tells who is one where the log does not", out[:200] + err)
    for arguments, words in ((("--admins", "@no-such-group-here"), "no group"), (("--admins", "a,,b"), "no name"),
                             (("--admins", ""), "no name"), (("--year", "26"), "no year"), (("--year", "2026x"), "no year"),
                             (("--service", "sshd,,lsm"), "empty"), (("--service", ",".join("abcdefghijklmnopqrstuvwxyzABCDEFGH")),
                                                                   "too many")):
        code, out, err = size(*arguments, log)
        check(code == 64 and words in err, " ".join(arguments), err)


with tempfile.TemporaryDirectory() as PLACE:
    compressed(PLACE)
    named(os.path.join(PLACE, "named"))
    rotated(PLACE)
    crowd(PLACE)
    unreadable(PLACE)
    endless(PLACE)
    interrupted()
    progress()
    chosen(os.path.join(PLACE, "chosen"))
print("1..%d" % tests)
sys.exit(1 if failed else 0)
