/* Memory from the system and back to it: anonymous mappings, and no others. */
#ifndef PLATFORM_SYS_MMAN_H
#define PLATFORM_SYS_MMAN_H

#include <stddef.h>
#include <stdint.h>

#define PROT_READ     1
#define PROT_WRITE    2
#define MAP_PRIVATE   0x02
#define MAP_ANONYMOUS 0x20
#define MAP_FAILED    ((void *)-1)

void *platform_mmap(void *address, size_t bytes, int protection, int flags, int fd, int64_t offset);
int platform_munmap(void *address, size_t bytes);

void *mmap(void *address, size_t bytes, int protection, int flags, int fd,
           int64_t offset) __asm__("platform_mmap");
int munmap(void *address, size_t bytes) __asm__("platform_munmap");

#endif
