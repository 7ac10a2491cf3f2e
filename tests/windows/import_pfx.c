/* Puts the certificate of a .pfx file without a password, and its key, into the machine's own, as
 * Import-PfxCertificate does; prints its thumbprint. */
#include <stdio.h>
#include <windows.h>

#include <wincrypt.h>

#define FILE_BYTES_MAX   65536
#define THUMBPRINT_BYTES 20

static HCERTSTORE import(const char *path)
{
    static BYTE bytes[FILE_BYTES_MAX];
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    CRYPT_DATA_BLOB pfx = {.cbData = (DWORD)fread(bytes, 1, sizeof(bytes), file), .pbData = bytes};
    (void)fclose(file);
    return PFXImportCertStore(&pfx, L"", CRYPT_USER_KEYSET); /* of the machine's keys wine finds none again */
}

int main(int argc, char **argv)
{
    BYTE thumbprint[THUMBPRINT_BYTES];
    DWORD count = sizeof(thumbprint);
    HCERTSTORE imported = argc == 2 ? import(argv[1]) : NULL;
    HCERTSTORE own = CertOpenStore(CERT_STORE_PROV_SYSTEM_W, 0, 0, CERT_SYSTEM_STORE_LOCAL_MACHINE, L"MY");
    PCCERT_CONTEXT certificate = imported ? CertEnumCertificatesInStore(imported, NULL) : NULL;
    if (!own || !certificate ||
        !CertAddCertificateContextToStore(own, certificate, CERT_STORE_ADD_REPLACE_EXISTING, NULL) ||
        !CertGetCertificateContextProperty(certificate, CERT_HASH_PROP_ID, thumbprint, &count)) {
        (void)fprintf(stderr, "import_pfx: error %lu\n", GetLastError());
        return 1;
    }
    for (DWORD i = 0; i < count; i++)
        (void)printf("%02X", thumbprint[i]);
    (void)printf("\n");
    (void)CertFreeCertificateContext(certificate);
    (void)CertCloseStore(own, 0);
    (void)CertCloseStore(imported, 0);
    return 0;
}
