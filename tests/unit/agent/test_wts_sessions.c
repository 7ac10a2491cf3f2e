/* What Remote Desktop Services tell, and what it means: a host's sessions, reading after reading. */
#include "agent/sessions/wts_sessions.h"
#include "tests/unit/unit.h"
#include "wts_text.h"

#include <stdlib.h>
#include <string.h>

#define MORNING 133485408000000000u /* 2024-01-01T00:00:00Z */
#define NOON    (MORNING + 432000000000u)

/* A session as a table has it: its texts are copied for the snapshot. */
struct session {
    uint32_t id;
    int state;
    const char *user, *domain, *client, *program;
    int protocol, remote;
    uint64_t logon_time;
    enum administrator administrator;
    const char *processes[3]; /* paths, or names alone */
};

static char *copy(const char *text)
{
    char *copied = text ? strdup(text) : NULL;
    assert_true(!text || copied);
    return copied;
}

static void add_processes(struct wts_snapshot *snapshot, const struct session *session)
{
    for (size_t i = 0; i < COUNT(session->processes) && session->processes[i]; i++) {
        const char *path = session->processes[i], *slash = strrchr(path, '\\');
        snapshot->processes[snapshot->process_count++] = (struct wts_process){
            .session = session->id,
            .name = copy(slash ? slash + 1 : path),
            .path = slash ? copy(path) : NULL,
        };
    }
}

static struct wts_snapshot snapshot_of(const struct session *sessions, size_t count)
{
    struct wts_snapshot snapshot = {
        .sessions = calloc(count + 1, sizeof(struct wts_session)),
        .processes = calloc(count * COUNT(sessions->processes) + 1, sizeof(struct wts_process)),
        .system_directory = copy("C:\\Windows\\system32"),
        .computer = copy("TS01"),
    };
    for (size_t i = 0; i < count; i++) {
        const struct session *session = &sessions[i];
        snapshot.sessions[snapshot.session_count++] = (struct wts_session){
            .id = session->id,
            .state = session->state,
            .user = copy(session->user),
            .domain = copy(session->domain),
            .client = copy(session->client),
            .initial_program = copy(session->program),
            .protocol = session->protocol,
            .remote = session->remote,
            .logon_time = session->logon_time,
            .administrator = session->administrator,
        };
        add_processes(&snapshot, session);
    }
    return snapshot;
}

struct step {
    const char *what;
    struct session session;
    const char *told; /* as wts_write_down has it */
    bool unsettled;
};

/* Each step is the whole set of one reading. */
static void play(struct wts_sessions *sessions, const struct step *step)
{
    struct wts_snapshot snapshot = snapshot_of(&step->session, step->session.id == UINT32_MAX ? 0 : 1);
    const struct session_facts *facts;
    size_t count;
    bool settled;
    char told[512];
    assert_int_equal(wts_sessions_judge(sessions, &snapshot, &facts, &count, &settled), 0);
    wts_snapshot_finish(&snapshot); /* the facts hold without it */
    wts_write_down(facts, count, told, sizeof(told));
    if (strcmp(told, step->told) != 0 || settled == step->unsettled)
        fail_msg("%s: told \"%s\"%s", step->what, told, settled ? "" : " unsettled");
}

static void play_alone(const struct step *steps, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct wts_sessions *sessions = wts_sessions_create("ts01.corp.example");
        assert_non_null(sessions);
        play(sessions, &steps[i]);
        wts_sessions_destroy(sessions);
    }
}

static void play_in_turn(const struct step *steps, size_t count)
{
    struct wts_sessions *sessions = wts_sessions_create("ts01.corp.example");
    assert_non_null(sessions);
    for (size_t i = 0; i < count; i++)
        play(sessions, &steps[i]);
    wts_sessions_destroy(sessions);
}

#define ANN      .user = "ann", .domain = "CORP"
#define RDP      .protocol = WTS_PROTOCOL_RDP, .remote = 1
#define CONSOLE  .protocol = WTS_PROTOCOL_CONSOLE, .remote = 0
#define EXPLORER "C:\\Windows\\explorer.exe"
#define RDPSHELL "C:\\Windows\\System32\\rdpshell.exe"
#define RDPINIT  "C:\\WINDOWS\\SYSTEM32\\RDPINIT.EXE"

