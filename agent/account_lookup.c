#include "account_answer.h"
#include "accounts.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/types.h>

#define FIRST_BUFFER_BYTES 4096
#define BUFFER_BYTES_MAX   (1024 * 1024) /* of one passwd or group entry: groups can have many members */
#define FIRST_GROUPS       64
#define GROUPS_MAX         65536 /* that the name service may tell of one user */

enum found { FOUND, NOT_FOUND, FAILED };

/* A buffer that grows until an entry fits. */
struct buffer {
    char *bytes;
    size_t room;
};

static bool enlarge(struct buffer *buffer)
{
    size_t room = buffer->room ? buffer->room * 2 : FIRST_BUFFER_BYTES;
    char *bytes = room <= BUFFER_BYTES_MAX ? realloc(buffer->bytes, room) : NULL;
    if (!bytes)
        return false;
    buffer->bytes = bytes;
    buffer->room = room;
    return true;
}

static enum found find_user(const char *user, struct buffer *buffer, uid_t *ret_uid, gid_t *ret_gid)
{
    struct passwd entry, *result = NULL;
    int rc = ERANGE;
    while (rc == ERANGE || rc == EINTR) {
        if (rc == ERANGE && !enlarge(buffer))
            return FAILED;
        rc = getpwnam_r(user, &entry, buffer->bytes, buffer->room, &result);
    }
    if (rc != 0 && rc != ENOENT && rc != ESRCH)
        return FAILED;
    if (!result)
        return NOT_FOUND;
    *ret_uid = entry.pw_uid;
    *ret_gid = entry.pw_gid;
    return FOUND;
}

/* The group's name in the buffer. */
static enum found find_group(gid_t gid, struct buffer *buffer, const char **ret_name)
{
    struct group entry, *result = NULL;
    int rc = buffer->room > 0 ? 0 : ERANGE;
    do {
        if (rc == ERANGE && !enlarge(buffer))
            return FAILED;
        rc = getgrgid_r(gid, &entry, buffer->bytes, buffer->room, &result);
    } while (rc == ERANGE || rc == EINTR);
    if (rc != 0 && rc != ENOENT && rc != ESRCH)
        return FAILED;
    if (!result)
        return NOT_FOUND;
    *ret_name = entry.gr_name;
    return FOUND;
}

/* All group ids of a user, to be freed with free(); NULL if that fails. */
static gid_t *find_gids(const char *user, gid_t primary, size_t *ret_count)
{
    gid_t *gids = NULL;
    for (int room = FIRST_GROUPS; room <= GROUPS_MAX; room *= 2) {
        gid_t *larger = realloc(gids, (size_t)room * sizeof(*gids));
        if (!larger)
            break;
        gids = larger;
        int count = room;
        if (getgrouplist(user, primary, gids, &count) >= 0) {
            *ret_count = (size_t)count;
            return gids;
        }
    }
    free(gids);
    return NULL;
}

/* A group id without a name is left out. */
static bool find_names(const gid_t *gids, size_t count, struct buffer *buffer, struct account_names *names)
{
    for (size_t i = 0; i < count && names->count < ACCOUNTS_GROUPS_MAX; i++) {
        const char *name;
        enum found found = find_group(gids[i], buffer, &name);
        if (found == FAILED || (found == FOUND && !account_names_add(names, name)))
            return false;
    }
    return true;
}

struct account_answer *account_lookup(const char *user)
{
    struct buffer buffer = {0};
    struct account_names names = {0};
    struct account_answer *answer = NULL;
    uid_t uid;
    gid_t primary, *gids = NULL;
    size_t count;
    enum found found = find_user(user, &buffer, &uid, &primary);
    if (found == NOT_FOUND)
        answer = account_answer_create(false, false, &names);
    else if (found == FOUND && (gids = find_gids(user, primary, &count)) &&
             find_names(gids, count, &buffer, &names))
        answer = account_answer_create(true, uid == 0, &names);
    free(gids);
    free(names.text);
    free(buffer.bytes);
    return answer;
}
