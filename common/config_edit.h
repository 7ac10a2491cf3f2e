/* config_edit.h - changes settings of one group in the text of a configuration file, as an administrator
 * would: comments, order and everything else stay as they are, which libconfig's own writer does not do. A
 * pure function of texts; who uses it reads the outcome before it takes the place of the file. */
#ifndef FARMGATE_COMMON_CONFIG_EDIT_H
#define FARMGATE_COMMON_CONFIG_EDIT_H

#include "error.h"

#include <stddef.h>

#define CONFIG_EDIT_CHANGES_MAX 32

struct config_change {
    const char *name;  /* within the group: "mode" */
    const char *value; /* as it stands in a file; NULL: the setting goes */
};

/* A setting that is there gets its new value in place. One that is not comes behind its line "# NAME = …" if
 * the group has one, else at the group's end; a missing group comes at the text's end. New lines end as
 * the first one does. *ret_text is to be freed with free().
 * ERROR_CONFIGURATION with line and words (the text is no configuration), ERROR_NO_MEMORY.
 */
int config_edit(const char *text, const char *group, const struct config_change *changes, size_t count,
                char **ret_text, struct error_detail *ret_detail);

#endif
