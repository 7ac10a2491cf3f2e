#!/usr/bin/env python3
"""Every example of every manual page is run: here, as it stands, on a machine (machines.py) that has an agent, an authority and
all paths and addresses that pages name, or by another test, which says which it runs. What is neither has its reason below.

    test_manual_examples.py BUILD

What is not as a page has it: systemctl starts and stops the programs and leaves other units alone, but for a restart into a farm
whose etcd is not there, which is test_farm_page.py's; keys, addresses of others and names that only the reader knows are replaced.
"""
import json
import os
import re
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import manual_pages  # noqa: E402
from harness import Tap, wait_until  # noqa: E402
from machines import Network, why_not  # noqa: E402

BUILD = os.path.abspath(sys.argv[1])
TREE = manual_pages.TREE
PROGRAMS = {"farmgate": ("/usr/bin/farmgate", "agent/ctl/farmgate"), "farmgated": ("/usr/sbin/farmgated", "agent/farmgated"),
            "farmgate-cloud": ("/usr/bin/farmgate-cloud", "cloud/farmgate-cloud")}
A_KEY = "XXXXX-XXXXX-XXXXX-XXXXX-XXXXX"

# What no test runs as it stands, by how a line begins, and why, or what does instead.
ELSEWHERE = {
    ("farmgate.1", "ssh -N -L 8620:127.0.0.1:8620 rds1.example"): "takes another computer and its sshd",
    ("farmgate-events.7.in", "systemctl edit farmgate-hook"): "an editor; the drop-in is verified here",
    ("farmgate-events.7.in", "systemctl enable --now farmgate-hook"): "tests/system/test_agent.py",
    ("farmgate-handbook.7", "journalctl FARMGATE_USER=alice"): "farmgate-events(7) has it, too: test_log_shipping.py",
    ("farmgate-etcd.7", "systemctl restart farmgated"): "test_farm_page.py does at each of its own steps",
    ("farmgate-etcd.7", "systemctl enable --now farmgate-etcd-compact.timer"): "test_etcd_packaging.py verifies the timer",
    ("farmgate-etcd.7", "systemctl stop farmgate-etcd"): "test_etcd_packaging.py ends the members itself",
    ("farmgate-etcd.7", "systemctl start --no-block farmgate-etcd"): "test_etcd_packaging.py starts the members itself",
    ("farmgate-etcd.7", "systemctl enable --now farmgate-etcd"): "test_etcd_packaging.py starts the members itself",
    ("farmgate-windows.7", "msiexec "): "Windows Installer: test_msi.py reads what it is given, CHECKLIST.md has the machine",
    ("farmgate-windows.7", "sc "): "Windows' services: tests/windows/test_service.py, CHECKLIST.md",
    ("farmgate-windows.7", "Import-PfxCertificate "): "Windows' store: tests/windows/test_trust.py imports by the call behind it; CHECKLIST.md",
    ("farmgate-windows.7", "Remove-Item "): "PowerShell's",
    ("farmgate-windows.7", "Restart-Service "): "PowerShell's: tests/windows/test_service.py, CHECKLIST.md",
    ("farmgate-windows.7", "farmgate farm join invitation --certificate "): "Windows' store: tests/windows/test_trust.py",
    ("farmgate-windows.7", "Get-WinEvent "): "Windows' Event Log: CHECKLIST.md",
    ("farmgate-events.7.in", "Get-WinEvent "): "Windows' Event Log: CHECKLIST.md",
    ("farmgate-events.7.in", "    ProviderName='Farmgate'"): "goes with it",
    ("farmgate-events.7.in", "    Select-Object "): "goes with it",
    ("farmgate-etcd.7", "E=/usr/share/farmgate/etcd"): "test_farm_page.py takes it as its machines' environment",
}

