#!/usr/bin/env python3
"""The installer and the zip for Windows: installed, upgraded, refused, removed under wine, with an authority of this machine.

    test_msi.py BUILD_WINDOWS BUILD
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

from under_wine import (TREE, WINE, environment, registry, sc, service_state, service_values, somebody, windows_path,
                        wine)

from harness import Authority, Place, Tap, wait_until

BUILD_WINDOWS, BUILD = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
PACKAGING = os.path.join(TREE, "packaging", "windows")
DRIVE = os.path.join(os.environ["WINEPREFIX"], "drive_c")
PROGRAMS = os.path.join(DRIVE, "Program Files", "Farmgate")
DATA = os.path.join(DRIVE, "ProgramData", "Farmgate")
CONF = os.path.join(DATA, "farmgate.conf")
NAME = "farmgated"
ENVIRONMENT = "HKLM\\System\\CurrentControlSet\\Control\\Session Manager\\Environment"
EVENTS = "HKLM\\System\\CurrentControlSet\\Services\\EventLog\\Application\\Farmgate"
NEWER = "100.0.0"  # wine takes one above 127 for an old one
SECONDS = 30
INSTALLED, REFUSED = 0, 67  # what wine's shell leaves of 1603 in an exit code's 8 bits


def build(name, *arguments):
    done = subprocess.run([os.path.join(PACKAGING, name), BUILD_WINDOWS, BUILD, *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=120, check=False)
    return done.returncode, done.stdout.decode()


def text(path):
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


def same(first, second):
    with open(first, "rb") as one, open(second, "rb") as other:
        return one.read() == other.read()


class Installer:
    """msiexec, and what it wrote into its log."""

    def __init__(self, place):
        self.place = place
        self.log = ""

    def __call__(self, what, package, *properties):
        log = self.place.join("msi.log")
        if os.path.exists(log):
            os.unlink(log)
        # What it starts of wine's own goes on, and would hold a pipe open.
        code = subprocess.run([WINE, "msiexec", what, windows_path(self.place.join(package)), "/qn", "/l*v",
                               windows_path(log), *properties], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=60, check=False, env=environment()).returncode
        with open(log, "rb") as file:
            self.log = file.read().decode("utf-8", "replace")
        return code


def status(program="farmgate.exe"):
    """What it tells of the farm; without a folder it is found by PATH."""
    code, said, error = wine(program, "status", "--json")
    return re.sub(r"\s", "", said) if code == 0 else "%d %s" % (code, error)


def is_open():
    return '"open":true' in status()


def farm_id(program="farmgate.exe"):
    found = re.search(r'"farm_id":"([^"]+)"', status(program))
    return found.group(1) if found else None


def packages(tap, place):
    """Built twice, and they are the same; whatever is laid out is in them."""
    for name in ("one.msi", "two.msi"):
        tap.equal(build("build-msi", place.join(name)), (0, ""), "an installer is built")
    tap.ok(same(place.join("one.msi"), place.join("two.msi")), "and once more, byte by byte the same")
    tap.equal(build("build-msi", place.join("newer.msi"), NEWER), (0, ""), "and one of a newer version")
    tap.ok(build("build-msi", place.join("x.msi"), "1.x")[0] != 0, "but none of a version that is none")
    for name in ("one.zip", "two.zip"):
        tap.equal(build("build-zip", place.join(name)), (0, ""), "a zip is built")
    tap.ok(same(place.join("one.zip"), place.join("two.zip")), "and once more, the same")
    with zipfile.ZipFile(place.join("one.zip")) as archive:
        names = {name.partition("/")[2] for name in archive.namelist()}
        tap.ok({"farmgated.exe", "farmgate.exe", "LICENSE.txt", "CHECKLIST.md", "README.txt", "conf/farmgate.conf",
                "manual/farmgate-windows.7.html"} <= names, "the zip has what it should", names)
        tap.ok(all(text.count(b"\r\n") == text.count(b"\n") > 0 for text in
                   (archive.read(name) for name in archive.namelist() if not name.endswith(".exe"))),
               "its texts have the ends of lines of Windows")
    table = subprocess.run(["msiinfo", "export", place.join("one.msi"), "File"], stdout=subprocess.PIPE, check=True)
    carried = {line.split("\t")[2] for line in table.stdout.decode().splitlines()[3:]}
    table = subprocess.run(["msiinfo", "export", place.join("one.msi"), "Property"], stdout=subprocess.PIPE, check=True)
    tap.ok("MsiHiddenProperties\tActivate;LICENSE_KEY" in table.stdout.decode(), "which hides the licence key", table.stdout)
    tap.equal(carried, {os.path.basename(name) for name in names} - {"README.txt"}, "and the installer has the same")
    return names


def shipped_settings(tap, place):
    """The defaults that farmgate.conf tells are those of the program."""
    with zipfile.ZipFile(place.join("one.zip")) as archive:
        shipped = next(archive.read(name).decode() for name in archive.namelist() if name.endswith("conf/farmgate.conf"))
    tap.ok(not re.search(r"/etc/|/run/|/var/|systemctl", shipped), "the configuration speaks of Windows", shipped)
    settings = re.sub(r"(?m)^(    )# (\w+ = .*;)\r$", r"\1\2\r", shipped)
    tap.ok(settings.count("\n    socket =") == 1, "its defaults can be made settings", settings)
    place.write("defaults.conf", settings)
    said = wine(FARMGATE, "check-config", windows_path(place.join("defaults.conf")))
    tap.ok(said[0] == 0 or "resources.conf" in said[2], "which are right", said)


def wrong(tap, install):
    """What is wrong is named, and nothing is installed."""
    key = "k1:" + "A" * 43
    for properties, words in ((("AUTHORITY_URL=ftp://a.example", "AUTHORITY_KEY=" + key), 'AUTHORITY_URL: "ftp" is neither'),
                              (("AUTHORITY_URL=https://a.example", "AUTHORITY_KEY=k1:no"), "AUTHORITY_KEY: not a public key"),
                              (("AUTHORITY_URL=https://a.example",), "AUTHORITY_KEY: missing"),
                              (("LICENSE_KEY=K7Q2M-TYPING-ERROR",), "LICENSE_KEY: not a licence key")):
        code = install("/i", "one.msi", *properties)
        tap.ok(code == REFUSED and words in install.log, "refused: " + words, (code, install.log[-3000:]))
    tap.ok(service_state(NAME) is None and not os.path.exists(PROGRAMS) and not os.path.exists(DATA),
           "and nothing was installed")


def installed(tap, install, authority):
    licence, key = authority.new_key(5), authority.public_key()
    code = install("/i", "one.msi", "AUTHORITY_URL=" + authority.url, "AUTHORITY_KEY=" + key, "LICENSE_KEY=" + licence)
    tap.equal(code, INSTALLED, "it is installed")
    tap.ok("activated: farm" in install.log, "the log tells of the activation", install.log[-3000:])
    tap.equal(service_state(NAME), "RUNNING", "the service runs")
    with zipfile.ZipFile(install.place.join("one.zip")) as archive:
        shipped = next(archive.read(name).decode() for name in archive.namelist() if name.endswith("conf/farmgate.conf"))
    tap.equal(text(CONF), shipped.replace('# url = "";\r\n', '# url = "";\r\n    url = "%s";\r\n' % authority.url).replace(
        '# key = "";\r\n\r\n    # Cert', '# key = "";\r\n    key = "%s";\r\n\r\n    # Cert' % key),
              "the authority stands in its configuration, which is otherwise as shipped")
    tap.ok(is_open(), "farmgate in PATH tells that the gate is open", status())
    tap.ok('"active"' in authority.run("farm", "list", "--json").stdout, "the authority lists the farm")
    return licence


def edited():
    """As an administrator would; and without Windows' sessions, on which wine lets the start wait."""
    changed = text(CONF).replace('# text = "";', 'text = "Ask Ann: Zoë."; # ours').replace(
        '# sources = ("wts", "api");', 'sources = ("api");')
    with open(CONF, "w", encoding="utf-8", newline="") as file:
        file.write(changed)
    return changed