static void only_users_sessions_are_told(void **state)
{
    (void)state;
    const struct step steps[] = {
        {"the services'", {.id = 0, .state = WTS_STATE_DISCONNECTED, ANN, CONSOLE}, "", false},
        {"a listener", {.id = 65536, .state = WTS_STATE_LISTEN, RDP}, "", false},
        {"a listener, whatever it says", {.id = 65536, .state = WTS_STATE_LISTEN, ANN, RDP}, "", false},
        {"a log-on screen", {.id = 1, .state = WTS_STATE_CONNECTED, .user = NULL, CONSOLE}, "", false},
        {"a log-on screen with an empty name",
         {.id = 1, .state = WTS_STATE_CONNECTED, .user = "", RDP},
         "",
         false},
        {"one that begins", {.id = 3, .state = WTS_STATE_INIT, RDP}, "", false},
        {"an active one",
         {.id = 3, ANN, RDP, .processes = {EXPLORER}},
         "3 CORP\\ann desktop rdp active no\n",
         false},
        {"one that shadows another",
         {.id = 3, .state = WTS_STATE_SHADOW, ANN, RDP, .processes = {EXPLORER}},
         "3 CORP\\ann desktop rdp active no\n",
         false},
        {"one that is just connecting",
         {.id = 3, .state = WTS_STATE_CONNECT_QUERY, ANN, RDP},
         "3 CORP\\ann desktop rdp active no\n",
         true},
        {"a disconnected one",
         {.id = 3, .state = WTS_STATE_DISCONNECTED, ANN, RDP, .processes = {EXPLORER}},
         "3 CORP\\ann desktop rdp disconnected no\n",
         false},
        {"one that is reset",
         {.id = 3, .state = WTS_STATE_RESET, ANN, RDP, .processes = {EXPLORER}},
         "3 CORP\\ann desktop rdp active no closing\n",
         false},
        {"one that is down",
         {.id = 3, .state = WTS_STATE_DOWN, ANN, RDP, .processes = {EXPLORER}},
         "3 CORP\\ann desktop rdp active no closing\n",
         false},
        {"nobody at all", {.id = UINT32_MAX}, "", false},
    };
    play_alone(steps, COUNT(steps));
}

static void the_route_is_told_by_protocol_and_remoteness(void **state)
{
    (void)state;
#define FROM(protocol_, remote_) \
    .id = 2, ANN, .protocol = (protocol_), .remote = (remote_), .client = "PC-7", .processes = { EXPLORER }
    const struct step steps[] = {
        {"RDP", {FROM(WTS_PROTOCOL_RDP, 1)}, "2 CORP\\ann desktop rdp active no PC-7\n", false},
        {"RDP alone", {FROM(WTS_PROTOCOL_RDP, -1)}, "2 CORP\\ann desktop rdp active no PC-7\n", false},
        {"ICA", {FROM(WTS_PROTOCOL_ICA, -1)}, "2 CORP\\ann desktop rdp active no PC-7\n", false},
        {"the console", {FROM(WTS_PROTOCOL_CONSOLE, 0)}, "2 CORP\\ann desktop console active no\n", false},
        {"the console alone",
         {FROM(WTS_PROTOCOL_CONSOLE, -1)},
         "2 CORP\\ann desktop console active no\n",
         false},
        {"another vendor's, at the console it says",
         {FROM(WTS_PROTOCOL_CONSOLE, 1)},
         "2 CORP\\ann desktop rdp active no PC-7\n",
         false},
        {"a protocol of tomorrow", {FROM(7, -1)}, "2 CORP\\ann desktop rdp active no PC-7\n", false},
        {"remote, of whatever protocol",
         {FROM(WTS_PROTOCOL_UNKNOWN, 1)},
         "2 CORP\\ann desktop rdp active no PC-7\n",
         false},
        {"not remote", {FROM(WTS_PROTOCOL_UNKNOWN, 0)}, "2 CORP\\ann desktop console active no\n", false},
        {"not told", {FROM(WTS_PROTOCOL_UNKNOWN, -1)}, "2 CORP\\ann desktop rdp active no PC-7\n", false},
        {"disconnected, never seen connected",
         {FROM(WTS_PROTOCOL_CONSOLE, 0), .state = WTS_STATE_DISCONNECTED},
         "2 CORP\\ann desktop rdp disconnected no PC-7\n",
         false},
    };
    play_alone(steps, COUNT(steps));
}

