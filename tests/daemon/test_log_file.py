#!/usr/bin/env python3
"""Log events as lines of JSON in a file: the same as the API's, rotated, taken away by logrotate's like, on a full disk; and
what an agent says there that cannot run.     test_log_file.py BUILD"""
import glob
import json
import os
import re
import signal
import subprocess
import sys

from harness import Agent, Place, Tap, wait_until

BUILD = sys.argv[1]
tap = Tap()
LEAST_BYTES = 65536


def lines(path):
    """The file's events; a line that is none fails the test."""
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def codes(path):
    return [event["code"] for event in lines(path)] if os.path.exists(path) else []


def settings(path, more=""):
    return 'log = { file = "%s"; %s };' % (path, more)


def told(agent, count):
    """The API's first events."""
    answer = agent.ctl("events", "--json")
    return [json.loads(line) for line in answer.stdout.splitlines()][:count]


def reload(agent):
    before = agent.log().count("read again and applied")
    agent.process.send_signal(signal.SIGHUP)
    return wait_until(lambda: agent.log().count("read again and applied") > before)


def same_events():
    with Place() as place:
        path = place.join("log", "events.jsonl")
        agent = Agent(place, BUILD, settings=settings(path)).start()
        tap.ok(wait_until(lambda: "agent_started" in codes(path)), "the file and its directory are made")
        tap.equal((os.stat(path).st_mode & 0o7777) & ~0o640, 0, "nobody else may read it")
        for n in range(5):
            agent.put("h1", "s%d" % n, "user%d" % n)
        agent.end("h1", "s0")
        tap.ok(wait_until(lambda: codes(path).count("connection_opened") == 5 and "connection_ended" in codes(path)),
               "each event is a line", codes(path))
        written = lines(path)
        tap.equal(told(agent, len(written)), written, "the same as the API's, and in its order")
        tap.ok(all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["at"]) for event in written),
               "with their time in UTC, to the millisecond")
        agent.stop()
        tap.equal(codes(path)[-1], "agent_stopping", "the last one is that it stops")
        agent.start()
        tap.equal(lines(path)[:len(written)], written, "another start goes on behind")


def quiet():
    with Place() as place:
        path = place.join("events.jsonl")
        agent = Agent(place, BUILD, settings=settings(path, 'severity = "warning";')).start()
        agent.put("h1", "1", "alice")
        agent.stop()
        tap.equal(codes(path), ["gate_closed"], "log.severity holds for the file too")
        tap.ok(Agent(place, BUILD, name="other").start().stop() == 0, "without log.file there is none")


def rotation():
    with Place() as place:
        path = place.join("events.jsonl")
        agent = Agent(place, BUILD, settings=settings(path, "file_bytes = %d; files_kept = 2;" % LEAST_BYTES)).start()
        names = [path, path + ".1", path + ".2"]
        for n in range(1200):
            agent.put("h1", "s", "user%d" % n)
        tap.ok(wait_until(lambda: lines(path) and lines(path)[-1].get("user") == "user1199"), "every event is written")
        tap.equal(sorted(glob.glob(path + "*")), names, "as many files are kept as was said")
        tap.ok(all(os.path.getsize(name) <= LEAST_BYTES for name in names), "none is larger than was said",
               [os.path.getsize(name) for name in names])
        ids = [event["id"] for name in reversed(names) for event in lines(name)]
        tap.equal(ids, list(range(ids[0], ids[0] + len(ids))), "from the oldest file to the newest no event is missing")
        agent.kill()
        os.rename(names[0], path + ".0")  # as a rotation that got no further leaves it
        os.rename(names[1], names[0])
        agent.start()
        tap.ok(wait_until(lambda: codes(names[0])[-1] == "agent_started"), "after a crash it goes on")


def moved_away():
    with Place() as place:
        path, away = place.join("events.jsonl"), place.join("events.jsonl-20260101")
        agent = Agent(place, BUILD, settings=settings(path)).start()
        wait_until(lambda: "agent_started" in codes(path))
        os.rename(path, away)
        agent.put("h1", "1", "alice")
        tap.ok(wait_until(lambda: "connection_opened" in codes(away)), "a file that was moved away is written to")
        tap.ok(reload(agent) and wait_until(lambda: "settings_applied" in codes(path)), "until a reload makes a new one")
        tap.ok("settings_applied" not in codes(away), "and lets the old one go")
        other = place.join("other.jsonl")
        with open(agent.conf, encoding="utf-8") as file:
            text = file.read().replace(path, other)
        place.write("agent.conf", text)
        tap.ok(reload(agent) and wait_until(lambda: "settings_applied" in codes(other)), "another file holds from a reload on")
        tap.ok("need_restart" not in "".join(codes(other)), "no restart is needed for it")


