/* Windows' error numbers, without those whose names are common/error.h's own. */
#include_next <winerror.h>

#undef ERROR_BUSY
#undef ERROR_CANCELLED
#undef ERROR_NOT_FOUND
#undef ERROR_TIMEOUT
#undef SEVERITY_ERROR
#undef SEVERITY_SUCCESS
