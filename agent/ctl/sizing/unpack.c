#define ZLIB_CONST
#include "unpack.h"

#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define GZIP_WINDOW      (15 + 16) /* zlib: the largest window, and a gzip header */
#define ZSTD_WINDOW_LOG2 27        /* 128 MiB, as zstd --long has it */

/* What a form's decompressor sees: as its library has it, told apart from the others' names. */
struct flow {
    const char *in;
    size_t in_bytes;
    bool last;
    char *out;
    size_t out_bytes;
};

struct form {
    const char *name;
    const char *head;
    size_t head_bytes;
    bool (*begin)(struct unpack *unpack);
    enum unpack_state (*run)(struct unpack *unpack, struct flow *flow);
    void (*finish)(struct unpack *unpack);
};

struct unpack {
    const struct form *form;
    union {
        struct {
            z_stream stream;
            bool between; /* a member has ended; the next, if any, has not begun */
        } gzip;
        lzma_stream xz;
        struct {
            ZSTD_DStream *stream;
            bool between;
        } zstd;
    };
};

/* ---- plain --------------------------------------------------------------------------------------------- */

static bool plain_begin(struct unpack *unpack)
{
    (void)unpack;
    return true;
}

static enum unpack_state plain_run(struct unpack *unpack, struct flow *flow)
{
    size_t bytes = flow->in_bytes < flow->out_bytes ? flow->in_bytes : flow->out_bytes;
    (void)unpack;
    memcpy(flow->out, flow->in, bytes);
    flow->in += bytes;
    flow->in_bytes -= bytes;
    flow->out += bytes;
    flow->out_bytes -= bytes;
    return flow->last && flow->in_bytes == 0 ? UNPACK_DONE : UNPACK_GOES_ON;
}

static void plain_finish(struct unpack *unpack)
{
    (void)unpack;
}

/* ---- gzip ---------------------------------------------------------------------------------------------- */

static bool gzip_begin(struct unpack *unpack)
{
    return inflateInit2(&unpack->gzip.stream, GZIP_WINDOW) == Z_OK;
}

/* Behind a member the next one may begin, or zeros fill a tape's block. */
static enum unpack_state gzip_next_member(struct unpack *unpack, struct flow *flow)
{
    while (flow->in_bytes > 0 && *flow->in == '\0') {
        flow->in++;
        flow->in_bytes--;
    }
    if (flow->in_bytes == 0)
        return flow->last ? UNPACK_DONE : UNPACK_GOES_ON;
    unpack->gzip.between = false;
    return inflateReset(&unpack->gzip.stream) == Z_OK ? UNPACK_GOES_ON : UNPACK_DAMAGED;
}

static enum unpack_state gzip_run(struct unpack *unpack, struct flow *flow)
{
    z_stream *stream = &unpack->gzip.stream;
    enum unpack_state state = unpack->gzip.between ? gzip_next_member(unpack, flow) : UNPACK_GOES_ON;
    if (state != UNPACK_GOES_ON || unpack->gzip.between)
        return state;
    stream->next_in = (const Bytef *)flow->in;
    stream->avail_in = (uInt)flow->in_bytes;
    stream->next_out = (Bytef *)flow->out;
    stream->avail_out = (uInt)flow->out_bytes;
    int code = inflate(stream, Z_NO_FLUSH);
    flow->in = (const char *)stream->next_in;
    flow->in_bytes = stream->avail_in;
    flow->out = (char *)stream->next_out;
    flow->out_bytes = stream->avail_out;
    if (code == Z_STREAM_END)
        unpack->gzip.between = true;
    if (code == Z_OK || code == Z_STREAM_END)
        return UNPACK_GOES_ON;
    if (code == Z_BUF_ERROR)
        return flow->last && flow->out_bytes > 0 ? UNPACK_TORN : UNPACK_GOES_ON;
    return code == Z_MEM_ERROR ? UNPACK_NO_MEMORY : UNPACK_DAMAGED;
}

static void gzip_finish(struct unpack *unpack)
{
    (void)inflateEnd(&unpack->gzip.stream);
}

/* ---- xz ------------------------------------------------------------------------------------------------ */

static bool xz_begin(struct unpack *unpack)
{
    unpack->xz = (lzma_stream)LZMA_STREAM_INIT;
    return lzma_stream_decoder(&unpack->xz, UNPACK_MEMORY_MAX_BYTES, LZMA_CONCATENATED) == LZMA_OK;
}

