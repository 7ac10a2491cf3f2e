/* heap_trim.h - gives freed memory back to the system, where the C library has a call for it. */
#ifndef FARMGATE_COMMON_HEAP_TRIM_H
#define FARMGATE_COMMON_HEAP_TRIM_H

void heap_trim(void);

#endif
