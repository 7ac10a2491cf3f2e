#include "wts_text.h"

#include <stdio.h>

void wts_write_down(const struct session_facts *facts, size_t count, char *ret, size_t bytes)
{
    size_t at = 0;
    ret[0] = '\0';
    for (size_t i = 0; i < count && at < bytes; i++)
        at += (size_t)snprintf(ret + at, bytes - at, "%s %s %s %s %s %s%s%s%s\n", facts[i].id, facts[i].user,
                               connection_kind_name((enum connection_kind)facts[i].kind_known),
                               connection_route_name((enum connection_route)facts[i].route_known),
                               connection_state_name(facts[i].state),
                               administrator_name((enum administrator)facts[i].administrator_known),
                               facts[i].remote_host ? " " : "",
                               facts[i].remote_host ? facts[i].remote_host : "",
                               facts[i].closing ? " closing" : "");
}
