#!/usr/bin/env python3
"""Years in a minute: a real agent and a real authority live through the clocks of RULES.md §3: overuse → 7 days → enforced →
over within 60 to 80 minutes → reactivated → more licences bought; expiry → 30 days → deactivated → renewed; silence → refresh_by →
stale → reached again; a wall clock that jumps by years. Time passes by stopping both programs and starting them with boot time
and wall clock ahead; what is to happen at an instant happens while they run, seconds after they were started.
     test_years.py BUILD"""
import json
import os
import sys
import time

from harness import Agent, Authority, Place, Tap, wait_until
from years import DAY, HOUR, MINUTE, WINDOW, Years, boot_time_ahead, ms, phase, possible, wall_clock_ahead

BUILD = sys.argv[1]
tap = Tap()


class Farm:
    """An agent and its authority, and how far ahead of now they live."""

    def __init__(self, place, limit, term="3y"):
        self.cloud = Authority(place, BUILD).start()
        key = self.cloud.new_key(limit, term)
        self.agent = Agent(place, BUILD, self.cloud)
        with open(self.agent.conf, encoding="utf-8") as file:
            text = file.read()
        place.write("agent.conf", text.replace("sessions: {", 'sessions: { api_lease = "0";'))
        self.agent.start()
        answer = self.agent.activate(key)
        if answer.status != 200:
            raise RuntimeError(repr(answer))
        self.years = Years(self.cloud, self.agent)

    def now(self):
        return ms(self.agent.status()["now"])

    def jump(self, to, cloud=True, kill=False):
        """Both live on from this instant of licence time; without the authority only the agent does."""
        self.years.jump(to, cloud, kill)

    def report(self):
        return self.agent.call("POST", "/v1/report").status

    def order(self, *words):
        """What the authority's administrator orders for the subscription."""
        done = self.cloud.run("subscription", "order", "1", *words)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)

    def put(self, *users):
        for user in users:
            if self.agent.put("h1", user, user).status != 204:
                raise RuntimeError(user)

    def verdict(self):
        return self.agent.status()["verdict"]

    def becomes(self, machine, state, seconds=12):
        return wait_until(lambda: self.verdict()[machine] == state, seconds, 0.05)

    def said(self, code):
        body = self.agent.get("/v1/events?after=0&follow=false").body.decode()
        every = [json.loads(line[6:]) for line in body.splitlines() if line.startswith("data: ")]
        return [event for event in every if event["code"] == code]

    def gate(self, user):
        """What the gate answers: "yes", or why not."""
        answer = self.agent.get("/v1/gate?user=%s&host=h2" % user)
        return "yes" if answer.status == 204 else answer.json()["code"]


def at(event):
    return ms(event["at"])


def overuse():
    with Place() as place:
        farm = Farm(place, limit=2)
        first_phase = phase(farm.agent.status()["farm_id"])
        now = farm.now()
        start = now - now % WINDOW + first_phase + 3 * WINDOW - 68_000  # so that the hour ends seconds before a phase
        farm.jump(start)
        farm.put("ann", "bob")
        tap.equal(farm.verdict()["usage"], "within", "§3.6 users within the limit")
        farm.put("cem")
        tap.equal(farm.verdict()["usage"], "settling", "§3.6 above the limit the settling begins")
        exceeded = at(farm.said("limit_exceeded")[-1])
        farm.jump(exceeded + MINUTE + 500)
        tap.equal(farm.verdict()["usage"], "overuse_grace", "§3.6 after 60 s without interruption the grace begins")
        grace = farm.said("overuse_grace_started")[-1]
        ends = ms(grace["grace_ends_at"])
        tap.equal((at(grace), ends), (exceeded + MINUTE, exceeded + MINUTE + 7 * DAY),
                  "§3.6 at its own instant, though the agent was not there, and for 7 days")
        tap.equal(farm.gate("dora"), "yes", "§4 while the grace runs anyone may come")
        farm.jump(ends - 3_000, cloud=False)
        tap.equal((farm.verdict()["usage"], farm.verdict()["open"]), ("overuse_grace", True), "§3.6 seconds before 7 days it runs")
        tap.ok(farm.becomes("usage", "enforced"), "§3.7 at 7 days the grace is spent, with the authority not there")
        tap.equal(at(farm.said("overuse_grace_spent")[-1]), ends, "§3.5 to the millisecond")
        tap.equal((farm.gate("ann"), farm.gate("dora")), ("yes", "no_license_free"),
                  "§4 holders may come back, others wait until someone ends all their sessions")
        farm.jump(ends + HOUR - 2_000, cloud=False)
        tap.equal((farm.verdict()["usage"], farm.verdict()["open"]), ("enforced", True),
                  "§3.7 a validation at a start, seconds before 60 minutes, deactivates nothing")
        tap.ok(farm.becomes("usage", "over"), "§3.7 the first validation after 60 minutes does")
        over = at(farm.said("farm_over")[-1])
        tap.ok(over % WINDOW == first_phase and HOUR <= over - ends < HOUR + WINDOW,
               "§3.4 at the farm's phase, within 60 to 80 minutes, whether the authority can be reached or not",
               (over - ends, over % WINDOW, first_phase))
        tap.equal((farm.verdict()["open"], farm.verdict()["reason"], farm.gate("dora")), (False, "over", "over"),
                  "§3 the gate is closed, and says why")
        tap.ok(os.path.exists(os.path.join(farm.agent.run_directory, "nologin")), "§4 nologin stands")
        farm.jump(over + 5 * MINUTE, kill=True)
        tap.equal(farm.verdict()["reason"], "over", "a kill -9 changes nothing of it")
        farm.agent.end("h1", "cem")
        tap.equal(farm.verdict()["reason"], "over", "§3.8 within the limit again, it waits for a validation")
        tap.equal((farm.report(), farm.verdict()["usage"], farm.gate("dora")), (200, "enforced", "no_license_free"),
                  "§3.4 an accepted entitlement is one: reactivated, with every licence in use")
        farm.agent.end("h1", "bob")
        tap.equal(farm.gate("dora"), "yes", "§4 a licence is free again")
        farm.put("bob", "cem")
        tap.ok(farm.said("overuse_countdown_started"), "§3.7 above the limit once more, the 60 minutes begin anew")
        again = at(farm.said("overuse_countdown_started")[-1])
        farm.jump(again + 59 * MINUTE)
        tap.equal(farm.verdict()["usage"], "enforced", "§3.7 59 minutes are not 60")
        farm.jump(again + HOUR)
        tap.equal(farm.verdict()["usage"], "over", "§3.4 a start is a validation")
        farm.order("--add", "1")
        tap.equal((farm.report(), farm.verdict()["usage"], farm.verdict()["open"]), (200, "within", True),
                  "§3.6 licences are bought: the gate opens without a validation, the grace is available again")
        tap.equal(len(farm.said("overuse_grace_renewed")), 1, "and that is said")
        farm.put("dora")
        farm.jump(at(farm.said("limit_exceeded")[-1]) + 2 * MINUTE)
        tap.equal(farm.verdict()["usage"], "overuse_grace", "§3.6 and begins anew")


