/* explain.h - why things are as they are, in sentences: the gate, what happens next, why a user counts.
 *
 * Pure: from the farm's status and the live set, at one instant. A sentence is a code with fields; its text
 * comes from the one table explain.def, with instants in UTC or as the reader likes them. The agent's answers
 * carry code, fields and text; the command line writes the same sentences with local times. */
#ifndef FARMGATE_CORE_EXPLAIN_H
#define FARMGATE_CORE_EXPLAIN_H

#include "admission.h"
#include "classify.h"
#include "core.h"
#include "sentence.h"

#define EXPLAIN_FIELDS_MAX     4    /* of one sentence */
#define EXPLAIN_SAID_BYTES_MAX 255  /* of somebody else's words in one */
#define EXPLAIN_SENTENCE_BYTES 4096 /* room for any sentence that is to be read whole */

enum explain_code {
#define EXPLAIN(code, text, fields) EXPLAIN_##code,
#include "explain.def"
    EXPLAIN_MAX
};

/* What the table says of a code. */
struct explain_form {
    const char *name; /* "gate_open" */
    const char *text; /* with {fields}: see sentence.h */
    const char *fields;
};
const struct explain_form *explain_form(enum explain_code code);
/* The code of a name; false, *ret untouched, if there is none. */
bool explain_code_parse(const char *name, enum explain_code *ret);

/* Texts belong to whatever was explained: the core, valid until its next step. */
struct explain_sentence {
    enum explain_code code;
    size_t field_count;
    struct sentence_field fields[EXPLAIN_FIELDS_MAX];
};
/* As sentence_write. */
size_t explain_write(const struct explain_sentence *sentence, sentence_instant_fn *instant,
                     void *instant_data, char *ret, size_t ret_bytes);

/* A few sentences that are read one after another. */
#define EXPLAIN_WHY_MAX 6
struct explain_why {
    struct explain_sentence sentences[EXPLAIN_WHY_MAX];
    size_t count;
};

/* ---- the farm (explain_farm.c) ---- */

enum explain_machine {
    EXPLAIN_ACTIVATION,
    EXPLAIN_TERM,
    EXPLAIN_CONTACT,
    EXPLAIN_USAGE,
    EXPLAIN_MACHINE_MAX
};
struct explain_state {
    const char *machine, *state; /* "usage", "overuse_grace" */
    bool closes;                 /* it keeps the gate closed */
    struct explain_why why;
};

/* Something that happens at an instant to come. */
struct explain_step {
    int64_t at_ms;
    bool matters; /* as things stand it may move the gate, or begins what may */
    struct explain_sentence sentence;
};
#define EXPLAIN_STEPS_MAX 8

struct explain_farm {
    bool open;
    struct explain_why gate; /* open or closed, whom it admits, how many are on */
    struct explain_state machines[EXPLAIN_MACHINE_MAX];
    struct explain_step next[EXPLAIN_STEPS_MAX]; /* in order of instants */
    size_t next_count;
    struct explain_why remedies; /* what would change it; none where all is well */
};
void explain_farm(const struct core_status *status, int64_t now_ms, struct explain_farm *ret);

/* The one thing to know: the first step that matters, or else how a closed gate is opened, then with an
 * instant of INT64_MAX. False, *ret untouched: there is none. */
bool explain_what_matters(const struct explain_farm *farm, struct explain_step *ret);

/* ---- users and connections (explain_who.c) ---- */

/* Nothing where everybody's connections are known at `host` (`is_whole`); else that they are its own, and who
 * knows the others: `leader`, "" where nobody does. */
void explain_scope(bool is_whole, const char *host, const char *leader, struct explain_why *ret);

/* Why a user counts or not. `user` is all zero but for its name where no connection is live; `left_out`:
 * sessions of that name that are no connections; `host`: the only one whose connections are known, or NULL;
 * `asked`: the name as it was asked for, or NULL. */
void explain_user(const struct tally_user *user, size_t left_out, const char *host, const char *asked,
                  struct explain_why *ret);

/* What the gate answers this question. */
void explain_admission(const struct admission_question *question, const struct admission_answer *answer,
                       bool is_here, struct explain_why *ret);

/* The connection whose licence a user's others share: the oldest that consumes, ties by host and id. NULL:
 * none does. */
const struct tally_entry *explain_holder(const struct tally_entry *entries, size_t count);

/* What is known of a connection beside its entry. */
struct explain_connection_facts {
    const char *user;                 /* as whom it is counted: the name as first seen */
    const struct tally_entry *holder; /* of that user */
    int64_t disconnected_since_ms;    /* 0: active, or not known */
    int64_t lease_ends_ms;            /* INT64_MAX: none runs */
};
/* Why a connection counts or not. */
void explain_connection(const struct tally_entry *entry, const struct explain_connection_facts *facts,
                        struct explain_why *ret);

/* Why a session is no connection. `rules` are those that judged it; `rule_text` is room for one of them and
 * lives as long as *ret. */
void explain_left_out(const struct session_facts *facts, const struct classify_result *result,
                      const struct classify_settings *rules, char rule_text[CLASSIFY_RULE_TEXT_BYTES],
                      struct explain_why *ret);

#endif
