#include "classify.h"

#include "identity.h"

#include <assert.h>
#include <string.h>

/* '*' any bytes, '?' one byte. Going back only to the last star keeps it at pattern × text steps at worst. */
static bool matches_pattern(const char *pattern, const char *text)
{
    const char *star = NULL, *behind_star = NULL;
    while (*text != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            behind_star = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++;
            text++;
        } else if (star != NULL) {
            pattern = star + 1;
            text = ++behind_star;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

static bool matches_text(const char *pattern, const char *text)
{
    return *pattern == '\0' || matches_pattern(pattern, text != NULL ? text : "");
}

static_assert(CLASSIFY_RULE_BYTES_MAX <= IDENTITY_FOLD_BYTES_MAX, "every pattern can be folded");

/* A user's or group's name. */
static bool matches_name(const char *pattern, const char *name, bool windows)
{
    char folded_pattern[IDENTITY_KEY_BYTES_MAX], folded_name[IDENTITY_KEY_BYTES_MAX];
    if (!windows || !identity_fold(name, folded_name))
        return matches_pattern(pattern, name);
    (void)identity_fold(pattern, folded_pattern);
    return matches_pattern(folded_pattern, folded_name);
}

static bool matches_user(const char *pattern, const struct session_facts *facts)
{
    return *pattern == '\0' || matches_name(pattern, facts->user, identity_is_windows(facts->user));
}

static bool matches_group(const char *pattern, const struct session_facts *facts)
{
    if (*pattern == '\0')
        return true;
    if (!facts->groups_known)
        return false;
    for (size_t i = 0; i < facts->group_count; i++)
        if (matches_name(pattern, facts->groups[i], identity_is_windows(facts->user)))
            return true;
    return false;
}

/* Sources often tell where a session comes from only by its remote host. */
static bool is_remote(const struct session_facts *facts)
{
    return facts->remote || (facts->remote_host != NULL && *facts->remote_host != '\0');
}

static bool matches(const struct classify_rule *rule, const struct session_facts *facts)
{
    return (rule->remote < 0 || (rule->remote != 0) == is_remote(facts)) &&
           matches_text(rule->service, facts->service) && matches_text(rule->type, facts->type) &&
           matches_text(rule->session_class, facts->session_class) && matches_user(rule->user, facts) &&
           matches_group(rule->group, facts);
}

static enum administrator administrator_of(const struct classify_settings *settings,
                                           const struct session_facts *facts)
{
    if (facts->administrator_known >= 0)
        return (enum administrator)facts->administrator_known;
    if (facts->superuser)
        return ADMINISTRATOR_YES;
    if (!facts->groups_known)
        return ADMINISTRATOR_UNKNOWN;
    for (size_t i = 0; i < settings->administrator_group_count; i++)
        for (size_t j = 0; j < facts->group_count; j++)
            if (strcmp(settings->administrator_groups[i], facts->groups[j]) == 0)
                return ADMINISTRATOR_YES;
    return ADMINISTRATOR_NO;
}

/* 1-based; 0: no rule matches. */
static int deciding_rule(const struct classify_settings *settings, const struct session_facts *facts)
{
    for (size_t i = 0; i < settings->rule_count; i++)
        if (matches(&settings->rules[i], facts))
            return (int)i + 1;
    return 0;
}

bool classify_names_valid(const struct session_facts *facts)
{
    return connection_text_valid(facts->host, CONNECTION_HOST_BYTES_MAX) &&
           connection_text_valid(facts->id, CONNECTION_ID_BYTES_MAX) &&
           connection_text_valid(facts->user, CONNECTION_USER_BYTES_MAX);
}

/* The built-in rules are made for sources that know less. */
static bool rules_overrule(const struct classify_settings *settings, const struct session_facts *facts)
{
    size_t count;
    return facts->rules_first && settings->rules != classify_default_rules(&count);
}

bool classify_needs_groups(const struct classify_settings *settings, const struct session_facts *facts)
{
    if (facts->kind_known < 0 || facts->route_known < 0)
        return true;
    for (size_t i = 0; i < settings->rule_count && rules_overrule(settings, facts); i++)
        if (settings->rules[i].group[0] != '\0')
            return true;
    return false;
}

struct classify_result classify(const struct classify_settings *settings, const struct session_facts *facts)
{
    struct classify_result result = {
        .outcome = facts->closing ? CLASSIFY_CLOSING : CLASSIFY_LIVE,
        .administrator = administrator_of(settings, facts),
    };
    bool known_whole = facts->kind_known >= 0 && facts->route_known >= 0;
    bool overruled = rules_overrule(settings, facts);
    if (!known_whole || overruled)
        result.rule = deciding_rule(settings, facts);
    if (result.rule > 0 ? settings->rules[result.rule - 1].ignore : !known_whole) {
        result.outcome = CLASSIFY_IGNORED;
    } else if (result.rule > 0) {
        result.kind = settings->rules[result.rule - 1].kind;
        result.route = settings->rules[result.rule - 1].route;
    }
    if (result.rule > 0 && overruled)
        return result;
    if (facts->kind_known >= 0)
        result.kind = (enum connection_kind)facts->kind_known;
    if (facts->route_known >= 0)
        result.route = (enum connection_route)facts->route_known;
    return result;
}

/* ---- as it is written ---- */

#define RULE_TEXTS 5 /* members of a rule that are patterns */
static_assert(RULE_TEXTS * (2 * CLASSIFY_RULE_BYTES_MAX + 16) + 96 <= CLASSIFY_RULE_TEXT_BYTES,
              "any rule can be written, each character of it escaped");

static char *write_plain(char *at, const char *text)
{
    size_t bytes = strlen(text);
    memcpy(at, text, bytes + 1);
    return at + bytes;
}

static char *write_member(char *at, const char *name, const char *value)
{
    if (*value == '\0')
        return at;
    at = write_plain(write_plain(at, name), " = \"");
    for (; *value != '\0'; value++) {
        if (*value == '"' || *value == '\\')
            *at++ = '\\';
        *at++ = *value;
    }
    return write_plain(at, "\"; ");
}

void classify_rule_text(const struct classify_rule *rule, char ret[CLASSIFY_RULE_TEXT_BYTES])
{
    char *at = write_plain(ret, "{ ");
    at = write_member(at, "service", rule->service);
    at = write_member(at, "type", rule->type);
    at = write_member(at, "class", rule->session_class);
    at = write_member(at, "user", rule->user);
    at = write_member(at, "group", rule->group);
    if (rule->remote >= 0)
        at = write_member(at, "remote", rule->remote > 0 ? "yes" : "no");
    at = write_member(at, "kind", rule->ignore ? "ignore" : connection_kind_name(rule->kind));
    if (!rule->ignore)
        at = write_member(at, "route", connection_route_name(rule->route));
    (void)write_plain(at, "}");
}

const struct classify_rule *classify_default_rules(size_t *ret_count)
{
    /* xrdp's and VNC's sessions say that they are local, so their PAM service tells them; other remote
     * desktops say that they are remote. Text log-ins never count, wherever they come from. */
    static const struct classify_rule rules[] = {
        {.session_class = "greeter", .remote = -1, .ignore = true},
        {.session_class = "lock-screen", .remote = -1, .ignore = true},
        {.session_class = "background*", .remote = -1, .ignore = true},
        {.session_class = "manager*", .remote = -1, .ignore = true},
        {.service = "sshd*", .remote = -1, .ignore = true},
        {.service = "cron*", .remote = -1, .ignore = true},
        {.service = "systemd-user", .remote = -1, .ignore = true},
        {.service = "xrdp*", .remote = -1, .kind = KIND_DESKTOP, .route = ROUTE_RDP},
        {.service = "*vnc*", .remote = -1, .kind = KIND_DESKTOP, .route = ROUTE_RDP},
        {.type = "x11", .remote = 1, .kind = KIND_DESKTOP, .route = ROUTE_RDP},
        {.type = "wayland", .remote = 1, .kind = KIND_DESKTOP, .route = ROUTE_RDP},
        {.type = "mir", .remote = 1, .kind = KIND_DESKTOP, .route = ROUTE_RDP},
        {.remote = -1, .ignore = true},
    };
    *ret_count = sizeof(rules) / sizeof(rules[0]);
    return rules;
}