SYSTEMCTL = """#!/bin/sh
stop() {
    [ -s "/run/$1.pid" ] || return 0
    kill "$(cat "/run/$1.pid")"
    while kill -0 "$(cat "/run/$1.pid")" 2>/dev/null; do sleep 0.02; done
    rm "/run/$1.pid"
}
start() {
    case $1 in
    farmgated) setsid farmgated >>/var/log/farmgated 2>&1 & door=/run/farmgate/agent.sock path=readyz ;;
    farmgate-cloud) setsid farmgate-cloud serve >>/var/log/farmgate-cloud 2>&1 & door=/run/farmgate-cloud/admin.sock path=healthz ;;
    esac
    echo $! >"/run/$1.pid"
    until curl -qsf -o /dev/null --unix-socket $door http://localhost/$path; do
        kill -0 $! 2>/dev/null || { rm "/run/$1.pid"; tail -n 5 "/var/log/$1" >&2; exit 1; }
        sleep 0.02
    done
}
verb=
for word; do
    case $word in -*) continue ;; esac
    [ -n "$verb" ] || { verb=$word; continue; }
    unit=${word%.service}
    case $verb:$unit in
    start:farmgated | start:farmgate-cloud) start "$unit" ;;
    stop:farmgated | stop:farmgate-cloud) stop "$unit" ;;
    restart:farmgated | enable:farmgated) stop "$unit"; start "$unit" ;;
    reload:farmgated) kill -HUP "$(cat /run/farmgated.pid)" ;;
    *:farmgate-hook | *:farmgate-cloud.socket) ;;
    *) echo "systemctl $verb $word: not known here" >&2; exit 1 ;;
    esac
done
"""
# Takes what hooks post, and keeps it.
ALERTS = """
import http.server

class Keeper(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        with open("/root/alerts", "ab") as file:
            file.write(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()
    def log_message(self, *_):
        pass

http.server.HTTPServer(("127.0.0.1", 8099), Keeper).serve_forever()
"""


class World:
    """A machine as the pages assume one, and which of their lines were run."""

    def __init__(self, tap):
        self.tap, self.network = tap, Network()
        self.left = {name: manual_pages.examples(name) for name in manual_pages.names()}
        self.done = {name: set() for name in self.left}
        self.host = self.network.add("ts1", "10.0.0.21")

    def __getattr__(self, name):  # run, must, read, write: the machine's
        return getattr(self.host, name)

    def take(self, page, part):
        """The page's next example that has this in it."""
        for example in self.left[page]:
            if part in example.text:
                self.left[page].remove(example)
                self.done[page] |= set(example.lines)
                return example
        raise RuntimeError("%s has no example with %r any more" % (page, part))

    def follow(self, page, part, replace=None, expect=0, before=""):
        """Runs an example whole, as a shell does that it is typed into."""
        example = self.take(page, part)
        text = example.text
        for old, new in (replace or {}).items():
            if old not in text:
                raise RuntimeError("%s: %r is not in %r" % (page, old, text))
            text = text.replace(old, new)
        done = self.run("set -e\n%s\n%s" % (before, text))
        self.tap.ok(done.returncode == expect, "%s: %s" % (page, " / ".join(example.lines)[:110]), done.said)
        return done

    def line(self, page, line, replace=None):
        """One line of an example whose others are another test's."""
        if not any(line in example.lines for example in self.left[page]):
            raise RuntimeError("%s has no line %r" % (page, line))
        self.done[page].add(line)
        typed = line
        for old, new in (replace or {}).items():
            typed = typed.replace(old, new, 1)
        done = self.run(typed)
        self.tap.ok(done.returncode == 0, "%s: %s" % (page, line), done.said)

    def asks(self, page, line, wanted, replace=None):
        """One line with curl; the last word of its output is the answer's status (see .curlrc)."""
        for old, new in (replace or {}).items():
            line = line.replace(old, new)
        done = self.run(line)
        status = done.stdout.rsplit("\n", 1)[-1]
        self.tap.ok(done.returncode == 0 and status in wanted, "%s: %s" % (page, line[:110]), "%s\n%s" % (done.stderr, done.stdout[-600:]))

    def setting(self, page, part, replace=None):
        """An example of configuration is one."""
        text = self.take(page, part).text
        for old, new in (replace or {}).items():
            text = text.replace(old, new)
        self.write("/root/example.conf", text)
        done = self.run("farmgate check-config /root/example.conf")
        self.tap.ok(done.returncode == 0, "%s: %s is right" % (page, text.split(" = ", maxsplit=1)[0]), done.said)
        return text

    def drop_in(self, page, part, unit):
        """An example of a unit's drop-in is one that systemd takes."""
        text = self.take(page, part).text
        self.must("mkdir -p /root/units/%s.d && sed -E 's!^(ExecStart|ExecStopPost)=[^ ]*!\\1=/bin/true!' %s/packaging/%s >/root/units/%s"
                  % (unit, BUILD, unit, unit))
        self.write("/root/units/%s.d/example.conf" % unit, text)
        said = self.run("SYSTEMD_UNIT_PATH=/root/units: systemd-analyze verify /root/units/" + unit).said
        self.tap.ok("example.conf" not in said, "%s: the drop-in is one" % page, said)

    def status(self):
        return json.loads(self.must("farmgate status --json"))

    def key(self, limit=25):
        return self.must("farmgate-cloud key create --limit %d --term 1y" % limit).split()[0]


