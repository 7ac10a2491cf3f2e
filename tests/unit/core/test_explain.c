/* Why things are as they are: states in, sentences out. Instants are those of one Saturday, UTC. */
#include "agent/core/clocks.h"
#include "agent/core/explain.h"
#include "agent/core/tally.h"

#include "tests/unit/unit.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define DAY      INT64_C(1771027200000) /* 2026-02-14T00:00:00Z */
#define AT(h, m) (DAY + ((h)*INT64_C(60) + (m)) * 60000)
#define NOW      AT(14, 3)
#define DAYS(n)  ((n)*DAY_MS)

/* ---- the table ---- */

static const struct {
    const char *name;
    size_t bytes_max; /* 0: a number */
} all_fields[] = {
#define EXPLAIN_TEXT(name, bytes_max) {#name, bytes_max},
#define EXPLAIN_NUMBER(name)          {#name, 0},
#define EXPLAIN_INSTANT(name)         {#name, 0},
#include "agent/core/explain.def"
};

static const char *const instants =
#define EXPLAIN_INSTANT(name) #name " "
#include "agent/core/explain.def"
    "";

static bool is_a_field(const char *name, size_t bytes)
{
    for (size_t i = 0; i < COUNT(all_fields); i++)
        if (strlen(all_fields[i].name) == bytes && memcmp(all_fields[i].name, name, bytes) == 0)
            return true;
    return false;
}

static void instants_are_named_so(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(all_fields); i++) {
        struct sentence_field field = {.name = all_fields[i].name};
        size_t bytes = strlen(field.name);
        assert_int_equal(sentence_field_is_instant(&field), sentence_names(instants, field.name, bytes));
    }
}

static void texts_and_fields_fit(void **state)
{
    (void)state;
    for (int code = 0; code < EXPLAIN_MAX; code++) {
        const struct explain_form *form = explain_form((enum explain_code)code);
        size_t declared = 0;
        for (const char *at = form->text; (at = strchr(at, '{')) != NULL; at++) {
            size_t bytes = strcspn(at + 1, "?}");
            if (!sentence_names(form->fields, at + 1, bytes))
                fail_msg("%s does not declare %s", form->name, at);
        }
        for (const char *name = form->fields; *name != '\0'; declared++) {
            char whole[64];
            size_t bytes = strcspn(name, " ");
            assert_true(is_a_field(name, bytes));
            (void)snprintf(whole, sizeof(whole), "{%.*s}", (int)bytes, name);
            if (strstr(form->text, whole) == NULL)
                fail_msg("%s does not tell its %s", form->name, whole);
            name += bytes + (name[bytes] == ' ');
        }
        assert_true(declared <= EXPLAIN_FIELDS_MAX);
    }
}

static void no_sentence_is_written_twice(void **state)
{
    (void)state;
    for (int code = 0; code < EXPLAIN_MAX; code++) {
        const struct explain_form *form = explain_form((enum explain_code)code);
        enum explain_code found = EXPLAIN_MAX;
        assert_true(explain_code_parse(form->name, &found));
        assert_int_equal(found, code);
        assert_true(isupper((unsigned char)form->text[0]) || strchr("{`", form->text[0]) != NULL);
        assert_int_equal(form->text[strlen(form->text) - 1], '.');
        for (int other = 0; other < code; other++)
            assert_string_not_equal(form->text, explain_form((enum explain_code)other)->text);
    }
    enum explain_code untouched = EXPLAIN_consumes;
    assert_false(explain_code_parse("gate_ajar", &untouched));
    assert_int_equal(untouched, EXPLAIN_consumes);
}

/* ---- the farm ---- */

/* All the sentences, a line each. */
struct told {
    char text[8192];
    size_t bytes;
};

static void tell(struct told *told, const char *prefix, const struct explain_sentence *sentence)
{
    told->bytes += (size_t)snprintf(told->text + told->bytes, sizeof(told->text) - told->bytes, "%s", prefix);
    told->bytes += explain_write(sentence, sentence_utc, NULL, told->text + told->bytes,
                                 sizeof(told->text) - told->bytes);
    told->bytes += (size_t)snprintf(told->text + told->bytes, sizeof(told->text) - told->bytes, "\n");
}

static void tell_why(struct told *told, const char *prefix, const struct explain_why *why)
{
    for (size_t i = 0; i < why->count; i++)
        tell(told, prefix, &why->sentences[i]);
}

static void tell_farm(struct told *told, const struct core_status *status)
{
    struct explain_farm farm;
    explain_farm(status, NOW, &farm);
    *told = (struct told){.bytes = 0};
    tell_why(told, "", &farm.gate);
    for (int i = 0; i < EXPLAIN_MACHINE_MAX; i++) {
        char prefix[32];
        (void)snprintf(prefix, sizeof(prefix), "%s%s: ", farm.machines[i].state,
                       farm.machines[i].closes ? " closes" : "");
        tell_why(told, prefix, &farm.machines[i].why);
    }
    struct explain_step matters = {0};
    bool anything = explain_what_matters(&farm, &matters);
    for (size_t i = 0; i < farm.next_count; i++) {
        char at[SENTENCE_INSTANT_BYTES], prefix[SENTENCE_INSTANT_BYTES + 4];
        sentence_utc(NULL, farm.next[i].at_ms, at);
        (void)snprintf(prefix, sizeof(prefix), "%s %s ", at,
                       farm.next[i].sentence.code == matters.sentence.code ? "!" : "-");
        tell(told, prefix, &farm.next[i].sentence);
    }
    for (size_t i = 0; i < farm.remedies.count; i++)
        tell(told, i == 0 && anything && matters.at_ms == INT64_MAX ? ">! " : "> ",
             &farm.remedies.sentences[i]);
}

/* A farm of 10, whose phase is 20 minutes past, that has just been reached. */
static struct core_status farm_of_ten(uint32_t users)
{
    struct core_status status = {
        .standing = {.activation = ACTIVATION_ACTIVE,
                     .grant = {.farm_id = "F",
                               .limit = 10,
                               .expires_at_ms = DAY + DAYS(300),
                               .refresh_by_ms = AT(14, 0) + DAYS(30)},
                     .last_contact_ms = AT(14, 0)},
        .farm_id = "F",
        .level = {.concurrent_users = users, .users = users, .connections = users},
        .next_report_ms = AT(14, 20),
        .next_validation_ms = AT(14, 20),
        .deactivates_ms = INT64_MAX,
        .started = true,
    };
    if (users > 10)
        status.standing.usage.exceeding_since_ms = AT(14, 2);
    return status;
}

