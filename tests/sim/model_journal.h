/* model_journal.h - a journal (agent/farm/journal.h) on virtual time: writes take their time, fail, and of
 * those under way when the process dies only the first few have happened. */
#ifndef FARMGATE_TESTS_MODEL_JOURNAL_H
#define FARMGATE_TESTS_MODEL_JOURNAL_H

#include "agent/farm/journal.h"

struct model_journal;

struct model_journal *model_journal_create(uint64_t seed);
void model_journal_destroy(struct model_journal *journal);

struct farm_journal model_journal_port(struct model_journal *journal);
void model_journal_weather(struct model_journal *journal, int64_t write_ms_max, bool fails);
void model_journal_pass(struct model_journal *journal, int64_t now_ms);
int64_t model_journal_due_ms(const struct model_journal *journal);

/* The process dies: nobody is told of what was under way. */
void model_journal_crash(struct model_journal *journal);
/* The disk is another one. */
void model_journal_lose(struct model_journal *journal);
/* What is kept; it lives until the next call. */
struct farm_journal_kept model_journal_kept(struct model_journal *journal);

#endif
