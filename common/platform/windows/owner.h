/* owner.h - whose a thing may be that is to be trusted. Only the platform's own files include it. */
#ifndef FARMGATE_COMMON_PLATFORM_WINDOWS_OWNER_H
#define FARMGATE_COMMON_PLATFORM_WINDOWS_OWNER_H

#include <stdbool.h>
#include <windows.h>

#define OWNER_TOKEN_BYTES 256

union owner_holder {
    TOKEN_USER user;
    TOKEN_OWNER owner;
    unsigned char room[OWNER_TOKEN_BYTES];
};

/* Of this process: its account (TokenUser), or whose the things are that it makes (TokenOwner). */
bool owner_read(TOKEN_INFORMATION_CLASS what, union owner_holder *ret);

/* SYSTEM, Administrators, this process's account; NULL is none. */
bool owner_trusted(PSID owner);

#endif
