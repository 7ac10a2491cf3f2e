"""farmgate top on a real pseudo-terminal: what stands on it, keys, other sizes, what an idle line costs, and the terminal
as it was after every end; against a real agent that dies and comes back."""
import os
import signal
import socket
import subprocess
import sys
import threading
import time

from harness import Agent, Authority, Place, Tap, wait_until
from terminal import Terminal, attributes_of

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build")
IDLE_SECONDS = 4
IDLE_BYTES = 100  # a second, at most; all but the clock's minute is nothing
HOSTILE = "e\u202evil"  # what a name may hold and a terminal should not see: text turned round


def top(agent, *words, rows=24, columns=80, env=None, path=None):
    return Terminal([agent.ctl_binary, "top", "--socket", path or agent.socket, *words], rows, columns, env)


def is_in_order(screen, names):
    at = [screen.find(name) for name in names]
    return -1 not in at and at == sorted(at)


def check_screen(tap, agent):
    terminal = top(agent)
    tap.ok(terminal.shows("carol") and terminal.shows("next report"), "who is on stands on the screen", terminal.model.text())
    screen = terminal.model.text()
    lines = screen.splitlines()
    tap.ok(lines[0].startswith("farmgate top  h1") and "live" in lines[0], "the first line is the host's", lines[0])
    tap.ok("gate    open" in screen and "users   3 of 25 licences" in screen and "12 %" in screen, "gate, users and limit", screen)
    tap.ok("4 connections of 4 users" in screen and "1 disconnected, 1 exempt" in screen, "connections", screen)
    tap.ok("today" in screen and "peak 3 at" in screen and "\u2588" in screen, "today's windows", screen)
    tap.ok("expires in" in screen and "refresh in" in screen, "clocks", screen)
    tap.ok("exempt 1 of 2" in screen and "counted" in screen, "why each counts or not", screen)
    tap.ok("\x9b" not in screen and "\u202e" not in terminal.raw.decode() and "e?vil" in screen, "a name that steers shows harmless", screen)
    tap.ok("connected to h1" not in screen, "a screen of 24 rows has no room for recent events")
    terminal.idle()
    count = terminal.read(IDLE_SECONDS)
    tap.ok(count < IDLE_BYTES * IDLE_SECONDS, "an idle screen writes next to nothing: %d bytes in %d s" % (count, IDLE_SECONDS))
    before = terminal.bytes
    began = time.monotonic()
    agent.put("h1", "c9", "zoe")
    tap.ok(terminal.shows("zoe", 5), "a new connection shows by itself", terminal.model.text())
    took = time.monotonic() - began
    terminal.idle()
    tap.ok(took < 3 and terminal.bytes - before < 700, "soon, and in few bytes: %.1f s, %d bytes" % (took, terminal.bytes - before))
    agent.end("h1", "c9")
    tap.ok(terminal.wait(lambda screen: "zoe" not in screen, 5), "and goes", terminal.model.text())
    terminal.type("q")
    tap.equal(terminal.ended(), 0, "q leaves")
    tap.ok(terminal.restored(), "and the terminal is as it was", terminal.attributes())
    tap.equal(terminal.model.strange[:5], [], "nothing was written that a VT100 with colours does not know")
    terminal.close()


