/* loader - loads the library of the name that it is given, as any program does; built twice, with the
 * beginning of ours (common/platform/windows/start.c) and without. It ends with 0 if there was one. */
#include <windows.h>

int main(int argc, char **argv)
{
    return argc > 1 && LoadLibraryA(argv[1]) ? 0 : 1;
}
