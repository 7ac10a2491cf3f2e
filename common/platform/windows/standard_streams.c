/* Windows gives a closed stream's handle to nobody else. */
#include "../standard_streams.h"

void standard_streams_hold(void)
{
}
