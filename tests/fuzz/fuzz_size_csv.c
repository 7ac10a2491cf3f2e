/* fuzz_size_csv - tables of events of `farmgate size`, lists of --map, and times. */
#include "reader_fuzz.h"

#include "agent/ctl/sizing/csv_map.h"
#include "agent/ctl/sizing/csv_time.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes as a list of --map, and as a time. */
static void try_texts(const uint8_t *data, size_t size)
{
    char text[256];
    struct csv_map *map;
    struct error_detail detail;
    enum sizing_type type;
    int64_t at_ms = 0;
    size_t bytes = size < sizeof text - 1 ? size : sizeof text - 1;
    memcpy(text, data, bytes);
    text[bytes] = '\0';
    if (csv_map_create(text, &map, &detail) == 0) {
        (void)csv_map_event(map, text, &type);
        csv_map_destroy(map);
    }
    if (csv_time_parse(text, &at_ms))
        fuzz_require(at_ms >= 0 && at_ms <= SIZING_TIME_MS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_texts(data, size);
    return fuzz_reader(&reader_csv, data, size);
}
