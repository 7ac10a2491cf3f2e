/* The signing key's file: made for its owner alone, read again, and nothing else is taken for it. */
#include "cloud/signing_key.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[64], path[128];

static int begin(void **state)
{
    (void)state;
    (void)strcpy(directory, "/tmp/farmgate-test-XXXXXX");
    if (mkdtemp(directory) == NULL || entitlement_init() != 0)
        return 1;
    (void)snprintf(path, sizeof path, "%s/signing-key", directory);
    return 0;
}

static int end(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(directory);
}

static void write_file(const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

/* A key and its chain, as one of the functions left them. */
struct held {
    struct entitlement_signing_key key;
    struct key_chain *chain;
};

static struct held made(void)
{
    struct held held;
    struct error_detail detail;
    assert_int_equal(signing_key_make(path, &held.key, &held.chain, &detail), 0);
    return held;
}

static struct held followed(const struct held *by, int64_t now_ms)
{
    struct held held;
    struct error_detail detail;
    assert_int_equal(signing_key_succeed(path, &by->key, by->chain, now_ms, &held.key, &held.chain, &detail),
                     0);
    return held;
}

static int load(struct held *ret)
{
    struct error_detail detail = {""};
    int error = signing_key_load(path, &ret->key, &ret->chain, &detail);
    assert_int_equal(error != 0, detail.text[0] != '\0');
    return error;
}

static void assert_same(const struct held *a, const struct held *b)
{
    assert_string_equal(a->key.key.kid, b->key.key.kid);
    assert_memory_equal(a->key.key.public_key, b->key.key.public_key, sizeof a->key.key.public_key);
    assert_memory_equal(a->key.secret_key, b->key.secret_key, sizeof a->key.secret_key);
    assert_int_equal(a->chain->count, b->chain->count);
    assert_memory_equal(a->chain->links, b->chain->links, sizeof a->chain->links);
}

static void test_made_and_read_again(void **state)
{
    struct held read;
    struct stat status;
    (void)state;
    assert_int_equal(load(&read), ERROR_NOT_FOUND);
    struct held first = made();
    assert_string_equal(first.key.key.kid, "k1");
    assert_int_equal(first.chain->count, 1);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(load(&read), 0);
    assert_same(&read, &first);
    key_chain_destroy(first.chain);
    key_chain_destroy(read.chain);
}

static void test_keys_follow_one_another(void **state)
{
    struct held held = made(), read;
    struct entitlement_keyring ring = {.keys = {held.key.key}, .count = 1};
    struct entitlement entitlement = {.farm_id = "f", .installation_id = "i", .serial = 1}, verified;
    char text[ENTITLEMENT_BYTES_MAX + 1];
    (void)state;
    for (size_t n = 2; n <= KEY_CHAIN_MAX; n++) {
        struct held next = followed(&held, (int64_t)n * 1000);
        char start[8];
        (void)snprintf(start, sizeof start, "k%zu-", n);
        assert_int_equal(strncmp(next.key.key.kid, start, strlen(start)), 0);
        assert_int_equal(next.chain->count, n);
        assert_int_equal(next.chain->links[n - 1].issued_at_ms, (int64_t)n * 1000);
        assert_int_equal(load(&read), 0);
        assert_same(&read, &next);
        key_chain_destroy(read.chain);
        key_chain_destroy(held.chain);
        held = next;
    }
    /* An agent that has slept all the time follows from the first one. */
    const char *const *certificates;
    size_t count = key_chain_after(held.chain, "k1", &certificates);
    assert_int_equal(count, KEY_CHAIN_MAX - 1);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(entitlement_key_accept(certificates[i], strlen(certificates[i]), &ring, NULL), 0);
    assert_int_equal(entitlement_sign(&entitlement, &held.key, text, sizeof text), 0);
    assert_int_equal(entitlement_verify(text, strlen(text), &ring, &verified, NULL), 0);

    struct error_detail detail;
    assert_int_equal(signing_key_succeed(path, &held.key, held.chain, 1, &read.key, &read.chain, &detail),
                     ERROR_FULL);
    assert_int_equal(load(&read), 0);
    assert_same(&read, &held);
    key_chain_destroy(read.chain);
    key_chain_destroy(held.chain);
}

/* Who brings an older copy back makes another key than the lost one, and no agent takes it for that. */
static void test_a_key_made_again_has_another_name(void **state)
{
    (void)state;
    struct held first = made(), lost = followed(&first, 1), again = followed(&first, 1);
    assert_string_not_equal(lost.key.key.kid, again.key.key.kid);
    key_chain_destroy(first.chain);
    key_chain_destroy(lost.chain);
    key_chain_destroy(again.chain);
}

static void test_what_somebody_lacks(void **state)
{
    (void)state;
    struct held first = made(), second = followed(&first, 1), third = followed(&second, 2);
    const char *const *list = NULL;
    const struct {
        const char *kid;
        size_t count;
    } rows[] = {{"k1", 2}, {second.key.key.kid, 1}, {third.key.key.kid, 0}, {"", 2}, {"other", 2}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(key_chain_after(third.chain, rows[i].kid, &list), rows[i].count);
        for (size_t n = 0; n < rows[i].count; n++)
            assert_string_equal(list[n], third.chain->links[3 - rows[i].count + n].certificate);
    }
    assert_int_equal(key_chain_after(NULL, "k1", &list), 0);
    assert_int_equal(key_chain_find(third.chain, &second.key.key), 1);
    struct entitlement_key stranger = second.key.key;
    stranger.public_key[0] ^= 1;
    assert_int_equal(key_chain_find(third.chain, &stranger), -1);
    /* Nor does a chain take what its newest key has not signed. */
    struct error_detail detail;
    assert_int_equal(key_chain_extend(third.chain, second.chain->certificates[1], &detail),
                     ERROR_UNKNOWN_KEY);
    assert_int_equal(third.chain->count, 3);
    key_chain_destroy(first.chain);
    key_chain_destroy(second.chain);
    key_chain_destroy(third.chain);
}

/* Where nothing can be written, and where a former attempt was cut off. */
static void test_a_key_that_cannot_be_kept_is_not_made(void **state)
{
    (void)state;
    struct held first = made(), read, next;
    struct error_detail detail = {""};
    char elsewhere[160];
    (void)snprintf(elsewhere, sizeof elsewhere, "%s/no/such/directory", directory);
    assert_int_equal(
        signing_key_succeed(elsewhere, &first.key, first.chain, 1, &next.key, &next.chain, &detail),
        ERROR_NOT_FOUND);
    assert_non_null(strstr(detail.text, elsewhere));
    assert_int_equal(load(&read), 0);
    assert_same(&read, &first);
    key_chain_destroy(read.chain);

    (void)snprintf(elsewhere, sizeof elsewhere, "%s.new", path);
    FILE *file = fopen(elsewhere, "w");
    assert_non_null(file);
    assert_true(fputs("farmgate-signing-key k2-", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(load(&read), 0);
    assert_same(&read, &first);
    key_chain_destroy(read.chain);
    next = followed(&first, 1);
    assert_int_equal(access(elsewhere, F_OK), -1);
    key_chain_destroy(next.chain);
    key_chain_destroy(first.chain);
}

static void test_what_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "farmgate-signing-key",
        "farmgate-signing-key k1 \n",
        "farmgate-signing-key  AAAA\n",
        "farmgate-signing-key k1 AAAA\n",
        "farmgate-signing-key k1 !!!!\n",
        "farmgate-signing-key abcdefghijklmnopqrstuvwxyzabcdefghijklmnop AAAA\n",
        "another-key k1 "
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
        "farmgate-signing-key k1 "
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    };
    struct held held;
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        write_file(bad[i], 0600);
        assert_int_equal(load(&held), ERROR_INVALID);
    }
}

