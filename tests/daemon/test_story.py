#!/usr/bin/env python3
"""A subscription's whole life, by the commands of those who live it: Acme buys licences, gives some to a division, runs farms on
them, uses too many, buys more, moves a key too often, renews, and lets it end. Agents, authority and commands are the real ones;
years pass as in test_years.py. After each chapter the ledger, the farms as CSV, the audit log and every agent's verdict are
exactly what they must be.
     test_story.py BUILD"""
import csv
import io
import json
import os
import sys
import time

from harness import Agent, Authority, Place, Tap, wait_until
from years import DAY, MINUTE, SECOND, WINDOW, Years, ms, possible, quiet

BUILD = os.path.abspath(sys.argv[1])
GENEROUS = "activations: { per_minute = 6000; burst = 6000; };"
NOW = object()       # an instant of this chapter
SLACK = 2 * SECOND   # of the clocks of test and programs
LOOSE = ("reported_at", "peak_at", "accepted_through", "windows_counted", "windows_refused", "windows_missing", "clock_ahead_ms")
tap = Tap()


def years_after(text, years):
    """The same day of a later year; the 29th of February has none every year."""
    year, rest = int(text[:4]) + years, text[4:]
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return "%04d%s" % (year, rest.replace("-02-29", "-02-28", 1) if not leap else rest)


def cell(value):
    """A member of the API's JSON as it stands in CSV."""
    if value is None:
        return ""
    return json.dumps(value) if isinstance(value, (bool, int)) else value


