#!/usr/bin/env python3
"""The authority's administrator: every call of /v1/admin and every command, with what they refuse and what the audit log says.
     test_cloud_admin.py BUILD"""
import concurrent.futures
import contextlib
import csv
import fcntl
import io
import json
import os
import pty
import re
import sqlite3
import struct
import subprocess
import sys
import termios
import time

import offline_files
from harness import Authority, Place, Tap, request, wait_until

BUILD = os.path.abspath(sys.argv[1])
TREE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
WINDOW = 1200
DAY = 86400
GENEROUS = "activations: { per_minute = 6000; burst = 6000; };"
tap = Tap()
try:
    import jsonschema  # noqa: F401, pylint: disable=unused-import
    from openapi_check import CheckedApi, OpenApi
    openapi = OpenApi(os.path.join(TREE, "cloud", "openapi.yaml"))
    checked = CheckedApi(openapi, request)
except ImportError:
    openapi = None
    checked = request
REFUSED = set()  # (method, path, status, code) of every problem


def spoken(address, method, path, *arguments, **named):
    """A request whose answer is held against the document at the end."""
    answer = checked(address, method, path, *arguments, **named)
    if answer.status >= 400 and method != "HEAD":
        REFUSED.add((method, path.split("?")[0], answer.status, answer.json()["code"]))
    return answer


class Cloud(Authority):
    """The administrator's side over the socket, and what farms do meanwhile."""

    def ask(self, method, path, body=None, **rest):
        return spoken(self.socket, method, "/v1/admin/" + path, body, **rest)

    def tcp(self, method, path, body=None, token=None):
        return spoken(("127.0.0.1", self.port), method, path, body, {"Authorization": "Bearer " + token} if token else None)

    def made(self, method, path, body=None):
        answer = self.ask(method, path, body)
        if answer.status not in (200, 201):
            raise RuntimeError("%s %s: %r" % (method, path, answer))
        return answer.json()

    def buy(self, licences=10, term="1y", **rest):
        return self.made("POST", "subscriptions", dict({"licences": licences, "term": term}, **rest))

    def activate(self, installation, key=None, name="office", move=False):
        body = {"installation_id": installation, "farm_name": name, "app_version": "0.1.0", "move": move}
        body.update({"license_key": key} if key else {"trial": True})
        return self.tcp("POST", "/v1/activations", body).json()

    def report(self, farm, peaks, ending=0, first=1):
        """One window for each peak, one after another, the last of them so many seconds ago."""
        start = (int(time.time()) - ending) // WINDOW * WINDOW - len(peaks) * WINDOW
        windows = [{"sequence": first + i, "start": at(start + i * WINDOW), "end": at(start + (i + 1) * WINDOW),
                    "peak_users": peak, "peak_at": at(start + i * WINDOW), "users_at_end": 1, "exempt_peak": 0, "hosts": 1}
                   for i, peak in enumerate(peaks)]
        return self.tcp("POST", "/v1/reports", {"farm_id": farm["farm_id"], "app_version": "0.1.1", "windows": windows},
                        farm["farm_token"])

    def audit(self, subject=None):
        return self.made("GET", "audit" + ("?subject=" + subject if subject else ""))["audit"]


def at(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))


def refused(answer, status, code, field, name):
    problem = answer.json()
    tap.ok((answer.status, problem.get("status"), problem.get("code"), problem.get("field")) == (status, status, code, field) and
           answer.headers["content-type"] == "application/problem+json", name, answer)
    return problem


def subscriptions():
    with Place() as place:
        cloud = Cloud(place, BUILD, settings=GENEROUS).start()
        bought = cloud.ask("POST", "subscriptions", {"name": "Büro", "licences": 10, "term": "2y", "plan": "premium",
                                                     "contract": "C-7", "unknown": [1]})
        tap.equal(bought.status, 201, "bought")
        first = bought.json()
        key = first["primary_key"]
        tap.equal({name: first[name] for name in first if name not in ("primary_key", "created_at")},
                  {"id": 1, "name": "Büro", "contract": "C-7", "licences": 10, "purchases": 10, "term": "2y", "plan": "premium",
                   "channel": "online", "renews": True, "status": "new", "activated_at": None, "expires_at": None,
                   "cancelled_at": None}, "it is told whole")
        tap.equal(len(key), 29, "with its primary key")
        whole = cloud.made("GET", "subscriptions/1")
        tap.equal((whole["primary_key"], [k["key"] for k in whole["keys"]], [o["kind"] for o in whole["orders"]]),
                  (key, [key], ["purchase"]), "and shown with keys and orders")

        refused(cloud.ask("POST", "subscriptions/1/orders", {"kind": "renew"}), 409, "not_activated", None,
                "what has not begun is not renewed")
        cloud.activate("inst-a", key)
        began = cloud.made("GET", "subscriptions/1")
        tap.equal(began["status"], "active", "the first activation begins it")
        added = cloud.ask("POST", "subscriptions/1/orders", {"kind": "add", "licences": 5})
        tap.equal(added.status, 201, "licences are added")
        tap.equal((added.json()["order"]["kind"], added.json()["order"]["licences"], added.json()["subscription"]["licences"],
                   added.json()["subscription"]["purchases"]), ("add", 5, 15, 15), "and purchases grow with them")
        renewed = cloud.made("POST", "subscriptions/1/orders", {"kind": "renew", "term": "1y"})
        tap.equal(renewed["subscription"]["expires_at"][:4], str(int(began["expires_at"][:4]) + 1), "a year more")
        tap.equal(renewed["order"]["expires_before"], began["expires_at"], "from the old end")
        tap.equal(renewed["subscription"]["purchases"], 15, "which is no purchase")
        edited = cloud.made("PATCH", "subscriptions/1", {"name": "Office", "renews": False})
        tap.equal((edited["name"], edited["contract"], edited["renews"]), ("Office", "C-7", False), "edited in part")
        tap.equal(cloud.made("PATCH", "subscriptions/1", {})["name"], "Office", "nothing to change changes nothing")
        cancelled = cloud.made("POST", "subscriptions/1/orders", {"kind": "cancel"})
        tap.equal((cancelled["subscription"]["status"], cancelled["order"]["kind"]), ("cancelled", "cancel"), "cancelled")
        farm = cloud.made("GET", "farms")["farms"][0]
        tap.equal((farm["status"], farm["reason"]), ("deactivated", "cancelled"), "its farms are closed")
        refused(cloud.ask("POST", "subscriptions/1/orders", {"kind": "add", "licences": 5}), 409, "subscription_cancelled", None,
                "and it takes no orders")
        refused(cloud.ask("PATCH", "subscriptions/1", {"renews": True}), 409, "subscription_cancelled", None, "nor renews")
        lines = cloud.audit("1")
        tap.equal([(line["who"], line["what"]) for line in lines],
                  [("socket", "subscription." + what) for what in ("create", "add", "renew", "edit", "cancel")],
                  "the audit log has who and what, once a change", )
        tap.equal((lines[0]["before"], lines[0]["after"]["licences"], lines[1]["before"]["licences"],
                   lines[1]["after"]["licences"]), (None, 10, 10, 15), "with before and after")
        bad_subscriptions(cloud)


