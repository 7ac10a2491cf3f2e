#!/usr/bin/env python3
"""What is tested on Windows is what is tested on Linux, case by case, but for what tests/unit/meson.build names.

    test_same_cases.py WINDOWS_BUILD BUILD

Reads the logs of both suites; Linux' is run anew where there is none (tests/run windows)."""
import json
import os
import re
import subprocess
import sys

CASE = re.compile(r"^\s*(?:ok|not ok)\b\s*\d*\s*(?:-\s*)?(.*?)\s*(#\s*SKIP\b.*)?$", re.I)
COUNT = re.compile(r"\b[0-9]+\b")


def read_log(build):
    """Test -> (its cases in order, its command)."""
    log = os.path.join(build, "meson-logs/testlog-unit.json")
    if not os.path.exists(log):
        subprocess.run(["meson", "test", "-C", build, "--no-rebuild", "--suite", "unit"], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=False)
        log = os.path.join(build, "meson-logs/testlog.json")
    tests = {}
    with open(log, encoding="utf-8") as file:
        for line in file:
            test = json.loads(line)
            cases = [COUNT.sub("N", match.group(1)) for match in map(CASE.match, test.get("stdout", "").splitlines())
                     if match and not match.group(2)]
            tests[test["name"].split(" / ")[-1]] = (cases, " ".join(test["command"]))
    return tests


def wanted(linux, left_out):
    """What has to be tested, and what of the list is of no use."""
    used, those = set(), {}
    for name, (cases, command) in linux.items():
        whole = [line for line in left_out if line == name or (line.endswith("/") and "/tests/unit/" + line in command)]
        used.update(whole)
        if whole:
            continue
        single = {line for line in left_out if line.startswith(name + " ")}
        those[name] = [case for case in cases if name + " " + case not in single]
        used.update(name + " " + case for case in cases if name + " " + case in single)
    return those, [line for line in left_out if line not in used]


def main():
    windows, linux = read_log(sys.argv[1]), read_log(sys.argv[2])
    with open(os.path.join(sys.argv[1], "tests/unit/left_out"), encoding="utf-8") as file:
        left_out = file.read().split("\n")[:-1]
    those, useless = wanted(linux, left_out)
    different = {name: cases for name, cases in those.items() if windows.get(name, ([], ""))[0] != cases}
    print("1..2")
    for name, cases in different.items():
        print("# %s: %s" % (name, ", ".join(sorted(set(cases) ^ set(windows.get(name, ([], ""))[0]))) or "no test, or another order"))
    print("%s 1 - %d tests with %d cases are Linux' own, %d tests and cases are left out by name" % (
        "not ok" if different else "ok", len(those), sum(map(len, those.values())), len(left_out)))
    for line in useless:
        print("# left out, and there is no such test or case: " + line)
    print("%s 2 - what is left out is there elsewhere" % ("not ok" if useless else "ok"))
    sys.exit(bool(different or useless))


main()
