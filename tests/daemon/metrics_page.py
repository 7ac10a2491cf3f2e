"""farmgate-metrics(7) and what agents really expose: read, and held against each other."""
import os
import re

HISTOGRAM_ENDS = ("_bucket", "_sum", "_count")


def documented(build):
    """{name: (type, label or None, [values], whether it may have no sample)}"""
    with open(os.path.join(build, "packaging", "man", "farmgate-metrics.7"), encoding="utf-8") as file:
        text = file.read().split(".Sh METRICS")[1].split("\n.Sh ")[0].replace("\\-", "-")
    found = {}
    for name, kind, body in re.findall(r"^\.It Cm (\w+) Pq (\w+)\n(.*?)(?=^\.It|^\.El)", text, re.M | re.S):
        label = re.search(r"^Label \\fI(\w+)\\fP(?:: (.*))?\.$", body, re.M)
        values = label.group(2).split(", ") if label and label.group(2) else []
        found[name] = (kind, label and label.group(1), values, "\nNo sample " in body)
    return found


def exposed(text):
    """{name: type} and {name: [labels of each sample]}; a histogram's samples are its family's, without le."""
    types = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.M))
    samples = {name: [] for name in types}
    for name, labels in re.findall(r"^(\w+)(?:\{(.*)\})? \S+$", text, re.M):
        family = next((name[:-len(end)] for end in HISTOGRAM_ENDS if name.endswith(end) and types.get(name[:-len(end)]) == "histogram"), name)
        labels = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        labels.pop("le", None)
        samples.setdefault(family, []).append(labels)
    return types, samples


def compare(tap, build, text, state, without):
    """The manual tells what this agent exposes; `without` names what has no sample in this state."""
    page, (types, samples) = documented(build), exposed(text)
    tap.equal({name: row[0] for name, row in page.items()}, types, "%s: the manual has every metric and its type, and no other" % state)
    wrong = []
    for name, (_, label, values, may_lack) in page.items():
        told = samples[name]
        if any(set(labels) != ({label} if label else set()) for labels in told):
            wrong.append("%s: labels %r" % (name, told))
        if values and not may_lack and [labels.get(label) for labels in told] != values:
            wrong.append("%s: values %r, the manual has %r" % (name, told, values))
        if values and not {labels.get(label) for labels in told} <= set(values):
            wrong.append("%s: unknown values %r" % (name, told))
        if not told and not may_lack:
            wrong.append("%s: no sample, of which the manual tells nothing" % name)
    tap.ok(not wrong, "%s: with their labels and values" % state, "\n".join(wrong))
    tap.equal({name for name, told in samples.items() if not told}, set(without), "%s: these have no sample" % state)
