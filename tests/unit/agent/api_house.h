/* api_house.h - the API in a house of its own: a scripted agent behind it, doubles of store, accounts,
 * sessions and resources, and clients on real sockets, all on one loop. */
#ifndef FARMGATE_TESTS_API_HOUSE_H
#define FARMGATE_TESTS_API_HOUSE_H

#include "agent/api.h"
#include "agent/core/tally.h"
#include "agent/setbacks.h"

#define HOUSE_NOW_MS   INT64_C(1767600000000) /* 2026-01-05T08:00:00Z */
#define HOUSE_READER   "reader-token-0123456789"
#define HOUSE_WRITER   "writer-token-0123456789"
#define HOUSE_LOG_SIZE (512 * 1024)

struct house_event {
    uint64_t id;
    const char *name, *json;
};

struct house_farm_setting {
    const char *path, *farm, *host;
};

struct held {
    struct held *next;
    void (*call)(struct held *held);
    union {
        struct {
            api_done_fn *done;
            struct api_outcome outcome;
        } change;
        struct {
            accounts_fn *done;
            char user[600];
        } account;
        struct {
            void (*done)(void);
            uint64_t after;
            size_t limit;
        } query;
        struct {
            roll_done_fn *done;
            const struct roll *roll;
            int error;
            const char *detail;
        } roll;
    };
    void *data;
};

struct house {
    uv_loop_t loop;
    struct api *api;
    bool closed;
    char directory[64], token_file[96];
    char paths[2][96]; /* reader, admin */
    int port;
    unsigned clients_max;

    /* the agent, as the test wants it */
    struct tally *tally;
    struct setbacks setbacks;
    struct verdict verdict;
    bool strict, no_groups; /* no_groups: every resource is for everybody */
    struct standing standing;
    struct resources *resources;
    bool alive, ready;
    const char *health;
    struct api_outcome outcome; /* of every change, activation, report */
    bool hold_changes;          /* they wait for house_release */
    bool hold_accounts;         /* likewise, for users whose name begins with "slow" */
    bool hold_queries;
    int query_error;
    struct farm_place place;
    const struct roll *roll; /* NULL: it fails with the error */
    int roll_error;
    const char *roll_detail;
    struct house_farm_setting farm_settings[4];
    size_t farm_setting_count;
    uint64_t next_event_id;
    struct house_event events[2048];
    size_t event_count;
    int64_t asked_since_ms, asked_until_ms;

    /* what was asked of the agent, a line each */
    char log[HOUSE_LOG_SIZE];
    unsigned change_count, account_count;
    struct held *changes, *accounts, *queries, *rolls;
};

struct house *house_open(void);
void house_close(struct house *house);
/* Turns the loop until nothing is ready. */
void house_turn(struct house *house);
/* Lets the oldest held changes (accounts, queries) be answered: at most `count`. */
void house_release(struct house *house, struct held **list, unsigned count);

/* --- clients --- */

struct answer {
    int status;
    bool to_head;      /* no body, whatever Content-Length says */
    char text[300000]; /* head and body as they came */
    size_t bytes;
    const char *body;
};

int house_connect(struct house *house, enum api_door door);
void house_send(struct house *house, int client, const char *text, size_t bytes);
/* Reads one whole answer (by its Content-Length); false if none came. */
bool house_receive(struct house *house, int client, struct answer *ret);
/* What has come so far of an endless answer. */
void house_receive_some(struct house *house, int client, struct answer *ret);
/* One request on a connection of its own. `headers` are whole lines; NULL none. A Host header is added. */
void house_ask(struct house *house, enum api_door door, const char *method, const char *path,
               const char *headers, const char *body, struct answer *ret);

/* The text of a member of the JSON body, copied; "" if there is none. */
const char *answer_member(const struct answer *answer, const char *name, char *ret, size_t bytes);
bool answer_has(const struct answer *answer, const char *text);

#endif