# --- the machine ----------------------------------------------------------------------------------------------------------------


def install(world):
    for there, here in PROGRAMS.values():
        world.host.put_program(there, os.path.join(BUILD, here))
    world.write("/usr/bin/systemctl", SYSTEMCTL, 0o755)
    world.write("/usr/bin/mail", "#!/bin/sh\n{ echo \"$@\"; cat; } >>/root/mails\n", 0o755)
    world.write("/usr/bin/start-session", "#!/bin/sh\necho started\n", 0o755)
    world.write("/root/.curlrc", 'silent\nwrite-out = "\\n%{http_code}"\n')
    world.must("""sed -i '/^farmgate/d' /etc/passwd /etc/group
        echo farmgate:x:971:971::/var/lib/farmgate:/usr/sbin/nologin >>/etc/passwd
        echo farmgate-cloud:x:972:972::/var/lib/farmgate-cloud:/usr/sbin/nologin >>/etc/passwd
        printf 'farmgate:x:971:\\nfarmgate-cloud:x:972:\\nfarmgate-admin:x:973:\\n' >>/etc/group
        rm -rf /etc/farmgate /var/lib/farmgate /var/lib/farmgate-cloud
        install -d /etc/farmgate /etc/pam.d /usr/libexec/farmgate /run/farmgate /run/farmgate-cloud
        install -d -m 700 /var/lib/farmgate /var/lib/farmgate-cloud
        install -m 755 {tree}/packaging/pam/farmgate-pam /usr/sbin/
        install -m 755 {tree}/packaging/hooks/reclaim /usr/libexec/farmgate/
        install -m 640 {tree}/conf/*.conf /etc/farmgate/
        echo '@include common-account' >/etc/pam.d/xrdp-sesman
        systemctl start farmgate-cloud
        farmgate configure --authority-url http://127.0.0.1:8640 --authority-key "$(farmgate-cloud public-key)"
        sed -i -e 's|# sources = .*|sources = ("api");|' -e 's|# listen = .*|listen = "127.0.0.1:8620";|' \\
            -e 's|# token_file = .*|token_file = "/etc/farmgate/tokens";|' /etc/farmgate/farmgate.conf""".format(tree=TREE))


def configured(world):
    """farmgate.conf(5), farmgate-resources.conf(5), and what follows of them: a host that serves."""
    page = "farmgate.conf.5.in"
    key = world.must("farmgate-cloud public-key").strip()
    world.setting(page, "authority = {", {"k1:…": key})
    world.setting(page, "rules = (", {"rules": "sessions = { rules", "} );": "} ); };"})
    made = world.follow(page, "openssl rand", before="umask 077",
                        replace={"token=$(openssl": "token=$(tee token <<END\n$(openssl", "32)": "32)\nEND\n)"})
    world.write("/etc/farmgate/tokens", made.stdout.replace(":read:", ":write:"), 0o640)
    world.must("umask 077; printf 'Authorization: Bearer %s' \"$(cat token)\" >token.header")
    world.write("/etc/farmgate/resources.conf", world.take("farmgate-resources.conf.5.in", "resources = (").text)
    done = world.run("farmgate check-config")
    world.tap.ok(done.returncode == 0, "farmgate-resources.conf.5.in: its example is right", done.said)
    world.line("farmgate-handbook.7", "systemctl enable --now farmgated")
    world.asks("farmgated.8", world.take("farmgated.8", "curl").lines[0], ("200",))
    world.tap.equal(world.status()["verdict"]["reason"], "not_activated", "it serves")
    copy = "cp /etc/farmgate/farmgate.conf copy.conf && "
    world.line("farmgate-windows.7", "farmgate configure --authority-url https://licences.example --authority-key k1:...",
               {"farmgate": copy + "farmgate", "k1:...": key + " --config copy.conf"})
    world.line("farmgate-windows.7", "farmgate activate " + A_KEY, {A_KEY: world.key()})
    world.must("farmgate release && farmgate activate --trial")
    for line in ("farmgate status", "farmgate connections", "farmgate explain"):
        world.line("farmgate-windows.7", line)


# --- the API --------------------------------------------------------------------------------------------------------------------


