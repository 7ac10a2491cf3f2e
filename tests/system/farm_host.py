"""A test machine (see `machine`) with the clients that people use on it: RDP and ssh. Python's library only."""
import glob
import json
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(SOURCE, "tests", "daemon"))
from harness import Tap, wait_until  # noqa: E402,F401  (handed on to the tests)

MACHINE = os.path.join(HERE, "machine")
SSH_OPTIONS = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
               "-o", "PreferredAuthentications=password", "-o", "NumberOfPasswordPrompts=1"]


def now_ms():
    return int(time.time() * 1000)


class Client:
    """A running program of somebody at the machine's door."""

    def __init__(self, command, env, log):
        self.log_path = log
        with open(log, "wb") as file:
            self.process = subprocess.Popen(command, env=env, stdout=file, stderr=subprocess.STDOUT,
                                            stdin=subprocess.DEVNULL)

    def alive(self):
        return self.process.poll() is None

    def wait(self, seconds=15):
        """The exit code, or None if it still runs."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def close(self):
        """The client vanishes, as in a power cut or a lost network: nobody logs off."""
        if self.alive():
            self.process.kill()
        self.process.wait()

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()


class FarmHost:
    def __init__(self, build, name=""):
        """`name` tells the machines of one test apart."""
        self.build = os.path.abspath(build)
        self.name = "farmgate-%d%s" % (os.getpid(), name)
        self.env = dict(os.environ, FARMGATE_MACHINE=self.name)
        self.place = "/tmp/farmgate-system-%d%s" % (os.getpid(), name)
        self.clients = []
        self.screen = None

    def __enter__(self):
        os.makedirs(self.place, exist_ok=True)
        begun = time.monotonic()
        try:
            subprocess.run([MACHINE, "up"], env=self.env, check=True, stdin=subprocess.DEVNULL)
            print("# the machine was up after %.1f s" % (time.monotonic() - begun), flush=True)
            self.start_screen()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for client in self.clients:
            client.close()
        if self.screen:
            self.screen.kill()
            self.screen.wait()
        subprocess.run([MACHINE, "down"], env=self.env, check=False, stdin=subprocess.DEVNULL)
        subprocess.run(["rm", "-rf", self.place], check=False)

    def start_screen(self):
        """One X server for all RDP clients; it picks a free display itself."""
        reader, writer = os.pipe()
        self.screen = subprocess.Popen(["Xvfb", "-displayfd", str(writer), "-screen", "0", "1024x768x24", "-nolisten",
                                        "tcp"], pass_fds=[writer], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        os.close(writer)
        with os.fdopen(reader) as file:
            self.env["DISPLAY"] = ":" + file.readline().strip()

    # --- inside ---------------------------------------------------------------------------------------------------
    def try_run(self, *command, text=None, timeout=60):
        """Runs a command as root in the machine, outside of any session."""
        return subprocess.run([MACHINE, "in", *command], env=self.env, input=text or "", text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, check=False)

    def run(self, *command, text=None, timeout=60):
        result = self.try_run(*command, text=text, timeout=timeout)
        if result.returncode != 0:
            raise RuntimeError("%s: %d\n%s%s" % (command, result.returncode, result.stdout, result.stderr))
        return result.stdout

    def json(self, *command):
        return json.loads(self.run(*command))

    def write(self, path, text, mode="0644"):
        self.run("sh", "-c", 'mkdir -p "$(dirname "$1")"; cat >"$1"; chmod "$2" "$1"', "write", path, mode, text=text)

    def put(self, program, path):
        self.copy(os.path.join(self.build, program), path, "0755")

    def copy(self, file_name, path, mode="0644"):
        with open(file_name, "rb") as file:
            subprocess.run([MACHINE, "in", "sh", "-c", 'cat >"$1"; chmod "$2" "$1"', "copy", path, mode], env=self.env,
                           stdin=file, check=True)

    def install(self):
        """Agent and authority: the packages, if $FARMGATE_PACKAGES has them (see packages.py), or as from source. Nothing runs."""
        packages = os.environ.get("FARMGATE_PACKAGES")
        if not packages:
            self.install_built()
            return
        names = []
        for name in ("farmgate", "farmgate-cloud"):
            names.append("/root/%s.deb" % name)
            self.copy(glob.glob(os.path.join(packages, "first", name + "_*.deb"))[0], names[-1])
        self.run("dpkg", "--install", *names)
        self.run("systemctl", "disable", "--quiet", "--now", "farmgated.service", "farmgated.socket", "farmgated-admin.socket",
                 "farmgate-cloud.service", "farmgate-cloud.socket")

    def install_built(self):
        """What `meson install` puts on a host, and its users; nothing is started."""
        tree = os.path.join(self.place, "tree")
        subprocess.run(["meson", "install", "-C", self.build, "--no-rebuild", "--quiet", "--destdir", tree],
                       check=True, stdout=subprocess.DEVNULL)
        subprocess.run([MACHINE, "install", tree], env=self.env, check=True, stdin=subprocess.DEVNULL)
        self.run("systemd-sysusers")
        self.run("systemd-tmpfiles", "--create", "farmgate.conf", "farmgate-cloud.conf")
        self.run("systemctl", "daemon-reload")
        self.run("journalctl", "--update-catalog")

    def reboot(self):
        subprocess.run([MACHINE, "reboot"], env=self.env, check=True, stdin=subprocess.DEVNULL)

    def kill(self):
        """The power fails."""
        subprocess.run([MACHINE, "kill"], env=self.env, check=True, stdin=subprocess.DEVNULL)

    def first_process(self):
        """As this machine numbers them."""
        cache = os.environ.get("FARMGATE_TEST_CACHE", "/var/tmp/farmgate-test")
        with open(os.path.join(cache, "run", self.name, "leader"), encoding="ascii") as file:
            return int(file.read())

    def unit(self, unit, name):
        """A property of a unit, as systemd tells it."""
        return self.run("systemctl", "show", "--property", name, "--value", unit).strip()

    # --- people ---------------------------------------------------------------------------------------------------
    def client(self, name, *command):
        client = Client([MACHINE, "net", *command], self.env, os.path.join(self.place, "%s-%d.log" %
                                                                          (name, len(self.clients))))
        self.clients.append(client)
        return client

    def rdp(self, user):
        return self.client("rdp-" + user, "xfreerdp", "/cert:ignore", "/v:127.0.0.1:3389", "/u:" + user,
                           "/p:pw-" + user, "/size:640x480", "/log-level:ERROR")

    def ssh(self, user, *command, tty=True):
        return self.client("ssh-" + user, "sshpass", "-p", "pw-" + user, "ssh", *SSH_OPTIONS,
                           *(["-tt"] if tty else []), user + "@127.0.0.1", *command)

    def rdp_log_off(self, user):
        """The window manager ends: xrdp ends the session."""
        self.run("pkill", "-u", user, "-x", "xterm")

    def has_session(self, user, service):
        """Whether logind knows a session of this user by this service (for what the agent does not say)."""
        for line in self.run("loginctl", "list-sessions", "--no-legend").splitlines():
            words = line.split()
            if len(words) >= 3 and words[2] == user:
                told = self.try_run("loginctl", "show-session", words[0], "-p", "Service", "--value").stdout.strip()
                if told == service:
                    return True
        return False
