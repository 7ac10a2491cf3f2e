/* test_writer.c - what a host's events become in etcd, step by step. Everything that may befall it besides is
 * in tests/sim/test_writer_sim.c. */
#include "tests/unit/unit.h"

#include "agent/farm/writer.h"
#include "tests/sim/model_etcd.h"
#include "tests/sim/model_journal.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOST       "rds1"
#define LICENCE_MS INT64_C(1700000000000)
#define TEXT_BYTES 8192
#define SET_MAX    400

struct house {
    struct record_farm farm;
    struct model_etcd *etcd;
    struct model_journal *journal;
    struct writer *writer;
    int64_t now_ms;
    char told[TEXT_BYTES]; /* a transaction in [], a change as +id=user, b+, -id, b-, boot=id; , goes on */
    char said[256], done[256];
    unsigned transactions, processes;
    size_t changes_max;
};

static void append(char *text, size_t room, const char *word)
{
    size_t used = strlen(text);
    (void)snprintf(text + used, room - used, "%s", word);
}

static void note_change(struct house *house, const struct change *change)
{
    static const char *const marks[] = {"boot=", "+", "-", "b+", "b-"};
    char word[900];
    bool named = change->type == CHANGE_SESSION || change->type == CHANGE_BROKER;
    (void)snprintf(word, sizeof word, "%s%s%s%s%s%s", marks[change->type],
                   change->type == CHANGE_BOOTED ? change->boot_id : change->id, named ? "=" : "",
                   change->user, change->state == CONNECTION_DISCONNECTED ? "~" : "",
                   change->more ? "," : ";");
    append(house->told, sizeof house->told, word);
}

static int on_kv(void *data, const struct wire_kv *kv)
{
    static struct record_seq seq;
    struct house *house = data;
    struct error_detail detail;
    if (record_kind_of(&house->farm, kv->key) != RECORD_SEQ || kv->deleted ||
        record_seq_read(&house->farm, kv, &seq, &detail) != 0)
        return 0;
    house->transactions++;
    append(house->told, sizeof house->told, "[");
    for (size_t i = 0; i < seq.count; i++)
        note_change(house, &seq.changes[i]);
    append(house->told, sizeof house->told, "]");
    return 0;
}

static int on_message(void *data, const struct wire_message *message)
{
    (void)data;
    (void)message;
    return 0;
}

static void on_watch_done(void *data, int error, const char *detail)
{
    (void)data;
    (void)error;
    (void)detail;
}

static void on_said(void *data, enum writer_saying saying, const char *detail)
{
    struct house *house = data;
    (void)detail;
    append(house->said, sizeof house->said, writer_saying_name(saying));
    append(house->said, sizeof house->said, " ");
}

static void on_done(void *data, int error, const char *detail)
{
    struct house *house = data;
    (void)detail;
    append(house->done, sizeof house->done,
           error == 0              ? "ok "
           : error == CORE_INVALID ? "invalid "
           : error == ERROR_FULL   ? "full "
                                   : "error ");
}

static void start(struct house *house)
{
    char instance[16];
    const struct farm_journal_kept kept = model_journal_kept(house->journal);
    (void)snprintf(instance, sizeof instance, "p%u", ++house->processes);
    const struct writer_settings settings = {.farm = &house->farm,
                                             .host = HOST,
                                             .instance = instance,
                                             .seed = 1,
                                             .changes_max = house->changes_max,
                                             .port = model_etcd_port(house->etcd, 0),
                                             .journal = model_journal_port(house->journal),
                                             .said = on_said,
                                             .data = house};
    house->writer = writer_create(&settings, &kept);
    assert_non_null(house->writer);
}

static void die(struct house *house)
{
    model_etcd_forget(house->etcd, 0);
    model_journal_crash(house->journal);
    writer_destroy(house->writer);
}

