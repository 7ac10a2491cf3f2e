/* rdp_file.h - a published resource as the .rdp file that clients open. */
#ifndef FARMGATE_AGENT_RDP_FILE_H
#define FARMGATE_AGENT_RDP_FILE_H

#include "resources.h"

/* The value of a property that resources.conf gives ("full address"); NULL without it. */
const char *rdp_file_property(const struct resource *resource, const char *name);

/* Where its clients connect by default: the property "full address", else the first of its hosts, else
 * `elsewhere`. */
const char *rdp_file_address(const struct resource *resource, const char *elsewhere);

/* The file of a client that connects to `address`, to be freed with free(). Lines end in CR LF, and no text
 * can begin one. It is ASCII, or, where a text is not, UTF-16LE with its mark, as Windows' own client saves
 * them. ERROR_NO_MEMORY. */
int rdp_file_make(const struct resource *resource, const char *address, char **ret, size_t *ret_bytes);

#endif