def bad_subscriptions(cloud):
    good = {"licences": 1, "term": "1y"}
    for body, field, name in (
            ({"term": "1y"}, "licences", "no licences"), (dict(good, licences=-1), "licences", "fewer than none"),
            (dict(good, licences="7"), "licences", "a text for a number"), (dict(good, term="4y"), "term", "a term there is not"),
            (dict(good, term=""), "term", "no term"), (dict(good, plan="gold"), "plan", "a plan there is not"),
            (dict(good, channel="sea"), "channel", "a channel there is not"), (dict(good, name="x" * 128), "name", "a long name"),
            (dict(good, contract="x" * 512), "contract", "a long contract"), (dict(good, renews="yes"), "renews", "a text"),
            ("[", None, "half a list")):
        refused(cloud.ask("POST", "subscriptions", body), 400, "invalid", field, "a purchase with " + name)
    tap.equal(len(cloud.made("GET", "subscriptions")["subscriptions"]), 1, "nothing came of them")
    refused(cloud.ask("POST", "subscriptions", dict(good, channel="reseller", term="1m")), 400, "monthly_is_online_only", "term",
            "a month of a reseller's")
    refused(cloud.ask("POST", "subscriptions", dict(good, channel="reseller", renews=True)), 409, "renewed_by_reseller", "renews",
            "a reseller's that renews by itself")
    two = cloud.buy(9999999, channel="reseller")["id"]
    path = "subscriptions/%d" % two
    refused(cloud.ask("POST", path + "/orders", {"kind": "add", "licences": 2}), 409, "too_many_licences", "licences", "too many")
    refused(cloud.ask("PATCH", path, {"renews": True}), 409, "renewed_by_reseller", "renews", "he alone renews")
    for body, field, name in (({}, "kind", "no kind"), ({"kind": "buy"}, "kind", "a kind there is not"),
                              ({"kind": "add"}, "licences", "no number"), ({"kind": "add", "licences": 0}, "licences", "none more"),
                              ({"kind": "add", "licences": 1, "term": "1y"}, "term", "a term with add"),
                              ({"kind": "cancel", "licences": 1}, "licences", "licences with cancel"),
                              ({"kind": "renew", "term": "9d9"}, "term", "no term")):
        refused(cloud.ask("POST", path + "/orders", body), 400, "invalid", field, "an order with " + name)
    for body, field in (({"name": "x" * 128}, "name"), ({"contract": 7}, "contract"), ({"renews": 1}, "renews"), ("", None)):
        refused(cloud.ask("PATCH", path, body), 400, "invalid", field, "an edit of %s" % str(body)[:20])
    cloud.activate("inst-r", cloud.made("GET", path)["primary_key"])
    refused(cloud.ask("POST", path + "/orders", {"kind": "renew", "term": "1m"}), 400, "monthly_is_online_only", "term",
            "a reseller's month more")
    for unknown in ("77", "0", "-1", "x", "9" * 30):
        refused(cloud.ask("GET", "subscriptions/" + unknown), 404, "unknown_subscription", None, "subscription " + unknown)
    refused(cloud.ask("PATCH", "subscriptions/77", {"name": "a"}), 404, "unknown_subscription", None, "edited")
    refused(cloud.ask("POST", "subscriptions/77/orders", {"kind": "cancel"}), 404, "unknown_subscription", None, "cancelled")
    refused(cloud.ask("GET", "subscriptions/77/orders"), 404, "unknown_subscription", None, "its orders")
    refused(cloud.ask("POST", "subscriptions/77/keys", {"quota": 1}), 404, "unknown_subscription", None, "a key of it")


def expired():
    """A term that is over: its subscription is made older in the ledger while nobody serves it."""
    with Place() as place:
        cloud = Cloud(place, BUILD, settings=GENEROUS).start()
        key = cloud.buy(5, "30d", renews=False)["primary_key"]
        cloud.activate("inst-a", key)
        cloud.stop()
        with contextlib.closing(sqlite3.connect(os.path.join(cloud.state, "ledger.db"))) as ledger, ledger:
            ledger.execute("UPDATE subscription SET activated_ms = activated_ms - ?1, expires_ms = expires_ms - ?1", (40 * DAY * 1000,))
        cloud.start()
        tap.equal((cloud.made("GET", "subscriptions/1")["status"], cloud.made("GET", "keys/" + key)["state"]),
                  ("expired", "expired"), "a term ends")
        refused(cloud.ask("PATCH", "subscriptions/1", {"renews": True}), 409, "subscription_expired", "renews",
                "what is over does not begin to renew by itself")
        renewed = cloud.made("POST", "subscriptions/1/orders", {"kind": "renew"})
        tap.equal((renewed["subscription"]["status"], renewed["order"]["term"]), ("active", "30d"), "it is renewed by an order")


def keys():
    with Place() as place:
        cloud = Cloud(place, BUILD, settings=GENEROUS).start()
        primary = cloud.buy(10)["primary_key"]
        made = cloud.ask("POST", "subscriptions/1/keys", {"name": "North", "quota": 4, "expires_at": "2098-01-01T00:00:00Z"})
        tap.equal(made.status, 201, "a key is made")
        key = made.json()
        tap.equal((key["name"], key["quota"], key["primary"], key["state"], key["expires_at"], key["ends_at"], key["moves_left"]),
                  ("North", 4, False, "free", "2098-01-01T00:00:00.000Z", "2098-01-01T00:00:00.000Z", 3), "and told whole")
        tap.equal(cloud.made("GET", "keys/" + primary)["quota"], 6, "its quota is the primary key's no more")
        path = "keys/" + key["key"]
        problem = refused(cloud.ask("PATCH", path, {"quota": 11}), 409, "quota_too_large", "quota", "no more than there is")
        tap.equal((problem["left"], problem["detail"].endswith(": 10")), (10, True), "it says how many are left")
        problem = refused(cloud.ask("POST", "subscriptions/1/keys", {"quota": 7}), 409, "quota_too_large", "quota", "nor for a new one")
        tap.equal(problem["left"], 6, "which could have fewer")

        farm = cloud.activate("inst-n", key["key"])
        cloud.report(farm, [3, 4])
        problem = refused(cloud.ask("PATCH", path, {"quota": 2}), 409, "below_peak", "confirm", "below the peak needs a word")
        tap.equal((problem["quota"], problem["peak_users"], problem["farm_id"]), (2, 4, farm["farm_id"]), "with the numbers, and whose they are")
        tap.equal(problem["detail"], "farm %s would get 2 licences, less than its last reported peak of 4; confirm it" % farm["farm_id"],
                  "in the sentence, too")
        tap.equal(cloud.made("GET", path)["quota"], 4, "without it nothing happens")
        tap.equal(cloud.made("PATCH", path, {"quota": 2, "confirm": True})["quota"], 2, "with it it does")
        edited = cloud.made("PATCH", path, {"name": "N", "expires_at": None})
        tap.equal((edited["name"], edited["expires_at"], edited["quota"]), ("N", None, 2), "edited in part")
        ends = cloud.made("GET", "subscriptions/1")["expires_at"]
        late = [refused(cloud.ask("PATCH", path, {"expires_at": "2099-01-01T00:00:00Z"}), 409, "beyond_subscription", "expires_at",
                        "not later than its subscription"),
                refused(cloud.ask("POST", "subscriptions/1/keys", {"quota": 1, "expires_at": "2099-01-01T00:00:00Z"}), 409,
                        "beyond_subscription", "expires_at", "nor a new one")]
        tap.equal([(problem["subscription_expires_at"], problem["detail"].endswith(": " + ends)) for problem in late], [(ends, True)] * 2,
                  "it says when that is")
        first = cloud.activate("inst-p", primary)
        cloud.report(first, [8])
        problem = refused(cloud.ask("POST", "subscriptions/1/keys", {"quota": 1}), 409, "below_peak", "confirm",
                          "a new key takes from the primary")
        tap.equal((problem["quota"], problem["peak_users"], problem["farm_id"]), (7, 8, first["farm_id"]), "whose farm would have fewer")
        for installation in ("b", "c", "d"):
            cloud.activate(installation, key["key"], move=True)
        tap.equal(cloud.made("GET", path)["moves_left"], 0, "moved as often as it may")
        tap.equal(cloud.made("PATCH", path, {"moves": 0})["moves_left"], 3, "the count is reset")
        refused(cloud.ask("DELETE", "keys/" + primary), 409, "primary_key", None, "the primary key stays")
        refused(cloud.ask("PATCH", "keys/" + primary, {"quota": 1}), 409, "primary_key", None, "and has what is left")
        cloud.report(cloud.activate("d", key["key"]), [1])
        problem = refused(cloud.ask("DELETE", path), 409, "below_peak", "confirm", "a key in use is deleted only on a second word")
        tap.equal((problem["quota"], problem["peak_users"]), (0, 1), "its farm would have nothing")
        refused(cloud.ask("DELETE", path + "?confirm=yes"), 400, "invalid", "confirm", "which is true")
        gone = cloud.made("DELETE", path + "?confirm=true")
        tap.equal((gone["state"], gone["quota"], gone["farm_id"]), ("deleted", 0, None), "deleted")
        tap.equal(cloud.made("GET", "keys/" + primary)["quota"], 10, "its licences are free")
        for method, body in (("PATCH", {"name": "x"}), ("DELETE", None)):
            refused(cloud.ask(method, path, body), 410, "key_deleted", None, method + " of a deleted key")
        lines = [line for line in cloud.audit(key["key"]) if line["what"].startswith("key.")]
        tap.equal([line["what"] for line in lines],
                  ["key.create", "key.edit", "key.edit", "key.edit", "key.delete"], "the audit log has every change")
        tap.equal((lines[1]["before"]["quota"], lines[1]["after"]["quota"]), (4, 2), "as it was and as it is")
        bad_keys(cloud, primary, place)


def windows_of(farm, *windows):
    """The windows' refusals: each is (sequence, start, end) in seconds from now."""
    now_s = int(time.time())
    return {"farm_id": farm["farm_id"], "app_version": "1",
            "windows": [{"sequence": sequence, "start": at(now_s + start), "end": at(now_s + end), "peak_users": 1,
                         "peak_at": at(now_s + start), "users_at_end": 1, "exempt_peak": 0, "hosts": 1}
                        for sequence, start, end in windows]}


