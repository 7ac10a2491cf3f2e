/* The way to the authority, against a peer that answers well or badly. */
#include "agent/uplink.h"
#include "common/messages.h"
#include "scripted_peer.h"
#include "tests/unit/unit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOON      INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */
#define ANSWER_MS 1500

/* A copy of the last result: texts of a result live no longer than its callback. */
struct answer {
    bool came;
    int error, http_status;
    char code[64], detail[ERROR_DETAIL_BYTES];
    int64_t moves_left, retry_after_ms;
    bool has_grant;
    struct grant grant;
    char entitlement[ENTITLEMENT_BYTES_MAX + 1];
    char farm_id[64], farm_token[64];
    uint64_t accepted_through;
    size_t refused_count;
    uint64_t refused_sequence;
    char refused_reason[128];
    size_t new_key_count;
    char new_key[1024], refused_key[ERROR_DETAIL_BYTES];
};

struct fixture {
    uv_loop_t loop;
    struct scripted_peer peer;
    struct uplink *uplink;
    char url[64];
    struct entitlement_signing_key first, second, stranger;
    char signed_text[ENTITLEMENT_BYTES_MAX + 1], key_text[1024];
    char body[4 * ENTITLEMENT_BYTES_MAX];
    struct answer answer;
};

static void create_uplink(struct fixture *fixture, const char *url)
{
    struct uplink_settings settings = {.url = url,
                                       .ca_file = "",
                                       .proxy = "",
                                       .farm_name = "the farm \"ü\"",
                                       .version = "9.9",
                                       .answer_ms = ANSWER_MS};
    struct entitlement_keyring ring = {.keys = {fixture->first.key}, .count = 1};
    fixture->uplink = uplink_create(&fixture->loop, &settings, &ring);
    assert_non_null(fixture->uplink);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    *state = fixture;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)uv_loop_init(&fixture->loop);
    fixture->peer.status = 200;
    fixture->peer.headers = fixture->peer.body = "";
    if (entitlement_init() != 0 || entitlement_key_generate("first", &fixture->first) != 0 ||
        entitlement_key_generate("second", &fixture->second) != 0 ||
        entitlement_key_generate("stranger", &fixture->stranger) != 0)
        return -1;
    if (scripted_peer_start(&fixture->peer, &fixture->loop, fixture->url, sizeof(fixture->url)) != 0)
        return -1;
    create_uplink(fixture, fixture->url);
    return 0;
}

static void on_closed(void *data)
{
    ((struct fixture *)data)->uplink = NULL;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    if (fixture->uplink)
        uplink_close(fixture->uplink, on_closed, fixture);
    scripted_peer_stop(&fixture->peer);
    (void)uv_run(&fixture->loop, UV_RUN_DEFAULT);
    int error = fixture->uplink ? -1 : uv_loop_close(&fixture->loop);
    free(fixture);
    return error;
}

static void note_result(void *data, const struct uplink_result *result)
{
    struct answer *answer = &((struct fixture *)data)->answer;
    assert_false(answer->came);
    *answer = (struct answer){.came = true,
                              .error = result->error,
                              .http_status = result->http_status,
                              .moves_left = result->moves_left,
                              .retry_after_ms = result->retry_after_ms,
                              .has_grant = result->has_grant,
                              .grant = result->grant,
                              .accepted_through = result->accepted_through,
                              .refused_count = result->refused_count,
                              .new_key_count = result->new_key_count};
    (void)snprintf(answer->code, sizeof(answer->code), "%s", result->code);
    (void)snprintf(answer->detail, sizeof(answer->detail), "%s", result->detail);
    (void)snprintf(answer->refused_key, sizeof(answer->refused_key), "%s", result->refused_key);
    if (result->error != 0)
        return;
    if (result->has_grant)
        (void)snprintf(answer->entitlement, sizeof(answer->entitlement), "%s", result->entitlement);
    if (result->farm_id)
        (void)snprintf(answer->farm_id, sizeof(answer->farm_id), "%s", result->farm_id);
    if (result->farm_token)
        (void)snprintf(answer->farm_token, sizeof(answer->farm_token), "%s", result->farm_token);
    if (result->refused_count > 0) {
        answer->refused_sequence = result->refused[0].sequence;
        (void)snprintf(answer->refused_reason, sizeof(answer->refused_reason), "%s",
                       result->refused[0].reason);
    }
    if (result->new_key_count > 0)
        (void)snprintf(answer->new_key, sizeof(answer->new_key), "%s", result->new_keys[0]);
}

