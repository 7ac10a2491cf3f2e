/* room.h - arrays that grow. */
#ifndef FARMGATE_COMMON_ROOM_H
#define FARMGATE_COMMON_ROOM_H

#include <stdbool.h>
#include <stddef.h>

/* Makes *array (of *room elements) hold at least `count` of them; new ones are all zero. False without
 * memory, with nothing changed. */
bool room_reserve(void **array, size_t *room, size_t count, size_t element_bytes);

#endif