static void open_house(struct house *house, size_t changes_max)
{
    static const struct etcd_told watching = {on_kv, on_message, on_watch_done};
    static const uint8_t secret[SEAL_SECRET_BYTES] = {3};
    memset(house, 0, sizeof *house);
    assert_int_equal(record_farm_init(&house->farm, "north", secret), 0);
    house->etcd = model_etcd_create(1);
    house->journal = model_journal_create(1);
    house->changes_max = changes_max;
    struct farm_port watch = model_etcd_port(house->etcd, 1);
    (void)watch.ask(watch.etcd, WIRE_PATH_WATCH, wire_watch_text(house->farm.prefix, 1), &watching, house);
    start(house);
}

static void close_house(struct house *house)
{
    die(house);
    model_etcd_forget(house->etcd, 1);
    model_etcd_destroy(house->etcd);
    model_journal_destroy(house->journal);
}

static void run(struct house *house, int64_t for_ms)
{
    int64_t until_ms = house->now_ms + for_ms;
    for (;;) {
        int64_t due_ms = model_etcd_due_ms(house->etcd);
        if (model_journal_due_ms(house->journal) < due_ms)
            due_ms = model_journal_due_ms(house->journal);
        if (writer_due_ms(house->writer) < due_ms)
            due_ms = writer_due_ms(house->writer);
        if (due_ms > until_ms)
            break;
        if (due_ms > house->now_ms)
            house->now_ms = due_ms;
        model_etcd_pass(house->etcd, house->now_ms);
        model_journal_pass(house->journal, house->now_ms);
        writer_pass(house->writer, house->now_ms, LICENCE_MS + house->now_ms);
    }
    house->now_ms = until_ms;
}

/* ---- events as words ----------------------------------------------------------------------------------- */

static char *cut(char **rest, char at)
{
    char *word = *rest, *end = strchr(word, at);
    *rest = end == NULL ? word + strlen(word) : end + 1;
    if (end != NULL)
        *end = '\0';
    return word;
}

/* "id=user" or "id=user~" (disconnected), by the broker's or the host's route. */
static struct connection read_connection(const char *host, char *word, int64_t connected_at_ms)
{
    struct connection connection = {.host = host, .connected_at_ms = connected_at_ms};
    connection.id = cut(&word, '=');
    connection.user = word;
    if (*word != '\0' && word[strlen(word) - 1] == '~') {
        connection.state = CONNECTION_DISCONNECTED;
        word[strlen(word) - 1] = '\0';
    }
    return connection;
}

/* "boot ID", "set id=user …", "put id=user", "end id", "bset id=user …": brokers speak of rds2. */
static void offer(struct house *house, const char *words)
{
    static struct connection set[SET_MAX];
    char text[TEXT_BYTES], *rest = text;
    struct core_event event = {.type = EVENT_HOST_SET, .set = {.host = HOST, .connections = set}};
    (void)snprintf(text, sizeof text, "%s", words);
    const char *verb = cut(&rest, ' ');
    bool broker = verb[0] == 'b' && verb[1] == 's';
    if (strcmp(verb, "boot") == 0) {
        event = (struct core_event){.type = EVENT_HOST_BOOTED, .booted = {HOST, rest}};
    } else if (strcmp(verb, "put") == 0) {
        event = (struct core_event){.type = EVENT_BROKER_PUT, .put = read_connection("rds2", rest, 5)};
    } else if (strcmp(verb, "end") == 0) {
        event = (struct core_event){.type = EVENT_BROKER_END, .end = {"rds2", rest}};
    } else {
        event.type = broker ? EVENT_BROKER_SET : EVENT_HOST_SET;
        event.set.host = broker ? "rds2" : HOST;
        while (*rest != '\0') {
            /* who is named first logged on last */
            set[event.set.count] =
                read_connection(event.set.host, cut(&rest, ' '), SET_MAX - (int64_t)event.set.count);
            event.set.count++;
        }
    }
    writer_offer(house->writer, &event, LICENCE_MS + house->now_ms, on_done, house);
}