static void on_result(void *data, struct uplink_result *result)
{
    note_result(data, result);
    uplink_result_free(result);
}

static const struct answer *wait_for_answer(struct fixture *fixture)
{
    while (!fixture->answer.came)
        (void)uv_run(&fixture->loop, UV_RUN_ONCE);
    return &fixture->answer;
}

static const struct window WINDOWS[] = {
    {.sequence = 7,
     .start_ms = NOON,
     .end_ms = NOON + WINDOW_MS,
     .peak_at_ms = NOON + 5,
     .peak_users = 12,
     .users_at_end = 3,
     .exempt_peak = 2,
     .hosts = 4},
    {.sequence = 8,
     .start_ms = NOON + WINDOW_MS,
     .end_ms = NOON + 2 * WINDOW_MS,
     .peak_at_ms = NOON + WINDOW_MS},
};

static const struct answer *report(struct fixture *fixture)
{
    fixture->answer.came = false;
    assert_int_equal(
        uplink_report(fixture->uplink, "farm-1", "secret", WINDOWS, COUNT(WINDOWS), on_result, fixture), 0);
    assert_false(fixture->answer.came); /* from the loop, never within the call */
    return wait_for_answer(fixture);
}

static const struct answer *activate(struct fixture *fixture, const char *key, bool move)
{
    fixture->answer.came = false;
    assert_int_equal(uplink_activate(fixture->uplink, key, "installation", move, on_result, fixture), 0);
    return wait_for_answer(fixture);
}

static const struct answer *release(struct fixture *fixture)
{
    fixture->answer.came = false;
    assert_int_equal(uplink_release(fixture->uplink, "farm/../1", "secret", on_result, fixture), 0);
    return wait_for_answer(fixture);
}

static const struct entitlement GIVEN = {
    .farm_id = "farm-1",
    .installation_id = "installation",
    .serial = 1767225600001,
    .status = ENTITLEMENT_STANDS,
    .limit = 25,
    .purchases = 3,
    .expires_at_ms = NOON + 365 * DAY_MS,
    .issued_at_ms = NOON,
    .refresh_by_ms = NOON + 30 * DAY_MS,
};

static const char *sign(struct fixture *fixture, const struct entitlement *entitlement,
                        const struct entitlement_signing_key *key)
{
    assert_int_equal(entitlement_sign(entitlement, key, fixture->signed_text, sizeof(fixture->signed_text)),
                     0);
    return fixture->signed_text;
}

/* The peer answers a report with this entitlement, and these further members. */
static void answer_report(struct fixture *fixture, int status, const char *entitlement, const char *more)
{
    (void)snprintf(fixture->body, sizeof(fixture->body),
                   "{\"accepted_through\":8,\"refused\":[{\"sequence\":7,\"reason\":\"overlaps\"}],"
                   "\"server_time\":\"2026-01-01T00:00:01.500Z\",\"entitlement\":\"%s\"%s}",
                   entitlement, more);
    fixture->peer.status = status;
    fixture->peer.body = fixture->body;
}

/* --- what is sent, and good answers */

