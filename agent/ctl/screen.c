#include "screen.h"

#include "console.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The other screen, no wrapping at the right edge, no cursor; and back. */
#define ENTER "\033[?1049h\033[?7l\033[?25l"

#define ROWS_FALLBACK    24
#define COLUMNS_FALLBACK 80
#define ENDINGS_MAX      6

struct screen {
    struct screen_calls calls;
    uv_tty_t in, out;
    uv_timer_t key_timer;
    uv_signal_t endings[ENDINGS_MAX], stop, resume, size;
    size_t endings_count;
    bool colour, closed;
    struct keys keys;
    char read[256];

    struct cells wanted, shown;
    bool known; /* `shown` is what the terminal shows */
    bool busy, waiting;
    uv_write_t write;
    struct text_buffer output;
};

bool screen_possible(void)
{
    const char *name = getenv("TERM");
    return uv_guess_handle(STDIN_FILENO) == UV_TTY && uv_guess_handle(STDOUT_FILENO) == UV_TTY &&
           !(name && strcmp(name, "dumb") == 0);
}

/* --- out ------------------------------------------------------------------------------------ */

/* At once, past what waits in libuv's queue: that is for a screen which is left. */
static void write_now(struct screen *screen, const char *text)
{
    uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)text, (unsigned)strlen(text));
    if (uv_try_write((uv_stream_t *)&screen->out, &buffer, 1) < 0)
        (void)!write(STDOUT_FILENO, text, strlen(text));
}

static bool fit(struct screen *screen)
{
    int columns = 0, rows = 0;
    if (uv_tty_get_winsize(&screen->out, &columns, &rows) != 0 || columns <= 0 || rows <= 0) {
        columns = COLUMNS_FALLBACK;
        rows = ROWS_FALLBACK;
    }
    columns = columns < CELLS_COLUMNS_MAX ? columns : CELLS_COLUMNS_MAX;
    rows = rows < CELLS_ROWS_MAX ? rows : CELLS_ROWS_MAX;
    screen->known = false;
    return cells_resize(&screen->wanted, (unsigned)rows, (unsigned)columns);
}

static void on_written(uv_write_t *write, int status)
{
    struct screen *screen = write->data;
    screen->busy = false;
    text_buffer_finish(&screen->output);
    if (screen->closed)
        return;
    if (status < 0)
        screen->calls.end(screen->calls.data, 0);
    else if (screen->waiting)
        screen_show(screen);
}

/* What the terminal will show when all of this is written. */
static bool note_shown(struct screen *screen)
{
    if ((screen->shown.rows != screen->wanted.rows || screen->shown.columns != screen->wanted.columns) &&
        !cells_resize(&screen->shown, screen->wanted.rows, screen->wanted.columns))
        return false;
    cells_copy(&screen->shown, &screen->wanted);
    return true;
}

void screen_show(struct screen *screen)
{
    screen->waiting = screen->busy;
    if (screen->busy || screen->closed)
        return;
    cells_difference(screen->known ? &screen->shown : NULL, &screen->wanted, screen->colour, &screen->output);
    if (screen->output.bytes == 0)
        return;
    screen->known = !screen->output.failed && note_shown(screen);
    uv_buf_t buffer = uv_buf_init(screen->output.text, (unsigned)screen->output.bytes);
    screen->write.data = screen;
    screen->busy = true;
    if (uv_write(&screen->write, (uv_stream_t *)&screen->out, &buffer, 1, on_written) != 0)
        on_written(&screen->write, UV_EIO);
}

struct cells *screen_cells(struct screen *screen)
{
    return &screen->wanted;
}

static void draw_anew(struct screen *screen)
{
    if (fit(screen))
        screen->calls.draw(screen->calls.data);
}

void screen_redraw(struct screen *screen)
{
    draw_anew(screen);
}

/* --- taking and giving ---------------------------------------------------------------------- */

static int enter(struct screen *screen)
{
    int error = uv_tty_set_mode(&screen->in, UV_TTY_MODE_RAW);
    if (!error)
        write_now(screen, ENTER);
    return error;
}

static void leave(struct screen *screen)
{
    write_now(screen, CONSOLE_LEAVE);
    (void)uv_tty_set_mode(&screen->in, UV_TTY_MODE_NORMAL);
}

static void on_resume(uv_signal_t *handle, int number)
{
    struct screen *screen = handle->data;
    (void)number;
    (void)uv_tty_set_mode(&screen->in, UV_TTY_MODE_NORMAL); /* a shell may have changed it: begin anew */
    (void)enter(screen);
    draw_anew(screen);
}

static void on_stop(uv_signal_t *handle, int number)
{
    (void)number;
    screen_suspend(handle->data);
}

void screen_suspend(struct screen *screen)
{
    const struct console_signals *signals = console_signals();
    if (signals->stop == 0)
        return;
    leave(screen);
    (void)uv_signal_stop(&screen->stop);
    console_stop();
    (void)uv_signal_start(&screen->stop, on_stop, signals->stop);
    on_resume(&screen->resume, signals->resume);
}

