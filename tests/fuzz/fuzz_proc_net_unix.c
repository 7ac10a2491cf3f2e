/* fuzz_proc_net_unix - the kernel's list of Unix sockets, in which users choose the paths. */
#include "agent/sessions/xrdp.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct xrdp_streams streams = {0};
    char *text = malloc(size + 1), *line = text, *end;
    unsigned number;

    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    (void)xrdp_display_number(text, &number);
    for (; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        if (xrdp_streams_line(&streams, line) < 0)
            abort();
    }
    if (streams.room > XRDP_DISPLAYS_MAX + 64)
        abort();
    for (unsigned display = 0; display < streams.room; display++)
        if (xrdp_streams_get(&streams, display) > XRDP_STREAM_CONNECTED)
            abort();
    xrdp_streams_finish(&streams);
    free(text);
    return 0;
}
