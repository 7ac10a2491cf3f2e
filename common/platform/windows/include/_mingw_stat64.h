/* The C runtime's own struct stat, under a name that leaves sys/stat.h's its own. */
#define stat runtime_stat
#pragma push_macro("st_mtime")
#undef st_mtime
#include_next <_mingw_stat64.h>
#pragma pop_macro("st_mtime")
#undef stat
