#!/usr/bin/env python3
"""common/http_client over TLS against real certificates of a throw-away authority: which servers it trusts, and what
it says of those it does not. Needs openssl."""
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import warnings

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Tap  # noqa: E402

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_certificates(place):
    """ca.pem, and NAME.pem (certificate and key) signed by it."""
    def path(name):
        return os.path.join(place, name)

    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
            "-subj", "/CN=throw-away", "-keyout", path("ca.key"), "-out", path("ca.pem"),
            "-addext", "basicConstraints=critical,CA:TRUE")
    kinds = {
        "good": ("30", "DNS:localhost,IP:127.0.0.1"),
        "other_name": ("30", "DNS:licence.example.com"),
        "expired": ("-1", "DNS:localhost,IP:127.0.0.1"),
    }
    for name, (days, names) in kinds.items():
        with open(path("ext"), "w", encoding="ascii") as file:
            file.write("subjectAltName=%s\n" % names)
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=" + name,
                "-keyout", path("key"), "-out", path("csr"))
        openssl("x509", "-req", "-in", path("csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"), "-CAcreateserial",
                "-days", days, "-extfile", path("ext"), "-out", path("crt"))
        with open(path(name + ".pem"), "wb") as file:
            for part in ("key", "crt"):
                with open(path(part), "rb") as source:
                    file.write(source.read())


class Server:
    """Takes one connection at a time on loopback; `play` does what the test wants with it."""

    def __init__(self, play):
        self.play = play
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.heard = []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                peer, _ = self.listening.accept()
                peer.settimeout(10)
                with peer:
                    self.play(self, peer)
            except OSError:
                if self.listening.fileno() < 0:
                    return

    def close(self):
        self.listening.close()


def tls(pem, newest=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    if newest:
        warnings.simplefilter("ignore", DeprecationWarning)  # old versions are what it is about
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = newest

    def play(server, peer):
        with context.wrap_socket(peer, server_side=True) as stream:
            server.heard.append(stream.recv(4096))
            stream.sendall(ANSWER)
    return play


def silent(_, peer):
    while peer.recv(4096):
        pass


def plain(_, peer):
    peer.recv(4096)
    peer.sendall(ANSWER)


def hangs_up(_, peer):
    peer.recv(16)


def main():
    tap = Tap()
    probe = os.path.join(sys.argv[1], "tests/daemon/http_client_probe")
    if not shutil.which("openssl"):
        tap.skip("TLS", "no openssl")
        tap.done()
    place = tempfile.mkdtemp(prefix="farmgate-tls-")

    def path(name):
        return os.path.join(place, name)

    def ask(play, ca, host="localhost", milliseconds=5000, environment=None):
        server = Server(play)
        url = "https://%s:%d/v1/reports" % (host, server.port)
        done = subprocess.run([probe, url, ca, str(milliseconds)], capture_output=True, text=True, timeout=30,
                              env={**os.environ, **(environment or {})}, check=False)
        server.close()
        words = done.stdout.splitlines()
        return server, (words[0] if words else done.stderr), (words[1] if len(words) > 1 else "")

    try:
        make_certificates(place)
        server, said, memory = ask(tls(path("good.pem")), path("ca.pem"))
        tap.equal(said, "ok|200|hello|", "a server of our authority is trusted")
        tap.ok(server.heard and b"Authorization: Bearer token\r\n" in server.heard[0], "and hears the request",
               server.heard)
        before, during, after = (int(word) for word in memory.split("|"))
        print("# private dirty memory: %d KiB before, %d during, %d after the request" % (before, during, after))
        with open(probe, "rb") as file:
            sanitized = b"__asan_init" in file.read()
        if sanitized:
            tap.skip("memory goes back when nothing is under way", "the sanitizer keeps it")
        else:
            tap.ok(after < during, "memory goes back when nothing is under way", memory)
        _, said, _ = ask(tls(path("good.pem")), path("ca.pem"), host="127.0.0.1")
        tap.equal(said, "ok|200|hello|", "by its address, too")
        _, said, _ = ask(tls(path("good.pem"), ssl.TLSVersion.TLSv1_2), path("ca.pem"))
        tap.equal(said, "ok|200|hello|", "TLS 1.2 will do")

        untrusted = "the certificate is not to be trusted"
        refused = [
            ("an unknown authority is not", tls(path("good.pem")), "-", untrusted, "certificate"),
            ("nor a certificate for another name", tls(path("other_name.pem")), path("ca.pem"), untrusted, "name"),
            ("nor one that has expired", tls(path("expired.pem")), path("ca.pem"), untrusted, "expired"),
            ("nor TLS 1.1", tls(path("good.pem"), ssl.TLSVersion.TLSv1_1), path("ca.pem"), "cannot be reached", ""),
            ("nor a server that speaks no TLS", plain, path("ca.pem"), "cannot be reached", ""),
            ("nor one that hangs up", hangs_up, path("ca.pem"), "cannot be reached", ""),
        ]
        for name, play, ca, error, word in refused:
            server, said, _ = ask(play, ca)
            tap.ok(said.startswith(error + "|0||") and word in said and not any(server.heard), name, said)
        _, said, _ = ask(silent, path("ca.pem"), milliseconds=300)
        tap.ok(said.startswith("timed out|0||"), "a handshake that stalls ends in time", said)
        _, said, _ = ask(tls(path("good.pem")), path("missing.pem"))
        tap.ok(said.startswith("the configuration is wrong|0||") and "missing.pem" in said,
               "a CA file that is missing is named", said)
        _, said, _ = ask(tls(path("good.pem")), path("ca.pem"), environment={"https_proxy": "http://127.0.0.1:1"})
        tap.equal(said, "ok|200|hello|", "the environment's proxy is not asked")
    finally:
        shutil.rmtree(place)
    tap.done()


if __name__ == "__main__":
    main()
