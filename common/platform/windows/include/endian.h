/* Byte orders: this processor's is the little one. */
#ifndef PLATFORM_ENDIAN_H
#define PLATFORM_ENDIAN_H

#include <stdint.h>

#define le16toh(value) ((uint16_t)(value))
#define le32toh(value) ((uint32_t)(value))
#define le64toh(value) ((uint64_t)(value))
#define be16toh(value) __builtin_bswap16(value)
#define be32toh(value) __builtin_bswap32(value)
#define be64toh(value) __builtin_bswap64(value)
#define htole16(value) le16toh(value)
#define htole32(value) le32toh(value)
#define htole64(value) le64toh(value)
#define htobe16(value) be16toh(value)
#define htobe32(value) be32toh(value)
#define htobe64(value) be64toh(value)

#endif
