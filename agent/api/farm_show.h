/* farm_show.h - this host's place in its farm as JSON, in the same words in every call. */
#ifndef FARMGATE_AGENT_API_FARM_SHOW_H
#define FARMGATE_AGENT_API_FARM_SHOW_H

#include "agent/core/tally.h"
#include "agent/farm/farm.h"
#include "common/json.h"

struct api;

/* "scope": whose connections an answer is about, the farm's or this host's own. */
void farm_show_scope(struct json_writer *writer, const struct api *api);
/* The members that tell the place in short; `leader` as it is known last. */
void farm_show_place(struct json_writer *writer, const struct farm_place *place, const char *leader);
/* The rest of it. */
void farm_show_detail(struct json_writer *writer, const struct farm_place *place);
/* Who is on here: users, connections and what they count as. False without memory for those. */
bool farm_show_here(const struct api *api, struct tally_level *ret);
/* "farm": the place in short; "this_host": who is on here. False without memory for those. */
bool farm_show_status(struct json_writer *writer, const struct api *api);

#endif
