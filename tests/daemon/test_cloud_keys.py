#!/usr/bin/env python3
"""The authority's signing key is followed by another one, and farms follow: awake, asleep, new, with a later key pinned, or lied to;
with kill -9 in between, on a full disk, with older copies brought back, and with a key file that the authority cannot write.
     test_cloud_keys.py BUILD [--seed N]"""
import http.server
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

from harness import Agent, Authority, Place, Program, Tap, request, wait_until

BUILD = sys.argv[1]
SEED = int(sys.argv[sys.argv.index("--seed") + 1]) if "--seed" in sys.argv else 20261122
CHAIN_MAX = 64
tap = Tap()


class Cloud(Authority):
    def keys(self):
        return request(self.socket, "GET", "/v1/admin/signing-keys").json()["signing_keys"]

    def names(self):
        return [key["key_id"] for key in self.keys()]

    def rotate(self):
        """The new key as authority.key has it."""
        done = self.run("signing-key", "rotate")
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return done.stdout.strip()

    def audited(self):
        lines = request(self.socket, "GET", "/v1/admin/audit").json()["audit"]
        return [(line["who"], line["subject"]) for line in lines if line["what"] == "signing_key.rotate"]

    def key_file(self):
        return os.path.join(self.state, "signing-key")


def kept(agent):
    """How many keys the agent keeps beside the pinned one, and which one signed what it runs on."""
    with open(os.path.join(agent.state, "identity"), encoding="utf-8") as file:
        keys = json.loads(file.readline())["keys"]
    with open(os.path.join(agent.state, "licence"), encoding="utf-8") as file:
        entitlement = json.loads(file.readline())["entitlement"]
    return len(keys), entitlement.split(".")[1]


def said(agent, code):
    return [json.loads(line) for line in agent.ctl("events", "--json", "--code", code).stdout.splitlines()]


def report(agent):
    return agent.call("POST", "/v1/report").status


def gate(agent):
    return "open" if agent.status()["verdict"]["open"] else "closed"


def awake_asleep_and_new(place):
    cloud = Cloud(place, BUILD).start()
    first = cloud.public_key()
    awake = Agent(place, BUILD, cloud, "awake").start()
    asleep = Agent(place, BUILD, cloud, "asleep", host="h2").start()
    for agent in (awake, asleep):
        tap.equal(agent.activate(cloud.new_key(5)).status, 200, "a farm is activated")
    asleep.stop()
    pinned = None
    for number in (1, 2, 3):
        key = cloud.rotate()
        tap.equal(cloud.public_key(), key, "rotation %d: the new key is the public one" % number)
        tap.equal(kept(awake), (number - 1, cloud.names()[-2]), "rotation %d: the farm knows nothing of it yet" % number)
        tap.equal((report(awake), gate(awake)), (200, "open"), "rotation %d: its next report is answered" % number)
        tap.equal(kept(awake), (number, key.split(":")[0]), "rotation %d: and it keeps the new key with what that signed" % number)
        pinned = pinned or key
    tap.equal([event["key"] for event in said(awake, "signing_key_followed")], cloud.names()[1:], "each key is one event")
    tap.equal((report(awake), len(said(awake, "signing_key_followed"))), (200, 3), "what is known is no news")
    awake.stop()
    awake.start()
    tap.equal((report(awake), gate(awake)), (200, "open"), "after a restart it goes on")

    asleep.start()
    wait_until(lambda: kept(asleep)[0] == 3)
    tap.equal((report(asleep), gate(asleep)), (200, "open"), "a farm that slept over three rotations reports")
    tap.equal(kept(asleep), (3, cloud.names()[-1]), "and has followed from the key that it had pinned")

    late = Agent(place, BUILD, cloud, "late", host="h3", key=first).start()
    tap.equal(late.activate(cloud.new_key(5)).status, 200, "a new farm that has the first key pinned is activated")
    tap.equal(kept(late), (3, cloud.names()[-1]), "and follows from there")
    tap.equal(late.call("DELETE", "/v1/activation").status, 204, "it gives its key back")
    later = Agent(place, BUILD, cloud, "later", host="h4", key=pinned).start()
    tap.equal(later.activate().status, 200, "a new farm that has the second key pinned is activated")
    tap.equal(kept(later), (2, cloud.names()[-1]), "and follows from that one")

    later.stop()
    with open(later.conf, encoding="utf-8") as file:
        text = file.read()
    place.write("later.conf", text.replace(pinned, cloud.public_key()))
    later.start()
    cloud.rotate()
    tap.equal((report(later), kept(later)), (200, (1, cloud.names()[-1])), "pinned anew, it forgets the way that led there")
    tap.equal(sum(len(said(agent, "signing_key_refused")) for agent in (awake, asleep, late, later)), 0, "nobody refused a key")
    tap.equal(cloud.audited(), [("socket", name) for name in cloud.names()[1:]], "each rotation is a line of the audit log")