def bad_input():
    """What the rules name: each refusal has its code, its field and its numbers, and changes nothing."""
    with Place() as place:
        cloud = Cloud(place, BUILD, settings=GENEROUS + "trial: { per_day = 1; };").start()
        primary = cloud.buy(10)["primary_key"]
        office = cloud.activate("inst-o", primary)
        cloud.report(office, [6])
        ends = cloud.made("GET", "subscriptions/1")["expires_at"]

        def made(**rest):
            return cloud.made("POST", "subscriptions/1/keys", dict({"quota": 1}, **rest))["key"]

        moved, deleted, expired = made(), made(), made(expires_at=at(time.time() + 2))
        for name in "abcd":
            cloud.activate("inst-" + name, moved, move=True)
        cloud.made("DELETE", "keys/" + deleted)
        wait_until(lambda: cloud.made("GET", "keys/" + expired)["state"] == "expired")
        trial = cloud.activate("inst-t")
        cloud.made("POST", "farms/deactivate", {"farms": [trial["farm_id"]]})
        typo = primary[:-1] + ("0" if primary[-1] != "0" else "1")
        farm_token = {"Authorization": "Bearer " + office["farm_token"]}

        def activation(name, move=False, key=None):
            body = {"installation_id": name, "app_version": "1", "move": move}
            body.update({"license_key": key} if key else {"trial": True})
            return lambda: cloud.tcp("POST", "/v1/activations", body)

        def report(farm, headers):
            return lambda: spoken(("127.0.0.1", cloud.port), "POST", "/v1/reports", windows_of(farm), headers)

        rows = [
            ("a quota larger than what is left", lambda: cloud.ask("POST", "subscriptions/1/keys", {"quota": 9}), 409, "quota_too_large",
             "quota", {"left": 8}),
            ("a quota changed to more than is left", lambda: cloud.ask("PATCH", "keys/" + moved, {"quota": 10}), 409, "quota_too_large",
             "quota", {"left": 9}),
            ("a quota below a running farm's peak", lambda: cloud.ask("POST", "subscriptions/1/keys", {"quota": 3}), 409, "below_peak",
             "confirm", {"quota": 5, "peak_users": 6, "farm_id": office["farm_id"]}),
            ("an end beyond the subscription's", lambda: cloud.ask("PATCH", "keys/" + moved, {"expires_at": "2099-01-01T00:00:00Z"}), 409,
             "beyond_subscription", "expires_at", {"subscription_expires_at": ends}),
            ("a typing error", activation("inst-x", key=typo), 400, "invalid_key", "license_key", {}),
            ("a key in use", activation("inst-x", key=primary), 409, "key_in_use", "license_key", {"moves_left": 3}),
            ("a fourth move", activation("inst-a", key=moved, move=True), 409, "moves_exhausted", "license_key", {"moves_left": 0}),
            ("an expired key", activation("inst-x", key=expired), 403, "expired", "license_key", {}),
            ("a deleted key", activation("inst-x", key=deleted), 410, "key_deleted", "license_key", {}),
            ("a trial used up", activation("inst-t"), 403, "trial_used", "trial", {}),
            ("a trial beyond the day's cap", activation("inst-u"), 429, "trial_cap", "trial", {}),
            ("a report for a farm that is none", report({"farm_id": "f-0"}, farm_token), 401, "unauthorized", None, {}),
            ("a report with another's token", report(trial, farm_token), 401, "unauthorized", None, {}),
        ]
        before = [cloud.made("GET", path) for path in ("subscriptions/1", "keys", "farms", "audit")]
        for name, ask, status, code, field, numbers in rows:
            problem = refused(ask(), status, code, field, name)
            tap.equal({member: problem.get(member) for member in numbers}, numbers, "%s: with its numbers" % name)
            tap.ok(problem["detail"] and all(str(number) in problem["detail"] for member, number in numbers.items()
                                             if member != "moves_left"), "%s: and in the sentence" % name, problem)
        tap.equal([cloud.made("GET", path) for path in ("subscriptions/1", "keys", "farms", "audit")], before,
                  "none of it has changed anything")

        answer = cloud.tcp("POST", "/v1/reports", windows_of(office, (100, -9000, -7800), (101, -7900, -6700), (102, -6700, -6700),
                                                             (103, -6700, -5400), (104, 90000, 91200)), office["farm_token"]).json()
        tap.equal(([(window["sequence"], window["reason"]) for window in answer["refused"]], answer["accepted_through"]),
                  ([(101, "overlaps"), (102, "no_period"), (103, "too_long"), (104, "in_future")], 100),
                  "windows are refused one by one, and are in nobody's way")

        lost = cloud.activate("inst-o", primary)
        again = cloud.made("GET", "keys/" + primary)
        tap.equal((lost["farm_id"], again["moves"], again["farm_id"]), (office["farm_id"], 0, office["farm_id"]),
                  "an activation again, after a lost reply: the same farm, and nothing is used up")


def bad_keys(cloud, primary, place):
    for body, field, name in (({}, "quota", "no quota"), ({"quota": -1}, "quota", "less than nothing"),
                              ({"quota": 1, "expires_at": "soon"}, "expires_at", "a word for a time"),
                              ({"quota": 1, "expires_at": "1970-01-01T00:00:00Z"}, "expires_at", "the beginning of time"),
                              ({"quota": 1, "expires_at": "2024-01-01T00:00:00Z"}, "expires_at", "an end that is past"),
                              ({"quota": 1, "name": "n" * 128}, "name", "a long name"),
                              ({"quota": 1, "confirm": 1}, "confirm", "a number for a boolean")):
        refused(cloud.ask("POST", "subscriptions/1/keys", body), 400, "invalid", field, "a key with " + name)
    refused(cloud.ask("PATCH", "keys/" + primary, {"moves": 1}), 400, "invalid", "moves", "moves are only reset")
    typo = primary[:-1] + ("0" if primary[-1] != "0" else "1")
    for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
        refused(cloud.ask(method, "keys/" + typo, body), 400, "invalid_key", None, "%s of a typing error" % method)
    stranger = Cloud(place, BUILD, name="stranger").start()
    unknown = stranger.buy()["primary_key"]
    stranger.stop()
    for method, body in (("GET", None), ("PATCH", {"name": "x"}), ("DELETE", None)):
        refused(cloud.ask(method, "keys/" + unknown, body), 404, "unknown_key", None, "%s of another's key" % method)
    cloud.made("POST", "subscriptions/1/orders", {"kind": "cancel"})
    refused(cloud.ask("POST", "subscriptions/1/keys", {"quota": 1}), 409, "subscription_cancelled", None, "a key of what is cancelled")
    refused(cloud.ask("PATCH", "keys/" + primary, {"name": "x"}), 409, "subscription_cancelled", None, "nor is one edited")
    tap.equal(cloud.made("GET", "keys/" + primary.lower())["state"], "cancelled", "any spelling of a key will do")


