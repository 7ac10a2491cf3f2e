#!/usr/bin/env python3
"""The local API of a real agent: every answer against agent/openapi.yaml, bulk changes, server-sent events, TCP with tokens.
     test_api.py BUILD"""
import hashlib
import json
import os
import socket
import sys
import time

from harness import Agent, Authority, Place, Tap, free_port, request, wait_until

BUILD = sys.argv[1]
TREE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
tap = Tap()
try:
    from openapi_check import CheckedApi, OpenApi
except ImportError as error:
    tap.skip("answers fit agent/openapi.yaml", "python3-yaml and python3-jsonschema are missing: %s" % error)
    tap.done()
openapi = OpenApi(os.path.join(TREE, "agent", "openapi.yaml"))
checked = CheckedApi(openapi, request)


def line(event, session, **rest):
    return json.dumps(dict({"event": event, "host": "h1", "id": session}, **rest)) + "\n"


def put_line(session, user, **rest):
    return line("put", session, user=user, kind="desktop", administrator=False, **rest)


# They succeed in test_farm_status.py.
OF_MANY_HOSTS = (("PUT", "/v1/farm/settings/gate.strict", {"value": "true"}), ("DELETE", "/v1/farm/settings/gate.strict", None),
                 ("POST", "/v1/farm/leave", None))


class Stream:
    """A follower of /v1/events: frames as (id, code, object)."""

    def __init__(self, path, query="", headers=""):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(path)
        # HTTP/1.0: the body is what was written
        self.socket.sendall(("GET /v1/events%s HTTP/1.0\r\n%s\r\n" % (query, headers)).encode())
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            self.buffer += self.socket.recv(65536)
        self.head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)

    def frames(self, count=None, seconds=5.0, code=None):
        """So many frames with data (of one code), or those up to the stream's end."""
        frames = []
        end = time.monotonic() + seconds
        while count is None or len(frames) < count:
            while b"\n\n" in self.buffer:
                frame, self.buffer = self.buffer.split(b"\n\n", 1)
                fields = dict(part.split(": ", 1) for part in frame.decode().split("\n") if ": " in part)
                if "data" in fields and code in (None, fields["event"]):
                    frames.append((int(fields.get("id", 0)), fields["event"], json.loads(fields["data"])))
                    fault = openapi.check_event(fields["data"])
                    if fault:
                        checked.faults.append("event %s: %s" % (fields["event"], fault))
            if count is not None and len(frames) >= count or time.monotonic() > end:
                break
            try:
                piece = self.socket.recv(65536)
            except socket.timeout:
                break
            if not piece:
                break
            self.buffer += piece
        return frames

    def close(self):
        self.socket.close()


def every_call(agent):
    """Each operation once or more with an answer that is not an error, before and after there is something to show."""
    for _ in range(2):
        for path in ("/v1/status", "/v1/connections", "/v1/connections?user=alice&state=active", "/v1/users", "/v1/explain",
                     "/v1/explain?user=alice", "/v1/windows", "/v1/windows?since=2026-01-01T00:00:00Z", "/v1/days", "/v1/farm", "/v1/farm/settings",
                     "/v1/version", "/", "/metrics", "/healthz", "/readyz", "/v1/gate?user=alice", "/v1/resources?user=alice",
                     "/v1/workspace?user=alice", "/v1/resources/word.rdp?user=alice"):
            answer = checked(agent.socket, "GET", path)
            tap.ok(answer.status in (200, 204), "GET %s is answered" % path, answer)
        for method, path, body in (
                ("PUT", "/v1/connections/h1/s1", {"user": "alice", "kind": "desktop", "administrator": True}),
                ("PUT", "/v1/connections/h1/a%2Fb", {"user": "CORP\\Bob", "kind": "application", "route": "rdp-tunnel",
                                                     "state": "disconnected", "administrator": None}),
                ("PUT", "/v1/connections/h2", {"connections": [{"id": "1", "user": "J\u00f6rg", "kind": "desktop"}]}),
                ("POST", "/v1/connections", put_line("s3", "corp\\bob") + line("end", "nothing")),
                ("POST", "/v1/connections", "nonsense\n"),
                ("POST", "/v1/reclaims", {"host": "h1", "id": "s1", "user": "alice"}),
                ("POST", "/v1/activation/request", None), ("POST", "/v1/report", None)):
            answer = checked(agent.admin, method, path, body)
            tap.ok(answer.status in (200, 204), "%s %s is answered" % (method, path), answer)
    explained = checked(agent.socket, "GET", "/v1/explain?user=CORP%5Cbob").json()
    tap.equal([(c["user"], c["counted_as"], c["reason"]) for c in explained["connections"]],
              [("CORP\\Bob", "CORP\\Bob", "counted"), ("corp\\bob", "CORP\\Bob", "counted")],
              "an explanation puts two spellings of one user together")
    tap.equal(checked(agent.admin, "DELETE", "/v1/connections/h1/s1").status, 204, "a connection ends")
    tap.equal(checked(agent.admin, "DELETE", "/v1/connections/h1/s1").status, 204, "and ends again")
    tap.equal(checked(agent.admin, "DELETE", "/v1/users/CORP%5CBOB").status, 409, "who is on is not erased")
    tap.equal(checked(agent.admin, "DELETE", "/v1/users/alice").json(), {"events": 4}, "who has gone is")