static void test_others_may_not_read_it_but_as_a_credential(void **state)
{
    (void)state;
    struct held first = made(), read;
    struct error_detail detail;
    assert_int_equal(chmod(path, 0440), 0);
    assert_int_equal(signing_key_load(path, &read.key, &read.chain, &detail), ERROR_FORBIDDEN);
    assert_non_null(strstr(detail.text, "0600"));
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", "/run/credentials/farmgate-cloud.service", 1), 0);
    assert_int_equal(load(&read), ERROR_FORBIDDEN);
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", directory, 1), 0); /* systemd's ACL shows as a group */
    assert_int_equal(load(&read), 0);
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    key_chain_destroy(read.chain);
    key_chain_destroy(first.chain);
}

/* Any line of a rotated key's file that is missing, changed or too much. */
static void test_a_way_that_does_not_lead_to_the_key(void **state)
{
    struct held first = made(), second = followed(&first, 1), third = followed(&second, 2), read;
    char text[4096], lines[4][1024];
    (void)state;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    for (size_t i = 0; i < 4; i++)
        assert_non_null(fgets(lines[i], sizeof lines[i], file));
    assert_null(fgets(text, sizeof text, file));
    assert_int_equal(fclose(file), 0);
    static const char *const orders[] = {"012", "013", "0132", "0123x", "01233", "0", "01", "023", "0x"};
    for (size_t i = 0; i < COUNT(orders); i++) {
        text[0] = '\0';
        for (const char *at = orders[i]; *at != '\0'; at++)
            (void)strcat(text, *at == 'x' ? "nonsense\n" : lines[*at - '0']);
        write_file(text, 0600);
        /* A key alone is the first of its kind: which ledger it fits is not the file's to say. */
        assert_int_equal(load(&read) == 0, strcmp(orders[i], "0") == 0);
        if (strcmp(orders[i], "0") == 0)
            key_chain_destroy(read.chain);
    }
    (void)snprintf(text, sizeof text, "%s%s%s%s", lines[0], lines[1], lines[2], lines[3]);
    text[strlen(text) - 1] = '\0'; /* cut off */
    write_file(text, 0600);
    assert_true(load(&read) != 0);
    /* Oldest lines may be taken out: who pinned a later key needs them no more. */
    char later[96];
    entitlement_key_format(&second.key.key, later);
    (void)snprintf(text, sizeof text, "%sfarmgate-first-key %s\n%s", lines[0], later, lines[3]);
    write_file(text, 0600);
    assert_int_equal(load(&read), 0);
    assert_int_equal(read.chain->count, 2);
    key_chain_destroy(read.chain);
    key_chain_destroy(first.chain);
    key_chain_destroy(second.chain);
    key_chain_destroy(third.chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_made_and_read_again, begin, end),
        cmocka_unit_test_setup_teardown(test_keys_follow_one_another, begin, end),
        cmocka_unit_test_setup_teardown(test_a_key_made_again_has_another_name, begin, end),
        cmocka_unit_test_setup_teardown(test_what_somebody_lacks, begin, end),
        cmocka_unit_test_setup_teardown(test_a_key_that_cannot_be_kept_is_not_made, begin, end),
        cmocka_unit_test_setup_teardown(test_what_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(test_others_may_not_read_it_but_as_a_credential, begin, end),
        cmocka_unit_test_setup_teardown(test_a_way_that_does_not_lead_to_the_key, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