static void expect(struct house *house, const char *name, const char *told)
{
    if (strcmp(house->told, told) != 0)
        fail_msg("%s: told %s", name, house->told);
    house->told[0] = '\0';
}

/* ---- tests --------------------------------------------------------------------------------------------- */

static void events_become_differences(void **state)
{
    (void)state;
    static const struct {
        const char *offered, *told;
    } steps[] = {
        {"boot one", "[boot=one;]"},
        {"boot one", ""},
        {"set", ""},
        {"set c2=bob c1=alice", "[+c1=alice,+c2=bob;]"}, /* by connect time */
        {"set c2=bob c1=alice", ""},
        {"set c2=bob~ c1=alice", "[+c2=bob~;]"},
        {"set x=eve c1=alice", "[-c2,+x=eve;]"}, /* ends first */
        {"set x=mallory c1=alice", "[+x=mallory;]"},
        {"set c1=first c1=alice", "[-x;]"}, /* of two with one id the last holds */
        {"put b1=carol", "[b+b1=carol;]"},
        {"put b1=carol", "[b+b1=carol;]"}, /* its lease begins anew */
        {"bset b2=dave b1=carol", "[b+b1=carol,b+b2=dave;]"},
        {"bset b2=dave", "[b-b1,b+b2=dave;]"},
        {"end b2", "[b-b2;]"},
        {"end unknown", "[b-unknown;]"}, /* another agent may have been told */
        {"boot two", "[boot=two;]"},
        {"set", ""}, /* the boot ended them */
    };
    struct house house;
    open_house(&house, 0);
    run(&house, 10);
    for (size_t i = 0; i < COUNT(steps); i++) {
        offer(&house, steps[i].offered);
        run(&house, 10);
        expect(&house, steps[i].offered, steps[i].told);
    }
    assert_int_equal(
        model_etcd_each(house.etcd, record_prefix(&house.farm, RECORD_SESSION, NULL).text, 0, NULL, NULL), 0);
    close_house(&house);
}

static void what_is_not_valid_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *offered, *done, *told;
    } table[] = {
        {"put =carol", "invalid ", ""},
        {"put b1=", "invalid ", ""},
        {"put b1=a\tb", "invalid ", ""},
        {"end ", "invalid ", ""},
        {"boot ", "invalid ", ""},
        {"set c1=alice =bob", "invalid ", "[+c1=alice;]"},
        {"set c1=alice", "ok ", "[+c1=alice;]"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct house house;
        open_house(&house, 0);
        run(&house, 10);
        offer(&house, table[i].offered);
        run(&house, 10);
        assert_string_equal(house.done, table[i].done);
        expect(&house, table[i].offered, table[i].told);
        close_house(&house);
    }
    struct house house;
    struct core_event timer = {.type = EVENT_TIMER};
    struct core_event other = {.type = EVENT_HOST_SET, .set = {.host = "rds9"}};
    open_house(&house, 0);
    writer_offer(house.writer, &timer, LICENCE_MS, on_done, &house);
    writer_offer(house.writer, &other, LICENCE_MS, on_done, &house);
    assert_string_equal(house.done, "invalid invalid ");
    close_house(&house);
}

/* While one transaction is under way the rest gathers: each change is told, each key put once. */
static void what_gathers_goes_together(void **state)
{
    (void)state;
    struct house house;
    struct wire_kv kv;
    open_house(&house, 0);
    run(&house, 10);
    model_etcd_weather(house.etcd, 0, &(struct model_weather){.way_ms_max = 50});
    offer(&house, "set c1=alice");
    run(&house, 0);
    offer(&house, "set c1=alice~");
    offer(&house, "set c1=alice");
    offer(&house, "set");
    offer(&house, "put b1=bob");
    run(&house, 200);
    expect(&house, "gathered", "[+c1=alice;][+c1=alice~;+c1=alice;-c1;b+b1=bob;]");
    assert_string_equal(house.done, "ok ok ok ok ok ");
    assert_false(
        model_etcd_get(house.etcd, record_key(&house.farm, RECORD_SESSION, HOST, "c1").text, 0, &kv));
    close_house(&house);
}

