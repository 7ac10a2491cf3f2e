#!/usr/bin/env python3
"""The life of a farm: real agents over a real etcd of three members, with a real authority. A host that was alone becomes the
first of three; its users go over the limit until the gates close, buy licences, lose leaders, hosts and etcd itself.
     test_farm.py BUILD"""
import json
import os
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from farm_hosts import Farm, LEASE_SECONDS, Line, machines_possible, on_machine, part, said, users  # noqa: E402
from harness import Agent, Authority, Place, Tap, request, wait_until  # noqa: E402
from years import DAY, HOUR, MINUTE, SECOND, WINDOW, boot_time_ahead, ms, phase, possible, quiet, wall_clock_ahead  # noqa: E402

BUILD = os.path.abspath(sys.argv[1])
os.environ["PATH"] = os.path.join(BUILD, "bin") + os.pathsep + os.environ["PATH"]
GENEROUS = "activations: { per_minute = 6000; burst = 6000; };"
SETTLE = SECOND
EQUAL = ("farm_id", "verdict", "limit", "concurrent_users", "users", "connections", "consuming", "exempt", "disconnected", "hosts",
         "window", "peak_today", "peak_ever", "clocks", "last_contact", "windows_queued", "report_failures", "entitlement")
tap = Tap()


def say(text, *values):
    print("# " + text % values, flush=True)


def gate(agent, user, host=None):
    """What the gate answers: "yes", or why not."""
    answer = agent.get("/v1/gate?user=%s%s" % (user, "&host=" + host if host else ""))
    return "yes" if answer.status == 204 else answer.json()["code"]


def nologin(agent):
    """None, "full" or "closed": what PAM would read."""
    try:
        with open(os.path.join(agent.run_directory, "nologin"), encoding="utf-8") as file:
            return "full" if "All licences" in file.read() else "closed"
    except FileNotFoundError:
        return None


def windows(agent):
    """The closed ones, as this host has them."""
    found = agent.get("/v1/windows?since=2020-01-01T00:00:00Z").json()["windows"]
    return [one for one in found if one["state"] != "running"]


