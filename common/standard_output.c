#include "standard_output.h"

#include "platform/standard_streams.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Why a write failed is known only where it does: one more, a line's end, has what an earlier one had. */
static int ask_why(void)
{
    clearerr(stdout);
    errno = 0;
    (void)putchar('\n');
    return fflush(stdout) ? errno : 0;
}

bool standard_output_finish(const char *program)
{
    bool earlier = ferror(stdout) != 0;
    errno = 0;
    if (fflush(stdout) == 0 && !earlier)
        return true;
    int why = errno ? errno : ask_why();
    if (standard_output_left(why))
        return false;
    (void)fprintf(stderr, "%s: standard output: %s\n", program,
                  why ? strerror(why) : "not everything could be written");
    return false;
}
