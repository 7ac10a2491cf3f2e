/* store_files.c - identity and licence: one line of JSON, and one with its BLAKE2b hash, so that a flipped
 * bit is seen and not believed. */
#include "store_private.h"
#include "stored_fields.h"

#include "common/file.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES_VERSION   2 /* 2: what overuse goes on from, and former farms */
#define FILE_BYTES_MAX  (64 * 1024)
#define FILE_MODE       0600
#define HASH_BYTES      32
#define HASH_LINE_BYTES (sizeof("\"blake2b:\"\n") + 2 * HASH_BYTES)

/* --- the frame of both files */

static void hash_line(const char *line, size_t bytes, char ret[HASH_LINE_BYTES])
{
    unsigned char hash[HASH_BYTES];
    char hex[2 * HASH_BYTES + 1];
    (void)crypto_generichash(hash, sizeof(hash), (const unsigned char *)line, bytes, NULL, 0);
    (void)sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
    (void)snprintf(ret, HASH_LINE_BYTES, "\"blake2b:%s\"\n", hex);
}

static int damaged(const char *path, const char *why, struct error_detail *ret_detail)
{
    error_detail_set(ret_detail, "%s is damaged: %s", path, why);
    return ERROR_DAMAGED;
}

struct version_only {
    int64_t version;
};

/* The version comes before the hash: a newer one may well end otherwise. */
static int check_version(const char *path, const char *line, size_t bytes, struct error_detail *ret_detail)
{
    static const struct json_field fields[] = {
        STORED_INTEGER(version_only, version, "version", 1, INT64_MAX)};
    static const struct json_shape shape = {fields, STORED_FIELDS(fields)};
    struct version_only found = {0};
    struct error_detail why;
    if (json_read(&shape, line, bytes, &found, &why, NULL) != 0)
        return damaged(path, why.text, ret_detail);
    if (found.version <= FILES_VERSION)
        return 0;
    error_detail_set(ret_detail,
                     "%s was written by a newer version: its format is %" PRId64 ", this program knows %d",
                     path, found.version, FILES_VERSION);
    return ERROR_NEWER;
}

/* Reads and checks the frame; *ret_line (to be freed) is the JSON of *ret_bytes bytes. */
static int read_frame(const char *path, char **ret_line, size_t *ret_bytes, struct error_detail *ret_detail)
{
    char *text = NULL;
    size_t bytes = 0;
    int error = file_read(path, FILE_BYTES_MAX, &text, &bytes, ret_detail);
    if (error == ERROR_TOO_LARGE || error == ERROR_INVALID)
        return ERROR_DAMAGED;
    if (error != 0)
        return error;
    const char *newline = memchr(text, '\n', bytes);
    size_t line_bytes = newline ? (size_t)(newline - text) + 1 : bytes;
    error = check_version(path, text, line_bytes, ret_detail);
    if (error == 0) {
        char expected[HASH_LINE_BYTES];
        hash_line(text, line_bytes, expected);
        if (strcmp(text + line_bytes, expected) != 0)
            error = damaged(path, "its hash does not fit", ret_detail);
    }
    if (error != 0) {
        free(text);
        return error;
    }
    *ret_line = text;
    *ret_bytes = line_bytes;
    return 0;
}

/* Closes the JSON object, adds the hash and replaces the file; destroys the writer. */
static int write_frame(const char *path, struct json_writer *writer, struct error_detail *ret_detail)
{
    const char *json = NULL;
    size_t bytes = 0;
    char *text = NULL;
    json_close_object(writer);
    int error = json_writer_finish(writer, &json, &bytes);
    if (error == 0 && !(text = malloc(bytes + 1 + HASH_LINE_BYTES)))
        error = ERROR_NO_MEMORY;
    if (error == 0) {
        memcpy(text, json, bytes);
        text[bytes] = '\n';
        hash_line(text, bytes + 1, text + bytes + 1);
        error = file_replace(path, text, strlen(text), FILE_MODE, true, ret_detail);
    } else {
        error_detail_set(ret_detail, "cannot write %s: %s", path, error_text(error));
    }
    free(text);
    json_writer_destroy(writer);
    return error;
}

static struct json_writer *begin_frame(void)
{
    struct json_writer *writer = json_writer_create(false);
    if (!writer)
        return NULL;
    json_open_object(writer, NULL);
    json_integer(writer, "version", FILES_VERSION);
    return writer;
}

