#!/usr/bin/env python3
"""From one host to a farm: init, invite and join, with the files that they make and the configurations that they change.
     test_farm_join.py BUILD"""
import os
import re
import resource
import shutil
import signal
import stat
import subprocess
import sys

from harness import Place, Tap

BUILD = os.path.abspath(sys.argv[1])
SHIPPED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "conf", "farmgate.conf")
FARMGATE = os.path.join(BUILD, "agent", "ctl", "farmgate")
PEM = "-----BEGIN CERTIFICATE-----\nMIIB%s\n-----END CERTIFICATE-----\n"
NOBODY = 65534
tap = Tap()


class Host:
    """A directory as /etc/farmgate is on a host."""

    def __init__(self, place, name, conf=None):
        self.directory = place.join(name)
        os.mkdir(self.directory)
        self.conf = os.path.join(self.directory, "farmgate.conf")
        with open(SHIPPED, encoding="utf-8") as file:
            text = file.read() if conf is None else conf
        self.write("resources.conf", "")
        if text:
            self.write("farmgate.conf", text.replace('# resources = "/etc/farmgate/resources.conf"', 'resources = "%s"' %
                                                     self.path("resources.conf")))

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text, mode=0o640):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def read(self, name="farmgate.conf"):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def mode(self, name):
        return stat.S_IMODE(os.stat(self.path(name)).st_mode)

    def all(self):
        """Every file with what is in it: for telling that nothing has changed."""
        return {name: (self.read(name), self.mode(name)) for name in os.listdir(self.directory)}

    def run(self, word, *words, **rest):
        words = list(words) + (["--directory", self.directory] if word != "invite" else [])
        return subprocess.run([FARMGATE, "farm", word, *words, "--config", self.conf], capture_output=True, text=True, timeout=20,
                              check=False, **rest)

    def check(self):
        return subprocess.run([FARMGATE, "check-config", self.conf], capture_output=True, text=True, timeout=20, check=False)


def active(text):
    """The settings of the group farm that stand there, uncommented."""
    group = re.search(r"^farm = \{\n(.*?)^\};", text, re.M | re.S).group(1)
    return dict(re.findall(r"^ +(\w+) = (.*);$", group, re.M))


def expect(name, done, code, out="", err=""):
    tap.ok(done.returncode == code and re.search(out, done.stdout) and re.search(err, done.stderr), name, done)
    return done


def founded(place, name="first", *words):
    host = Host(place, name)
    done = host.run("init", "--name", "office", "--endpoints", "http://127.0.0.1:2379,https://etcd2:2379", *words)
    return host, done


def first_host(place):
    before = Host(place, "before").read().splitlines()
    host, done = founded(place)
    expect("farm init", done, 0, r"the first of the farm office\n(.*\n)*next: farmgate check-config && systemctl restart farmgated\n",
           r"^farmgate farm init: http://127.0.0.1:2379 is this machine: no other host reaches it\n$")
    after = host.read()
    tap.equal(active(after), {"mode": '"etcd"', "name": '"office"', "endpoints": '("http://127.0.0.1:2379", "https://etcd2:2379")',
                              "secret_file": '"%s"' % host.path("farm.secret")}, "the settings are there")
    added = [line for line in after.splitlines() if line.replace("/first/", "/before/") not in before]
    gone = [line for line in before if line.replace("/before/", "/first/") not in after.splitlines()]
    tap.ok(len(added) == 4 and not gone, "and every line that was there, comments too", (added, gone))
    tap.equal(host.read("farmgate.conf.bak").replace("/first/", "/before/").splitlines(), before, "the old file is kept")
    tap.equal((host.mode("farmgate.conf"), host.mode("farm.secret")), (0o640, 0o600), "the modes are right")
    tap.ok(re.fullmatch(r"[\w-]{43}\n", host.read("farm.secret")), "the secret is 256 bits of base64url")
    expect("check-config takes it", host.check(), 0)
    expect("a second init is refused", host.run("init", "--name", "x", "--endpoints", "https://e:1"), 1, "^$", "in the farm office already")
    return host


