"""Windows programs, run by packaging/windows/wine. A path of this machine is one of wine's on its drive Z:."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
WINE = os.path.join(TREE, "packaging", "windows", "wine")
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
