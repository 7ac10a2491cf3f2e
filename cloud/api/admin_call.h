/* admin_call.h - the frame of every call of the administrator's API: it is read on the loop, done on the pool
 * in one transaction, answered after the commit. A subject (admin_keys.h …) says what is read and done. */
#ifndef FARMGATE_CLOUD_API_ADMIN_CALL_H
#define FARMGATE_CLOUD_API_ADMIN_CALL_H

#include "cloud/api/api.h"
#include "cloud/authority_admin.h"
#include "common/json.h"

#define ADMIN_PAGE_MAX       500 /* lines of a list in one answer */
#define ADMIN_NOTE_BYTES     192
#define ADMIN_KEY_TEXT_BYTES 64 /* of a licence key as somebody writes it */

struct admin_call;

struct admin_action {
    size_t call_bytes; /* of a struct that starts with a struct admin_call */
    /* False: the request is wrong, and that was answered. NULL: there is nothing to read. */
    bool (*read)(struct admin_call *call, const struct http_request *request);
    /* On the pool. Sets the verdict, and writes the answer's JSON (which is dropped if it fails or refuses).
     */
    int (*run)(struct admin_call *call, struct rows *rows, struct error_detail *ret_detail);
    /* On the loop before the answer, with what became of the transaction. NULL: there is nothing to do. */
    void (*done)(struct admin_call *call, int error);
};

/* What a refusal says beside its sentence, for people and for programs. */
struct admin_numbers {
    uint32_t left;   /* with LEDGER_QUOTA_TOO_LARGE: the most that could be given */
    int64_t ends_ms; /* with LEDGER_BEYOND_SUBSCRIPTION: the subscription's end */
    uint32_t quota;  /* with LEDGER_BELOW_PEAK: that the farm would get */
    int64_t peak;    /* its last reported one */
    char farm_id[LEDGER_ID_BYTES_MAX + 1];
};

/* A refusal that is none of the ledger's verdicts. */
struct admin_refusal {
    int status;                      /* 0: none */
    const char *code, *text, *field; /* static, or the call's; field "": none */
    int moves_left;                  /* of a key; -1: not told */
};

struct admin_call {
    struct store_job job; /* first: the store hands it back */
    const struct admin_action *action;
    struct api_context *context;
    struct http_exchange *exchange;
    char who[AUDIT_WHO_BYTES_MAX + 1];
    char name[API_NAME_BYTES_MAX + 1];       /* that the path holds */
    struct audit_author author;              /* who, and since run() when */
    void (*finish)(struct admin_call *call); /* frees what read() made; NULL: nothing */
    /* what run() makes of it */
    enum ledger_verdict verdict;
    struct admin_numbers numbers;
    struct admin_refusal refusal; /* stands before an error of the ledger's */
    char refusal_text[ERROR_DETAIL_BYTES];
    int status; /* of success; 200 unless it says otherwise */
    struct json_writer *answer;
    char *file;                  /* a text that is answered instead, freed here; NULL: none */
    char note[ADMIN_NOTE_BYTES]; /* for the log, once it is done; "": none */
};

/* Begins the call: its answer comes later, or came already. */
void admin_call_begin(struct api_context *context, const struct admin_action *action, const char *who,
                      const char *name, struct http_exchange *exchange, const struct http_request *request);

/* --- for read() ----------------------------------------------------------------------------------------- */

/* Each returns false once it has answered 400 with the field's name. */
bool admin_read_body(struct admin_call *call, const struct http_request *request,
                     const struct json_shape *shape, void *ret);
bool admin_refuse_field(struct admin_call *call, const char *field, const char *detail);
/* A parameter of the query that may be missing: *number stays as it is then. */
bool admin_read_number(struct admin_call *call, const struct http_request *request, const char *name,
                       int64_t min, int64_t max, int64_t *number);
bool admin_read_text(struct admin_call *call, const struct http_request *request, const char *name,
                     char *text, size_t bytes);

/* The path's name as an id; no such number: answers that the ledger does not know it. */
bool admin_read_id(struct admin_call *call, int64_t *ret_id);
bool admin_read_term(struct admin_call *call, const char *text, struct term *ret);
/* A licence key's canonical spelling; `field` is what it is called in the answer to a typing error. */
bool admin_read_key(struct admin_call *call, const char *text, const char *field,
                    char ret_canonical[LEDGER_KEY_BYTES_MAX + 1]);

/* --- for run() ------------------------------------------------------------------------------------------ */

/* Refuses with a text of its own. For done() as well. */
void admin_refuse(struct admin_call *call, int status, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void admin_note(struct admin_call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* --- lists ---------------------------------------------------------------------------------------------- */

/* {"NAME": [line, …], "next": CURSOR or null}: a full page names where the next one begins. */
struct admin_page {
    int64_t after, limit; /* asked for */
    int64_t count, cursor;
};

bool admin_page_read(struct admin_call *call, const struct http_request *request, struct admin_page *ret);
void admin_page_begin(struct json_writer *writer, const char *name);
void admin_page_count(struct admin_page *page, int64_t cursor); /* one line was written */
void admin_page_end(struct json_writer *writer, const struct admin_page *page, const char *next);

#endif
