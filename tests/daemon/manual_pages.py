"""The manual's pages as they are read: their examples, which stand in literal blocks and in lines of their own, and the commands
that stand in running text. A test that follows a page to the letter takes its commands from here or can say which it took."""
import glob
import os
import re

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = os.path.join(TREE, "packaging", "man")
SPELT = (("\\(dq", '"'), ("\\(ga", "`"), ("\\-", "-"), ("\\&", ""), ("\\e", "\\"))


def names():
    return sorted(os.path.basename(path) for path in glob.glob(os.path.join(FOLDER, "*.[1-8]"))
                  + glob.glob(os.path.join(FOLDER, "*.[1-8].in")))


def source(name):
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        return file.read()


def plain(text):
    for roff, character in SPELT:
        text = text.replace(roff, character)
    return text


def joined(text):
    """The lines of an example; what a backslash, or ^ of Windows, continues is one, and what curl sends."""
    lines = []
    for line in re.sub(r"[\\^]\n\s*", "", text).splitlines():
        if lines and lines[-1].startswith("curl ") and lines[-1].count("'") % 2 == 1:
            lines[-1] += line.strip()
        elif line.strip():
            lines.append(line)
    return lines


class Example:
    def __init__(self, page, section, text):
        self.page, self.section = page, section
        self.text = plain(text)
        self.shown = self.text.startswith("$ ")  # a command, and what it says
        self.lines = [self.text.splitlines()[0][2:]] if self.shown else joined(self.text)

    def __repr__(self):
        return "%s, %s: %s" % (self.page, self.section, " / ".join(self.lines))


def examples(name):
    """All of a page, in its order."""
    section, found = "", []
    for head, block, line in re.findall(r"^\.S[hs] (.*)$|^\.Bd[^\n]*\n((?:(?!\.Ed$).*\n)*)\.Ed$|^\.Dl (.*)$", source(name), re.M):
        section = head or section
        if block or line:
            found.append(Example(name, section, block or line))
    return found


def commands(name, programs):
    """Those of running text, as they are typed: `.Ic farmgate activate Ar key Fl Fl move`."""
    found = set()
    for line in re.findall(r"^\.(?:Ic|Li|Ql) (.*)$", source(name).replace("\\\n", ""), re.M):
        words = re.sub(r"\bFl Fl ", "--", re.sub(r"\b(?:Ar|Cm|Ic) ", "", line.split(" No ")[0]))
        words = re.sub(r"\bFl ", "-", words).split(" Ns ")[0]
        words = [word for word in plain(words).split() if word not in (",", ".", ":", ";", ")")]
        if words and words[0] in programs and len(words) > 1:
            found.add(" ".join(words))
    return sorted(found)