static void test_a_report(void **state)
{
    struct fixture *fixture = *state;
    answer_report(fixture, 200, sign(fixture, &GIVEN, &fixture->first), "");
    const struct answer *answer = report(fixture);
    assert_string_equal(answer->detail, "");
    assert_int_equal(answer->error, 0);
    assert_int_equal(answer->http_status, 200);
    assert_int_equal(answer->accepted_through, 8);
    assert_int_equal(answer->refused_count, 1);
    assert_int_equal(answer->refused_sequence, 7);
    assert_string_equal(answer->refused_reason, "overlaps");
    assert_int_equal(answer->retry_after_ms, -1);
    assert_string_equal(answer->entitlement, fixture->signed_text);
    assert_true(answer->has_grant);
    const struct grant *grant = &answer->grant;
    assert_string_equal(grant->farm_id, "farm-1");
    assert_string_equal(grant->installation_id, "installation");
    assert_int_equal(grant->serial, GIVEN.serial);
    assert_int_equal(grant->status, GRANT_ACTIVE);
    assert_int_equal(grant->limit, 25);
    assert_int_equal(grant->purchases, 3);
    assert_int_equal(grant->expires_at_ms, GIVEN.expires_at_ms);
    assert_int_equal(grant->issued_at_ms, GIVEN.issued_at_ms);
    assert_int_equal(grant->refresh_by_ms, GIVEN.refresh_by_ms);

    const struct scripted_peer *peer = &fixture->peer;
    assert_int_equal(strncmp(peer->request, "POST /v1/reports HTTP/1.1\r\n", 27), 0);
    assert_non_null(strstr(peer->request, "\r\nAuthorization: Bearer secret\r\n"));
    assert_string_equal(
        scripted_peer_body(peer),
        "{\"farm_id\":\"farm-1\",\"app_version\":\"9.9\",\"trusted_key\":\"first\",\"windows\":["
        "{\"sequence\":7,\"start\":\"2026-01-01T00:00:00.000Z\",\"end\":\"2026-01-01T00:20:00.000Z\","
        "\"peak_users\":12,\"peak_at\":\"2026-01-01T00:00:00.005Z\",\"users_at_end\":3,\"exempt_peak\":2,"
        "\"hosts\":4},"
        "{\"sequence\":8,\"start\":\"2026-01-01T00:20:00.000Z\",\"end\":\"2026-01-01T00:40:00.000Z\","
        "\"peak_users\":0,\"peak_at\":\"2026-01-01T00:20:00.000Z\",\"users_at_end\":0,\"exempt_peak\":0,"
        "\"hosts\":0}]}");
}

static void test_an_activation(void **state)
{
    struct fixture *fixture = *state;
    (void)snprintf(fixture->body, sizeof(fixture->body),
                   "{\"farm_id\":\"farm-1\",\"farm_token\":\"fresh\",\"entitlement\":\"%s\"}",
                   sign(fixture, &GIVEN, &fixture->first));
    fixture->peer.body = fixture->body;
    const struct answer *answer = activate(fixture, "K7Q2M-AAAAA-BBBBB-CCCCC-DDDDD", true);
    assert_string_equal(answer->detail, "");
    assert_int_equal(answer->error, 0);
    assert_string_equal(answer->farm_id, "farm-1");
    assert_string_equal(answer->farm_token, "fresh");
    assert_int_equal(answer->grant.limit, 25);
    assert_int_equal(strncmp(fixture->peer.request, "POST /v1/activations HTTP/1.1\r\n", 31), 0);
    assert_null(strstr(fixture->peer.request, "Authorization"));
    assert_string_equal(
        scripted_peer_body(&fixture->peer),
        "{\"license_key\":\"K7Q2M-AAAAA-BBBBB-CCCCC-DDDDD\",\"installation_id\":\"installation\","
        "\"farm_name\":\"the farm "
        "\\\"ü\\\"\",\"app_version\":\"9.9\",\"move\":true,\"trusted_key\":\"first\"}");
    (void)activate(fixture, NULL, false);
    assert_non_null(strstr(scripted_peer_body(&fixture->peer), "\"trial\":true"));
    assert_null(strstr(scripted_peer_body(&fixture->peer), "move"));
}

