"""farmgate support: what is in the archive and what is not, shown before it is written, with an agent and without one."""
import gzip
import io
import json
import os
import re
import resource
import signal
import stat
import subprocess
import sys
import tarfile

from harness import Agent, Authority, Place, Tap
from terminal import Terminal

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build")
NAMES = ["Anna.Schmidt", "CORP\\bob", "J\u00f6rg", "anna", "left", "user", "O'Neil \"x\""]
ALWAYS = ["README.txt", "configuration/farmgate.conf", "configuration/resources.conf", "versions.txt"]
ANSWERS = ["status.json", "explain.json", "connections.json", "farm.json", "windows.json", "days.json", "metrics.txt", "events.ndjson"]
SECRETS = {  # one of each kind, and where it stands
    "proxy": "proxypassword1", "argument": "commandsecret2", "property": "rdpsecret3", "environment": "environmentsecret4",
    "comment": "commentsecret5", "token": "tokensecret6", "farm secret": "farmsecret7", "unknown": "unknownsecret8",
}


def support(agent, *words, conf=None, path=None, **rest):
    return agent.ctl("support", "--config", conf or agent.conf, *words, socket_path=path or agent.socket,
                     env={"FARMGATE_PASSWORD": SECRETS["environment"]}, timeout=60, stdin=subprocess.DEVNULL, **rest)


def unpack(path):
    """Name → bytes, in the archive's order."""
    files = {}
    with tarfile.open(path) as archive:
        for member in archive:
            files[member.name.split("/", 1)[1]] = archive.extractfile(member).read()
    return files


def whole(files):
    return b"\n".join(files.values())


def has_word(text, word):
    return re.search(r"(?<!\w)" + re.escape(word) + r"(?!\w)", text) is not None


def check_contents(tap, agent, place, key):
    path = place.join("one.tar.gz")
    done = support(agent, "--yes", "--output", path)
    tap.ok("tar -xzf %s\n" % path in done.stdout, "it says how the archive is read", done)
    tap.ok(done.returncode == 0 and "one.tar.gz" in done.stdout, "an archive is written", done)
    mode = os.stat(path)
    tap.equal(stat.S_IMODE(mode.st_mode), 0o600, "which its owner alone may read")
    files = unpack(path)
    wanted = ALWAYS[:3] + ANSWERS + ALWAYS[3:]
    tap.equal([name for name in files if name not in ("unit.txt", "journal.txt")], wanted, "with every part, in one order")
    tap.ok(all(name in done.stdout for name in files), "which was shown first", done.stdout)
    text = whole(files).decode()
    for kind, secret in SECRETS.items():
        tap.ok(secret not in text, "no secret of the kind: %s" % kind)
    tap.ok(key not in text and key.replace("-", "") not in text, "no licence key")
    conf = files["configuration/farmgate.conf"].decode()
    tap.ok('authority.proxy = "http://***@127.0.0.1:9"' in conf and "farm.mode = \"alone\"" in conf and "api.token_file" in conf,
           "the settings are told, by their table", conf)
    listed = files["configuration/resources.conf"].decode()
    tap.ok('"/usr/bin/tool ***"' in listed and '"password 51:***"' in listed and "Tool" in listed,
           "the resources without arguments and values", listed)
    parsed = [json.loads(files[name]) for name in ANSWERS if name.endswith(".json")]
    events = [json.loads(line) for line in files["events.ndjson"].splitlines()]
    tap.ok(len(parsed) == 6 and len(events) > 5 and parsed[0]["verdict"]["open"] is True, "what was JSON still is", events[:3])
    told = {connection["user"] for connection in parsed[2]["connections"]}
    tap.ok(len(told) == len(NAMES) and all(re.fullmatch("person-[0-9a-z]{8}", name) for name in told), "everybody has a name of his own",
           told)
    for name in NAMES[:4]:
        tap.ok(not has_word(text, name) and json.dumps(name, ensure_ascii=False)[1:-1] not in text, "and %s is nowhere" % name,
               [line for line in text.splitlines() if has_word(line, name)][:5])
    tap.ok('"user"' in text and "person-" in json.dumps(events), "members of JSON keep their names, whoever is called so")
    versions = files["versions.txt"].decode()
    tap.ok(all(word in versions for word in ("farmgate ", "libuv", "libcurl", "sqlite", "kernel")), "versions", versions)
    again = place.join("two.tar.gz")
    support(agent, "--yes", "--output", again)
    more = unpack(again)
    tap.equal(list(more), list(files), "a second one has the same order")
    tap.equal(json.loads(more["connections.json"])["connections"], parsed[2]["connections"], "and the same people the same pseudonyms")
    with_names = place.join("names.tar.gz")
    support(agent, "--yes", "--names", "--output", with_names)
    named = json.loads(unpack(with_names)["connections.json"])
    tap.equal(sorted(connection["user"] for connection in named["connections"]), sorted(NAMES), "--names leaves them")
    plain = gzip.open(path).read()
    tap.ok(tarfile.open(fileobj=io.BytesIO(plain)).getmembers()[0].mode == 0o600 and len(plain) % 512 == 0, "an ordinary tar")


