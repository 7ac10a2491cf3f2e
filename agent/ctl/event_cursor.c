#include "event_cursor.h"

#include "common/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CURSOR_BYTES_MAX 64
#define ID_DIGITS_MAX    18 /* as many as the agent takes */

bool event_id_valid(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    return digits > 0 && digits <= ID_DIGITS_MAX && text[digits] == '\0';
}

int event_cursor_load(const char *path, char ret_id[EVENT_ID_BYTES], struct error_detail *ret_detail)
{
    char *text = NULL;
    size_t bytes;
    int error = file_read(path, CURSOR_BYTES_MAX, &text, &bytes, ret_detail);
    if (error == ERROR_NOT_FOUND) {
        ret_id[0] = '\0';
        return 0;
    }
    if (error && error != ERROR_TOO_LARGE)
        return error;
    if (!error && bytes > 0 && text[bytes - 1] == '\n')
        text[bytes - 1] = '\0';
    if (!error && strlen(text) + 1 >= bytes && event_id_valid(text)) {
        (void)snprintf(ret_id, EVENT_ID_BYTES, "%s", text);
    } else {
        error = ERROR_INVALID;
        error_detail_set(ret_detail,
                         "%s: not the id of an event; write the last one that was handled into it (`farmgate "
                         "events --json` has them), or remove it to begin with what happens from now on",
                         path);
    }
    free(text);
    return error;
}

int event_cursor_save(const char *path, const char *id, struct error_detail *ret_detail)
{
    char text[EVENT_ID_BYTES + 1];
    int bytes = snprintf(text, sizeof(text), "%s\n", id);
    return file_replace(path, text, (size_t)bytes, 0600, true, ret_detail);
}
