#!/usr/bin/env python3
"""farmgate-farm(7), followed to the letter on eight machines (machines.py), and what farmgate-etcd(7) says under SETTING UP:
every command, in the page's order, where the page says; what it shows of `farm status` is what is seen.

    test_farm_page.py BUILD

What is not as the page has it, because these machines have no systemd, no sshd, no log-ins and no Farmgate installed:
  systemctl, systemd-*   scripts that start and stop the programs, the agent as its own user
  ssh, scp               commands and files go from machine to machine
  editor                 changes what the page says by sed
  authority.url          http to loopback, where a relay stands for the way to the authority
  sessions.sources       ("api"): nobody can log in
  any_etcd_version       true, where this machine's etcd is older than the page wants
"""
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Tap, wait_until  # noqa: E402
from machines import Network, why_not  # noqa: E402

BUILD = os.path.abspath(sys.argv[1])
TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HOSTS = {"ts1": "10.0.0.21", "ts2": "10.0.0.22", "ts3": "10.0.0.23"}
MEMBERS = {"etcd1": "10.0.0.11", "etcd2": "10.0.0.12", "etcd3": "10.0.0.13"}  # as in cluster.example
AUTHORITY = "10.0.0.5"
LIMIT = 25
LEASE_SECONDS = 15  # farm.lease_ttl's default

SYSTEMCTL = r"""#!/bin/sh
stop() {
    [ -s "/run/$1.pid" ] || return 0
    kill "$(cat "/run/$1.pid")" 2>/dev/null
    while kill -0 "$(cat "/run/$1.pid")" 2>/dev/null; do sleep 0.05; done
    rm "/run/$1.pid"
}
readies() {
    grep -c "is ready on" /var/log/farmgated
}
start_farmgated() {
    touch /var/log/farmgated
    before=$(readies)
    setpriv --reuid farmgate --regid farmgate --clear-groups farmgated >>/var/log/farmgated 2>&1 &
    echo $! >/run/farmgated.pid
    until [ "$(readies)" -gt "$before" ]; do
        kill -0 $! 2>/dev/null || { rm /run/farmgated.pid; tail -n 3 /var/log/farmgated >&2; exit 1; }
        sleep 0.05
    done
}
start_etcd() {
    set -a
    . /etc/etcd/etcd.env
    etcd >>/var/log/etcd 2>&1 &
    echo $! >/run/farmgate-etcd.pid
}
verb=
for word; do
    case $word in -*) continue ;; esac
    [ -n "$verb" ] || { verb=$word; continue; }
    case $verb:$word in
    restart:farmgated | enable:farmgated) stop farmgated; start_farmgated ;;
    disable:farmgated | disable:etcd) stop "$word" ;;
    enable:farmgate-etcd) start_etcd ;;
    enable:farmgate-etcd-backup.timer) ;;
    *) echo "systemctl $verb $word: not known here" >&2; exit 1 ;;
    esac
done
"""
EDITOR = """#!/bin/sh
exec sed -i -f /root/edits "$1"
"""
RELAY = """
import asyncio

async def pour(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()

async def serve(reader, writer):
    try:
        far_reader, far_writer = await asyncio.open_connection("AUTHORITY", 8640)
    except OSError:
        writer.close()
        return
    await asyncio.gather(pour(reader, far_writer), pour(far_reader, writer))

async def main():
    await (await asyncio.start_server(serve, "127.0.0.1", 8640)).serve_forever()

asyncio.run(main())
"""


class Block:
    def __init__(self, before, text):
        self.before = before
        self.lines = re.sub(r"\\e\n *", "", text).replace("\\e", "\\").splitlines()
        on = re.search(r"^On (.*):$", before)
        self.machines = re.findall(r"\b(?:ts|etcd)\d\b", on.group(1)) if on else []
        self.is_seen = text.startswith("$ ")