static void test_a_release(void **state)
{
    struct fixture *fixture = *state;
    struct entitlement revoking = GIVEN;
    revoking.status = ENTITLEMENT_REVOKES;
    (void)strcpy(revoking.reason, "released");
    (void)snprintf(fixture->body, sizeof(fixture->body), "{\"farm_id\":\"farm-1\",\"entitlement\":\"%s\"}",
                   sign(fixture, &revoking, &fixture->first));
    fixture->peer.body = fixture->body;
    const struct answer *answer = release(fixture);
    assert_int_equal(answer->error, 0);
    assert_true(answer->has_grant);
    assert_int_equal(answer->grant.status, GRANT_DEACTIVATED);
    assert_string_equal(answer->grant.reason, "released");
    /* An id is a name, never a way to another path. */
    assert_int_equal(
        strncmp(fixture->peer.request, "DELETE /v1/activations/farm%2F%2E%2E%2F1 HTTP/1.1\r\n", 51), 0);
    assert_non_null(strstr(fixture->peer.request, "\r\nAuthorization: Bearer secret\r\n"));

    fixture->peer.status = 204;
    fixture->peer.body = "";
    assert_int_equal(release(fixture)->error, 0);
    assert_false(fixture->answer.has_grant);
    fixture->peer.status = 200;
    fixture->peer.body = "<html>Welcome to the hotel</html>";
    assert_int_equal(release(fixture)->error, ERROR_INVALID);
}

/* --- keys */

static void test_a_new_key_signed_by_an_old_one_is_taken(void **state)
{
    struct fixture *fixture = *state;
    char more[1200];
    assert_int_equal(entitlement_key_sign(&fixture->second.key, NOON, &fixture->first, fixture->key_text,
                                          sizeof(fixture->key_text)),
                     0);
    (void)snprintf(more, sizeof(more), ",\"keys\":[\"fgkey1.nonsense\",\"%s\"]", fixture->key_text);
    answer_report(fixture, 200, sign(fixture, &GIVEN, &fixture->second), more);
    const struct answer *answer = report(fixture);
    assert_int_equal(answer->error, 0);
    assert_int_equal(answer->new_key_count, 1);
    assert_string_equal(answer->new_key, fixture->key_text);
    assert_string_equal(answer->refused_key, "not of four parts");
    assert_non_null(strstr(fixture->peer.request, "\"trusted_key\":\"first\""));
    assert_int_equal(uplink_keyring(fixture->uplink)->count, 2);
    assert_int_equal(report(fixture)->new_key_count, 0); /* known by now */
    assert_non_null(strstr(fixture->peer.request, "\"trusted_key\":\"second\""));
    answer_report(fixture, 200, fixture->signed_text, "");
    assert_int_equal(report(fixture)->error, 0);
}

static void test_a_key_signed_by_a_stranger_is_not(void **state)
{
    struct fixture *fixture = *state;
    char more[1200];
    assert_int_equal(entitlement_key_sign(&fixture->second.key, NOON, &fixture->stranger, fixture->key_text,
                                          sizeof(fixture->key_text)),
                     0);
    (void)snprintf(more, sizeof(more), ",\"keys\":[\"%s\"]", fixture->key_text);
    answer_report(fixture, 200, sign(fixture, &GIVEN, &fixture->second), more);
    assert_int_equal(report(fixture)->error, ERROR_UNKNOWN_KEY);
    assert_string_equal(fixture->answer.refused_key, "signed by the key stranger, which is not trusted");
    assert_int_equal(uplink_keyring(fixture->uplink)->count, 1);
    answer_report(fixture, 200, sign(fixture, &GIVEN, &fixture->first), more);
    assert_int_equal(report(fixture)->error, 0);
    assert_string_equal(fixture->answer.refused_key, "signed by the key stranger, which is not trusted");
    assert_int_equal(fixture->answer.new_key_count, 0);
    assert_int_equal(uplink_keyring(fixture->uplink)->count, 1);
}

/* A key that came with an answer that does not hold is not kept: nobody would store it. */
static void test_a_key_beside_a_bad_entitlement_is_not_kept(void **state)
{
    struct fixture *fixture = *state;
    char more[1200];
    assert_int_equal(entitlement_key_sign(&fixture->second.key, NOON, &fixture->first, fixture->key_text,
                                          sizeof(fixture->key_text)),
                     0);
    (void)snprintf(more, sizeof(more), ",\"keys\":[\"%s\"]", fixture->key_text);
    answer_report(fixture, 200, sign(fixture, &GIVEN, &fixture->stranger), more);
    assert_int_equal(report(fixture)->error, ERROR_UNKNOWN_KEY);
    assert_int_equal(uplink_keyring(fixture->uplink)->count, 1);
}

