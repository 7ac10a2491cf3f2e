#!/usr/bin/env python3
"""Published resources as people use them: .rdp files from the agent, opened by FreeRDP against the real xrdp, and counted; and
xrdp's PAM hook that tells the agent of sessions. $1 is the build directory."""
import base64
import os
import sys

from farm_host import FarmHost, Tap, wait_until

CONF = """
farm: { host = "farmtest"; };
authority: { url = "http://127.0.0.1:8640"; key = "%s"; };
sessions: { sources = (%s); };
gate: { address = "127.0.0.1:3389"; };
"""
RESOURCES = """
resources = (
    { id = "desktop"; name = "Desktop"; kind = "desktop"; properties = ("audiomode:i:2"); },
    { id = "terminal"; name = "B\u00fcro"; kind = "application"; command = "xterm -T Published";
      properties = ("remoteapplicationname:s:B\u00fcro \u2192 \U0001f5a5"); },
    { id = "books"; name = "Books"; kind = "application"; command = "books"; groups = ("sudo"); }
);
"""
SOCKET = "/run/farmgate/agent.sock"
HOOK = "session optional pam_exec.so quiet %s %s\n"


class Portal:
    """What a portal does on the host: asks the agent as one user, and hands on what comes."""

    def __init__(self, host):
        self.host = host
        self.key = None

    def set_up(self):
        host = self.host
        host.install()
        host.run("systemctl", "enable", "--quiet", "--now", "farmgate-cloud")
        self.key = host.run("farmgate-cloud", "public-key").strip()
        self.configure('"logind", "api"')
        host.run("sh", "-c", "cat >/etc/farmgate/resources.conf", text=RESOURCES)
        host.run("farmgate", "check-config")
        host.run("systemctl", "enable", "--quiet", "--now", "farmgated")
        host.run("farmgate", "activate", host.run("farmgate-cloud", "key", "create", "--limit", "5", "--term", "1y").split()[0])

    def configure(self, sources):
        self.host.run("sh", "-c", "cat >/etc/farmgate/farmgate.conf", text=CONF % (self.key, sources))

    def fetch(self, path, name="answer"):
        """(status, where the body is kept here)"""
        here = os.path.join(self.host.place, name)
        status = self.host.run("curl", "-s", "--unix-socket", SOCKET, "-o", "/run/answer", "-w", "%{http_code}", "http://x" + path)
        body = self.host.run("base64", "-w0", "/run/answer")
        with open(here, "wb") as file:
            file.write(base64.b64decode(body))
        return int(status), here

    def open(self, resource, user):
        """Somebody opens the file of a resource."""
        status, path = self.fetch("/v1/resources/%s.rdp?user=%s" % (resource, user), resource + ".rdp")
        assert status == 200, status
        return self.host.client("rdp-" + resource, "xfreerdp", path, "/cert:ignore", "/u:" + user, "/p:pw-" + user)

    def open_without_file(self, user):
        """By RDP as always: there is no agent to hand out a file. Whether the session comes."""
        self.host.rdp(user)
        return wait_until(lambda: self.host.has_session(user, "xrdp-sesman"), 20, every=0.2)

    def seen(self):
        """[(user, kind, route)] of what counts or is exempt"""
        connections = self.host.json("farmgate", "connections", "--json")["connections"]
        return sorted((one["user"], one["kind"], one["route"]) for one in connections if not one["reason"].startswith("ignored"))

    def users(self):
        return self.host.json("farmgate", "status", "--json")["concurrent_users"]

    def become(self, tap, wanted, users, name, seconds=20):
        wait_until(lambda: self.seen() == wanted and self.users() == users, seconds, every=0.2)
        tap.equal((self.seen(), self.users()), (wanted, users), name)


def log_off(host, user):
    """Ends the xterm, as soon as there is one."""
    wait_until(lambda: host.try_run("pkill", "-u", user, "-x", "xterm").returncode == 0, 10, every=0.2)


