#!/usr/bin/env python3
"""A farm of three hosts and three members of etcd, each in a network namespace of its own, with wires that are cut: a host's, the
leader's, a member's, everybody's, and in one direction only. Brokers are answered throughout; healed, count, windows and peak are
those of what the brokers were answered, or a gap is told; nobody leads beside another, and no gate opens that the farm closed.

    test_farm_network.py BUILD [--seed N]
"""
import base64
import json
import os
import random
import subprocess
import sys
import threading
import time

from farm_net import Cluster, Network, lacking, open_door
from harness import Agent, Authority, Place, Tap, wait_until
from years import FAKETIME, WINDOW, ms, wall_clock_ahead

BUILD = os.path.abspath(sys.argv[1])
SEED = int(sys.argv[sys.argv.index("--seed") + 1]) if "--seed" in sys.argv else 20260601
SECRET = base64.urlsafe_b64encode(bytes([8] + [0] * 31)).rstrip(b"=").decode()  # as farm_leader has it, which shows history
NAMES = ["rds1", "rds2", "rds3"]
LEASE_S, LOST_AFTER_S = 2, 10
SESSIONS, USERS = 4, 9
BEFORE_WINDOW_MS = 15_000  # so long after the start of licence time a window ends
NEAR_MS = 1_000            # of a window's end nothing is done
ANSWER_S = 5               # a broker waits no longer
SWALLOWED_S = 4            # a change that went to a member that does not answer is with the farm
DEAF_S = 16                # a leader whose member falls silent takes 8 s for a watch that is broken, and loads anew
GATE_MS = 1_000            # of the verdict every gate has moved
GROUP = """mode = "etcd"; name = "farm"; endpoints = (%s); secret_file = "%s"; ca = "%s"; certificate = "%s"; key = "%s";
 lease_ttl = "%ds"; host_lost_after = "%ds"; any_etcd_version = true;"""


class Oracle:
    """What follows from what brokers were answered. A change of a host that is cut off counts when the farm hears of it."""

    def __init__(self):
        self.on = {}       # (host, session) -> user, as the farm knows
        self.held = {name: [] for name in NAMES}
        self.levels = []   # (instant, least, most): the highest number of users then

    def count(self):
        return len(set(self.on.values()))

    def step(self, host, session, user):
        if user:
            self.on[host, session] = user
        else:
            self.on.pop((host, session), None)

    def apply(self, at_ms, host, session, user):
        self.step(host, session, user)
        self.levels.append((at_ms, self.count(), self.count()))

    def merge(self, at_ms):
        """All that was held back, each host's in its order, the hosts' in any."""
        queues = [(host, queue) for host, queue in self.held.items() if queue]
        best = {}
        shape = [len(queue) + 1 for _, queue in queues]
        for place in sorted(all_places(shape), key=sum):
            users = dict(self.on)
            for (host, queue), done in zip(queues, place):
                for session, user in queue[:done]:
                    users[host, session] = user
            level = len({user for user in users.values() if user})
            before = [best[place[:i] + (place[i] - 1,) + place[i + 1:]] for i in range(len(place)) if place[i] > 0]
            best[place] = (max([level] + [min(low for low, _ in before)] if before else [level]),
                           max([level] + [high for _, high in before]))
        for host, queue in queues:
            for session, user in queue:
                self.step(host, session, user)
            self.held[host] = []
        if queues:
            self.levels.append((at_ms, *best[tuple(size - 1 for size in shape)]))
            self.levels.append((at_ms, self.count(), self.count()))

    def window(self, start, end):
        """The least and the most that its peak may be, and the users at its end."""
        carried = [level for level in self.levels if level[0] < start][-1:]
        inside = [level for level in self.levels if start <= level[0] < end]
        first = [carried[0][1:]] if carried else [(0, 0)]
        peaks = first + [level[1:] for level in inside]
        last = (inside or [(0, *first[0])])[-1]
        return max(low for low, _ in peaks), max(high for _, high in peaks), last[1]

    def may_be_at(self, start, end, users, at_ms):
        """Whether so many may have been on first at that instant of the window."""
        carried = [level for level in self.levels if level[0] < start][-1:]
        first = ([(start, *carried[0][1:])] if carried else []) + [level for level in self.levels if start <= level[0] < end]
        sure = next((at for at, low, _ in first if low >= users), end)
        return any(high >= users and at <= sure and at - NEAR_MS <= at_ms <= at + ANSWER_S * 1000 for at, _, high in first)


