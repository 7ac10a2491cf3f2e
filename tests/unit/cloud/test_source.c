/* Where a request comes from, and how often it may. */
#include "cloud/api/source.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

static struct source_address address(const char *text)
{
    struct source_address address;
    assert_true(source_parse(text, &address));
    return address;
}

static void test_texts(void **state)
{
    static const struct {
        const char *text, *again; /* NULL: refused */
    } table[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"::1", "::1"},
        {"2001:DB8::1", "2001:db8::1"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"", NULL},
        {"unix", NULL},
        {"192.0.2", NULL},
        {"192.0.2.1 ", NULL},
        {"example.org", NULL},
        {"1.2.3.4:80", NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        struct source_address parsed;
        char text[SOURCE_TEXT_BYTES];
        assert_int_equal(source_parse(table[i].text, &parsed), table[i].again != NULL);
        if (table[i].again != NULL)
            assert_string_equal(source_format(&parsed, text), table[i].again);
    }
}

static void test_networks(void **state)
{
    static const char *const bad[] = {"",
                                      "/8",
                                      "10.0.0.0/",
                                      "10.0.0.0/33",
                                      "10.0.0.0/-1",
                                      "10.0.0.0/8x",
                                      "::1/129",
                                      "example.org",
                                      "10.0.0.0/8/8",
                                      "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"};
    struct source_network network;
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(source_network_parse(bad[i], &network));
    assert_true(source_network_parse("10.0.0.0/8", &network));
    assert_int_equal(network.bits, 96 + 8);
    assert_true(source_network_parse("::1", &network));
    assert_int_equal(network.bits, 128);
}

static void test_finding(void **state)
{
    static const struct {
        const char *trusted, *peer, *forwarded, *source;
    } table[] = {
        /* without a trusted proxy the header is anybody's invention */
        {NULL, "192.0.2.9", "203.0.113.1", "192.0.2.9"},
        {"127.0.0.1", "192.0.2.9", "203.0.113.1", "192.0.2.9"},
        {"127.0.0.1", "127.0.0.1", "203.0.113.1", "203.0.113.1"},
        {"127.0.0.1", "127.0.0.1", "", "127.0.0.1"},
        /* the nearest stranger, however long the list he sent himself */
        {"127.0.0.1", "127.0.0.1", "1.1.1.1, 203.0.113.1", "203.0.113.1"},
        {"10.0.0.0/8", "10.1.2.3", "1.1.1.1,203.0.113.1 ,\t10.9.9.9", "203.0.113.1"},
        {"10.0.0.0/8", "10.1.2.3", "10.0.0.1", "10.0.0.1"},
        {"10.0.0.0/9", "10.128.0.1", "203.0.113.1", "10.128.0.1"},
        {"0.0.0.0/0", "10.128.0.1", "203.0.113.1, 192.0.2.2", "203.0.113.1"},
        {"0.0.0.0/0", "::1", "203.0.113.1", "::1"},
        {"2001:db8::/33", "2001:db8:7fff::1", "[2001:db8:8000::1]:443", "2001:db8:8000::1"},
        {"127.0.0.1", "127.0.0.1", "203.0.113.1:4711", "203.0.113.1"},
        {"127.0.0.1", "127.0.0.1", "2001:db8::5", "2001:db8::5"},
        /* garbage ends the walk */
        {"127.0.0.1", "127.0.0.1", "203.0.113.1, unknown", "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1", "203.0.113.1,", "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1", "[::1", "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1", "1111111111111111111111111111111111111111111111111111111111111111",
         "127.0.0.1"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        struct source_network trusted;
        struct source_address peer = address(table[i].peer);
        char text[SOURCE_TEXT_BYTES];
        size_t count = table[i].trusted != NULL;
        if (count == 1)
            assert_true(source_network_parse(table[i].trusted, &trusted));
        struct source_address source =
            source_find(&peer, table[i].forwarded, strlen(table[i].forwarded), &trusted, count);
        assert_string_equal(source_format(&source, text), table[i].source);
    }
    struct source_network all;
    struct source_address peer = address("127.0.0.1");
    char text[SOURCE_TEXT_BYTES];
    assert_true(source_network_parse("127.0.0.1", &all));
    struct source_address source = source_find(&peer, "1.2.3.4\0", 8, &all, 1);
    assert_string_equal(source_format(&source, text), "127.0.0.1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_networks),
        cmocka_unit_test(test_finding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
