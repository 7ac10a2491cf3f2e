#!/usr/bin/env python3
"""The whole on one real host: authority and agent as services, people with a real RDP client. Counts, reasons and windows
are right at every step; a deactivated farm's gate holds in xrdp's PAM stack; an ordinary user learns nobody's name.
$1 is the build directory."""
import json
import os
import re
import sys

from farm_host import SOURCE, FarmHost, Tap, wait_until

CONF = """
farm: { host = "farmtest"; };
authority: { url = "http://127.0.0.1:8640"; key = "%s"; };
sessions: { sources = ("logind", "api"); };
api: { listen = "%s"; };
gate: { text = "%s"; %s };
"""
CONF_FILES = ["/etc/farmgate/%s.conf" % name for name in ("farmgate", "resources", "farmgate-cloud")]
CONF_OWNERS = "%s root:farmgate 640\n%s root:farmgate 640\n%s root:farmgate-cloud 640\n" % tuple(CONF_FILES)
WATCHDOG = """[Service]
WatchdogSec=2s
RestartSec=100ms
"""
PEOPLE = ["alice", "bob", "carol", "dave", "admin1"]
# What an ordinary user can ask: each answer after a line "## NAME", ended by a line with the exit code of curl or cat.
LEAK_PROBE = """
for path in $PATHS; do
    for port in 8620 8640; do
        echo "## $port$path"; curl -s -i --max-time 3 "http://127.0.0.1:$port$path"; echo; echo $?
    done
    for socket in /run/farmgate/agent.sock /run/farmgate/admin.sock /run/farmgate-cloud/admin.sock; do
        echo "## $socket$path"; curl -s -S -i --max-time 3 --unix-socket $socket "http://localhost$path" 2>&1; echo $?
    done
done
for file in $FILES; do
    echo "## $file"; cat $file 2>&1; echo $?
done
echo "## journal"; journalctl -q --no-pager -u farmgated -u farmgate-cloud 2>&1; echo $?
echo "## status"; systemctl status --no-pager farmgated farmgate-cloud 2>&1; echo $?
"""
PATHS = ("/ /healthz /readyz /metrics /v1/status /v1/connections /v1/users /v1/explain /v1/explain?user=alice /v1/windows "
         "/v1/days /v1/gate?user=nobody /v1/resources?user=nobody /v1/events /v1/farm /v1/version /v1/reports "
         "/v1/resources/desktop.rdp?user=nobody /v1/workspace?user=nobody /v1/activations /v1/admin/farms /v1/admin/keys /v1/admin/audit")
OPEN_WITHOUT_TOKEN = ("/", "/healthz", "/readyz", "/metrics", "/v1/gate?user=nobody")
FILES = "/run/farmgate/present /run/farmgate/nologin /var/lib/farmgate/farmgate.db /var/lib/farmgate/identity " \
        "/var/lib/farmgate/licence /var/lib/farmgate-cloud/signing-key /etc/farmgate/farmgate.conf"


