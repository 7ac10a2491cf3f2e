/* test_wire.c - requests as etcd 3.4 takes them, and its answers as they were seen, cut at every byte. */
#include "agent/farm/wire.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- requests ------------------------------------------------------------------------------------------ */

static void expect_text(char *text, const char *expected)
{
    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
}

static void a_transaction_has_comparisons_and_both_branches(void **state)
{
    (void)state;
    const struct wire_compare compares[] = {{WIRE_CREATE, "/fg/leader", 77077},
                                            {WIRE_MOD, "/fg/peak", 77082},
                                            {WIRE_VERSION, "/fg/seq", 0},
                                            {WIRE_LEASE, "/fg/seq", 9}};
    const struct wire_op success[] = {
        {.type = WIRE_PUT, .key = "/fg/peak", .value = "hello", .value_bytes = 5, .lease = 12},
        {.type = WIRE_DELETE, .key = "/fg/a"},
        {.type = WIRE_RANGE, .key = "/fg/peak", .revision = 77079, .count_only = true},
    };
    const struct wire_op failure[] = {{.type = WIRE_RANGE, .key = "/fg/leader"}};
    const struct wire_txn txn = {compares, 4, success, failure, 3, 1};
    expect_text(
        wire_txn_text(&txn),
        "{\"compare\":["
        "{\"key\":\"L2ZnL2xlYWRlcg==\",\"target\":\"CREATE\",\"result\":\"EQUAL\",\"create_revision\":"
        "\"77077\"},"
        "{\"key\":\"L2ZnL3BlYWs=\",\"target\":\"MOD\",\"result\":\"EQUAL\",\"mod_revision\":\"77082\"},"
        "{\"key\":\"L2ZnL3NlcQ==\",\"target\":\"VERSION\",\"result\":\"EQUAL\",\"version\":\"0\"},"
        "{\"key\":\"L2ZnL3NlcQ==\",\"target\":\"LEASE\",\"result\":\"EQUAL\",\"lease\":\"9\"}],"
        "\"success\":["
        "{\"request_put\":{\"key\":\"L2ZnL3BlYWs=\",\"value\":\"aGVsbG8=\",\"lease\":\"12\"}},"
        "{\"request_delete_range\":{\"key\":\"L2ZnL2E=\"}},"
        "{\"request_range\":{\"key\":\"L2ZnL3BlYWs=\",\"revision\":\"77079\",\"count_only\":true}}],"
        "\"failure\":[{\"request_range\":{\"key\":\"L2ZnL2xlYWRlcg==\"}}]}");
}

static void a_prefix_ends_before_the_next_one(void **state)
{
    (void)state;
    const struct wire_op all = {.type = WIRE_RANGE, .key = "/fg/", .prefix = true, .limit = 5000};
    expect_text(wire_range_text(&all),
                "{\"key\":\"L2ZnLw==\",\"range_end\":\"L2ZnMA==\",\"limit\":\"5000\"}");
    /* "/fg0" */
    const struct wire_op page = {
        .type = WIRE_RANGE, .key = "/fg/", .prefix = true, .after_key = "/fg/a", .revision = 9};
    expect_text(wire_range_text(&page),
                "{\"key\":\"L2ZnL2EA\",\"range_end\":\"L2ZnMA==\",\"revision\":\"9\"}"); /* "/fg/a\0" */
    expect_text(wire_watch_text("/fg/", 5),
                "{\"create_request\":{\"key\":\"L2ZnLw==\",\"range_end\":\"L2ZnMA==\",\"start_revision\":"
                "\"5\",\"progress_notify\":true}}");
}

static void small_requests(void **state)
{
    (void)state;
    expect_text(wire_grant_text(15), "{\"TTL\":\"15\"}");
    expect_text(wire_lease_text(INT64_C(2324035546678799624)), "{\"ID\":\"2324035546678799624\"}");
    expect_text(wire_compact_text(7), "{\"revision\":\"7\"}");
    expect_text(wire_authenticate_text("farm", "s\"3"), "{\"name\":\"farm\",\"password\":\"s\\\"3\"}");
}

