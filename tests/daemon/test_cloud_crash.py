#!/usr/bin/env python3
"""kill -9 of the authority at random instants under a stream of orders, keys, activations and reports: what was acknowledged is there
again, the audit log tells how the books came to be as they are, and quotas add up.

    test_cloud_crash.py BUILD [--long] [--seed N]
"""
import http.client
import json
import random
import sys
import threading
import time

from harness import Authority, Place, Tap, UnixConnection, request

SETTINGS = """activations: { per_minute = 6000; burst = 6000; };
trial: { per_day = 1000000; per_day_and_source = 1000000; };
log: { severity = "warning"; };
"""
WINDOW = 1200
ADMINISTRATORS = 2
FARMS = 3
SEED = 20260101  # of the short form: whether a change is good does not depend on the day


def stamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))


class Books:
    """What was acknowledged, by all streams together. A dict's or a set's single operation is atomic."""

    def __init__(self):
        self.subscriptions = {}  # id: its primary key
        self.keys = {}           # key: its subscription, of further ones
        self.deleted = set()     # keys
        self.cancelled = set()   # subscriptions
        self.orders = {}         # (subscription, id): the order
        self.farms = {}          # id: the highest sequence that was accepted
        self.notes = {}          # farm: the texts that may stand there
        self.refused = []        # answers that nobody should get
        self.count = 0


class Stream(threading.Thread):
    """One client over one kept-alive connection, until it breaks."""

    def __init__(self, cloud, books, seed):
        super().__init__(daemon=True)
        self.cloud, self.books, self.random = cloud, books, random.Random(seed)
        self.connection = None

    def connect(self):
        raise NotImplementedError

    def act(self):
        raise NotImplementedError

    def run(self):
        self.connection = self.connect()
        try:
            while True:
                self.act()
        except (OSError, http.client.HTTPException, ValueError):
            pass  # the authority was killed, perhaps within an answer
        finally:
            self.connection.close()

    def ask(self, method, path, body=None, token=None, allowed=()):
        headers = {"Authorization": "Bearer " + token} if token else {}
        self.connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = self.connection.getresponse()
        answer = json.loads(response.read())
        self.books.count += 1
        if response.status >= 400 and response.status not in allowed:
            self.books.refused.append((method, path, body, answer))
        return answer if response.status < 400 else None

    def any_of(self, things):
        things = list(things)
        return self.random.choice(things) if things else None


class Administrator(Stream):
    def connect(self):
        return UnixConnection(self.cloud.socket, 10)

    def act(self):
        books, chance = self.books, self.random.random()
        subscription, key = self.any_of(books.subscriptions), self.any_of(books.keys)
        if subscription is None or chance < 0.05:
            made = self.ask("POST", "/v1/admin/subscriptions", {"name": "s", "licences": 20, "term": "1y"})
            books.subscriptions[made["id"]] = made["primary_key"]
        elif chance < 0.25:
            made = self.ask("POST", "/v1/admin/subscriptions/%d/orders" % subscription, {"kind": "add", "licences": 3}, allowed=(409,))
            if made:
                books.orders[subscription, made["order"]["id"]] = made["order"]
        elif chance < 0.27:
            made = self.ask("POST", "/v1/admin/subscriptions/%d/orders" % subscription, {"kind": "cancel"}, allowed=(409,))
            if made:
                books.orders[subscription, made["order"]["id"]] = made["order"]
                books.cancelled.add(subscription)
        elif key is None or chance < 0.40:
            made = self.ask("POST", "/v1/admin/subscriptions/%d/keys" % subscription,
                            {"name": "k", "quota": self.random.randrange(5), "confirm": True}, allowed=(409,))
            if made:
                books.keys[made["key"]] = subscription
        elif chance < 0.65:
            self.ask("PATCH", "/v1/admin/keys/" + key, {"quota": self.random.randrange(9), "moves": 0, "confirm": True},
                     allowed=(409, 410))
        elif chance < 0.72:
            if self.ask("DELETE", "/v1/admin/keys/%s?confirm=true" % key, allowed=(409, 410)):
                books.deleted.add(key)
        else:
            self.farm(self.any_of(books.farms))

    def farm(self, farm):
        if farm is None:
            return
        if self.random.random() < 0.4:
            self.ask("POST", "/v1/admin/farms/deactivate", {"farms": [farm]})
            return
        text = "note %d" % self.random.randrange(1 << 30)
        self.books.notes.setdefault(farm, {""}).add(text)
        self.ask("PATCH", "/v1/admin/farms/" + farm, {"note": text})