class Site:
    """The host with both services, asked as its administrator would."""

    def __init__(self, tap, host):
        self.tap = tap
        self.host = host
        self.public_key = None
        self.key = None

    def set_up(self):
        host = self.host
        host.install()
        self.tap.equal(host.run("stat", "-c", "%n %U:%G %a", *CONF_FILES), CONF_OWNERS,
                       "the configuration is root's, readable by the service it is for")
        host.run("systemctl", "enable", "--quiet", "--now", "farmgate-cloud")
        self.public_key = host.run("farmgate-cloud", "public-key").strip()
        self.key = host.run("farmgate-cloud", "key", "create", "--limit", "10", "--term", "1y").split()[0]
        self.configure("Ask the help desk.")
        host.run("farmgate", "check-config")
        host.run("farmgate-pam", "install")
        host.run("systemctl", "enable", "--quiet", "--now", "farmgated")
        limits = host.run("systemctl", "show", "-p", "LimitCORE", "--value", "farmgate-cloud", "farmgated")
        self.tap.equal(limits.split(), ["0", "0"], "their memory holds secrets: no core is kept")

    def configure(self, text, listen="127.0.0.1:8620", gate="", more=""):
        """Writes farmgate.conf, keeping its owner and mode as an editor does."""
        self.host.run("sh", "-c", "cat >/etc/farmgate/farmgate.conf", text=CONF % (self.public_key, listen, text, gate) + more)

    def status(self):
        return self.host.json("farmgate", "status", "--json")

    def connections(self):
        return self.host.json("farmgate", "connections", "--json")["connections"]

    def of(self, user):
        return [one for one in self.connections() if one["user"] == user]

    def gate(self, user):
        return self.host.try_run("farmgate", "gate", "--user", user).returncode

    def expect(self, name, users, people, seconds=15):
        """Until so many users count, and of each of the people it is (kind, route, state, administrator, reason)."""
        def seen():
            return {one["user"]: (one["kind"], one["route"], one["state"], one["administrator"], one["reason"])
                    for one in self.connections() if not one["reason"].startswith("ignored")}

        def right():
            return self.status()["concurrent_users"] == users and seen() == people
        if not wait_until(right, seconds, every=0.2):
            self.tap.ok(False, name, "counted %s, %s\nwanted  %s, %s" % (self.status()["concurrent_users"], seen(),
                                                                         users, people))
        else:
            self.tap.ok(True, name)


def desktop(state="active", administrator=False, reason="counted"):
    return ("desktop", "rdp", state, administrator, reason)


ADMIN = desktop(administrator=True, reason="exempt 1 of 2")


def test_activation(tap, site):
    tap.equal(site.status()["verdict"]["reason"], "not_activated", "before activation the gate is closed")
    tap.equal(site.gate("alice"), 2, "and `farmgate gate` says so")
    site.host.run("farmgate", "activate", site.key)
    status = site.status()
    tap.equal((status["verdict"]["open"], status["limit"], status["concurrent_users"]), (True, 10, 0),
              "a key opens it, nobody is on")
    tap.equal(site.gate("alice"), 0, "and `farmgate gate` says so")


def test_sessions(tap, site):
    host = site.host
    clients = {"alice": host.rdp("alice")}
    site.expect("a user connects by RDP: one counts", 1, {"alice": desktop()}, 20)
    clients["bob"] = host.rdp("bob")
    site.expect("a second user: two count", 2, {"alice": desktop(), "bob": desktop()}, 20)
    clients["admin1"] = host.rdp("admin1")
    everybody = {"alice": desktop(), "bob": desktop(), "admin1": ADMIN}
    site.expect("an administrator's desktop is exempt", 2, everybody, 20)
    tap.equal(site.status()["exempt"], 1, "one exempt connection")
    ssh = host.ssh("carol", "sleep", "600")
    tap.ok(wait_until(lambda: site.of("carol") or host.has_session("carol", "sshd"), 10, every=0.2), "somebody by ssh")
    site.expect("is not counted", 2, everybody)
    ssh.close()
    before = site.of("alice")[0]
    clients["alice"].close()
    site.expect("a client that vanishes leaves a disconnected session, which counts", 2,
                dict(everybody, alice=desktop("disconnected")))
    clients["alice"] = host.rdp("alice")
    site.expect("the user comes back", 2, everybody, 20)
    after = site.of("alice")[0]
    tap.equal((after["id"], after["connected_at"]), (before["id"], before["connected_at"]),
              "to the same connection, connected as long as before")
    host.rdp_log_off("bob")
    del everybody["bob"]
    site.expect("a log-off frees the licence", 1, everybody)
    return clients


def test_shapes(tap, site):
    """How logind's sessions look in the answers, ignored ones included, is as agent/openapi.yaml says."""
    try:
        from openapi_check import OpenApi
    except ImportError as error:
        tap.skip("answers fit agent/openapi.yaml", "python3-yaml and python3-jsonschema are missing: %s" % error)
        return
    api = OpenApi(os.path.join(SOURCE, "agent", "openapi.yaml"))
    ssh = site.host.ssh("carol", "sleep", "600")

    def ignored():
        return [one for one in site.host.json("farmgate", "connections", "--json")["ignored"] if one["user"] == "carol"]
    shown = wait_until(ignored, 15, every=0.2)
    tap.equal([(one["service"], one["reason"]) for one in shown], [("sshd", "ignored by rule 5")],
              "a session by ssh is shown with the rule that ignores it")
    faults = [api.check("GET", "/v1/" + call, 200, "application/json", site.host.run("farmgate", call, "--json"))
              for call in ("status", "connections", "users", "explain", "windows")]
    ssh.close()
    tap.equal([fault for fault in faults if fault], [], "answers fit agent/openapi.yaml")