def check_service(tap, agent, place):
    """What systemd's programs print, as they were seen to print it; here no systemd runs."""
    programs = place.join("bin")
    os.mkdir(programs)
    entry = {"__REALTIME_TIMESTAMP": "1767600000000000", "PRIORITY": "6", "FARMGATE_CODE": "connection_ended", "FARMGATE_USER": "departed",
             "MESSAGE": "departed has gone (c7)", "_BOOT_ID": "x"}
    lines = [json.dumps(entry), "{not json", json.dumps(dict(entry, MESSAGE=[1, 2, 3])), json.dumps({"MESSAGE": "key K7Q2M-ABCDE-12345-FGHJK-LMNPQ"})]
    for name, text in (("journalctl", "\n".join(lines)), ("systemctl", "systemd 252\nActiveState=active")):
        with open(os.path.join(programs, name), "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\ncat <<'END'\n%s\nEND\n" % text)
        os.chmod(os.path.join(programs, name), 0o755)
    done = subprocess.run([agent.ctl_binary, "support", "--print", "journal.txt", "--config", agent.conf, "--socket", agent.socket],
                          capture_output=True, text=True, timeout=60, check=False, env=dict(os.environ, PATH=programs + ":" + os.environ["PATH"]))
    said = done.stdout.splitlines()
    tap.ok(len(said) == 2 and re.fullmatch(r"2026-01-05T08:00:00.000Z 6 connection_ended person-\w{8} has gone \(c7\)", said[0]),
           "the journal's lines, without the names of those who have left", done)
    tap.ok(len(said) == 2 and "xxxxx-xxxxx-xxxxx-xxxxx-LMNPQ" in said[1], "and without keys", done)


def check_writing(tap, agent, place):
    path = place.write("there", "mine")
    done = support(agent, "--yes", "--output", path)
    tap.ok(done.returncode == 1 and "there" in done.stderr and open(path, encoding="utf-8").read() == "mine", "nothing is written over", done)
    os.symlink("/nowhere/target", place.join("link"))
    done = support(agent, "--yes", "--output", place.join("link"))
    tap.ok(done.returncode == 1 and os.path.islink(place.join("link")), "nor through a link", done)
    done = support(agent, "--yes", "--output", place.join("no-such", "folder.tar.gz"))
    tap.ok(done.returncode == 1 and "No such file" in done.stderr, "a folder that is not there is said", done)
    closed = "/proc/self/archive.tar.gz"  # where root may not write either
    done = support(agent, "--yes", "--output", closed)
    tap.ok(done.returncode == 1 and closed in done.stderr, "so is one that may not be written", done)
    full = place.join("full.tar.gz")
    done = support(agent, "--yes", "--output", full,
                   preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024)))
    tap.ok(done.returncode == 1 and "too large" in done.stderr and not os.path.exists(full), "of what finds no room nothing stays", done)
    if os.getuid() == 0:
        os.mkdir(place.join("small"))
        done = subprocess.run(["unshare", "-m", "sh", "-c", 'mount -t tmpfs -o size=4k none "$1" && shift && "$@"; code=$?; ls "$0"; exit $code',
                               place.join("small"), place.join("small"), agent.ctl_binary, "support", "--yes", "--config", agent.conf,
                               "--socket", agent.socket, "--output", place.join("small", "a.tar.gz")], capture_output=True, text=True,
                              timeout=60, check=False)
        tap.ok(done.returncode == 1 and "No space left" in done.stderr and "a.tar.gz" not in done.stdout.splitlines()[-1],
               "a full disk", done)
    else:
        tap.skip("a full disk", "a mount takes root")
    done = support(agent, "--output", place.join("unasked.tar.gz"))
    tap.ok(done.returncode == 64 and "--yes" in done.stderr and not os.path.exists(place.join("unasked.tar.gz")), "nothing is written unasked",
           done)


