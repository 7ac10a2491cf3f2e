#!/usr/bin/env python3
"""The feed of a workspace and its .rdp files, as a real agent serves them: against the schema, for whom, and while the gate is
closed.     test_workspace.py BUILD"""
import os
import shutil
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

from harness import Agent, Authority, Place, Tap, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
SCHEMA = os.path.join(HERE, "..", "data", "workspace", "workspace.xsd")
NAMESPACE = "{http://schemas.microsoft.com/ts/2007/05/tswf}"
RADC = "application/x-msts-radc+xml"
VERSION_2 = {"Accept": RADC + ";radc_schema_version=2.0"}
HOSTILE = "<\u00c5ngstr\u00f6m & \"S\u00f8n's\" ]]> \U0001f5a5 \uffff>"

RESOURCES = """
resources = (
    { id = "desktop"; name = "Desktop"; kind = "desktop"; },
    { id = "writer"; name = "%s"; folder = "Office/\\"Tools\\""; kind = "application"; command = "/usr/bin/writer --new";
      hosts = ("rds1.example", "rds2.example:3390", "rds1.example");
      properties = ("audiomode:i:0", "remoteapplicationfileextensions:s:.odt,.doc,nonsense"); },
    { id = "calc.rdp"; name = "Calc"; folder = "/Office/\\"Tools\\""; kind = "application"; command = "calc";
      properties = ("remoteapplicationmode:i:1", "Full Address:s:gateway.example", "remoteapplicationname:s:Reckoner"); },
    { id = "books"; name = "Books"; kind = "application"; command = "books"; groups = ("root"); }
);
""" % HOSTILE.replace('"', '\\"')


def check(tap, place, text, name):
    path = place.join("feed.xml")
    with open(path, "wb") as file:
        file.write(text)
    run = subprocess.run(["xmllint", "--noout", "--nonet", "--schema", SCHEMA, path], capture_output=True, text=True, check=False)
    tap.equal((run.returncode, run.stderr.replace(path, "feed").strip()), (0, "feed validates"), name)
    return ElementTree.fromstring(text)


def every(tree, name):
    return [element.attrib for element in tree.iter(NAMESPACE + name)]


def servers(tree, resource):
    """(address, URL) of one resource."""
    found = tree.find(".//%sResource[@ID='%s']" % (NAMESPACE, resource))
    return [(server.find(NAMESPACE + "TerminalServerRef").get("Ref"), server.find(NAMESPACE + "ResourceFile").get("URL"))
            for server in found.iter(NAMESPACE + "HostingTerminalServer")]


def test_feed(tap, place, agent):
    answer = agent.get("/v1/workspace?user=nobody", headers=VERSION_2)
    tap.equal((answer.status, answer.headers["content-type"]), (200, RADC + "; charset=utf-8"), "a client that knows folders gets its type")
    tree = check(tap, place, answer.body, "the feed fits the schema")
    tap.equal((tree.get("SchemaVersion"), [p["Name"] for p in every(tree, "Publisher")]), ("2.0", ["The \"<office>\""]),
              "it has the farm's name")
    tap.equal([p["ID"] for p in every(tree, "Publisher")], [agent.status()["farm_id"]], "and id")
    tap.equal([(r["ID"], r["Title"], r["Type"]) for r in every(tree, "Resource")],
              [("desktop", "Desktop", "Desktop"), ("writer", HOSTILE.replace("\uffff", "\ufffd"), "RemoteApp"),
               ("calc.rdp", "Calc", "RemoteApp")],
              "what is published for everybody, hostile names and all")
    tap.equal(servers(tree, "desktop"), [("broker.example:3390", "/v1/resources/desktop.rdp")], "without hosts: gate.address")
    tap.equal(servers(tree, "writer"), [("rds1.example", "/v1/resources/writer.rdp?host=rds1.example"),
                                        ("rds2.example:3390", "/v1/resources/writer.rdp?host=rds2.example%3A3390"),
                                        ("rds1.example", "/v1/resources/writer.rdp?host=rds1.example")], "with several: a file each")
    tap.equal(servers(tree, "calc.rdp"), [("gateway.example", "/v1/resources/calc.rdp.rdp")], "a property tells where to connect")
    tap.equal(sorted(s["ID"] for s in every(tree, "TerminalServer")),
              ["broker.example:3390", "gateway.example", "rds1.example", "rds2.example:3390"], "each server stands once")
    tools = "/Office/\"Tools\""
    tap.equal([f["Name"] for f in every(tree, "Folder")], [tools, "/", tools, tools], "folders")
    tap.equal([e["Name"] for e in every(tree, "FileExtension")], [".odt", ".doc"], "file extensions")
    root = check(tap, place, agent.get("/v1/workspace?user=root", headers=VERSION_2).body, "so does an administrator's")
    tap.equal([r["ID"] for r in every(root, "Resource")][-1], "books", "who is in the group sees more")
    for accept in ({}, {"Accept": RADC}, {"Accept": RADC + ";radc_schema_version=1.1"}, {"Accept": "text/xml, */*;radc_schema_version=2.0"}):
        answer = agent.get("/v1/workspace?user=nobody", headers=accept)
        version = "2.0" if "version=2" in accept.get("Accept", "") else "1.1"
        tree = check(tap, place, answer.body, "Accept %r" % accept.get("Accept"))
        tap.equal((tree.get("SchemaVersion"), answer.headers["content-type"], every(tree, "Folder") != []),
                  (version, "text/xml; charset=utf-8", version == "2.0"), "is version %s" % version)


