"""Makes wtmp files with everything that real ones hold, the same for the same seed.

A machine lives through days: users log in by ssh and at its terminals, lines are used again, log-out records are
missing, it is shut down, loses power, boots with a clock that stands an hour ahead, steps its clock, and writes records
nobody asked for.

    python3 wtmp_logs.py SEED DAYS SESSIONS_A_DAY FILE
"""
import random
import struct
import sys

EMPTY, RUN_LEVEL, BOOT, NEW_TIME, OLD_TIME, INIT, LOGIN, USER, DEAD = range(9)
RECORD = struct.Struct("<h2xi32s4s32s256shhiIi4i20x")
START = 1_709_251_200  # 2024-03-01T00:00:00Z
DAY = 86400


def record(kind, line, user, host, at, pid=0, microseconds=0):
    return RECORD.pack(kind, pid, line.encode(), line[-4:].encode(), user if isinstance(user, bytes) else user.encode(),
                       host.encode(), 0, 0, 0, at & 0xFFFFFFFF, microseconds, 0, 0, 0, 0)


class Machine:
    def __init__(self, seed, start=START, ahead=3600, users=40, lines=64):
        self.random = random.Random(seed)
        self.now = start
        self.ahead = ahead
        self.users = ["user%03d" % i for i in range(users)] + [
            "J\u00f6rg", "CORP\\anna", "bea@corp.example", b"j\xfcrgen", b"an\x1bna"]
        self.lines = ["pts/%d" % i for i in range(lines)] + ["tty%d" % i for i in range(1, 7)] + [":0"]
        self.on = {}  # line: (ends at, writes its log-out)
        self.records = []
        self.seconds = set()  # in which something happened

    def write(self, kind, line, user, host="", ahead=0, pid=None):
        # within a second only the order of the file tells what came first, and last does not show it
        while kind in (EMPTY, USER, DEAD, BOOT) and self.now + ahead in self.seconds:
            self.now += 1
        self.seconds.add(self.now + ahead)
        pid = self.random.randrange(300, 32768) if pid is None else pid
        self.records.append(record(kind, line, user, host, self.now + ahead, pid))

    def boot(self, ahead=0):
        self.write(BOOT, "~", "reboot", "6.1.0-18-amd64", ahead, 0)
        self.write(RUN_LEVEL, "~", "runlevel", "6.1.0-18-amd64", ahead, ord("5"))
        for line in ("tty1", "tty2"):
            self.write(INIT, line, "", ahead=ahead)
            self.write(LOGIN, line, "LOGIN", ahead=ahead)

    def log_in(self):
        line = self.random.choice(self.lines)
        if line in self.on and self.random.random() < 0.9:
            return  # else the line is used again without a log-out
        remote = line.startswith("pts") and self.random.random() < 0.95
        host = "10.%d.%d.%d" % tuple(self.random.randrange(1, 255) for _ in range(3)) if remote else \
            self.random.choice(["", ":0"])
        self.write(USER, line, self.random.choice(self.users), host)
        lasts = self.random.choice([30, 600, 3600, 4 * 3600, 9 * 3600])
        self.on[line] = (self.now + self.random.randrange(1, lasts), self.random.random() < 0.95)

    def log_outs(self):
        now = self.now
        for line, (ends_at, written) in sorted(self.on.items(), key=lambda item: item[1]):
            if ends_at > now:
                break
            self.now = ends_at
            if written:
                self.write(DEAD, line, "")
            if written or self.random.random() < 0.5:
                del self.on[line]  # free for another, with or without a record that says so
            else:
                self.on[line] = (now + 90 * DAY, False)
        self.now = now

    def surprise(self):
        what = self.random.randrange(9)
        if what == 0:  # an orderly shutdown and a boot
            self.now += 1
            self.write(RUN_LEVEL, "~", "shutdown", "6.1.0-18-amd64", pid=0)
            self.now += self.random.randrange(20, 900)
            self.boot()
            self.on.clear()
        elif what == 1:  # power fails
            self.now += self.random.randrange(20, 4000)
            self.boot()
            self.on.clear()
        elif what == 2:  # the same, and the hardware's clock is in local time
            self.now += self.random.randrange(60, 900)
            self.boot(self.ahead)
            self.on.clear()
        elif what == 3:  # the clock steps back, a little
            self.write(OLD_TIME, "|", "date")
            self.now -= self.random.randrange(1, 300)
            self.write(NEW_TIME, "{", "date")
        elif what == 4:
            self.now += 1
            self.write(RUN_LEVEL, "~", "runlevel", "6.1.0-18-amd64", pid=self.random.choice([ord("3"), ord("6")]))
            if self.records[-1][4] == ord("6"):
                self.on.clear()
        elif what == 5:  # a log-out without a log-in
            self.write(DEAD, "pts/%d" % self.random.randrange(900, 999), "")
        elif what == 6:  # a type nobody knows, an empty record, a getty
            self.records.append(bytes(RECORD.size))
            self.write(99, "", "")
            self.write(LOGIN, "tty3", "LOGIN")
        elif what == 7:  # a log-in record that says another type, a log-out that says a log-in
            self.write(EMPTY, "pts/500", self.random.choice(self.users), "h")
            self.now += 60
            self.write(USER, "pts/500", "")
        else:  # a log-out record whose user was left in
            self.write(USER, "pts/501", "user001", "h")
            self.now += 61
            self.write(DEAD, "pts/501", "user001")

    def live(self, days, sessions_a_day):
        until = self.now + days * DAY
        self.boot()
        while self.now < until:
            self.now += 1 + int(self.random.expovariate(sessions_a_day / DAY))
            self.log_outs()
            self.log_in()
            if self.random.random() < 0.02:
                self.surprise()
        return b"".join(self.records)


def main():
    seed, days, sessions_a_day = (int(word) for word in sys.argv[1:4])
    with open(sys.argv[4], "wb") as file:
        file.write(Machine(seed).live(days, sessions_a_day))


if __name__ == "__main__":
    main()
