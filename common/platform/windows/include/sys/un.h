/* Addresses of local sockets: here named pipes, whose paths are no longer than this. */
#ifndef PLATFORM_SYS_UN_H
#define PLATFORM_SYS_UN_H

struct sockaddr_un {
    unsigned short sun_family;
    char sun_path[256];
};

#endif
