/* farmgate farm invite: what a new host needs, from this member's configuration and files. */
#include "farm_command.h"

#include "command.h"
#include "farm_setup.h"
#include "options.h"

#include "agent/farm/farm_invitation.h"
#include "common/file.h"
#include "common/platform/client_certificate.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct wish {
    const char *config, *output;
    bool with_client_key;
};

static int take_file(const char *path, char ret[INVITATION_PEM_BYTES_MAX + 1],
                     struct error_detail *ret_detail)
{
    char *text;
    size_t bytes;
    if (!*path)
        return 0;
    int error = file_read(path, INVITATION_PEM_BYTES_MAX, &text, &bytes, ret_detail);
    if (error != 0)
        return error;
    if (strlen(text) == bytes && strstr(text, "-----BEGIN ")) {
        memcpy(ret, text, bytes + 1);
    } else {
        error_detail_set(ret_detail, "%s: no PEM file", path);
        error = ERROR_CONFIGURATION;
    }
    sodium_memzero(text, bytes);
    free(text);
    return error;
}

static int take_files(const struct settings *settings, bool with_client_key, struct invitation *made,
                      struct error_detail *ret_detail)
{
    int error = farm_secret_read(settings->farm_secret_file, made->secret, ret_detail);
    if (error == 0 && settings->farm_user[0])
        error = farm_password_read(settings->farm_password_file, made->password, ret_detail);
    if (error == 0)
        error = take_file(settings->farm_ca, made->ca, ret_detail);
    if (error == 0 && with_client_key)
        error = take_file(settings->farm_certificate, made->certificate, ret_detail);
    if (error == 0 && with_client_key)
        error = take_file(settings->farm_key, made->private_key, ret_detail);
    return error;
}

static int fill(const struct settings *settings, bool with_client_key, struct invitation *made,
                struct error_detail *ret_detail)
{
    (void)snprintf(made->farm_name, sizeof made->farm_name, "%.*s", SETTINGS_FARM_NAME_MAX,
                   settings->farm_name);
    memcpy(made->endpoints, settings->farm_endpoints, sizeof made->endpoints);
    made->endpoint_count = settings->farm_endpoint_count;
    made->lease_ttl_ms = settings->farm_lease_ttl_ms;
    made->wants_certificate = settings->farm_certificate[0] != '\0';
    memcpy(made->user, settings->farm_user, sizeof made->user);
    memcpy(made->authority_url, settings->authority_url, sizeof made->authority_url);
    memcpy(made->authority_key, settings->authority_key, sizeof made->authority_key);
    return take_files(settings, with_client_key, made, ret_detail);
}

static int put(const struct farm_setup *setup, const char *output, const char *text)
{
    struct error_detail detail = {""};
    int error = 0;
    if (output)
        error = file_replace(output, text, strlen(text), FARM_SETUP_PRIVATE, true, &detail);
    else
        (void)fputs(text, stdout);
    return error != 0 ? farm_setup_refuse(setup, error, detail.text) : COMMAND_OK;
}

static void tell(const struct farm_setup *setup, const struct invitation *made)
{
    (void)fprintf(
        stderr,
        "to be kept confidential, for it holds the farm's secret%s%s; on the new host: farmgate farm "
        "join FILE\n",
        made->password[0] ? ", the password at etcd" : "",
        made->private_key[0] ? ", and the private key of this host's certificate" : "");
    if (made->wants_certificate && !made->private_key[0])
        (void)fprintf(stderr,
                      "it has no certificate for etcd: the new host brings its own, by --certificate and "
                      "--key\n");
    farm_setup_warn_loopback(setup, made->endpoints[0], sizeof made->endpoints[0], made->endpoint_count);
}

static int print_invitation(const struct farm_setup *setup, const struct wish *wish, struct invitation *made)
{
    struct error_detail detail = {""};
    int error = fill(setup->settings, wish->with_client_key, made, &detail);
    if (error != 0)
        return farm_setup_refuse(setup, error, detail.text);
    char *text = farm_invitation_encode(made);
    if (!text)
        return farm_setup_refuse(setup, ERROR_NO_MEMORY, error_text(ERROR_NO_MEMORY));
    int code = put(setup, wish->output, text);
    sodium_memzero(text, strlen(text));
    free(text);
    if (code == COMMAND_OK)
        tell(setup, made);
    return code;
}

static int invite(const struct farm_setup *setup, const struct wish *wish)
{
    if (setup->settings->farm_mode != FARM_MODE_ETCD)
        return farm_setup_refuse(setup, ERROR_CONFIGURATION,
                                 "this host is alone; `farmgate farm init` makes it the first of a farm");
    if (wish->with_client_key && !client_certificate_is_file())
        return farm_setup_refuse(
            setup, ERROR_CONFIGURATION,
            "the private key stays in Windows' store: invite without --with-client-key, and "
            "bring the certificate's files to a host by themselves");
    if (wish->with_client_key && !setup->settings->farm_certificate[0])
        return farm_setup_refuse(setup, ERROR_CONFIGURATION, "this host shows no certificate to etcd");
    struct invitation *made = calloc(1, sizeof *made);
    if (!made)
        return farm_setup_refuse(setup, ERROR_NO_MEMORY, error_text(ERROR_NO_MEMORY));
    int code = print_invitation(setup, wish, made);
    farm_invitation_wipe(made);
    free(made);
    return code;
}

int farm_invite(int argc, char **argv)
{
    struct wish wish = {.config = FARM_SETUP_CONFIG};
    const struct option_spec specs[] = {{"with-client-key", OPTION_FLAG, &wish.with_client_key},
                                        {"output", OPTION_TEXT, &wish.output},
                                        {"config", OPTION_TEXT, &wish.config}};
    const struct options_form form = {"farm invite", farm_help, specs, sizeof specs / sizeof *specs, 0, 0};
    struct farm_setup *setup = NULL;
    int code = options_only(&form, argc, argv);
    if (code != OPTIONS_GO_ON)
        return code;
    code = farm_setup_create("farm invite", wish.config, &setup);
    if (code == COMMAND_OK)
        code = invite(setup, &wish);
    farm_setup_destroy(setup);
    return code;
}
