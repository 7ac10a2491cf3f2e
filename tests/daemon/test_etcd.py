#!/usr/bin/env python3
"""agent/farm/wire and agent/farm/etcd against a real etcd: every comparison in both branches, watches that are compacted,
members that die or hang, TLS, users, and what is said of each thing that may be wrong.

    test_etcd.py BUILD
"""
import os
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from etcd_cluster import Certificates, Cluster, needs_etcd  # noqa: E402
from harness import Tap, free_port, wait_until  # noqa: E402

BUILD = os.path.abspath(sys.argv[1])


class Asker:
    """The program that asks, and what it has said."""

    def __init__(self, *words):
        self.process = subprocess.Popen([os.path.join(BUILD, "tests/daemon/ask_etcd"), *words], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, bufsize=1)
        self.lines = []
        self.count = 0
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def of(self, word):
        return [line[len(word) + 1:] for line in list(self.lines) if line.startswith(word + " ")]

    def heard(self, word, part, seconds=15):
        """The first line of `word` in which `part` stands."""
        return wait_until(lambda: next((line for line in self.of(word) if part in line), None), seconds)

    def ask(self, request):
        """Everything that came of it, the last line "done …"."""
        self.count += 1
        word = "q%d" % self.count
        self.say("%s %s" % (word, request))
        self.heard(word, "done", 30)
        return self.of(word)

    def end(self):
        self.process.stdin.close()
        self.reader.join(20)
        return self.process.wait(20)


def test_requests(tap, cluster):
    asker = Asker(*cluster.urls)
    put = asker.ask("put /fg/a hello")
    tap.ok("succeeded" in put[0] and put[-1].startswith("done well"), "a transaction puts", put)
    revision = int(put[0].split()[2])
    key = asker.ask("range /fg/")
    tap.ok(key[0] == "key /fg/a hello mod %d create %d version 1" % (revision, revision) and "count 1" in key[1],
           "a range tells key, value, revisions and version", key)
    branches = [("version /fg/a 1", True), ("version /fg/a 0", False), ("version /fg/none 0", True), ("version /fg/none 1", False),
                ("create /fg/a %d" % revision, True), ("create /fg/a %d" % (revision + 1), False), ("create /fg/none 0", True),
                ("mod /fg/a %d" % revision, True), ("mod /fg/a 0", False),
                ("lease /fg/a 0", True), ("lease /fg/a 77", False), ("lease /fg/none 77", False)]
    for compare, holds in branches:
        answer = asker.ask("if " + compare)
        tap.ok(("succeeded" in answer[0]) == holds, "if %s: %s" % (compare, "holds" if holds else "does not hold"), answer)
    for i in range(5):
        asker.ask("put /fg/p%d %d" % (i, i))
    page = asker.ask("range /fg/p 0 2")
    tap.ok([line.split()[1] for line in page[:2]] == ["/fg/p0", "/fg/p1"] and "more" in page[2], "a page", page)
    page = asker.ask("range /fg/p 0 2 /fg/p1")
    tap.equal([line.split()[1] for line in page[:2]], ["/fg/p2", "/fg/p3"], "and the next one")
    asker.ask("delete /fg/p4")
    tap.ok("count 5" in asker.ask("range /fg/p %d" % (revision + 5))[-2] and "count 4" in asker.ask("range /fg/p")[-2],
           "as it was at a revision, and as it is")
    lease = asker.ask("grant 2")[0].split()
    tap.equal(lease[-1], "2", "a lease is granted")
    tap.ok("ttl 2" in asker.ask("keepalive " + lease[-3])[0], "and kept alive")
    asker.ask("revoke " + lease[-3])
    tap.ok("ttl 0" in asker.ask("keepalive " + lease[-3])[0], "one that is gone has no time to live")
    tap.ok("version 3." in asker.ask("status")[0], "the version is told")
    future = asker.ask("compact 99999")
    tap.ok("failed 11" in future[0] and future[-1].startswith("done well"), "etcd's own refusal is an answer", future)
    tap.equal(asker.end(), 0, "and it ends with nothing left open")


