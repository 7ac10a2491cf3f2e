/* Errors, with one that Windows' C runtime lacks. */
#include_next <errno.h>

#ifndef EDQUOT
#define EDQUOT 10069 /* as its sockets have it */
#endif