static void the_kind_is_told_by_the_sessions_programs(void **state)
{
    (void)state;
#define WITH(...) .id = 2, ANN, RDP, .processes = { __VA_ARGS__ }
    const struct step steps[] = {
        {"a desktop", {WITH(EXPLORER)}, "2 CORP\\ann desktop rdp active no\n", false},
        {"a published application", {WITH(RDPSHELL)}, "2 CORP\\ann application rdp active no\n", false},
        {"one that begins, in any case", {WITH(RDPINIT)}, "2 CORP\\ann application rdp active no\n", false},
        {"Explorer as an application",
         {WITH(EXPLORER, RDPSHELL)},
         "2 CORP\\ann application rdp active no\n",
         false},
        {"a path that may not be read",
         {WITH("rdpshell.exe")},
         "2 CORP\\ann application rdp active no\n",
         false},
        {"a namesake elsewhere",
         {WITH(EXPLORER, "C:\\Users\\ann\\rdpshell.exe")},
         "2 CORP\\ann desktop rdp active no\n",
         false},
        {"a namesake in a folder of it",
         {WITH(EXPLORER, "C:\\Windows\\System32\\spool\\rdpshell.exe")},
         "2 CORP\\ann desktop rdp active no\n",
         false},
        {"a namesake in a folder named like it",
         {WITH(EXPLORER, "C:\\Windows\\System32x\\rdpshell.exe")},
         "2 CORP\\ann desktop rdp active no\n",
         false},
        {"a namesake at the root",
         {WITH(EXPLORER, "C:\\rdpshell.exe")},
         "2 CORP\\ann desktop rdp active no\n",
         false},
        {"no program, and no hint", {WITH(NULL)}, "2 CORP\\ann desktop rdp active no\n", true},
        {"no program, but a hint",
         {WITH(NULL), .program = "rdpinit.exe"},
         "2 CORP\\ann application rdp active no\n",
         true},
        {"a hint with a path",
         {WITH(NULL), .program = "C:\\Windows\\System32\\RdpInit.exe"},
         "2 CORP\\ann application rdp active no\n",
         true},
        {"a hint of something else",
         {WITH(NULL), .program = "winword.exe"},
         "2 CORP\\ann desktop rdp active no\n",
         true},
        {"a hint that the programs refute",
         {WITH(EXPLORER), .program = "rdpinit.exe"},
         "2 CORP\\ann desktop rdp active no\n",
         false},
        {"the console is a desktop",
         {.id = 1, ANN, CONSOLE, .program = "rdpinit.exe"},
         "1 CORP\\ann desktop console active no\n",
         false},
    };
    play_alone(steps, COUNT(steps));
}

static void names_are_whole(void **state)
{
    (void)state;
#define NAMED(domain_, user_) .id = 2, .domain = (domain_), .user = (user_), RDP, .processes = { EXPLORER }
    const struct step steps[] = {
        {"a domain's", {NAMED("CORP", "ann")}, "2 CORP\\ann desktop rdp active no\n", false},
        {"a local account", {NAMED("TS01", "ann")}, "2 TS01\\ann desktop rdp active no\n", false},
        {"one without a domain", {NAMED(NULL, "ann")}, "2 TS01\\ann desktop rdp active no\n", false},
        {"one with an empty domain", {NAMED("", "ann")}, "2 TS01\\ann desktop rdp active no\n", false},
        {"a UPN", {NAMED("", "ann@corp.example")}, "2 ann@corp.example desktop rdp active no\n", false},
        {"a UPN beside a domain",
         {NAMED("AzureAD", "ann@corp.example")},
         "2 ann@corp.example desktop rdp active no\n",
         false},
        {"a whole name", {NAMED("X", "CORP\\ann")}, "2 CORP\\ann desktop rdp active no\n", false},
        {"spaces",
         {NAMED("CORP", "Ann van der Berg")},
         "2 CORP\\Ann van der Berg desktop rdp active no\n",
         false},
        {"beyond the basic plane",
         {NAMED("CORP", "\xf0\xa0\xae\xb7\xe9\x87\x8e")},
         "2 CORP\\\xf0\xa0\xae\xb7\xe9\x87\x8e desktop rdp active no\n",
         false},
    };
    play_alone(steps, COUNT(steps));
}

