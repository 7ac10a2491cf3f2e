/* farmgate support: one archive for a support ticket, shown before it is written. */
#include "commands.h"

#include "command.h"
#include "options.h"
#include "support_parts.h"
#include "term.h"

#include "folders.h"

#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_SETTINGS FOLDERS_CONFIGURATION "/farmgate.conf"
#define README           "README.txt"

static const char help[] =
    "usage: farmgate support [--output FILE] [--yes] [--names] [--config FILE] [--socket PATH]\n"
    "       farmgate support --list | --print FILE [--names] [--config FILE] [--socket PATH]\n"
    "\n"
    "Puts together what a support ticket needs, in one archive (tar, gzip): configuration without secrets,\n"
    "status, explanation, connections, farm, windows, days, metrics, the last events, versions, the state "
    "of\n"
    "the service and its journal. People's names are replaced by pseudonyms, the same ones each time on "
    "this\n"
    "host. The list of files is shown, each can be read, and nothing is written before you say so. An agent\n"
    "that does not answer is no hindrance; what is missing is said in " README ".\n"
    "\n"
    "options:\n"
    "  -o, --output FILE  the archive (farmgate-support-DATE.tar.gz here); never over one that is there\n"
    "  --yes          write without asking\n"
    "  --list         only list the files with their bytes\n"
    "  --print FILE   only print this one of them\n"
    "  --names        leave people's names as they are\n"
    "  --config FILE  the configuration (" DEFAULT_SETTINGS ")\n"
    "  --socket PATH  another agent's socket\n"
    "  --help         print this\n"
    "\n"
    "exit codes: 0 done; 1 failed; 64 usage; 65 there is no such file in it; 130 not written, as you said\n";

struct wishes {
    const char *output, *print, *config, *socket;
    bool yes, list, names;
};

/* --- the parts ------------------------------------------------------------------------------ */

void support_missing(struct support *support, const char *name, const char *why)
{
    text_buffer_print(&support->missing, "  %s: %s\n", name, why);
}

void support_add(struct support *support, const char *name, bool json, struct text_buffer *text)
{
    support->failed |= text->failed || (json && !support_names_collect(support->names, text->text));
    if (!support_bundle_add(&support->bundle, name, json, text->text))
        support->failed = true;
    text->text = NULL;
}

/* When all names are known they are taken out of everything. */
static void replace_names(struct support *support)
{
    for (size_t i = 0; i < support->bundle.count && !support->failed; i++) {
        struct support_file *file = &support->bundle.files[i];
        char *text = support_names_replace(support->names, file->text, file->json);
        support->failed = !text;
        if (!text)
            return;
        free(file->text);
        file->text = text;
        file->bytes = strlen(text);
    }
}

static void add_readme(struct support *support, bool names, bool stable, int64_t now_s)
{
    struct text_buffer text = {.text = NULL};
    char when[32] = "";
    time_t seconds = (time_t)now_s;
    struct tm parts;
    if (gmtime_r(&seconds, &parts))
        (void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &parts);
    text_buffer_print(&text, "What `farmgate support` put together at %s.\n\n", when);
    text_buffer_print(&text, "%s\n",
                      names    ? "People's names are as they are."
                      : stable ? "People's names are replaced: the same person has the same pseudonym in "
                                 "every archive of this host."
                               : "People's names are replaced: the same person has the same pseudonym "
                                 "in this archive.");
    text_buffer_print(&text,
                      "Licence keys show their last group alone. Settings that hold secrets, arguments of "
                      "commands and the environment\nare left out.\n\n");
    text_buffer_print(&text, support->missing.text ? "What could not be had, and why:\n\n"
                                                   : "Nothing is missing.\n");
    if (support->missing.text)
        text_buffer_add(&text, support->missing.text, support->missing.bytes);
    support_add(support, README, false, &text);
    /* what is read first stands first */
    struct support_bundle *bundle = &support->bundle;
    if (bundle->count > 1 && !support->failed) {
        struct support_file readme = bundle->files[bundle->count - 1];
        memmove(bundle->files + 1, bundle->files, (bundle->count - 1) * sizeof(readme));
        bundle->files[0] = readme;
    }
}

static bool collect(struct support *support, const struct wishes *wishes, int64_t now_s)
{
    uint8_t key[SUPPORT_NAMES_KEY_BYTES];
    bool stable = support_machine_key(key);
    support->names = support_names_create(key);
    sodium_memzero(key, sizeof(key));
    if (!support->names)
        return false;
    support_add_configuration(support, wishes->config ? wishes->config : DEFAULT_SETTINGS);
    support_add_answers(support, wishes->socket);
    support_add_system(support);
    add_readme(support, wishes->names, stable, now_s);
    if (!wishes->names)
        replace_names(support);
    for (size_t i = 0; i < support->bundle.count; i++)
        support_mask(support->bundle.files[i].text);
    return !support->failed;
}

/* --- showing -------------------------------------------------------------------------------- */

static void list(const struct support_bundle *bundle, FILE *file)
{
    for (size_t i = 0; i < bundle->count; i++)
        (void)fprintf(file, "%3zu  %9zu  %s\n", i + 1, bundle->files[i].bytes, bundle->files[i].name);
}

