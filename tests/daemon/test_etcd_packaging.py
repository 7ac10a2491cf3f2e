#!/usr/bin/env python3
"""packaging/etcd and its manual page, used as an administrator does: three members on loopback with the certificates and the
configuration that the scripts make, and every command of the page that needs no other machine, run as it stands there.

    test_etcd_packaging.py BUILD
"""
import os
import random
import re
import shutil
import ssl
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Place, Tap, wait_until  # noqa: E402

BUILD = os.path.abspath(sys.argv[1])
TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPTS = os.path.join(TREE, "packaging", "etcd")
UNITS = ["farmgate-etcd.service", "farmgate-etcd-backup.service", "farmgate-etcd-backup.timer", "farmgate-etcd-compact.service",
         "farmgate-etcd-compact.timer"]
NAMES = ["etcd1", "etcd2", "etcd3"]
# Of the page, what only a machine of its own can run.
ELSEWHERE = ("E=", "editor ", "scp ", "ssh ", "systemctl ", "systemd-", "cp $E/*.service", "cp $E/farmgate-etcd.")


class Manual:
    """The page's commands; what was run is noted."""

    def __init__(self):
        with open(os.path.join(TREE, "packaging", "man", "farmgate-etcd.7"), encoding="utf-8") as file:
            blocks = re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed$", file.read(), re.M | re.S)
        self.configuration = next(block for block in blocks if block.startswith("farm = {"))
        self.commands = [line.replace("\\e", "\\") for block in blocks if block != self.configuration
                         for line in block.splitlines()]
        self.done = set()

    def find(self, part):
        found = sorted({command for command in self.commands if part in command})
        if len(found) != 1:
            raise RuntimeError("the page has %d commands with %r" % (len(found), part))
        self.done.add(found[0])
        return found[0]

    def left(self):
        return [command for command in self.commands if command not in self.done and not command.startswith(ELSEWHERE)]


