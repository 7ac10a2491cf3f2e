#!/usr/bin/env python3
"""The Debian packages on a host, as its administrator has them: installed, one file edited, started; a user connects, counts, and
every interface tells of it (see interfaces.py).
Older and newer versions keep the state and the gate; removed, nobody stands before a gate that nobody opens; purged, nothing
is left. Built twice, elsewhere, they are the same bytes. $1 is the build directory; the packages are those of
$FARMGATE_PACKAGES (see packages.py), or made here."""
import filecmp
import os
import shutil
import subprocess
import sys

import interfaces
import packages
from farm_host import FarmHost, Tap, wait_until

# What the administrator changes in farmgate.conf, in its parts "authority" and "api".
EDIT = r"""/^authority = {/,/^};/ { s!# url = .*!url = "http://127.0.0.1:8640";!; s!# key = .*!key = "%s";! }
/^api = {/,/^};/ s!# listen = .*!listen = "LISTEN";!""".replace("LISTEN", interfaces.LISTEN)
UNITS = {"farmgated.service": ("enabled", "inactive"), "farmgated.socket": ("enabled", "inactive"),
         "farmgated-admin.socket": ("enabled", "inactive"), "farmgate-hook.service": ("disabled", "inactive"),
         "farmgate-xrdp.timer": ("disabled", "inactive"),
         "farmgate-cloud.service": ("enabled", "active"), "farmgate-cloud.socket": ("enabled", "active")}
OWNERS = """/etc/farmgate/farmgate-cloud.conf root:farmgate-cloud 640
/etc/farmgate/farmgate.conf root:farmgate 640
/etc/farmgate/resources.conf root:farmgate 640
"""
PAM = "/etc/pam.d/xrdp-sesman"
PAM_HOOK = "session optional pam_exec.so quiet /usr/libexec/farmgate/xrdp-session\n"
# What packages and people leave on any host; /run is looked at by name.
LISTING = r"""find /etc /usr /var /opt /srv /root -xdev \( -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/cache \
    -o -path /var/log -o -path /var/tmp -o -path /var/lib/systemd -o -path /root/packages \) -prune -o -print | grep -v '^/etc/.*-$'
find /run /var/lib/systemd /tmp /var/tmp -xdev -name '*farmgate*'
getent passwd | cut -d: -f1 | sed 's/^/user /'
getent group | cut -d: -f1 | sed 's/^/group /'"""
# Whether the gate's file was away while the command ran: the loop looks oftener than an agent starts.
WATCHED = """( while [ ! -e /run/watched ]; do [ -e /run/farmgate/nologin ] || echo away; done ) >/run/away &
"$@"; code=$?
touch /run/watched; wait; rm /run/watched; exit $code"""


def test_same_bytes(tap, place):
    first, second = os.path.join(place, "first"), os.path.join(place, "second")
    names = sorted(os.listdir(first))
    tap.equal(sorted(name.split("_")[0] for name in names), ["farmgate", "farmgate-cloud", "farmgate-cloud-dbgsym",
                                                                "farmgate-dbgsym"], "the packages")
    tap.equal(sorted(os.listdir(second)), names, "the same elsewhere")
    tap.equal([name for name in names if not filecmp.cmp(os.path.join(first, name), os.path.join(second, name), False)], [],
              "of the same bytes: another path, time, zone, language, umask and number of processors do not show")


def test_lintian(tap, place):
    if not shutil.which("lintian"):
        tap.skip("lintian", "it is not installed")
        return
    found = packages.found(os.path.join(place, "first"))
    told = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0", *found.values()],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    tap.equal((told.returncode, told.stdout), (0, ""), "lintian has nothing to say")


def test_spec(tap):
    """What can be seen of the RPM packages without building them a third time: the spec is understood, its scripts are sh."""
    if not shutil.which("rpmspec"):
        tap.skip("the spec of the RPM packages", "rpm is not installed")
        return
    spec = os.path.join(packages.SOURCE, "packaging", "rpm", "farmgate.spec")
    scripts = "".join("%%{%s}\n" % name for name in ("POSTIN", "PREUN", "POSTUN"))
    told = subprocess.run(["rpmspec", "--query", "--define", "farmgate_version " + packages.version(), "--qf",
                           "# %{NAME} %{VERSION}\n" + scripts, spec], stdout=subprocess.PIPE, text=True, check=False)
    tap.equal((told.returncode, [line for line in told.stdout.splitlines() if line.startswith("# farmgate")]),
              (0, ["# %s %s" % (name, packages.version()) for name in ("farmgate", "farmgate-cloud")]), "the spec of the RPM packages")
    tap.equal(subprocess.run(["sh", "-n"], input=told.stdout, text=True, check=False).returncode, 0, "and its scripts")


