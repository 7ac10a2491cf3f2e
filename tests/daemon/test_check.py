#!/usr/bin/env python3
"""`farmgate check`, the plugin for Nagios, Icinga and their kin: every state with its exit code, line and figures, on a real agent;
what only a farm in trouble tells, from a socket that answers so. The shipped definitions, read by Icinga 2 and by Nagios.

    test_check.py BUILD
"""
import json
import os
import re
import shutil
import socketserver
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Agent, Authority, Place, Tap  # noqa: E402

BUILD = os.path.abspath(sys.argv[1])
HERE = os.path.dirname(os.path.abspath(__file__))
ICINGA = os.path.join(os.path.dirname(os.path.dirname(HERE)), "packaging", "icinga")
FARMGATE = os.path.join(BUILD, "agent", "ctl", "farmgate")
WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
# 'label'=value[unit];[warning];[critical];[least];[most], as the guidelines of the Monitoring Plugins have it
FIGURE = re.compile(r"([a-z_]+)=(-?\d+)(s?);(\d*:?);(\d*:?);?(\d*);?(\d*)$")
tap = Tap()


def check(socket, *options):
    return subprocess.run([FARMGATE, "check", "--socket", socket, *options], capture_output=True, text=True, timeout=30, check=False)


def figures(line):
    """{label: (value, warning, critical)}; None where one has not the form."""
    found = [FIGURE.match(word) for word in line.partition(" | ")[2].split()]
    return {one.group(1): (int(one.group(2)), one.group(4), one.group(5)) for one in found} if all(found) else None


def alarms(figure):
    """The state that a monitor reads off a figure's thresholds."""
    def outside(threshold):
        if not threshold:
            return False
        return figure[0] < int(threshold[:-1]) if threshold.endswith(":") else not 0 <= figure[0] <= int(threshold)
    return 2 if outside(figure[2]) else 1 if outside(figure[1]) else 0


def says(socket, state, text, *options):
    done = check(socket, *options)
    line = done.stdout.rstrip("\n")
    good = done.returncode == state and line.startswith("FARMGATE %s - " % WORDS[state]) and re.search(text, line.partition(" | ")[0])
    tap.ok(good and "\n" not in line and figures(line) is not None, "check %s: %d, %s" % (" ".join(options), state, text),
           "%d: %s\n%s" % (done.returncode, line, done.stderr))
    return figures(line) or {}


def on_an_agent(place):
    authority = Authority(place, BUILD).start()
    agent = Agent(place, BUILD, authority).start()
    told = says(agent.socket, 2, "^FARMGATE CRITICAL - the gate is closed: not_activated, 0 users$")
    tap.equal(told["users"], (0, "", ""), "without a limit there is none in the figures")
    agent.activate(authority.new_key(10))
    for count in range(1, 13):
        agent.put("h1", str(count), "user%d" % count)
        if count in (8, 9, 10, 11, 12):
            state = 0 if count < 9 else 1 if count < 11 else 2
            told = says(agent.socket, state, "%d of 10 users" % count)
            tap.equal((told["users"], alarms(told["users"])), ((count, "8", "10"), state), "the figures' thresholds say the same")
    says(agent.socket, 1, "12 of 10 users", "--warning-users", "100", "--critical-users", "120")
    says(agent.socket, 0, "^FARMGATE OK - 12 of 10 users$", "--warning-users", "121", "--critical-users", "200")
    for count in range(1, 13):
        agent.end("h1", str(count))
    told = says(agent.socket, 0, "^FARMGATE OK - 0 of 10 users$")
    tap.ok({"connections", "exempt", "peak_today", "term_left", "contact_left", "report_age", "report_failures", "windows_queued"} < set(told)
           and told["peak_today"][0] == 12 and told["term_left"][1:] == ("2592000:", "604800:"), "every figure is told", told)
    for option, text in (("term", "the licence ends in 36[45] days"), ("contact", "the authority must be reached in (29|30) days")):
        told = says(agent.socket, 1, text, "--warning-" + option, "400")
        tap.equal(alarms(told[option + "_left"]), 1, "and in the figures")
        says(agent.socket, 2, text, "--critical-" + option, "400")
        says(agent.socket, 0, "OK", "--warning-" + option, "0", "--critical-" + option, "0")
    says(agent.socket, 1, "the last report was answered .* ago", "--warning-report", "0")
    says(agent.socket, 2, "the last report was answered .* ago", "--critical-report", "0")
    authority.stop()
    agent.call("POST", "/v1/report")
    told = says(agent.socket, 1, "1 report failed in a row")
    tap.equal(alarms(told["report_failures"]), 1, "and in the figures")
    tap.ok('farmgate_reports_total{result="unreachable"} 1' in agent.get("/metrics").body.decode().splitlines(), "as Prometheus is told")
    agent.stop()
    says(agent.socket, 3, "no agent answers: ")


