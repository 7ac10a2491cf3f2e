/* Windows event logs as Windows keeps them. */
#include "windows_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_reader(&reader_evtx, data, size);
    return 0;
}
