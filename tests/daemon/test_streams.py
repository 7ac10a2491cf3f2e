#!/usr/bin/env python3
"""What the programs do with standard streams that are closed, full, or left by their reader.     test_streams.py BUILD"""
import os
import subprocess
import sys

from harness import Agent, Authority, Place, Tap

BUILD = sys.argv[1]
tap = Tap()


def run(words, redirected):
    """The command by a shell, its standard output redirected as told."""
    return subprocess.run(["sh", "-c", '"$@" ' + redirected, "sh", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=20, check=False)


def refused_output(words, code=1):
    name = " ".join(os.path.basename(word) for word in words if not word.startswith("/") or word == words[0])
    done = run(words, ">/dev/full")
    tap.ok(done.returncode == code and "standard output: No space left on device" in done.stderr,
           "%s on a full disk says so: %d" % (name, code), "%d %s" % (done.returncode, done.stderr))
    done = run(words, ">&-")
    tap.ok(done.returncode == code and "standard output: Bad file descriptor" in done.stderr,
           "%s with its output closed says so: %d" % (name, code), "%d %s" % (done.returncode, done.stderr))


def closed_everywhere(agent, authority):
    """Its sockets must not become the streams: libuv ends a program that closes one of those."""
    for words, code in (([agent.ctl_binary, "status", "--json", "--socket", agent.admin], 1),
                        ([agent.ctl_binary, "gate", "--quiet", "--user", "alice", "--socket", agent.admin], 2),
                        ([authority.binary, "key", "list", "--socket", authority.socket], 1)):
        done = run(words, "<&- >&- 2>&-")
        tap.equal(done.returncode, code, "%s %s without any stream: %d" % (os.path.basename(words[0]), words[1], code))


def daemons_without_streams(place):
    for program in (Authority(place, BUILD, "bare-cloud"), Agent(place, BUILD, name="bare")):
        program.command = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *program.command]
        program.start()
        tap.equal(program.stop(), 0, "%s serves without any stream, and ends with 0" % os.path.basename(program.binary))


def main():
    with Place() as place:
        authority = Authority(place, BUILD).start()
        agent = Agent(place, BUILD, authority).start()
        for words in (["--help"], ["--describe"], ["status"], ["events"], ["support", "--list"]):
            socket = [] if words[0].startswith("--") else ["--socket", agent.admin]
            refused_output([agent.ctl_binary, *words, *socket])
        refused_output([agent.ctl_binary, "gate", "--user", "alice", "--socket", agent.admin], code=2)
        for words in (["--help"], ["--version"], ["--describe"], ["key", "--help"], ["key", "list", "--help"], ["serve", "--help"]):
            refused_output([authority.binary, *words])
        for words in (["public-key"], ["key", "create", "--limit", "3", "--term", "1y"], ["farm", "list", "--csv"], ["audit"]):
            refused_output([authority.binary, *words, "--socket", authority.socket])
        refused_output([agent.binary, "--help"])
        closed_everywhere(agent, authority)
        for words in (["events"], ["events", "--json"], ["status"]):
            done = run([agent.ctl_binary, *words, "--socket", agent.admin], "| true")
            tap.equal(done.stderr, "", "farmgate %s says nothing of a reader who has gone" % " ".join(words))
        daemons_without_streams(place)
    tap.done()


main()
