#!/usr/bin/env python3
"""What the agent's unit allows, with another program in the agent's place: a compromised agent plants no link and no
FIFO where root reads, and the sockets and files keep their owners over restarts. $1 is the build directory."""
import sys

from farm_host import FarmHost, Tap

PROBE = """[Service]
Type=oneshot
ExecStart=
ExecStart=/usr/local/bin/try_links /run/farmgate
ExecStopPost=
Restart=no
WatchdogSec=0
StandardOutput=truncate:/run/try_links.log
"""
STAND_IN = """[Service]
Type=exec
ExecStart=
ExecStart=/usr/local/bin/show_sessions logind
WatchdogSec=0
StandardOutput=null
"""
PLANTED = ["symlink", "symlinkat", "link", "linkat", "symlink_old", "link_old", "mknod_old", "fifo", "mknodat", "device",
           "io_uring", "setuid_bit"]
ALWAYS_REFUSED = ["device"]  # also without the unit: it needs a capability


def attempts(text):
    return {line.split()[0]: line.split()[1:] for line in text.splitlines()}


def use(host, drop_in):
    host.write("/etc/systemd/system/farmgated.service.d/test.conf", drop_in)
    host.run("systemctl", "daemon-reload")


def owner(host, path):
    return host.run("stat", "-c", "%U:%G %a %F", path).strip()


def test_links(tap, host):
    # The same program as the same user, without the unit: there it can, so the refusals below are the unit's.
    host.run("install", "-d", "-o", "farmgate", "/run/free")
    free = attempts(host.run("setpriv", "--reuid=farmgate", "--regid=farmgate", "--clear-groups",
                             "/usr/local/bin/try_links", "/run/free"))
    for name in PLANTED:
        if name in free and name not in ALWAYS_REFUSED and free[name][0] != "done":
            tap.skip("without the unit the agent's user could: " + name, "this kernel says %s" % " ".join(free[name]))
        elif name in free and name not in ALWAYS_REFUSED:
            tap.ok(True, "without the unit the agent's user could: " + name)
    use(host, PROBE)
    host.run("systemctl", "start", "farmgated")
    caught = attempts(host.run("cat", "/run/try_links.log"))
    tap.equal((caught.get("file"), caught.get("rename")), (["done"], ["done"]),
              "within it, the agent writes and renames its files")
    for name in PLANTED:
        if name in free:
            tap.equal(caught.get(name), ["refused", "EPERM"], "and is refused: " + name)
    tap.equal(host.run("find", "/run/farmgate", "(", "-type", "l", "-o", "-type", "p", "-o", "-links", "+1", ")", "!",
                       "-type", "d"), "", "no link and no FIFO lies where root reads")


def test_owners(tap, host):
    expected = {
        "/run/farmgate": "farmgate:farmgate 755 directory",
        "/run/farmgate/agent.sock": "root:farmgate 660 socket",
        "/run/farmgate/admin.sock": "root:farmgate-admin 660 socket",
        "/var/lib/farmgate": "farmgate:farmgate 750 directory",
    }
    use(host, STAND_IN)
    host.run("systemctl", "start", "farmgated")
    host.write("/run/farmgate/nologin", "closed\n")
    for occasion in ("after the start", "after a restart", "after a crash", "after a stop and start"):
        if occasion == "after a restart":
            host.run("systemctl", "restart", "farmgated")
        elif occasion == "after a crash":
            host.run("systemctl", "kill", "--signal=KILL", "farmgated")
            host.run("sh", "-c", "until [ \"$(systemctl show -p NRestarts --value farmgated)\" = 1 ] && "
                                 "systemctl is-active -q farmgated; do sleep 0.2; done")
        elif occasion == "after a stop and start":
            host.run("systemctl", "stop", "farmgated")
            tap.equal(host.run("cat", "/run/farmgate/nologin"), "closed\n", "a stop leaves what lies there")
            host.run("systemctl", "start", "farmgated")
        for path, wanted in expected.items():
            tap.equal(owner(host, path), wanted, "%s, %s" % (path, occasion))
    tap.equal(host.run("cat", "/run/farmgate/nologin"), "closed\n", "what lay there is there still")


def test_boot_order(tap, host):
    after = host.run("systemctl", "show", "-p", "After", "--value", "systemd-user-sessions.service").split()
    tap.ok("farmgated.service" in after, "log-ins are allowed after the agent has started")
    host.run("systemctl", "enable", "--quiet", "farmgated.service", "farmgated.socket", "farmgated-admin.socket")
    tap.equal(host.run("systemctl", "is-enabled", "farmgated.service").strip(), "enabled", "the unit can be enabled")


def main():
    tap = Tap()
    with FarmHost(sys.argv[1]) as host:
        host.install_built()
        host.put("tests/system/try_links", "/usr/local/bin/try_links")
        host.put("tests/system/show_sessions", "/usr/local/bin/show_sessions")
        test_links(tap, host)
        test_owners(tap, host)
        test_boot_order(tap, host)
    tap.done()


main()
