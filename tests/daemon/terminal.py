"""A terminal for tests: a real pseudo-terminal with a program on it, and a model of what stands on its screen. Python's library only."""
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
import unicodedata

SEQUENCE = re.compile(r"\x1b\[(\??)([0-9;]*)([A-Za-z])")


def columns_of(character):
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


class Model:
    """What a VT100 with an alternate screen shows. What it does not know is kept in `strange`."""

    def __init__(self, rows, columns):
        self.strange = []
        self.alternate = False
        self.cursor_shown = True
        self.wraps = True
        self.colours = 0
        self.rest = ""
        self.resize(rows, columns)

    def resize(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.erase()

    def erase(self):
        self.cells = [[" "] * self.columns for _ in range(self.rows)]
        self.row = self.column = 0

    def take(self, text):
        text = self.rest + text
        self.rest = ""
        while text:
            if text[0] == "\x1b":
                found = SEQUENCE.match(text)
                if not found:
                    if len(text) < 16:
                        self.rest = text  # the other half is yet to come
                        return
                    self.strange.append(text[:16])
                    text = text[1:]
                    continue
                self.sequence(*found.groups())
                text = text[found.end():]
            else:
                self.put(text[0])
                text = text[1:]

    def sequence(self, private, numbers, final):
        values = [int(number or 0) for number in numbers.split(";")]
        if private and final in "hl":
            for value in values:
                if value == 1049:
                    self.alternate = final == "h"
                    self.erase()
                elif value == 7:
                    self.wraps = final == "h"
                elif value == 25:
                    self.cursor_shown = final == "h"
                else:
                    self.strange.append("?%d%s" % (value, final))
        elif final == "H":
            self.row = max(values[0], 1) - 1
            self.column = (max(values[1], 1) if len(values) > 1 else 1) - 1
            if self.row >= self.rows or self.column >= self.columns:
                self.strange.append("outside: %r" % (values,))
                self.row, self.column = min(self.row, self.rows - 1), min(self.column, self.columns - 1)
        elif final == "J" and values == [2]:
            row, column = self.row, self.column
            self.erase()
            self.row, self.column = row, column
        elif final == "K" and values == [0]:
            self.cells[self.row][self.column:] = [" "] * (self.columns - self.column)
        elif final == "m":
            self.colours += 1
        else:
            self.strange.append(numbers + final)

    def put(self, character):
        if character in "\r\n":
            self.column = 0 if character == "\r" else self.column
            self.row = min(self.row + (character == "\n"), self.rows - 1)
            return
        if ord(character) < 32 or 0x7F <= ord(character) < 0xA0:
            self.strange.append(repr(character))
            return
        width = columns_of(character)
        if self.row < self.rows and self.column < self.columns:
            if width == 0:
                self.cells[self.row][self.column - 1] += character
            else:
                self.cells[self.row][self.column] = character
                if width == 2 and self.column + 1 < self.columns:
                    self.cells[self.row][self.column + 1] = ""
        elif self.alternate:
            self.strange.append("past the edge: %r" % character)
        self.column += width

    def lines(self):
        return ["".join(row).rstrip() for row in self.cells]

    def text(self):
        return "\n".join(self.lines())


def attributes_of(descriptor):
    return termios.tcgetattr(descriptor)


class Terminal:
    """`command` on a pseudo-terminal of its own, as the leader of its session."""

    def __init__(self, command, rows=24, columns=80, env=None):
        self.master, self.slave = os.openpty()
        self.model = Model(rows, columns)
        self.bytes = 0
        self.raw = b""
        self.pending = b""
        self.size(rows, columns, tell=False)
        self.before = attributes_of(self.slave)
        environment = dict(os.environ, TERM="xterm-256color", LC_ALL="C.UTF-8", TZ="UTC")
        environment.pop("NO_COLOR", None)
        environment.update(env or {})
        self.process = subprocess.Popen(command, stdin=self.slave, stdout=self.slave, stderr=self.slave, env=environment,
                                        preexec_fn=self.lead)

    def lead(self):
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def size(self, rows, columns, tell=True):
        if tell:
            self.idle(0.2)
            self.model.resize(rows, columns)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, seconds):
        """Takes what comes for so long; how many bytes came."""
        end = time.monotonic() + seconds
        count = 0
        while True:
            left = end - time.monotonic()
            ready, _, _ = select.select([self.master], [], [], max(left, 0))
            if not ready:
                return count
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return count
            if not data:
                return count
            count += len(data)
            self.bytes += len(data)
            self.raw += data
            data = self.pending + data
            cut = len(data)
            while cut > len(data) - 4 and cut > 0 and data[cut - 1] & 0xC0 == 0x80:
                cut -= 1
            if cut > 0 and data[cut - 1] >= 0xC0:
                cut -= 1
            try:
                data.decode()
                cut = len(data)
            except UnicodeDecodeError:
                pass
            self.pending = data[cut:]
            self.model.take(data[:cut].decode("utf-8", "replace"))

    def wait(self, condition, seconds=10.0):
        """Reads until the condition, of the text on the screen, is true; whether it is."""
        end = time.monotonic() + seconds
        while not condition(self.model.text()):
            if time.monotonic() > end:
                return False
            self.read(0.05)
        return True

    def shows(self, text, seconds=10.0):
        return self.wait(lambda screen: text in screen, seconds)

    def idle(self, quiet=0.4, seconds=10.0):
        end = time.monotonic() + seconds
        while self.read(quiet) and time.monotonic() < end:
            pass

    def type(self, text):
        os.write(self.master, text if isinstance(text, bytes) else text.encode())

    def attributes(self):
        return attributes_of(self.slave)

    def restored(self):
        model = self.model
        return (self.attributes() == self.before and not model.alternate and model.cursor_shown and model.wraps)

    def ended(self, seconds=10.0):
        """The exit code, what it wrote last read; None if it goes on."""
        end = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < end:
            self.read(0.05)
        self.read(0.1)
        return self.process.poll()

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)
