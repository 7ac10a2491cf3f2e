#!/usr/bin/env python3
"""Figures of the real agent, each beside a named peer or bound in the same run.     bench_agent.py BUILD [SECONDS]

    gate    /v1/gate over loopback with wrk, in turn with nginx answering a fixed body (goal: >= 0.9 x nginx)
    memory  private memory after the first report over TLS (goal: <= 6 MiB)
    idle    wake-ups a minute, all threads (goal: <= 4)
    start   from exec to READY=1

BUILD should be a release build without sanitizers.
"""
import datetime
import os
import re
import socket
import subprocess
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "daemon"))
from harness import Agent, Authority, Place, Program, free_port, request, wait_until  # noqa: E402

NGINX = """
daemon off; worker_processes 1; pid {place}/nginx.pid; error_log {place}/nginx-error.log; user root;
events {{ worker_connections 256; }}
http {{
    access_log off; keepalive_requests 1000000000;
    client_body_temp_path {place}/n1; proxy_temp_path {place}/n2; fastcgi_temp_path {place}/n3;
    uwsgi_temp_path {place}/n4; scgi_temp_path {place}/n5;
    server {{ listen 127.0.0.1:{fixed}; location / {{ return 200 "open"; }} }}
    server {{
        listen 127.0.0.1:{tls} ssl;
        ssl_certificate {place}/tls.crt; ssl_certificate_key {place}/tls.key;
        location / {{ proxy_pass {authority}; }}
    }}
}}
"""


def wrk(url, seconds):
    """requests/s and p99 in ms"""
    out = subprocess.run(["wrk", "-t1", "-c16", "-d%ds" % seconds, "--latency", url], capture_output=True, text=True,
                         check=True).stdout
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", out).groups()
    errors = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    if errors:
        raise RuntimeError("%s: %s" % (url, errors.group(0)))
    return rate, float(value) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]


def private_mib(pid):
    """What the process wrote (nobody else can hold it), and with it the clean pages of files that nobody else maps just now:
    the second depends on what else runs on the machine."""
    with open("/proc/%d/smaps_rollup" % pid, encoding="ascii") as file:
        fields = dict(re.findall(r"^(\w+):\s+(\d+) kB", file.read(), re.M))
    dirty = int(fields["Private_Dirty"]) / 1024
    return dirty, dirty + int(fields["Private_Clean"]) / 1024


def wakeups(pid):
    total = 0
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/status" % (pid, task), encoding="ascii") as file:
            total += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", file.read(), re.M).group(1))
    return total


def await_idle_minute(agent):
    """A minute in which neither a window ends nor a report is due: those are work, and come every 20 minutes."""
    while True:
        due = datetime.datetime.fromisoformat(agent.status()["clocks"]["next_report"].replace("Z", "+00:00")).timestamp()
        now = time.time()
        if min(due - now, 1200 - now % 1200) > 65:
            return
        time.sleep(5)


def make_certificate(place):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", place.join("tls.key"), "-out",
                    place.join("tls.crt")], check=True, capture_output=True)


def start_to_ready(place, build):
    """ms from exec to READY=1, each time with the state of the last."""
    taken = []
    for number in range(7):
        path = place.join("notify%d" % number)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(path)
            notify.settimeout(10)
            agent = Agent(place, build, name="start", env={"NOTIFY_SOCKET": path})
            started = time.monotonic()
            agent.start(wait=False)
            while b"READY=1" not in notify.recv(4096):
                pass
            taken.append((time.monotonic() - started) * 1000)
            agent.stop()
    return statistics.median(taken)


def main():
    build, seconds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 4
    with Place() as place:
        make_certificate(place)
        fixed, tls, tcp = free_port(), free_port(), free_port()
        authority = Authority(place, build).start()
        conf = place.write("nginx.conf", NGINX.format(place=place.path, fixed=fixed, tls=tls, authority=authority.url))
        web = Program(place, "nginx", ["/usr/sbin/nginx", "-p", place.path, "-c", conf]).start()
        agent = Agent(place, build, authority, url="https://localhost:%d" % tls, key=authority.public_key(),
                      settings="")
        with open(agent.conf, encoding="utf-8") as file:
            text = file.read()
        text = text.replace("authority: {", 'authority: { ca_file = "%s";' % place.join("tls.crt"))
        place.write("agent.conf", text.replace("api: {", 'api: { listen = "127.0.0.1:%d";' % tcp))
        wait_until(lambda: web.alive())
        agent.start()
        answer = agent.activate()
        assert answer.status == 200, answer
        assert agent.call("POST", "/v1/report").status == 200
        wait_until(lambda: False, 1.0)
        print("memory  %6.2f MiB private after the first report over TLS (%.2f with clean pages nobody else maps)     "
              "goal <= 6" % private_mib(agent.process.pid))
        await_idle_minute(agent)
        wait_until(lambda: False, 1.0)
        before = wakeups(agent.process.pid)
        time.sleep(60)
        print("idle    %6d wake-ups in a minute, all threads                goal <= 4" % (
            wakeups(agent.process.pid) - before))
        gate_url = "http://127.0.0.1:%d/v1/gate?user=alice" % tcp
        fixed_url = "http://127.0.0.1:%d/" % fixed
        ours, theirs = [], []
        for _ in range(3):
            theirs.append(wrk(fixed_url, seconds))
            ours.append(wrk(gate_url, seconds))
        ratio = statistics.median(a[0] / b[0] for a, b in zip(ours, theirs))
        print("gate    %6.0f requests/s, p99 %.2f ms; nginx %.0f requests/s, p99 %.2f ms; ratio %.2f     goal >= 0.9" % (
            statistics.median(a[0] for a in ours), statistics.median(a[1] for a in ours),
            statistics.median(b[0] for b in theirs), statistics.median(b[1] for b in theirs), ratio))
        print("memory  %6.2f MiB private after the load (%.2f)" % private_mib(agent.process.pid))
        agent.stop()
        print("start   %6.1f ms from exec to READY" % start_to_ready(place, build))


if __name__ == "__main__":
    main()
