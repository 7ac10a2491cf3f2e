#!/usr/bin/env python3
"""Puts the status page together and writes it as C.     embed.py PAGE.html PAGE.css PAGE.js OUTPUT.c

The same input gives the same bytes. Comments that stand on lines of their own, empty lines and indentation are left out.
"""
import base64
import hashlib
import sys

PAGE_BYTES_MAX = 60000
POLICY = ("default-src 'none'; script-src '%s'; style-src '%s'; connect-src 'self'; img-src data:; base-uri 'none'; "
          "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'")


def read(path):
    """The lines without what is for those who read the source; no line of it begins within a string."""
    with open(path, encoding="utf-8", newline="\n") as file:
        lines = [line.strip() for line in file.read().splitlines()]
    kept, comment = [], None
    for line in lines:
        opened = next((end for begin, end in (("/*", "*/"), ("<!--", "-->")) if line.startswith(begin)), None)
        if comment or opened:
            comment = comment or opened
            comment = None if comment in line else comment
            if opened and comment is None and not line.endswith(opened):
                sys.exit("%s: a comment and something else on one line: %s" % (path, line))
        elif line and not line.startswith("// "):
            kept.append(line)
    return "\n".join(kept) + "\n"


def source(text):
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def main():
    html, style, script = (read(path) for path in sys.argv[1:4])
    for text, word in ((style, "</style"), (script, "</script"), (script, "<!--")):
        if word in text:
            sys.exit("the page would end at %r" % word)
    page = html.replace("@STYLE@", style).replace("@SCRIPT@", script).encode()
    if len(page) > PAGE_BYTES_MAX:
        sys.exit("the page has %d bytes, more than %d" % (len(page), PAGE_BYTES_MAX))
    rows = [", ".join("%d" % (byte - 256 if byte > 127 else byte) for byte in page[at:at + 32]) for at in range(0, len(page), 32)]
    with open(sys.argv[4], "w", encoding="ascii", newline="\n") as file:
        file.write('#include "agent/web/page.h"\n\nconst char web_page[] = {\n%s};\nconst size_t web_page_bytes = sizeof(web_page);\n'
                   'const char web_page_policy[] = "%s";\n'
                   % ("".join(row + ",\n" for row in rows), POLICY % (source(script), source(style))))


main()