def all_places(shape):
    if not shape:
        return [()]
    return [(i,) + rest for i in range(shape[0]) for rest in all_places(shape[1:])]


class Monitor(threading.Thread):
    """Looks at every host all the time: who says that it leads, and how its gate stands."""

    def __init__(self, farm):
        super().__init__(daemon=True)
        self.farm = farm
        self.closed = set()  # hosts whose gate must be closed; of the others it must be open
        self.uncertain = True
        self.wrong_gates, self.two_lead, self.looks = [], [], 0
        self.over = False

    def run(self):
        while not self.over:
            leads = [name for name in NAMES if self.farm.part(name) == "leads"]
            if len(leads) > 1 and all(self.farm.part(name) == "leads" for name in leads):
                self.two_lead.append((time.time(), leads))
            for name in NAMES:
                uncertain, wanted = self.uncertain, name in self.closed
                found = self.farm.is_closed(name)
                if not uncertain and not self.uncertain and found != wanted and wanted == (name in self.closed):
                    self.wrong_gates.append((name, "closed" if found else "open", time.time()))
            self.looks += 1
            time.sleep(0.1)


class Farm:
    def __init__(self, tap, place):
        self.tap, self.place = tap, place
        self.network = Network()
        self.cluster = Cluster(place, self.network, "farm")
        self.authority = Authority(place, BUILD)
        self.chance = random.Random(SEED)
        self.oracle = Oracle()
        self.hosts, self.on = {}, {}
        self.ahead_ms = 0
        self.slowest_s, self.asked = 0, 0
        self.slow_ms = NEAR_MS  # a change is with the farm after so long
        self.cut_off = set()
        self.key = None

    # --- as they are made ---
    def start(self):
        self.cluster.start()
        now = int(time.time() * 1000)
        self.ahead_ms = (-now - BEFORE_WINDOW_MS) % WINDOW
        self.authority.env.update(wall_clock_ahead(self.ahead_ms))
        self.authority.start()
        self.key = self.authority.new_key(100)
        secret = self.place.write("farm.secret", SECRET + "\n")
        os.chmod(secret, 0o600)
        files = [self.cluster.host_file(name) for name in ("ca.crt", "host.crt", "host.key")]
        group = GROUP % (", ".join('"%s"' % url for url in self.cluster.urls), secret, *files, LEASE_S, LOST_AFTER_S)
        for name in NAMES:
            space = self.network.join(name)
            open_door(space, self.authority.port)
            agent = Agent(self.place, BUILD, self.authority, name=name, host=name, farm=group)
            agent.command = space.words(*agent.command)
            self.hosts[name] = agent.start()
        answer = self.hosts[self.leader()].activate(self.key)
        if answer.status != 200:
            raise RuntimeError(repr(answer))

    # --- how it stands ---
    def status(self, name):
        return self.hosts[name].status()

    def part(self, name):
        return self.status(name)["farm"]["part"]

    def is_closed(self, name):
        return os.path.exists(os.path.join(self.hosts[name].run_directory, "nologin"))

    def leader(self, among=None, seconds=15):
        def look():
            return next((name for name in among or NAMES if self.part(name) == "leads"), None)
        found = wait_until(look, seconds, 0.05)
        if found is None:
            raise RuntimeError("nobody leads:\n" + "\n".join(agent.log()[-2000:] for agent in self.hosts.values()))
        return found

    def followers(self):
        leader = self.leader()
        return [name for name in NAMES if name != leader]

    def licence_ms(self):
        return int(time.time() * 1000) + self.ahead_ms

    def to_window_ms(self):
        return WINDOW - self.licence_ms() % WINDOW

    def keep_away(self, ms_before=NEAR_MS):
        """A step that falls on a window's end would belong to either."""
        left_ms = self.to_window_ms()
        if left_ms < ms_before or left_ms > WINDOW - NEAR_MS:
            time.sleep(((left_ms if left_ms < ms_before else left_ms - WINDOW) + NEAR_MS) / 1000)

    def waiting(self, name):
        return self.status(name)["farm"]["waiting"]

    # --- what brokers say ---
    def ask(self, name, session, user):
        begun = time.monotonic()
        agent = self.hosts[name]
        answer = agent.put(name, session, user) if user else agent.end(name, session)
        self.asked += 1
        self.slowest_s = max(self.slowest_s, time.monotonic() - begun)
        if answer.status != 204:
            raise RuntimeError("%s: %r" % (name, answer))

    def change(self, name, session, user):
        """`user` None: the session ends. The farm has heard of it on return, if the host is not cut off."""
        self.keep_away(self.slow_ms)
        at_ms = self.licence_ms()
        self.ask(name, session, user)
        self.on[name, session] = user
        if name in self.cut_off:
            self.oracle.held[name].append((session, user))
            return
        if not wait_until(lambda: self.waiting(name) == 0, 12, 0.01):
            raise RuntimeError("%s: a change does not reach the farm\n%s" % (name, self.status(name)["farm"]))
        self.oracle.apply(at_ms, name, session, user)

    def any_change(self, name):
        session = "s%d" % self.chance.randrange(SESSIONS)
        user = None if self.on.get((name, session)) else "user%d" % self.chance.randrange(USERS)
        self.change(name, session, user)

    def changes(self, count, among=NAMES):
        for _ in range(count):
            self.any_change(self.chance.choice(among))

    # --- what happens to wires ---
    def cut(self, *names, **ways):
        self.keep_away()
        self.network.cut(*names, **ways)
        self.cut_off |= set(names) & set(NAMES)

    def heal(self, name):
        """All wires are whole again, and everything is with the farm."""
        self.keep_away(6_000)
        self.network.heal()
        began = time.monotonic()
        at_ms = self.licence_ms()

        def together():
            parts = [self.part(host) for host in NAMES]
            return sorted(parts) == ["follows", "follows", "leads"] and not any(self.waiting(host) for host in NAMES)
        self.tap.ok(wait_until(together, 20, 0.05), "%s, healed: one leads, two follow, nothing waits" % name,
                    [self.status(host)["farm"] for host in NAMES])
        print("# after %.1f s" % (time.monotonic() - began), flush=True)
        self.cut_off.clear()
        self.oracle.merge(at_ms)
        self.expect(name)

    def expect(self, name, seconds=8):
        leader = self.leader()
        wanted = self.oracle.count()
        wait_until(lambda: self.status(leader)["concurrent_users"] == wanted, seconds, 0.05)
        self.tap.equal(self.status(leader)["concurrent_users"], wanted, "%s: the count is what brokers were answered" % name)

    def becomes(self, name, part, seconds=6):
        return wait_until(lambda: self.part(name) == part, seconds, 0.05)

    def events(self, name, code):
        body = self.hosts[name].get("/v1/events?after=0&follow=false").body.decode()
        every = [json.loads(line[6:]) for line in body.splitlines() if line.startswith("data: ")]
        return [event for event in every if event["code"] == code]


