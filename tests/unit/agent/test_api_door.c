/* Host headers: by what names a TCP client may call us. */
#include "agent/api/door.h"

#include "tests/unit/unit.h"

#include <string.h>

static void test_hosts(void **state)
{
    static const struct {
        const char *host;
        bool allowed;
    } cases[] = {
        {"localhost", true},
        {"LocalHost:8620", true},
        {"localhost.", true},
        {"127.0.0.1", true},
        {"127.0.0.1:8620", true},
        {"127.8.9.10:1", true},
        {"[::1]", true},
        {"[::1]:8620", true},
        {"portal.example", true},
        {"PORTAL.example:80", true},
        {"", false},
        {":8620", false},
        {"localhost:", false},
        {"localhost:x", false},
        {"localhost.evil.example", false},
        {"evil.example", false},
        {"127.0.0.1.evil.example", false},
        {"127.0.0.256", false},
        {"127.0.0", false},
        {"127.0.0.1.1", false},
        {"127.0.0.0001", false},
        {"128.0.0.1", false},
        {"::1", false},
        {"[::2]", false},
        {"portal.example.evil", false},
        {"xportal.example", false},
        {"user@localhost", false},
    };
    struct door_keys keys = {.hosts = {"portal.example"}, .host_count = 1};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (door_host_allowed(&keys, cases[i].host, strlen(cases[i].host)) != cases[i].allowed)
            fail_msg("Host \"%s\" is %s", cases[i].host, cases[i].allowed ? "refused" : "allowed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts),
    };
    return cmocka_run_group_tests_name("api_door", tests, NULL, NULL);
}
