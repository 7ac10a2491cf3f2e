#include "../modes.h"

#include "file_rights.h"

bool modes_match(unsigned told, unsigned mode)
{
    return file_rights_wanted(told) || !file_rights_wanted(mode);
}
