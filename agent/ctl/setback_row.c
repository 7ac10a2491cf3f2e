#include "setback_row.h"

#include "shape.h"

#include <string.h>

static const struct json_field row_fields[] = {
    SHAPE_TEXT("asked", struct setback_row, asked),
    SHAPE_SPANS("why", struct setback_row, why),
    SHAPE_SPANS("remedies", struct setback_row, remedies),
};
const struct json_shape setback_row_shape = SHAPE_OF(row_fields);

const char *setback_row_text(const struct setback_row *row, struct said *said)
{
    struct json_span all[2 * EXPLAIN_WHY_MAX];
    memcpy(all, row->why, sizeof(row->why));
    memcpy(all + row->why_count, row->remedies, sizeof(row->remedies));
    return said_text(said, all, row->why_count + row->remedies_count);
}