# --- what only a farm in trouble tells ------------------------------------------------------------------------------------------


class Says(socketserver.ThreadingUnixStreamServer):
    """A socket on which every path has the answer that it was given; None: silence."""
    daemon_threads = True

    def __init__(self, path, answers):
        self.answers = answers
        self.quiet = threading.Event()
        super().__init__(path, SaysHandler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class SaysHandler(BaseHTTPRequestHandler):
    def do_GET(self):
        status, answer = self.server.answers.get(self.path, (404, {}))
        if answer is None:
            self.server.quiet.wait(20)
            return
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self):
        return "local"

    def log_message(self, *_):
        pass


NOW = "2026-11-22T12:00:00.000Z"
STATUS = {"now": NOW, "ready": True, "verdict": {"open": True, "reason": "open", "admission": "all", "activation": "active"}, "limit": 10,
          "concurrent_users": 3, "connections": 3, "exempt": 0, "peak_today": {"users": 4, "at": NOW},
          "clocks": {"expires_at": "2027-11-22T12:00:00.000Z", "refresh_by": "2026-12-22T12:00:00.000Z"},
          "last_contact": "2026-11-22T11:50:00.000Z", "offline": False, "windows_queued": 0, "report_failures": 0, "health": "",
          "farm": {"part": "follows", "lag": 0, "gaps": 0, "waiting": 0}}


def changed(**parts):
    return {name: dict(value, **parts[name]) if isinstance(parts.get(name), dict) else parts.get(name, value) for name, value in STATUS.items()}


def gaps(*instants):
    return {"store": {"gaps": [{"after": at, "through": at} for at in instants], "gaps_ever": len(instants)}}


def on_answers(place):
    path = place.join("says.sock")
    server = Says(path, {})
    yesterday, old = "2026-11-22T01:00:00.000Z", "2026-11-20T01:00:00.000Z"
    rows = [
        (0, "^FARMGATE OK - 3 of 10 users$", STATUS, None, ()),
        (1, "licences have run out", changed(verdict={"admission": "holders"}), None, ()),
        (1, "the overuse grace ends in 3 days", changed(clocks={"overuse_grace_ends": "2026-11-25T12:00:00.000Z"}), None, ()),
        (0, "OK", changed(clocks={"deactivates_at": "2026-11-22T15:00:00.000Z"}), None, ()),
        (2, "the farm is deactivated in 60 minutes|the farm is deactivated in 1 hour", changed(clocks={"deactivates_at": "2026-11-22T13:00:00.000Z"}), None, ()),
        (2, "the licence ended 3 days ago", changed(clocks={"expires_at": "2026-11-19T12:00:00.000Z"}), None, ()),
        (2, "the gate is closed: stale.*the authority was to be reached", changed(verdict={"open": False, "reason": "stale"}, clocks={"refresh_by": old}), None, ()),
        (1, "the last report was answered 3 hours ago", changed(last_contact="2026-11-22T09:00:00.000Z"), None, ()),
        (2, "the last report was answered", changed(last_contact=old), None, ()),
        (0, "OK", changed(last_contact=old, offline=True), None, ()),
        (1, "gate: its files / cannot be written", changed(health="gate: its files | cannot be written"), None, ()),
        (1, "cut off", changed(farm={"part": "cut_off"}), None, ()),
        (2, "this host is not in its farm: refused", changed(farm={"part": "refused"}), None, ()),
        (1, "1001 revisions behind", changed(farm={"lag": 1001}), None, ()),
        (2, "6 revisions behind", changed(farm={"lag": 6}), None, ("--critical-lag", "5")),
        (1, "1 gap in the last day", changed(farm={"gaps": 2}), gaps(old, yesterday), ()),
        (2, "2 gaps in the last day", changed(farm={"gaps": 2}), gaps(yesterday, yesterday), ("--critical-gaps", "2")),
        (0, "OK", changed(farm={"gaps": 2}), gaps(yesterday), ("--warning-gaps", "2")),
        (0, "OK", changed(farm={"gaps": 1}), gaps(old), ()),
        (0, "OK", changed(farm={"gaps": 1}), {"store": None}, ()),
    ]
    for state, text, status, farm, options in rows:
        server.answers = {"/v1/status": (200, status), "/v1/farm": (200, farm)}
        says(path, state, text, *options)
    for status, text in (((500, {}), "the agent answered with status 500"), ((200, {"now": 3}), "not as expected"), ((200, []), "not as expected")):
        server.answers = {"/v1/status": status}
        says(path, 3, text)
    server.answers = {"/v1/status": (200, None)}
    says(path, 3, "could not be asked: .*", "--timeout", "1")
    server.quiet.set()
    server.shutdown()
    server.server_close()
    for options, text in ((("--warning-users", "many"), "--warning-users: not a percentage of 0 to 1000: many"),
                          (("--timeout", "0"), "--timeout: not a number of seconds of 1 to 600: 0"), (("--bogus",), "wrong options")):
        says(path, 3, text, *options)