def host_cut_off(tap, farm):
    leader, name = farm.leader(), farm.followers()[0]
    farm.cut(name)
    farm.changes(6)
    tap.ok(farm.becomes(name, "cut_off"), "a host is cut off, and says so", farm.status(name)["farm"])
    farm.changes(6)
    tap.equal(farm.part(leader), "leads", "who led leads on")
    farm.heal("a host cut off")


def answers_lost(tap, farm):
    """A change arrives, and the host never hears so."""
    name = farm.followers()[1]
    leader = farm.leader()
    farm.change(name, "s0", "user1")
    farm.keep_away(4_000)
    at_ms = farm.licence_ms()
    farm.network.cut(name, ways=("to",))
    before = farm.oracle.count()
    farm.ask(name, "lost", "somebody")
    arrived = wait_until(lambda: farm.status(leader)["concurrent_users"] == before + 1, 3, 0.02)
    tap.ok(arrived and farm.waiting(name) == 1, "answers lost: the farm counts what the host holds to be untold",
           (arrived, farm.waiting(name)))
    farm.oracle.apply(at_ms, name, "lost", "somebody")
    farm.cut_off.add(name)
    farm.change(name, "s1", None if farm.on.get((name, "s1")) else "user2")
    tap.ok(farm.becomes(name, "cut_off"), "it holds itself to be cut off", farm.status(name)["farm"])
    farm.change(name, "lost", None)
    farm.heal("answers lost")