static void judge(struct core_status *status)
{
    struct standing *standing = &status->standing;
    if (standing->activation != ACTIVATION_NONE) {
        standing->term = term_state_at(&standing->grant, NOW);
        standing->contact = contact_state_at(&standing->grant, NOW);
    }
    int64_t from_ms = usage_deactivates_ms(&standing->usage);
    if (from_ms != INT64_MAX)
        status->deactivates_ms = AT(14, 0) + (from_ms - AT(14, 0) + WINDOW_MS - 1) / WINDOW_MS * WINDOW_MS;
    status->verdict = verdict_of(standing, status->level.concurrent_users, status->spare_grace);
}

#define OPEN_TO_ALL "Everyone may list published resources and start them.\n"
#define RETURNING                                                                                         \
    "Nobody may list or start published resources; users may come back to the sessions that they have.\n" \
    "Administrators may open a desktop.\n"
#define HOLDERS                                                                                            \
    "Users who hold a licence, or have a session on the host in question, go on as before; everyone else " \
    "waits until somebody has ended all of their sessions.\n"
#define DESKTOPS "Administrators may open a desktop.\n"
#define ACTIVE   "active: This farm is activated for 10 concurrent users.\n"
#define VALID    "valid: The licence runs until 2026-12-11T00:00:00Z.\n"
#define FRESH                                                                                                \
    "fresh: The licensing authority was last reached 2026-02-14T14:00:00Z and must be reached again before " \
    "2026-03-16T14:00:00Z.\n"
#define WITHIN "within: 4 users count and 10 are licensed; the overuse grace of 7 days is available.\n"
#define REST                                             \
    "valid: Not judged before this farm is activated.\n" \
    "fresh: Not judged before this farm is activated.\n" \
    "within: Not judged before this farm is activated.\n"
#define VALIDATION                                                                                        \
    "2026-02-14T14:20:00Z - Validation: the number of users is compared with the limit. Nothing follows " \
    "from it before the overuse grace is spent.\n"
#define REPORT                                                                                             \
    "2026-02-14T14:20:00Z - The farm reports to the licensing authority, which answers what the farm may " \
    "do from then on.\n"
#define CONTACT_CLOSES                                                                                   \
    "2026-03-16T14:00:00Z - If the licensing authority has not been reached before, the gate is closed " \
    "from then on until it is.\n"
#define EXPIRES "2026-12-11T00:00:00Z - The licence expires. The farm may run on for 30 days.\n"
#define FREE                                                                                             \
    "> Wait until a user has ended all sessions; `farmgate connections --state disconnected` tells who " \
    "holds a licence without using it.\n"
#define THREE_TOO_MANY \
    "> Have 3 users end all of their sessions, or add 3 licences: then the limit is kept.\n"
#define BUY \
    "> Add licences: they hold with the next report, and make the whole overuse grace available again.\n"

static void as_it_is(struct core_status *status)
{
    (void)status;
}

static void starting(struct core_status *status)
{
    status->started = false;
    status->next_validation_ms = INT64_MAX;
}

static void settling(struct core_status *status)
{
    status->standing.usage = (struct usage){
        .state = USAGE_SETTLING, .exceeding_since_ms = AT(14, 2) + 30000, .settle_ms = USAGE_SETTLE_MS};
}

static void in_grace(struct core_status *status)
{
    status->standing.usage.state = USAGE_OVERUSE_GRACE;
    status->standing.usage.grace_started_ms = AT(14, 3) - DAYS(6);
}

static void enforced(struct core_status *status)
{
    status->standing.usage.state = USAGE_ENFORCED;
    status->standing.usage.grace_started_ms = AT(13, 0) - DAYS(7);
}

static void counting_down(struct core_status *status)
{
    enforced(status);
    status->standing.usage.exceeding_since_ms = AT(13, 7);
}

static void counting_down_anew(struct core_status *status)
{
    enforced(status);
    status->standing.usage.exceeding_since_ms = AT(14, 2);
}

static void strict(struct core_status *status)
{
    enforced(status);
    status->strict = true;
}

static void over(struct core_status *status)
{
    enforced(status);
    status->standing.usage.state = USAGE_OVER;
}

static void over_and_expired(struct core_status *status)
{
    over(status);
    status->standing.grant.expires_at_ms = DAY - DAYS(30);
}

static void spared(struct core_status *status)
{
    status->spare_grace = true;
}

static void in_expiry_grace(struct core_status *status)
{
    status->standing.grant.expires_at_ms = AT(9, 0) - DAYS(2);
}

static void expired(struct core_status *status)
{
    status->standing.grant.expires_at_ms = AT(9, 0) - DAYS(30);
    status->strict = true;
}

static void trial(struct core_status *status)
{
    status->standing.grant.trial = true;
}

static void near_its_end(struct core_status *status)
{
    status->standing.grant.expires_at_ms = NOW + DAYS(90);
}

static void trial_ended(struct core_status *status)
{
    trial(status);
    status->standing.grant.expires_at_ms = NOW;
}

static void unreachable(struct core_status *status)
{
    status->outage = OUTAGE_UNREACHABLE;
    status->report_failures = 3;
    status->next_report_ms = AT(14, 5);
}

static void stale(struct core_status *status)
{
    status->standing.grant.refresh_by_ms = AT(12, 0);
    status->standing.last_contact_ms = AT(12, 0) - DAYS(30);
    status->outage = OUTAGE_REFUSED;
    status->report_failures = 1;
    status->next_report_ms = AT(14, 5);
}

static void endless(struct core_status *status)
{
    status->standing.grant.expires_at_ms = 0;
    status->standing.grant.refresh_by_ms = 0;
}

static void revoked(struct core_status *status)
{
    status->standing.activation = ACTIVATION_REVOKED;
    strcpy(status->standing.grant.reason, "deactivated by the administrator");
}

static void revoked_in_silence(struct core_status *status)
{
    status->standing.activation = ACTIVATION_REVOKED;
}

static void never_activated(struct core_status *status)
{
    status->standing = (struct standing){0};
    status->farm_id = NULL;
    status->next_report_ms = status->next_validation_ms = INT64_MAX;
}

