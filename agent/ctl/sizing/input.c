#include "input.h"

#include "unpack.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define OUT_BYTES 65536
static_assert(INPUT_HEAD_BYTES <= OUT_BYTES, "the head is given on in one piece");

struct buffers {
    char raw[INPUT_RAW_BYTES], out[OUT_BYTES];
};

struct input {
    struct input_pool *pool;
    char *path;
    int fd; /* -1: not open just now */
    bool standard_input, regular, in_pool;
    uint64_t device, number; /* which file it is */
    uint64_t size_bytes, raw_offset;
    int64_t modified_ms;
    struct unpack *unpack; /* NULL until the first bytes are there */
    const char *raw_at;    /* what is left of raw */
    size_t raw_count;
    bool raw_ended, ended;
    bool head_looked_at;
    char *head; /* what was looked at and not read yet */
    size_t head_count;
    char damage[160];
    struct buffers *buffers; /* only while it is read */
};

/* ---- files --------------------------------------------------------------------------------------------- */

static unsigned open_max(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur / 2 > INPUT_OPEN_MAX)
        return INPUT_OPEN_MAX;
    return (unsigned)(limit.rlim_cur / 2);
}

static void give_back(struct input *input)
{
    if (input->in_pool)
        input->pool->open_count--;
    input->in_pool = false;
    if (input->fd >= 0 && !input->standard_input)
        (void)close(input->fd);
    input->fd = -1;
}

/* Regular files beyond the pool are open only while they are read. */
static void park(struct input *input)
{
    if (!input->regular || input->standard_input || input->in_pool)
        return;
    if (input->pool->open_count < input->pool->open_max) {
        input->pool->open_count++;
        input->in_pool = true;
        return;
    }
    give_back(input);
}

