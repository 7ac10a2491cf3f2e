"""Everything by which an agent tells who is on, on a host that its packages were installed on: commands, the status page, metrics,
the journal, the feed, an archive for support; and the manual and completion beside them. Python's library only."""
import os
import re
import shlex

from farm_host import MACHINE, wait_until
from terminal import Terminal

LISTEN = "127.0.0.1:8620"
RESOURCE = 'resources = ( { id = "desk"; name = "Front desk"; kind = "desktop"; } );\n'
# Command → what it prints of USER, who alone is on, by RDP, and counts.
COMMANDS = {
    "status": r"open.*\b1 of 10\b",
    "users": r"\bUSER\b.*yes",
    "connections": r"\bUSER\b.*rdp.*counted",
    "explain USER": r"\bUSER\b.*counts",
    "explain": r"open.*\bUSER\b",
    "check": r"^FARMGATE OK - .*\busers=1;",
    "events": r"\bUSER connected to farmtest\b",
    "gate --user USER": r"^open$",
    "resources --user USER": r"desk.*Front desk",
}
MANUAL = """1 farmgate 5 farmgate.conf 5 farmgate-resources.conf 5 farmgate-cloud.conf 7 farmgate-api 7 farmgate-etcd 7 farmgate-events
7 farmgate-farm 7 farmgate-handbook 7 farmgate-metrics 7 farmgate-rules 7 farmgate-windows 8 farmgated 8 farmgate-cloud
8 farmgate-pam""".split()
COMPLETION = ["/usr/share/%s" % path % program for program in ("farmgate", "farmgate-cloud")
              for path in ("bash-completion/completions/%s", "fish/vendor_completions.d/%s.fish", "zsh/site-functions/_%s")]
ARCHIVE = "/run/support.tar.gz"


def said(tap, text, pattern, name):
    tap.ok(re.search(pattern, text, re.S | re.M), name, text)


def of_commands(tap, host, user):
    for command, pattern in COMMANDS.items():
        words = command.replace("USER", user)
        said(tap, host.run("farmgate", *words.split()), pattern.replace("USER", user), "farmgate " + words)
    windows = host.json("farmgate", "windows", "--json")["windows"]
    tap.equal(windows[-1]["peak_users"], 1, "farmgate windows: the last one's peak")
    terminal = Terminal([MACHINE, "in", "env", "TERM=xterm-256color", "LC_ALL=C.UTF-8", "farmgate", "top"], env=host.env)
    tap.ok(terminal.shows(user) and terminal.shows("1 of 10 licences"), "farmgate top, on a terminal", terminal.model.text())
    terminal.type("q")
    tap.equal((terminal.ended(), terminal.restored()), (0, True), "which it leaves as it was")
    terminal.close()


def curl(host, path, *options):
    return host.run("curl", "--silent", "--show-error", "--write-out", "\n%{http_code}", *options, path)


def of_pages(tap, host, user):
    """Over TCP, as browsers and Prometheus come; and the feed, as portals do."""
    page = "http://" + LISTEN
    said(tap, curl(host, page + "/metrics"), r"^farmgate_concurrent_users(\{.*\})? 1$.*\n200$", "/metrics")
    said(tap, curl(host, page + "/"), r"^<!doctype html>.*Farmgate.*\n200$".replace("<!doctype", "<!(?i:doctype)"), "GET /")
    link = re.search(r"http://%s/#token=(\S+)" % re.escape(LISTEN), host.run("farmgate", "web"))
    tap.ok(link, "farmgate web prints a link")
    users = page + "/v1/users"
    said(tap, curl(host, users), r"\n40[13]$", "names are for nobody without its token")
    said(tap, curl(host, users, "--header", "Authorization: Bearer " + link.group(1)), r'"%s".*\n200$' % user, "with it they are")
    said(tap, curl(host, "http://agent/v1/workspace?user=" + user, "--unix-socket", "/run/farmgate/agent.sock", "--header",
                   "Accept: application/x-msts-radc+xml;radc_schema_version=2.0"),
         r'<ResourceCollection .*Title="Front desk".*\n200$', "the feed of a workspace")


def of_journal(tap, host, user):
    text = host.run("journalctl", "--no-pager", "--catalog", "--unit", "farmgated")
    explained = " ".join(text.replace("\u2591\u2591", "").split())
    said(tap, explained, r"%s connected to farmtest .*Subject: %s connected to farmtest .*Reason says whether the connection counts"
         % (user, user), "journalctl -x: the user, and what it means by the catalog")


def of_support(tap, host, user):
    host.run("farmgate", "support", "--yes", "--output", ARCHIVE)
    def part(name):
        return host.run("tar", "--extract", "--gzip", "--to-stdout", "--wildcards", "--file", ARCHIVE, "*/" + name)
    said(tap, part("unit.txt"), r"^ActiveState=active$", "farmgate support: the state of the unit")
    said(tap, part("journal.txt"), r"^\S+Z 6 connection_opened person-\w{8} connected to farmtest\b", "and the journal's lines")
    whole = part("*")
    tap.ok(re.search(r"person-\w{8}", whole) and not re.search(r"\b%s\b" % user, whole), "and the user's name nowhere",
           [line for line in whole.splitlines() if user in line][:5])
    host.run("rm", ARCHIVE)


def of_files(tap, host):
    paths = host.run("man", "-w", *MANUAL).split()
    tap.equal([os.path.basename(path) for path in paths],
              ["%s.%s.gz" % (name, section) for section, name in zip(MANUAL[::2], MANUAL[1::2])], "man finds every page")
    said(tap, host.run("man", "--pager=cat", "7", "farmgate-handbook"), r"FIRST DAY", "and shows one")
    tap.equal(host.run("sh", "-c", "for file; do [ -s $file ] || echo $file; done", "look", *COMPLETION), "",
              "completion is where bash, fish and zsh look for it")


def tell_of(tap, host, user):
    """`user` is on this host, by RDP, and nobody else."""
    host.run("sh", "-c", "echo %s >>/etc/farmgate/resources.conf" % shlex.quote(RESOURCE.strip()))
    host.run("systemctl", "reload", "farmgated")
    wait_until(lambda: "Front desk" in host.run("farmgate", "resources", "--user", user), 5, every=0.2)
    of_commands(tap, host, user)
    of_pages(tap, host, user)
    of_journal(tap, host, user)
    of_support(tap, host, user)
    of_files(tap, host)