static void released(struct core_status *status)
{
    status->standing.activation = ACTIVATION_NONE;
    status->farm_id = NULL;
    status->next_report_ms = status->next_validation_ms = INT64_MAX;
}

static void copied(struct core_status *status)
{
    released(status);
    status->standing.copied = true;
}

static void lost(struct core_status *status)
{
    status->standing = (struct standing){0};
    status->next_validation_ms = INT64_MAX;
}

static void the_farm(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t users;
        void (*is)(struct core_status *status);
        const char *told;
    } rows[] = {
        {"all is well", 4, as_it_is,
         "The gate is open: 4 of 10 licences are in use.\n" OPEN_TO_ALL
         "4 users are on with 4 connections; 4 users count.\n" ACTIVE VALID FRESH WITHIN VALIDATION REPORT
             CONTACT_CLOSES EXPIRES},
        {"starting", 0, starting,
         "The agent is starting: until it has seen every session of this host, the gate stays as it was.\n"
         "Nobody is on.\n" ACTIVE VALID FRESH
         "within: 0 users count and 10 are licensed; the overuse grace of 7 days is available.\n" REPORT
             CONTACT_CLOSES EXPIRES},
        {"one user more than the limit, just now", 11, settling,
         "The gate is open, although 11 users count and 10 are licensed.\n" OPEN_TO_ALL
         "11 users are on with 11 connections; 11 users count.\n" ACTIVE VALID FRESH
         "settling: More than 10 users have counted since 2026-02-14T14:02:30Z, now 11; that is too short "
         "yet to begin the overuse grace.\n"
         "2026-02-14T14:03:30Z ! If more than 10 users count without interruption until then, the overuse "
         "grace of 7 days begins. It would end 2026-02-21T14:03:30Z.\n" VALIDATION REPORT CONTACT_CLOSES
             EXPIRES "> Have 1 user end all of their sessions, or add 1 licence: then the limit is kept.\n"},
        {"in the overuse grace, above the limit", 13, in_grace,
         "The gate is open, although 13 users count and 10 are licensed.\n" OPEN_TO_ALL
         "13 users are on with 13 connections; 13 users count.\n" ACTIVE VALID FRESH
         "overuse_grace: The overuse grace began 2026-02-08T14:03:00Z: until 2026-02-15T14:03:00Z more users "
         "may connect than the 10 who are licensed. Now 13 count.\n" VALIDATION REPORT
         "2026-02-15T14:03:00Z ! The overuse grace ends. From then on nobody else is let in while 10 users "
         "count or more.\n"
         "2026-02-15T15:20:00Z - The farm is deactivated, unless the number of users falls to 10 before: "
         "this is the first validation after 2026-02-15T15:03:00Z, when the limit will have been exceeded "
         "for an hour.\n" CONTACT_CLOSES EXPIRES THREE_TOO_MANY BUY},
        {"in the overuse grace, within the limit", 9, in_grace,
         "The gate is open: 9 of 10 licences are in use.\n" OPEN_TO_ALL
         "9 users are on with 9 connections; 9 users count.\n" ACTIVE VALID FRESH
         "overuse_grace: The overuse grace began 2026-02-08T14:03:00Z: until 2026-02-15T14:03:00Z more users "
         "may connect than the 10 who are licensed. Now 9 count.\n" VALIDATION REPORT
         "2026-02-15T14:03:00Z ! The overuse grace ends. From then on nobody else is let in while 10 users "
         "count or more.\n" CONTACT_CLOSES EXPIRES BUY},
        {"the grace is spent, within the limit", 9, enforced,
         "The gate is open: 9 of 10 licences are in use.\n" OPEN_TO_ALL
         "9 users are on with 9 connections; 9 users count.\n" ACTIVE VALID FRESH
         "enforced: The overuse grace ended 2026-02-14T13:00:00Z and is spent. 9 users count and 10 are "
         "licensed.\n"
         "2026-02-14T14:20:00Z - Validation: the number of users is compared with the limit. Nothing follows "
         "from it while no more than 10 count.\n" REPORT CONTACT_CLOSES EXPIRES BUY},
        {"the grace is spent, at the limit", 10, enforced,
         "The gate is open, but no licence is free: 10 users count and 10 are licensed.\n" HOLDERS DESKTOPS
         "10 users are on with 10 connections; 10 users count.\n" ACTIVE VALID FRESH
         "enforced: The overuse grace ended 2026-02-14T13:00:00Z and is spent. 10 users count and 10 are "
         "licensed.\n"
         "2026-02-14T14:20:00Z - Validation: the number of users is compared with the limit. Nothing follows "
         "from it while no more than 10 count.\n" REPORT CONTACT_CLOSES EXPIRES FREE BUY},
        {"the grace is spent, at the limit, strict", 10, strict,
         "The gate is open, but no licence is free: 10 users count and 10 are licensed.\n" HOLDERS
         "Administrators may open a desktop where an exempt place of the host is free.\n"
         "10 users are on with 10 connections; 10 users count.\n" ACTIVE VALID FRESH
         "enforced: The overuse grace ended 2026-02-14T13:00:00Z and is spent. 10 users count and 10 are "
         "licensed.\n"
         "2026-02-14T14:20:00Z - Validation: the number of users is compared with the limit. Nothing follows "
         "from it while no more than 10 count.\n" REPORT CONTACT_CLOSES EXPIRES FREE BUY},
        {"the grace is spent, above the limit for an hour nearly", 13, counting_down,
         "The gate is open, but no licence is free: 13 users count and 10 are licensed.\n" HOLDERS DESKTOPS
         "13 users are on with 13 connections; 13 users count.\n" ACTIVE VALID FRESH
         "enforced: The overuse grace ended 2026-02-14T13:00:00Z and is spent. More than 10 users have "
         "counted since 2026-02-14T13:07:00Z, now 13.\n"
         "2026-02-14T14:20:00Z ! The farm is deactivated, unless the number of users falls to 10 before: "
         "this is the first validation after 2026-02-14T14:07:00Z, when the limit will have been exceeded "
         "for an hour.\n" REPORT CONTACT_CLOSES EXPIRES THREE_TOO_MANY FREE BUY},
        {"the grace is spent, above the limit for a minute", 13, counting_down_anew,
         "The gate is open, but no licence is free: 13 users count and 10 are licensed.\n" HOLDERS DESKTOPS
         "13 users are on with 13 connections; 13 users count.\n" ACTIVE VALID FRESH
         "enforced: The overuse grace ended 2026-02-14T13:00:00Z and is spent. More than 10 users have "
         "counted "
         "since 2026-02-14T14:02:00Z, now 13.\n"
         "2026-02-14T14:20:00Z - Validation: the number of users is compared with the limit. It will not "
         "have "
         "been exceeded for an hour by then, so nothing follows from it.\n" REPORT
         "2026-02-14T15:20:00Z ! The farm is deactivated, unless the number of users falls to 10 before: "
         "this "
         "is the first validation after 2026-02-14T15:02:00Z, when the limit will have been exceeded for an "
         "hour.\n" CONTACT_CLOSES EXPIRES THREE_TOO_MANY FREE BUY},
        {"over", 13, over,
         "The gate is closed: for too long more users have counted than are licensed.\n" RETURNING
         "13 users are on with 13 connections; 13 users count.\n" ACTIVE VALID FRESH
         "over closes: The overuse grace was spent, and for an hour more than 10 users counted. Now 13 do.\n"
         "2026-02-14T14:20:00Z ! The gate opens if this validation finds that no more than 10 users count; "
         "now 13 do.\n" REPORT CONTACT_CLOSES EXPIRES THREE_TOO_MANY BUY},
        {"over, and all fit again", 1, over,
         "The gate is closed: for too long more users have counted than are licensed.\n" RETURNING
         "1 user is on with 1 connection; 1 user counts.\n" ACTIVE VALID FRESH
         "over closes: The overuse grace was spent, and for an hour more than 10 users counted. Now 1 does.\n"
         "2026-02-14T14:20:00Z ! The gate opens if this validation finds that no more than 10 users count; "
         "now 1 does.\n" REPORT CONTACT_CLOSES EXPIRES
         "> Have the farm validated at once with `farmgate report`.\n" BUY},
        {"over, and expired", 13, over_and_expired,
         "The gate is closed: the licence has expired.\n" RETURNING
         "13 users are on with 13 connections; 13 users count.\n" ACTIVE
         "expired closes: The licence expired 2026-01-15T00:00:00Z, and the 30 days after that ended "
         "2026-02-14T00:00:00Z.\n" FRESH
         "over closes: The overuse grace was spent, and for an hour more than 10 users counted. Now 13 do.\n"
         "2026-02-14T14:20:00Z - If this validation finds that no more than 10 users count, overuse keeps "
         "the gate closed no longer; now 13 do.\n" REPORT CONTACT_CLOSES
         ">! Renew the licence: the next report brings the new term, and `farmgate report` brings it at "
         "once.\n" THREE_TOO_MANY BUY},
        {"the grace is spared, within", 4, spared,
         "The gate is open: 4 of 10 licences are in use.\n" OPEN_TO_ALL
         "4 users are on with 4 connections; 4 users count.\n" ACTIVE VALID FRESH WITHIN
         "within: The overuse grace is spared: once 10 users count, nobody else is let in.\n" VALIDATION
             REPORT CONTACT_CLOSES EXPIRES},
        {"the grace is spared, at the limit", 10, spared,
         "The gate is open, but no licence is free: 10 users count and 10 are licensed.\n" HOLDERS DESKTOPS
         "10 users are on with 10 connections; 10 users count.\n" ACTIVE VALID FRESH
         "within: 10 users count and 10 are licensed; the overuse grace of 7 days is available.\n"
         "within: The overuse grace is spared: once 10 users count, nobody else is let in.\n" VALIDATION
             REPORT CONTACT_CLOSES EXPIRES FREE},
        {"expires in 90 days", 4, near_its_end,
         "The gate is open: 4 of 10 licences are in use.\n" OPEN_TO_ALL
         "4 users are on with 4 connections; 4 users count.\n" ACTIVE
         "valid: The licence runs until 2026-05-15T14:03:00Z.\n" FRESH WITHIN VALIDATION REPORT CONTACT_CLOSES
         "2026-05-15T14:03:00Z ! The licence expires. The farm may run on for 30 days.\n"},
        {"expired, in the 30 days", 4, in_expiry_grace,
         "The gate is open: 4 of 10 licences are in use.\n" OPEN_TO_ALL
         "4 users are on with 4 connections; 4 users count.\n" ACTIVE
         "expiry_grace: The licence expired 2026-02-12T09:00:00Z; the farm may run on for 30 days, until "
         "2026-03-14T09:00:00Z.\n" FRESH WITHIN VALIDATION REPORT
         "2026-03-14T09:00:00Z ! The 30 days after the end of the licence are over. From then on the gate is "
         "closed until the licence is renewed.\n" CONTACT_CLOSES
         "> Renew the licence: the next report brings the new term, and `farmgate report` brings it at "
         "once.\n"},
        {"expired, strict", 4, expired,
         "The gate is closed: the licence has expired.\n"
         "Nobody may list or start published resources, or come back to a session: that is what strict "
         "means.\n"
         "4 users are on with 4 connections; 4 users count.\n" ACTIVE
         "expired closes: The licence expired 2026-01-15T09:00:00Z, and the 30 days after that ended "
         "2026-02-14T09:00:00Z.\n" FRESH WITHIN VALIDATION REPORT CONTACT_CLOSES
         ">! Renew the licence: the next report brings the new term, and `farmgate report` brings it at "
         "once.\n"},
        {"a trial", 4, trial,
         "The gate is open: 4 of 10 licences are in use.\n" OPEN_TO_ALL
         "4 users are on with 4 connections; 4 users count.\n"
         "active: This farm runs as a trial for 10 concurrent users.\n"
         "valid: The trial runs until 2026-12-11T00:00:00Z.\n" FRESH WITHIN VALIDATION REPORT CONTACT_CLOSES
         "2026-12-11T00:00:00Z - The trial ends. From then on the gate is closed until a licence key is "
         "activated.\n"},
        {"a trial that has ended", 4, trial_ended,
         "The gate is closed: the trial has ended.\n" RETURNING
         "4 users are on with 4 connections; 4 users count.\n"
         "active: This farm runs as a trial for 10 concurrent users.\n"
         "expired closes: The trial ended 2026-02-14T14:03:00Z.\n" FRESH WITHIN VALIDATION REPORT
             CONTACT_CLOSES ">! Activate a licence key with `farmgate activate KEY`.\n"},
        {"the authority does not answer", 4, unreachable,
         "The gate is open: 4 of 10 licences are in use.\n" OPEN_TO_ALL
         "4 users are on with 4 connections; 4 users count.\n" ACTIVE VALID FRESH
         "fresh: Reports do not reach it now (3 tries).\n" WITHIN
         "2026-02-14T14:05:00Z - The farm tries again to report to the licensing authority.\n" VALIDATION
         "2026-03-16T14:00:00Z ! If the licensing authority has not been reached before, the gate is closed "
         "from then on until it is.\n" EXPIRES
         "> Restore the connection to the licensing authority; `farmgate report` tries it at once and tells "
         "what is wrong.\n"},
        {"no contact for too long", 4, stale,
         "The gate is closed: the licensing authority has not been reached for too long.\n" RETURNING
         "4 users are on with 4 connections; 4 users count.\n" ACTIVE VALID
         "stale closes: The licensing authority was last reached 2026-01-15T12:00:00Z and had to be reached "
         "again before 2026-02-14T12:00:00Z.\n"
         "stale closes: It refuses reports now (1 try) without a signed answer, which does not count as "
         "contact.\n" WITHIN
         "2026-02-14T14:05:00Z - The farm tries again to report to the licensing authority.\n" VALIDATION
             EXPIRES ">! Restore the connection to the licensing authority; `farmgate report` tries it at "
         "once and tells what is wrong.\n"},
        {"a licence without end", 4, endless,
         "The gate is open: 4 of 10 licences are in use.\n" OPEN_TO_ALL
         "4 users are on with 4 connections; 4 users count.\n" ACTIVE "valid: The licence does not expire.\n"
         "fresh: The licensing authority was last reached 2026-02-14T14:00:00Z; this licence does without "
         "further contact.\n" WITHIN VALIDATION REPORT},
        {"revoked", 4, revoked,
         "The gate is closed: the licensing authority has deactivated this farm.\n" RETURNING
         "4 users are on with 4 connections; 4 users count.\n"
         "revoked closes: The licensing authority has withdrawn this farm's activation: deactivated by the "
         "administrator.\n" VALID FRESH WITHIN REPORT
         ">! Activate this farm anew with `farmgate activate KEY`; nothing else opens the gate.\n"},
        {"revoked, no reason told", 4, revoked_in_silence,
         "The gate is closed: the licensing authority has deactivated this farm.\n" RETURNING
         "4 users are on with 4 connections; 4 users count.\n"
         "revoked closes: The licensing authority has withdrawn this farm's activation without a "
         "reason.\n" VALID FRESH WITHIN REPORT
         ">! Activate this farm anew with `farmgate activate KEY`; nothing else opens the gate.\n"},
        {"never activated", 1, never_activated,
         "The gate is closed: this farm is not activated.\n" RETURNING
         "1 user is on with 1 connection; 1 user counts.\n"
         "none closes: This farm is not activated.\n" REST
         ">! Activate this farm with `farmgate activate KEY`, or for 30 days without a key with `farmgate "
         "activate --trial`.\n"},
        {"given back", 1, released,
         "The gate is closed: this farm is not activated.\n" RETURNING
         "1 user is on with 1 connection; 1 user counts.\n"
         "none closes: This farm is not activated: its licence key was given back.\n" REST
         ">! Activate this farm with `farmgate activate KEY`, or for 30 days without a key with `farmgate "
         "activate --trial`.\n"},
        {"copied", 1, copied,
         "The gate is closed: this server is a copy of the one that holds the licence.\n" RETURNING
         "1 user is on with 1 connection; 1 user counts.\n"
         "none closes: This server's state comes from another server, which holds the licence.\n" REST
         ">! Move the licence to this server with `farmgate activate KEY --move`.\n"},
        {"the entitlement was lost", 1, lost,
         "The gate is closed: what this farm may do is no longer known here.\n" RETURNING
         "1 user is on with 1 connection; 1 user counts.\n"
         "none closes: This farm is activated, but its entitlement was lost on this server; the next report "
         "brings it back.\n" REST REPORT
         ">! Ask the licensing authority for the entitlement at once with `farmgate report`.\n"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct core_status status = farm_of_ten(rows[i].users);
        struct told told;
        rows[i].is(&status);
        judge(&status);
        tell_farm(&told, &status);
        if (strcmp(told.text, rows[i].told) != 0)
            fail_msg("%s:\n%s", rows[i].name, told.text);
    }
}

