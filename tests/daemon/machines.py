"""Machines of one network, each in namespaces of its own on this one: host name, boot, files, processes and address. What is written
there is gone with it; what this machine has is there to be read. Needs root."""
import os
import subprocess
import sys
import tempfile

from harness import wait_until

# The first process of a machine: it buries what is left behind, and everything ends with it.
INIT = """
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, signal.SIGTERM})
print("up", flush=True)
while signal.sigwait({signal.SIGCHLD, signal.SIGTERM}) == signal.SIGCHLD:
    try:
        while os.waitpid(-1, os.WNOHANG)[0] > 0:
            pass
    except ChildProcessError:
        pass
"""

FILES = """
set -e
hostname NAME
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs tmpfs PLACE
for directory in etc usr var; do
    mkdir PLACE/$directory PLACE/$directory.work
    mount -t overlay overlay -o lowerdir=/$directory,upperdir=PLACE/$directory,workdir=PLACE/$directory.work /$directory
done
mount -t tmpfs tmpfs /run
cat /proc/sys/kernel/random/uuid >PLACE/boot_id
mount --bind PLACE/boot_id /proc/sys/kernel/random/boot_id
mount -t tmpfs -o mode=700 tmpfs /root
ip link set lo up
exec python3 -c "$INIT"
"""


class Machine:
    def __init__(self, network, name, address):
        self.network, self.name, self.address = network, name, address
        self.environment = {}
        self.unshared = subprocess.Popen(
            ["unshare", "--mount", "--net", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "sh", "-c",
             FILES.replace("NAME", name).replace("PLACE", network.place)],
            env=dict(os.environ, INIT=INIT), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self.unshared.stdout.readline() != "up\n":
            raise RuntimeError("%s does not come up: %s" % (name, self.unshared.stderr.read()))
        with open("/proc/%d/task/%d/children" % (self.unshared.pid, self.unshared.pid), encoding="ascii") as file:
            self.first = file.read().split()[0]
        if address:
            network.connect(self)

    def enter(self, *words):
        return ["nsenter", "--target", self.first, "--mount", "--net", "--uts", "--ipc", "--pid", "--wdns=/root", *words]

    def run(self, command, timeout=60, **rest):
        """The shell's, as root in /root; `said` is all that it printed."""
        done = subprocess.run(self.enter("sh", "-c", command), capture_output=True, text=True, timeout=timeout, check=False,
                              env=dict(os.environ, HOME="/root", **self.environment), **dict({"stdin": subprocess.DEVNULL}, **rest))
        done.said = done.stdout + done.stderr
        return done

    def must(self, command, **rest):
        done = self.run(command, **rest)
        if done.returncode != 0:
            raise RuntimeError("%s: %s\n%s" % (self.name, command, done.said))
        return done.stdout

    def read(self, path):
        return self.run("cat %s" % path).stdout

    def write(self, path, text, mode=0o644):
        self.must("mkdir -p $(dirname %s) && cat >%s && chmod %o %s" % (path, path, mode, path), stdin=None, input=text)

    def put_program(self, path, here):
        """A file of this machine as a program there, whoever may reach it here."""
        self.must("mkdir -p $(dirname %s) && rm -f %s && touch %s && mount --bind %s %s" % (path, path, path, here, path))

    def cut(self, off=True):
        """From the network."""
        self.network.switch.must("ip link set to-%s %s" % (self.name, "down" if off else "up"))

    def end(self):
        self.unshared.kill()
        self.unshared.communicate()


class Network:
    """A switch, and machines at it in 10.0.0.0/24 that know each other's names."""

    def __init__(self):
        self.place = tempfile.mkdtemp(prefix="machines-")
        self.machines = {}
        self.switch = Machine(self, "switch", None)
        self.switch.must("ip link add br0 type bridge && ip link set br0 up")

    def connect(self, machine):
        self.switch.must("ip link add to-%s type veth peer name eth0" % machine.name)
        # the machine's process as the switch's namespaces see it is none: its network is named by this machine's
        subprocess.run(["nsenter", "--target", self.switch.first, "--net", "ip", "link", "set", "eth0", "netns", machine.first],
                       check=True)
        self.switch.must("ip link set to-%s master br0 up" % machine.name)
        machine.must("ip address add %s/24 dev eth0 && ip link set eth0 up" % machine.address)

    def add(self, name, address):
        self.machines[name] = Machine(self, name, address)
        names = "".join("%s %s\n" % (machine.address, machine.name) for machine in self.machines.values())
        for machine in self.machines.values():
            machine.write("/etc/hosts", "127.0.0.1 localhost\n" + names)
        return self.machines[name]

    def remove(self):
        for machine in [*self.machines.values(), self.switch]:
            machine.end()
        wait_until(lambda: not os.listdir(self.place), 5)
        os.rmdir(self.place)


def why_not():
    """What is missing here for machines; "" if nothing is."""
    if os.geteuid() != 0:
        return "needs root"
    try:
        network = Network()
    except (OSError, RuntimeError) as error:
        return "no namespaces: %s" % str(error).strip().rsplit("\n", maxsplit=1)[-1]
    network.remove()
    return ""


if __name__ == "__main__":
    print(why_not() or "machines can be made here")
    sys.exit(0)