def wrong_inits(place):
    host = Host(place, "wrong")
    before = host.all()
    for words, said in ((["--endpoints", "https://e:1"], "--name is missing"),
                        (["--name", "Office", "--endpoints", "https://e:1"], "--name: up to 63"),
                        (["--name", "office"], "--endpoints is missing"),
                        (["--name", "office", "--endpoints", "https://e:1,"], "--endpoints is a list"),
                        (["--name", "office", "--endpoints", "https://e:1", "--key", "/k"], "--certificate and --key"),
                        (["--name", "office", "--endpoints", "https://e:1", "--user", "u"], "--user and --password-file")):
        expect("init: %s" % said, host.run("init", *words), 64, "^$", said)
    expect("init: http to elsewhere", host.run("init", "--name", "office", "--endpoints", "http://etcd1:2379"), 78, "^$",
           "nothing was changed: farm.endpoints.0.: http goes only to this machine")
    expect("init: a certificate that is not there",
           host.run("init", "--name", "o", "--endpoints", "https://e:1", "--ca", "/nonexistent/ca"), 1, "^$", "/nonexistent/ca: No such")
    tap.equal(host.all(), before, "and nothing has changed, no secret is left")
    for words, code in (([], 64), (["jion"], 64), (["--help"], 0)):
        done = subprocess.run([FARMGATE, "farm", *words], capture_output=True, text=True, timeout=20, check=False)
        expect("farm %s" % " ".join(words), done, code, "" if code == 0 else "^$",
               "init, .* or .* is wanted%s" % ("; did you mean join" if words == ["jion"] else "") if code else "^$")


def round_trip(place, first):
    done = expect("farm invite", first.run("invite"), 0, r"^-----BEGIN FARMGATE INVITATION-----\n[\w\n-]+-----END FARMGATE INVITATION-----\n$",
                  "to be kept confidential, for it holds the farm's secret; on the new host: farmgate farm join")
    tap.ok(first.read("farm.secret").strip() not in done.stdout + done.stderr, "the secret is not to be read over a shoulder")
    second = Host(place, "second", conf="# ours\ngate: { strict = true; resources = \"%s\"; }\n" % place.join("second", "resources.conf"))
    mail = "Hi,\r\n" + "".join("> %s\r\n" % line for line in done.stdout.splitlines()) + "\r\nAnna\r\n"
    expect("farm join, from mail on standard input", second.run("join", input=mail), 0,
           r"a member of the farm office; changed:\n  \S+/farm.secret\n  \S+/farmgate.conf \(the old one: .bak\)\nnext: .*restart farmgated\n$")
    tap.equal(second.read("farm.secret"), first.read("farm.secret"), "it has the farm's secret")
    tap.equal((second.mode("farm.secret"), second.mode("farmgate.conf")), (0o600, 0o640), "with the right modes")
    wanted = dict(active(first.read()), secret_file='"%s"' % second.path("farm.secret"), lease_ttl='"15s"')
    tap.equal(active(second.read()), wanted, "and the farm's settings")
    tap.ok(second.read().startswith("# ours\ngate: { strict = true;"), "what was there stays", second.read())
    expect("check-config takes it", second.check(), 0)
    before = second.all()
    expect("to join again changes nothing", second.run("join", "-", input=mail), 0, "in the farm office already; nothing was changed")
    tap.equal(second.all(), before, "no file, no copy")
    tap.equal(sorted(before), ["farm.secret", "farmgate.conf", "farmgate.conf.bak", "resources.conf"], "nothing else is left there")
    third = Host(place, "third", conf="")
    path = place.join("invitation")
    expect("farm invite --output", first.run("invite", "-o", path), 0, "^$", "confidential")
    tap.equal(stat.S_IMODE(os.stat(path).st_mode), 0o600, "writes a file that nobody else may read")
    expect("a host without a configuration joins", third.run("join", path), 0)
    tap.equal((third.mode("farmgate.conf"), active(third.read())["name"]), (0o640, '"office"'), "and has one then")