def test_windows(tap, site):
    windows = site.host.json("farmgate", "windows", "--json")["windows"]
    tap.equal((max(one["peak_users"] for one in windows), windows[-1]["users_at_end"],
               max(one["exempt_peak"] for one in windows), windows[-1]["hosts"], windows[-1]["state"]),
              (2, 1, 1, 1, "running"), "the windows have the peak, the level now, the exempt one")
    status = site.status()
    tap.equal((status["peak_today"]["users"], status["peak_ever"]["users"]), (2, 2), "so have today and ever")


def state_of(site):
    status = site.status()
    return (status["concurrent_users"], status["exempt"], status["peak_ever"]["users"], status["verdict"]["open"],
            [(one["id"], one["user"], one["reason"], one["connected_at"]) for one in site.connections()])


def restarted(site, times):
    """Whether systemd has started it again of itself, and it answers."""
    return (site.host.unit("farmgated", "NRestarts") == str(times) and
            site.host.unit("farmgated", "ActiveState") == "active" and
            site.host.try_run("farmgate", "status").returncode == 0)


def test_service(tap, site):
    host = site.host
    wanted = "The gate is open, 1 concurrent users"
    tap.ok(wait_until(lambda: host.unit("farmgated", "StatusText") == wanted, 3, every=0.2),
           "`systemctl status` tells how things stand", host.unit("farmgated", "StatusText"))
    before = state_of(site)
    host.run("systemctl", "restart", "farmgated")
    tap.equal(state_of(site), before, "a restart keeps connections, numbers, peak and verdict")
    host.run("systemctl", "kill", "--signal=KILL", "farmgated")
    tap.ok(wait_until(lambda: restarted(site, 1), 20, every=0.2), "after kill -9 systemd starts it again")
    tap.equal(state_of(site), before, "with the same connections, numbers, peak and verdict")

    host.write("/run/systemd/system/farmgated.service.d/test.conf", WATCHDOG)
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "restart", "farmgated")
    wait_until(lambda: False, 3, every=3)
    tap.equal((host.unit("farmgated", "NRestarts"), host.unit("farmgated", "ActiveState")), ("0", "active"),
              "the watchdog is content with an agent that turns")
    host.run("systemctl", "kill", "--signal=STOP", "farmgated")
    tap.ok(wait_until(lambda: restarted(site, 1), 20, every=0.2), "and has one started again that hangs")
    tap.equal(state_of(site), before, "with the same connections, numbers, peak and verdict")
    host.run("rm", "/run/systemd/system/farmgated.service.d/test.conf")
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "restart", "farmgated")


def said(site, event, word):
    """Whether the agent has logged this event with this word in it."""
    return word in site.host.run("journalctl", "-q", "--no-pager", "-o", "cat", "FARMGATE_CODE=" + event)


