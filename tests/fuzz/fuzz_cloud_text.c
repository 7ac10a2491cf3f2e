/* Anything as each of the small texts that the authority reads: whom a proxy forwards, networks, licence
 * keys, terms, and an administrators' token file. What is read is written and read again without a
 * difference. */
#include "cloud/admin_tokens.h"
#include "cloud/api/source.h"
#include "cloud/ledger/term.h"
#include "common/licence_key.h"
#include "common/rfc3339.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MODE 0600

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool same(const struct source_address *a, const struct source_address *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* Who trusts everybody walks to the end of what is forwarded; who trusts nobody takes none of it. */
static void forwarded(const char *text, size_t size)
{
    static const struct source_network everybody = {.bits = 0};
    struct source_address peer, found, again;
    char name[SOURCE_TEXT_BYTES];
    require(source_parse("192.0.2.7", &peer));
    found = source_find(&peer, text, size, NULL, 0);
    require(same(&found, &peer));
    found = source_find(&peer, text, size, &everybody, 1);
    require(source_parse(source_format(&found, name), &again) && same(&found, &again));
    again = source_of(&found);
    found = source_of(&again);
    require(same(&found, &again));
}

static void licence_key(const char *text)
{
    char canonical[LICENCE_KEY_TEXT_BYTES], again[LICENCE_KEY_TEXT_BYTES], masked[LICENCE_KEY_TEXT_BYTES];
    if (!licence_key_parse(text, canonical))
        return;
    require(licence_key_parse(canonical, again) && strcmp(canonical, again) == 0);
    licence_key_masked(canonical, masked);
    require(strncmp(masked, canonical, 5) == 0 && strstr(masked, canonical + 6) == NULL);
}

static void term(const char *text)
{
    struct term read, again;
    char written[TERM_TEXT_BYTES];
    if (!term_parse(text, &read))
        return;
    term_format(&read, written);
    require(term_parse(written, &again) && again.months == read.months && again.days == read.days);
}

static void network(const char *text)
{
    struct source_network read;
    if (source_network_parse(text, &read))
        require(read.bits <= 128);
}

static void tokens(const char *text, size_t size)
{
    char path[64];
    struct error_detail detail = {""};
    struct tokens *read = calloc(1, sizeof *read);
    int fd = memfd_create("tokens", MFD_CLOEXEC);
    require(read != NULL && fd >= 0 && fchmod(fd, FILE_MODE) == 0);
    require(write(fd, text, size) == (ssize_t)size);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int error = admin_tokens_read(path, read, &detail);
    require(error == 0 || detail.text[0] != '\0');
    for (size_t i = 0; i < read->count; i++)
        require(admin_tokens_name_good(read->list[i].name) && read->list[i].scope != TOKENS_NOTHING);
    (void)close(fd);
    free(read);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    require(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    forwarded(text, size);
    network(text);
    licence_key(text);
    term(text);
    tokens(text, size);
    free(text);
    return 0;
}
