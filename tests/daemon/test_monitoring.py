#!/usr/bin/env python3
"""Monitoring with the real Prometheus: the manual of the metrics, the alert rules, the example of a scrape configuration, and the
dashboard, each of whose queries is asked of a Prometheus that has scraped an agent alone and a farm of two.

    test_monitoring.py BUILD
"""
import json
import math
import os
import re
import shutil
import subprocess
import sys
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from farm_hosts import Farm, part  # noqa: E402
from harness import Agent, Authority, Place, Program, Tap, free_port, request, wait_until  # noqa: E402
from metrics_page import compare  # noqa: E402

BUILD = os.path.abspath(sys.argv[1])
HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGING = os.path.join(os.path.dirname(os.path.dirname(HERE)), "packaging")
NEVER_ACTIVATED = {"farmgate_users_limit", "farmgate_clock_left_seconds", "farmgate_expires_timestamp_seconds",
                   "farmgate_refresh_by_timestamp_seconds", "farmgate_last_contact_timestamp_seconds",
                   "farmgate_last_contact_age_seconds", "farmgate_next_report_timestamp_seconds", "farmgate_farm_lag_revisions"}
tap = Tap()
PATH = os.path.join(BUILD, "bin") + os.pathsep + os.environ["PATH"]


def program(name):
    return shutil.which(name, path=PATH)


def read(*path):
    with open(os.path.join(PACKAGING, *path), encoding="utf-8") as file:
        return file.read()


def metrics(agent):
    return agent.get("/metrics").body.decode()


def listening(agent, *more):
    """The agent's port: /metrics on loopback as an administrator sets it up; and in another group what is given."""
    port = free_port()
    with open(agent.conf, encoding="utf-8") as file:
        text = file.read()
    with open(agent.conf, "w", encoding="utf-8") as file:
        for group, line in (("api: {", 'listen = "127.0.0.1:%d";' % port), more or ("", "")):
            text = text.replace(group, group + line) if group else text
        file.write(text)
    return port


# --- rules ----------------------------------------------------------------------------------------------------------------------


def rules(place):
    """Each alert fires where it should, and does not where it should not."""
    import yaml
    promtool = program("promtool")
    directory = place.join("rules")
    os.makedirs(directory)
    for source in (os.path.join(PACKAGING, "prometheus", "farmgate.rules.yml"), os.path.join(PACKAGING, "prometheus", "scrape.yml"),
                   os.path.join(HERE, "prometheus", "farmgate.rules.test.yml")):
        shutil.copy(source, directory)

    def judged(*words):
        done = subprocess.run([promtool, *words], cwd=directory, capture_output=True, text=True, timeout=60, check=False)
        tap.ok(done.returncode == 0, "promtool %s" % " ".join(words), done.stdout + done.stderr)
    judged("check", "rules", "farmgate.rules.yml")
    judged("check", "config", "scrape.yml")
    judged("test", "rules", "farmgate.rules.test.yml")
    alerts = [rule["alert"] for group in yaml.safe_load(read("prometheus", "farmgate.rules.yml"))["groups"] for rule in group["rules"]]
    with open(os.path.join(HERE, "prometheus", "farmgate.rules.test.yml"), encoding="utf-8") as file:
        tried = [row for test in yaml.safe_load(file)["tests"] for row in test["alert_rule_test"]]
    tap.ok(len(alerts) > 20 and len(set(alerts)) == len(alerts), "there are alerts", alerts)
    tap.equal({row["alertname"] for row in tried if row.get("exp_alerts")}, set(alerts), "each is seen to fire")
    tap.equal({row["alertname"] for row in tried if not row.get("exp_alerts")}, set(alerts), "and to be quiet")


# --- the dashboard --------------------------------------------------------------------------------------------------------------


def form_of(dashboard):
    """What Grafana asks of a dashboard that is imported."""
    panels = dashboard["panels"]
    ids = [panel["id"] for panel in panels]
    tap.ok(len(set(ids)) == len(ids) > 20, "dashboard: panels have ids of their own", ids)
    variables = {row["name"]: row for row in dashboard["templating"]["list"]}
    tap.equal((variables["datasource"]["type"], variables["datasource"]["query"]), ("datasource", "prometheus"),
              "dashboard: the data source is chosen by a variable")
    wrong, taken = [], set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        if cells & taken or place["x"] + place["w"] > 24:
            wrong.append("%s lies over another, or beside the page" % panel["title"])
        taken |= cells
        if panel["type"] == "row":
            continue
        refs = [target["refId"] for target in panel["targets"]]
        if not refs or len(set(refs)) != len(refs) or not panel["title"] or not panel["description"]:
            wrong.append("%s: targets %r" % (panel["title"], refs))
        if any(part["datasource"] != {"type": "prometheus", "uid": "${datasource}"} for part in [panel] + panel["targets"]):
            wrong.append("%s has a data source of its own" % panel["title"])
    tap.ok(not wrong, "dashboard: panels lie side by side, with titles, targets and the data source of the variable", "\n".join(wrong))
    return [(panel["title"], target) for panel in panels for target in panel.get("targets", [])]