class Farm(Stream):
    """An installation that takes keys where it finds them, reports, and gives them back. What it keeps, it keeps over the kills."""

    def __init__(self, cloud, books, seed, installation, kept):
        super().__init__(cloud, books, seed)
        self.installation, self.kept = installation, kept  # kept: farm id → [token, the sequence sent last]

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.cloud.port, timeout=10)

    def act(self):
        unused = self.kept.pop("unused", None)
        if unused or (self.kept and self.random.random() < 0.7):
            self.report(unused or self.any_of(self.kept))
        elif self.kept and self.random.random() < 0.2:
            farm = self.any_of(self.kept)
            self.ask("DELETE", "/v1/activations/" + farm, token=self.kept[farm][0])
        else:
            self.activate()

    def activate(self):
        books = self.books
        key = self.any_of(list(books.subscriptions.values()) + list(books.keys))
        if key is None:
            return
        answer = self.ask("POST", "/v1/activations",
                          {"license_key": key, "installation_id": self.installation, "farm_name": "f", "app_version": "1", "move": True},
                          allowed=(403, 409, 410))
        if answer:
            farm = answer["farm_id"]
            self.kept[farm] = [answer["farm_token"], self.kept.get(farm, [None, 0])[1]]
            self.kept["unused"] = farm  # a token stays good from its first use on
            books.farms.setdefault(farm, 0)

    def report(self, farm):
        self.kept["unused"] = farm
        kept = self.kept[farm]
        kept[1] += 1
        start = 1700000400 + kept[1] * WINDOW
        answer = self.ask("POST", "/v1/reports", {"farm_id": farm, "app_version": "1", "windows": [
            {"sequence": kept[1], "start": stamp(start), "end": stamp(start + WINDOW), "peak_users": 3, "peak_at": stamp(start),
             "users_at_end": 1, "exempt_peak": 0, "hosts": 1}]}, token=kept[0])
        if answer:
            self.books.farms[farm] = max(self.books.farms[farm], answer["accepted_through"])
        del self.kept["unused"]


def everything(cloud, path, name):
    found, after = [], 0
    while after is not None:
        page = request(cloud.socket, "GET", "%s%safter=%d" % (path, "&" if "?" in path else "?", after)).json()
        found += page[name]
        after = page["next"]
    return found


