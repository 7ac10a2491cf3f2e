#include "farm_secret.h"

#include "common/file.h"
#include "common/platform/hints.h"
#include "common/utf8.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES_MAX 4096
#define BASE64         sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define BLANKS         " \t\r\n"
#define HEX_DIGITS     (2 * SEAL_SECRET_BYTES)

static_assert(FARM_SECRET_TEXT_BYTES == sodium_base64_ENCODED_LEN(SEAL_SECRET_BYTES, BASE64), "and a NUL");

int farm_secret_check_private(const char *path, struct error_detail *ret_detail)
{
    struct stat status;
    if (stat(path, &status) != 0) {
        int number = errno;
        error_detail_set(ret_detail, "cannot read %s: %s", path, strerror(number));
        return error_from_errno(number);
    }
    if ((status.st_mode & 077) == 0)
        return 0;
    error_detail_set(ret_detail,
                     "%s may be read or changed by others than its owner: make it the agent's user's alone "
                     "(%s)",
                     path, hint(HINT_make_private));
    return ERROR_CONFIGURATION;
}

/* ---- the secret ---- */

static bool decode(const char *text, size_t bytes, uint8_t ret[SEAL_SECRET_BYTES])
{
    size_t got = 0;
    if (bytes == HEX_DIGITS)
        return sodium_hex2bin(ret, SEAL_SECRET_BYTES, text, bytes, NULL, &got, NULL) == 0 &&
               got == SEAL_SECRET_BYTES;
    return bytes == FARM_SECRET_TEXT_BYTES - 1 &&
           sodium_base642bin(ret, SEAL_SECRET_BYTES, text, bytes, NULL, &got, NULL, BASE64) == 0 &&
           got == SEAL_SECRET_BYTES;
}

int farm_secret_parse(const char *text, uint8_t ret[SEAL_SECRET_BYTES], struct error_detail *ret_detail)
{
    uint8_t secret[SEAL_SECRET_BYTES];
    const char *start = text + strspn(text, BLANKS);
    size_t bytes = strcspn(start, BLANKS);
    bool alone = start[bytes + strspn(start + bytes, BLANKS)] == '\0';
    bool good = alone && decode(start, bytes, secret);
    if (good)
        memcpy(ret, secret, sizeof secret);
    else if (alone && (bytes == HEX_DIGITS || bytes == FARM_SECRET_TEXT_BYTES - 1))
        error_detail_set(ret_detail, "a character in it has no place in a secret");
    else
        error_detail_set(ret_detail,
                         "it is not the text of a secret, %d characters of base64url or %d of "
                         "hexadecimal",
                         FARM_SECRET_TEXT_BYTES - 1, HEX_DIGITS);
    sodium_memzero(secret, sizeof secret);
    return good ? 0 : ERROR_INVALID;
}

void farm_secret_print(const uint8_t secret[SEAL_SECRET_BYTES], char ret[FARM_SECRET_TEXT_BYTES])
{
    (void)sodium_bin2base64(ret, FARM_SECRET_TEXT_BYTES, secret, SEAL_SECRET_BYTES, BASE64);
}

/* ---- its file ---- */

/* The text of a file that only its owner may read, to be given to wipe(). */
static int read_private(const char *path, char **ret_text, size_t *ret_bytes, struct error_detail *ret_detail)
{
    int error = farm_secret_check_private(path, ret_detail);
    return error != 0 ? error : file_read(path, FILE_BYTES_MAX, ret_text, ret_bytes, ret_detail);
}

static void wipe(char *text, size_t bytes)
{
    sodium_memzero(text, bytes);
    free(text);
}

int farm_secret_read(const char *path, uint8_t ret[SEAL_SECRET_BYTES], struct error_detail *ret_detail)
{
    struct error_detail detail = {""};
    char *text;
    size_t bytes;
    int error = read_private(path, &text, &bytes, ret_detail);
    if (error != 0)
        return error;
    error = farm_secret_parse(text, ret, &detail);
    if (error == 0 && strlen(text) != bytes) {
        sodium_memzero(ret, SEAL_SECRET_BYTES);
        error_detail_set(&detail, "it contains a NUL byte");
        error = ERROR_INVALID;
    }
    wipe(text, bytes);
    if (error == 0)
        return 0;
    error_detail_set(ret_detail, "%s: %s", path, detail.text);
    return ERROR_CONFIGURATION;
}

/* Unlike a renaming, a link leaves what is there. */
static int put_in_place(const char *temporary, const char *path, struct error_detail *ret_detail)
{
    int error = link(temporary, path) == 0 ? 0 : errno;
    (void)unlink(temporary);
    if (error == 0)
        return file_sync_directory(path, ret_detail);
    if (error == EEXIST) {
        error_detail_set(ret_detail, "%s is there already, and stays as it is", path);
        return ERROR_REFUSED;
    }
    error_detail_set(ret_detail, "cannot create %s: %s", path, strerror(error));
    return error_from_errno(error);
}

int farm_secret_make(const char *path, struct error_detail *ret_detail)
{
    uint8_t secret[SEAL_SECRET_BYTES];
    char text[FARM_SECRET_TEXT_BYTES + 1], temporary[PATH_MAX];
    int error = file_new_name(path, temporary, ret_detail);
    if (error != 0)
        return error;
    randombytes_buf(secret, sizeof secret);
    farm_secret_print(secret, text);
    text[FARM_SECRET_TEXT_BYTES - 1] = '\n';
    error = file_prepare(path, text, FARM_SECRET_TEXT_BYTES, FARM_SECRET_FILE_MODE, true, ret_detail);
    sodium_memzero(secret, sizeof secret);
    sodium_memzero(text, sizeof text);
    return error != 0 ? error : put_in_place(temporary, path, ret_detail);
}

/* ---- the password ---- */

static const char *password_fault(const char *text, size_t bytes)
{
    if (bytes == 0)
        return "empty";
    if (bytes > FARM_PASSWORD_BYTES_MAX)
        return "longer than a password may be";
    for (size_t i = 0; i < bytes; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7F)
            return "more than one line, or a control character in it";
    return utf8_valid(text, bytes) ? NULL : "not valid UTF-8";
}

int farm_password_read(const char *path, char ret[FARM_PASSWORD_BYTES_MAX + 1],
                       struct error_detail *ret_detail)
{
    char *text;
    size_t bytes;
    int error = read_private(path, &text, &bytes, ret_detail);
    if (error != 0)
        return error;
    size_t length = bytes;
    if (length > 0 && text[length - 1] == '\n')
        length -= length > 1 && text[length - 2] == '\r' ? 2 : 1;
    const char *fault = password_fault(text, length);
    if (fault) {
        error_detail_set(ret_detail, "%s: %s", path, fault);
        error = ERROR_CONFIGURATION;
    } else {
        memcpy(ret, text, length);
        ret[length] = '\0';
    }
    wipe(text, bytes);
    return error;
}