class Page:
    """A manual page's literal blocks, each with the line before it; they are taken in their order."""

    def __init__(self, name, section=None):
        with open(os.path.join(TREE, "packaging", "man", name), encoding="utf-8") as file:
            self.text = file.read()
        text = self.text if section is None else re.search(r"^\.Sh %s\n(.*?)^\.S[hs] " % section, self.text, re.M | re.S).group(1)
        self.blocks = [Block(*found) for found in re.findall(r"^([^\n]*)\n\.Bd -literal[^\n]*\n(.*?)^\.Ed$", text, re.M | re.S)]
        self.blocks = [block for block in self.blocks if "{" not in block.lines[0]]

    def next(self, part):
        """The next block; it has this in it, or the test no longer fits the page."""
        block = self.blocks.pop(0)
        if part not in "\n".join(block.lines):
            raise RuntimeError("the page's next block has no %r: %s" % (part, block.lines))
        return block


class World:
    def __init__(self, tap):
        self.tap, self.network = tap, Network()
        self.page, self.setting_up = Page("farmgate-farm.7"), Page("farmgate-etcd.7", "SETTING UP")
        self.any_version = False

    def __getitem__(self, name):
        return self.network.machines[name]

    # --- machines ---

    def programs(self, machine):
        machine.write("/usr/bin/systemctl", SYSTEMCTL, 0o755)
        machine.write("/usr/bin/editor", EDITOR, 0o755)
        for name in ("systemd-sysusers", "systemd-tmpfiles"):
            machine.write("/usr/bin/" + name, "#!/bin/sh\nmkdir -p /var/lib/etcd\n", 0o755)
        machine.must("mkdir -p /etc/sysusers.d /etc/tmpfiles.d /usr/share/farmgate && cp -r %s/packaging/etcd /usr/share/farmgate/" % TREE)
        machine.environment["E"] = re.search(r"^E=(.*)$", Page("farmgate-etcd.7").text, re.M).group(1)
        return machine

    def desk(self):
        self.programs(self.network.add("desk", "10.0.0.2"))
        self["desk"].write("/root/edits", "")  # the example of a cluster is this one

    def authority(self):
        cloud = self.network.add("cloud", AUTHORITY)
        cloud.put_program("/usr/bin/farmgate-cloud", os.path.join(BUILD, "cloud", "farmgate-cloud"))
        cloud.write("/etc/farmgate/farmgate-cloud.conf", 'listen = "%s:8640";\n' % AUTHORITY)
        cloud.must("mkdir -p /run/farmgate-cloud && (setsid farmgate-cloud serve >/var/log/cloud 2>&1 &)")
        if not wait_until(lambda: cloud.run("farmgate-cloud public-key").returncode == 0, 10, 0.1):
            raise RuntimeError(cloud.read("/var/log/cloud"))
        self.key = cloud.must("farmgate-cloud public-key").strip()
        self.licence = cloud.must("farmgate-cloud key create --limit %d --term 1y" % LIMIT).split()[0]

    def member(self, name):
        machine = self.programs(self.network.add(name, MEMBERS[name]))
        for program in ("etcd", "etcdctl"):
            machine.put_program("/usr/local/bin/" + program, shutil.which(program))
        version = machine.must("etcdctl version")
        found = tuple(int(number) for number in re.search(r"(\d+)\.(\d+)\.(\d+)", version).groups())
        self.any_version = found < (3, 5, 28) or (3, 6) <= found < (3, 6, 9)

    def host(self, name):
        """Installed, as the README has it; with another machine's identity each time."""
        machine = self.programs(self.network.add(name, HOSTS[name]))
        machine.write("/etc/machine-id", os.urandom(16).hex() + "\n")
        machine.must("""sed -i '/^farmgate/d' /etc/passwd /etc/group
            echo farmgate:x:971:971::/var/lib/farmgate:/usr/sbin/nologin >>/etc/passwd
            echo farmgate:x:971: >>/etc/group
            rm -rf /etc/farmgate /var/lib/farmgate
            install -d /etc/farmgate && install -d -o farmgate -g farmgate /run/farmgate /var/lib/farmgate
            install -m 640 -g farmgate %s/conf/farmgate.conf %s/conf/resources.conf /etc/farmgate""" % (TREE, TREE))
        machine.put_program("/usr/sbin/farmgated", os.path.join(BUILD, "agent", "farmgated"))
        machine.put_program("/usr/bin/farmgate", os.path.join(BUILD, "agent", "ctl", "farmgate"))
        machine.write("/root/relay", RELAY.replace("AUTHORITY", AUTHORITY))
        machine.must("(setsid python3 /root/relay >/var/log/relay 2>&1 &)")
        machine.write("/root/edits", r"""
            /^authority = {/,/^}/ { s|# url = .*|url = "http://127.0.0.1:8640";|; s|# key = .*|key = "%s";| }
            s|# sources = .*|sources = ("api");|
            s|# any_etcd_version = .*|any_etcd_version = %s;|
            """ % (self.key, "true" if self.any_version else "false"))
        machine.must("editor /etc/farmgate/farmgate.conf && farmgate check-config && systemctl enable --now farmgated")
        return machine

    # --- the page's commands ---

    def copy(self, here, line):
        words = line.split()[1:]
        recursive = words[0] == "-r"
        source, (name, target) = words[recursive], re.match(r"root@(\w+):(.*)", words[-1]).groups()
        directory, files = os.path.split(source)
        sent = subprocess.run(here.enter("sh", "-c", "cd ./%s && tar -c %s" % (directory, files)), capture_output=True, check=True)
        subprocess.run(self[name].enter("tar", "--no-same-owner", "--no-overwrite-dir", "-x", "-C", target or "/root"),
                       input=sent.stdout, check=True)

    def command(self, here, line):
        """One line of a block; where the next one is run, and what it said."""
        there = re.match(r"ssh root@(\w+) ?(.*)", line)
        if there:
            here_then = self[there.group(1)]
            return (here, here_then.run(there.group(2))) if there.group(2) else (here_then, None)
        if line.startswith("scp "):
            self.copy(here, line)
            return here, None
        return here, here.run(line)

    def run(self, block, *names, replace=None, well=True):
        """On these machines, or where the page says; the last one's words."""
        said = ""
        for name in names or block.machines:
            here = self[name]
            for line in block.lines:
                for old, new in (replace or {}).items():
                    line = line.replace(old, new)
                here, done = self.command(here, line)
                if done is None:
                    continue
                said = done.said
                if well:
                    self.tap.ok(done.returncode == 0, "%s# %s" % (name, line), done.said)
        return said

    def sees(self, block):
        """What the page shows is there, but for what differs from farm to farm."""
        name = block.machines[0]
        wanted = masked("\n".join(block.lines[1:]))
        found = wait_until(lambda: masked(self[name].run(block.lines[0][2:]).said) == wanted, 10, 0.5)
        self.tap.ok(found, "%s# %s: as shown" % (name, block.lines[0][2:]),
                    "%s\n-- wanted --\n%s" % (masked(self[name].run(block.lines[0][2:]).said), wanted))

    def says(self, name, command, pattern, seconds=10.0):
        said = [""]

        def look():
            said[0] = self[name].run(command).said
            return re.search(pattern, said[0], re.M)
        return self.tap.ok(wait_until(look, seconds, 0.3), "%s# %s: %s" % (name, command, pattern), said[0])

    def leader(self, *names, seconds=45):
        def look():
            return next((name for name in names if re.search(r"^this host +\w+ leads", self[name].run("farmgate farm status").said, re.M)), None)
        return wait_until(look, seconds, 0.5)

    def accused(self):
        logs = "".join(self[name].read("/var/log/farmgated") for name in HOSTS)
        return re.findall(r".*(?:ERROR: AddressSanitizer|ERROR: LeakSanitizer|runtime error: ).*", logs)


