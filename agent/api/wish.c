#include "wish.h"

#include "reply.h"

#include "common/json.h"

static const struct json_field fields[] = {
    {.name = "license_key",
     .type = JSON_TEXT,
     .offset = offsetof(struct wish, license_key),
     .min = 1,
     .max = WISH_KEY_BYTES_MAX},
    {.name = "trial", .type = JSON_BOOLEAN, .offset = offsetof(struct wish, trial)},
    {.name = "move", .type = JSON_BOOLEAN, .offset = offsetof(struct wish, move)},
};
static const struct json_shape shape = {fields, sizeof(fields) / sizeof(fields[0])};

bool wish_read(struct http_exchange *exchange, const struct http_request *request, struct wish *ret)
{
    struct error_detail detail;
    struct wish wish = {.license_key = ""};
    char field[JSON_PATH_BYTES] = "";
    int error = request->body.bytes == 0
                    ? 0
                    : json_read(&shape, request->body.text, request->body.bytes, &wish, &detail, field);
    bool both = wish.license_key[0] != '\0' && wish.trial;
    if (error == ERROR_NO_MEMORY)
        reply_no_memory(exchange);
    else if (error)
        reply_invalid(exchange, field, detail.text);
    else if (both)
        reply_invalid(exchange, "trial", "trial: not together with license_key");
    if (error || both)
        return false;
    *ret = wish;
    return true;
}
