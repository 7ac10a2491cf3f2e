/* uv_reserve.h - a small reserve of memory for libuv, which aborts the process when one of its own
 * allocations fails (measured: growing the table of watchers, setting up signals). With the reserve it lives
 * on, and the failing allocations of everybody else are handled where they happen. */
#ifndef FARMGATE_COMMON_UV_RESERVE_H
#define FARMGATE_COMMON_UV_RESERVE_H

#define UV_RESERVE_BLOCK_BYTES 4096
#define UV_RESERVE_BLOCKS      16

/* Before any other call of libuv. 0 or libuv's code. */
int uv_reserve_install(void);

#endif
