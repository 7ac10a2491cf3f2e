#!/usr/bin/env python3
"""The authority, whole: a real farmgate-cloud over HTTP and through its administrator's commands."""
import json
import os
import socket
import stat
import subprocess
import sys
import threading
import time

from harness import Authority, Place, Program, Tap, request, wait_until

BUILD = sys.argv[1]
SHOW = os.path.join(BUILD, "tests", "daemon", "show_entitlement")
WINDOW = 1200
DAY_MS = 86400000
GENEROUS = "activations: { per_minute = 6000; burst = 6000; };"
ANSWERS = []
tap = Tap()


class Cloud(Authority):
    """What a farm says to the authority."""

    def post(self, path, body, token=None, headers=None):
        headers = dict(headers or {})
        if token:
            headers["Authorization"] = "Bearer " + token
        return self.ask("POST", path, body, headers)

    def ask(self, method, path, body=None, headers=None):
        answer = request(("127.0.0.1", self.port), method, path, body, headers)
        ANSWERS.append((method, path, answer))
        return answer

    def get(self, path, method="GET"):
        return self.ask(method, path)

    def activate(self, installation, key=None, move=False, **rest):
        body = {"installation_id": installation, "farm_name": "office", "app_version": "0.1.0"}
        body.update({"license_key": key} if key else {"trial": True})
        if move:
            body["move"] = True
        return self.post("/v1/activations", body, **rest)

    def report(self, farm, windows=(), **changes):
        body = dict({"farm_id": farm["farm_id"], "app_version": "0.1.1", "windows": list(windows)}, **changes)
        return self.post("/v1/reports", body, farm["farm_token"])

    def release(self, farm, token=None):
        return self.ask("DELETE", "/v1/activations/" + farm["farm_id"],
                        headers={"Authorization": "Bearer " + (token or farm["farm_token"])})

    def farms(self):
        return {farm["farm_id"]: farm for farm in json.loads(self.run("farm", "list", "--json").stdout)["farms"]}

    def keys(self):
        return {key["key"]: key for key in json.loads(self.run("key", "list", "--json").stdout)["keys"]}

    def said(self, answer):
        """What the answer's entitlement says, once its signature was verified."""
        shown = subprocess.run([SHOW, self.public_key()], input=answer["entitlement"] + "\n", capture_output=True,
                               text=True, timeout=20, check=True).stdout
        return json.loads(shown)


def at(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))


def window(sequence, start, length=WINDOW, peak=3):
    return {"sequence": sequence, "start": at(start), "end": at(start + length), "peak_users": peak,
            "peak_at": at(start), "users_at_end": 1, "exempt_peak": 0, "hosts": 1}


def now():
    """The start of the running window."""
    return int(time.time()) // WINDOW * WINDOW


def refusal(answer, status, code, name):
    tap.ok(answer.status == status and answer.json().get("code") == code and
           answer.headers["content-type"] == "application/problem+json", name, answer)
    return answer.json()