def test_base(tap, agent):
    for base, first in (("/portal/", "/portal/resources/desktop.rdp"), ("https://rds.example/f/", "https://rds.example/f/resources/desktop.rdp"),
                        ("/", "/resources/desktop.rdp")):
        tree = ElementTree.fromstring(agent.get("/v1/workspace?user=nobody&base=" + base).body)
        tap.equal(servers(tree, "desktop")[0][1], first, "a portal's own way: %s" % base)
    for base in ("portal/", "/portal", "//evil.example/", "javascript:/", "/a%20b/", "/%22onload=%22/", "/" + "x" * 300 + "/"):
        answer = agent.get("/v1/workspace?user=nobody&base=" + base)
        tap.equal((answer.status, answer.json().get("field")), (400, "base"), "no base: %.20s" % base)


def test_tags(tap, agent):
    first = agent.get("/v1/workspace?user=nobody")
    tag = first.headers["etag"]
    tap.equal((first.headers["cache-control"], first.headers["vary"]), ("private, no-cache", "Accept"), "one user's feed is no other's")
    for header in (tag, "\"x\", W/" + tag, "*"):
        again = agent.get("/v1/workspace?user=nobody", headers={"If-None-Match": header})
        tap.equal((again.status, again.body, again.headers.get("etag")), (304, b"", tag), "unchanged: If-None-Match %s" % header)
    for path in ("/v1/workspace?user=root", "/v1/workspace?user=nobody&base=/x/", "/v1/resources/desktop.rdp?user=nobody"):
        tap.equal(agent.get(path, headers={"If-None-Match": tag}).status, 200, "another document: %s" % path)


def rdp(agent, path):
    return agent.get("/v1/resources/%s" % path).body


def test_files(tap, agent):
    answer = agent.get("/v1/resources/desktop.rdp?user=nobody")
    tap.equal((answer.status, answer.headers["content-type"], answer.headers["content-disposition"], answer.body),
              (200, "application/x-rdp", "attachment; filename=\"desktop.rdp\"", b"full address:s:broker.example:3390\r\n"), "a desktop's file")
    lines = rdp(agent, "writer.rdp?user=nobody")
    tap.equal(lines, b"full address:s:rds1.example\r\nalternate shell:s:/usr/bin/writer --new\r\naudiomode:i:0\r\n"
              b"remoteapplicationfileextensions:s:.odt,.doc,nonsense\r\n", "an application's: its command instead of a desktop")
    tap.ok(rdp(agent, "writer.rdp?user=nobody&host=rds2.example:3390").startswith(b"full address:s:rds2.example:3390\r\n"),
           "of the host that is asked for")
    tap.equal(rdp(agent, "calc.rdp.rdp?user=nobody"), b"remoteapplicationprogram:s:calc\r\nremoteapplicationmode:i:1\r\n"
              b"Full Address:s:gateway.example\r\nremoteapplicationname:s:Reckoner\r\n", "a RemoteApp: what its properties leave out")
    for path in ("nothing.rdp?user=nobody", "books.rdp?user=nobody", "writer?user=nobody", "writer.rdp?user=nobody&host=rds3.example",
                 "desktop.rdp?user=nobody&host=evil.example", ".rdp?user=nobody", "%s.rdp?user=nobody" % ("x" * 64)):
        answer = agent.get("/v1/resources/" + path)
        tap.equal((answer.status, answer.json()["code"]), (404, "not_found"), "no file: %.40s" % path)
    tap.equal(agent.get("/v1/resources/books.rdp?user=root").status, 200, "which who is in the group gets")
    for path, field in (("desktop.rdp", "user"), ("desktop.rdp?user=a%0D%0Afull%20address:s:evil", "user"), ("desktop.rdp?user=nobody&host=%0A", "host"),
                        ("desktop.rdp?user=nobody&user=root", "user")):
        answer = agent.get("/v1/resources/" + path)
        tap.equal((answer.status, answer.json().get("field")), (400, field), "refused: %s" % path)