def certificates(place):
    here = place.join("pki")
    os.mkdir(here)
    names = {}
    for name, text in (("ca", PEM % "ca"), ("cert", PEM % "cert"), ("key", PEM.replace("CERTIFICATE", "PRIVATE KEY") % "key"), ("pw", "geheim\n")):
        names[name] = os.path.join(here, name)
        with open(names[name], "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(names[name], 0o600)
    first, done = founded(place, "tls", "--ca", names["ca"], "--certificate", names["cert"], "--key", names["key"],
                          "--user", "farm", "--password-file", names["pw"])
    expect("init with certificates and a password", done, 0)
    expect("check-config takes it", first.check(), 0)
    plain = expect("an invitation without the client's key", first.run("invite"), 0, "", "the new host brings its own").stdout
    member = Host(place, "tls2")
    before = member.all()
    expect("does not do without one", member.run("join", input=plain), 64, "^$", "give --certificate and --key, or invite with --with-client-key")
    tap.equal(member.all(), before, "and changes nothing")
    expect("but with the host's own", member.run("join", "--certificate", names["cert"], "--key", names["key"], input=plain), 0)
    tap.equal((active(member.read())["key"], member.read("farm-ca.pem"), member.read("farm.password")),
              ('"%s"' % names["key"], PEM % "ca", "geheim\n"), "the rest is the farm's")
    whole = expect("an invitation with it", first.run("invite", "--with-client-key"), 0, "",
                   "the farm's secret, the password at etcd, and the private key").stdout
    other = Host(place, "tls3")
    expect("does", other.run("join", input=whole), 0)
    tap.equal((other.read("farm-client.pem"), other.read("farm-client.key")), (PEM % "cert", PEM.replace("CERTIFICATE", "PRIVATE KEY") % "key"),
              "both files are there")
    tap.equal([other.mode(name) for name in ("farm-ca.pem", "farm-client.pem", "farm-client.key", "farm.password")],
              [0o644, 0o644, 0o600, 0o600], "with the right modes")
    expect("check-config takes them", other.check(), 0)
    return other


def another_farm(place, first, member):
    invitation = first.run("invite").stdout
    before = member.all()
    expect("a member of another farm is not taken away", member.run("join", input=invitation), 1, "^$",
           "in the farm office; with --replace it leaves that for office")
    tap.equal(member.all(), before, "nothing has changed")
    expect("but with --replace", member.run("join", "--replace", input=invitation), 0)
    tap.equal((member.read("farm.secret"), member.read("farm.secret.bak"), member.mode("farm.secret.bak")),
              (first.read("farm.secret"), before["farm.secret"][0], 0o600), "the old secret is kept")
    tap.equal(sorted(active(member.read())), ["endpoints", "lease_ttl", "mode", "name", "secret_file"], "what the new farm has not is gone")
    alone = Host(place, "alone")
    alone.write("farm.secret", "somebody else's\n", 0o600)
    expect("nor is another farm's secret written over", alone.run("join", input=invitation), 1, "^$", "has the secret of another farm")
    tap.equal(alone.read("farm.secret"), "somebody else's\n", "it is still there")


def wrong_input(place, first):
    invitation = first.run("invite").stdout
    host = Host(place, "careful")
    before = host.all()
    middle = len(invitation) // 2
    for name, text, said in (("nothing", "", "no invitation in it"), ("something else", "farm = 1;\n" * 1000, "no invitation in it"),
                             ("a half", invitation[:middle], "the end of the invitation is missing"),
                             ("one letter changed", invitation[:middle] + ("A" if invitation[middle] != "A" else "B") + invitation[middle + 1:],
                              "changed on its way"),
                             ("two lines swapped", "\n".join(invitation.split("\n")[i] for i in (0, 2, 1, *range(3, invitation.count("\n") + 1))),
                              "changed on its way")):
        expect("join with %s" % name, host.run("join", input=text), 65, "^$", said)
    expect("join with a file that is not there", host.run("join", "/nonexistent/i"), 1, "^$", "/nonexistent/i")
    expect("invite on a host that is alone", host.run("invite"), 78, "^$", "this host is alone; `farmgate farm init`")
    tap.equal(host.all(), before, "nothing has changed")
    for name, conf, said in (("unknown", "farm = {\n mdoe = 1; };\n", r"farmgate.conf:2: farm.mdoe"), ("broken", "farm = {\n", "farmgate.conf:"),
                             ("included", '@include "more"\n', "nothing was changed: .*duplicate setting name")):
        odd = Host(place, name, conf=conf)
        odd.write("more", 'farm = { host = "ts1"; };\n')
        was = odd.all()
        expect("join where the configuration is %s" % name, odd.run("join", input=invitation), 78, "^$", said)
        tap.equal(odd.all(), was, "it stays as it is")
    first.write("farm.secret", first.read("farm.secret"), 0o640)
    expect("a secret that others may read invites nobody", first.run("invite"), 78, "^$", "may be read or changed by others")
    os.chmod(first.path("farm.secret"), 0o600)


def full_disk():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))  # the secret fits, the configuration does not


