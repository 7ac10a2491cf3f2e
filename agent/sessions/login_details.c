#include "login_details.h"

#include "common/error.h"
#include "system_bus.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#define PASSWD_BYTES_MAX 65536

/* One session that is asked for: waiting, on the bus, or at the name service. */
struct question {
    struct question *next_question, *prev_question;
    struct login_details *details; /* NULL: nobody waits any more */
    char session[CONNECTION_ID_BYTES_MAX + 1];
    uid_t uid;
    bool in_flight;      /* on the bus or the pool */
    sd_bus_slot *slot;   /* while on the bus */
    uint64_t give_up_ms; /* loop time: when the bus has taken too long */
    uv_work_t work;      /* while at the name service */
    struct login_answer answer;
};

struct login_details {
    uv_loop_t *loop;
    struct system_bus *bus;
    struct question *questions, *last_question; /* oldest first */
    unsigned in_flight;
    uv_timer_t give_up; /* for the question that is longest on the bus */
    login_details_fn *answered;
    void *data;
};

static void ask_waiting(struct login_details *details);

struct login_details *login_details_create(uv_loop_t *loop, login_details_fn *answered, void *data)
{
    struct login_details *details = calloc(1, sizeof(*details));

    if (details == NULL)
        return NULL;
    details->bus = system_bus_create(loop);
    if (details->bus == NULL) {
        free(details);
        return NULL;
    }
    uv_timer_init(loop, &details->give_up);
    details->give_up.data = details;
    details->loop = loop;
    details->answered = answered;
    details->data = data;
    return details;
}

static void question_link(struct login_details *details, struct question *question)
{
    question->prev_question = details->last_question;
    if (details->last_question != NULL)
        details->last_question->next_question = question;
    else
        details->questions = question;
    details->last_question = question;
}

static void question_unlink(struct login_details *details, struct question *question)
{
    if (question->prev_question != NULL)
        question->prev_question->next_question = question->next_question;
    else
        details->questions = question->next_question;
    if (question->next_question != NULL)
        question->next_question->prev_question = question->prev_question;
    else
        details->last_question = question->prev_question;
}

static void answer(struct question *question)
{
    struct login_details *details = question->details;

    question_unlink(details, question);
    details->in_flight--;
    details->answered(details->data, question->session, question->uid, &question->answer);
    free(question);
    ask_waiting(details);
}

/* --- the name service, which may block for seconds: on the pool ----------------------------------------- */

static void look_up_name(uv_work_t *work)
{
    struct question *question = work->data;
    char *room = malloc(PASSWD_BYTES_MAX);
    struct passwd entry, *found = NULL;

    if (room != NULL && getpwuid_r(question->uid, &entry, room, PASSWD_BYTES_MAX, &found) == 0 &&
        found != NULL && strlen(entry.pw_name) <= CONNECTION_USER_BYTES_MAX)
        strcpy(question->answer.user, entry.pw_name);
    else
        snprintf(question->answer.user, sizeof(question->answer.user), "%ju", (uintmax_t)question->uid);
    free(room);
}

static void name_looked_up(uv_work_t *work, int status)
{
    struct question *question = work->data;

    (void)status;
    if (question->details == NULL)
        free(question);
    else
        answer(question);
}

static void ask_name_service(struct question *question)
{
    question->work.data = question;
    /* It can only fail without a callback, which would be our own bug. */
    (void)uv_queue_work(question->details->loop, &question->work, look_up_name, name_looked_up);
}

/* --- the bus -------------------------------------------------------------------------------------------- */

static int read_property(sd_bus_message *reply, struct login_answer *ret)
{
    const char *name, *text;
    uint64_t began_us;
    int r = sd_bus_message_read_basic(reply, 's', &name);

    if (r < 0)
        return r;
    if (strcmp(name, "Name") == 0) {
        r = sd_bus_message_read(reply, "v", "s", &text);
        if (r >= 0 && *text != '\0' && strlen(text) <= CONNECTION_USER_BYTES_MAX)
            strcpy(ret->user, text);
        return r;
    }
    if (strcmp(name, "Timestamp") == 0) {
        r = sd_bus_message_read(reply, "v", "t", &began_us);
        if (r >= 0 && began_us / 1000 <= INT64_MAX)
            ret->began_ms = (int64_t)(began_us / 1000);
        return r;
    }
    return sd_bus_message_skip(reply, "v");
}