def refusals(agent):
    """Bad input is refused with its field, and nothing changes."""
    before = agent.get("/v1/connections").json()["connections"]
    for method, path, body, status, field in (
            ("GET", "/v1/nothing", None, 404, None),
            ("POST", "/v1/status", {}, 405, None),
            ("GET", "/v1/gate", None, 400, "user"),
            ("GET", "/v1/gate?user=a%00b", None, 400, "user"),
            ("GET", "/v1/windows?since=noon", None, 400, "since"),
            ("PUT", "/v1/connections/h1/1", {"kind": "desktop"}, 400, "user"),
            ("PUT", "/v1/connections/h1/1", {"user": 5, "kind": "desktop"}, 400, "user"),
            ("PUT", "/v1/connections/h1/1", {"user": "a\0b", "kind": "desktop"}, 400, "user"),
            ("PUT", "/v1/connections/h1/1", {"user": "a\nb", "kind": "desktop"}, 400, "user"),
            ("PUT", "/v1/connections/h1/1", '{"user":"a","kind":"desktop","x":' + "[" * 100000, 400, None),
            ("PUT", "/v1/connections/h1/1", b'{"user":"\xff\xfe","kind":"desktop"}', 400, "user"),
            ("PUT", "/v1/connections/h1/1", "x" * (1024 * 1024 + 1), 413, None),
            ("PUT", "/v1/connections/h1", {"connections": [{"id": "1", "user": "", "kind": "desktop"}]}, 400,
             "connections[0].user"),
            ("POST", "/v1/activation", {"license_key": "K7Q2M"}, 400, "license_key"),
            ("POST", "/v1/activation", {}, 400, "license_key"),
            ("POST", "/v1/activation/request", {"license_key": "K7Q2M"}, 400, "license_key"),
            ("POST", "/v1/activation/request", {"move": True}, 400, "move"),
            ("POST", "/v1/activation/import", "an answer", 400, None)):
        answer = checked(agent.admin, method, path, body)
        shown = path if len(str(body)) > 80 else "%s %s" % (path, body)
        good = answer.status == status and answer.json().get("field") == field
        tap.ok(good, "%s %r: %d%s" % (method, shown, status, ", " + field if field else ""), answer)
    tap.equal(agent.get("/v1/connections").json()["connections"], before, "and nothing has changed")
    for method, path, body in (("PUT", "/v1/connections/h1/1", {"user": "a", "kind": "desktop"}),
                               ("DELETE", "/v1/connections/h1/a%2Fb", None), ("POST", "/v1/report", None)):
        answer = checked(agent.socket, method, path, body)
        tap.ok(answer.status == 403 and answer.json()["code"] == "read_only", "the reader's socket refuses %s" % method, answer)


def alone(agent):
    """This host is its own farm: it has nobody to agree with, and no farm to leave."""
    farm = checked(agent.socket, "GET", "/v1/farm").json()
    tap.equal([farm[name] for name in ("mode", "part", "scope", "name", "leader", "store", "waiting")],
              ["alone", "alone", "farm", None, None, None, 0], "the farm is this host")
    tap.equal([host["answering"] for host in farm["hosts"]].count(True), 1, "and names it among hosts")
    tap.equal(checked(agent.socket, "GET", "/v1/farm/settings").json()["settings"], [], "there is nothing agreed on")
    for method, path, body in OF_MANY_HOSTS:
        answer = checked(agent.admin, method, path, body)
        tap.ok(answer.status == 409 and answer.json()["code"] == "farm_is_alone", "%s %s is for many hosts" % (method, path), answer)