def test_files(tap, host, portal):
    tap.equal((portal.seen(), portal.users()), ([], 0), "nobody is on")
    desktop = portal.open("desktop", "alice")
    portal.become(tap, [("alice", "desktop", "rdp")], 1, "FreeRDP opens a desktop's file: a session of xrdp's, which is counted")
    application = portal.open("terminal", "bob")
    with open(os.path.join(host.place, "terminal.rdp"), "rb") as file:
        tap.ok(file.read(2) == b"\xff\xfe", "an application's file, in UTF-16")
    portal.become(tap, [("alice", "desktop", "rdp"), ("bob", "desktop", "rdp")], 2, "is opened, too, and counted")
    tap.ok(wait_until(lambda: host.try_run("pgrep", "-u", "bob", "-f", "^xterm -T Published$").returncode == 0, 10, every=0.2),
           "and runs its command", host.run("ps", "-u", "bob", "-o", "args"))
    tap.equal(portal.fetch("/v1/resources/books.rdp?user=alice")[0], 404, "what is for a group, others do not get")
    tap.equal(portal.fetch("/v1/resources/books.rdp?user=admin1")[0], 200, "its members do")
    for user in ("alice", "bob"):
        log_off(host, user)
    portal.become(tap, [], 0, "they log off")
    tap.equal([client.wait(10) is not None for client in (desktop, application)], [True, True], "which ends both clients")


def test_hook(tap, host, portal):
    """Of a host that publishes applications, with logind beside it; then alone."""
    hook = host.try_run("ls", "/usr/libexec/farmgate/xrdp-session", "/usr/local/libexec/farmgate/xrdp-session").stdout.strip()
    host.run("sh", "-c", "cat >>/etc/pam.d/xrdp-sesman", text=HOOK % (hook, "application"))
    portal.open("terminal", "admin1")
    portal.become(tap, [("admin1", "application", "rdp")], 1, "the hook says that it is an application: one connection, no exempt desktop")
    log_off(host, "admin1")
    portal.become(tap, [], 0, "and ends with the session")

    portal.configure('"api"')
    host.run("sed", "-i", "s/xrdp-session application/xrdp-session/", "/etc/pam.d/xrdp-sesman")
    host.run("systemctl", "restart", "farmgated")
    portal.open("desktop", "alice")
    portal.become(tap, [("alice", "desktop", "rdp")], 1, "without logind the hook alone tells of a session")
    host.run("systemctl", "stop", "farmgated", "farmgated.socket", "farmgated-admin.socket")
    tap.ok(portal.open_without_file("bob"), "an agent that is away keeps nobody out", host.run("tail", "-n", "5", "/var/log/xrdp-sesman.log"))
    tap.ok(wait_until(lambda: "the agent was not told: connection put" in host.run("journalctl", "-q", "-t", "farmgate-xrdp"), 15, every=0.2),
           "which the journal has")
    host.run("systemctl", "start", "farmgated")
    portal.become(tap, [("alice", "desktop", "rdp")], 1, "it has not heard of that one")
    host.run("systemctl", "enable", "--quiet", "--now", "farmgate-xrdp.timer")
    host.run("systemctl", "start", "farmgate-xrdp.service")
    both = [("alice", "desktop", "rdp"), ("bob", "desktop", "rdp")]
    portal.become(tap, both, 2, "until the renewal")
    log_off(host, "alice")
    portal.become(tap, both[1:], 1, "one logs off")
    files = host.run("find", "/run/farmgate-xrdp", "-type", "f").split()
    tap.equal((len(files), host.run("stat", "-c", "%a %U", "/run/farmgate-xrdp").strip()), (1, "700 root"), "what is kept is root's")
    host.run("kill", "-KILL", host.run("head", "-n", "1", files[0]).strip())
    host.run("systemctl", "start", "farmgate-xrdp.service")
    portal.become(tap, [], 0, "xrdp's process is killed: the renewal ends what it leaves")
    tap.equal(host.run("find", "/run/farmgate-xrdp", "-type", "f"), "", "and forgets it")


def test_closed(tap, host, portal):
    host.run("farmgate-cloud", "farm", "deactivate", host.json("farmgate", "status", "--json")["farm_id"])
    host.try_run("farmgate", "report")
    status, path = portal.fetch("/v1/resources/desktop.rdp?user=alice")
    with open(path, encoding="utf-8") as file:
        tap.ok(status == 403 and '"revoked"' in file.read(), "a closed gate refuses the file, with the reason")
    tap.equal(portal.fetch("/v1/workspace?user=alice")[0], 403, "and the feed")


def main():
    tap = Tap()
    with FarmHost(sys.argv[1]) as host:
        portal = Portal(host)
        try:
            portal.set_up()
            test_files(tap, host, portal)
            test_hook(tap, host, portal)
            test_closed(tap, host, portal)
        except Exception as error:  # the journal says more than the traceback
            tap.ok(False, "no step broke off", "%r\n%s" % (error, host.try_run(
                "journalctl", "-q", "--no-pager", "-n", "60", "-u", "farmgated", "-t", "farmgate-xrdp").stdout))
    tap.done()


main()
