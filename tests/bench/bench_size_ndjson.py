#!/usr/bin/env python3
"""farmgate size on lines of JSON: beside yajl alone, whose callbacks do nothing, on the same log; and ten million events
in one run, with the memory that it takes.

    bench_size_ndjson.py BUILD
"""
import os
import subprocess
import sys
import tempfile

BUILD = sys.argv[1]
FARMGATE = os.path.join(BUILD, "agent", "ctl", "farmgate")
BENCH = os.path.join(BUILD, "tests", "bench", "bench_ndjson")
ROUNDS = 5


def cost(*command):
    """Seconds of CPU, and the most memory in MiB."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit("%s: %d" % (" ".join(command), process.returncode))
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def log_of(place, events):
    path = os.path.join(place, "%d.ndjson" % events)
    with open(path, "wb") as file:
        subprocess.run([BENCH, "generate", str(events)], stdout=file, check=True)
    return path


with tempfile.TemporaryDirectory() as PLACE:
    LOG = log_of(PLACE, 1000000)
    MIB = os.path.getsize(LOG) / (1 << 20)
    # in turns, so that what else the machine does falls on both; the least is what it costs
    TIMES = [(cost(BENCH, "yajl", LOG)[0], cost(FARMGATE, "size", "--csv", LOG)[0]) for _ in range(ROUNDS)]
    YAJL, SIZE = min(one for one, _ in TIMES), min(other for _, other in TIMES)
    print("size, a million events as NDJSON, %.0f MiB: %.2f s of CPU, yajl alone %.2f s: %.2f of its speed" %
          (MIB, SIZE, YAJL, YAJL / SIZE))
    os.unlink(LOG)
    LOG = log_of(PLACE, 10000000)
    SECONDS, MEMORY = cost(FARMGATE, "size", "--csv", LOG)
    print("size, ten million events as NDJSON, %.0f MiB: %.1f s of CPU, %.1f MiB of memory at most" %
          (os.path.getsize(LOG) / (1 << 20), SECONDS, MEMORY))
