"""A real etcd of one or three members on loopback, thrown away at the end."""
import os
import shutil
import signal
import subprocess
import tempfile
import time

from harness import free_port


def needs_etcd(tap, name):
    """Ends the test with a skip where there is no etcd."""
    if not shutil.which("etcd") or not shutil.which("etcdctl"):
        tap.skip(name, "no etcd and etcdctl in PATH")
        tap.done()


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Certificates:
    """ca.pem, and pairs NAME.pem, NAME.key that it signed."""

    def __init__(self):
        self.place = tempfile.mkdtemp(prefix="etcd-tls-")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
                "-subj", "/CN=throw-away", "-keyout", self.path("ca.key"), "-out", self.path("ca.pem"),
                "-addext", "basicConstraints=critical,CA:TRUE")
        # the gateway is a client of its own server: its certificate needs both uses
        self.make("member", "/O=farm/CN=member", "serverAuth,clientAuth")
        self.make("half", "/O=farm/CN=member", "serverAuth")
        self.make("agent", "/O=farm", "clientAuth")
        self.make("named", "/O=farm/CN=rds1", "clientAuth")

    def path(self, name):
        return os.path.join(self.place, name)

    def make(self, name, subject, uses, key=("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")):
        with open(self.path("ext"), "w", encoding="ascii") as file:
            file.write("subjectAltName=DNS:localhost,DNS:127.0.0.1,IP:127.0.0.1\nextendedKeyUsage=%s\n" % uses)
        openssl("req", "-newkey", *key, "-nodes", "-subj", subject, "-keyout", self.path(name + ".key"), "-out", self.path("csr"))
        openssl("x509", "-req", "-in", self.path("csr"), "-CA", self.path("ca.pem"), "-CAkey", self.path("ca.key"),
                "-CAcreateserial", "-days", "30", "-extfile", self.path("ext"), "-out", self.path(name + ".pem"))

    def remove(self):
        shutil.rmtree(self.place, ignore_errors=True)


class Member:
    def __init__(self, cluster, name):
        self.cluster, self.name = cluster, name
        self.client, self.peer = free_port(), free_port()
        self.place = os.path.join(cluster.place, name)
        self.process = None

    @property
    def url(self):
        return "%s://127.0.0.1:%d" % (self.cluster.scheme, self.client)

    def start(self):
        peers = ",".join("%s=http://127.0.0.1:%d" % (member.name, member.peer) for member in self.cluster.members)
        log = open(self.place + ".log", "ab")
        self.process = subprocess.Popen(
            ["etcd", "--name", self.name, "--data-dir", self.place, "--listen-client-urls", self.url,
             "--advertise-client-urls", self.url, "--listen-peer-urls", "http://127.0.0.1:%d" % self.peer,
             "--initial-advertise-peer-urls", "http://127.0.0.1:%d" % self.peer, "--initial-cluster", peers,
             "--experimental-watch-progress-notify-interval", "1s", "--heartbeat-interval", "50", "--election-timeout",
             "500", *self.cluster.options], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        log.close()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)


class Cluster:
    def __init__(self, size=1, tls=None, options=()):
        """`tls`: (certificates, name of the members' own pair); `options` of etcd, which hold where they are given twice."""
        self.place = tempfile.mkdtemp(prefix="etcd-")
        self.scheme = "https" if tls else "http"
        self.tls = tls
        self.options = list(options)
        if tls:
            certificates, name = tls
            self.options += ["--cert-file", certificates.path(name + ".pem"), "--key-file",
                            certificates.path(name + ".key"), "--trusted-ca-file", certificates.path("ca.pem"),
                            "--client-cert-auth"]
        self.members = []
        self.members = [Member(self, "m%d" % i) for i in range(size)]
        for member in self.members:
            member.start()

    @property
    def urls(self):
        return [member.url for member in self.members]

    def etcdctl(self, *words, member=0):
        """Its output, of both kinds."""
        if self.tls:
            certificates = self.tls[0]
            words += ("--cacert", certificates.path("ca.pem"), "--cert", certificates.path("agent.pem"), "--key",
                      certificates.path("agent.key"))
        answer = subprocess.run(["etcdctl", "--endpoints", self.members[member].url, *words],
                                env=dict(os.environ, ETCDCTL_API="3"), check=False, capture_output=True, text=True,
                                timeout=60)
        return answer.stdout + answer.stderr

    def wait(self, seconds=20):
        end = time.monotonic() + seconds
        for i in range(len(self.members)):
            while "is healthy" not in self.etcdctl("endpoint", "health", member=i):
                if time.monotonic() > end:
                    raise RuntimeError("etcd does not start: see %s.log" % self.members[i].place)
                time.sleep(0.1)

    def remove(self):
        for member in self.members:
            if member.process.poll() is None:
                member.resume()
                member.kill()
        shutil.rmtree(self.place, ignore_errors=True)
