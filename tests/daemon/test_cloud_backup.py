#!/usr/bin/env python3
"""The ledger is copied while farms report, and brought back: nobody waits, nothing is left behind by what fails, and after a restore
farms go on, also those that the older ledger knows less of.
     test_cloud_backup.py BUILD"""
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time

from harness import Agent, Authority, Place, Tap, request, wait_until

BUILD = os.path.abspath(sys.argv[1])
WINDOW = 1200
LARGE = 48 << 20  # of a ledger that takes dozens of steps to copy
GENEROUS = "activations: { per_minute = 6000; burst = 6000; }; reports: { per_minute = 6000; burst = 6000; };"
tap = Tap()


def at(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))


class Cloud(Authority):
    def backup(self, *words):
        return self.run("backup", *words)

    def grown(self):
        """With a ledger of some size."""
        self.start()
        self.stop()
        with sqlite3.connect(os.path.join(self.state, "ledger.db")) as ledger:
            ledger.executemany("INSERT INTO note VALUES (?, ?)", (("ballast %d" % i, "x" * 65536) for i in range(LARGE >> 16)))
        ledger.close()
        return self.start()

    def activate(self, installation, key):
        return request(("127.0.0.1", self.port), "POST", "/v1/activations", {"license_key": key, "installation_id": installation}).json()

    def report(self, farm, first, count=1):
        start = int(time.time()) // WINDOW * WINDOW - 2000 * WINDOW
        windows = [{"sequence": i, "start": at(start + i * WINDOW), "end": at(start + (i + 1) * WINDOW), "peak_users": i % 7,
                    "peak_at": at(start + i * WINDOW), "users_at_end": 0, "exempt_peak": 0, "hosts": 1}
                   for i in range(first, first + count)]
        return request(("127.0.0.1", self.port), "POST", "/v1/reports", {"farm_id": farm["farm_id"], "windows": windows},
                       {"Authorization": "Bearer " + farm["farm_token"]})

    def farm(self, farm_id):
        return request(self.socket, "GET", "/v1/admin/farms/" + farm_id).json()


def read(path, sql):
    ledger = sqlite3.connect("file:%s?immutable=1" % path, uri=True)
    try:
        return ledger.execute(sql).fetchall()
    finally:
        ledger.close()


def left_behind(place, cloud):
    return sorted(name for name in os.listdir(place.path) if name.startswith("copy")) + \
        sorted(name for name in os.listdir(cloud.state) if "backup" in name)


class Reporter(threading.Thread):
    """Reports one window after another until it is told to stop."""

    def __init__(self, cloud, farm):
        super().__init__(daemon=True)
        self.cloud, self.farm, self.through, self.refused, self.slowest, self.over = cloud, farm, 0, [], 0.0, False

    def run(self):
        while not self.over:
            begin = time.monotonic()
            answer = self.cloud.report(self.farm, self.through + 1)
            self.slowest = max(self.slowest, time.monotonic() - begin)
            if answer.status != 200:
                self.refused.append(answer)
                return
            self.through += 1


