#!/usr/bin/env python3
"""The authority under clients that ask too much: its memory stays bounded, guessing is slowed, others go on."""
import json
import os
import re
import resource
import select
import socket
import subprocess
import sys
import time

from harness import Authority, Place, Tap, request, wait_until

BUILD = sys.argv[1]
SLOW_DISK = os.path.join(BUILD, "tests", "daemon", "libslow_disk.so")
WAITING_MAX = 1024  # STORE_WAITING_MAX
FILES = 4096
PROXIED = 'trusted_proxies = ("127.0.0.1");'
tap = Tap()


class Cloud(Authority):
    def ask(self, method, path, body=None, token=None, source=None):
        headers = {"Authorization": "Bearer " + token} if token else {}
        if source:
            headers["X-Forwarded-For"] = source
        return request(("127.0.0.1", self.port), method, path, body, headers)

    def activate(self, installation):
        return self.ask("POST", "/v1/activations", {"trial": True, "installation_id": installation}).json()

    def report(self, farm, token=None, source=None):
        return self.ask("POST", "/v1/reports", {"farm_id": farm["farm_id"], "windows": []}, token or farm["farm_token"],
                        source)

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        return connection

    def memory_mib(self):
        with open("/proc/%d/status" % self.process.pid, encoding="ascii") as file:
            return int(re.search(r"^RssAnon:\s+(\d+) kB", file.read(), re.M).group(1)) / 1024

    def is_sanitized(self):
        with open(self.binary, "rb") as file:
            return b"__asan_init" in file.read()

    def memory_is_below(self, mib, name):
        if self.is_sanitized():
            tap.skip(name, "the sanitizer keeps it")
        else:
            tap.ok(self.memory_mib() < mib, "%s: below %d MiB" % (name, mib), self.memory_mib())


def refusal(answer):
    return answer.status, answer.json()["code"]


def waits(answer):
    return 0 < int(answer.headers.get("retry-after", "0")) <= 600


# --- a queue that is full ---


def raw_report(farm):
    body = json.dumps({"farm_id": farm["farm_id"], "windows": []})
    return ("POST /v1/reports HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s" % (
        farm["farm_token"], len(body), body)).encode()


def read_answers(connections):
    """The head of each one's answer."""
    poll, heads = select.poll(), {}
    waiting = {connection.fileno(): connection for connection in connections}
    for number in waiting:
        poll.register(number, select.POLLIN)
    end = time.monotonic() + 60
    while waiting and time.monotonic() < end:
        for number, _ in poll.poll(1000):
            heads[number] = waiting.pop(number).recv(65536).decode("latin-1")
            poll.unregister(number)
    return list(heads.values())


def test_a_full_queue(place):
    """More calls than may wait for a slow disk: the rest is sent away, each to come back at another time."""
    mark = place.join("slow")
    cloud = Cloud(place, BUILD, "queue", "clients_max = 3000; reports: { per_minute = 6000; burst = 6000; };",
                  env={"LD_PRELOAD": SLOW_DISK, "SLOW_DISK": mark}).start()
    farm = cloud.activate("host-a")
    tap.equal(cloud.report(farm).status, 200, "a farm reports")
    calls = WAITING_MAX + 700
    connections = [cloud.connect() for _ in range(calls)]
    place.write("slow", "")
    for connection in connections:
        connection.sendall(raw_report(farm))
    wait_until(lambda: False, 1.0)
    os.unlink(mark)
    heads = read_answers(connections)
    away = [head for head in heads if head.startswith("HTTP/1.1 503")]
    taken = [head for head in heads if head.startswith("HTTP/1.1 200")]
    tap.equal(len(heads), calls, "everybody is answered")
    tap.ok(len(taken) >= WAITING_MAX and len(taken) + len(away) == calls and len(away) > 100,
           "those for whom there is room are served, the others sent away", (len(taken), len(away)))
    tap.ok(all('"code":"busy"' in head for head in away), "with a code of its own", away[:1])
    times = [int(re.search(r"retry-after: (\d+)", head, re.I).group(1)) for head in away]
    tap.ok(min(times) >= 1 and len(set(times)) >= 4, "and with differing times to come back", sorted(set(times)))
    cloud.memory_is_below(100, "memory with a full queue")
    for connection in connections:
        connection.close()
    tap.equal(cloud.report(farm).status, 200, "and it goes on")
    cloud.stop()


# --- crowds, slow clients ---


def test_ten_thousand_connections(place):
    cloud = Cloud(place, BUILD, "crowd", "clients_max = 256;").start()
    held = []
    for _ in range(10000):
        try:
            held.append(cloud.connect())
        except OSError:
            pass
        if len(held) > 1500:
            held.pop(0).close()
    files = len(os.listdir("/proc/%d/fd" % cloud.process.pid))
    tap.ok(files < 400, "10,000 connections are tried, few are held", files)
    cloud.memory_is_below(64, "memory with a crowd")
    for connection in held:
        connection.close()
    tap.ok(wait_until(cloud.answers), "and it serves when they are gone")
    cloud.stop()