static int read_properties(sd_bus_message *reply, struct login_answer *ret)
{
    int r = sd_bus_message_enter_container(reply, 'a', "{sv}");

    while (r >= 0 && (r = sd_bus_message_enter_container(reply, 'e', "sv")) > 0) {
        r = read_property(reply, ret);
        if (r >= 0)
            r = sd_bus_message_exit_container(reply);
    }
    return r;
}

static int bus_answered(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
    struct question *question = userdata;
    struct login_answer *ret = &question->answer;

    (void)ret_error;
    question->slot = sd_bus_slot_unref(question->slot);
    if (sd_bus_message_is_method_error(reply, NULL) || read_properties(reply, ret) < 0 ||
        ret->user[0] == '\0')
        ask_name_service(question);
    else
        answer(question);
    return 1;
}

/* sd-bus's own time limits do not run before a connection is set up. */
static void on_give_up(uv_timer_t *timer)
{
    struct login_details *details = timer->data;
    uint64_t now_ms = uv_now(details->loop);
    struct question *question;

    for (question = details->questions; question != NULL; question = question->next_question) {
        if (question->slot == NULL)
            continue;
        if (question->give_up_ms > now_ms) {
            uv_timer_start(timer, on_give_up, question->give_up_ms - now_ms, 0);
            return;
        }
        question->slot = sd_bus_slot_unref(question->slot);
        ask_name_service(question);
    }
}

static void give_up_later(struct question *question)
{
    uv_timer_t *timer = &question->details->give_up;

    question->give_up_ms = uv_now(question->details->loop) + LOGIN_DETAILS_TIMEOUT_MS;
    if (!uv_is_active((uv_handle_t *)timer))
        uv_timer_start(timer, on_give_up, LOGIN_DETAILS_TIMEOUT_MS, 0);
}

static int ask_bus(struct question *question)
{
    struct login_details *details = question->details;
    sd_bus *bus = system_bus_get(details->bus);
    sd_bus_message *call = NULL;
    char *path = NULL;
    int r;

    if (bus == NULL)
        return -ENOTCONN;
    r = sd_bus_path_encode("/org/freedesktop/login1/session", question->session, &path);
    if (r >= 0)
        r = sd_bus_message_new_method_call(bus, &call, "org.freedesktop.login1", path,
                                           "org.freedesktop.DBus.Properties", "GetAll");
    if (r >= 0)
        r = sd_bus_message_append(call, "s", "org.freedesktop.login1.Session");
    if (r >= 0)
        r = sd_bus_message_set_auto_start(call, 0);
    if (r >= 0)
        r = sd_bus_call_async(bus, &question->slot, call, bus_answered, question, 0);
    if (r >= 0)
        give_up_later(question);
    sd_bus_message_unref(call);
    free(path);
    system_bus_wake(details->bus);
    return r;
}

static void ask_waiting(struct login_details *details)
{
    struct question *question;

    for (question = details->questions; question != NULL; question = question->next_question) {
        if (details->in_flight >= LOGIN_DETAILS_IN_FLIGHT_MAX)
            return;
        if (question->in_flight)
            continue;
        question->in_flight = true;
        details->in_flight++;
        if (ask_bus(question) < 0)
            ask_name_service(question);
    }
}

/* --- the contract --------------------------------------------------------------------------------------- */

int login_details_ask(struct login_details *details, const char *session, uid_t uid)
{
    struct question *question;

    if (strlen(session) > CONNECTION_ID_BYTES_MAX)
        return ERROR_TOO_LARGE;
    question = calloc(1, sizeof(*question));
    if (question == NULL)
        return ERROR_NO_MEMORY;
    question->details = details;
    question->uid = uid;
    strcpy(question->session, session);
    question_link(details, question);
    ask_waiting(details);
    return 0;
}

static void on_closed(uv_handle_t *timer)
{
    free(timer->data);
}

void login_details_close(struct login_details *details)
{
    struct question *question, *next;

    if (details == NULL)
        return;
    for (question = details->questions; question != NULL; question = next) {
        bool at_name_service = question->in_flight && question->slot == NULL;

        next = question->next_question;
        sd_bus_slot_unref(question->slot);
        question->details = NULL;
        if (at_name_service)
            (void)uv_cancel((uv_req_t *)&question->work); /* if it has not begun */
        else
            free(question);
    }
    system_bus_close(details->bus);
    uv_close((uv_handle_t *)&details->give_up, on_closed);
}
