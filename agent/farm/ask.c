#include "ask.h"

#include <stdlib.h>

struct ask {
    struct ask **place; /* NULL: dropped */
    struct farm_port port;
    struct etcd_told told;
    void *data;
    int64_t id;
};

static int on_kv(void *data, const struct wire_kv *kv)
{
    const struct ask *ask = data;
    return ask->place != NULL && ask->told.kv != NULL ? ask->told.kv(ask->data, kv) : 0;
}

static int on_message(void *data, const struct wire_message *message)
{
    const struct ask *ask = data;
    return ask->place != NULL && ask->told.message != NULL ? ask->told.message(ask->data, message) : 0;
}

static void on_done(void *data, int error, const char *detail)
{
    struct ask *ask = data;
    if (ask->place != NULL) {
        *ask->place = NULL;
        ask->told.done(ask->data, error, detail);
    }
    free(ask);
}

int ask_send(struct ask **place, const struct farm_port *port, const char *path, char *text,
             const struct etcd_told *told, void *data)
{
    static const struct etcd_told own = {on_kv, on_message, on_done};
    struct ask *ask = malloc(sizeof(*ask));
    if (ask == NULL) {
        free(text);
        return ERROR_NO_MEMORY;
    }
    *ask = (struct ask){.place = place, .port = *port, .told = *told, .data = data};
    ask->id = port->ask(port->etcd, path, text, &own, ask);
    if (ask->id < 0) {
        int error = (int)ask->id;
        free(ask);
        return error;
    }
    *place = ask;
    return 0;
}

void ask_drop(struct ask **place)
{
    struct ask *ask = *place;
    if (ask == NULL)
        return;
    *place = NULL;
    ask->place = NULL;
    ask->port.cancel(ask->port.etcd, ask->id);
}
