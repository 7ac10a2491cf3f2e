/* reclaim_command.h - two of the words of `farmgate connection`; argv[0] is the word, `help` the whole
 * command's. */
#ifndef FARMGATE_CTL_RECLAIM_COMMAND_H
#define FARMGATE_CTL_RECLAIM_COMMAND_H

/* May a hook end this session? COMMAND_OK: yes; COMMAND_CLOSED: no, and why has been printed. */
int connection_reclaimable(const char *help, int argc, char **argv);

/* Tells that it was ended, or with --failure that it was not. */
int connection_reclaimed(const char *help, int argc, char **argv);

#endif
