#!/usr/bin/env python3
"""A closed network: a real agent and a real authority that never talk to each other, and the files that go between them. Time
passes as in test_years.py.
     test_offline.py BUILD"""
import json
import os
import re
import sys

import elsewhere
import offline_files
from harness import Agent, Authority, Place, Tap, free_port
from years import DAY, HOUR, MINUTE, Years, ms, possible

BUILD = os.path.abspath(sys.argv[1])
tap = Tap()


class Network:
    """An authority, and a farm that has its public key and nothing else of it."""

    def __init__(self, place, name="agent", cloud=None, settings=""):
        self.place = place
        self.cloud = cloud or Authority(place, BUILD, settings=settings).start()
        self.agent = Agent(place, BUILD, name=name, host=name, settings='authority: { key = "%s"; };' % self.cloud.public_key())
        with open(self.agent.conf, encoding="utf-8") as file:
            text = file.read()
        place.write(name + ".conf", text.replace("sessions: {", 'sessions: { api_lease = "0";'))
        self.agent.start()
        self.years = Years(self.cloud, self.agent)
        self.files = 0
        self.told = ""  # by activate-offline, of the last answer

    # --- what the two administrators do, each with the command of his program

    def request(self, *words):
        """The path of a request file."""
        self.files += 1
        path = self.place.join("request-%s-%d.txt" % (os.path.basename(self.agent.state), self.files))
        done = self.agent.ctl("activation", "request", *words, "-o", path)
        if done.returncode != 0:
            raise RuntimeError(done)
        return path

    def answer(self, request, *words):
        path = request.replace("request", "answer")
        done = self.cloud.run("activate-offline", request, "-o", path, *words)
        if done.returncode != 0:
            raise RuntimeError(done)
        self.told = done.stderr
        return path

    def take(self, answer):
        return self.agent.ctl("activation", "import", answer)

    def exchange(self, *words, days=None):
        answer = self.answer(self.request(*words), *(["--days", str(days)] if days else []))
        done = self.take(answer)
        if done.returncode != 0:
            raise RuntimeError(done)
        return answer

    # --- what can be seen

    def status(self):
        return self.agent.status()

    def now(self):
        return ms(self.status()["now"])

    def gate(self):
        verdict = self.status()["verdict"]
        return verdict["reason"]

    def said(self, code):
        body = self.agent.get("/v1/events?after=0&follow=false").body.decode()
        every = [json.loads(line[6:]) for line in body.splitlines() if line.startswith("data: ")]
        return [event for event in every if event["code"] == code]

    def farm(self):
        return json.loads(self.cloud.run("farm", "show", self.status()["farm_id"], "--json").stdout)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def refused(done, code, exits, name):
    tap.ok(done.returncode == exits and done.stderr.startswith("farmgate: %s: " % code), name, done)


def without_a_network(network):
    status = network.status()
    tap.equal((status["offline"], status["farm_id"], status["next"]["code"]), (True, None, "do_activate_by_files"),
              "a farm with a key and no address knows that files are exchanged")
    key = network.cloud.new_key(10)
    for words in (["activate", key], ["activate", "--trial"]):
        done = network.agent.ctl(*words)
        refused(done, "no_authority", 1, "%s is no way" % words[0])
        tap.ok("farmgate activation request" in done.stderr, "and it says which one there is", done)
    refused(network.agent.ctl("activation", "request"), "not_activated", 1, "there is nothing to report yet")
    refused(network.agent.ctl("activation", "request", "--key", key[:-1]), "invalid_key", 65, "a typing error is found at the farm")
    return key