def keys_and_moves():
    with Place() as place:
        cloud = Cloud(place, BUILD, settings=GENEROUS).start()
        key = cloud.new_key(10, "1m")
        before = int(time.time() * 1000)
        answer = cloud.activate("inst-a", key)
        tap.equal(answer.status, 200, "a key activates an installation")
        first = answer.json()
        said = cloud.said(first)
        tap.equal((said["farm_id"], said["installation_id"], said["status"], said["reason"]),
                  (first["farm_id"], "inst-a", "active", ""), "the entitlement is signed, for this farm")
        tap.equal((said["limit"], said["purchases"], said["trial"]), (10, 10, False), "and carries the key's limit")
        tap.ok(before <= said["issued_at_ms"] <= said["serial"] <= before + 10000, "serial and date are of now", said)
        tap.equal(said["refresh_by_ms"] - said["issued_at_ms"], 30 * DAY_MS, "to be refreshed in 30 days")
        tap.ok(27 * DAY_MS < said["expires_at_ms"] - said["issued_at_ms"] < 32 * DAY_MS, "a month's term", said)

        again = cloud.activate("inst-a", key.lower().replace("-", " ")).json()
        tap.equal(again["farm_id"], first["farm_id"], "key and installation give the same farm")
        tap.ok(again["farm_token"] != first["farm_token"], "with a fresh token")
        tap.ok(cloud.said(again)["serial"] > said["serial"], "and a higher serial")
        tap.equal(cloud.said(again)["expires_at_ms"], said["expires_at_ms"], "the term goes on")

        refusal(cloud.activate("inst-b", key[:-1] + ("0" if key[-1] != "0" else "1")), 400, "invalid_key",
                "a typing error is told from an unknown key")
        with Place() as elsewhere:
            stranger = Cloud(elsewhere, BUILD).start().new_key(1)
        refusal(cloud.activate("inst-b", stranger), 404, "unknown_key", "another authority's key is unknown")
        problem = refusal(cloud.activate("inst-b", key), 409, "key_in_use", "a key runs one installation at a time")
        tap.equal(problem["moves_left"], 3, "and may be moved three times")

        moved = cloud.activate("inst-b", key, move=True).json()
        tap.equal(cloud.said(moved)["status"], "active", "asked for, it moves")
        old = cloud.report(again)
        tap.equal(old.status, 200, "the old installation's report is answered")
        said = cloud.said(old.json())
        tap.equal((said["status"], said["reason"], said["farm_id"]), ("deactivated", "key moved", first["farm_id"]),
                  "with a signed entitlement that says it is closed")
        back = cloud.activate("inst-a", key, move=True).json()
        tap.equal(back["farm_id"], first["farm_id"], "there and back is the same farm")
        tap.equal(cloud.keys()[key]["moves"], 2, "and two moves")
        tap.equal(cloud.release(back).status, 200, "the key is given back")
        tap.equal(cloud.activate("inst-c", key).status, 200, "a free key needs no word to move")
        tap.equal(cloud.keys()[key]["moves_left"], 0, "which was the third")
        problem = refusal(cloud.activate("inst-d", key, move=True), 409, "moves_exhausted", "the fourth is refused")
        tap.equal(problem["moves_left"], 0, "none is left")
        tap.equal(cloud.activate("inst-c", key).status, 200, "where it is it may stay")


def trials():
    with Place() as place:
        cloud = Cloud(place, BUILD, settings="trial: { limit = 7; };" + GENEROUS).start()
        trial = cloud.activate("inst-a").json()
        said = cloud.said(trial)
        tap.equal((said["trial"], said["limit"], said["purchases"]), (True, 7, 0), "a trial has the configured limit")
        tap.equal(said["expires_at_ms"] - said["issued_at_ms"], 30 * DAY_MS, "and 30 days")
        again = cloud.activate("inst-a").json()
        tap.equal((again["farm_id"], cloud.said(again)["expires_at_ms"]), (trial["farm_id"], said["expires_at_ms"]),
                  "asked for again it is the same one")
        paid = cloud.activate("inst-a", cloud.new_key(3)).json()
        tap.ok(paid["farm_id"] != trial["farm_id"], "a key over a trial is a farm of its own")
        tap.equal(cloud.said(cloud.report(again).json())["reason"], "trial replaced by a key", "the trial's is closed")
        other = cloud.activate("inst-b").json()
        tap.equal(cloud.run("farm", "deactivate", other["farm_id"]).returncode, 0, "the operator ends a trial")
        refusal(cloud.activate("inst-b"), 403, "trial_used", "which does not begin again")