def cannot_write():
    """A directory that is not there; nothing else suffers."""
    with Place() as place:
        directory = place.join("no", "such")
        path = os.path.join(directory, "events.jsonl")
        agent = Agent(place, BUILD, settings=settings(path)).start()
        tap.ok(wait_until(lambda: "the log file" in agent.log()), "a file that cannot be written is said")
        tap.ok(path in agent.log() and "No such file" in agent.log(), "with its name, and why", agent.log())
        for n in range(20):
            tap_status = agent.put("h1", "s%d" % n, "user%d" % n).status
        tap.ok(tap_status in (200, 201, 204) and agent.status()["concurrent_users"] == 20, "all else goes on")
        tap.equal(agent.log().count("the log file"), 1, "it is said once")
        os.makedirs(directory)
        agent.put("h1", "after", "zoe")
        tap.ok(wait_until(lambda: "is written again" in agent.log()), "and again when it is over", agent.log())
        recovered = wait_until(lambda: "log_file_recovered" in codes(path)) and [e for e in lines(path) if e["code"] == "log_file_recovered"]
        whole = told(agent, None)
        count = recovered[0]["count"] if recovered else None
        tap.equal(count, [e["code"] == "connection_opened" and e["user"] == "zoe" for e in whole].index(True),
                  "with how many are missing")
        tap.ok({"log_file_failed", "log_file_recovered"} <= {e["code"] for e in whole}, "both are events for everybody")


def full_disk():
    with Place() as place:
        disk = place.join("disk")
        os.makedirs(disk)
        if os.getuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk],
                                              capture_output=True, check=False).returncode != 0:
            tap.skip("a full disk", "no tmpfs can be mounted here")
            return
        path = os.path.join(disk, "events.jsonl")
        agent = Agent(place, BUILD, settings=settings(path))
        try:
            agent.start()
            filler = os.path.join(disk, "filler")
            with open(filler, "wb", buffering=0) as file:
                try:
                    while True:
                        file.write(b"x" * 4096)
                except OSError:
                    pass
            for n in range(100):
                agent.put("h1", "s%d" % n, "user%d" % n)
            tap.ok(wait_until(lambda: "No space left" in agent.log()), "a full disk is said", agent.log())
            tap.equal(agent.status()["concurrent_users"], 100, "and costs nothing else")
            tap.ok(lines(path), "what is in the file is whole lines")
            os.unlink(filler)
            agent.put("h1", "after", "zoe")
            tap.ok(wait_until(lambda: "log_file_recovered" in codes(path)), "with room it goes on by itself", codes(path))
            tap.equal([agent.log().count(text) for text in ("cannot be written", "is written again")], [1, 1], "each is said once")
            tap.ok(all(e["id"] > 0 for e in lines(path)), "and every line is whole")
        finally:
            agent.stop()
            subprocess.run(["umount", disk], check=False)


def cannot_run():
    """The reason stands in the log file before the program ends."""
    with Place() as place:
        path = place.join("events.jsonl")
        agent = Agent(place, BUILD, settings=settings(path)).start()
        second = Agent(place, BUILD, name="second", settings=settings(path))
        with open(second.conf, encoding="utf-8") as file:
            place.write("second.conf", file.read().replace(second.state, agent.state))
        second.start(wait=False)
        tap.equal(second.process.wait(10), 75, "a second agent on one store ends")
        failed = [event for event in lines(path) if event["code"] == "agent_failed"]
        tap.ok(len(failed) == 1 and failed[0]["exit_code"] == 75 and agent.state in failed[0]["detail"],
               "and the log file says why", failed)
        tap.ok("cannot run: " + failed[0]["detail"] in second.log(), "as standard error does", second.log())
        agent.stop()
        with open(agent.conf, "a", encoding="utf-8") as file:
            file.write("nonsense = 1;\n")
        agent.start(wait=False)
        tap.equal(agent.process.wait(10), 78, "one with a wrong configuration too")
        failed = [event for event in lines(path) if event["code"] == "agent_failed"]
        tap.ok(len(failed) == 2 and "nonsense" in failed[1]["detail"] and failed[1]["exit_code"] == 78,
               "and says why in the file that the rest of it names", failed)
        checked = subprocess.run([agent.binary, "--config", agent.conf, "--check-config"], capture_output=True, text=True, check=False)
        tap.ok(checked.returncode == 78 and checked.stderr.startswith("farmgated: " + agent.conf), "a mere check says it there alone",
               checked.stderr)
        tap.equal(len([event for event in lines(path) if event["code"] == "agent_failed"]), 2, "and is no event")


same_events()
quiet()
rotation()
moved_away()
cannot_write()
full_disk()
cannot_run()
tap.done()
