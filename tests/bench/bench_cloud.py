#!/usr/bin/env python3
"""Figures of the authority under the reports of many farms, beside SQLite alone.

    bench_cloud.py BUILD [SECONDS] [--farms N] [--clients N] [--rounds N] [--windows N] [--days N] [--keep DIRECTORY]

    reports  sent by clients that keep their connections and wait for each answer, every one durable (WAL,
             synchronous=FULL) before its signed answer, on the cores that the clients use too (goal: >= 3000/s)
    memory   of the authority after that: what it wrote, and with the clean pages of files nobody else maps (goal: <= 128 MiB)
    bound    SQLite alone writing the same rows of the same ledger, as many in a transaction (goal: reports >= 0.7 x bound)

The ledger: every farm with a subscription and a key of its own and a full history (216 windows, 400 days), about 8 GiB for a
million. --keep fills DIRECTORY once and uses it again. BUILD should be a release build without sanitizers.
"""
import argparse
import os
import re
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "daemon"))
from bench_agent import private_mib  # noqa: E402
from harness import Authority, Place  # noqa: E402

WINDOW_MS = 1200000
PASSES_MAX = 60  # windows more than a day ahead are refused


def cpu_s(pid):
    with open("/proc/%d/stat" % pid, encoding="ascii") as file:
        return sum(int(word) for word in file.read().rsplit(")", 1)[1].split()[11:13]) / os.sysconf("SC_CLK_TCK")


class Ledger:
    """The ledger, and how many reports were sent: each farm sends its next window when all the others have."""

    def __init__(self, place, build, options):
        self.program = os.path.join(build, "tests", "bench", "bench_reports")
        self.farms, self.next = options.farms, 0
        self.directory = options.keep or place.join("ledger")
        self.now_ms = int(time.time()) * 1000 // WINDOW_MS * WINDOW_MS
        self.history = [str(options.windows), str(options.days)]
        os.makedirs(self.directory, exist_ok=True)
        mark = os.path.join(self.directory, "bench")
        if os.path.exists(mark):
            with open(mark, encoding="ascii") as file:
                self.now_ms, self.next = (int(word) for word in file.read().split())
        else:
            self.run("fill", self.directory)
        self.mark = mark

    def run(self, what, *words):
        return subprocess.run([self.program, what, str(self.farms), *self.history, str(self.now_ms), *words],
                              stdout=subprocess.PIPE, text=True, check=True).stdout.split()

    def used(self, count):
        self.next += count
        if self.next > PASSES_MAX * self.farms:
            raise RuntimeError("the farms have reported a day ahead: fill another ledger")
        with open(self.mark, "w", encoding="ascii") as file:
            file.write("%d %d" % (self.now_ms, self.next))

    def reports(self, place, build, seconds, clients):
        """reports/s, p50 and p99 in ms, MiB, reports in a transaction, CPU us a report of the authority and of the clients"""
        authority = Authority(place, build, state=self.directory, settings="clients_max = %d;" % (clients + 8))
        began = time.monotonic()
        authority.start(seconds=600)  # a whole ledger is checked first
        self.start_s = time.monotonic() - began
        before = cpu_s(authority.process.pid)
        count, taken, p50, p99, _, clients_cpu = self.run("drive", str(self.next), str(seconds), str(authority.port), str(clients),
                                             authority.public_key())
        cpu = cpu_s(authority.process.pid) - before
        memory = private_mib(authority.process.pid)
        authority.stop()
        jobs, commits = re.findall(r"(\d+) calls in (\d+) transactions", authority.log())[-1]
        self.used(int(count) + clients)
        return (int(count) / float(taken), int(p50) / 1000, int(p99) / 1000, memory, int(jobs) / int(commits),
                cpu / int(count) * 1e6, float(clients_cpu) / int(count) * 1e6)

    def bound(self, seconds, batch):
        """rows/s, CPU us a row"""
        count, taken, cpu = self.run("bound", str(self.next), str(seconds), self.directory, str(batch))
        self.used(int(count))
        return int(count) / float(taken), float(cpu) / int(count) * 1e6


def read_options():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("seconds", nargs="?", type=float, default=5)
    for name, value in (("farms", 1000000), ("clients", 128), ("rounds", 3), ("windows", 216), ("days", 400)):
        parser.add_argument("--" + name, type=int, default=value)
    parser.add_argument("--keep")
    return parser.parse_args()


def main():
    options = read_options()
    with Place() as place:
        began = time.monotonic()
        ledger = Ledger(place, options.build, options)
        print("ledger  %d farms, %.1f GiB, ready after %.0f s" % (
            options.farms, os.path.getsize(os.path.join(ledger.directory, "ledger.db")) / 2**30, time.monotonic() - began))
        ours, bounds = [], []
        for _ in range(options.rounds):
            ours.append(ledger.reports(place, options.build, options.seconds, options.clients))
            bounds.append(ledger.bound(options.seconds, round(ours[-1][4])))
        rate, p50, p99, _, batch, cpu, clients_cpu = (
            statistics.median(round_[at] if at != 3 else 0 for round_ in ours) for at in range(7))
        bound, bound_cpu = (statistics.median(round_[at] for round_ in bounds) for at in (0, 1))
        ratio = statistics.median(a[0] / b[0] for a, b in zip(ours, bounds))
        print("reports %6.0f /s from %d clients, p50 %.1f ms, p99 %.1f ms, %.0f in a transaction     goal >= 3000" % (
            rate, options.clients, p50, p99, batch))
        print("bound   %6.0f /s: SQLite alone with the same rows in the same transactions; ratio %.2f     goal >= 0.7" % (
            bound, ratio))
        print("cpu     %6.0f us a report in the authority, %.0f in the clients; %.0f a row in SQLite alone" % (
            cpu, clients_cpu, bound_cpu))
        print("start   %6.1f s, with a check of the whole ledger" % ledger.start_s)
        print("memory  %6.1f MiB private (%.1f with clean pages nobody else maps)     goal <= 128" % max(
            round_[3] for round_ in ours))


if __name__ == "__main__":
    main()
