#include "core_error.h"

const char *core_error_text(int code)
{
#define CORE_ERROR_CASE(name, number, text) \
    case name:                              \
        return text;
    switch (code) {
        CORE_ERRORS(CORE_ERROR_CASE)
    case CORE_OK:
        return "success";
    default:
        return "unknown error";
    }
#undef CORE_ERROR_CASE
}