static const struct answer *activate_plainly(struct fixture *fixture)
{
    return activate(fixture, NULL, false);
}

static void renew_uplink(struct fixture *fixture)
{
    uplink_close(fixture->uplink, on_closed, fixture);
    while (fixture->uplink)
        (void)uv_run(&fixture->loop, UV_RUN_ONCE);
    create_uplink(fixture, fixture->url);
}

/* A farm that slept over several rotations gets them all with one answer, whatever it had asked. */
static void test_any_answer_brings_the_keys_to_it(void **state)
{
    static const struct answer *(*const ask[])(struct fixture *) = {activate_plainly, report, release};
    struct fixture *fixture = *state;
    char second[1024], third[1024];
    assert_int_equal(
        entitlement_key_sign(&fixture->second.key, NOON, &fixture->first, second, sizeof(second)), 0);
    assert_int_equal(
        entitlement_key_sign(&fixture->stranger.key, NOON, &fixture->second, third, sizeof(third)), 0);
    (void)snprintf(
        fixture->body, sizeof(fixture->body),
        "{\"farm_id\":\"f\",\"farm_token\":\"t\",\"accepted_through\":0,"
        "\"server_time\":\"2026-01-01T00:00:01.500Z\",\"entitlement\":\"%s\",\"keys\":[\"%s\",\"%s\"]}",
        sign(fixture, &GIVEN, &fixture->stranger), second, third);
    fixture->peer.status = 200;
    fixture->peer.body = fixture->body;
    for (size_t i = 0; i < COUNT(ask); i++) {
        renew_uplink(fixture);
        const struct answer *answer = ask[i](fixture);
        assert_int_equal(answer->error, 0);
        assert_int_equal(answer->new_key_count, 2);
        assert_string_equal(answer->refused_key, "");
        assert_int_equal(uplink_keyring(fixture->uplink)->count, 3);
    }
}

/* --- refusals */

static void test_unsigned_refusals(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        int status;
        const char *headers, *body, *code, *detail;
        int64_t moves_left, retry_after_ms;
    } rows[] = {
        {403, "", "{\"code\":\"key_in_use\",\"detail\":\"used elsewhere\",\"moves_left\":2}", "key_in_use",
         "HTTP 403 key_in_use: used elsewhere", 2, -1},
        {404, "", "<html>not here</html>", "", "HTTP 404", -1, -1},
        {401, "", "", "", "HTTP 401", -1, -1},
        {503, "Retry-After: 120\r\n", "{}", "", "HTTP 503", -1, 120000},
        {410, "", "{\"entitlement\":\"fg1.first.bm8.bm8\"}", "", "HTTP 410", -1, -1},
        {403, "", "{\"entitlement\":17}", "", "HTTP 403", -1, -1},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        fixture->peer.status = rows[i].status;
        fixture->peer.headers = rows[i].headers;
        fixture->peer.body = rows[i].body;
        for (int kind = 0; kind < 3; kind++) {
            const struct answer *answer = kind == 0   ? report(fixture)
                                          : kind == 1 ? activate(fixture, NULL, false)
                                                      : release(fixture);
            assert_int_equal(answer->error, ERROR_REFUSED);
            assert_int_equal(answer->http_status, rows[i].status);
            assert_string_equal(answer->code, rows[i].code);
            assert_string_equal(answer->detail, rows[i].detail);
            assert_int_equal(answer->moves_left, rows[i].moves_left);
            assert_int_equal(answer->retry_after_ms, rows[i].retry_after_ms);
            assert_false(answer->has_grant);
        }
    }
}

