#!/usr/bin/env python3
"""The programs for Windows: what they are made of, and that under wine they answer as they do here.

    test_programs.py BUILD_WINDOWS BUILD
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

from under_wine import TREE, WINE, environment, run, windows_path, wine

from harness import Tap

BUILD_WINDOWS, BUILD = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
PROGRAMS = ("agent/farmgated", "agent/ctl/farmgate")
DATA = os.path.join(TREE, "tests", "data")
STRIPPED_BYTES_MAX = 4 * 1024 * 1024
SYSTEM_DLLS = {"advapi32", "bcrypt", "crypt32", "iphlpapi", "kernel32", "msvcrt", "netapi32", "ole32", "secur32", "shell32",
               "user32", "userenv", "ws2_32", "wtsapi32"}
MITIGATIONS = ("HIGH_ENTROPY_VA", "DYNAMIC_BASE", "NX_COMPAT")


def output(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.decode()


def made_of(tap):
    for program in PROGRAMS:
        exe = os.path.join(BUILD_WINDOWS, program + ".exe")
        name = os.path.basename(exe)
        headers = output("x86_64-w64-mingw32-objdump", "-p", exe)
        imports = {dll.lower()[:-len(".dll")] for dll in re.findall(r"DLL Name: (\S+)", headers)}
        tap.ok(imports and imports <= SYSTEM_DLLS, name + " needs nothing but Windows", sorted(imports - SYSTEM_DLLS))
        tap.ok(all(word in headers for word in MITIGATIONS), name + " may be loaded anywhere, and its data not run")
        with tempfile.NamedTemporaryFile() as stripped:
            output("x86_64-w64-mingw32-strip", "-o", stripped.name, exe)
            size = os.stat(stripped.name).st_size
        tap.ok(size <= STRIPPED_BYTES_MAX, name + " is small once stripped", "%d bytes" % size)


def both(program, *arguments, **more):
    """What it answers here, and under wine."""
    return (run(os.path.join(BUILD, program), *arguments, **more),
            wine(os.path.join(BUILD_WINDOWS, program + ".exe"), *arguments, **more))


def same(tap, name, program, *arguments, code=0, **more):
    here, there = both(program, *arguments, **more)
    tap.ok(here == there and here[0] == code, name, "here  %r\nthere %r" % (here, there))


def answers(tap):
    for program in PROGRAMS:
        name = os.path.basename(program)
        same(tap, name + " --version", program, "--version")
        same(tap, name + " with too much", program, *(["much"] if name == "farmgated" else ["--much"]), code=64)
    same(tap, "farmgated --nosuch", "agent/farmgated", "--nosuch", code=64)
    same(tap, "farmgate --help", "agent/ctl/farmgate", "--help")
    same(tap, "farmgate size --help", "agent/ctl/farmgate", "size", "--help")


def left_by_its_reader(tap):
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([WINE, os.path.join(BUILD_WINDOWS, "agent/ctl/farmgate.exe"), "--describe"], stdout=writing,
                          stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60, check=False, env=environment())
    os.close(writing)
    tap.equal((done.returncode, done.stderr), (1, b""), "farmgate says nothing of a reader who has gone")


def sizes(tap):
    for log in sorted(glob.glob(os.path.join(DATA, "*", "*.ndjson"))):
        same(tap, "size --json " + os.path.relpath(log, DATA), "agent/ctl/farmgate", "size", "--json", log)
    office = os.path.join(DATA, "office-100", "events.ndjson")
    same(tap, "size, as text", "agent/ctl/farmgate", "size", office)
    same(tap, "size, of a file that is not there", "agent/ctl/farmgate", "size", "/no/such.log", code=1)
    with open(office, "rb") as file:
        same(tap, "size, of standard input", "agent/ctl/farmgate", "size", "--json", "-", text=file.read())
    with tempfile.TemporaryDirectory() as place:
        log = os.path.join(place, "Büro – 東京 🙂.ndjson")
        shutil.copy(office, log)
        same(tap, "size, of a file of any name", "agent/ctl/farmgate", "size", log)
        page = [os.path.join(place, "page%d.html" % i) for i in range(2)]
        code = [run(os.path.join(BUILD, "agent/ctl/farmgate"), "size", "--html", page[0], office)[0],
                wine(os.path.join(BUILD_WINDOWS, "agent/ctl/farmgate.exe"), "size", "--html", page[1], office)[0]]
        with open(page[0], "rb") as here, open(page[1], "rb") as there:
            tap.ok(code == [0, 0] and here.read() == there.read(), "size, as a page", code)


def configurations(tap):
    ctl = os.path.join(BUILD_WINDOWS, "agent/ctl/farmgate.exe")
    with tempfile.TemporaryDirectory() as place:
        conf = os.path.join(place, "farmgate.conf")

        def check(text):
            with open(conf, "w", encoding="utf-8") as file:
                file.write(text)
            return wine(ctl, "check-config", windows_path(conf))

        for path in (windows_path(place), windows_path(place).replace("/", "\\\\"), "%ProgramData%/Farmgate",
                     "%PROGRAMDATA%\\\\Farmgate", "//server/share", "\\\\\\\\server\\\\share"):
            code, out, err = check('store: { directory = "%s"; };\n' % path)
            tap.ok(code == 0 and out.endswith("farmgate.conf is right\n"), "an absolute path: " + path, out + err)
        for path in ("state", "/state", "C:state", "%ProgramData%", "%TEMP%/state"):
            code, out, err = check('store: { directory = "%s"; };\n' % path)
            tap.ok(code == 78 and "store.directory: not an absolute path" in err, "none: " + path, out + err)
        check("farm: { hots = 1; };\n")
        same(tap, "a wrong configuration", "agent/ctl/farmgate", "check-config", conf, code=78)
        hints(tap, ctl)
        by_default(tap, ctl)


def hints(tap, ctl):
    """What to look at is told in the words of this system."""
    code, _, said = wine(ctl, "status")
    tap.ok(code == 3 and "Get-Service farmgated" in said and "systemctl" not in said, "where no agent answers, see to its service", said)
    said = wine(os.path.join(BUILD_WINDOWS, "agent", "farmgated.exe"), "--help")[1]
    tap.ok("until Ctrl-C" in said and "SIG" not in said, "and --help knows of no signals", said)


def by_default(tap, ctl):
    folder = os.path.join(os.environ["WINEPREFIX"], "drive_c", "ProgramData", "Farmgate")
    shutil.rmtree(folder, ignore_errors=True)  # of a service that was installed here
    tap.equal(wine(ctl, "check-config")[0], 78, "without a configuration there is none to check")
    os.makedirs(folder)
    try:
        with open(os.path.join(folder, "farmgate.conf"), "w", encoding="utf-8") as file:
            file.write("# nothing\n")
        code, out, err = wine(ctl, "check-config")
        tap.ok(code == 0, "by default it is in the folder for programs' data", out + err)
    finally:
        shutil.rmtree(folder)


def planted(tap):
    """A library beside the program under the name of one of Windows' own."""
    programs = ("tests/windows/loader.exe", "tests/windows/any_loader.exe")
    overrides = "powrprof=n,b;mscoree=;mshtml=;winemenubuilder.exe="
    with tempfile.TemporaryDirectory() as folder:
        for name in programs + ("tests/windows/powrprof.dll",):
            shutil.copy(os.path.join(BUILD_WINDOWS, name), folder)

        def loaded(program, *arguments):
            code = wine(os.path.join(folder, program), *arguments, WINEDLLOVERRIDES=overrides)[0]
            return code, os.path.exists(os.path.join(folder, "planted"))

        tap.equal(loaded("loader.exe", "powrprof.dll"), (0, False), "asked for one, a program of ours takes Windows' own")
        tap.equal(loaded("any_loader.exe", "powrprof.dll"), (0, True), "where another program takes what lies there")


def main():
    tap = Tap()
    made_of(tap)
    answers(tap)
    left_by_its_reader(tap)
    configurations(tap)
    sizes(tap)
    planted(tap)
    tap.done()


main()
