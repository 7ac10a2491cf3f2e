#!/usr/bin/env python3
"""What farmgate size prints: a small office's two weeks as text, ASCII, JSON, CSV and a page.

    test_size_answers.py FARMGATE DIRECTORY [--write]

DIRECTORY holds what is expected; --write renews it, to be read before it is committed.
"""
import csv
import fcntl
import io
import json
import os
import pty
import re
import stat
import struct
import subprocess
import sys
import tempfile
import termios
from html.parser import HTMLParser
from xml.etree import ElementTree

FARMGATE, EXPECTED = sys.argv[1], sys.argv[2]
WRITE = "--write" in sys.argv
MONDAY_MS = 1767571200000  # 2026-01-05T00:00:00Z
HOUR_MS = 3600000
HOSTILE = "</title><script>alert(1)</script>&\"'"
VOID = {"meta", "br"}
tests = 0
failed = False


def check(good, name, note=""):
    global tests, failed
    tests += 1
    failed = failed or not good
    print("%sok %d - %s" % ("" if good else "not ", tests, name))
    if not good and note:
        print("\n".join("# " + line for line in str(note)[:3000].splitlines()))


def size(*arguments, text=b"", **environment):
    run = subprocess.run([FARMGATE, "size", *arguments], input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         timeout=60, check=False, env={**os.environ, "TZ": "UTC", "LC_ALL": "C", **environment})
    return run.returncode, run.stdout.decode(), run.stderr.decode()


def event(day, hour, what, user, route="rdp", admin=False):
    line = {"ts": MONDAY_MS + int((day * 24 + hour) * HOUR_MS), "event": what, "host": "ts1", "session": user}
    if what == "connect":
        line.update(user=user, admin=admin, kind="desktop", route=route)
    return json.dumps(line)


def office():
    """Two weeks of ann and bob, who leaves his session disconnected over lunch; a visitor with an odd name on the
    first Thursday; an administrator every morning; one session by ssh."""
    lines = []
    for day in (0, 1, 2, 3, 4, 7, 8, 9, 10, 11):
        lines += [event(day, 7, "connect", "root", admin=True), event(day, 8, "connect", "ann"),
                  event(day, 8.5, "connect", "CORP\\Bob"), event(day, 9, "logoff", "root")]
        if day == 3:
            lines += [event(day, 10, "connect", HOSTILE), event(day, 11.25, "logoff", HOSTILE)]
        lines += [event(day, 12, "disconnect", "CORP\\Bob")]
        if day == 4:
            lines += [event(day, 12.1, "connect", "eve", "ssh"), event(day, 12.2, "logoff", "eve")]
        lines += [event(day, 15, "connect", "CORP\\Bob"), event(day, 16, "logoff", "CORP\\Bob"),
                  event(day, 17, "logoff", "ann")]
    return ("\n".join(lines) + "\n").encode()


def expect(name, got):
    path = os.path.join(EXPECTED, name)
    if WRITE:
        with open(path, "w", encoding="utf-8") as file:
            file.write(got)
    with open(path, encoding="utf-8") as file:
        want = file.read()
    check(got == want, name, got)


def goldens():
    log = office()
    expect("utf-8.txt", size("-", text=log, LC_ALL="C.UTF-8")[1])
    expect("ascii.txt", size("-", text=log)[1])
    expect("windows.csv", "".join(size("--csv", "-", text=log)[1].splitlines(True)[:30]))
    code, out, err = size("--json=full", "-", text=log)
    full = json.loads(out)
    kept = {**full, "windows": full["windows"][:2], "week": full["week"][7:10]}
    expect("full.json", json.dumps(kept, indent=1) + "\n")
    plain = json.loads(size("--json", "-", text=log)[1])
    check(code == 0 and {key: full[key] for key in plain} == plain, "--json=full begins as --json does", err)
    rows = list(csv.DictReader(io.StringIO(size("--csv", "-", text=log)[1])))
    check([(row["start"], int(row["peak_users"])) for row in rows] ==
          [(window["start"], window["peak_users"]) for window in full["windows"]], "--csv has the same windows")
    lines = size("-", text=log)[1].splitlines()
    check(all(len(line) <= 80 and line.isascii() for line in lines), "80 columns of ASCII", lines)


