#!/usr/bin/env python3
"""A file as a C array of a name, for programs that hand it out: embed.py FILE NAME OUTPUT"""
import sys

with open(sys.argv[1], "rb") as source:
    body = source.read()
with open(sys.argv[3], "w", encoding="ascii") as output:
    output.write("/* made from %s */\n" % sys.argv[1].rsplit("/", 1)[-1])
    output.write("#include \"cloud/api/document.h\"\n\nconst unsigned char %s[] = {\n" % sys.argv[2])
    for start in range(0, len(body), 16):
        output.write("    %s,\n" % ", ".join(str(byte) for byte in body[start:start + 16]))
    output.write("};\nconst size_t %s_bytes = sizeof %s;\n" % (sys.argv[2], sys.argv[2]))
