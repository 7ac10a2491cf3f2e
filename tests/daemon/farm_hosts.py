"""A farm of many hosts on loopback: a real etcd, agents that share it."""
import base64
import ctypes
import json
import os
import socket
import threading
import uuid

from etcd_cluster import Cluster
from harness import Agent, wait_until

LEASE_SECONDS = 2
CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE = 0x00020000, 4096, 16384, 1 << 18
LIBC = ctypes.CDLL(None, use_errno=True)


def on_machine(path, *more):
    """The program runs where /etc/machine-id is the file `path`, and after `more` was called."""
    def checked(result, what):
        if result != 0:
            raise OSError(ctypes.get_errno(), what)

    def prepare():
        checked(LIBC.unshare(CLONE_NEWNS), "unshare")
        checked(LIBC.mount(None, b"/", None, MS_REC | MS_PRIVATE, None), "mount /")
        checked(LIBC.mount(path.encode(), b"/etc/machine-id", None, MS_BIND, None), "mount /etc/machine-id")
        for one in more:
            one()
    return prepare


def machines_possible(path):
    """Whether programs may be put on machines of their own."""
    child = os.fork()
    if child == 0:
        try:
            on_machine(path)()
            os._exit(0)
        except OSError:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def said(agent, *codes):
    """Its log events of these codes."""
    body = agent.get("/v1/events?after=0&follow=false").body.decode()
    every = [json.loads(line[6:]) for line in body.splitlines() if line.startswith("data: ")]
    return [event for event in every if event["code"] in codes]


class Line:
    """A way to one member of etcd that can be cut, and mended."""

    def __init__(self, port):
        self.port, self.pairs, self.is_cut, self.lock = port, set(), False, threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
                far = socket.create_connection(("127.0.0.1", self.port))
            except OSError:
                if self.listener.fileno() < 0:
                    return
                near.close()
                continue
            with self.lock:
                if self.is_cut:
                    near.close()
                    far.close()
                    continue
                self.pairs.add((near, far))
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self.copy, args=(one, other), daemon=True).start()

    @staticmethod
    def copy(one, other):
        try:
            while True:
                data = one.recv(65536)
                if not data:
                    break
                other.sendall(data)
        except OSError:
            pass
        for end in (one, other):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        with self.lock:
            self.is_cut = True
            for pair in self.pairs:
                for end in pair:
                    try:
                        end.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        pass
            self.pairs.clear()

    def mend(self):
        self.is_cut = False

    def close(self):
        self.cut()
        self.listener.close()


class Farm:
    """`size` members of etcd, with `options` besides; the agents of its hosts are made by `host`."""

    sessions_text = gate_text = ""  # more of these groups of the configuration

    def __init__(self, place, build, size=1, authority=None, name="farm", settings="", lost_after="3s", tls=None,
                 lease=LEASE_SECONDS, options=()):
        self.place, self.build, self.authority, self.name = place, build, authority, name
        self.settings, self.lost_after, self.lease = settings, lost_after, lease
        self.cluster = Cluster(size, tls, options)
        self.secret = base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()
        self.hosts = {}

    def __enter__(self):
        self.cluster.wait()
        return self

    def __exit__(self, *_):
        for agent in self.hosts.values():
            agent.stop()
        self.cluster.remove()

    def group(self, endpoints=None, secret=None, name=None):
        """The lines of a host's group `farm`, and the file that they name."""
        path = self.place.join("%s-%d.secret" % (self.name, len(os.listdir(self.place.path))))
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
            file.write(secret or self.secret)
        return """mode = "etcd"; name = "%s"; endpoints = (%s); secret_file = "%s"; lease_ttl = "%ds";
 host_lost_after = "%s"; any_etcd_version = true;""" % (
            name or self.name, ", ".join('"%s"' % url for url in endpoints or self.cluster.urls), path, self.lease,
            self.lost_after)

    def host(self, name, start=True, wait=True, **rest):
        """The agent of a host, running."""
        farm = self.group(rest.pop("endpoints", None), rest.pop("secret", None), rest.pop("farm_name", None))
        machine = rest.pop("machine", None)
        farm += rest.pop("lines", "")
        sessions, gate = rest.pop("sessions_text", self.sessions_text), rest.pop("gate_text", self.gate_text)
        agent = Agent(self.place, self.build, self.authority, name=rest.pop("directory", name), host=name, farm=farm,
                      settings=rest.pop("settings", self.settings), **rest)
        with open(agent.conf, encoding="utf-8") as file:
            text = file.read().replace("sessions: {", "sessions: { " + sessions).replace("gate: {", "gate: { " + gate)
        with open(agent.conf, "w", encoding="utf-8") as file:
            file.write(text)
        if machine:
            agent.prepare = on_machine(machine)
        self.hosts[name] = agent
        return agent.start(wait) if start else agent

    def machine(self, name):
        """The file with the id of a machine of its own."""
        path = self.place.join(name + ".machine-id")
        if not os.path.exists(path):
            self.place.write(name + ".machine-id", uuid.uuid4().hex + "\n")
        return path

    def leaders(self):
        return [name for name, agent in self.hosts.items() if agent.alive() and part(agent) == "leads"]

    def leader(self, seconds=20):
        """Its name, once there is one."""
        found = wait_until(lambda: (self.leaders() or [None])[0], seconds, 0.05)
        if found is None:
            raise RuntimeError("nobody leads:\n" + "\n".join(agent.log() for agent in self.hosts.values()))
        return found


def part(agent):
    try:
        return agent.get("/v1/farm").json()["part"]
    except (OSError, KeyError, ValueError):
        return None


def users(agent):
    """Concurrent users of the farm, as this host says."""
    return agent.status()["concurrent_users"]