def while_farms_report(place):
    cloud = Cloud(place, BUILD, settings=GENEROUS).grown()
    farm = cloud.activate("i", cloud.new_key(5))
    reporter = Reporter(cloud, farm)
    reporter.start()
    wait_until(lambda: reporter.through > 10)
    before, path = reporter.through, place.join("copy.db")
    done = cloud.backup(path)
    during = reporter.through - before
    reporter.over = True
    reporter.join()
    tap.equal((done.returncode, done.stdout), (0, "%s: %d bytes\n" % (path, os.path.getsize(path))), "a backup is made")
    tap.ok("signing key" in done.stderr, "which says what is not in it", done.stderr)
    tap.equal((os.stat(path).st_mode & 0o777, left_behind(place, cloud)), (0o600, ["copy.db"]), "it is its owner's, and all there is")
    print("# %d reports meanwhile, the slowest in %.0f ms" % (during, 1000 * reporter.slowest))
    tap.ok(during > 0 and not reporter.refused, "farms report meanwhile", reporter.refused)
    tap.equal(read(path, "PRAGMA integrity_check"), [("ok",)], "the copy is whole")
    (through,), = read(path, "SELECT accepted_through FROM farm")
    tap.ok(before <= through <= reporter.through, "and has all that was acknowledged before", (before, through, reporter.through))
    tap.equal(read(path, "SELECT count(*) FROM note WHERE length(value) = 65536"), [(LARGE >> 16,)], "down to the last note")

    done = cloud.backup(path)
    tap.ok(done.returncode == 1 and "File exists" in done.stderr, "what is there is not overwritten", done.stderr)
    done = cloud.backup(path, "--force", "--json")
    tap.equal((done.returncode, json.loads(done.stdout)), (0, {"file": path, "bytes": os.path.getsize(path)}), "unless --force says so")
    done = subprocess.run([cloud.binary, "backup", "copy-2.db", "--socket", cloud.socket], cwd=place.path, capture_output=True, text=True,
                          check=False)
    tap.ok(done.returncode == 0 and os.path.exists(place.join("copy-2.db")), "a relative path is the command's", done)
    for target, word in ((place.path, "Is a directory"), (place.join("no", "where"), "No such file")):
        done = cloud.backup(target, "--force")
        tap.ok(done.returncode == 1 and word in done.stderr, "not to where nothing can be: " + word, done)
    answer = request(("127.0.0.1", cloud.port), "POST", "/v1/admin/backup")
    tap.equal(answer.status, 401, "nobody gets it over TCP")
    crowd = [subprocess.Popen([cloud.binary, "backup", place.join("copy-c%d" % i), "--socket", cloud.socket], stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True) for i in range(6)]
    told = [(one.communicate()[1], one.returncode) for one in crowd]
    tap.ok({code for _, code in told} == {0, 1} and all("backup_running" in text for text, code in told if code), "one at a time", told)


def what_fails(place):
    cloud = Cloud(place, BUILD, "failing", settings=GENEROUS).grown()
    farm = cloud.activate("i", cloud.new_key(5))
    path = place.join("copy.db")

    asking = subprocess.Popen([cloud.binary, "backup", path, "--socket", cloud.socket], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    wait_until(lambda: any(name.startswith("copy") and os.path.getsize(place.join(name)) > 0 for name in os.listdir(place.path)), every=0.001)
    asking.kill()
    asking.wait()
    tap.ok(not os.path.exists(path), "a command that is killed leaves no file of that name")
    tap.ok(wait_until(lambda: "broken off" in cloud.log() or "backed up" in cloud.log()), "and the authority goes on", cloud.log()[-300:])
    for name in left_behind(place, cloud):
        os.unlink(place.join(name))
    tap.equal(cloud.report(farm, 1).status, 200, "taking reports")

    asking = subprocess.Popen([cloud.binary, "backup", path, "--socket", cloud.socket], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              text=True)
    wait_until(lambda: os.path.exists(os.path.join(cloud.state, "ledger-backup")), every=0.0005)
    cloud.kill()
    why = asking.communicate()[1]
    tap.ok(asking.returncode in (1, 3) and why, "an authority that is killed: the command says so", (asking.returncode, why))
    cloud.start()
    tap.equal(left_behind(place, cloud), [], "and nothing is left behind")
    tap.equal(cloud.report(farm, 2).json()["accepted_through"], 2, "it goes on")

    asking = subprocess.Popen([cloud.binary, "backup", path, "--socket", cloud.socket], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              text=True)
    wait_until(lambda: os.path.exists(os.path.join(cloud.state, "ledger-backup")), every=0.0005)
    tap.equal(cloud.stop(), 0, "one that is told to stop does")
    asking.communicate()
    tap.equal((asking.returncode == 0) == os.path.exists(path), True, "there is a whole file or none")
    if os.path.exists(path):
        os.unlink(path)
    tap.equal(left_behind(place, cloud), [], "and nothing else")


def mounted(path, size):
    os.makedirs(path, exist_ok=True)
    return os.getuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%d,mode=700" % size, "tmpfs", path], check=False,
                                               capture_output=True).returncode == 0


def remount(path, size):
    subprocess.run(["mount", "-o", "remount,size=%d" % size, path], check=True)


