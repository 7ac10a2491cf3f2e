#include "cloud/admin/commands.h"
#include "cloud/admin_tokens.h"

#include "common/json.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int print_json(const char *token, const char *line)
{
    struct json_writer *writer = json_writer_create(false);
    if (writer != NULL) {
        json_open_object(writer, NULL);
        json_text(writer, "token", token);
        json_text(writer, "line", line);
        json_close_object(writer);
    }
    char *text = json_writer_take(writer);
    if (text == NULL)
        return ADMIN_FAILED;
    (void)printf("%s\n", text);
    free(text);
    return ADMIN_OK;
}

/* Asks nobody: the token is its owner's alone, and the line becomes true when it is put into the file. */
int command_token_make(const struct admin_options *options)
{
    const char *name = options->arguments[0], *scope = options->arguments[1];
    char token[TOKENS_TEXT_BYTES], line[TOKENS_LINE_BYTES_MAX];
    bool writes = strcmp(scope, "write") == 0;
    if (!admin_tokens_name_good(name)) {
        (void)fprintf(
            stderr,
            "farmgate-cloud: a token's name has letters, digits and . _ - only, and is neither socket "
            "nor authority\n");
        return ADMIN_DATA;
    }
    if (!writes && strcmp(scope, "read") != 0) {
        (void)fprintf(stderr, "farmgate-cloud: '%s': read or write\n", scope);
        return ADMIN_DATA;
    }
    if (sodium_init() < 0)
        return ADMIN_FAILED;
    tokens_make(name, writes ? TOKENS_WRITE : TOKENS_READ, token, line);
    int code = ADMIN_OK;
    if (options->json)
        code = print_json(token, line);
    else
        (void)printf("token  %s\nline   %s\n", token, line);
    sodium_memzero(token, sizeof token);
    return code;
}
