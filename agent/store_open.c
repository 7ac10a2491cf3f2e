/* store_open.c - opening the store and reading what survived, at start and on the loop's thread. */
#include "store_private.h"

#include "common/file.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DIRECTORY_MODE        0700
#define INSTALLATION_ID_BYTES 16

static void forget_rows(struct store_loaded *loaded)
{
    struct store_memory *memory = loaded->memory;
    store_arena_free(&memory->arena);
    free(memory->connections);
    free(memory->hosts);
    free(memory->unsent);
    free(memory->farms);
    free(memory->told);
    free(memory->changes);
    *memory = (struct store_memory){0};
    loaded->core = (struct core_saved){0};
    loaded->journal = (struct farm_journal_kept){.line = ""};
    loaded->last_event_id = 0;
}

void store_loaded_free(struct store_loaded *loaded)
{
    if (!loaded)
        return;
    forget_rows(loaded);
    free(loaded->memory);
    free(loaded);
}

static struct store_loaded *loaded_create(void)
{
    struct store_loaded *loaded = calloc(1, sizeof(*loaded));
    if (loaded && !(loaded->memory = calloc(1, sizeof(*loaded->memory)))) {
        free(loaded);
        return NULL;
    }
    if (loaded)
        loaded->journal.line = "";
    return loaded;
}

static int make_path(const char *directory, const char *name, char ret[STORE_PATH_BYTES_MAX],
                     struct error_detail *ret_detail)
{
    if (snprintf(ret, STORE_PATH_BYTES_MAX, "%s/%s", directory, name) < STORE_PATH_BYTES_MAX)
        return 0;
    error_detail_set(ret_detail, "the path is too long: %s", directory);
    return ERROR_TOO_LARGE;
}

static int make_directory(const char *directory, struct error_detail *ret_detail)
{
    if (mkdir(directory, DIRECTORY_MODE) == 0 || errno == EEXIST)
        return 0;
    int number = errno;
    error_detail_set(ret_detail, "cannot make the directory %s: %s", directory, strerror(number));
    return error_from_errno(number);
}

static int prepare_paths(struct store *store, const char *directory, struct error_detail *ret_detail)
{
    int error = make_path(directory, "farmgate.db", store->database.path, ret_detail);
    if (error == 0)
        error = make_path(directory, "identity", store->identity_path, ret_detail);
    if (error == 0)
        error = make_path(directory, "licence", store->licence_path, ret_detail);
    return error == 0 ? make_directory(directory, ret_detail) : error;
}

/* --- the files */

/* A newer version is seen before anything is touched. Damage and the rest are judged later, when no other
 * agent can be writing. */
static int check_not_newer(const struct store *store, struct store_loaded *scratch,
                           struct error_detail *ret_detail)
{
    struct error_detail detail = {""};
    int error = store_identity_read(store->identity_path, &scratch->identity, &detail);
    if (error != ERROR_NEWER)
        error = store_licence_read(store->licence_path, &scratch->licence, &detail);
    scratch->identity = (struct store_identity){0};
    scratch->licence = (struct store_licence){0};
    if (error != ERROR_NEWER)
        return 0;
    *ret_detail = detail;
    return ERROR_NEWER;
}

static void set_aside(const char *path, int64_t wall_ms, char ret_path[STORE_PATH_BYTES_MAX])
{
    struct error_detail ignored;
    if (db_set_aside(path, wall_ms, ret_path, STORE_PATH_BYTES_MAX, &ignored) != 0)
        ret_path[0] = '\0';
}

static int load_licence(const struct store *store, int64_t wall_ms, struct store_loaded *loaded,
                        struct error_detail *ret_detail)
{
    int error = store_licence_read(store->licence_path, &loaded->licence, ret_detail);
    if (error == ERROR_DAMAGED) {
        loaded->licence_was_damaged = true;
        set_aside(store->licence_path, wall_ms, loaded->licence_set_aside);
    }
    return error == ERROR_DAMAGED || error == ERROR_NOT_FOUND ? 0 : error;
}

/* The licence names the installation and the farm too: with them a lost identity is the same installation
 * still, and the key is not burnt. */
