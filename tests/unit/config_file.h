/* config_file.h - is a shipped configuration file what its table says? */
#ifndef FARMGATE_TESTS_UNIT_CONFIG_FILE_H
#define FARMGATE_TESTS_UNIT_CONFIG_FILE_H

#include "common/config.h"

/* Asserts that every setting of the table stands in the file as a commented line "# NAME = DEFAULT;" inside
 * its group, that nothing else does, and that the file, as it is and with all such lines uncommented, gives
 * exactly the defaults. `values_bytes` is the size of the struct that the table fills. */
void assert_shows_every_setting(const struct config_table *table, const char *path, size_t values_bytes);

#endif
