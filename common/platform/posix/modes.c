#include "../modes.h"

#define MODE_BITS 07777

bool modes_match(unsigned told, unsigned mode)
{
    return (told & MODE_BITS) == mode;
}
