"""Other clocks, boots and machines for a program that starts: what to give as Program.prepare."""
import ctypes
import os

CLONE_NEWNS, CLONE_NEWTIME = 0x00020000, 0x00000080
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
LIBC = ctypes.CDLL(None, use_errno=True)
BOOT_ID = "/proc/sys/kernel/random/boot_id"
MACHINE_ID = "/etc/machine-id"


def checked(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def boot_time_ahead(milliseconds):
    """The program starts with boot time so far ahead: so long it has not run."""
    def prepare():
        checked(LIBC.unshare(CLONE_NEWTIME))
        with open("/proc/self/timens_offsets", "w", encoding="ascii") as file:
            file.write("boottime %d %d\n" % (milliseconds // 1000, milliseconds % 1000 * 1_000_000))
    return prepare


def later(seconds):
    return boot_time_ahead(seconds * 1000)


def seeing(file, path):
    """The program starts where `path` has what is in `file`: another boot id, another machine id."""
    def prepare():
        checked(LIBC.unshare(CLONE_NEWNS))
        checked(LIBC.mount(None, b"/", None, MS_REC | MS_PRIVATE, None))
        checked(LIBC.mount(file.encode(), path.encode(), None, MS_BIND, None))
    return prepare


def rebooted(boot_id_file):
    return seeing(boot_id_file, BOOT_ID)


def on_machine(machine_id_file):
    return seeing(machine_id_file, MACHINE_ID)


def possible(prepare):
    child = os.fork()
    if child == 0:
        try:
            prepare()
            os._exit(0)
        except OSError:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0
