/* sleeper - a program that does nothing until it is ended, to be run under another's name. */
#include <windows.h>

int main(void)
{
    Sleep(INFINITE);
}
