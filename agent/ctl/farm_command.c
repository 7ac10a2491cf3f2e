/* farmgate farm …: a farm of many hosts. */
#include "farm_command.h"

#include "command.h"
#include "options.h"

#include "common/config.h"
#include "common/help_text.h"
#include "folders.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct command subcommands[] = {
    {"init", "make this host the first of a farm of many hosts", farm_init},
    {"invite", "print what another host needs to join", farm_invite},
    {"join", "make this host a member, by an invitation", farm_join},
    {"status", "who is in the farm, who counts, and what it does not have or know", farm_status_command},
    {"settings", "what the farm has agreed on, and where this host's file differs", farm_settings_command},
    {"set", "set a setting for the whole farm", farm_set_command},
    {"leave", "take this host out of the farm", farm_leave_command},
};
#define SUBCOMMANDS (sizeof subcommands / sizeof *subcommands)

const char farm_help[] =
    "usage: farmgate farm init --name NAME --endpoints LIST [--ca FILE] [--certificate FILE --key FILE]\n"
    "                          [--user NAME --password-file FILE] [--directory DIRECTORY] [--config FILE]\n"
    "       farmgate farm invite [--with-client-key] [--output FILE] [--config FILE]\n"
    "       farmgate farm join [FILE|-] [--certificate FILE --key FILE] [--replace] [--directory DIRECTORY]\n"
    "                          [--config FILE]\n"
    "       farmgate farm status [--json] [--socket PATH]\n"
    "       farmgate farm settings [--json] [--socket PATH]\n"
    "       farmgate farm set PATH VALUE | PATH --unset [--socket PATH]\n"
    "       farmgate farm leave [--force] [--config FILE] [--socket PATH]\n"
    "\n"
    "A farm of many hosts, which share an etcd cluster. On the first host init makes the farm's secret and "
    "writes the\n"
    "settings; invite prints all of it as one text, which join, on every other host, takes from FILE or from "
    "standard\n"
    "input. Both change the group farm of the configuration and nothing else in it, comments included, and "
    "keep the old\n"
    "file as FILE.bak; what goes wrong on the way leaves everything as it was. They need root, and no "
    "agent.\n"
    "\n"
    "The others ask the agent: status tells who is in the farm, which host counts for all, and what the farm "
    "does "
    "not have\n"
    "or know; settings what all hosts count by, and where this host's file says otherwise; set changes that "
    "for "
    "all hosts;\n"
    "leave takes this host out, once nobody is on here and the farm has all that happened, and sets "
    "farm.mode "
    "to\n"
    "\"alone\" in its configuration.\n"
    "\n"
    "options:\n"
    "  --name NAME           the farm's name, the same on each host: up to 63 of a to z, 0 to 9 and -\n"
    "  --endpoints LIST      the members of the cluster, with commas between them: https://etcd1:2379,…\n"
    "  --ca FILE             certificates that may have signed the cluster's; without it the system's\n"
    "  --certificate FILE    the certificate that this host shows to etcd (on Windows "
    "LocalMachine\\MY\\THUMBPRINT),\n"
    "  --key FILE            and its private key (not on Windows)\n"
    "  --user NAME           the user at an etcd with authentication,\n"
    "  --password-file FILE  and the file with the password\n"
    "  --with-client-key     put this host's certificate and private key into the invitation, too\n"
    "  -o, --output FILE     write the invitation there (mode 0600) instead of to standard output\n"
    "  --replace             leave the farm that this host is in, for the one of the invitation\n"
    "  --directory DIRECTORY where the secret, certificates and password go (" FOLDERS_CONFIGURATION ")\n"
    "  --config FILE         the configuration (" FOLDERS_CONFIGURATION "/farmgate.conf)\n"
    "  --json                the agent's answer as it is\n"
    "  --unset               back to the default\n"
    "  --force               leave whoever is on, and what the farm does not have yet; that is lost\n"
    "  --socket PATH         another agent's socket\n"
    "  --help                print this\n"
    "\n"
    "exit codes: 0 done; 1 failed; 3 no agent; 64 usage; 65 data; 77 forbidden; 78 configuration\n";

int farm_command(int argc, char **argv)
{
    const char *names[SUBCOMMANDS], *word = argc >= 2 ? argv[1] : "";
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        help_print(stdout, farm_help);
        return COMMAND_OK;
    }
    bool describe = strcmp(word, OPTIONS_DESCRIBE) == 0;
    for (size_t i = 0; describe && i < SUBCOMMANDS; i++) {
        options_describe_command("farm", subcommands[i].name, subcommands[i].help);
        (void)subcommands[i].run(2, argv);
    }
    if (describe)
        return COMMAND_OK;
    for (size_t i = 0; i < SUBCOMMANDS; i++) {
        names[i] = subcommands[i].name;
        if (strcmp(word, names[i]) == 0)
            return subcommands[i].run(argc - 1, argv + 1);
    }
    const char *nearest = config_nearest(word, names, SUBCOMMANDS);
    (void)fprintf(stderr, "farmgate farm: ");
    for (size_t i = 0; i < SUBCOMMANDS; i++)
        (void)fprintf(stderr, "%s%s", i == 0 ? "" : i + 1 < SUBCOMMANDS ? ", " : " or ", names[i]);
    (void)fprintf(stderr, " is wanted%s%s%s; see farmgate farm --help\n", nearest ? "; did you mean " : "",
                  nearest ? nearest : "", nearest ? "?" : "");
    return COMMAND_USAGE;
}