static void a_set_larger_than_a_transaction_is_split(void **state)
{
    (void)state;
    struct house house;
    char set[TEXT_BYTES] = "bset";
    open_house(&house, 0);
    run(&house, 10);
    offer(&house, "put first=x");
    for (unsigned i = 0; i < 250; i++) {
        char word[32];
        (void)snprintf(word, sizeof word, " b%u=u%u", i, i);
        append(set, sizeof set, word);
    }
    offer(&house, set);
    run(&house, 100);
    assert_int_equal(house.transactions, 4); /* the one before alone: a batch that fits is not cut */
    assert_int_equal(strncmp(house.told, "[b+first=x;][b-first,", 21), 0);
    unsigned ends = 0;
    for (const char *at = house.told; *at != '\0'; at++)
        ends += *at == ';';
    assert_int_equal(ends, 2); /* of the first, and of the whole set */
    assert_int_equal(writer_status(house.writer).through, 252);
    close_house(&house);
}

static void a_lost_answer_is_made_up_for(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct model_weather weather;
    } table[] = {{"request lost", {.request_lost_percent = 100}},
                 {"reply lost", {.reply_lost_percent = 100}},
                 {"too late", {.late_percent = 100, .way_ms_max = 100}}};
    for (size_t i = 0; i < COUNT(table); i++) {
        struct house house;
        open_house(&house, 0);
        run(&house, 10);
        model_etcd_weather(house.etcd, 0, &table[i].weather);
        offer(&house, "put b1=alice");
        run(&house, 100);
        offer(&house, "put b1=bob");
        assert_int_equal(writer_status(house.writer).waiting, 2);
        run(&house, 4000);
        model_etcd_weather(house.etcd, 0, &(struct model_weather){.way_ms_max = 0});
        run(&house, 20000);
        const char *told = house.transactions == 1 ? "[b+b1=alice;b+b1=bob;]" : "[b+b1=alice;][b+b1=bob;]";
        expect(&house, table[i].name, told);
        assert_int_equal(writer_status(house.writer).waiting, 0);
        assert_int_equal(writer_status(house.writer).failures, 0);
        close_house(&house);
    }
}

static void without_a_quorum_the_journal_has_it(void **state)
{
    (void)state;
    struct house house;
    open_house(&house, 0);
    run(&house, 10);
    model_etcd_quorum(house.etcd, false);
    offer(&house, "set c1=alice");
    run(&house, 60000);
    offer(&house, "set");
    run(&house, 10);
    assert_string_equal(house.done, "ok ok ");
    assert_true(writer_status(house.writer).failures > 0);
    assert_int_equal(writer_status(house.writer).oldest_ms, LICENCE_MS + 10);
    die(&house);
    start(&house); /* what another process finds */
    run(&house, 1000);
    assert_int_equal(writer_status(house.writer).waiting, 2);
    expect(&house, "without", "");
    model_etcd_quorum(house.etcd, true);
    run(&house, 60000);
    expect(&house, "with", house.transactions == 1 ? "[+c1=alice;-c1;]" : "[+c1=alice;][-c1;]");
    close_house(&house);
}