def reports():
    with Place() as place:
        cloud = Cloud(place, BUILD, settings=GENEROUS).start()
        farm = cloud.activate("inst-a", cloud.new_key(10)).json()
        start = now() - 20 * WINDOW
        sent = [window(1, start, peak=4), window(2, start + WINDOW, peak=9), window(3, start + 3 * WINDOW, peak=5)]
        first = cloud.report(farm, sent)
        tap.equal(first.status, 200, "a report is taken")
        tap.equal((first.json()["accepted_through"], first.json()["refused"]), (3, []), "all of it")
        tap.equal(cloud.said(first.json())["status"], "active", "and answered with an entitlement")
        before = cloud.farms()[farm["farm_id"]]
        tap.equal((before["peak_users"], before["windows_counted"], before["app_version"]), (9, 3, "0.1.1"),
                  "the farm is listed with its peak")
        answer = cloud.report(farm, sent).json()
        after = cloud.farms()[farm["farm_id"]]
        tap.equal((answer["accepted_through"], answer["refused"]), (3, []), "sent again it gets the same answer")
        tap.equal(dict(after, reported_at=None), dict(before, reported_at=None), "and changes nothing")

        wrong = [
            ("overlaps", window(4, start + WINDOW + 1)),
            ("too_long", window(5, start + 5 * WINDOW, WINDOW + 1)),
            ("in_future", window(6, int(time.time()) + 86400 + 60, 60)),
            ("no_period", window(7, start + 6 * WINDOW, 0)),
        ]
        for _ in range(2):
            answer = cloud.report(farm, [w for _, w in wrong] + [window(8, start + 7 * WINDOW)]).json()
            tap.equal(answer["refused"], [{"sequence": w["sequence"], "reason": reason} for reason, w in wrong],
                      "what is wrong is refused with its reason")
            tap.equal(answer["accepted_through"], 8, "and is in nobody's way")
        tap.equal(cloud.report(farm, [window(20, start + 8 * WINDOW)]).json()["accepted_through"], 20,
                  "a gap is accepted")
        tap.equal(cloud.farms()[farm["farm_id"]]["windows_missing"], 11, "and noted")
        ahead = int(time.time()) + 3600
        cloud.report(farm, [window(21, ahead, 60)])
        tap.ok(3600000 < cloud.farms()[farm["farm_id"]]["clock_ahead_ms"] <= 3661000, "a clock that is ahead is noted")

        used = [window(8, start + 6 * WINDOW, peak=98), window(20, start + 12 * WINDOW, peak=98)]
        before = cloud.farms()[farm["farm_id"]]
        told = cloud.report(farm, [window(21, ahead, 60), window(20, ahead + WINDOW, peak=99), window(22, ahead + 2 * WINDOW)]).json()
        tap.equal(told["refused"], [{"sequence": n, "reason": "number_used"} for n in (20, 22)],
                  "a number that was used before is told from a window sent again; what follows waits with it")
        tap.equal(told["accepted_through"], 21, "and there is the number to go on after")
        answer = cloud.report(farm, [window(4503599627370497, ahead + WINDOW)])
        tap.equal((answer.status, answer.json()["field"], answer.json()["detail"]),
                  (400, "windows[0].sequence", "windows[0].sequence: not between 1 and 4503599627370496"),
                  "a number that leaves no room for more is refused, and with it the report")
        tap.equal(cloud.report(farm, used).json()["refused"], [],
                  "in the time that was counted it is a repetition")
        after = cloud.farms()[farm["farm_id"]]
        tap.equal((after["peak_users"], after["windows_counted"]), (before["peak_users"], before["windows_counted"]),
                  "and of either nothing is kept")

        many = cloud.activate("inst-b").json()
        windows = [window(i + 1, now() - (216 - i) * WINDOW) for i in range(216)]
        tap.equal(cloud.report(many, windows).json()["accepted_through"], 216, "three days in one report")
        tap.equal(cloud.report(many, windows + [window(217, now() - WINDOW)]).status, 400, "no more than that")

        refusal(cloud.post("/v1/reports", {"farm_id": farm["farm_id"], "windows": []}), 401, "unauthorized",
                "no token, no report")
        refusal(cloud.report(dict(farm, farm_token="x" * 43)), 401, "unauthorized", "nor with a wrong one")
        refusal(cloud.report(dict(farm, farm_token=many["farm_token"])), 401, "unauthorized", "nor another farm's")
        refusal(cloud.report(dict(farm, farm_id="f-0")), 401, "unauthorized", "nor for no farm at all")
        refusal(cloud.release(farm, "y" * 43), 401, "unauthorized", "a stranger gives no key back")


def endings():
    with Place() as place:
        cloud = Cloud(place, BUILD, settings=GENEROUS).start()
        key = cloud.new_key(10)
        farm = cloud.activate("inst-a", key).json()
        tap.equal(cloud.run("farm", "deactivate", farm["farm_id"]).returncode, 0, "the operator deactivates a farm")
        answer = cloud.report(farm, [window(1, now() - WINDOW)]).json()
        said = cloud.said(answer)
        tap.equal((said["status"], said["reason"]), ("deactivated", "deactivated by administrator"),
                  "its next report is told so, signed")
        tap.equal(answer["accepted_through"], 1, "and still delivers")
        tap.equal(cloud.keys()[key]["state"], "free", "the key is free")
        again = cloud.activate("inst-a", key).json()
        tap.equal((again["farm_id"], cloud.said(again)["status"]), (farm["farm_id"], "active"),
                  "a new activation opens it again")

        released = cloud.release(again)
        tap.equal(released.status, 200, "a farm gives its key back")
        said = cloud.said(released.json())
        tap.equal((said["status"], said["reason"]), ("deactivated", "key given back"), "and is told it is closed")
        tap.equal(cloud.release(again).status, 200, "twice is no harm")
        tap.equal(cloud.run("farm", "deactivate", farm["farm_id"]).stdout.strip(),
                  "farm %s was deactivated before (released)" % farm["farm_id"], "who is gone is gone")

        cloud.activate("inst-b", key)
        listed = (cloud.keys(), cloud.farms())
        public = cloud.public_key()
        began = time.monotonic()
        tap.equal(cloud.stop(), 0, "SIGTERM ends it well")
        tap.ok(time.monotonic() - began < 1, "within a second")
        cloud.start()
        tap.equal((cloud.keys(), cloud.farms()), listed, "a restart keeps everything")
        tap.equal(cloud.public_key(), public, "the key that signs too")