def activated(network, key):
    request = network.request("--key", key)
    tap.equal((os.stat(request).st_mode & 0o777, offline_files.read(read(request))["license-key"]), (0o600, key),
              "the request holds the key, for nobody else to read")
    answer = network.answer(request)
    again = offline_files.read(read(network.answer(request)))["farm-id"]
    tap.equal(again, offline_files.read(read(answer))["farm-id"], "answered twice it is the same farm")
    done = network.take(network.answer(request))
    tap.ok(done.returncode == 0 and "10 concurrent users" in done.stdout and "exchange the next files before" in done.stdout,
           "its answer is imported, and tells what holds", done)
    status = network.status()
    tap.equal((status["verdict"]["reason"], status["limit"], status["farm_id"]), ("open", 10, again), "the gate opens")
    left = ms(status["clocks"]["refresh_by"]) - ms(status["now"])
    tap.ok(399 * DAY < left <= 400 * DAY, "for 400 days", status["clocks"])
    tap.equal(status["clocks"]["next_report"], None, "no report is due")
    shown = network.agent.ctl("status").stdout
    tap.ok("by files, the last answer" in shown and "exchange the next before" in " ".join(shown.split()), "status tells it", shown)
    tap.ok("next file must be imported before" in " ".join(network.agent.ctl("explain").stdout.split()), "explain tells it")
    for words in (["report"], ["release"]):
        refused(network.agent.ctl(*words), "no_authority", 1, "%s is no way" % words[0])
    network.agent.put("h2", "1", "alice")
    network.agent.put("h2", "2", "bob")
    tap.equal(network.status()["concurrent_users"], 2, "users are counted")


def a_month(network):
    """A month of windows goes in one file, whose answer comes five days later."""
    network.years.jump(network.now() + 30 * DAY)
    queued = network.status()["windows_queued"]
    tap.ok(2158 <= queued <= 2162, "a month of windows waits", queued)
    request = network.request()
    text = read(request)
    tap.equal(len(re.findall("^window ", text, re.M)), queued, "all are in one file")
    tap.ok("alice" not in text and "license-key" not in text, "with neither users nor the licence key in it")
    tap.equal(network.status()["windows_queued"], queued, "and stay until they are accepted")
    answer = network.answer(request)
    listed = network.farm()
    tap.equal((listed["windows_counted"], listed["windows_refused"], listed["windows_missing"], listed["peak_users"]),
              (queued, 0, 0, 2), "the authority has counted each once")
    tap.ok(len(listed["days"]) in (31, 32) and all(day["peak_users"] == 2 for day in listed["days"][1:]), "and has the days",
           listed["days"])
    network.answer(request)
    tap.equal(network.farm()["windows_counted"], queued, "the same file again counts nothing")
    network.years.jump(network.now() + 5 * DAY)
    before = network.now()
    done = network.take(answer)
    status = network.status()
    tap.ok(done.returncode == 0, "the answer is imported days later", done)
    tap.ok(358 <= status["windows_queued"] <= 361, "what it carried is off the queue, what came since is not", status["windows_queued"])
    tap.ok(before <= ms(status["now"]) < before + MINUTE, "licence time is not set back", (before, status["now"]))
    tap.equal((network.said("clock_corrected"), network.said("time_restarted"), network.said("window_refused")), ([], [], []),
              "no clock was corrected, no window refused")
    states = {window["state"] for window in network.agent.get("/v1/windows?since=2026-01-01T00:00:00Z").json()["windows"]}
    tap.ok("accepted" in states and "refused" not in states, "the windows are kept as accepted", states)
    imported_again(network, answer)


def imported_again(network, answer):
    before = network.status()
    network.years.jump(network.now() + DAY)
    done = network.take(answer)
    after = network.status()
    tap.equal((done.returncode, after["clocks"]["refresh_by"], after["entitlement"]), (0, before["clocks"]["refresh_by"],
                                                                                         before["entitlement"]),
              "an answer that is imported again changes nothing")
    tap.ok(ms(after["now"]) >= ms(before["now"]) + DAY, "its time does not begin anew", (before["now"], after["now"]))


