#include "error.h"

#include "utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

const char *error_text(int code)
{
    switch (code) {
    case ERROR_NONE:
        return "no error";
#define ERROR_CASE(name, value, text) \
    case value:                       \
        return text;
        ERRORS(ERROR_CASE)
#undef ERROR_CASE
#define UV_CASE(name, text) \
    case UV_##name:         \
        return text;
        UV_ERRNO_MAP(UV_CASE)
#undef UV_CASE
    default:
        return "unknown error";
    }
}

int error_from_errno(int number)
{
    switch (number) {
    case ENOENT:
    case ENOTDIR:
        return ERROR_NOT_FOUND;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return ERROR_FULL;
    case EACCES:
    case EPERM:
    case EROFS:
        return ERROR_FORBIDDEN;
    case ENOMEM:
        return ERROR_NO_MEMORY;
    default:
        return ERROR_IO;
    }
}

void error_detail_set(struct error_detail *ret_detail, const char *format, ...)
{
    if (!ret_detail)
        return;
    va_list arguments;
    va_start(arguments, format);
    int wanted = vsnprintf(ret_detail->text, sizeof(ret_detail->text), format, arguments);
    va_end(arguments);
    if (wanted < 0)
        ret_detail->text[0] = '\0';
    else if ((size_t)wanted >= sizeof(ret_detail->text))
        utf8_cut(ret_detail->text);
}
