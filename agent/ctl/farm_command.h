/* farm_command.h - `farmgate farm …`: a table of what follows the word, each in a file of its own. */
#ifndef FARMGATE_CTL_FARM_COMMAND_H
#define FARMGATE_CTL_FARM_COMMAND_H

/* Of all of them: one --help, with every option. */
extern const char farm_help[];

/* argv[0] is "init" and so on; an exit code of command.h. */
int farm_init(int argc, char **argv);
int farm_invite(int argc, char **argv);
int farm_join(int argc, char **argv);
int farm_status_command(int argc, char **argv);
int farm_settings_command(int argc, char **argv);
int farm_set_command(int argc, char **argv);
int farm_leave_command(int argc, char **argv);

int farm_command(int argc, char **argv);

#endif