def full_disks(place):
    small, state = place.join("small"), place.join("crowded")
    if not mounted(small, 1 << 20):
        tap.skip("full disks", "may not mount")
        return
    cloud = Cloud(place, BUILD, "crowded", settings=GENEROUS)
    try:
        if not mounted(state, 4 * LARGE):
            tap.skip("a full disk of the authority's", "may not mount")
            return
        cloud.grown()
        remount(state, LARGE + (LARGE >> 3))
        farm = cloud.activate("i", cloud.new_key(5))
        done = cloud.backup(place.join("copy.db"))
        tap.ok(done.returncode == 1 and "backup_failed" in done.stderr and "bytes of room" in done.stderr,
               "no room beside the ledger: no copy is begun", done.stderr)
        tap.equal((cloud.report(farm, 1).status, left_behind(place, cloud)), (200, []), "and farms do not feel it")
        remount(state, 4 * LARGE)
        done = cloud.backup(os.path.join(small, "copy.db"))
        tap.ok(done.returncode == 1 and "No space left" in done.stderr, "no room where it is to go: the command says so", done.stderr)
        tap.equal((os.listdir(small), left_behind(place, cloud)), ([], []), "and leaves nothing behind")
        tap.equal(cloud.backup(place.join("copy.db")).returncode, 0, "with room it is made")
    finally:
        cloud.stop()
        for path in (small, state):
            subprocess.run(["umount", "-l", path], check=False, capture_output=True)


def standing(agent):
    with open(os.path.join(agent.state, "licence"), encoding="utf-8") as file:
        licence = json.loads(file.readline())
    return agent.status()["verdict"]["open"], licence["serial"]


def brought_back(place):
    """As farmgate-cloud(8) says, with farms that the older ledger knows all of, less of, and nothing of."""
    cloud = Cloud(place, BUILD, "book", settings=GENEROUS).start()
    keys = [cloud.new_key(5) for _ in range(4)]
    steady, anew, later = (Agent(place, BUILD, cloud, name, host=name).start() for name in ("steady", "anew", "later"))
    for agent, key in ((steady, keys[0]), (anew, keys[1])):
        tap.equal(agent.activate(key).status, 200, "a farm is activated")
    counted = cloud.activate("counted", keys[3])
    cloud.report(counted, 1, 5)
    backup = place.join("ledger-2026.db")
    tap.equal(cloud.backup(backup).returncode, 0, "the ledger is backed up")

    cloud.report(counted, 6, 4)
    tap.equal(anew.activate(keys[1]).status, 200, "later a farm is activated anew, with another token,")
    tap.equal(anew.call("POST", "/v1/report").status, 200, "which it uses,")
    tap.equal(later.activate(keys[2]).status, 200, "another for the first time,")
    tap.equal(cloud.run("signing-key", "rotate").returncode, 0, "the signing key is followed by another one,")
    tap.equal(steady.call("POST", "/v1/report").status, 200, "which a farm has seen")
    before = standing(steady)
    ids = [agent.status()["farm_id"] for agent in (steady, anew, later)]

    cloud.stop()
    ledger = os.path.join(cloud.state, "ledger.db")
    for ending in ("", "-wal", "-shm"):
        if os.path.exists(ledger + ending):
            os.rename(ledger + ending, place.join("damaged" + ending))
    shutil.copy(backup, ledger)
    cloud.start()

    answer = cloud.report(counted, 10, 2)
    tap.equal((answer.status, answer.json()["accepted_through"], answer.json()["refused"]), (200, 11, []),
              "windows that were accepted since are not sent again, and the next ones are taken")
    shown = cloud.farm(counted["farm_id"])
    tap.equal((shown["windows_counted"], shown["windows_missing"]), (7, 4), "the gap is noted")
    tap.equal((steady.call("POST", "/v1/report").status, standing(steady)[0]), (200, True), "a farm that was known goes on")
    tap.ok(standing(steady)[1] > before[1], "and its entitlement is newer than any before", (standing(steady), before))
    for agent, name in ((anew, "with a newer token"), (later, "that is not known")):
        tap.equal((agent.call("POST", "/v1/report").status, standing(agent)[0]), (502, True), "a farm %s is refused, and runs on" % name)
    tap.equal((anew.activate(keys[1]).status, later.activate(keys[2]).status), (200, 200), "activated again with their keys,")
    tap.equal([agent.call("POST", "/v1/report").status for agent in (steady, anew, later)], [200] * 3, "all report")
    tap.equal([standing(agent)[0] for agent in (steady, anew, later)], [True] * 3, "and run")
    tap.equal([agent.status()["farm_id"] == farm_id for agent, farm_id in zip((steady, anew, later), ids)], [True, True, False],
              "as the farms that they were, but for the one that was not known")
    lines = request(cloud.socket, "GET", "/v1/admin/audit").json()["audit"]
    tap.ok(("authority", "signing_key.rotate") in [(line["who"], line["what"]) for line in lines], "the later key is noted again")


for story in (while_farms_report, what_fails, full_disks, brought_back):
    with Place() as there:
        story(there)
tap.done()
