/* print_rules - puts the rules that hold while the configuration has none into a manual page: `print_rules
 * PAGE`. */
#include "roff.h"

#include "agent/core/classify.h"

static void print_word(FILE *out, const char *name, const char *pattern)
{
    if (pattern[0])
        (void)fprintf(out, "%s %s", name, pattern);
}

static void print_rule(FILE *out, const struct classify_rule *rule)
{
    (void)fputs(".It\n", out);
    print_word(out, "service", rule->service);
    print_word(out, "class", rule->session_class);
    print_word(out, "type", rule->type);
    if (!rule->service[0] && !rule->session_class[0] && !rule->type[0])
        (void)fputs("any other", out);
    if (rule->remote >= 0)
        (void)fputs(rule->remote ? ", remote" : ", not remote", out);
    if (rule->ignore)
        (void)fputs(": ignored\n", out);
    else
        (void)fprintf(out, ": %s by %s\n", connection_kind_name(rule->kind),
                      connection_route_name(rule->route));
}

static void print_all(FILE *out)
{
    size_t count;
    const struct classify_rule *rules = classify_default_rules(&count);
    (void)fputs(".Bl -enum -compact -width 12.\n", out);
    for (size_t i = 0; i < count; i++)
        print_rule(out, &rules[i]);
    (void)fputs(".El\n", out);
}

int main(int argc, char **argv)
{
    return roff_fill(argc, argv, "@rules@", print_all);
}