class Auditor:
    """Reads all books after each start; `wrong` is what does not fit."""

    def __init__(self, cloud, books):
        self.cloud, self.books, self.wrong, self.log = cloud, books, [], []

    def must(self, condition, *what):
        if not condition:
            self.wrong.append(what)

    def check(self):
        subscriptions = {s["id"]: s for s in everything(self.cloud, "/v1/admin/subscriptions", "subscriptions")}
        keys = {k["key"]: k for k in everything(self.cloud, "/v1/admin/keys", "keys")}
        farms = {f["farm_id"]: f for f in everything(self.cloud, "/v1/admin/farms", "farms")}
        orders = {s: {o["id"]: o for o in everything(self.cloud, "/v1/admin/subscriptions/%d/orders" % s, "orders")}
                  for s in subscriptions}
        self.check_acknowledged(subscriptions, keys, farms, orders)
        self.check_sums(subscriptions, keys, farms, orders)
        self.check_log(subscriptions, keys, farms, orders)
        return len(subscriptions) + len(keys) + len(farms) + len(self.log)

    def check_acknowledged(self, subscriptions, keys, farms, orders):
        books = self.books
        for subscription, primary in books.subscriptions.items():
            self.must(subscription in subscriptions and keys.get(primary, {}).get("primary"), "lost", subscription, primary)
        for key, subscription in books.keys.items():
            self.must(keys.get(key, {}).get("subscription_id") == subscription, "lost", key)
        for key in books.deleted:
            self.must(keys.get(key, {}).get("state") == "deleted", "not deleted", key)
        for subscription in books.cancelled:
            self.must(subscriptions.get(subscription, {}).get("status") == "cancelled", "not cancelled", subscription)
        for (subscription, number), order in books.orders.items():
            self.must(orders.get(subscription, {}).get(number) == order, "order lost", order)
        for farm, through in books.farms.items():
            self.must(farm in farms and farms[farm]["accepted_through"] >= through, "windows lost", farm, through)
        for farm, notes in books.notes.items():
            self.must(farms.get(farm, {}).get("note") in notes, "a note that nobody wrote", farm)

    def check_sums(self, subscriptions, keys, farms, orders):
        for number, subscription in subscriptions.items():
            of = [key for key in keys.values() if key["subscription_id"] == number]
            self.must(sum(key["quota"] for key in of) == subscription["licences"], "quotas do not add up", number)
            self.must(sum(key["primary"] for key in of) == 1, "no primary key", number)
            bought = sum(o["licences"] for o in orders[number].values() if o["kind"] in ("purchase", "add"))
            self.must(bought == subscription["purchases"] == subscription["licences"], "purchases", number)
        active = {}
        for farm in farms.values():
            if farm["status"] == "active":
                self.must(farm["key"] not in active, "two farms on a key", farm["key"])
                active[farm["key"]] = farm["farm_id"]
        for key in keys.values():
            self.must(key["farm_id"] == active.get(key["key"]), "key and farm differ", key)

    def check_log(self, subscriptions, keys, farms, orders):
        log = everything(self.cloud, "/v1/admin/audit", "audit")
        self.must(log[:len(self.log)] == self.log, "what was logged has changed")
        self.must([line["id"] for line in log] == list(range(1, len(log) + 1)), "a gap in the log")
        self.log = log
        last, ordered, notes = {}, {}, {}
        for line in log:
            kind, what = line["what"].split(".")
            if what == "note":
                notes[line["subject"]] = line["after"]["note"]
                continue
            last[kind, line["subject"]] = line["after"]
            if kind == "subscription" and what != "edit":
                ordered[int(line["subject"])] = ordered.get(int(line["subject"]), 0) + 1
        for number, subscription in subscriptions.items():
            told = last.get(("subscription", str(number)), {})
            self.must(all(told.get(field) == subscription[field] for field in ("licences", "purchases", "renews", "cancelled_at")),
                      "log and subscription differ", told, subscription)
            self.must(ordered.get(number) == len(orders[number]), "orders without a line", number)
        for key in keys.values():
            if key["primary"]:
                continue
            told = last.get(("key", key["key"]), {})
            self.must((told.get("quota"), told.get("deleted_at")) == (key["quota"], key["deleted_at"]), "log and key differ", told, key)
        for farm in farms.values():
            told = last.get(("farm", farm["farm_id"]), {})
            self.must(all(told.get(field) == farm[field] for field in ("status", "reason", "activated_at", "deactivated_at")),
                      "log and farm differ", told, farm)
            self.must(notes.get(farm["farm_id"], "") == farm["note"], "log and note differ", farm)


def main():
    tap = Tap()
    long_form = "--long" in sys.argv
    seed = random.randrange(1 << 32) if long_form else SEED
    if "--seed" in sys.argv:
        seed = int(sys.argv[sys.argv.index("--seed") + 1])
    rounds = 1000 if long_form else 40
    print("# seed %d" % seed, flush=True)
    chance = random.Random(seed)
    books, looked_at = Books(), 0
    with Place() as place:
        cloud = Authority(place, sys.argv[1], settings=SETTINGS)
        auditor = Auditor(cloud, books)
        kept = [{} for _ in range(FARMS)]
        for _ in range(rounds):
            cloud.start()
            looked_at = auditor.check()
            if auditor.wrong:
                break
            streams = [Administrator(cloud, books, chance.randrange(1 << 32)) for _ in range(ADMINISTRATORS)]
            streams += [Farm(cloud, books, chance.randrange(1 << 32), "i%d" % i, kept[i]) for i in range(FARMS)]
            for stream in streams:
                stream.start()
            time.sleep(chance.uniform(0.02, 0.25))
            cloud.kill()
            for stream in streams:
                stream.join(10)
        cloud.start()
        auditor.check()
        said = cloud.log()
    print("# %d kills, %d acknowledged answers, %d records at the end" % (rounds, books.count, looked_at))
    tap.ok(books.count > 10 * rounds and len(books.farms) > 3 and books.deleted, "the streams did something in every round")
    tap.equal(auditor.wrong[:5], [], "nothing acknowledged is lost, log and ledger agree, quotas add up")
    tap.equal(books.refused[:5], [], "nobody was refused what is his")
    tap.ok("the ledger" not in said, "and the authority had nothing to complain of", said[-2000:])
    tap.done()


main()