def stopping_under_load():
    """SIGTERM while clients keep asking: every answer is whole, and it ends in time."""
    with Place() as place:
        cloud = Cloud(place, BUILD, settings=GENEROUS).start()
        farm = cloud.activate("inst-a").json()
        statuses, stop = [], threading.Event()

        def ask():
            while not stop.is_set():
                try:
                    statuses.append(cloud.report(farm).status)
                except OSError:
                    return
                except Exception as error:  # pylint: disable=broad-except
                    statuses.append(type(error).__name__)
                    return

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(statuses) > 20)
        began = time.monotonic()
        tap.equal(cloud.stop(), 0, "SIGTERM under load ends well")
        tap.ok(time.monotonic() - began < 1, "within a second, too")
        stop.set()
        for thread in threads:
            thread.join()
        tap.ok(set(statuses) <= {200, 503, "RemoteDisconnected"} and 200 in statuses,
               "clients see answers, 503 or a closed door", set(statuses))


def trial_caps():
    """So many trials a day begin, in all and from one address, whatever is restarted."""
    settings = 'trusted_proxies = ("127.0.0.1"); trial: { per_day = 5; per_day_and_source = 2; };' + GENEROUS
    with Place() as place:
        cloud = Cloud(place, BUILD, settings=settings).start()

        def begin(installation, source):
            return cloud.activate(installation, headers={"X-Forwarded-For": source})

        tap.equal([begin("a%d" % i, "192.0.2.1").status for i in range(3)], [200, 200, 429], "an address begins two trials")
        refused = begin("a2", "192.0.2.1")
        tap.equal(refused.json()["code"], "trial_cap", "and is told why it begins no more")
        tap.ok(0 < int(refused.headers["retry-after"]) <= 86400, "and when to come again: tomorrow", refused.headers)
        tap.equal(begin("a0", "192.0.2.1").status, 200, "a trial that has begun goes on")
        tap.equal([begin("b%d" % i, "2001:db8::%d" % i).status for i in range(3)], [200, 200, 429],
                  "an IPv6 network of 64 bits is one address")
        cloud.kill()
        cloud.start()
        tap.equal([begin("c0", "192.0.2.2").status, begin("c1", "192.0.2.3").status], [200, 429],
                  "the fifth is the last of the day, a restart in between or not")
        key = cloud.new_key(1)
        tap.equal(cloud.activate("c1", key).status, 200, "a key needs no cap")


def killed():
    """kill -9 while farms report: what was acknowledged is there."""
    with Place() as place:
        cloud = Cloud(place, BUILD, settings="trial: { per_day_and_source = 100; };" + GENEROUS).start()
        key = cloud.new_key(10)
        farms = [cloud.activate("inst-%d" % i, None if i else key).json() for i in range(4)]
        acknowledged = [0] * len(farms)
        start = now() - 30000 * WINDOW
        lost, rounds = [], 12

        def send(index):
            while True:
                sequence = acknowledged[index] + 1
                try:
                    answer = cloud.report(farms[index], [window(sequence, start + sequence * WINDOW, peak=sequence)])
                    if answer.status == 200:
                        acknowledged[index] = answer.json()["accepted_through"]
                except Exception:  # pylint: disable=broad-except
                    return

        for number in range(rounds):
            threads = [threading.Thread(target=send, args=(i,)) for i in range(len(farms))]
            for thread in threads:
                thread.start()
            time.sleep(0.05 + 0.02 * number)
            extra = cloud.activate("extra-%d" % number).json()
            cloud.kill()
            for thread in threads:
                thread.join()
            cloud.start()
            listed = cloud.farms()
            for farm, through in zip(farms, acknowledged):
                line = listed[farm["farm_id"]]
                if min(line["accepted_through"], line["windows_counted"], line["peak_users"]) < through:
                    lost.append((through, line))
            if extra["farm_id"] not in listed or cloud.report(extra).status != 200:
                lost.append(extra)
        tap.equal(lost, [], "after %d kills every acknowledged window and activation is there" % rounds)
        tap.ok(min(acknowledged) > rounds, "and there were many", acknowledged)
        tap.equal(cloud.keys()[key]["state"], "in_use", "the key still runs its farm")


