/* print_catalog - the table of log events as a message catalog: what `journalctl -x` shows below each. */
#include "agent/core/log_event.h"
#include "packaging/event_text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define LINE_COLUMNS 76

/* journalctl puts a field of the entry in the place of its @NAME@. */
static void print_subject(const char *text)
{
    (void)fputs("Subject: ", stdout);
    while (*text) {
        size_t bytes = strcspn(text, "{");
        (void)printf("%.*s", (int)bytes, text);
        text += bytes;
        if (*text == '{') {
            (void)fputs("@FARMGATE_", stdout);
            for (text++; *text != '}'; text++)
                (void)putchar(toupper((unsigned char)*text));
            (void)putchar('@');
            text++;
        }
    }
    (void)putchar('\n');
}

static void print_word(const char *word, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        (void)putchar(word[i] == '`' ? '"' : word[i]);
}

static void print_advice(const char *advice)
{
    size_t column = 0;
    while (*advice) {
        size_t bytes = strcspn(advice, " ");
        bool fits = column + 1 + bytes <= LINE_COLUMNS;
        if (column > 0)
            (void)putchar(fits ? ' ' : '\n');
        column = column > 0 && fits ? column + 1 + bytes : bytes;
        print_word(advice, bytes);
        advice += bytes + (advice[bytes] == ' ');
    }
    (void)putchar('\n');
}

int main(void)
{
    char text[EVENT_TEXT_BYTES];
    for (int code = 0; code < LOG_EVENT_MAX; code++) {
        const struct log_event_form *form = log_event_form((enum log_event_code)code);
        (void)printf("-- %s\n", form->message_id);
        event_text_many(form->text, text);
        print_subject(text);
        (void)printf("Defined-By: Farmgate\nDocumentation: man:farmgate-events(7)\n\n");
        event_text_advice(form->advice, HINT_LINUX, text);
        print_advice(text);
        (void)putchar('\n');
    }
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
