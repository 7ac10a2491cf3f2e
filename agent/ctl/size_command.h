/* size_command.h - `farmgate size`: how many licences a farm would have needed, from a log of its sessions.
 */
#ifndef FARMGATE_CTL_SIZE_COMMAND_H
#define FARMGATE_CTL_SIZE_COMMAND_H

int size_command(int argc, char **argv);

#endif
