#include "rules_outcome.h"

#include <inttypes.h>
#include <string.h>

#define PRINTED_USERS 5
#define PRINTED_HOSTS 3
#define COUNT(array)  (sizeof(array) / sizeof((array)[0]))

/* One character each: bit 0 the gate, bit 1 the list; of every kind, with and without the flag; then present.
 */
static void print_admissions(const struct rules_model *model, FILE *file)
{
    for (unsigned u = 0; u < PRINTED_USERS; u++)
        for (unsigned h = 0; h < PRINTED_HOSTS; h++) {
            char user[RULES_NAME_BYTES_MAX + 1], host[RULES_NAME_BYTES_MAX + 1];
            (void)snprintf(user, sizeof(user), "u%u", u);
            (void)snprintf(host, sizeof(host), "h%u", h);
            for (int kind = 0; kind < KIND_MAX; kind++)
                for (int flag = 0; flag < 2; flag++) {
                    struct rules_admission admission =
                        rules_admit(model, user, host, (enum connection_kind)kind, (enum administrator)flag);
                    fprintf(file, "%d", admission.gate + 2 * admission.list);
                }
            fprintf(file, "%d", rules_present(model, user, host));
        }
}

static void print_told(const struct rules_model *model, FILE *file)
{
    const struct rules_told *told = model->told.items;
    const struct rules_window *windows = model->closed.items;
    const struct rules_day *days = model->days.items;
    for (size_t i = 0; i < model->told.count; i++)
        fprintf(file, "told %" PRId64 " %s %" PRId64 "\n", told[i].at_ms, rules_told_word(told[i].what),
                told[i].number);
    for (size_t i = 0; i < model->closed.count; i++)
        fprintf(file, "window %" PRId64 " %" PRId64 " %u at %" PRId64 " %u %u %u #%" PRIu64 "\n",
                windows[i].start_ms, windows[i].end_ms, windows[i].peak_users, windows[i].peak_at_ms,
                windows[i].users_at_end, windows[i].exempt_peak, windows[i].hosts, windows[i].sequence);
    for (size_t i = 0; i < model->days.count; i++)
        fprintf(file, "day %" PRId64 " %u at %" PRId64 "\n", days[i].start_ms, days[i].mark.users,
                days[i].mark.at_ms);
}

void outcome_print(const struct history_run *run, bool taken, FILE *file)
{
    const struct rules_model *model = run->model;
    struct rules_level level = rules_level(model);
    print_told(model, file);
    fprintf(file, "= %" PRId64 " %" PRId64 " %s users %u exempt %u hosts %u", model->licence_ms,
            model->event_ms, taken ? "taken" : "refused", level.users, level.exempt, level.hosts);
    fprintf(file, " %s %s %s %s %s", rules_activation_word(model->activation), rules_term_word(model->term),
            rules_contact_word(model->contact), rules_usage_word(model->usage_state),
            rules_reason_word(model->reason));
    fprintf(file, " today %u at %" PRId64 " ever %u at %" PRId64 " queue %zu due %" PRId64 " ",
            model->today.users, model->today.at_ms, model->ever.users, model->ever.at_ms, model->queue.count,
            rules_due_ms(model));
    print_admissions(model, file);
    fputc('\n', file);
}

/* ---- counts -------------------------------------------------------------------------------------------- */

void outcome_begin(struct outcome_counts *counts)
{
    memset(counts->last, 0, sizeof(counts->last));
    counts->last[RULES_TOLD_REASON] = RULES_NOT_ACTIVATED;
}

void outcome_count(struct outcome_counts *counts, const struct history_run *run, bool taken)
{
    const struct rules_model *model = run->model;
    const struct rules_told *told = model->told.items;
    counts->steps++;
    counts->windows += model->closed.count;
    counts->refused_events += !taken;
    counts->modes[rules_mode(model)]++;
    for (size_t i = 0; i < model->told.count; i++) {
        counts->told[told[i].what]++;
        if (told[i].what > RULES_TOLD_REASON)
            continue;
        counts->moves[told[i].what][counts->last[told[i].what]][told[i].number]++;
        counts->last[told[i].what] = told[i].number;
    }
}

/* The transitions that the rules know. */
struct move {
    enum rules_what machine;
    int from, to;
};