static void renew_identity(struct store_loaded *loaded)
{
    struct store_identity *identity = &loaded->identity;
    const struct grant *grant = &loaded->licence.standing.grant;
    if (loaded->licence.standing.activation != ACTIVATION_NONE && grant->installation_id[0] != '\0') {
        memcpy(identity->installation_id, grant->installation_id, sizeof(identity->installation_id));
        memcpy(identity->farm_id, grant->farm_id, sizeof(identity->farm_id));
        loaded->identity_was_recovered = true;
        return;
    }
    unsigned char random[INSTALLATION_ID_BYTES];
    randombytes_buf(random, sizeof(random));
    (void)sodium_bin2hex(identity->installation_id, sizeof(identity->installation_id), random,
                         sizeof(random));
}

static int load_identity(const struct store *store, int64_t wall_ms, struct store_loaded *loaded,
                         struct error_detail *ret_detail)
{
    int error = store_identity_read(store->identity_path, &loaded->identity, ret_detail);
    if (error == ERROR_DAMAGED) {
        loaded->identity_was_damaged = true;
        set_aside(store->identity_path, wall_ms, loaded->identity_set_aside);
    }
    if (error != ERROR_DAMAGED && error != ERROR_NOT_FOUND)
        return error;
    renew_identity(loaded);
    error = store_identity_write(store->identity_path, &loaded->identity, ret_detail);
    if (error == 0)
        return 0;
    loaded->database_error = error; /* only in memory yet; said, and the agent commits it */
    loaded->database_detail = *ret_detail;
    return 0;
}

/* A crash between the two files: the standing belongs to the farm before, or the key was given back. If that
 * farm was revoked, this one is not. */
static void reconcile(struct store_loaded *loaded)
{
    struct standing *standing = &loaded->licence.standing;
    const struct store_identity *identity = &loaded->identity;
    bool ours = identity->farm_token[0] != '\0' && strcmp(standing->grant.farm_id, identity->farm_id) == 0;
    if (standing->activation != ACTIVATION_NONE && !ours && !loaded->identity_was_recovered) {
        standing_release(standing);
        loaded->licence.entitlement[0] = '\0';
    }
}

/* --- the database */

static int open_and_load(struct store *store, struct store_loaded *loaded, struct error_detail *ret_detail)
{
    int error = store->database.open ? 0 : store_database_open(&store->database, ret_detail);
    if (error == 0)
        error = store_database_load(&store->database, loaded, ret_detail);
    if (error != 0) {
        forget_rows(loaded);
        store_database_close(&store->database);
    }
    return error;
}

static int replace_database(struct store *store, int64_t wall_ms, struct store_loaded *loaded,
                            struct error_detail *ret_detail)
{
    loaded->database_was_damaged = true;
    int error =
        db_set_aside(store->database.path, wall_ms, loaded->set_aside, sizeof(loaded->set_aside), ret_detail);
    return error == 0 ? open_and_load(store, loaded, ret_detail) : error;
}

static int load_database(struct store *store, int64_t wall_ms, struct store_loaded *loaded,
                         struct error_detail *ret_detail)
{
    int error = open_and_load(store, loaded, ret_detail);
    return error == ERROR_DAMAGED ? replace_database(store, wall_ms, loaded, ret_detail) : error;
}

/* Sequences count windows: one a second since 1970 is past whatever 20-minute windows can have used. */
static uint64_t sequence_past_all(const struct store_loaded *loaded, int64_t wall_ms)
{
    int64_t licence_ms = loaded->licence.clock.licence_ms;
    int64_t now_ms = wall_ms > licence_ms ? wall_ms : licence_ms;
    return now_ms > 1000 ? (uint64_t)now_ms / 1000 : 1;
}

/* A key that was given back leaves the farm's id, but no farm. */
static void name_farm(const struct store *store, struct store_loaded *loaded)
{
    struct core_saved *core = &loaded->core;
    const struct store_identity *identity = &loaded->identity;
    if (identity->farm_id[0] == '\0' ||
        (identity->farm_token[0] == '\0' && !loaded->identity_was_recovered)) {
        core->unsent_count = 0;
        return;
    }
    core->farm_id = identity->farm_id;
    core->next_sequence = store_next_sequence(store, identity->farm_id);
}