def check_keys(tap, agent):
    terminal = top(agent, rows=30, columns=100)
    terminal.shows("4 on by user")
    tap.ok(terminal.shows("RECENT EVENTS") and "alice connected to h1" in terminal.model.text(), "a tall screen has recent events",
           terminal.model.text())
    screen = terminal.model.text()
    tap.ok(is_in_order(screen[screen.index("USER"):], ["alice", "bob", "carol"]), "sorted by user", screen)
    terminal.type("r")
    tap.ok(terminal.wait(lambda text: is_in_order(text[text.find("USER"):], ["carol", "bob", "alice"])), "r turns it round",
           terminal.model.text())
    terminal.type("rs")
    tap.ok(terminal.shows("by why") and terminal.wait(
        lambda text: is_in_order(text[text.find("USER"):], ["alice", "carol", "bob"])), "s: those that count first",
           terminal.model.text())
    terminal.type("/BO")
    tap.ok(terminal.wait(lambda text: "carol  " not in text and "1 on" in text and "/BO_" in text), "a filter, as it is typed",
           terminal.model.text())
    terminal.type("q\x7f\r")
    tap.ok(terminal.wait(lambda text: "/BO" in text and "/BO_" not in text and terminal.process.poll() is None),
           "in a filter q is a letter", terminal.model.text())
    terminal.type("\x1b")
    tap.ok(terminal.shows("4 on"), "Esc forgets it", terminal.model.text())
    terminal.type("?")
    tap.ok(terminal.shows("Ctrl-L"), "help", terminal.model.text())
    terminal.type("x\x1b[C\x1b[C")
    tap.ok(terminal.wait(lambda text: "Ctrl-L" not in text and "USER" in text and "WHY" not in text), "further columns",
           terminal.model.text())
    terminal.type("\t")
    tap.ok(terminal.shows("SEVERITY") and terminal.shows("the gate is open"), "events", terminal.model.text())
    terminal.type("3")
    tap.ok(terminal.shows("its own farm"), "hosts, of which there is this one", terminal.model.text())
    terminal.type("1")
    for number in range(30):
        agent.put("h1", "many%02d" % number, "user%02d" % number)
    tap.ok(terminal.shows("34 on"), "thirty more", terminal.model.text())
    terminal.type("ssG")
    terminal.idle()
    terminal.type("\x1b[6~G")
    tap.ok(terminal.shows("-34 of 34"), "scrolled to the end", terminal.model.text())
    first = terminal.bytes
    terminal.type("\x0c")
    terminal.idle()
    tap.ok(terminal.bytes - first > 800 and "-34 of 34" in terminal.model.text(), "Ctrl-L draws everything anew")
    terminal.size(10, 40)
    tap.ok(terminal.wait(lambda text: "live" in text.split("\n")[0] and "? help" in text.split("\n")[-1]), "narrow", terminal.model.text())
    screen = terminal.model.text()
    tap.ok("gate    open" in screen and "users " in screen and "USER" in screen, "with all that matters", screen)
    terminal.size(50, 200)
    tap.ok(terminal.shows("RECENT EVENTS") and terminal.shows("user29"), "wide", terminal.model.text())
    terminal.size(3, 12)
    terminal.size(1, 1)
    terminal.size(24, 80)
    tap.ok(terminal.shows("34 on"), "and back from next to nothing", terminal.model.text())
    tap.equal(terminal.model.strange[:5], [], "nothing was written past an edge")
    terminal.type("\x03")
    tap.equal(terminal.ended(), 0, "Ctrl-C leaves")
    tap.ok(terminal.restored(), "and the terminal is as it was")
    terminal.close()
    for number in range(30):
        agent.end("h1", "many%02d" % number)


def check_plain(tap, agent):
    terminal = top(agent, env={"LC_ALL": "C", "NO_COLOR": "1"})
    terminal.shows("carol")
    tap.ok("###" in terminal.model.text() and "J?rg" in terminal.model.text() and terminal.raw.isascii(), "a plain locale has ASCII only",
           terminal.model.text())
    tap.equal(terminal.model.colours, 0, "NO_COLOR has no colours")
    terminal.type("q")
    terminal.ended()
    terminal.close()
    coloured = top(agent)
    coloured.shows("carol")
    tap.ok(coloured.model.colours > 5 and "J\u00f6rg" in coloured.model.text(), "else there are colours and names as they are")
    coloured.type("q")
    coloured.ended()
    coloured.close()


def check_ends(tap, agent):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGSEGV, signal.SIGABRT):
        terminal = top(agent)
        terminal.shows("carol")
        os.kill(terminal.process.pid, number)
        code = terminal.ended()
        tap.ok(code is not None and code != 0 and terminal.restored(), "%s ends it, and the terminal is as it was" % number.name,
               "exit %r, alternate %r, attributes %r" % (code, terminal.model.alternate, terminal.attributes() == terminal.before))
        terminal.close()
    gone = top(agent)
    gone.shows("carol")
    os.close(gone.master)
    os.close(gone.slave)
    tap.ok(wait_until(lambda: gone.process.poll() is not None), "a terminal that goes away ends it")
    if gone.process.poll() is None:
        gone.process.kill()
    gone.process.wait()


def check_jobs(tap, agent):
    """Ctrl-Z and fg, under a shell with job control."""
    shell = Terminal(["bash", "--norc", "--noprofile", "--noediting", "-i"], env={"PS1": "prompt> ", "HISTFILE": ""})
    shell.shows("prompt>")
    shell.before = shell.attributes()
    shell.type("%s top --socket %s\n" % (agent.ctl_binary, agent.socket))
    shell.shows("carol")
    tap.ok(shell.attributes() != shell.before, "raw while it runs")
    shell.type("\x1a")
    tap.ok(shell.shows("Stopped") and shell.restored(), "Ctrl-Z gives the terminal back", shell.model.text())
    shell.type("echo $((6 * 7))\n")
    tap.ok(shell.shows("42"), "the shell has it", shell.model.text())
    shell.type("fg\n")
    tap.ok(shell.wait(lambda text: shell.model.alternate and "carol" in text) and shell.attributes() != shell.before,
           "fg takes it again and draws everything", shell.model.text())
    shell.type("q")
    tap.ok(shell.wait(lambda text: not shell.model.alternate) and shell.shows("prompt>"), "q leaves", (shell.model.text(), shell.raw[-300:]))
    tap.ok(wait_until(shell.restored, 3), "and all is as it was")
    shell.type("exit\n")
    shell.ended()
    shell.close()