static enum unpack_state xz_run(struct unpack *unpack, struct flow *flow)
{
    unpack->xz.next_in = (const uint8_t *)flow->in;
    unpack->xz.avail_in = flow->in_bytes;
    unpack->xz.next_out = (uint8_t *)flow->out;
    unpack->xz.avail_out = flow->out_bytes;
    lzma_ret code = lzma_code(&unpack->xz, flow->last ? LZMA_FINISH : LZMA_RUN);
    flow->in = (const char *)unpack->xz.next_in;
    flow->in_bytes = unpack->xz.avail_in;
    flow->out = (char *)unpack->xz.next_out;
    flow->out_bytes = unpack->xz.avail_out;
    switch (code) {
    case LZMA_OK:
        return UNPACK_GOES_ON;
    case LZMA_STREAM_END:
        return UNPACK_DONE;
    case LZMA_BUF_ERROR:
        return flow->last && flow->out_bytes > 0 ? UNPACK_TORN : UNPACK_GOES_ON;
    case LZMA_MEMLIMIT_ERROR:
        return UNPACK_TOO_LARGE;
    case LZMA_MEM_ERROR:
        return UNPACK_NO_MEMORY;
    default:
        return UNPACK_DAMAGED;
    }
}

static void xz_finish(struct unpack *unpack)
{
    lzma_end(&unpack->xz);
}

/* ---- zstd ---------------------------------------------------------------------------------------------- */

static bool zstd_begin(struct unpack *unpack)
{
    unpack->zstd.stream = ZSTD_createDStream();
    return unpack->zstd.stream != NULL &&
           !ZSTD_isError(ZSTD_DCtx_setParameter(unpack->zstd.stream, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG2));
}

static enum unpack_state zstd_run(struct unpack *unpack, struct flow *flow)
{
    if (unpack->zstd.between && flow->in_bytes == 0)
        return flow->last ? UNPACK_DONE : UNPACK_GOES_ON;
    ZSTD_inBuffer in = {flow->in, flow->in_bytes, 0};
    ZSTD_outBuffer out = {flow->out, flow->out_bytes, 0};
    size_t code = ZSTD_decompressStream(unpack->zstd.stream, &out, &in);
    flow->in += in.pos;
    flow->in_bytes -= in.pos;
    flow->out += out.pos;
    flow->out_bytes -= out.pos;
    if (ZSTD_isError(code)) {
        ZSTD_ErrorCode error = ZSTD_getErrorCode(code);
        if (error == ZSTD_error_memory_allocation)
            return UNPACK_NO_MEMORY;
        return error == ZSTD_error_frameParameter_windowTooLarge ? UNPACK_TOO_LARGE : UNPACK_DAMAGED;
    }
    unpack->zstd.between = code == 0;
    bool stuck = flow->last && flow->in_bytes == 0 && flow->out_bytes > 0 && code != 0;
    return stuck ? UNPACK_TORN : UNPACK_GOES_ON;
}

static void zstd_finish(struct unpack *unpack)
{
    (void)ZSTD_freeDStream(unpack->zstd.stream);
}

/* ---- the forms ----------------------------------------------------------------------------------------- */

static const struct form forms[] = {
    {"gzip", "\x1f\x8b\x08", 3, gzip_begin, gzip_run, gzip_finish},
    {"xz", "\xfd\x37\x7a\x58\x5a\x00", 6, xz_begin, xz_run, xz_finish},
    {"zstd", "\x28\xb5\x2f\xfd", 4, zstd_begin, zstd_run, zstd_finish},
    {NULL, "", 0, plain_begin, plain_run, plain_finish},
};

struct unpack *unpack_create(const void *head, size_t bytes)
{
    struct unpack *unpack = calloc(1, sizeof *unpack);
    const struct form *form = forms;
    if (unpack == NULL)
        return NULL;
    while (bytes < form->head_bytes || memcmp(head, form->head, form->head_bytes) != 0)
        form++;
    unpack->form = form;
    if (form->begin(unpack))
        return unpack;
    unpack_destroy(unpack);
    return NULL;
}

void unpack_destroy(struct unpack *unpack)
{
    if (unpack == NULL)
        return;
    unpack->form->finish(unpack);
    free(unpack);
}

const char *unpack_form(const struct unpack *unpack)
{
    return unpack->form->name;
}

enum unpack_state unpack_run(struct unpack *unpack, const char **bytes, size_t *count, bool last, char *room,
                             size_t room_bytes, size_t *ret_written)
{
    struct flow flow = {*bytes, *count, last, room, room_bytes};
    enum unpack_state state = unpack->form->run(unpack, &flow);
    *bytes = flow.in;
    *count = flow.in_bytes;
    *ret_written = room_bytes - flow.out_bytes;
    return state;
}