static int finish_loading(struct store *store, int64_t wall_ms, struct store_loaded *loaded)
{
    struct store_memory *memory = loaded->memory;
    store->farms = memory->farms; /* the store's from here on */
    store->farm_count = memory->farm_count;
    memory->farms = NULL;
    memory->farm_count = 0;
    if (!store_know_farm(store, loaded->identity.farm_id, sequence_past_all(loaded, wall_ms)))
        return ERROR_NO_MEMORY;
    memcpy(store->farm_id, loaded->identity.farm_id, sizeof(store->farm_id));
    store->history_now_ms = store_history_now(&loaded->licence);
    reconcile(loaded);
    loaded->core.standing = loaded->licence.standing;
    loaded->core.clock_ms = loaded->licence.clock.licence_ms;
    loaded->core.installation_id = loaded->identity.installation_id;
    name_farm(store, loaded);
    if (!store->database.open) {
        store->database.sequence_floor = loaded->core.next_sequence;
        loaded->last_event_id = wall_ms > 0 ? (uint64_t)wall_ms : 0;
    }
    store->next_event_id = loaded->last_event_id + 1;
    return 0;
}

/* The database first, for its lock: the files are read, set aside and made by its owner alone. */
static int load(struct store *store, int64_t wall_ms, struct store_loaded *loaded,
                struct error_detail *ret_detail)
{
    int error = check_not_newer(store, loaded, ret_detail);
    if (error != 0)
        return error;
    struct error_detail database_detail = {""};
    int database_error = store_database_open(&store->database, &database_detail);
    if (database_error == ERROR_BUSY || database_error == ERROR_NEWER || database_error == ERROR_NO_MEMORY) {
        *ret_detail = database_detail;
        return database_error;
    }
    error = load_licence(store, wall_ms, loaded, ret_detail);
    if (error == 0)
        error = load_identity(store, wall_ms, loaded, ret_detail);
    if (error != 0)
        return error;
    if (database_error == 0 || database_error == ERROR_DAMAGED)
        database_error = load_database(store, wall_ms, loaded, &database_detail);
    if (database_error == ERROR_NO_MEMORY)
        return database_error;
    if (database_error != 0) {
        loaded->database_error = database_error;
        loaded->database_detail = database_detail;
    }
    return finish_loading(store, wall_ms, loaded);
}

int store_open(uv_loop_t *loop, const char *directory, int64_t wall_ms, struct store **ret_store,
               struct store_loaded **ret_loaded, struct error_detail *ret_detail)
{
    struct store *store = calloc(1, sizeof(*store));
    struct store_loaded *loaded = loaded_create();
    int error = ERROR_NO_MEMORY;
    if (!store || !loaded) {
        error_detail_set(ret_detail, "%s", error_text(error));
        goto fail;
    }
    store->loop = loop;
    store->queue_end = &store->queue;
    error = prepare_paths(store, directory, ret_detail);
    if (error == 0 || error == ERROR_FULL || error == ERROR_FORBIDDEN || error == ERROR_IO)
        error = load(store, wall_ms, loaded, ret_detail);
    if (error != 0)
        goto fail;
    *ret_store = store;
    *ret_loaded = loaded;
    return 0;
fail:
    if (store) {
        store_database_close(&store->database);
        free(store->farms);
    }
    free(store);
    store_loaded_free(loaded);
    return error;
}

int store_begin_anew(struct store *store, int64_t wall_ms, struct store_loaded *loaded,
                     struct error_detail *ret_detail)
{
    forget_rows(loaded);
    store_database_close(&store->database);
    free(store->farms);
    store->farms = NULL;
    store->farm_count = 0;
    int error = replace_database(store, wall_ms, loaded, ret_detail);
    if (error == ERROR_NO_MEMORY)
        return error;
    if (error != 0) {
        loaded->database_error = error;
        loaded->database_detail = *ret_detail;
    }
    return finish_loading(store, wall_ms, loaded);
}
