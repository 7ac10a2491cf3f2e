/* fuzz_utmp - the records of a utmp file. */
#include "agent/sessions/utmp_records.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t bytes = utmp_record_bytes();

    for (; size >= bytes; data += bytes, size -= bytes) {
        struct utmp_user user;

        if (!utmp_record_read(data, &user))
            continue;
        if (user.user[0] == '\0' || user.line[0] == '\0' || strlen(user.user) > UTMP_USER_BYTES_MAX ||
            strlen(user.line) > UTMP_LINE_BYTES_MAX || strlen(user.host) > UTMP_HOST_BYTES_MAX)
            abort();
    }
    return 0;
}
