#!/usr/bin/env python3
"""The README's quickstart on a fresh Debian 12: nothing of this machine's but its package sources. It works within three minutes
and leaves nothing but packages behind.     test_quickstart.py BUILD"""
import glob
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "daemon"))
from harness import Tap  # noqa: E402

TREE = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
CACHE = os.environ.get("FARMGATE_TEST_CACHE", "/var/tmp/farmgate-test")
LIMIT_SECONDS = 180
# What installing packages and running any program touches; all else must be as it was.
EXPECTED = ("usr", "etc", "var/lib", "var/cache", "var/log", "bin", "sbin", "lib", "lib64", "proc", "sys", "dev", "boot", "opt",
            "source")


def sh(*words, **rest):
    return subprocess.run(words, check=True, **rest)


def fresh_root():
    """A minimal Debian 12, made once and kept packed."""
    packed = os.path.join(CACHE, "fresh-bookworm.tar")
    if not os.path.exists(packed):
        os.makedirs(CACHE, exist_ok=True)
        sources = [path for path in glob.glob("/etc/apt/sources.list") + glob.glob("/etc/apt/sources.list.d/*")
                   if path.endswith((".list", ".sources")) and "bookworm" in open(path, encoding="utf-8").read()]
        sh("mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", "--include=ca-certificates",
           "--dpkgopt=force-unsafe-io", "bookworm", packed + ".new", *sources, stdout=subprocess.DEVNULL)
        os.rename(packed + ".new", packed)
    return packed


def listing(root):
    found = set()
    for directory, names, files in os.walk(root):
        relative = os.path.relpath(directory, root)
        names[:] = [name for name in names if os.path.normpath(os.path.join(relative, name)) not in EXPECTED]
        found.update(os.path.normpath(os.path.join(relative, name)) for name in files + names)
    return found


def source_listing(root):
    return {os.path.relpath(os.path.join(directory, name), root)
            for directory, _, files in os.walk(os.path.join(root, "source")) for name in files}


def processes_in(root):
    found = []
    for link in glob.glob("/proc/[0-9]*/root"):
        try:
            if os.readlink(link).startswith(root):
                found.append(link)
        except OSError:
            pass
    return found


def main():
    tap = Tap()
    root = os.path.realpath(tempfile.mkdtemp(prefix="farmgate-fresh-", dir="/var/tmp"))
    mounted = []
    try:
        sh("tar", "-C", root, "-xf", fresh_root())
        for name in ("proc", "dev"):
            sh("mount", "--rbind", "--make-rslave", "/" + name, os.path.join(root, name))
            mounted.append(os.path.join(root, name))
        shutil.copy("/etc/resolv.conf", os.path.join(root, "etc/resolv.conf"))
        os.mkdir(os.path.join(root, "source"))
        archive = subprocess.run(["git", "-C", TREE, "archive", "HEAD"], check=True, stdout=subprocess.PIPE)
        sh("tar", "-C", os.path.join(root, "source"), "-x", input=archive.stdout)
        before, source_before = listing(root), source_listing(root)
        started = time.monotonic()
        done = subprocess.run(["chroot", root, "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C",
                               "sh", "-c", "cd /source && sh packaging/quickstart"], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=900, check=False)
        seconds = time.monotonic() - started
        print("# quickstart: %.0f s" % seconds)
        tap.equal(done.returncode, 0, "quickstart on a fresh Debian 12 ends with 0")
        tap.ok(done.returncode == 0 and "gate" in done.stdout.lower() and "concurrent users" in done.stdout.lower(),
               "and shows the status of an open farm", (done.stdout + done.stderr)[-3000:])
        tap.ok(seconds <= LIMIT_SECONDS, "within %d s" % LIMIT_SECONDS, "%.0f s" % seconds)
        tap.equal(sorted(listing(root) - before), [], "it leaves no file behind")
        tap.equal(sorted(source_listing(root) - source_before), [], "nor one in the source tree")
        tap.equal(processes_in(root), [], "and no process")
    finally:
        for path in reversed(mounted):
            subprocess.run(["umount", "-R", "-l", path], check=False)
        if not mounted or not os.path.ismount(os.path.join(root, "dev")):
            shutil.rmtree(root, ignore_errors=True)
    tap.done()


if os.getuid() != 0 or not shutil.which("mmdebstrap"):
    tap = Tap()
    tap.skip("quickstart on a fresh Debian 12", "needs root and mmdebstrap")
    tap.done()
main()