def bulk(agent):
    count = 5000
    body = "".join(put_line("b%d" % i, "u%d" % i) for i in range(count))
    began = time.monotonic()
    answer = checked(agent.admin, "POST", "/v1/connections", body)
    print("# %d lines in %.2f s" % (count, time.monotonic() - began))
    tap.equal(answer.json(), {"accepted": count, "failed": 0, "failures": []}, "%d lines are taken" % count)
    agent.kill()
    agent.start()
    tap.equal(len(agent.get("/v1/connections?host=h1").json()["connections"]) >= count, True, "and outlive kill -9")
    answer = checked(agent.admin, "POST", "/v1/connections", "".join(line("end", "b%d" % i) for i in range(count)))
    tap.equal(answer.json()["accepted"], count, "and end again")
    answer = checked(agent.admin, "POST", "/v1/connections", put_line("ok", "carol") + "x" * 20000 + "\n")
    tap.ok(answer.status == 413 and answer.json()["accepted"] == 1, "a line of 20000 bytes: 413 with what was taken", answer)


def events(agent):
    everything = Stream(agent.socket, "?follow=false").frames(seconds=60)
    ids = [frame[0] for frame in everything]
    tap.ok(ids == sorted(set(ids)) and len(ids) > 10, "stored events come once each, in order", ids[:50])
    live = Stream(agent.socket)
    replay = Stream(agent.socket, "?after=%d" % ids[-4])
    agent.put("h1", "e1", "erin")
    wanted = [frame[1] for frame in everything[-3:]] + ["connection_opened"]
    tap.equal([frame[1] for frame in replay.frames(4)], wanted, "a follower gets what he has missed, then what happens")
    frame = live.frames(1)[0]
    tap.equal((frame[1], frame[2]["user"], frame[2]["id"]), ("connection_opened", "erin", frame[0]),
              "a follower without a cursor gets what happens")
    header = Stream(agent.socket, "?after=0", "Last-Event-ID: %d\r\n" % (frame[0] - 1))
    tap.equal(header.frames(1)[0][0], frame[0], "Last-Event-ID goes before after")
    for stream in (live, replay, header):
        stream.close()
    # churn while followers come: nobody may miss an event or see one twice
    followers = []
    for i in range(60):
        agent.put("h1", "c%d" % i, "churn%d" % i)
        if i % 10 == 0:
            followers.append(Stream(agent.socket, "?after=%d" % frame[0]))
    seen = [[f[2]["user"] for f in follower.frames(60, code="connection_opened")] for follower in followers]
    tap.ok(all(users == ["churn%d" % i for i in range(60)] for users in seen), "followers that come in a stream of changes miss none",
           seen)
    for follower in followers:
        follower.close()
    agent.call("POST", "/v1/connections", "".join(line("end", "c%d" % i) for i in range(60)))


def tcp(place, authority):
    port = free_port()
    tokens = "".join("%s:%s:%s\n" % (scope, scope, hashlib.blake2b(("secret-" + scope).encode(), digest_size=32).hexdigest())
                     for scope in ("read", "write"))
    token_file = place.write("tokens", tokens)
    conf_api = 'listen = "127.0.0.1:%d"; token_file = "%s";' % (port, token_file)
    agent = Agent(place, BUILD, authority, name="tcp")
    with open(agent.conf, encoding="utf-8") as file:
        text = file.read()
    with open(agent.conf, "w", encoding="utf-8") as file:
        file.write(text.replace("api: {", "api: { " + conf_api))
    agent.start()
    agent.put("h1", "1", "alice")
    address = ("127.0.0.1", port)
    names = b"".join(checked(address, "GET", path).body for path in ("/healthz", "/readyz", "/metrics"))
    tap.ok(b"alice" not in names, "nobody's name is learnt without a token")
    for path in ("/v1/status", "/v1/connections", "/v1/users", "/v1/explain", "/v1/events", "/v1/farm"):
        tap.equal(checked(address, "GET", path).status, 401, "%s wants a token" % path)
    tap.equal(checked(address, "GET", "/v1/gate?user=alice").status, 204, "the gate lets come back who has a session here")
    tap.equal(checked(address, "GET", "/v1/gate?user=zoe").status, 403, "and refuses another")
    tap.equal(checked(address, "GET", "/v1/gate?user=alice&host=h2").status, 401, "of other hosts it does not speak")
    read, write = ({"Authorization": "Bearer secret-" + scope} for scope in ("read", "write"))
    tap.equal(checked(address, "GET", "/v1/status", headers=read).status, 200, "the reader's token reads")
    tap.equal(checked(address, "DELETE", "/v1/connections/h1/1", headers=read).status, 403, "and changes nothing")
    tap.equal(checked(address, "DELETE", "/v1/connections/h1/1", headers=write).status, 204, "the writer's token changes")
    tap.equal(checked(address, "GET", "/healthz", headers={"Host": "evil.example"}).status, 403, "a stranger's Host is refused")
    links(agent, address, write)
    agent.stop()