static void at_the_limit_brokers_are_refused_and_the_last_set_is_kept(void **state)
{
    (void)state;
    struct house house;
    open_house(&house, 4);
    run(&house, 10);
    house.said[0] = '\0';
    model_etcd_weather(house.etcd, 0, &(struct model_weather){.refused = true});
    offer(&house, "set a=1 b=2 c=3 d=4");
    run(&house, 10);
    offer(&house, "set e=5");
    offer(&house, "set f=6");
    offer(&house, "put b1=7");
    offer(&house, "end b1");
    offer(&house, "bset b1=7");
    run(&house, 1000);
    assert_string_equal(house.done, "ok full full full full full ");
    assert_string_equal(house.said, "full ");
    model_etcd_weather(house.etcd, 0, &(struct model_weather){.way_ms_max = 0});
    run(&house, 20000);
    assert_string_equal(house.said, "full room ");
    house.told[0] = '\0';
    offer(&house, "set f=6");
    run(&house, 100);
    expect(&house, "the last set was told", "");
    assert_int_equal(
        model_etcd_each(house.etcd, record_prefix(&house.farm, RECORD_SESSION, HOST).text, 0, NULL, NULL), 1);
    close_house(&house);
}

static void a_journal_that_fails_is_said_and_the_farm_told(void **state)
{
    (void)state;
    struct house house;
    open_house(&house, 0);
    run(&house, 10);
    house.said[0] = '\0';
    model_journal_weather(house.journal, 0, true);
    offer(&house, "put b1=alice");
    run(&house, 100);
    assert_string_equal(house.done, "full "); /* the disk's words */
    expect(&house, "told all the same", "[b+b1=alice;]");
    model_journal_weather(house.journal, 0, false);
    run(&house, 120000);
    assert_string_equal(house.said, "journal_bad journal_good ");
    assert_int_equal(model_journal_kept(house.journal).told_count, 1);
    close_house(&house);
}

static void while_it_is_held_nothing_is_asked(void **state)
{
    (void)state;
    struct house house;
    open_house(&house, 0);
    writer_hold(house.writer, true);
    offer(&house, "put b1=alice");
    run(&house, 60000);
    assert_string_equal(house.done, "ok ");
    assert_false(writer_status(house.writer).loaded);
    writer_hold(house.writer, false);
    run(&house, 100);
    expect(&house, "let go", "[b+b1=alice;]");
    close_house(&house);
}

/* What it finds there when it starts or looks, and what it tells then. */
static void what_the_farm_has_is_compared(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool backup_before, journal_lost, seq_junk, session_gone, restore;
        const char *said, *told;
    } table[] = {
        {"as it was", .said = "loaded ", .told = ""},
        {"the journal was lost", .journal_lost = true, .said = "loaded ", .told = ""},
        {"a session's key is gone", .session_gone = true, .said = "loaded ", .told = "[+c1=alice;]"},
        {"seq/H is junk", .seq_junk = true, .said = "unreadable went_back loaded ", .told = "[b+b1=bob;]"},
        {"all of etcd is gone", .restore = true, .said = "went_back loaded ",
         .told = "[boot=one;][+c1=alice,b+b1=bob;]"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct house house;
        open_house(&house, 0);
        model_etcd_backup(house.etcd);
        offer(&house, "boot one");
        offer(&house, "set c1=alice");
        offer(&house, "put b1=bob");
        run(&house, 5000);
        if (table[i].session_gone)
            model_etcd_delete(house.etcd, record_key(&house.farm, RECORD_SESSION, HOST, "c1").text);
        if (table[i].seq_junk)
            model_etcd_put(house.etcd, record_key(&house.farm, RECORD_SEQ, HOST, NULL).text, "junk", 4);
        if (table[i].restore) {
            model_etcd_restore(house.etcd);
            struct farm_port watch = model_etcd_port(house.etcd, 1);
            static const struct etcd_told watching = {on_kv, on_message, on_watch_done};
            (void)watch.ask(watch.etcd, WIRE_PATH_WATCH, wire_watch_text(house.farm.prefix, 2), &watching,
                            &house);
        }
        if (table[i].journal_lost) {
            die(&house);
            model_journal_lose(house.journal);
            start(&house);
            offer(&house, "boot one");
            offer(&house, "set c1=alice");
        }
        house.told[0] = house.said[0] = '\0';
        writer_look(house.writer);
        run(&house, 20000);
        if (strcmp(house.said, table[i].said) != 0)
            fail_msg("%s: said %s", table[i].name, house.said);
        if (!table[i].journal_lost) /* who knows nothing tells it all */
            expect(&house, table[i].name, table[i].told);
        assert_int_equal(writer_status(house.writer).waiting, 0);
        close_house(&house);
    }
}

