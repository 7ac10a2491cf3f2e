#!/usr/bin/env python3
"""agent/openapi.yaml against a real agent in every state it can be in: every call of it before and after activation, with
connections of every kind, with the authority or the disk gone; its paths, methods and parameters are those there are.
     test_openapi.py BUILD"""
import json
import os
import re
import resource
import shutil
import subprocess
import sys

from harness import Agent, Authority, Place, Tap, request, wait_until

BUILD = sys.argv[1]
TREE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
tap = Tap()
try:
    import jsonschema
    from openapi_check import CheckedApi, OpenApi
except ImportError as error:
    tap.skip("the API is as agent/openapi.yaml says", "python3-yaml and python3-jsonschema are missing: %s" % error)
    tap.done()
openapi = OpenApi(os.path.join(TREE, "agent", "openapi.yaml"))
checked = CheckedApi(openapi, request)
PROBLEM_CODES = set(re.findall(r"`([a-z_]+)`", openapi.document["components"]["schemas"]["ProblemCode"]["description"])) | \
    set(openapi.document["components"]["schemas"]["VerdictReason"]["enum"]) - {"open"}
SAMPLES = {"user": "alice", "host": "h1", "state": "active", "kind": "desktop", "since": "2026-01-01T00:00:00Z",
           "until": "2099-01-01T00:00:00Z", "after": "0", "follow": "false", "base": "/portal/"}
# What a user is shown, or refused.
OF_A_USER = ("/v1/gate", "/v1/resources", "/v1/resources/{file}", "/v1/workspace")


def references(node):
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for child in node.values():
            yield from references(child)
    elif isinstance(node, list):
        for child in node:
            yield from references(child)


def sound(path):
    """A document that a reader can rely on: its references lead somewhere, its schemas are schemas, nothing is left over."""
    name = os.path.relpath(path, TREE)
    api = OpenApi(path)
    parts = api.document["components"]
    used = set(references(api.document))
    there = {"#/components/%s/%s" % (kind, part) for kind in parts for part in parts[kind] if kind != "securitySchemes"}
    tap.equal((sorted(used - there), sorted(there - used)), ([], []), "%s: references and components fit" % name)
    for schema, body in parts["schemas"].items():
        try:
            jsonschema.Draft202012Validator.check_schema(body)
        except jsonschema.SchemaError as fault:
            tap.ok(False, "%s: %s is a schema" % (name, schema), fault.message)
    operations = [item[method] for _, _, item in api.paths for method in item if method in ("get", "put", "post", "patch", "delete")]
    ids = [operation.get("operationId") for operation in operations]
    tap.ok(None not in ids and len(set(ids)) == len(ids), "%s: every operation has a name of its own" % name, ids)
    tap.ok(all(operation.get("summary") for operation in operations), "%s: and a summary" % name)


def path_of(template, host="h1", session="s1"):
    return template.replace("{host}", host).replace("{id}", session).replace("{path}", "gate.strict").replace("{file}", "word.rdp")


def gets():
    for method, template in openapi.operations():
        if method == "GET":
            yield template, openapi.operation("GET", path_of(template))[1]


def every_get(agent, state):
    """All questions, each with each of its parameters; nothing may be an error but what the state makes one."""
    for template, operation in gets():
        parameters = {p["name"]: p for p in operation.get("parameters", []) if p["in"] == "query"}
        fixed = ["%s=%s" % (name, SAMPLES[name]) for name in parameters if parameters[name].get("required")]
        if template == "/v1/events":
            fixed.append("follow=false")
        free = [name for name in parameters if not parameters[name].get("required") and name != "follow"]
        for extra in [None] + free:
            query = "&".join(fixed + (["%s=%s" % (extra, SAMPLES[extra])] if extra else []))
            path = template + ("?" + query if query else "")
            answer = checked(agent.socket, "GET", path)
            allowed = {200, 204} | ({403} if template in OF_A_USER else set()) | ({404} if "{file}" in template else set())
            if answer.status not in allowed:
                tap.ok(False, "%s: GET %s is answered" % (state, path), answer)
            if answer.status == 403 and answer.headers.get("x-farmgate-reason") != answer.json()["code"]:
                tap.ok(False, "%s: GET %s tells its reason in the header, too" % (state, path), answer.headers)
    tap.ok(True, "%s: every GET is answered, with every parameter" % state)
    metrics(agent, state)