static void a_prefix_that_is_too_long_is_no_request(void **state)
{
    (void)state;
    char key[WIRE_KEY_BYTES_MAX + 2];
    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    assert_null(wire_watch_text(key, 1));
    assert_null(wire_watch_text("", 1));
}

/* ---- replies ------------------------------------------------------------------------------------------- */

/* What was told, as a text: keys, then the message, of each. */
struct heard {
    char text[4096];
    size_t used;
    int answer; /* of the callbacks */
};

static void hear(struct heard *heard, const char *format, ...) __attribute__((format(__printf__, 2, 3)));
static void hear(struct heard *heard, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    heard->used +=
        (size_t)vsnprintf(heard->text + heard->used, sizeof heard->text - heard->used, format, arguments);
    va_end(arguments);
    assert_in_range(heard->used, 0, sizeof heard->text - 1);
}

static int hear_kv(void *data, const struct wire_kv *kv)
{
    struct heard *heard = data;
    hear(heard, "%s%s=%.*s@%" PRId64 "+%" PRId64 "#%" PRId64, kv->deleted ? "-" : "", kv->key,
         (int)kv->value_bytes, kv->value == NULL ? "" : (const char *)kv->value, kv->mod_revision,
         kv->create_revision, kv->version);
    if (kv->lease != 0)
        hear(heard, " lease %" PRId64, kv->lease);
    if (kv->response != 0)
        hear(heard, " of %zu", kv->response);
    hear(heard, "; ");
    return heard->answer;
}

static int hear_message(void *data, const struct wire_message *message)
{
    struct heard *heard = data;
    hear(heard, "r%" PRId64, message->revision);
    if (message->failed)
        hear(heard, " failed %d", message->code);
    if (message->text[0] != '\0')
        hear(heard, " '%s'", message->text);
    if (message->succeeded)
        hear(heard, " succeeded");
    if (message->count != 0)
        hear(heard, " count %" PRId64, message->count);
    if (message->more)
        hear(heard, " more");
    if (message->lease != 0)
        hear(heard, " lease %" PRId64 " ttl %" PRId64, message->lease, message->ttl);
    if (message->token[0] != '\0')
        hear(heard, " token %s", message->token);
    if (message->version[0] != '\0')
        hear(heard, " version %s", message->version);
    if (message->created)
        hear(heard, " created");
    if (message->cancelled)
        hear(heard, " cancelled");
    if (message->compacted != 0)
        hear(heard, " compacted %" PRId64, message->compacted);
    hear(heard, ".\n");
    return 0;
}

static struct wire_reader *reader_for(struct heard *heard)
{
    const struct wire_told told = {hear_kv, hear_message, heard};
    struct wire_reader *reader = wire_reader_create(&told);
    assert_non_null(reader);
    return reader;
}

#define HEADER \
    "\"header\":{\"cluster_id\":\"32\",\"member_id\":\"33\",\"revision\":\"3\",\"raft_term\":\"2\"}"