class Cluster:
    """Members as the page sets them up, but for machines: every one has a directory and an address on loopback."""

    def __init__(self, place, names, farms):
        self.place, self.manual = place, Manual()
        self.net = "127.%d.%d." % (random.randrange(1, 255), random.randrange(1, 255))
        self.addresses = {name: self.net + str(i + 1) for i, name in enumerate(names)}
        # from 127.0.0.1 they reach each other
        place.write("cluster", "# of a test\n\n" + "".join("member %s %s %s.example 127.0.0.1\n" % (name, address, name)
                                                            for name, address in self.addresses.items())
                    + "".join("farm %s\n" % farm for farm in farms))
        self.processes = {}

    def run(self, part, member=None, **replace):
        """The page's one command with `part`, on a member or at the administrator's."""
        command = self.manual.find(part)
        for old, new in replace.get("replace", {}).items():
            if old not in command:
                raise RuntimeError("%r is not in %r" % (old, command))
            command = command.replace(old, new)
        return self.shell(command, member)

    def shell(self, command, member=None):
        environment = dict(os.environ, E=SCRIPTS)
        if member:
            environment["ETCD_ENV"] = self.place.join("made", member, "etcd.env")
        done = subprocess.run(["sh", "-c", command], cwd=self.place.path, env=environment, capture_output=True, text=True,
                              check=False, timeout=120, stdin=subprocess.DEVNULL)
        done.said = done.stdout + done.stderr
        return done

    def configure(self):
        """Where the files are is all that differs from the page."""
        for name in self.addresses:  # each machine is a directory
            done = self.run("$E/configuration", replace={"cluster made": "--etc %s --data %s cluster configured" % (
                self.made(name), self.place.join(name, "data"))})
            os.rename(self.place.join("configured", name, "etcd.env"), self.made(name, "etcd.env"))
            os.mkdir(self.place.join(name))
        return done

    def environment(self, name):
        with open(self.place.join("made", name, "etcd.env"), encoding="utf-8") as file:
            return dict(line.rstrip("\n").split("=", 1) for line in file if "=" in line and not line.startswith("#"))

    def start(self, name, **more):
        with open(self.place.join(name, "log"), "ab") as log:
            self.processes[name] = subprocess.Popen(["etcd"], env={"PATH": os.environ["PATH"], **self.environment(name), **more},
                                                    stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def log(self, name):
        with open(self.place.join(name, "log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def stop(self, name):
        process = self.processes.pop(name, None)
        if process:
            process.kill()
            process.wait()

    def healthy(self, count=3, member=None):
        """The command of the page that says so."""
        def look():
            return self.run("endpoint health", member or NAMES[0]).said.count("is healthy") == count
        return wait_until(look, 40, 0.3)

    def url(self, name):
        return "https://%s:2379" % self.addresses[name]

    def urls(self):
        return [self.url(name) for name in self.addresses]

    def made(self, *names):
        return self.place.join("made", *names)

    def remove(self):
        for name in list(self.processes):
            self.stop(name)


class Program:
    """One of the test programs on the cluster, as a host of a farm, and what it has said."""

    def __init__(self, cluster, farm, *words, user=None, password=None):
        environment = dict(os.environ, ETCD_CA=cluster.made("hosts", farm, "ca.crt"),
                           ETCD_CERTIFICATE=cluster.made("hosts", farm, "host.crt"), ETCD_KEY=cluster.made("hosts", farm, "host.key"))
        if user:
            environment.update(ETCD_USER=user, ETCD_PASSWORD=password)
        self.process = subprocess.Popen([os.path.join(BUILD, "tests/daemon", words[0]), *words[1:], *cluster.urls()],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, errors="replace", bufsize=1,
                                        env=environment)
        self.lines, self.count = [], 0
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def heard(self, part, seconds=20, after=0):
        return wait_until(lambda: next((line for line in list(self.lines)[after:] if part in line), None), seconds)

    def ask(self, request):
        self.count += 1
        word = "q%d " % self.count
        self.say(word + request)
        wait_until(lambda: any(line.startswith(word + "done") for line in list(self.lines)), 30)
        return "\n".join(line[len(word):] for line in self.lines if line.startswith(word))

    def end(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.reader.join(10)


def asker(cluster, farm, user=None, password=None):
    """Asks as the agent does."""
    words = ["ask_etcd", "--ca", cluster.made("hosts", farm, "ca.crt"), "--cert", cluster.made("hosts", farm, "host.crt"), "--key",
             cluster.made("hosts", farm, "host.key")]
    return Program(cluster, farm, *words, *(["--user", user, "--password", password] if user else []))


def openssl(*words):
    return subprocess.run(["openssl", *words], check=False, capture_output=True, text=True, timeout=30).stdout


def text_of(path):
    return openssl("x509", "-in", path, "-noout", "-text")


def contents(directory):
    found = {}
    for folder, _, names in os.walk(directory):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                found[os.path.join(folder, name)] = file.read()
    return found


def served(cluster, name):
    """The serial number of the certificate that a member shows now."""
    context = ssl.create_default_context(cafile=cluster.made("authority", "ca.crt"))
    context.load_cert_chain(cluster.made("hosts/farm/host.crt"), cluster.made("hosts/farm/host.key"))
    with socket.create_connection((cluster.addresses[name], 2379), 10) as plain:
        with context.wrap_socket(plain, server_hostname=cluster.addresses[name]) as secure:
            return secure.getpeercert()["serialNumber"]


def speaks(cluster, port, certificate):
    """Whether etcd1 answers at a port to whoever shows this pair."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if certificate:
        context.load_cert_chain(certificate + ".crt", certificate + ".key")
    try:
        with socket.create_connection((cluster.addresses["etcd1"], port), 10) as plain:
            with context.wrap_socket(plain) as secure:
                secure.sendall(b"GET /version HTTP/1.1\r\nHost: etcd\r\nConnection: close\r\n\r\n")
                return b"200 OK" in secure.recv(1000)
    except OSError:
        return False


def test_form(tap):
    for name in sorted(os.listdir(SCRIPTS)):
        path = os.path.join(SCRIPTS, name)
        if os.access(path, os.X_OK):
            check = subprocess.run(["sh", "-n", path], check=False, capture_output=True, text=True)
            tap.ok(check.returncode == 0, "%s is a shell's" % name, check.stderr)
    if not shutil.which("systemd-analyze"):
        tap.skip("units", "no systemd-analyze")
        return
    with Place() as place:
        for unit in UNITS:
            with open(os.path.join(SCRIPTS, unit), encoding="utf-8") as file:
                text = file.read()
            program = re.search(r"^ExecStart=(\S+)", text, re.M)
            if program and program.group(1) != "etcd":
                script = program.group(1).replace("/usr/share/farmgate/etcd/", SCRIPTS + "/")
                tap.ok(os.access(script, os.X_OK), "%s runs a script that is there" % unit, script)
            place.write(unit, re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.M))
        for unit in UNITS:
            said = subprocess.run(["systemd-analyze", "verify", "--man=no", place.join(unit)], check=False, capture_output=True,
                                  text=True, env=dict(os.environ, SYSTEMD_UNIT_PATH=place.path + ":")).stderr
            tap.ok(place.path not in said and unit not in said, "%s is a valid unit" % unit, said)
        for unit, tenths in (("farmgate-etcd.service", 15), ("farmgate-etcd-backup.service", 22),
                             ("farmgate-etcd-compact.service", 22)):
            score = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=%d" % tenths, place.join(unit)],
                                   check=False, capture_output=True, text=True)
            tap.ok(score.returncode == 0, "%s scores at most %d tenths" % (unit, tenths), score.stdout[-200:])


def test_certificates(tap, cluster):
    made = cluster.run("certificates make")
    tap.ok(made.returncode == 0, "certificates are made", made.said)
    before = contents(cluster.made())
    again = cluster.run("certificates make")
    tap.ok(again.returncode == 0 and contents(cluster.made()) == before, "and made again are the same", again.said)
    shapes = [
        ("etcd1/tls/server", "TLS Web Server Authentication, TLS Web Client Authentication", "ca", False),
        ("etcd1/tls/peer", "TLS Web Server Authentication, TLS Web Client Authentication", "peer-ca", False),
        ("etcd1/tls/admin", "TLS Web Client Authentication", "ca", True),
        ("hosts/farm/host", "TLS Web Client Authentication", "ca", False),
    ]
    for name, uses, authority, has_name in shapes:
        text = text_of(cluster.made(name + ".crt"))
        subject = re.search(r"Subject: (.*)", text).group(1)
        tap.ok(re.search(r"Extended Key Usage: *\n *" + uses + "\n", text) and ("CN = root" in subject) == has_name
               and ("CN" in subject) == has_name and "CA:FALSE" in text, "%s has the uses and the name it needs" % name, text)
        verified = openssl("verify", "-CAfile", cluster.made("authority", authority + ".crt"), cluster.made(name + ".crt"))
        tap.ok(": OK" in verified, "and its authority", verified)
        tap.equal(os.stat(cluster.made(name + ".key")).st_mode & 0o777, 0o600, "and a key of its owner's alone")
    text = text_of(cluster.made("etcd1/tls/server.crt"))
    tap.ok("IP Address:%s" % cluster.addresses["etcd1"] in text and "DNS:etcd1.example" in text and "IP Address:127.0.0.1" in text,
           "a member's hold for its names and addresses", text)
    shown = cluster.run("certificates show")
    tap.equal(len(shown.stdout.splitlines()), len([name for name in before if name.endswith(".crt")]), "all are shown")
    tap.ok(cluster.run("certificates check").returncode == 0, "none ends soon")
    pfx = cluster.run("certificates pfx", replace={"office": "farm"})
    both = openssl("pkcs12", "-in", cluster.made("hosts", "farm.pfx"), "-passin", "pass:", "-nodes")
    tap.ok(pfx.returncode == 0 and both.count("BEGIN") == 2 and "PRIVATE KEY" in both, "a host with Windows gets both in one file", both)
    tap.equal(os.stat(cluster.made("hosts", "farm.pfx")).st_mode & 0o777, 0o600, "of its owner's alone")
    none = cluster.shell("$E/certificates pfx made nofarm")
    tap.ok(none.returncode == 66 and "nofarm/host.crt" in none.said, "and none where there is no such farm", none.said)
    soon = cluster.run("certificates check", replace={"--left 30": "--left 800"})
    tap.ok(soon.returncode == 1 and "server.crt ends within 800 days" in soon.stdout and "ca.crt" not in soon.stdout,
           "one that does is named", soon.said)
    cluster.place.write("wrong", "member a b\nhost c\n")
    wrong = cluster.shell("$E/certificates make wrong elsewhere")
    tap.ok(wrong.returncode == 65 and '"host" is neither member nor farm' in wrong.said, "a wrong line is said", wrong.said)
    cluster.place.write("wrong", "member a 127.0.0.1\nmember b 127.0.0.2\n")
    wrong = cluster.shell("$E/configuration wrong elsewhere")
    tap.ok(wrong.returncode == 65 and "2 members" in wrong.said, "two members are no cluster", wrong.said)
    for command in ("certificates", "certificates mend cluster made", "certificates pfx made", "configuration cluster", "configuration --port 1 cluster made",
                    "users farm", "backup", "backup --keep 3", "backup --help",
                    "backup --keep 0 made", "backup --keep x made", "restore"):
        tap.equal(cluster.shell("$E/" + command).returncode, 64, "usage: " + command)


def test_start(tap, cluster):
    tap.ok(cluster.configure().returncode == 0, "configurations are made")
    plain = cluster.shell("$E/configuration cluster plain && cat plain/etcd2/etcd.env").stdout
    tap.ok("=/etc/etcd/tls/server.crt" in plain and "ETCD_DATA_DIR=/var/lib/etcd/farmgate\n" in plain,
           "by default for the places of the unit", plain)
    tap.ok("%s=https://%s:2380" % ("etcd3", cluster.addresses["etcd3"]) in plain, "and name every member", plain)
    for name in NAMES:
        cluster.start(name)
    tap.ok(cluster.healthy(), "three members start with them", cluster.log("etcd1")[-2000:])
    status = cluster.run("endpoint status --cluster", "etcd2")
    tap.ok(all(url in status.stdout for url in cluster.urls()), "ctl asks all", status.said)
    unknown = {line for line in re.findall(r"unrecognized environment variable[^\n]*", cluster.log("etcd1"))}
    tap.ok(all("WATCH_PROGRESS" in line or "EXPERIMENTAL" in line for line in unknown), "they know the settings that matter", unknown)


def test_gateway(tap, cluster):
    host = asker(cluster, "farm")
    answer = host.ask("put /farmgate/farm/try 1")
    tap.ok("succeeded" in answer, "the gateway serves a host's certificate", answer)
    host.say("w watch /farmgate/farm/ 1")
    host.heard("w message", 10)
    tap.ok(not speaks(cluster, 2379, None), "nobody without one")
    tap.ok(speaks(cluster, 2379, cluster.made("hosts/farm/host")), "(one who has it is)")
    tap.ok(not speaks(cluster, 2380, cluster.made("hosts/farm/host")), "the members' port serves no host")
    tap.ok(not speaks(cluster, 2380, cluster.made("etcd1/tls/server")), "nor a member's server certificate")
    tap.ok(speaks(cluster, 2380, cluster.made("etcd2/tls/peer")), "(a member it does)")
    time.sleep(18)  # twice an agent's patience, and more
    watched = [line for line in host.lines if line.startswith("w ")]
    tap.ok(watched and not any("done" in line for line in watched), "a watch tells of itself within an agent's patience", watched)
    host.ask("delete /farmgate/farm/try")
    host.end()
    early = asker(cluster, "farm", "farmgate-farm", "x")
    tap.ok("takes neither" in early.ask("range /farmgate/farm/"), "a user before there are any is cut off")
    early.end()


def test_users(tap, cluster):
    """Enabled for two farms; what each may. Their passwords."""
    passwords = {}
    for farm in ("farm", "north"):
        made = cluster.run("$E/users", "etcd1", replace={"office office.password": "%s %s.password" % (farm, farm)})
        tap.ok(made.returncode == 0, "users are enabled, with one for %s" % farm, made.said)
        path = cluster.place.join(farm + ".password")
        tap.equal(os.stat(path).st_mode & 0o777, 0o600, "its password is its owner's alone")
        with open(path, encoding="ascii") as file:
            passwords[farm] = file.read().strip()
    again = cluster.run("$E/users", "etcd3", replace={"office office.password": "farm farm.password"})
    tap.ok(again.returncode == 0, "again is no harm", again.said)
    host = asker(cluster, "farm", "farmgate-farm", passwords["farm"])
    grant = host.ask("grant 5")
    lease = (re.search(r"lease (\d+)", grant) or [None, "0"])[1]
    may = ["put /farmgate/farm/a 1", "range /farmgate/farm/", "put /farmgate/.floor/farm 1", "range /farmgate/.floor/",
           "keepalive " + lease, "revoke " + lease, "delete /farmgate/farm/a"]
    for request in may:
        answer = host.ask(request)
        tap.ok("failed" not in answer and "done well" in answer, "a farm's user may: " + request.split(lease)[0].strip(), answer)
    may_not = ["put /farmgate/north/a 1", "range /farmgate/north/", "range /farmgate/", "put /farmgate/.floor/north 9",
               "delete /farmgate/.floor/north", "put /other 1", "watch /farmgate/north/ 1", "watch /farmgate/ 1"]
    for request in may_not:
        if request.startswith("watch"):
            host.say("n%s %s" % (len(request), request))
            answer = host.heard("n%s " % len(request) + "message", 10) or "silence"
            tap.ok("cancelled" in answer or "failed" in answer, "may not: " + request, answer)
        else:
            answer = host.ask(request)
            tap.ok("failed 7" in answer, "may not: " + request, answer)
    host.end()
    for user, password, name in ((None, None, "without a user"), ("farmgate-north", passwords["farm"], "with another's password")):
        stranger = asker(cluster, "farm", user, password)
        answer = stranger.ask("range /farmgate/farm/")
        tap.ok("failed 3" in answer or "takes neither" in answer, "a certificate alone does nothing " + name, answer)
        stranger.end()
    refused = cluster.shell("etcdctl --endpoints %s --cacert made/authority/ca.crt --cert made/hosts/farm/host.crt "
                            "--key made/hosts/farm/host.key get --prefix /" % cluster.url("etcd1"))
    tap.ok(refused.returncode != 0, "nor for etcdctl", refused.said)
    with open(cluster.place.join("new.password"), "w", encoding="ascii") as file:
        file.write("other\n")
    cluster.shell("$E/users north new.password", "etcd1")
    changed = asker(cluster, "north", "farmgate-north", "other")
    tap.ok("done well" in changed.ask("range /farmgate/north/"), "a password is changed")
    changed.end()
    passwords["north"] = "other"
    return passwords


def test_farms(tap, cluster, host, passwords):
    """The agent's own parts, as these users or without: a leader with a host of its own, and another farm's host."""
    epoch = str(int(time.time() * 1000))
    farm, other = ({"user": "farmgate-" + name, "password": passwords[name]} if passwords else {} for name in ("farm", "north"))
    leader = Program(cluster, "farm", "farm_leader", "lead", "ts1", epoch, "600", **farm)
    writer = Program(cluster, "farm", "farm_leader", "write", host, epoch, "600", **farm)
    north = Program(cluster, "north", "tell_farm", cluster.place.join("north-state"), "ts9", **other)
    tap.ok(leader.heard("live"), "a farm has a leader", leader.lines)
    for i in range(5):
        writer.say("on s%d user%d" % (i, i))
    tap.ok(writer.heard("on s4"), "its hosts write", writer.lines)
    tap.ok(north.heard("member joined"), "the other farm's host joins", north.lines)
    north.say("a boot boot-1")
    north.say("b set s1=ann s2=ben")
    tap.ok(north.heard("b done 0"), "and writes", north.lines)
    tap.ok(wait_until(lambda: keys(cluster, "/farmgate/farm/w/"), 20, 0.3), "the leader closes windows")
    return leader, writer, north


def keys(cluster, prefix):
    return cluster.shell("$E/ctl get --keys-only --prefix " + prefix, "etcd1").stdout.count("/farmgate/")


def compacted(cluster, passwords):
    """Up to which revision history is gone."""
    host = asker(cluster, "farm", "farmgate-farm", passwords["farm"])
    host.say("c watch /farmgate/farm/ 1")
    line = host.heard("compacted", 3)
    host.end()
    return int(re.search(r"compacted (\d+)", line).group(1)) if line else 0


def test_compaction(tap, cluster, passwords):
    """Floors are those of the leader of one farm, and one that is set here for another."""
    host = asker(cluster, "farm", "farmgate-farm", passwords["farm"])
    floors = host.ask("range /farmgate/.floor/")
    floor = int(re.search(r"key /farmgate/.floor/farm (\d+)", floors).group(1))
    tap.ok(floor > 1, "the leader has said from where on it needs history", floors)
    compact = cluster.manual.find("$E/compact")
    before = compacted(cluster, passwords)
    cluster.shell("$E/ctl put /farmgate/.floor/gone 0", "etcd1")
    tap.ok(cluster.shell(compact, "etcd1").returncode == 0 and compacted(cluster, passwords) == before < floor, "the least floor holds history back")
    cluster.shell("$E/ctl put /farmgate/.floor/gone x", "etcd1")
    wrong = cluster.shell(compact, "etcd1")
    tap.ok(wrong.returncode == 1 and "no revision" in wrong.said, "nonsense is said", wrong.said)
    tap.ok("gone" in cluster.run("get --prefix /farmgate/.floor/", "etcd1").stdout, "it can be seen")
    tap.ok(cluster.run("del /farmgate/.floor/gone", "etcd1").returncode == 0, "and goes with its farm")
    tap.ok(cluster.run("del --prefix /farmgate/gone/", "etcd1").returncode == 0, "as do its keys")
    done = cluster.shell(compact, "etcd2")
    gone = compacted(cluster, passwords)
    tap.ok(done.returncode == 0 and gone >= floor, "history goes up to the floor", (done.said, gone, floor))
    tap.ok(cluster.shell(compact, "etcd2").returncode == 0, "again is no harm")
    host.end()


def test_restore(tap, cluster, leader, north):
    os.mkdir(cluster.place.join("backups"))
    taken = cluster.run("$E/backup", "etcd1", replace={"/var/backups/farmgate-etcd": "backups"})
    files = os.listdir(cluster.place.join("backups"))
    tap.ok(taken.returncode == 0 and len(files) == 1, "a snapshot is taken", (taken.said, files))
    tap.equal(os.stat(cluster.place.join("backups", files[0])).st_mode & 0o777, 0o600, "its owner's alone")
    for i in range(3):
        cluster.place.write("backups/etcd-2020010%dT000000Z.db" % i, "")
    cluster.shell("$E/backup --keep 2 backups", "etcd1")
    tap.ok(files[0] in os.listdir(cluster.place.join("backups")) and len(os.listdir(cluster.place.join("backups"))) == 2,
           "old ones go", os.listdir(cluster.place.join("backups")))
    windows = keys(cluster, "/farmgate/farm/w/")
    tap.ok(wait_until(lambda: keys(cluster, "/farmgate/farm/w/") > windows + 1, 20), "(the leader goes on)")
    north.say("c set s1=ann s2=ben s3=cora")
    north.heard("c done 0")
    revision = revision_of(cluster)
    tap.ok(wait_until(lambda: keys(cluster, "/farmgate/north/s/") == 3, 10), "(a session more since)")
    for name in NAMES:
        cluster.stop(name)
    heard, said = len(north.lines), len(leader.lines)
    for name in NAMES:
        done = cluster.run("$E/restore", name, replace={"etcd-20261122T060000Z.db": cluster.place.join("backups", files[0])})
        tap.ok(done.returncode == 0, "%s is restored" % name, done.said)
    tap.ok(any(name.startswith("data.before-") for name in os.listdir(cluster.place.join("etcd1"))), "what it had is kept",
           os.listdir(cluster.place.join("etcd1")))
    for name in NAMES:
        cluster.start(name)
    tap.ok(cluster.healthy(), "and all start", cluster.log("etcd1")[-2000:])
    bumps = "--bump-revision" in cluster.shell("etcdutl snapshot restore --help").said
    tap.ok(not bumps or revision_of(cluster) > revision + 900000000, "no revision is used twice", (revision, revision_of(cluster)))
    tap.ok(north.heard("all is told anew", 40, heard), "a host sees that the farm has less of it",
           north.lines[heard:])
    tap.ok(wait_until(lambda: keys(cluster, "/farmgate/north/s/") == 3, 60), "and tells it again", north.lines[heard:])
    tap.ok(leader.heard("resigned", 30, said) and leader.heard("live", 60, said), "there is a leader again", leader.lines[said:])
    tap.ok(leader.heard("an earlier checkpoint was put back", 1, said), "which knows that it has done more", leader.lines[said:])


def status_of(cluster):
    return cluster.shell("$E/ctl endpoint status -w fields", "etcd1").stdout


def revision_of(cluster):
    return int(re.search(r'"Revision" : (\d+)', status_of(cluster)).group(1))


def test_renewal(tap, cluster, passwords):
    before, old = contents(cluster.made()), served(cluster, "etcd1")
    none = cluster.run("certificates renew")
    tap.ok(none.returncode == 0 and contents(cluster.made()) == before, "nothing ends within 60 days", none.said)
    done = cluster.run("certificates renew", replace={"--left 60": "--left 800"})
    after = contents(cluster.made())
    changed = {os.path.relpath(name, cluster.made()) for name in after if after[name] != before.get(name)}
    tap.ok(done.returncode == 0 and "etcd1/tls/server.crt" in changed and all(name.endswith(".crt") for name in changed)
           and not any("authority" in name for name in changed), "all is renewed but keys and authorities", changed)
    tap.ok(served(cluster, "etcd1") != old, "a member shows the new one at once")
    host = asker(cluster, "farm", "farmgate-farm", passwords["farm"])
    tap.ok("done well" in host.ask("range /farmgate/farm/"), "the gateway serves the renewed")
    host.end()
    cluster.stop("etcd2")
    cluster.start("etcd2")
    tap.ok(cluster.healthy(), "members take each other's", cluster.log("etcd2")[-1500:])


def test_replacement(tap, cluster):
    cluster.stop("etcd3")
    shutil.rmtree(cluster.place.join("etcd3", "data"))
    listed = cluster.run("member list", "etcd1").stdout
    member = re.search(r"^(\w+), \w+, etcd3", listed, re.M).group(1)
    # if it led another is elected first, and for a few seconds after a change of members etcd takes no other
    removed = wait_until(lambda: cluster.run("member remove", "etcd1", replace={"8211f1d0f64f3269": member}).returncode == 0, 30, 1)
    tap.ok(removed, "a lost member is removed", cluster.log("etcd1")[-1500:])
    added = wait_until(lambda: cluster.run("member add", "etcd1", replace={"10.0.0.13": cluster.addresses["etcd3"]}).returncode == 0,
                       30, 1)
    tap.ok(added, "another is added", cluster.log("etcd1")[-1500:])
    cluster.run("sed -i", replace={"/etc/etcd/etcd.env": cluster.made("etcd3", "etcd.env")})
    cluster.start("etcd3")
    tap.ok(cluster.healthy(), "and joins", cluster.log("etcd3")[-1500:])


def test_alarm(tap, cluster):
    """The quota is reached, and got out of."""
    size = int(re.search(r'"DBSize" : (\d+)', status_of(cluster)).group(1))
    for name in NAMES:
        cluster.stop(name)
        cluster.start(name, ETCD_QUOTA_BACKEND_BYTES=str(size + 2000000))
    cluster.healthy()
    cluster.place.write("value", "x" * 500000)
    def full():
        return "NOSPACE" in cluster.run("alarm list", "etcd1").stdout
    for _ in range(20):
        if full():
            break
        filled = cluster.shell("$E/ctl put /fill <value", "etcd1")
    tap.ok(full(), "the quota raises an alarm", (filled.said, size, status_of(cluster)))
    refused = cluster.shell("$E/ctl put /fill 1", "etcd1")
    tap.ok("space exceeded" in refused.said, "and nothing is written", refused.said)
    head = cluster.run("$E/ctl compaction $(", "etcd1")
    tap.ok(head.returncode == 0, "history is let go", head.said)
    defragmented = cluster.run("defrag", "etcd1")
    tap.ok(defragmented.returncode == 0, "members are defragmented", defragmented.said)
    tap.ok(cluster.run("alarm disarm", "etcd1").returncode == 0, "the alarm is taken back")
    tap.ok(cluster.shell("$E/ctl put /fill 1", "etcd1").returncode == 0 and not full(), "and it writes again")


def test_page(tap, cluster):
    configuration = cluster.manual.configuration
    place = cluster.place.write("page.conf", configuration)
    program = os.path.join(BUILD, "agent", "farmgated")
    if os.path.exists(program):
        said = subprocess.run([program, "--check-config", "--config", place], check=False, capture_output=True, text=True)
        tap.ok(said.returncode == 0, "the page's configuration is one", said.stdout + said.stderr)
    copied = cluster.run("cp $E/cluster.example", replace={"example cluster": "example example"})
    example = cluster.shell("$E/certificates make example tried && $E/configuration example tried") if copied.returncode == 0 else copied
    tap.ok(example.returncode == 0, "the example of a cluster is one", example.said)
    tap.ok(all("https://10.0.0.%d:2379" % i in configuration for i in (11, 12, 13)), "and the page's configuration is of it")
    named = {script for command in cluster.manual.commands for script in re.findall(r"\$E/([\w.-]*\w)", command)}
    tap.equal([script for script in sorted(named) if not os.path.exists(os.path.join(SCRIPTS, script))], [],
              "the page names scripts that are there")
    tap.equal(cluster.manual.left(), [], "every command of the page was run")


def main():
    tap = Tap()
    test_form(tap)
    if not all(shutil.which(name) for name in ("etcd", "etcdctl", "openssl")):
        tap.skip("a cluster", "no etcd, etcdctl and openssl in PATH")
        tap.done()
    with Place() as place:
        cluster = Cluster(place, NAMES, ["farm", "north"])
        programs = []
        try:
            test_certificates(tap, cluster)
            test_start(tap, cluster)
            test_gateway(tap, cluster)
            programs = list(test_farms(tap, cluster, "ts2", None))
            test_restore(tap, cluster, programs[0], programs[2])
            for program in programs:
                program.end()
            passwords = test_users(tap, cluster)
            programs = list(test_farms(tap, cluster, "ts3", passwords))
            test_compaction(tap, cluster, passwords)
            test_renewal(tap, cluster, passwords)
            test_replacement(tap, cluster)
            for program in programs:
                program.end()
            test_alarm(tap, cluster)
            test_page(tap, cluster)
        finally:
            for program in programs:
                program.end()
            cluster.remove()
    tap.done()


if __name__ == "__main__":
    main()
