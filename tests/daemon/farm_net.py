"""Networks of namespaces: a bridge in one of its own, everybody else's on a wire to it. No address of this machine is in any of
them, and all is gone with the test's process, however that ends. Needs root, ip and nft."""
import ctypes
import os
import shutil
import socket
import subprocess
import threading

from harness import Program, wait_until

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
ADDRESS = "10.77.0.%d"
PACKAGING = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "packaging", "etcd")
CHUNK_BYTES = 65536


def checked(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), what)


class Space:
    """A network namespace: a new one, or that of a process. It lasts as long as this or a program in it does."""

    def __init__(self, process=None):
        if process is not None:
            self.fd = os.open("/proc/%d/ns/net" % process, os.O_RDONLY)
            return
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            checked(LIBC.unshare(CLONE_NEWNET), "unshare")
            self.fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
            checked(LIBC.setns(own, CLONE_NEWNET), "setns")
        finally:
            os.close(own)
        self.run("ip", "link", "set", "lo", "up")

    @property
    def path(self):
        return "/proc/%d/fd/%d" % (os.getpid(), self.fd)

    def words(self, *command):
        """The command, to be run in here; it keeps the process that is started."""
        return ["nsenter", "--net=" + self.path, "--", *command]

    def run(self, *command, text=None):
        done = subprocess.run(self.words(*command), input=text or "", capture_output=True, text=True, timeout=20, check=False)
        if done.returncode != 0:
            raise RuntimeError("%s: %s" % (command, done.stderr))
        return done.stdout

    def listen(self, port):
        """A socket on its loopback, for the test."""
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            checked(LIBC.setns(self.fd, CLONE_NEWNET), "setns")
            server = socket.socket()
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind(("127.0.0.1", port))
        finally:
            checked(LIBC.setns(own, CLONE_NEWNET), "setns")
            os.close(own)
        server.listen(16)
        return server

    def close(self):
        os.close(self.fd)


def carry(source, target):
    """All that comes from the one goes to the other."""
    try:
        while True:
            some = source.recv(CHUNK_BYTES)
            if not some:
                break
            target.sendall(some)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def open_door(space, port):
    """Who asks this port on the namespace's loopback is answered by the one on this machine's."""
    server = space.listen(port)

    def serve():
        while True:
            client, _ = server.accept()
            try:
                other = socket.create_connection(("127.0.0.1", port), 10)
            except OSError:
                client.close()
                continue
            other.settimeout(None)
            for pair in ((client, other), (other, client)):
                threading.Thread(target=carry, args=pair, daemon=True).start()
    threading.Thread(target=serve, daemon=True).start()


class Network:
    """Who has joined, by name: each with an address, and a wire that can be cut, in one direction too."""

    def __init__(self):
        self.bridge = Space()
        self.spaces = {}
        self.addresses = {}
        self.lost = set()  # (name, "from" or "to")
        self.bridge.run("ip", "link", "add", "bridge", "type", "bridge")
        self.bridge.run("ip", "link", "set", "bridge", "up")
        self.tell_nft("add table bridge cut\nadd chain bridge cut forward { type filter hook forward priority 0; }\n")

    def tell_nft(self, text):
        self.bridge.run("nft", "-f", "-", text=text)

    def join(self, name, space=None):
        """A name that is there already gets another space: its machine was started anew."""
        if name in self.spaces:
            self.bridge.run("ip", "link", "delete", name)
            self.spaces[name].close()
        space = space or Space()
        self.addresses.setdefault(name, ADDRESS % (len(self.addresses) + 1))
        self.bridge.run("ip", "link", "add", name, "type", "veth", "peer", "name", "host0", "netns", space.path)
        self.bridge.run("ip", "link", "set", name, "master", "bridge", "up")
        space.run("ip", "address", "add", self.addresses[name] + "/24", "dev", "host0")
        space.run("ip", "link", "set", "host0", "up")
        self.spaces[name] = space
        return space

    def apply(self):
        rules = ["add rule bridge cut forward %s %s drop\n" % ("iifname" if way == "from" else "oifname", name)
                 for name, way in sorted(self.lost)]
        self.tell_nft("flush chain bridge cut forward\n" + "".join(rules))

    def cut(self, *names, ways=("from", "to")):
        """Nothing gets through any more that comes from them, or goes to them; nobody is told."""
        self.lost |= {(name, way) for name in names for way in ways}
        self.apply()

    def heal(self):
        self.lost.clear()
        self.apply()

    def pull(self, name):
        """The plug: who is there sees it."""
        self.bridge.run("ip", "link", "set", name, "down")

    def plug(self, name):
        self.bridge.run("ip", "link", "set", name, "up")


class Cluster:
    """Members of etcd in a network, with the certificates and the configuration of packaging/etcd."""

    def __init__(self, place, network, farm, size=3):
        self.place, self.network, self.farm = place, network, farm
        self.names = ["etcd%d" % (i + 1) for i in range(size)]
        for name in self.names:
            network.join(name)
        place.write("cluster", "".join("member %s %s\n" % (name, network.addresses[name]) for name in self.names) +
                    "farm %s\n" % farm)
        self.script("certificates", "make", "cluster", "made")
        self.members = {name: self.member(name) for name in self.names}

    def script(self, name, *words):
        subprocess.run(["sh", os.path.join(PACKAGING, name), *words], cwd=self.place.path, check=True, capture_output=True)

    def member(self, name):
        self.script("configuration", "--etc", self.made(name), "--data", self.place.join(name + "-data"), "cluster", "made")
        with open(self.made(name, "etcd.env"), encoding="utf-8") as file:
            environment = dict(line.rstrip("\n").split("=", 1) for line in file if "=" in line and line[0] != "#")
        environment["ETCD_EXPERIMENTAL_WATCH_PROGRESS_NOTIFY_INTERVAL"] = "1s"
        return Program(self.place, name, self.network.spaces[name].words("etcd"), environment)

    def made(self, *names):
        return self.place.join("made", *names)

    def host_file(self, name):
        """One of a host's three: ca.crt, host.crt, host.key."""
        return self.made("hosts", self.farm, name)

    def url(self, name):
        return "https://%s:2379" % self.network.addresses[name]

    @property
    def urls(self):
        return [self.url(name) for name in self.names]

    def start(self):
        for member in self.members.values():
            member.start()
        if not wait_until(lambda: all("is healthy" in self.etcdctl(name, "endpoint", "health") for name in self.names), 30, 0.3):
            raise RuntimeError("etcd does not start:\n" + self.members[self.names[0]].log()[-4000:])
        return self

    def etcdctl(self, name, *words):
        """What it says on a member, of both kinds."""
        done = subprocess.run(self.network.spaces[name].words(
            "etcdctl", "--endpoints", self.url(name), "--cacert", self.host_file("ca.crt"), "--cert", self.host_file("host.crt"),
            "--key", self.host_file("host.key"), *words), env=dict(os.environ, ETCDCTL_API="3"), capture_output=True, text=True,
            check=False, timeout=60)
        return done.stdout + done.stderr


def lacking():
    """Why no such network can be made here; "" if it can."""
    programs = [name for name in ("ip", "nft", "nsenter", "etcd", "etcdctl", "openssl") if not shutil.which(name)]
    if os.geteuid() != 0:
        return "network namespaces need root"
    if programs:
        return "%s missing" % ", ".join(programs)
    try:
        Network().bridge.close()
    except (OSError, RuntimeError) as error:
        return "no network namespace with a bridge can be made: %s" % error
    return ""