static const struct reply {
    const char *json, *heard;
} replies[] = {
    {"{" HEADER "}", "r3.\n"},
    {"{" HEADER ",\"kvs\":[{\"key\":\"L2ZnL2E=\",\"create_revision\":\"2\",\"mod_revision\":\"3\","
     "\"version\":\"4\",\"value\":\"aGVsbG8=\",\"lease\":\"77\"},{\"key\":\"L2ZnL2I=\",\"create_revision\":"
     "\"2\",\"mod_revision\":\"2\",\"version\":\"1\"}],\"more\":true,\"count\":\"9\"}",
     "/fg/a=hello@3+2#4 lease 77; /fg/b=@2+2#1; r3 count 9 more.\n"},
    {"{" HEADER ",\"succeeded\":true,\"responses\":[{\"response_put\":{\"header\":{\"revision\":\"8\"}}},"
     "{\"response_delete_range\":{\"header\":{\"revision\":\"8\"},\"deleted\":\"1\"}},{\"response_range\":{"
     "\"header\":{\"revision\":\"8\"},\"kvs\":[{\"key\":\"L2ZnL2E=\",\"mod_revision\":\"2\"}],\"count\":"
     "\"1\"}"
     "}]}",
     "/fg/a=@2+0#0 of 2; r3 succeeded count 1.\n"},
    {"{" HEADER
     ",\"responses\":[{\"response_range\":{\"kvs\":[{\"key\":\"L2ZnL3g=\",\"value\":\"dg==\"}]}}]}",
     "/fg/x=v@0+0#0; r3.\n"},
    {"{" HEADER ",\"ID\":\"2324035546678799624\",\"TTL\":\"5\"}", "r3 lease 2324035546678799624 ttl 5.\n"},
    {"{\"result\":{" HEADER ",\"ID\":\"123\",\"TTL\":\"8\"}}\n", "r3 lease 123 ttl 8.\n"},
    {"{\"result\":{" HEADER ",\"ID\":\"123\"}}", "r3 lease 123 ttl 0.\n"},
    {"{" HEADER ",\"token\":\"yWsv.17\"}", "r3 token yWsv.17.\n"},
    {"{\"etcdserver\":\"3.4.23\",\"etcdcluster\":\"3.4.0\"}", "r0 version 3.4.23.\n"},
    {"{\"error\":\"etcdserver: mvcc: required revision has been compacted\",\"message\":\"etcdserver: mvcc: "
     "required revision has been compacted\",\"code\":11}",
     "r0 failed 11 'etcdserver: mvcc: required revision has been compacted'.\n"},
    /* a watch */
    {"{\"result\":{" HEADER ",\"created\":true}}\n{\"result\":{" HEADER
     ",\"events\":[{\"kv\":{\"key\":\"L2ZnL3g=\",\"create_revision\":\"3\",\"mod_revision\":\"3\","
     "\"version\":"
     "\"1\",\"value\":\"dg==\"}},{\"type\":\"DELETE\",\"kv\":{\"key\":\"L2ZnL2E=\",\"mod_revision\":\"3\"},"
     "\"prev_kv\":{\"key\":\"L2ZnL2I=\",\"value\":\"dg==\",\"mod_revision\":\"1\"}},{\"kv\":{\"key\":"
     "\"L2ZnL2I="
     "\",\"mod_revision\":\"4\"},\"type\":\"DELETE\"}]}}\n",
     "r3 created.\n/fg/x=v@3+3#1; -/fg/a=@3+0#0; -/fg/b=@4+0#0; r3.\n"},
    {"{\"result\":{" HEADER ",\"watch_id\":\"7\",\"canceled\":true}}", "r3 cancelled.\n"},
    {"{\"result\":{\"header\":{},\"canceled\":true,\"compact_revision\":\"4\"}}",
     "r0 cancelled compacted 4.\n"},
    {"{\"result\":{" HEADER ",\"watch_id\":\"-1\",\"created\":true,\"canceled\":true,\"cancel_reason\":\"rpc "
     "error: code = PermissionDenied\"}}",
     "r3 'rpc error: code = PermissionDenied' created cancelled.\n"},
    {"{\"error\":{\"grpc_code\":14,\"http_code\":503,\"message\":\"etcdserver: no leader\",\"http_status\":"
     "\"Service Unavailable\"}}",
     "r0 failed 14 'etcdserver: no leader'.\n"},
    /* numbers as numbers, members that nobody knows */
    {"{\"header\":{\"revision\":5,\"new\":[1,{\"revision\":9}]},\"ID\":6,\"TTL\":7,\"x\":{\"kvs\":null}}",
     "r5 lease 6 ttl 7.\n"},
};

static void replies_are_understood_however_they_are_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        size_t bytes = strlen(replies[i].json);
        for (size_t cut = 0; cut <= bytes; cut++) {
            struct heard heard = {0};
            struct wire_reader *reader = reader_for(&heard);
            assert_int_equal(wire_reader_feed(reader, replies[i].json, cut, NULL), 0);
            assert_int_equal(wire_reader_feed(reader, replies[i].json + cut, bytes - cut, NULL), 0);
            assert_int_equal(wire_reader_end(reader, NULL), 0);
            assert_string_equal(heard.text, replies[i].heard);
            wire_reader_destroy(reader);
        }
    }
}

