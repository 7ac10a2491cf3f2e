/* farm_secret.h - the files whose content nobody but the agent may know: the secret that the hosts of a farm
 * share (seal.h), and the password at etcd.
 *
 * Such a file belongs to the agent's user and has mode 0600. A group may not read it either: farmgate's own
 * group is that of everybody who may ask the agent. What was read of it is wiped where it is no longer
 * needed; what is handed out is the caller's to wipe. */
#ifndef FARMGATE_AGENT_FARM_SECRET_H
#define FARMGATE_AGENT_FARM_SECRET_H

#include "seal.h"

#define FARM_SECRET_TEXT_BYTES  44 /* a secret in base64url, with its NUL */
#define FARM_SECRET_FILE_MODE   0600
#define FARM_PASSWORD_BYTES_MAX 255

/* A secret as text: base64url without padding or hexadecimal, with blanks and line ends around it or not.
 * ERROR_INVALID, with what is wrong in *ret_detail; no part of the text is repeated there. */
int farm_secret_parse(const char *text, uint8_t ret[SEAL_SECRET_BYTES], struct error_detail *ret_detail);
void farm_secret_print(const uint8_t secret[SEAL_SECRET_BYTES], char ret[FARM_SECRET_TEXT_BYTES]);

/* ERROR_CONFIGURATION if others may read the file, or it holds no secret; file_read's errors. */
int farm_secret_read(const char *path, uint8_t ret[SEAL_SECRET_BYTES], struct error_detail *ret_detail);

/* Writes a new random secret, durable; a file that is there stays as it is: ERROR_REFUSED. Else
 * file_replace's errors. */
int farm_secret_make(const char *path, struct error_detail *ret_detail);

/* The password that stands alone in the file, on one line. Errors as of farm_secret_read. */
int farm_password_read(const char *path, char ret[FARM_PASSWORD_BYTES_MAX + 1],
                       struct error_detail *ret_detail);

/* Whether this file, a private key perhaps, is there and nobody but its owner may read it:
 * ERROR_CONFIGURATION, or ERROR_NOT_FOUND and so on. */
int farm_secret_check_private(const char *path, struct error_detail *ret_detail);

#endif
