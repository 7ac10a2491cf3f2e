#!/usr/bin/env python3
"""nginx with auth_request on /v1/gate: lets through and refuses as the verdict moves.     test_nginx.py BUILD"""
import json
import os
import shutil
import sys

from harness import Agent, Authority, Place, Program, Tap, free_port, request, wait_until

CONF = """
daemon off; worker_processes 1; pid {place}/nginx.pid; error_log {place}/nginx-error.log; user root;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {place}/nginx-body; proxy_temp_path {place}/nginx-proxy; fastcgi_temp_path {place}/nginx-f;
    uwsgi_temp_path {place}/nginx-u; scgi_temp_path {place}/nginx-s;
    include {snippet};
    server {{
        listen 127.0.0.1:{port};
        location / {{
            set $farmgate_user $http_x_user;
            auth_request /_farmgate;
            root {place}/www;
        }}
        include {location};
    }}
}}
"""


def main():
    tap = Tap()
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    if not os.path.exists(nginx):
        tap.skip("nginx asks the gate", "nginx is not installed")
        tap.done()
    here = os.path.dirname(os.path.abspath(__file__))
    packaging = os.path.join(here, "..", "..", "packaging", "nginx")
    with Place() as place:
        authority = Authority(place, sys.argv[1]).start()
        agent = Agent(place, sys.argv[1], authority).start()
        os.makedirs(place.join("www"))
        place.write("www/index.html", "published")
        snippets = {}
        for name in ("farmgate-upstream.conf", "farmgate-location.conf"):
            with open(os.path.join(packaging, name), encoding="utf-8") as file:
                snippets[name] = place.write(name, file.read().replace("/run/farmgate/agent.sock", agent.socket))
        port = free_port()
        conf = place.write("nginx.conf", CONF.format(place=place.path, port=port, snippet=snippets["farmgate-upstream.conf"],
                                                     location=snippets["farmgate-location.conf"]))
        web = Program(place, "nginx", [nginx, "-p", place.path, "-c", conf]).start()

        def ask(user):
            return request(("127.0.0.1", port), "GET", "/", headers={"X-User": user})

        def reachable():
            try:
                return ask("alice")
            except OSError:
                return None

        first = wait_until(reachable)
        tap.ok(first is not None and web.alive(), "nginx takes the shipped configuration", web.log())
        tap.equal(first.status, 403, "before activation nobody is let through")
        key = authority.new_key(5)
        tap.equal(agent.activate(key).status, 200, "the farm is activated")
        tap.ok(wait_until(lambda: ask("alice").status == 200), "an active farm lets through")
        tap.equal(ask("alice").body, b"published", "what is published comes")
        farm_id = json.loads(authority.run("farm", "list", "--json").stdout)["farms"][0]["farm_id"]
        tap.equal(authority.run("farm", "deactivate", farm_id).returncode, 0, "the operator deactivates the farm")
        tap.equal(ask("alice").status, 200, "until the next contact nothing changes")
        agent.call("POST", "/v1/report")
        tap.ok(wait_until(lambda: ask("alice").status == 403), "then nobody is let through")
        agent.put("h1", "s1", "bob")
        tap.equal(ask("bob").status, 200, "but who has a session on this host may come back to it")
        tap.equal(agent.activate(key).status, 200, "a new activation")
        tap.ok(wait_until(lambda: ask("alice").status == 200), "opens again")
        agent.kill()
        tap.equal(ask("alice").status, 500, "without an agent nginx refuses (500): it cannot know")
    tap.done()


main()
