#include "console.h"

#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <uv.h>
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
    /* What turns the direction of writing, or ends a line, says nothing of its width. */
    bool steers = (wide >= 0x2028 && wide <= 0x202E) || (wide >= 0x2066 && wide <= 0x2069);
    *ret_columns = steers ? -1 : wcwidth(wide);
    return bytes;
}

/* --- a program that has the whole terminal ---------------------------------------------------- */

const struct console_signals *console_signals(void)
{
    static const int endings[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, 0};
    static const struct console_signals signals = {endings, SIGTSTP, SIGCONT};
    return &signals;
}

void console_stop(void)
{
    (void)kill(0, SIGTSTP);
}

static void give_back(int number)
{
    (void)uv_tty_reset_mode();
    (void)!write(STDOUT_FILENO, CONSOLE_LEAVE, strlen(CONSOLE_LEAVE));
    (void)raise(number); /* it has its default action again */
}

void console_guard(void)
{
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    struct sigaction action = {.sa_handler = give_back, .sa_flags = (int)SA_RESETHAND};
    for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
        (void)sigaction(crashes[i], &action, NULL);
}

bool console_is_utf8(const char *locale)
{
    return strcasestr(locale, "UTF-8") || strcasestr(locale, "UTF8");
}
