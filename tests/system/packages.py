#!/usr/bin/env python3
"""The Debian packages of this tree, built for the tests that install them. Python's library only.

    packages.py DIRECTORY     makes them there: first/, second/ (the same, elsewhere and otherwise), previous/ (a lower version)
"""
import glob
import os
import re
import shutil
import subprocess
import sys

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join("packaging", "debian", "build")
PREVIOUS = "0.0.1"
# What another place has that must not show in a package.
OTHERWISE = {"TZ": "Asia/Tokyo", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent",
             "DEB_BUILD_OPTIONS": "parallel=3"}


class Builder:
    """A build of the packages of `tree` in `place`; they go to `output`."""

    def __init__(self, tree, place, output, env=None, umask=0o022):
        os.makedirs(place, exist_ok=True)
        self.told_path = os.path.join(place, "told")
        with open(self.told_path, "wb") as told:
            self.process = subprocess.Popen(["sh", os.path.join(tree, BUILD), "--place", place, output], stdout=told,
                                            stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT, umask=umask,
                                            env=dict(os.environ, **(env or {})))

    def end(self):
        if self.process.wait() != 0:
            with open(self.told_path, encoding="utf-8", errors="replace") as told:
                raise RuntimeError("%s:\n%s" % (" ".join(self.process.args), told.read()[-8000:]))


def version():
    """As meson.build has it."""
    with open(os.path.join(SOURCE, "meson.build"), encoding="utf-8") as file:
        return re.search(r"^ *version: '([^']+)'", file.read(), re.M).group(1)


def another_checkout(tree):
    """The sources once more, without git, and as old as a checkout may be; their version's time."""
    told = subprocess.run(["sh", os.path.join(SOURCE, "packaging", "source-tree"), tree], check=True, text=True,
                          stdout=subprocess.PIPE).stdout
    for directory, _, names in os.walk(tree):
        for name in names:
            os.utime(os.path.join(directory, name), (1.6e9, 1.6e9), follow_symlinks=False)
    return told.split()[1]


def become_previous(tree):
    path = os.path.join(tree, "meson.build")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace("version: '%s'" % version(), "version: '%s'" % PREVIOUS, 1))


def make(directory):
    """Both at once; the previous version then where the second was, so that little is built again."""
    one, two, tree = (os.path.join(directory, name) for name in ("one", "somewhere/else", "another-tree"))
    epoch = another_checkout(tree)
    first = Builder(SOURCE, one, os.path.join(directory, "first"))
    second = Builder(tree, two, os.path.join(directory, "second"), dict(OTHERWISE, SOURCE_DATE_EPOCH=epoch), 0o077)
    second.end()
    become_previous(tree)
    previous = Builder(tree, two, os.path.join(directory, "previous"))
    first.end()
    previous.end()
    for place in (one, os.path.dirname(two), tree):
        shutil.rmtree(place)


def found(directory):
    """name -> path of the packages there, those with debugging symbols left out."""
    paths = glob.glob(os.path.join(directory, "farmgate_*.deb")) + glob.glob(os.path.join(directory, "farmgate-cloud_*.deb"))
    return {os.path.basename(path).split("_")[0]: path for path in paths}


if __name__ == "__main__":
    make(os.path.abspath(sys.argv[1]))
