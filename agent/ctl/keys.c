#include "keys.h"

#include "common/utf8.h"

#include <string.h>

#define ESCAPE '\033'

void keys_init(struct keys *keys, key_fn *on_key, void *data)
{
    *keys = (struct keys){.on_key = on_key, .data = data};
}

static void give_sequence(struct keys *keys)
{
    static const struct {
        const char *sequence;
        enum key key;
    } known[] = {
        {"[A", KEY_UP},       {"OA", KEY_UP},         {"[B", KEY_DOWN},     {"OB", KEY_DOWN},
        {"[C", KEY_RIGHT},    {"OC", KEY_RIGHT},      {"[D", KEY_LEFT},     {"OD", KEY_LEFT},
        {"[H", KEY_HOME},     {"OH", KEY_HOME},       {"[1~", KEY_HOME},    {"[7~", KEY_HOME},
        {"[F", KEY_END},      {"OF", KEY_END},        {"[4~", KEY_END},     {"[8~", KEY_END},
        {"[5~", KEY_PAGE_UP}, {"[6~", KEY_PAGE_DOWN}, {"[Z", KEY_BACK_TAB},
    };
    const char *rest = keys->sequence + 1;
    size_t bytes = keys->count - 1;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strlen(known[i].sequence) == bytes && memcmp(known[i].sequence, rest, bytes) == 0)
            keys->on_key(keys->data, known[i].key, "");
    keys->count = 0; /* of others nothing comes */
}

/* "ESC [ … final" and "ESC O x"; anything else behind ESC is a key with Alt, which means nothing here. */
static void add_to_escape(struct keys *keys, char byte)
{
    if (keys->count == KEYS_SEQUENCE_BYTES) {
        keys->count = 0;
        return;
    }
    keys->sequence[keys->count++] = byte;
    if (keys->count == 2) {
        if (byte == ESCAPE) {
            keys->count = 1;
            keys->on_key(keys->data, KEY_ESCAPE, "");
        } else if (byte != '[' && byte != 'O') {
            keys->count = 0;
        }
    } else if (keys->sequence[1] == 'O' || (byte >= '@' && byte <= '~')) {
        give_sequence(keys);
    }
}

static void give_control(struct keys *keys, unsigned char byte)
{
    static const struct {
        unsigned char byte;
        enum key key;
    } known[] = {
        {3, KEY_INTERRUPT}, {8, KEY_BACKSPACE}, {9, KEY_TAB},      {10, KEY_ENTER},
        {12, KEY_REDRAW},   {13, KEY_ENTER},    {26, KEY_SUSPEND}, {127, KEY_BACKSPACE},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (known[i].byte == byte)
            keys->on_key(keys->data, known[i].key, "");
}

/* How many bytes a character has that begins so; 0: none does. */
static size_t character_bytes(unsigned char first)
{
    return first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 0;
}

static void add_to_character(struct keys *keys, char byte)
{
    keys->sequence[keys->count++] = byte;
    size_t whole = character_bytes((unsigned char)keys->sequence[0]);
    if (whole == 0 || ((unsigned char)byte & 0xC0) != (keys->count > 1 ? 0x80 : 0xC0)) {
        keys->count = 0;
    } else if (keys->count == whole) {
        keys->sequence[whole] = '\0';
        keys->count = 0;
        if (utf8_valid(keys->sequence, whole))
            keys->on_key(keys->data, KEY_TEXT, keys->sequence);
    }
}

static void take(struct keys *keys, char byte)
{
    unsigned char value = (unsigned char)byte;
    if (keys->count > 0 && keys->sequence[0] == ESCAPE) {
        add_to_escape(keys, byte);
    } else if (value >= 0x80) {
        add_to_character(keys, byte);
    } else if (byte == ESCAPE) {
        keys->sequence[0] = byte;
        keys->count = 1;
    } else if (value < ' ' || value == 127) {
        keys->count = 0;
        give_control(keys, value);
    } else {
        keys->count = 0;
        keys->on_key(keys->data, KEY_TEXT, (char[]){byte, '\0'});
    }
}

void keys_feed(struct keys *keys, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        take(keys, bytes[i]);
}

int keys_pending(const struct keys *keys)
{
    return keys->count > 0;
}

void keys_end(struct keys *keys)
{
    int was_escape = keys->count == 1 && keys->sequence[0] == ESCAPE;
    keys->count = 0;
    if (was_escape)
        keys->on_key(keys->data, KEY_ESCAPE, "");
}