def test_journal(tap, site):
    """An event in the journal is the one that the agent's own answers have, and journalctl explains it."""
    host = site.host
    code = "connection_opened"
    with open(os.path.join(SOURCE, "agent", "core", "log_events.def"), encoding="utf-8") as file:
        message_id = re.search(r'LOG_EVENT\(%s, \d+, \w+, "(\w+)"' % code, file.read()).group(1)
    found = host.run("journalctl", "-q", "-o", "json", "-n", "1", "MESSAGE_ID=" + message_id, "FARMGATE_USER=alice")
    entry = json.loads(found)
    tap.equal((entry["PRIORITY"], entry["FARMGATE_CODE"], entry["_SYSTEMD_UNIT"], entry["SYSLOG_IDENTIFIER"]),
              ("6", code, "farmgated.service", "farmgated"), "the journal has events by their MESSAGE_ID and fields")
    stored = [json.loads(line) for line in host.run("farmgate", "events", "--after", "0", "--json").splitlines()]
    event = [one for one in stored if str(one["id"]) == entry["FARMGATE_ID"]][0]
    text = event.pop("text")
    del event["severity"]
    journal = {name[len("FARMGATE_"):].lower(): value for name, value in entry.items() if name.startswith("FARMGATE_")}
    tap.equal((entry["MESSAGE"], journal), (text, {name: str(value) for name, value in event.items()}),
              "as the agent's own store has them")
    shown = host.run("journalctl", "-q", "--no-pager", "-x", "FARMGATE_ID=" + entry["FARMGATE_ID"])
    tap.ok("Subject: " + text in shown and "Defined-By: Farmgate" in shown and "man:farmgate-events(7)" in shown and
           "farmgate explain" in shown, "`journalctl -x` says what it means", shown)


def test_reload(tap, site):
    host = site.host
    site.configure("Never to be seen.", more="gate_text = 1;\n")
    tap.equal(host.try_run("farmgate", "check-config").returncode, 78, "check-config refuses an unknown setting")
    host.run("systemctl", "reload", "farmgated")
    tap.ok(wait_until(lambda: said(site, "settings_refused", "gate_text"), 5, every=0.2),
           "so does a reload, which names it in the journal")
    tap.ok("reload was refused" in host.unit("farmgated", "StatusText"), "and in the status")
    site.configure("Ask Frida.", listen="127.0.0.1:8621")
    host.run("systemctl", "reload", "farmgated")
    tap.ok(wait_until(lambda: said(site, "settings_need_restart", "api.listen"), 5, every=0.2),
           "a right one is applied, and what needs a restart is named")
    tap.ok("reload was refused" not in host.unit("farmgated", "StatusText"), "the status forgets the refusal")
    site.configure("Ask Frida.")
    host.run("systemctl", "reload", "farmgated")


HOOK = """#!/bin/sh
echo "$FARMGATE_CODE by $(id -un)" >>"$STATE_DIRECTORY/said"
case $FARMGATE_CODE-$FARMGATE_STATE in
connection_changed-disconnected) exec loginctl terminate-session "$FARMGATE_SESSION" ;;
esac
"""


def test_hook(tap, site):
    """farmgate-hook.service as it is shipped, and with the privileges that its administrator gives it."""
    host = site.host
    state = "/var/lib/farmgate-hook"

    def hook_said(text):
        return text in host.try_run("cat", state + "/said").stdout

    def cursor():
        return host.try_run("cat", state + "/cursor").stdout.strip()
    tap.equal(host.try_run("systemctl", "is-enabled", "farmgate-hook").stdout, "disabled\n", "the hook's unit is disabled by default")
    host.run("systemctl", "start", "farmgate-hook")
    tap.equal(host.unit("farmgate-hook", "ActiveState"), "inactive", "and without a hook it does not run")
    host.write("/etc/farmgate/hook", HOOK, "0755")
    host.run("systemctl", "enable", "--quiet", "--now", "farmgate-hook")
    tap.ok(wait_until(cursor, 10, every=0.2), "with one it begins")
    host.run("systemctl", "reload", "farmgated")
    tap.ok(wait_until(lambda: hook_said("settings_applied by farmgate-hook"), 10, every=0.2),
           "and runs it for each event, as a user of its own", host.run("journalctl", "-q", "--no-pager", "-u", "farmgate-hook"))
    host.run("systemctl", "kill", "--signal=KILL", "farmgate-hook")
    host.run("systemctl", "reload", "farmgated")
    tap.ok(wait_until(lambda: host.run("cat", state + "/said").count("settings_applied") == 2, 20, every=0.2),
           "kill -9 leaves out no event")
    before = cursor()
    host.write("/run/systemd/system/farmgate-hook.service.d/root.conf", "[Service]\nDynamicUser=no\nUser=root\n")
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "restart", "farmgate-hook")
    tap.ok(int(cursor()) >= int(before), "as root it goes on where it was")
    client = host.rdp("bob")
    tap.ok(wait_until(lambda: site.of("bob"), 20, every=0.2), "somebody connects")
    client.close()
    tap.ok(wait_until(lambda: not site.of("bob"), 20, every=0.2) and hook_said("connection_changed by root"),
           "and a hook that may ends the session left behind", host.run("journalctl", "-q", "--no-pager", "-u", "farmgate-hook"))
    host.run("systemctl", "disable", "--quiet", "--now", "farmgate-hook")