# --- the shipped definitions ----------------------------------------------------------------------------------------------------


def in_tree(name, program):
    """A program that tests/run has fetched with its libraries, and the environment it runs in; or the system's."""
    tree = os.path.join(BUILD, "programs", name)
    path = os.path.join(tree, program)
    if os.path.exists(path):
        return path, dict(os.environ, LD_LIBRARY_PATH=os.path.join(tree, "usr/lib/x86_64-linux-gnu"))
    return shutil.which(os.path.basename(program)), dict(os.environ)


NAGIOS = """
define timeperiod {\n timeperiod_name always\n alias always\n}
define command {\n command_name true\n command_line /bin/true\n}
define contact {\n contact_name admin\n host_notification_commands true\n service_notification_commands true
 host_notification_period always\n service_notification_period always\n host_notification_options n\n service_notification_options n\n}
define service {\n name generic-service\n register 0\n max_check_attempts 3\n check_period always\n notification_period always\n contacts admin\n}
define host {\n host_name localhost\n address 127.0.0.1\n max_check_attempts 3\n check_period always\n notification_period always\n contacts admin\n}
"""


def definitions(place):
    with open(os.path.join(ICINGA, "farmgate.conf"), encoding="utf-8") as file:
        passed = dict(re.findall(r'"--([a-z-]+)" = "\$farmgate_(\w+)\$"', file.read()))
    options = set(re.findall(r"^  --([a-z-]+)", subprocess.run([FARMGATE, "check", "--help"], capture_output=True, text=True, check=True).stdout, re.M))
    tap.equal({name: name.replace("-", "_") for name in options - {"help"}}, passed, "Icinga: every option is an argument, and no other")
    icinga, env = in_tree("icinga2", "usr/lib/x86_64-linux-gnu/icinga2/sbin/icinga2")
    if icinga:
        conf = place.write("icinga2.conf", """
const NodeName = "monitor"
object CheckCommand "true" { command = [ "/bin/true" ] }
object Host "ts1" { check_command = "true"; vars.farmgate = true; vars.farmgate_warning_users = 85 }
object Host "other" { check_command = "true" }
include "%s"
""" % os.path.join(ICINGA, "farmgate.conf"))
        names = {name: place.join("icinga-" + name) for name in ("DataDir", "LogDir", "CacheDir", "SpoolDir", "InitRunDir")}
        for path in names.values():
            os.makedirs(path)
        done = subprocess.run([icinga, "daemon", "-C", "-c", conf] + [word for pair in names.items() for word in ("-D", "%s=%s" % pair)] +
                              ["-D", "RunAsUser=root", "-D", "RunAsGroup=root"], env=env, capture_output=True, text=True, timeout=60, check=False)
        tap.ok(done.returncode == 0 and "Instantiated 1 Service." in done.stdout and not re.search(" (warning|critical)/", done.stdout),
               "Icinga 2 takes the shipped definitions, with a service for the hosts that ask for it", done.stdout + done.stderr)
    else:
        tap.skip("Icinga 2 takes the shipped definitions", "no icinga2")
    nagios, env = in_tree("nagios", "usr/sbin/nagios4")
    if nagios:
        conf = place.write("nagios.cfg", "cfg_file=%s\ncfg_file=%s\n" % (place.write("base.cfg", NAGIOS), os.path.join(ICINGA, "farmgate.cfg")) +
                           "".join("%s=%s\n" % (name, place.join("nagios." + name)) for name in
                                   ("log_file", "temp_file", "lock_file", "object_cache_file", "status_file")) +
                           "check_result_path=%s\ntemp_path=%s\nnagios_user=root\nnagios_group=root\n" % (place.path, place.path) +
                           "illegal_macro_output_chars=`~$&|'\"<>\n")
        done = subprocess.run([nagios, "-v", conf], env=env, capture_output=True, text=True, timeout=60, check=False)
        tap.ok(done.returncode == 0 and "Total Warnings: 0\nTotal Errors:   0\n" in done.stdout and "Checked 1 services." in done.stdout,
               "Nagios takes the shipped definitions", done.stdout + done.stderr)
    else:
        tap.skip("Nagios takes the shipped definitions", "no nagios4")


def main():
    with Place() as place:
        on_an_agent(place)
        on_answers(place)
        definitions(place)
    tap.done()


main()
