#!/usr/bin/env python3
"""Writes identity_fold.h: Unicode simple case folding (CaseFolding.txt, status C and S) as a table of runs.

    python3 identity_fold.py > identity_fold.h

Python tells full folding. Where that is one character it is also the simple one (status C); where it is several,
the simple folding is the lower case if that is one character (status S: U+1E9E and the Greek capitals with
prosgegrammeni), else the character stands for itself (U+00DF, U+0130, ligatures)."""
import sys
import unicodedata


def simple_fold(character):
    for folded in (character.casefold(), character.lower()):
        if len(folded) == 1:
            return folded
    return character


def runs():
    """(first, last, step, difference) with the same difference every `step` characters (1 or 2)."""
    current = None
    for code in range(0x80, sys.maxunicode + 1):
        if 0xD800 <= code < 0xE000:
            continue
        difference = ord(simple_fold(chr(code))) - code
        if difference == 0:
            continue
        if current and difference == current[3]:
            distance = code - current[1]
            if distance == current[2] or (current[0] == current[1] and distance in (1, 2)):
                current[1], current[2] = code, distance
                continue
        if current:
            yield current
        current = [code, code, 1, difference]
    yield current


print(f"""/* identity_fold.h - made by identity_fold.py from Unicode {unicodedata.unidata_version}; do not edit. */
#ifndef FARMGATE_CORE_IDENTITY_FOLD_H
#define FARMGATE_CORE_IDENTITY_FOLD_H

#include <stdint.h>

/* Every step-th character from first to last folds to itself plus difference. Sorted; ASCII is left out. */
struct identity_fold {{
    uint32_t first, last;
    int32_t step, difference;
}};

/* clang-format off */
static const struct identity_fold identity_folds[] = {{""")
for first, last, step, difference in runs():
    print(f"    {{0x{first:04x}, 0x{last:04x}, {step}, {difference}}},")
print("""};
/* clang-format on */

#endif""")
