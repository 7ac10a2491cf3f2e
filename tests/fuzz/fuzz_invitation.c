/* fuzz_invitation.c - anything as an invitation, and anything as the document in one whose checksum fits.
 * What is read is written and read again without a difference. */
#include "agent/farm/farm_invitation.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASE64     sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define HEAD_BYTES 17

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void decode(const char *text, size_t bytes)
{
    struct invitation *read = calloc(1, sizeof *read), *again = calloc(1, sizeof *again);
    struct error_detail detail = {""};
    require(read && again);
    int error = farm_invitation_decode(text, bytes, read, &detail);
    require((error == 0) == (detail.text[0] == '\0'));
    if (error == 0) {
        char *written = farm_invitation_encode(read);
        require(written && farm_invitation_decode(written, strlen(written), again, NULL) == 0);
        require(strcmp(read->ca, again->ca) == 0 && strcmp(read->password, again->password) == 0);
        require(read->endpoint_count == again->endpoint_count && read->lease_ttl_ms == again->lease_ttl_ms);
        require(memcmp(read->secret, again->secret, sizeof read->secret) == 0);
        free(written);
    }
    free(read);
    free(again);
}

static void armoured(const uint8_t *data, size_t size)
{
    uint8_t *plain = malloc(HEAD_BYTES + size), *checked = malloc(1 + size);
    size_t room = sodium_base64_encoded_len(HEAD_BYTES + size, BASE64);
    char *encoded = malloc(room), *text = malloc(room + 100);
    require(plain && checked && encoded && text);
    plain[0] = checked[0] = 1;
    memcpy(checked + 1, data, size);
    (void)crypto_generichash(plain + 1, HEAD_BYTES - 1, checked, 1 + size, NULL, 0);
    memcpy(plain + HEAD_BYTES, data, size);
    (void)sodium_bin2base64(encoded, room, plain, HEAD_BYTES + size, BASE64);
    (void)snprintf(text, room + 100, "%s%s%s", INVITATION_BEGIN, encoded, INVITATION_END);
    decode(text, strlen(text));
    free(plain);
    free(checked);
    free(encoded);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t nothing[1];
    require(sodium_init() >= 0);
    decode((const char *)data, size);
    armoured(size > 0 ? data : nothing, size);
    return 0;
}
