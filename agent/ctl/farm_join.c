/* farmgate farm join: this host becomes a member, by an invitation. */
#include "farm_command.h"

#include "command.h"
#include "farm_setup.h"
#include "options.h"

#include "agent/farm/farm_invitation.h"
#include "common/file.h"
#include "common/platform/client_certificate.h"
#include "common/platform/hints.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct wish {
    const char *file, *certificate, *key, *directory, *config;
    bool replace;
};

/* ---- the invitation ---- */

/* Up to the end of the invitation, so that one that was pasted needs no Ctrl-D. */
static int read_input(char **ret_text, size_t *ret_bytes, struct error_detail *ret_detail)
{
    size_t used = 0, room = INVITATION_BYTES_MAX + 2;
    char *text = malloc(room);
    if (!text) {
        error_detail_set(ret_detail, "%s", error_text(ERROR_NO_MEMORY));
        return ERROR_NO_MEMORY;
    }
    if (isatty(STDIN_FILENO))
        (void)fprintf(stderr, "paste the invitation:\n");
    text[0] = '\0';
    while (used + 1 < room && fgets(text + used, (int)(room - used), stdin)) {
        const char *line = text + used;
        used += strlen(line);
        if (strstr(line, INVITATION_END))
            break;
    }
    *ret_text = text;
    *ret_bytes = used;
    return 0;
}

static int read_invitation(const char *file, struct invitation *ret, struct error_detail *ret_detail)
{
    char *text;
    size_t bytes;
    int error = !file || strcmp(file, "-") == 0
                    ? read_input(&text, &bytes, ret_detail)
                    : file_read(file, INVITATION_BYTES_MAX, &text, &bytes, ret_detail);
    if (error != 0)
        return error;
    struct error_detail detail = {""};
    error = farm_invitation_decode(text, bytes, ret, &detail);
    if (error != 0)
        error_detail_set(ret_detail, "%s: %s", !file || strcmp(file, "-") == 0 ? "standard input" : file,
                         detail.text);
    sodium_memzero(text, bytes);
    free(text);
    return error;
}

/* ---- may this host join ---- */

static bool is_secret(const char *path, const struct invitation *invitation)
{
    uint8_t secret[SEAL_SECRET_BYTES];
    bool same = farm_secret_read(path, secret, NULL) == 0 &&
                sodium_memcmp(secret, invitation->secret, sizeof secret) == 0;
    sodium_memzero(secret, sizeof secret);
    return same;
}

/* One farm's secret is lost with the file; what it sealed could not be opened any more. */
static int check_free(const struct farm_setup *setup, const struct wish *wish,
                      const struct invitation *invitation, const char *secret_path)
{
    const struct settings *settings = setup->settings;
    bool member = settings->farm_mode == FARM_MODE_ETCD;
    bool same = member && strcmp(settings->farm_name, invitation->farm_name) == 0 &&
                is_secret(settings->farm_secret_file, invitation);
    if (wish->replace)
        return COMMAND_OK;
    if (member && !same) {
        (void)fprintf(
            stderr, "farmgate farm join: this host is in the farm %s; with --replace it leaves that for %s\n",
            settings->farm_name, invitation->farm_name);
        return COMMAND_FAILED;
    }
    if (access(secret_path, F_OK) == 0 && !is_secret(secret_path, invitation)) {
        (void)fprintf(stderr,
                      "farmgate farm join: %s has the secret of another farm, or none that can be read; with "
                      "--replace it is kept as %s.bak\n",
                      secret_path, secret_path);
        return COMMAND_FAILED;
    }
    return COMMAND_OK;
}