def api(world):
    """farmgate-api(7), in its order."""
    page = "farmgate-api.7"
    alone = ("/v1/farm/settings/", "/v1/farm/leave")  # where farms are many hosts, test_farm.py asks
    world.write("/root/changes.ndjson", world.take("farmgate.1", '"event": "put"').text)
    world.follow("farmgate.1", '"ts": 1769846400000', before="cat >sessions.ndjson <<END",
                 replace={'"session": "7"}\n{': '"session": "7"}\n{'})
    done = world.run("farmgate connection load changes.ndjson")
    world.tap.ok(done.returncode == 0, "farmgate.1: the lines of connection load are loaded", done.said)
    for example in list(world.left[page]):
        if "curl" not in example.text:
            continue
        for line in world.take(page, example.text).lines:
            if line.endswith("/v1/users/alice"):
                world.must("farmgate connection end h1 7 && farmgate connection end ts1 42")
            if "answer.txt" in line:
                world.must("farmgate-cloud activate-offline -o answer.txt request.txt")
            wanted = ("409",) if any(part in line for part in alone) else ("200", "204")
            world.asks(page, line, wanted, {A_KEY: world.key()} if A_KEY in line else None)
    portal(world)
    world.tap.equal(world.left[page], [], "farmgate-api.7: every example was run")


def portal(world):
    """The gate before a location of nginx."""
    block = world.take("farmgate-api.7", "location = /_farmgate").text
    world.write("/root/nginx.conf", """
daemon off;
pid /run/nginx.pid;
error_log /root/nginx.log;
events {}
http {
    access_log off;
    upstream farmgate { server unix:/run/farmgate/agent.sock; }
    server {
        listen 127.0.0.1:8088;
        set $farmgate_user alice;
        %s
        location / { auth_request /_farmgate; add_header X-Reason $farmgate_reason always; return 200; }
        location /app { auth_request /_farmgate; add_header X-Reason $farmgate_reason always; root /usr/share/farmgate; }
    }
}
""" % block)
    world.must("mkdir -p /usr/share/farmgate/app && echo welcome >/usr/share/farmgate/app/page && chmod a+x /root && "
               "{ setsid nginx -c /root/nginx.conf -g 'user root;' >/dev/null 2>&1 & }")
    page = "curl -qs -i http://127.0.0.1:8088/app/page"
    wait_until(lambda: world.run(page).returncode == 0, 10, 0.05)
    shut = world.run(page).stdout
    world.tap.ok(" 403 " in shut.split("\r\n")[0] and "X-Reason: not_activated" in shut, "nginx refuses, with the reason", shut)
    world.must("farmgate activate " + world.key())
    opened = world.run(page).stdout
    world.tap.ok(" 200 " in opened.split("\r\n")[0] and "welcome" in opened, "and lets through", opened)


# --- programs -------------------------------------------------------------------------------------------------------------------


def closed_network(world):
    """The commands of farmgate(1), CLOSED NETWORKS, which stand in its text."""
    world.must("farmgate release")
    there = manual_pages.commands("farmgate.1", ("farmgate", "farmgate-cloud"))
    for line in ("farmgate activation request --key key -o request.txt", "farmgate-cloud activate-offline -o answer.txt request.txt",
                 "farmgate activation import answer.txt", "farmgate activation request", "farmgate status"):
        done = world.run("rm -f request.txt; " * line.endswith("-o request.txt") + line.replace("--key key", "--key " + world.key()))
        world.tap.ok(line in there and done.returncode == 0, "farmgate.1: %s" % line, done.said)


def of_the_command_line(world):
    page = "farmgate.1"
    closed_network(world)
    world.write("/root/logon.csv", "date,user,pc,activity\n2026-01-05 09:00,alice,ts1,Unlock\n2026-01-05 08:00,bob,ts1,Logon\n")
    done = world.follow(page, "logon.csv")
    world.tap.ok(re.search("^users +2 on 1 host$", done.stdout, re.M), "which finds both users", done.stdout)
    world.follow(page, "farmgate size sessions.ndjson")
    world.setting(page, "api = {")
    done = world.follow(page, "start-session", before="user=alice")
    world.tap.equal(done.stdout, "started\n", "who may is started")
    done = world.follow(page, "farmgate connection put", before="host=ts1 session=50 user=alice")
    mailed(world)
    farm(world)


