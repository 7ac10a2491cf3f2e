#!/usr/bin/env python3
"""RULES.md §2 to §4 once more, to be read beside it: a history of one farm in, what it comes to out.

    rules_model.py < SCRIPT

The script's form is told in rules_history.h; what is printed is what `rules_property --outcome` prints.
All instants are integers, Unix ms. L is licence time, E event time (the later of E and L).
"""
import sys

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WINDOW = CYCLE = 20 * MINUTE
BATCH = 216  # windows in a report
CATCH_UP = 28800  # windows that a pause makes up for

ROUTES = ["broker", "rdp", "rdp-tunnel", "console", "ssh"]
NEVER = 2**63 - 1


def phase_of(farm_id):
    """Where in its 20 minutes a farm validates and reports: FNV-1a of its id."""
    value = 0xCBF29CE484222325
    for byte in farm_id.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value % CYCLE


class Connection:
    def __init__(self, host, text):
        self.id, self.user, self.kind, self.route, self.administrator, self.state, at = text.split(":")
        self.host, self.connected_at = host, int(at)
        self.by_broker, self.told_at = False, 0

    def place(self):
        return self.host, self.id


class Usage:
    """What stays with a farm id (§3.6 to §3.9, §3.13)."""

    def __init__(self, farm_id, purchases):
        self.farm_id, self.purchases = farm_id, purchases
        self.exceeding_since = self.grace_started = None
        self.exceeding = False  # as it was told
        self.over = self.warned = False

    def grace_end(self):
        return self.grace_started + 7 * DAY

    def spent(self, at):
        return self.grace_started is not None and at >= self.grace_end()

    def state(self, at):
        if self.grace_started is None:
            return "within" if self.exceeding_since is None else "settling"
        if not self.spent(at):
            return "overuse_grace"
        return "over" if self.over else "enforced"