/* The host's own, or the invitation's where that can be used. */
static int check_certificate(const struct wish *wish, const struct invitation *invitation)
{
    if (wish->certificate || wish->key || !invitation->wants_certificate)
        return COMMAND_OK;
    if (!client_certificate_is_file())
        (void)fprintf(stderr,
                      "farmgate farm join: the farm's etcd wants a certificate, which Windows takes from its "
                      "store: import it there, and give --certificate LocalMachine\\MY\\THUMBPRINT; see "
                      "farmgate-windows(7)\n");
    else if (invitation->private_key[0])
        return COMMAND_OK;
    else
        (void)fprintf(stderr,
                      "farmgate farm join: the farm's etcd wants a certificate, and the invitation has none: "
                      "give --certificate and --key, or invite with --with-client-key\n");
    return COMMAND_USAGE;
}

/* ---- files and settings ---- */

/* Writes a file of the farm, and has the setting name it. */
static int put_file(struct farm_setup *setup, const char *directory, const char *name, const char *setting,
                    const char *text, unsigned mode)
{
    char path[SETTINGS_PATH_BYTES_MAX + 1];
    struct error_detail detail = {""};
    const struct file_set_owner whoever = {.given = false};
    int code = farm_setup_path(setup, directory, name, path);
    if (code != COMMAND_OK)
        return code;
    int error = file_set_add(&setup->files, path, text, strlen(text), mode,
                             mode == FARM_SETUP_PRIVATE ? &setup->agent : &whoever, &detail);
    if (error != 0)
        return farm_setup_refuse(setup, error, detail.text);
    farm_setup_text(setup, setting, path);
    return COMMAND_OK;
}

static int put_line(struct farm_setup *setup, const char *directory, const char *name, const char *setting,
                    const char *line)
{
    char text[FARM_PASSWORD_BYTES_MAX + 2];
    (void)snprintf(text, sizeof text, "%s\n", line);
    int code = put_file(setup, directory, name, setting, text, FARM_SETUP_PRIVATE);
    sodium_memzero(text, sizeof text);
    return code;
}

static int put_secret(struct farm_setup *setup, const char *directory, const struct invitation *invitation)
{
    char secret[FARM_SECRET_TEXT_BYTES];
    farm_secret_print(invitation->secret, secret);
    int code = put_line(setup, directory, FARM_SETUP_SECRET, "secret_file", secret);
    sodium_memzero(secret, sizeof secret);
    return code;
}

/* The host's own, else the invitation's, else none. */
static int put_certificate(struct farm_setup *setup, const struct wish *wish,
                           const struct invitation *invitation)
{
    int code;
    if (wish->certificate || wish->key)
        return farm_setup_certificate(setup, wish->certificate, wish->key);
    if (!invitation->certificate[0]) {
        farm_setup_text(setup, "certificate", "");
        farm_setup_text(setup, "key", "");
        return COMMAND_OK;
    }
    code = put_file(setup, wish->directory, FARM_SETUP_CERT, "certificate", invitation->certificate,
                    FARM_SETUP_PUBLIC);
    if (code == COMMAND_OK)
        code = put_file(setup, wish->directory, FARM_SETUP_KEY, "key", invitation->private_key,
                        FARM_SETUP_PRIVATE);
    return code;
}

static int put_all(struct farm_setup *setup, const struct wish *wish, const struct invitation *invitation)
{
    int code = COMMAND_OK;
    farm_setup_text(setup, "mode", "etcd");
    farm_setup_text(setup, "name", invitation->farm_name);
    farm_setup_texts(setup, "endpoints", invitation->endpoints[0], sizeof invitation->endpoints[0],
                     invitation->endpoint_count);
    if (invitation->ca[0])
        code = put_file(setup, wish->directory, FARM_SETUP_CA, "ca", invitation->ca, FARM_SETUP_PUBLIC);
    else
        farm_setup_text(setup, "ca", "");
    if (code == COMMAND_OK)
        code = put_certificate(setup, wish, invitation);
    farm_setup_text(setup, "user", invitation->user);
    if (code == COMMAND_OK && invitation->user[0])
        code = put_line(setup, wish->directory, FARM_SETUP_PASSWORD, "password_file", invitation->password);
    else
        farm_setup_text(setup, "password_file", "");
    if (code == COMMAND_OK)
        code = put_secret(setup, wish->directory, invitation);
    farm_setup_duration(setup, "lease_ttl", invitation->lease_ttl_ms);
    return code;
}

