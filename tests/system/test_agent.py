#!/usr/bin/env python3
"""The whole on one real host: authority and agent as services, people with a real RDP client. Counts, reasons and windows
are right at every step; a deactivated farm's gate holds in xrdp's PAM stack; an ordinary user learns nobody's name.
$1 is the build directory."""
import os
import sys

from farm_host import FarmHost, Tap, wait_until

CONF = """
farm: { host = "farmtest"; };
authority: { url = "http://127.0.0.1:8640"; key = "%s"; };
sessions: { sources = ("logind", "api"); };
api: { listen = "127.0.0.1:8620"; };
gate: { text = "Ask the help desk."; };
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
"""
PATHS = ("/ /healthz /readyz /metrics /v1/status /v1/connections /v1/users /v1/explain /v1/explain?user=alice /v1/windows "
         "/v1/days /v1/gate?user=nobody /v1/resources?user=nobody /v1/events /v1/farm /v1/version /v1/farms /v1/reports "
         "/v1/activations")
OPEN_WITHOUT_TOKEN = ("/healthz", "/readyz", "/metrics", "/v1/gate?user=nobody")
FILES = "/run/farmgate/present /run/farmgate/nologin /var/lib/farmgate/farmgate.db /var/lib/farmgate/identity " \
        "/var/lib/farmgate/licence /var/lib/farmgate-cloud/signing-key /etc/farmgate/farmgate.conf"


class Site:
    """The host with both services, asked as its administrator would."""

    def __init__(self, tap, host):
        self.tap = tap
        self.host = host
        self.key = None

    def set_up(self):
        host = self.host
        host.install()
        host.run("systemctl", "start", "farmgate-cloud")
        public = host.run("farmgate-cloud", "public-key").strip()
        self.key = host.run("farmgate-cloud", "key", "create", "--limit", "10", "--term", "1y").split()[0]
        host.write("/etc/farmgate/farmgate.conf", CONF % public, "0640")
        host.run("chown", "root:farmgate", "/etc/farmgate/farmgate.conf")
        host.run("farmgate-pam", "install")
        host.run("systemctl", "start", "farmgated")

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


def desktop(state="active", administrator="no", reason="counted"):
    return ("desktop", "rdp", state, administrator, reason)


ADMIN = desktop(administrator="yes", reason="exempt 1 of 2")


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


def test_windows(tap, site):
    windows = site.host.json("farmgate", "windows", "--json")["windows"]
    tap.equal((max(one["peak_users"] for one in windows), windows[-1]["users_at_end"],
               max(one["exempt_peak"] for one in windows), windows[-1]["hosts"], windows[-1]["state"]),
              (2, 1, 1, 1, "running"), "the windows have the peak, the level now, the exempt one")
    status = site.status()
    tap.equal((status["peak_today"]["users"], status["peak_ever"]["users"]), (2, 2), "so have today and ever")


def test_restarts(tap, site):
    before = [(one["id"], one["user"], one["reason"], one["connected_at"]) for one in site.connections()]
    for name, command in (("a restart", ["restart"]), ("a crash", ["kill", "--signal=KILL"])):
        site.host.run("systemctl", *command, "farmgated")
        tap.ok(wait_until(lambda: site.host.try_run("farmgate", "status").returncode == 0, 20, every=0.2),
               "after %s it answers" % name)
        tap.equal([(one["id"], one["user"], one["reason"], one["connected_at"]) for one in site.connections()], before,
                  "with the same connections")
        status = site.status()
        tap.equal((status["concurrent_users"], status["peak_ever"]["users"], status["verdict"]["open"]), (1, 2, True),
                  "the same number, peak and verdict")


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
    tap.ok("Ask the help desk." in text, "nologin has the text", text)
    tap.equal(host.run("cat", "/run/farmgate/present"), "alice\n", "present has who may come back")
    tap.equal(host.run("stat", "-c", "%U %a", "/run/farmgate/nologin", "/run/farmgate/present"),
              "farmgate 600\nfarmgate 600\n", "both are the agent's alone")
    tap.equal((site.gate("dave"), site.gate("alice")), (2, 0), "`farmgate gate` refuses the new, not the present one")

    refused = host.rdp("dave")
    tap.ok(wait_until(lambda: "pam_nologin" in host.run("journalctl", "-q", "--no-pager") or "dave" in
                      host.run("sh", "-c", "grep -h 'dave' /var/log/xrdp-sesman.log || true"), 15, every=0.5),
           "a new RDP log-in comes to sesman")
    wait_until(lambda: False, 3, every=1)
    tap.ok(not host.has_session("dave", "xrdp-sesman"), "and is refused", host.run("loginctl", "list-sessions"))
    refused.close()
    ssh = host.ssh("dave", "true")
    tap.equal(ssh.wait(), 0, "ssh is not guarded")
    clients["alice"] = host.rdp("alice")
    clients["admin1"] = host.rdp("admin1")
    site.expect("the present user comes back to the session, the administrator gets in", 1,
                {"alice": desktop(), "admin1": ADMIN}, 25)


