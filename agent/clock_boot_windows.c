/* clock_boot_windows.c - what tells this boot from every other: a random number in a part of the registry
 * that Windows forgets when it shuts down. Only administrators and services of the system may write there. */
#include "clock.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <windows.h>

#define BOOT_KEY   L"SOFTWARE\\Farmgate\\Boot"
#define BOOT_VALUE L"Id"
#define ID_BYTES   16
static_assert(CLOCK_BOOT_ID_BYTES > 2 * ID_BYTES, "two digits a byte");

static bool read_id(HKEY key, BYTE ret[ID_BYTES])
{
    DWORD bytes = ID_BYTES;
    return RegGetValueW(key, NULL, BOOT_VALUE, RRF_RT_REG_BINARY, NULL, ret, &bytes) == ERROR_SUCCESS &&
           bytes == ID_BYTES;
}

/* The key goes with the boot, whatever is written to it. */
static bool make_id(BYTE ret[ID_BYTES])
{
    HKEY key;
    if (RegCreateKeyExW(HKEY_LOCAL_MACHINE, BOOT_KEY, 0, NULL, REG_OPTION_VOLATILE,
                        KEY_READ | KEY_WRITE | KEY_WOW64_64KEY, NULL, &key, NULL) != ERROR_SUCCESS)
        return false;
    bool there =
        read_id(key, ret) || (getrandom(ret, ID_BYTES, 0) == ID_BYTES &&
                              RegSetValueExW(key, BOOT_VALUE, 0, REG_BINARY, ret, ID_BYTES) == ERROR_SUCCESS);
    (void)RegCloseKey(key);
    return there;
}

static bool find_id(BYTE ret[ID_BYTES])
{
    HKEY key;
    if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, BOOT_KEY, 0, KEY_READ | KEY_WOW64_64KEY, &key) != ERROR_SUCCESS)
        return false;
    bool there = read_id(key, ret);
    (void)RegCloseKey(key);
    return there;
}

void clock_system_boot_id(char ret_boot_id[CLOCK_BOOT_ID_BYTES])
{
    BYTE id[ID_BYTES];
    ret_boot_id[0] = '\0';
    if (!find_id(id) && !make_id(id))
        return;
    for (size_t i = 0; i < ID_BYTES; i++)
        (void)snprintf(ret_boot_id + 2 * i, 3, "%02x", id[i]);
}
