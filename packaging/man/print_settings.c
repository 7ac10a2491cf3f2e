/* print_settings - puts a table of settings into its manual page: `print_settings PAGE`. The table is the one
 * that reads the file, so that parser and manual cannot drift. Built once for every table (see meson.build).
 */
#include "roff.h"

#include "common/config.h"

extern const struct config_table TABLE;

static void print_allowed(FILE *out, const struct config_setting *setting)
{
    char allowed[CONFIG_ALLOWED_BYTES], sentence[CONFIG_ALLOWED_BYTES + sizeof("Allowed: ")];
    config_describe_allowed(setting, allowed);
    (void)snprintf(sentence, sizeof(sentence), "Allowed: %s", allowed);
    roff_sentence(out, sentence);
}

static void print_default(FILE *out, const struct config_setting *setting)
{
    if (setting->required) {
        (void)fputs("It must be given.\n", out);
    } else if (setting->default_text) {
        (void)fputs("Default:\n", out);
        roff_macro(out, "Ql", setting->default_text, ".");
    }
}

static void print_table(FILE *out, const struct config_table *table);

static void print_setting(FILE *out, const struct config_setting *setting)
{
    roff_macro(out, "It Cm", setting->path, "");
    roff_sentence(out, setting->what);
    print_allowed(out, setting);
    if (setting->needs_restart)
        (void)fputs("A change holds from the next start on.\n", out);
    if (setting->farm_wide)
        (void)fputs("In a farm of many hosts the farm has it, and a host's file gives way.\n", out);
    if (setting->type == CONFIG_LIST)
        print_table(out, setting->elements);
    print_default(out, setting);
}

static void print_table(FILE *out, const struct config_table *table)
{
    (void)fputs(".Bl -tag -width Ds\n", out);
    for (size_t i = 0; i < table->count; i++)
        print_setting(out, &table->settings[i]);
    (void)fputs(".El\n", out);
}

static void print_all(FILE *out)
{
    print_table(out, &TABLE);
}

int main(int argc, char **argv)
{
    return roff_fill(argc, argv, "@settings@", print_all);
}
