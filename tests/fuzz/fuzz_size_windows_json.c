/* Windows events as JSON lines. */
#include "windows_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_reader(&reader_windows_json, data, size);
    return 0;
}
