#!/usr/bin/env python3
"""Whom the agent for Windows trusts, under wine: an authority behind TLS with a CA of its own, and no other; files that nobody
else may read, and with the secret in one, a farm over a real etcd with an agent of Linux.

    test_trust.py BUILD_WINDOWS BUILD
"""
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading

from under_wine import wine, windows_path
from windows_agent import WindowsAgent

from etcd_cluster import Certificates, openssl
from farm_hosts import Farm, Line, users
from harness import Authority, Place, Tap, wait_until

BUILD_WINDOWS, BUILD = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
os.environ["PATH"] = os.path.join(BUILD, "bin") + os.pathsep + os.environ["PATH"]
FARMGATE = os.path.join(BUILD_WINDOWS, "agent", "ctl", "farmgate.exe")
NAMES = {"good": "DNS:localhost,IP:127.0.0.1", "elsewhere": "DNS:licence.example.com"}


def certificates(place):
    """ca.pem and another.pem; NAME.pem with its key, signed by the first."""
    for ca in ("ca", "another"):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj",
                "/CN=throw-away " + ca, "-keyout", place.join(ca + ".key"), "-out", place.join(ca + ".pem"), "-addext",
                "basicConstraints=critical,CA:TRUE")
    for name, names in NAMES.items():
        ext = place.write("ext", "subjectAltName=%s\n" % names)
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=" + name, "-keyout",
                place.join(name + ".key"), "-out", place.join("csr"))
        openssl("x509", "-req", "-in", place.join("csr"), "-CA", place.join("ca.pem"), "-CAkey", place.join("ca.key"),
                "-CAcreateserial", "-days", "30", "-extfile", ext, "-out", place.join(name + ".pem"))


class Front:
    """TLS before a port of this machine, as a reverse proxy is."""

    def __init__(self, place, name, port):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(place.join(name + ".pem"), place.join(name + ".key"))
        self.port, self.listener = port, socket.create_server(("127.0.0.1", 0))
        self.url = "https://localhost:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer):
        try:
            near = self.context.wrap_socket(peer, server_side=True)
            far = socket.create_connection(("127.0.0.1", self.port))
        except OSError:
            peer.close()
            return
        threading.Thread(target=Line.copy, args=(far, near), daemon=True).start()
        Line.copy(near, far)


def activation(agent, authority):
    return agent.call("POST", "/v1/activation", {"license_key": authority.new_key(5)})


def setback(agent):
    """What it says of the activation that failed, and what to do."""
    return " ".join(sentence["text"] for one in agent.status()["setbacks"] if one["asked"] == "activation"
                    for sentence in one["why"] + one["remedies"])


def machine_guid(guid=None):
    """This wine's, or another for it."""
    key = ("HKLM\\SOFTWARE\\Microsoft\\Cryptography", "/v", "MachineGuid")
    if guid:
        wine("reg", "add", *key, "/t", "REG_SZ", "/d", guid, "/f")
    return wine("reg", "query", *key)[1].split()[-1]


def copied(tap, agent):
    """The state of one machine on another, as a copied image has it."""
    guid = machine_guid()
    machine_guid("11111111-2222-3333-4444-555555555555")
    try:
        agent.start()
        status = agent.status()
        tap.equal([status["verdict"]["open"], status["verdict"]["reason"]], [False, "copied"], "its state on another machine opens nothing")
        agent.interrupt()
    finally:
        tap.equal(machine_guid(guid), guid, "the machine is itself again")


def trusted(tap, place, authority):
    agent = WindowsAgent(place, BUILD_WINDOWS, "trusting", authority, url=Front(place, "good", authority.port).url,
                         trust='ca_file = "%s";' % windows_path(place.join("ca.pem"))).start()
    tap.equal(activation(agent, authority).status, 200, "behind TLS with the CA that is configured, the authority activates")
    agent.put("1", "ann")
    tap.equal(agent.call("POST", "/v1/report").status, 200, "and takes reports")
    tap.equal([agent.status()["verdict"]["open"], agent.status()["setbacks"]], [True, []], "nothing hinders it")
    agent.interrupt()
    copied(tap, agent)


def refused(tap, place, authority):
    for name, front, ca in (("another CA", "good", "another.pem"), ("another name", "elsewhere", "ca.pem")):
        agent = WindowsAgent(place, BUILD_WINDOWS, front + "-" + ca, authority, url=Front(place, front, authority.port).url,
                             trust='ca_file = "%s";' % windows_path(place.join(ca))).start()
        tap.ok(activation(agent, authority).status >= 500, name + ": no activation")
        said = setback(agent)
        tap.ok("certificate is not to be trusted" in said and "See to the date" in said, name + ": and it says why", agent.status()["setbacks"])
        tap.equal(agent.status()["verdict"]["open"], False, name + ": the gate is closed")
        agent.interrupt()


def others_look(path):
    """wine keeps rights as modes, those of Administrators as the group's."""
    return os.stat(path).st_mode & 0o007


