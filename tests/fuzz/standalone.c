/* standalone - runs a fuzz target without libFuzzer, so that its corpus is a normal test:
 *
 *     fuzz_x [--random SEED N] FILE|DIRECTORY...
 *
 * Every file is an input; with --random, N more are made by mutating and joining them, the same for the same
 * seed. An input that kills the program is left in the file "fuzz.crash". */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INPUTS_MAX      4096
#define INPUT_BYTES_MAX (64 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    uint8_t *bytes;
    size_t count;
};

struct corpus {
    struct input inputs[INPUTS_MAX];
    size_t count;
};

/* The input that is running, for the signal handler. */
static struct input running;

static void save_running(int signal_number)
{
    int fd = open("fuzz.crash", O_CREAT | O_TRUNC | O_WRONLY, 0600);
    if (fd >= 0)
        (void)!write(fd, running.bytes, running.count);
    static const char text[] = "# the input was written to fuzz.crash\n";
    (void)!write(1, text, sizeof text - 1);
    (void)signal(signal_number, SIG_DFL);
    (void)raise(signal_number);
}

static void run(const uint8_t *bytes, size_t count)
{
    /* a block of its own size: a sanitizer sees a read past its end */
    uint8_t *copy = malloc(count ? count : 1);
    if (!copy)
        abort();
    memcpy(copy, bytes, count);
    running = (struct input){copy, count};
    (void)LLVMFuzzerTestOneInput(copy, count);
    running = (struct input){NULL, 0};
    free(copy);
}

static void add_file(struct corpus *corpus, const char *path)
{
    struct input input = {malloc(INPUT_BYTES_MAX), 0};
    FILE *file = fopen(path, "rb");
    if (!file || !input.bytes || corpus->count == INPUTS_MAX) {
        fprintf(stderr, "%s: %s\n", path, file ? "too many inputs" : strerror(errno));
        exit(1);
    }
    input.count = fread(input.bytes, 1, INPUT_BYTES_MAX, file);
    fclose(file);
    corpus->inputs[corpus->count++] = input;
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void add(struct corpus *corpus, const char *path)
{
    struct stat kind;
    if (stat(path, &kind) || !S_ISDIR(kind.st_mode)) {
        add_file(corpus, path);
        return;
    }
    struct dirent **entries = NULL;
    int count =
        scandir(path, &entries, is_visible, alphasort); /* sorted: a seed means one thing everywhere */
    for (int i = 0; i < count; i++) {
        char *inner = NULL;
        if (asprintf(&inner, "%s/%s", path, entries[i]->d_name) < 0)
            abort();
        add(corpus, inner);
        free(inner);
        free(entries[i]);
    }
    free(entries);
}

/* splitmix64 */
static uint64_t next_random(uint64_t *state)
{
    uint64_t value = (*state += 0x9e3779b97f4a7c15u);
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}

static size_t below(uint64_t *state, size_t bound)
{
    return bound ? (size_t)(next_random(state) % bound) : 0;
}

static size_t insert(uint8_t *bytes, size_t count, size_t at, const uint8_t *piece, size_t piece_count)
{
    if (count + piece_count > INPUT_BYTES_MAX)
        return count;
    memmove(bytes + at + piece_count, bytes + at, count - at);
    memcpy(bytes + at, piece, piece_count);
    return count + piece_count;
}

static size_t mutate_once(const struct corpus *corpus, uint64_t *state, uint8_t *bytes, size_t count)
{
    static const uint8_t telling[] = {0,    1,   0x7f, 0x80, 0xff, '\n', '\r', '"',
                                      '\\', '%', '{',  '[',  ':',  ' ',  '/',  '-'};
    size_t at = below(state, count), length = 1 + below(state, 16);
    uint8_t byte = (uint8_t)next_random(state);
    switch (below(state, 7)) {
    case 0: /* a bit */
        if (count)
            bytes[at] ^= (uint8_t)(1u << below(state, 8));
        return count;
    case 1: /* a byte */
        if (count)
            bytes[at] = byte;
        return count;
    case 2: /* a telling byte */
        byte = telling[below(state, sizeof telling)];
        return insert(bytes, count, at, &byte, 1);
    case 3: /* some bytes less */
        if (at + length > count)
            return at;
        memmove(bytes + at, bytes + at + length, count - at - length);
        return count - length;
    case 4: /* cut */
        return at;
    case 5: { /* a piece of another input */
        const struct input *other = &corpus->inputs[below(state, corpus->count)];
        size_t from = below(state, other->count);
        return insert(bytes, count, at, other->bytes + from, below(state, other->count - from + 1));
    }
    default: /* a byte, often */
        for (size_t i = 0; i < length * 8; i++)
            count = insert(bytes, count, at, &byte, 1);
        return count;
    }
}

static void run_random(const struct corpus *corpus, uint64_t seed, unsigned long count)
{
    uint8_t *bytes = malloc(INPUT_BYTES_MAX);
    uint64_t state = seed;
    if (!bytes)
        abort();
    for (unsigned long i = 0; i < count; i++) {
        const struct input *from = &corpus->inputs[below(&state, corpus->count)];
        size_t size = from->count;
        memcpy(bytes, from->bytes, size);
        for (size_t left = 1 + below(&state, 6); left > 0; left--)
            size = mutate_once(corpus, &state, bytes, size);
        run(bytes, size);
    }
    free(bytes);
}

static void catch_signals(void)
{
    static const int signals[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        (void)signal(signals[i], save_running);
}

int main(int argc, char **argv)
{
    struct corpus *corpus = calloc(1, sizeof *corpus);
    unsigned long random_count = 0;
    uint64_t seed = 0;
    if (!corpus)
        return 1;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--random") == 0 && i + 2 < argc) {
            seed = strtoull(argv[i + 1], NULL, 10);
            random_count = strtoul(argv[i + 2], NULL, 10);
            i += 2;
        } else {
            add(corpus, argv[i]);
        }
    }
    if (corpus->count == 0) {
        fprintf(stderr, "usage: %s [--random SEED N] FILE|DIRECTORY...\n", argv[0]);
        return 64;
    }
    catch_signals();
    printf("1..%d\n", random_count ? 2 : 1);
    fflush(stdout);
    for (size_t i = 0; i < corpus->count; i++)
        run(corpus->inputs[i].bytes, corpus->inputs[i].count);
    printf("ok 1 - %zu inputs of the corpus\n", corpus->count);
    fflush(stdout);
    if (random_count) {
        printf("# seed %llu\n", (unsigned long long)seed);
        fflush(stdout);
        run_random(corpus, seed, random_count);
        printf("ok 2 - %lu mutations of them\n", random_count);
    }
    for (size_t i = 0; i < corpus->count; i++)
        free(corpus->inputs[i].bytes);
    free(corpus);
    return 0;
}