def test_slow_clients(place):
    """Clients that send heads and bodies by bytes, and do not read answers, get no more than a place each, for a time."""
    cloud = Cloud(place, BUILD, "slow", "clients_max = 64;").start()
    slow = [cloud.connect() for _ in range(64)]
    for number, connection in enumerate(slow):
        if number % 2:
            connection.sendall(b"GET /v1/ver")
        else:
            connection.sendall(b"GET /v1/openapi.yaml HTTP/1.1\r\nHost: x\r\n\r\n" * 200)
    first = request(("127.0.0.1", cloud.port), "GET", "/healthz")
    tap.equal(first.status, 503, "one too many is told so at once")
    cloud.memory_is_below(64, "memory with answers that nobody reads")
    tap.ok(wait_until(cloud.answers, 20, 0.5), "a place is free when the slow ones' time is over")
    ended = [connection.recv(100) for connection in slow[1::2]]
    tap.ok(all(answer.startswith(b"HTTP/1.1 408") for answer in ended), "who did not end his head is told so", set(ended))
    for connection in slow:
        connection.close()
    cloud.stop()


# --- guesses ---


def test_wrong_administrators_tokens(place):
    made = json.loads(subprocess.run([os.path.join(BUILD, "cloud", "farmgate-cloud"), "token", "make", "ann", "write",
                                      "--json"], capture_output=True, text=True, timeout=20, check=True).stdout)
    token = made["token"]
    tokens = place.write("tokens", made["line"] + "\n")
    os.chmod(tokens, 0o600)
    cloud = Cloud(place, BUILD, "guess", 'token_file = "%s"; wrong_tokens: { per_minute = 1; burst = 5; }; %s' % (
        tokens, PROXIED)).start()
    path = "/v1/admin/farms"
    tap.equal(cloud.ask("GET", path, token=token, source="192.0.2.1").status, 200, "an administrator's token opens")
    tap.equal([cloud.ask("GET", path, source="192.0.2.1").status for _ in range(10)], [401] * 10,
              "no token is no guess")
    guesses = [cloud.ask("GET", path, token="guess%d" % number, source="192.0.2.1") for number in range(8)]
    tap.equal([guess.status for guess in guesses], [401] * 5 + [429] * 3, "a guessing client is stopped")
    tap.equal(refusal(guesses[-1]), (429, "too_many_wrong_tokens"), "with a code of its own")
    tap.ok(waits(guesses[-1]), "and a time to wait", guesses[-1].headers)
    tap.equal(cloud.ask("GET", path, token=token, source="192.0.2.1").status, 429, "then the right one is not looked at")
    tap.equal(cloud.ask("GET", path, token=token, source="192.0.2.2").status, 200, "from elsewhere it opens")
    tap.equal(request(cloud.socket, "GET", path).status, 200, "and so does the socket")
    tap.ok("guess0" not in cloud.log() and token not in cloud.log(), "no token comes into the log")
    tap.equal(cloud.log().count("a wrong administrator's token from 192.0.2.1"), 5, "which says where guesses come from")
    cloud.stop()


def test_forwarded_by_nobody_in_particular(place):
    cloud = Cloud(place, BUILD, "forged", "wrong_tokens: { per_minute = 1; burst = 3; };").start()
    farm = {"farm_id": "f-1", "farm_token": "guess"}
    statuses = [cloud.report(farm, source="192.0.2.%d" % number).status for number in range(5)]
    tap.equal(statuses, [401] * 3 + [429] * 2, "only a trusted proxy says where somebody is")
    cloud.stop()


def test_wrong_farms_tokens(place):
    cloud = Cloud(place, BUILD, "wrong", "wrong_tokens: { per_minute = 1; burst = 4; };").start()
    one, two = cloud.activate("host-a"), cloud.activate("host-b")
    tap.equal(cloud.report(one).status, 200, "a farm reports")
    for call in (lambda: cloud.report(one, "guess"), lambda: cloud.report({"farm_id": "f-2"}, "guess"),
                 lambda: cloud.ask("DELETE", "/v1/activations/" + one["farm_id"], token="guess")):
        tap.equal(refusal(call()), (401, "unauthorized"), "a wrong token is refused")
    tap.equal(cloud.report(one, "guess").status, 401, "and counted, whatever it was for")
    late = cloud.report(one, "guess")
    tap.equal(refusal(late), (429, "too_many_wrong_tokens"), "until there are too many")
    tap.ok(waits(late), "with a time to wait", late.headers)
    tap.equal(cloud.report(one).status, 200, "a farm that reported lately goes on beside the guesser")
    tap.equal(cloud.report(two).status, 429, "one that comes for the first time has to wait")
    cloud.stop()


def test_a_farm_that_reports_too_often(place):
    cloud = Cloud(place, BUILD, "often", "reports: { per_minute = 1; burst = 5; };").start()
    one, two = cloud.activate("host-a"), cloud.activate("host-b")
    answers = [cloud.report(one) for _ in range(7)]
    tap.equal([answer.status for answer in answers], [200] * 5 + [429] * 2, "a farm's token has its limit")
    tap.equal(refusal(answers[-1]), (429, "too_many_reports"), "with a code of its own")
    tap.ok(waits(answers[-1]), "and a time to wait", answers[-1].headers)
    tap.equal(cloud.report(two).status, 200, "another farm of the same address goes on")
    tap.equal(cloud.ask("DELETE", "/v1/activations/" + one["farm_id"], token=one["farm_token"]).status, 429,
              "giving the key back counts as well")
    cloud.stop()


def main():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < FILES:
        tap.skip("an authority under a crowd", "only %d files may be open" % hard)
        tap.done()
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, FILES), hard))
    with Place() as place:
        test_a_full_queue(place)
        test_ten_thousand_connections(place)
        test_slow_clients(place)
        test_wrong_administrators_tokens(place)
        test_forwarded_by_nobody_in_particular(place)
        test_wrong_farms_tokens(place)
        test_a_farm_that_reports_too_often(place)
    tap.done()


main()
