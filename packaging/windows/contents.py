"""What the packages for Windows contain, laid out in a folder: build-msi and build-zip begin with it.

The same inputs give the same bytes: every file bears the date of the tree's last commit, or SOURCE_DATE_EPOCH.
"""
import os
import re
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
STRIP = "x86_64-w64-mingw32-strip"
PROGRAMS = (("agent", "farmgated.exe"), ("agent/ctl", "farmgate.exe"))
CONF = ("farmgate.conf", "resources.conf")
MANUAL = ("farmgate.1", "farmgate.conf.5", "farmgate-resources.conf.5", "farmgate-api.7", "farmgate-events.7",
          "farmgate-farm.7", "farmgate-handbook.7", "farmgate-metrics.7", "farmgate-rules.7", "farmgate-windows.7", "farmgated.8")
BESIDE = {"LICENSE.txt": "LICENSE", "CHECKLIST.md": "packaging/windows/CHECKLIST.md", "gate.cmd": "packaging/windows/hooks/gate.cmd",
          "iis/README.md": "packaging/windows/iis/README.md", "iis/web.config": "packaging/windows/iis/web.config"}
OLDEST = 315532800  # 1980: neither a cabinet nor a zip knows an earlier date

# What stands in conf/*.conf is of Linux; this is of Windows, see folders.h in meson.build.
ON_WINDOWS = (
    (r"systemctl reload farmgated", "sc.exe control farmgated paramchange"),
    (r'# directory = "/run/farmgate"', '# directory = ""'),
    (r"/run/farmgate/agent\.sock", "//./pipe/farmgate"),
    (r"/run/farmgate/admin\.sock", "//./pipe/farmgate-admin"),
    (r"/var/lib/farmgate", "%ProgramData%/Farmgate/state"),
    (r"/etc/farmgate", "%ProgramData%/Farmgate"),
    (r'# file = ""', '# file = "%ProgramData%/Farmgate/log/events.jsonl"'),
    (r"    # Under systemd the agent may write below /var/log/farmgate\.\n", ""),
    (r'# sources = \("logind", "api"\)', '# sources = ("wts", "api")'),
)


class Failed(Exception):
    pass


def version():
    """The project's, as meson has it."""
    with open(os.path.join(TREE, "meson.build"), encoding="utf-8") as file:
        return re.search(r"version: '([0-9.]+)'", file.read()).group(1)


def date():
    told = os.environ.get("SOURCE_DATE_EPOCH")
    if not told:
        asked = subprocess.run(["git", "-C", TREE, "log", "-1", "--format=%ct"], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, check=False)
        told = asked.stdout.decode().strip() if asked.returncode == 0 else ""
    return max(int(told or OLDEST), OLDEST)


def run(*command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, **more)
    if done.returncode != 0:
        raise Failed("%s: %s" % (" ".join(command), done.stderr.decode("utf-8", "replace").strip()))
    return done.stdout


def text_of(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError as error:
        raise Failed("%s: %s" % (path, error.strerror)) from error


def write(path, text):
    """With the ends of lines that every program of Windows knows."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="\r\n") as file:
        file.write(text)


def settings_of_windows(text):
    for pattern, words in ON_WINDOWS:
        text = re.sub(pattern, words, text)
    return text


def page(build, name):
    """A page of the manual as a page for a browser; some the build has filled from the programs' tables."""
    for path in (os.path.join(build, "packaging", "man", name), os.path.join(TREE, "packaging", "man", name)):
        if os.path.exists(path):
            return run("mandoc", "-T", "html", "-O", "man=%N.%S.html", path).decode("utf-8")
    raise Failed("%s: there is no page %s; build it with `ninja -C %s`" % (build, name, build))


def lay_out(directory, build_windows, build):
    """Fills an empty directory: programs, documents, conf/, manual/."""
    for folder, name in PROGRAMS:
        source = os.path.join(build_windows, folder, name)
        if not os.path.exists(source):
            raise Failed("%s is not there: build it with `ninja -C %s`" % (source, build_windows))
        run(STRIP, "--preserve-dates", "-o", os.path.join(directory, name), source)
    for name, source in BESIDE.items():
        write(os.path.join(directory, name), text_of(os.path.join(TREE, source)))
    for name in CONF:
        write(os.path.join(directory, "conf", name), settings_of_windows(text_of(os.path.join(TREE, "conf", name))))
    for name in MANUAL:
        write(os.path.join(directory, "manual", name + ".html"), page(build, name))


def set_dates(directory):
    for folder, _, names in os.walk(directory):
        for name in names:
            os.utime(os.path.join(folder, name), (date(), date()))


def files(directory):
    """Every file's path within it, in one order."""
    found = []
    for folder, _, names in os.walk(directory):
        found += [os.path.relpath(os.path.join(folder, name), directory) for name in names]
    return sorted(found)


def empty(directory):
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