/* Where there is no network nobody is sent to it. */
static void a_closed_network(void **state)
{
    (void)state;
    static const struct {
        void (*is)(struct core_status *);
        const char *told;
    } rows[] = {
        {as_it_is,
         "fresh: The last answer of the licensing authority came 2026-02-14T14:00:00Z; the next file must be "
         "imported before 2026-03-16T14:00:00Z.\n"},
        {as_it_is,
         "- If no further answer of the licensing authority has been imported before, the gate is closed"},
        {stale, "stale closes: The last answer of the licensing authority came "},
        {stale, "the next file had to be imported before "},
        {stale, ">! Exchange files: send the licensing authority what `farmgate activation request` writes"},
        {in_grace, "> Add licences, then exchange files: "},
        {over, "> Add licences, then exchange files: "},
        {expired, ">! Renew the licence, then exchange files: "},
        {trial_ended,
         ">! Activate a licence key with files, beginning with `farmgate activation request --key KEY`."},
        {revoked, ">! Activate this farm anew with files, "},
        {never_activated, ">! Activate this farm with files: "},
        {copied, ">! Move the licence to this server with files: "},
        {lost, "the next answer file brings it back.\n"},
        {lost, ">! Exchange files: "},
    };
    static const char *const never[] = {"farmgate report", "farmgate activate ", "reached again",
                                        "next report", "reports to the"};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct core_status status = farm_of_ten(4);
        struct told told;
        rows[i].is(&status);
        status.by_files = true;
        status.next_report_ms = INT64_MAX;
        judge(&status);
        tell_farm(&told, &status);
        if (!strstr(told.text, rows[i].told))
            fail_msg("not told: %s\n%s", rows[i].told, told.text);
        for (size_t j = 0; j < COUNT(never); j++)
            if (strstr(told.text, never[j]))
                fail_msg("%s:\n%s", never[j], told.text);
    }
}

