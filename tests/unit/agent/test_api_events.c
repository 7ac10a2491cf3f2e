/* GET /v1/events: replay, then live; no gap and nothing twice. */
#include "api_house.h"

#include "common/http_server.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct answer answer;
static char frames[300000];

/* An event that is stored and published. */
static void happen(struct house *house)
{
    uint64_t id = house->next_event_id++;
    house->events[house->event_count++] = (struct house_event){id, "gate_opened", "{\"x\":1}"};
    api_publish(house->api, id, "gate_opened", "{\"x\":1}");
}

static void happen_often(struct house *house, unsigned count)
{
    while (count-- > 0)
        happen(house);
}

/* As HTTP/1.0, so that the body is what was written. */
static int follow(struct house *house, const char *query, const char *headers)
{
    char request[200];
    int client = house_connect(house, API_DOOR_READER);
    (void)snprintf(request, sizeof(request), "GET /v1/events%s HTTP/1.0\r\n%s\r\n", query, headers);
    house_send(house, client, request, strlen(request));
    return client;
}

/* The frames of first to last, both included. */
static const char *frames_of(uint64_t first, uint64_t last)
{
    size_t bytes = 0;
    frames[0] = '\0';
    for (uint64_t id = first; id <= last; id++)
        bytes +=
            (size_t)snprintf(frames + bytes, sizeof(frames) - bytes,
                             "id: %llu\nevent: gate_opened\ndata: {\"x\":1}\n\n", (unsigned long long)id);
    return frames;
}

static void expect_frames(struct house *house, int client, uint64_t first, uint64_t last)
{
    house_receive_some(house, client, &answer);
    assert_string_equal(answer.body, frames_of(first, last));
}

static void test_live(void **state)
{
    struct house *house = house_open();
    (void)state;
    happen_often(house, 3);
    int client = follow(house, "", "");
    happen(house);
    house_receive_some(house, client, &answer);
    assert_int_equal(answer.status, 200);
    assert_true(answer_has(&answer, "Content-Type: text/event-stream\r\n"));
    assert_true(strncmp(answer.body, "id: 3\n\n", 7) == 0);
    assert_string_equal(answer.body + 7, frames_of(4, 4));
    happen_often(house, 2);
    expect_frames(house, client, 5, 6);
    (void)close(client);
    house_turn(house);
    happen(house); /* to nobody */
    house_close(house);
}

