#!/usr/bin/env python3
"""farmgate size on wtmp files, window by window against what follows from the listing that util-linux' last makes of the
same files. The listing is read here once more, by other rules than the reader's, so that both would have to err alike.

What farmgate size makes of the listings themselves must be the same as well.

    test_size_last.py FARMGATE
"""
import calendar
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

from wtmp_logs import Machine, RECORD

FARMGATE = sys.argv[1]
WINDOW = 1200
DATE = rb"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}"
LINE = re.compile(rb"^(.*?) (" + DATE + rb")(?: - (" + DATE + rb")| - (crash|down)|   (still logged in|gone - no logout|"
                  rb"still running))?\s*(?:\((-?\d+\+)?(-?\d+):(\d\d)\))?$")
tests = 0
failed = False


def check(good, name, note=""):
    global tests, failed
    tests += 1
    failed = failed or not good
    print("%sok %d - %s" % ("" if good else "not ", tests, name))
    if not good and note:
        print("\n".join("# " + line for line in str(note)[:2000].splitlines()))


def seconds(date):
    return calendar.timegm(time.strptime(date.decode(), "%a %b %d %H:%M:%S %Y"))


def sessions_of_listing(listing):
    """(user, begin, end or None) of all sessions; the listing begins with the newest."""
    sessions = []
    down_at = None
    for text in listing.split(b"\n\n")[0].split(b"\n"):  # without "wtmp begins …"
        match = LINE.match(text)
        if match is None:
            raise ValueError("not understood: %r" % text)
        who, begin, end, down, _, days, hours, minutes = match.groups()
        user = who.split()[0]
        line = who[max(8, len(user)) + 1:][:12].strip()
        begin = seconds(begin)
        if (user, line) in ((b"reboot", b"system boot"), (b"shutdown", b"system down")) or line in (
                b"(to lvl 0)", b"(to lvl 6)"):
            down_at = begin
        elif not line.startswith((b"(to lvl", b"old time", b"new time")):
            end = down_at if down else seconds(end) if end else None
            if down and end >= begin:
                told = int(days[:-1] if days else 0) * 1440 + int(hours) * 60 + int(minutes)
                if told != (end - begin) // 60:
                    raise ValueError("%r does not last until %d" % (text, end))
            sessions.append((user, begin, None if end is None else max(begin, end)))
    return sessions


def peaks_of_sessions(sessions):
    """The peak of every window in which something happens; the others carry their level on."""
    changes = {}
    for user, begin, end in sessions:
        # at one instant ends come before beginnings, but for a session that ends as it begins
        changes.setdefault(begin, ([], [], []))[1].append(user)
        if end is not None:
            changes.setdefault(end, ([], [], []))[2 if end == begin else 0].append(user)
    live, peaks, level = {}, {}, 0
    for at in sorted(changes):
        window = at // WINDOW
        before = level
        for users, change in zip(changes[at], (-1, 1, -1)):
            for user in users:
                live[user] = live.get(user, 0) + change
                if live[user] == 0:
                    del live[user]
            level = len(live)
            peaks[window] = max(peaks.get(window, before), level)
    return peaks


def farmgate(*files):
    run = subprocess.run([FARMGATE, "size", "--routes", "all", "--json", *files], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, timeout=60, check=False, env={**os.environ, "TZ": "UTC0"})
    if run.returncode != 0:
        raise ValueError("exit %d: %s" % (run.returncode, run.stderr.decode()))
    return json.loads(run.stdout)


def listing_of(path, *arguments):
    return subprocess.run(["last", "-w", *arguments, "-f", path], stdout=subprocess.PIPE, timeout=60, check=True,
                          env={**os.environ, "TZ": "UTC0", "LC_ALL": "C.UTF-8"}).stdout


def compare_listing(name, path, answer, *arguments):
    """Without -x some shutdowns have no line; what they ended is known to the minute, which may be another window's."""
    with open(path + ".txt", "wb") as file:
        file.write(listing_of(path, *arguments))
    other = farmgate(path + ".txt")
    wrong = ["%s: %d, by the listing %d" % (one["start"], one["peak_users"], two["peak_users"])
             for one, two in zip(answer["windows"], other["windows"]) if one != two]
    check(len(wrong) <= (0 if "-x" in arguments else 3) and len(answer["windows"]) == len(other["windows"]),
          "%s: read from its listing it is the same (%s)" % (name, " ".join(arguments)), "\n".join(wrong))
    os.remove(path + ".txt")


def compare(name, wtmp, directory):
    path = os.path.join(directory, "wtmp")
    with open(path, "wb") as file:
        file.write(wtmp)
    listing = listing_of(path, "-F", "-x")
    sessions = sessions_of_listing(listing)
    peaks = peaks_of_sessions(sessions)
    answer = farmgate(path)
    wrong = []
    for window in answer["windows"]:
        start = calendar.timegm(time.strptime(window["start"], "%Y-%m-%dT%H:%M:%S.000Z")) // WINDOW
        if start in peaks and peaks[start] != window["peak_users"]:
            wrong.append("%s: %d, by last %d" % (window["start"], window["peak_users"], peaks[start]))
    check(len(sessions) > 1000, "%s has sessions" % name, len(sessions))
    check(not wrong, "%s: every window's peak is that of last's listing" % name, "\n".join(wrong))
    check(set(peaks) <= {calendar.timegm(time.strptime(w["start"], "%Y-%m-%dT%H:%M:%S.000Z")) // WINDOW
                         for w in answer["windows"]}, "%s: no window is missing" % name)
    check(answer["peak_users"] == max(peaks.values()), "%s: the peak is last's" % name)
    check(answer["users"] == len({user for user, _, _ in sessions}), "%s: the users are last's" % name)
    compare_listing(name, path, answer, "-F", "-x")
    compare_listing(name, path, answer, "-F")
    compare_listing(name, path, answer, "--time-format", "iso", "-x")
    return answer


def rotated(wtmp, directory, whole):
    half = len(wtmp) // RECORD.size // 2 * RECORD.size
    for name, part in (("wtmp.1", wtmp[:half]), ("wtmp", wtmp[half:])):
        with open(os.path.join(directory, name), "wb") as file:
            file.write(part)
    check(farmgate(os.path.join(directory, "wtmp"), os.path.join(directory, "wtmp.1")) == whole,
          "a rotated set is read as if it were one file")


def main():
    if shutil.which("last") is None:
        print("1..0 # SKIP no last (package util-linux)")
        return 0
    machines = {
        "an hour ahead": (Machine(1), 30, 300),
        "two hours ahead": (Machine(2, ahead=7200), 20, 400),
        "few lines": (Machine(3, lines=8), 30, 200),
        "an hour behind": (Machine(4, ahead=-3600), 20, 300),
        "a crowd": (Machine(5, users=400, lines=600), 5, 2000),
    }
    with tempfile.TemporaryDirectory() as directory:
        for name, (machine, days, sessions) in machines.items():
            wtmp = machine.live(days, sessions)
            answer = compare(name, wtmp, directory)
            if name == "an hour ahead":
                rotated(wtmp, directory, answer)
    print("1..%d" % tests)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
