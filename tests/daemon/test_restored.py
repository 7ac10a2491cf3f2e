#!/usr/bin/env python3
"""A machine that is set back: a real agent's state is copied while it is stopped, lives on, and the copy is put back, again and
again, before the eyes of a real authority: over the network, by files, killed in between, with an authority that does not know
used numbers. Every window that ends after that must count once, with its own peak. Time passes as in test_years.py.
     test_restored.py BUILD"""
import json
import os
import shutil
import sys
import threading
import time

from harness import Agent, Authority, Place, Tap
from test_offline import Network
from test_refusals import Between
from years import DAY, HOUR, MINUTE, WINDOW, Years, ms, possible, quiet

BUILD = os.path.abspath(sys.argv[1])
USERS = ("ann", "bob", "cem", "dora", "eve", "fay", "gus")
tap = Tap()


class Farm:
    """A host with a licence, and copies of its state."""

    def __init__(self, place, url=None, cloud=None, limit=5):
        self.place = place
        self.cloud = cloud or Authority(place, BUILD).start()
        self.agent = Agent(place, BUILD, self.cloud, url=url)
        with open(self.agent.conf, encoding="utf-8") as file:
            text = file.read()
        place.write("agent.conf", text.replace("sessions: {", 'sessions: { api_lease = "0";'))
        self.key = self.cloud.new_key(limit, "3y")
        self.agent.start()
        self.years = Years(self.cloud, self.agent)

    def activate(self):
        answer = self.agent.activate(self.key)
        if answer.status != 200:
            raise RuntimeError(repr(answer))
        return answer

    def now(self):
        return ms(self.agent.status()["now"])

    def copy_state(self, name):
        self.agent.stop()
        shutil.copytree(self.agent.state, self.place.join(name))
        self.agent.start()

    def set_back(self, name, kill=False):
        self.agent.stop(9 if kill else 15)
        shutil.rmtree(self.agent.state)
        shutil.copytree(self.place.join(name), self.agent.state)
        self.agent.start()

    def users(self, count):
        live = {line["user"] for line in self.agent.get("/v1/connections").json()["connections"]}
        for user in USERS[:count]:
            if user not in live and self.agent.put("h1", user, user).status != 204:
                raise RuntimeError(user)
        for user in live - set(USERS[:count]):
            self.agent.end("h1", user)

    def report(self):
        return self.agent.call("POST", "/v1/report", timeout=60).status

    def windows_pass(self, *counts):
        """For each a window with so many users at an instant."""
        for count in counts:
            self.users(count)
            self.users(0)
            self.years.jump(self.now() - self.now() % WINDOW + WINDOW + 30_000)

    def deliver(self):
        for _ in range(60):
            if self.agent.status()["windows_queued"] == 0:
                return
            self.report()
            time.sleep(0.05)

    def books(self):
        return json.loads(self.cloud.run("farm", "show", self.agent.status()["farm_id"], "--json").stdout)

    def counted(self):
        """Of the last windows that count: start and peak, in the order of time."""
        return sorted((ms(window["start"]), window["peak_users"]) for window in self.books()["windows"] if not window.get("refused"))

    def said(self, code):
        body = self.agent.get("/v1/events?after=0&follow=false").body.decode()
        every = [json.loads(line[6:]) for line in body.splitlines() if line.startswith("data: ")]
        return [event for event in every if event["code"] == code]

    def check_whole(self, since, peaks, name):
        """From an instant on exactly these windows were counted, one behind the other; nothing was ever counted twice."""
        self.deliver()
        counted, books = self.counted(), self.books()
        came = [peak for start, peak in counted if start >= since - since % WINDOW]
        tap.equal(came, list(peaks), "%s: every window counts, with its own peak" % name)
        starts = [start // WINDOW for start, _ in counted]
        tap.equal(starts, list(range(starts[0], starts[0] + len(starts))), "%s: none twice, none missing" % name)
        tap.equal((self.agent.status()["windows_queued"], books["windows_refused"], self.agent.status()["setbacks"]), (0, 0, []),
                  "%s: none waits, none is refused" % name)


def an_hour(farm):
    """Set back by an hour, numbers are used again for what they were: nothing is to be mended."""
    farm.windows_pass(1, 2)
    farm.report()
    farm.copy_state("an-hour")
    farm.windows_pass(3, 4, 2)
    farm.deliver()
    before, since = farm.books(), farm.now()
    farm.set_back("an-hour")
    tap.ok(0 <= farm.now() - since < MINUTE, "licence time is not set back", (since, farm.now()))
    farm.windows_pass(5, 1)
    farm.check_whole(since, (5, 1), "an hour")
    after = farm.books()
    tap.equal(after["windows_counted"], before["windows_counted"] + 2, "what was closed again is a repetition")
    tap.equal([peak for start, peak in farm.counted() if start < since - since % WINDOW][-3:], [3, 4, 2], "and changes nothing")
    tap.equal(farm.said("windows_renumbered"), [], "no number was used for something else")


def months_before_the_activation(farm):
    """Set back by three months, to before the key was activated, and activated again: numbers begin with 1."""
    farm.years.jump(quiet(farm.now() + 90 * DAY, [farm.agent.status()["farm_id"]]))
    farm.windows_pass(3)
    farm.deliver()
    before = farm.books()
    tap.ok(before["accepted_through"] > 6400, "three months of windows are counted", before["accepted_through"])
    farm.set_back("before")
    tap.equal(farm.agent.status()["verdict"]["reason"], "not_activated", "the old state knows nothing of the key")
    tap.equal(farm.activate().json()["farm_id"], before["farm_id"], "activated again it is the same farm")
    since = farm.now()
    farm.windows_pass(4, 5, 2)
    farm.check_whole(since, (4, 5, 2), "three months")
    after, said = farm.books(), farm.said("windows_renumbered")
    tap.equal(after["windows_counted"], before["windows_counted"] + 3, "each once")
    tap.equal([(event["used"], event["severity"]) for event in said], [(1, "warning")], "it is said, once")
    tap.ok(said[0]["sequence"] == before["accepted_through"] + 1 and "go on from number" in said[0]["text"], "with the numbers", said)


def again_and_again(farm):
    """Twice to the same state, to a younger and to an older one; by kill -9; while nobody reports for days."""
    farm.copy_state("young")
    farm.windows_pass(2)
    farm.deliver()
    for name, kill in (("young", False), ("young", True), ("an-hour", True), ("young", False)):
        farm.set_back(name, kill)
        if farm.report() != 200:
            tap.equal([line["code"] for line in farm.agent.status()["setbacks"]], ["unauthorized"], "the key was activated since")
            farm.activate()
        since = farm.now()
        farm.windows_pass(3, 1)
        farm.check_whole(since, (3, 1), "again to " + name)
    farm.copy_state("with-the-key")
    farm.windows_pass(2)
    farm.deliver()
    counted = farm.books()["windows_counted"]
    farm.years.jump(farm.now() + 2 * DAY, cloud=False)
    farm.set_back("with-the-key", kill=True)
    farm.years.jump(farm.now() + DAY, cloud=False)
    since = farm.now()
    farm.windows_pass(5)
    farm.check_whole(since, (5,), "without a network for days")
    tap.ok(counted + 3 * 72 <= farm.books()["windows_counted"] <= counted + 3 * 72 + 3, "and no day of them is missing")


def killed_while_it_reports(farm):
    """Wherever kill -9 strikes between numbers that were used and new ones."""
    farm.set_back("before")
    farm.activate()
    since, peaks = farm.now(), []
    for delay_ms in (0, 2, 4, 8, 15, 30):
        farm.windows_pass(len(peaks) % 5 + 1)
        peaks.append(len(peaks) % 5 + 1)
        asking = threading.Thread(target=ask_and_lose, args=(farm,))
        asking.start()
        time.sleep(delay_ms / 1000)
        farm.agent.kill()
        asking.join()
        farm.agent.start()
    farm.check_whole(since, peaks, "killed")


def ask_and_lose(farm):
    try:
        farm.report()
    except OSError:
        pass  # it was killed


def licence(farm):
    """A grace that runs goes on, and what was granted holds no longer."""
    farm.users(6)
    farm.years.jump(farm.now() + 2 * MINUTE)
    farm.report()
    clocks = farm.agent.status()["clocks"]
    tap.ok(clocks["overuse_grace_ends"] is not None, "a grace runs", clocks)
    farm.copy_state("in-grace")
    farm.years.jump(farm.now() + 3 * DAY)
    farm.deliver()
    farm.set_back("in-grace")
    now = farm.agent.status()
    tap.equal((now["clocks"]["overuse_grace_ends"], now["verdict"]["reason"]), (clocks["overuse_grace_ends"], "open"),
              "a grace that ran when the state was copied ends when it would have ended")
    tap.ok(ms(now["clocks"]["refresh_by"]) <= ms(clocks["refresh_by"]), "contact is due when it was due", now["clocks"])
    farm.years.jump(ms(clocks["overuse_grace_ends"]) + MINUTE, cloud=False)
    farm.set_back("in-grace")
    tap.equal(farm.agent.status()["verdict"]["usage"], "enforced", "set back after its end it is spent")


def over_the_network():
    with Place() as place:
        farm = Farm(place)
        farm.copy_state("before")
        farm.activate()
        farm.years.jump(quiet(farm.now() - farm.now() % WINDOW + WINDOW, [farm.agent.status()["farm_id"]]))
        an_hour(farm)
        months_before_the_activation(farm)
        again_and_again(farm)
        killed_while_it_reports(farm)
        licence(farm)
        farm.agent.stop()


def forgetful(got):
    """The answer of an authority that takes used numbers for repetitions."""
    told = json.loads(got[2])
    told["refused"] = [refused for refused in told.get("refused", []) if refused["reason"] != "number_used"]
    return got[0], got[1], json.dumps(told).encode()


def an_older_authority():
    """It says only how far it has counted: from the first answer on nothing is lost."""
    with Place() as place:
        cloud = Authority(place, BUILD).start()
        between = Between(cloud)
        farm = Farm(place, url=between.url, cloud=cloud)
        farm.copy_state("before")
        farm.activate()
        farm.windows_pass(1, 2, 3, 4)
        farm.deliver()
        farm.set_back("before")
        farm.activate()
        between.answer = forgetful
        farm.windows_pass(2)
        farm.deliver()
        tap.equal([(event["used"], event["sequence"], event["count"]) for event in farm.said("windows_renumbered")][-1:],
                  [(2, farm.books()["accepted_through"] + 1, 0)], "an older authority tells that numbers were used before")
        since = farm.now()
        farm.windows_pass(5, 3)
        farm.deliver()
        came = [peak for start, peak in farm.counted() if start >= since - since % WINDOW]
        tap.equal(came, [5, 3], "what closes then has new ones")
        farm.agent.stop()


def by_files():
    with Place() as place:
        network = Network(place)
        shutil.copytree(network.agent.state, place.join("before"), ignore=shutil.ignore_patterns("*-wal", "*-shm"))
        network.agent.stop()
        shutil.rmtree(place.join("before"))
        shutil.copytree(network.agent.state, place.join("before"))
        network.agent.start()
        key = network.cloud.new_key(5)
        network.exchange("--key", key)
        network.agent.put("h2", "1", "ann")
        network.years.jump(network.now() + 10 * DAY)
        network.exchange()
        before = network.farm()
        network.agent.stop()
        shutil.rmtree(network.agent.state)
        shutil.copytree(place.join("before"), network.agent.state)
        network.agent.start()
        network.exchange("--key", key)
        network.agent.put("h2", "1", "ann")
        network.agent.put("h2", "2", "bob")
        network.years.jump(network.now() + 20 * DAY)
        lost = network.answer(network.request())
        tap.equal(network.farm()["windows_counted"], before["windows_counted"], "by file: of used numbers nothing is kept")
        tap.equal(network.take(lost).returncode, 0, "the answer is imported")
        said = network.said("windows_renumbered")
        tap.equal([event["used"] for event in said], [1], "numbers go on")
        queued = network.status()["windows_queued"]
        tap.ok(20 * 72 <= queued <= 20 * 72 + 2 and said[0]["count"] == queued, "every window has a new one", (queued, said))
        tap.equal(network.take(lost).returncode, 0, "imported again")
        network.exchange()
        after = network.farm()
        tap.equal((after["windows_counted"], after["windows_refused"], after["peak_users"], network.status()["windows_queued"]),
                  (before["windows_counted"] + queued, 0, 2, 0), "with the next file each counts once")
        network.agent.stop()


def main():
    if not possible():
        tap.skip("a state that is set back", "another clock needs time namespaces and libfaketime")
        tap.done()
        return
    over_the_network()
    an_older_authority()
    by_files()
    tap.done()


if __name__ == "__main__":
    main()