def farms():
    with Place() as place:
        cloud = Cloud(place, BUILD, settings=GENEROUS).start()
        bought = cloud.buy(10)
        office = cloud.activate("inst-a", bought["primary_key"])
        trial = cloud.activate("inst-b", name="trial")
        cloud.report(office, [3, 12, 5])
        listed = {farm["farm_id"]: farm for farm in cloud.made("GET", "farms")["farms"]}
        line = listed[office["farm_id"]]
        tap.equal((line["key"], line["subscription_id"], line["name"], line["status"], line["reason"], line["trial"],
                   line["installation_id"], line["app_version"], line["peak_users"], line["note"], line["windows_counted"]),
                  (bought["primary_key"], 1, "office", "active", None, False, "inst-a", "0.1.1", 12, "", 3),
                  "a farm is listed with all that the rules name")
        tap.equal((listed[trial["farm_id"]]["key"], listed[trial["farm_id"]]["trial"]), (None, True), "a trial has no key")
        for query, wanted in (("status=active", 2), ("status=deactivated", 0), ("subscription=1", 1), ("subscription=2", 0),
                              ("key=" + bought["primary_key"].lower().replace("-", ""), 1), ("limit=1", 1), ("after=99", 0)):
            tap.equal(len(cloud.made("GET", "farms?" + query)["farms"]), wanted, "farms with " + query)
        path = "farms/" + office["farm_id"]
        shown = cloud.made("GET", path)
        tap.equal(([w["peak_users"] for w in shown["windows"]], [w["refused"] for w in shown["windows"]]),
                  ([3, 12, 5], [None] * 3), "shown with its windows")
        tap.equal(max(day["peak_users"] for day in shown["days"]), 12, "and its days")
        tap.equal(cloud.made("GET", path + "/history")["limit"], 10, "its history knows the limit")
        tap.equal(cloud.made("GET", "farms/%s/history" % trial["farm_id"])["limit"], 25, "a trial's too")
        noted = cloud.made("PATCH", path, {"note": "call \"them\"\n"})
        tap.equal(noted["note"], "call \"them\"\n", "a note is kept")
        cloud.made("PATCH", path, {"note": "call \"them\"\n"})
        done = cloud.made("POST", "farms/deactivate", {"farms": [office["farm_id"], "f-0", trial["farm_id"], office["farm_id"]]})
        tap.equal([(farm["changed"], farm["status"], farm["reason"], farm["code"]) for farm in done["farms"]],
                  [(True, "deactivated", "administrator", None), (False, None, None, "unknown_farm"),
                   (True, "deactivated", "administrator", None), (False, "deactivated", "administrator", None)],
                  "several are deactivated at once, each with its outcome")
        tap.equal(cloud.made("GET", path + "/history")["limit"], None, "one that is closed has no limit")
        tap.equal(cloud.made("GET", "keys/" + bought["primary_key"])["state"], "free", "its key is free")
        lines = [(line["who"], line["what"], line["before"] and line["before"].get("note"), line["after"].get("note"))
                 for line in cloud.audit(office["farm_id"]) if line["what"] in ("farm.note", "farm.deactivate")]
        tap.equal(lines, [("socket", "farm.note", "", "call \"them\"\n"), ("socket", "farm.deactivate", None, None)],
                  "one line a change, none where nothing changed")
        for method, rest, body in (("GET", "", None), ("GET", "/history", None), ("PATCH", "", {"note": "x"})):
            refused(cloud.ask(method, "farms/f-0" + rest, body), 404, "unknown_farm", None, "%s of no farm%s" % (method, rest))
        for body, field in (({}, "note"), ({"note": "x" * 1024}, "note"), ({"note": 7}, "note")):
            refused(cloud.ask("PATCH", path, body), 400, "invalid", field, "a bad note %s" % str(body)[:20])
        for body, field in (({}, "farms"), ({"farms": []}, "farms"), ({"farms": "f-0"}, "farms"), ({"farms": ["x" * 64]}, "farms[0]"),
                            ({"farms": ["f"] * 501}, "farms[500]")):
            refused(cloud.ask("POST", "farms/deactivate", body), 400, "invalid", field, "bad farms %s" % str(body)[:20])
        for query, field in (("status=open", "status"), ("status=" + "x" * 50, "status"), ("subscription=x", "subscription"),
                             ("limit=0", "limit"), ("limit=501", "limit"), ("after=-1", "after"), ("limit=1&limit=2", "limit")):
            refused(cloud.ask("GET", "farms?" + query), 400, "invalid", field, "farms with " + query[:20])
        refused(cloud.ask("GET", "farms?key=AAAAA"), 400, "invalid_key", "key", "farms on no key")


def paging():
    with Place() as place:
        cloud = Cloud(place, BUILD, settings=GENEROUS).start()
        for i in range(7):
            cloud.buy(i)
        cloud.activate("a", cloud.made("GET", "subscriptions/3")["primary_key"])
        cloud.activate("b")
        for _ in range(4):
            cloud.made("POST", "subscriptions/3/orders", {"kind": "add", "licences": 1})
            cloud.made("POST", "subscriptions/3/keys", {"quota": 1})
        for path, name, wanted in (("subscriptions", "subscriptions", 7), ("keys", "keys", 11), ("keys?subscription=3", "keys", 5),
                                   ("farms", "farms", 2), ("subscriptions/3/orders", "orders", 5), ("audit", "audit", 17),
                                   ("audit?subject=3", "audit", 5)):
            whole, cursor, pages = [], 0, 0
            while cursor is not None and pages < 20:
                page = cloud.made("GET", "%s%slimit=2&after=%d" % (path, "&" if "?" in path else "?", cursor))
                whole += page[name]
                cursor = page["next"]
                pages += 1
            tap.equal(whole, cloud.made("GET", path)[name], "%s page by page are the same" % path)
            tap.equal(len(whole), wanted, "%s has every line once" % path)
        for path in ("subscriptions", "keys", "audit", "subscriptions/3/orders"):
            refused(cloud.ask("GET", path + "?limit=501"), 400, "invalid", "limit", path + " has its bounds")
        refused(cloud.ask("GET", "keys?subscription=0"), 400, "invalid", "subscription", "no subscription is 0")
        middle = cloud.made("GET", "audit")["audit"][8]
        for since, wanted in ((middle["at"], middle["id"]), ("2020-01-01T00:00:00Z", 1), ("2020-01-01T01:00:00%2B01:00", 1)):
            tap.equal(cloud.made("GET", "audit?since=" + since)["audit"][0]["at"] >= since[:10], True, "audit since " + since)
            tap.ok(cloud.made("GET", "audit?since=" + since)["audit"][0]["id"] <= wanted, "begins where the time does")
        for after in range(17):
            first = cloud.made("GET", "audit?since=%s&after=%d&limit=1" % (middle["at"], after))["audit"][0]
            if first["at"] < middle["at"] or first["id"] <= after:
                tap.ok(False, "since and after go together", first)
        tap.equal(cloud.made("GET", "audit?since=2099-01-01T00:00:00Z")["audit"], [], "nothing is of the future")
        refused(cloud.ask("GET", "audit?since=yesterday"), 400, "invalid", "since", "a word is no time")
        refused(cloud.ask("GET", "audit?subject=a&subject=b"), 400, "invalid", "subject", "twice is once too often")


def tokens():
    with Place() as place:
        file = place.join("tokens")
        cloud = Cloud(place, BUILD, settings='token_file = "%s"; %s' % (file, GENEROUS))

        def make(name, scope):
            made = subprocess.run([cloud.binary, "token", "make", name, scope, "--json"], capture_output=True, text=True,
                                  timeout=10, check=True)
            return json.loads(made.stdout)

        def write(*lines, mode=0o600):
            with open(file, "w", encoding="utf-8") as out:
                out.write("# who\n" + "".join(line + "\n" for line in lines))
            os.chmod(file, mode)

        reader, writer, later = make("books", "read"), make("shop", "write"), make("later", "write")
        tap.ok(len(reader["token"]) == 64 and reader["token"] not in reader["line"], "a token is made; its line holds but a hash")
        write(reader["line"], writer["line"])
        cloud.start()
        buy = {"licences": 1, "term": "1y"}
        for token, name in ((None, "without a token"), ("x" * 64, "with a wrong one"), ("", "with none"),
                            (reader["line"].rsplit(":", 1)[1], "with its hash")):
            answer = cloud.tcp("GET", "/v1/admin/subscriptions", token=token)
            refused(answer, 401, "unauthorized", None, name + ": 401")
            tap.equal(answer.headers.get("www-authenticate"), "Bearer", "which says what is wanted")
        refused(cloud.tcp("POST", "/v1/admin/subscriptions", buy), 401, "unauthorized", None, "nor is anything bought")
        refused(cloud.tcp("GET", "/v1/admin/nothing"), 401, "unauthorized", None, "nor told what there is")
        tap.equal(cloud.tcp("GET", "/v1/admin/subscriptions", token=reader["token"]).json()["subscriptions"], [], "a reader reads")
        tap.equal(cloud.tcp("HEAD", "/v1/admin/subscriptions", token=reader["token"]).status, 200, "its head as well")
        for method, path in WRITES:
            refused(cloud.tcp(method, "/v1/admin/" + path, {}, reader["token"]), 403, "read_only", None,
                    "a reader does not %s %s" % (method, path))
        tap.equal(cloud.tcp("POST", "/v1/admin/subscriptions", buy, writer["token"]).status, 201, "a writer writes")
        tap.equal(cloud.tcp("GET", "/v1/admin/subscriptions/1", token=writer["token"]).status, 200, "and reads")
        refused(cloud.tcp("POST", "/v1/admin/signing-keys", token=writer["token"]), 403, "socket_only", None, "but makes no signing key")
        refused(cloud.tcp("POST", "/v1/admin/backup", token=writer["token"]), 403, "socket_only", None, "and gets no copy of it all")
        tap.equal([line["who"] for line in cloud.audit("1")], ["shop"], "the audit log has the token's name")
        farm = cloud.activate("inst-a")
        refused(cloud.tcp("GET", "/v1/admin/farms", token=farm["farm_token"]), 401, "unauthorized", None, "a farm's token is none")
        refused(cloud.tcp("POST", "/v1/reports", {"farm_id": farm["farm_id"], "windows": []}, writer["token"]), 401,
                "unauthorized", None, "nor is the other way round")

        write(later["line"])
        cloud.process.send_signal(1)
        tap.ok(wait_until(lambda: cloud.tcp("GET", "/v1/admin/farms", token=later["token"]).status == 200), "SIGHUP reads it again")
        refused(cloud.tcp("GET", "/v1/admin/farms", token=writer["token"]), 401, "unauthorized", None, "who is out is out")
        for lines, mode, word in (([later["line"], "x"], 0o600, "tokens:3"), ([later["line"]], 0o640, "0600"),
                                  ([later["line"].replace("later", "socket")], 0o600, "socket"),
                                  ([later["line"].replace("later", "farm f-0")], 0o600, "letters")):
            write(*lines, mode=mode)
            cloud.forget_log()
            cloud.process.send_signal(1)
            tap.ok(wait_until(lambda w=word: w in cloud.log()), "a wrong file is told: " + word, cloud.log())
            tap.equal(cloud.tcp("GET", "/v1/admin/farms", token=later["token"]).status, 200, "and leaves things as they were")
            check = subprocess.run(cloud.command + ["--check-config"], capture_output=True, text=True, timeout=10, check=False)
            tap.ok(check.returncode == 78 and word in check.stderr, "--check-config tells it", check)
        cloud.stop()
        failed = subprocess.run(cloud.command, capture_output=True, text=True, timeout=20, check=False)
        tap.equal(failed.returncode, 1, "it does not start with one")
        for token in (reader["token"], writer["token"], later["token"]):
            if token in cloud.log() + failed.stderr:
                tap.ok(False, "no token is in the log")
        for words, code in ((["socket", "read"], 65), (["a b", "read"], 65), (["", "read"], 65), (["a", "all"], 65), (["a"], 64),
                            (["x" * 64, "read"], 65)):
            made = subprocess.run([cloud.binary, "token", "make", *words], capture_output=True, text=True, timeout=10, check=False)
            tap.ok(made.returncode == code and made.stderr and not made.stdout, "exit %d: token make %s" % (code, words), made)