static void watch_again(struct house *house)
{
    static const struct etcd_told watching = {on_kv, on_message, on_watch_done};
    struct farm_port watch = model_etcd_port(house->etcd, 1);
    (void)watch.ask(watch.etcd, WIRE_PATH_WATCH,
                    wire_watch_text(house->farm.prefix, model_etcd_revision(house->etcd) + 1), &watching,
                    house);
}

/* As another host's agent writes it, or, told_by "", the release before. */
static void put_record(struct house *house, const char *id, const char *told_by)
{
    struct change change = {.number = 1, .at_ms = 1, .type = CHANGE_BROKER, .host = "rds2", .user = "zoe"};
    struct record_key key = record_key(&house->farm, RECORD_BROKER, "rds2", id);
    (void)snprintf(change.id, sizeof change.id, "%s", id);
    (void)snprintf(change.told_by, sizeof change.told_by, "%s", told_by);
    struct record_value value = record_change_value(&house->farm, key.text, &change);
    model_etcd_put(house->etcd, key.text, (const char *)value.bytes, value.count);
    free(value.bytes);
}

/* What brokers said through this host and is over must not stand again until its lease is over. */
static void what_ended_since_a_backup_ends_once_more(void **state)
{
    (void)state;
    struct house house;
    open_house(&house, 0);
    offer(&house, "boot one");
    offer(&house, "put b1=alice");
    offer(&house, "put b2=bob");
    put_record(&house, "b8", "rds9");
    put_record(&house, "b9", "");
    run(&house, 5000);
    model_etcd_backup(house.etcd);
    offer(&house, "end b1");
    run(&house, 5000);
    model_etcd_restore(house.etcd);
    watch_again(&house);
    house.told[0] = house.said[0] = '\0';
    writer_look(house.writer);
    run(&house, 5000);
    assert_string_equal(house.said, "went_back loaded ");
    expect(&house, "only what was told here", "[b-b1,b+b2=bob;]");
    close_house(&house);
}

static void without_its_journal_it_takes_over_what_brokers_said(void **state)
{
    (void)state;
    struct house house;
    open_house(&house, 0);
    offer(&house, "boot one");
    offer(&house, "put b1=alice");
    offer(&house, "put b2=bob");
    put_record(&house, "b8", "rds9");
    run(&house, 5000);
    die(&house);
    model_journal_lose(house.journal);
    start(&house);
    offer(&house, "boot one");
    run(&house, 5000);
    assert_int_equal(model_journal_kept(house.journal).told_count, 3);
    house.told[0] = '\0';
    offer(&house, "bset b2=bob");
    run(&house, 5000);
    expect(&house, "a set ends what is not in it", "[b-b1,b+b2=bob;]");
    close_house(&house);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_become_differences),
        cmocka_unit_test(what_is_not_valid_is_refused),
        cmocka_unit_test(what_gathers_goes_together),
        cmocka_unit_test(a_set_larger_than_a_transaction_is_split),
        cmocka_unit_test(a_lost_answer_is_made_up_for),
        cmocka_unit_test(without_a_quorum_the_journal_has_it),
        cmocka_unit_test(at_the_limit_brokers_are_refused_and_the_last_set_is_kept),
        cmocka_unit_test(a_journal_that_fails_is_said_and_the_farm_told),
        cmocka_unit_test(while_it_is_held_nothing_is_asked),
        cmocka_unit_test(what_the_farm_has_is_compared),
        cmocka_unit_test(what_ended_since_a_backup_ends_once_more),
        cmocka_unit_test(without_its_journal_it_takes_over_what_brokers_said),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