static void where_nothing_is_told_nothing_matters(void **state)
{
    (void)state;
    const struct explain_farm closed = {.open = false};
    struct explain_step step = {.at_ms = 7};
    assert_false(explain_what_matters(&closed, &step));
    assert_int_equal(step.at_ms, 7);
}

static void every_clock(void **state)
{
    (void)state;
    static const struct {
        uint32_t users;
        void (*is)(struct core_status *status);
        const char *running; /* those that run, in order */
    } rows[] = {
        {4, as_it_is,
         "expires_at 2026-12-11T00:00:00Z refresh_by 2026-03-16T14:00:00Z "
         "next_validation 2026-02-14T14:20:00Z next_report 2026-02-14T14:20:00Z "},
        {11, settling,
         "settling_ends 2026-02-14T14:03:30Z expires_at 2026-12-11T00:00:00Z refresh_by "
         "2026-03-16T14:00:00Z next_validation 2026-02-14T14:20:00Z next_report "
         "2026-02-14T14:20:00Z "},
        {9, in_grace,
         "overuse_grace_ends 2026-02-15T14:03:00Z expires_at 2026-12-11T00:00:00Z refresh_by "
         "2026-03-16T14:00:00Z next_validation 2026-02-14T14:20:00Z next_report "
         "2026-02-14T14:20:00Z "},
        {13, counting_down,
         "deactivates_at 2026-02-14T14:20:00Z expires_at 2026-12-11T00:00:00Z refresh_by "
         "2026-03-16T14:00:00Z next_validation 2026-02-14T14:20:00Z next_report "
         "2026-02-14T14:20:00Z "},
        {4, in_expiry_grace,
         "expires_at 2026-02-12T09:00:00Z expiry_grace_ends 2026-03-14T09:00:00Z "
         "refresh_by 2026-03-16T14:00:00Z next_validation 2026-02-14T14:20:00Z "
         "next_report 2026-02-14T14:20:00Z "},
        {4, stale,
         "expires_at 2026-12-11T00:00:00Z refresh_by 2026-02-14T12:00:00Z next_validation "
         "2026-02-14T14:20:00Z next_report 2026-02-14T14:05:00Z "},
        {4, endless, "next_validation 2026-02-14T14:20:00Z next_report 2026-02-14T14:20:00Z "},
        {4, released, ""},
        {4, lost, "next_report 2026-02-14T14:20:00Z "},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct core_status status = farm_of_ten(rows[i].users);
        char running[1024] = "", at[SENTENCE_INSTANT_BYTES];
        rows[i].is(&status);
        judge(&status);
        for (int clock = 0; clock < CLOCK_MAX; clock++) {
            int64_t at_ms = farm_clock_ms(&status, (enum farm_clock)clock);
            size_t bytes = strlen(running);
            if (at_ms == INT64_MAX)
                continue;
            sentence_utc(NULL, at_ms, at);
            (void)snprintf(running + bytes, sizeof(running) - bytes, "%s %s ",
                           farm_clock_name((enum farm_clock)clock), at);
        }
        assert_string_equal(running, rows[i].running);
    }
}

