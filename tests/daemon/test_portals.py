#!/usr/bin/env python3
"""The shipped configurations of nginx and HAProxy before Apache Guacamole, RAWeb and a workspace, with the real proxies and a
stand-in application: each while the gate is closed and open, as a user with a session, and without an agent.
     test_portals.py BUILD"""
import concurrent.futures
import os
import re
import shutil
import signal
import subprocess
import sys
import time

from harness import Agent, Authority, Place, Program, Tap, free_port, wait_until
from portal import Application, ask

PACKAGING = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "packaging")
# Names as people have them, and such as would say more than a name.
PEOPLE = ["alice", "bob", "CORP\\carol", "J\u00f6rg M\u00fcller", "eve@corp.example", "o'neil"]
HOSTILE = ["bob&user=alice", "bob?user=alice", "bob#", "bob%26host=h2", "bob+alice", "../gate", "bob&host=h9"]
NGINX = """
daemon off; worker_processes 1; pid {place}/nginx.pid; error_log {place}/nginx-error.log; user root;
events {{ worker_connections 128; }}
http {{
    access_log off;
    client_body_temp_path {place}/nginx-body; proxy_temp_path {place}/nginx-proxy; fastcgi_temp_path {place}/nginx-f;
    uwsgi_temp_path {place}/nginx-u; scgi_temp_path {place}/nginx-s;
    include {place}/farmgate-upstream.conf;
    {guacamole}
    {raweb}
    server {{ listen 127.0.0.1:{ports[0]}; include {place}/farmgate-location.conf; include {place}/guacamole.conf; }}
    server {{ listen 127.0.0.1:{ports[1]}; include {place}/farmgate-location.conf;
              include {place}/raweb.conf; include {place}/workspace.conf; }}
}}
"""


def shipped(*names):
    with open(os.path.join(PACKAGING, *names), encoding="utf-8") as file:
        return file.read()


def http_block(text):
    """What a file says goes into the http block, in its comments."""
    return "\n".join(line[5:] for line in text.splitlines() if re.match(r"#     (upstream|map) ", line))


class Proxy:
    """What both are asked in the same words."""

    def __init__(self, name, port, program):
        self.name, self.port, self.program = name, port, program

    def __call__(self, path, user="alice", **rest):
        return ask(self.port, path, user, **rest)


def start_nginx(tap, place, agent, application):
    users = "".join("%s:{PLAIN}pw\n" % user for user in PEOPLE + HOSTILE)
    place.write("users", users)
    text = {name: shipped("nginx", name).replace("/run/farmgate/agent.sock", agent.socket)
            for name in ("farmgate-upstream.conf", "farmgate-location.conf", "guacamole.conf", "raweb.conf", "workspace.conf")}
    for name, content in text.items():
        place.write(name, re.sub(r"/etc/nginx/\w+\.users", place.join("users"), content))
    server = "127.0.0.1:%d" % application.port
    ports = (free_port(), free_port())
    conf = place.write("nginx.conf", NGINX.format(
        place=place.path, ports=ports, guacamole=http_block(text["guacamole.conf"]).replace("127.0.0.1:8080", server),
        raweb=http_block(text["raweb.conf"]).replace("raweb.example:80", server)))
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    check = subprocess.run([nginx, "-t", "-p", place.path, "-c", conf], capture_output=True, text=True, check=False)
    tap.equal((check.returncode, "warn" in check.stderr), (0, False), "nginx -t takes the shipped configuration")
    program = Program(place, "nginx", [nginx, "-p", place.path, "-c", conf]).start()
    return Proxy("nginx", ports[0], program), Proxy("nginx", ports[1], program)


def start_haproxy(tap, place, agent, application):
    port = free_port()
    lua = place.write("farmgate.lua", shipped("haproxy", "farmgate.lua"))
    users = "\n".join('    user "%s" insecure-password pw' % user.replace("\\", "\\\\").replace('"', '\\"')
                      for user in PEOPLE + HOSTILE)
    conf = shipped("haproxy", "haproxy.cfg").replace("/etc/haproxy/farmgate.lua", lua)
    conf = conf.replace("/run/farmgate/agent.sock", agent.socket)
    conf = re.sub(r"    user alice password \S+", lambda _: users, conf).replace("127.0.0.1:8443", "127.0.0.1:%d" % port)
    path = place.write("haproxy.cfg", conf.replace("127.0.0.1:8080", "127.0.0.1:%d" % application.port))
    haproxy = shutil.which("haproxy") or "/usr/sbin/haproxy"
    check = subprocess.run([haproxy, "-c", "-f", path], capture_output=True, text=True, check=False)
    tap.equal((check.returncode, "WARNING" in check.stderr), (0, False), "haproxy -c takes the shipped configuration")
    print("\n".join("# " + line for line in check.stderr.splitlines() if check.returncode or "WARNING" in check.stderr))
    return Proxy("haproxy", port, Program(place, "haproxy", [haproxy, "-db", "-f", path]).start())


