#!/usr/bin/env python3
"""System calls that fail: the agent lives a short life (start, changes, a report, a reload, the end) again and again, and each time one
call fails at its k-th time with an error that its manual page lists. Whatever comes, the agent never crashes or hangs, its exit code is
a documented one, and the next start finds the licence and every change that was acknowledged.

    test_faults.py BUILD [--long] [--seed N] [CALL...]

A sample by default (its seed is printed), all of them with --long or LONG=--long in the environment."""
import collections
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

from harness import Agent, Authority, Place, Tap, wait_until

BUILD = sys.argv[1]
LONG = "--long" in sys.argv or bool(os.environ.get("LONG"))
SEED = int(sys.argv[sys.argv.index("--seed") + 1]) if "--seed" in sys.argv else 20260101
BUDGET_S = None if LONG else 45
HANG_S = 5
EXITS = (0, 1, 75, 78)
tap = Tap()

ERRORS = {
    "openat": ("EMFILE", "EACCES", "EIO"),
    "read": ("EIO", "EINTR"),
    "pread64": ("EIO",),
    "write": ("EIO", "ENOSPC"),
    "writev": ("ECONNRESET",),
    "pwrite64": ("ENOSPC", "EIO"),
    "fdatasync": ("EIO",),
    "fsync": ("EIO",),
    "rename": ("EIO", "ENOSPC"),
    "ftruncate": ("EIO",),
    "unlink": ("EIO",),
    "fcntl": ("ENOLCK",),
    "newfstatat": ("EIO",),
    "lseek": ("EINVAL",),
    "mkdir": ("ENOSPC",),
    "chmod": ("EPERM",),
    "fchmod": ("EPERM",),
    "socket": ("EMFILE",),
    "bind": ("EADDRINUSE",),
    "listen": ("EADDRINUSE",),
    "connect": ("ECONNREFUSED", "ENETUNREACH"),
    "accept4": ("EMFILE", "ECONNABORTED", "ENOMEM"),
    "getsockname": ("ENOBUFS",),
    "getsockopt": ("ENOBUFS",),
    "setsockopt": ("ENOBUFS",),
    "sendto": ("ECONNRESET",),
    "recvfrom": ("ECONNRESET",),
    "shutdown": ("ENOTCONN",),
    "epoll_create1": ("EMFILE",),
    "epoll_ctl": ("ENOMEM",),
    "epoll_pwait": ("EINTR",),
    "epoll_wait": ("EINTR",),
    "eventfd2": ("EMFILE",),
    "pipe2": ("EMFILE",),
    "mmap": ("ENOMEM",),
    "clone3": ("EAGAIN",),
    "getrandom": ("EINTR",),
    "sysinfo": ("EFAULT",),
}
# libuv gives up where these fail: an abort, and the service manager starts the agent again.
ABORTS = ("epoll_ctl", "epoll_create1", "eventfd2", "pipe2", "clone3", "read", "write", "mmap", "openat", "fcntl")


class Life:
    """One agent with the same state before every life."""

    def __init__(self, place):
        self.place = place
        self.authority = Authority(place, BUILD).start()
        self.agent = Agent(place, BUILD, self.authority)
        self.plain = self.agent.command
        self.agent.start()
        self.agent.activate(self.authority.new_key(50))
        self.agent.put("h1", "old", "olga")
        self.agent.stop()
        self.kept = place.join("kept")
        shutil.copytree(self.agent.state, self.kept)
        self.trace = place.join("trace")

    def reset(self):
        shutil.rmtree(self.agent.state)
        shutil.copytree(self.kept, self.agent.state)
        for name in os.listdir(self.agent.run_directory):
            os.unlink(os.path.join(self.agent.run_directory, name))
        self.agent.forget_log()

    def under(self, *words):
        """-D: the agent stays our child, and its exit code its own."""
        self.agent.command = ["strace", "-D", "-f", "-qq", *words, *self.plain]

    def live(self):
        """(acknowledged users, complaint or None)"""
        agent = self.agent
        acknowledged = ["olga"]
        agent.start(wait=False)
        if not wait_until(lambda: agent.ready() or not agent.alive(), HANG_S, 0.01):
            return acknowledged, "not ready after %d s" % HANG_S
        for number in range(3):
            if self.ask(lambda user="user%d" % number: agent.put("h1", user, user).status == 204):
                acknowledged.append("user%d" % number)
        self.ask(lambda: agent.call("POST", "/v1/report", timeout=HANG_S))
        if agent.alive():
            agent.process.send_signal(signal.SIGHUP)
        self.ask(lambda: agent.get("/v1/gate?user=olga", timeout=HANG_S))
        if self.ask(lambda: agent.put("h1", "late", "lara").status == 204):
            acknowledged.append("lara")
        if not agent.alive():
            return acknowledged, None
        agent.process.send_signal(signal.SIGTERM)
        try:
            agent.process.wait(HANG_S)
        except subprocess.TimeoutExpired:
            return acknowledged, "hangs at its end"
        return acknowledged, None

    @staticmethod
    def ask(question):
        try:
            return question()
        except TimeoutError:
            raise
        except Exception:  # pylint: disable=broad-except
            return None  # refused, reset, cut: the fault's due

    def again(self, acknowledged):
        """What is wrong with the next start, without faults; None if nothing."""
        agent = self.agent
        agent.command = self.plain
        agent.start(wait=False)
        if not wait_until(lambda: agent.ready() or not agent.alive(), HANG_S, 0.01) or not agent.alive():
            return "the next start fails"
        status = agent.status()
        users = {each["user"] for each in agent.get("/v1/connections").json()["connections"]}
        missing = set(acknowledged) - users
        code = agent.stop()
        if missing:
            return "acknowledged and lost: %s" % ", ".join(sorted(missing))
        if not status["verdict"]["open"]:
            return "the licence is lost: %s" % status["verdict"]["reason"]
        return None if code == 0 else "the next end has exit code %s" % code

    def hit_a_pipe(self):
        """Whether the fault struck the pipes or event counters by which libuv's threads and signals wake its loop. Those cannot fail
        so in life, and libuv does not expect it."""
        time.sleep(0.1)  # the tracer writes on
        with open(self.trace, encoding="utf-8", errors="replace") as file:
            struck = [line for line in file if "(INJECTED)" in line]
        return any("<pipe:" in line or "<anon_inode:[eventfd]>" in line for line in struck)

    def fault(self, call, error, when):
        """What is wrong with a life in which that call fails; None if nothing."""
        self.reset()
        self.under("-y", "-o", self.trace, "-e", "trace=" + call, "-e", "inject=%s:error=%s:when=%d" % (call, error, when))
        try:
            acknowledged, complaint = self.live()
        except TimeoutError:
            acknowledged, complaint = [], "an answer is not given in %d s" % HANG_S
        code = self.agent.process.poll()
        if code is None:
            self.agent.kill()
        log = self.agent.log()
        if complaint is None and code not in EXITS and not (code == -signal.SIGABRT and call in ABORTS):
            complaint = "exit code %s" % code
        if complaint and self.hit_a_pipe():
            complaint = None
        if complaint is None:
            complaint = self.again(acknowledged)
        return complaint and "%s\n%s" % (complaint, log)


