/* log_name.h - names as logs have them, and names as sizing wants them. */
#ifndef FARMGATE_CTL_LOG_NAME_H
#define FARMGATE_CTL_LOG_NAME_H

#include <stdbool.h>
#include <stddef.h>

/* Writes `bytes` as a text that may be a name (connection.h): what is no UTF-8 and control characters become
 * \xNN. False, with *ret_text untouched, if that has more than room - 1 bytes or is empty. *ret_escaped says
 * whether anything had to be written so; different names stay different. */
bool log_name(const char *bytes, size_t count, char *ret_text, size_t room, bool *ret_escaped);

#endif