GUARDED = ["/guacamole/", "/guacamole/websocket-tunnel?token=x", "/guacamole/tunnel?connect", "/guacamole/tunnel?write",
           "/guacamole/tunnel;x?read:1", "/guacamole/api/tokens", "/guacamole/api/session/data/db/connectionGroups/ROOT/tree",
           "/guacamole/api/session/tunnels/..;/data/db/connections", "/guacamole/api/session/tunnels/1/..%3b/x",
           "/guacamole/api/session/tunnels/..%5c..%5cdata", "/guacamole/api/session/tunnels/1%5cx"]
RUNNING = ["/guacamole/tunnel?read:1:0", "/guacamole/tunnel?write:1", "/guacamole/api/session/tunnels/1/streams/2/x.pdf"]


def passes(tap, proxy, application, user="alice", name="open"):
    for path in GUARDED + RUNNING:
        del application.seen[:]
        answer = proxy(path, user)
        tap.equal((answer.status, application.seen), (200, [path]), "%s, %s: %s passes" % (proxy.name, name, path))
    body = proxy("/guacamole/api/tokens", user, method="POST", REMOTE_USER="root", remote_user="root").json()
    tap.equal((body["user"], body["authorization"]), ([user], None),
              "%s: the application is told who it is, by the proxy alone" % proxy.name)
    del application.seen[:]
    answer = proxy("/guacamole/websocket-tunnel?token=x", user, Upgrade="websocket", Connection="Upgrade",
                   Sec_WebSocket_Key="MDEyMzQ1Njc4OWFiY2RlZg==", Sec_WebSocket_Version="13")
    tap.equal((answer.status, application.seen), (101, ["/guacamole/websocket-tunnel?token=x"]), "%s: a WebSocket opens" % proxy.name)


def refuses(tap, proxy, application, user, reason, status=403):
    for path in GUARDED:
        del application.seen[:]
        answer = proxy(path, user)
        tap.equal((answer.status, answer.headers.get("x-farmgate-reason"), application.seen), (status, reason, []),
                  "%s, %s: %s is refused" % (proxy.name, reason or "no agent", path))
    for path in RUNNING:
        tap.equal(proxy(path, user).status, 200, "%s, %s: %s goes on" % (proxy.name, reason or "no agent", path))
    for path in GUARDED + RUNNING:
        if ask(proxy.port, path).status != 401 or proxy(path, user, password="wrong").status != 401:
            tap.ok(False, "%s: %s wants a password" % (proxy.name, path))


RAWEB = ["/RAWeb/", "/RAWeb/webfeed.aspx", "/raweb/WEBFEED.ASPX", "/RAWeb/api/workspace", "/RAWeb/get-rdp.aspx?path=x",
         "/RAWEB/guacd-tunnel"]


def test_raweb(tap, web, application, status, reason=None):
    for path in RAWEB:
        del application.seen[:]
        answer = web(path)
        tap.equal((answer.status, answer.headers.get("x-farmgate-reason"), application.seen),
                  (status, reason, [path] if status == 200 else []), "RAWeb: %s: %d" % (path, status))


def test_workspace(tap, web, status, reason=None):
    feed = web("/farmgate/workspace", Accept="application/x-msts-radc+xml;radc_schema_version=2.0", If_None_Match="x")
    file = web("/farmgate/resources/writer.rdp?host=rds2.example:3390")
    tap.equal((feed.status, file.status, feed.headers.get("x-farmgate-reason")), (status, status, reason), "a workspace: %d" % status)
    if status != 200:
        return
    tap.ok(b'URL="/farmgate/resources/writer.rdp?host=rds2.example%3A3390"' in feed.body and b'SchemaVersion="2.0"' in feed.body,
           "its addresses are the portal's", feed.body)
    tap.ok(file.body.startswith(b"full address:s:rds2.example:3390\r\n"), "and lead to the files", file)
    tap.equal(web("/farmgate/workspace?user=x&base=//evil/", If_None_Match=web("/farmgate/workspace").headers["etag"]).status, 304,
              "of a query nothing gets through")
    tap.equal([web("/farmgate/resources/" + path).status
               for path in ("../status", "x%2f..%2f..%2fstatus.rdp", "writer.rdp?host=x%26user=root",
                            "writer.rdp?host=rds1.example%26user%3Droot")], [404, 404, 404, 404], "nor of a path")
    tap.equal([ask(web.port, "/farmgate/workspace").status, web("/farmgate/workspace", HOSTILE[0]).status], [401, 400],
              "it wants a password, and a name that is one")