class Story:
    """What everybody has done so far, and what the authority must therefore know."""

    def __init__(self, place):
        self.cloud = Authority(place, BUILD, settings=GENEROUS).start()
        self.agents = {name: self.agent(place, name) for name in ("north", "south", "west", "east")}
        self.ids = {}
        self.years = Years(self.cloud, *self.agents.values())
        self.began = self.years.now()
        self.subscription, self.orders, self.keys, self.farms, self.lines = {}, [], {}, {}, []

    def agent(self, place, name):
        """Not started yet. Its sessions last for days without being told again."""
        agent = Agent(place, BUILD, self.cloud, name=name, host=name)
        with open(agent.conf, encoding="utf-8") as file:
            text = file.read()
        place.write(name + ".conf", text.replace("sessions: {", 'sessions: { api_lease = "0";'))
        return agent

    # --- what people do

    def chapter(self, title):
        print("# %s" % title, flush=True)
        self.title = title
        self.began = self.years.now()

    def operator(self, *words):
        """A command of the authority's administrator, which succeeds."""
        done = self.cloud.run(*words)
        tap.equal((done.returncode, done.stderr), (0, ""), "farmgate-cloud %s" % " ".join(words))
        return done.stdout

    def told(self, *words):
        return json.loads(self.cloud.run(*words, "--json").stdout)

    def farm(self, name, *words, wanted=0):
        """A command of a farm's administrator, and how it ends."""
        done = self.agents[name].ctl(*words, env={"TZ": "UTC", "COLUMNS": "200"}, timeout=60)
        tap.ok(done.returncode == wanted, "%s: farmgate %s" % (name, " ".join(words)), done)
        return done.stdout if wanted == 0 else done.stderr

    def log_on(self, name, *users):
        for user in users:
            self.farm(name, "connection", "put", name, user, "--user", user, "--administrator", "no")

    def let_in(self, name, user):
        """What the gate says to somebody who has no session anywhere."""
        answer = self.agents[name].get("/v1/gate?user=%s&host=elsewhere" % user)
        return "yes" if answer.status == 204 else answer.json()["code"]

    def later(self, to):
        """Time passes, until an instant from then on at which no farm will soon report unasked."""
        self.years.jump(quiet(to, self.ids.values()))

    # --- what must have come of it

    def key(self, which, /, **changes):
        self.keys.setdefault(which, {}).update(changes)

    def ran(self, name, /, **changes):
        """A farm's row, by the name of its agent."""
        self.farms.setdefault(self.id_of(name), {}).update(changes)

    def id_of(self, name):
        if name not in self.ids:
            self.ids[name] = self.agents[name].status()["farm_id"]
        return self.ids[name]

    def audited(self, who, what, subject, /, **changes):
        self.lines.append({"who": who, "what": what, "subject": subject, "changes": changes})

    def settle(self, wanted, got):
        """Instants that this chapter has brought are from now on what they are."""
        for member, value in wanted.items():
            if value is NOW and got.get(member) and self.began - SLACK <= ms(got[member]) <= self.years.now() + SLACK:
                wanted[member] = got[member]
        return wanted

    def same(self, got, wanted, what):
        tap.equal(got, self.settle(wanted, got), "%s: %s" % (self.title, what))

    def check(self, **verdicts):
        """The ledger, the CSV, the audit log, and each agent's verdict."""
        self.check_ledger()
        self.check_farms()
        self.check_audit()
        for name, wanted in verdicts.items():
            status = self.agents[name].status()
            entitlement = status["entitlement"] or {}
            known = dict(status["verdict"], limit=status["limit"], users=status["concurrent_users"],
                         purchases=entitlement.get("purchases"), why=entitlement.get("reason"),
                         expires_at=entitlement.get("expires_at"))
            tap.equal({member: known[member] for member in wanted}, wanted, "%s: %s's verdict" % (self.title, name))

    def check_ledger(self):
        shown = self.told("subscription", "show", "1")
        keys, orders = shown.pop("keys"), shown.pop("orders")
        self.same(shown, self.subscription, "the subscription")
        tap.equal(len(orders), len(self.orders), "%s: the number of its orders" % self.title)
        for got, wanted in zip(orders, self.orders):
            self.same(got, wanted, "order %d" % got["id"])
        tap.equal(keys, self.told("key", "list")["keys"], "%s: the keys are the same wherever they are listed" % self.title)
        tap.equal([key["key"] for key in keys], list(self.keys), "%s: which keys there are" % self.title)
        for got in keys:
            self.same(got, self.keys[got["key"]], "the key %s" % got["name"])
        tap.equal(sum(key["quota"] for key in keys), shown["licences"], "%s: the quotas are all the licences" % self.title)

    def check_farms(self):
        rows = list(csv.DictReader(io.StringIO(self.cloud.run("farm", "list", "--csv").stdout, newline="")))
        farms = self.told("farm", "list")["farms"]
        tap.equal([farm["farm_id"] for farm in farms], list(self.farms), "%s: which farms there are" % self.title)
        for farm, row in zip(farms, rows):
            shown = self.told("farm", "show", farm["farm_id"])
            firm = set(farm) - {"reported_at"}  # it may report between two questions
            tap.equal(({member: shown[member] for member in firm}, {member: row[member] for member in firm}),
                      ({member: farm[member] for member in firm}, {member: cell(farm[member]) for member in firm}),
                      "%s: %s is the same by itself and as CSV" % (self.title, farm["name"]))
            tap.ok(farm["windows_refused"] == farm["windows_missing"] == 0 and farm["windows_counted"] == farm["accepted_through"] and
                   farm["clock_ahead_ms"] < SLACK, "%s: every window of %s is counted once" % (self.title, farm["name"]), farm)
            self.same({member: value for member, value in farm.items() if member not in LOOSE}, self.farms[farm["farm_id"]],
                      "the farm %s" % farm["name"])
        tap.equal(len(rows), len(farms), "%s: the CSV has a row for each" % self.title)

    def check_audit(self):
        lines = self.told("audit")["audit"]
        got = []
        for line in lines:
            before, after = line["before"] or {}, line["after"]
            got.append({"who": line["who"], "what": line["what"], "subject": line["subject"],
                        "changes": {member: after[member] for member in after if before.get(member) != after[member]}})
        tap.equal([line["what"] for line in got], [line["what"] for line in self.lines], "%s: what the audit log has" % self.title)
        for line, wanted in zip(got, self.lines):
            self.settle(wanted["changes"], line["changes"])
        tap.equal([pair for pair in zip(got, self.lines) if pair[0] != pair[1]], [], "%s: each of its lines" % self.title)
        tap.equal([line["at"] for line in lines], sorted(line["at"] for line in lines), "%s: in the order of time" % self.title)

    # --- what several chapters have

    def report(self, *names):
        """Every window that has closed is told."""
        for name in names:
            self.farm(name, "report")
        for name in names:
            left = wait_until(lambda: self.agents[name].status()["windows_queued"] == 0, 60, 0.05)
            tap.ok(left, "%s has reported all" % name)

    def activated(self, name, key, what="farm.activate", moves=0):
        """The agent has just been given the key: a farm, new or one that comes back."""
        farm_id = self.id_of(name)
        row = {"farm_id": farm_id, "name": name, "status": "active", "reason": None, "trial": False, "key": key,
               "installation_id": None, "app_version": None, "activated_at": NOW, "deactivated_at": None}
        shown = self.told("farm", "show", farm_id)
        for member in ("installation_id", "app_version"):
            row[member] = shown[member]
        known = self.farms.get(farm_id)
        self.key(key, farm_id=farm_id, state="in_use", moves=moves, moves_left=3 - moves)
        changes = dict(row, moves=moves) if not known else {
            "status": "active", "reason": None, "activated_at": NOW, "deactivated_at": None, "moves": moves}
        if not known:
            changes = {member: value for member, value in changes.items() if value is not None}
        self.ran(name, **row, **({} if known else {"subscription_id": 1, "peak_users": 0, "note": ""}))
        self.audited("farm " + farm_id, what, farm_id, **changes)

    def closed(self, name, reason, who, **moved):
        self.ran(name, status="deactivated", reason=reason, deactivated_at=NOW)
        self.audited(who, "farm.deactivate", self.id_of(name), status="deactivated", reason=reason, deactivated_at=NOW, **moved)