def renewed(network):
    before = network.status()["clocks"]
    for words in (["--add", "5"], ["--renew"]):
        network.cloud.run("subscription", "order", "1", *words)
    tap.equal(network.status()["limit"], 10, "what is ordered at the authority is not known at the farm")
    network.agent.kill()
    network.agent.start()
    network.exchange()
    status = network.status()
    tap.ok(status["limit"] == 15 and status["windows_queued"] == 0 and
           ms(status["clocks"]["expires_at"]) > ms(before["expires_at"]) + 300 * DAY and
           ms(status["clocks"]["refresh_by"]) > ms(before["refresh_by"]), "until files are exchanged; a kill -9 in between or not",
           status)
    network.agent.kill()
    network.agent.start()
    tap.equal((network.status()["limit"], network.status()["windows_queued"]), (15, 0), "and that is durable")


def wrong_files(place, network):
    """Each is refused by name, and the last good answer stays."""
    held = network.status()["entitlement"]
    good = network.answer(network.request())
    with Place() as other_place:
        stranger = Network(other_place)
        foreign = place.write("foreign.txt", read(stranger.exchange("--trial")))
    other = Network(place, "other", network.cloud)
    others = place.write("others.txt", read(other.exchange("--trial")))
    text = read(good)
    first = network.place.join("answer-agent-1.txt")
    forged = offline_files.sealed("answer", [line for line in text.replace("\n ", "").splitlines()[1:-1]
                                             if not line.startswith("refresh-by")])
    for path, code, exits, name in (
            (foreign, "answer_not_authentic", 65, "another authority's"), (others, "answer_not_ours", 1, "another farm's"),
            (first, "answer_outdated", 1, "an older one"), (place.write("w.txt", text[:300]), "truncated_file", 65, "half of one"),
            (place.write("x.txt", text.replace("farm-id f-", "farm-id g-")), "damaged_file", 65, "one that was changed"),
            (place.write("y.txt", forged), "answer_not_authentic", 65, "a forged one whose checksum fits"),
            (network.request(), "wrong_offline_file", 65, "a request"), (place.write("z.txt", "hello"), "not_an_offline_file", 65, "a letter")):
        refused(network.take(path), code, exits, "%s is refused: %s" % (name, code))
    for path in (place.write("big.txt", "x" * (1024 * 1024 + 1)), place.join("nowhere")):
        tap.equal(network.take(path).returncode, 65, "no file that could be one: " + os.path.basename(path))
    tap.equal((network.status()["entitlement"], network.gate()), (held, "open"), "the last good answer stays")
    tap.equal(len(network.said("entitlement_refused")), 8, "and each is an event")
    mailed = place.write("mail.txt", "\ufeff\n" + text.replace("\n", "  \r\n") + "\r\n\r\n")
    tap.equal(network.take(mailed).returncode, 0, "one whose lines mail has changed is good")
    other.agent.stop()


def too_late(network):
    """Answers that end: warned of, stale, and one that was under way too long."""
    late = network.answer(network.request(), "--days", "1")
    refresh_by = ms(network.status()["clocks"]["refresh_by"])
    network.years.jump(network.now() + 2 * DAY)
    refused(network.take(late), "answer_expired", 1, "an answer whose time is over when it is imported is refused")
    tap.equal((ms(network.status()["clocks"]["refresh_by"]), network.gate()), (refresh_by, "open"), "the one before it holds on")
    network.exchange(days=10)
    end = ms(network.status()["clocks"]["refresh_by"])
    for days, warned in ((8, 0), (6, 1), (0.9, 2)):
        network.years.jump(int(end - days * DAY), cloud=False)
        tap.equal(len(network.said("contact_ends_soon")), warned, "%s days before its end: %d warnings" % (days, warned))
    network.years.jump(end + HOUR)
    tap.equal(network.gate(), "stale", "past it the gate is closed")
    tap.ok("`farmgate activation request`" in " ".join(network.agent.ctl("status").stdout.split()), "and status says what opens it")
    network.exchange()
    tap.equal((network.gate(), len(network.said("contact_restored"))), ("open", 1), "the next answer does")
    tap.equal((network.said("authority_unreachable"), network.said("authority_refused"), network.status()["setbacks"]), ([], [], []),
              "in all that time nobody was warned of a network that is not there")