def limits():
    log = office()
    def told(limit):
        out = size("--limit", limit, "-", text=log)[1]
        return next((line for line in out.splitlines() if line.startswith("%8s  " % limit)), out), out
    for limit, words in (("0", "too few 10 times"), ("2", "too few once, for 1 h 15 min in all"), ("3", "never too few"),
                         ("70", "never too few")):
        line, out = told(limit)
        check(words in line and "- the number that was asked for" in out, "--limit " + limit, line)
    for wrong in ("", "x", "-1", "4000001", "99999999999999999999"):
        code, out, err = size("--limit", wrong, "-", text=log)
        check(code == 64 and out == "" and "--limit" in err, "--limit '%s'" % wrong, err)
    page = Page(page_of("--limit", "70", text=log))
    check("the number that was asked for" in page.words and not page.wrong, "a page with a limit above the peak")


def small_numbers():
    """One desktop, a peak that the log ends with, one that is over at once."""
    def told(*rows):
        text = "ts,event,user\n" + "".join("%d,%s,%s\n" % (MONDAY_MS + at, what, user) for at, what, user in rows)
        return " ".join(size("-", text=text.encode())[1].split()), Page(page_of(text=text.encode())).words

    out, page = told((0, "connect", "ann"), (HOUR_MS, "logoff", "ann"))
    check("of 1 desktop the log does not tell whether its user is one; it counts." in out, "one desktop", out)
    check("Of 1 desktop the log does not tell whether its user is an administrator; it counts." in page, "and on a page")
    out, page = told((0, "connect", "ann"), (HOUR_MS, "connect", "bob"))
    check("of 2 desktops the log does not tell whether their user is one; they count." in out, "two desktops", out)
    check("1 would have been too few for no longer than an instant, the log's last;" in out, "a peak at the end", out)
    check("too few once, for an instant" in out, "too few at the end", out)
    check("With 1, more users would have been on for no longer than an instant." in page, "a peak at the end of a page")
    moments = [(at, what, "bob") for at in (0, HOUR_MS) for what in ("connect", "logoff")]
    out, _ = told((0, "connect", "ann"), *moments, (2 * HOUR_MS, "logoff", "ann"))
    check("1 would have been too few for no longer than an instant;" in out, "peaks that are over at once", out)
    check("too few 2 times, for an instant each" in out, "each of them", out)


def forms():
    for arguments in (["--json", "--csv"], ["--json", "--json=full"], ["--html", "-", "--json"], ["--csv", "--html", "-"]):
        code, out, err = size(*arguments, "-", text=office())
        check(code == 64 and out == "" and "only one of" in err, " ".join(arguments), err)


def zones():
    log = office()
    def days(*arguments, **environment):
        full = json.loads(size("--json=full", *arguments, "-", text=log, **environment)[1])
        return full["time_zone"], full["days"][0]["date"], full["days"][-1]["date"], full["days"][3]["peak_at"]
    check(days(TZ="UTC") == ("UTC", "2026-01-05", "2026-01-16", "2026-01-08T10:00:00.000Z"), "days of UTC")
    check(days(TZ="XST+10")[:3] == ("XST", "2026-01-04", "2026-01-16"), "days of TZ", days(TZ="XST+10"))
    check(days("--utc", TZ="XST+10") == days(TZ="UTC"), "--utc")
    out = size("-", text=log, TZ="XST-5:45")[1]
    year = "\n".join(event(day, 8, what, "a") for day in (0, 100, 200) for what in ("connect", "logoff")).encode()
    full = json.loads(size("--json=full", "-", text=year, TZ="MEZ-1MESZ,M3.5.0,M10.5.0/3")[1])
    busy = [(hour["day"], hour["hour"]) for hour in full["week"] if hour["peak_users"]]
    check(full["time_zone"] == "MEZ/MESZ" and busy == [("Mon", 9), ("Wed", 10), ("Fri", 10)], "clocks that are changed",
          (full["time_zone"], busy))
    check("Thu 8 January 2026, 15:45:00" in out and "all times are XST" in " ".join(out.split()), "local times", out)


