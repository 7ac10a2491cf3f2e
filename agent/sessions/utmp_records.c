#include "utmp_records.h"

#include <assert.h>
#include <string.h>
#include <utmpx.h>

static_assert(sizeof(((struct utmpx *)0)->ut_line) <= UTMP_LINE_BYTES_MAX, "a line fits");
static_assert(sizeof(((struct utmpx *)0)->ut_user) <= UTMP_USER_BYTES_MAX, "a user fits");
static_assert(sizeof(((struct utmpx *)0)->ut_host) <= UTMP_HOST_BYTES_MAX, "a host fits");

size_t utmp_record_bytes(void)
{
    return sizeof(struct utmpx);
}

/* A field need not end with NUL. */
static void copy_field(char *ret, const char *field, size_t bytes)
{
    size_t length = strnlen(field, bytes);

    memcpy(ret, field, length);
    ret[length] = '\0';
}

bool utmp_record_read(const void *record, struct utmp_user *ret)
{
    struct utmpx entry;

    memcpy(&entry, record, sizeof(entry));
    if (entry.ut_type != USER_PROCESS || entry.ut_user[0] == '\0' || entry.ut_line[0] == '\0')
        return false;
    copy_field(ret->line, entry.ut_line, sizeof(entry.ut_line));
    copy_field(ret->user, entry.ut_user, sizeof(entry.ut_user));
    copy_field(ret->host, entry.ut_host, sizeof(entry.ut_host));
    ret->began_ms = (int64_t)entry.ut_tv.tv_sec * 1000 + entry.ut_tv.tv_usec / 1000;
    ret->pid = entry.ut_pid;
    return true;
}
