/* api_settings.h - what the configuration says of the local API. */
#ifndef FARMGATE_AGENT_API_SETTINGS_H
#define FARMGATE_AGENT_API_SETTINGS_H

#include <stddef.h>

struct api_settings {
    const char *token_file;   /* "" no tokens */
    const char *const *hosts; /* further allowed Host headers on TCP */
    size_t host_count;
    unsigned clients_max; /* per door */
};

#endif