/* ---- users and connections ---- */

static struct tally *tally_of(const struct connection *connections, size_t count)
{
    struct tally_settings settings = {.routes_counted = ROUTES_COUNTED_DEFAULT};
    struct tally *tally = tally_create(&settings);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(tally_put(tally, &connections[i], 0), 0);
    return tally;
}

struct list {
    struct tally_entry entries[16];
    size_t count;
};

static bool collect(void *data, const struct tally_entry *entry)
{
    struct list *list = data;
    list->entries[list->count++] = *entry;
    return true;
}

#define BOTH_TAKEN "Both exempt places of h1 are taken by older desktops of administrators.\n"
#define NOT_KNOWN                                                                                           \
    "Whether ewa is an administrator is not known, because the user's groups could not be looked up; that " \
    "counts as no.\n"

static void connections(void **state)
{
    (void)state;
    static const struct {
        struct connection connection;
        int64_t disconnected_since_ms, lease_ends_ms;
        const char *told;
    } rows[] = {
        {{"h1", "1", "alice", AT(8, 0), KIND_DESKTOP, ROUTE_RDP, CONNECTION_ACTIVE, ADMINISTRATOR_NO},
         0,
         0,
         "Desktop by rdp.\nShares the licence of session 7 on h2: one user needs only one.\n"},
        {{"h2", "7", "alice", AT(7, 0), KIND_APPLICATION, ROUTE_BROKER, CONNECTION_ACTIVE, ADMINISTRATOR_NO},
         0,
         AT(15, 0),
         "Application by broker.\nConsumes a licence.\nOnly a broker tells of it: unless the broker does so "
         "again, it ends 2026-02-14T15:00:00Z.\n"},
        {{"h2", "8", "alice", AT(7, 0), KIND_DESKTOP, ROUTE_BROKER, CONNECTION_ACTIVE, ADMINISTRATOR_NO},
         0,
         0,
         "Desktop by broker.\nShares the licence of session 7 on h2: one user needs only one.\n"},
        {{"h1", "2", "root1", AT(8, 0), KIND_DESKTOP, ROUTE_RDP, CONNECTION_ACTIVE, ADMINISTRATOR_YES},
         0,
         0,
         "Desktop by rdp.\nDoes not count: an administrator's desktop, exempt 1 of 2 on h1.\n"},
        {{"h1", "3", "root2", AT(9, 0), KIND_DESKTOP, ROUTE_RDP_TUNNEL, CONNECTION_DISCONNECTED,
          ADMINISTRATOR_YES},
         AT(12, 0),
         0,
         "Desktop by rdp-tunnel, disconnected since 2026-02-14T12:00:00Z.\nDoes not count while it is "
         "disconnected (sessions.count_disconnected).\n"},
        {{"h1", "4", "root3", AT(10, 0), KIND_DESKTOP, ROUTE_BROKER, CONNECTION_ACTIVE, ADMINISTRATOR_YES},
         0,
         0,
         "Desktop by broker.\nDoes not count: an administrator's desktop, exempt 2 of 2 on h1.\n"},
        {{"h1", "5", "root4", AT(11, 0), KIND_DESKTOP, ROUTE_RDP, CONNECTION_ACTIVE, ADMINISTRATOR_YES},
         0,
         0,
         "Desktop by rdp.\nConsumes a licence.\n" BOTH_TAKEN},
        {{"h1", "6", "root4", AT(12, 0), KIND_DESKTOP, ROUTE_RDP, CONNECTION_ACTIVE, ADMINISTRATOR_YES},
         0,
         0,
         "Desktop by rdp.\nShares the licence of session 5 on h1: one user needs only one.\n" BOTH_TAKEN},
        {{"h2", "1", "root5", AT(8, 0), KIND_APPLICATION, ROUTE_RDP, CONNECTION_ACTIVE, ADMINISTRATOR_YES},
         0,
         0,
         "Application by rdp.\nConsumes a licence.\nAn administrator's application counts; only desktops are "
         "exempt.\n"},
        {{"h2", "2", "ewa", AT(8, 0), KIND_DESKTOP, ROUTE_RDP, CONNECTION_ACTIVE, ADMINISTRATOR_UNKNOWN},
         0,
         0,
         "Desktop by rdp.\nConsumes a licence.\n" NOT_KNOWN},
        {{"h2", "3", "carl", AT(8, 0), KIND_DESKTOP, ROUTE_CONSOLE, CONNECTION_ACTIVE, ADMINISTRATOR_NO},
         0,
         0,
         "Desktop by console.\nDoes not count: console is no route that counts (sessions.count_routes).\n"},
        {{"h2", "4", "dora", AT(8, 0), KIND_APPLICATION, ROUTE_RDP, CONNECTION_DISCONNECTED,
          ADMINISTRATOR_NO},
         0,
         0,
         "Application by rdp, disconnected.\nDoes not count while it is disconnected "
         "(sessions.count_disconnected).\n"},
    };
    struct connection all[COUNT(rows)];
    for (size_t i = 0; i < COUNT(rows); i++)
        all[i] = rows[i].connection;
    struct tally *tally = tally_of(all, COUNT(rows));
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct list list = {.count = 0};
        struct tally_entry entry;
        struct explain_why why;
        struct told told = {.bytes = 0};
        tally_each(tally, NULL, all[i].user, collect, &list);
        assert_true(tally_find(tally, all[i].host, all[i].id, &entry));
        const struct explain_connection_facts facts = {
            .user = all[i].user,
            .holder = explain_holder(list.entries, list.count),
            .disconnected_since_ms = rows[i].disconnected_since_ms,
            .lease_ends_ms = rows[i].lease_ends_ms != 0 ? rows[i].lease_ends_ms : INT64_MAX};
        explain_connection(&entry, &facts, &why);
        tell_why(&told, "", &why);
        assert_string_equal(told.text, rows[i].told);
    }
    tally_destroy(tally);
}

