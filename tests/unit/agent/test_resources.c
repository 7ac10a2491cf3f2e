#include "agent/resources.h"
#include "tests/unit/config_file.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int load(const char *text, struct resources **ret, struct error_detail *detail)
{
    char path[] = "/tmp/farmgate-resources-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    int error = resources_read(path, ret, detail);
    unlink(path);
    return error;
}

/* The ids that are visited, "a b c ". */
static void note_id(void *data, const struct resource *resource)
{
    char *ids = data;
    strcat(ids, resource->id);
    strcat(ids, " ");
}

static void the_shipped_file_shows_every_setting(void **state)
{
    (void)state;
    assert_shows_every_setting(&resources_table, CONF "/resources.conf", resources_table_bytes);
}

static const char office[] =
    "resources = (\n"
    "  { id = \"desktop\"; name = \"Desktop\"; kind = \"desktop\"; },\n"
    "  { id = \"writer\"; name = \"Writer\"; description = \"Letters\\nand reports\"; folder = \"Office\";\n"
    "    kind = \"application\"; command = \"writer --new\"; hosts = (\"a\", \"b\"); groups = (\"office\", "
    "\"board\");\n"
    "    properties = (\"remoteapplicationmode:i:1\", \"x:s:\"); },\n"
    "  { id = \"books\"; name = \"Books\"; kind = \"application\"; properties = (\"p:s:books\"); groups = "
    "(\"board\"); }\n"
    ");\n";

static void those_of_the_users_groups_are_visible(void **state)
{
    (void)state;
    static const struct {
        const char *groups[2];
        size_t count;
        const char *ids;
    } cases[] = {
        {{NULL}, 0, "desktop "},
        {{"sales"}, 1, "desktop "},
        {{"office"}, 1, "desktop writer "},
        {{"sales", "board"}, 2, "desktop writer books "},
        {{"Office"}, 1, "desktop "},
    };
    struct resources *resources;
    assert_int_equal(load(office, &resources, NULL), 0);
    assert_int_equal(resources_count(resources), 3);
    assert_true(resources_changed_ms(resources) > 1600000000000);
    for (size_t i = 0; i < COUNT(cases); i++) {
        char ids[100] = "";
        resources_visible(resources, cases[i].groups, cases[i].count, note_id, ids);
        assert_string_equal(ids, cases[i].ids);
    }
    resources_destroy(resources);
}

static void keep_writer(void *data, const struct resource *resource)
{
    if (strcmp(resource->id, "writer") == 0)
        *(struct resource *)data = *resource;
}

static void a_resource_keeps_all_its_fields(void **state)
{
    (void)state;
    static const char *const groups[] = {"office"};
    struct resource *writer = calloc(1, sizeof(*writer));
    struct resources *resources;
    assert_int_equal(load(office, &resources, NULL), 0);
    resources_visible(resources, groups, 1, keep_writer, writer);
    assert_string_equal(writer->name, "Writer");
    assert_string_equal(writer->description, "Letters\nand reports");
    assert_string_equal(writer->folder, "Office");
    assert_int_equal(writer->kind, KIND_APPLICATION);
    assert_string_equal(writer->command, "writer --new");
    assert_int_equal(writer->host_count, 2);
    assert_string_equal(writer->hosts[1], "b");
    assert_int_equal(writer->group_count, 2);
    assert_string_equal(writer->groups[0], "office");
    assert_int_equal(writer->property_count, 2);
    assert_string_equal(writer->properties[1], "x:s:");
    resources_destroy(resources);
    free(writer);
}

static void some_ask_for_groups(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ask;
    } cases[] = {
        {"", false},
        {"resources = ( { id = \"a\"; name = \"A\"; kind = \"desktop\"; } );", false},
        {"resources = ( { id = \"a\"; name = \"A\"; kind = \"desktop\"; },\n"
         "{ id = \"b\"; name = \"B\"; kind = \"desktop\"; groups = (\"sales\"); } );",
         true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct resources *resources;
        assert_int_equal(load(cases[i].text, &resources, NULL), 0);
        assert_int_equal(resources_ask_for_groups(resources), cases[i].ask);
        resources_destroy(resources);
    }
}

static void a_missing_file_publishes_nothing(void **state)
{
    (void)state;
    static const char *const paths[] = {"/nonexistent/resources.conf", ""};
    for (size_t i = 0; i < COUNT(paths); i++) {
        struct resources *resources;
        assert_int_equal(resources_read(paths[i], &resources, NULL), 0);
        assert_int_equal(resources_count(resources), 0);
        assert_int_equal(resources_changed_ms(resources), 0);
        resources_destroy(resources);
    }
    resources_destroy(NULL);
}

static void wrong_files_are_refused_with_their_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"resources = (\n{ name = \"A\"; kind = \"desktop\"; } );", ":2: resources[0]: id is missing"},
        {"resources = ( { id = \"a b\"; name = \"A\"; kind = \"desktop\"; } );",
         ":1: resources[0].id: \"a b\" is not an id; allowed: letters"},
        {"resources = ( { id = \"a\"; name = \"A\"; kind = \"desktop\"; },\n"
         "{ id = \"a\"; name = \"B\"; kind = \"desktop\"; } );",
         ":2: resources[1].id: \"a\" stands here twice"},
        {"resources = ( { id = \"a\"; name = \"A\"; kind = \"application\"; } );",
         ":1: resources[0]: an application needs command or properties"},
        {"resources = ( { id = \"a\"; name = \"A\"; kind = \"app\"; } );",
         ":1: resources[0].kind: not a known word; allowed: \"desktop\", \"application\""},
        {"resources = ( { id = \"a\"; name = \"A\"; kind = \"desktop\"; properties = (\"x:y:z\"); } );",
         ":1: resources[0].properties[0]: \"x:y:z\" is not an .rdp property"},
        {"resources = ( { id = \"a\"; name = \"A\"; kind = \"desktop\"; properties = (\"x:\"); } );",
         ":1: resources[0].properties[0]: \"x:\" is not an .rdp property"},
        {"resources = ( { id = \"a\"; name = \"A\\nB\"; kind = \"desktop\"; } );",
         ":1: resources[0].name: more than one line"},
        {"resources = ( { id = \"a\"; nome = \"A\"; kind = \"desktop\"; } );",
         ":1: resources[0].nome: unknown setting; did you mean resources[0].name?"},
        {"ressources = ();", ":1: ressources: unknown setting; did you mean resources?"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct resources *resources;
        struct error_detail detail = {""};
        int error = load(cases[i].text, &resources, &detail);
        if (error != ERROR_CONFIGURATION || !strstr(detail.text, cases[i].words))
            fail_msg("%s: %d %s", cases[i].text, error, detail.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shipped_file_shows_every_setting),
        cmocka_unit_test(those_of_the_users_groups_are_visible),
        cmocka_unit_test(a_resource_keeps_all_its_fields),
        cmocka_unit_test(some_ask_for_groups),
        cmocka_unit_test(a_missing_file_publishes_nothing),
        cmocka_unit_test(wrong_files_are_refused_with_their_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
