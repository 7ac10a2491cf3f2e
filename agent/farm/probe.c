#include "probe.h"

#include "ask.h"
#include "etcd.h"

#include <stdlib.h>
#include <string.h>

struct probe {
    struct probe_settings settings;
    struct ask *ask;
    int64_t now_ms, due_ms, backoff_ms;
    bool is_good, has_told;
    int error; /* that was told last */
    struct error_detail detail;
    struct wire_message answer;
};

static void tell(struct probe *probe, int error, const char *detail)
{
    bool is_new = !probe->has_told || error != probe->error || strcmp(detail, probe->detail.text) != 0;
    probe->has_told = true;
    probe->error = error;
    error_detail_set(&probe->detail, "%s", detail);
    if (is_new)
        probe->settings.told(probe->settings.data, error, probe->detail.text);
}

static void ask_later(struct probe *probe)
{
    probe->due_ms = probe->now_ms + probe->backoff_ms;
    probe->backoff_ms *= 2;
    if (probe->backoff_ms > PROBE_RETRY_LAST_MS)
        probe->backoff_ms = PROBE_RETRY_LAST_MS;
}

static int on_message(void *data, const struct wire_message *message)
{
    struct probe *probe = data;
    probe->answer = *message;
    return 0;
}

static void judge(struct probe *probe)
{
    struct error_detail why = {""};
    int error = etcd_version_check(probe->answer.version, &why);
    probe->is_good = error == 0 || (error == ERROR_REFUSED && probe->settings.any_version);
    if (!probe->is_good)
        ask_later(probe);
    tell(probe, probe->is_good ? 0 : error, why.text);
}

static void on_done(void *data, int error, const char *detail)
{
    struct probe *probe = data;
    if (error == 0 && !probe->answer.failed) {
        judge(probe);
        return;
    }
    ask_later(probe);
    if (error == 0)
        tell(probe, ERROR_REFUSED, probe->answer.text);
    else
        tell(probe, error, detail);
}

void probe_pass(struct probe *probe, int64_t now_ms)
{
    static const struct etcd_told told = {NULL, on_message, on_done};
    probe->now_ms = now_ms;
    if (probe->is_good || probe->ask != NULL || now_ms < probe->due_ms)
        return;
    probe->answer = (struct wire_message){.failed = false};
    if (ask_send(&probe->ask, &probe->settings.port, WIRE_PATH_VERSION, strdup(""), &told, probe) < 0)
        ask_later(probe);
}

int64_t probe_due_ms(const struct probe *probe)
{
    return probe->is_good || probe->ask != NULL ? INT64_MAX : probe->due_ms;
}

struct probe *probe_create(const struct probe_settings *settings)
{
    struct probe *probe = calloc(1, sizeof(*probe));
    if (probe == NULL)
        return NULL;
    probe->settings = *settings;
    probe->backoff_ms = PROBE_RETRY_FIRST_MS;
    return probe;
}

void probe_destroy(struct probe *probe)
{
    if (probe == NULL)
        return;
    ask_drop(&probe->ask);
    free(probe);
}

bool probe_is_good(const struct probe *probe)
{
    return probe->is_good;
}