def expiry():
    with Place() as place:
        farm = Farm(place, limit=5, term="40d")
        ends = ms(farm.agent.status()["clocks"]["expires_at"])
        farm.jump(ends - 29 * DAY)
        tap.equal([event["days"] for event in farm.said("term_ends_soon")], [90, 30],
                  "§10 warnings: a term of 40 days begins within 90; 30 days are said when they come")
        tap.equal(farm.report(), 200, "§3.11 contact")
        farm.jump(ends - 3_000)
        tap.equal(farm.report(), 200, "§3.11 contact")
        tap.equal(farm.verdict()["term"], "valid", "§3.10 seconds before expires_at the term is valid")
        tap.ok(farm.becomes("term", "expiry_grace"), "§3.10 at expires_at 30 more days begin")
        tap.equal((at(farm.said("expiry_grace_started")[-1]), farm.verdict()["open"]), (ends, True), "§3.10 at that instant")
        farm.jump(ends + 20 * DAY)
        tap.equal(farm.report(), 200, "§3.11 contact")
        farm.jump(ends + 30 * DAY - 3_000, cloud=False)
        tap.equal(farm.verdict()["open"], True, "§3.10 seconds before 30 days the gate is open")
        tap.ok(farm.becomes("term", "expired"), "§3.10 after 30 days the farm is deactivated")
        tap.equal((at(farm.said("term_expired")[-1]), farm.verdict()["reason"], farm.gate("ann")),
                  (ends + 30 * DAY, "expired", "expired"), "§3.10 at that instant")
        farm.jump(ends + 40 * DAY)
        tap.equal((farm.report(), farm.verdict()["reason"]), (200, "expired"), "§3.10 contact alone does not open it")
        farm.order("--renew", "1y")
        tap.equal((farm.report(), farm.verdict()["term"], farm.gate("ann")), (200, "valid", "yes"),
                  "§3.10 a renewed entitlement does")


def silence():
    with Place() as place:
        farm = Farm(place, limit=5)
        until = ms(farm.agent.status()["clocks"]["refresh_by"])
        farm.jump(until - 6 * DAY, cloud=False)
        farm.jump(until - 3_000, cloud=False)
        tap.equal([event["days"] for event in farm.said("contact_ends_soon")], [7, 1], "§3.11 warnings at 7 days and at 1 day")
        tap.equal(farm.verdict()["open"], True, "§3.11 seconds before refresh_by the gate is open")
        tap.ok(farm.becomes("contact", "stale"), "§3.11 past it it closes")
        tap.equal((at(farm.said("contact_stale")[-1]), farm.verdict()["reason"]), (until, "stale"), "§3.11 at that instant")
        farm.jump(until + 10 * DAY)
        tap.equal((farm.report(), farm.verdict()["contact"], farm.gate("ann")), (200, "fresh", "yes"),
                  "§3.11 it opens at the next contact")


def wrong_clocks():
    with Place() as place:
        farm = Farm(place, limit=5)
        before = farm.now()
        for years in (10, -10):
            farm.agent.stop()
            farm.agent.env.update(wall_clock_ahead(years * 365 * DAY))
            farm.agent.start()
            tap.ok(0 <= farm.now() - before < MINUTE and farm.verdict()["open"],
                   "§3.1 a wall clock %+d years off changes nothing" % years, farm.now() - before)
        farm.agent.stop()
        farm.agent.env["FAKETIME"] = "+0"
        farm.agent.prepare = boot_time_ahead(3 * HOUR)
        farm.agent.start()
        tap.ok(abs(farm.now() - before - 3 * HOUR) < MINUTE, "§3.1 sleep is included: boot time goes on")
        validated = [event for event in farm.said("farm_over")]
        tap.equal(validated, [], "§3.4 cycles that were missed are made up for once")
        tap.equal((farm.report(), abs(farm.now() - int(time.time() * 1000)) < MINUTE), (200, True),
                  "§3.1 a signed issued_at heals it")


if not possible():
    tap.skip("years in a minute", "needs time namespaces and libfaketime")
else:
    for story in (overuse, expiry, silence, wrong_clocks):
        story()
tap.done()