def metrics(agent, state):
    promtool = shutil.which("promtool") or shutil.which(os.path.join(BUILD, "bin/promtool"))
    name = "%s: /metrics passes promtool" % state
    answer = checked(agent.socket, "GET", "/metrics")
    tap.ok(answer.headers["content-type"].startswith("text/plain; version=0.0.4"), "%s: /metrics says its format" % state)
    if not promtool:
        tap.skip(name, "no promtool")
        return
    judged = subprocess.run([promtool, "check", "metrics"], input=answer.body, capture_output=True, timeout=30, check=False)
    tap.ok(judged.returncode == 0 and not judged.stdout + judged.stderr, name, (judged.stdout + judged.stderr).decode())


def doors(agent):
    """What is not in the document is not there, and what is there is in it: methods and parameters."""
    for _, template, item in openapi.paths:
        path = path_of(template)
        for method in ("GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"):
            if method.lower() in item:
                continue
            answer = checked(agent.admin, method, path)
            allow = set(answer.headers.get("allow", "").split(", "))
            wanted = {m.upper() for m in item if m in ("get", "put", "post", "delete")}
            wanted |= {"HEAD"} if "get" in item and template != "/v1/events" else set()
            if answer.status != 405 or allow != wanted:
                tap.ok(False, "%s %s: 405 with Allow %s" % (method, path, sorted(wanted)), "%r %r" % (answer, allow))
        if "get" in item:
            answer = checked(agent.admin, "GET", path + "?colour=red")
            if answer.status != 400 or answer.json()["code"] != "unknown_parameter" or answer.json().get("field") != "colour":
                tap.ok(False, "GET %s?colour=red: 400" % path, answer)
        if "get" in item and template not in ("/v1/events",) + OF_A_USER:
            head, get = (checked(agent.socket, method, path) for method in ("HEAD", "GET"))
            if (head.status, head.body, head.headers.get("content-type")) != (200, b"", get.headers.get("content-type")):
                tap.ok(False, "HEAD %s is GET without a body" % path, head)
    tap.equal(checked(agent.admin, "DELETE", "/v1/web/links").status, 204, "links to the status page are taken back, if there are any")
    tap.ok(True, "paths have the methods and parameters of the document, and no others")


def connections(agent, script):
    """Every kind of connection and every reason there is for one that a host or a broker tells of."""
    with open(script, "a", encoding="utf-8") as file:
        for session, user, admin, kind, route in (
                ("a1", "root1", True, "desktop", "rdp"), ("a2", "root2", True, "desktop", "broker"),
                ("a3", "root3", True, "desktop", "rdp-tunnel"), ("a4", "root4", True, "application", "rdp"),
                ("u1", "J\u00f6rg M\u00fcller", False, "desktop", "rdp"), ("u2", "CORP\\ann", False, "application", "broker"),
                ("u3", "ann@corp.example", False, "desktop", "rdp"), ("c1", "op", False, "desktop", "console"),
                ("s1", "op", False, "desktop", "ssh"), ("u4", "gone", False, "desktop", "rdp")):
            file.write(json.dumps({"ts": 0, "event": "connect", "host": "h1", "session": session, "user": user, "admin": admin,
                                   "kind": kind, "route": route}) + "\n")
        file.write('{"ts": 0, "event": "disconnect", "host": "h1", "session": "u4"}\n')
    wait_until(lambda: len(agent.get("/v1/connections").json()["connections"]) >= 10)
    for route in ("broker", "rdp", "rdp-tunnel", "console", "ssh"):
        for kind in ("desktop", "application"):
            for state in ("active", "disconnected"):
                for administrator in (True, False, None):
                    answer = checked(agent.admin, "PUT", "/v1/connections/h2/%s-%s-%s-%s" % (route, kind, state, administrator),
                                     {"user": "u-%s" % kind, "kind": kind, "route": route, "state": state,
                                      "administrator": administrator})
                    if answer.status != 204:
                        tap.ok(False, "a broker's connection is taken", answer)
    listed = agent.get("/v1/connections").json()["connections"]
    reasons = {connection["reason"] for connection in listed}
    tap.equal(reasons, {"counted", "exempt 1 of 2", "exempt 2 of 2", "route not counted"}, "connections of every kind are there")
    answer = checked(agent.admin, "PUT", "/v1/connections/h3", {"connections": [
        {"id": "1", "user": "set1", "kind": "desktop"}, {"id": "2", "user": "set2", "kind": "application", "state": "disconnected"}]})
    tap.equal(answer.status, 204, "a host's whole set is taken")
    tap.equal(checked(agent.admin, "DELETE", "/v1/connections/h3/1").status, 204, "and one of it ends")
    tap.equal(checked(agent.admin, "DELETE", "/v1/users/nobody").json(), {"events": 0}, "whoever was never here is erased from nothing")
    tap.equal({tuple(connection["reported_by"]) for connection in listed}, {("host",), ("broker",)}, "told by host and broker")
    gone = checked(agent.socket, "GET", "/v1/connections?state=disconnected").json()
    tap.equal(({one["reclaimable"] for one in gone["connections"]}, {one["would_save"] for one in gone["connections"]},
               gone["would_save"]), ({True, False}, {True, False}, 2), "some of the disconnected ones may be ended")
    for failure in (None, "Access denied"):
        body = dict({"host": "h1", "id": "u4", "user": "gone"}, **({"failure": failure} if failure else {}))
        tap.equal(checked(agent.admin, "POST", "/v1/reclaims", body).status, 204, "what a hook did is taken (%s)" % failure)