static void test_replay(void **state)
{
    static const struct {
        const char *query, *headers;
        uint64_t first;
    } cases[] = {
        {"?after=0", "", 1},
        {"?after=400", "", 401},
        {"", "Last-Event-ID: 400\r\n", 401},
        {"?after=3", "Last-Event-ID: 400\r\n", 401},
        {"?after=1000", "", 1001},
        {"?after=1000", "Last-Event-ID: \r\n", 1001},
        {"?after=1001", "", 1}, /* of a database that was set aside */
        {"?after=999999999999999999", "", 1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct house *house = house_open();
        happen_often(house, 1000); /* more than a page */
        int client = follow(house, cases[i].query, cases[i].headers);
        house_turn(house);
        happen_often(house, 2);
        expect_frames(house, client, cases[i].first, 1002);
        (void)close(client);
        house_close(house);
    }
}

/* Events so long that a page of them is sent in parts. */
static void test_long_events(void **state)
{
    enum { EVENTS = 100, BYTES = 2000 };
    struct house *house = house_open();
    char json[BYTES + 1], id[32];
    (void)state;
    memset(json, 'x', BYTES);
    json[BYTES] = '\0';
    for (uint64_t i = 1; i <= EVENTS; i++)
        house->events[house->event_count++] = (struct house_event){house->next_event_id++, "long", json};
    int client = follow(house, "?after=0", "");
    house_receive_some(house, client, &answer);
    for (uint64_t i = 1; i <= EVENTS; i++) {
        (void)snprintf(id, sizeof(id), "id: %llu\n", (unsigned long long)i);
        const char *first = strstr(answer.body, id);
        assert_non_null(first);
        assert_null(strstr(first + 1, id));
    }
    (void)close(client);
    house_close(house);
}

static void test_stored_only(void **state)
{
    static const char *const queries[] = {"?follow=false", "?after=0&follow=false"};
    struct house *house = house_open();
    char byte;
    (void)state;
    happen_often(house, 70);
    for (size_t i = 0; i < COUNT(queries); i++) {
        int client = follow(house, queries[i], "");
        expect_frames(house, client, 1, 70);
        happen(house);
        assert_int_equal(recv(client, &byte, 1, MSG_DONTWAIT), 0); /* it has ended */
        (void)close(client);
        house->event_count--;
        house->next_event_id--;
    }
    int client = follow(house, "?follow=maybe", "");
    assert_true(house_receive(house, client, &answer));
    assert_int_equal(answer.status, 400);
    (void)close(client);
    house_close(house);
}

static void test_bad_cursor(void **state)
{
    struct house *house = house_open();
    (void)state;
    int client = follow(house, "", "Last-Event-ID: seven\r\n");
    assert_true(house_receive(house, client, &answer));
    assert_int_equal(answer.status, 400);
    assert_true(answer_has(&answer, "\"field\":\"Last-Event-ID\""));
    (void)close(client);
    house_close(house);
}

/* Events come while the store is being read: some are in the page, some are not. */
static void test_events_during_replay(void **state)
{
    static const unsigned during[] = {1, 200, 245, 246, 250, 256, 257, 300, 600};
    (void)state;
    for (size_t i = 0; i < COUNT(during); i++) {
        struct house *house = house_open();
        happen_often(house, 10);
        house->hold_queries = true;
        int client = follow(house, "?after=4", "");
        happen_often(house, during[i] / 2);
        house_release(house, &house->queries, 1); /* a page that was read meanwhile */
        happen_often(house, during[i] - during[i] / 2);
        house->hold_queries = false;
        house_turn(house);
        happen(house);
        expect_frames(house, client, 5, 11 + during[i]);
        (void)close(client);
        house_close(house);
    }
}

/* What came while the answer of the last page was on its way, past what `recent` can hold. */
static void test_recent_overflows(void **state)
{
    struct house *house = house_open();
    (void)state;
    happen_often(house, 3);
    house->hold_queries = true;
    int client = follow(house, "?after=0", "");
    size_t stored = house->event_count;
    happen_often(house, 400);
    size_t later = house->event_count;
    house->event_count = stored; /* the page was read before them */
    house_release(house, &house->queries, 1);
    house->event_count = later;
    house->hold_queries = false;
    expect_frames(house, client, 1, 403);
    (void)close(client);
    house_close(house);
}

/* An event that could not be stored has no id of its own: it is sent, and moves no cursor. */
static void test_unstored_events(void **state)
{
    struct house *house = house_open();
    (void)state;
    happen_often(house, 3);
    int client = follow(house, "?after=2", "");
    expect_frames(house, client, 3, 3);
    api_publish(house->api, 0, "store_failed", "{}");
    house_receive_some(house, client, &answer);
    assert_string_equal(answer.body, "event: store_failed\ndata: {}\n\n");
    api_publish(house->api, 3, "store_failed", "{}");
    house_receive_some(house, client, &answer);
    assert_string_equal(answer.body, "event: store_failed\ndata: {}\n\n");
    happen(house);
    expect_frames(house, client, 4, 4);
    (void)close(client);
    house_close(house);
}

/* An event that is stored, but not published under its id: it was when it had none. */
static void store_late(struct house *house)
{
    house->events[house->event_count++] =
        (struct house_event){house->next_event_id++, "gate_opened", "{\"x\":1}"};
}

/* Events that were told without an id are stored when the store takes them again. Who was there has had them,
 * who came between gets them then. */
static void test_events_stored_later(void **state)
{
    struct house *house = house_open();
    (void)state;
    happen_often(house, 3);
    int present = follow(house, "?after=3", "");
    house_turn(house);
    api_publish(house->api, 0, "store_failed", "{}");
    int between = follow(house, "?after=2", ""), newcomer = follow(house, "", "");
    house_turn(house);
    api_publish(house->api, 0, "gate_closed", "{}");
    store_late(house);
    store_late(house);
    happen(house);
    house_receive_some(house, present, &answer);
    assert_string_equal(answer.body, "event: store_failed\ndata: {}\n\nevent: gate_closed\ndata: {}\n\n"
                                     "id: 6\nevent: gate_opened\ndata: {\"x\":1}\n\n");
    house_receive_some(house, between, &answer);
    const char *bare = strstr(answer.body, "event: gate_closed\ndata: {}\n\n");
    assert_non_null(bare);
    assert_int_equal(bare - answer.body, strlen(frames_of(3, 3)));
    assert_memory_equal(answer.body, frames_of(3, 3), (size_t)(bare - answer.body));
    assert_string_equal(strstr(bare, "id: "), frames_of(4, 6));
    house_receive_some(house, newcomer, &answer);
    assert_null(strstr(answer.body, "id: 4\n"));
    happen(house);
    expect_frames(house, present, 7, 7);
    expect_frames(house, between, 7, 7);
    (void)close(present);
    (void)close(between);
    (void)close(newcomer);
    house_close(house);
}

/* The same, while his first page is being read; and he leaves while he goes back. */
static void test_events_stored_during_replay(void **state)
{
    struct house *house = house_open();
    (void)state;
    happen_often(house, 3);
    api_publish(house->api, 0, "store_failed", "{}");
    house->hold_queries = true;
    int client = follow(house, "?after=2", "");
    size_t stored = house->event_count;
    store_late(house);
    happen(house);
    size_t later = house->event_count;
    house->event_count = stored; /* the page was read before them */
    house_release(house, &house->queries, 1);
    house->event_count = later;
    house->hold_queries = false;
    house_turn(house);
    expect_frames(house, client, 3, 5);
    (void)close(client);

    api_publish(house->api, 0, "store_failed", "{}");
    client = follow(house, "?after=5", "");
    house_turn(house);
    house->hold_queries = true;
    store_late(house);
    happen(house);
    (void)close(client);
    house_turn(house);
    house_release(house, &house->queries, 9);
    house->query_error = ERROR_IO;
    house->hold_queries = false;
    api_publish(house->api, 0, "store_failed", "{}");
    client = follow(house, "?after=5", "");
    house_turn(house);
    happen(house);
    house_turn(house);
    (void)close(client);
    house_close(house);
}

static void test_unreadable_store(void **state)
{
    struct house *house = house_open();
    (void)state;
    happen_often(house, 3);
    house->query_error = ERROR_IO;
    int client = follow(house, "?after=0", "");
    assert_true(house_receive(house, client, &answer));
    assert_int_equal(answer.status, 503);
    assert_true(answer_has(&answer, "store_unavailable"));
    (void)close(client);
    house_close(house);
}

/* A follower who does not read is let go, the others do not notice, and replay does not pile up. */
static void test_slow_follower(void **state)
{
    struct house *house = house_open();
    (void)state;
    happen_often(house, 2000);
    int replaying = follow(house, "?after=0", "");
    int sleeper = follow(house, "", "");
    int client = follow(house, "", "");
    char *big = malloc(4096);
    memset(big, 'x', 4095);
    big[4095] = '\0';
    for (unsigned i = 0; i < 200; i++) {
        uint64_t id = house->next_event_id++;
        api_publish(house->api, id, "gate_opened", big);
        house_turn(house);
        house_receive_some(house, client, &answer);
        assert_int_not_equal(answer.bytes, 0);
    }
    free(big);
    house_receive_some(house, sleeper, &answer);
    assert_true(answer.bytes < 200 * 4096);
    house_receive_some(house, replaying, &answer);
    assert_true(answer_has(&answer, "id: 1\n"));
    (void)close(client);
    (void)close(sleeper);
    (void)close(replaying);
    house_close(house);
}

static void test_follower_leaves_during_replay(void **state)
{
    struct house *house = house_open();
    (void)state;
    happen_often(house, 100);
    house->hold_queries = true;
    int client = follow(house, "?after=0", "");
    house_release(house, &house->queries, 1);
    house_turn(house);
    (void)close(client);
    house_turn(house);
    happen(house);
    house_release(house, &house->queries, 9);
    house_turn(house);
    client = follow(house, "?after=0", "");
    (void)close(client); /* before the first page */
    house_turn(house);
    house_release(house, &house->queries, 9);
    house_close(house);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_live),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_long_events),
        cmocka_unit_test(test_stored_only),
        cmocka_unit_test(test_bad_cursor),
        cmocka_unit_test(test_events_during_replay),
        cmocka_unit_test(test_recent_overflows),
        cmocka_unit_test(test_unstored_events),
        cmocka_unit_test(test_events_stored_later),
        cmocka_unit_test(test_events_stored_during_replay),
        cmocka_unit_test(test_unreadable_store),
        cmocka_unit_test(test_slow_follower),
        cmocka_unit_test(test_follower_leaves_during_replay),
    };
    return cmocka_run_group_tests_name("api_events", tests, NULL, NULL);
}