/* --- identity */

int store_identity_read(const char *path, struct store_identity *ret, struct error_detail *ret_detail)
{
    char *line;
    size_t bytes;
    struct error_detail why;
    int error = read_frame(path, &line, &bytes, ret_detail);
    if (error != 0)
        return error;
    if (identity_json_read(line, bytes, ret, &why) != 0)
        error = damaged(path, why.text, ret_detail);
    free(line);
    return error;
}

int store_identity_write(const char *path, const struct store_identity *identity,
                         struct error_detail *ret_detail)
{
    struct json_writer *writer = begin_frame();
    if (!writer)
        return ERROR_NO_MEMORY;
    identity_json_write(writer, identity);
    return write_frame(path, writer, ret_detail);
}

/* --- licence */

/* What stands beside the standing. */
struct licence_rest {
    char entitlement[STORE_ENTITLEMENT_MAX + 1];
    int64_t licence_ms, boot_ms, offset_ms, farm_n;
    char boot_id[CLOCK_BOOT_ID_BYTES];
    bool anchored;
};

static int read_rest(const char *line, size_t bytes, struct store_licence *ret, struct error_detail *ret_why)
{
    static const struct json_field fields[] = {
        STORED_TEXT(licence_rest, entitlement, "entitlement", 0),
        STORED_INSTANT(licence_rest, licence_ms, "licence_ms"),
        STORED_INSTANT(licence_rest, boot_ms, "boot_ms"),
        STORED_INSTANT(licence_rest, offset_ms, "offset_ms"),
        STORED_TEXT(licence_rest, boot_id, "boot_id", 0),
        STORED_BOOLEAN(licence_rest, anchored, "anchored"),
        {.name = "farm_n",
         .type = JSON_INTEGER,
         .offset = offsetof(struct licence_rest, farm_n),
         .max = INT64_MAX}, /* files of before have none */
    };
    static const struct json_shape shape = {fields, STORED_FIELDS(fields)};
    struct licence_rest rest = {.entitlement = ""};
    int error = json_read(&shape, line, bytes, &rest, ret_why, NULL);
    if (error != 0)
        return error;
    memcpy(ret->entitlement, rest.entitlement, sizeof(ret->entitlement));
    ret->clock = (struct clock_saved){.licence_ms = rest.licence_ms,
                                      .boot_ms = rest.boot_ms,
                                      .offset_ms = rest.offset_ms,
                                      .anchored = rest.anchored};
    memcpy(ret->clock.boot_id, rest.boot_id, sizeof(ret->clock.boot_id));
    ret->farm_n = rest.farm_n;
    return 0;
}

static int read_licence(const char *line, size_t bytes, struct store_licence *ret,
                        struct error_detail *ret_why)
{
    struct standing standing;
    int error = standing_json_read(line, bytes, &standing, ret_why);
    if (error == 0)
        error = read_rest(line, bytes, ret, ret_why);
    if (error == 0)
        ret->standing = standing;
    return error;
}

int store_licence_read(const char *path, struct store_licence *ret, struct error_detail *ret_detail)
{
    char *line;
    size_t bytes;
    struct error_detail why;
    int error = read_frame(path, &line, &bytes, ret_detail);
    if (error != 0)
        return error;
    if (read_licence(line, bytes, ret, &why) != 0)
        error = damaged(path, why.text, ret_detail);
    free(line);
    return error;
}

int store_licence_write(const char *path, const struct store_licence *licence,
                        struct error_detail *ret_detail)
{
    struct json_writer *writer = begin_frame();
    if (!writer)
        return ERROR_NO_MEMORY;
    standing_json_write(writer, &licence->standing);
    json_text(writer, "entitlement", licence->entitlement);
    json_integer(writer, "licence_ms", licence->clock.licence_ms);
    json_integer(writer, "boot_ms", licence->clock.boot_ms);
    json_integer(writer, "offset_ms", licence->clock.offset_ms);
    json_text(writer, "boot_id", licence->clock.boot_id);
    json_boolean(writer, "anchored", licence->clock.anchored);
    json_integer(writer, "farm_n", licence->farm_n);
    return write_frame(path, writer, ret_detail);
}

int64_t store_history_now(const struct store_licence *licence)
{
    bool signed_time = licence->standing.activation != ACTIVATION_NONE;
    return signed_time ? licence->standing.grant.issued_at_ms : licence->clock.licence_ms;
}