def links(agent, address, write):
    """The status page, and links to it: what reads by one, and when it ends."""
    tap.ok(b"alice" not in checked(address, "GET", "/").body, "the page takes no token and names nobody")
    tap.equal(checked(address, "POST", "/v1/web/links", headers=write).json()["code"], "socket_only", "over TCP there is no link")
    link = checked(agent.socket, "POST", "/v1/web/links", {"hours": 1}).json()
    read = {"Authorization": "Bearer " + link["token"]}
    tap.equal((link["address"], checked(address, "GET", "/v1/users", headers=read).status), ("127.0.0.1:%d" % address[1], 200),
              "a link of the reader's socket reads")
    tap.equal(checked(address, "DELETE", "/v1/connections/h1/1", headers=read).status, 403, "and changes nothing")
    tap.equal(checked(agent.admin, "DELETE", "/v1/web/links").status, 204, "links are taken back")
    tap.equal(checked(address, "GET", "/v1/users", headers=read).status, 401, "and read no more")
    read = {"Authorization": "Bearer " + checked(agent.admin, "POST", "/v1/web/links").json()["token"]}
    tap.equal(checked(address, "GET", "/v1/users", headers=read).status, 200, "another one does")
    agent.stop()
    agent.start()
    tap.equal(checked(address, "GET", "/v1/users", headers=read).status, 401, "until the agent starts again")
    state = b"".join(open(os.path.join(agent.state, name), "rb").read() for name in os.listdir(agent.state))
    tap.ok(link["token"].encode() not in state, "nothing of it is stored")


def main():
    with Place() as place:
        authority = Authority(place, BUILD).start()
        agent = Agent(place, BUILD, authority).start()
        tap.equal(checked(agent.socket, "GET", "/v1/gate?user=zoe").status, 403, "before activation the gate is closed")
        tap.equal(checked(agent.socket, "GET", "/v1/resources?user=zoe").status, 403, "and nothing is listed")
        tap.equal(checked(agent.admin, "POST", "/v1/report").status, 409, "and there is nothing to report")
        tap.equal(checked(agent.admin, "POST", "/v1/activation", {"trial": True}).status, 200, "a trial is activated")
        with open(agent.resources, "w", encoding="utf-8") as file:
            file.write('resources = ( { id = "word"; name = "Word"; kind = "application"; command = "word"; } );\n')
        agent.stop()
        agent.start()
        every_call(agent)
        file = checked(agent.admin, "POST", "/v1/activation/request").body
        answer = request(authority.socket, "POST", "/v1/admin/offline", file)
        tap.equal(checked(agent.admin, "POST", "/v1/activation/import", answer.body).status, 200, "a file's answer is taken")
        refusals(agent)
        alone(agent)
        tap.equal(checked(agent.socket, "POST", "/v1/web/links").json()["code"], "no_tcp_listener", "without TCP there is no link")
        bulk(agent)
        events(agent)
        tap.equal(checked(agent.admin, "DELETE", "/v1/activation").status, 204, "the key is given back")
        agent.stop()
        tcp(place, authority)
    tap.equal(checked.faults, [], "every answer and event fits agent/openapi.yaml")
    called = {(method, template) for method, template, status in openapi.seen if status < 400}
    others = {("GET", "/v1/events")} | {(method, openapi.operation(method, path)[0]) for method, path, _ in OF_MANY_HOSTS}
    tap.equal(sorted(set(openapi.operations()) - called - others), [], "every operation was called and succeeded")
    tap.done()


main()
