#!/usr/bin/env python3
"""The logind source on a real machine, inside the agent's own unit with all its restrictions: RDP, ssh and su come
and go, an RDP client vanishes and comes back, and every step is told. $1 is the build directory."""
import json
import sys

from farm_host import FarmHost, Tap, now_ms, wait_until

LOG = "/run/show-sessions.log"
DROP_IN = """[Service]
Type=exec
ExecStart=
ExecStart=/usr/local/bin/show_sessions logind
WatchdogSec=0
StandardOutput=truncate:%s
""" % LOG


class Shown:
    """What show_sessions has told."""

    def __init__(self, host):
        self.host = host

    def lines(self):
        return [json.loads(line) for line in self.host.run("cat", LOG).splitlines()]

    def sets(self):
        return [line for line in self.lines() if "sessions" in line]

    def until(self, condition, seconds=10):
        """The first set (now or later) of which the condition holds for the sessions; None after so long."""
        def look():
            sets = self.sets()
            return sets and sets[-1]["complete"] and condition(sets[-1]["sessions"]) and sets[-1]
        return wait_until(look, seconds, every=0.1) or None


def of(sessions, user):
    return [session for session in sessions if session["user"] == user and not session["closing"]]


def one(shown, user, state="active", seconds=10):
    told = shown.until(lambda sessions: [s["state"] for s in of(sessions, user)] == [state], seconds)
    return (told, of(told["sessions"], user)[0]) if told else (None, {})


def logind_timestamp_ms(host, session):
    path = host.run("busctl", "call", "org.freedesktop.login1", "/org/freedesktop/login1",
                    "org.freedesktop.login1.Manager", "GetSession", "s", session).split()[1].strip('"')
    value = host.run("busctl", "get-property", "org.freedesktop.login1", path, "org.freedesktop.login1.Session",
                     "Timestamp")
    return int(value.split()[1]) // 1000


def switches(host):
    pid = host.run("systemctl", "show", "-p", "MainPID", "--value", "farmgated").strip()
    status = host.run("cat", "/proc/%s/status" % pid)
    return int([line for line in status.splitlines() if line.startswith("voluntary_ctxt")][0].split()[1])


def test_ssh(tap, host, shown):
    before = now_ms()
    client = host.ssh("alice", "sleep", "60")
    told, session = one(shown, "alice")
    tap.ok(told, "an ssh log-in is told", client.log())
    tap.equal((session.get("service"), session.get("type"), session.get("class"), session.get("remote"),
               session.get("remote_host")), ("sshd", "tty", "user", True, "127.0.0.1"), "as what it is")
    tap.ok(before <= session.get("connected_at_ms", 0) <= now_ms(), "with the time of its log-in", session)
    return client


def test_rdp(tap, host, shown):
    client = host.rdp("carol")
    told, session = one(shown, "carol", seconds=20)
    tap.ok(told, "an RDP log-in is told", client.log())
    tap.equal((session.get("service"), session.get("type"), session.get("class"), session.get("remote"),
               session.get("remote_host")), ("xrdp-sesman", "x11", "user", False, None), "as what it is")
    tap.equal(session.get("connected_at_ms"), logind_timestamp_ms(host, session["id"]),
              "with the time that logind has")
    wait_until(lambda: now_ms() - session["connected_at_ms"] > 6000, 10, every=0.2)
    states = {s["state"] for line in shown.sets() for s in of(line["sessions"], "carol")}
    tap.equal(states, {"active"}, "and was never told as disconnected while it began")
    return client, session


def test_disconnect(tap, shown, client, session):
    at = now_ms()
    client.close()
    told, again = one(shown, "carol", "disconnected")
    took = told["at_ms"] - at if told else None
    tap.ok(told and took < 2000, "a client that vanishes is told within 2 s (%s ms)" % took)
    tap.equal((again.get("id"), again.get("connected_at_ms")), (session["id"], session["connected_at_ms"]),
              "the session is the same")


def test_reconnect(tap, host, shown, session):
    client = host.rdp("carol")
    at = now_ms()
    told, again = one(shown, "carol", "active")
    took = told["at_ms"] - at if told else None
    tap.ok(told and took < 5000, "a client that comes back is told (%s ms after it was started)" % took, client.log())
    tap.equal((again.get("id"), again.get("connected_at_ms")), (session["id"], session["connected_at_ms"]),
              "to the same session")


def test_su(tap, host, shown):
    host.run("systemd-run", "--quiet", "--unit=su-bob", "su", "-l", "bob", "-c", "sleep 60")
    told, session = one(shown, "bob")
    tap.ok(told and session.get("service") in ("su", "su-l"), "su is told as su", session)
    host.run("systemctl", "stop", "su-bob")
    tap.ok(shown.until(lambda sessions: not of(sessions, "bob")), "and that it ends")


def test_log_off(tap, host, shown, ssh):
    at = now_ms()
    host.rdp_log_off("carol")
    told = shown.until(lambda sessions: not of(sessions, "carol"))
    tap.ok(told and told["at_ms"] - at < 2000, "an RDP log-off is told (%s ms)" % (told and told["at_ms"] - at))
    at = now_ms()
    ssh.close()
    told = shown.until(lambda sessions: not of(sessions, "alice"))
    tap.ok(told and told["at_ms"] - at < 2000, "the end of ssh is told (%s ms)" % (told and told["at_ms"] - at))


def test_idle(tap, host):
    before = switches(host)
    wait_until(lambda: False, 20, every=5)
    tap.ok(switches(host) - before <= 1, "an idle host wakes nobody (%d times in 20 s)" % (switches(host) - before))


def test_logind_restarted(tap, host, shown):
    host.run("systemctl", "restart", "systemd-logind")
    client = host.ssh("dave", "sleep", "60")
    told, _ = one(shown, "dave")
    tap.ok(told, "after a restart of logind a log-in is still told", client.log())
    client.close()
    tap.ok(shown.until(lambda sessions: not of(sessions, "dave")), "and its end")


def main():
    tap = Tap()
    with FarmHost(sys.argv[1]) as host:
        host.install()
        host.put("tests/system/show_sessions", "/usr/local/bin/show_sessions")
        host.write("/etc/systemd/system/farmgated.service.d/test.conf", DROP_IN)
        host.run("systemctl", "daemon-reload")
        host.run("systemctl", "start", "farmgated")
        shown = Shown(host)
        tap.ok(shown.until(lambda sessions: sessions == []), "nobody is there at first")
        ssh = test_ssh(tap, host, shown)
        rdp, session = test_rdp(tap, host, shown)
        test_disconnect(tap, shown, rdp, session)
        test_reconnect(tap, host, shown, session)
        test_su(tap, host, shown)
        test_log_off(tap, host, shown, ssh)
        test_idle(tap, host)
        test_logind_restarted(tap, host, shown)
        tap.ok(not [line for line in shown.lines() if line.get("error")], "the source was never unwell",
               [line for line in shown.lines() if "error" in line])
    tap.done()


main()