def private(tap, place):
    agent = WindowsAgent(place, BUILD_WINDOWS, "files")
    os.rmdir(agent.state)
    agent.start()
    tap.ok(not others_look(agent.state), "the folder that it makes for its state is nobody else's", oct(os.stat(agent.state).st_mode))
    agent.interrupt()
    agent = WindowsAgent(place, BUILD_WINDOWS, "open-folder").start()
    names = ("identity", "farmgate.db")
    tap.ok(others_look(agent.state) and not any(others_look(os.path.join(agent.state, name)) for name in names),
           "in a folder that others may look into, the files that it makes are")
    agent.interrupt()
    os.makedirs(place.join("init"))
    conf = place.write("init/farmgate.conf", "# nothing\n")
    code, printed, said = wine(FARMGATE, "farm", "init", "--config", windows_path(conf), "--name", "office", "--endpoints",
                               "http://127.0.0.1:2379", "--directory", windows_path(place.join("init")))
    made = [name for name in os.listdir(place.join("init")) if name.endswith(".secret")]
    tap.ok(code == 0 and made and not others_look(place.join("init", made[0])), "farmgate farm init makes a secret that is as private",
           (code, printed, said, made))


def contents(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def told(agent):
    return agent.call("GET", "/v1/farm").json()


def stored(certificates):
    """A host's certificate in Windows' store, by its name there; wine imports none of elliptic curves."""
    certificates.make("windows", "/O=farm", "clientAuth", ("rsa:2048",))
    pfx = certificates.path("windows.pfx")
    openssl("pkcs12", "-export", "-in", certificates.path("windows.pem"), "-inkey", certificates.path("windows.key"), "-passout", "pass:",
            "-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1", "-out", pfx)
    code, printed, said = wine(os.path.join(BUILD_WINDOWS, "tests", "windows", "import_pfx.exe"), windows_path(pfx))
    if code != 0:
        raise RuntimeError(printed + said)
    return "LocalMachine\\MY\\" + printed.strip()


def invited(tap, place, authority, host, certificate):
    """The configuration of an agent of Windows that joins the farm of a host of Linux."""
    invitation = place.join("invitation")
    done = subprocess.run([os.path.join(BUILD, "agent", "ctl", "farmgate"), "farm", "invite", "--with-client-key", "--output", invitation,
                           "--config", host.conf], capture_output=True, text=True, check=False)
    tap.equal(done.returncode, 0, "a host of Linux invites")
    agent = WindowsAgent(place, BUILD_WINDOWS, "member", authority, farm="any_etcd_version = true; host_lost_after = \"3s\"")
    os.makedirs(place.join("member-files"))
    join = [FARMGATE, "farm", "join", windows_path(invitation), "--config", windows_path(agent.conf), "--directory",
            windows_path(place.join("member-files"))]
    before = contents(agent.conf)
    for words, what, more in (("from its store", "a certificate in files", []),
                              ("in Windows' store", "a file for a certificate", ["--certificate", windows_path(invitation)]),
                              ("there is no certificate", "a certificate that is not there",
                               ["--certificate", "LocalMachine\\MY\\" + 40 * "0"]),
                              ("not for Windows", "a key in a file", ["--certificate", certificate, "--key", windows_path(invitation)])):
        code, _, said = wine(*join, *more)
        tap.ok(code == 64 and words in said, "%s is no use to Windows, and it says so" % what, (code, said))
    tap.equal((contents(agent.conf), os.listdir(place.join("member-files"))), (before, []), "and changes nothing")
    code, printed, said = wine(*join, "--certificate", certificate)
    tap.ok(code == 0, "one of Windows joins with a certificate of its store", printed + said)
    tap.ok(not others_look(place.join("member-files/farm.secret")), "the secret that it writes is nobody else's")
    code, printed, said = wine(FARMGATE, "check-config", windows_path(agent.conf))
    tap.ok(code == 0, "its configuration is right", printed + said)
    code, _, said = wine(FARMGATE, "farm", "invite", "--with-client-key", "--config", windows_path(agent.conf))
    tap.ok(code == 78 and "stays in Windows' store" in said, "the key leaves the store for no invitation", (code, said))
    return agent


def farm(tap, place, authority):
    certificates = Certificates()
    try:
        with Farm(place, BUILD, authority=authority, tls=(certificates, "member")) as cluster:
            first = cluster.host("linux", lines=' ca = "%s"; certificate = "%s"; key = "%s";' % tuple(
                certificates.path(name) for name in ("ca.pem", "agent.pem", "agent.key")))
            agent = invited(tap, place, authority, first, stored(certificates)).start()
            tap.ok(wait_until(lambda: len(told(agent)["hosts"] or []) == 2, 30), "a host of Windows and one of Linux are one farm",
                   (told(agent), agent.log()[-500:]))
            first.put("linux", "1", "ann")
            agent.put("1", "bob")
            tap.ok(wait_until(lambda: users(first) == 2 == agent.status()["concurrent_users"], 20),
                   "both count the same users", (users(first), agent.status()["concurrent_users"], agent.log()[-500:]))
            first.kill()
            tap.ok(wait_until(lambda: told(agent)["part"] == "leads", 30), "the one of Windows leads when the other is gone", told(agent))
            agent.interrupt()
            os.chmod(place.join("member-files/farm.secret"), 0o644)
            code = agent.ends()
            tap.ok(code == 78 and "may be read or changed by others" in agent.log() and "icacls" in agent.log(),
                   "a secret that others may read is refused, with what to do", (code, agent.log()[-500:]))
    finally:
        certificates.remove()


def main():
    tap = Tap()
    with Place() as place:
        certificates(place)
        authority = Authority(place, BUILD).start()
        trusted(tap, place, authority)
        refused(tap, place, authority)
        private(tap, place)
        if shutil.which("etcd"):
            farm(tap, place, authority)
        else:
            tap.skip("a farm with a host of Windows", "no etcd in PATH")
    tap.done()


main()