def requests_lost(tap, farm):
    name = farm.followers()[0]
    farm.cut(name, ways=("from",))
    farm.changes(5)
    tap.ok(farm.becomes(name, "cut_off"), "requests lost: it is cut off", farm.status(name)["farm"])
    farm.changes(3, [name])
    farm.heal("requests lost")


def leader_gone(tap, farm, name, **ways):
    """Another one leads; who led does so no more, and says so before."""
    led = farm.leader()
    others = farm.followers()
    farm.cut(led, **ways)
    farm.changes(3, others)
    began = time.monotonic()
    tap.ok(farm.becomes(led, "cut_off"), "%s: it leads no more" % name, farm.status(led)["farm"])
    leads = farm.leader(others)
    print("# another one after %.1f s" % (time.monotonic() - began), flush=True)
    farm.changes(4, others)
    farm.changes(2, [led])
    farm.expect(name)
    farm.heal(name)
    tap.equal(farm.leader(), leads, "%s: the new one leads on" % name)


def leader_cut_off(tap, farm):
    """Over the end of a window, when the time is right for that."""
    left_ms = farm.to_window_ms()
    if left_ms < BEFORE_WINDOW_MS:
        farm.changes(3)
        time.sleep(max(0, farm.to_window_ms() - NEAR_MS - 1_500) / 1000)
    leader_gone(tap, farm, "the leader cut off")


def member_cut_off(tap, farm):
    leader = farm.leader()
    asked = farm.hosts[leader].get("/v1/farm").json()["endpoint"]
    member = next(name for name in farm.cluster.names if farm.cluster.url(name) == asked)
    farm.slow_ms = 12_000
    farm.cut(member)
    slowest_s = 0
    for name in NAMES:
        begun = time.monotonic()
        farm.any_change(name)
        slowest_s = max(slowest_s, time.monotonic() - begun)
    print("# %s cut off" % member, flush=True)
    tap.ok(slowest_s < SWALLOWED_S, "a member that swallows what it is asked is left for another (%.1f s)" % slowest_s)
    farm.leader()
    farm.expect("a member cut off, the one that was asked", DEAF_S)
    farm.heal("a member cut off")
    farm.keep_away(4_000)
    farm.network.pull(member)
    farm.changes(4)
    farm.network.plug(member)
    farm.slow_ms = NEAR_MS
    farm.expect("a member whose plug is pulled")


def all_cut_off(tap, farm):
    farm.cut(*NAMES, *farm.cluster.names)
    farm.changes(4)
    tap.ok(all(farm.becomes(name, "cut_off") for name in NAMES), "everything cut off: nobody leads, every host says so",
           [farm.status(name)["farm"] for name in NAMES])
    farm.changes(5)
    farm.heal("everything cut off")


