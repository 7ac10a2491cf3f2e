/* plain.c - run by nobody in particular: a terminal, a test, an init without notifications. */
#include "service.h"

#include <stdio.h>
#include <string.h>

int service_main(int argc, char **argv, service_program_fn *program)
{
    return program(argc, argv);
}

const char *service_help(void)
{
    return "";
}

/* Signals are all that is asked. */
int service_open(uv_loop_t *loop, const struct service_listener *listener)
{
    (void)loop;
    (void)listener;
    return 0;
}

void service_close(void)
{
}

void service_ended(int exit_code)
{
    (void)exit_code;
}

size_t service_sockets(struct service_socket ret[SERVICE_SOCKETS_MAX])
{
    (void)ret;
    return 0;
}

void service_ready(const char *status)
{
    (void)status;
}

void service_status(const char *status)
{
    (void)status;
}

void service_reloading(void)
{
}

void service_stopping(void)
{
}

uint64_t service_watchdog_ms(void)
{
    return 0;
}

void service_alive(void)
{
}

bool service_has_log(void)
{
    return false;
}

bool service_log(const struct log_event_form *form, const char *sentence, const struct service_field *fields,
                 size_t count)
{
    (void)form;
    (void)sentence;
    (void)fields;
    (void)count;
    return false;
}

/* What the system wrote when it was installed; good enough to notice a copied image. */
void service_machine_id(char *ret, size_t bytes)
{
    ret[0] = '\0';
    FILE *file = fopen("/etc/machine-id", "re");
    if (!file)
        return;
    char line[64];
    if (fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\n")] = '\0';
        if (strlen(line) < bytes)
            memcpy(ret, line, strlen(line) + 1);
    }
    (void)fclose(file);
}
