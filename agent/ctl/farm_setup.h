/* farm_setup.h - what the commands share that change the configuration: as it is, the files that change with
 * it, and the one step in which all of them change. Used by `farm init`, `invite` and `join`, which make a
 * host a member of a farm, and by `configure`; no agent is asked. */
#ifndef FARMGATE_CTL_FARM_SETUP_H
#define FARMGATE_CTL_FARM_SETUP_H

#include "file_set.h"

#include "agent/settings.h"
#include "common/config_edit.h"
#include "folders.h"

#define FARM_SETUP_CONFIG     FOLDERS_CONFIGURATION "/farmgate.conf"
#define FARM_SETUP_DIRECTORY  FOLDERS_CONFIGURATION
#define FARM_SETUP_SECRET     "farm.secret" /* the files' names in the directory */
#define FARM_SETUP_CA         "farm-ca.pem"
#define FARM_SETUP_CERT       "farm-client.pem"
#define FARM_SETUP_KEY        "farm-client.key"
#define FARM_SETUP_PASSWORD   "farm.password"
#define FARM_SETUP_VALUE_MAX  8192
#define FARM_SETUP_PRIVATE    0600 /* modes */
#define FARM_SETUP_PUBLIC     0644
#define FARM_SETUP_CONFIG_NEW 0640

struct farm_setup {
    const char *command;   /* "farm join", for messages */
    const char *group;     /* whose settings change: "farm", unless who uses it says another */
    char config[PATH_MAX]; /* resolved: a link's target is changed, not the link */
    char *text;            /* of the file; "" if there is none */
    bool has_file;
    struct settings *settings;   /* as it says them */
    struct file_set_owner agent; /* whose the secret files are: the agent's user, if we may give them away */
    struct file_set_owner config_owner;
    unsigned config_mode;
    struct config_change changes[CONFIG_EDIT_CHANGES_MAX]; /* of the group */
    char values[CONFIG_EDIT_CHANGES_MAX][FARM_SETUP_VALUE_MAX];
    size_t change_count;
    struct file_set files;
};

/* Reads the configuration; a file that is missing is one without settings. COMMAND_OK, or an exit code, and
 * what is wrong was printed; to be destroyed either way. */
int farm_setup_create(const char *command, const char *config, struct farm_setup **ret);
void farm_setup_destroy(struct farm_setup *setup);

/* Prints what is wrong, and gives the exit code for it. */
int farm_setup_refuse(const struct farm_setup *setup, int error, const char *detail);

/* A setting of the group is to have this text; "": none, so that its default holds. */
void farm_setup_text(struct farm_setup *setup, const char *name, const char *text);
void farm_setup_texts(struct farm_setup *setup, const char *name, const char *texts, size_t element_bytes,
                      size_t count);
void farm_setup_duration(struct farm_setup *setup, const char *name, int64_t ms);

/* The setting names a file that was typed here, by a path that a service can use. COMMAND_OK, or an exit
 * code. */
int farm_setup_typed(struct farm_setup *setup, const char *name, const char *path);

/* The certificate that the host shows to etcd, and its private key (NULL where the certificate says it, see
 * client_certificate.h). COMMAND_OK, or an exit code. */
int farm_setup_certificate(struct farm_setup *setup, const char *certificate, const char *key);

/* PATH of a file in the directory, absolute. COMMAND_OK, or an exit code. */
int farm_setup_path(const struct farm_setup *setup, const char *directory, const char *name,
                    char ret[SETTINGS_PATH_BYTES_MAX + 1]);

/* Changes configuration and files in one step, after reading the new configuration back: nothing but what was
 * asked for may be different in it. COMMAND_OK, or an exit code and everything is as it was. */
int farm_setup_apply(struct farm_setup *setup);

/* Says on stderr what need not be wrong, but often is: a file that the agent's user cannot read, since it is
 * another's alone (NULL: no file), */
void farm_setup_warn_owner(const struct farm_setup *setup, const char *path);
/* and endpoints that no other host reaches. */
void farm_setup_warn_loopback(const struct farm_setup *setup, const char *endpoints, size_t element_bytes,
                              size_t count);

#endif