static void test_a_signed_revocation_counts_whatever_the_status(void **state)
{
    struct fixture *fixture = *state;
    static const int statuses[] = {403, 404, 410, 500};
    struct entitlement revoking = GIVEN;
    revoking.status = ENTITLEMENT_REVOKES;
    (void)strcpy(revoking.reason, "key moved");
    for (size_t i = 0; i < COUNT(statuses); i++) {
        (void)snprintf(fixture->body, sizeof(fixture->body),
                       "{\"code\":\"deactivated\",\"accepted_through\":99,\"entitlement\":\"%s\"}",
                       sign(fixture, &revoking, &fixture->first));
        fixture->peer.status = statuses[i];
        fixture->peer.body = fixture->body;
        const struct answer *answer = report(fixture);
        assert_int_equal(answer->error, 0);
        assert_int_equal(answer->http_status, statuses[i]);
        assert_true(answer->has_grant);
        assert_int_equal(answer->grant.status, GRANT_DEACTIVATED);
        assert_string_equal(answer->grant.reason, "key moved");
        assert_int_equal(answer->accepted_through, 0);
        assert_int_equal(activate(fixture, NULL, false)->error, ERROR_REFUSED);
    }
}

/* --- bad answers */

static void test_entitlements_that_do_not_hold(void **state)
{
    struct fixture *fixture = *state;
    char *text = fixture->signed_text;
    answer_report(fixture, 200, sign(fixture, &GIVEN, &fixture->stranger), "");
    assert_int_equal(report(fixture)->error, ERROR_UNKNOWN_KEY);

    (void)sign(fixture, &GIVEN, &fixture->first);
    char *last = text + strlen(text) - 10;
    *last = *last == 'A' ? 'B' : 'A';
    answer_report(fixture, 200, text, "");
    assert_int_equal(report(fixture)->error, ERROR_SIGNATURE);
    assert_non_null(strstr(fixture->answer.detail, "the answer is not the authority's"));

    answer_report(fixture, 200, "fg1.first", "");
    assert_int_equal(report(fixture)->error, ERROR_INVALID);

    /* Another farm's and an older one verify: refusing them is the core's to do. */
    struct entitlement other = GIVEN;
    (void)strcpy(other.farm_id, "farm-2");
    other.serial = 1;
    answer_report(fixture, 200, sign(fixture, &other, &fixture->first), "");
    assert_int_equal(report(fixture)->error, 0);
    assert_string_equal(fixture->answer.grant.farm_id, "farm-2");
    assert_int_equal(fixture->answer.grant.serial, 1);
}

static void test_what_is_no_answer(void **state)
{
    struct fixture *fixture = *state;
    static const char *const bodies[] = {"",
                                         "<html>Log in to the hotel's network</html>",
                                         "[]",
                                         "{}",
                                         "{\"accepted_through\":\"8\"}",
                                         "{\"accepted_through\":8,\"refused\":[],\"server_time\":\"2026\"}",
                                         "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["};
    for (size_t i = 0; i < COUNT(bodies); i++) {
        fixture->peer.body = bodies[i];
        const struct answer *answer = report(fixture);
        assert_true(answer->error == ERROR_INVALID || answer->error == ERROR_TOO_DEEP);
        assert_false(answer->has_grant);
        assert_string_not_equal(answer->detail, "");
        assert_int_not_equal(activate(fixture, NULL, false)->error, 0);
    }
}

static void test_a_peer_that_misbehaves(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        enum peer_trick trick;
        int error;
    } rows[] = {
        {PEER_TALKS_GARBAGE, ERROR_UNREACHABLE},
        {PEER_HANGS_UP, ERROR_UNREACHABLE},
        {PEER_HANGS_UP_HALFWAY, ERROR_UNREACHABLE},
        {PEER_NEVER_ENDS, ERROR_TOO_LARGE},
        {PEER_REDIRECTS, ERROR_REFUSED},
    };
    answer_report(fixture, 200, sign(fixture, &GIVEN, &fixture->first), "");
    for (size_t i = 0; i < COUNT(rows); i++) {
        fixture->peer.trick = rows[i].trick;
        fixture->peer.requests = 0;
        const struct answer *answer = report(fixture);
        if (answer->error != rows[i].error)
            fail_msg("trick %d: %s (%s)", (int)rows[i].trick, error_text(answer->error), answer->detail);
        assert_string_not_equal(answer->detail, "");
        assert_false(answer->has_grant);
        assert_int_equal(fixture->peer.requests, 1); /* a redirect is not followed */
    }
    assert_true(fixture->peer.sent_bytes < 16 * 1024 * 1024);
    fixture->peer.trick = PEER_ANSWERS;
    assert_int_equal(report(fixture)->error, 0);
}

