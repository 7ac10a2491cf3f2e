/* The C runtime's files, whose functions of POSIX names take paths of the ANSI code page and translate line
 * ends: unistd.h, fcntl.h and sys/stat.h have others under these names. */
#ifndef PLATFORM_IO_H
#define PLATFORM_IO_H

#define chmod  runtime_chmod
#define mkdir  runtime_mkdir
#define open   runtime_open
#define read   runtime_read
#define rmdir  runtime_rmdir
#define tell   runtime_tell
#define umask  runtime_umask
#define unlink runtime_unlink
#define write  runtime_write
#include_next <io.h>
#undef access
#undef chmod
#undef mkdir
#undef open
#undef read
#undef rmdir
#undef tell
#undef umask
#undef unlink
#undef write

#endif