static void a_disconnected_session_holds_its_licence(void **state)
{
    (void)state;
    struct tally_settings settings = {.routes_counted = ROUTES_COUNTED_DEFAULT, .count_disconnected = true};
    struct tally *tally = tally_create(&settings);
    struct connection gone = {
        "h1", "1", "gus", AT(8, 0), KIND_DESKTOP, ROUTE_RDP, CONNECTION_DISCONNECTED, ADMINISTRATOR_NO};
    struct tally_entry entry;
    struct explain_why why;
    struct told told = {.bytes = 0};
    assert_int_equal(tally_put(tally, &gone, 0), 0);
    assert_true(tally_find(tally, "h1", "1", &entry));
    assert_null(explain_holder(&entry, 0));
    explain_connection(
        &entry,
        &(struct explain_connection_facts){
            .user = "gus", .holder = &entry, .disconnected_since_ms = AT(9, 0), .lease_ends_ms = INT64_MAX},
        &why);
    tell_why(&told, "", &why);
    assert_string_equal(
        told.text,
        "Desktop by rdp, disconnected since 2026-02-14T09:00:00Z.\nConsumes a licence until it ends.\n");
    tally_destroy(tally);
}

static void a_name_that_is_spelled_differently(void **state)
{
    (void)state;
    const struct connection here = {"h1",         "1",       "corp\\Frida",     AT(8, 0),
                                    KIND_DESKTOP, ROUTE_RDP, CONNECTION_ACTIVE, ADMINISTRATOR_NO};
    struct tally *tally = tally_of(&here, 1);
    struct tally_entry entry;
    struct explain_why why;
    struct told told = {.bytes = 0};
    assert_true(tally_find(tally, "h1", "1", &entry));
    explain_connection(&entry,
                       &(struct explain_connection_facts){
                           .user = "CORP\\frida", .holder = &entry, .lease_ends_ms = INT64_MAX},
                       &why);
    tell_why(&told, "", &why);
    assert_string_equal(told.text, "Desktop by rdp.\nSpelled corp\\Frida there.\nConsumes a licence.\n");
    tally_destroy(tally);
}

