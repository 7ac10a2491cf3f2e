"""Time that passes while programs stand still: they are stopped and started again with boot time and wall clock ahead. What
is to happen at an instant happens while they run, seconds after they were started."""
import calendar
import os
import time

import elsewhere
from elsewhere import boot_time_ahead

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
WINDOW = 20 * MINUTE


def ms(text):
    """An instant of the APIs in Unix ms."""
    return calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")) * 1000 + int(text[20:23])


def phase(farm_id):
    """When in each window a farm reports and is validated (RULES §3.3): FNV-1a of its id."""
    value = 0xCBF29CE484222325
    for byte in farm_id.encode():
        value = (value ^ byte) * 0x100000001B3 % (1 << 64)
    return value % WINDOW


def quiet(to, farm_ids, long=5 * MINUTE):
    """The first instant from `to` on after which none of these farms reports by itself for so long."""
    while any((phase(farm_id) - to) % WINDOW < long for farm_id in farm_ids):
        to += MINUTE
    return to


def wall_clock_ahead(milliseconds):
    return {"LD_PRELOAD": FAKETIME, "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME": "%+.3fs" % (milliseconds / 1000)}


def possible():
    """Time namespaces and libfaketime are there."""
    return elsewhere.possible(boot_time_ahead(1000)) and os.path.exists(FAKETIME)


class Years:
    """How far ahead of now an authority and some agents live."""

    def __init__(self, cloud, *agents):
        self.cloud, self.agents = cloud, agents
        self.ahead_ms = 0

    def now(self):
        """Licence time, which runs with the real clock, so far ahead."""
        return int(time.time() * 1000) + self.ahead_ms

    def jump(self, to, cloud=True, kill=False):
        """Those agents that run live on from this instant, and the authority, or only they."""
        running = [agent for agent in self.agents if agent.alive()]
        for agent in running:
            agent.stop(9 if kill else 15)
        self.cloud.stop()
        self.ahead_ms += to - self.now()
        self.cloud.env.update(wall_clock_ahead(self.ahead_ms))
        for agent in self.agents:
            agent.env.update(wall_clock_ahead(self.ahead_ms))
            agent.prepare = boot_time_ahead(self.ahead_ms)
        if cloud:
            self.cloud.start()
        for agent in running:
            agent.start()
