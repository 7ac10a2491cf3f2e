/* start.c - where a program begins: its arguments come as UTF-8, what it says is read as UTF-8, and no byte
 * of it is translated. */
#include "wide.h"

#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

int main(int argc, char **argv);
int wmain(int argc, wchar_t **wide);

/* The console is not ours alone: whoever used it before finds it as it was. */
static UINT page_before;

static void leave_console(void)
{
    (void)SetConsoleOutputCP(page_before);
}

static void take_streams(void)
{
    for (int fd = 0; fd <= 2; fd++)
        (void)_setmode(fd, _O_BINARY);
    page_before = GetConsoleOutputCP();
    if (page_before != 0 && page_before != CP_UTF8 && SetConsoleOutputCP(CP_UTF8))
        (void)atexit(leave_console);
}

int wmain(int argc, wchar_t **wide)
{
    /* What is loaded from now on is Windows' own, and nothing that lies beside the program or in the current
     * directory. */
    (void)SetDefaultDllDirectories(LOAD_LIBRARY_SEARCH_SYSTEM32);
    char **argv = calloc((size_t)argc + 1, sizeof(*argv));
    for (int i = 0; argv && i < argc; i++) {
        argv[i] = wide_to_utf8(wide[i]);
        if (!argv[i])
            return EXIT_FAILURE;
    }
    if (!argv)
        return EXIT_FAILURE;
    take_streams();
    return main(argc, argv);
}
