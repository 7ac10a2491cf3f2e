/* How many files may be open. */
#ifndef PLATFORM_SYS_RESOURCE_H
#define PLATFORM_SYS_RESOURCE_H

#define RLIMIT_NOFILE 7

typedef unsigned long long rlim_t;

struct rlimit {
    rlim_t rlim_cur, rlim_max;
};

int platform_getrlimit(int which, struct rlimit *ret);
int getrlimit(int which, struct rlimit *ret) __asm__("platform_getrlimit");

#endif
