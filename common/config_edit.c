#include "config_edit.h"

#include <assert.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INDENT "    "

/* Of the text, [start, end) gives way to some pieces. */
struct cut {
    const char *start, *end;
    const char *pieces[6];
    int indent; /* blanks before them */
};

/* Where a setting stands, and where it would. */
struct spot {
    const char *name, *value, *value_end, *end; /* NULL: it is not there; end is behind its ';' */
    const char *comment;                        /* the '#' of its line "# NAME = …"; NULL: none */
};

struct edit {
    const char *text, *at, *group;
    const char *line_break; /* as the text has them */
    const struct config_change *changes;
    size_t count;
    struct spot spots[CONFIG_EDIT_CHANGES_MAX];
    const char *body, *body_end; /* of the group; NULL: there is none */
    bool unclosed;               /* a text or comment goes on to the end, which libconfig does not mind */
    struct error_detail *detail;
};

/* ---- the scanner: libconfig's words, as far as they must be told apart ---- */

static int refuse(const struct edit *edit, const char *what)
{
    unsigned line = 1;
    for (const char *at = edit->text; at < edit->at; at++)
        line += *at == '\n';
    error_detail_set(edit->detail, "line %u: %s", line, what);
    return ERROR_CONFIGURATION;
}

static const char *line_end(const char *at)
{
    return at + strcspn(at, "\n");
}

static const char *string_end(struct edit *edit, const char *at)
{
    at++;
    while (*at && *at != '"')
        at += *at == '\\' && at[1] ? 2 : 1;
    edit->unclosed |= !*at;
    return *at ? at + 1 : at;
}

/* Behind the comment that begins here; `at` itself if none does. */
static const char *comment_end(const char *at)
{
    if (*at == '#' || (at[0] == '/' && at[1] == '/'))
        return line_end(at);
    if (at[0] != '/' || at[1] != '*')
        return at;
    const char *end = strstr(at + 2, "*/");
    return end ? end + 2 : at + strlen(at);
}

static const char *name_end(const char *at)
{
    if (!isalpha((unsigned char)*at) && *at != '*')
        return at;
    while (isalnum((unsigned char)*at) || (*at && strchr("-_*", *at)))
        at++;
    return at;
}

static bool is_named(const char *at, const char *end, const char *name)
{
    return (size_t)(end - at) == strlen(name) && memcmp(at, name, (size_t)(end - at)) == 0;
}

/* "# NAME = …" */
static void note_comment(struct edit *edit, const char *hash)
{
    if (*hash != '#')
        return;
    const char *name = hash + 1 + strspn(hash + 1, " \t"), *end = name_end(name);
    if (end[strspn(end, " \t")] != '=')
        return;
    for (size_t i = 0; i < edit->count; i++)
        if (!edit->spots[i].comment && is_named(name, end, edit->changes[i].name))
            edit->spots[i].comment = hash;
}

static void skip_blanks(struct edit *edit, bool in_group)
{
    for (;;) {
        const char *end;
        edit->at += strspn(edit->at, " \t\r\n\f\v");
        if (in_group)
            note_comment(edit, edit->at);
        if ((end = comment_end(edit->at)) == edit->at)
            return;
        edit->unclosed |= strncmp(edit->at, "/*", 2) == 0 && !strstr(edit->at + 2, "*/");
        edit->at = end;
    }
}

/* Behind the bracket that closes the one here. */
static int skip_brackets(struct edit *edit)
{
    int depth = 0;
    while (*edit->at) {
        const char *end = *edit->at == '"' ? string_end(edit, edit->at) : comment_end(edit->at);
        if (end != edit->at) {
            edit->at = end;
            continue;
        }
        depth += strchr("([{", *edit->at) ? 1 : strchr(")]}", *edit->at) ? -1 : 0;
        edit->at++;
        if (depth == 0)
            return 0;
    }
    return refuse(edit, "a bracket is not closed");
}

/* Texts that stand behind each other are one. */
static const char *skip_strings(struct edit *edit)
{
    const char *end = edit->at;
    while (*edit->at == '"') {
        end = edit->at = string_end(edit, edit->at);
        skip_blanks(edit, false);
    }
    return end;
}

static int skip_value(struct edit *edit, const char **ret_end)
{
    int error = 0;
    const char *start = edit->at;
    if (*edit->at == '"') {
        *ret_end = skip_strings(edit);
        return 0;
    }
    if (*edit->at && strchr("([{", *edit->at))
        error = skip_brackets(edit);
    else
        edit->at += strcspn(edit->at, " \t\r\n\f\v;,)]}#/\"");
    *ret_end = edit->at;
    return error == 0 && edit->at == start ? refuse(edit, "a value is missing") : error;
}

