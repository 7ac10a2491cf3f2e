#!/usr/bin/env python3
"""The agent's side of every refusal: what the authority may answer, and what may come in its place, as the administrator
finds it in words: from the command that failed, and afterwards in `farmgate status` and `farmgate explain`, with what to do
and since when, until a contact succeeds. The authority is a real one wherever a real one gives the answer.
     test_refusals.py BUILD"""
import http.client
import http.server
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import threading
import time

from harness import Agent, Authority, Place, Tap, free_port, request, wait_until

BUILD = os.path.abspath(sys.argv[1])
FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
GENEROUS = "activations: { per_minute = 6000; burst = 6000; };"
DAY = 86400
tap = Tap()


class Between:
    """Stands between agent and authority: passes everything on, changed as the test wants, or answers by itself."""

    def __init__(self, authority):
        self.authority = authority
        self.ask = None     # changes a request's JSON
        self.answer = None  # (status, headers, body) in place of the authority's, or a function of it
        between = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def handle_one(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, headers, body = between.pass_on(self.command, self.path, self.headers, body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            do_POST = do_DELETE = handle_one  # noqa: N815, pylint: disable=invalid-name

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def pass_on(self, method, path, headers, body):
        if isinstance(self.answer, tuple):
            return self.answer
        if self.ask:
            told = json.loads(body)
            self.ask(told)
            body = json.dumps(told)
        connection = http.client.HTTPConnection("127.0.0.1", self.authority.port, timeout=15)
        kept = {name: value for name, value in headers.items() if name in ("Authorization", "Content-Type")}
        connection.request(method, path, body, kept)
        came = connection.getresponse()
        got = (came.status, {name: value for name, value in came.getheaders() if name != "Content-Length"}, came.read())
        connection.close()
        return self.answer(got) if self.answer else got

    def untouched(self):
        self.ask = self.answer = None


def plain(text):
    """Without the line breaks of the terminal."""
    return " ".join(text.split())


def page(status, text, **headers):
    return status, dict({"Content-Type": "text/html"}, **headers), text.encode()


def with_entitlement(change):
    """The authority's answer with another entitlement."""
    def answer(got):
        told = json.loads(got[2])
        told["entitlement"] = change(told["entitlement"])
        return got[0], got[1], json.dumps(told).encode()
    return answer


def bent(entitlement):
    return entitlement[:-6] + ("A" if entitlement[-6] != "A" else "B") + entitlement[-5:]


def of_another_key(entitlement):
    version, _, rest = entitlement.split(".", 2)
    return ".".join((version, "elsewhere", rest))


def at(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))


def with_window(start, end, sequence):
    """The report with one window more; the authority refuses it."""
    def change(told):
        told["windows"] = [{"sequence": sequence, "start": at(start), "end": at(end), "peak_users": 1, "peak_at": at(start),
                            "users_at_end": 1, "exempt_peak": 0, "hosts": 1}]
    return change


class House:
    """One authority, an agent with a licence, and what stands between them."""

    def __init__(self, place):
        self.place = place
        self.cloud = Authority(place, BUILD, settings=GENEROUS).start()
        self.between = Between(self.cloud)
        self.agent = Agent(place, BUILD, self.cloud, url=self.between.url, env={"TZ": "UTC"}).start()
        self.key = self.cloud.new_key(5)
        if self.agent.activate(self.key).status != 200:
            raise RuntimeError(self.agent.log())

    def admin(self, method, path, body=None):
        answer = request(self.cloud.socket, method, "/v1/admin/" + path, body)
        if answer.status not in (200, 201):
            raise RuntimeError("%s %s: %r" % (method, path, answer))
        return answer.json()

    def ctl(self, *words, agent=None):
        return (agent or self.agent).ctl(*words, env={"TZ": "UTC", "COLUMNS": "80"}, timeout=60)

    def activate(self, key, *words):
        return self.ctl("activate", key, *words)

    def report(self):
        return self.ctl("report")

    # --- what fails, and how it is brought about

    def typing_error(self):
        return self.activate(self.key[:-1] + ("0" if self.key[-1] != "0" else "1"))

    def strangers_key(self):
        self.stranger = Authority(self.place, BUILD, name="stranger", settings=GENEROUS).start()
        return self.activate(self.stranger.new_key(3))

    def further_key(self, **rest):
        bought = self.admin("POST", "subscriptions", {"licences": 10, "term": "1y", "name": "x"})
        return bought["id"], self.admin("POST", "subscriptions/%d/keys" % bought["id"], dict({"name": "k", "quota": 2}, **rest))["key"]

    def deleted_key(self):
        key = self.further_key()[1]
        self.admin("DELETE", "keys/" + key)
        return self.activate(key)

    def cancelled_subscription(self):
        bought, key = self.further_key()
        self.admin("POST", "subscriptions/%d/orders" % bought, {"kind": "cancel"})
        return self.activate(key)

    def expired_key(self):
        key = self.further_key(expires_at=at(time.time() + 2))[1]
        wait_until(lambda: self.admin("GET", "keys/" + key)["state"] == "expired")
        return self.activate(key)

    def elsewhere(self, key, name, move=False):
        body = {"installation_id": name, "farm_name": name, "app_version": "1", "license_key": key, "move": move}
        return request(("127.0.0.1", self.cloud.port), "POST", "/v1/activations", body).json()

    def key_in_use(self):
        key = self.further_key()[1]
        self.elsewhere(key, "other-a")
        return self.activate(key)

    def key_in_use_without_moves(self, *words):
        key = self.further_key()[1]
        for name in ("b", "c", "d", "e"):
            self.elsewhere(key, "other-" + name, move=True)
        return self.activate(key, *words)

    def moves_exhausted(self):
        return self.key_in_use_without_moves("--move")

    def other_token(self):
        """The installation is activated once more, from a copy of its state, and the copy reports."""
        with open(os.path.join(self.agent.state, "identity"), encoding="utf-8") as file:
            installation = re.search(r'"installation_id":\s*"([^"]+)"', file.read()).group(1)
        farm = self.elsewhere(self.key, installation)
        request(("127.0.0.1", self.cloud.port), "POST", "/v1/reports",
                {"farm_id": farm["farm_id"], "app_version": "1", "windows": []}, {"Authorization": "Bearer " + farm["farm_token"]})
        return self.report()

    def answered(self, answer, ask="report"):
        def fail():
            self.between.answer = answer
            if ask == "report":
                return self.report()
            return self.release() if ask == "release" else self.activate(self.further_key()[1])
        return fail

    def release(self):
        return self.ctl("release")

    def cloud_gone(self):
        self.cloud.stop()
        self.between.answer = None
        return self.report()

    def others_entitlement(self):
        other = self.elsewhere(self.further_key()[1], "other-f")
        self.between.answer = with_entitlement(lambda _: other["entitlement"])
        return self.report()

    def strangers_entitlement(self):
        self.between.answer = with_entitlement(lambda _: self.strangers)
        return self.report()

    def older_entitlement(self):
        self.between.answer = with_entitlement(lambda _: self.older)
        return self.report()

    def take_samples(self):
        """An entitlement of before, and another authority's."""
        kept = []

        def keep(got):
            kept.append(json.loads(got[2])["entitlement"])
            return got
        self.between.answer = keep
        self.report()
        self.older = kept[0]
        self.admin("POST", "subscriptions/1/orders", {"kind": "add", "licences": 1})
        self.between.untouched()
        self.report()
        body = {"installation_id": "x", "farm_name": "x", "app_version": "1", "license_key": self.stranger.new_key(2)}
        self.strangers = request(("127.0.0.1", self.stranger.port), "POST", "/v1/activations", body).json()["entitlement"]

    def window(self, sequence, start, end):
        def fail():
            now = int(time.time())
            self.between.ask = with_window(now + start, now + end, sequence)
            return self.report()
        return fail


def status_of(house, agent=None):
    return json.loads(house.ctl("status", "--json", agent=agent).stdout)


def check(house, name, asked, code, words, done, agent=None):
    """A row of the table: what the command said, and what status and explain say of it later."""
    whole = plain(done.stderr if asked != "window" else "")
    told = [setback for setback in status_of(house, agent)["setbacks"] if setback["asked"] == asked]
    if not tap.equal([setback["code"] for setback in told], [code], "%s: the status has it as %s" % (name, code)):
        return
    if asked == "window":
        tap.equal(done.returncode, 0, "%s: the report itself succeeds" % name)
    else:
        tap.ok(done.returncode != 0 and all(part in whole for part in words), "%s: the command says why, and what to do" % name, done)
    shown, explained = (plain(house.ctl(command, agent=agent).stdout) for command in ("status", "explain"))
    since = time.strftime("%H:%M", time.gmtime())
    lead = re.search(r"(since|set aside) \w{3} \d\d:\d\d UTC", shown)
    tap.ok(lead and all(part in shown for part in words), "%s: so does the status, with since when (%s)" % (name, since), shown)
    tap.ok(lead and lead.group(0) in explained and all(part in explained for part in words), "%s: and the explanation" % name, explained)
    explained = json.loads(house.ctl("explain", "--json", agent=agent).stdout)["setbacks"]
    tap.equal([setback["code"] for setback in explained], [setback["code"] for setback in status_of(house, agent)["setbacks"]],
              "%s: in JSON, too" % name)


def clears(house, name, command=("report",), agent=None):
    house.between.untouched()
    done = house.ctl(*command, agent=agent)
    tap.equal((done.returncode, status_of(house, agent)["setbacks"]), (0, []), "%s: the next contact clears it" % name)


def the_table(house):
    move = "Take it over with `farmgate activate KEY --move`"
    portal = "A sign-in page of the network, a proxy or a wrong `authority.url` may stand in between"
    authority_busy = (503, {"Content-Type": "application/problem+json", "Retry-After": "120"},
                      b'{"code":"busy","detail":"too many requests are waiting; try again"}')
    first = [
        ("a typing error", "activation", "invalid_key", ["is no licence key", "Look for a typing error"], house.typing_error),
        ("a key of nobody's", "activation", "unknown_key", ["has never issued this licence key", "Compare the licence key"], house.strangers_key),
        ("a deleted key", "activation", "key_deleted", ["was deleted", "Ask whoever manages the subscription for another"], house.deleted_key),
        ("a cancelled subscription", "activation", "subscription_cancelled", ["was cancelled", "for another licence key"],
         house.cancelled_subscription),
        ("an expired key", "activation", "expired", ["has expired", "Have the subscription or the licence key extended"], house.expired_key),
        ("a key in use", "activation", "key_in_use", ["runs another installation", move, "3 moves are left"], house.key_in_use),
        ("a key in use, no move left", "activation", "key_in_use", ["runs another installation", "reset the count of moves"],
         house.key_in_use_without_moves),
        ("a fourth move", "activation", "moves_exhausted", ["as often as it may be", "reset the count of moves"], house.moves_exhausted),
    ]
    for name, asked, code, words, fail in first:
        check(house, name, asked, code, words, fail())
        clears(house, name)
    house.take_samples()
    tampered = [
        ("a busy authority", "report", "unavailable",
         ["cannot answer at the moment: HTTP 503 busy", "takes no further one before", "The agent tries again by itself"],
         house.answered(authority_busy)),
        ("a busy authority, asked for a key", "activation", "unavailable", ["HTTP 503 busy", "Try again in a few minutes"],
         house.answered(authority_busy, "activation")),
        ("too many reports", "report", "too_many_requests", ["was asked too often, by this farm or from its address", "The agent tries again by itself"],
         house.answered(page(429, "slow down"))),
        ("a request that is not understood", "report", "not_understood", ["does not understand what it was asked: HTTP 400 invalid: odd",
                                                                         "Bring the older one up to date"],
         house.answered((400, {}, b'{"code":"invalid","detail":"odd"}'))),
        ("another service at the address", "report", "not_found", ["There is no licensing authority at this address", "`authority.url`"],
         house.answered((404, {}, b'{"code":"not_found","detail":"there is nothing at this path"}'))),
        ("a captive portal", "report", "not_the_authority", ["What answered is not the licensing authority", portal],
         house.answered(page(200, "<html>Welcome, please sign in</html>"))),
        ("a captive portal, asked for a key", "activation", "not_the_authority", ["is not the licensing authority", portal],
         house.answered(page(200, "<html>Welcome, please sign in</html>"), "activation")),
        ("a captive portal, given the key back", "release", "not_the_authority",
         ["is not the licensing authority", portal], house.answered(page(200, "<html>Welcome</html>"), "release")),
        ("a redirect", "report", "redirected", ["wants to send the agent to another address, which it never follows", portal],
         house.answered(page(302, "", Location="http://127.0.0.1/login"))),
        ("an unsigned 403", "report", "unsigned_refusal", ["refused without a signed entitlement", "HTTP 403", portal],
         house.answered(page(403, "<html>no</html>"))),
        ("an unsigned 410", "report", "unsigned_refusal", ["refused without a signed entitlement", "HTTP 410"],
         house.answered(page(410, ""))),
        ("an endless answer", "report", "too_large", ["it sends too much", portal], house.answered(page(200, "x" * 70000))),
        ("a bent signature", "report", "signature", ["signature does not fit", "Compare `authority.key`"],
         house.answered(with_entitlement(bent))),
        ("another authority's entitlement", "report", "signature", ["made by somebody else", "Compare `authority.key`"],
         house.strangers_entitlement),
        ("a key that is not known", "report", "unknown_signer", ["with a key that is not trusted here", "Compare `authority.key`"],
         house.answered(with_entitlement(of_another_key))),
        ("another farm's entitlement", "report", "not_ours", ["is another farm's or installation's", "came from a backup or from another server"],
         house.others_entitlement),
        ("an older entitlement", "report", "outdated", ["is older than the one that holds here", "what holds goes on"], house.older_entitlement),
        ("a window from the future", "window", "in_future",
         ["1 reported window was set aside", "more than 24 hours ahead of its clock", "The clock of this machine was wrong"],
         house.window(9001, 2 * DAY, 2 * DAY + 1200)),
        ("a window without a period", "window", "no_period", ["does not end after it begins", "Tell whoever looks after the agent"],
         house.window(9002, -5000, -5000)),
        ("a long window", "window", "too_long", ["of more than 20 minutes", "ought not to have sent them"], house.window(9003, -9000, -5000)),
        ("a window to be counted", None, None, None, house.window(9004, -3600, -2400)),
        ("a window that overlaps", "window", "overlaps", ["overlaps one that it has counted", "two servers run on one state"],
         house.window(9005, -3500, -2500)),
    ]
    for name, asked, code, words, fail in tampered:
        done = fail()
        if code is None:
            tap.equal((done.returncode, status_of(house)["setbacks"]), (0, []), "%s leaves nothing to tell" % name)
            house.between.untouched()
            continue
        check(house, name, asked, code, words, done)
        clears(house, name)


def goes_on(house):
    """The same again goes on with when it began; something else begins anew."""
    house.between.answer = page(403, "no")
    house.report()
    first = status_of(house)["setbacks"][0]
    wait_until(lambda: status_of(house)["now"][:19] > first["since"][:19])
    house.report()
    again = status_of(house)["setbacks"][0]
    tap.ok(again["tries"] > first["tries"] and again["since"] == first["since"] < again["last"], "the same again goes on", (first, again))
    house.between.answer = page(200, "no")
    house.report()
    other = status_of(house)["setbacks"]
    tap.equal([(setback["code"], setback["tries"]) for setback in other], [("not_the_authority", 1)], "something else takes its place")
    tap.ok(other[0]["since"] > first["since"], "and begins then")
    house.typing_error()
    tap.equal([setback["asked"] for setback in status_of(house)["setbacks"]], ["report", "activation"],
              "what else was asked stands beside it")
    clears(house, "all of it")


def token(house):
    check(house, "a token that another has renewed", "report", "unauthorized",
          ["does not accept this farm's token", "Activate again with the same licence key"], house.other_token())
    clears(house, "a token that another has renewed", ("activate", house.key))


def trials(house):
    place = house.place
    agent = Agent(place, BUILD, house.cloud, name="trial", host="h2").start()
    house.ctl("activate", "--trial", agent=agent)
    house.admin("POST", "farms/deactivate", {"farms": [agent.status()["farm_id"]]})
    check(house, "a trial used up", "activation", "trial_used", ["there is only one", "Activate a licence key instead"],
          house.ctl("activate", "--trial", agent=agent), agent)
    clears(house, "a trial used up", ("activate", house.cloud.new_key(2)), agent)
    agent.stop()
    for name, settings, code, words in (
            ("trial caps", "trial: { per_day = 0; };", "trial_cap", ["lets no more trials begin today", "Try again tomorrow"]),
            ("too many activations", "activations: { per_minute = 1; burst = 1; };", "too_many_requests",
             ["was asked too often", "Try again in a few minutes"])):
        cloud = Authority(place, BUILD, name=name.replace(" ", "-"), settings=settings).start()
        agent = Agent(place, BUILD, cloud, name=name.replace(" ", "-") + "-agent", host="h3").start()
        if code == "too_many_requests":
            request(("127.0.0.1", cloud.port), "POST", "/v1/activations", {"installation_id": "i", "trial": True})
        done = house.ctl("activate", "--trial", agent=agent)
        check(house, name, "activation", code, words + ["takes no further one before"], done, agent)
        tap.equal(agent.status()["verdict"]["reason"], "not_activated", "%s: the farm is none" % name)
        agent.stop()
        cloud.stop()


def forgotten(house):
    """A farm that was deactivated more than 400 days ago."""
    if not os.path.exists(FAKETIME):
        tap.skip("a farm that is forgotten", "needs libfaketime")
        return
    place = house.place
    cloud = Authority(place, BUILD, name="old", settings=GENEROUS).start()
    agent = Agent(place, BUILD, cloud, name="old-agent", host="h4").start()
    house.ctl("activate", cloud.new_key(2), agent=agent)
    cloud.run("farm", "deactivate", agent.status()["farm_id"])
    cloud.stop()
    cloud.env.update({"LD_PRELOAD": FAKETIME, "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME": "+401d"})
    cloud.start()
    check(house, "a farm that is forgotten", "report", "unknown_farm", ["does not know this farm any more", "Activate a licence key"],
          house.ctl("report", agent=agent), agent)
    clears(house, "a farm that is forgotten", ("activate", cloud.new_key(2)), agent)
    agent.stop()
    cloud.stop()


def certificates(house):
    if not shutil.which("openssl"):
        tap.skip("certificates", "needs openssl")
        return
    place = house.place
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj",
                    "/CN=elsewhere", "-keyout", place.join("tls.key"), "-out", place.join("tls.crt")], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place.join("tls.crt"), place.join("tls.key"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    server.handle_error = lambda *_: None
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    agent = Agent(place, BUILD, house.cloud, name="tls-agent", host="h5", url="https://127.0.0.1:%d" % server.server_address[1]).start()
    check(house, "a wrong certificate", "activation", "certificate", ["certificate is not to be trusted", "See to the date of this machine"],
          house.ctl("activate", house.cloud.new_key(2), agent=agent), agent)
    agent.stop()
    server.shutdown()


def nobody_there(house):
    key = house.cloud.new_key(2)
    agent = Agent(house.place, BUILD, house.cloud, name="alone", host="h6", url="http://127.0.0.1:%d" % free_port()).start()
    check(house, "nobody there", "activation", "unreachable", ["cannot be reached", "See to the network, the firewall"],
          house.ctl("activate", key, agent=agent), agent)
    agent.stop()
    text = open(agent.conf, encoding="utf-8").read()
    house.place.write("alone.conf", re.sub(r'url = "[^"]*"', 'url = "%s"' % house.cloud.url, text))
    agent.start()
    tap.equal(status_of(house, agent)["setbacks"], [], "nobody there: nothing is known of it after a restart")
    clears(house, "nobody there", ("activate", key), agent)
    agent.stop()


if __name__ == "__main__":
    with Place() as here:
        home = House(here)
        for part in (the_table, goes_on, token, trials, forgotten, certificates, nobody_there):
            part(home)
    tap.done()
