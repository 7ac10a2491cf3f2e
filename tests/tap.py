#!/usr/bin/env python3
"""Runs test programs, reads their TAP, and adds what they said to a file of results.

    tap.py RESULTS SECONDS COMMAND...   one program, with a time limit
    tap.py RESULTS lanes LANES SECONDS WORDS... -- FILE...
                                        each Python file with these words, so many at a time, each with the limit
    tap.py RESULTS meson BUILD SUITE    every test of a meson suite, as meson runs them
    tap.py RESULTS sum                  the closing lines

A program that ends badly without a "not ok" counts as one failure; so does one that says nothing at all.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

LINE = re.compile(r"^\s*(ok|not ok)\b\s*\d*\s*(?:-\s*)?(.*?)\s*(?:#\s*(SKIP)\b\s*(.*))?$", re.I)


def read_tap(text):
    """passed, failed names, skipped names"""
    passed, failed, skipped = 0, [], []
    for line in text.splitlines():
        match = LINE.match(line)
        if not match:
            continue
        if match.group(3):
            skipped.append("%s (%s)" % (match.group(2), match.group(4)))
        elif match.group(1).lower() == "ok":
            passed += 1
        else:
            failed.append(match.group(2))
    return passed, failed, skipped


def telling_lines(output):
    """What explains a failure: each "not ok" with the comments behind it, and the last lines."""
    lines, told = output.splitlines(), []
    for number, line in enumerate(lines[:-40]):
        if line.lstrip().startswith("not ok") or (told and line.startswith("#") and told[-1] is lines[number - 1]):
            told.append(line)
    return told + lines[-40:]


SAID = threading.Lock()  # what is said of a test stands together


def record(results, name, code, output, seconds):
    with SAID:
        say(results, name, code, output, seconds)


def say(results, name, code, output, seconds):
    passed, failed, skipped = read_tap(output)
    if not failed and code != 0:
        failed.append("ended with %s" % code)
    if not passed and not failed and not skipped:
        failed.append("printed no test")
    took = ", %.0f s" % seconds if seconds >= 5 else ""
    print("  %-32s %5d passed%s%s%s" % (name, passed, ", %d failed" % len(failed) if failed else "",
                                       ", %d skipped" % len(skipped) if skipped else "", took), flush=True)
    if failed:
        for line in failed:
            print("      not ok: " + line)
        print("\n".join("      | " + line for line in telling_lines(output)), flush=True)
    with open(results, "a", encoding="utf-8") as file:
        json.dump({"name": name, "passed": passed, "failed": failed, "skipped": skipped}, file)
        file.write("\n")


# What nohup, or a shell in the background, has this runner ignore is not to be ignored by what is tested.
HEARING = ["env", "--default-signal=HUP,INT,QUIT"]


def run_program(results, seconds, command):
    name = os.path.basename(command[1] if command[0].startswith("python") else command[0])
    began = time.monotonic()
    process = subprocess.Popen(HEARING + command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        output, _ = process.communicate(timeout=float(seconds))
        code = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        code = "the time limit of %s s" % seconds
    record(results, name, code, output.decode("utf-8", "replace"), time.monotonic() - began)


def run_lanes(results, lanes, seconds, words, files):
    waiting = list(reversed(files))

    def lane():
        while True:
            try:
                file = waiting.pop()
            except IndexError:
                return
            run_program(results, seconds, ["python3", file] + words)

    threads = [threading.Thread(target=lane) for _ in range(int(lanes))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def run_meson(results, build, suite):
    log = os.path.join(build, "meson-logs", "testlog.json")
    if os.path.exists(log):
        os.unlink(log)
    subprocess.run(HEARING + ["meson", "test", "-C", build, "--no-rebuild", "--suite", suite],
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, check=False)
    if not os.path.exists(log):
        record(results, "meson suite " + suite, "no log", "", 0)
        return
    shutil.copy(log, os.path.join(build, "meson-logs", "testlog-%s.json" % suite))
    listed = subprocess.run(["meson", "test", "-C", build, "--no-rebuild", "--suite", suite, "--list"], stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, check=False).stdout.decode()
    missing = {line.split(" / ")[-1] for line in listed.splitlines() if " / " in line}
    with open(log, encoding="utf-8") as file:
        for line in file:
            test = json.loads(line)
            missing.discard(test["name"].split(" / ")[-1])
            code = 0 if test["result"] in ("OK", "SKIP") else test["result"]
            record(results, test["name"].split(" / ")[-1], code, test.get("stdout", "") + test.get("stderr", ""),
                   test.get("duration", 0))
    for name in sorted(missing): # meson itself gave up
        record(results, name, "no result in meson's log", "", 0)


def close(results):
    passed, failed, skipped = 0, 0, []
    if os.path.exists(results):
        with open(results, encoding="utf-8") as file:
            for line in file:
                test = json.loads(line)
                passed += test["passed"]
                failed += len(test["failed"])
                skipped += ["%s: %s" % (test["name"], name) for name in test["skipped"]]
    strict = os.environ.get("REQUIRE_ALL") == "1"
    if skipped:
        print(("not run, and each one counts as failed: " if strict else "skipped: ") + "; ".join(skipped))
        if strict:
            failed += len(skipped)
    ending = ", %d skipped" % len(skipped) if skipped and not strict else ""
    print("%d passed, %d failed%s" % (passed, failed, ending))
    return 0 if failed == 0 and passed > 0 else 1


def main():
    results, what = sys.argv[1], sys.argv[2]
    if what == "sum":
        sys.exit(close(results))
    if what == "meson":
        run_meson(results, sys.argv[3], sys.argv[4])
    elif what == "skip":
        record(results, sys.argv[3], 0, "ok 1 - %s # SKIP %s" % (sys.argv[3], sys.argv[4]), 0)
    elif what == "lanes":
        words, files = sys.argv[5:sys.argv.index("--")], sys.argv[sys.argv.index("--") + 1:]
        run_lanes(results, sys.argv[3], sys.argv[4], words, files)
    else:
        run_program(results, what, sys.argv[3:])


main()