class Prometheus(Program):
    """The shipped scrape configuration, but for its targets and its pace."""

    def __init__(self, place, targets):
        self.port = free_port()
        config = read("prometheus", "scrape.yml").replace("scrape_interval: 30s", "scrape_interval: 1s")
        first = '      - targets: ["127.0.0.1:8620"]\n        labels: {farm: office}\n'
        assert first in config
        config = config.replace(first, "".join('      - targets: ["127.0.0.1:%d"]\n        labels: {farm: %s}\n' % row for row in targets))
        path = place.write("prometheus.yml", "global: {evaluation_interval: 1s}\n" + config)
        place.write("farmgate.rules.yml", read("prometheus", "farmgate.rules.yml"))
        super().__init__(place, "prometheus", [program("prometheus"), "--config.file=" + path, "--storage.tsdb.path=" + place.join("tsdb"),
                                               "--web.listen-address=127.0.0.1:%d" % self.port, "--log.level=warn"])

    def ask(self, path, **query):
        try:
            answer = request(("127.0.0.1", self.port), "GET", "/api/v1/%s?%s" % (path, urllib.parse.urlencode(query)))
        except OSError:
            return {"status": "error", "error": "not there yet"}
        return answer.json() if answer.status in (200, 400, 422) else {"status": "error", "error": repr(answer)}

    def value(self, query):
        rows = self.ask("query", query=query).get("data", {}).get("result", [])
        return float(rows[0]["value"][1]) if rows else 0


def asked(prometheus, target):
    """The samples that a panel would show; a message where the query fails."""
    query = target["expr"].replace("$farm", ".*").replace("$instance", ".*").replace("$__rate_interval", "1m")
    if target.get("instant"):
        answer = prometheus.ask("query", query=query)
    else:
        now = prometheus.value("vector(time())")
        answer = prometheus.ask("query_range", query=query, start=now - 30, end=now, step="1")
    if answer["status"] != "success":
        return answer.get("error")
    rows = answer["data"]["result"]
    return [float(sample[1]) for row in rows for sample in row.get("values", [row.get("value")])]


def dashboard_on(prometheus, targets):
    wrong = []
    for title, target in targets:
        samples = asked(prometheus, target)
        if isinstance(samples, str):
            wrong.append("%s: %s: %s" % (title, target["expr"], samples))
        elif not samples or all(math.isnan(sample) for sample in samples):
            wrong.append("%s: %s: no data" % (title, target["expr"]))
    tap.ok(not wrong, "dashboard: each of its %d queries is answered by Prometheus, with data" % len(targets), "\n".join(wrong))
    for row in json.loads(read("grafana", "farmgate.json"))["templating"]["list"][1:]:
        name, label = row["definition"][len("label_values("):-1].replace("$farm", ".*").rsplit(", ", 1)
        series = prometheus.ask("label/%s/values" % label, **{"match[]": name})
        tap.ok(series.get("data"), "dashboard: the variable %s has values" % row["name"], series)


def manual_examples():
    """Those of farmgate-metrics(7): what goes into farmgate.conf, into prometheus.yml, and what is asked."""
    page = read("man", "farmgate-metrics.7.in")
    setting, rule_files = re.findall(r"^\.Bd -literal.*\n((?:(?!\.Ed).*\n)*)", page, re.M)
    return setting, rule_files, re.findall(r"^\.Dl (.*)$", page, re.M)


def manual_on(place, agent, prometheus):
    setting, rule_files, queries = manual_examples()
    conf = place.write("listen.conf", setting)
    done = subprocess.run([agent.ctl_binary, "check-config", conf], capture_output=True, text=True, timeout=20, check=False)
    tap.equal(done.stdout, conf + " is right\n", "the manual's setting is right")
    installed = [line.split(" - ")[1] for line in rule_files.splitlines() if " - " in line]
    tap.equal([os.path.basename(path) for path in installed], ["farmgate.rules.yml"], "the manual names the shipped rules")
    for query in queries:
        rows = prometheus.ask("query", query=query).get("data", {}).get("result", [])
        tap.equal(sorted(row["metric"]["farm"] for row in rows), ["branch", "office"], "each farm is told once: %s" % query)


def rules_on(prometheus):
    groups = wait_until(lambda: [group for group in prometheus.ask("rules").get("data", {}).get("groups", []) if all(
        rule["health"] != "unknown" for rule in group["rules"])], 15)
    wrong = [rule["name"] + ": " + rule.get("lastError", "") for group in groups or [] for rule in group["rules"] if rule["health"] != "ok"]
    tap.ok(groups and not wrong, "Prometheus evaluates every rule", wrong)
    firing = wait_until(lambda: [alert["labels"] for alert in prometheus.ask("alerts").get("data", {}).get("alerts", [])
                                 if alert["labels"]["alertname"] == "FarmgateLicencesRunOut" and alert["state"] == "firing"], 15)
    tap.equal([labels["farm"] for labels in firing or []], ["office"], "a farm whose licences have run out fires its alert, another does not")


# --- real agents ----------------------------------------------------------------------------------------------------------------