static int scan_settings(struct edit *edit, bool in_group);

/* The group itself: what is in it is looked at. */
static int scan_group(struct edit *edit)
{
    edit->at++;
    edit->body = edit->at;
    int error = scan_settings(edit, true);
    edit->body_end = edit->at;
    if (error == 0 && *edit->at != '}')
        error = refuse(edit, "a bracket is not closed");
    edit->at += error == 0;
    return error;
}

static void note_setting(struct edit *edit, const struct spot *spot, const char *behind_name)
{
    for (size_t i = 0; i < edit->count; i++) {
        const char *comment = edit->spots[i].comment;
        if (!is_named(spot->name, behind_name, edit->changes[i].name))
            continue;
        edit->spots[i] = *spot;
        edit->spots[i].comment = comment;
    }
}

static int scan_setting(struct edit *edit, bool in_group)
{
    struct spot spot = {.name = edit->at};
    const char *behind_name = name_end(edit->at);
    if (behind_name == edit->at)
        return refuse(edit, "the name of a setting is missing");
    edit->at = behind_name;
    skip_blanks(edit, false);
    if (*edit->at != '=' && *edit->at != ':')
        return refuse(edit, "a '=' is missing");
    edit->at++;
    skip_blanks(edit, false);
    spot.value = edit->at;
    bool is_ours = !in_group && !edit->body && is_named(spot.name, behind_name, edit->group);
    if (is_ours && *edit->at != '{')
        return refuse(edit, "not a group");
    int error = is_ours ? scan_group(edit) : skip_value(edit, &spot.value_end);
    if (error != 0)
        return error;
    spot.end = is_ours ? edit->at : spot.value_end;
    const char *after = edit->at;
    skip_blanks(edit, false);
    if (*edit->at == ';' || *edit->at == ',')
        spot.end = ++edit->at;
    else
        edit->at = after; /* its comments are looked at */
    if (in_group)
        note_setting(edit, &spot, behind_name);
    return 0;
}

static int scan_settings(struct edit *edit, bool in_group)
{
    int error = 0;
    skip_blanks(edit, in_group);
    while (error == 0 && *edit->at && *edit->at != '}') {
        if (*edit->at == '@') /* @include "NAME" */
            edit->at = line_end(edit->at);
        else
            error = scan_setting(edit, in_group);
        if (error == 0)
            skip_blanks(edit, in_group);
    }
    return error;
}

/* ---- what changes ---- */

static const char *line_start(const struct edit *edit, const char *at)
{
    while (at > edit->text && at[-1] != '\n')
        at--;
    return at;
}

static bool is_blank(const char *from, const char *to)
{
    return from + strspn(from, " \t\r") >= to;
}

/* With its line, if that is all there is on it. */
static struct cut removal(const struct edit *edit, const struct spot *spot)
{
    const char *start = line_start(edit, spot->name), *end = line_end(spot->end);
    if (is_blank(start, spot->name) && is_blank(spot->end, end))
        return (struct cut){.start = start, .end = *end ? end + 1 : end};
    return (struct cut){.start = spot->name, .end = spot->end};
}

static struct cut behind_comment(const struct edit *edit, const struct spot *spot,
                                 const struct config_change *change)
{
    const char *start = line_start(edit, spot->comment), *end = line_end(spot->comment);
    int indent = is_blank(start, spot->comment) ? (int)(spot->comment - start) : (int)strlen(INDENT);
    if (end[-1] == '\r')
        end--;
    return (struct cut){.start = end,
                        .end = end,
                        .pieces = {edit->line_break, change->name, " = ", change->value, ";"},
                        .indent = indent};
}

static struct cut at_the_end(const struct edit *edit, const struct config_change *change)
{
    const char *start = line_start(edit, edit->body_end);
    if (start > edit->body && is_blank(start, edit->body_end))
        return (struct cut){.start = start,
                            .end = start,
                            .pieces = {"", change->name, " = ", change->value, ";", edit->line_break},
                            .indent = (int)strlen(INDENT)};
    return (struct cut){.start = edit->body_end,
                        .end = edit->body_end,
                        .pieces = {isspace((unsigned char)edit->body_end[-1]) ? "" : " ", change->name, " = ",
                                   change->value, "; "},
                        .indent = 0};
}

