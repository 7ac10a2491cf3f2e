/* C's limits; paths may be longer than Windows' old ones (open, fopen). */
#include_next <limits.h>

#undef PATH_MAX
#define PATH_MAX 4096
