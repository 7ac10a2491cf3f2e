#!/usr/bin/env python3
"""The agent as a service of Windows: installed, started, stopped, removed by wine's service manager.

    test_service.py BUILD_WINDOWS BUILD
"""
import os
import re
import shutil
import sys
import tempfile

from under_wine import sc, service_state, service_values, somebody, wine

from harness import Tap, free_port, request, wait_until

BUILD_WINDOWS = os.path.abspath(sys.argv[1])
FARMGATE = os.path.join(BUILD_WINDOWS, "agent", "ctl", "farmgate.exe")
FARMGATED = os.path.join(BUILD_WINDOWS, "agent", "farmgated.exe")
NAME = "farmgated"
SECONDS = 30
OK, FAILED, USAGE, CONFIGURATION = 0, 1, 64, 78
WINE_LACKS_IT = "(Windows error 124)"  # a delayed start and its like


class Folder:
    """A folder on drive C: where a service begins, for it has no other."""

    def __init__(self):
        drive = os.path.join(os.environ["WINEPREFIX"], "drive_c")
        self.path = tempfile.mkdtemp(prefix="farmgate test ", dir=drive)
        self.name = os.path.basename(self.path)
        self.port = free_port()
        self.settings("")

    def settings(self, more):
        with open(os.path.join(self.path, "farmgate.conf"), "w", encoding="utf-8") as file:
            file.write("""
farm: { host = "ts1"; };
sessions: { sources = ("api"); };
gate: { directory = ""; };
store: { directory = "C:/%s/state"; };
api: { listen = "127.0.0.1:%d"; };
%s""" % (self.name, self.port, more))
        os.makedirs(os.path.join(self.path, "state"), exist_ok=True)

    def ready(self):
        try:
            return request(("127.0.0.1", self.port), "GET", "/readyz", timeout=2).status == 200
        except OSError:
            return False


def by_hand(tap):
    code, said, _ = wine(FARMGATED, "--service", "--version")
    tap.ok(code == OK and said.startswith("farmgated "), "without a manager the service's command runs in the console", said)
    tap.equal(wine(FARMGATED, "install", "too", "much")[0], USAGE, "install takes no arguments of any kind")
    tap.equal(wine(FARMGATED, "uninstall", "too")[0], USAGE, "nor does uninstall")
    said = wine(FARMGATED, "--help")[1]
    tap.ok("farmgated install" in said and "--service" in said, "--help tells of them", said)
    code, _, said = wine(FARMGATED, "uninstall")
    tap.ok(code == FAILED and "not installed" in said, "what is not there cannot be removed, and that is said", said)


def installed(tap, folder):
    conf = "C:\\%s\\farmgate.conf" % folder.name
    code, _, said = wine(FARMGATED, "install", "--config", conf)
    tap.ok(code == OK and all(line.endswith(WINE_LACKS_IT) for line in said.splitlines()), "it is installed", said)
    values = service_values(NAME)
    image = values.get("imagepath", "")
    tap.ok(re.fullmatch(r'"[A-Z]:\\[^"]*\\farmgated\.exe" --service --config "%s"' % re.escape(conf), image),
           "its paths are whole, and quoted", image)
    tap.equal((values.get("start"), values.get("objectname")), ("0x2", "LocalSystem"),
              "it starts with the machine, as the system")
    tap.ok("peak" in values.get("description", ""), "it is described", values)
    code, _, said = wine(FARMGATED, "install")
    tap.ok(code == FAILED and "installed already" in said, "it is installed but once", said)
    wine("sc", "delete", NAME)
    wine("sc", "create", NAME, "binPath=", "C:\\another.exe", "start=", "demand")
    code, _, said = wine(FARMGATED, "install", "--replace", "--config", conf)
    tap.ok(code == OK and service_values(NAME) == values, "--replace makes one that is there the same", (said, service_values(NAME)))
    tap.equal(wine(FARMGATED, "uninstall")[0], OK, "it is removed")
    code, _, said = wine(FARMGATED, "install", "--replace", "--config", conf)
    tap.ok(code == OK and service_values(NAME) == values, "and where there is none, makes one", (said, service_values(NAME)))
    tap.equal(service_state(NAME), "STOPPED", "installing does not start it")


def started(tap, folder):
    tap.equal(sc("start", NAME)[0], OK, "the manager starts it")
    tap.ok(wait_until(folder.ready, SECONDS), "it serves")
    tap.ok(wait_until(lambda: service_state(NAME) == "RUNNING", SECONDS), "and says so", service_state(NAME))
    code, said, _ = wine(FARMGATE, "status")
    tap.ok(code == OK and "users" in said, "farmgate.exe asks it over its pipe", said)


def stopped(tap, folder):
    tap.equal(sc("stop", NAME)[0], OK, "the manager stops it")
    tap.ok(wait_until(lambda: service_state(NAME) == "STOPPED", SECONDS), "it says when it is done", service_state(NAME))
    tap.ok(not folder.ready(), "and serves no more")


def refuses(tap, folder):
    folder.settings("nonsense = 1;\n")
    sc("start", NAME)
    tap.ok(wait_until(lambda: service_state(NAME) == "STOPPED", SECONDS), "with a wrong configuration it stops", service_state(NAME))
    said = sc("query", NAME)[1]
    found = re.search(r"SERVICE_EXIT_CODE\s*:\s*(\d+)", said)
    tap.equal(found and int(found.group(1)), CONFIGURATION, "and leaves its exit code with the manager")
    folder.settings("")


def removed(tap, folder):
    started(tap, folder)
    code, _, said = wine(FARMGATED, "uninstall")
    tap.ok(code == OK and not said, "it is removed while it runs", said)
    tap.ok(not folder.ready(), "which stops it")
    tap.equal(service_state(NAME), None, "the manager knows it no more")
    tap.ok(os.path.exists(os.path.join(folder.path, "farmgate.conf")) and
           os.path.exists(os.path.join(folder.path, "state", "farmgate.db")), "its configuration and state stay")


def main():
    tap = Tap()
    folder = Folder()
    with somebody():
        try:
            by_hand(tap)
            installed(tap, folder)
            for _ in range(2):
                started(tap, folder)
                stopped(tap, folder)
            refuses(tap, folder)
            removed(tap, folder)
        finally:
            if service_state(NAME):
                wine(FARMGATED, "uninstall")
            shutil.rmtree(folder.path, ignore_errors=True)
    tap.done()


main()
