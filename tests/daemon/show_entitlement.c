/* show_entitlement KEY - for daemon tests: verifies entitlements, one a line of stdin, with the public key
 * and prints what each says as one line of JSON; {"error": …} for one that does not verify. */
#include "common/entitlement.h"
#include "common/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void write_said(struct json_writer *writer, const struct entitlement *said)
{
    json_text(writer, "farm_id", said->farm_id);
    json_text(writer, "installation_id", said->installation_id);
    json_integer(writer, "serial", (int64_t)said->serial);
    json_text(writer, "status", said->status == ENTITLEMENT_STANDS ? "active" : "deactivated");
    json_text(writer, "reason", said->reason);
    json_integer(writer, "limit", said->limit);
    json_integer(writer, "purchases", (int64_t)said->purchases);
    json_boolean(writer, "trial", said->trial);
    json_integer(writer, "expires_at_ms", said->expires_at_ms);
    json_integer(writer, "issued_at_ms", said->issued_at_ms);
    json_integer(writer, "refresh_by_ms", said->refresh_by_ms);
}

static int show(const char *text, const struct entitlement_keyring *keyring)
{
    struct entitlement said;
    struct error_detail detail = {""};
    struct json_writer *writer = json_writer_create(false);
    if (writer == NULL)
        return 1;
    int error = entitlement_verify(text, strlen(text), keyring, &said, &detail);
    json_open_object(writer, NULL);
    if (error != 0)
        json_text(writer, "error", error_text(error));
    else
        write_said(writer, &said);
    json_close_object(writer);
    char *line = json_writer_take(writer);
    if (line == NULL)
        return 1;
    (void)printf("%s\n", line);
    free(line);
    return 0;
}

int main(int argc, char **argv)
{
    static char line[2 * ENTITLEMENT_BYTES_MAX];
    struct entitlement_keyring keyring = {.count = 1};
    if (argc != 2 || entitlement_init() != 0 || entitlement_key_parse(argv[1], &keyring.keys[0]) != 0) {
        (void)fprintf(stderr, "usage: show_entitlement KID:KEY\n");
        return 64;
    }
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (show(line, &keyring) != 0)
            return 1;
    }
    return 0;
}