def bad_requests():
    good = {"installation_id": "inst-a", "trial": True}
    nul = '{"installation_id":"a\\u0000b","trial":true}'
    table = [
        ("/v1/activations", "", "", "nothing"),
        ("/v1/activations", "{", "", "half an object"),
        ("/v1/activations", "[]", "", "an array"),
        ("/v1/activations", "null", "", "null"),
        ("/v1/activations", '{"a":' * 20000, "", "a depth bomb"),
        ("/v1/activations", b'{"installation_id":"\xff","trial":true}', "installation_id", "bad UTF-8"),
        ("/v1/activations", nul, "installation_id", "NUL in a text"),
        ("/v1/activations", dict(good, trial=None), "trial", "null for a boolean"),
        ("/v1/activations", dict(good, trial="yes"), "trial", "a text for a boolean"),
        ("/v1/activations", {"trial": True}, "installation_id", "no installation"),
        ("/v1/activations", dict(good, installation_id=""), "installation_id", "an empty installation"),
        ("/v1/activations", dict(good, installation_id="x" * 64), "installation_id", "a long installation"),
        ("/v1/activations", dict(good, installation_id="a b"), "installation_id", "a space in an installation"),
        ("/v1/activations", dict(good, installation_id=7), "installation_id", "a number for a text"),
        ("/v1/activations", {"installation_id": "inst-a"}, "license_key", "neither key nor trial"),
        ("/v1/activations", dict(good, license_key="AAAAA"), "trial", "key and trial"),
        ("/v1/activations", {"installation_id": "a", "license_key": "A" * 64}, "license_key", "a long key"),
        ("/v1/activations", {"installation_id": "a", "license_key": "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE"}, "license_key",
         "a key that is none"),
        ("/v1/activations", dict(good, farm_name="x" * 128), "farm_name", "a long farm name"),
        ("/v1/activations", dict(good, app_version="x" * 32), "app_version", "a long version"),
        ("/v1/activations", '{"trial":true,"trial":true,"installation_id":"a"}', "trial", "a field twice"),
    ]
    line = window(1, now() - WINDOW)
    report = {"farm_id": "f-0", "windows": [line]}

    def changed(**fields):
        return dict(report, windows=[dict(line, **fields)])

    table += [
        ("/v1/reports", {"farm_id": "f-0"}, "windows", "no windows"),
        ("/v1/reports", {"windows": []}, "farm_id", "no farm"),
        ("/v1/reports", dict(report, windows={}), "windows", "windows as an object"),
        ("/v1/reports", dict(report, windows=[7]), "windows[0]", "a number for a window"),
        ("/v1/reports", changed(sequence=0), "windows[0].sequence", "sequence 0"),
        ("/v1/reports", changed(sequence=1.5), "windows[0].sequence", "a broken sequence"),
        ("/v1/reports", changed(sequence=1 << 63), "windows[0].sequence", "a sequence past 63 bits"),
        ("/v1/reports", changed(start="yesterday"), "windows[0].start", "a word for a time"),
        ("/v1/reports", changed(start="2026-02-30T00:00:00Z"), "windows[0].start", "the 30th of February"),
        ("/v1/reports", changed(end=7), "windows[0].end", "a number for a time"),
        ("/v1/reports", changed(peak_users=-1), "windows[0].peak_users", "less than nobody"),
        ("/v1/reports", changed(hosts=None), "windows[0].hosts", "null for a number"),
    ]
    with Place() as place:
        cloud = Cloud(place, BUILD, settings=GENEROUS).start()
        for path, body, field, name in table:
            answer = cloud.post(path, body, token="t" * 43)
            tap.ok(answer.status == 400 and answer.json().get("field", "") == field, "400: " + name, answer)
        tap.equal(cloud.farms(), {}, "and nothing came of it")
        refusal(cloud.get("/v1/nothing"), 404, "not_found", "an unknown path")
        refusal(cloud.get("/v1/activations/a/b", "DELETE"), 404, "not_found", "a path too deep")
        tap.equal(cloud.get("/v1/activations").headers.get("allow"), "POST", "405 says what is allowed")
        refusal(cloud.get("/v1/reports"), 405, "method_not_allowed", "reports are not read")
        tap.equal(cloud.post("/v1/activations", b"x" * (128 * 1024 + 1)).status, 413, "too much is 413")
        tap.equal(cloud.get("/v1/keys").status, 404, "keys are the administrator's")
        tap.equal(cloud.get("/healthz").json(), {"status": "ok"}, "health")
        tap.equal(cloud.get("/v1/version").json()["program"], "farmgate-cloud", "version")