def alone(place, authority):
    """One host that is its farm: before and after it is activated, used and refused."""
    agent = Agent(place, BUILD, authority)
    port = listening(agent, "gate: {", "spare_grace = true;")
    agent.start()
    compare(tap, BUILD, metrics(agent), "never activated", NEVER_ACTIVATED)
    tap.equal(agent.activate(authority.new_key(2)).status, 200, "the farm is activated")
    for user in ("alice", "bob"):
        agent.put("h1", user, user)
    agent.put("h1", "root", "root", administrator=True)
    tap.equal(agent.get("/v1/gate?user=carol").status, 403, "licences have run out")
    agent.call("POST", "/v1/report")
    text = metrics(agent)
    compare(tap, BUILD, text, "alone", {"farmgate_farm_lag_revisions"})
    lines = text.splitlines()
    wanted = ["farmgate_concurrent_users 2", "farmgate_users_limit 2", "farmgate_host_users 3", 'farmgate_connections{reason="exempt"} 1',
              "farmgate_gate_refusals_total 1", 'farmgate_gate_admission{admission="holders"} 1', 'farmgate_reports_total{result="accepted"} 1',
              'farmgate_peak_users{period="window"} 2', "farmgate_ready 1", "farmgate_store_healthy 1"]
    tap.equal([line for line in wanted if line not in lines], [], "it tells what happened")
    told = {line.split(" ")[0]: float(line.split(" ")[1]) for line in lines if not line.startswith("#")}
    tap.ok(told["farmgate_store_commit_seconds_count"] >= 3 and 0 < told["farmgate_store_commit_seconds_sum"] < 60, "commits were measured")
    tap.ok(told["farmgate_loop_delay_seconds_count"] > 10 and told["farmgate_loop_delay_seconds_sum"] < told["process_cpu_seconds_total"] + 5,
           "so were turns of the loop", told["farmgate_loop_delay_seconds_sum"])
    tap.ok(1e6 < told["process_resident_memory_bytes"] < 1e9 and told["process_start_time_seconds"] > 1.7e9, "and the process")
    tap.ok(told["farmgate_last_contact_age_seconds"] < 60 < told['farmgate_clock_left_seconds{clock="refresh_by"}'], "clocks run")
    events = {}
    for severity in re.findall(r'"severity":"(\w+)"', agent.get("/v1/events?after=0&follow=false").body.decode()):
        events[severity] = events.get(severity, 0) + 1
    tap.equal({name: int(told['farmgate_events_total{severity="%s"}' % name]) for name in events}, events, "log events are counted")
    clocks = {name for name, at in agent.status()["clocks"].items() if at}
    tap.equal({labels for labels in clocks if 'farmgate_clock_left_seconds{clock="%s"}' % labels in told}, clocks,
              "each clock of /v1/status is there")
    return agent, port


def of_two(farm, authority):
    """Two hosts, one of which counts for both."""
    ports = []
    for name in ("rds1", "rds2"):
        agent = farm.host(name, start=False)
        ports.append(listening(agent))
        agent.start()
        farm.leader()
    leader, follower = farm.hosts["rds1"], farm.hosts["rds2"]
    tap.ok(wait_until(lambda: part(leader) == "leads" and part(follower) == "follows", 20), "one leads, one follows")
    tap.equal(leader.activate(authority.new_key(20)).status, 200, "their farm is activated")
    leader.put("rds1", "1", "alice")
    follower.put("rds2", "1", "bob")
    tap.ok(wait_until(lambda: "farmgate_concurrent_users 2" in metrics(follower).splitlines(), 10), "both tell the farm's users")
    for agent, state in ((leader, "who leads"), (follower, "who follows")):
        compare(tap, BUILD, metrics(agent), state, set())
        tap.ok("farmgate_host_users 1" in metrics(agent).splitlines(), "%s: and this host's own" % state)
    return [leader, follower], ports


def watched(place):
    authority = Authority(place, BUILD).start()
    agent, port = alone(place, authority)
    targets = form_of(json.loads(read("grafana", "farmgate.json")))
    if not program("prometheus") or not program("etcd"):
        tap.skip("Prometheus", "no prometheus, or no etcd")
        return
    with Farm(place, BUILD, authority=authority) as farm:
        hosts, ports = of_two(farm, authority)
        prometheus = Prometheus(place, [(port, "office")] + [(one, "branch") for one in ports]).start()
        for count in range(3):  # a counter that moves between scrapes has a rate
            wanted = "sum(count_over_time(farmgate_ready[1m])) >= %d" % (3 * (count + 1))
            tap.ok(wait_until(lambda: prometheus.value(wanted), 20, 0.2), "Prometheus scrapes all three, %d" % (count + 1), prometheus.log())
            for one, name in zip([agent] + hosts, ("h1", "rds1", "rds2")):
                one.put(name, "more%d" % count, "alice")
        dashboard_on(prometheus, targets)
        manual_on(place, agent, prometheus)
        rules_on(prometheus)
        prometheus.stop()


def main():
    with Place() as place:
        if program("promtool"):
            rules(place)
        else:
            tap.skip("alert rules", "no promtool")
        watched(place)
    tap.done()


if __name__ == "__main__":
    main()