def mailed(world):
    """A command for each event, for as long as the agent runs."""
    world.write("/root/follow", world.take("farmgate.1", "mail -s farmgate").text)
    world.must("{ setsid sh follow >follow.log 2>&1 & echo $! >follow.pid; }")
    wait_until(lambda: world.run("test -s /var/lib/gate-mail.cursor || test -s follow.log").returncode == 0, 5, 0.05)
    world.must("farmgate release && farmgate activate " + world.key())
    mails = wait_until(lambda: (lambda text: text if text.count("-s farmgate root") == 2 else "")(world.read("/root/mails")), 10, 0.1)
    world.must("kill -- -$(cat follow.pid)")
    world.tap.ok(mails, "farmgate.1: mail comes whenever the gate moves", world.must("cat mails follow.log"))


def farm(world):
    """What makes a farm of a host; what comes of it on real members is test_farm_page.py's."""
    page, conf = "farmgate.1", "/etc/farmgate/farmgate.conf"
    world.must("cp %s /root/alone.conf" % conf)
    world.must("openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=etcd -keyout /dev/null -out /etc/farmgate/etcd-ca.pem 2>/dev/null")
    world.follow(page, "farmgate farm init", before="systemctl() { :; }")
    world.must("mv /etc/farmgate/farm.secret /root/the-first && cp /root/alone.conf %s" % conf)
    world.follow(page, "farmgate farm join", before="systemctl() { :; }")
    same = world.run("cmp /etc/farmgate/farm.secret /root/the-first")
    world.tap.ok(same.returncode == 0, "who joined has the farm's secret", same.said)
    world.must("cp /root/alone.conf %s" % conf)


def events(world):
    """farmgate-events(7), but for its queries of the journal."""
    page = "farmgate-events.7.in"
    server = subprocess.Popen(world.host.enter("python3", "-c", ALERTS), stdin=subprocess.DEVNULL)
    try:
        hook = world.take(page, "curl -sf --json").text
        world.write("/etc/farmgate/hook", hook.replace("https://alerts.example.com/", "http://127.0.0.1:8099/"), 0o755)
        wait_until(lambda: world.run("curl -qs http://127.0.0.1:8099/").returncode == 0, 5, 0.05)
        for severity in ("info", "warning"):
            done = world.run("echo '{\"code\":\"tried_%s\"}' | FARMGATE_SEVERITY=%s /etc/farmgate/hook" % (severity, severity))
            world.tap.equal((done.returncode, done.stderr), (0, ""), "%s: the hook takes a severity of %s" % (page, severity))
        world.tap.equal(world.read("/root/alerts"), '{"code":"tried_warning"}\n', "and posts what is important")
    finally:
        server.kill()
        server.wait()
    world.drop_in(page, "DynamicUser=no", "farmgate-hook.service")
    world.follow(page, "farmgate connections --disconnected")
    world.setting(page, "reclaim = {")
    world.must("mkdir -p /var/log/farmgate")
    world.setting(page, "log = {")
    world.must("rm /etc/farmgate/hook")
    world.follow(page, "ln -s /usr/libexec/farmgate/reclaim")
    world.tap.equal(world.must("readlink -e /etc/farmgate/hook"), "/usr/libexec/farmgate/reclaim\n", "the hook is there")
    world.follow(page, "reclaim_due) exec", before="FARMGATE_CODE=gate_opened")


def authority(world):
    """farmgate-cloud(8), but for the section EXAMPLES."""
    page = "farmgate-cloud.8"
    world.drop_in(page, "LoadCredential=", "farmgate-cloud.service")
    for line in world.take(page, "/v1/openapi.yaml").lines:
        world.asks(page, line, ("200",))
    farms = world.must("farmgate-cloud farm list")
    world.must("mkdir -p /mnt/backup && mount -t tmpfs tmpfs /mnt/backup && farmgate-cloud backup /mnt/backup/ledger.db")
    world.follow(page, "mkdir -m 700 damaged")
    world.tap.equal(world.must("farmgate-cloud farm list"), farms, "the ledger is back")


def handbook(world):
    """farmgate-handbook(7): what else it has than commands of farmgate's."""
    page = "farmgate-handbook.7"
    key = world.key()
    world.follow(page, "farmgate-pam install", {A_KEY: key})
    world.tap.ok("pam_nologin" in world.read("/etc/pam.d/xrdp-sesman"), "the gate is in PAM")
    world.must("farmgate connection put ts1 60 --user dora")
    world.follow(page, "tar -C / -czf")
    world.follow(page, "sqlite3")
    kept = world.must("sqlite3 farmgate-history.db 'SELECT count(*) > 0 FROM events'")
    world.tap.equal(kept, "1\n", "the copy of the database has the history")
    before = world.status()["farm_id"]
    world.follow(page, "tar -C / -xzf")
    after = world.status()
    world.tap.equal((after["farm_id"], after["verdict"]["open"]), (before, True), "restored, it is the same farm, and open")