static void test_a_peer_that_keeps_us_waiting(void **state)
{
    struct fixture *fixture = *state;
    fixture->peer.trick = PEER_SAYS_NOTHING;
    const struct answer *answer = report(fixture);
    assert_int_equal(answer->error, ERROR_TIMEOUT);
    assert_string_not_equal(answer->detail, "");
}

static void test_nobody_there(void **state)
{
    struct fixture *fixture = *state;
    scripted_peer_stop(&fixture->peer);
    const struct answer *answer = report(fixture);
    assert_int_equal(answer->error, ERROR_UNREACHABLE);
    assert_int_equal(answer->http_status, 0);
    assert_string_not_equal(answer->detail, "");
}

static void test_closing_cancels_what_is_under_way(void **state)
{
    struct fixture *fixture = *state;
    fixture->peer.trick = PEER_SAYS_NOTHING;
    assert_int_equal(uplink_report(fixture->uplink, "farm-1", "secret", WINDOWS, 1, on_result, fixture), 0);
    while (fixture->peer.requests == 0)
        (void)uv_run(&fixture->loop, UV_RUN_ONCE);
    uplink_close(fixture->uplink, on_closed, fixture);
    assert_int_equal(wait_for_answer(fixture)->error, ERROR_CANCELLED);
    while (fixture->uplink)
        (void)uv_run(&fixture->loop, UV_RUN_ONCE);
}

static void test_urls(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *url;
        int error;
    } rows[] = {{"", ERROR_CONFIGURATION},
                {"http://licence.example", ERROR_INVALID},
                {"ftp://127.0.0.1/", ERROR_INVALID}};
    char url[80];
    for (size_t i = 0; i <= COUNT(rows); i++) {
        uplink_close(fixture->uplink, on_closed, fixture);
        while (fixture->uplink)
            (void)uv_run(&fixture->loop, UV_RUN_ONCE);
        (void)snprintf(url, sizeof(url), "%s/base//", fixture->url);
        create_uplink(fixture, i < COUNT(rows) ? rows[i].url : url);
        if (i < COUNT(rows))
            assert_int_equal(uplink_report(fixture->uplink, "f", "t", WINDOWS, 1, on_result, fixture),
                             rows[i].error);
    }
    answer_report(fixture, 200, sign(fixture, &GIVEN, &fixture->first), "");
    assert_int_equal(report(fixture)->error, 0);
    assert_int_equal(strncmp(fixture->peer.request, "POST /base/v1/reports HTTP/1.1\r\n", 32), 0);
}

#define WITH_PEER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PEER(test_a_report),
        WITH_PEER(test_an_activation),
        WITH_PEER(test_a_release),
        WITH_PEER(test_a_new_key_signed_by_an_old_one_is_taken),
        WITH_PEER(test_any_answer_brings_the_keys_to_it),
        WITH_PEER(test_a_key_signed_by_a_stranger_is_not),
        WITH_PEER(test_a_key_beside_a_bad_entitlement_is_not_kept),
        WITH_PEER(test_unsigned_refusals),
        WITH_PEER(test_a_signed_revocation_counts_whatever_the_status),
        WITH_PEER(test_entitlements_that_do_not_hold),
        WITH_PEER(test_what_is_no_answer),
        WITH_PEER(test_a_peer_that_misbehaves),
        WITH_PEER(test_a_peer_that_keeps_us_waiting),
        WITH_PEER(test_nobody_there),
        WITH_PEER(test_closing_cancels_what_is_under_way),
        WITH_PEER(test_urls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