def masked(text):
    for pattern, word in ((r"revision \d+", "revision N"), (r"10\.0\.0\.1[123]", "10.0.0.N"), (r"\b\d+\.\d+\.\d+\b(?!\.)", "VERSION"),
                          (r"(a moment|\d+ seconds?) ago", "AGO"), (r" +", " ")):
        text = re.sub(pattern, word, text)
    return text.strip()


def set_up(world):
    """1 and 2: one host that runs, two more, and a cluster."""
    tap, page = world.tap, world.page
    world.desk()
    world.authority()
    for name in MEMBERS:
        world.member(name)
    for name in HOSTS:
        world.host(name)
    tap.ok(world["ts1"].run("farmgate activate " + world.licence).returncode == 0, "a host runs for itself")
    block = page.next("farmgate release")
    for name in block.machines:
        said = world.run(block, name, well=False)
        tap.ok("not activated" in said or "not_activated" in said, "%s has no licence to give back" % name, said)
    world.run(world.setting_up.next("certificates make"), "desk")
    block = world.setting_up.next("scp -r made/etcd1")
    for name in MEMBERS:
        world.run(block, "desk", replace={"etcd1": name})
    health = world.setting_up.next("endpoint health")
    wait_until(lambda: world["etcd1"].run(health.lines[0]).said.count("is healthy") == 3, 30, 0.5)
    world.run(health, "etcd1")
    world.run(world.setting_up.next("made/hosts/office"), "desk")
    tap.equal(world.setting_up.blocks, [], "nothing else is to be done for the cluster")