def sources():
    settings = "activations: { per_minute = 1; burst = 3; }; %s"
    with Place() as place:
        cloud = Cloud(place, BUILD, settings=settings % "").start()
        codes = [cloud.activate("i-%d" % i, headers={"X-Forwarded-For": "192.0.2.%d" % i}).status for i in range(5)]
        tap.equal(codes, [200, 200, 200, 429, 429], "one source is limited; who is no proxy cannot say otherwise")
        answer = cloud.activate("i-9")
        refusal(answer, 429, "too_many_activations", "it is told so")
        tap.ok(0 < int(answer.headers["retry-after"]) <= 61, "and when to try again", answer.headers)
    with Place() as place:
        cloud = Cloud(place, BUILD, settings=settings % 'trusted_proxies = ("127.0.0.0/8");').start()
        codes = [cloud.activate("i-%d" % i, headers={"X-Forwarded-For": "192.0.2.%d" % i}).status for i in range(5)]
        tap.equal(codes, [200] * 5, "behind a trusted proxy each source has its own limit")
        codes = [cloud.activate("j-%d" % i, headers={"X-Forwarded-For": "10.0.0.%d, 192.0.2.77" % i}).status
                 for i in range(5)]
        tap.equal(codes, [200, 200, 200, 429, 429], "what a client invents in front of it does not help")
        tap.ok("192.0.2.77" in cloud.log(), "the log names the source")


