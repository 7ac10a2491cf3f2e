/* commands.h - one function a command; returns the exit code, what failed has been said. Each subject has a
 * file of its own. */
#ifndef FARMGATE_CLOUD_ADMIN_COMMANDS_H
#define FARMGATE_CLOUD_ADMIN_COMMANDS_H

#include "cloud/admin/admin.h"

int command_subscription_create(const struct admin_options *options);
int command_subscription_list(const struct admin_options *options);
int command_subscription_show(const struct admin_options *options);
int command_subscription_order(const struct admin_options *options);
int command_subscription_renew(const struct admin_options *options);
int command_subscription_cancel(const struct admin_options *options);
int command_subscription_rename(const struct admin_options *options);
int command_key_create(const struct admin_options *options);
int command_key_list(const struct admin_options *options);
/* The keys of another path than all of them. */
int command_key_list_of(const struct admin_options *options, const char *target);
int command_key_edit(const struct admin_options *options);
int command_key_delete(const struct admin_options *options);
int command_farm_list(const struct admin_options *options);
int command_farm_show(const struct admin_options *options);
int command_farm_note(const struct admin_options *options);
int command_farm_deactivate(const struct admin_options *options);
int command_report_history(const struct admin_options *options);
int command_activate_offline(const struct admin_options *options);
int command_audit(const struct admin_options *options);
int command_token_make(const struct admin_options *options);
int command_backup(const struct admin_options *options);
int command_public_key(const struct admin_options *options);
int command_signing_key_list(const struct admin_options *options);
int command_signing_key_rotate(const struct admin_options *options);
int command_signing_key_next(const struct admin_options *options);

#endif