OPEN = {"open": True, "reason": "open", "activation": "active", "contact": "fresh"}


def buy(story):
    story.chapter("Acme buys ten licences for a year")
    bought = story.operator("subscription", "create", "--licences", "10", "--term", "1y", "--name", "Acme", "--contract", "C-1")
    primary = bought.split()[-1]
    story.subscription = {
        "id": 1, "name": "Acme", "contract": "C-1", "licences": 10, "purchases": 10, "term": "1y", "plan": "standard",
        "channel": "online", "renews": True, "status": "new", "created_at": NOW, "activated_at": None, "expires_at": None,
        "cancelled_at": None, "primary_key": primary, "keys_next": None, "orders_next": None}
    story.orders.append({"id": 1, "kind": "purchase", "automatic": False, "licences": 10, "term": "1y", "at": NOW,
                         "expires_before": None, "expires_after": None})
    story.key(primary, key=primary, subscription_id=1, name="Acme", primary=True, quota=10, expires_at=None, ends_at=None, state="free",
              moves=0, moves_left=3, farm_id=None, created_at=NOW, deleted_at=None)
    story.audited("socket", "subscription.create", "1", id=1, name="Acme", contract="C-1", licences=10, purchases=10, term="1y",
                  plan="standard", channel="online", renews=True, primary_key=primary)
    story.check()
    return primary


def sublicence(story, primary):
    story.chapter("four of them are set aside for the division")
    division = story.operator("key", "create", "--subscription", "1", "--quota", "4", "--name", "Division").strip()
    story.key(primary, quota=6)
    story.key(division, key=division, subscription_id=1, name="Division", primary=False, quota=4, expires_at=None, ends_at=None,
              state="free", moves=0, moves_left=3, farm_id=None, created_at=NOW, deleted_at=None)
    story.audited("socket", "key.create", division, key=division, subscription_id=1, name="Division", primary=False, quota=4, moves=0)
    story.check()
    return division


def activate(story, primary, division):
    story.chapter("two farms are activated")
    for name in ("north", "south"):
        story.agents[name].start()
    closed = {"open": False, "reason": "not_activated", "limit": None}
    story.check(north=closed, south=closed)
    said = [story.farm("north", "activate", primary), story.farm("south", "activate", division)]
    whole = story.told("subscription", "show", "1")
    begun, ends = whole["activated_at"], years_after(whole["activated_at"], 1)
    tap.equal([line.split(": ", 1)[1] for line in said],
              ["farm %s, %d concurrent users, until %s\n" % (story.id_of(name), limit, ends[:16].replace("T", " "))
               for name, limit in (("north", 6), ("south", 4))], "they are told what they may do, and until when")
    story.subscription.update(status="active", activated_at=NOW, expires_at=ends)
    for key in (primary, division):
        story.key(key, ends_at=ends)
    story.activated("north", primary)
    story.activated("south", division)
    tap.equal(story.farms[story.id_of("north")]["activated_at"] is NOW and ms(begun) >= story.began - SLACK, True,
              "the term begins with the first of them")
    story.check(north=dict(OPEN, limit=6, purchases=10, users=0, usage="within", term="valid", expires_at=ends),
                south=dict(OPEN, limit=4, purchases=10, users=0, usage="within", term="valid", expires_at=ends))