def test_names(tap, proxies, agent, application):
    """Whom the gate is asked for: those who are on come back though it is closed, nobody else does."""
    for number, user in enumerate(PEOPLE):
        agent.put("h1", "n%d" % number, user)
    for proxy in proxies:
        for user in PEOPLE:
            answer = proxy("/guacamole/", user)
            tap.equal((answer.status, answer.status == 200 and answer.json()["user"]),
                      (200, [user.encode().decode("latin-1")]), "%s: %s is asked for" % (proxy.name, ascii(user)))
        for user in HOSTILE:
            del application.seen[:]
            answer = proxy("/guacamole/", user)
            tap.equal((answer.status, application.seen), (403, []), "%s: %s is a name, and nobody's" % (proxy.name, user))
    for number, _ in enumerate(PEOPLE):
        agent.end("h1", "n%d" % number)


def test_hung(tap, proxies, agent):
    """An agent that is there and does not answer: people wait a moment, not for ever."""
    agent.process.send_signal(signal.SIGSTOP)
    begun = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        statuses = list(pool.map(lambda proxy: proxy("/guacamole/").status, proxies))
    took = time.monotonic() - begun
    agent.process.send_signal(signal.SIGCONT)
    tap.ok(statuses == [503, 503] and took < 4, "an agent that hangs: refused within seconds", (statuses, took))


def reachable(proxy):
    try:
        return ask(proxy.port, "/guacamole/").status == 401 or proxy.name != "nginx"
    except OSError:
        return False


def main():
    tap = Tap()
    programs = [name for name in ("nginx", "haproxy") if not (shutil.which(name) or os.path.exists("/usr/sbin/" + name))]
    if programs:
        tap.skip("portals ask the gate", "not installed: " + ", ".join(programs))
        tap.done()
    with Place() as place:
        application = Application()
        authority = Authority(place, sys.argv[1]).start()
        agent = Agent(place, sys.argv[1], authority)
        with open(agent.resources, "w", encoding="utf-8") as file:
            file.write('resources = ( { id = "writer"; name = "Writer"; kind = "application"; command = "writer"; '
                       'hosts = ("rds1.example", "rds2.example:3390"); } );\n')
        agent.start()
        nginx, web = start_nginx(tap, place, agent, application)
        haproxy = start_haproxy(tap, place, agent, application)
        both = (nginx, haproxy)
        for proxy in both:
            tap.ok(wait_until(lambda: reachable(proxy)), "%s runs" % proxy.name, proxy.program.log())
        for proxy in both:
            refuses(tap, proxy, application, "alice", "not_activated")
        test_raweb(tap, web, application, 403, "not_activated")
        test_workspace(tap, web, 403, "not_activated")
        agent.activate(authority.new_key(5))
        for proxy in both:
            passes(tap, proxy, application)
        test_raweb(tap, web, application, 200)
        test_workspace(tap, web, 200)
        authority.run("farm", "deactivate", agent.status()["farm_id"])
        agent.call("POST", "/v1/report")
        for proxy in both:
            wait_until(lambda: proxy("/guacamole/").status == 403)
            refuses(tap, proxy, application, "alice", "revoked")
        test_names(tap, both, agent, application)
        agent.put("h1", "s1", "alice")
        for proxy in both:
            passes(tap, proxy, application, name="closed, with a session")
        test_hung(tap, both, agent)
        agent.kill()
        for proxy in both:
            refuses(tap, proxy, application, "alice", None, 503)
        test_raweb(tap, web, application, 503)
        test_workspace(tap, web, 502)
        agent.start()
        for proxy in both:
            tap.equal(wait_until(lambda: proxy("/guacamole/").status == 200), True, "%s: the agent is back" % proxy.name)
        application.close()
    tap.done()


main()
