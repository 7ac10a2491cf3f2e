#include "../client_certificate.h"
#include "wide.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <windows.h>

#include <wincrypt.h>

#define THUMBPRINT_BYTES      20
#define THUMBPRINT_CHARACTERS (2 * THUMBPRINT_BYTES)
#define STORE_BYTES           64

/* A service has none of a user's; curl knows the word in this form alone. */
#define LOCATION "LocalMachine\\"

struct place {
    char store[STORE_BYTES];
    const char *thumbprint;
};

bool client_certificate_is_file(void)
{
    return false;
}

static bool is_thumbprint(const char *text)
{
    size_t count = 0;
    while (isxdigit((unsigned char)text[count]))
        count++;
    return count == THUMBPRINT_CHARACTERS && !text[count];
}

static bool take_place(const char *name, struct place *ret)
{
    const char *store = name + strlen(LOCATION), *end;
    if (strncmp(name, LOCATION, strlen(LOCATION)) != 0 || !(end = strchr(store, '\\')))
        return false;
    size_t bytes = (size_t)(end - store);
    if (bytes == 0 || bytes >= sizeof(ret->store) || !is_thumbprint(end + 1))
        return false;
    memcpy(ret->store, store, bytes);
    ret->store[bytes] = '\0';
    ret->thumbprint = end + 1;
    return true;
}

bool client_certificate_in_store(const char *name)
{
    struct place place;
    return take_place(name, &place);
}

static HCERTSTORE open_store(const struct place *place)
{
    wchar_t *store = wide_text(place->store);
    HCERTSTORE opened = store ? CertOpenStore(CERT_STORE_PROV_SYSTEM_W, 0, 0,
                                              CERT_SYSTEM_STORE_LOCAL_MACHINE |
                                                  CERT_STORE_OPEN_EXISTING_FLAG | CERT_STORE_READONLY_FLAG,
                                              store)
                              : NULL;
    free(store);
    return opened;
}

static PCCERT_CONTEXT find(HCERTSTORE store, const char *thumbprint)
{
    BYTE bytes[THUMBPRINT_BYTES];
    CRYPT_HASH_BLOB hash = {.cbData = sizeof(bytes), .pbData = bytes};
    if (!CryptStringToBinaryA(thumbprint, THUMBPRINT_CHARACTERS, CRYPT_STRING_HEX, bytes, &hash.cbData, NULL,
                              NULL))
        return NULL;
    return CertFindCertificateInStore(store, X509_ASN_ENCODING | PKCS_7_ASN_ENCODING, 0, CERT_FIND_HASH,
                                      &hash, NULL);
}

int client_certificate_find(const char *name, struct error_detail *ret_detail)
{
    struct place place;
    DWORD bytes;
    int error = 0;
    if (!take_place(name, &place)) {
        error_detail_set(ret_detail, "%s: not a certificate in Windows' store", name);
        return ERROR_INVALID;
    }
    HCERTSTORE store = open_store(&place);
    PCCERT_CONTEXT found = store ? find(store, place.thumbprint) : NULL;
    if (!found) {
        error_detail_set(ret_detail, "there is no certificate %s in Windows' store", name);
        error = ERROR_NOT_FOUND;
    } else if (!CertGetCertificateContextProperty(found, CERT_KEY_PROV_INFO_PROP_ID, NULL, &bytes)) {
        error_detail_set(ret_detail,
                         "the certificate %s has no private key in Windows' store: import both, as a "
                         ".pfx file has them",
                         name);
        error = ERROR_NOT_FOUND;
    }
    if (found)
        (void)CertFreeCertificateContext(found);
    if (store)
        (void)CertCloseStore(store, 0);
    return error;
}
