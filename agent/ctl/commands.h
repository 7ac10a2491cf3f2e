/* commands.h - every command of `farmgate` but size; each takes its own words (argv[0] is its name) and
 * returns an exit code of command.h. */
#ifndef FARMGATE_CTL_COMMANDS_H
#define FARMGATE_CTL_COMMANDS_H

int status_command(int argc, char **argv);
int top_command(int argc, char **argv);
int connections_command(int argc, char **argv);
int users_command(int argc, char **argv);
int explain_command(int argc, char **argv);
int windows_command(int argc, char **argv);
int gate_command(int argc, char **argv);
int resources_command(int argc, char **argv);
int connection_command(int argc, char **argv);
int activate_command(int argc, char **argv);
int activation_command(int argc, char **argv);
int release_command(int argc, char **argv);
int report_command(int argc, char **argv);
int forget_command(int argc, char **argv);
int events_command(int argc, char **argv);
int web_command(int argc, char **argv);
int check_command(int argc, char **argv);
int check_config_command(int argc, char **argv);
int support_command(int argc, char **argv);
int configure_command(int argc, char **argv);

#endif
