#!/usr/bin/env python3
"""Many farms that report at once to a real authority: that all is counted, not how fast (that is tests/bench)."""
import json
import os
import subprocess
import sys
import time

from harness import Authority, Place, Tap, request

BUILD = sys.argv[1]
BENCH = os.path.join(BUILD, "tests", "bench", "bench_reports")
FARMS, WINDOWS, DAYS, CLIENTS = 3000, 216, 30, 32
NOW_MS = int(time.time()) // 1200 * 1200000
tap = Tap()


def bench(what, *words):
    return subprocess.run([BENCH, what, str(FARMS), str(WINDOWS), str(DAYS), str(NOW_MS), *map(str, words)],
                          capture_output=True, text=True, timeout=120, check=False)


def farms(authority):
    """Every farm as the administrators' list has it."""
    after, found = 0, []
    while after is not None:
        page = request(authority.socket, "GET", "/v1/admin/farms?after=%d" % after).json()
        found += page["farms"]
        after = page["next"]
    return found


def test_reports_of_many_clients(place):
    state = place.join("many")
    os.mkdir(state)
    tap.equal(bench("fill", state).returncode, 0, "a ledger of %d farms is filled in" % FARMS)
    authority = Authority(place, BUILD, name="many", state=state).start()
    ran = bench("drive", 0, 1, authority.port, CLIENTS, authority.public_key())
    answered = int(ran.stdout.split()[0]) if ran.returncode == 0 else 0
    tap.ok(answered > 0, "%d clients report and are answered with signed entitlements" % CLIENTS, ran.stderr)
    counted = sorted(farm["windows_counted"] for farm in farms(authority))
    tap.equal(len(counted), FARMS, "no farm is lost, none made")
    new = sum(count - WINDOWS for count in counted)
    tap.ok(min(answered, FARMS) <= new <= answered + CLIENTS,
           "what was answered is counted, once",
           json.dumps([answered, new]))
    authority.stop()
    tap.ok(" transactions" in authority.log(), "it says in the end how calls shared transactions")
    ran = bench("bound", 0, 0.2, state, 16)
    tap.equal(ran.returncode, 0, "the bound beside it writes the same ledger")


def main():
    with Place() as place:
        test_reports_of_many_clients(place)
    tap.done()


main()
