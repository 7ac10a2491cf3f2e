#include "admission.h"

#include "tally.h"

/* An unknown administrator flag counts as no (RULES §2.4). */
static bool is_administrators_desktop(const struct admission_question *question)
{
    return question->kind == KIND_DESKTOP && question->administrator == ADMINISTRATOR_YES;
}

struct admission_answer admission_decide(const struct verdict *verdict, const struct tally *tally,
                                         const struct admission_question *question)
{
    if (verdict->open)
        return (struct admission_answer){.gate = true, .list = true, .reason = VERDICT_OPEN};
    bool may_come =
        is_administrators_desktop(question) || tally_user_on_host(tally, question->user, question->host);
    return (struct admission_answer){.gate = may_come, .list = false, .reason = verdict->reason};
}