def count_calls(life):
    """How often each call is made past main: in the main thread past what the loader makes, in any other thread from its first on."""
    calls = ",".join(ERRORS)
    known = subprocess.run(["strace", "-o", "/dev/null", "-e", "trace=?" + calls.replace(",", ",?"), "true"], check=False).returncode == 0
    filter_of = "trace=?" + calls.replace(",", ",?") if known else "trace=" + calls
    loader = subprocess.run(["strace", "-o", life.trace, "-e", filter_of, life.agent.binary, "--version"], stdout=subprocess.DEVNULL, check=False)
    if loader.returncode != 0:
        return None
    with open(life.trace, encoding="utf-8", errors="replace") as file:
        before = collections.Counter(re.findall(r"^(\w+)\(", file.read(), re.M))
    life.reset()
    life.under("-o", life.trace, "-e", filter_of)
    acknowledged, complaint = life.live()
    if complaint or len(acknowledged) != 5:
        raise RuntimeError("a life without faults: %s, %s" % (complaint, acknowledged))
    time.sleep(0.2)  # the tracer writes on
    made = collections.defaultdict(collections.Counter)
    main = None
    with open(life.trace, encoding="utf-8", errors="replace") as file:
        for line in file:
            found = re.match(r"(\d+) +(\w+)\(", line)
            if found:
                main = main or found.group(1)
                made[found.group(1)][found.group(2)] += 1
    spans = {}
    for call in ERRORS:
        most = max((counter[call] for thread, counter in made.items() if thread != main), default=0)
        first = 1 if most and call != "openat" else before[call] + 1
        first = max(first, before[call] + 1)
        spans[call] = (first, max(made[main][call], most))
    return spans


def main():
    chosen = [word for word in sys.argv[2:] if word in ERRORS]
    if not shutil.which("strace"):
        tap.skip("faults", "strace is missing")
        tap.done()
    with Place() as place:
        life = Life(place)
        spans = count_calls(life)
        if spans is None:
            tap.skip("faults", "nothing can be traced here")
            tap.done()
        cases = [(call, error, when) for call, errors in ERRORS.items() if not chosen or call in chosen for error in errors
                 for when in range(spans[call][0], spans[call][1] + 1)]
        print("# seed %d: %d faults in all" % (SEED, len(cases)), flush=True)
        random.Random(SEED).shuffle(cases)
        if not LONG and not chosen:  # of every call something, first
            seen = collections.Counter()
            order = []
            for case in cases:
                order.append((seen[case[0]], len(order), case))
                seen[case[0]] += 1
            cases = [case for _, _, case in sorted(order)]
        end = time.monotonic() + BUDGET_S if BUDGET_S and not chosen else None
        ran = collections.Counter()
        wrong = collections.defaultdict(list)
        for call, error, when in cases:
            if end and time.monotonic() > end:
                break
            complaint = life.fault(call, error, when)
            ran[call] += 1
            if complaint:
                wrong[call].append("%s:error=%s:when=%d: %s" % (call, error, when, complaint))
                print("# " + wrong[call][-1].replace("\n", "\n#   "), flush=True)
        for call in ERRORS:
            if ran[call]:
                tap.ok(not wrong[call], "%s fails %d times, and nothing is lost" % (call, ran[call]), "\n".join(wrong[call]))
        tap.ok(sum(ran.values()) >= min(40, len(cases)), "%d of %d faults were made" % (sum(ran.values()), len(cases)))
    tap.done()


if __name__ == "__main__":
    main()