def test_watch(tap, cluster):
    asker = Asker(*cluster.urls)
    first = int(asker.ask("put /w/a 1")[0].split()[2])
    asker.ask("put /w/b 2")
    asker.say("w watch /w/ %d" % first)
    tap.ok(asker.heard("w", "key /w/b 2"), "a watch tells what was before it", asker.of("w"))
    asker.ask("put /w/a 3")
    asker.ask("delete /w/b")
    tap.ok(asker.heard("w", "key /w/a 3"), "and what comes")
    tap.ok(asker.heard("w", "deleted /w/b"), "deletions too")
    tap.ok(wait_until(lambda: len([line for line in asker.of("w") if line.startswith("message")]) >= 6, 10),
           "and that nothing has come", asker.of("w"))
    tap.ok(not any(line.startswith("done") for line in asker.of("w")), "for longer than a request may take")
    asker.say("x cancel w")
    tap.ok(asker.heard("w", "done cancelled"), "until it is cancelled", asker.of("w"))
    last = int(asker.ask("put /w/c 4")[0].split()[2])
    asker.ask("compact %d" % last)
    asker.say("v watch /w/ %d" % first)
    tap.ok(asker.heard("v", "cancelled compacted %d" % last), "what was compacted away is said", asker.of("v"))
    tap.equal(asker.end(), 0, "a watch may be left open at the end")


def test_members(tap):
    cluster = Cluster(3)
    try:
        cluster.wait()
        gone = "http://127.0.0.1:%d" % free_port()
        asker = Asker("--request-ms", "2000", "--stalled-ms", "2000", gone, *cluster.urls)
        first = asker.ask("put /m/a 1")
        tap.ok(first[-1].startswith("done cannot be reached"), "a member that is not there is said", first)
        tap.ok("succeeded" in asker.ask("put /m/a 1")[0], "and the next one is asked")
        asker.say("w watch /m/ 1")
        asker.heard("w", "created")
        cluster.members[0].kill()
        tap.ok(asker.heard("w", "done cannot be reached"), "a watch ends with its member", asker.of("w"))
        answer = wait_until(lambda: [asker.ask("put /m/a 2")][0][0:1] if "succeeded" in asker.ask("put /m/a 2")[0] else None, 20)
        tap.ok(answer, "two of three members go on")
        cluster.members[0].start()
        cluster.wait()
        asker.say("v watch /m/ 1")
        asker.heard("v", "created")
        at = next(member for member in cluster.members if member.url in asker.ask("status")[-1])
        at.pause()
        began = time.monotonic()
        stalled = asker.heard("v", "done timed out", 20)
        tap.ok(stalled and time.monotonic() - began < 10, "a member that hangs is found out", asker.of("v"))
        at.resume()
        for member in cluster.members[:2]:
            member.kill()
        answers = [asker.ask("put /m/a 3") for _ in range(4)]
        tap.ok(all("succeeded" not in answer[0] for answer in answers) and
               any("failed 14" in answer[0] or "timed out" in answer[-1] for answer in answers),
               "without a majority nothing is written", answers)
        tap.equal(asker.end(), 0, "and it ends all the same")
    finally:
        cluster.remove()


