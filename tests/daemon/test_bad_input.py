#!/usr/bin/env python3
"""What an adversary or a fault may do to a running agent: bad HTTP, bad JSON, doors, an authority that is none, disks that refuse,
state that is damaged. After each the agent stands where it stood, and others are answered meanwhile.

    test_bad_input.py BUILD [STORY...]"""
import base64
import hashlib
import http.client
import json
import os
import random
import re
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time

from harness import Agent, Authority, Place, Tap, free_port, request, wait_until

BUILD = sys.argv[1]
NORMAL_MS = 250  # others are answered within: a hundred times what it takes, for machines that are busy
tap = Tap()


class Stand:
    """What must not move: who is on, and what the licence says."""

    def __init__(self, agent):
        self.agent = agent
        self.before = self.now()

    def now(self):
        status = self.agent.status()
        return (json.loads(self.agent.get("/v1/connections").body)["connections"], status["concurrent_users"],
                status["limit"], status["verdict"], status.get("expires_at"))

    def unmoved(self, name):
        return tap.equal(self.now(), self.before, name)


def worst_ms(agent, count=20):
    """How long others wait meanwhile, at the most."""
    worst = 0.0
    for _ in range(count):
        started = time.monotonic()
        agent.get("/v1/gate?user=alice")
        worst = max(worst, time.monotonic() - started)
    return worst * 1000


def others_are_answered(agent, name):
    took = worst_ms(agent)
    tap.ok(took < NORMAL_MS, "%s: others are answered meanwhile" % name, "%.1f ms" % took)


def connect(path):
    client = socket.socket(socket.AF_UNIX) if isinstance(path, str) else socket.socket()
    client.settimeout(15)
    for _ in range(200):
        try:
            client.connect(path)
            break
        except BlockingIOError:  # more come at once than the queue holds
            time.sleep(0.01)
    return client


def read_all(client, limit=1 << 20):
    data = b""
    try:
        while len(data) < limit:
            piece = client.recv(65536)
            if not piece:
                break
            data += piece
    except (ConnectionError, socket.timeout):
        pass
    return data


def status_of(answer):
    try:
        return int(answer.split(b" ", 2)[1])
    except (IndexError, ValueError):
        return 0


def exchange(path, data):
    """Everything that comes back for these bytes; our side is then shut."""
    client = connect(path)
    try:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # refused before all was sent
    answer = read_all(client)
    client.close()
    return answer


# --- HTTP ---------------------------------------------------------------------------------------------------------


