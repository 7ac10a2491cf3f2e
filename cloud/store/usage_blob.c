#include "cloud/store/usage_blob.h"

#include "common/error.h"

#include <stdbool.h>
#include <string.h>

/* A form byte, then numbers: seven bits a byte, sign folded into the lowest bit. Most numbers are written as
 * the difference to something near, so a window is about 16 bytes. */
#define FORM 1

static unsigned char *put(unsigned char *at, int64_t value)
{
    uint64_t folded = ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);
    for (; folded >= 0x80; folded >>= 7)
        *at++ = (unsigned char)(folded | 0x80);
    *at++ = (unsigned char)folded;
    return at;
}

struct reader {
    const unsigned char *at, *end;
    bool bad;
};

static int64_t get(struct reader *reader)
{
    uint64_t folded = 0;
    for (unsigned shift = 0; shift < 64 && reader->at < reader->end; shift += 7) {
        unsigned char byte = *reader->at++;
        folded |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return (int64_t)((folded >> 1) ^ (folded & 1 ? UINT64_MAX : 0));
    }
    reader->bad = true;
    return 0;
}

/* Sums that damaged bytes could make overflow wrap instead; the result is refused or harmless. */
static int64_t plus(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

size_t usage_blob_write_windows(const struct usage *usage, unsigned char *ret)
{
    unsigned char *at = ret;
    struct usage_window last = {.sequence = 0};

    *at++ = FORM;
    for (size_t i = 0; i < usage->window_count; i++) {
        const struct usage_window *window = &usage->windows[i];
        at = put(at, window->sequence - last.sequence);
        at = put(at, plus(window->start_ms, -last.end_ms));
        at = put(at, plus(window->end_ms, -window->start_ms));
        at = put(at, plus(window->peak_at_ms, -window->start_ms));
        at = put(at, window->peak_users);
        at = put(at, window->users_at_end);
        at = put(at, window->exempt_peak);
        at = put(at, window->hosts);
        at = put(at, (int64_t)window->refusal);
        last = *window;
    }
    return (size_t)(at - ret);
}

size_t usage_blob_write_days(const struct usage *usage, unsigned char *ret)
{
    unsigned char *at = ret;
    int64_t last = 0;

    *at++ = FORM;
    for (size_t i = 0; i < usage->day_count; i++) {
        at = put(at, usage->days[i].day - last);
        at = put(at, usage->days[i].peak_users);
        at = put(at, usage->days[i].peak_at_ms);
        last = usage->days[i].day;
    }
    return (size_t)(at - ret);
}

static int begin(const unsigned char *blob, size_t bytes, struct reader *ret)
{
    *ret = (struct reader){0};
    if (bytes == 0)
        return 0;
    if (blob[0] != FORM)
        return ERROR_NEWER;
    *ret = (struct reader){blob + 1, blob + bytes, false};
    return 0;
}

static struct usage_window read_window(struct reader *reader, const struct usage_window *last)
{
    struct usage_window window = {.sequence = plus(last->sequence, get(reader))};
    window.start_ms = plus(last->end_ms, get(reader));
    window.end_ms = plus(window.start_ms, get(reader));
    window.peak_at_ms = plus(window.start_ms, get(reader));
    window.peak_users = get(reader);
    window.users_at_end = get(reader);
    window.exempt_peak = get(reader);
    window.hosts = get(reader);
    int64_t refusal = get(reader);
    if (refusal < 0 || refusal >= USAGE_REFUSAL_MAX || window.sequence <= last->sequence)
        reader->bad = true;
    else
        window.refusal = (enum usage_refusal)refusal;
    return window;
}

int usage_blob_read_windows(const unsigned char *blob, size_t bytes, struct usage *ret)
{
    struct reader reader;
    struct usage_window last = {.sequence = 0};
    size_t count = 0;
    int error = begin(blob, bytes, &reader);
    if (error != 0)
        return error;
    while (reader.at != reader.end) {
        struct usage_window window = read_window(&reader, &last);
        if (reader.bad || count == USAGE_WINDOWS_KEPT)
            return ERROR_DAMAGED;
        ret->windows[count++] = last = window;
    }
    ret->window_count = count;
    return 0;
}

int usage_blob_read_days(const unsigned char *blob, size_t bytes, struct usage *ret)
{
    struct reader reader;
    int64_t last = INT64_MIN;
    size_t count = 0;
    int error = begin(blob, bytes, &reader);
    if (error != 0)
        return error;
    while (reader.at != reader.end) {
        struct usage_day day = {.day = plus(count == 0 ? 0 : last, get(&reader))};
        day.peak_users = get(&reader);
        day.peak_at_ms = get(&reader);
        if (reader.bad || count == USAGE_DAYS_KEPT || day.day <= last)
            return ERROR_DAMAGED;
        ret->days[count++] = day;
        last = day.day;
    }
    ret->day_count = count;
    return 0;
}