def commands():
    with Place() as place:
        cloud = Cloud(place, BUILD).start()
        for words in (["--help"], ["serve", "--help"], ["key", "--help"], ["key", "create", "--help"],
                      ["key", "list", "-h"], ["farm", "--help"], ["farm", "list", "--help"],
                      ["farm", "deactivate", "--help"], ["public-key", "--help"], ["--version"]):
            done = subprocess.run([cloud.binary, *words], capture_output=True, text=True, timeout=10, check=False)
            tap.ok(done.returncode == 0 and "farmgate-cloud" in done.stdout and not done.stderr,
                   "farmgate-cloud " + " ".join(words), done)
        tap.equal(cloud.run("key", "list").stdout.strip(), "no keys yet; farmgate-cloud key create makes one",
                  "no keys yet")
        made = cloud.run("key", "create", "--limit", "5", "--term", "30d", "--name", "Büro 7")
        key = made.stdout.strip()
        tap.ok(made.returncode == 0 and len(key) == 29 and key in cloud.run("key", "list").stdout, "a key is made", made)
        line = cloud.keys()[key]
        tap.equal((line["name"], line["quota"], line["primary"], line["state"], line["ends_at"]),
                  ("Büro 7", 5, True, "free", None), "and listed; its term has not begun")
        farm = cloud.activate("inst-a", key, headers={}).json()
        tap.equal(cloud.keys()[key]["farm_id"], farm["farm_id"], "the list names the farm on it")
        name = "\x1b[31mred\x7f"
        cloud.post("/v1/activations", {"installation_id": "b", "trial": True, "farm_name": name})
        listed = cloud.run("farm", "list").stdout
        tap.ok("\x1b" not in listed and "red" in listed, "a farm's name does not steer the terminal", listed)
        tap.ok(any(line["name"] == name for line in cloud.farms().values()), "JSON tells it as it is")
        wrong = [
            (64, []), (64, ["kye", "list"]), (64, ["key"]), (64, ["key", "create", "--limit", "3"]),
            (64, ["key", "create", "--limit", "x", "--term", "1y"]), (64, ["key", "create", "--limit", "-1", "--term", "1y"]),
            (65, ["key", "create", "--limit", "3", "--term", "4y"]),
            (65, ["key", "create", "--limit", "99999999999", "--term", "1y"]),
            (65, ["key", "create", "--limit", "3", "--term", "1y", "--name", "x" * 128]),
            (64, ["farm", "deactivate"]), (1, ["farm", "deactivate", "f-0"]), (1, ["farm", "deactivate", "a/../b?c"]),
            (64, ["farm", "list", "more"]), (64, ["key", "list", "--frob"]),
        ]
        for code, words in wrong:
            done = cloud.run(*words)
            tap.ok(done.returncode == code and done.stderr and not done.stdout, "exit %d: %s" % (code, " ".join(words)), done)
        tap.ok("key list" in cloud.run("kye", "list").stderr, "what was meant is guessed")
        for i in range(1200):
            if i % 200 == 0:
                connection = socket.socket(socket.AF_UNIX)
                connection.connect(cloud.socket)
                stream = connection.makefile("rb")
            body = b'{"licences":1,"term":"1m"}'
            connection.sendall(b"POST /v1/admin/subscriptions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            length = 0
            while (header := stream.readline().strip()) != b"":
                if header.lower().startswith(b"content-length:"):
                    length = int(header.split(b":")[1])
            stream.read(length)
        tap.equal(len(cloud.keys()), 1201, "long lists come whole, page by page")
        answer = request(cloud.socket, "GET", "/v1/admin/keys?limit=501")
        tap.equal((answer.status, answer.json()["field"]), (400, "limit"), "a page has its bounds")
        cloud.stop()
        tap.equal(cloud.run("key", "list").returncode, 3, "exit 3: no authority")


def places():
    with Place() as place:
        cloud = Cloud(place, BUILD).start()
        modes = {name: stat.S_IMODE(os.stat(os.path.join(cloud.state, name)).st_mode) for name in os.listdir(cloud.state)}
        tap.equal(set(modes.values()), {0o600}, "what is kept is its owner's alone")
        tap.ok({"ledger.db", "signing-key"} <= set(modes), "ledger and key stand there", modes)
        tap.equal(stat.S_IMODE(os.stat(cloud.socket).st_mode), 0o600, "so does the admin socket")

        second = Cloud(place, BUILD, name="second")
        conf = place.write("second.conf", 'listen = "127.0.0.1:%d"; admin_socket = "%s"; state_directory = "%s";' %
                           (second.port, second.socket, cloud.state))
        done = subprocess.run([cloud.binary, "serve", "-c", conf], capture_output=True, text=True, timeout=20, check=False)
        tap.ok(done.returncode == 75 and "in use" in done.stderr, "a second authority on the same ledger refuses", done)
        conf = place.write("third.conf", 'listen = "127.0.0.1:%d"; admin_socket = "%s"; state_directory = "%s";' %
                           (cloud.port, place.join("third.sock"), place.join("third")))
        done = subprocess.run([cloud.binary, "serve", "-c", conf], capture_output=True, text=True, timeout=20, check=False)
        tap.ok(done.returncode == 1 and str(cloud.port) in done.stderr, "a port that is taken is named", done)
        tap.equal(stat.S_IMODE(os.stat(place.join("third")).st_mode), 0o700, "a state directory is made for its owner")
        tap.ok(cloud.answers() and cloud.run("key", "list").returncode == 0, "the first goes on")
        cloud.stop()

        key_file = os.path.join(cloud.state, "signing-key")
        os.chmod(key_file, 0o644)
        failed_start(cloud, "0600", "a signing key that others may read is refused")
        os.chmod(key_file, 0o600)
        os.rename(key_file, key_file + ".away")
        failed_start(cloud, "missing", "a lost signing key is told, not replaced")
        tap.ok(not os.path.exists(key_file), "indeed not")
        os.rename(os.path.join(place.join("third"), "signing-key"), key_file)
        failed_start(cloud, "not the key", "nor is another taken for it")
        os.rename(key_file + ".away", key_file)
        cloud.start()
        cloud.stop()
        with open(os.path.join(cloud.state, "ledger.db"), "r+b") as ledger:
            ledger.write(b"garbage, not a database")
        failed_start(cloud, "ledger.db", "a damaged ledger is told, not begun anew")
        with open(os.path.join(cloud.state, "ledger.db"), "rb") as ledger:
            tap.equal(ledger.read(7), b"garbage", "and left as it is")


def failed_start(cloud, word, name):
    done = subprocess.run(cloud.command, capture_output=True, text=True, timeout=20, check=False)
    tap.ok(done.returncode == 1 and word in done.stderr, name, done)


def configurations():
    with Place() as place:
        binary = os.path.join(BUILD, "cloud", "farmgate-cloud")
        table = [
            ("listen = 7;", 78, "listen"),
            ("listne = \"127.0.0.1:1\";", 78, "listen"),
            ("trial: { limit = -1; };", 78, "trial.limit"),
            ("trusted_proxies = (\"here\");", 78, "trusted_proxies"),
            ("entitlement: { refresh = \"soon\"; };", 78, "entitlement.refresh"),
            ("listen = ", 78, "1"),
            ("listen = \"127.0.0.1:0\";", 0, ""),
        ]
        for text, code, word in table:
            conf = place.write("cloud.conf", text)
            done = subprocess.run([binary, "serve", "--config", conf, "--check-config"], capture_output=True, text=True,
                                  timeout=10, check=False)
            tap.ok(done.returncode == code and word in done.stderr, "--check-config: %s" % text, done)
        tap.equal(os.listdir(place.path), ["cloud.conf"], "--check-config touches nothing")
        done = subprocess.run([binary, "serve", "--config", place.join("none")], capture_output=True, text=True,
                              timeout=10, check=False)
        tap.ok(done.returncode == 78 and "none" in done.stderr, "a configuration that is not there", done)
        done = subprocess.run([binary, "serve", "now"], capture_output=True, text=True, timeout=10, check=False)
        tap.equal(done.returncode, 64, "an argument too many")


def full_disk():
    names = ["a full disk: changes get 503", "health tells", "the farm is where it was", "with room again it goes on"]
    if os.geteuid() != 0:
        for name in names:
            tap.skip(name, "needs root to mount a small disk")
        return
    with Place() as place:
        cloud = Cloud(place, BUILD, settings=GENEROUS)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k,mode=700", "tmpfs", cloud.state], check=False,
                          capture_output=True).returncode != 0:
            for name in names:
                tap.skip(name, "may not mount")
            return
        try:
            cloud.start()
            farm = cloud.activate("inst-a").json()
            tap.equal(cloud.report(farm, [window(1, now() - WINDOW)]).status, 200, "there is room")
            filler = os.path.join(cloud.state, "filler")
            with open(filler, "wb", buffering=0) as file:
                try:
                    while True:
                        file.write(b"x" * 4096)
                except OSError:
                    pass
            statuses = [cloud.report(farm, [window(i, now() - (300 - i) * WINDOW)]).status for i in range(2, 40)]
            tap.equal(statuses[-1], 503, names[0])
            listed = cloud.farms()  # can be read, and tells nothing of writing
            tap.equal((len(listed), cloud.get("/healthz").status), (1, 503), names[1])
            through = 1 + statuses.count(200)
            os.unlink(filler)
            tap.ok(cloud.farms()[farm["farm_id"]]["accepted_through"] == through, names[2])
            tap.equal((cloud.report(farm, [window(100, now() - 100 * WINDOW)]).status, cloud.get("/healthz").status),
                      (200, 200), names[3])
        finally:
            cloud.stop()
            subprocess.run(["umount", cloud.state], check=False)


