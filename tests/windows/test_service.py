#!/usr/bin/env python3
"""The agent as a service of Windows: installed, started, stopped, removed by wine's service manager.

    test_service.py BUILD_WINDOWS BUILD
"""
import json
import os
import re
import shutil
import socket
import sys
import tempfile

from under_wine import LOG, registry, sc, service_state, service_values, somebody, wine

from harness import Tap, free_port, request, wait_until

BUILD_WINDOWS = os.path.abspath(sys.argv[1])
FARMGATE = os.path.join(BUILD_WINDOWS, "agent", "ctl", "farmgate.exe")
FARMGATED = os.path.join(BUILD_WINDOWS, "agent", "farmgated.exe")
NAME = "farmgated"
SOURCE = "HKLM\\System\\CurrentControlSet\\Services\\EventLog\\Application\\Farmgate"
SECONDS = 30
OK, FAILED, USAGE, BUSY, CONFIGURATION = 0, 1, 64, 75, 78
WINE_LACKS_IT = "(Windows error 124)"  # a delayed start and its like


class Folder:
    """A folder on drive C: where a service begins, for it has no other."""

    def __init__(self):
        drive = os.path.join(os.environ["WINEPREFIX"], "drive_c")
        self.path = tempfile.mkdtemp(prefix="farmgate test ", dir=drive)
        self.name = os.path.basename(self.path)
        self.port = free_port()
        self.version = None
        self.settings("")

    def settings(self, more):
        with open(os.path.join(self.path, "farmgate.conf"), "w", encoding="utf-8") as file:
            file.write("""
farm: { host = "ts1"; };
sessions: { sources = ("api"); };
gate: { directory = ""; };
store: { directory = "C:/%s/state"; };
api: { listen = "127.0.0.1:%d"; };
log: { file = "C:/%s/log/events.jsonl"; };
%s""" % (self.name, self.port, self.name, more))
        os.makedirs(os.path.join(self.path, "state"), exist_ok=True)

    def events(self):
        """The lines of the log file."""
        path = os.path.join(self.path, "log", "events.jsonl")
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def ready(self):
        try:
            return request(("127.0.0.1", self.port), "GET", "/readyz", timeout=2).status == 200
        except OSError:
            return False


class EventLog:
    """What was handed to the Event Log since."""

    def __init__(self):
        self.begin = os.path.getsize(LOG)

    def strings(self):
        """[(level, text)]: one for each string of each event."""
        with open(LOG, encoding="utf-8", errors="replace") as file:
            file.seek(self.begin)
            return re.findall(r'^\w+:(\w+):eventlog:ReportEventW L"(.*)"', file.read(), re.M)

    def told(self, level, text):
        return wait_until(lambda: any(level == how and text in said for how, said in self.strings()), SECONDS)


def by_hand(tap):
    """Which version it is."""
    code, version, _ = wine(FARMGATED, "--service", "--version")
    tap.ok(code == OK and version.startswith("farmgated "), "without a manager the service's command runs in the console", version)
    tap.equal(wine(FARMGATED, "install", "too", "much")[0], USAGE, "install takes no arguments of any kind")
    tap.equal(wine(FARMGATED, "uninstall", "too")[0], USAGE, "nor does uninstall")
    for word in ("install", "uninstall"):
        code, said, _ = wine(FARMGATED, word, "--help")
        tap.ok(code == OK and said.startswith("usage: farmgated " + word), "but for %s --help" % word, said)
    said = wine(FARMGATED, "--help")[1]
    tap.ok("farmgated install" in said and "--service" in said, "--help tells of them", said)
    code, _, said = wine(FARMGATED, "uninstall")
    tap.ok(code == FAILED and "not installed" in said, "what is not there cannot be removed, and that is said", said)
    too_deep(tap)
    return version.split()[-1]


def too_deep(tap):
    """A program that can be run, but not as a service."""
    top = tempfile.mkdtemp(prefix="farmgate deep ", dir=os.path.join(os.environ["WINEPREFIX"], "drive_c"))
    deep = os.path.join(top, "a" * 120, "b" * 120, "c" * 60)
    os.makedirs(deep)
    try:
        program = shutil.copy(FARMGATED, deep)
        tap.equal(wine(program, "--version")[0], OK, "a program runs from a path past 260 characters")
        code, _, said = wine(program, "install")
        tap.ok(code == FAILED and "path is longer than 259 characters" in said and service_state(NAME) is None,
               "but is not made a service there, for Windows would not start it", (code, said))
    finally:
        shutil.rmtree(top)