def on_terminal(columns, log):
    """The output on a terminal so wide."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    environment = {**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8", "NO_COLOR": "1"}
    with tempfile.NamedTemporaryFile() as file:
        file.write(log)
        file.flush()
        process = subprocess.Popen([FARMGATE, "size", file.name], stdout=slave, stderr=subprocess.DEVNULL,
                                   env=environment)
        os.close(slave)
        out = b""
        while True:
            try:
                piece = os.read(master, 65536)
            except OSError:
                break
            if not piece:
                break
            out += piece
        process.wait()
    os.close(master)
    return out.decode().replace("\r\n", "\n").splitlines()


def terminals():
    for columns in (50, 65, 66, 80, 200):
        lines = on_terminal(columns, office())
        widest = max(lines, key=len)
        check(len(lines) > 40 and len(widest) <= columns, "a terminal of %d columns" % columns, widest)


class Page(HTMLParser):
    """Tags that are balanced, and what a page holds."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.attributes, self.words, self.wrong = [], [], [], "", []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        self.words += data


def page_of(*arguments, text):
    code, out, err = size("--html", "-", *arguments, "-", text=text)
    check(code == 0 and err.count("\n") <= 1, "a page", err)
    return out


def pages():
    text = page_of(text=office())
    page = Page(text)
    check(not page.wrong and not page.open, "tags are balanced", page.wrong or page.open)
    check("script" not in page.tags and HOSTILE in page.words, "a name with tags stays a name")
    outside = [value for name, value in page.attributes
               if name in ("src", "href") or (value and re.search(r"url\(|https?:|^on", value))]
    check(not outside and "@import" not in text and "url(" not in text, "nothing from elsewhere", outside)
    check(not [name for name, _ in page.attributes if name.startswith("on")], "nothing that runs")
    pictures = re.findall(r"<svg.*?</svg>", text, re.S)
    check(len(pictures) == 4, "four pictures")
    for picture in pictures:
        root = ElementTree.fromstring(picture)
        names = root.get("aria-labelledby").split()
        told = [child for child in root if child.get("id") in names and child.text]
        check(root.get("role") == "img" and len(told) == 2, "a picture has title and description: " + told[0].text)
    check(text.count("<rect class=\"hour\"") == 168, "every hour of the week")
    check("Buy 3 licences, and nobody is ever turned away." in page.words, "what to buy")
    check("1 by ssh" in page.words, "what was left out")
    empty = Page(page_of(text=b""))
    check("no events" in empty.words and not empty.wrong, "a page of nothing")
    one = Page(page_of(text=event(0, 0, "connect", "a").encode()))
    check("Buy 1 licence," in one.words and not one.wrong, "a page of an instant")
    nobody = Page(page_of(text=event(0, 0, "logoff", "a").encode()))
    check("Nobody was ever on" in nobody.words and "Buy" not in nobody.words and not nobody.wrong,
          "a page of nobody")
    ssh = "\n".join([event(0, 0, "connect", "a", route="ssh"), event(0, 1, "logoff", "a")])
    left_out = Page(page_of(text=ssh.encode()))
    check("consumes a licence. Left out were sessions whose route does not count: 1 by ssh." in left_out.words,
          "a page of whom no route counts")
    years = "\n".join(event(day, 8, what, "a") for day in range(0, 4000, 3) for what in ("connect", "logoff"))
    check("Every week" not in page_of(text=years.encode()) and "Every month" in page_of(text=years.encode()),
          "years are drawn by month")


def files():
    log = office()
    with tempfile.TemporaryDirectory() as place:
        path = os.path.join(place, "page.html")
        os.umask(0o027)
        code, out, err = size("--html", path, "-", text=log)
        check(code == 0 and out.startswith("licences needed   3") and "left out" in err, "the page and the text", err)
        check(stat.S_IMODE(os.stat(path).st_mode) == 0o640 and os.listdir(place) == ["page.html"], "its mode")
        with open(path, encoding="utf-8") as file:
            first = file.read()
        code, out, err = size("--html", path, "--json", "-", text=log)
        with open(path, encoding="utf-8") as file:
            check(code == 0 and json.loads(out)["peak_users"] == 3 and file.read() == first, "again, beside JSON", err)
        os.symlink("page.html", os.path.join(place, "link"))
        for wrong in (place, os.path.join(place, "link"), "/dev/null"):
            code, out, err = size("--html", wrong, "-", text=log)
            check(code == 1 and out == "" and "is no regular file" in err, "not written over: " + wrong[:9], err)
        code, out, err = size("--html", os.path.join(place, "none", "page"), "-", text=log)
        check(code == 1 and out == "" and "none/page" in err, "a directory that is not there", err)


goldens()
terminals()
limits()
small_numbers()
forms()
zones()
pages()
files()
print("1..%d" % tests)
sys.exit(1 if failed else 0)