WRITES = (("POST", "subscriptions"), ("PATCH", "subscriptions/1"), ("POST", "subscriptions/1/orders"), ("POST", "subscriptions/1/keys"),
          ("PATCH", "keys/K"), ("DELETE", "keys/K"), ("PATCH", "farms/f-0"), ("POST", "farms/deactivate"),
          ("POST", "signing-keys"), ("POST", "backup"))


def signing_keys():
    """One follows another; test_cloud_keys.py has what farms make of it."""
    with Place() as place:
        cloud = Cloud(place, BUILD, settings=GENEROUS).start()
        first = cloud.public_key()
        farm = cloud.activate("inst-a", cloud.buy(5)["primary_key"])
        made = cloud.ask("POST", "signing-keys")
        tap.equal((made.status, [key["public_key"] for key in made.json()["signing_keys"]]), (201, [first, cloud.public_key()]),
                  "a key follows the first")
        tap.equal(made.json(), cloud.ask("GET", "signing-keys").json(), "and is listed")
        tap.equal(made.json()["file"], os.path.join(cloud.state, "signing-key"), "with the file it is in")
        cloud.report(farm, [1])
        line = cloud.audit()[-1]
        tap.equal((line["who"], line["what"], line["before"], line["after"]),
                  ("socket", "signing_key.rotate", {"public_key": first}, {"public_key": cloud.public_key()}), "and audited")
        with concurrent.futures.ThreadPoolExecutor(8) as crowd:
            answers = list(crowd.map(lambda _: cloud.ask("POST", "signing-keys"), range(8)))
        tap.equal({answer.status for answer in answers}, {201}, "several at once follow one another")
        count = len(cloud.ask("GET", "signing-keys").json()["signing_keys"])
        tap.equal(count, 2 + len(answers), "and each that was made is there")
        cloud.stop()
        cloud.start()
        tap.equal(len(cloud.ask("GET", "signing-keys").json()["signing_keys"]), count, "also after a restart")
        for _ in range(64 - count):
            cloud.made("POST", "signing-keys")
        refused(cloud.ask("POST", "signing-keys"), 409, "too_many_signing_keys", None, "the 65th key")
        rotated = json.loads(cloud.run("signing-key", "list", "--json").stdout)
        tap.equal(len(rotated["signing_keys"]), 64, "the command lists them all")


def backups():
    """test_cloud_backup.py has what becomes of them."""
    with Place() as place:
        cloud = Cloud(place, BUILD, settings=GENEROUS).start()
        answer = cloud.ask("POST", "backup")
        tap.equal((answer.status, answer.body[:15]), (200, b"SQLite format 3"), "a backup")
        answers = []
        with concurrent.futures.ThreadPoolExecutor(8) as crowd:
            wait_until(lambda: answers.extend(crowd.map(lambda _: cloud.ask("POST", "backup"), range(8))) or
                       any(answer.status == 409 for answer in answers))
        late = [answer.json()["code"] for answer in answers if answer.status != 200]
        tap.ok(set(late) == {"backup_running"} and len(late) < len(answers), "of several at once some are told to wait", late)


def doors():
    """What is not in the document is not there; where there is something, other methods are refused by name."""
    with Place() as place:
        cloud = Cloud(place, BUILD, settings=GENEROUS).start()
        refused(cloud.ask("GET", "nothing"), 404, "not_found", None, "nothing at an unknown path")
        for path, allow in (("subscriptions", "GET, POST"), ("keys/K", "GET, PATCH, DELETE"), ("farms/f/history", "GET"),
                            ("audit", "GET"), ("subscriptions/1/orders", "GET, POST")):
            answer = refused_with(cloud.ask("PUT", path), 405)
            tap.equal(answer.headers.get("allow"), allow, "%s takes %s" % (path, allow))
        tap.equal(spoken(cloud.socket, "GET", "/v1/keys").status, 404, "the paths of before are gone")
        tap.equal(cloud.ask("GET", "public-key").json()["public_key"], cloud.public_key(), "the public key")
        for where in (cloud.socket, ("127.0.0.1", cloud.port)):
            served = spoken(where, "GET", "/v1/openapi.yaml")
            with open(os.path.join(TREE, "cloud", "openapi.yaml"), "rb") as file:
                tap.ok(served.body == file.read() and served.headers["content-type"] == "application/yaml", "the document is served")
            tap.equal(spoken(where, "GET", "/healthz").status, 200, "health")
            tap.equal(spoken(where, "GET", "/v1/version").json()["program"], "farmgate-cloud", "version")
        tap.equal(cloud.ask("HEAD", "subscriptions").body, b"", "HEAD has no body")
        big = cloud.ask("POST", "subscriptions", "x" * (4 * 1024 * 1024 + 1))
        refused(big, 413, "body_too_large", None, "too much is too much")


class Closed:
    """Farms of a closed network at the authority: what becomes of their files."""

    def __init__(self, cloud):
        self.cloud = cloud

    def hand_in(self, text, query=""):
        return self.cloud.ask("POST", "offline" + query, text.encode(), headers={"Content-Type": "text/plain"})

    def activate(self, installation, key=None, move=False, query=""):
        return self.hand_in(offline_files.activation(installation, key, move), query)

    def farm(self, installation, key=None, **rest):
        return offline_files.read(self.activate(installation, key, **rest).body)