def refusals(place, agent, authority):
    """Every way to be refused that a client can bring about, as (call, status, code)."""
    in_use = authority.new_key(5)
    other = {"installation_id": "other", "license_key": in_use, "farm_name": "other", "app_version": "1"}
    tap.equal(request(("127.0.0.1", authority.port), "POST", "/v1/activations", other).status, 200, "another farm holds a key")
    for method, path, body, status, code in (
            ("GET", "/v1/nothing", None, 404, "not_found"),
            ("GET", "/v1/connections/h1/s1/", None, 405, "method_not_allowed"),
            ("GET", "/v1/gate?user=", None, 400, "invalid"),
            ("GET", "/v1/gate?user=" + "u" * 512, None, 400, "invalid"),
            ("GET", "/v1/gate?user=a&kind=door", None, 400, "invalid"),
            ("GET", "/v1/connections?state=asleep", None, 400, "invalid"),
            ("GET", "/v1/windows?since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", None, 400, "invalid"),
            ("GET", "/v1/events?after=-1", None, 400, "invalid"),
            ("PUT", "/v1/connections/h1/" + "i" * 128, {"user": "a", "kind": "desktop"}, 400, "invalid"),
            ("PUT", "/v1/connections/h%2F1", {"connections": []}, 400, "invalid"),
            ("PUT", "/v1/connections/h1/1", "", 400, "invalid"),
            ("PUT", "/v1/connections/h1/1", "[]", 400, "invalid"),
            ("PUT", "/v1/connections/h1/1", {"user": "a", "kind": "desktop", "route": "sea"}, 400, "invalid"),
            ("PUT", "/v1/connections/h1/1", "x" * (1024 * 1024 + 1), 413, "body_too_large"),
            ("POST", "/v1/connections", "x" * 20000 + "\n", 413, "line_too_long"),
            ("POST", "/v1/activation", {"license_key": "K7Q2M-K7Q2M"}, 400, "invalid_key"),
            ("POST", "/v1/activation", {"license_key": in_use, "trial": True}, 400, "invalid"),
            ("POST", "/v1/activation", {"license_key": in_use}, 409, "key_in_use"),
            ("POST", "/v1/activation", {"license_key": unknown_key(place)}, 409, "unknown_key"),
            ("POST", "/v1/activation/request", {"license_key": "K7Q2M-K7Q2M"}, 400, "invalid_key"),
            ("POST", "/v1/activation/request", {"trial": True, "move": True}, 400, "invalid"),
            ("PUT", "/v1/farm/settings/gate.strict", {"value": "true"}, 409, "farm_is_alone"),
            ("DELETE", "/v1/farm/settings/gate.strict", None, 409, "farm_is_alone"),
            ("POST", "/v1/farm/leave", {"force": True}, 409, "farm_is_alone"),
            ("POST", "/v1/activation/import", "", 400, "not_an_offline_file"),
            ("POST", "/v1/activation/import", "farmgate-offline-request-1\n", 400, "wrong_offline_file"),
            ("POST", "/v1/activation/import", "farmgate-offline-answer-2\n", 400, "newer_offline_file"),
            ("POST", "/v1/activation/import", "farmgate-offline-answer-1\n", 400, "truncated_file"),
            ("POST", "/v1/web/links", {"hours": 25}, 400, "invalid"),
            ("POST", "/v1/web/links", {"hours": 1}, 409, "no_tcp_listener"),
            ("GET", "/v1/status?" + "x" * 9000, None, 414, "target_too_long")):
        answer = checked(agent.admin, method, path, body)
        problem = answer.json()
        shown = "%s %s %s" % (method, path[:60], str(body)[:60])
        tap.equal((answer.status, problem["status"], problem["code"]), (status, status, code), "refused: %s" % shown)
        if code == "key_in_use":
            tap.equal(problem.get("moves_left"), 3, "a key that is in use tells the moves that are left")