def overuse(story):
    story.chapter("the division uses more than its four")
    story.log_on("north", "ann", "bob", "cem")
    story.log_on("south", "dora", "emil", "fay", "gus", "hal")
    story.check(north=dict(OPEN, users=3, usage="within"), south=dict(OPEN, users=5, usage="settling"))
    story.later(story.years.now() + WINDOW + MINUTE)
    story.report("north", "south")
    story.ran("north", peak_users=3)
    story.ran("south", peak_users=5)
    story.check(north=dict(OPEN, users=3, usage="within"), south=dict(OPEN, users=5, usage="overuse_grace"))
    drawn = story.operator("report", "history", story.id_of("south"))
    tap.ok(" 5" in drawn and "4" in drawn, "the operator sees it, too", drawn)
    tap.equal(story.let_in("south", "ivy"), "yes", "for seven days more may come")
    story.later(ms(story.agents["south"].status()["clocks"]["overuse_grace_ends"]) + 10 * MINUTE)
    story.report("north", "south")
    story.check(north=dict(OPEN, usage="within"), south=dict(OPEN, usage="enforced", limit=4))
    tap.equal((story.let_in("south", "ivy"), story.let_in("north", "ivy")), ("no_license_free", "yes"),
              "then nobody, but where licences are left")


def add(story, primary, division):
    story.chapter("two licences are added, for the division")
    ends = story.subscription["expires_at"]
    story.operator("subscription", "order", "1", "--add", "2")
    story.operator("key", "edit", division, "--quota", "6")
    story.subscription.update(licences=12, purchases=12)
    story.orders.append({"id": 2, "kind": "add", "automatic": False, "licences": 2, "term": None, "at": NOW, "expires_before": ends,
                         "expires_after": ends})
    story.key(primary, quota=6)
    story.key(division, quota=6)
    story.audited("socket", "subscription.add", "1", licences=12, purchases=12)
    story.audited("socket", "key.edit", division, quota=6)
    story.check(south=dict(OPEN, usage="enforced", limit=4, purchases=10))
    story.report("north", "south")
    story.check(north=dict(OPEN, limit=6, purchases=12, usage="within"), south=dict(OPEN, limit=6, purchases=12, usage="within"))
    tap.ok("5 users count and 6 are licensed; the overuse grace of 7 days is available." in " ".join(story.farm("south", "explain").split()),
           "the grace is available again, and says so")
    tap.equal(story.let_in("south", "ivy"), "yes", "and others may come")


def deactivate(story, division):
    story.chapter("the operator deactivates the division's farm")
    story.operator("farm", "deactivate", story.id_of("south"))
    story.closed("south", "administrator", "socket")
    story.key(division, state="free", farm_id=None)
    story.check(north=OPEN, south=OPEN)
    story.report("north", "south")
    story.check(north=OPEN, south={"open": False, "reason": "revoked", "activation": "revoked", "why": "deactivated by administrator"})
    tap.equal((story.let_in("south", "ivy"), story.let_in("south", "dora")), ("revoked", "revoked"), "it closes at its next contact")
    for words in ("status", "explain"):
        tap.ok("deactivated by administrator" in story.farm("south", words), "and %s says why" % words)


def elsewhere(story, division):
    story.chapter("the key, which is free, is used elsewhere")
    story.agents["west"].start()
    story.farm("west", "activate", division)
    story.activated("west", division, "farm.move", moves=1)
    story.check(west=dict(OPEN, limit=6, purchases=12, usage="within"), south={"reason": "revoked"})


def too_many_moves(story, division):
    story.chapter("the key moves to and fro, until it has moved too often")
    story.agents["east"].start()
    said = story.farm("east", "activate", division, wanted=1)
    tap.ok("key_in_use" in said and "2 moves are left" in said, "without --move it stays where it is", said)
    tap.ok("runs another installation" in story.farm("east", "status"), "as the status says afterwards")
    story.check(east={"reason": "not_activated"}, west=OPEN)
    story.farm("east", "activate", division, "--move")
    tap.equal(story.agents["east"].status()["setbacks"], [], "what succeeds clears that")
    story.activated("east", division, "farm.move", moves=2)
    story.closed("west", "moved", "farm " + story.id_of("east"), moves=2)
    story.report("west")
    story.check(east=dict(OPEN, limit=6), west={"reason": "revoked", "why": "key moved"})
    story.farm("west", "activate", division, "--move")
    story.activated("west", division, "farm.move", moves=3)
    story.closed("east", "moved", "farm " + story.id_of("west"), moves=3)
    story.report("east")
    story.check(west=dict(OPEN, limit=6), east={"reason": "revoked", "why": "key moved"})

    story.chapter("a fourth move is refused, until the operator resets the count")
    said = story.farm("south", "activate", division, "--move", wanted=1)
    tap.ok("moves_exhausted" in said and "reset the count of moves" in said, "with what to do", said)
    tap.ok("as often as it may be" in story.farm("south", "status"), "as the status says afterwards")
    story.check(west=OPEN, south={"reason": "revoked", "why": "deactivated by administrator"})
    story.operator("key", "edit", division, "--reset-moves")
    story.key(division, moves=0, moves_left=3)
    story.audited("socket", "key.edit", division, moves=0)
    story.farm("south", "activate", division, "--move")
    story.activated("south", division, "farm.move", moves=1)
    story.closed("west", "moved", "farm " + story.id_of("south"), moves=1)
    story.report("west")
    story.check(south=dict(OPEN, limit=6, purchases=12, users=5, usage="within"), west={"reason": "revoked", "why": "key moved"})
    for name in ("west", "east"):
        story.agents[name].stop()


