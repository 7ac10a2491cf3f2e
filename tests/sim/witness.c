#include "witness.h"

#include <stdarg.h>
#include <stdio.h>

const char *check_name(enum check check)
{
#define CHECK_NAME(name, text) [CHECK_##name] = #name,
    static const char *const names[] = {CHECKS(CHECK_NAME)};
    return names[check];
}

const char *check_text(enum check check)
{
#define CHECK_TEXT(name, text) [CHECK_##name] = text,
    static const char *const texts[] = {CHECKS(CHECK_TEXT)};
    return texts[check];
}

const char *happening_text(enum happening happening)
{
#define HAPPENING_TEXT(name, text) [HAPPENED_##name] = text,
    static const char *const texts[] = {HAPPENINGS(HAPPENING_TEXT)};
    return texts[happening];
}

void witness_fail(struct witness *witness, enum check check, unsigned host, const char *format, ...)
{
    va_list values;
    if (witness->failed != CHECK_NONE)
        return;
    witness->failed = check;
    witness->failed_ms = *witness->true_ms;
    witness->failed_host = host;
    va_start(values, format);
    (void)vsnprintf(witness->words, sizeof(witness->words), format, values);
    va_end(values);
}
