/* keys.h - keys out of the bytes of a terminal, which come in any pieces. Pure. */
#ifndef FARMGATE_CTL_KEYS_H
#define FARMGATE_CTL_KEYS_H

#include <stddef.h>

#define KEYS_SEQUENCE_BYTES 16
#define KEYS_PATIENCE_MS \
    300 /* an ESC that nothing has followed is the key itself: longer than a slow line splits one */

enum key {
    KEY_TEXT, /* a character, in UTF-8 */
    KEY_UP,
    KEY_DOWN,
    KEY_LEFT,
    KEY_RIGHT,
    KEY_PAGE_UP,
    KEY_PAGE_DOWN,
    KEY_HOME,
    KEY_END,
    KEY_TAB,
    KEY_BACK_TAB,
    KEY_ENTER,
    KEY_BACKSPACE,
    KEY_ESCAPE,
    KEY_INTERRUPT, /* Ctrl-C */
    KEY_SUSPEND,   /* Ctrl-Z */
    KEY_REDRAW,    /* Ctrl-L */
};

typedef void key_fn(void *data, enum key key, const char *text);

struct keys {
    key_fn *on_key;
    void *data;
    size_t count;
    char sequence[KEYS_SEQUENCE_BYTES]; /* what has begun */
};

void keys_init(struct keys *keys, key_fn *on_key, void *data);
void keys_feed(struct keys *keys, const char *bytes, size_t count);
/* Whether something has begun that KEYS_PATIENCE_MS of silence would end: keys_end. */
int keys_pending(const struct keys *keys);
void keys_end(struct keys *keys);

#endif