def what_answers_carry(place):
    """As a farm of our own: nobody gets what he has."""
    cloud = Cloud(place, BUILD, "carry").start()
    key = cloud.new_key(5)
    for _ in range(2):
        cloud.rotate()
    names, certificates = cloud.names(), [entry["certificate"] for entry in cloud.keys()]
    door = ("127.0.0.1", cloud.port)

    def activate(**more):
        return request(door, "POST", "/v1/activations", dict({"license_key": key, "installation_id": "i"}, **more)).json()

    activation = activate()
    tap.equal(activation.get("keys"), certificates[1:], "who says nothing gets them all")
    for known, wanted in ((names[0], 1), (names[1], 2), (names[2], None), ("unheard-of", 1)):
        wanted = certificates[wanted:] if wanted else None
        tap.equal(activate(trusted_key=known).get("keys"), wanted, "activation: who knows %s" % known)
        token = activate(trusted_key=known)["farm_token"]
        answer = request(door, "POST", "/v1/reports", {"farm_id": activation["farm_id"], "windows": [], "trusted_key": known},
                         {"Authorization": "Bearer " + token})
        tap.equal(answer.json().get("keys"), wanted, "report: who knows %s" % known)
    answer = request(door, "DELETE", "/v1/activations/" + activation["farm_id"], headers={"Authorization": "Bearer " + token})
    tap.equal(answer.json().get("keys"), certificates[1:], "the answer to a release has them too")
    answer = request(door, "POST", "/v1/activations", {"license_key": key, "installation_id": "i", "trusted_key": "k" * 33})
    tap.equal((answer.status, answer.json()["field"]), (400, "trusted_key"), "a key's name has a length")
    listed = cloud.run("signing-key", "list")
    tap.ok(all(name in listed.stdout for name in names) and listed.stdout.splitlines()[0].startswith("KEY"), "they are listed", listed)
    tap.equal([(entry["signs"], entry["signed_by"]) for entry in cloud.keys()],
              [(False, None), (False, names[0]), (True, names[1])], "with who signed whom")