def unknown_key(place):
    """A well-formed key that this authority has not made: its check group must fit, so another authority makes it."""
    stranger = Authority(place, BUILD, name="stranger").start()
    key = stranger.new_key(1)
    stranger.stop()
    return key


def without_authority(place):
    """No authority in the configuration; then one that is not there."""
    agent = Agent(place, BUILD, name="lonely").start()
    every_get(agent, "no authority")
    answer = checked(agent.admin, "POST", "/v1/activation", {"trial": True})
    tap.ok((answer.status, answer.json()["code"]) == (409, "no_authority"), "activating without an authority", answer)
    for method, path in (("DELETE", "/v1/activation"), ("POST", "/v1/report")):
        answer = checked(agent.admin, method, path)
        tap.ok((answer.status, answer.json()["code"]) == (409, "not_activated"), "%s %s before activation" % (method, path), answer)
    agent.stop()


def authority_gone(agent, authority):
    authority.stop()
    answer = checked(agent.admin, "POST", "/v1/report")
    tap.ok((answer.status, answer.json()["code"]) == (502, "authority_unreachable"), "reporting to nobody", answer)
    answer = checked(agent.admin, "DELETE", "/v1/activation")
    tap.ok((answer.status, answer.json()["code"]) == (502, "authority_unreachable"), "giving back to nobody", answer)
    tap.ok(agent.status()["report_failures"] > 0, "the status tells of it")
    every_get(agent, "authority gone")
    authority.start()
    answer = checked(agent.admin, "POST", "/v1/report")
    tap.equal(answer.status, 200, "it is back, and so is the report")


def disk_gone(agent):
    """No file may grow: as on a full disk, but for this process alone."""
    pid, limit = agent.process.pid, resource.prlimit(agent.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, limit[1]))

    def refused():
        answer = checked(agent.admin, "PUT", "/v1/connections/h1/late", {"user": "late", "kind": "desktop"})
        return answer if answer.status == 503 else None
    answer = wait_until(refused, 20)
    tap.ok(answer and answer.json()["code"] == "store_unavailable", "without a disk: changes get 503", answer)
    bulk = checked(agent.admin, "POST", "/v1/connections", json.dumps(
        {"event": "put", "host": "h1", "id": "late", "user": "late", "kind": "desktop"}) + "\n")
    tap.ok(bulk.status == 503 and bulk.json()["code"] == "store_unavailable", "and so do many", bulk)
    forgotten = checked(agent.admin, "DELETE", "/v1/users/mallory")
    tap.ok(forgotten.status == 503 and forgotten.json()["code"] == "store_unavailable", "nor is anybody erased", forgotten)
    health = checked(agent.socket, "GET", "/healthz")
    tap.ok(health.status in (200, 503) and health.json()["detail"], "/healthz tells", health)
    for path in ("/v1/status", "/v1/connections", "/v1/users", "/v1/explain", "/v1/farm", "/metrics", "/v1/gate?user=alice"):
        answer = checked(agent.socket, "GET", path)
        tap.ok(answer.status in (200, 204, 403), "GET %s goes on from memory" % path, answer)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, limit)
    back = wait_until(lambda: request(agent.admin, "PUT", "/v1/connections/h1/late",
                                      {"user": "late", "kind": "desktop"}).status == 204, 30, 0.2)
    tap.ok(back, "with room again changes are taken")


