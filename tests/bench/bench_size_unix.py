#!/usr/bin/env python3
"""What reading logs costs: farmgate size beside the simplest programs that read the same files. CPU seconds (user and
system, the least of RUNS runs), made anew each time from fixed seeds.

    bench_size_unix.py BUILD_DIRECTORY

wtmp: 500 000 records, beside `ac` (acct), which only sums, and `last` (util-linux), which sorts out what belongs together.
auth.log: a million lines, beside mawk counting the lines that have one pattern.
"""
import heapq
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time

RUNS = 3
RECORDS = 500_000
LINES = 1_000_000
START = 1_700_000_000
RECORD = struct.Struct("<h2xi32s4s32s256shhiIi4i20x")


def cpu_seconds(*command):
    best = None
    for _ in range(RUNS):
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                 env={**os.environ, "TZ": "UTC0", "LC_ALL": "C"})
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            raise SystemExit("%s: exit %d" % (" ".join(command), child.returncode))
        used = usage.ru_utime + usage.ru_stime
        best = used if best is None else min(best, used)
    return best


def tell(what, seconds, units, name, beside):
    print("%-10s %7.3f s, %5.1f M %s a second" % (what, seconds, units / seconds / 1e6, name))
    for other, other_seconds, times in beside:
        print("  beside %-6s %7.3f s: it takes %5.2f of that (goal: %s)" % (other, other_seconds, seconds / other_seconds, times))


def wtmp_record(kind, line, user, host, at, pid):
    return RECORD.pack(kind, pid, line, line[-4:], user, host, 0, 0, 0, at, 0, 0, 0, 0, 0)


def write_wtmp(path, lines):
    """A busy host: somebody comes every two minutes and stays for up to ten hours."""
    rng = random.Random(1)
    free, live, at, pid, written = [b"pts/%d" % i for i in range(lines)], [], START, 1000, 1
    with open(path, "wb") as file:
        file.write(wtmp_record(2, b"~", b"reboot", b"6.1.0", at, 0))
        while written < RECORDS:
            at += rng.randrange(1, 72000 // lines)
            while live and live[0][0] <= at:
                ends, line, owner = heapq.heappop(live)
                file.write(wtmp_record(8, line, b"", b"", ends, owner))
                free.append(line)
                written += 1
            if not free:
                continue
            line, pid = free.pop(rng.randrange(len(free))), pid % 32000 + 300
            user, host = b"user%03d" % rng.randrange(400), b"10.0.%d.%d" % (rng.randrange(250), rng.randrange(250))
            file.write(wtmp_record(7, line, user, host, at, pid))
            heapq.heappush(live, (at + rng.randrange(60, 36000), line, pid))
            written += 1


def write_auth_log(path):
    """Half of it cron's, a third strangers at the door, the rest people who work."""
    rng = random.Random(2)
    at, written, number, live = START, 0, 1, []
    with open(path, "w", encoding="ascii") as file:
        def line(when, text):
            file.write(time.strftime("%b %e %H:%M:%S ts1 ", time.gmtime(when)) + text + "\n")

        while written < LINES:
            at += rng.randrange(0, 60)
            pid, user = rng.randrange(300, 4_000_000), "user%03d" % rng.randrange(400)
            while live and live[0][0] <= at:
                ends, owner, name, session = heapq.heappop(live)
                line(ends, "sshd[%d]: pam_unix(sshd:session): session closed for user %s" % (owner, name))
                line(ends, "systemd-logind[640]: Session %d logged out. Waiting for processes to exit." % session)
                line(ends, "systemd-logind[640]: Removed session %d." % session)
                written += 3
            what = rng.random()
            if what < 0.40:
                line(at, "CRON[%d]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)" % pid)
                line(at, "CRON[%d]: pam_unix(cron:session): session closed for user root" % pid)
                written += 2
            elif what < 0.90:
                line(at, "sshd[%d]: Failed password for invalid user admin from 203.0.113.%d port %d ssh2" % (
                    pid, rng.randrange(250), rng.randrange(1024, 65536)))
                line(at, "sshd[%d]: Connection closed by invalid user admin 203.0.113.7 port 4711 [preauth]" % pid)
                written += 2
            else:
                line(at, "sshd[%d]: Accepted publickey for %s from 10.0.0.7 port 50122 ssh2: ED25519 SHA256:abc" % (pid, user))
                line(at, "sshd[%d]: pam_unix(sshd:session): session opened for user %s(uid=1000) by (uid=0)" % (pid, user))
                line(at, "systemd-logind[640]: New session %d of user %s." % (number, user))
                heapq.heappush(live, (at + rng.randrange(60, 36000), pid, user, number))
                number += 1
                written += 3


def main():
    farmgate = os.path.join(sys.argv[1], "agent/ctl/farmgate")
    lacking = [name for name in ("ac", "last", "mawk") if shutil.which(name) is None]
    if lacking:
        raise SystemExit("bench_size_unix: needs %s (packages acct, util-linux, mawk)" % ", ".join(lacking))
    with tempfile.TemporaryDirectory() as directory:
        for lines in (300, 1500):
            path = os.path.join(directory, "wtmp")
            write_wtmp(path, lines)
            print("wtmp of %d records, %d lines" % (RECORDS, lines))
            tell("farmgate", cpu_seconds(farmgate, "size", "--routes", "all", path), RECORDS, "records", [
                ("ac", cpu_seconds("ac", "-f", path), "1.5"), ("last", cpu_seconds("last", "-F", "-f", path), "0.05")])
        path = os.path.join(directory, "auth.log")
        write_auth_log(path)
        print("auth.log of %d lines, %.0f MB" % (LINES, os.path.getsize(path) / 1e6))
        tell("farmgate", cpu_seconds(farmgate, "size", "--year", "2023", "--routes", "all", path), LINES, "lines", [
            ("mawk", cpu_seconds("mawk", "/session opened/ { n++ } END { print n }", path), "2")])


if __name__ == "__main__":
    main()