static void administrators_are_told_and_remembered(void **state)
{
    (void)state;
#define IS(administrator_) .id = 2, ANN, RDP, .processes = {EXPLORER}, .administrator = (administrator_)
    const struct step alone[] = {
        {"yes", {IS(ADMINISTRATOR_YES)}, "2 CORP\\ann desktop rdp active yes\n", false},
        {"no", {IS(ADMINISTRATOR_NO)}, "2 CORP\\ann desktop rdp active no\n", false},
        {"unknown", {IS(ADMINISTRATOR_UNKNOWN)}, "2 CORP\\ann desktop rdp active unknown\n", false},
    };
    play_alone(alone, COUNT(alone));
    const struct step in_turn[] = {
        {"not yet", {IS(ADMINISTRATOR_UNKNOWN)}, "2 CORP\\ann desktop rdp active unknown\n", false},
        {"then", {IS(ADMINISTRATOR_YES)}, "2 CORP\\ann desktop rdp active yes\n", false},
        {"no longer told", {IS(ADMINISTRATOR_UNKNOWN)}, "2 CORP\\ann desktop rdp active yes\n", false},
        {"somebody else",
         {.id = 2,
          .user = "bob",
          .domain = "CORP",
          RDP,
          .processes = {EXPLORER},
          .administrator = ADMINISTRATOR_UNKNOWN},
         "2 CORP\\bob desktop rdp active unknown\n",
         false},
    };
    play_in_turn(in_turn, COUNT(in_turn));
}

/* A session without a client tells the console's protocol, and no program it was asked to run. */
#define GONE .state = WTS_STATE_DISCONNECTED, .protocol = WTS_PROTOCOL_CONSOLE, .remote = 0

static void a_session_is_judged_anew_when_its_user_comes_back(void **state)
{
    (void)state;
    const struct step steps[] = {
        {"begins, of a kind that is guessed",
         {.id = 4, ANN, RDP, .program = "rdpinit.exe"},
         "4 CORP\\ann application rdp active no\n",
         true},
        {"has its shell",
         {.id = 4, ANN, RDP, .processes = {RDPSHELL}},
         "4 CORP\\ann application rdp active no\n",
         false},
        {"loses its client",
         {.id = 4, ANN, GONE, .processes = {RDPSHELL}},
         "4 CORP\\ann application rdp disconnected no\n",
         false},
        {"loses its shell too", {.id = 4, ANN, GONE}, "4 CORP\\ann application rdp disconnected no\n", false},
        {"comes back, of a kind that is guessed",
         {.id = 4, ANN, RDP},
         "4 CORP\\ann desktop rdp active no\n",
         true},
        {"has the desktop's",
         {.id = 4, ANN, RDP, .processes = {EXPLORER}},
         "4 CORP\\ann desktop rdp active no\n",
         false},
        {"whose Explorer ended a moment ago",
         {.id = 4, ANN, RDP},
         "4 CORP\\ann desktop rdp active no\n",
         false},
        {"or is hinted otherwise",
         {.id = 4, ANN, RDP, .program = "rdpinit.exe"},
         "4 CORP\\ann desktop rdp active no\n",
         false},
        {"goes again",
         {.id = 4, ANN, GONE, .processes = {EXPLORER}},
         "4 CORP\\ann desktop rdp disconnected no\n",
         false},
        {"and comes back at the console",
         {.id = 4, ANN, CONSOLE, .processes = {EXPLORER}},
         "4 CORP\\ann desktop console active no\n",
         false},
        {"leaves that",
         {.id = 4, ANN, GONE, .processes = {EXPLORER}},
         "4 CORP\\ann desktop console disconnected no\n",
         false},
        {"and comes as an application",
         {.id = 4, ANN, RDP, .processes = {EXPLORER, RDPSHELL}},
         "4 CORP\\ann application rdp active no\n",
         false},
        {"logs off", {.id = UINT32_MAX}, "", false},
        {"and nothing of it is left",
         {.id = 4, ANN, GONE, .program = NULL},
         "4 CORP\\ann desktop rdp disconnected no\n",
         true},
    };
    play_in_turn(steps, COUNT(steps));
}