static void on_ending(uv_signal_t *handle, int number)
{
    struct screen *screen = handle->data;
    screen->calls.end(screen->calls.data, number);
}

static void on_size(uv_signal_t *handle, int number)
{
    (void)number;
    draw_anew(handle->data);
}

static void watch(struct screen *screen, uv_signal_t *handle, uv_signal_cb call, int number)
{
    (void)uv_signal_init(screen->in.loop, handle);
    handle->data = screen;
    if (number != 0)
        (void)uv_signal_start(handle, call, number);
}

static void watch_signals(struct screen *screen)
{
    const struct console_signals *signals = console_signals();
    for (const int *number = signals->endings; *number != 0 && screen->endings_count < ENDINGS_MAX; number++)
        watch(screen, &screen->endings[screen->endings_count++], on_ending, *number);
    watch(screen, &screen->stop, on_stop, signals->stop);
    watch(screen, &screen->resume, on_resume, signals->resume);
    watch(screen, &screen->size, on_size, SIGWINCH);
}

/* --- in ------------------------------------------------------------------------------------- */

static void on_key(void *data, enum key key, const char *text)
{
    struct screen *screen = data;
    if (!screen->closed)
        screen->calls.key(screen->calls.data, key, text);
}

static void on_key_timer(uv_timer_t *timer)
{
    struct screen *screen = timer->data;
    keys_end(&screen->keys);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
    struct screen *screen = handle->data;
    (void)suggested;
    *ret = uv_buf_init(screen->read, sizeof(screen->read));
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct screen *screen = stream->data;
    if (count < 0) {
        screen->calls.end(screen->calls.data, 0);
        return;
    }
    (void)uv_timer_stop(&screen->key_timer);
    keys_feed(&screen->keys, buffer->base, (size_t)count);
    if (keys_pending(&screen->keys) && !screen->closed)
        (void)uv_timer_start(&screen->key_timer, on_key_timer, KEYS_PATIENCE_MS, 0);
}

/* --- the whole ------------------------------------------------------------------------------ */

static int open_terminal(uv_loop_t *loop, struct screen *screen)
{
    int error = uv_tty_init(loop, &screen->in, STDIN_FILENO, 1);
    if (error)
        return error;
    error = uv_tty_init(loop, &screen->out, STDOUT_FILENO, 0);
    if (error) {
        uv_close((uv_handle_t *)&screen->in, NULL);
        (void)uv_run(loop, UV_RUN_DEFAULT);
        return error;
    }
    screen->in.data = screen->out.data = screen;
    return 0;
}

static bool speaks_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = getenv(names[i]);
        if (value && value[0])
            return console_is_utf8(value);
    }
    return console_is_utf8("");
}

int screen_open(uv_loop_t *loop, const struct screen_calls *calls, struct screen **ret,
                struct error_detail *ret_detail)
{
    struct screen *screen = calloc(1, sizeof(*screen));
    if (!screen)
        return ERROR_NO_MEMORY;
    struct term term;
    screen->calls = *calls;
    int error = open_terminal(loop, screen);
    if (error) {
        error_detail_set(ret_detail, "the terminal: %s", uv_strerror(error));
        free(screen);
        return ERROR_IO;
    }
    term_init(&term, stdout);
    screen->colour = term.colour;
    screen->wanted.plain = !speaks_utf8();
    keys_init(&screen->keys, on_key, screen);
    (void)uv_timer_init(loop, &screen->key_timer);
    screen->key_timer.data = screen;
    watch_signals(screen);
    console_guard();
    error = fit(screen) ? enter(screen) : UV_ENOMEM;
    if (!error)
        error = uv_read_start((uv_stream_t *)&screen->in, on_alloc, on_read);
    if (error) {
        error_detail_set(ret_detail, "the terminal: %s", uv_strerror(error));
        screen_close(screen);
        (void)uv_run(loop, UV_RUN_DEFAULT);
        screen_destroy(screen);
        return ERROR_IO;
    }
    *ret = screen;
    return 0;
}

void screen_close(struct screen *screen)
{
    if (!screen || screen->closed)
        return;
    screen->closed = true;
    leave(screen);
    for (size_t i = 0; i < screen->endings_count; i++)
        uv_close((uv_handle_t *)&screen->endings[i], NULL);
    uv_close((uv_handle_t *)&screen->stop, NULL);
    uv_close((uv_handle_t *)&screen->resume, NULL);
    uv_close((uv_handle_t *)&screen->size, NULL);
    uv_close((uv_handle_t *)&screen->key_timer, NULL);
    uv_close((uv_handle_t *)&screen->in, NULL);
    uv_close((uv_handle_t *)&screen->out, NULL);
}

void screen_destroy(struct screen *screen)
{
    if (!screen)
        return;
    text_buffer_finish(&screen->output);
    cells_finish(&screen->wanted);
    cells_finish(&screen->shown);
    free(screen);
}