def test_reclaim(tap, site, clients):
    """The way of farmgate-events(7): a forgotten session is ended by the shipped hook, in a service that may."""
    host = site.host
    hooks = host.try_run("ls", "/usr/libexec/farmgate/reclaim", "/usr/local/libexec/farmgate/reclaim").stdout.split()
    tap.equal(len(hooks), 1, "the hook is installed")
    host.run("ln", "-sf", hooks[0], "/etc/farmgate/hook")
    host.run("systemctl", "enable", "--quiet", "--now", "farmgate-hook")  # as root, as its administrator has allowed
    clients["dave"] = host.rdp("dave")
    everybody = {"alice": desktop(), "admin1": ADMIN, "dave": desktop()}
    site.expect("three are on", 2, everybody, 25)
    session = site.of("dave")[0]["id"]
    for user in ("admin1", "alice", "dave"):
        clients[user].close()
        everybody[user] = everybody[user][:2] + ("disconnected",) + everybody[user][3:]
    site.expect("and have left their sessions", 2, everybody)
    shown = host.run("farmgate", "connections", "--disconnected")
    tap.ok("3 disconnected sessions of 3 users; without them, administrators' left alone, there would be 2 concurrent users "
           "fewer" in shown, "which is shown, with what it would save", shown)
    clients["alice"] = host.rdp("alice")
    everybody["alice"] = desktop()
    site.expect("one comes back", 2, everybody, 25)
    site.configure("Ask Frida.", more='reclaim: { disconnected_for = "10s"; };\n')
    host.run("systemctl", "reload", "farmgated")
    del everybody["dave"]
    site.expect("the hook ends the other one's, but not the administrator's", 1, everybody, 30)
    tap.ok(wait_until(lambda: not host.has_session("dave", "xrdp-sesman"), 10, every=0.2), "logind knows it no more")
    tap.ok(wait_until(lambda: said(site, "session_reclaimed", "dave"), 5, every=0.2), "and the journal has who did it",
           host.run("journalctl", "-q", "--no-pager", "-u", "farmgate-hook"))
    stored = [json.loads(line) for line in host.run("farmgate", "events", "--after", "0", "--json").splitlines()]
    story = [one["code"] for one in stored if one.get("session") == session and one.get("user") == "dave"]
    tap.equal((story[:3], sorted(story[3:])), (["connection_opened", "connection_changed", "reclaim_due"],
                                               ["connection_ended", "session_reclaimed"]), "its events tell the story")
    tap.equal([one["user"] for one in stored if one["code"] == "reclaim_due"], ["dave"], "nobody else was due")
    host.run("systemctl", "disable", "--quiet", "--now", "farmgate-hook")
    host.run("rm", "/etc/farmgate/hook")
    site.configure("Ask Frida.")
    host.run("systemctl", "reload", "farmgated")
    clients["admin1"] = host.rdp("admin1")
    site.expect("the administrator comes back to his", 1, {"alice": desktop(), "admin1": ADMIN}, 25)
    del clients["dave"]


def expect_refused(tap, host, user, name, text="Ask Frida."):
    """xrdp's own log tells how an RDP log-in ended: with the text of the gate."""
    def log():
        return host.run("tail", "-n", "+%d" % (before + 1), "/var/log/xrdp-sesman.log")

    def refused():
        if not clients[-1].alive():  # just after a boot xrdp drops a client now and then: people try again
            clients.append(host.rdp(user))
        return text in log()
    before = len(host.run("cat", "/var/log/xrdp-sesman.log").splitlines())
    clients = [host.rdp(user)]
    tap.ok(wait_until(refused, 20, every=0.5) and not host.has_session(user, "xrdp-sesman"), name,
           log() + clients[-1].log())
    clients[-1].close()