static void what_is_no_answer_of_an_etcd_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int error;
    } cases[] = {
        {"<html>", ERROR_INVALID},
        {"Not Found", ERROR_INVALID},
        {"[1]", ERROR_INVALID},
        {"7 ", ERROR_INVALID},
        {"\"x\"", ERROR_INVALID},
        {"null", ERROR_INVALID},
        {"true", ERROR_INVALID},
        {"{\"kvs\":[{\"key\":\"**\"}]}", ERROR_INVALID},
        {"{\"kvs\":[{\"key\":\"L2ZnL2EA\"}]}", ERROR_INVALID}, /* "/fg/a\0" */
        {"{\"kvs\":[{\"key\":\"L2Zn\",\"value\":\"*\"}]}", ERROR_INVALID},
        {"{\"kvs\":[{\"value\":\"dg==\"}]}", ERROR_INVALID},
        {"{\"kvs\":[{\"key\":7}]}", ERROR_INVALID},
        {"{\"a\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}", ERROR_TOO_DEEP},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct heard heard = {0};
        struct error_detail detail = {""};
        struct wire_reader *reader = reader_for(&heard);
        assert_int_equal(wire_reader_feed(reader, cases[i].text, strlen(cases[i].text), &detail),
                         cases[i].error);
        assert_string_not_equal(detail.text, "");
        wire_reader_destroy(reader);
    }
}

static void an_answer_that_is_cut_off_is_told(void **state)
{
    (void)state;
    struct heard heard = {0};
    struct error_detail detail;
    struct wire_reader *reader = reader_for(&heard);
    assert_int_equal(wire_reader_feed(reader, "{\"kvs\":[", 8, &detail), 0);
    assert_int_equal(wire_reader_end(reader, &detail), ERROR_INVALID);
    assert_string_equal(detail.text, "the answer ends within a message");
    assert_string_equal(heard.text, "");
    wire_reader_destroy(reader);
}

/* {"kvs":[{"key":…}]} with a key or value of so many bytes. */
static int feed_long(const char *member, size_t base64_bytes)
{
    struct heard heard = {.answer = 0};
    char *filling = malloc(base64_bytes);
    assert_non_null(filling);
    memset(filling, 'A', base64_bytes);
    struct wire_reader *reader = reader_for(&heard);
    char head[64];
    (void)snprintf(head, sizeof head, "{\"kvs\":[{\"%s\":\"", member);
    assert_int_equal(wire_reader_feed(reader, head, strlen(head), NULL), 0);
    int code = wire_reader_feed(reader, filling, base64_bytes, NULL);
    if (code == 0)
        code = wire_reader_feed(reader, "\"", 1, NULL);
    wire_reader_destroy(reader);
    free(filling);
    return code;
}

static void keys_and_values_have_their_limits(void **state)
{
    (void)state;
    assert_int_equal(feed_long("value", (WIRE_VALUE_BYTES_MAX + 2) / 3 * 4), 0);
    assert_int_equal(feed_long("value", (WIRE_VALUE_BYTES_MAX + 2) / 3 * 4 + 4), ERROR_TOO_LARGE);
    assert_int_equal(feed_long("key", (WIRE_KEY_BYTES_MAX + 2) / 3 * 4 + 4), ERROR_TOO_LARGE);
}

static void who_is_told_may_end_the_reading(void **state)
{
    (void)state;
    struct heard heard = {.answer = ERROR_NO_MEMORY};
    struct wire_reader *reader = reader_for(&heard);
    const char *text = "{\"kvs\":[{\"key\":\"L2Zn\"},{\"key\":\"L2Zn\"}]}";
    assert_int_equal(wire_reader_feed(reader, text, strlen(text), NULL), ERROR_NO_MEMORY);
    assert_string_equal(heard.text, "/fg=@0+0#0; ");
    wire_reader_destroy(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transaction_has_comparisons_and_both_branches),
        cmocka_unit_test(a_prefix_ends_before_the_next_one),
        cmocka_unit_test(small_requests),
        cmocka_unit_test(a_prefix_that_is_too_long_is_no_request),
        cmocka_unit_test(replies_are_understood_however_they_are_cut),
        cmocka_unit_test(what_is_no_answer_of_an_etcd_is_refused),
        cmocka_unit_test(an_answer_that_is_cut_off_is_told),
        cmocka_unit_test(keys_and_values_have_their_limits),
        cmocka_unit_test(who_is_told_may_end_the_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