def closing(tap, farm, monitor):
    """The verdict closes while a host is cut off, for so long that it is given up."""
    leader = farm.leader()
    away = farm.followers()[0]
    near = [name for name in NAMES if name != away]
    farm.change(away, "s0", "traveller")
    farm.cut(away)
    begun = time.monotonic()
    tap.ok(farm.becomes(away, "cut_off"), "a host cut off for long")
    farm.changes(2, [away])
    monitor.uncertain = True
    farm.authority.run("farm", "deactivate", farm.status(leader)["farm_id"])
    asked = time.monotonic()
    farm.hosts[leader].call("POST", "/v1/report")
    closed = wait_until(lambda: all(farm.is_closed(name) for name in near), 10, 0.005)
    took_ms = (time.monotonic() - asked) * 1000
    monitor.closed = set(near)
    monitor.uncertain = False
    tap.ok(closed and took_ms < GATE_MS, "deactivated, those that the farm reaches are closed at once (%d ms)" % took_ms)
    tap.ok(not farm.is_closed(away), "the one that is away has the last verdict that it heard")
    there = len({user for (host, _), user in farm.oracle.on.items() if host != away})
    tap.ok(wait_until(lambda: farm.status(leader)["concurrent_users"] == there, LOST_AFTER_S + LEASE_S + 4, 0.1),
           "it is given up, and its users do not count", (farm.status(leader)["concurrent_users"], there))
    print("# after %.1f s" % (time.monotonic() - begun), flush=True)
    farm.oracle.levels.append((farm.licence_ms(), there, there))
    farm.changes(2, [away])
    monitor.uncertain = True
    farm.heal("a host given up")
    tap.ok(wait_until(lambda: farm.is_closed(away), 5), "back, it is closed")
    monitor.closed = set(NAMES)
    monitor.uncertain = False


def late(tap, farm):
    """What was told so late is said, and noted as a gap."""
    name = farm.chance.choice(farm.followers())
    leader = farm.leader()
    wait_until(lambda: farm.status(leader)["farm"]["gaps"], 5)
    tap.ok(farm.status(leader)["farm"]["gaps"] >= 1, "the span is a gap in what is known", farm.status(leader)["farm"])
    for host in NAMES:
        farm.any_change(host)
    tap.ok(wait_until(lambda: any(farm.events(host, "farm_history_late") for host in NAMES), 12, 0.2), "and said", name)


def closed_stays_closed(tap, farm, monitor):
    """Whoever leads, and whether anybody does."""
    leader_gone(tap, farm, "the leader cut off with its requests lost, and closed", ways=("from",))
    leader_gone(tap, farm, "the leader cut off with its answers lost, and closed", ways=("to",))
    tap.equal([farm.is_closed(name) for name in NAMES], [True] * 3, "all gates are closed still")
    monitor.uncertain = True
    farm.hosts[farm.leader()].activate(farm.key)
    asked = time.monotonic()
    opened = wait_until(lambda: not any(farm.is_closed(name) for name in NAMES), 10, 0.005)
    monitor.closed = set()
    monitor.uncertain = False
    took_ms = (time.monotonic() - asked) * 1000
    tap.ok(opened and took_ms < GATE_MS, "activated again, all open at once (%d ms)" % took_ms)


def windows(tap, farm):
    leader = farm.leader()
    told = farm.hosts[leader].get("/v1/windows").json()["windows"]
    wrong = []
    for one in told:
        span = (ms(one["start"]), ms(one["end"]) if one["end"] else 1 << 62)
        low, high, last = farm.oracle.window(*span)
        right = low <= one["peak_users"] <= high and one["users_at_end"] == last
        if not right or not farm.oracle.may_be_at(*span, one["peak_users"], ms(one["peak_at"])):
            wrong.append((one, low, high, last))
    print("# windows: %s" % [(one["start"], one["peak_users"], one["users_at_end"], one["state"]) for one in told], flush=True)
    tap.ok(not wrong and told, "every window, its peak and the peak's instant are what brokers were answered", wrong)
    low, high, _ = farm.oracle.window(0, 1 << 62)
    ever = farm.status(leader)["peak_ever"]["users"]
    tap.ok(low <= ever <= high, "so is the peak", (low, ever, high))
    wait_until(lambda: {farm.status(name)["concurrent_users"] for name in NAMES} == {farm.oracle.count()}, 12, 0.2)
    tap.equal([farm.status(name)["concurrent_users"] for name in NAMES], [farm.oracle.count()] * 3, "every host says one count")


