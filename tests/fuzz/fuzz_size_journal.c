/* fuzz_size_journal - entries of journalctl -o json of `farmgate size`. */
#include "reader_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_reader(&reader_journal, data, size);
}