def check_agent_lost(tap, agent):
    terminal = top(agent)
    terminal.shows("carol")
    agent.kill()
    tap.ok(terminal.shows("no agent") and terminal.shows("no answer since") and "carol" in terminal.model.text(),
           "a killed agent is said, and what was known stays", terminal.model.text())
    terminal.shows("nobody listens")
    terminal.idle()
    count = terminal.read(3)
    tap.ok(count < 3 * IDLE_BYTES, "waiting for it costs next to nothing: %d bytes in 3 s" % count)
    agent.start()
    agent.put("h1", "back", "after")
    tap.ok(terminal.shows("after") and terminal.shows("live") and "no answer" not in terminal.model.text(), "and it is found again",
           terminal.model.text())
    agent.end("h1", "back")
    terminal.wait(lambda text: "after  " not in text)
    agent.process.send_signal(signal.SIGSTOP)
    terminal.type("\x0c")  # asks
    tap.ok(terminal.shows("no agent", 20), "one that hangs is said as well", terminal.model.text())
    terminal.type("?")
    tap.ok(terminal.shows("Ctrl-L"), "and holds no key up", terminal.model.text())
    agent.process.send_signal(signal.SIGCONT)
    terminal.type("x")
    tap.ok(terminal.shows("live", 20), "until it goes on", terminal.model.text())
    terminal.type("q")
    tap.ok(terminal.ended() == 0 and terminal.restored(), "the terminal is as it was")
    terminal.close()
    nobody = top(agent, path=agent.socket + "-none")
    tap.ok(nobody.shows("no agent") and nobody.shows("nobody listens"), "with no agent from the first it waits",
           nobody.model.text())
    nobody.type("q")
    tap.ok(nobody.ended() == 0 and nobody.restored(), "and leaves by q")
    nobody.close()


def check_liar(tap, agent):
    """What answers is no agent."""
    path = os.path.join(agent.run_directory, "liar.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(8)

        def serve():
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                client.recv(4096)
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\nConnection: close\r\n\r\n{\"verdict\": 17}"[:-1])
                client.close()

        threading.Thread(target=serve, daemon=True).start()
        terminal = top(agent, path=path)
        tap.ok(terminal.shows("not understood"), "nonsense is said", terminal.model.text())
        terminal.type("q")
        tap.ok(terminal.ended() == 0 and terminal.restored(), "and the terminal is as it was")
        terminal.close()


def check_slow_line(tap, agent):
    """A line that takes nothing for a while gets the last picture, not every one."""
    terminal = top(agent, "--interval", "0.1")
    terminal.shows("carol")
    terminal.idle()
    before = terminal.bytes
    for number in range(40):
        agent.put("h1", "slow", "name%d" % number)
        time.sleep(0.02)
    time.sleep(0.5)
    tap.ok(terminal.shows("name39"), "the last of forty changes shows", terminal.model.text())
    terminal.idle()
    tap.ok(terminal.bytes - before < 40 * 150, "and the others cost little: %d bytes" % (terminal.bytes - before))
    agent.end("h1", "slow")
    terminal.type("q")
    terminal.ended()
    terminal.close()


def check_no_terminal(tap, agent):
    said = agent.ctl("top", socket_path=agent.socket, stdin=subprocess.DEVNULL)
    tap.ok(said.returncode == 0 and "gate        open" in said.stdout and "status --watch" in said.stderr and "\x1b" not in said.stdout,
           "without a terminal the status is printed once", said)
    dumb = top(agent, env={"TERM": "dumb"})
    tap.ok(dumb.ended() == 0 and b"\x1b" not in dumb.raw and b"gate" in dumb.raw, "nor on one that is dumb", dumb.raw)
    dumb.close()
    for wrong in ("0", "-1", "x", "1e9", "1s", ""):
        said = agent.ctl("top", "--interval", wrong, socket_path=agent.socket)
        tap.ok(said.returncode == 64 and "--interval" in said.stderr, "an interval of %r is refused" % wrong, said)
    said = agent.ctl("top", socket_path=agent.socket + "-none", stdin=subprocess.DEVNULL)
    tap.equal(said.returncode, 3, "no terminal and no agent")


def main():
    tap = Tap()
    with Place() as place:
        authority = Authority(place, BUILD).start()
        agent = Agent(place, BUILD, authority).start()
        agent.activate(authority.new_key(25))
        agent.put("h1", "c1", "alice")
        agent.put("h1", "c2", "bob", administrator=True)
        agent.put("h1", "c3", "carol", state="disconnected")
        hostile = agent.put("h1", "c4", HOSTILE)
        tap.ok(hostile.status // 100 == 2, "a name that turns text round is somebody's", hostile)
        check_screen(tap, agent)
        check_keys(tap, agent)
        agent.put("h1", "c4", "J\u00f6rg")
        check_plain(tap, agent)
        check_ends(tap, agent)
        check_jobs(tap, agent)
        check_slow_line(tap, agent)
        check_no_terminal(tap, agent)
        check_liar(tap, agent)
        check_agent_lost(tap, agent)
    tap.done()


main()
