/* The C runtime's directories: unistd.h and sys/stat.h have others under these names. */
#define mkdir runtime_mkdir
#define rmdir runtime_rmdir
#include_next <direct.h>
#undef mkdir
#undef rmdir