class Hosts(Farm):
    """A farm that lives ahead of now, with its authority."""
    sessions_text = 'api_lease = "0"; '
    gate_text = 'overuse_settle = "%ds"; ' % (SETTLE // SECOND)

    def __init__(self, place, cloud, **rest):
        super().__init__(place, BUILD, 3, cloud, **rest)
        self.cloud, self.ahead_ms, self.public_key = cloud, 0, cloud.public_key()
        self.apart = machines_possible(self.machine("probe"))

    def host(self, name, **rest):
        agent = super().host(name, start=False, key=self.public_key, **rest)
        self.live(name)
        return agent.start(False)

    def ahead(self, to):
        """Whoever is started from now on lives on from this instant."""
        self.ahead_ms += to - self.now()
        self.cloud.env.update(wall_clock_ahead(self.ahead_ms))

    def live(self, name):
        """In its time, on its machine."""
        agent = self.hosts[name]
        ahead = boot_time_ahead(self.ahead_ms)
        agent.env.update(wall_clock_ahead(self.ahead_ms))
        agent.prepare = on_machine(self.machine(name), ahead) if self.apart else ahead

    def now(self):
        return int(time.time() * 1000) + self.ahead_ms

    def jump(self, to, cloud=True):
        """Every host is restarted at once and lives on from this instant, as the authority does."""
        self.stop_all()
        self.ahead(to)
        if cloud:
            self.cloud.start()
        self.start_all()

    def stop_all(self):
        self.cloud.stop()
        for agent in self.hosts.values():
            agent.process.send_signal(signal.SIGTERM)
        for agent in self.hosts.values():
            agent.stop()

    def start_all(self):
        began = time.monotonic()
        for name, agent in self.hosts.items():
            self.live(name)
            agent.start(False)
        return self.ready(began)

    def ready(self, began):
        """All of them; after how many seconds."""
        agents = self.hosts.values()
        wait_until(lambda: all(agent.ready() for agent in agents) or not all(agent.alive() for agent in agents), 20)
        if not all(agent.ready() for agent in agents):
            raise RuntimeError("not ready:\n" + "\n".join(agent.log() for agent in self.hosts.values()))
        self.leader()
        return time.monotonic() - began

    def agree(self, wanted, seconds=13):
        """Concurrent users as every host says them, once they are so many on all."""
        def told():
            return {name: users(agent) for name, agent in self.hosts.items() if agent.alive()}
        wait_until(lambda: set(told().values()) == {wanted}, seconds, 0.05)
        return told()

    def report(self):
        """By the leader: what was counted until now is in the verdict then."""
        return self.hosts[self.leader()].call("POST", "/v1/report").status

    def each(self, ask):
        return {name: ask(agent) for name, agent in self.hosts.items()}


def all_of(farm, value):
    return dict.fromkeys(farm.hosts, value)


def settled(farm, users_wanted, name):
    """A report is a checkpoint: every host has the same standing behind it."""
    tap.equal(farm.agree(users_wanted), all_of(farm, users_wanted), name)


# --- from one host to three

def alone(farm, key):
    """A host with a licence, over its limit, with windows that the authority does not have."""
    agent = Agent(farm.place, BUILD, farm.cloud, name="h1", host="h1")
    with open(agent.conf, encoding="utf-8") as file:
        text = file.read()
    farm.place.write("h1.conf", text.replace("sessions: {", "sessions: { " + farm.sessions_text).replace(
        "gate: {", "gate: { " + farm.gate_text))
    farm.hosts["h1"] = agent
    farm.live("h1")
    agent.start()
    tap.equal(agent.activate(key).status, 200, "a host alone is activated")
    for user in ("ann", "bob", "cem"):
        agent.put("h1", user, user)
    wait_until(lambda: said(agent, "overuse_grace_started"))
    farm.cloud.stop()
    start = quiet(farm.now() - farm.now() % WINDOW + 2 * WINDOW + 10 * MINUTE, [agent.status()["farm_id"]])
    agent.stop()
    farm.ahead(start)
    farm.live("h1")
    agent.start()
    return agent


def becomes_a_farm(farm, key):
    agent = alone(farm, key)
    before, history = agent.status(), windows(agent)
    agent.stop()
    began = time.monotonic()
    agent = farm.host("h1")
    farm.ready(began)
    farm.agree(3)
    after = agent.status()
    say("the first host leads its farm after %.2f s", time.monotonic() - began)
    for name in ("farm_id", "limit", "concurrent_users", "connections", "windows_queued", "peak_today", "peak_ever", "entitlement"):
        tap.equal(after[name], before[name], "moved to etcd: %s as it was" % name)
    tap.equal(after["clocks"]["overuse_grace_ends"], before["clocks"]["overuse_grace_ends"], "the grace goes on to the same instant")
    tap.ok(before["clocks"]["overuse_grace_ends"] and before["windows_queued"] >= 2, "and there was something to carry over", before)
    tap.equal(windows(agent), history, "its history is there")
    tap.equal({name: after["window"][name] for name in ("start", "peak_users", "sequence")},
              {name: before["window"][name] for name in ("start", "peak_users", "sequence")}, "the window that runs goes on")
    return after


def grows(farm, key, before, line):
    began = time.monotonic()
    farm.host("h2")
    farm.host("h3", endpoints=[line.url])
    say("two more are in it after %.2f s", farm.ready(began))
    h1, h2, h3 = (farm.hosts[name] for name in ("h1", "h2", "h3"))
    h2.put("h2", "1", "ann")
    h3.put("h3", "1", "ann")
    h3.put("h3", "2", "dora")
    settled(farm, 4, "one user on three hosts counts once, another on one of them once")
    for method, path, body in (("POST", "/v1/report", None), ("DELETE", "/v1/activation", None),
                               ("POST", "/v1/activation", {"license_key": key})):
        for agent in (h2, h3):
            answer = agent.call(method, path, body)
            tap.ok(answer.status == 409 and answer.json()["code"] == "not_leader" and answer.json()["detail"].startswith("h1 leads"),
                   "%s %s is the leader's, and a follower says whose" % (method, path), answer)
    farm.cloud.start()
    tap.equal(h1.call("POST", "/v1/report").status, 200, "the leader reports")
    wait_until(lambda: farm.each(lambda agent: agent.status()["windows_queued"]) == all_of(farm, 0), 2)
    told = farm.each(lambda agent: {name: agent.status()[name] for name in EQUAL})
    tap.ok(told["h1"] == told["h2"] == told["h3"], "status is the same on all hosts", json.dumps(told, indent=1))
    tap.equal(farm.each(lambda agent: agent.get("/v1/farm").json()["name"]), all_of(farm, "farm"), "and the farm's name")
    wait_until(lambda: farm.each(lambda agent: len(windows(agent))) == all_of(farm, len(windows(h1))), 2)
    told = farm.each(lambda agent: [(one["sequence"], one["start"], one["peak_users"]) for one in windows(agent) if one["sequence"]])
    tap.ok(told["h1"] == told["h2"] == told["h3"] and len(told["h1"]) == before["windows_queued"], "so is the history of windows", told)
    return before["farm_id"]


# --- over the limit

class Watch:
    """When each host's gate moved, in its file for PAM and in its API."""

    def __init__(self, farm, file_wanted, answer_wanted):
        self.farm, self.at = farm, {}
        self.threads = []
        for name, agent in farm.hosts.items():
            for what, ask, wanted in (("file", nologin, file_wanted), ("gate", lambda one: gate(one, "zoe"), answer_wanted)):
                thread = threading.Thread(target=self.run, args=((name, what), agent, ask, wanted), daemon=True)
                thread.start()
                self.threads.append(thread)

    def run(self, key, agent, ask, wanted):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if ask(agent) == wanted:
                self.at[key] = self.farm.now()
                return
            time.sleep(0.01)

    def after(self, event):
        """Milliseconds from this event to each move, once all have moved; None: one never did."""
        for thread in self.threads:
            thread.join()
        if len(self.at) < len(self.threads):
            return None
        return {key: at - ms(event["at"]) for key, at in sorted(self.at.items())}


def moves(farm, watch, code, name):
    leader = farm.hosts[farm.leader()]
    event = (wait_until(lambda: said(leader, code)) or [None])[-1]
    passed = watch.after(event) if event else None
    say("%s: moved after %s ms", name, sorted(passed.values()) if passed else watch.at)
    tap.ok(passed and max(passed.values()) <= 1000, "%s: file and API of every host within a second of the verdict" % name, passed)


def enforced(farm):
    """The grace is spent: holders of the whole farm come in everywhere, others nowhere."""
    ends = ms(farm.hosts["h1"].status()["clocks"]["overuse_grace_ends"])
    farm.jump(ends + 2 * MINUTE)
    tap.equal(farm.each(lambda agent: agent.status()["verdict"]["usage"]), all_of(farm, "enforced"), "7 days later the grace is spent")
    tap.equal(farm.agree(4), all_of(farm, 4), "and all that were on are, through a restart of every host at once")
    wait_until(lambda: farm.each(lambda agent: gate(agent, "zoe")) == all_of(farm, "no_license_free"))
    for user, answer in (("cem", "yes"), ("dora", "yes"), ("ann", "yes"), ("zoe", "no_license_free")):
        tap.equal(farm.each(lambda agent: gate(agent, user)), all_of(farm, answer), "licences have run out: %s is told %s" % (user, answer))
    wait_until(lambda: farm.each(nologin) == all_of(farm, "full"))
    tap.equal(farm.each(nologin), all_of(farm, "full"), "and nologin stands everywhere")
    late = next(name for name in farm.hosts if name != farm.leader() and name != "h1")  # cem is on h1 alone
    agent = farm.hosts[late]
    agent.stop()
    agent.start(False)
    answers, end = [], time.monotonic() + 6
    while time.monotonic() < end and (not answers or answers[-1] != ("yes", "no_license_free")):
        try:
            answers.append((gate(agent, "cem"), gate(agent, "zoe")))
        except (OSError, KeyError):
            pass
    say("%s was asked %d times from its start on until it refused strangers", late, len(answers))
    tap.equal({answer[0] for answer in answers}, {"yes"}, "a host that does not know the holders yet refuses none of them")
    tap.equal(answers[-1][1], "no_license_free", "and strangers as soon as it does")
    return ends


def closed_and_opened(farm, ends):
    farm.jump(ends + HOUR - 5 * SECOND)
    wait_until(lambda: farm.now() > ends + HOUR + 100, 10)
    verdicts = farm.each(lambda agent: agent.status()["verdict"]["usage"])
    if set(verdicts.values()) != {"enforced"}:
        say("a validation of its own came first: %r", verdicts)
    watch = Watch(farm, "closed", "over")
    tap.equal(farm.report(), 200, "an entitlement comes, and a validation with it")
    moves(farm, watch, "farm_over", "over the limit for an hour")
    tap.equal(farm.each(lambda agent: gate(agent, "cem")), {"h1": "yes", "h2": "over", "h3": "over"},
              "who has a session may come back to it, on that host alone")
    watch = Watch(farm, None, "yes")
    done = farm.cloud.run("subscription", "order", "1", "--add", "10")
    tap.equal((done.returncode, farm.report()), (0, 200), "licences are bought")
    moves(farm, watch, "farm_within" if said(farm.hosts[farm.leader()], "farm_within") else "gate_opened", "licences bought")
    tap.equal(farm.each(lambda agent: (agent.status()["limit"], agent.status()["verdict"]["usage"])), all_of(farm, (12, "within")),
              "every host knows the new limit")


# --- who dies

def ledger(farm):
    """The farm as the authority knows it."""
    return json.loads(farm.cloud.run("farm", "show", farm.hosts["h1"].status()["farm_id"], "--json").stdout)


def leader_dies(farm):
    """In a window that is open, seconds before it ends."""
    border = quiet(farm.now() - farm.now() % WINDOW + WINDOW, [farm.hosts["h1"].status()["farm_id"]], MINUTE)
    border -= border % WINDOW
    farm.jump(border - 10 * SECOND)
    known = {one["sequence"] for one in ledger(farm)["windows"]}
    farm.agree(4)
    first = farm.leader()
    agent = farm.hosts[first]
    other = next(one for name, one in farm.hosts.items() if name != first)
    for user in ("xia", "xue", "xan"):
        other.put("h9", user, user)
    wait_until(lambda: users(agent) == 7, 5, 0.01)
    for user in ("xia", "xue", "xan"):
        other.end("h9", user)
    before = agent.status()["window"]
    agent.kill()
    killed = time.monotonic()
    second = farm.leader()
    passed = time.monotonic() - killed
    after = farm.hosts[second].status()["window"]
    say("%s was killed, %s leads after %.2f s", first, second, passed)
    tap.ok(second != first and passed < LEASE_SECONDS + 3, "the leader is killed, and another counts on", passed)
    # a change is not taken to be later than its leader's own clock, and the hosts' differ by a little
    apart = abs(ms(after["peak_at"]) - ms(before["peak_at"]))
    say("its peak stands %d ms from where the first one saw it", apart)
    tap.ok((after["start"], after["peak_users"]) == (before["start"], before["peak_users"]) and apart <= 250,
           "the window that was open has the same peak, at the same instant", (before, after))
    tap.equal(before["peak_users"], 7, "which was that of a moment")
    agent.start(False)
    wait_until(lambda: farm.now() > border + 200, 15)
    tap.equal(farm.report(), 200, "the new leader reports")
    tap.equal(farm.leader(), second, "and leads on when the old one is back")
    told = ledger(farm)
    sent = [one for one in told["windows"] if one["sequence"] not in known]
    tap.ok(sent and [one["peak_users"] for one in sent if one["peak_at"] == after["peak_at"]] == [7] and
           all(one["refused"] is None for one in sent), "the authority has that window once, as it was", sent)
    sequences = sorted(one["sequence"] for one in told["windows"])
    tap.equal((told["windows_missing"], sequences), (0, list(range(sequences[0], sequences[0] + len(sequences)))),
              "and no sequence is missing or used twice")


def leader_leaves(farm):
    if not wait_until(lambda: all(agent.ready() for agent in farm.hosts.values()), 12):
        raise RuntimeError("not ready")
    first = farm.leader()
    began = time.monotonic()
    farm.hosts[first].process.send_signal(signal.SIGTERM)
    second = wait_until(lambda: next((name for name, agent in farm.hosts.items() if name != first and part(agent) == "leads"), None),
                        10, 0.01)
    passed = time.monotonic() - began
    say("%s was stopped, %s leads after %.2f s", first, second, passed)
    tap.ok(second and passed < 1.5, "a leader that is stopped hands on at once", passed)
    tap.equal(farm.hosts[first].stop(), 0, "and ends well")
    farm.hosts[first].start(False)


# --- etcd goes

def put_all(agent, name, names, answers):
    for user in names:
        began = time.monotonic()
        answers.append((agent.put(name, user, user).status, time.monotonic() - began))


def etcd_goes(farm):
    """While users log on, and one agent is restarted without it."""
    farm.ready(time.monotonic())
    farm.agree(4)
    answers, threads = [], []
    for name, agent in farm.hosts.items():
        names = ["%s-%d" % (name, number) for number in range(40)]
        threads.append(threading.Thread(target=put_all, args=(agent, name, names, answers)))
        threads[-1].start()
    for member in farm.cluster.members:
        member.kill()
    for thread in threads:
        thread.join()
    gone = time.monotonic()
    tap.equal(sorted({status for status, _ in answers}), [204], "etcd is gone: every log-on is acknowledged")
    say("%d log-ons while etcd was killed, the slowest took %.0f ms", len(answers), max(seconds for _, seconds in answers) * 1000)
    for name, agent in farm.hosts.items():
        for number in range(1 if name != "h2" else 0, 40):
            agent.end(name, "%s-%d" % (name, number))
    wait_until(lambda: farm.each(part) == all_of(farm, "cut_off"), LEASE_SECONDS + 3)
    say("all know that they are cut off after %.2f s", time.monotonic() - gone)
    tap.equal(farm.each(part), all_of(farm, "cut_off"), "every host says that it is cut off")
    tap.equal(farm.each(lambda agent: (gate(agent, "zoe"), nologin(agent))), all_of(farm, ("yes", None)), "the gates keep the last verdict")
    h3 = farm.hosts["h3"]
    waiting = h3.status()["farm"]["waiting"]
    tap.equal(h3.stop(), 0, "an agent is stopped without etcd")
    began = time.monotonic()
    h3.start(False)
    wait_until(lambda: os.path.exists(h3.socket) and part(h3) is not None, 5)
    answer = gate(h3, "zoe")
    asked = time.monotonic() - began
    tap.equal(h3.put("h3", "away", "ann", timeout=5).status, 204, "an agent that has not found its farm yet acknowledges a log-on")
    wait_until(h3.ready, 15)
    say("started without etcd: the gate answered %s after %.2f s, ready after %.2f s", answer, asked, time.monotonic() - began)
    tap.ok(answer == "yes" and h3.ready() and h3.status()["verdict"]["open"], "and started: its gate stands by the last known standing",
           h3.status()["verdict"])
    tap.equal((h3.status()["this_host"]["connections"], h3.status()["farm"]["waiting"] >= min(waiting, 1)), (4, True),
              "its sessions and its journal are there")
    for member in farm.cluster.members:
        member.start()
    farm.cluster.wait()
    began = time.monotonic()
    leader = farm.hosts[farm.leader()]
    wanted = 4 + 2
    tap.equal(farm.agree(wanted, 20), all_of(farm, wanted), "etcd is back: what happened meanwhile is merged")
    peak = farm.hosts["h1"].status()["window"]["peak_users"]
    say("merged after %.2f s, the peak is %d", time.monotonic() - began, peak)
    tap.ok(4 + 40 <= peak <= 4 + 120, "in each host's order: those that came and went are in the peak", peak)
    tap.equal(said(leader, "farm_history_lost", "farm_changes_missed", "farm_put_back"), [], "and nothing of it was lost")
    for name in ("h1", "h3"):
        farm.hosts[name].end(name, name + "-0")
    h3.end("h3", "away")


# --- hosts go

def hosts_go(farm, line):
    """One is killed and soon back, one is cut off for longer than it is waited for."""
    if part(farm.hosts["h3"]) == "leads":
        farm.hosts["h3"].stop()
        farm.hosts["h3"].start()
    farm.agree(4)
    leader = farm.hosts[farm.leader()]
    follower = next(name for name in ("h1", "h2") if farm.hosts[name] is not leader)
    h3 = farm.hosts["h3"]
    h3.put("h3", "only", "eve")
    settled(farm, 5, "one more is on h3 alone")
    peak, gaps = leader.status()["window"]["peak_users"], leader.status()["farm"]["gaps"]
    before = {code: len(said(leader, code)) for code in ("host_silent", "host_lost", "host_back", "farm_history_late")}

    def news(code, host=None):
        return [one for one in said(leader, code)[before[code]:] if host in (None, one.get("host"))]

    line.cut()
    cut = farm.now()
    tap.equal(h3.put("h3", "cut", "fay").status, 204, "a host that is cut off acknowledges a log-on")
    farm.hosts[follower].kill()
    wait_until(lambda: news("host_silent", follower), LEASE_SECONDS + 2)
    farm.hosts[follower].start(False)
    wait_until(lambda: news("host_silent", "h3"), LEASE_SECONDS + 2)
    silent = news("host_silent", "h3")
    tap.ok(silent, "its lease gone it is suspect, and that is said", said(leader, "host_silent"))
    tap.ok(users(leader) == 5, "its users stay counted", users(leader))
    lost = wait_until(lambda: news("host_lost", "h3"), 8)
    say("cut off: silent after %d ms, lost after %d more", ms(silent[0]["at"]) - cut, ms(lost[0]["at"]) - ms(silent[0]["at"]))
    tap.ok(3000 <= ms(lost[0]["at"]) - ms(silent[0]["at"]) < 4500, "then it is lost after host_lost_after")
    wait_until(lambda: users(leader) == 3, 3)
    tap.equal(users(leader), 3, "and whoever was on it alone is not counted any more")
    tap.equal((news("host_lost", follower), len(news("host_back", follower)) <= 1), ([], True), "of the one that was soon back nothing was lost")
    wait_until(lambda: farm.now() - cut > 6 * SECOND, 10)
    tap.equal(leader.call("POST", "/v1/report").status, 200, "for the others time goes on")
    line.mend()
    mended = time.monotonic()
    wait_until(lambda: users(leader) == 6, 12)
    say("merged %.2f s after the way was mended", time.monotonic() - mended)
    tap.equal(users(leader), 6, "back later, its sessions count again, with what happened meanwhile")
    h3.put("h3", "after", "fay")  # ends what came late
    late = wait_until(lambda: news("farm_history_late"), 5)
    tap.ok(news("host_back", "h3") and len(late) == 1 and "h3: 1 changes came late" in late[0]["detail"],
           "that it is back is said, and what came late", late)
    wait_until(lambda: leader.status()["farm"]["gaps"] == gaps + 1, 12)
    tap.equal(leader.status()["farm"]["gaps"], gaps + 1, "which is recorded as a gap of exactness")
    settled(farm, 6, "all hosts count the same")
    tap.equal(leader.status()["window"]["peak_users"], max(peak, 6), "the peak has only grown by who came")


def main():
    if not possible():
        tap.skip("the life of a farm", "needs time namespaces and libfaketime")
        tap.done()
    with Place() as place:
        cloud = Authority(place, BUILD, settings=GENEROUS).start()
        key = cloud.new_key(2)
        with Hosts(place, cloud) as farm:
            before = becomes_a_farm(farm, key)
            line = Line(farm.cluster.members[0].client)
            grows(farm, key, before, line)
            closed_and_opened(farm, enforced(farm))
            leader_dies(farm)
            leader_leaves(farm)
            etcd_goes(farm)
            hosts_go(farm, line)
            line.close()
    tap.done()


main()