static bool open_again(struct input *input)
{
    struct stat is;
    if (input->fd >= 0)
        return true;
    input->fd = open(input->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (input->fd < 0) {
        (void)snprintf(input->damage, sizeof input->damage, "%s", strerror(errno));
        return false;
    }
    if (fstat(input->fd, &is) == 0 && is.st_dev == input->device && is.st_ino == input->number)
        return true;
    (void)snprintf(input->damage, sizeof input->damage, "another file took its place while it was read");
    give_back(input);
    return false;
}

static int look_at(struct input *input, struct error_detail *ret_detail)
{
    struct stat is;
    input->fd = input->standard_input ? STDIN_FILENO : open(input->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (input->fd < 0 || fstat(input->fd, &is) != 0) {
        error_detail_set(ret_detail, "%s", strerror(errno));
        return error_from_errno(errno);
    }
    if (S_ISDIR(is.st_mode)) {
        error_detail_set(ret_detail, "a directory, not a file");
        return ERROR_INVALID;
    }
    input->device = is.st_dev;
    input->number = is.st_ino;
    input->regular = S_ISREG(is.st_mode);
    if (input->regular) {
        input->size_bytes = (uint64_t)is.st_size;
        input->modified_ms = (int64_t)is.st_mtim.tv_sec * 1000 + is.st_mtim.tv_nsec / 1000000;
    }
    if (input->standard_input)
        input->regular = false; /* where it stands is its caller's */
    return 0;
}

int input_open(struct input_pool *pool, const char *path, struct input **ret_input,
               struct error_detail *ret_detail)
{
    if (pool->open_max == 0)
        pool->open_max = open_max();
    struct input *input = calloc(1, sizeof *input);
    if (input == NULL || (input->path = strdup(path)) == NULL) {
        free(input);
        error_detail_set(ret_detail, "%s", error_text(ERROR_NO_MEMORY));
        return ERROR_NO_MEMORY;
    }
    input->pool = pool;
    input->standard_input = strcmp(path, "-") == 0;
    int code = look_at(input, ret_detail);
    if (code < 0) {
        input_close(input);
        return code;
    }
    park(input);
    *ret_input = input;
    return 0;
}

void input_close(struct input *input)
{
    if (input == NULL)
        return;
    give_back(input);
    unpack_destroy(input->unpack);
    free(input->buffers);
    free(input->head);
    free(input->path);
    free(input);
}

bool input_rewind(struct input *input)
{
    if (!input->regular)
        return false;
    give_back(input);
    unpack_destroy(input->unpack);
    free(input->buffers);
    free(input->head);
    input->unpack = NULL;
    input->buffers = NULL;
    input->head = NULL;
    input->head_count = input->raw_count = 0;
    input->raw_offset = 0;
    input->raw_ended = input->ended = input->head_looked_at = false;
    input->damage[0] = '\0';
    return true;
}

/* ---- bytes --------------------------------------------------------------------------------------------- */

/* Appends to what is left of raw, which is moved to its beginning. */
static int fill_raw(struct input *input)
{
    char *raw = input->buffers->raw;
    memmove(raw, input->raw_at, input->raw_count);
    input->raw_at = raw;
    if (!open_again(input)) {
        input->raw_ended = true;
        return 0;
    }
    size_t room = INPUT_RAW_BYTES - input->raw_count;
    ssize_t count = input->regular ? pread(input->fd, raw + input->raw_count, room, (off_t)input->raw_offset)
                                   : read(input->fd, raw + input->raw_count, room);
    if (count < 0 && errno == EINTR)
        return ERROR_CANCELLED;
    if (count < 0)
        (void)snprintf(input->damage, sizeof input->damage, "%s", strerror(errno));
    input->raw_ended = count <= 0;
    if (count > 0) {
        input->raw_count += (size_t)count;
        input->raw_offset += (uint64_t)count;
    }
    park(input);
    return 0;
}

static void note_damage(struct input *input, enum unpack_state state)
{
    const char *form = unpack_form(input->unpack);
    input->ended = true;
    if (input->damage[0] != '\0')
        return; /* a read error is the reason of what follows */
    if (state == UNPACK_TORN)
        (void)snprintf(input->damage, sizeof input->damage, "the %s data break off", form);
    else if (state == UNPACK_DAMAGED)
        (void)snprintf(input->damage, sizeof input->damage, "the %s data are damaged", form);
    else if (state == UNPACK_TOO_LARGE)
        (void)snprintf(input->damage, sizeof input->damage,
                       "the %s data need more than %u MiB of memory to be unpacked", form,
                       UNPACK_MEMORY_MAX_BYTES >> 20);
}

/* The first bytes say how the rest is to be unpacked. */
static int begin_unpacking(struct input *input)
{
    if (input->buffers == NULL && (input->buffers = malloc(sizeof *input->buffers)) == NULL)
        return ERROR_NO_MEMORY;
    if (input->raw_count == 0)
        input->raw_at = input->buffers->raw;
    while (!input->raw_ended && input->raw_count < UNPACK_HEAD_BYTES) {
        int code = fill_raw(input);
        if (code < 0)
            return code;
    }
    input->unpack = unpack_create(input->raw_at, input->raw_count);
    return input->unpack == NULL ? ERROR_NO_MEMORY : 0;
}

static int unpack_some(struct input *input, char *room, size_t room_bytes, size_t *ret_count)
{
    int code = input->unpack == NULL ? begin_unpacking(input) : 0;
    size_t count = 0;
    while (code == 0 && count == 0 && !input->ended) {
        if (input->raw_count == 0 && !input->raw_ended)
            code = fill_raw(input);
        if (code < 0)
            break;
        enum unpack_state state = unpack_run(input->unpack, &input->raw_at, &input->raw_count,
                                             input->raw_ended, room, room_bytes, &count);
        if (state == UNPACK_NO_MEMORY)
            code = ERROR_NO_MEMORY;
        else if (state != UNPACK_GOES_ON)
            note_damage(input, state);
    }
    if (code == 0)
        *ret_count = count;
    return code;
}

int input_head(struct input *input, const char **ret_bytes, size_t *ret_count, bool *ret_whole)
{
    if (input->head == NULL && !input->head_looked_at) {
        input->head = malloc(INPUT_HEAD_BYTES);
        if (input->head == NULL)
            return ERROR_NO_MEMORY;
    }
    while (!input->head_looked_at && input->head_count < INPUT_HEAD_BYTES) {
        size_t count;
        int code =
            unpack_some(input, input->head + input->head_count, INPUT_HEAD_BYTES - input->head_count, &count);
        if (code == ERROR_CANCELLED && input->head_count > 0)
            break; /* what is there counts */
        if (code < 0)
            return code;
        if (count == 0)
            break;
        input->head_count += count;
    }
    input->head_looked_at = true;
    *ret_bytes = input->head;
    *ret_count = input->head_count;
    *ret_whole = input->ended;
    return 0;
}

/* What is not compressed is given as it was read, without a copy. */
static int read_plain(struct input *input, const char **ret_bytes, size_t *ret_count)
{
    int code = input->raw_count == 0 && !input->raw_ended ? fill_raw(input) : 0;
    if (code < 0)
        return code;
    *ret_bytes = input->raw_at;
    *ret_count = input->raw_count;
    input->raw_count = 0;
    return 0;
}

int input_read(struct input *input, const char **ret_bytes, size_t *ret_count)
{
    if (input->head_count > 0) {
        memcpy(input->buffers->out, input->head, input->head_count);
        *ret_bytes = input->buffers->out;
        *ret_count = input->head_count;
        input->head_count = 0;
        free(input->head);
        input->head = NULL;
        return 0;
    }
    size_t count;
    int code = input->unpack == NULL ? begin_unpacking(input) : 0;
    if (code == 0 && unpack_form(input->unpack) == NULL)
        return read_plain(input, ret_bytes, ret_count);
    if (code == 0)
        code = unpack_some(input, input->buffers->out, OUT_BYTES, &count);
    if (code < 0)
        return code;
    *ret_bytes = input->buffers->out;
    *ret_count = count;
    return 0;
}

/* ---- what is known of it ------------------------------------------------------------------------------- */

const char *input_damage(const struct input *input)
{
    return input->damage[0] == '\0' ? NULL : input->damage;
}

uint64_t input_raw_offset(const struct input *input)
{
    return input->raw_offset;
}

uint64_t input_size_bytes(const struct input *input)
{
    return input->size_bytes;
}

int64_t input_modified_ms(const struct input *input)
{
    return input->modified_ms;
}

bool input_is_regular(const struct input *input)
{
    return input->regular;
}

bool input_is_same(const struct input *one, const struct input *other)
{
    return one->device == other->device && one->number == other->number;
}