/* ---- the command ---- */

/* Any host may lead, and the leader reports. */
static void tell_authority(const struct settings *settings, const struct invitation *invitation)
{
    if (strcmp(settings->authority_url, invitation->authority_url) == 0 &&
        strcmp(settings->authority_key, invitation->authority_key) == 0)
        return;
    (void)printf("the inviting host has another authority; when this host leads, it reports for the farm, so "
                 "the group\nauthority of its configuration should say the same: url = \"%s\"; key = "
                 "\"%s\";\n",
                 invitation->authority_url, invitation->authority_key);
}

static void tell(const struct farm_setup *setup, const struct invitation *invitation, size_t changed)
{
    if (changed == 0) {
        (void)printf("this host is in the farm %s already; nothing was changed\n", invitation->farm_name);
        return;
    }
    (void)printf("this host is set up as a member of the farm %s; changed:\n", invitation->farm_name);
    for (size_t i = 0; i < setup->files.count; i++)
        (void)printf("  %s%s\n", setup->files.files[i].path,
                     setup->files.files[i].was_there ? " (the old one: .bak)" : "");
    (void)printf("next: %s\n", hint(HINT_check_and_restart));
    tell_authority(setup->settings, invitation);
}

static int join(struct farm_setup *setup, const struct wish *wish, const struct invitation *invitation)
{
    char secret_path[SETTINGS_PATH_BYTES_MAX + 1];
    int code = farm_setup_path(setup, wish->directory, FARM_SETUP_SECRET, secret_path);
    if (code == COMMAND_OK)
        code = check_certificate(wish, invitation);
    if (code == COMMAND_OK)
        code = check_free(setup, wish, invitation, secret_path);
    if (code == COMMAND_OK)
        code = put_all(setup, wish, invitation);
    if (code == COMMAND_OK)
        code = farm_setup_apply(setup);
    if (code == COMMAND_OK)
        tell(setup, invitation, setup->files.count);
    if (code == COMMAND_OK)
        farm_setup_warn_owner(setup, wish->key);
    return code;
}

static int join_by(const struct wish *wish, struct invitation *invitation)
{
    struct error_detail detail = {""};
    struct farm_setup *setup = NULL;
    int code = farm_setup_create("farm join", wish->config, &setup);
    int error = code == COMMAND_OK ? read_invitation(wish->file, invitation, &detail) : 0;
    if (error != 0)
        code = farm_setup_refuse(setup, error, detail.text);
    if (code == COMMAND_OK)
        code = join(setup, wish, invitation);
    farm_setup_destroy(setup);
    return code;
}

int farm_join(int argc, char **argv)
{
    struct wish wish = {.directory = FARM_SETUP_DIRECTORY, .config = FARM_SETUP_CONFIG};
    const struct option_spec specs[] = {
        {"certificate", OPTION_TEXT, &wish.certificate}, {"key", OPTION_TEXT, &wish.key},
        {"replace", OPTION_FLAG, &wish.replace},         {"directory", OPTION_TEXT, &wish.directory},
        {"config", OPTION_TEXT, &wish.config},
    };
    const struct options_form form = {"farm join", farm_help, specs, sizeof specs / sizeof *specs, 0, 1};
    char **operands;
    int count;
    int code = options_parse(&form, argc, argv, &operands, &count);
    if (code != OPTIONS_GO_ON)
        return code;
    wish.file = count > 0 ? operands[0] : NULL;
    struct invitation *invitation = calloc(1, sizeof *invitation);
    if (!invitation)
        return COMMAND_FAILED;
    code = join_by(&wish, invitation);
    farm_invitation_wipe(invitation);
    free(invitation);
    return code;
}
