#!/usr/bin/env python3
"""The authority's administrator: every call of /v1/admin and every command, with what they refuse and what the audit log says.
     test_cloud_admin.py BUILD"""
import sys
import time

from harness import Authority, Place, Tap, request

BUILD = sys.argv[1]
WINDOW = 1200
GENEROUS = "activations: { per_minute = 6000; burst = 6000; };"
tap = Tap()


class Cloud(Authority):
    """The administrator's side over the socket, and what farms do meanwhile."""

    def ask(self, method, path, body=None, **rest):
        return request(self.socket, method, "/v1/admin/" + path, body, **rest)

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
        return request(("127.0.0.1", self.port), "POST", "/v1/activations", body).json()

    def report(self, farm, peaks):
        start = int(time.time()) // WINDOW * WINDOW - len(peaks) * WINDOW
        windows = [{"sequence": i + 1, "start": at(start + i * WINDOW), "end": at(start + (i + 1) * WINDOW), "peak_users": peak,
                    "peak_at": at(start + i * WINDOW), "users_at_end": 1, "exempt_peak": 0, "hosts": 1}
                   for i, peak in enumerate(peaks)]
        return request(("127.0.0.1", self.port), "POST", "/v1/reports",
                       {"farm_id": farm["farm_id"], "app_version": "0.1.1", "windows": windows},
                       {"Authorization": "Bearer " + farm["farm_token"]})

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
    for unknown in ("77", "0", "-1", "x", "9" * 30):
        refused(cloud.ask("GET", "subscriptions/" + unknown), 404, "unknown_subscription", None, "subscription " + unknown)
    refused(cloud.ask("PATCH", "subscriptions/77", {"name": "a"}), 404, "unknown_subscription", None, "edited")
    refused(cloud.ask("POST", "subscriptions/77/orders", {"kind": "cancel"}), 404, "unknown_subscription", None, "cancelled")
    refused(cloud.ask("GET", "subscriptions/77/orders"), 404, "unknown_subscription", None, "its orders")
    refused(cloud.ask("POST", "subscriptions/77/keys", {"quota": 1}), 404, "unknown_subscription", None, "a key of it")


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
        tap.equal(cloud.made("GET", path)["quota"], 4, "without it nothing happens")
        tap.equal(cloud.made("PATCH", path, {"quota": 2, "confirm": True})["quota"], 2, "with it it does")
        edited = cloud.made("PATCH", path, {"name": "N", "expires_at": None})
        tap.equal((edited["name"], edited["expires_at"], edited["quota"]), ("N", None, 2), "edited in part")
        refused(cloud.ask("PATCH", path, {"expires_at": "2099-01-01T00:00:00Z"}), 409, "beyond_subscription", "expires_at",
                "not later than its subscription")
        for installation in ("b", "c", "d"):
            cloud.activate(installation, key["key"], move=True)
        tap.equal(cloud.made("GET", path)["moves_left"], 0, "moved as often as it may")
        tap.equal(cloud.made("PATCH", path, {"moves": 0})["moves_left"], 3, "the count is reset")
        refused(cloud.ask("DELETE", "keys/" + primary), 409, "primary_key", None, "the primary key stays")
        refused(cloud.ask("PATCH", "keys/" + primary, {"quota": 1}), 409, "primary_key", None, "and has what is left")
        cloud.report(cloud.activate("d", key["key"]), [1])
        refused(cloud.ask("DELETE", path), 409, "below_peak", "confirm", "a key in use is deleted only on a second word")
        refused(cloud.ask("DELETE", path + "?confirm=yes"), 400, "invalid", "confirm", "which is true")
        gone = cloud.made("DELETE", path + "?confirm=true")
        tap.equal((gone["state"], gone["quota"], gone["farm_id"]), ("deleted", 0, None), "deleted")
        tap.equal(cloud.made("GET", "keys/" + primary)["quota"], 10, "its licences are free")
        for method, body in (("PATCH", {"name": "x"}), ("DELETE", None)):
            refused(cloud.ask(method, path, body), 410, "key_deleted", None, method + " of a deleted key")
        lines = cloud.audit(key["key"])
        tap.equal([line["what"] for line in lines],
                  ["key.create", "key.edit", "key.edit", "key.edit", "key.delete"], "the audit log has every change")
        tap.equal((lines[1]["before"]["quota"], lines[1]["after"]["quota"]), (4, 2), "as it was and as it is")
        bad_keys(cloud, primary, place)


def bad_keys(cloud, primary, place):
    for body, field, name in (({}, "quota", "no quota"), ({"quota": -1}, "quota", "less than nothing"),
                              ({"quota": 1, "expires_at": "soon"}, "expires_at", "a word for a time"),
                              ({"quota": 1, "expires_at": "1970-01-01T00:00:00Z"}, "expires_at", "the beginning of time"),
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
    tap.equal(cloud.made("GET", "keys/" + primary.lower())["state"], "cancelled", "any spelling of a key will do")


if __name__ == "__main__":
    for story in (subscriptions, keys):
        try:
            story()
        except Exception as error:  # pylint: disable=broad-except
            tap.ok(False, "%s runs to its end" % story.__name__, repr(error))
    tap.done()