static const struct move moves[] = {
    {RULES_TOLD_ACTIVATION, RULES_NONE, RULES_ACTIVE},
    {RULES_TOLD_ACTIVATION, RULES_NONE, RULES_REVOKED},
    {RULES_TOLD_ACTIVATION, RULES_ACTIVE, RULES_REVOKED},
    {RULES_TOLD_ACTIVATION, RULES_ACTIVE, RULES_NONE},
    {RULES_TOLD_ACTIVATION, RULES_REVOKED, RULES_ACTIVE},
    {RULES_TOLD_ACTIVATION, RULES_REVOKED, RULES_NONE},
    {RULES_TOLD_TERM, RULES_VALID, RULES_EXPIRY_GRACE},
    {RULES_TOLD_TERM, RULES_VALID, RULES_EXPIRED},
    {RULES_TOLD_TERM, RULES_EXPIRY_GRACE, RULES_EXPIRED},
    {RULES_TOLD_TERM, RULES_EXPIRY_GRACE, RULES_VALID},
    {RULES_TOLD_TERM, RULES_EXPIRED, RULES_EXPIRY_GRACE},
    {RULES_TOLD_TERM, RULES_EXPIRED, RULES_VALID},
    {RULES_TOLD_CONTACT, RULES_FRESH, RULES_STALE},
    {RULES_TOLD_CONTACT, RULES_STALE, RULES_FRESH},
    {RULES_TOLD_USAGE, RULES_WITHIN, RULES_SETTLING},
    {RULES_TOLD_USAGE, RULES_WITHIN, RULES_OVERUSE_GRACE},
    {RULES_TOLD_USAGE, RULES_SETTLING, RULES_WITHIN},
    {RULES_TOLD_USAGE, RULES_SETTLING, RULES_OVERUSE_GRACE},
    {RULES_TOLD_USAGE, RULES_OVERUSE_GRACE, RULES_WITHIN},
    {RULES_TOLD_USAGE, RULES_OVERUSE_GRACE, RULES_SETTLING},
    {RULES_TOLD_USAGE, RULES_OVERUSE_GRACE, RULES_ENFORCED},
    {RULES_TOLD_USAGE, RULES_ENFORCED, RULES_WITHIN},
    {RULES_TOLD_USAGE, RULES_ENFORCED, RULES_SETTLING},
    {RULES_TOLD_USAGE, RULES_ENFORCED, RULES_OVER},
    {RULES_TOLD_USAGE, RULES_OVER, RULES_WITHIN},
    {RULES_TOLD_USAGE, RULES_OVER, RULES_SETTLING},
    {RULES_TOLD_USAGE, RULES_OVER, RULES_ENFORCED},
};

static const char *state_word(enum rules_what machine, int state)
{
    switch (machine) {
    case RULES_TOLD_ACTIVATION:
        return rules_activation_word((enum rules_activation)state);
    case RULES_TOLD_TERM:
        return rules_term_word((enum rules_term)state);
    case RULES_TOLD_CONTACT:
        return rules_contact_word((enum rules_contact)state);
    case RULES_TOLD_USAGE:
        return rules_usage_word((enum rules_usage_state)state);
    default:
        return rules_reason_word((enum rules_reason)state);
    }
}

static bool print_count(const char *what, uint64_t count, uint64_t least, FILE *file)
{
    bool enough = count >= least;
    fprintf(file, "# %-40s %8" PRIu64 "%s\n", what, count, enough ? "" : "  TOO FEW");
    return enough;
}

static bool covers_reasons(const struct outcome_counts *counts, uint64_t least, FILE *file)
{
    bool enough = true;
    for (int to = RULES_OPEN; to <= RULES_IS_OVER; to++) {
        char what[64];
        uint64_t came = 0;
        for (int from = RULES_OPEN; from <= RULES_IS_OVER; from++)
            came += counts->moves[RULES_TOLD_REASON][from][to];
        (void)snprintf(what, sizeof(what), "verdict: %s", rules_reason_word((enum rules_reason)to));
        enough &= print_count(what, came, least, file);
    }
    return enough;
}

bool outcome_covers(const struct outcome_counts *counts, uint64_t least, FILE *file)
{
    static const char *const modes[] = {"admission: all", "admission: holders", "admission: none"};
    bool enough = true;
    for (size_t i = 0; i < COUNT(moves); i++) {
        char what[64];
        (void)snprintf(what, sizeof(what), "%s: %s -> %s", rules_told_word(moves[i].machine),
                       state_word(moves[i].machine, moves[i].from),
                       state_word(moves[i].machine, moves[i].to));
        enough &= print_count(what, counts->moves[moves[i].machine][moves[i].from][moves[i].to], least, file);
    }
    enough &= covers_reasons(counts, least, file);
    for (int what = RULES_TOLD_USERS; what < RULES_TOLD_MAX; what++)
        enough &= print_count(rules_told_word((enum rules_what)what), counts->told[what], least, file);
    for (size_t i = 0; i < COUNT(modes); i++)
        enough &= print_count(modes[i], counts->modes[i], least, file);
    enough &= print_count("windows", counts->windows, least, file);
    enough &= print_count("events that were refused", counts->refused_events, least, file);
    return enough;
}
