/* The C runtime's own struct stat, under a name that leaves sys/stat.h's its own. */
#define stat runtime_stat
#include_next <_mingw_stat64.h>
#undef stat