/* On a terminal line by line without what could steer it. */
static void print_file(const struct support_file *file)
{
    char line[TERM_TEXT_BYTES], clean[TERM_TEXT_BYTES];
    const char *at = file->text;
    if (isatty(STDOUT_FILENO) != 1) {
        (void)fwrite(file->text, 1, file->bytes, stdout);
        return;
    }
    while (*at) {
        size_t bytes = strcspn(at, "\n");
        size_t taken = bytes < sizeof(line) - 1 ? bytes : sizeof(line) - 1;
        (void)snprintf(line, sizeof(line), "%.*s", (int)taken, at);
        (void)fputs(term_clean(line, clean), stdout);
        at += taken;
        if (*at == '\n') {
            (void)fputc('\n', stdout);
            at++;
        }
    }
}

/* Whether it is to be written. */
static bool ask_reader(const struct support_bundle *bundle, const char *path)
{
    char answer[64];
    for (;;) {
        (void)printf("write these to %s? [y/N, or a number to read that file] ", path);
        (void)fflush(stdout);
        if (!fgets(answer, sizeof(answer), stdin)) {
            (void)printf("\n");
            return false;
        }
        char *end;
        unsigned long number = strtoul(answer, &end, 10);
        if (end == answer)
            return answer[0] == 'y' || answer[0] == 'Y';
        if (number >= 1 && number <= bundle->count)
            print_file(&bundle->files[number - 1]);
        else
            list(bundle, stdout);
    }
}

/* --- writing -------------------------------------------------------------------------------- */

static void name_archive(int64_t now_s, char *ret, size_t bytes)
{
    time_t seconds = (time_t)now_s;
    struct tm parts = {0};
    (void)gmtime_r(&seconds, &parts);
    (void)strftime(ret, bytes, "farmgate-support-%Y%m%d-%H%M%S.tar.gz", &parts);
}

static int write_archive(const struct support_bundle *bundle, const char *path, int64_t now_s)
{
    struct error_detail detail = {"out of memory"};
    char *archive = NULL;
    size_t bytes = 0;
    int error = support_bundle_pack(bundle, "farmgate-support", now_s, &archive, &bytes);
    if (!error)
        error = support_bundle_write(path, archive, bytes, &detail);
    free(archive);
    if (error) {
        (void)fprintf(stderr, "farmgate support: %s\n", detail.text);
        return COMMAND_FAILED;
    }
    (void)printf("%s: %zu bytes; read it once more before you hand it on: tar -xzf %s\n", path, bytes, path);
    return COMMAND_OK;
}

static int offer(const struct support *support, const struct wishes *wishes, int64_t now_s)
{
    char name[64];
    const char *path = wishes->output;
    name_archive(now_s, name, sizeof(name));
    path = path ? path : name;
    if (wishes->print) {
        const struct support_file *file = support_bundle_find(&support->bundle, wishes->print);
        if (file)
            print_file(file);
        else
            (void)fprintf(stderr, "farmgate support: no file %s in it; see farmgate support --list\n",
                          wishes->print);
        return file ? COMMAND_OK : COMMAND_DATA;
    }
    list(&support->bundle, stdout);
    if (support->missing.text)
        (void)printf("missing, and said in " README ":\n%s", support->missing.text);
    if (wishes->list)
        return COMMAND_OK;
    if (!wishes->yes && isatty(STDIN_FILENO) != 1) {
        (void)fprintf(stderr, "farmgate support: nothing is written unasked; without a terminal say --yes\n");
        return COMMAND_USAGE;
    }
    if (!wishes->yes && !ask_reader(&support->bundle, path)) {
        (void)fprintf(stderr, "farmgate support: nothing was written\n");
        return COMMAND_INTERRUPTED;
    }
    return write_archive(&support->bundle, path, now_s);
}

int support_command(int argc, char **argv)
{
    struct wishes wishes = {.output = NULL};
    struct support support = {.names = NULL};
    const struct option_spec specs[] = {
        {"output", OPTION_TEXT, &wishes.output}, {"yes", OPTION_FLAG, &wishes.yes},
        {"list", OPTION_FLAG, &wishes.list},     {"print", OPTION_TEXT, &wishes.print},
        {"names", OPTION_FLAG, &wishes.names},   {"config", OPTION_TEXT, &wishes.config},
        {"socket", OPTION_TEXT, &wishes.socket}};
    const struct options_form form = {"support", help, specs, sizeof(specs) / sizeof(specs[0]), 0, 0};
    int code = options_only(&form, argc, argv);
    if (code != OPTIONS_GO_ON)
        return code;
    if (sodium_init() < 0)
        return COMMAND_FAILED;
    (void)signal(SIGXFSZ, SIG_IGN); /* a limit is an error of write */
    int64_t now_s = (int64_t)time(NULL);
    if (collect(&support, &wishes, now_s)) {
        code = offer(&support, &wishes, now_s);
    } else {
        (void)fprintf(stderr, "farmgate support: out of memory\n");
        code = COMMAND_FAILED;
    }
    support_bundle_finish(&support.bundle);
    support_names_destroy(support.names);
    text_buffer_finish(&support.missing);
    return code;
}
