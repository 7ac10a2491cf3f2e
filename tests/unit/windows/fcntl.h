/* See unistd.h: all that is asked of an open file is not to wait, which every socket of a test then does. */
#ifndef TEST_WINDOWS_FCNTL_H
#define TEST_WINDOWS_FCNTL_H

#include_next <fcntl.h>

#define F_GETFL 3
#define F_SETFL 4

int posix_fcntl(int fd, int what, ...);
#define fcntl posix_fcntl

#endif
