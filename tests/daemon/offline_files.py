"""The files of a closed network, written and read a second time after common/offline.h. Python's library only."""
import datetime
import hashlib
import secrets
import time


def sealed(kind, lines):
    text = "\n".join(["farmgate-offline-%s-1" % kind] + lines) + "\n"
    return text + "checksum %s\n" % hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def at(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def head(installation):
    return ["made " + at(time.time()), "nonce " + secrets.token_hex(16), "farm-name Closed", "app-version 0.1.0",
            "installation-id " + installation]


def activation(installation, key=None, move=False):
    """A request for a key, or for a trial."""
    return sealed("request", head(installation) + ["license-key " + key if key else "trial"] + (["move"] if move else []))


def report(installation, farm, token, windows):
    """A request with windows of 20 minutes: (sequence, start, peak)."""
    lines = head(installation) + ["farm-id " + farm]
    lines += ["window %d %s 1200000 %d 0 0 0 1" % (sequence, at(start), peak) for sequence, start, peak in windows]
    text = "\n".join(["farmgate-offline-request-1"] + lines) + "\n"
    key = hashlib.blake2b(token.encode(), digest_size=32).digest()
    digest = hashlib.blake2b(text.encode(), digest_size=32).digest()
    proof = hashlib.blake2b(b"farmgate-offline-report-v1\n" + digest, key=key, digest_size=32).hexdigest()
    return sealed("request", lines + ["proof " + proof])


def read(text):
    """A file's words and values, once its checksum was found to fit; of repeated words the last."""
    text = text.decode() if isinstance(text, bytes) else text
    unfolded = text.replace("\n ", "")
    body, checksum = unfolded.rsplit("checksum ", 1)
    if hashlib.blake2b(body.encode(), digest_size=16).hexdigest() != checksum.strip():
        raise ValueError("the checksum does not fit:\n" + text)
    return {word: value for word, _, value in (line.partition(" ") for line in body.splitlines()[1:])}