class Farm:
    def __init__(self, settings):
        self.settings = settings
        self.live = {}
        self.boots = {}
        self.begun = self.started = False
        self.L = self.E = self.judged = self.validated = 0
        self.activation, self.copied, self.grant = "none", False, None
        self.usage, self.former = None, []
        self.states = {"term": "valid", "contact": "fresh", "usage": "within", "reason": "not_activated"}
        self.latched = set()
        self.term_said, self.contact_said = (0, 0), 0
        self.window_start, self.levels = 0, []
        self.today, self.ever = (0, 0), (0, 0)
        self.sequences, self.queue = {}, []
        self.batch, self.stale, self.report_due, self.reported_at = None, False, NEVER, 0
        self.another_farm = False
        self.out = []

    # --- who consumes (§2) ----------------------------------------------------------------------------------------

    def counted(self, c):
        route = self.settings["routes"] >> ROUTES.index(c.route) & 1
        return bool(route) and (self.settings["disconnected"] or c.state == "active")

    def exempt(self):
        """Of each host's administrator desktops that count, the two oldest."""
        places = set()
        for host in {c.host for c in self.live.values()}:
            wanting = [c for c in self.live.values() if c.host == host and self.counted(c)
                       and c.kind == "desktop" and c.administrator == "yes"]
            wanting.sort(key=lambda c: (c.connected_at, c.id.encode()))
            places |= {c.place() for c in wanting[:2]}
        return places

    def holders(self):
        exempt = self.exempt()
        return {c.user for c in self.live.values() if self.counted(c) and c.place() not in exempt}

    def level(self):
        """Concurrent users, exempt connections, hosts."""
        return len(self.holders()), len(self.exempt()), len({c.host for c in self.live.values()})

    def users(self):
        return len(self.holders())

    # --- windows and days (§2.6, §3.2), in E ------------------------------------------------------------------------

    def tell(self, what, number):
        self.out.append("told %d %s %s" % (self.L, what, number))

    def note_level(self):
        level = self.level()
        self.levels.append((self.E, level))
        self.today = max(self.today, (level[0], self.E), key=lambda mark: mark[0])
        self.ever = max(self.ever, (level[0], self.E), key=lambda mark: mark[0])

    def close_window(self, end):
        peak = max(level[0] for _, level in self.levels)
        peak_at = next(at for at, level in self.levels if level[0] == peak)
        exempt_peak = max(level[1] for _, level in self.levels)
        hosts = max(level[2] for _, level in self.levels)
        sequence = 0
        if self.activation != "none" and not self.another_farm:  # others are kept, not sent
            sequence = self.sequences.get(self.usage.farm_id, 1)
            self.sequences[self.usage.farm_id] = sequence + 1
            self.queue.append(sequence)
        self.closed.append("window %d %d %d at %d %d %d %d #%d" % (
            self.window_start, end, peak, peak_at, self.levels[-1][1][0], exempt_peak, hosts, sequence))

    def window_end(self):
        return (self.window_start // WINDOW + 1) * WINDOW

    def begin_window(self, start):
        self.levels = [(start, self.levels[-1][1] if self.levels else self.level())]
        self.window_start = start

    def begin_day(self, start):
        self.today = (self.levels[-1][1][0], start)

    def move_event_time(self, to):
        caught_up = 0
        while self.window_end() <= to:
            end = self.window_end()
            if caught_up == CATCH_UP:
                self.begin_window(to)
                self.begin_day(to)
                break
            self.close_window(end)
            self.begin_window(end)
            if end % DAY == 0:
                self.days.append("day %d %d at %d" % (end - DAY, *self.today))
                self.begin_day(end)
            caught_up += 1
        self.E = to

    def set_licence_time(self, to):
        before, self.L = self.L, to
        if self.L > self.E:
            self.move_event_time(self.L)
        if self.E - self.L > DAY:  # a wrong clock was healed
            if self.E > self.window_start:
                self.close_window(self.E)
            self.E = self.L
            self.begin_window(self.E)
            self.begin_day(self.E)
            for c in self.live.values():
                c.told_at = min(c.told_at, self.E)
        if self.L < before:
            self.set_back(before - self.L > DAY)

    def set_back(self, far):
        """Nothing of a grace lies in the future. If L went back by more than a day warnings begin anew."""
        for usage in self.former + ([self.usage] if self.usage is not None else []):
            if usage.exceeding_since is not None:
                usage.exceeding_since = min(usage.exceeding_since, self.L)
            if usage.grace_started is not None:
                if usage.grace_started > self.L:
                    usage.grace_started, usage.warned = self.L, False
                if not usage.spent(self.L):
                    usage.over = False
                if far:
                    usage.warned = self.L >= usage.grace_end() - DAY
        if far and self.grant is not None:
            self.term_said = (self.term_said[0], self.term_stage()[0])
            self.contact_said = self.contact_stage()

    # --- the four machines (§3) -------------------------------------------------------------------------------------

    def term(self, at):
        if self.activation == "none" or self.grant["expires"] == 0 or at < self.grant["expires"]:
            return "valid"
        if not self.grant["trial"] and at < self.grant["expires"] + 30 * DAY:
            return "expiry_grace"
        return "expired"

    def contact(self, at):
        return "stale" if self.activation != "none" and at >= self.grant["refresh"] else "fresh"

    def usage_state(self, at):
        if self.usage is None:
            return "within"
        if self.activation == "none" and self.usage.grace_started is not None:
            return self.states["usage"]
        return self.usage.state(at)

    def reason(self):
        """The conjunction: the first that closes."""
        if self.activation == "none":
            return "copied" if self.copied else "not_activated"
        if self.activation == "revoked":
            return "revoked"
        if self.states["term"] == "expired":
            return "expired"
        if self.states["contact"] == "stale":
            return "stale"
        return "over" if self.states["usage"] == "over" else "open"

    def look(self):
        numbers = {"term": ["valid", "expiry_grace", "expired"], "contact": ["fresh", "stale"],
                   "usage": ["within", "settling", "overuse_grace", "enforced", "over"],
                   "reason": ["open", "not_activated", "copied", "revoked", "expired", "stale", "over"]}
        for what, now in (("term", self.term(self.judged)), ("contact", self.contact(self.judged)),
                          ("usage", self.usage_state(self.judged))):
            if now != self.states[what]:
                self.tell(what, numbers[what].index(now))
            self.states[what] = now
        now = self.reason()
        if self.started and now != self.states["reason"]:
            self.tell("reason", numbers["reason"].index(now))
        self.states["reason"] = now

    def start_grace(self, at):
        self.usage.grace_started, self.usage.warned = at, False

    def settle(self):
        usage = self.usage
        if (self.activation != "none" and usage.grace_started is None and usage.exceeding_since is not None
                and usage.exceeding_since + self.settings["settle"] <= self.L):
            self.start_grace(self.L)

    def judge_users(self):
        if self.activation == "none":
            return
        users, limit, usage = self.users(), self.grant["limit"], self.usage
        if (users > limit) != usage.exceeding:
            self.tell("exceeds", int(users > limit))
            usage.exceeding = users > limit
        if users <= limit:
            usage.exceeding_since = None
        elif usage.exceeding_since is None:
            usage.exceeding_since = self.L
        if self.settings["settle"] == 0:
            self.settle()
        newly = []
        for percent in (80, 90, 100):
            if users * 100 >= percent * limit if limit > 0 else users > 0:
                if percent not in self.latched:
                    newly.append(percent)
                self.latched.add(percent)
            elif users == 0 or users * 100 < (percent - 5) * limit:
                self.latched.discard(percent)
        if newly:
            self.tell("users", max(newly))

    def validate(self):
        usage = self.usage
        self.validated = self.L
        if not usage.spent(self.L):
            return
        if usage.exceeding_since is None:
            usage.over = False
        elif self.L - max(usage.exceeding_since, usage.grace_end()) >= 60 * MINUTE:
            usage.over = True

    # --- warnings -----------------------------------------------------------------------------------------------------

    def term_stage(self):
        """The most urgent warning passed: (how far, what, days)."""
        ends, grant = self.grant["expires"], self.grant
        passed = (0, "", 0)
        if ends == 0:
            return passed
        if self.L < ends:
            warnings = [(1, "term_ends", 90), (2, "term_ends", 30), (3, "term_ends", 7), (4, "term_ends", 1)]
        elif not grant["trial"] and self.L < ends + 30 * DAY:
            ends += 30 * DAY
            warnings = [(5, "expiry_ends", 7), (6, "expiry_ends", 1)]
        else:
            return passed
        for warning in warnings:
            if self.L >= ends - warning[2] * DAY:
                passed = warning
        return passed

    def contact_stage(self):
        left = self.grant["refresh"] - self.L
        return 0 if left <= 0 or left > 7 * DAY else 7 if left > DAY else 1

    def warn(self):
        stage, what, days = self.term_stage()
        if stage > self.term_said[1]:
            self.tell(what, days)
            self.term_said = (self.grant["expires"], stage)
        urgency = {0: 0, 7: 1, 1: 2}
        if urgency[self.contact_stage()] > urgency[self.contact_said]:
            self.contact_said = self.contact_stage()
            self.tell("contact_ends", self.contact_said)
        usage = self.usage
        if usage.grace_started is not None and not usage.warned:
            if usage.grace_end() - DAY <= self.L < usage.grace_end():
                self.tell("grace_ends", 1)
                usage.warned = True

    # --- time -----------------------------------------------------------------------------------------------------------

    def lease_ends(self):
        lease = self.settings["lease"]
        return [(c.told_at + lease, c) for c in self.live.values() if c.by_broker and lease > 0]

    def fall_due(self):
        """Leases, then the machines' timers; at this instant."""
        self.judged = self.L
        ended = [c for end, c in self.lease_ends() if end <= self.E]
        for c in ended:
            del self.live[c.place()]
        if ended:
            self.note_level()
            self.judge_users()
        if self.activation != "none":
            self.settle()
            self.warn()

    def next_due(self):
        """When something but a validation falls due; what is overdue is due now."""
        instants = [self.L if end <= self.E else end for end, _ in self.lease_ends()]
        points = []
        if self.activation != "none":
            usage, expires, refresh = self.usage, self.grant["expires"], self.grant["refresh"]
            if usage.grace_started is not None:
                points += [usage.grace_end()] + ([] if usage.warned else [usage.grace_end() - DAY])
            elif usage.exceeding_since is not None:
                instants.append(usage.exceeding_since + self.settings["settle"])
            points += [refresh, refresh - 7 * DAY, refresh - DAY]
            if expires != 0:
                points += [expires - days * DAY for days in (90, 30, 7, 1, 0)]
            if expires != 0 and not self.grant["trial"]:
                points += [expires + 30 * DAY - days * DAY for days in (7, 1, 0)]
        instants += [point for point in points if point > self.judged]
        return max(self.L, min(instants, default=NEVER))

    def phase_after(self, at):
        phase = phase_of(self.usage.farm_id)
        return (at - phase) // CYCLE * CYCLE + phase + CYCLE

    def running(self):
        return self.started and self.activation != "none"

    def due(self):
        """When the agent's timer comes: windows close then, and reports go out."""
        instants = [self.next_due(), self.window_end(), max(self.report_due, self.L)]
        if self.running():
            instants.append(self.phase_after(self.validated))
        return min(instants)

    def advance(self, to):
        """Everything due until then, and then, each at its own instant; of missed validations the last one."""
        phase = NEVER
        if self.running() and self.phase_after(to) - CYCLE > self.validated:
            phase = self.phase_after(to) - CYCLE
        while min(self.next_due(), phase) <= to:
            self.set_licence_time(min(self.next_due(), phase))
            self.fall_due()
            if self.L == phase:
                self.validate()
                phase = NEVER
            self.look()
        self.judged = max(self.judged, to)

    def go_to(self, now, inclusive):
        if not self.begun:
            self.begun = True
            self.L = self.E = self.validated = now
            self.judged = now - 1
            self.begin_window(now)
            self.begin_day(now)
            self.ever = self.today
        if now < self.L:
            self.judged = now - 1
        else:
            self.advance(now if inclusive else now - 1)
        self.set_licence_time(now)

    # --- the licence ------------------------------------------------------------------------------------------------------

    def correct(self, issued):
        """L is the issued_at of an accepted entitlement. Forward that is time passing, under the old one."""
        if issued > self.L:
            self.go_to(issued, False)
        else:
            self.set_licence_time(issued)
        self.validated = self.L
        self.report_due = self.next_new_report()

    def accept(self, grant):
        """It holds; what is due happens; its validation."""
        usage = self.usage
        self.grant = grant
        if grant["status"] == "deactivated":
            self.activation = "revoked"
        if grant["purchases"] > usage.purchases:
            usage.grace_started, usage.over, usage.warned = None, False, False
            usage.exceeding_since = None
        usage.purchases = grant["purchases"]
        if self.term_said[0] != grant["expires"]:
            self.term_said = (grant["expires"], 0)
        self.contact_said = self.contact_stage()
        self.judge_users()
        self.fall_due()
        if self.started:
            self.validate()

    def outdated(self, farm_id, grant):
        """Neither serial nor issued_at of a farm goes back."""
        return (self.grant is not None and self.usage.farm_id == farm_id
                and (grant["serial"] < self.grant["serial"] or grant["issued"] < self.grant["issued"]))

    def change_farm(self, farm_id, grant):
        found = [usage for usage in self.former if usage.farm_id == farm_id]
        self.former = [usage for usage in self.former if usage.farm_id != farm_id]
        if self.usage is not None:
            self.usage.exceeding_since, self.usage.exceeding = None, False
            self.former = (self.former + [self.usage])[-4:]
        self.usage = found[0] if found else Usage(farm_id, grant["purchases"])
        self.queue, self.reported_at = [], 0
        self.latched, self.term_said = set(), (0, 0)

    def activate(self, farm_id, grant):
        if self.outdated(farm_id, grant):
            return False
        self.correct(grant["issued"])
        self.leave_flight()
        if self.another_farm:
            self.change_farm(farm_id, grant)
        self.copied, self.activation = False, "active"
        self.report_due = self.next_report()
        self.accept(grant)
        return True

    def rest(self, copied):
        if self.activation != "none":
            self.tell("activation", 0)
        self.activation, self.copied = "none", copied
        self.leave_flight()
        if self.usage is not None:
            self.usage.exceeding_since, self.usage.exceeding = None, False
        self.latched = set()

    # --- reports (§3.3): one at a time; an answer to one of another activation says nothing ------------------------------

    def next_report(self):
        if self.activation == "none" or self.batch is not None:
            return NEVER
        return self.phase_after(self.L)

    def next_new_report(self):
        """Where L was set back a little, the phase just reported at does not come again."""
        due = self.next_report()
        return due + CYCLE if due == self.reported_at and due - self.L <= MINUTE else due

    def report(self):
        self.batch = self.queue[:BATCH]
        self.report_due = NEVER
        self.reported_at = self.phase_after(self.L) - CYCLE
        self.tell("report", len(self.batch))

    def leave_flight(self):
        self.stale, self.report_due = self.batch is not None, NEVER

    def answer(self, verb, words):
        batch, stale, self.stale, self.batch = self.batch, self.stale, False, None
        if batch is None:
            return False
        self.report_due = self.next_report()
        if stale:
            return False
        if verb == "accepted":
            answered, refused = int(words[0]), fields(words[1:])["refused"]
            done = set(batch[:answered]) | set(batch[refused - 1:refused] if refused > 0 else [])
            self.queue = [sequence for sequence in self.queue if sequence not in done]
            goes_on = len(batch) == BATCH and set(batch) == done and self.queue
            self.report_due = self.L if goes_on else self.next_new_report()
        return True

    # --- a step ---------------------------------------------------------------------------------------------------------

    def step(self, verb, words, now):
        """True if the event was taken."""
        if verb == "restart":
            self.started, self.batch, self.stale, self.reported_at = False, None, False, 0
            self.report_due = NEVER if self.activation == "none" else self.phase_after(now)
            self.E = min(self.E, max(self.window_start, min(self.L, now)))  # it is not stored by itself
            return True
        self.another_farm = verb == "activate" and (self.usage is None or self.usage.farm_id != words[0])
        self.go_to(now, verb in ("timer", "started"))
        before = self.activation
        taken = self.take(verb, words)
        self.another_farm = False
        if verb in ("settings", "boot", "set", "put", "end"):
            self.note_level()
            self.judge_users()
        if self.activation not in (before, "none"):
            self.tell("activation", ["none", "active", "revoked"].index(self.activation))
        self.look()
        if self.report_due <= self.L:
            self.report()
        return taken

    def take(self, verb, words):
        if verb == "settings":
            resettled = fields(words)["settle"] != self.settings["settle"]
            self.settings = fields(words)
            if resettled:
                self.settle()
        elif verb == "boot":
            if self.boots.setdefault(words[0], words[1]) != words[1]:
                self.live = {place: c for place, c in self.live.items() if c.host != words[0]}
            self.boots[words[0]] = words[1]
        elif verb == "set":
            told = {c.place(): c for c in (Connection(words[0], word) for word in words[1:])}
            self.live = {place: c for place, c in self.live.items()
                         if c.host != words[0] or c.by_broker or place in told}
            self.live.update(told)
        elif verb == "put":
            c = Connection(words[0], words[1])
            c.by_broker, c.told_at = True, self.E
            self.live[c.place()] = c
        elif verb == "end":
            c = self.live.get((words[0], words[1]))
            if c is None or not c.by_broker:
                return False
            del self.live[c.place()]
        elif verb == "activate":
            return self.activate(words[0], fields(words[1:]))
        elif verb == "grant":
            if self.activation == "none" or self.outdated(self.usage.farm_id, fields(words)):
                return False
            self.correct(fields(words)["issued"])
            self.accept(fields(words))
        elif verb in ("release", "copied"):
            if verb == "release" and self.activation == "none":
                return False
            self.rest(verb == "copied")
        elif verb in ("accepted", "failed"):
            return self.answer(verb, words)
        elif verb == "report-now":
            if self.activation != "none" and self.batch is None:
                self.report_due = self.L
            return self.activation != "none"
        elif verb == "started":
            self.started = True
            if self.activation != "none":
                self.validate()
        return True

    # --- admission (§4) ---------------------------------------------------------------------------------------------------

    def mode(self):
        if self.states["reason"] != "open":
            return "none"
        limited = self.states["usage"] == "enforced" or (
            self.settings["spare"] and self.states["usage"] in ("within", "settling"))
        return "holders" if limited and self.users() >= self.grant["limit"] else "all"

    def admissions(self):
        holders, exempt, mode, strict = self.holders(), self.exempt(), self.mode(), self.settings["strict"]
        text = ""
        for user in ["u%d" % n for n in range(5)]:
            for host in ["h%d" % n for n in range(3)]:
                here = any(c.user == user and c.host == host for c in self.live.values())
                free = sum(place[0] == host for place in exempt) < 2
                for desktop in (True, False):
                    for administrator in (False, True):
                        special = desktop and administrator
                        if mode == "all":
                            text += "3"
                        elif mode == "holders":
                            admitted = here or user in holders or (special and (free or not strict))
                            text += "3" if admitted else "0"
                        else:
                            text += "1" if (here or special) and not strict else "0"
                present = here and not strict if mode == "none" else here or (mode == "holders" and user in holders)
                text += "01"[present]
        return text


def fields(words):
    read = {}
    for key, value in (word.split("=") for word in words):
        read[key] = value if key == "status" else int(value)
    return read


class History:
    """The script's own part: T, the wall clock, timers."""

    def __init__(self):
        self.farm, self.offset, self.timers = None, 0, False
        self.stopped = self.jumped = False

    def step(self, verb, words, now):
        farm = self.farm
        farm.out, farm.closed, farm.days = [], [], []
        taken = farm.step(verb, words, now)
        if verb != "restart":
            self.offset += farm.L - now
        users, exempt, hosts = farm.level()
        for line in farm.out + farm.closed + farm.days:
            print(line)
        print("= %d %d %s users %d exempt %d hosts %d %s %s %s %s %s today %d at %d ever %d at %d queue %d due %d %s" % (
            farm.L, farm.E, "taken" if taken else "refused", users, exempt, hosts, farm.activation,
            farm.states["term"], farm.states["contact"], farm.states["usage"], farm.states["reason"],
            *farm.today, *farm.ever, len(farm.queue), farm.due(), farm.admissions()))

    def line(self, words):
        if words[0] == "begin":
            read = fields(words[1:])
            self.farm, self.offset, self.timers = Farm(read), read["at"], read["timers"]
            return
        at, verb, words = int(words[0][1:]), words[1], words[2:]
        while self.timers and not self.stopped and not self.jumped and self.farm.begun:
            due = self.farm.due()
            if due >= at + self.offset:
                break
            self.step("timer", [], due)
        if verb == "stop":
            self.stopped = True
        elif verb == "wall":
            if self.farm.grant is None or (self.stopped and int(words[0]) > 0):
                self.offset += int(words[0])
                self.jumped = True
        elif not self.stopped or verb == "restart":
            self.stopped, self.jumped = False, verb == "restart"
            self.step(verb, words, at + self.offset)
            if verb == "settings":
                self.step("timer", [], at + self.offset)


def main():
    history = History()
    for line in sys.stdin:
        words = line.split("#")[0].split()
        if words:
            history.line(words)


main()
