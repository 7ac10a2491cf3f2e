/* What `farmgate support` asks of any system. */
#include "support_system.h"

#include "version.h"

#include <curl/curl.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>
#include <yajl/yajl_version.h>
#include <zlib.h>

#define IDENTITY_BYTES 128

void support_add_system(struct support *support)
{
    struct text_buffer text = {.text = NULL};
    uv_utsname_t system;
    text_buffer_print(&text, "farmgate      %s\n", FARMGATE_VERSION);
    text_buffer_print(&text, "libuv         %s\n", uv_version_string());
    text_buffer_print(&text, "libcurl       %s\n", curl_version());
    text_buffer_print(&text, "sqlite        %s\n", sqlite3_libversion());
    text_buffer_print(&text, "libsodium     %s\n", sodium_version_string());
    text_buffer_print(&text, "yajl          %d\n", yajl_version());
    text_buffer_print(&text, "zlib          %s\n", zlibVersion());
    if (uv_os_uname(&system) == 0)
        text_buffer_print(&text, "kernel        %s %s %s %s\n", system.sysname, system.release,
                          system.version, system.machine);
    support_system_versions(&text);
    support_add(support, "versions.txt", false, &text);
    support_system_service(support);
}

bool support_machine_key(uint8_t ret_key[SUPPORT_NAMES_KEY_BYTES])
{
    static const char purpose[] = "farmgate-support-names-v1";
    char identity[IDENTITY_BYTES];
    size_t bytes = support_system_identity(identity, sizeof(identity));
    if (bytes > 0)
        (void)crypto_generichash(ret_key, SUPPORT_NAMES_KEY_BYTES, (const unsigned char *)identity, bytes,
                                 (const unsigned char *)purpose, strlen(purpose));
    else
        randombytes_buf(ret_key, SUPPORT_NAMES_KEY_BYTES);
    sodium_memzero(identity, sizeof(identity));
    return bytes > 0;
}
