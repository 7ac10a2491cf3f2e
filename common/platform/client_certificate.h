/* client_certificate.h - by what name TLS finds a client's own certificate here.
 *
 * Linux: PEM files, an absolute path each for the certificate and for its private key. Windows: its store, as
 * STORE\NAME\THUMBPRINT (LocalMachine\MY\<40 hexadecimal digits>), where the private key is as well: Windows'
 * TLS uses no key that the system does not keep. */
#ifndef FARMGATE_COMMON_PLATFORM_CLIENT_CERTIFICATE_H
#define FARMGATE_COMMON_PLATFORM_CLIENT_CERTIFICATE_H

#include "common/error.h"

#include <stdbool.h>

/* Whether certificate and key are two files; else the key is named by its certificate. */
bool client_certificate_is_file(void);

/* Whether it is the name of one in the store, which need not be there. */
bool client_certificate_in_store(const char *name);

/* 0, or what hinders its use: ERROR_INVALID, ERROR_NOT_FOUND, ERROR_FORBIDDEN, ERROR_IO. */
int client_certificate_find(const char *name, struct error_detail *ret_detail);

#endif
