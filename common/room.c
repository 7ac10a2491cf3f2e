#include "room.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 64

bool room_reserve(void **array, size_t *room, size_t count, size_t element_bytes)
{
    if (count <= *room)
        return true;
    size_t more = *room == 0 ? ROOM_FIRST : *room;
    while (more < count)
        more *= 2;
    char *grown = realloc(*array, more * element_bytes);
    if (grown == NULL)
        return false;
    memset(grown + *room * element_bytes, 0, (more - *room) * element_bytes);
    *array = grown;
    *room = more;
    return true;
}