static void a_number_used_again_is_another_session(void **state)
{
    (void)state;
    const struct step steps[] = {
        {"an application",
         {.id = 4, ANN, RDP, .processes = {RDPSHELL}, .logon_time = MORNING},
         "4 CORP\\ann application rdp active no\n",
         false},
        {"the time may miss once", {.id = 4, ANN, RDP}, "4 CORP\\ann application rdp active no\n", false},
        {"the same user, later",
         {.id = 4, ANN, RDP, .logon_time = NOON},
         "4 CORP\\ann desktop rdp active no\n",
         true},
    };
    play_in_turn(steps, COUNT(steps));
}

static void a_connection_began_when_its_user_logged_on(void **state)
{
    (void)state;
    static const struct {
        uint64_t logon_time;
        int64_t unix_ms;
    } cases[] = {
        {0, 0}, /* not known */
        {116444736000000000u, 0},
        {116444736000010000u, 1},
        {116444735999999999u, 0}, /* before Unix' time */
        {MORNING, 1704067200000},
        {MORNING + 12345678, 1704067201234},
        {UINT64_MAX, 1833029933770955},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct wts_sessions *sessions = wts_sessions_create("here");
        const struct session session = {.id = 2, ANN, RDP, .logon_time = cases[i].logon_time};
        struct wts_snapshot snapshot = snapshot_of(&session, 1);
        const struct session_facts *facts;
        size_t count;
        bool settled;
        assert_int_equal(wts_sessions_judge(sessions, &snapshot, &facts, &count, &settled), 0);
        assert_int_equal(facts[0].connected_at_ms, cases[i].unix_ms);
        assert_string_equal(facts[0].host, "here");
        wts_snapshot_finish(&snapshot);
        wts_sessions_destroy(sessions);
    }
}