class Site:
    """A host, its package manager, and the agent as its administrator asks it."""

    def __init__(self, tap, host, place):
        self.tap, self.host = tap, host
        for which in ("first", "previous"):
            host.run("mkdir", "-p", "/root/packages/" + which)
            for path in packages.found(os.path.join(place, which)).values():
                host.copy(path, os.path.join("/root/packages", which, os.path.basename(path)))

    def try_apt(self, *words, before=()):
        return self.host.try_run(*before, "env", "DEBIAN_FRONTEND=noninteractive", "sh", "-c",
                                 "cd /root/packages && apt-get --quiet --yes " + " ".join(words), timeout=120)

    def apt(self, *words, before=()):
        told = self.try_apt(*words, before=before)
        if told.returncode != 0:
            raise RuntimeError("apt-get %s: %d\n%s%s" % (words, told.returncode, told.stdout, told.stderr))
        return told.stdout + told.stderr

    def status(self):
        return self.host.json("farmgate", "status", "--json")

    def gone(self, path):
        return self.host.try_run("test", "-e", path).returncode != 0

    def units(self):
        return {unit: (self.host.try_run("systemctl", "is-enabled", unit).stdout.strip(), self.host.unit(unit, "ActiveState"))
                for unit in UNITS}

    def state(self):
        """All that a new version has to find as it was."""
        status = self.status()
        windows = self.host.json("farmgate", "windows", "--json")["windows"]
        connections = self.host.json("farmgate", "connections", "--json")["connections"]
        return {"farm": status["farm_id"], "limit": status["limit"], "verdict": status["verdict"]["reason"],
                "peaks": (status["peak_today"]["users"], status["peak_ever"]["users"]),
                "windows": [(one["start"], one["peak_users"]) for one in windows],
                "connections": [(one["id"], one["user"], one["reason"], one["connected_at"]) for one in connections]}

    def keeps(self, before, name):
        """A window may have begun meanwhile; those before it are there."""
        after = self.state()
        after["windows"] = after["windows"][:len(before["windows"])]
        self.tap.equal(after, before, name)


def test_install(tap, site):
    site.apt("install", "./first/farmgate_*.deb", "./first/farmgate-cloud_*.deb")
    host = site.host
    tap.equal(site.units(), UNITS, "installed, the authority runs, and the agent waits for its configuration")
    tap.equal(host.run("sh", "-c", "stat -c '%n %U:%G %a' /etc/farmgate/*"), OWNERS, "who may read it")
    tap.ok("Farmgate" in host.run("journalctl", "--dump-catalog"), "the journal has the catalog")
    tap.ok("farmgate-admin" in host.run("getent", "group", "farmgate-admin"), "the groups are made")


def test_first_day(tap, site):
    """As README.md has it."""
    host = site.host
    public_key = host.run("farmgate-cloud", "public-key").strip()
    key = host.run("farmgate-cloud", "key", "create", "--limit", "10", "--term", "1y").split()[0]
    host.run("sed", "-i", EDIT % public_key, "/etc/farmgate/farmgate.conf")
    host.run("farmgate", "check-config")
    host.run("systemctl", "start", "farmgated")
    host.run("farmgate", "activate", key)
    host.run("farmgate-pam", "install")
    client = host.rdp("alice")
    wait_until(lambda: site.status()["concurrent_users"] == 1, 20, every=0.2)
    status = site.status()
    tap.equal((status["verdict"]["open"], status["concurrent_users"], status["peak_ever"]["users"], status["version"]),
              (True, 1, 1, packages.version()), "one file edited, and started: a user connects, and counts")
    return key, client


def test_versions(tap, site, client):
    """To the previous version and back, while a user is on; on the way back the gate is closed."""
    host = site.host
    before = site.state()
    edited = host.run("cat", "/etc/farmgate/farmgate.conf")
    site.apt("install", "--allow-downgrades", "./previous/farmgate_*.deb", "./previous/farmgate-cloud_*.deb")
    tap.equal((site.status()["version"], host.run("farmgate-cloud", "--version").split()[-1]), (packages.PREVIOUS,) * 2,
              "an older version is put over it, and runs")
    site.keeps(before, "with the same farm, connections, peaks and windows")
    host.run("farmgate-cloud", "farm", "deactivate", before["farm"])
    host.try_run("farmgate", "report")
    tap.ok(wait_until(lambda: not site.gone("/run/farmgate/nologin"), 10, every=0.2), "it closes the gate")
    before = site.state()
    said = site.apt("install", "./first/farmgate_*.deb", "./first/farmgate-cloud_*.deb",
                    before=("sh", "-c", WATCHED, "watched"))
    tap.equal((site.status()["version"], host.unit("farmgated", "ActiveState"), host.unit("farmgate-cloud", "ActiveState")),
              (packages.version(), "active", "active"), "a newer version is put over that, and runs")
    site.keeps(before, "with the same farm, connections, peaks and windows")
    tap.equal(host.run("cat", "/run/away"), "", "and the gate stood at every instant")
    tap.equal(host.run("cat", "/etc/farmgate/farmgate.conf"), edited, "the configuration is as it was edited")
    tap.ok("farmgate-pam" in host.run("cat", PAM), "the gate is still in PAM", said)
    tap.ok(client.alive(), "whoever was on is still on")