def test_tls(tap):
    certificates = Certificates()
    cluster = Cluster(1, (certificates, "member"))
    half = Cluster(1, (certificates, "half"))
    ca = ["--ca", certificates.path("ca.pem")]

    def pair(name):
        return ["--cert", certificates.path(name + ".pem"), "--key", certificates.path(name + ".key")]

    try:
        cluster.wait()
        cases = [
            ("with a certificate of the farm's authority", [*ca, *pair("agent")], "done well"),
            ("without one", ca, "done cannot be reached"),
            ("with an authority that is not ours", pair("agent"), "done the certificate"),
        ]
        for name, options, part in cases:
            asker = Asker(*options, *cluster.urls)
            answer = asker.ask("put /t/a 1")
            tap.ok(part in answer[-1], name, answer)
            asker.end()
        asker = Asker(*ca, *pair("agent"), *half.urls)
        answer = wait_until(lambda: (lambda a: a if "failed 14" in a[0] else None)(asker.ask("put /t/a 1")), 20)
        tap.ok(answer, "a gateway that does not trust itself says so", answer)
        asker.end()
        for words in (["user", "add", "root:r"], ["user", "grant-role", "root", "root"], ["user", "add", "farm:s3"],
                      ["role", "add", "farm"], ["role", "grant-permission", "farm", "readwrite", "/t/", "--prefix"],
                      ["user", "grant-role", "farm", "farm"], ["auth", "enable"]):
            cluster.etcdctl(*words)
        user = ["--user", "farm", "--password", "s3"]
        cases = [
            ("a user and a password", [*pair("agent"), *user], "put /t/a 1", "succeeded", "done well"),
            ("a wrong password", [*pair("agent"), "--user", "farm", "--password", "x"], "put /t/a 1", "",
             "takes neither this user nor this password"),
            ("no user", pair("agent"), "put /t/a 1", "failed 3", "user name is empty"),
            ("a key that is not the user's", [*pair("agent"), *user], "put /elsewhere 1", "failed 7", "permission denied"),
            ("a certificate with a name", [*pair("named"), *user], "put /t/a 1", "", "CommonName"),
        ]
        for name, options, request, message, part in cases:
            asker = Asker(*ca, *options, *cluster.urls)
            answer = asker.ask(request)
            tap.ok(message in answer[0] and part in "\n".join(answer), name, answer)
            asker.end()
        asker = Asker(*ca, *pair("agent"), *user, *cluster.urls)
        asker.ask("put /t/a 1")
        cluster.members[0].kill()
        cluster.members[0].start()
        time.sleep(0.5)
        answer = wait_until(lambda: (lambda a: a if "succeeded" in a[0] else None)(asker.ask("put /t/a 2")), 20)
        tap.ok(answer, "a token that an etcd has forgotten is asked for anew", asker.lines[-6:])
        tap.equal(asker.end(), 0, "and it ends with nothing left open")
    finally:
        cluster.remove()
        half.remove()
        certificates.remove()


def test_silent(tap):
    """A member that takes requests and says nothing: several of them fail together."""
    cluster = Cluster(1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        try:
            cluster.wait()
            asker = Asker("--request-ms", "700", "http://127.0.0.1:%d" % silent.getsockname()[1], *cluster.urls)
            asker.say("a put /a 1")
            asker.say("b put /b 2")
            told = [asker.heard(word, "done") for word in "ab"]
            tap.ok(all(told) and not any("well" in line for line in told), "a member that says nothing", told)
            answer = asker.ask("put /c 3")
            tap.ok(answer[-1].startswith("done well"), "is left for the next one, and not come back to", answer)
            asker.end()
        finally:
            cluster.remove()


def test_foreign(tap):
    """What answers is no etcd, or one whose gateway is off."""
    for option, part in ((["--enable-grpc-gateway=false"], "no JSON gateway there"),):
        cluster = Cluster(1)
        cluster.members[0].kill()
        cluster.options = option
        cluster.members[0].start()
        try:
            cluster.wait()
            asker = Asker(*cluster.urls)
            answer = asker.ask("put /a 1")
            tap.ok(part in answer[-1], "a gateway that is off", answer)
            asker.end()
        finally:
            cluster.remove()
    for url in ("http://etcd.example:2379", "ftp://127.0.0.1:1", "https://u:p@127.0.0.1:1"):
        asker = Asker(url)
        asker.end()
        tap.ok(any(line.startswith("refused: ") for line in asker.lines), "an endpoint that may not be: " + url, asker.lines)


def main():
    tap = Tap()
    needs_etcd(tap, "etcd")
    cluster = Cluster()
    try:
        cluster.wait()
        test_requests(tap, cluster)
        test_watch(tap, cluster)
    finally:
        cluster.remove()
    test_members(tap)
    test_tls(tap)
    test_silent(tap)
    test_foreign(tap)
    tap.done()


if __name__ == "__main__":
    main()
