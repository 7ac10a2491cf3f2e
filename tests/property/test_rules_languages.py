#!/usr/bin/env python3
"""The rules written twice, in C (rules_model.c) and in Python (rules_model.py), come to the same for random
histories.

    test_rules_languages.py RULES_PROPERTY [SEED]
"""
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
FACTS = 25000         # lines of outcome to compare in all
FACTS_A_SEED = 8000   # longer histories are left to the C model alone


def difference(one, other):
    """The first line in which two texts differ, None if they are the same."""
    one, other = one.splitlines(), other.splitlines()
    for number, (left, right) in enumerate(zip(one, other)):
        if left != right:
            return "fact %d:\n#   C      %s\n#   Python %s" % (number + 1, left, right)
    return None if len(one) == len(other) else "%d facts in C, %d in Python" % (len(one), len(other))


def run(command, text=None):
    return subprocess.run(command, input=text, check=True, capture_output=True, text=True).stdout


def main():
    program = sys.argv[1]
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    print("TAP version 13\n1..1\n# seeds from %d" % seed)
    facts = seeds = 0
    found = None
    while found is None and (facts < FACTS and len(sys.argv) < 3 or seeds == 0):
        script = run([program, "--seed", str(seed), "--print"])
        with tempfile.NamedTemporaryFile("w", suffix=".script") as file:
            file.write(script)
            file.flush()
            outcome = run([program, "--script", file.name, "--outcome"])
        lines = outcome.count("\n")
        if lines <= FACTS_A_SEED or len(sys.argv) > 2:
            found = difference(outcome, run([sys.executable, os.path.join(HERE, "rules_model.py")], script))
            facts += lines
            seeds += 1
        if found is not None:
            print("# seed %d, %s" % (seed, found))
        seed += 1
    print("%sok 1 - %d facts of %d histories are the same in both languages"
          % ("" if found is None else "not ", facts, seeds))
    sys.exit(0 if found is None else 1)


main()
