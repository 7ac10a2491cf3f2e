"""What tests of portals share: a stand-in for the web application behind them, and requests as a signed-in user."""
import base64
import hashlib
import http.server
import json
import threading

from harness import request


class Application:
    """Says what reached it: {"path", "user", "authorization"}; an Upgrade is granted. `seen` are the paths, in order."""

    def __init__(self):
        seen = self.seen = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                seen.append(self.path)
                if self.headers.get("Upgrade") == "websocket":
                    key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
                    self.send_response(101)
                    self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
                    self.send_header("Upgrade", "websocket")
                    self.send_header("Connection", "upgrade")
                    self.end_headers()
                    self.close_connection = True
                    return
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                body = json.dumps({"path": self.path, "user": self.headers.get_all("REMOTE_USER", []),
                                   "authorization": self.headers.get("Authorization")}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            do_POST = do_DELETE = do_GET

            def log_message(self, *_):
                pass
        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):
                """A client that left is no error."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def authorization(user, password="pw"):
    return {"Authorization": "Basic " + base64.b64encode(("%s:%s" % (user, password)).encode()).decode()}


def ask(port, path, user=None, method="GET", password="pw", **headers):
    headers = {name.replace("_", "-") if name != "REMOTE_USER" else name: value for name, value in headers.items()}
    return request(("127.0.0.1", port), method, path, headers=dict(headers, **(authorization(user, password) if user else {})))
