#!/usr/bin/env python3
"""The README's quickstart: at a terminal, with the programs of BUILD, until Ctrl-C; and on a fresh Debian 12 with nothing of
this machine's but its package sources, with three minutes' work. It leaves nothing but packages behind.
test_quickstart.py BUILD"""
import glob
import os
import pty
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "daemon"))
from harness import Tap, wait_until  # noqa: E402

TREE = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
CACHE = os.environ.get("FARMGATE_TEST_CACHE", "/var/tmp/farmgate-test")
LIMIT_SECONDS = 180
# What installing packages and running any program touches; all else must be as it was.
EXPECTED = ("usr", "etc", "var/lib", "var/cache", "var/log", "bin", "sbin", "lib", "lib64", "proc", "sys", "dev", "boot", "opt",
            "source")
# Mounts what programs need below the new root $1, in a namespace of its own: outside nothing is ever mounted there. The root
# is a mount point, as a container's is.
IN_ROOT = """set -e
mount --bind "$1" "$1"
mount --rbind /proc "$1/proc"
mount --rbind /dev "$1/dev"
exec chroot "$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C sh -c "$2"
"""


def sh(*words, **rest):
    return subprocess.run(words, check=True, **rest)


# --- at a terminal ----------------------------------------------------------------------------------------------------

class Terminal:
    """A program at a terminal of its own, as its session's leader."""

    def __init__(self, command, env):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], command, env)
        self.text = ""

    def read(self):
        """What has come by now; False once either side has closed the terminal."""
        while self.fd is not None and select.select([self.fd], [], [], 0)[0]:
            try:
                piece = os.read(self.fd, 65536)
            except OSError:
                return False
            if not piece:
                return False
            self.text += piece.decode("utf-8", "replace")
        return self.fd is not None

    def shows(self, *words, seconds=60):
        return wait_until(lambda: not self.read() or all(word in self.text for word in words), seconds, every=0.1) and all(
            word in self.text for word in words)

    def press(self, key):
        os.write(self.fd, key)

    def hang_up(self):
        os.close(self.fd)
        self.fd = None

    def wait(self, seconds=15):
        """The exit code; None if it has not ended by then."""
        def ended():
            self.read()
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            return pid and (os.waitstatus_to_exitcode(status),)
        return (wait_until(ended, seconds, every=0.1) or (None,))[0]


def processes_with(word):
    """The command lines that have this word in them."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as file:
                line = file.read().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if word in line:
            found.append(line)
    return found


def at_terminal(tap, name, arguments, words, leave):
    """Runs it until the terminal shows these words, leaves, and looks whether anything stayed."""
    place = tempfile.mkdtemp(prefix="farmgate-quickstart-")
    terminal = Terminal(["sh", os.path.join(TREE, "packaging", "quickstart"), *arguments],
                        dict(os.environ, TMPDIR=place, TERM="xterm"))
    tap.ok(terminal.shows(*words), "%s: it shows %s" % (name, ", ".join(words)), terminal.text[-3000:])
    leave(terminal)
    code = terminal.wait()
    tap.equal((code, os.listdir(place), processes_with(place)), (0, [], []), "%s: it ends, and leaves nothing" % name)
    shutil.rmtree(place, ignore_errors=True)


def ctrl_c(terminal):
    wait_until(lambda: False, 2, every=0.5)
    terminal.press(b"\x03")


def impatient(terminal):
    for _ in range(3):
        terminal.press(b"\x03")
        wait_until(lambda: False, 0.1)


def test_terminal(tap, build):
    live = ("Ctrl-C", "licences")
    at_terminal(tap, "Ctrl-C", [build], live, ctrl_c)
    at_terminal(tap, "Ctrl-C, thrice", [build], live, impatient)
    at_terminal(tap, "a closed terminal", [build], live, Terminal.hang_up)
    at_terminal(tap, "Ctrl-C while it builds", [], ("Building",), ctrl_c)


# --- on a fresh Debian ------------------------------------------------------------------------------------------------

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


def mounts_below(root):
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        return [line for line in mounts if line.split()[4].startswith(root)]


def in_root(root, command, **rest):
    return subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", IN_ROOT, "in_root", root, command],
                          stdin=subprocess.DEVNULL, check=False, **rest)


def unpack(root):
    sh("tar", "-C", root, "-xf", fresh_root())
    shutil.copy("/etc/resolv.conf", os.path.join(root, "etc/resolv.conf"))
    os.mkdir(os.path.join(root, "source"))
    archive = subprocess.run(["git", "-C", TREE, "archive", "HEAD"], check=True, stdout=subprocess.PIPE)
    sh("tar", "-C", os.path.join(root, "source"), "-x", input=archive.stdout)


def processors_time():
    """Of what has ended: other tests beside this one take none of it away."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_fresh(tap, root):
    unpack(root)
    before, source_before = listing(root), source_listing(root)
    tap.ok(in_root(root, "sleep 60 & exit 0").returncode == 0 and len(processes_in(root)) == 1, "a process in it is seen")
    for link in processes_in(root):
        os.kill(int(link.split("/")[2]), signal.SIGKILL)
    started, worked = time.monotonic(), processors_time()
    done = in_root(root, "cd /source && sh packaging/quickstart", capture_output=True, text=True, timeout=900)
    seconds, worked = time.monotonic() - started, processors_time() - worked
    print("# quickstart: %.0f s, %.0f s of processors' time" % (seconds, worked))
    tap.equal(done.returncode, 0, "quickstart on a fresh Debian 12 ends with 0")
    tap.ok("gate        open" in done.stdout and "licences" in done.stdout, "and shows the status of an open farm",
           (done.stdout + done.stderr)[-3000:])
    tap.ok(worked <= LIMIT_SECONDS, "with at most %d s of processors' time" % LIMIT_SECONDS, "%.0f s" % worked)
    tap.equal(sorted(listing(root) - before), [], "it leaves no file behind")
    tap.equal(sorted(source_listing(root) - source_before), [], "nor one in the source tree")
    tap.equal(processes_in(root), [], "and no process")


def main():
    tap = Tap()
    test_terminal(tap, os.path.abspath(sys.argv[1]))
    if os.getuid() != 0 or not shutil.which("mmdebstrap"):
        tap.skip("quickstart on a fresh Debian 12", "needs root and mmdebstrap")
        tap.done()
    root = os.path.realpath(tempfile.mkdtemp(prefix="farmgate-fresh-", dir="/var/tmp"))
    try:
        test_fresh(tap, root)
    finally:
        if mounts_below(root):
            print("# something is mounted below %s: it is left there" % root)
        else:
            shutil.rmtree(root, ignore_errors=True)
    tap.done()


main()
