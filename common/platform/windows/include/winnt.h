/* Windows' base types, without the macro whose name is too common. */
#include_next <winnt.h>

#undef TEXT