/* False: nothing is to be done. */
static bool cut_of(const struct edit *edit, size_t i, struct cut *ret)
{
    const struct config_change *change = &edit->changes[i];
    const struct spot *spot = &edit->spots[i];
    if (spot->name && change->value)
        *ret = (struct cut){.start = spot->value, .end = spot->value_end, .pieces = {change->value}};
    else if (spot->name)
        *ret = removal(edit, spot);
    else if (!change->value)
        return false;
    else if (spot->comment)
        *ret = behind_comment(edit, spot, change);
    else
        *ret = at_the_end(edit, change);
    return true;
}

/* By place; what comes to the same place stays in its order. */
static size_t cuts_of(const struct edit *edit, struct cut *ret)
{
    size_t count = 0;
    for (size_t i = 0; i < edit->count; i++) {
        struct cut cut;
        if (!cut_of(edit, i, &cut))
            continue;
        size_t at = count++;
        for (; at > 0 && ret[at - 1].start > cut.start; at--)
            ret[at] = ret[at - 1];
        ret[at] = cut;
    }
    return count;
}

/* ---- the new text ---- */

/* Of the first line. */
static const char *line_break_of(const char *text)
{
    const char *end = line_end(text);
    return *end && end > text && end[-1] == '\r' ? "\r\n" : "\n";
}

static char *put(char *to, const char *from, size_t bytes)
{
    memcpy(to, from, bytes);
    return to + bytes;
}

static char *put_cut(char *to, const struct cut *cut)
{
    for (size_t i = 0; i < sizeof cut->pieces / sizeof *cut->pieces && cut->pieces[i]; i++) {
        to = put(to, cut->pieces[i], strlen(cut->pieces[i]));
        if (i > 0)
            continue;
        memset(to, ' ', (size_t)cut->indent);
        to += cut->indent;
    }
    return to;
}

static void write_cuts(const struct edit *edit, const struct cut *cuts, size_t count, char *to)
{
    const char *from = edit->text;
    for (size_t i = 0; i < count; i++) {
        if (cuts[i].start > from)
            to = put(to, from, (size_t)(cuts[i].start - from));
        to = put_cut(to, &cuts[i]);
        from = cuts[i].end > from ? cuts[i].end : from;
    }
    (void)put(to, from, strlen(from) + 1);
}

static void write_group(const struct edit *edit, char *to, size_t room)
{
    size_t bytes = strlen(edit->text);
    const char *end = edit->line_break;
    const char *gap = bytes == 0 ? "" : end;
    const char *ending = bytes == 0 || edit->text[bytes - 1] == '\n' ? "" : end;
    size_t used = (size_t)snprintf(to, room, "%s%s%s%s = {%s", edit->text, ending, gap, edit->group, end);
    for (size_t i = 0; i < edit->count; i++)
        if (edit->changes[i].value)
            used += (size_t)snprintf(to + used, room - used, INDENT "%s = %s;%s", edit->changes[i].name,
                                     edit->changes[i].value, end);
    (void)snprintf(to + used, room - used, "};%s", end);
}

int config_edit(const char *text, const char *group, const struct config_change *changes, size_t count,
                char **ret_text, struct error_detail *ret_detail)
{
    struct edit edit = {.text = text,
                        .at = text,
                        .line_break = line_break_of(text),
                        .group = group,
                        .changes = changes,
                        .count = count,
                        .detail = ret_detail};
    struct cut cuts[CONFIG_EDIT_CHANGES_MAX];
    size_t room = strlen(text) + strlen(group) + 32;
    assert(count <= CONFIG_EDIT_CHANGES_MAX);
    int error = scan_settings(&edit, false);
    if (error == 0 && *edit.at)
        error = refuse(&edit, "a bracket that closes nothing");
    if (error == 0 && edit.unclosed)
        error = refuse(&edit, "a text or comment is not closed");
    if (error != 0)
        return error;
    size_t cut_count = edit.body ? cuts_of(&edit, cuts) : 0;
    for (size_t i = 0; i < count; i++)
        room += strlen(changes[i].name) + (changes[i].value ? strlen(changes[i].value) : 0) + 32;
    for (size_t i = 0; i < cut_count; i++)
        room += (size_t)cuts[i].indent;
    char *edited = malloc(room);
    if (!edited) {
        error_detail_set(ret_detail, "%s", error_text(ERROR_NO_MEMORY));
        return ERROR_NO_MEMORY;
    }
    if (edit.body)
        write_cuts(&edit, cuts, cut_count, edited);
    else
        write_group(&edit, edited, room);
    *ret_text = edited;
    return 0;
}