class Liar(http.server.BaseHTTPRequestHandler):
    """Between farm and authority: adds a key to every answer."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = request(("127.0.0.1", self.server.authority.port), "POST", self.path, body,
                         {"Content-Type": "application/json", "Authorization": self.headers.get("Authorization", "")})
        told = answer.json()
        told["keys"] = [self.server.forged]
        text = json.dumps(told).encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def lied_to(place):
    cloud, stranger = Cloud(place, BUILD, "honest").start(), Cloud(place, BUILD, "stranger").start()
    stranger.rotate()
    liar = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Liar)
    liar.authority, liar.forged = cloud, stranger.keys()[1]["certificate"]
    threading.Thread(target=liar.serve_forever, daemon=True).start()
    farm = Agent(place, BUILD, cloud, "farm", url="http://127.0.0.1:%d" % liar.server_port).start()
    tap.equal(farm.activate(cloud.new_key(5)).status, 200, "a key of somebody else's beside a good entitlement: activated")
    tap.equal((report(farm), report(farm)), (200, 200), "and it reports")
    refused = said(farm, "signing_key_refused")
    tap.equal((len(refused), kept(farm)[0]), (1, 0), "the key is refused, and that is said once")
    tap.ok("the signature does not fit" in refused[0]["text"], "its signature is not that of the key it names", refused)
    liar.forged = liar.forged.replace("fgkey1.k1.", "fgkey1.k9.")
    report(farm)
    tap.ok("signed by the key k9, which is not trusted" in said(farm, "signing_key_refused")[-1]["text"], "another lie is said as well")
    liar.shutdown()
    liar.server_close()

    wrong = Agent(place, BUILD, cloud, "wrong", host="h2", key=stranger.public_key()).start()
    cloud.rotate()
    answer = wrong.activate(cloud.new_key(5))
    tap.equal((answer.status, answer.json()["code"]), (502, "authority_answer_invalid"), "with the wrong key pinned nothing is believed")
    tap.equal(len(said(wrong, "signing_key_refused")), 1, "and its event says why")
    tap.equal(gate(wrong), "closed", "the gate stays closed")


def who_may(place):
    tokens = place.write("tokens", "")
    os.chmod(tokens, 0o600)
    cloud = Cloud(place, BUILD, "doors", settings='token_file = "%s";' % tokens).start()
    made = json.loads(subprocess.run([cloud.binary, "token", "make", "rita", "write", "--json"], capture_output=True, text=True,
                                     check=True).stdout)
    place.write("tokens", made["line"] + "\n")
    cloud.process.send_signal(signal.SIGHUP)
    bearer, door = {"Authorization": "Bearer " + made["token"]}, ("127.0.0.1", cloud.port)
    wait_until(lambda: request(door, "GET", "/v1/admin/signing-keys", headers=bearer).status == 200)
    tap.equal(request(door, "GET", "/v1/admin/signing-keys", headers=bearer).status, 200, "a token's owner may look")
    answer = request(door, "POST", "/v1/admin/signing-keys", headers=bearer)
    tap.equal((answer.status, answer.json()["code"]), (403, "socket_only"), "and makes no key, even one who may write")
    tap.equal(request(door, "POST", "/v1/admin/signing-keys").status, 401, "nor does anybody without a token")
    tap.equal(len(cloud.keys()), 1, "there is one key")


def killed(place):
    chance = random.Random(SEED)
    cloud = Cloud(place, BUILD, "killed").start()
    farm = Agent(place, BUILD, cloud, "steady").start()
    farm.activate(cloud.new_key(5))
    acknowledged = {cloud.names()[0]}
    late = 0
    for _ in range(20):
        asking = subprocess.Popen([cloud.binary, "signing-key", "rotate", "--socket", cloud.socket], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True)
        time.sleep(chance.uniform(0.001, 0.02))
        cloud.kill()
        out = asking.communicate()[0].strip()
        if asking.returncode == 0:
            acknowledged.add(out.split(":")[0])
        cloud.start()
        late += cloud.audited()[-1:] == [("authority", cloud.names()[-1])]
        if not acknowledged <= set(cloud.names()) or report(farm) != 200:
            break
    names = cloud.names()
    print("# seed %d: %d keys, %d acknowledged, %d noted at the next start" % (SEED, len(names), len(acknowledged), late))
    tap.ok(acknowledged <= set(names), "kill -9 in 20 rotations: every key that was acknowledged is there", (acknowledged, names))
    tap.equal((report(farm), kept(farm)), (200, (len(names) - 1, names[-1])), "the farm has followed each of them")
    tap.equal([subject for _, subject in cloud.audited()], names[1:], "and each has its line in the audit log")
    tap.equal(os.stat(cloud.key_file()).st_mode & 0o777, 0o600, "the file is its owner's alone")


def copies(place):
    """An older ledger, or an older key."""
    cloud = Cloud(place, BUILD, "copies").start()
    farm = Agent(place, BUILD, cloud, "copied").start()
    farm.activate(cloud.new_key(5))
    cloud.stop()
    shutil.copytree(cloud.state, place.join("before"))
    cloud.start()
    for _ in range(2):
        cloud.rotate()
    names = cloud.names()
    tap.equal(report(farm), 200, "the farm has followed")
    cloud.stop()
    shutil.copy(place.join("before", "ledger.db"), os.path.join(cloud.state, "ledger.db"))
    cloud.start()
    tap.equal((cloud.names(), cloud.audited()), (names, [("authority", name) for name in names[1:]]),
              "an older ledger takes the later keys, and says so in its audit log")
    tap.equal((report(farm), gate(farm)), (200, "open"), "and the farm goes on")
    cloud.stop()
    shutil.copy(place.join("before", "signing-key"), cloud.key_file())
    Program.start(cloud)
    tap.equal(cloud.process.wait(10), 1, "an older key is refused")
    tap.ok("is not the key that this ledger's farms trust (%s:" % names[-1] in cloud.log(), "in words", cloud.log()[-400:])
    cloud.forget_log()


def full_disk(place):
    name = "a full disk"
    cloud = Cloud(place, BUILD, "full")
    if os.getuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", cloud.state], check=False,
                                          capture_output=True).returncode != 0:
        tap.skip(name, "may not mount")
        return
    try:
        cloud.start()
        farm = Agent(place, BUILD, cloud, "crowded").start()
        farm.activate(cloud.new_key(5))
        key, ballast = cloud.public_key(), os.path.join(cloud.state, "ballast")
        with open(ballast, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(512))
            except OSError:
                pass
        done = cloud.run("signing-key", "rotate")
        tap.equal(done.returncode, 1, "%s: no key is made" % name)
        tap.ok("the key in force goes on" in done.stderr and "No space left" in done.stderr, "%s: and why is said" % name, done.stderr)
        tap.equal((cloud.public_key(), len(cloud.keys())), (key, 1), "%s: who asks for the public key gets it" % name)
        os.unlink(ballast)
        tap.equal((report(farm), kept(farm)), (200, (0, "k1")), "with room again the old key signs")
        cloud.rotate()
        tap.equal((report(farm), kept(farm)), (200, (1, cloud.names()[-1])), "and the next one is made")
        cloud.stop()
    finally:
        cloud.stop()
        subprocess.run(["umount", "-l", cloud.state], check=False)


def not_ours_to_write(place):
    """As a credential is: the administrator makes the next key, and the authority starts with it."""
    os.mkdir(place.join("credentials"))
    path = place.join("credentials", "signing-key")
    settings = 'signing_key_file = "%s";' % path
    cloud = Cloud(place, BUILD, "credential", settings=settings).start()
    farm = Agent(place, BUILD, cloud, "patient").start()
    farm.activate(cloud.new_key(5))
    os.makedirs(path + ".new/in the way")
    done = cloud.run("signing-key", "rotate")
    tap.ok(done.returncode == 1 and "signing_key_not_written" in done.stderr, "what cannot be written is no new key", done.stderr)
    tap.equal((report(farm), kept(farm)), (200, (0, "k1")), "the old one goes on")
    after = place.join("next-key")
    done = subprocess.run([cloud.binary, "signing-key", "next", path, after], capture_output=True, text=True, check=False)
    tap.equal((done.returncode, os.stat(after).st_mode & 0o777), (0, 0o600), "the next one is made beside it")
    again = subprocess.run([cloud.binary, "signing-key", "next", path, after], capture_output=True, text=True, check=False)
    tap.equal(again.returncode, 1, "what is there is not overwritten")
    nothing = subprocess.run([cloud.binary, "signing-key", "next", place.join("none"), place.join("n")], capture_output=True,
                             text=True, check=False)
    tap.ok(nothing.returncode == 1 and place.join("none") in nothing.stderr, "nothing comes of nothing", nothing)
    os.rename(after, path)
    cloud.stop()
    cloud.start()
    tap.equal(cloud.public_key(), done.stdout.strip(), "the authority starts with the new one")
    tap.equal(cloud.audited(), [("authority", cloud.names()[-1])], "and says so in its audit log")
    tap.equal((report(farm), kept(farm)), (200, (1, cloud.names()[-1])), "the farm follows")


def as_long_as_it_may_be(place):
    cloud = Cloud(place, BUILD, "long").start()
    farm = Agent(place, BUILD, cloud, "sleeper").start()
    farm.activate(cloud.new_key(5))
    farm.stop()
    for _ in range(CHAIN_MAX - 1):
        cloud.rotate()
    done = cloud.run("signing-key", "rotate")
    tap.ok(done.returncode == 1 and "too_many_signing_keys" in done.stderr, "%d keys are as many as there may be" % CHAIN_MAX, done.stderr)
    farm.start()
    wait_until(lambda: kept(farm)[0] == CHAIN_MAX - 1)
    tap.equal((report(farm), kept(farm)), (200, (CHAIN_MAX - 1, cloud.names()[-1])), "a farm that slept over them all has followed")
    farm.stop()
    farm.start()
    tap.equal((report(farm), gate(farm)), (200, "open"), "and goes on after a restart")


for story in (awake_asleep_and_new, what_answers_carry, lied_to, who_may, killed, copies, full_disk, not_ours_to_write,
              as_long_as_it_may_be):
    with Place() as there:
        story(there)
tap.done()
