/* farm_invitation.h - all that a host must know to join a farm of many hosts, as text that survives being
 * copied and pasted. Pure.
 *
 *     -----BEGIN FARMGATE INVITATION-----
 *     base64url of: version (1 byte), BLAKE2b-128 of version and document (16 bytes), document (JSON)
 *     -----END FARMGATE INVITATION-----
 *
 * Around it may stand anything, within it blanks, line ends and the marks of quoted mail. This outer form
 * stays for good; a document that older releases must not take has a higher version. Members of the document
 * that are not known are skipped.
 *
 * It holds the farm's secret, the password at etcd if there is one, and on demand a private key: whoever has
 * it is a member of the farm. */
#ifndef FARMGATE_AGENT_FARM_FARM_INVITATION_H
#define FARMGATE_AGENT_FARM_FARM_INVITATION_H

#include "farm_secret.h"

#include "agent/settings.h"

#include <stdbool.h>

#define INVITATION_BYTES_MAX     (256 * 1024) /* with what stands around it */
#define INVITATION_PEM_BYTES_MAX (32 * 1024)  /* of each certificate file and of the key */
#define INVITATION_BEGIN         "-----BEGIN FARMGATE INVITATION-----"
#define INVITATION_END           "-----END FARMGATE INVITATION-----"

struct invitation {
    char farm_name[SETTINGS_FARM_NAME_MAX + 1];
    char endpoints[SETTINGS_ENDPOINTS_MAX][256]; /* "https://etcd1:2379"; at least one */
    size_t endpoint_count;
    uint8_t secret[SEAL_SECRET_BYTES];
    int64_t lease_ttl_ms;                           /* whole seconds */
    char ca[INVITATION_PEM_BYTES_MAX + 1];          /* PEM; "": the system's */
    char certificate[INVITATION_PEM_BYTES_MAX + 1]; /* what hosts show to etcd, with its key; */
    char private_key[INVITATION_PEM_BYTES_MAX + 1]; /* "": not enclosed */
    bool wants_certificate;                         /* the cluster asks for one */
    char user[128];                                 /* at etcd; "": without */
    char password[FARM_PASSWORD_BYTES_MAX + 1];
    char authority_url[512], authority_key[128]; /* of the inviting host, for comparing; may be "" */
};

/* The text, to be wiped and freed with free(); NULL without memory. */
char *farm_invitation_encode(const struct invitation *invitation);

/* ERROR_INVALID (there is none in it, its end is missing, or it does not say what it must), ERROR_DAMAGED,
 * ERROR_NEWER, ERROR_TOO_LARGE, each with words for people; ERROR_NO_MEMORY. *ret is large: keep it on the
 * heap. */
int farm_invitation_decode(const char *text, size_t bytes, struct invitation *ret,
                           struct error_detail *ret_detail);

void farm_invitation_wipe(struct invitation *invitation);

#endif
