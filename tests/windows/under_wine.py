"""Windows programs, run by packaging/windows/wine. A path of this machine is one of wine's on its drive Z:."""
import contextlib
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
WINE = os.path.join(TREE, "packaging", "windows", "wine")
# Where wine's services tell what the Event Log, of which wine keeps nothing, was given.
LOG = os.environ.get("WINE_LOG") or os.path.join(tempfile.mkdtemp(prefix="farmgate-wine-"), "wine.log")
sys.path.insert(0, os.path.join(TREE, "tests", "daemon"))


def environment(**more):
    return {**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8", **more}


def run(*command, text=b"", seconds=60, **more):
    """Exit code, what it printed, what it said."""
    ran = subprocess.run(command, input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=seconds,
                         check=False, env=environment(**more))
    return ran.returncode, ran.stdout.decode("utf-8", "replace"), ran.stderr.decode("utf-8", "replace")


def wine(*command, **more):
    return run(WINE, *command, **more)


def windows_path(path):
    return "Z:" + os.path.abspath(path)


@contextlib.contextmanager
def somebody(seconds=60):
    """wine ends its services with the last program that is none; and they keep what the first one prints to."""
    reading, writing = os.pipe()
    with open(LOG, "ab") as log, subprocess.Popen([WINE, "cmd"], stdin=reading, stdout=subprocess.DEVNULL, stderr=log,
                                                  env=environment(WINEDEBUG="-all,+eventlog")) as program:
        os.close(reading)
        subprocess.run([WINE, "cmd", "/c", "exit"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=seconds, check=False, env=environment())
        try:
            yield
        finally:
            os.close(writing)
            program.wait(seconds)


def sc(*arguments):
    return wine("sc", *arguments)


def service_state(name):
    """"RUNNING", "STOPPED", …; None: there is no such service."""
    code, said, _ = sc("query", name)
    found = re.search(r"STATE\s*:\s*\d+\s+(\w+)", said)
    return found.group(1) if code == 0 and found else None


def registry(key):
    """The values of a key in the registry, by their names in lower case."""
    values = {}
    for line in wine("reg", "query", key)[1].splitlines():
        found = re.match(r"    (.*?)    (REG_\w+)\s*(.*?)\s*$", line)
        if found:
            values[found.group(1).lower()] = found.group(3)
    return values


def service_values(name):
    return registry("HKLM\\System\\CurrentControlSet\\Services\\" + name)
