"""A farm of many hosts on loopback: a real etcd, agents that share it."""
import base64
import os

from etcd_cluster import Cluster
from harness import Agent, wait_until

LEASE_SECONDS = 2


class Farm:
    """`size` members of etcd; the agents of its hosts are made by `host`."""

    def __init__(self, place, build, size=1, authority=None, name="farm", settings="", lost_after="3s", tls=None):
        self.place, self.build, self.authority, self.name = place, build, authority, name
        self.settings, self.lost_after = settings, lost_after
        self.cluster = Cluster(size, tls)
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
            name or self.name, ", ".join('"%s"' % url for url in endpoints or self.cluster.urls), path, LEASE_SECONDS,
            self.lost_after)

    def host(self, name, start=True, wait=True, **rest):
        """The agent of a host, running."""
        farm = self.group(rest.pop("endpoints", None), rest.pop("secret", None), rest.pop("farm_name", None))
        agent = Agent(self.place, self.build, self.authority, name=rest.pop("directory", name), host=name, farm=farm,
                      settings=rest.pop("settings", self.settings), **rest)
        self.hosts[name] = agent
        return agent.start(wait) if start else agent

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