def test_torn_mark(tap, site):
    host = site.host
    torn = host.run("cat", PAM)
    host.run("sed", "-i", "/^# farmgate: end/d", PAM)
    told = site.try_apt("remove", "farmgate")
    tap.ok(told.returncode != 0 and PAM in told.stdout + told.stderr,
           "what cannot be taken out of PAM keeps the package from being removed, which says so", told.stdout + told.stderr)
    tap.equal((host.run("dpkg-query", "-W", "-f", "${db:Status-Abbrev}", "farmgate").strip(), host.unit("farmgated", "ActiveState")),
              ("ii", "active"), "and the agent runs")
    host.run("sh", "-c", 'cat >"$0"', PAM, text=torn)


def test_remove(tap, site, original, client):
    """With the gate closed: afterwards it is not."""
    host = site.host
    host.run("sh", "-c", "cat >>" + PAM, text=PAM_HOOK)
    host.run("systemctl", "enable", "--quiet", "--now", "farmgate-xrdp.timer")
    site.apt("remove", "farmgate", "farmgate-cloud")
    tap.equal(host.run("cat", PAM), original, "removed, it takes the gate out of PAM, and the hook")
    tap.ok(site.gone("/run/farmgate"), "and leaves no file that closes it")
    tap.equal({unit: active for unit, (_, active) in site.units().items()}, dict.fromkeys(UNITS, "inactive"), "nothing runs")
    tap.ok(client.alive(), "whoever was on is still on")
    bob = host.rdp("bob")
    tap.ok(wait_until(lambda: host.has_session("bob", "xrdp-sesman"), 20, every=0.3), "and everybody gets in", bob.log())
    wait_until(lambda: host.try_run("pkill", "-u", "bob", "-x", "xterm").returncode == 0, 10, every=0.3)
    kept = ("/etc/farmgate/farmgate.conf", "/var/lib/farmgate/farmgate.db", "/var/lib/farmgate/identity",
            "/var/lib/farmgate-cloud/ledger.db")
    tap.equal([path for path in kept if site.gone(path)], [], "configuration and state stay")


def test_install_again(tap, site, key, before):
    host = site.host
    site.apt("install", "./first/farmgate_*.deb", "./first/farmgate-cloud_*.deb")
    host.run("systemctl", "start", "farmgated")
    wait_until(lambda: site.status()["concurrent_users"] == 1, 10, every=0.2)
    site.keeps(before, "installed again, it goes on where it was")
    host.run("farmgate", "activate", key)
    tap.equal(site.status()["verdict"]["open"], True, "and is activated again")


def test_purge(tap, site, listed):
    host = site.host
    host.write("/etc/farmgate/hook", "#!/bin/sh\n", "0755")
    host.write("/etc/default/farmgate-xrdp", "FARMGATE_HOST=farmtest\n")
    host.run("systemctl", "enable", "--quiet", *units_of(host))
    host.run("systemctl", "start", "farmgate-hook")
    tap.ok(wait_until(lambda: not site.gone("/var/lib/farmgate-hook/cursor"), 10, every=0.2), "the hook has its state, too")
    host.rdp_log_off("alice")
    site.apt("purge", "farmgate", "farmgate-cloud")
    tap.equal(sorted(set(listing(host)) - set(listed)), [], "purged, nothing is left")
    tap.equal(sorted(set(listed) - set(listing(host))), [], "and nothing else is gone")
    site.apt("install", "./first/farmgate_*.deb", "./first/farmgate-cloud_*.deb")
    host.run("systemctl", "start", "farmgated")
    tap.equal((site.status()["verdict"]["reason"], site.status()["peak_ever"]["users"]), ("not_activated", 0),
              "installed once more, it begins anew")


def units_of(host):
    """All that can be enabled: also what a later version adds."""
    files = host.run("dpkg", "--listfiles", "farmgate", "farmgate-cloud").split()
    units = [file for file in files if "/systemd/system/" in file]
    return [os.path.basename(file) for file in host.run("grep", "-l", "^.Install]", *units).split()]


def listing(host):
    return host.run("sh", "-c", LISTING).splitlines()


def test_host(tap, place, build):
    with FarmHost(build) as host:
        try:
            site = Site(tap, host, place)
            listed, original = listing(host), host.run("cat", PAM)
            test_install(tap, site)
            key, client = test_first_day(tap, site)
            interfaces.tell_of(tap, host, "alice")
            test_versions(tap, site, client)
            test_torn_mark(tap, site)
            before = site.state()
            test_remove(tap, site, original, client)
            test_install_again(tap, site, key, before)
            test_purge(tap, site, listed)
        except Exception as error:  # the journal says more than the traceback
            tap.ok(False, "no step broke off", "%r\n%s" % (error, host.try_run(
                "journalctl", "-q", "--no-pager", "-n", "60", "-u", "farmgated", "-u", "farmgate-cloud").stdout))


def main():
    tap = Tap()
    place = os.environ.get("FARMGATE_PACKAGES")
    made = None
    if not place:
        place = made = "/var/tmp/farmgate-packages-%d" % os.getpid()
        packages.make(made)
    try:
        test_same_bytes(tap, place)
        test_lintian(tap, place)
        test_spec(tap)
        test_host(tap, place, sys.argv[1])
    finally:
        if made:
            shutil.rmtree(made)
    tap.done()


main()