def upgraded(tap, install):
    changed, farm = edited(), farm_id()
    tap.equal(install("/i", "newer.msi"), INSTALLED, "a newer version is installed over it")
    tap.equal(service_state(NAME), "RUNNING", "the service runs")
    tap.equal((text(CONF), farm_id()), (changed, farm), "with its configuration and its farm")
    tap.ok(farm and is_open(), "whose gate is open", status())
    said = wine("reg", "query", "HKLM\\Software\\Microsoft\\Windows\\CurrentVersion\\Uninstall", "/s")[1]
    tap.equal(re.findall(r"DisplayVersion\s+REG_SZ\s+(\S+)", said), [NEWER], "the old one is gone")
    # The words stand in a table; wine shows them to who looks, and to no log.
    table = subprocess.run(["msiinfo", "export", install.place.join("one.msi"), "LaunchCondition"], stdout=subprocess.PIPE,
                           check=True).stdout.decode()
    tap.ok(install("/i", "one.msi") == REFUSED and "Property(S): WIX_DOWNGRADE_DETECTED" in install.log and
           "NOT WIX_DOWNGRADE_DETECTED\tA newer version of Farmgate is installed" in table, "an older one is refused, with words",
           install.log[-3000:])
    tap.equal(service_state(NAME), "RUNNING", "and the newer runs on")
    return changed, farm


def left():
    """What an installation leaves in the registry."""
    return service_values(NAME), registry(EVENTS)