def protected(tap):
    """What the service keeps its secrets in is nobody else's."""
    data = os.path.join(os.environ["WINEPREFIX"], "drive_c", "ProgramData", "Farmgate")
    tap.ok(os.path.isdir(data), "there is a folder for its data")  # wine shows nothing of its rights
    wine(FARMGATED, "uninstall")
    shutil.rmtree(data)
    os.symlink(tempfile.gettempdir(), data)
    code, _, said = wine(FARMGATED, "install")
    tap.ok(code == FAILED and "ProgramData/Farmgate" in said and "leads elsewhere" in said, "one that leads elsewhere is refused", said)
    os.unlink(data)
    with open(data, "w", encoding="ascii"):
        pass
    code, _, said = wine(FARMGATED, "install")
    tap.ok(code == FAILED and "no folder" in said, "and so is what is none", said)
    os.unlink(data)


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
    source = registry(SOURCE)
    program = re.match('"([^"]*)"', image).group(1)
    tap.equal(source, {"eventmessagefile": program, "categorymessagefile": program, "categorycount": "0x7", "typessupported": "0x7"},
              "it is a source of the Event Log")
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
    log, before = EventLog(), len(folder.events())
    tap.equal(sc("start", NAME)[0], OK, "the manager starts it")
    tap.ok(wait_until(folder.ready, SECONDS), "it serves")
    tap.ok(wait_until(lambda: service_state(NAME) == "RUNNING", SECONDS), "and says so", service_state(NAME))
    code, said, _ = wine(FARMGATE, "status")
    tap.ok(code == OK and "users" in said, "farmgate.exe asks it over its pipe", said)
    sentence = "farmgated %s is ready on ts1" % folder.version
    tap.ok(log.told("trace", sentence), "the Event Log has it", log.strings())
    told = [text for _, text in log.strings()]
    at = told.index(sentence)
    ready = [event for event in folder.events()[before:] if event["code"] == "agent_started"]
    tap.equal(told[at - 2:at + 3], ready and [folder.version, "ts1", sentence, ready[0]["at"], str(ready[0]["id"])],
              "with its fields in their order, then sentence, time and id, as in the log file")


def stopped(tap, folder):
    tap.equal(sc("stop", NAME)[0], OK, "the manager stops it")
    tap.ok(wait_until(lambda: service_state(NAME) == "STOPPED", SECONDS), "it says when it is done", service_state(NAME))
    tap.ok(not folder.ready(), "and serves no more")


def names(tap, folder):
    """One outside the basic plane, and what Event Viewer would take for more than a name."""
    log, user = EventLog(), "\U0001f600 %1"
    request(("127.0.0.1", folder.port), "GET", "/v1/gate?user=%F0%9F%98%80%20%251")
    tap.ok(wait_until(lambda: any(event.get("user") == user for event in folder.events()), SECONDS), "the log file has a name as it is",
           folder.events()[-2:])
    escaped = "\\d83d\\de00 % 1"
    tap.ok(wait_until(lambda: (escaped in [text for _, text in log.strings()]), SECONDS),
           "and so has the Event Log, where it says nothing else", log.strings())


def refuses(tap, folder, settings, code, detail, what):
    """It ends with that code, and has said why."""
    log, before = EventLog(), len(folder.events())
    folder.settings(settings)
    sc("start", NAME)
    tap.ok(wait_until(lambda: service_state(NAME) == "STOPPED", SECONDS), "with %s it stops" % what, service_state(NAME))
    said = sc("query", NAME)[1]
    found = re.search(r"SERVICE_EXIT_CODE\s*:\s*(\d+)", said)
    tap.equal(found and int(found.group(1)), code, "and leaves its exit code with the manager")
    failed = [event for event in folder.events()[before:] if event["code"] == "agent_failed"]
    tap.ok(len(failed) == 1 and detail in failed[0]["detail"] and failed[0]["exit_code"] == code, "the log file says why", failed)
    tap.ok(log.told("err", "farmgated cannot run: ") and ("err", str(code)) in log.strings(), "and so does the Event Log",
           log.strings())
    folder.settings("")


def address_taken(tap, folder):
    own = folder.port
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        folder.port = other.getsockname()[1]
        refuses(tap, folder, "", BUSY, "another agent or program is listening there", "an address that is taken")
    folder.port = own
    folder.settings("")


def store_unwritable(tap, folder):
    """It is said, and answers come from memory."""
    place, aside = os.path.join(folder.path, "state"), os.path.join(folder.path, "aside")
    os.rename(place, aside)
    os.makedirs(os.path.join(place, "farmgate.db", "in the way"))
    log = EventLog()
    sc("start", NAME)
    tap.ok(wait_until(folder.ready, SECONDS), "with a store that cannot be written it serves")
    tap.ok(log.told("err", "state cannot be written"), "and the Event Log says so", log.strings())
    tap.ok(any(event["code"] == "store_failed" for event in folder.events()), "as the log file does", folder.events()[-5:])
    stopped(tap, folder)
    shutil.rmtree(place)
    os.rename(aside, place)


def removed(tap, folder):
    started(tap, folder)
    code, _, said = wine(FARMGATED, "uninstall")
    tap.ok(code == OK and not said, "it is removed while it runs", said)
    tap.ok(not folder.ready(), "which stops it")
    tap.equal(service_state(NAME), None, "the manager knows it no more")
    tap.equal(registry(SOURCE), {}, "nor does the Event Log")
    tap.ok(os.path.exists(os.path.join(folder.path, "farmgate.conf")) and
           os.path.exists(os.path.join(folder.path, "state", "farmgate.db")), "its configuration and state stay")


def main():
    tap = Tap()
    folder = Folder()
    with somebody():
        try:
            folder.version = by_hand(tap)
            installed(tap, folder)
            protected(tap)
            tap.equal(wine(FARMGATED, "install", "--config", "C:\\%s\\farmgate.conf" % folder.name)[0], OK, "and then it is installed")
            for _ in range(2):
                started(tap, folder)
                names(tap, folder)
                stopped(tap, folder)
            refuses(tap, folder, "nonsense = 1;\n", CONFIGURATION, "farmgate.conf:", "a wrong configuration")
            address_taken(tap, folder)
            store_unwritable(tap, folder)
            removed(tap, folder)
        finally:
            if service_state(NAME):
                wine(FARMGATED, "uninstall")
            shutil.rmtree(folder.path, ignore_errors=True)
    tap.done()


main()
