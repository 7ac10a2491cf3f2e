/* The reserve: libuv lives on where malloc fails, and gives blocks back. malloc and its kin are wrapped at
 * link time. */
#include "common/uv_reserve.h"
#include "tests/unit/unit.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

static bool failing;

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *pointer, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *pointer, size_t bytes);

void *__wrap_malloc(size_t bytes)
{
    return failing ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return failing ? NULL : __real_calloc(count, bytes);
}

void *__wrap_realloc(void *pointer, size_t bytes)
{
    return failing ? NULL : __real_realloc(pointer, bytes);
}

static void no_room(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
    (void)handle;
    (void)suggested;
    *ret = uv_buf_init(NULL, 0);
}

static void nothing(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    (void)stream;
    (void)count;
    (void)buffer;
}

/* libuv itself is a shared library that the wrapper does not reach, but it allocates through the reserve's
 * functions, which are linked here: they see the failing malloc. */
static void watchers_grow_without_memory(void **state)
{
    enum { STREAMS = 40 };
    uv_loop_t loop;
    uv_pipe_t pipes[STREAMS];
    int ends[STREAMS][2];
    (void)state;
    for (size_t i = 0; i < STREAMS; i++)
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends[i]), 0);
    failing = true;
    assert_int_equal(uv_loop_init(&loop), 0);
    for (size_t i = 0; i < STREAMS; i++) {
        assert_int_equal(uv_pipe_init(&loop, &pipes[i], 0), 0);
        assert_int_equal(uv_pipe_open(&pipes[i], ends[i][0]), 0);
        assert_int_equal(uv_read_start((uv_stream_t *)&pipes[i], no_room, nothing), 0);
    }
    (void)uv_run(&loop, UV_RUN_NOWAIT);
    for (size_t i = 0; i < STREAMS; i++)
        uv_close((uv_handle_t *)&pipes[i], NULL);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    failing = false;
    for (size_t i = 0; i < STREAMS; i++)
        (void)close(ends[i][1]);
}

/* Far more loops than the reserve has blocks: what is freed is taken again. */
static void blocks_come_back(void **state)
{
    (void)state;
    failing = true;
    for (int i = 0; i < 200; i++) {
        uv_loop_t loop;
        assert_int_equal(uv_loop_init(&loop), 0);
        assert_int_equal(uv_loop_close(&loop), 0);
    }
    failing = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(watchers_grow_without_memory),
        cmocka_unit_test(blocks_come_back),
    };
    if (uv_reserve_install() != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
