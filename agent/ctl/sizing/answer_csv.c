#include "answer.h"

#include "common/rfc3339.h"

#include <inttypes.h>

int answer_csv(const struct answer *answer, FILE *file)
{
    char start[RFC3339_BYTES];
    fprintf(file, "start,peak_users\n");
    for (size_t i = 0; i < answer->result->window_count; i++) {
        const struct sizing_window *window = &answer->result->windows[i];
        fprintf(file, "%s,%" PRIu32 "\n", rfc3339_format(window->start_ms, start), window->peak_users);
    }
    return 0;
}