def closed_networks():
    with Place() as place:
        cloud = Cloud(place, BUILD, settings="trial: { per_day = 1; };").start()
        closed = Closed(cloud)
        key = cloud.buy(10, "1y", renews=False)["primary_key"]
        answer = closed.activate("inst-a", key)
        tap.equal((answer.status, answer.headers["content-type"]), (200, "text/plain; charset=utf-8"), "a file is answered by a file")
        first = offline_files.read(answer.body)
        tap.equal((first["installation-id"], "farm-token" in first, "sent-through" in first), ("inst-a", True, False),
                  "which activates the farm")
        days = (offline_files.seconds(first["refresh-by"]) - time.time()) / DAY
        tap.ok(399.9 < days <= 400, "for 400 days", first)
        farm = first["farm-id"]
        tap.equal(closed.farm("inst-a", key)["farm-id"], farm, "the same again is the same farm")
        first = closed.farm("inst-a", key, query="?days=7")
        tap.ok(6.9 < (offline_files.seconds(first["refresh-by"]) - time.time()) / DAY <= 7, "or for as long as is asked for", first)
        listed = cloud.made("GET", "farms/" + farm)
        tap.equal((listed["status"], listed["name"], listed["key"]), ("active", "Closed", key), "it is listed like any other")
        tap.equal([(line["who"], line["what"]) for line in cloud.audit(farm)],
                  [("farm " + farm, "farm.activate")] + 3 * [("socket", "farm.exchange")], "and each file has its line")

        windows = [(n, int(time.time()) // WINDOW * WINDOW - (1000 - n) * WINDOW, n % 9) for n in range(1, 1001)]
        text = offline_files.report("inst-a", farm, first["farm-token"], windows)
        reported = offline_files.read(closed.hand_in(text).body)
        tap.equal((reported["sent-through"], reported["accepted-through"], "farm-token" in reported), ("1000", "1000", False),
                  "a thousand windows go at once")
        for _ in range(2):
            shown = cloud.made("GET", "farms/" + farm)
            tap.equal((shown["windows_counted"], shown["windows_missing"], shown["peak_users"], len(shown["windows"])),
                      (1000, 0, 8, 216), "they are counted, once")
            closed.hand_in(text)
        tap.equal(cloud.audit(farm)[-1]["after"]["windows"], 1000, "the audit log says how many came")
        bad_files(cloud, closed, key, farm, first["farm-token"])
        command(place, cloud, text)


def bad_files(cloud, closed, key, farm, token):
    good = offline_files.activation("inst-a", key)
    for text, code, name in (("", "not_an_offline_file", "nothing"), ("x", "not_an_offline_file", "something else"),
                             (good.replace("request-1", "answer-1"), "wrong_offline_file", "an answer"),
                             (good.replace("request-1", "request-2"), "newer_offline_file", "a newer one"),
                             (good[:-40], "truncated_file", "half of one"), (good.replace("Closed", "Open"), "damaged_file", "another"),
                             (offline_files.sealed("request", ["trial"]), "invalid_file", "an empty one")):
        refused(closed.hand_in(text), 400, code, None, "a request that is " + name)
    refused(closed.activate("inst-a", key[:-1] + ("0" if key[-1] != "0" else "1")), 400, "invalid_key", "license-key", "a typing error")
    for days in ("0", "401", "x", "-1"):
        refused(closed.activate("inst-a", key, query="?days=" + days), 400, "invalid", "days", "%s days" % days)
    refused(closed.activate("inst a", key), 400, "invalid_file", "installation-id", "an id with a blank")
    refused(closed.hand_in(offline_files.report("inst-a", farm, "guessed", [])), 403, "not_proved", "proof", "a report of a stranger's")
    refused(closed.hand_in(offline_files.report("inst-a", "f-none", token, [])), 403, "not_proved", "proof", "of no farm's")
    with Place() as elsewhere:
        stranger = Authority(elsewhere, BUILD).start().new_key(1)
    refused(closed.activate("inst-b", stranger), 404, "unknown_key", None, "another authority's key")
    problem = refused(closed.activate("inst-b", key), 409, "key_in_use", None, "a key in use")
    tap.ok("moves left: 3" in problem["detail"], "with the moves that are left", problem)
    for installation in ("inst-b", "inst-a", "inst-b"):
        closed.activate(installation, key, move=True)
    refused(closed.activate("inst-a", key, move=True), 409, "moves_exhausted", None, "a fourth move")
    tap.equal(closed.activate("inst-t").status, 200, "a trial")
    refused(closed.activate("inst-u"), 429, "trial_cap", None, "another on the same day")
    sub = cloud.made("POST", "subscriptions/1/keys", {"quota": 1})["key"]
    cloud.ask("DELETE", "keys/" + sub)
    refused(closed.activate("inst-s", sub), 410, "key_deleted", None, "a deleted key")
    cloud.stop()
    with contextlib.closing(sqlite3.connect(os.path.join(cloud.state, "ledger.db"))) as ledger, ledger:
        ledger.execute("UPDATE subscription SET activated_ms = activated_ms - ?1, expires_ms = expires_ms - ?1", (500 * DAY * 1000,))
        ledger.execute("UPDATE farm SET trial_ends_ms = 1 WHERE licence_id IS NULL OR licence_id = 0")
        ledger.execute("UPDATE farm SET deactivated_ms = 1 WHERE id = ?", (farm,))
    cloud.start()
    refused(closed.activate("inst-b", key), 403, "expired", None, "a term that is over")
    refused(closed.activate("inst-t"), 403, "trial_used", None, "a trial that is over")
    refused(closed.hand_in(offline_files.report("inst-a", farm, token, [])), 404, "unknown_farm", "farm-id", "a farm of long ago")
    second = cloud.buy(1)
    cloud.made("POST", "subscriptions/%d/orders" % second["id"], {"kind": "cancel"})
    refused(closed.activate("inst-c", second["primary_key"]), 403, "subscription_cancelled", None, "a cancelled subscription")


def command(place, cloud, report):
    key = cloud.buy(3, "1y")["primary_key"]
    path, out = place.write("request.txt", offline_files.activation("inst-z", key)), place.join("answer.txt")
    for words in (["-o", out], ["--output", out]):
        done = cloud.run("activate-offline", path, "--days", "30", *words)
        with open(out, encoding="utf-8") as file:
            answer = offline_files.read(file.read())
        tap.ok(done.returncode == 0 and done.stdout == "" and answer["farm-id"] in done.stderr and answer["refresh-by"] in done.stderr,
               "activate-offline writes the answer, and says what it is", done)
        tap.equal(os.stat(out).st_mode & 0o777, 0o600, "which is nobody else's")
    done = cloud.run("activate-offline", path)
    tap.equal((done.returncode, offline_files.read(done.stdout)["installation-id"]), (0, "inst-z"), "or to standard output")
    start = int(time.time()) - 9 * WINDOW
    for windows, told in (
            ([(1, start, 2), (2, start + 3 * DAY, 2)], "windows up to 1 taken in, 1 refused\n"),
            ([(1, start, 2), (2, start + 2 * WINDOW, 2), (3, start + 3 * WINDOW, 2)],
             "windows up to 1 taken in, 0 refused\n2 to be numbered anew, for their numbers were used before"),
            ([(4, start + 2 * WINDOW, 2), (5, start + 3 * WINDOW, 2)], "windows up to 5 taken in, 0 refused\n")):
        done = cloud.run("activate-offline", place.write("request.txt", offline_files.report(
            "inst-z", answer["farm-id"], answer["farm-token"], windows)), "-o", out)
        tap.ok(told in done.stderr, "it tells what became of the windows", done)
    for name, text, code in (("an old farm's", report, 1), ("a torn one", report[:200], 65)):
        done = cloud.run("activate-offline", place.write("request.txt", text), "-o", out)
        tap.ok(done.returncode == code and done.stderr.startswith("farmgate-cloud: "), "%s is refused in words" % name, done)
    done = cloud.run("activate-offline", place.join("nothing"))
    tap.ok(done.returncode == 65 and "nothing" in done.stderr, "a file that is not there", done)
    path = place.write("request.txt", offline_files.activation("inst-z", key))
    tap.equal(cloud.run("activate-offline", path, "-o", place.join("no", "where")).returncode, 1, "a place that is not there")


def refused_with(answer, status):
    tap.equal(answer.status, status, "refused with %d" % status)
    return answer


def commands():
    with Place() as place:
        cloud = Cloud(place, BUILD, settings=GENEROUS).start()

        def good(*words):
            done = cloud.run(*words)
            tap.ok(done.returncode == 0 and not done.stderr, " ".join(words)[:60], done)
            return done.stdout

        for group in ("subscription", "key", "farm"):
            tap.ok(any(word in good(group, "list") for word in ("no %ss" % group, "yet")), "an empty list says so")
        bought = good("subscription", "create", "--licences", "10", "--term", "1y", "--name", "Büro", "--plan", "premium",
                      "--contract", "C-1", "--automatic", "off")
        primary = bought.split()[-1]
        tap.ok("subscription 1" in bought and len(primary) == 29, "id and key are printed", bought)
        key = good("key", "create", "--subscription", "1", "--quota", "4", "--name", "North").strip()
        listed = good("key", "list", "--subscription", "1")
        tap.ok(primary in listed and key in listed and len(listed.splitlines()) == 3, "both keys are listed", listed)
        shown = good("subscription", "show", "1")
        tap.ok(all(word in shown for word in ("Büro", "premium", "C-1", primary, "North", "purchase", "QUOTA")), "shown", shown)
        tap.equal(json.loads(good("subscription", "show", "1", "--json"))["renews"], False, "--json is the answer as it is")
        more = good("subscription", "order", "1", "--add", "5")
        tap.ok(re.search(r"licences +15", more), "licences are added", more)
        office, north = cloud.activate("inst-a", primary), cloud.activate("inst-n", key, name="=cmd|'/C calc'!A1")
        ends = json.loads(good("subscription", "order", "1", "--renew", "2y", "--json"))["subscription"]["expires_at"]
        tap.equal(int(ends[:4]), time.gmtime().tm_year + 3, "a term that follows the ID is ordered")
        good("subscription", "renew", "1", "--term", "30d")
        whole = json.loads(good("subscription", "renew", "1", "--automatic", "on", "--json"))
        tap.equal((whole["renews"], whole["term"]), (True, "30d"), "--automatic alone orders nothing")
        tap.equal(len(json.loads(good("subscription", "show", "1", "--json"))["orders"]), 4, "indeed not")
        tap.ok("Amt" in good("subscription", "rename", "1", "Amt"), "renamed")

        cloud.report(office, [3])
        cloud.report(north, [4])
        done = cloud.run("key", "edit", key, "--quota", "2")
        tap.ok(done.returncode == 1 and all(word in done.stderr for word in ("below_peak", "grace", "--confirm")) and not done.stdout,
               "what needs a confirmation says what would happen, and how", done)
        tap.ok(re.search(r"quota +2", good("key", "edit", key, "--quota", "2", "--confirm")), "with it, it is done")
        edited = good("key", "edit", key, "--name", "N", "--expires", "2027-01-31", "--reset-moves")
        tap.ok("2027-01-31 00:00" in edited, "a day is its beginning", edited)
        tap.ok("2027-01-31" not in good("key", "edit", key, "--expires", "never"), "never: with its subscription")
        done = cloud.run("key", "delete", key)
        tap.ok(done.returncode == 1 and "deactivated" in done.stderr and "--confirm" in done.stderr, "deleting one in use, too", done)
        done = cloud.run("key", "edit", key, "--quota", "99", "--confirm")
        tap.ok(done.returncode == 1 and ": 15 (quota_too_large)" in done.stderr, "how many are left is said", done)

        csv_of(cloud, office, north, good)
        good("farm", "note", office["farm_id"], "call\nthem")
        tap.ok("call?them" in good("farm", "show", office["farm_id"]), "a note is shown, in one line")
        titles = good("farm", "list", "--columns", "note,farm_id").splitlines()[0].split()
        tap.equal(titles, ["NOTE", "FARM"], "columns are chosen")
        tap.ok("CLOCK AHEAD" in good("farm", "list", "--columns", "all"), "or all")
        active = len(good("farm", "list", "--status", "active").splitlines())
        tap.equal(active, 3, "a status chooses")
        done = cloud.run("farm", "deactivate", north["farm_id"], "f-0", office["farm_id"])
        tap.ok(done.returncode == 1 and "f-0" in done.stderr and done.stdout.count("is deactivated") == 2,
               "what is not known makes it fail, the others are deactivated all the same", done)
        tap.equal(good("farm", "list", "--status", "active"), "no farms\n", "none is active any more")
        tap.ok("is deleted" in good("key", "delete", key), "a free key is deleted without a word")
        tap.ok("cancelled" in good("subscription", "cancel", "1"), "cancelled")
        log = good("audit")
        tap.ok("licences 10 -> 15, purchases 10 -> 15" in log and "name Büro -> Amt" in log, "the audit log says what changed", log)
        only = good("audit", "--subject", key)
        tap.equal(good("audit", "--subject", key.replace("-", " ").lower()), only, "a key as it is typed")
        tap.ok(len(only.splitlines()) >= 5 and "subscription.add" not in only, "only what concerns the key", only)
        tap.equal(good("audit", "--since", "2099-01-01"), "nothing was changed\n", "only from then on")
        tap.equal(len(json.loads(good("audit", "--json"))["audit"]), len(log.splitlines()) - 1, "as JSON, too")
        wrong_commands(cloud, key)


def csv_of(cloud, office, north, good):
    text = cloud.run("farm", "list", "--csv").stdout
    raw = subprocess.run([cloud.binary, "farm", "list", "--csv", "--socket", cloud.socket], capture_output=True, timeout=10, check=True)
    tap.ok(raw.stdout.count(b"\r\n") == 3, "lines of CSV end as RFC 4180 says", raw)
    lines = list(csv.DictReader(io.StringIO(text)))
    farms_of = {farm["farm_id"]: farm for farm in cloud.made("GET", "farms")["farms"]}
    tap.equal(set(lines[0]), set(farms_of[office["farm_id"]]), "CSV has every column that the rules name")

    def told(value):
        return {None: "", True: "true", False: "false"}.get(value, str(value)) if not isinstance(value, int) or \
            isinstance(value, bool) else str(value)
    for line in lines:
        wanted = {name: told(value) for name, value in farms_of[line["farm_id"]].items()}
        wanted["name"] = ("'" if wanted["name"].startswith("=") else "") + wanted["name"]
        tap.equal(line, wanted, "and the values that the API has")
    tap.ok(any(line["name"].startswith("'=cmd") for line in lines), "a farm that names itself a formula is none")
    for name in ("+1", "-1", "@a", "a,b", 'say "hi"', "two\nlines", "\ttab", ""):
        cloud.activate("csv-" + str(len(name)) + name[:1].encode().hex(), name=name)
    read = [line["name"] for line in csv.DictReader(io.StringIO(subprocess.run(
        [cloud.binary, "farm", "list", "--csv", "--columns", "name,farm_id", "--socket", cloud.socket], capture_output=True,
        timeout=10, check=True).stdout.decode(), newline=""))][2:]
    tap.equal(read, ["'+1", "'-1", "'@a", "a,b", 'say "hi"', "two\nlines", "'\ttab", ""], "whatever a name holds, it is one value")
    trials = [farm for farm in cloud.made("GET", "farms")["farms"] if farm["trial"]]
    good("farm", "deactivate", *[farm["farm_id"] for farm in trials])
    north_line = good("farm", "list", "--key", cloud.made("GET", "farms/" + north["farm_id"])["key"])
    tap.equal(len(north_line.splitlines()), 2, "a key chooses its farms")


def wrong_commands(cloud, key):
    for code, words in (
            (64, "subscription create --licences 5"), (64, "subscription create --term 1y"), (65, "subscription create --licences 5 --term 4y"),
            (65, "subscription create --licences 5 --term 1y --plan gold"), (64, "subscription create --licences 5 --term 1y --automatic yes"),
            (64, "subscription create --licences x --term 1y"), (64, "subscription show"), (64, "subscription show 1 2"),
            (1, "subscription show 77"), (1, "subscription show x/y"), (64, "subscription order 1"), (64, "subscription order 1 --add 1 --renew"),
            (64, "subscription order 1 2y --add 1"), (1, "subscription order 1 --add 1"), (64, "subscription renew 1 --automatic maybe"),
            (64, "subscription rename 1"), (1, "subscription cancel 1"), (64, "key create --subscription 1"),
            (64, "key create --subscription 1 --quota 1 --limit 4"), (64, "key create --quota 1"), (64, "key create --limit 1"),
            (64, "key create --subscription 1 --quota 1 --expires soon"), (64, "key edit"), (64, "key edit " + key),
            (65, "key edit AAAAA --name x"), (65, "key delete AAAAA"), (1, "key edit %s --name x" % key), (64, "farm list --csv --json"),
            (65, "farm list --status open"), (65, "farm list --key AAAAA"), (64, "farm list --columns farm_id,nmae"), (64, "farm show"),
            (1, "farm show f-0"), (1, "farm note f-0 x"), (64, "farm note f-0"), (64, "farm deactivate"), (1, "report history f-0"),
            (64, "report history"), (64, "report history f-0 --days 0"), (64, "report history f-0 --days 401"),
            (64, "audit --since soon"), (64, "audit more")):
        done = cloud.run(*words.split(" "))
        tap.ok(done.returncode == code and done.stderr and not done.stdout, "exit %d: %s" % (code, words), done)
    for words in (["farm", "list", "--json", "--status", "x"], ["farm", "list", "--csv", "--status", "x"]):
        tap.equal(cloud.run(*words).stdout, "", "what fails prints nothing that looks like a list")
    for words, said in (
            ([], "a command is wanted; try 'farmgate-cloud --help'"), (["--jsn"], "no option --jsn before a command; try 'farmgate-cloud --help'"),
            (["key"], "no command 'key'; try 'farmgate-cloud key --help'"),
            (["key", "lst"], "no command 'key lst'; did you mean 'key list'? try 'farmgate-cloud key --help'"),
            (["frobnicate", "--json"], "no command 'frobnicate'; try 'farmgate-cloud --help'"),
            (["farm", "show", "-1"], "invalid option -- '1'"),
            (["subscription", "create", "--licences", "-1", "--term", "1y"], "--licences: '-1' is not a whole number from 0")):
        done = subprocess.run([cloud.binary] + words, capture_output=True, text=True, timeout=10, check=False)
        tap.ok(done.returncode == 64 and done.stderr.startswith("farmgate-cloud: %s\n" % said), "wrong words: %s" % words, done)
    done = subprocess.run([cloud.binary, "farm", "list", "--socket", "/nowhere"], capture_output=True, text=True, timeout=10, check=False)
    tap.ok(done.returncode == 3 and "systemctl status farmgate-cloud" in done.stderr, "no authority: what to look at is said", done)
    tap.ok("did you mean 'name'" in cloud.run("farm", "list", "--columns", "nmae").stderr, "what was meant is guessed")


def on_terminal(command, columns, locale):
    """What a command writes to a terminal of so many columns."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=slave, stderr=slave, env=dict(os.environ, LC_ALL=locale))
    os.close(slave)
    text = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:
            break
        if not piece:
            break
        text += piece
    os.close(master)
    process.wait(10)
    return text.decode().replace("\r\n", "\n").splitlines()


def chart():
    with Place() as place:
        cloud = Cloud(place, BUILD, settings=GENEROUS).start()
        farm = cloud.activate("inst-a", cloud.buy(10)["primary_key"])
        command = [cloud.binary, "report", "history", farm["farm_id"], "--socket", cloud.socket]
        tap.equal(cloud.run(*command[1:4]).stdout, "nothing was reported yet\n", "no report, no chart")
        for sequence, (days, peak) in enumerate(((6, 4), (5, 10), (3, 20), (2, 0), (1, 11))):
            cloud.report(farm, [peak], ending=days * DAY, first=sequence + 1)
        ascii_lines = on_terminal(command, 80, "C")
        tap.ok(ascii_lines[0].startswith("office (f-") and "limit 10, marked |" in ascii_lines[0], "whose chart it is", ascii_lines)
        tap.equal([line.split()[1] for line in ascii_lines[1:]], ["4", "10", "-", "20", "0", "11"], "a line a day, gaps too")
        bars = [line[21:] for line in ascii_lines[1:]]
        mark = bars[0].index("|")
        tap.ok(all(bar.index("|") == mark for bar in bars if "|" in bar), "the limit is marked in one column", bars)
        tap.equal([bar[:mark].count("#") == mark for bar in bars if "|" in bar], [False, True, True, False, True],
                  "who reaches the limit fills the bar up to the mark")
        tap.equal(["#" in bar[mark:] for bar in bars if "|" in bar], [False, False, True, False, True], "only who exceeds it passes it")
        tap.ok("+10 over" in ascii_lines[4] and "+1 over" in ascii_lines[6], "and by how much is said", ascii_lines)
        for columns in (80, 120, 200, 40):
            for locale in ("C", "C.UTF-8"):
                lines = on_terminal(command, columns, locale)
                widest = max(len(line) for line in lines[1:])
                tap.ok(columns - 12 <= widest <= max(columns, 46), "%d columns in %s: the chart is as wide" % (columns, locale), lines)
                tap.equal(all(line.isascii() for line in lines), locale == "C", "%s: the characters of the locale" % locale)
        tap.equal(len(on_terminal(command + ["--days", "2"], 80, "C")), 3, "--days chooses")
        tap.equal(len(json.loads(cloud.run(*command[1:4], "--json").stdout)["days"]), 5, "--json has what was reported")
        cloud.run("farm", "deactivate", farm["farm_id"])
        lines = on_terminal(command, 80, "C")
        tap.ok("deactivated" in lines[0] and not any("|" in line for line in lines), "no limit, no mark", lines)
        wide = cloud.activate("wide", name="n" * 127)
        listed = on_terminal([cloud.binary, "farm", "list", "--socket", cloud.socket], 80, "C.UTF-8")
        tap.ok(max(map(len, listed)) <= 80 and any(".." in line and wide["farm_id"] in line for line in listed),
               "a table fits the terminal; what is cut says so", listed)
        tap.ok("n" * 127 in cloud.run("farm", "list").stdout, "where there is no terminal nothing is cut")


def manual_examples():
    with open(os.path.join(TREE, "packaging", "man", "farmgate-cloud.8"), encoding="utf-8") as file:
        text = file.read().split(".Sh EXAMPLES")[1].split(".Sh ")[0]
    return re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", text, re.M | re.S)


def manual():
    """The examples of farmgate-cloud(8), as they stand there, one after another."""
    blocks = manual_examples()
    tap.ok(len(blocks) >= 6, "the manual has examples", blocks)
    with Place() as place:
        cloud = Cloud(place, BUILD, settings=GENEROUS).start()
        farm = cloud.activate("inst-a", cloud.buy(10, name="First")["primary_key"])
        cloud.report(farm, [1])
        script = "farmgate-cloud() { %s \"$@\" --socket %s; }\nsystemctl() { :; }\n" % (cloud.binary, cloud.socket)
        for block in blocks:
            with open(place.join("request.txt"), "w", encoding="utf-8") as file:
                file.write(offline_files.activation("inst-o"))
            block = block.replace("\\e", "\\").replace("f-73061ef12788b13dddf3cbf7", farm["farm_id"])
            block = block.replace("farmgate-cloud token make", cloud.binary + " token make")  # asks nobody, takes no socket
            done = subprocess.run(["bash", "-e", "-o", "pipefail", "-c", script + block], capture_output=True, text=True,
                                  timeout=30, check=False, cwd=place.path)
            tap.ok(done.returncode == 0, "the example works: " + block.splitlines()[-1], done)


def described():
    """Every answer fits the document, every call of it was made, every refusal that it tells came, and no other."""
    if openapi is None:
        tap.skip("answers are as cloud/openapi.yaml says", "python3-yaml and python3-jsonschema are missing")
        return
    tap.equal(sorted(set(checked.faults)), [], "answers are as cloud/openapi.yaml says")
    called = {(method, template) for method, template, _ in openapi.seen}
    farms_own = {("DELETE", "/v1/activations/{farm_id}")}
    tap.equal(sorted(set(openapi.operations()) - called - farms_own), [], "every call of it was made")
    told = set()
    beside = {"left", "confirm", "farm_id", "quota", "peak_users", "subscription_expires_at"}
    for method, template in openapi.operations():
        operation = openapi.document["paths"][template][method.lower()]
        for status, response in operation["responses"].items():
            if status >= "400" and status != "503" and template.startswith("/v1/admin"):
                codes = re.findall(r"`([a-z_]+)`", openapi.resolve(response)["description"])
                told |= {(method, template, int(status), code) for code in codes if code not in beside}
    came = set()
    for method, path, status, code in REFUSED:
        template, operation = openapi.operation(method, path)
        if operation and template.startswith("/v1/admin"):
            came.add((method, template, status, code))
    tap.equal(sorted(came - told), [], "every refusal that came is told")
    common = {"unauthorized", "read_only", "body_too_large", "too_many_wrong_tokens"}
    tap.equal(sorted(line for line in told - came if line[3] not in common), [], "every refusal that is told came")


def many_keys():
    """A subscription of as many keys as it may have, a farm on each: a change does not make other farms wait."""
    count, text = 9999, "00000-00000-00000-00000-%05d"  # and the primary key
    with Place() as place:
        cloud = Cloud(place, BUILD, settings=GENEROUS).start()
        cloud.buy(count + 10)
        other = cloud.activate("inst-other")
        cloud.stop()
        with contextlib.closing(sqlite3.connect(os.path.join(cloud.state, "ledger.db"))) as ledger, ledger:
            ledger.executemany(
                "INSERT INTO licence (subscription_id, key, name, quota, created_ms, expires_ms, deleted_ms, moves,"
                " last_installation, holder, is_primary) VALUES (1, ?1, '', 1, 1, 0, 0, 0, ?1, 'f-' || ?1, 0)",
                [(text % number,) for number in range(count)])
            ledger.execute("UPDATE licence SET quota = 10 WHERE is_primary = 1")
            ledger.execute("INSERT INTO farm (id, licence_id, installation_id, name, app_version, status, reason, activated_ms,"
                           " deactivated_ms, reported_ms, trial_limit, trial_ends_ms, serial, issued_ms)"
                           " SELECT holder, id, key, '', '', 1, 0, 1, 0, 1, 0, 0, 1, 1 FROM licence WHERE is_primary = 0")
            ledger.execute("UPDATE subscription SET activated_ms = created_ms, expires_ms = created_ms + 31536000000")
        cloud.start()
        refused(cloud.ask("POST", "subscriptions/1/keys", {"quota": 1}), 409, "too_many_keys", None, "a key too many")
        last = cloud.made("GET", "keys?subscription=1&after=%d" % count)["keys"][-1]
        tap.equal(last["quota"], 1, "all are listed")
        tap.equal(cloud.ask("POST", "subscriptions/1/orders", {"kind": "cancel"}).status, 201, "it is cancelled")
        active = "farms?status=active&subscription=1&limit=1"
        tap.ok(wait_until(lambda: cloud.made("GET", active)["farms"] == [], 60), "and its farms are closed by and by")
        closed = [line["who"] for line in cloud.made("GET", "audit?subject=f-" + text % 0)["audit"] +
                  cloud.made("GET", "audit?subject=f-" + text % (count - 1))["audit"]]
        tap.equal(closed, ["socket", "authority"], "each with a line in the audit log")
        tap.equal(cloud.report(other, []).status, 200, "another farm goes on")


if __name__ == "__main__":
    for story in (subscriptions, expired, keys, bad_input, farms, paging, tokens, doors, commands, chart, closed_networks, manual,
                  signing_keys, backups, many_keys, described):
        try:
            story()
        except Exception as error:  # pylint: disable=broad-except
            tap.ok(False, "%s runs to its end" % story.__name__, repr(error))
    tap.done()