def renew(story, primary, division):
    ends = ms(story.subscription["expires_at"])
    story.later(ends - 20 * DAY)
    story.chapter("before the year is over another one is ordered, the last")
    story.report("north", "south")
    before, after = story.subscription["expires_at"], years_after(story.subscription["expires_at"], 1)
    story.operator("subscription", "order", "1", "--renew")
    story.operator("subscription", "renew", "1", "--automatic", "off")
    story.subscription.update(expires_at=after, renews=False)
    story.orders.append({"id": 3, "kind": "renew", "automatic": False, "licences": 0, "term": "1y", "at": NOW, "expires_before": before,
                         "expires_after": after})
    story.audited("socket", "subscription.renew", "1", expires_at=after)
    story.audited("socket", "subscription.edit", "1", renews=False)
    for key in (primary, division):
        story.key(key, ends_at=after)
    story.check(north=dict(OPEN, expires_at=before), south=dict(OPEN, expires_at=before))
    story.report("north", "south")
    still = dict(OPEN, purchases=12, term="valid", usage="within", expires_at=after)
    story.check(north=still, south=still)


def expire(story, primary, division):
    ends = ms(story.subscription["expires_at"])
    story.years.jump(ends - 5 * SECOND)
    story.chapter("the second year ends")
    story.report("north", "south")
    tap.equal([story.agents[name].status()["verdict"]["open"] for name in ("north", "south")], [True, True], "until then all is well")
    wait_until(lambda: all(story.agents[name].status()["verdict"]["term"] == "expiry_grace" for name in ("north", "south")), 30)
    story.subscription.update(status="expired")
    for key in (primary, division):
        story.key(key, state="expired")
    story.report("north", "south")
    graced = dict(OPEN, term="expiry_grace", usage="within", purchases=12)
    story.check(north=graced, south=graced)

    story.years.jump(ends + 20 * DAY)
    story.report("north", "south")
    story.years.jump(ends + 30 * DAY - 5 * SECOND)
    story.chapter("thirty days later nobody may come any more")
    story.report("north", "south")
    over = wait_until(lambda: all(story.agents[name].status()["verdict"]["term"] == "expired" for name in ("north", "south")), 30)
    tap.ok(over, "the farms end by themselves, at that instant")
    ended = {"open": False, "reason": "expired", "activation": "active", "contact": "fresh", "term": "expired", "purchases": 12}
    story.check(north=ended, south=ended)
    tap.equal([story.let_in(name, "ivy") for name in ("north", "south")], ["expired", "expired"], "the gates are closed")
    said = story.farm("south", "activate", division, wanted=77)
    tap.ok("expired" in said and "Have the subscription or the licence key extended" in said, "nor is the key of any use now", said)
    story.check(north=ended, south=ended)


def life():
    begun = time.monotonic()
    with Place() as place:
        story = Story(place)
        story.later(story.years.now() // WINDOW * WINDOW + WINDOW + MINUTE)
        primary = buy(story)
        division = sublicence(story, primary)
        activate(story, primary, division)
        overuse(story)
        add(story, primary, division)
        deactivate(story, division)
        elsewhere(story, division)
        too_many_moves(story, division)
        renew(story, primary, division)
        expire(story, primary, division)
    print("# %.1f s" % (time.monotonic() - begun))


if possible():
    life()
else:
    tap.skip("a subscription's life", "needs time namespaces and libfaketime")
tap.done()
