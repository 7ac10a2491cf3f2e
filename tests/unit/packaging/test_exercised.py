#!/usr/bin/env python3
"""Every file of packaging/ is run, read or built by something: the table `exercised` beside this says by what, and it is so.
     test_exercised.py SOURCE"""
import os
import re
import subprocess
import sys

SOURCE = sys.argv[1]
TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "exercised")
# What only puts files where they belong.
INSTALLING = re.compile(r"\binstall_(?:data|man)\(((?:[^()]|\([^()]*\))*)\)")
count = 0


def none(wrong, name):
    global count
    count += 1
    print("%sok %d - %s" % ("not " if wrong else "", count, name))
    for one in wrong:
        print("# " + one)


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def table(text):
    """{file: (what exercises it, words by which that names it)}; and lines that are none, or not in order."""
    rows, wrong = {}, []
    for line in text.splitlines():
        if line.startswith("#") or not line:
            continue
        words = line.split(None, 2)
        if len(words) < 2 or words[0] in rows or (rows and words[0] < list(rows)[-1]):
            wrong.append("no row, or not in order: " + line)
        else:
            rows[words[0]] = (words[1], words[2] if len(words) > 2 else os.path.basename(words[0]))
    return rows, wrong


def unnamed(rows):
    """Rows whose test or step does not have the words."""
    for file, (step, words) in rows.items():
        path = os.path.join(SOURCE, step)
        if not os.path.isfile(path):
            yield "%s: there is no %s" % (file, step)
        elif words not in read(path):
            yield "%s: %s does not have: %s" % (file, step, words)


def without_end(rows):
    """Files from which no way leads to a test, or into the build."""
    for file in rows:
        step, passed = file, set()
        while step in rows and step not in passed:
            passed.add(step)
            step = rows[step][0]
        if not step.startswith("tests/") and os.path.basename(step) != "meson.build":
            yield "%s: ends at %s, which is neither a test nor the build" % (file, step)


def only_installed(rows):
    """To be installed is not to be exercised."""
    for step in {step for step, _ in rows.values() if step.endswith("meson.build")}:
        installed = "".join(INSTALLING.findall(read(os.path.join(SOURCE, step))))
        names = [os.path.join(os.path.dirname(step), name) for name in re.findall(r"'([^']+)'", installed)]
        yield from ("%s: %s installs it, no more" % (name, step) for name in names if rows.get(name, ("",))[0] == step)


def main():
    told = subprocess.run(["git", "-c", "safe.directory=*", "-C", SOURCE, "ls-files", "packaging"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, check=False)
    if told.returncode != 0:
        print("ok 1 - files of packaging/ # SKIP this is no checkout\n1..1")
        return
    files = {name for name in told.stdout.splitlines() if os.path.exists(os.path.join(SOURCE, name))}
    rows, wrong = table(read(TABLE))
    none(wrong, "the table is in form and order")
    none(sorted(files - set(rows)), "every file has something that exercises it")
    none(sorted(set(rows) - files), "every row has its file")
    none(sorted(unnamed(rows)), "what exercises a file names it")
    none(sorted(without_end(rows)), "and is a test or the build, or leads there")
    none(sorted(only_installed(rows)), "no file is only installed")
    print("1..%d" % count)


main()