def deactivated(agent, authority):
    farm = agent.status()["farm_id"]
    tap.equal(authority.run("farm", "deactivate", farm).returncode, 0, "the authority deactivates the farm")
    checked(agent.admin, "POST", "/v1/report")
    answer = checked(agent.socket, "GET", "/v1/gate?user=nobody1")
    tap.ok((answer.status, answer.json()["code"]) == (403, "revoked"), "the gate closes with the reason", answer)
    every_get(agent, "deactivated")
    again = checked(agent.admin, "POST", "/v1/activation", {"license_key": authority.new_key(7)})
    tap.equal((again.status, again.json().get("limit")), (200, 7), "and opens with another key")


def events_fit(agent):
    stream = checked(agent.socket, "GET", "/v1/events?after=0&follow=false")
    frames = [line[6:] for line in stream.body.decode().split("\n") if line.startswith("data: ")]
    faults = [fault for fault in map(openapi.check_event, frames) if fault]
    codes = {json.loads(frame)["code"] for frame in frames}
    tap.ok(len(frames) > 50 and not faults, "every event fits", "%d events\n%s" % (len(frames), "\n".join(faults)))
    with open(os.path.join(BUILD, "packaging", "man", "farmgate-events.7"), encoding="utf-8") as page:
        told = set(re.findall(r"^\.It Cm (\w+)", page.read(), re.M))
    tap.ok(len(codes) > 5 and codes <= told, "and is in the manual", sorted(codes - told))


class CodesSeen:
    """Every problem's code must be one that the document tells."""

    def __init__(self, inner):
        self.inner = inner
        self.codes = set()

    def __call__(self, *arguments, **named):
        answer = self.inner(*arguments, **named)
        if answer.status >= 400 and answer.body:
            self.codes.add(answer.json()["code"])
        return answer


def main():
    codes = CodesSeen(request)
    checked.request = codes
    sound(os.path.join(TREE, "agent", "openapi.yaml"))
    sound(os.path.join(TREE, "cloud", "openapi.yaml"))
    with Place() as place:
        authority = Authority(place, BUILD).start()
        without_authority(place)
        script = place.write("script.ndjson", "")
        agent = Agent(place, BUILD, authority, sources='"scripted", "api"', scripted=script).start()
        with open(agent.resources, "w", encoding="utf-8") as file:
            file.write('resources = ( { id = "word"; name = "Word"; kind = "application"; command = "word"; },'
                       ' { id = "desk"; name = "Desk"; kind = "desktop"; groups = ("nobody-is-in-this"); } );\n')
        agent.stop()
        agent.start()
        every_get(agent, "before activation")
        doors(agent)
        connections(agent, script)
        every_get(agent, "closed, with connections")
        activated = checked(agent.admin, "POST", "/v1/activation", {"license_key": authority.new_key(4)})
        tap.equal((activated.status, activated.json().get("limit")), (200, 4), "activated with a key")
        every_get(agent, "activated, over the limit")
        refusals(place, agent, authority)
        authority_gone(agent, authority)
        disk_gone(agent)
        deactivated(agent, authority)
        tap.equal(checked(agent.admin, "DELETE", "/v1/activation").status, 204, "the key is given back")
        every_get(agent, "given back")
        events_fit(agent)
        agent.stop()
    tap.equal(sorted(set(checked.faults)), [], "every answer fits agent/openapi.yaml")
    tap.equal(sorted(codes.codes - PROBLEM_CODES), [], "every problem's code is in it")
    called = {(method, template) for method, template, _ in openapi.seen}
    tap.equal(sorted(set(openapi.operations()) - called), [], "every operation was called")
    tap.done()


main()
