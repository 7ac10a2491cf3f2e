#include "admission.h"

#include "tally.h"

/* An unknown administrator flag counts as no (RULES §2.4). */
static bool is_administrators_desktop(const struct admission_question *question)
{
    return question->kind == KIND_DESKTOP && question->administrator == ADMINISTRATOR_YES;
}

static bool is_here(const struct tally *tally, const struct admission_question *question)
{
    return tally_user_on_host(tally, question->user, question->host);
}

static bool holds_a_license(const struct tally *tally, const char *user)
{
    struct tally_user found;
    return tally_user(tally, user, &found) && found.consuming > 0;
}

const char *admission_run_out_text(void)
{
    return "All licences of this farm are in use. Please wait until someone has ended all of their sessions, "
           "and try again.";
}

static struct admission_answer yes(void)
{
    return (struct admission_answer){.gate = true,
                                     .list = true,
                                     .code = verdict_reason_name(VERDICT_OPEN),
                                     .text = verdict_reason_text(VERDICT_OPEN)};
}

static struct admission_answer while_closed(const struct verdict *verdict, bool strict,
                                            const struct tally *tally,
                                            const struct admission_question *question)
{
    bool may_come = !strict && (is_administrators_desktop(question) || is_here(tally, question));
    return (struct admission_answer){.gate = may_come,
                                     .code = verdict_reason_name(verdict->reason),
                                     .text = verdict_reason_text(verdict->reason)};
}

static struct admission_answer while_run_out(bool strict, const struct tally *tally,
                                             const struct admission_question *question)
{
    bool place_free = tally_host_exempt(tally, question->host) < TALLY_EXEMPT_PER_HOST;
    if (holds_a_license(tally, question->user) || is_here(tally, question) ||
        (is_administrators_desktop(question) && (!strict || place_free)))
        return yes();
    return (struct admission_answer){.code = ADMISSION_NO_LICENSE, .text = admission_run_out_text()};
}

struct admission_answer admission_decide(const struct verdict *verdict, bool strict,
                                         const struct tally *tally, const struct admission_question *question)
{
    switch (verdict->admission) {
    case ADMISSION_HOLDERS:
        return while_run_out(strict, tally, question);
    case ADMISSION_NONE:
        return while_closed(verdict, strict, tally, question);
    case ADMISSION_ALL:
    case ADMISSION_MAX:
        break;
    }
    return yes();
}