def test_closed(tap, agent):
    agent.put("h1", "s1", "alice", kind="desktop")
    for path in ("/v1/workspace?user=%s", "/v1/resources/desktop.rdp?user=%s", "/v1/resources/nothing.rdp?user=%s"):
        for user in ("nobody", "alice", "root"):
            answer = agent.get(path % user, headers=VERSION_2)
            tap.equal((answer.status, answer.headers.get("x-farmgate-reason"), answer.headers["content-type"], "etag" in answer.headers),
                      (403, "revoked", "application/problem+json", False), "closed: %s" % path % user)
    tap.equal(agent.get("/v1/gate?user=alice").status, 204, "though who has a session may come back to it")


def test_unusual_texts(tap, agent):
    """A file that is not ASCII, and a resources.conf that would begin lines of its own."""
    with open(agent.resources, "w", encoding="utf-8") as file:
        file.write('resources = ( { id = "a"; name = "A"; kind = "application"; command = "/opt/\u00e4/\U0001f5a5"; } );\n')
    agent.process.send_signal(signal.SIGHUP)
    text = wait_until(lambda: rdp(agent, "a.rdp?user=nobody") if agent.get("/v1/resources/a.rdp?user=nobody").status == 200 else None)
    tap.equal(text.decode("utf-16"), "full address:s:broker.example:3390\r\nalternate shell:s:/opt/\u00e4/\U0001f5a5\r\n", "not ASCII: UTF-16")
    tap.equal(text[:4], b"\xff\xfef\x00", "little-endian, with its mark")
    for line in ('name = "A\\x0d\\x0afull address:s:evil"', 'command = "x\\x0afull address:s:evil"', 'hosts = ("h\\x0d\\x0ax:s:y")',
                 'properties = ("a:s:b\\x0d\\x0afull address:s:evil")'):
        with open(agent.resources, "w", encoding="utf-8") as file:
            file.write('resources = ( { id = "a"; kind = "application"; %s; %s } );\n' %
                       (line, " ".join(other for other in ('name = "A";', 'command = "c";') if not line.startswith(other[:4]))))
        run = subprocess.run([agent.ctl_binary, "check-config", agent.conf], capture_output=True, text=True, check=False)
        tap.ok(run.returncode == 78 and "resources[0]" in run.stderr, "resources.conf cannot begin a line: %s" % line, run)


def main():
    tap = Tap()
    if not shutil.which("xmllint"):
        tap.skip("the feed of a workspace", "xmllint is not installed")
        tap.done()
    with Place() as place:
        authority = Authority(place, sys.argv[1]).start()
        agent = Agent(place, sys.argv[1], authority, farm='name = "The \\"<office>\\"";')
        with open(agent.resources, "w", encoding="utf-8") as file:
            file.write(RESOURCES)
        with open(agent.conf, encoding="utf-8") as file:
            text = file.read()
        with open(agent.conf, "w", encoding="utf-8") as file:
            file.write(text.replace("gate: {", 'gate: { address = "broker.example:3390";'))
        agent.start()
        tap.equal(agent.get("/v1/workspace?user=nobody").status, 403, "before activation there is no feed")
        agent.activate(authority.new_key(5))
        test_feed(tap, place, agent)
        test_base(tap, agent)
        test_tags(tap, agent)
        test_files(tap, agent)
        test_unusual_texts(tap, agent)
        authority.run("farm", "deactivate", agent.status()["farm_id"])
        agent.call("POST", "/v1/report")
        wait_until(lambda: agent.get("/v1/gate?user=nobody").status == 403)
        test_closed(tap, agent)
    tap.done()


main()