def history(tap, farm):
    """In the store's own order: whoever wrote a checkpoint led then. A number that was asked for in vain is not given again."""
    files = [farm.cluster.host_file(name) for name in ("ca.crt", "host.crt", "host.key")]
    environment = dict(os.environ, **dict(zip(("ETCD_CA", "ETCD_CERTIFICATE", "ETCD_KEY"), files)))
    done = subprocess.run(farm.network.spaces["rds1"].words(os.path.join(BUILD, "tests/daemon/farm_leader"), "history", "looker",
                                                           "0", "1", *farm.cluster.urls), env=environment, timeout=60,
                          capture_output=True, text=True, check=False)
    leads, wrong, numbers, leaderships = "nobody", [], [], 0
    for words in (line.split(" ") for line in done.stdout.splitlines()):
        if words[0] == "leader":
            leaderships += words[2] != "nobody"
            leads = words[2]
        elif words[0] == "checkpoint":
            numbers.append(int(words[words.index("number") + 1]))
            if words[words.index("by") + 1] != leads:
                wrong.append((words, leads))
    print("# %d leaderships, %d checkpoints" % (leaderships, len(numbers)), flush=True)
    tap.ok(numbers and not wrong, "no checkpoint is of a host that did not lead", wrong or done.stdout[-2000:])
    tap.equal(numbers, sorted(set(numbers)), "numbers only grow")
    tap.ok(leaderships >= 4, "leadership moved", leaderships)


def run(tap, farm):
    farm.start()
    monitor = Monitor(farm)
    wait_until(lambda: not any(farm.is_closed(name) for name in NAMES), 5)
    monitor.uncertain = False
    monitor.start()
    begun = time.monotonic()

    def stage(part, *rest):
        part(tap, farm, *rest)
        print("# %s: %.0f s" % (part.__name__, time.monotonic() - begun), flush=True)
    farm.changes(10)
    farm.expect("nothing cut")
    stage(host_cut_off)
    stage(leader_cut_off)
    stage(answers_lost)
    stage(requests_lost)
    stage(member_cut_off)
    stage(all_cut_off)
    stage(closing, monitor)
    stage(late)
    stage(closed_stays_closed, monitor)
    monitor.over = True
    monitor.join(5)
    stage(windows)
    stage(history)
    print("# %d questions of brokers, the slowest took %.2f s; %d looks" % (farm.asked, farm.slowest_s, monitor.looks), flush=True)
    tap.ok(farm.slowest_s < ANSWER_S, "brokers were answered throughout", farm.slowest_s)
    tap.equal(monitor.two_lead, [], "never did two say that they lead")
    tap.equal(monitor.wrong_gates, [], "no gate moved but by the verdict")


def main():
    tap = Tap()
    reason = lacking() or ("" if os.path.exists(FAKETIME) else "libfaketime missing")
    if reason:
        tap.skip("a farm's network", reason)
        tap.done()
    print("# seed %d" % SEED)
    with Place() as place:
        farm = Farm(tap, place)
        try:
            run(tap, farm)
        except Exception as error:
            tap.ok(False, "no step broke off", "%r\n%s" % (error, "\n".join(
                name + "\n" + agent.log()[-3000:] for name, agent in farm.hosts.items())))
            raise
    tap.done()


if __name__ == "__main__":
    main()