def pam(world):
    """The line of farmgate-pam(8) is one that it writes."""
    line = world.take("farmgate-pam.8", "pam_succeed_if.so").lines[0]
    pattern = re.escape(line).replace("success=N", r"success=\d+").replace("GROUP", "sudo")
    world.tap.ok(re.search("^%s$" % pattern, world.must("farmgate-pam show"), re.M), "farmgate-pam.8: %s" % line, world.must("farmgate-pam show"))
    world.tap.ok(not re.search("^%s$" % pattern, world.must("farmgate-pam show --strict"), re.M), "and leaves out when strict")


# --- all of it ------------------------------------------------------------------------------------------------------------------


def followed():
    """The lines of pages that other tests run, as these say it themselves."""
    import test_cloud_admin, test_etcd_packaging, test_explain, test_farm_page, test_handbook, test_log_shipping, test_monitoring
    etcd = test_etcd_packaging.Manual()
    setting, rule_files, queries = test_monitoring.manual_examples()
    said = {
        "farmgate.1": ["farmgate explain" + words for words, _ in test_explain.manual_examples()],
        "farmgate-cloud.8": test_cloud_admin.manual_examples(),
        "farmgate-events.7.in": test_log_shipping.manual_queries(),
        "farmgate-farm.7": [line for block in test_farm_page.Page("farmgate-farm.7").blocks for line in block.lines],
        "farmgate-etcd.7": [etcd.configuration, *[line for line in etcd.commands if not line.startswith(test_etcd_packaging.ELSEWHERE)],
                            *[line for block in test_farm_page.Page("farmgate-etcd.7", "SETTING UP").blocks for line in block.lines]],
        "farmgate-handbook.7": test_handbook.examples(),
        "farmgate-metrics.7.in": [setting, rule_files, *queries],
    }
    return {page: {line[2:] if line.startswith("$ ") else line for text in texts for line in manual_pages.joined(manual_pages.plain(text))}
            for page, texts in said.items()}


def every_line(world):
    others = followed()
    used = set()
    for page in manual_pages.names():
        left = set()
        for example in manual_pages.examples(page):
            for line in example.lines:
                reasons = {row for row in ELSEWHERE if row[0] == page and line.startswith(row[1])}
                used |= reasons
                if not reasons and line not in world.done[page] and line not in others.get(page, ()):
                    left.add(line)
        world.tap.equal(sorted(left), [], "%s: every example is run" % page)
    world.tap.equal(sorted(set(ELSEWHERE) - used), [], "what is not run here is there")


def words_of_text(world):
    """A command that a sentence names has that name, and those options."""
    known = {}
    for program in ("farmgate", "farmgate-cloud"):
        for line in world.must(program + " --describe").splitlines():
            kind, command, *rest = line.split("\t")
            options = known.setdefault("%s %s" % (program, command), set())
            if kind == "o":
                options |= set(rest[:2])
    for page in manual_pages.names():
        wrong = []
        for line in manual_pages.commands(page, ("farmgate", "farmgate-cloud")):
            words = line.split()
            command = next((name for name in (" ".join(words[:3]), " ".join(words[:2])) if name in known), None)
            options = {word.split("=")[0] for word in words if re.match("--?[a-z]", word)}
            if command is None or not options <= known[command]:
                wrong.append(line)
        world.tap.equal(wrong, [], "%s: its sentences name commands that there are" % page)


def accused(world):
    logs = world.run("cat /var/log/farmgated /var/log/farmgate-cloud").said
    return re.findall(r".*(?:ERROR: AddressSanitizer|ERROR: LeakSanitizer|runtime error: ).*", logs)


def main():
    tap = Tap()
    reason = why_not()
    if reason:
        tap.skip("the manual's examples", reason)
        tap.done()
    world = World(tap)
    try:
        install(world)
        configured(world)
        api(world)
        of_the_command_line(world)
        events(world)
        authority(world)
        handbook(world)
        pam(world)
        words_of_text(world)
        every_line(world)
        tap.equal(accused(world), [], "no sanitizer has something to say")
    finally:
        world.network.remove()
    tap.done()


if __name__ == "__main__":
    main()
