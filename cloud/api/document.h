/* document.h - cloud/openapi.yaml as the build has put it in (embed.py), for GET /v1/openapi.yaml. */
#ifndef FARMGATE_CLOUD_API_DOCUMENT_H
#define FARMGATE_CLOUD_API_DOCUMENT_H

#include <stddef.h>

extern const unsigned char document[];
extern const size_t document_bytes;

#endif