def bad_http():
    head = b"GET /v1/status HTTP/1.1\r\nHost: x\r\n"
    put = b"PUT /v1/connections/h1/9 HTTP/1.1\r\nHost: x\r\n"
    cases = [
        (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "TLS"),
        (400, b"hello\r\n\r\n", "no HTTP at all"),
        (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/2"),
        (505, b"GET / HTTP/3.7\r\nHost: x\r\n\r\n", "a version from the future"),
        (400, b"GET /v1/status HTTP/1.1\r\n\r\n", "no Host"),
        (400, head + b"Host: y\r\n\r\n", "two Hosts"),
        (400, b"GET v1/status HTTP/1.1\r\nHost: x\r\n\r\n", "a target that is no path"),
        (400, b"GET /v1/gate%00 HTTP/1.1\r\nHost: x\r\n\r\n", "NUL in the path"),
        (400, b"GET /v1/gate%ff HTTP/1.1\r\nHost: x\r\n\r\n", "no UTF-8 in the path"),
        (400, b"GET /v1/gate%zz HTTP/1.1\r\nHost: x\r\n\r\n", "no hexadecimal in the path"),
        (414, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", "a long target"),
        (431, head + b"X: " + b"a" * 9000 + b"\r\n\r\n", "a long header"),
        (431, head + b"".join(b"X%d: 1\r\n" % i for i in range(500)) + b"\r\n", "many headers"),
        (400, head + b"X : 1\r\n\r\n", "a space in a header's name"),
        (400, head + b"X: a\x00b\r\n\r\n", "NUL in a header"),
        (400, head + b"X: 1\n\n", "bare line feeds"),
        (400, put + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", "Content-Length with Transfer-Encoding"),
        (400, put + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "two lengths"),
        (400, put + b"Content-Length: -1\r\n\r\n", "a negative length"),
        (400, put + b"Content-Length: 99999999999999999999999\r\n\r\n", "a length past all numbers"),
        (400, put + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", "a chunk of no length"),
        (400, put + b"Transfer-Encoding: gzip\r\n\r\n", "a coding without an end"),
        (501, put + b"Transfer-Encoding: gzip, chunked\r\n\r\n", "an unknown coding"),
        (413, put + b"Content-Length: 1048577\r\n\r\n", "an announced body over 1 MiB"),
        (413, put + b"Transfer-Encoding: chunked\r\n\r\n" + b"10000\r\n" + b"a" * 65536 + b"\r\n" +
         (b"10000\r\n" + b"a" * 65536 + b"\r\n") * 17 + b"0\r\n\r\n", "a body in chunks over 1 MiB"),
        (413, b"GET /v1/gate?user=x HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + b"a" * 1000, "a GET with a body"),
        (417, put + b"Expect: miracles\r\nContent-Length: 2\r\n\r\n{}", "an unknown expectation"),
        (400, put + b"Content-Length: 100\r\n\r\n{\"user\":", "a body that ends early"),
        (400, b"GET /v1/sta", "a request line that ends early"),
        (404, b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "a path out of the house"),
        (405, b"BREW /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "a method nobody knows"),
        (405, b"DELETE /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "a method that is not taken"),
    ]
    with Place() as place:
        agent = Agent(place, BUILD).start()
        agent.put("h1", "1", "alice")
        stand = Stand(agent)
        for wanted, data, name in cases:
            answer = exchange(agent.admin, data)
            got = status_of(answer)
            fits = got == wanted or (name == "a method nobody knows" and got == 400)
            tap.ok(fits, "%s: %d" % (name, wanted), answer[:300])
        stand.unmoved("bad HTTP moves nothing")
        half = connect(agent.socket)
        half.sendall(b"GET /v1/version HTTP/1.1\r\nHost: x\r\n\r\n")
        half.shutdown(socket.SHUT_WR)
        tap.equal(status_of(read_all(half)), 200, "one who shut his side still gets his answer")
        pipelined = exchange(agent.socket, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 100)
        tap.equal(pipelined.count(b"HTTP/1.1 200"), 100, "a hundred pipelined requests get a hundred answers")
        tap.ok(agent.alive(), "the agent lives")


def slow_and_many():
    with Place() as place:
        agent = Agent(place, BUILD).start()
        agent.put("h1", "1", "alice")
        agent.put("h1", "2", "bob")
        slow = []
        for number in range(100):
            client = connect(agent.admin)
            client.sendall((b"GET /v1/sta", b"PUT /v1/connections/h1/3 HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{",
                            b"POST /v1/connections HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"eve")[number % 3])
            slow.append(client)
        others_are_answered(agent, "a hundred slow clients")
        started = time.monotonic()
        late = read_all(slow[0])
        took = time.monotonic() - started
        tap.ok(status_of(late) == 408 and took < 14, "a head that does not come in 10 s: 408", "%.1f s %r" % (took, late))
        for client in slow:
            client.close()
        tap.ok(wait_until(lambda: agent.get("/v1/status").status == 200), "they leave, and nothing is left of them")

        idle = []
        refused = None
        for _ in range(257):
            client = connect(agent.socket)
            idle.append(client)
        refused = read_all(idle[256])
        tap.equal(status_of(refused), 503, "the 257th client is told that there are too many")
        tap.equal(agent.call("GET", "/v1/status").status, 200, "the administrator's door has its own room")
        tap.ok(agent.put("h1", "3", "carol").status == 204, "and takes changes")
        for client in idle[:10]:
            client.close()
        tap.ok(wait_until(lambda: agent.get("/healthz").status == 200), "when some leave, others come in")
        for client in idle:
            client.close()
        tap.equal(agent.status()["concurrent_users"], 3, "nobody's count has moved")


def slow_follower():
    lines = "".join(json.dumps({"event": "put", "host": "h9", "id": "s%d" % n, "user": "user%d" % n, "kind": "desktop",
                                "administrator": False}) + "\n" for n in range(6000))
    with Place() as place:
        agent = Agent(place, BUILD).start()
        lazy = socket.socket(socket.AF_UNIX)
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.settimeout(10)
        lazy.connect(agent.socket)
        lazy.sendall(b"GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
        eager = connect(agent.socket)
        eager.sendall(b"GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
        heard = []
        reader = threading.Thread(target=lambda: heard.append(read_all(eager, 1 << 30)), daemon=True)
        reader.start()
        answer = agent.call("POST", "/v1/connections", lines, timeout=120)
        tap.ok(answer.status == 200 and answer.json()["accepted"] == 6000, "six thousand changes in one body", answer)
        others_are_answered(agent, "one follower does not read")
        seen = read_all(lazy, 1 << 30)
        tap.ok(0 < seen.count(b"event: connection_opened") < 6000, "a follower who does not read is dropped",
               seen.count(b"event: connection_opened"))
        agent.stop()
        reader.join(10)
        tap.equal(heard[0].count(b"event: connection_opened") if heard else None, 6000, "one who reads misses nothing")
        lazy.close()
        eager.close()


# --- JSON ---------------------------------------------------------------------------------------------------------


def bad_json():
    good = {"user": "mallory", "administrator": False, "kind": "desktop", "route": "broker"}

    def but(**changes):
        return json.dumps(dict(good, **changes))

    cases = [
        ("user", but(user=7), "a user that is a number"),
        ("user", but(user=None), "a user that is null"),
        ("user", but(user=["x"]), "a user that is an array"),
        ("user", but(user=""), "an empty user"),
        ("user", but(user="a" * 2000), "a user that is too long"),
        ("user", but(user="a\0b"), "NUL in a user"),
        ("user", but(user="a\nb"), "a control character in a user"),
        ("user", but(user="x").replace('"x"', '"\\ud800"'), "half a surrogate in a user"),
        ("user", but(user="x").encode().replace(b'"x"', b'"\xff\xfe"'), "invalid UTF-8 in a user"),
        ("user", but(user="x").encode().replace(b'"x"', b'"\xed\xa0\x80"'), "a surrogate in UTF-8 in a user"),
        ("user", but(user="x").encode().replace(b'"x"', b'"a\x00b"'), "a bare NUL in a user"),
        ("user", json.dumps({"kind": "desktop"}), "no user"),
        ("kind", json.dumps({"user": "x"}), "no kind"),
        ("kind", but(kind="spaceship"), "an unknown kind"),
        ("kind", but(kind={}), "a kind that is an object"),
        ("route", but(route=3), "a route that is a number"),
        ("state", but(state="asleep"), "an unknown state"),
        ("administrator", but(administrator="yes"), "a flag that is a text"),
        ("connected_at", but(connected_at="yesterday"), "a time that is none"),
        ("connected_at", but(connected_at=1e300), "a time that is a number"),
        ("user", '{"user":' + "[" * 5000 + "]" * 5000 + "}", "a depth bomb in a field"),
        ("", "[" * 100000, "a depth bomb"),
        ("", '{"a":' * 100000, "a depth bomb of objects"),
        ("", "", "nothing"),
        ("", "null", "null"),
        ("", "[]", "an array"),
        ("", "{", "half an object"),
        ("", but() + but(), "two objects"),
        ("", "\xef\xbb\xbf{}", "a byte order mark and nothing"),
        ("user", but()[:-1] + ',"user":"eve"}', "a field that stands twice"),
    ]
    with Place() as place:
        agent = Agent(place, BUILD).start()
        agent.put("h1", "1", "alice")
        stand = Stand(agent)
        for field, body, name in cases:
            answer = agent.call("PUT", "/v1/connections/h1/9", body)
            told = answer.json()
            tap.ok(answer.status == 400 and (not field or told.get("field") == field),
                   "%s: 400%s" % (name, ", naming " + field if field else ""), answer)
        for path, field in (("/v1/connections/h1/a%00b", None), ("/v1/connections/h1/a%0ab", "id"), ("/v1/connections/h%0a1/1", "host"),
                            ("/v1/connections/h1/" + "i" * 3000, "id"), ("/v1/connections/" + "h" * 3000 + "/1", "host"),
                            ("/v1/connections/h1/", "id"), ("/v1/connections//1", "host")):
            answer = agent.call("PUT", path, good)
            tap.ok(answer.status == 400 and (not field or answer.json().get("field") == field),
                   "PUT %s…: 400%s" % (path[:32], ", naming " + field if field else ""), answer)
        sets = [
            ("connections", {}), ("connections", {"connections": 3}),
            ("connections[1].user", {"connections": [dict(good, id="a"), dict(good, id="b", user=3)]}),
            ("connections[1].id", {"connections": [dict(good, id="a"), dict(good, id="a")]}),
            ("connections[0].id", {"connections": [good]}),
            ("connections[0].user", {"connections": [dict(good, id="a", user="x\0y")]}),
        ]
        for field, body in sets:
            answer = agent.call("PUT", "/v1/connections/h1", body)
            tap.ok(answer.status == 400 and answer.json().get("field") == field, "a host's set: 400, naming " + field, answer)
        lines = [b'{"event":"put","host":"h1","id":"z","user":"a\\u0000b","kind":"desktop"}', b'{"event":"fly","host":"h1","id":"z"}',
                 b'{"event":"put","host":"h1","id":"z","kind":"desktop"}', b"[" * 1000, b'{"event":"end","id":"1"}', b"\xff"]
        answer = agent.call("POST", "/v1/connections", b"\n".join(lines) + b"\n").json()
        tap.equal((answer["accepted"], [(each["line"], each.get("field", "")) for each in answer["failures"]]),
                  (0, [(1, "user"), (2, "event"), (3, "user"), (4, ""), (5, "host"), (6, "")]), "bad lines are named one by one")
        long_line = agent.call("POST", "/v1/connections", b'{"event":"put","user":"' + b"a" * 20000 + b'"}\n')
        tap.equal((long_line.status, long_line.json()["code"]), (413, "line_too_long"), "a line over 16 KiB: 413")
        for query, field in (("", "user"), ("user=", "user"), ("user=a%00b", "user"), ("user=%ff", "user"), ("user=a&user=b", "user"),
                             ("user=a&kind=x", "kind"), ("user=a&host=%0a", "host"), ("user=a&hots=h1", "hots")):
            answer = agent.get("/v1/gate?" + query)
            tap.ok(answer.status == 400 and answer.json().get("field") == field, "gate?%s: 400, naming %s" % (query, field), answer)
        for body, field in (({"license_key": 1}, "license_key"), ({"trial": "yes"}, "trial"), ({}, "license_key"),
                            ({"license_key": "x" * 500}, "license_key"), ({"license_key": "ABCD"}, "license_key"),
                            ({"trial": True, "license_key": "x"}, "trial")):
            answer = agent.call("POST", "/v1/activation", body)
            tap.ok(answer.status == 400 and answer.json().get("field") == field, "activation %.40s: 400" % json.dumps(body), answer)
        stand.unmoved("bad JSON moves nothing")
        others_are_answered(agent, "after all that")


# --- doors --------------------------------------------------------------------------------------------------------


def doors():
    with Place() as place:
        agent = Agent(place, BUILD)
        port = free_port()
        tokens = {"reader": "r" * 40, "writer": "w" * 40}
        token_file = place.write("tokens", "# names, scopes and hashes\n" + "".join(
            "%s:%s:%s\n" % (name, "read" if name == "reader" else "write",
                            hashlib.blake2b(token.encode(), digest_size=32).hexdigest()) for name, token in tokens.items()))
        os.chmod(token_file, 0o600)
        with open(agent.conf, encoding="utf-8") as file:
            text = file.read()
        place.write("agent.conf", text.replace("api: {", 'api: { listen = "127.0.0.1:%d"; token_file = "%s"; hosts = ("farm.example");' %
                                               (port, token_file)))
        agent.start()
        agent.put("h1", "1", "alice")
        stand = Stand(agent)
        tcp = ("127.0.0.1", port)

        def ask(method, path, body=None, token=None, host=None):
            headers = {"Authorization": "Bearer " + token} if token else {}
            if host is not None:
                headers["Host"] = host
            return request(tcp, method, path, body, headers)

        for method, path, body in (("PUT", "/v1/connections/h1/2", {"user": "eve", "kind": "desktop"}), ("DELETE", "/v1/connections/h1/1", None),
                                   ("PUT", "/v1/connections/h1", {"connections": []}), ("POST", "/v1/connections", "{}\n"),
                                   ("POST", "/v1/activation", {"trial": True}), ("DELETE", "/v1/activation", None), ("POST", "/v1/report", None)):
            answer = request(agent.socket, method, path, body)
            tap.ok(answer.status == 403 and answer.json()["code"] == "read_only", "the readers' socket refuses %s %s" % (method, path), answer)
            tap.equal(ask(method, path, body).status, 401, "TCP without a token refuses it too")
            tap.equal(ask(method, path, body, tokens["reader"]).status, 403, "and so does a token that may read only")
        open_calls = ("/healthz", "/readyz", "/metrics", "/v1/gate?user=alice")
        for path in ("/v1/status", "/v1/connections", "/v1/users", "/v1/explain", "/v1/windows", "/v1/days", "/v1/resources?user=alice",
                     "/v1/events?follow=false", "/v1/farm", "/v1/version"):
            tap.equal(ask("GET", path).status, 401, "TCP without a token: no %s" % path)
            tap.equal(ask("GET", path, token="x" * 40).status, 401, "nor with a wrong one")
            tap.ok(ask("GET", path, token=tokens["reader"]).status in (200, 403), "but with one that may read")
        for path in open_calls:
            answer = ask("GET", path)
            tap.ok(answer.status in (200, 204, 403) and b"alice" not in answer.body, "TCP without a token: %s, and no names" % path, answer)
        tap.equal(ask("GET", "/v1/gate?user=alice&host=other").status, 401, "without a token the gate tells of this host only")
        for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "127.0.0.1:80:80", "", "[::1", "127.1", "0x7f.0.0.1",
                     "farm.example.evil", "127.0.0.256"):
            tap.ok(ask("GET", "/v1/gate?user=alice", host=host).status in (400, 403), "Host: %r is refused" % host)
            tap.ok(ask("GET", "/healthz", token=tokens["writer"], host=host).status in (400, 403), "with a token too")
        for host in ("localhost", "LOCALHOST:%d" % port, "127.0.0.1", "127.9.9.9:1", "[::1]:%d" % port, "farm.example", "farm.example:443"):
            tap.equal(ask("GET", "/healthz", host=host).status, 200, "Host: %s is let in" % host)
        stand.unmoved("none of it moved anything")
        tap.equal(ask("PUT", "/v1/connections/h1/2", {"user": "bob", "kind": "desktop", "administrator": False}, tokens["writer"]).status, 204,
                  "a token that may write changes")


# --- authorities --------------------------------------------------------------------------------------------------


class Between:
    """A server in the authority's place: `answer(data, target)` is given each request's bytes and says what goes back; `target` asks the
    real authority. None: nothing comes back, and the connection stays."""

    def __init__(self, real=None):
        self.real = real
        self.answer = lambda data, target: target(data)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = "http://127.0.0.1:%d" % self.port
        self.kept = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.one, args=(client,), daemon=True).start()

    def target(self, data):
        head, _, body = data.partition(b"\r\n\r\n")
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith((b"connection:", b"host:"))]
        upstream = socket.create_connection(("127.0.0.1", self.real.port), 10)
        upstream.sendall(b"\r\n".join(lines + [b"Host: localhost", b"Connection: close"]) + b"\r\n\r\n" + body)
        answer = read_all(upstream)
        upstream.close()
        return answer

    def one(self, client):
        client.settimeout(10)
        data = b""
        try:
            while b"\r\n\r\n" not in data:
                data += client.recv(65536)
            head, _, body = data.partition(b"\r\n\r\n")
            length = 0
            for line in head.split(b"\r\n"):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            while len(body) < length:
                body += client.recv(65536)
            answer = self.answer(head + b"\r\n\r\n" + body, self.target)
            if answer is None:
                self.kept.append(client)
                return
            for piece in [answer] if isinstance(answer, bytes) else answer:
                client.sendall(piece)
        except OSError:
            pass
        client.close()

    def close(self):
        self.listener.close()
        for client in self.kept:
            client.close()


def page(status, body, headers=b""):
    return b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n" % (status, len(body), headers) + body


def split(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    if b"chunked" in head.lower():
        raise RuntimeError("the authority answers in chunks; teach this test")
    return json.loads(body)


def with_json(answer, change):
    """The authority's answer with something changed in its JSON."""
    told = split(answer)
    change(told)
    return page(b"200 OK", json.dumps(told).encode())


def payload_of(entitlement):
    text = entitlement.split(".")[2]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def forge(entitlement, **changes):
    """Another payload under the old signature."""
    parts = entitlement.split(".")
    payload = dict(payload_of(entitlement), **changes)
    parts[2] = base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip("=")
    return ".".join(parts)


def flood():
    yield b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
    for _ in range(1600):
        yield b"x" * 65536


def trickle():
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
    for _ in range(20):
        time.sleep(0.1)
        yield b" "


def authorities():
    with Place() as place:
        real = Authority(place, BUILD).start()
        stranger = Authority(place, BUILD, name="stranger").start()
        between = Between(real)
        seen = {}

        def remember(data, target):
            answer = target(data)
            seen.setdefault("first", split(answer))
            return answer

        between.answer = remember
        agent = Agent(place, BUILD, real, url=between.url).start()
        key = real.new_key(5)

        # before there is a licence
        bad_activation = [
            (lambda data, target: with_json(target(data), lambda told: told.update(entitlement=forge(told["entitlement"], limit=5000))),
             "a forged limit"),
            (lambda data, target: page(b"200 OK", b'{"farm_id":"f","farm_token":"t","entitlement":"fg1.a.b.c"}'), "an invented entitlement"),
            (lambda data, target: with_json(target(data), lambda told: told.update(farm_id="another")), "another farm's id"),
            (lambda data, target: page(b"200 OK", b"<html>log in to our network</html>"), "a portal's page"),
            (lambda data, target: page(b"401 Unauthorized", b"<html>"), "a proxy that wants a password"),
        ]
        for answer, name in bad_activation:
            between.answer = answer
            got = agent.activate(key)
            tap.equal(got.status, 502, "activation, %s: 502" % name)
            tap.equal(agent.status()["verdict"]["reason"], "not_activated", "and the farm is none")
        between.answer = remember
        tap.equal(agent.activate(key).status, 200, "the true answer activates")
        tap.equal(agent.call("POST", "/v1/report").status, 200, "and a report is taken")
        agent.put("h1", "1", "alice")

        other = Agent(place, BUILD, real, name="other", url=between.url, host="h2").start()
        seen.clear()
        other.activate(real.new_key(900))
        others_entitlement = seen["first"]["entitlement"]
        foreign = Between(stranger)
        seen.clear()
        foreign.answer = remember
        third = Agent(place, BUILD, stranger, name="third", url=foreign.url, host="h3").start()
        third.activate(stranger.new_key(900))
        strangers_entitlement = seen["first"]["entitlement"]
        other.stop()
        third.stop()
        latest = {}

        def keep_latest(data, target):
            answer = target(data)
            latest["told"] = split(answer)
            return answer

        between.answer = keep_latest
        agent.call("POST", "/v1/report")
        oldest = latest["told"]["entitlement"]
        farm_id = payload_of(oldest)["farm_id"]
        real.run("farm", "deactivate", farm_id)
        agent.call("POST", "/v1/report")
        revoking = latest["told"]["entitlement"]
        tap.equal(agent.status()["verdict"]["reason"], "revoked", "the operator deactivates the farm")
        between.answer = lambda data, target: with_json(target(data), lambda told: told.update(entitlement=oldest))
        tap.equal(agent.call("POST", "/v1/report").status, 502, "the entitlement of before, played again: 502")
        tap.equal(agent.status()["verdict"]["reason"], "revoked", "does not open the gate again")
        between.answer = keep_latest
        tap.equal(agent.activate(key).status, 200, "a new activation does")
        agent.call("POST", "/v1/report")
        stand = Stand(agent)

        def replaced(entitlement):
            return lambda data, target: with_json(target(data), lambda told: told.update(entitlement=entitlement))

        def bent(data, target):
            def change(told):
                text = told["entitlement"]
                told["entitlement"] = text[:-6] + ("A" if text[-6] != "A" else "B") + text[-5:]
            return with_json(target(data), change)

        answers = [
            (lambda data, target: b"\x00\xff garbage\r\n\r\n", None, "garbage"),
            (lambda data, target: page(b"200 OK", b"garbage"), "authority_answer_invalid", "garbage in a good frame"),
            (lambda data, target: page(b"200 OK", b"{}"), "authority_answer_invalid", "an empty object"),
            (lambda data, target: page(b"200 OK", b'{"entitlement":' + b"[" * 20000), "authority_answer_invalid", "a depth bomb"),
            (lambda data, target: flood(), None, "100 MB without an end"),
            (lambda data, target: page(b"200 OK", b"x", b"X: " + b"y" * 200000 + b"\r\n"), None, "a huge header"),
            (lambda data, target: b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n", None, "100 MB announced"),
            (lambda data, target: b"", "authority_unreachable", "nothing"),
            (lambda data, target: trickle(), None, "a little, slowly, and then nothing"),
            (lambda data, target: b"HTTP/1.1 302 Found\r\nLocation: %s/v1/reports\r\nContent-Length: 0\r\n\r\n" % real.url.encode(),
             "authority_refused", "a redirect"),
            (lambda data, target: b"HTTP/1.1 307 Temporary Redirect\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
             "authority_refused", "a redirect to a file"),
            (lambda data, target: page(b"403 Forbidden", b'{"code":"revoked","detail":"give up"}'), "authority_refused", "an unsigned refusal"),
            (lambda data, target: page(b"410 Gone", b""), "authority_refused", "an unsigned 410"),
            (lambda data, target: page(b"500 Oops", b"<html>"), "authority_refused", "500"),
            (lambda data, target: b"HTTP/1.1 204 No Content\r\n\r\n", "authority_answer_invalid", "no content"),
            (bent, "authority_answer_invalid", "a bad signature"),
            (replaced(forge(oldest, limit=10000, serial=10 ** 15)), "authority_answer_invalid", "a forged limit under an old signature"),
            (replaced(others_entitlement), "authority_answer_invalid", "another farm's entitlement"),
            (replaced(strangers_entitlement), "authority_answer_invalid", "another authority's entitlement"),
            (replaced(oldest), "authority_answer_invalid", "an older serial"),
            (replaced(revoking), "authority_answer_invalid", "the old revocation played again"),
        ]
        for answer, code, name in answers:
            between.answer = answer
            size = len(agent.log())
            got = agent.call("POST", "/v1/report", timeout=40)
            tap.ok(got.status == 502 and code in (None, got.json()["code"]), "%s: 502 %s" % (name, code or ""), got)
            stand.unmoved("%s: the last good entitlement stays" % name)
            between.answer = keep_latest
            wait_until(lambda: "refused" in agent.log()[size:] or "cannot be reached" in agent.log()[size:], 3)
            said = agent.log()[size:]
            tap.ok("refused" in said or "cannot be reached" in said, "%s: it is logged" % name, said)
            tap.equal(agent.call("POST", "/v1/report").status, 200, "%s: the next true answer is contact" % name)

        standing = latest["told"]["entitlement"]
        for answer, name in ((lambda data, target: page(b"200 OK", json.dumps({"entitlement": standing}).encode()), "an entitlement that stands"),
                             (lambda data, target: page(b"200 OK", json.dumps({"entitlement": others_entitlement}).encode()), "another farm's"),
                             (lambda data, target: page(b"200 OK", b"<html>"), "a portal's page"),
                             (lambda data, target: page(b"404 Not Found", b"<html>"), "a proxy's 404")):
            between.answer = answer
            tap.equal(agent.call("DELETE", "/v1/activation").status, 502, "the key given back, answered by %s: 502" % name)
            stand.unmoved("and it is not given back")

        between.answer = lambda data, target: None
        waiting = threading.Thread(target=lambda: agent.call("POST", "/v1/report", timeout=40), daemon=True)
        waiting.start()
        time.sleep(0.2)
        others_are_answered(agent, "an authority that says nothing")
        started = time.monotonic()
        code = agent.stop()
        tap.ok(code == 0 and time.monotonic() - started < 1.5, "the end does not wait for it", "%s after %.1f s" % (code, time.monotonic() - started))
        tap.ok("refused to answer: cancelled" not in agent.log(), "and blames nobody")
        between.close()
        foreign.close()


def ending_with_everything_broken():
    """A report and an activation under way, a disk that refuses, and then SIGTERM."""
    with Place() as place:
        real = Authority(place, BUILD).start()
        between = Between(real)
        agent = Agent(place, BUILD, real, url=between.url).start()
        agent.activate()
        between.answer = lambda data, target: None
        threading.Thread(target=lambda: quietly(agent.call, "POST", "/v1/report"), daemon=True).start()
        threading.Thread(target=lambda: quietly(agent.activate), daemon=True).start()
        time.sleep(0.3)
        refuse_writes(agent)
        tap.equal(agent.put("h1", "1", "alice").status, 503, "a disk that refuses: 503")
        tap.equal(agent.stop(), 0, "an end in all this is an end like any")
        agent.start()
        tap.equal(agent.status()["verdict"]["open"], True, "and the next start has the licence")
        between.close()


def quietly(call, *words):
    try:
        call(*words)
    except (OSError, http.client.HTTPException):
        pass


# --- disks --------------------------------------------------------------------------------------------------------


def refuse_writes(agent):
    """From here on the agent's disk takes no write of the database: a limit on the size of files says EFBIG where a disk might say EIO.
    The log, a file too, stays below it."""
    limit = os.path.getsize(agent.log_path) + 16384
    log = os.path.join(agent.state, "farmgate.db-wal")
    while os.path.getsize(log) <= limit:
        agent.put("filler", "1", "filler", state="disconnected")
        agent.put("filler", "1", "filler", state="active")
    agent.end("filler", "1")
    resource.prlimit(agent.process.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))


def take_writes(agent):
    resource.prlimit(agent.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def users_of(agent):
    return sorted(each["user"] for each in json.loads(agent.get("/v1/connections").body)["connections"])


def disk_that_refuses():
    with Place() as place:
        authority = Authority(place, BUILD).start()
        agent = Agent(place, BUILD, authority).start()
        agent.activate()
        agent.put("h1", "1", "alice")
        follower = connect(agent.socket)
        follower.sendall(b"GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
        heard = []
        reader = threading.Thread(target=lambda: heard.append(read_all(follower)), daemon=True)
        reader.start()
        refuse_writes(agent)
        refused = [agent.put("h1", "x%d" % n, "user%d" % n) for n in range(5)]
        tap.ok(all(answer.status == 503 and answer.json()["code"] == "store_unavailable" for answer in refused),
               "a disk that refuses: changes get 503", refused)
        tap.equal(agent.get("/v1/gate?user=alice").status, 204, "the gate goes on from memory")
        tap.equal(agent.get("/v1/status").status, 200, "and so does status")
        health = agent.get("/healthz")
        tap.ok(health.status == 503 and b"store" in health.body, "healthz tells", health)
        tap.equal(agent.call("POST", "/v1/report").status, 503, "a report waits for the store")
        tap.equal(agent.activate().status, 503, "and so does an activation")
        agent.process.send_signal(signal.SIGHUP)
        tap.ok(wait_until(lambda: "was read again" in agent.log()), "the configuration can be read again all the same", agent.log())
        time.sleep(3.5)
        tap.equal(agent.log().count("state cannot be written"), 1, "it is said once, however often it is tried")
        others_are_answered(agent, "a disk that refuses")
        take_writes(agent)
        tap.ok(wait_until(lambda: agent.get("/healthz").status == 200, 20), "it recovers by itself", agent.log())
        tap.equal(agent.put("h1", "after", "zoe").status, 204, "and takes changes")
        wait_until(lambda: "state is written again" in agent.log())
        stored = agent.get("/v1/events?after=0&follow=false").body.decode()
        for code in ("store_failed", "settings_applied", "store_recovered"):
            tap.equal(stored.count("event: %s\n" % code), 1, "the history has %s, once" % code)
        ids = [int(line[4:]) for line in stored.splitlines() if line.startswith("id: ")]
        tap.equal(ids, sorted(set(ids)), "every event has an id of its own, rising")
        agent.stop()
        reader.join(5)
        live = heard[0].decode() if heard else ""
        for code in ("store_failed", "settings_applied", "store_recovered"):
            tap.equal(live.count("event: %s\n" % code), 1, "a follower hears %s once" % code)
        live_ids = [int(line[4:]) for line in live.splitlines() if line.startswith("id: ")]
        tap.equal(live_ids, sorted(set(live_ids)), "and no id twice")
        users = users_of(agent.start())
        tap.ok("alice" in users and "zoe" in users, "what was acknowledged is there after the next start", users)

        refuse_writes(agent)
        agent.put("h1", "last", "xaver")
        take_writes(agent)
        tap.equal(agent.stop(), 0, "a disk that takes writes again just before the end")
        tap.ok("xaver" in users_of(agent.start()), "gets what it lacked")


def new_key_on_a_bad_disk():
    """Another key takes a farm's place, and the machine dies before that is on the disk: the former key must be the farm's still."""
    with Place() as place:
        authority = Authority(place, BUILD).start()
        agent = Agent(place, BUILD, authority).start()
        agent.activate(authority.new_key(5))
        resource.prlimit(agent.process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        tap.equal(agent.activate(authority.new_key(7)).status, 503, "another key, and a disk that takes nothing: 503")
        time.sleep(0.3)
        agent.kill()
        agent.start()
        tap.equal(agent.status()["limit"], 5, "after a crash the former key is the farm's")
        tap.equal(agent.call("POST", "/v1/report").status, 200, "its reports are taken")
        tap.equal(agent.status()["verdict"]["open"], True, "and it was not given back")


def read_only_disk():
    with Place() as place:
        if not small_disk(place.join("agent")):
            tap.skip("a read-only disk", "no tmpfs can be mounted here")
            return
        try:
            authority = Authority(place, BUILD).start()
            agent = Agent(place, BUILD, authority).start()
            agent.activate()
            agent.put("h1", "1", "alice")
            agent.stop()
            remount(agent.state, "ro")
            agent.start()
            tap.equal(agent.status()["verdict"]["open"], True, "a start on a read-only disk has the licence")
            tap.equal(agent.get("/healthz").status, 503, "and says that it cannot write")
            tap.equal(agent.put("h1", "2", "bob").status, 503, "changes get 503")
            tap.equal(agent.log().count("state cannot be written"), 1, "it is said once")
            tap.equal(agent.stop(), 0, "it ends like any")
            agent.start()
            remount(agent.state, "rw")
            tap.ok(wait_until(lambda: agent.get("/healthz").status == 200, 20), "with a disk that takes writes it is well", agent.log())
            tap.equal(agent.put("h1", "late", "yves").status, 204, "and takes changes")
            agent.kill()
            tap.ok("yves" in users_of(agent.start()), "which are durable")
            agent.stop()
        finally:
            subprocess.run(["umount", "-l", place.join("agent")], check=False)


def small_disk(path):
    os.makedirs(path, exist_ok=True)
    return os.getuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", path], capture_output=True,
                                               check=False).returncode == 0


def remount(path, how):
    subprocess.run(["mount", "-o", "remount," + how, path], check=True)


# --- damaged state ------------------------------------------------------------------------------------------------


def snapshot(directory):
    found = {}
    for name in sorted(os.listdir(directory)):
        with open(os.path.join(directory, name), "rb") as file:
            found[name] = file.read()
    return found


def put_back(directory, files):
    for name in os.listdir(directory):
        os.unlink(os.path.join(directory, name))
    for name, data in files.items():
        with open(os.path.join(directory, name), "wb") as file:
            file.write(data)
        os.chmod(os.path.join(directory, name), 0o600)


def edit_database(agent, *statements):
    database = sqlite3.connect(os.path.join(agent.state, "farmgate.db"), isolation_level=None)
    for statement in statements:
        database.execute(statement)
    database.close()


def change_file(agent, name, change):
    path = os.path.join(agent.state, name)
    with open(path, "rb") as file:
        data = file.read()
    with open(path, "wb") as file:
        file.write(change(data))


def damaged_database():
    def in_database(change):
        return lambda agent: change_file(agent, "farmgate.db", change)

    def rows(*statements):
        return lambda agent: edit_database(agent, "PRAGMA ignore_check_constraints=ON", *statements)

    ways = [
        (in_database(lambda data: data[:len(data) // 2]), "cut in half"),
        (in_database(lambda data: data[:100]), "cut to its header"),
        (in_database(lambda data: os.urandom(len(data))), "noise"),
        (in_database(lambda data: b"\0" * len(data)), "zeroes"),
        (in_database(lambda data: data[:4096] + os.urandom(len(data) - 4096)), "noise behind the first page"),
        (in_database(lambda data: data[:50] + bytes([data[50] ^ 255]) + data[51:300] + os.urandom(3000) + data[3300:]), "a broken first page"),
        (in_database(lambda data: b"I am a text file.\n" * 500), "a text file"),
        (lambda agent: change_file(agent, "farmgate.db-wal", lambda data: os.urandom(len(data))) if os.path.exists(
            os.path.join(agent.state, "farmgate.db-wal")) else in_database(lambda data: data[:-4096])(agent), "a broken log, or a page short"),
        (lambda agent: edit_database(agent, "DROP TABLE connections"), "a table is missing"),
        (lambda agent: edit_database(agent, "ALTER TABLE windows DROP COLUMN reason"), "a column is missing"),
        (rows("UPDATE connections SET user=''"), "a connection of nobody"),
        (rows("UPDATE connections SET user='a'||char(10)||'b'"), "a user's name that holds a line's end"),
        (rows("UPDATE connections SET kind=77"), "a kind that is none"),
        (rows("UPDATE connections SET reported_by=0"), "a connection that nobody reported"),
        (rows("UPDATE connections SET connected_at_ms=9223372036854775807"), "a time at the end of numbers"),
        (rows("UPDATE running SET start_ms=-9223372036854775807, end_ms=9223372036854775807"), "a window without an end"),
        (rows("UPDATE running SET end_ms=start_ms-1, peak_users=-5"), "a window that ends before it begins"),
        (rows("UPDATE hosts SET boot_id=''"), "a boot without an id"),
        (rows("UPDATE hosts SET host='h'||char(1)"), "a host's name that holds a control character"),
        (rows("UPDATE counters SET value=-1"), "a counter below zero"),
        (rows("UPDATE counters SET value=9223372036854775807"), "a counter at its end"),
        (rows("INSERT OR REPLACE INTO farms SELECT farm_id, -5 FROM farms"), "a sequence below zero"),
    ]
    with Place() as place:
        authority = Authority(place, BUILD).start()
        agent = Agent(place, BUILD, authority).start()
        agent.activate(authority.new_key(5))
        agent.put("h1", "1", "alice")
        agent.put("h1", "2", "bob")
        agent.stop()
        good = snapshot(agent.state)
        for damage, name in ways:
            put_back(agent.state, good)
            damage(agent)
            agent.forget_log()
            agent.start(wait=False)
            serves = wait_until(lambda: agent.ready() or not agent.alive()) and agent.alive()
            if not tap.ok(serves, "%s: the agent starts" % name, agent.log()):
                agent.stop()
                continue
            status = agent.status()
            tap.ok(status["verdict"]["open"] and status["limit"] == 5, "%s: the licence is intact" % name, status)
            whole = status["concurrent_users"] == 2
            aside = [each for each in os.listdir(agent.state) if "damaged" in each]
            tap.ok(whole or (aside and "damaged" in agent.log()), "%s: it is said and set aside, or nothing is lost" % name,
                   "%s\n%s" % (aside, agent.log()))
            tap.equal(agent.put("h1", "3", "carol").status, 204, "%s: changes are taken" % name)
            tap.equal(agent.get("/v1/windows").status, 200, "%s: and history is told" % name)
            users = agent.status()["concurrent_users"]
            tap.equal(agent.stop(), 0, "%s: it stops" % name)
            agent.start()
            tap.equal(agent.status()["concurrent_users"], users, "%s: and goes on" % name)
            tap.equal(agent.stop(), 0, "%s: for good" % name)


def damaged_files():
    ways = [(lambda data: b"", "empty"), (lambda data: data[:len(data) // 2], "cut"), (lambda data: os.urandom(len(data)), "noise"),
            (lambda data: data.replace(b'"', b"'", 1), "no JSON"),
            (lambda data: data[:40] + bytes([data[40] ^ 1]) + data[41:], "a bit flipped"), (lambda data: data + b"x", "longer"),
            (lambda data: b"[" * 60000, "a depth bomb"), (lambda data: b"x" * 10000000, "ten megabytes")]
    with Place() as place:
        authority = Authority(place, BUILD).start()
        agent = Agent(place, BUILD, authority).start()
        key = authority.new_key(5)
        agent.activate(key)
        agent.put("h1", "1", "alice")
        agent.stop()
        good = snapshot(agent.state)
        for name in ("identity", "licence"):
            for change, how in ways:
                put_back(agent.state, good)
                change_file(agent, name, change)
                agent.forget_log()
                agent.start(wait=False)
                serves = wait_until(lambda: agent.ready() or not agent.alive()) and agent.alive()
                if not tap.ok(serves, "%s %s: the agent starts" % (name, how), agent.log()):
                    agent.stop()
                    continue
                tap.ok("damaged" in agent.log() and any(each.startswith(name + ".damaged") for each in os.listdir(agent.state)),
                       "%s %s: said and set aside" % (name, how), agent.log())
                tap.equal(agent.status()["concurrent_users"], 1, "%s %s: connections are there" % (name, how))
                if name == "licence":
                    agent.call("POST", "/v1/report")
                    tap.ok(wait_until(lambda: agent.status()["verdict"]["open"], 3), "licence %s: the next report brings it again" % how, agent.log())
                else:
                    tap.equal(agent.status()["verdict"]["open"], True, "identity %s: the licence holds" % how)
                    tap.equal(agent.activate(key).status, 200, "identity %s: the same key activates again, and is no move" % how)
                tap.equal(agent.stop(), 0, "%s %s: it stops" % (name, how))


def newer_state():
    def newer(agent, name):
        change_file(agent, name, lambda data: re.sub(rb'"version":\d+', b'"version":7', data, count=1))

    ways = [("identity", lambda agent: newer(agent, "identity"), "7"), ("licence", lambda agent: newer(agent, "licence"), "7"),
            ("farmgate.db", lambda agent: edit_database(agent, "PRAGMA user_version=99"), "99")]
    with Place() as place:
        authority = Authority(place, BUILD).start()
        agent = Agent(place, BUILD, authority).start()
        agent.activate()
        agent.put("h1", "1", "alice")
        agent.stop()
        good = snapshot(agent.state)
        for name, make, version in ways:
            put_back(agent.state, good)
            make(agent)
            before = snapshot(agent.state)
            agent.forget_log()
            agent.start(wait=False)
            tap.equal(agent.process.wait(10), 1, "%s of a newer version: refused" % name)
            said = agent.log()
            tap.ok(name in said and "version" in said and version in said and re.search(r"knows (versions up to )?\d+$", said, re.M), "%s: both versions are named" % name, said)
            after = snapshot(agent.state)
            tap.equal({each: after.get(each) for each in before}, before, "%s: nothing is touched" % name)


# --- all at once --------------------------------------------------------------------------------------------------


class Storm:
    """What many clients do to one agent at once, each drawing from its own random numbers."""

    def __init__(self, agent, key):
        self.agent = agent
        self.key = key

    def change(self, draw):
        if draw.random() < 0.7:
            self.agent.put("h%d" % draw.randrange(3), "s%d" % draw.randrange(20), "u%d" % draw.randrange(30), draw.random() < 0.3)
        else:
            self.agent.end("h%d" % draw.randrange(3), "s%d" % draw.randrange(20))

    def replace(self, draw):
        self.agent.call("PUT", "/v1/connections/h1", {"connections": [
            {"id": "s%d" % n, "user": "u%d" % draw.randrange(30), "kind": "desktop"} for n in range(draw.randrange(20))]})

    def many(self, draw):
        self.agent.call("POST", "/v1/connections", "".join(json.dumps(
            {"event": draw.choice(["put", "end"]), "host": "h2", "id": "s%d" % draw.randrange(50), "user": "x%d" % draw.randrange(50),
             "kind": "application"}) + "\n" for _ in range(300)))

    def follow(self, draw):
        client = connect(self.agent.socket)
        client.settimeout(0.5)
        client.sendall(b"GET /v1/events?after=%d HTTP/1.1\r\nHost: x\r\n\r\n" % draw.randrange(500))
        for _ in range(draw.randrange(50)):
            client.recv(65536)
        client.close()

    def cut(self, draw):
        client = connect(self.agent.admin)
        line = b'{"event":"put","host":"h2","id":"cut","user":"x","kind":"desktop"}\n{"ev'
        text = b"POST /v1/connections HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(line), line)
        client.sendall(text[:draw.randrange(1, len(text) + 1)])
        client.close()
        time.sleep(0.01)

    def reload(self, _):
        self.agent.process.send_signal(signal.SIGHUP)
        time.sleep(0.05)

    def report(self, _):
        self.agent.call("POST", "/v1/report")

    def move(self, draw):
        if draw.random() < 0.5:
            self.agent.call("DELETE", "/v1/activation")
        self.agent.activate(self.key)
        time.sleep(0.1)

    def disk(self, draw):
        time.sleep(draw.random() * 2)
        resource.prlimit(self.agent.process.pid, resource.RLIMIT_FSIZE,
                         (os.path.getsize(self.agent.log_path) + 200000, resource.RLIM_INFINITY))
        time.sleep(draw.random())
        take_writes(self.agent)


def storm():
    seed = int(time.time())
    print("# the storm's seed: %d" % seed, flush=True)
    with Place() as place:
        authority = Authority(place, BUILD).start()
        agent = Agent(place, BUILD, authority).start()
        key = authority.new_key(5)
        agent.activate(key)
        weather = Storm(agent, key)
        end = time.monotonic() + 8

        def blow(what, number):
            draw = random.Random(seed + number)
            while time.monotonic() < end:
                quietly(what, draw)

        kinds = (weather.change, weather.change, weather.replace, weather.many, weather.follow, weather.follow, weather.cut, weather.reload,
                 weather.report, weather.move, weather.disk)
        threads = [threading.Thread(target=blow, args=(what, number), daemon=True) for number, what in enumerate(kinds)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        tap.ok(agent.alive(), "a storm of changes, cuts, reloads, moves and failing writes: the agent lives", agent.log()[-3000:])
        take_writes(agent)
        tap.ok(wait_until(lambda: agent.get("/healthz").status == 200, 70), "it is well when the storm is over", agent.log()[-3000:])
        tap.equal(agent.put("h9", "1", "last").status, 204, "and takes changes")
        stored = agent.get("/v1/events?after=0&follow=false", timeout=60).body.decode()
        ids = [int(line[4:]) for line in stored.splitlines() if line.startswith("id: ")]
        tap.ok(ids and ids == sorted(set(ids)), "every event has an id of its own, rising")
        stand = Stand(agent)
        tap.equal(agent.stop(), 0, "it stops")
        agent.start()
        stand.unmoved("and the next start has it all")
        tap.equal(agent.stop(), 0, "for good")


STORIES = (bad_http, slow_and_many, slow_follower, bad_json, doors, authorities, ending_with_everything_broken, disk_that_refuses,
           new_key_on_a_bad_disk, read_only_disk, damaged_database, damaged_files, newer_state, storm)

if __name__ == "__main__":
    for story in STORIES:
        if len(sys.argv) > 2 and story.__name__ not in sys.argv[2:]:
            continue
        try:
            story()
        except Exception as error:  # pylint: disable=broad-except
            tap.ok(False, "%s runs to its end" % story.__name__, repr(error))
    tap.done()
