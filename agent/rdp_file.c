#include "rdp_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The value of "name:type:value" if its name is this one; clients do not care for case. */
static const char *value_of(const char *property, const char *name)
{
    size_t bytes = strlen(name);
    if (strncasecmp(property, name, bytes) != 0 || property[bytes] != ':')
        return NULL;
    const char *value = strchr(property + bytes + 1, ':');
    return value ? value + 1 : NULL;
}

const char *rdp_file_property(const struct resource *resource, const char *name)
{
    for (size_t i = 0; i < resource->property_count; i++) {
        const char *value = value_of(resource->properties[i], name);
        if (value)
            return value;
    }
    return NULL;
}

const char *rdp_file_address(const struct resource *resource, const char *elsewhere)
{
    const char *address = rdp_file_property(resource, "full address");
    if (address)
        return address;
    return resource->host_count > 0 ? resource->hosts[0] : elsewhere;
}

/* --- lines ---------------------------------------------------------------------------------------------- */

/* Whatever was let pass on its way here: a text stays in its line. */
static void write_text(FILE *out, const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text >= 0x20 && *text != 0x7F)
            (void)fputc(*text, out);
}

/* A text property that resources.conf does not have already. */
static void write_default(FILE *out, const struct resource *resource, const char *name, const char *value)
{
    if (rdp_file_property(resource, name) || !value[0])
        return;
    fprintf(out, "%s:s:", name);
    write_text(out, value);
    fputs("\r\n", out);
}

/* Without RemoteApp the command is what the session runs instead of a desktop: xrdp and Windows both do that.
 */
static void write_application(FILE *out, const struct resource *resource)
{
    const char *mode = rdp_file_property(resource, "remoteapplicationmode");
    if (mode && strcmp(mode, "1") == 0) {
        write_default(out, resource, "remoteapplicationprogram", resource->command);
        write_default(out, resource, "remoteapplicationname", resource->name);
    } else {
        write_default(out, resource, "alternate shell", resource->command);
    }
}

static int write_lines(const struct resource *resource, const char *address, char **ret, size_t *ret_bytes)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        return ERROR_NO_MEMORY;
    write_default(out, resource, "full address", address);
    if (resource->kind == KIND_APPLICATION)
        write_application(out, resource);
    for (size_t i = 0; i < resource->property_count; i++) {
        write_text(out, resource->properties[i]);
        fputs("\r\n", out);
    }
    bool failed = ferror(out) != 0;
    if (fclose(out) != 0 || failed) {
        free(text);
        return ERROR_NO_MEMORY;
    }
    *ret = text;
    *ret_bytes = bytes;
    return 0;
}

/* --- UTF-16 --------------------------------------------------------------------------------------------- */

static bool is_ascii(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if ((unsigned char)text[i] >= 0x80)
            return false;
    return true;
}

static char *put_unit(char *at, unsigned unit)
{
    *at++ = (char)(unsigned char)(unit & 0xFF);
    *at++ = (char)(unsigned char)(unit >> 8);
    return at;
}

/* The character that valid UTF-8 begins with. */
static unsigned character_at(const char *text, size_t *ret_bytes)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t bytes = at[0] < 0x80 ? 1 : at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3 : 4;
    unsigned character = bytes == 1 ? at[0] : at[0] & (0x7Fu >> bytes);
    for (size_t i = 1; i < bytes; i++)
        character = character << 6 | (at[i] & 0x3F);
    *ret_bytes = bytes;
    return character;
}

static int to_utf16(const char *text, size_t bytes, char **ret, size_t *ret_bytes)
{
    char *wide = malloc(2 * bytes + 2); /* no character takes more units than it has bytes */
    if (!wide)
        return ERROR_NO_MEMORY;
    char *at = put_unit(wide, 0xFEFF);
    for (size_t i = 0, length; i < bytes; i += length) {
        unsigned character = character_at(text + i, &length);
        if (character >= 0x10000) {
            at = put_unit(at, 0xD800 + ((character - 0x10000) >> 10));
            character = 0xDC00 + ((character - 0x10000) & 0x3FF);
        }
        at = put_unit(at, character);
    }
    *ret = wide;
    *ret_bytes = (size_t)(at - wide);
    return 0;
}

int rdp_file_make(const struct resource *resource, const char *address, char **ret, size_t *ret_bytes)
{
    char *text = NULL;
    size_t bytes = 0;
    int error = write_lines(resource, address, &text, &bytes);
    if (error)
        return error;
    if (is_ascii(text, bytes)) {
        *ret = text;
        *ret_bytes = bytes;
        return 0;
    }
    error = to_utf16(text, bytes, ret, ret_bytes);
    free(text);
    return error;
}