def first_and_others(world):
    """3 and 4."""
    world.run(world.page.next("farm init"))
    world.sees(world.page.next("leads:"))
    world.run(world.page.next("farm invite"))
    world.run(world.page.next("farm join"))
    world.sees(world.page.next("follows ts1"))
    world.tap.ok(world["ts2"].run("test -e invitation").returncode != 0, "no invitation is left")


def count(world):
    """5, and the plug of the host that leads."""
    for _ in range(3):
        world.run(world.page.next("connection put"))
    block = world.page.next("farmgate status")
    world.run(block)
    for name in HOSTS:
        world.says(name, block.lines[0], r"^users +2 of %d licences" % LIMIT)
        world.says(name, block.lines[0], r"^connections 3 of 2 users on 3 hosts")
    world["ts1"].cut()
    leader = world.leader("ts2", "ts3")
    world.tap.ok(leader, "another host leads when the plug is pulled")
    if leader:
        world.says(leader, "farmgate farm status", r"^ts1 +silent")
        world.says(leader, "farmgate status", r"^users +2 of %d licences" % LIMIT)
    world.says("ts1", "farmgate farm status", r"^this host +ts1 cut off")
    world.says("ts1", "farmgate gate --user zoe", "^open$")
    world["ts1"].cut(False)
    world.says("ts1", "farmgate farm status", r"^this host +ts1 (follows ts\d|leads)", 60)
    world.says("ts1", "farmgate farm status", r"^gaps +none")
    for _ in range(3):
        world.run(world.page.next("connection end"))
    for name in HOSTS:
        world.says(name, "farmgate status", r"^users +0 of %d licences" % LIMIT)


def every_day(world):
    block = world.page.next("farm settings")
    shown, strict, back = block.lines
    for line, pattern in ((shown, "^gate.strict = false$"), (strict, "set in the whole farm"), (back, "default holds in the whole farm")):
        world.says("ts2", line, pattern)
        for name in HOSTS:
            world.says(name, shown, "^gate.strict = %s$" % ("true" if line == strict else "false"))
    world.run(world.page.next("systemctl restart"))
    for name in HOSTS:
        world.says(name, "farmgate farm status", r"^this host +%s (follows ts\d|leads)" % name, 20)
        world.says(name, "farmgate status", "^gate +open$")


def leave(world):
    ts3 = world["ts3"]
    block = world.page.next("farm leave")
    ts3.must("farmgate connection put ts3 last --user alice")
    refused = ts3.run(block.lines[0])
    world.tap.ok(refused.returncode == 1 and "still_in_use" in refused.said, "nobody is taken out with sessions", refused.said)
    ts3.must("farmgate connection end ts3 last")
    world.says("ts3", "farmgate farm status", "^waiting +nothing")
    world.run(block)
    world.says("ts1", "farmgate farm status", r"^ts3 +(silent|down)", 20)
    world.tap.ok(ts3.run("systemctl restart farmgated").returncode == 0, "it starts again", ts3.read("/var/log/farmgated"))
    world.says("ts3", "farmgate farm status", "ts3 is its own farm")
    world.says("ts3", "farmgate status", "not_activated")
    stolen = ts3.run("farmgate activate " + world.licence)
    world.tap.ok(stolen.returncode != 0 and "key_in_use" in stolen.said, "and does not have the farm's key", stolen.said)
    ts3.must("systemctl disable --now farmgated")
    return block