def deactivated(network, key):
    farm = network.status()["farm_id"]
    network.cloud.run("farm", "deactivate", farm)
    tap.equal(network.gate(), "open", "who is deactivated at the authority does not know it yet")
    network.years.jump(network.now() + HOUR)
    request = network.request()
    carried = len(re.findall("^window ", read(request), re.M))
    counted = network.farm()["windows_counted"]
    done = network.take(network.answer(request))
    tap.ok("farm %s is deactivated (administrator): it closes" % farm in network.told and "next files" not in network.told,
           "whoever answers the file is told so", network.told)
    tap.ok(done.returncode == 0 and "deactivated by administrator" in done.stdout, "the next file tells it, with the reason", done)
    tap.equal((network.gate(), network.status()["windows_queued"]), ("revoked", 0), "the gate closes")
    tap.ok(3 <= carried <= 4 and network.farm()["windows_counted"] == counted + carried, "its windows were counted all the same",
           (carried, counted))
    network.exchange()
    tap.equal(network.gate(), "revoked", "a report opens nothing")
    network.exchange("--key", key)
    tap.equal((network.gate(), network.status()["farm_id"]), ("open", farm), "only a new activation does")
    audit = json.loads(network.cloud.run("audit", "--subject", farm, "--json").stdout)["audit"]
    tap.equal([line["what"] for line in audit if line["what"] != "farm.exchange"], ["farm.activate", "farm.deactivate", "farm.activate"],
              "the audit log has it, like any other farm's")
    tap.ok({line["who"] for line in audit if line["what"] == "farm.exchange"} == {"socket"}, "and who handed the files in")


def year():
    with Place() as place:
        network = Network(place)
        key = without_a_network(network)
        activated(network, key)
        if not possible():
            tap.skip("a year of a closed network", "another clock needs time namespaces and libfaketime")
            return
        a_month(network)
        renewed(network)
        wrong_files(place, network)
        too_late(network)
        deactivated(network, key)
        log = network.cloud.log()
        tap.ok(" activated with " not in log and "127.0.0.1" not in log.replace("serves 127.0.0.1", ""), "nobody came over a network",
               log)


def trial_and_key():
    with Place() as place:
        network = Network(place)
        network.exchange("--trial")
        trial = network.status()
        tap.equal((trial["verdict"]["reason"], trial["entitlement"]["trial"]), ("open", True), "a trial comes by file")
        key = network.cloud.new_key(3)
        network.exchange("--key", key)
        status = network.status()
        tap.ok(status["farm_id"] != trial["farm_id"] and status["limit"] == 3, "a key goes over it", status)
        refused(network.agent.ctl("activation", "request", "--trial"), "already_activated", 1, "no trial goes over a key")
        for words in (["--trial", "--key", key], ["--move"], ["more"]):
            tap.equal(network.agent.ctl("activation", "request", *words).returncode, 64, "no request with " + " ".join(words))
        for words in (["activation"], ["activation", "export"], ["activation", "import"]):
            tap.equal(network.agent.ctl(*words).returncode, 64, "farmgate " + " ".join(words))
        done = network.agent.ctl("activation", "request")
        tap.ok(done.stdout.startswith("farmgate-offline-request-1\n") and "to be accepted" in done.stderr,
               "without a file the request goes to standard output", done)
        tap.equal(network.agent.ctl("activation", "request", "-o", place.join("no", "where")).returncode, 1, "a place that is not there")
        done = network.agent.ctl("activation", "import", "-", input=read(network.answer(network.request())))
        tap.ok(done.returncode == 0 and not done.stderr, "an answer comes by standard input", done)
        done = network.agent.ctl("activation", "import", "-", input="x" * (1024 * 1024 + 1))
        tap.ok(done.returncode == 65 and "standard input: " in done.stderr, "one that is too long does not", done)
        second = network.cloud.new_key(5)
        network.exchange("--key", second)
        tap.equal((network.status()["limit"], len(network.said("former_key_kept"))), (5, 1),
                  "another key by file leaves the former one, and says so")