static void users(void **state)
{
    (void)state;
    static const struct {
        struct tally_user user;
        size_t left_out;
        const char *asked, *host, *told;
    } rows[] = {
        {{"alice", 1, 1}, 0, NULL, NULL, "alice counts as one concurrent user.\n"},
        {{"alice", 1, 1}, 0, "alice", NULL, "alice counts as one concurrent user.\n"},
        {{"CORP\\ann", 1, 1},
         1,
         "corp\\Ann",
         NULL,
         "corp\\Ann and CORP\\ann are the same user.\nCORP\\ann counts as one concurrent user.\n"},
        {{"alice", 3, 2},
         0,
         NULL,
         NULL,
         "alice counts as one concurrent user: 2 of 3 connections consume a licence.\n"},
        {{"alice", 2, 1},
         0,
         NULL,
         NULL,
         "alice counts as one concurrent user: 1 of 2 connections consumes a licence.\n"},
        {{"root1", 2, 0},
         0,
         NULL,
         NULL,
         "root1 does not count: no connection of this user consumes a licence.\n"},
        {{"op", 0, 0}, 2, "op", NULL, "op does not count: no session of this user is a connection.\n"},
        {{"ghost", 0, 0}, 0, "ghost", NULL, "Nobody of the name ghost is on.\n"},
        {{"alice", 1, 1}, 0, NULL, "rds1", "alice counts as one concurrent user.\n"},
        {{"root1", 2, 0}, 0, NULL, "rds1", "root1 holds no licence by a connection at rds1.\n"},
        {{"op", 0, 0}, 2, "op", "rds1", "op holds no licence by a connection at rds1.\n"},
        {{"ghost", 0, 0}, 0, "ghost", "rds1", "Nobody of the name ghost is on at rds1.\n"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct explain_why why;
        struct told told = {.bytes = 0};
        explain_user(&rows[i].user, rows[i].left_out, rows[i].host, rows[i].asked, &why);
        tell_why(&told, "", &why);
        assert_string_equal(told.text, rows[i].told);
    }
}

static void whose_connections_are_known(void **state)
{
    (void)state;
    static const struct {
        bool is_whole;
        const char *leader, *told;
    } rows[] = {
        {true, "rds1", ""},
        {false, "rds2",
         "Users and connections are those of rds1 alone: rds2 counts for the whole farm and knows the "
         "others'.\n"},
        {false, "",
         "Users and connections are those of rds1 alone: which host counts for the whole farm is not known "
         "now.\n"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct explain_why why;
        struct told told = {.bytes = 0};
        explain_scope(rows[i].is_whole, "rds1", rows[i].leader, &why);
        tell_why(&told, "", &why);
        assert_string_equal(told.text, rows[i].told);
    }
}

static void what_the_gate_answers(void **state)
{
    (void)state;
    static const struct {
        enum connection_kind kind;
        enum administrator administrator;
        struct admission_answer answer;
        bool is_here;
        const char *told;
    } rows[] = {
        {KIND_APPLICATION,
         ADMINISTRATOR_NO,
         {true, true, "open", ""},
         false,
         "The gate lets alice start a new application on h1.\n"},
        {KIND_DESKTOP,
         ADMINISTRATOR_UNKNOWN,
         {true, true, "open", ""},
         true,
         "The gate lets alice start a new desktop on h1.\n"},
        {KIND_DESKTOP,
         ADMINISTRATOR_NO,
         {true, false, "expired", ""},
         true,
         "The gate lets alice come back to the session on h1; published resources stay closed.\n"},
        {KIND_DESKTOP,
         ADMINISTRATOR_YES,
         {true, false, "expired", ""},
         false,
         "The gate lets alice as an administrator open a desktop on h1; published resources stay closed.\n"},
        {KIND_APPLICATION,
         ADMINISTRATOR_NO,
         {false, false, ADMISSION_NO_LICENSE, ""},
         false,
         "The gate refuses alice a new application on h1: no licence is free.\n"},
        {KIND_APPLICATION,
         ADMINISTRATOR_UNKNOWN,
         {false, false, "over", ""},
         false,
         "The gate refuses alice a new application on h1: it is closed.\n"},
        {KIND_DESKTOP,
         ADMINISTRATOR_UNKNOWN,
         {false, false, "over", ""},
         false,
         "The gate refuses alice a new desktop on h1: it is closed.\nWhether alice is an administrator is "
         "not "
         "known, because the user's groups could not be looked up; that counts as no.\n"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct admission_question question = {"alice", "h1", rows[i].kind, rows[i].administrator};
        struct explain_why why;
        struct told told = {.bytes = 0};
        explain_admission(&question, &rows[i].answer, rows[i].is_here, &why);
        tell_why(&told, "", &why);
        assert_string_equal(told.text, rows[i].told);
    }
}

#define NOT_VALID \
    "Does not count: the name of its user, host or session is empty, too long, or not valid text.\n"

static void what_is_left_out(void **state)
{
    (void)state;
    static const struct classify_rule rules[] = {
        {.service = "xrdp*", .remote = -1},
        {.user = "kiosk*", .remote = -1, .ignore = true},
    };
    static const struct classify_settings settings = {.rules = rules, .rule_count = COUNT(rules)};
    static const struct {
        enum classify_outcome outcome;
        int rule;
        const char *told;
        struct session_facts facts;
    } rows[] = {
        {CLASSIFY_IGNORED,
         2,
         "Does not count: rule 2 ignores it, { user = \"kiosk*\"; kind = \"ignore\"; }.\n",
         {.host = "h1", .id = "1", .user = "kiosk1"}},
        {CLASSIFY_IGNORED,
         0,
         "Does not count: none of the rules fits it (sessions.rules).\n",
         {.host = "h1", .id = "1", .user = "alice"}},
        {CLASSIFY_IGNORED,
         3,
         "Does not count: none of the rules fits it (sessions.rules).\n",
         {.host = "h1", .id = "1", .user = "alice"}},
        {CLASSIFY_CLOSING, 1, "Does not count: it is closing.\n", {.host = "h1", .id = "1", .user = "alice"}},
        {CLASSIFY_IGNORED, 0, NOT_VALID, {.host = "h1", .id = "1", .user = "a\xff"}},
        {CLASSIFY_IGNORED, 0, NOT_VALID, {.host = "h1", .id = "", .user = "alice"}},
        {CLASSIFY_IGNORED, 0, NOT_VALID, {.host = "h\n", .id = "1", .user = "alice"}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct classify_result result = {.outcome = rows[i].outcome, .rule = rows[i].rule};
        char rule_text[CLASSIFY_RULE_TEXT_BYTES];
        struct explain_why why;
        struct told told = {.bytes = 0};
        explain_left_out(&rows[i].facts, &result, &settings, rule_text, &why);
        tell_why(&told, "", &why);
        assert_string_equal(told.text, rows[i].told);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instants_are_named_so),
        cmocka_unit_test(texts_and_fields_fit),
        cmocka_unit_test(no_sentence_is_written_twice),
        cmocka_unit_test(the_farm),
        cmocka_unit_test(a_closed_network),
        cmocka_unit_test(where_nothing_is_told_nothing_matters),
        cmocka_unit_test(every_clock),
        cmocka_unit_test(connections),
        cmocka_unit_test(a_disconnected_session_holds_its_licence),
        cmocka_unit_test(a_name_that_is_spelled_differently),
        cmocka_unit_test(users),
        cmocka_unit_test(whose_connections_are_known),
        cmocka_unit_test(what_the_gate_answers),
        cmocka_unit_test(what_is_left_out),
    };
    return cmocka_run_group_tests_name("explain", tests, NULL, NULL);
}