def check_showing(tap, agent, place):
    done = support(agent, "--list")
    tap.ok(done.returncode == 0 and "status.json" in done.stdout and "events.ndjson" in done.stdout, "--list lists", done)
    done = support(agent, "--print", "status.json")
    tap.ok(done.returncode == 0 and json.loads(done.stdout)["verdict"]["open"] is True, "--print prints one", done)
    done = support(agent, "--print", "nothing.txt")
    tap.ok(done.returncode == 65 and "nothing.txt" in done.stderr, "one that is not in it is said", done)
    path = place.join("asked.tar.gz")
    terminal = Terminal([agent.ctl_binary, "support", "--config", agent.conf, "--socket", agent.socket, "-o", path], rows=200, columns=200)
    tap.ok(terminal.shows("[y/N", 30), "on a terminal one is asked", terminal.model.text())
    terminal.type("1\n")
    tap.ok(terminal.shows("What `farmgate support` put together") and not os.path.exists(path), "and may read first", terminal.model.text())
    terminal.type("\n")
    tap.ok(terminal.ended() == 130 and not os.path.exists(path), "no is the default")
    terminal.close()
    terminal = Terminal([agent.ctl_binary, "support", "--config", agent.conf, "--socket", agent.socket, "-o", path], rows=200, columns=200)
    terminal.shows("[y/N", 30)
    terminal.type("y\n")
    tap.ok(terminal.ended() == 0 and "status.json" in unpack(path), "y writes", terminal.model.text())
    terminal.close()


def check_without_agent(tap, agent, place):
    path = place.join("hangs.tar.gz")
    agent.process.send_signal(signal.SIGSTOP)
    done = support(agent, "--yes", "--output", path)
    agent.process.send_signal(signal.SIGCONT)
    files = unpack(path)
    tap.ok(done.returncode == 0 and "status.json" not in files and b"status.json" in files["README.txt"], "an agent that hangs", done)
    agent.stop()
    path = place.join("dead.tar.gz")
    done = support(agent, "--yes", "--output", path)
    files = unpack(path)
    tap.ok(done.returncode == 0 and set(ALWAYS) <= set(files) and "status.json" not in files, "a dead agent is no hindrance", done)
    tap.ok(b"nobody listens" in files["README.txt"], "what is missing is said in the archive", files["README.txt"].decode())
    wrong = place.write("wrong.conf", open(agent.conf, encoding="utf-8").read() + '\nmystery: { password = "%s"; };\n' % SECRETS["unknown"])
    path = place.join("wrong.tar.gz")
    done = support(agent, "--yes", "--output", path, conf=wrong)
    text = whole(unpack(path)).decode()
    tap.ok(done.returncode == 0 and "it is wrong" in text and "farm.mode = \"alone\"" in text, "a wrong configuration", done)
    tap.ok(not [secret for secret in SECRETS.values() if secret in text], "what is no setting stays out")
    path = place.join("none.tar.gz")
    done = support(agent, "--yes", "--output", path, conf=place.join("no.conf"))
    tap.ok(done.returncode == 0 and b"no.conf" in unpack(path)["README.txt"], "no configuration", done)


def main():
    tap = Tap()
    with Place() as place:
        tokens = place.write("tokens", "# %s\n" % SECRETS["token"])
        os.chmod(tokens, 0o600)
        secret = place.write("farm.secret", SECRETS["farm secret"])
        os.chmod(secret, 0o600)
        authority = Authority(place, BUILD).start()
        agent = Agent(place, BUILD, authority, farm='secret_file = "%s";' % secret)
        with open(agent.conf, encoding="utf-8") as file:
            text = file.read()
        text = text.replace('authority: {', 'authority: { proxy = "http://anybody:%s@127.0.0.1:9";' % SECRETS["proxy"])
        text = text.replace("api: {", 'api: { token_file = "%s";' % tokens)
        place.write("agent.conf", "# %s\n%s" % (SECRETS["comment"], text))
        with open(agent.resources, "w", encoding="utf-8") as file:
            file.write('resources = ( { id = "tool"; name = "Tool"; kind = "application"; command = "/usr/bin/tool --password=%s";\n'
                       '  properties = ("password 51:b:%s"); } );\n' % (SECRETS["argument"], SECRETS["property"]))
        agent.env["no_proxy"] = "127.0.0.1"
        agent.start()
        key = authority.new_key(25)
        answer = agent.activate(key)
        if answer.status != 200:  # the proxy is asked: there is none
            agent.call("POST", "/v1/activation", {"trial": True})
        for number, name in enumerate(NAMES):
            agent.put("h1", "c%d" % number, name)
        for number in range(2):
            agent.end("h1", "c%d" % number)
            agent.put("h1", "c%d" % number, NAMES[number])
        tap.ok(agent.status()["verdict"]["open"], "a farm at work", agent.status())
        check_contents(tap, agent, place, key)
        check_service(tap, agent, place)
        check_writing(tap, agent, place)
        check_showing(tap, agent, place)
        check_without_agent(tap, agent, place)
    tap.done()


main()
