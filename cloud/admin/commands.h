/* commands.h - one function a command; returns the exit code, what failed has been said. */
#ifndef FARMGATE_CLOUD_ADMIN_COMMANDS_H
#define FARMGATE_CLOUD_ADMIN_COMMANDS_H

#include "cloud/admin/admin.h"

int command_key_create(const struct admin_options *options);
int command_key_list(const struct admin_options *options);
int command_farm_list(const struct admin_options *options);
int command_farm_deactivate(const struct admin_options *options);
int command_public_key(const struct admin_options *options);

#endif
