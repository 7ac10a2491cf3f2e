#!/usr/bin/env python3
"""Figures of a farm of many hosts over a real etcd, each beside a bound or a goal in the same run.

    bench_farm.py BUILD [--long] [--hosts N] [--members N] [--live N] [--tls] [--only PART]

    log-ons    of all hosts at 10,000 a minute: from the offer to when the host knows that the farm has it; beside one client
               of etcd alone that puts plain keys at the same rate (ratio of medians, and of etcd's processor)
    race       every host logs on and off as fast as the farm takes it; beside plain puts over the same connections (ratio)
    gates      from the first to the last of all hosts' gates told of another verdict, and from the administrator's request
    idle       what the hosts cost etcd and the leader when nothing happens
    take-over  kill -9 of the leader with N connections live; a second agent stands by (goal: counts within 15 s at 100,000,
               the lease's 15 s not counted), while gates are asked all the time (goal: no refusal)

500 hosts are one process (bench_hosts) with the agent's own parts and a journal in memory; the leader, the one that stands by
and one that follows are real agents with real stores. The default takes less than three minutes; --long is 10,000 log-ons in
a minute and take-over with 10,000 and 100,000. --members 3 is a cluster of three; --tls has
certificates on both sides, as a farm ought to. Everything shares this machine's cores.
BUILD should be a release build without sanitizers; etcd is the one in PATH.
"""
import argparse
import os
import queue
import re
import resource
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "daemon"))
from bench_agent import private_mib  # noqa: E402
from bench_cloud import cpu_s  # noqa: E402
from etcd_cluster import Certificates  # noqa: E402
from farm_hosts import Farm, part  # noqa: E402
from harness import Authority, Place, UnixConnection, wait_until  # noqa: E402

LEASE_S = 15
RATE = 10000 / 60
NOTES_MAX = 10
AGENTS = ("leader1", "leader2", "gate1")


def status_mib(pid, name):
    with open("/proc/%d/status" % pid, encoding="ascii") as file:
        return int(re.search(r"^%s:\s+(\d+) kB" % name, file.read(), re.M).group(1)) / 1024


class SecureFarm(Farm):
    """With certificates on both sides, for the agents and for bench_hosts."""

    def __init__(self, *words, **rest):
        self.certificates = Certificates()
        super().__init__(*words, tls=(self.certificates, "member"), **rest)

    def __exit__(self, *_):
        super().__exit__(*_)
        self.certificates.remove()

    def files(self):
        return [self.certificates.path(name) for name in ("ca.pem", "agent.pem", "agent.key")]

    def group(self, *words, **rest):
        return super().group(*words, **rest) + 'ca = "%s"; certificate = "%s"; key = "%s";' % tuple(self.files())

    def environment(self):
        return dict(zip(("ETCD_CA", "ETCD_CERTIFICATE", "ETCD_KEY"), self.files()))


class Hosts:
    """bench_hosts; what it says by itself stays in `told`."""

    def __init__(self, build, farm, count, place):
        self.errors = open(place.join("hosts.log"), "wb")
        self.process = subprocess.Popen([os.path.join(build, "tests", "bench", "bench_hosts"), farm.name, farm.secret, str(count),
                                         *farm.cluster.urls], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
                                        env=dict(os.environ, **getattr(farm, "environment", dict)()), text=True, bufsize=1)
        self.lines, self.notes = {}, 0
        self.lock = threading.Lock()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            words = line.split()
            self.notes += words[0] == "note"
            if words[0] == "note" and self.notes <= NOTES_MAX:
                print("# " + line.strip(), flush=True)
            self.queue(words[0]).put(words[1:])

    def queue(self, word):
        with self.lock:
            return self.lines.setdefault(word, queue.Queue())

    def said(self, word, seconds=120):
        words = self.queue(word).get(timeout=seconds)
        return {name: int(value) for name, value in (pair.split("=") for pair in words)} if "=" in words[0] else words

    def ask(self, line, seconds=300):
        self.process.stdin.write(line + "\n")
        return self.said(line.split()[0], seconds)

    def forget(self, word):
        while not self.queue(word).empty():
            self.queue(word).get()

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.errors.close()


class Cost:
    """Processor of etcd (all members) and of the leader, as shares of one core, from here to `end`."""

    def __init__(self, farm, leader):
        self.pids = ([member.process.pid for member in farm.cluster.members], [leader.process.pid])
        self.began, self.before = time.monotonic(), [sum(map(cpu_s, pids)) for pids in self.pids]

    def end(self):
        taken = time.monotonic() - self.began
        return [100 * (sum(map(cpu_s, pids)) - before) / taken for pids, before in zip(self.pids, self.before)]

    def memory(self):
        """RSS and private MiB of the largest member, and of the leader."""
        return [max((status_mib(pid, "VmRSS"), private_mib(pid)[0]) for pid in pids) for pids in self.pids]