static void what_is_wrong_is_said_with_what_to_do(void **state)
{
    (void)state;
    static const struct {
        struct wts_trouble trouble;
        int code;
        const char *words;
    } cases[] = {
        {{.step = WTS_STEP_NONE, .error = 5}, 0, ""},
        {{.step = WTS_STEP_SESSIONS, .error = 5},
         ERROR_FORBIDDEN,
         "service may not (Windows' error 5); run it as LocalSystem"},
        {{.step = WTS_STEP_SESSIONS, .error = 5, .account = "NT AUTHORITY\\LOCAL SERVICE"},
         ERROR_FORBIDDEN,
         "service, NT AUTHORITY\\LOCAL SERVICE, may not"},
        {{.step = WTS_STEP_SESSIONS, .error = 1702, .service = WTS_SERVICE_ABSENT},
         ERROR_NOT_FOUND,
         "not installed (there is no service TermService) (Windows' error 1702); install them"},
        {{.step = WTS_STEP_SESSIONS, .error = 1702, .service = WTS_SERVICE_DISABLED},
         ERROR_REFUSED,
         "enable them: sc.exe config TermService"},
        {{.step = WTS_STEP_SESSIONS, .error = 1702, .service = WTS_SERVICE_STOPPED},
         ERROR_UNREACHABLE,
         "start them: sc.exe start TermService"},
        {{.step = WTS_STEP_SESSIONS, .error = 1702, .service = WTS_SERVICE_STARTING},
         ERROR_UNREACHABLE,
         "starting"},
        {{.step = WTS_STEP_SESSIONS, .error = 1722, .service = WTS_SERVICE_RUNNING},
         ERROR_UNREACHABLE,
         "error 1722"},
        {{.step = WTS_STEP_SESSIONS, .error = 0}, ERROR_UNREACHABLE, "without a reason"},
        {{.step = WTS_STEP_SESSIONS, .empty = true}, ERROR_UNREACHABLE, "an empty list"},
        {{.step = WTS_STEP_DETAILS, .error = 0}, ERROR_IO, "count as remote (a failure without a reason)"},
        {{.step = WTS_STEP_PROCESSES, .error = 87}, ERROR_IO, "guessed"},
        {{.step = WTS_STEP_TOKENS, .error = 1314},
         ERROR_FORBIDDEN,
         "counts as no, so that administrators' desktops take licences: the account of the service has not "
         "the right"},
        {{.step = WTS_STEP_TOKENS, .error = 1314, .account = "CORP\\svc"},
         ERROR_FORBIDDEN,
         "service, CORP\\svc, has not the right to act as part of the operating system (SeTcbPrivilege) "
         "(Windows' error "
         "1314); run it as LocalSystem"},
        {{.step = WTS_STEP_DETAILS, .error = 5, .account = "CORP\\svc"},
         ERROR_FORBIDDEN,
         "service, CORP\\svc, may not ask for it"},
        {{.step = WTS_STEP_PROCESSES, .error = 5}, ERROR_FORBIDDEN, "service may not ask for them"},
        {{.step = WTS_STEP_TOKENS, .error = 87}, ERROR_IO, "take licences (Windows' error 87)"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct error_detail detail = {""};
        assert_int_equal(wts_trouble_text(&cases[i].trouble, &detail), cases[i].code);
        if (!strstr(detail.text, cases[i].words))
            fail_msg("\"%s\" lacks \"%s\"", detail.text, cases[i].words);
    }
    static const struct {
        uint32_t error;
        bool gone;
    } errors[] = {{0, false}, {2, true}, {5, false}, {1008, true}, {1312, true}, {1314, false}, {7022, true}};
    for (size_t i = 0; i < COUNT(errors); i++)
        assert_int_equal(wts_error_is_gone(errors[i].error), errors[i].gone);
}

static void every_session_is_told_in_its_place(void **state)
{
    (void)state;
    const struct session host[] = {
        {.id = 0, .state = WTS_STATE_DISCONNECTED},
        {.id = 1, .user = "ann", CONSOLE},
        {.id = 5, .user = "cem", RDP}, /* two whose kind nothing tells */
        {.id = 3, .user = "bob", RDP},
        {.id = 4, .user = "dan", RDP, .processes = {RDPSHELL}},
        {.id = 65536, .state = WTS_STATE_LISTEN},
    };
    struct wts_sessions *sessions = wts_sessions_create("here");
    for (unsigned reading = 0; reading < 2; reading++) {
        struct wts_snapshot snapshot = snapshot_of(host, COUNT(host));
        const struct session_facts *facts;
        size_t count;
        bool settled;
        char told[512];
        assert_int_equal(wts_sessions_judge(sessions, &snapshot, &facts, &count, &settled), 0);
        wts_write_down(facts, count, told, sizeof(told));
        assert_string_equal(told,
                            "1 TS01\\ann desktop console active no\n5 TS01\\cem desktop rdp active no\n"
                            "3 TS01\\bob desktop rdp active no\n4 TS01\\dan application rdp active no\n");
        assert_false(settled);
        wts_snapshot_finish(&snapshot);
    }
    wts_sessions_destroy(sessions);
}

static void only_some_programs_matter(void **state)
{
    (void)state;
    assert_true(wts_program_matters("rdpinit.exe"));
    assert_true(wts_program_matters("RDPSHELL.EXE"));
    assert_true(wts_program_matters("Explorer.EXE"));
    assert_false(wts_program_matters("userinit.exe"));
    assert_false(wts_program_matters("iexplorer.exe"));
    assert_false(wts_program_matters("rdpshell.ex"));
    assert_false(wts_program_matters(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_users_sessions_are_told),
        cmocka_unit_test(the_route_is_told_by_protocol_and_remoteness),
        cmocka_unit_test(the_kind_is_told_by_the_sessions_programs),
        cmocka_unit_test(names_are_whole),
        cmocka_unit_test(administrators_are_told_and_remembered),
        cmocka_unit_test(a_session_is_judged_anew_when_its_user_comes_back),
        cmocka_unit_test(a_number_used_again_is_another_session),
        cmocka_unit_test(a_connection_began_when_its_user_logged_on),
        cmocka_unit_test(what_is_wrong_is_said_with_what_to_do),
        cmocka_unit_test(every_session_is_told_in_its_place),
        cmocka_unit_test(only_some_programs_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
