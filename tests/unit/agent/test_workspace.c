/* Published resources as .rdp files and as the feed of a workspace. tests/daemon/test_workspace.py holds the
 * feed against the schema. */
#include "agent/rdp_file.h"
#include "agent/workspace.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

/* What one case makes, as a text; UTF-16 with each unit's second byte. */
static void assert_file(const struct resource *resource, const char *wanted, size_t wanted_bytes)
{
    char *file = NULL;
    size_t bytes = 0;
    assert_int_equal(rdp_file_make(resource, rdp_file_address(resource, "else"), &file, &bytes), 0);
    assert_int_equal(bytes, wanted_bytes);
    assert_memory_equal(file, wanted, bytes);
    free(file);
}

static void files_say_where_and_what(void **state)
{
    static const struct {
        struct resource resource;
        const char *file;
    } cases[] = {
        {{.kind = KIND_DESKTOP}, "full address:s:else\r\n"},
        {{.kind = KIND_DESKTOP, .command = "no desktop's"}, "full address:s:else\r\n"},
        {{.kind = KIND_APPLICATION, .command = "calc"}, "full address:s:else\r\nalternate shell:s:calc\r\n"},
        {{.kind = KIND_APPLICATION, .command = "calc", .hosts = {"a", "b"}, .host_count = 2},
         "full address:s:a\r\nalternate shell:s:calc\r\n"},
        /* what properties say is not said again, however it is spelt */
        {{.kind = KIND_APPLICATION,
          .command = "calc",
          .properties = {"Alternate Shell:s:other", "FULL ADDRESS:s:x"},
          .property_count = 2},
         "Alternate Shell:s:other\r\nFULL ADDRESS:s:x\r\n"},
        {{.kind = KIND_APPLICATION,
          .name = "Calc",
          .command = "calc",
          .properties = {"remoteapplicationmode:i:1"},
          .property_count = 1},
         "full address:s:else\r\nremoteapplicationprogram:s:calc\r\nremoteapplicationname:s:Calc\r\n"
         "remoteapplicationmode:i:1\r\n"},
        {{.kind = KIND_APPLICATION,
          .command = "calc",
          .properties = {"remoteapplicationmode:i:0"},
          .property_count = 1},
         "full address:s:else\r\nalternate shell:s:calc\r\nremoteapplicationmode:i:0\r\n"},
        /* a name that is another one's beginning */
        {{.kind = KIND_DESKTOP, .properties = {"full addresses:s:x"}, .property_count = 1},
         "full address:s:else\r\nfull addresses:s:x\r\n"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_file(&cases[i].resource, cases[i].file, strlen(cases[i].file));
}

/* resources.conf refuses such texts; whoever gives them otherwise has no line of his own either. */
static void no_text_begins_a_line(void **state)
{
    static const struct resource resource = {.kind = KIND_APPLICATION,
                                             .command = "calc\r\nfull address:s:evil",
                                             .properties = {"a:s:b\r\nc:s:d\x7F\x1B"},
                                             .property_count = 1,
                                             .hosts = {"h\r\n\nx:s:y"},
                                             .host_count = 1};
    static const char wanted[] =
        "full address:s:hx:s:y\r\nalternate shell:s:calcfull address:s:evil\r\na:s:bc:s:d\r\n";
    (void)state;
    assert_file(&resource, wanted, sizeof(wanted) - 1);
}

static void what_is_not_ascii_is_utf16(void **state)
{
    static const struct resource resource = {.kind = KIND_DESKTOP,
                                             .properties = {"a:s:\u00e4\u0d0a\uffff\U0001f5a5"},
                                             .property_count = 1,
                                             .hosts = {"h"},
                                             .host_count = 1};
    static const char wanted[] = "\xFF\xFE"
                                 "f\0u\0l\0l\0 \0a\0d\0d\0r\0e\0s\0s\0:\0s\0:\0h\0\r\0\n\0"
                                 "a\0:\0s\0:\0\xE4\0\x0A\x0D\xFF\xFF\x3D\xD8\xA5\xDD\r\0\n";
    (void)state;
    assert_file(&resource, wanted, sizeof(wanted)); /* with the last unit's second byte */
}

static void assert_feed(const struct workspace *workspace, const struct resource *resources, size_t count,
                        const char *const *parts, const char *const *absent)
{
    struct workspace_feed *feed = workspace_feed_create(workspace);
    char *text = NULL;
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        workspace_feed_add(feed, &resources[i]);
    assert_int_equal(workspace_feed_text(feed, &text, &bytes), 0);
    workspace_feed_destroy(feed);
    assert_int_equal(strlen(text), bytes);
    for (; *parts; parts++)
        if (!strstr(text, *parts))
            fail_msg("not in the feed: %s\n%s", *parts, text);
    for (; *absent; absent++)
        assert_null(strstr(text, *absent));
    free(text);
}

static void an_empty_feed_is_whole(void **state)
{
    static const struct workspace workspace = {.name = "n", .id = "i", .base = "/", .address = "a"};
    static const char *const parts[] = {"PubDate=\"1970-01-01T00:00:00.000Z\" SchemaVersion=\"1.1\"",
                                        "<Resources>\n</Resources>", "<TerminalServers>\n</TerminalServers>",
                                        NULL};
    static const char *const absent[] = {"Folder", "SupportsReconnect", NULL};
    (void)state;
    assert_feed(&workspace, NULL, 0, parts, absent);
}

static void texts_are_escaped(void **state)
{
    static const struct workspace workspace = {
        .name = "<&\">\t\r\n", .id = "\x01", .base = "/a&b/", .address = "\"", .folders = true};
    static const struct resource resources[] = {
        {.id = "a", .name = "\uffff\ufffe\ufffd'", .folder = "//x<", .kind = KIND_DESKTOP},
        {.id = "b", .name = "b", .hosts = {"h\u00e4 1", "h\u00e4 1"}, .host_count = 2},
    };
    static const char *const parts[] = {
        "Name=\"&lt;&amp;&quot;&gt;&#9;&#13;&#10;\" ID=\"\xEF\xBF\xBD\"",
        "Title=\"\ufffd\ufffd\ufffd'\"",
        "URL=\"/a&amp;b/resources/a.rdp\"/><TerminalServerRef Ref=\"&quot;\"/>",
        "URL=\"/a&amp;b/resources/b.rdp?host=h%C3%A4%201\"",
        "<SubFolders><Folder Name=\"/x&lt;\"/></SubFolders>",
        "<Folder Name=\"/\"/>",
        "<TerminalServer ID=\"&quot;\"",
        NULL,
    };
    static const char *const absent[] = {"\x01", "\uffff", NULL};
    (void)state;
    assert_feed(&workspace, resources, COUNT(resources), parts, absent);
}

/* Begun and given up, as without memory. */
static void a_feed_may_be_given_up(void **state)
{
    static const struct workspace workspace = {
        .name = "n", .id = "i", .base = "/", .address = "a", .folders = true};
    static const struct resource resource = {.id = "a", .name = "A", .folder = "F"};
    struct workspace_feed *feed = workspace_feed_create(&workspace);
    (void)state;
    workspace_feed_add(feed, &resource);
    workspace_feed_destroy(feed);
    workspace_feed_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_say_where_and_what),   cmocka_unit_test(no_text_begins_a_line),
        cmocka_unit_test(what_is_not_ascii_is_utf16), cmocka_unit_test(an_empty_feed_is_whole),
        cmocka_unit_test(texts_are_escaped),          cmocka_unit_test(a_feed_may_be_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
