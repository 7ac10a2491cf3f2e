#!/usr/bin/env python3
"""Who may include whom (CONTRIBUTING.md, "What goes where"), held against every #include of the tree.
     test_rooms.py SOURCE

Prints TAP."""
import os
import re
import sys

# What touches the world. None includes another, but for these, each with its reason.
EDGES = {
    "accounts": {},
    "api": {"accounts": "the name service is asked for whoever is put or asked about",
            "farm": "it tells how the farm stands",
            "sessions": "it tells which of them count for nothing, and by which rule",
            "store": "it tells what was: events, windows, days"},
    "commit": {"store": "what is decided becomes durable in it"},
    "ctl": {"api": "tokens are read as the API reads them, by check-config",
            "farm": "invitations and secrets are read as the farm reads them"},
    "event_file": {},
    "farm": {},
    "gate": {},
    "loop_watch": {},
    "log_sink": {"service": "the system's log is the service manager's"},
    "service": {},
    "sessions": {},
    "store": {"farm": "the journal of a farm of many hosts is kept in it, by that one's contract (journal.h)"},
    "uplink": {},
}
# Values, forms and tables that any edge may share. A new room is either of these or of those.
SHARED = {"api_settings", "clock", "event_json", "histogram", "licence_json", "metrics", "rdp_file", "refusals", "resources", "setbacks",
          "settings", "stored_fields", "web", "workspace"}
# Of them those that know an edge, if only its words.
SHARED_KNOW = {"metrics": {"farm"}, "settings": {"event_file", "sessions"}}
# These wire the others together.
WIRES = {"agent", "main", "last_words"}
# Of many files beside the folders of agent/, the first word is the room.
ROOMS_OF_FILES = ("account", "agent", "clock", "store", "loop_watch")

count = 0


def none(wrong, name):
    global count
    count += 1
    print("%sok %d - %s" % ("not " if wrong else "", count, name))
    for one in wrong:
        print("# " + one)
    return not wrong


def room(path):
    """The room of a file: "common", "cloud/ledger", or of agent/ the folder or the file's name."""
    parts = path.split("/")
    if parts[0] != "agent":
        return "cloud/ledger" if path.startswith("cloud/ledger/") else parts[0]
    if len(parts) > 2:
        return parts[1]
    stem = parts[1].split(".")[0]
    for known in ROOMS_OF_FILES:
        if stem == known or stem.startswith(known + "_"):
            return stem if stem in SHARED else {"account": "accounts"}.get(known, known)
    return stem


def includes(source):
    """(file, file that it includes) of the tree's own."""
    files = [os.path.relpath(os.path.join(folder, name), source) for top in ("agent", "cloud", "common")
             for folder, _, names in os.walk(os.path.join(source, top)) for name in names if name.endswith((".c", ".h", ".def"))]
    for name in sorted(files):
        with open(os.path.join(source, name), encoding="utf-8", errors="replace") as file:
            text = file.read()
        for included in re.findall(r'^\s*#\s*include "([^"]+)"', text, re.MULTILINE):
            beside = os.path.normpath(os.path.join(os.path.dirname(name), included))
            found = [path for path in (beside, included) if os.path.exists(os.path.join(source, path))]
            if found:
                yield name, found[0]


def allowed(here, there):
    if there in (here, "common", "core") or here in WIRES:
        return True
    if here in EDGES:
        return there in SHARED or there in EDGES[here]
    if here in SHARED:
        return there in SHARED or there in SHARED_KNOW.get(here, ())
    return False


def main():
    pairs = [(name, included, room(name), room(included)) for name, included in includes(sys.argv[1])]
    arrows = ["%s includes %s" % (name, included) for name, included, here, there in pairs
              if here.startswith("cloud") != there.startswith("cloud") and "common" not in (here, there)]
    good = none([] if len(pairs) > 500 else ["only %d includes were found" % len(pairs)], "there is something to look at")
    good &= none(arrows, "agent and cloud share only common/")
    good &= none(["%s includes %s" % pair[:2] for pair in pairs if pair[2] == "common" != pair[3]], "common/ knows neither of them")
    good &= none(["%s includes %s" % pair[:2] for pair in pairs if pair[2] in ("core", "cloud/ledger") and pair[2] != pair[3]],
                 "what decides includes nothing from elsewhere")
    good &= none(["%s includes %s" % pair[:2] for pair in pairs if pair[0].startswith("agent/") and not allowed(*pair[2:])],
                 "no edge of the agent includes another, but for the reasons given here")
    seen = {(here, there) for _, _, here, there in pairs}
    good &= none(["%s -> %s" % (edge, other) for edge, others in EDGES.items() for other in others if (edge, other) not in seen],
                 "every reason given here is still one")
    print("1..%d" % count)
    sys.exit(0 if good else 1)


main()
