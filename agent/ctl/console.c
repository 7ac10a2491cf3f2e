#include "console.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

unsigned console_columns(FILE *file)
{
    struct winsize size = {0};
    return isatty(fileno(file)) == 1 && ioctl(fileno(file), TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

bool console_colours(FILE *file)
{
    return isatty(fileno(file)) == 1;
}

size_t console_character(const char *text, int *ret_columns)
{
    mbstate_t state = {0};
    wchar_t wide;
    size_t bytes = mbrtowc(&wide, text, strlen(text), &state);
    if (bytes == (size_t)-1 || bytes == (size_t)-2) {
        *ret_columns = -1;
        return 1;
    }
    *ret_columns = wcwidth(wide);
    return bytes;
}
