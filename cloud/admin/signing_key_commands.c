#include "cloud/admin/client.h"
#include "cloud/admin/commands.h"
#include "cloud/admin/fields.h"
#include "cloud/admin/list.h"
#include "cloud/signing_key.h"
#include "cloud/wall_clock.h"

#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

#define TARGET "/v1/admin/signing-keys"

struct key_line {
    char key_id[FIELD_TEXT_BYTES_MAX + 1], public_key[FIELD_TEXT_BYTES_MAX + 1],
        signed_by[FIELD_TEXT_BYTES_MAX + 1], certificate[FIELD_LONG_BYTES_MAX + 1];
    int64_t issued_at;
    bool signs;
};

#define OF struct key_line
static const struct json_field fields[] = {
    FIELD_TEXT(OF, key_id),    FIELD_TEXT(OF, public_key), FIELD_BOOLEAN(OF, signs),
    FIELD_TIME(OF, issued_at), FIELD_TEXT(OF, signed_by),  FIELD_LONG(OF, certificate),
};
#undef OF
static const struct json_shape shape = {fields, FIELDS_COUNT(fields)};

static const struct list_column columns[] = {
    {"KEY", "key_id", LIST_SHOWN},
    {"SIGNS", "signs", LIST_SHOWN},
    {"MADE (UTC)", "issued_at", LIST_SHOWN},
    {"SIGNED BY", "signed_by", LIST_SHOWN},
    {"PUBLIC KEY", "public_key", LIST_SHOWN},
    {"CERTIFICATE", "certificate", LIST_HIDDEN},
};
static const struct list signing_keys = {
    .name = "signing_keys",
    .shape = &shape,
    .line_bytes = sizeof(struct key_line),
    .columns = columns,
    .column_count = FIELDS_COUNT(columns),
    .when_empty = "no signing keys",
};

int command_signing_key_list(const struct admin_options *options)
{
    return list_print(&signing_keys, &(struct list_how){.socket_path = options->socket_path,
                                                        .target = TARGET,
                                                        .columns = options->columns,
                                                        .json = options->json});
}

/* --- rotation ------------------------------------------------------------------------------------------- */

struct rotated {
    struct key_line keys[KEY_CHAIN_MAX];
    size_t count;
    char file[FIELD_LONG_BYTES_MAX + 1];
};

/* The key goes to stdout, for scripts; what is left to do to people. */
static void tell_rotated(const struct rotated *rotated)
{
    if (rotated->count > 0)
        (void)printf("%s\n", rotated->keys[rotated->count - 1].public_key);
    (void)fprintf(
        stderr,
        "farmgate-cloud: it signs from now on, and farms follow it by themselves. Keep a new copy of %s:\n"
        "without it every farm would have to be told another public key.\n",
        rotated->file);
}

int command_signing_key_rotate(const struct admin_options *options)
{
    static const struct json_field rotated_fields[] = {
        {.name = "signing_keys",
         .type = JSON_ARRAY,
         .offset = offsetof(struct rotated, keys),
         .shape = &shape,
         .count_offset = offsetof(struct rotated, count),
         .count_max = KEY_CHAIN_MAX,
         .element_bytes = sizeof(struct key_line),
         .required = true},
        FIELD_LONG(struct rotated, file),
    };
    static const struct json_shape rotated_shape = {rotated_fields, FIELDS_COUNT(rotated_fields)};
    struct local_client_answer answer;
    struct rotated rotated = {.count = 0};
    int code = client_call(options->socket_path, "POST", TARGET, NULL, &answer);
    if (code == ADMIN_OK)
        code = client_read(&rotated_shape, TARGET, &answer, &rotated);
    if (code != ADMIN_OK)
        return code;
    if (options->json)
        (void)printf("%s\n", answer.body);
    else
        tell_rotated(&rotated);
    local_client_answer_finish(&answer);
    return ADMIN_OK;
}

/* --- where the daemon may not write --------------------------------------------------------------------- */

static int fail(int error, const char *doing, const struct error_detail *detail)
{
    (void)fprintf(stderr, "farmgate-cloud: %s: %s\n", doing,
                  detail->text[0] != '\0' ? detail->text : error_text(error));
    return error == ERROR_FORBIDDEN ? ADMIN_FORBIDDEN : ADMIN_FAILED;
}

static int write_next(const char *from, const char *to)
{
    struct entitlement_signing_key key, next;
    struct key_chain *chain = NULL, *longer = NULL;
    struct error_detail detail = {""};
    char text[96];
    int error = signing_key_load(from, &key, &chain, &detail);
    if (error != 0)
        return fail(error, "there is no key to go on from", &detail);
    error = signing_key_succeed(to, &key, chain, wall_clock_ms(), &next, &longer, &detail);
    if (error == 0) {
        entitlement_key_format(&next.key, text);
        (void)printf("%s\n", text);
    }
    sodium_memzero(&key, sizeof key);
    sodium_memzero(&next, sizeof next);
    key_chain_destroy(chain);
    key_chain_destroy(longer);
    return error == 0 ? ADMIN_OK : fail(error, "no key was made", &detail);
}

/* Asks nobody: a credential is its administrator's to replace, and holds when the authority starts with it.
 */
int command_signing_key_next(const struct admin_options *options)
{
    const char *from = options->arguments[0], *to = options->arguments[1];
    if (access(to, F_OK) == 0) {
        (void)fprintf(stderr, "farmgate-cloud: %s is there already\n", to);
        return ADMIN_FAILED;
    }
    if (sodium_init() < 0)
        return ADMIN_FAILED;
    return write_next(from, to);
}