def removed(tap, install, changed):
    tap.equal(install("/x", "newer.msi"), INSTALLED, "it is removed")
    tap.ok(service_state(NAME) is None and not os.path.exists(PROGRAMS), "service and programs are gone",
           os.path.exists(PROGRAMS) and os.listdir(PROGRAMS))
    tap.ok("Farmgate" not in registry(ENVIRONMENT)["path"] and not registry(EVENTS), "and what the registry had of them")
    tap.equal(text(CONF), changed, "the configuration stays")
    tap.ok(os.path.exists(os.path.join(DATA, "state", "farmgate.db")), "and the state")


def by_hand(tap, place, by_installer, farm):
    """The zip, as its README.txt has it; `farmgated install` and the installer leave the same service."""
    with zipfile.ZipFile(place.join("one.zip")) as archive:
        archive.extractall(place.join("unpacked"))
    shutil.move(place.join("unpacked", os.listdir(place.join("unpacked"))[0]), PROGRAMS)
    program = os.path.join(PROGRAMS, "farmgated.exe")
    tap.equal(wine(program, "install")[0], 0, "the programs of the zip are installed by hand")
    values = left()
    tap.equal(by_installer, values, "which leaves the same in the registry")
    tap.ok(values[0].get("imagepath", "") == '"C:\\Program Files\\Farmgate\\farmgated.exe" --service', "with a quoted path", values)
    tap.equal(sc("start", NAME)[0], 0, "it is started")
    tap.ok(wait_until(lambda: farm_id(os.path.join(PROGRAMS, "farmgate.exe")) == farm, SECONDS), "and is the same farm")
    tap.equal(wine(program, "uninstall")[0], 0, "and removed")
    shutil.rmtree(PROGRAMS)


def again(tap, install, changed, farm, stranger):
    """What stayed is taken up; what an administrator has set is not overwritten; a key that is none of the authority's is
    said, and no reason to fail."""
    code = install("/i", "one.msi", "INSTALLDIR=C:\\Farm gate\\Ä folder", "AUTHORITY_URL=https://other.example",
                   "AUTHORITY_KEY=k9:" + "A" * 43, "LICENSE_KEY=" + stranger)
    tap.equal(code, INSTALLED, "installed again, into a folder of its own")
    tap.equal(text(CONF), changed, "it has the configuration that stayed")
    tap.ok("authority.url stays http://127" in install.log, "the log tells that it stays", install.log[-3000:])
    tap.ok("The activation with LICENSE_KEY failed" in install.log and "unknown_key" in install.log,
           "and that the key was refused", install.log[-3000:])
    tap.equal((service_state(NAME), farm_id(), is_open()), ("RUNNING", farm, True), "the service runs, as the same farm")
    tap.ok(re.match(r'"C:\\Farm gate\\.+ folder\\farmgated\.exe" --service$', service_values(NAME)["imagepath"]), "from there",
           service_values(NAME))
    tap.equal((install("/i", "newer.msi"), os.path.exists(PROGRAMS)), (INSTALLED, False), "an upgrade finds the folder")
    tap.ok(os.path.exists(os.path.join(DRIVE, "Farm gate", "Ä folder", "farmgated.exe")), "which stays")
    code = install("/x", "newer.msi", "PURGE=1")
    tap.ok(code == INSTALLED and not os.path.exists(DATA) and not os.listdir(os.path.join(DRIVE, "Farm gate")),
           "removed with PURGE=1 it leaves nothing", code)


def clean(install):
    if os.path.exists(PROGRAMS) or os.path.exists(os.path.join(DRIVE, "Farm gate")):  # something has gone wrong
        for package in ("newer.msi", "one.msi"):
            install("/x", package)
    if service_state(NAME):
        sc("stop", NAME)
        sc("delete", NAME)
    for folder in (PROGRAMS, DATA, os.path.join(DRIVE, "Farm gate")):
        shutil.rmtree(folder, ignore_errors=True)


FARMGATE = os.path.join(BUILD_WINDOWS, "agent", "ctl", "farmgate.exe")


def main():
    tap = Tap()
    with Place() as place, Place() as elsewhere, somebody():
        install = Installer(place)
        try:
            packages(tap, place)
            shipped_settings(tap, place)
            wrong(tap, install)
            authority = Authority(place, BUILD).start()
            stranger = Authority(elsewhere, BUILD).start().new_key(1)
            licence = installed(tap, install, authority)
            # wine knows no hidden properties, and lists every one.
            said = [line for line in install.log.splitlines() if licence in line and not line.startswith("Property(S): ")]
            tap.equal(said, [], "the log does not tell the licence key")
            changed, farm = upgraded(tap, install)
            by_installer = left()
            removed(tap, install, changed)
            by_hand(tap, place, by_installer, farm)
            again(tap, install, changed, farm, stranger)
        finally:
            clean(install)
    tap.done()


main()