def service():
    """What systemd would see: READY when serving, a handed-over admin socket."""
    with Place() as place:
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(place.join("notify"))
        notify.settimeout(10)
        cloud = Cloud(place, BUILD)
        cloud.env["NOTIFY_SOCKET"] = place.join("notify")
        Program.start(cloud)  # without the harness's wait, to see what READY means
        try:
            message = notify.recv(4096).decode()
        except socket.timeout:
            message = ""
        if not message:
            tap.skip("READY", "built without systemd")
            return
        tap.ok("READY=1" in message and cloud.answers(), "READY is said when it serves", message)
        cloud.stop()
        tap.ok("STOPPING=1" in notify.recv(4096).decode(), "STOPPING when it ends")


def described():
    """Every answer that came on the way is as cloud/openapi.yaml says."""
    try:
        import jsonschema
        import yaml
    except ImportError:
        tap.skip("answers are as openapi.yaml says", "needs python3-yaml and python3-jsonschema")
        return
    with open(os.path.join(os.path.dirname(__file__), "..", "..", "cloud", "openapi.yaml"), encoding="utf-8") as file:
        document = yaml.safe_load(file)
    wrong, seen = [], set()
    for method, path, answer in ANSWERS:
        known = "/v1/activations/{farm_id}" if path.startswith("/v1/activations/") else path
        operation = document["paths"].get(known, {}).get(method.lower())
        if operation is None or known != path and path.count("/") > 3:
            continue
        told = operation["responses"].get(str(answer.status))
        if told is None:
            wrong.append("%s %s: %d is not described" % (method, known, answer.status))
            continue
        if "$ref" in told:
            told = document["components"]["responses"][told["$ref"].rsplit("/", 1)[1]]
        content = told["content"].get(answer.headers["content-type"])
        if content is None:
            wrong.append("%s %s: %s is not described" % (method, known, answer.headers["content-type"]))
            continue
        schema = dict(content["schema"], components=document["components"])
        errors = [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(answer.json())]
        wrong += ["%s %s %d: %s" % (method, known, answer.status, message) for message in errors]
        seen.add((method, known, answer.status))
    tap.equal(sorted(set(wrong)), [], "answers are as openapi.yaml says")
    tap.ok(len(seen) >= 14, "and nearly every kind of answer came", sorted(seen))


if __name__ == "__main__":
    for story in (keys_and_moves, trials, trial_caps, reports, endings, stopping_under_load, killed, bad_requests, sources, commands,
                  places, configurations, full_disk, service, described):
        try:
            story()
        except Exception as error:  # pylint: disable=broad-except
            tap.ok(False, "%s runs to its end" % story.__name__, repr(error))
    tap.done()