class Asking(threading.Thread):
    """Asks one agent's gate all the time."""

    def __init__(self, agent):
        super().__init__(daemon=True)
        self.agent, self.over = agent, False
        self.taken, self.refused, self.failed = [], 0, 0

    def run(self):
        connection = UnixConnection(self.agent.socket, timeout=60)
        while not self.over:
            began = time.monotonic()
            try:
                connection.request("GET", "/v1/gate?user=somebody")
                answer = connection.getresponse()
                answer.read()
                self.refused += answer.status != 204
            except OSError:
                self.failed += 1
                connection.close()
            self.taken.append(time.monotonic() - began)
            time.sleep(0.005)
        connection.close()

    def end(self):
        self.over = True
        self.join()
        self.taken.sort()
        return "%s: %d asked, %d refused, %d failed, p99 %.1f ms, max %.0f ms" % (
            self.agent_name(), len(self.taken), self.refused, self.failed, 1000 * self.taken[len(self.taken) * 99 // 100],
            1000 * self.taken[-1])

    def agent_name(self):
        return os.path.basename(self.agent.state)


def ms(answer, name):
    return answer[name] / 1000


def say(what, text):
    print("%-10s %s" % (what, text), flush=True)


class Bench:
    def __init__(self, options, place, farm, authority):
        self.options, self.place, self.farm, self.authority = options, place, farm, authority
        for name in AGENTS:
            farm.host(name)
        self.leader = farm.hosts[farm.leader()]
        answer = self.leader.activate(authority.new_key(1000000))
        assert answer.status == 200, answer
        self.hosts = None

    def run(self):
        long, only = self.options.long, self.options.only
        for name, part_of, measure in (("idle", self.idle, 60 if long else 15), ("log-ons", self.log_ons, 60 if long else 15),
                                       ("race", self.race, 10 if long else 4), ("gates", self.gates, 10 if long else 3)):
            if only in (None, name):
                part_of(measure)
        for live in self.options.live or ([10000, 100000] if long else [10000]):
            if only in (None, "take-over"):
                self.take_over(live)

    def log_ons(self, seconds):
        hosts, count = self.hosts, round(RATE * seconds)
        plain, plain_cost = [], []
        for turn in range(3):
            cost = Cost(self.farm, self.leader)
            if turn == 1:
                hosts.ask("count")
                farm = hosts.ask("on %d %g" % (count, seconds))
                farm_cost, memory = cost.end(), cost.memory()
                verdicts = hosts.ask("count")["verdicts"]
            else:
                plain.append(hosts.ask("plain %d %g" % (round(RATE), seconds / 2)))
                plain_cost.append(cost.end()[0])
        p50, p99 = (sum(ms(one, name) for one in plain) / 2 for name in ("p50", "p99"))
        say("log-ons", "%d in %.0f s: commit p50 %.1f ms, p99 %.1f, max %.0f; plain puts p50 %.1f, p99 %.1f; ratio %.1f" % (
            count, farm["us"] / 1e6, ms(farm, "p50"), ms(farm, "p99"), ms(farm, "max"), p50, p99, ms(farm, "p50") / p50))
        plain_cost = sum(plain_cost) / 2
        say("", "processor: etcd %.0f %% of a core, leader %.0f %%; etcd with plain puts and idle hosts %.0f %%" % (
            *farm_cost, plain_cost))
        say("", "memory: etcd %.0f MiB RSS (%.0f private), leader %.0f (%.0f); revisions %d, verdicts to each gate %.1f" % (
            *memory[0], *memory[1], farm["revisions"], verdicts / self.options.hosts))

    def race(self, seconds):
        results = [(self.hosts.ask("%s %d" % (word, seconds))) for word in ("crowd", "race", "crowd")]
        rates = [one["count"] / (one["us"] / 1e6) for one in results]
        plain = (rates[0] + rates[2]) / 2
        began = time.monotonic()
        users = self.hosts.ask("count")["sessions"]
        caught_up = wait_until(lambda: self.leader.status()["concurrent_users"] == users, 60, 0.05)
        say("race", "%.0f transactions/s, p50 %.0f ms, p99 %.0f; plain puts %.0f/s; ratio %.2f; leader %s" % (
            rates[1], ms(results[1], "p50"), ms(results[1], "p99"), plain, rates[1] / plain,
            "caught up within %.1f s" % (time.monotonic() - began) if caught_up else "NOT caught up after 60 s"))

    def gates(self, times):
        """Released and activated again."""
        spread, whole = [], []
        for _ in range(times):
            for act in (lambda: self.leader.call("DELETE", "/v1/activation"),
                        lambda: self.leader.activate(self.authority.new_key(1000000))):
                self.hosts.forget("told")
                began = time.monotonic()
                answer = act()
                assert answer.status in (200, 204), answer
                _, first, last = self.hosts.said("told", 30)
                spread.append((int(last) - int(first)) / 1000)
                whole.append(int(last) / 1000 - began * 1000)
        say("gates", "%d moves: first to last of %d gates p50 %.0f ms, max %.0f; from the request p50 %.0f ms, max %.0f" % (
            len(whole), self.options.hosts, sorted(spread)[len(spread) // 2], max(spread), sorted(whole)[len(whole) // 2],
            max(whole)) + "     goal <= 1000")

    def idle(self, seconds):
        time.sleep(5)
        cost = Cost(self.farm, self.leader)
        before = self.hosts.ask("count")
        time.sleep(seconds)
        etcd, leader = cost.end()
        memory = cost.memory()
        verdicts = self.hosts.ask("count")["verdicts"]
        say("idle", "%d hosts, %d connections, %.0f s: etcd %.1f %% of a core, leader %.2f %%; etcd %.0f MiB RSS (%.0f private), "
            "leader %.0f (%.0f); verdicts to each gate %.1f" % (self.options.hosts, before["sessions"], seconds, etcd, leader,
                                                               *memory[0], *memory[1], verdicts / self.options.hosts))

    def fill(self, live):
        more = live - self.hosts.ask("count")["sessions"]
        if more > 0:
            answer = self.hosts.ask("fill %d" % more)
            began = time.monotonic()
            assert wait_until(lambda: self.leader.status()["concurrent_users"] == live, 120, 0.1), self.leader.status()
            say("fill", "%d connections more in %.1f s; the leader had them %.1f s later" % (
                more, answer["us"] / 1e6, time.monotonic() - began))

    def take_over(self, live):
        self.fill(live)
        time.sleep(12)  # a checkpoint stands behind them
        old = next(name for name in AGENTS if self.farm.hosts[name] is self.leader)
        others = [name for name in AGENTS if name != old]
        before = {name: cpu_s(self.farm.hosts[name].process.pid) for name in others}
        self.hosts.forget("leader")
        self.hosts.ask("count")
        asking = [Asking(self.farm.hosts[name]) for name in others]
        for one in asking:
            one.start()
        began = time.monotonic()
        self.leader.kill()
        gone = new = None
        while new is None:
            what, at = self.hosts.said("leader", 60)
            gone, new = (int(at) / 1e6, new) if what == "gone" else (gone, int(at) / 1e6)
        name = next(filter(None, iter(lambda: next((one for one in others if part(self.farm.hosts[one]) == "leads"), None), 0)))
        counts = time.monotonic()
        self.leader = self.farm.hosts[name]
        users = self.leader.status()["concurrent_users"]
        pid = self.leader.process.pid
        cpu = cpu_s(pid) - before[name]
        lag = wait_until(lambda: self.leader.get("/v1/farm").json().get("lag") in (0, None), 30, 0.05)
        count = self.hosts.ask("count")
        say("take-over", "%d live: counts %.1f s after kill -9, of them lease %.1f, election %.1f, loading %.1f; net of the lease "
            "%.1f s     goal <= 15" % (live, counts - began, gone - began, new - gone, counts - new, counts - gone))
        say("", "it counts %d users; processor %.1f s; memory now %.0f MiB RSS, peak %.0f%s" % (
            users, cpu, status_mib(pid, "VmRSS"), status_mib(pid, "VmHWM"), "" if lag else "; LAGS"))
        time.sleep(1)
        for one in asking:
            say("", "gate of %s (%s)" % (one.end(), "leads now" if one.agent is self.leader else "follows"))
        say("", "of %d followers' gates open: %d" % (self.options.hosts, count["open"]))
        assert users == live, users
        self.farm.hosts[old].start()


def etcd_version():
    return subprocess.run(["etcd", "--version"], capture_output=True, text=True, check=True).stdout.split()[2]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--hosts", type=int, default=500)
    parser.add_argument("--members", type=int, default=1)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--live", type=int, action="append")
    parser.add_argument("--only", choices=["idle", "log-ons", "race", "gates", "take-over"])
    options = parser.parse_args()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    # as packaging/etcd sets it up, not as tests want it
    etcd = ["--experimental-watch-progress-notify-interval", "3s", "--heartbeat-interval", "100", "--election-timeout", "1000",
            "--quota-backend-bytes", str(4 << 30), "--snapshot-count", "10000"]
    with Place() as place:
        authority = Authority(place, options.build).start()
        kind = SecureFarm if options.tls else Farm
        with kind(place, options.build, options.members, authority, lost_after="5min", lease=LEASE_S, options=etcd) as farm:
            say("farm", "%d hosts, etcd %s, members: %d%s, load before: %.1f" % (
                options.hosts, etcd_version(), options.members, ", TLS" if options.tls else "", os.getloadavg()[0]))
            bench = Bench(options, place, farm, authority)
            began = time.monotonic()
            bench.hosts = hosts = Hosts(options.build, farm, options.hosts, place)
            try:
                hosts.said("joined")
                say("joined", "%d hosts in %.1f s" % (options.hosts, time.monotonic() - began))
                bench.run()
                say("notes", "of the hosts: %d" % hosts.notes)
            finally:
                hosts.stop()


if __name__ == "__main__":
    main()