def as_nobody():
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def bad_days(place, first):
    invitation = first.run("invite").stdout
    host = Host(place, "full")
    before = host.all()
    expect("a disk that fills up", host.run("join", input=invitation, preexec_fn=full_disk), 1, "^$",
           "nothing was changed: cannot write .*farmgate.conf.new: File too large")
    tap.equal(host.all(), before, "nothing has changed, nothing is left")
    expect("init on it", host.run("init", "--name", "x", "--endpoints", "https://e:1", preexec_fn=full_disk), 1, "^$", "File too large")
    tap.equal(host.all(), before, "nothing has changed, no secret is left")
    if os.geteuid() != 0:
        tap.skip("who may not write there: 77", "needs root to become somebody else")
        return
    os.chmod(place.path, 0o755)
    os.chmod(host.directory, 0o755)
    os.chmod(host.conf, 0o644)
    before = host.all()
    expect("who may not write there", host.run("join", input=invitation, preexec_fn=as_nobody), 77, "^$", "only root may do this")
    expect("nor make a secret", host.run("init", "--name", "x", "--endpoints", "https://e:1", preexec_fn=as_nobody), 77, "^$", "only root")
    os.chmod(first.directory, 0o755)
    os.chmod(first.conf, 0o644)
    expect("nor read one", first.run("invite", preexec_fn=as_nobody), 77, "^$", "farm.secret: Permission denied\n.*only root")
    tap.equal(host.all(), before, "nothing has changed")


def a_link(place, first):
    host = Host(place, "linked")
    real = place.join("real.conf")
    shutil.move(host.conf, real)
    os.symlink(real, host.conf)
    expect("a configuration behind a link", host.run("join", input=first.run("invite").stdout), 0, re.escape(real))
    tap.ok(os.path.islink(host.conf) and active(host.read())["name"] == '"office"', "is changed there, and the link stays")


def owners(place, first):
    """With an agent's user, in a mount namespace that has one."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        tap.skip("the agent's user owns what is secret", "needs root and unshare")
        return
    host = Host(place, "owned", conf="")
    passwd = place.write("passwd", "root:x:0:0::/:/bin/sh\nfarmgate:x:4711:4712::/:/bin/false\n")
    script = 'mount --bind "$1" /etc/passwd && shift && exec "$@"'
    key = host.write("key", PEM % "key", 0o600)
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", passwd, FARMGATE, "farm", "join", "--directory", host.directory,
                           "--config", host.conf, "--certificate", key, "--key", key], input=first.run("invite").stdout,
                          capture_output=True, text=True, timeout=20, check=False)
    expect("join where there is a user farmgate", done, 0, "", "^farmgate farm join: the agent cannot read %s: it is for its owner alone; chown farmgate\n$" % key)
    owned = {name: (os.stat(host.path(name)).st_uid, os.stat(host.path(name)).st_gid) for name in ("farm.secret", "farmgate.conf")}
    tap.equal(owned, {"farm.secret": (4711, 4712), "farmgate.conf": (0, 4712)}, "that one owns the secret, and reads the configuration")


def main():
    with Place() as place:
        first = first_host(place)
        wrong_inits(place)
        round_trip(place, first)
        member = certificates(place)
        another_farm(place, first, member)
        wrong_input(place, first)
        bad_days(place, first)
        a_link(place, first)
        owners(place, first)
    tap.done()


main()