def test_survives_stop(tap, site):
    host = site.host
    host.run("systemctl", "stop", "farmgated")
    tap.ok(host.run("cat", "/run/farmgate/nologin"), "the gate stays closed without the agent")
    host.run("systemctl", "start", "farmgated")
    tap.equal(site.status()["verdict"]["reason"], "revoked", "and when it is back")


def test_reactivation(tap, site):
    host = site.host
    host.run("farmgate", "activate", site.key)
    tap.ok(site.status()["verdict"]["open"], "activated again, the gate opens")
    tap.ok(host.try_run("test", "-e", "/run/farmgate/nologin").returncode != 0, "nologin is gone")
    host.rdp("dave")
    site.expect("and the one who was refused gets in", 2, {"alice": desktop(), "admin1": ADMIN, "dave": desktop()}, 25)


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
    sockets = {name: what for name, what in found.items() if ".sock" in name}
    tap.ok(sockets and not any(let_in for _, let_in, _ in sockets.values()), "no socket lets him in", sockets)
    files = {name: found[name] for name in FILES.split()}
    tap.ok(not any(let_in for _, let_in, _ in files.values()), "no file lets him read", files)
    tap.equal({name: text for name, (_, _, text) in found.items() if any(person in text for person in PEOPLE)}, {},
              "nothing that answers him names anybody")
    tap.equal([found["8620/healthz"][0], found["8620/metrics"][0], found["8640/healthz"][0]], [200, 200, 200],
              "(the ports do answer)")
    # The same probe by somebody who may: it would have found the names.
    site.host.run("usermod", "--append", "--groups", "farmgate", "carol")
    allowed = probe(site.host, "carol")
    tap.ok("alice" in allowed["/run/farmgate/agent.sock/v1/connections"][2], "(who may ask is told names)",
           allowed["/run/farmgate/agent.sock/v1/connections"])
    tap.ok(not allowed["/run/farmgate/admin.sock/v1/connections"][1], "and may not change anything")


def main():
    tap = Tap()
    if not os.path.exists(os.path.join(sys.argv[1], "agent", "farmgated")):
        tap.skip("agent", "this build has no farmgated")
        tap.done()
    with FarmHost(sys.argv[1]) as host:
        site = Site(tap, host)
        site.set_up()
        try:
            test_activation(tap, site)
            clients = test_sessions(tap, site)
            test_windows(tap, site)
            test_restarts(tap, site)
            test_closed(tap, site, clients)
            test_survives_stop(tap, site)
            test_reactivation(tap, site)
            test_nobody_learns_names(tap, site)
        except Exception as error:  # the journal says more than the traceback
            tap.ok(False, "no step broke off", "%r\n%s" % (error, host.try_run(
                "journalctl", "-q", "--no-pager", "-n", "60", "-u", "farmgated", "-u", "farmgate-cloud").stdout))
    tap.done()


main()
