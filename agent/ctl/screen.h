/* screen.h - the whole terminal for one program: keys come in, cells go out, and at every end it is again as
 * it was. On libuv's tty, which is a terminal and Windows' console alike. */
#ifndef FARMGATE_CTL_SCREEN_H
#define FARMGATE_CTL_SCREEN_H

#include "cells.h"
#include "keys.h"

#include "common/error.h"

#include <uv.h>

struct screen_calls {
    void (*key)(void *data, enum key key, const char *text);
    void (*draw)(void *data); /* all has to be shown anew: another size, or we have been away */
    /* It is to end: by that signal, or 0: the terminal has gone. */
    void (*end)(void *data, int signal_number);
    void *data;
};

struct screen;

/* Whether standard input and output are a terminal that can be used so. */
bool screen_possible(void);

/* Takes the terminal over. 0, or an error of error.h with *ret_detail, and the terminal is as it was. */
int screen_open(uv_loop_t *loop, const struct screen_calls *calls, struct screen **ret,
                struct error_detail *ret_detail);
/* To draw on; screen_show writes what has changed, as soon as the line has taken what was written before. */
struct cells *screen_cells(struct screen *screen);
void screen_show(struct screen *screen);
/* As Ctrl-Z does; returns when we go on, after draw. */
void screen_suspend(struct screen *screen);
void screen_redraw(struct screen *screen);

/* Gives the terminal back at once; the loop has to run to its end before screen_destroy. */
void screen_close(struct screen *screen);
void screen_destroy(struct screen *screen);

#endif
