/* print_identity - puts the table of who is the same user into a manual page: `print_identity PAGE`. */
#include "roff.h"

#include <stdbool.h>

static void print_case(FILE *out, const char *one, const char *other, bool same, const char *because)
{
    (void)fputs(".It Xo\n", out);
    roff_macro(out, "Ql", one, "");
    (void)fputs("and\n", out);
    roff_macro(out, "Ql", other, "");
    (void)fputs(".Xc\n", out);
    (void)fputs(same ? "One user: " : "Two users: ", out);
    roff_line(out, because);
}

static void print_all(FILE *out)
{
    (void)fputs(".Bl -tag -width Ds -compact\n", out);
#define IDENTITY_CASE(one, other, same, because) print_case(out, one, other, same, because);
#include "agent/core/identity_cases.def"
#undef IDENTITY_CASE
    (void)fputs(".El\n", out);
}

int main(int argc, char **argv)
{
    return roff_fill(argc, argv, "@identity@", print_all);
}
