#include "../replacing.h"

#include <stdio.h>

int replacing_rename(const char *from, const char *to)
{
    return rename(from, to);
}
