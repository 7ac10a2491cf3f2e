#include "console.h"

#include "common/utf8.h"

#include <io.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <windows.h>

static HANDLE handle_of(FILE *file)
{
    return (HANDLE)_get_osfhandle(_fileno(file));
}

unsigned console_columns(FILE *file)
{
    CONSOLE_SCREEN_BUFFER_INFO about;
    if (!GetConsoleScreenBufferInfo(handle_of(file), &about))
        return 0;
    return (unsigned)(about.srWindow.Right - about.srWindow.Left + 1);
}

bool console_colours(FILE *file)
{
    DWORD mode;
    return GetConsoleMode(handle_of(file), &mode) &&
           SetConsoleMode(handle_of(file),
                          mode | ENABLE_PROCESSED_OUTPUT | ENABLE_VIRTUAL_TERMINAL_PROCESSING);
}

/* --- characters: neither the C runtime nor Windows tells their columns -------------------------------- */

struct range {
    uint32_t first, last;
};

static bool is_in(uint32_t character, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (character >= ranges[i].first && character <= ranges[i].last)
            return true;
    return false;
}

#define WITHIN(character, ranges) is_in(character, ranges, sizeof(ranges) / sizeof((ranges)[0]))

/* By whole blocks of Unicode. */
static int columns_of(uint32_t character)
{
    static const struct range control[] = {{0, 0x1F}, {0x7F, 0x9F}, {0x2028, 0x202E}, {0x2066, 0x2069}};
    static const struct range combining[] = {{0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD},
                                             {0x0610, 0x061A}, {0x064B, 0x065F}, {0x1AB0, 0x1AFF},
                                             {0x1DC0, 0x1DFF}, {0x200B, 0x200F}, {0x20D0, 0x20FF},
                                             {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xE0100, 0xE01EF}};
    static const struct range wide[] = {{0x1100, 0x115F},   {0x2E80, 0x303E},  {0x3041, 0xA4CF},
                                        {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},  {0xFE30, 0xFE6F},
                                        {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},  {0x1F300, 0x1F64F},
                                        {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};
    if (WITHIN(character, control))
        return -1;
    if (WITHIN(character, combining))
        return 0;
    return WITHIN(character, wide) ? 2 : 1;
}

size_t console_character(const char *text, int *ret_columns)
{
    static const unsigned char first_bits[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    size_t bytes = utf8_character(text, strlen(text));
    if (bytes == 0) {
        *ret_columns = -1;
        return 1;
    }
    uint32_t character = (unsigned char)text[0] & first_bits[bytes];
    for (size_t i = 1; i < bytes; i++)
        character = character << 6 | ((unsigned char)text[i] & 0x3F);
    *ret_columns = columns_of(character);
    return bytes;
}

/* --- a program that has the whole terminal ---------------------------------------------------- */

const struct console_signals *console_signals(void)
{
    static const int endings[] = {SIGINT, SIGBREAK, SIGHUP, 0};
    static const struct console_signals signals = {endings, 0, 0};
    return &signals;
}

void console_stop(void)
{
}

/* The console forgets a program's modes with it. */
void console_guard(void)
{
}

/* libuv writes characters, not bytes, to it. */
bool console_is_utf8(const char *locale)
{
    (void)locale;
    return true;
}
