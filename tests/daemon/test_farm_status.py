#!/usr/bin/env python3
"""What a host of a farm of many tells of it: by the API, by the command line and to Prometheus, on who leads and who
follows, with a host that vanishes, a store that does not answer, and settings for all.

    test_farm_status.py BUILD
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from etcd_cluster import needs_etcd  # noqa: E402
from farm_hosts import Farm, part, users  # noqa: E402
from harness import Place, Tap, request, wait_until  # noqa: E402

BUILD = os.path.abspath(sys.argv[1])
TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
tap = Tap()
try:
    from openapi_check import CheckedApi, OpenApi
except ImportError as missing:
    tap.skip("farm status", "python3-yaml and python3-jsonschema: %s" % missing)
    tap.done()
    sys.exit()
openapi = OpenApi(os.path.join(TREE, "agent", "openapi.yaml"))
checked = CheckedApi(openapi, request)
SHAPES = ("/v1/status", "/v1/farm", "/v1/farm/settings", "/v1/connections", "/v1/connections?state=disconnected", "/v1/users",
          "/v1/explain", "/v1/explain?user=alice")


def get(agent, path):
    return checked(agent.socket, "GET", path).json()


def states(agent):
    return {row["host"]: row.get("state") for row in get(agent, "/v1/farm")["hosts"] or []}


def metric(agent, name):
    for line in checked(agent.socket, "GET", "/metrics").body.decode().splitlines():
        if line.startswith(name + " "):
            return float(line.rsplit(" ", 1)[1])
    return None


def who_is_in_it(leader, follower):
    tap.ok(wait_until(lambda: users(leader) == 3 and users(follower) == 3, 10), "both tell the farm's three users")
    for agent in (leader, follower):
        for path in SHAPES:
            answer = checked(agent.socket, "GET", path)
            tap.ok(answer.status == 200, "%s: GET %s" % (agent.name, path), answer)
    wanted = {leader.name: "leads", follower.name: "follows"}
    tap.ok(wait_until(lambda: states(follower) == wanted, 10), "the follower names both, and who leads", states(follower))
    tap.equal(states(leader), wanted, "and so does the leader")
    farm = get(follower, "/v1/farm")
    tap.equal([farm[name] for name in ("mode", "name", "part", "leader", "scope", "gaps")],
              ["etcd", "farm", "follows", leader.name, "host", 0], "a follower's own place")
    tap.ok(farm["store"]["checkpoint"]["number"] > 0 and farm["store"]["unreadable"] == 0 and farm["verdict_at"], "with what the store keeps", farm)
    rows = {row["host"]: row for row in farm["hosts"]}
    tap.equal([rows[name]["connections"] for name in (follower.name, leader.name)], [1, None], "of others it knows no number")
    tap.ok(all(row["version"] and row["through"] > 0 and row["last_change"] for row in rows.values()), "but how far they have told", rows)
    rows = {row["host"]: row for row in get(leader, "/v1/farm")["hosts"]}
    tap.equal([rows[name]["connections"] for name in (follower.name, leader.name)], [1, 2], "the leader knows each one's")
    tap.equal([metric(agent, "farmgate_farm_leader") for agent in (leader, follower)], [1, 0], "Prometheus adds up the right one")


def whose_they_are(leader, follower):
    tap.equal([get(agent, "/v1/users")["scope"] for agent in (leader, follower)], ["farm", "host"], "lists say whose they are")
    tap.equal([len(get(agent, "/v1/users")["users"]) for agent in (leader, follower)], [3, 1], "and tell those")
    status = get(follower, "/v1/status")
    tap.equal((status["this_host"]["users"], status["farm"]["part"], status["farm"]["leader"]), (1, "follows", leader.name),
              "status has this host beside the farm")
    explained = get(follower, "/v1/explain?user=alice")
    tap.equal([row["code"] for row in explained["scope_why"]], ["speaks_for_itself"], "an explanation says for whom it speaks")
    tap.equal(explained["users"][0]["why"][0]["code"], "user_not_here", "and does not deny who may be on elsewhere")
    for words, wanted in ((("farm", "status"), "%s follows %s, which counts for the whole farm" % (follower.name, leader.name)),
                          (("status",), "follows %s, which counts for the whole farm" % leader.name),
                          (("users",), "These are this host's alone"), (("connections",), "These are this host's alone"),
                          (("explain",), "%s counts for the whole farm" % leader.name)):
        told = follower.ctl(*words)
        tap.ok(told.returncode == 0 and wanted in told.stdout, "farmgate %s says so" % " ".join(words), told.stdout + told.stderr)
    tap.ok("leads: it counts" in leader.ctl("farm", "status").stdout, "and the leader that it leads")


def settings(leader, follower):
    told = follower.ctl("farm", "set", "gate.strict", "true")
    tap.equal((told.returncode, told.stdout), (0, "set in the whole farm\n"), "a setting is set by a follower")
    told = follower.ctl("farm", "set", "gate.strict", "perhaps")
    tap.ok(told.returncode != 0 and "gate.strict" in told.stderr, "not to nonsense", told.stderr)

    def value(agent):
        return {row["path"]: row["value"] for row in get(agent, "/v1/farm/settings")["settings"]}.get("gate.strict")

    tap.ok(wait_until(lambda: value(leader) == "true" and value(follower) == "true", 10), "it holds on both hosts")
    tap.ok("gate.strict = true" in leader.ctl("farm", "settings").stdout, "and is shown", leader.ctl("farm", "settings").stdout)
    differing = [row for row in get(leader, "/v1/farm/settings")["settings"] if row["host_value"] is not None]
    tap.ok(all(row["host_value"] != row["value"] for row in differing), "a file that says the same is no difference", differing)
    tap.equal(checked(leader.admin, "PUT", "/v1/farm/settings/gate.spare_grace", {"value": "true"}).status, 204, "one more")
    seen = {row["path"]: row["value"] for row in get(leader, "/v1/farm/settings")["settings"]}.get("gate.spare_grace")
    tap.equal(seen, "true", "which is there at once")
    tap.equal(checked(leader.admin, "DELETE", "/v1/farm/settings/gate.spare_grace").status, 204, "and back")
    told = follower.ctl("farm", "set", "gate.strict", "--unset")
    tap.equal(told.returncode, 0, "--unset takes it back")
    tap.ok(wait_until(lambda: value(leader) in (None, "false"), 10), "everywhere", value(leader))


def one_vanishes(farm, leader):
    lost = farm.host("rds3")
    tap.ok(wait_until(lambda: states(leader).get("rds3") == "follows", 10), "a third host joins", states(leader))
    lost.put("rds3", "1", "dora")
    tap.ok(wait_until(lambda: users(leader) == 4, 10), "and is counted")
    lost.kill()
    tap.ok(wait_until(lambda: states(leader).get("rds3") in ("silent", "down"), 10), "killed, it is silent", states(leader))
    tap.ok(wait_until(lambda: states(leader).get("rds3") == "lost", 20), "then lost", states(leader))
    row = [row for row in get(leader, "/v1/farm")["hosts"] if row["host"] == "rds3"][0]
    tap.ok(row["silent_since"] and row["version"] is None, "since when is told", row)
    shown = leader.ctl("farm", "status").stdout
    tap.ok("lost: waited for in vain" in shown, "and what that means", shown)
    tap.ok(wait_until(lambda: users(leader) == 3, 10), "its user has ended")
    lost.start()
    tap.ok(wait_until(lambda: states(leader).get("rds3") == "follows", 20), "back, it is one of them again", states(leader))
    lost.end("rds3", "1")
    answer = checked(lost.admin, "POST", "/v1/farm/leave")
    for _ in range(100):  # what it has told is on its way
        if answer.status == 204:
            break
        answer = checked(lost.admin, "POST", "/v1/farm/leave")
    tap.equal(answer.status, 204, "it leaves")
    tap.ok(wait_until(lambda: part(lost) == "left", 10), "and says so", part(lost))
    tap.ok(wait_until(lambda: states(leader).get("rds3") not in ("follows", "leads"), 20), "and is no member any more", states(leader))
    lost.stop()


def the_store_is_silent(farm, follower):
    member = farm.cluster.members[0]
    member.pause()
    try:
        farm_told = get(follower, "/v1/farm")
        tap.equal((farm_told["hosts"], farm_told["store"]), (None, None), "a store that hangs tells nothing")
        tap.ok(farm_told["store_detail"] and farm_told["name"] == "farm", "why is said, and the rest is told", farm_told)
        tap.ok(wait_until(lambda: part(follower) == "cut_off", 20), "the host is cut off", part(follower))
        follower.put(follower.name, "late", "erin")
        tap.ok(wait_until(lambda: get(follower, "/v1/status")["farm"]["waiting"] > 0, 10), "what happens waits")
        shown = " ".join(follower.ctl("farm", "status").stdout.split())
        tap.ok("cut off: the farm's last verdict stands" in shown and "kept here until" in shown and "does not tell" in shown,
               "the page says all of it", shown)
        tap.ok(metric(follower, "farmgate_farm_changes_waiting") > 0, "and Prometheus what waits")
    finally:
        member.resume()
    tap.ok(wait_until(lambda: part(follower) == "follows" or part(follower) == "leads", 30), "back, it follows again", part(follower))
    tap.ok(wait_until(lambda: get(follower, "/v1/farm")["waiting"] == 0, 20), "and nothing waits")


def main():
    needs_etcd(tap, "farm_status")
    with Place() as place, Farm(place, BUILD) as farm:
        farm.host("rds1")
        farm.leader()
        farm.host("rds2")
        for name, agent in farm.hosts.items():
            agent.name = name
        leader, follower = farm.hosts["rds1"], farm.hosts["rds2"]
        tap.ok(wait_until(lambda: part(leader) == "leads" and part(follower) == "follows", 20), "one leads, one follows")
        leader.put("rds1", "1", "alice")
        leader.put("rds1", "2", "bob")
        follower.put("rds2", "1", "carol")
        who_is_in_it(leader, follower)
        whose_they_are(leader, follower)
        settings(leader, follower)
        one_vanishes(farm, leader)
        the_store_is_silent(farm, follower)
        for name, agent in farm.hosts.items():
            tap.equal(agent.accused(), "", "%s: no sanitizer complains" % name)
    tap.equal(sorted(set(checked.faults)), [], "every answer fits agent/openapi.yaml")
    tap.done()


main()