def test_closed(tap, site, clients):
    host = site.host
    clients["alice"].close()
    host.rdp_log_off("admin1")
    site.expect("one user is there, disconnected", 1, {"alice": desktop("disconnected")})
    farm = site.status()["farm_id"]
    host.run("farmgate-cloud", "farm", "deactivate", farm)
    host.try_run("farmgate", "report")
    tap.ok(wait_until(lambda: not site.status()["verdict"]["open"], 10, every=0.2),
           "deactivated at the authority, the gate closes with the next report")
    text = host.run("cat", "/run/farmgate/nologin")
    tap.ok("Ask Frida." in text and "Never" not in text, "nologin has the text as it was reloaded", text)
    tap.equal(host.run("cat", "/run/farmgate/present"), "alice\n", "present has who may come back")
    tap.equal(host.run("stat", "-c", "%U %a", "/run/farmgate/nologin", "/run/farmgate/present"),
              "farmgate 600\nfarmgate 600\n", "both are the agent's alone")
    tap.equal((site.gate("dave"), site.gate("alice")), (2, 0), "`farmgate gate` refuses the new, not the present one")

    expect_refused(tap, host, "dave", "a new RDP log-in is refused by pam_nologin")
    ssh = host.ssh("dave", "true")
    tap.equal(ssh.wait(), 0, "ssh is not guarded")
    clients["alice"] = host.rdp("alice")
    clients["admin1"] = host.rdp("admin1")
    site.expect("the present user comes back to the session, the administrator gets in", 1,
                {"alice": desktop(), "admin1": ADMIN}, 25)