def copied():
    """A copied image is told from its original, and takes the key over by file."""
    with Place() as place:
        here, there = (elsewhere.on_machine(place.write("machine-%d" % n, "%032x\n" % (0xC0FFEE + n))) for n in (1, 2))
        if not elsewhere.possible(here):
            tap.skip("a copied image", "another machine id needs mount namespaces")
            return
        network = Network(place)
        agent, key = network.agent, network.cloud.new_key(4)
        for machine in (here, there):
            agent.stop()
            agent.prepare = machine
            agent.start()
            if machine is here:
                network.exchange("--key", key)
        tap.equal((network.gate(), network.status()["next"]["code"]), ("copied", "do_move_by_files"), "a copy is told so")
        refused(agent.ctl("activation", "request"), "not_activated", 1, "it has no report of its own")
        done = network.cloud.run("activate-offline", network.request("--key", key))
        tap.ok(done.returncode == 1 and "key_in_use" in done.stderr and "moves left: 3" in done.stderr, "its key is in use", done)
        first, second = (offline_files.read(read(network.request("--key", key, "--move"))) for _ in range(2))
        tap.equal(first["installation-id"], second["installation-id"], "it asks as one installation of its own")
        network.exchange("--key", key, "--move")
        tap.equal((network.gate(), network.status()["limit"]), ("open", 4), "and takes the key over")
        agent.stop()
        agent.start()
        tap.equal(network.gate(), "open", "for good")
        agent.stop()
        agent.prepare = here
        agent.start()
        tap.equal(network.gate(), "copied", "where it came from it is the copy now")


def new_signing_keys():
    """The authority signs with other keys meanwhile: a file brings the way to them from the one that the farm has."""
    with Place() as place:
        network = Network(place)
        key = network.cloud.new_key(4)
        for _ in range(2):
            done = network.cloud.run("signing-key", "rotate")
            if done.returncode != 0:
                raise RuntimeError(done)
        answer = network.exchange("--key", key)
        tap.equal((network.gate(), len(re.findall("^key fgkey1", read(answer), re.M))), ("open", 2), "an activation brings two keys")
        network.agent.kill()
        network.agent.start()
        network.cloud.run("signing-key", "rotate")
        network.exchange()
        network.exchange()
        tap.equal((network.gate(), len(network.said("signing_key_followed"))), ("open", 3), "a report one more, and each is taken once")


def beside_a_network():
    """A farm with a network whose authority cannot be reached is helped by a file as well."""
    with Place() as place:
        cloud = Authority(place, BUILD).start()
        agent = Agent(place, BUILD, cloud, url="http://127.0.0.1:%d" % free_port()).start()
        network = Network.__new__(Network)
        network.place, network.cloud, network.agent, network.files = place, cloud, agent, 0
        tap.equal((agent.activate(cloud.new_key(2)).status, agent.status()["offline"]), (502, False), "nobody is there")
        network.exchange("--key", cloud.new_key(7))
        status = agent.status()
        tap.equal((status["verdict"]["reason"], status["limit"], status["setbacks"]), ("open", 7, []), "a file activates it")
        tap.ok(status["clocks"]["next_report"], "and it goes on trying to report")
        nobody = Agent(place, BUILD, name="nobody").start()
        answer = nobody.call("POST", "/v1/activation/import", read(place.join("answer-agent-1.txt")))
        tap.equal((answer.status, answer.json()["code"]), (409, "no_authority"), "whoever trusts nobody takes no answer")


if __name__ == "__main__":
    for story in (year, trial_and_key, copied, new_signing_keys, beside_a_network):
        try:
            story()
        except Exception as error:  # pylint: disable=broad-except
            tap.ok(False, "%s runs to its end" % story.__name__, repr(error))
    tap.done()
