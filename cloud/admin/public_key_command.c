#include "cloud/admin/client.h"
#include "cloud/admin/commands.h"
#include "cloud/admin/fields.h"

#include <stdio.h>

int command_public_key(const struct admin_options *options)
{
    static const struct json_field fields[] = {
        {.name = "public_key", .type = JSON_TEXT, .max = FIELD_TEXT_BYTES_MAX, .required = true}};
    static const struct json_shape shape = {fields, FIELDS_COUNT(fields)};
    static const char target[] = "/v1/admin/public-key";
    struct local_client_answer answer;
    char key[FIELD_TEXT_BYTES_MAX + 1] = "";

    int code = client_call(options->socket_path, "GET", target, NULL, &answer);
    if (code == ADMIN_OK)
        code = client_read(&shape, target, &answer, key);
    if (code != ADMIN_OK)
        return code;
    (void)printf("%s\n", key);
    local_client_answer_finish(&answer);
    return ADMIN_OK;
}
