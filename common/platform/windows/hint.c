#include "../hints.h"

const char *hint(enum hint hint)
{
    return hint_on(HINT_WINDOWS, hint);
}