def test_survives_stop(tap, site):
    host = site.host
    host.run("systemctl", "stop", "farmgated", "farmgated.socket", "farmgated-admin.socket")
    took_us = (int(host.unit("farmgated", "InactiveEnterTimestampMonotonic")) -
               int(host.unit("farmgated", "ActiveExitTimestampMonotonic")))
    tap.equal((host.unit("farmgated", "Result"), 0 < took_us < 1000000), ("success", True),
              "it stops as asked, within a second (%d ms)" % (took_us // 1000))
    tap.ok(host.run("cat", "/run/farmgate/nologin"), "the gate stays closed without the agent")
    expect_refused(tap, host, "dave", "and refuses")
    host.run("systemctl", "start", "farmgated")
    tap.equal(site.status()["verdict"]["reason"], "revoked", "and when it is back")


def test_boot(tap, site, clients):
    host = site.host
    for client in clients.values():
        client.close()
    host.reboot()
    expect_refused(tap, host, "dave", "after a boot the first log-in is refused")
    ready = int(host.unit("farmgated", "ActiveEnterTimestampMonotonic"))
    opened = [int(host.unit(unit, "InactiveExitTimestampMonotonic"))
              for unit in ("systemd-user-sessions", "xrdp-sesman")]
    tap.ok(0 < ready <= min(opened), "since the gate stood before log-ins began", (ready, opened))
    status = site.status()
    tap.equal((status["verdict"]["reason"], status["concurrent_users"], status["peak_ever"]["users"], site.connections()),
              ("revoked", 0, 2, []), "verdict and peak survived the boot, connections did not")
    tap.equal(host.run("cat", "/run/farmgate/present"), "", "nobody is present")
    clients["admin1"] = host.rdp("admin1")
    site.expect("an administrator gets in", 0, {"admin1": ADMIN}, 25)


def test_reactivation(tap, site):
    host = site.host
    host.run("farmgate", "activate", site.key)
    tap.ok(site.status()["verdict"]["open"], "activated again, the gate opens")
    tap.ok(host.try_run("test", "-e", "/run/farmgate/nologin").returncode != 0, "nologin is gone")
    host.rdp("dave")
    site.expect("and the one who was refused gets in", 1, {"admin1": ADMIN, "dave": desktop()}, 25)
    host.rdp("alice")
    site.expect("with everybody", 2, {"alice": desktop(), "admin1": ADMIN, "dave": desktop()}, 25)


def probe(host, user):
    """name -> (HTTP status or 0, whether anything was let in, the text)"""
    text = host.run("setpriv", "--reuid=" + user, "--regid=" + user, "--init-groups", "env", "PATHS=" + PATHS,
                    "FILES=" + FILES, "sh", "-c", LEAK_PROBE, timeout=300)
    found = {}
    for part in text.split("## ")[1:]:
        name, _, rest = part.partition("\n")
        words = rest.split(None, 2)
        status = int(words[1]) if len(words) > 1 and words[0].startswith("HTTP/") else 0
        found[name] = (status, rest.rstrip().endswith("\n0"), rest)
    return found


def test_nobody_learns_names(tap, site):
    """bob is an ordinary user of the host; alice, admin1 and dave are on."""
    found = probe(site.host, "bob")
    for name, (status, _, text) in sorted(found.items()):
        if name.startswith("8620/") and name[4:] not in OPEN_WITHOUT_TOKEN:
            tap.ok(status in (401, 403, 404), "without a token: %s" % name, text)
        if name.startswith("8640/v1/admin"):
            tap.equal(status, 401, "nor with the authority: %s" % name)
    sockets = {name: what for name, what in found.items() if ".sock" in name}
    tap.ok(sockets and not any(let_in for _, let_in, _ in sockets.values()), "no socket lets him in", sockets)
    files = {name: found[name] for name in FILES.split()}
    tap.ok(not any(let_in for _, let_in, _ in files.values()), "no file lets him read", files)
    tap.equal({name: text for name, (_, _, text) in found.items() if any(person in text for person in PEOPLE)}, {},
              "nothing that answers him names anybody")
    tap.ok("The gate is open" in found["status"][2], "(systemd does answer)", found["status"])
    tap.equal([found["8620/healthz"][0], found["8620/metrics"][0], found["8640/healthz"][0]], [200, 200, 200],
              "(the ports do answer)")
    # The same probe by somebody who may: it would have found the names.
    site.host.run("usermod", "--append", "--groups", "farmgate", "carol")
    allowed = probe(site.host, "carol")
    tap.ok("alice" in allowed["/run/farmgate/agent.sock/v1/connections"][2], "(who may ask is told names)",
           allowed["/run/farmgate/agent.sock/v1/connections"])
    tap.ok(not allowed["/run/farmgate/admin.sock/v1/connections"][1], "and may not change anything")


RUN_OUT_TEXT = "All licences of this farm are in use"
GATE_FILES = ("nologin", "run-out")


def gate_files(host):
    """Which of nologin and its mark stand, and who is present."""
    there = [name for name in GATE_FILES if host.try_run("test", "-e", "/run/farmgate/" + name).returncode == 0]
    return there, host.run("cat", "/run/farmgate/present").split()


def become(tap, host, wanted, name, seconds=10):
    wait_until(lambda: gate_files(host) == wanted, seconds, every=0.2)
    tap.equal(gate_files(host), wanted, name)


def test_run_out(tap, site):
    """One licence, the grace spared: it runs out with the first user."""
    host = site.host
    for user in ("alice", "admin1", "dave"):
        host.rdp_log_off(user)
    site.expect("everybody logs off", 0, {}, 25)
    site.configure("Ask Frida.", gate="spare_grace = true;")
    host.run("systemctl", "reload", "farmgated")
    host.run("farmgate", "activate", host.run("farmgate-cloud", "key", "create", "--limit", "1", "--term", "1y").split()[0])
    become(tap, host, ([], []), "a farm of one licence, which is free")
    client = host.rdp("alice")
    site.expect("the only licence is taken", 1, {"alice": desktop()}, 25)
    become(tap, host, (["nologin", "run-out"], ["alice"]), "nologin stands, and who holds the licence is present")
    tap.ok(host.run("cat", "/run/farmgate/nologin").startswith(RUN_OUT_TEXT), "it says that all are in use")
    expect_refused(tap, host, "dave", "a second user's RDP log-in is refused by pam_nologin with that text", RUN_OUT_TEXT)
    tap.equal((site.gate("dave"), site.gate("alice")), (2, 0), "and by `farmgate gate`")
    wait_until(lambda: said(site, "user_refused", "dave"), 5, every=0.2)
    tap.ok(said(site, "user_refused", "no_license_free"), "which is in the journal")
    client.close()
    site.expect("the holder's client vanishes", 1, {"alice": desktop("disconnected")})
    host.rdp("alice")
    site.expect("and comes back to the session", 1, {"alice": desktop()}, 25)
    host.rdp("admin1")
    site.expect("an administrator gets in", 1, {"alice": desktop(), "admin1": ADMIN}, 25)
    become(tap, host, (["nologin", "run-out"], ["admin1", "alice"]), "and is present")
    tap.ok("open to who holds a licence" in host.unit("farmgated", "StatusText"), "`systemctl status` says how it stands",
           host.unit("farmgated", "StatusText"))


def test_run_out_ends(tap, site):
    """A crowd's nologin goes with the agent, however that ends; a deactivation's stays."""
    host = site.host
    crowd, gone = (["nologin", "run-out"], ["admin1", "alice"]), ([], ["admin1", "alice"])
    host.run("systemctl", "stop", "farmgated", "farmgated.socket", "farmgated-admin.socket")
    tap.equal(gate_files(host), gone, "stopped, the agent takes nologin with it")
    host.run("systemctl", "start", "farmgated")
    become(tap, host, crowd, "started, it brings it back")
    host.run("systemctl", "kill", "--signal=KILL", "farmgated")
    become(tap, host, gone, "after kill -9 systemd has it taken away", 4)
    become(tap, host, crowd, "and the next start brings it back", 20)
    host.run("sh", "-c", "echo 'gate: {' >>/etc/farmgate/farmgate.conf")
    host.run("systemctl", "kill", "--signal=KILL", "farmgated")
    wait_until(lambda: host.unit("farmgated", "ActiveState") == "failed", 20, every=0.2)
    tap.equal((host.unit("farmgated", "ExecMainStatus"), gate_files(host)), ("78", gone),
              "so it is with a configuration that does not let it start again")
    site.configure("Ask Frida.", gate="spare_grace = true;")
    host.run("systemctl", "start", "farmgated")
    become(tap, host, crowd, "put right, it goes on")
    host.run("farmgate-cloud", "farm", "deactivate", site.status()["farm_id"])
    host.try_run("farmgate", "report")
    closed = (["nologin"], ["admin1", "alice"])
    become(tap, host, closed, "deactivated, nologin stands without the mark")
    host.run("systemctl", "kill", "--signal=KILL", "farmgated")
    wait_until(lambda: host.unit("farmgated", "ActiveState") == "activating", 4, every=0.1)
    tap.equal((host.unit("farmgated", "SubState"), gate_files(host)), ("auto-restart", closed), "and stays after kill -9")
    tap.ok(wait_until(lambda: host.unit("farmgated", "ActiveState") == "active", 20, every=0.2), "the agent comes back")
    host.run("systemctl", "stop", "farmgated", "farmgated.socket", "farmgated-admin.socket")
    tap.equal(gate_files(host), closed, "and when the agent is stopped")


def main():
    tap = Tap()
    if not os.path.exists(os.path.join(sys.argv[1], "agent", "farmgated")):
        tap.skip("agent", "this build has no farmgated")
        tap.done()
    with FarmHost(sys.argv[1]) as host:
        site = Site(tap, host)
        try:
            site.set_up()
            test_activation(tap, site)
            clients = test_sessions(tap, site)
            test_shapes(tap, site)
            test_windows(tap, site)
            test_service(tap, site)
            test_journal(tap, site)
            test_reload(tap, site)
            test_hook(tap, site)
            test_reclaim(tap, site, clients)
            test_closed(tap, site, clients)
            test_survives_stop(tap, site)
            test_boot(tap, site, clients)
            test_reactivation(tap, site)
            test_nobody_learns_names(tap, site)
            test_run_out(tap, site)
            test_run_out_ends(tap, site)
        except Exception as error:  # the journal says more than the traceback
            tap.ok(False, "no step broke off", "%r\n%s" % (error, host.try_run(
                "journalctl", "-q", "--no-pager", "-n", "60", "-u", "farmgated", "-u", "farmgate-cloud").stdout))
    tap.done()


main()