def replace_dead(world, page):
    """ts2 dies; a machine of its name is invited."""
    world["ts2"].must("farmgate connection put ts2 gone --user carl")
    world.says("ts1", "farmgate status", r"^users +1 of")
    world["ts2"].end()
    world.host("ts2")
    invite, join = (next(block for block in page.blocks if part in block.lines[0]) for part in ("farm invite", "farm join"))
    world.run(invite, "ts1")
    early = world["ts2"].run(" && ".join(line for line in join.lines if not line.startswith("rm ")))
    world.tap.ok(early.returncode != 0 and "machine" in early.said, "it waits for the lease of the dead one", early.said)
    restart = next(line for line in join.lines if "restart" in line)
    started = wait_until(lambda: world["ts2"].run(restart).returncode == 0, LEASE_SECONDS + 15, 1)
    world.tap.ok(started, "then it is in the farm", world["ts2"].read("/var/log/farmgated"))
    world.says("ts2", "farmgate farm status", r"^this host +ts2 (follows ts1|leads)", 20)
    world.says("ts1", "farmgate status", r"^users +0 of", 20)


def back_to_one(world, leaving):
    world.run(leaving, "ts2")
    world.tap.ok(world.leader("ts1"), "the last host leads")
    farm = re.search(r"^farm +(\S+),", world["ts1"].run("farmgate status").said, re.M)
    world["ts1"].write("/root/edits", 's|mode = "etcd"|mode = "alone"|\n')
    world.run(world.page.next('mode = "alone"'))
    world.says("ts1", "farmgate farm status", "ts1 is its own farm")
    world.says("ts1", "farmgate status", "^gate +open$")
    world.says("ts1", "farmgate status", r"^farm +%s$" % (farm.group(1) if farm else "?"))
    world.says("ts1", "farmgate report", "^reported")


def words(world):
    """What else the page says is so."""
    tap, page = world.tap, Page("farmgate-farm.7")
    with open(os.path.join(TREE, "agent", "core", "log_events.def"), encoding="utf-8") as file:
        events = re.findall(r"^LOG_EVENT\((\w+), (7\d\d|20[678]),", file.read(), re.M)
    told = set(re.findall(r"\b(?:farm|host|leader)_[a-z_]+\b", page.text.split(".Ss Events")[1].split(".Sh ")[0]))
    tap.equal(sorted(told), sorted(code for code, _ in events), "every event of a farm has its advice")
    with open(os.path.join(TREE, "README.md"), encoding="utf-8") as file:
        section = re.search(r"^## From one host to three\n(.*?)^## ", file.read(), re.M | re.S).group(1)
    commands = [re.sub(r" +#.*", "", line.strip()) for line in section.splitlines() if line.startswith("    ")]
    lines = [line for block in page.blocks for line in block.lines]
    tap.ok(commands, "the README has its commands", section)
    for command in commands:
        stem = command.replace(" …", "")
        tap.ok(any(line.lstrip("$ ").startswith(stem) for line in lines), "README: %s is the page's" % command, lines)
    tap.equal(["\n".join(block.lines) for block in world.page.blocks], [], "every command of the page was run")


def main():
    tap = Tap()
    reason = why_not()
    if not reason and not all(shutil.which(name) for name in ("etcd", "etcdctl", "openssl", "ip", "setpriv")):
        reason = "no etcd, etcdctl, openssl, ip and setpriv in PATH"
    if reason:
        tap.skip("the page, followed", reason)
        tap.done()
    world = World(tap)
    try:
        whole = Page("farmgate-farm.7")
        set_up(world)
        first_and_others(world)
        count(world)
        every_day(world)
        leaving = leave(world)
        replace_dead(world, whole)
        back_to_one(world, leaving)
        words(world)
        tap.equal(world.accused(), [], "no sanitizer has something to say")
    finally:
        world.network.remove()
    tap.done()


if __name__ == "__main__":
    main()
