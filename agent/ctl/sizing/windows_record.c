#include "windows_record.h"

#include "sizing.h"

#include "common/rfc3339.h"
#include "common/utf8.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define QUARTER_MS     INT64_C(900000)
#define HOUR_MS        INT64_C(3600000)
#define ZONE_HOURS_MAX 14
#define ZONE_SKEW_MS   INT64_C(180000) /* by which the receiver's clock may be behind the sender's */

#define TIME_BYTES   19 /* of "2020-09-04 03:08:20" */
#define FRACTION_MAX 9

/* ---- fields -------------------------------------------------------------------------------------------- */

static const struct {
    enum windows_field field;
    const char *name;
} data_names[] = {
    {WINDOWS_TARGET_USER, "TargetUserName"},
    {WINDOWS_TARGET_DOMAIN, "TargetDomainName"},
    {WINDOWS_TARGET_SID, "TargetUserSid"},
    {WINDOWS_TARGET_LOGON, "TargetLogonId"},
    {WINDOWS_TARGET_LINKED_LOGON, "TargetLinkedLogonId"},
    {WINDOWS_LOGON_TYPE, "LogonType"},
    {WINDOWS_ELEVATED, "ElevatedToken"},
    {WINDOWS_IP_ADDRESS, "IpAddress"},
    {WINDOWS_ACCOUNT_NAME, "AccountName"},
    {WINDOWS_ACCOUNT_DOMAIN, "AccountDomain"},
    {WINDOWS_LOGON_ID, "LogonID"},
    {WINDOWS_SESSION_NAME, "SessionName"},
    {WINDOWS_CLIENT_ADDRESS, "ClientAddress"},
    {WINDOWS_LSM_USER, "User"},
    {WINDOWS_LSM_SESSION_ID, "SessionID"},
    {WINDOWS_LSM_ADDRESS, "Address"},
    {WINDOWS_LSM_TARGET_SESSION, "TargetSession"},
    {WINDOWS_LSM_SESSION, "Session"},
};

enum windows_field windows_data_field(const char *name, size_t bytes)
{
    for (size_t i = 0; i < sizeof data_names / sizeof *data_names; i++)
        if (strncasecmp(data_names[i].name, name, bytes) == 0 && data_names[i].name[bytes] == '\0')
            return data_names[i].field;
    return WINDOWS_FIELD_MAX;
}

static void clear(struct windows_record *record, enum windows_field field)
{
    record->fields[field].bytes = 0;
    record->fields[field].text[0] = '\0';
}

void windows_record_begin(struct windows_record *record)
{
    for (int i = 0; i < WINDOWS_FIELD_MAX; i++)
        clear(record, (enum windows_field)i);
}

void windows_record_put(struct windows_record *record, enum windows_field field, const char *value,
                        size_t bytes)
{
    uint32_t used = record->fields[field].bytes;
    char *text = record->fields[field].text;
    if (bytes > WINDOWS_VALUE_BYTES_MAX - used)
        bytes = WINDOWS_VALUE_BYTES_MAX - used;
    for (size_t i = 0; i < bytes; i++)
        text[used + i] =
            value[i] == '\0' ? '\x01' : value[i]; /* no name has either, and texts end at a NUL */
    record->fields[field].bytes = used += (uint32_t)bytes;
    text[used] = '\0';
}

static const char *field(const struct windows_record *record, enum windows_field field)
{
    return record->fields[field].text;
}

static bool has(const struct windows_record *record, enum windows_field field)
{
    return record->fields[field].bytes > 0;
}

/* ---- values -------------------------------------------------------------------------------------------- */

/* "17" or "0x11"; false for anything else. */
static bool parse_number(const char *text, uint64_t max, uint64_t *ret_number)
{
    char *end;
    while (*text == ' ')
        text++;
    if (*text < '0' || *text > '9')
        return false;
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    unsigned long long number = strtoull(text, &end, hex ? 16 : 10);
    while (*end == ' ')
        end++;
    if (*end != '\0' || number > max)
        return false;
    *ret_number = number;
    return true;
}

static uint64_t number_or_0(const char *text)
{
    uint64_t number = 0;
    (void)parse_number(text, UINT64_MAX, &number);
    return number;
}

/* "LOCAL" and its like in every language are no address. */
static bool address_is_local(const char *text)
{
    char address[INET6_ADDRSTRLEN];
    struct in_addr four;
    struct in6_addr six;
    size_t bytes = strcspn(text, "%"); /* "fe80::1%4": the interface */
    if (bytes >= sizeof address)
        return false;
    memcpy(address, text, bytes);
    address[bytes] = '\0';
    if (inet_pton(AF_INET, address, &four) == 1)
        return ntohl(four.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, address, &six) == 1)
        return IN6_IS_ADDR_LOOPBACK(&six) || (IN6_IS_ADDR_V4MAPPED(&six) && six.s6_addr[12] == 127);
    return strpbrk(address, ".:") == NULL; /* "192.0.2.7:49152" is none of these forms, but remote */
}

static bool is_numbered(const char *name, const char *prefix)
{
    size_t bytes = strlen(prefix);
    return strncasecmp(name, prefix, bytes) == 0 && name[bytes] != '\0' &&
           name[bytes + strspn(name + bytes, "0123456789")] == '\0';
}

/* By the account's number where it is told: their names are translated. */
static bool is_user(const char *name, const char *sid)
{
    static const char *const whole_sids[] = {"S-1-5-7", "S-1-5-18", "S-1-5-19", "S-1-5-20"};
    static const char *const sid_prefixes[] = {"S-1-5-80-", "S-1-5-82-", "S-1-5-83-", "S-1-5-90-",
                                               "S-1-5-96-"};
    static const char *const names[] = {"SYSTEM", "LOCAL SERVICE", "NETWORK SERVICE", "ANONYMOUS LOGON"};
    size_t bytes = strlen(name);
    for (size_t i = 0; i < sizeof whole_sids / sizeof *whole_sids; i++)
        if (strcmp(sid, whole_sids[i]) == 0)
            return false;
    for (size_t i = 0; i < sizeof sid_prefixes / sizeof *sid_prefixes; i++)
        if (strncmp(sid, sid_prefixes[i], strlen(sid_prefixes[i])) == 0)
            return false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(name, names[i]) == 0)
            return false;
    return !(bytes > 0 && name[bytes - 1] == '$') && !is_numbered(name, "DWM-") &&
           !is_numbered(name, "UMFD-");
}

/* A log-on that has a linked one is half of a pair that user account control splits, which it does for
 * administrators alone. Old hosts tell neither. */
static enum administrator administrator_of(const char *elevated, uint64_t linked)
{
    if (linked != 0 || strcmp(elevated, "%%1842") == 0 || strcasecmp(elevated, "Yes") == 0)
        return ADMINISTRATOR_YES;
    if (strcmp(elevated, "%%1843") == 0 || strcasecmp(elevated, "No") == 0)
        return ADMINISTRATOR_NO;
    return ADMINISTRATOR_UNKNOWN;
}

/* ---- time ---------------------------------------------------------------------------------------------- */

/* "2020-09-04 03:08:20[.123456789][Z| UTC|+02:00|+0200]", with a T or a blank. Without a zone it is read as
 * if it were UTC. */
static bool parse_time(const char *text, int64_t *ret_ms, bool *ret_has_zone)
{
    char normal[TIME_BYTES + 1 + FRACTION_MAX + sizeof "+00:00"];
    size_t bytes = strlen(text), fraction = 0;
    if (bytes < TIME_BYTES || (text[10] != 'T' && text[10] != ' '))
        return false;
    memcpy(normal, text, TIME_BYTES);
    normal[10] = 'T';
    char *end = normal + TIME_BYTES;
    text += TIME_BYTES;
    if (*text == '.' || *text == ',') {
        fraction = strspn(++text, "0123456789");
        size_t kept = fraction < FRACTION_MAX ? fraction : FRACTION_MAX;
        *end++ = '.';
        memcpy(end, text, kept);
        end += kept;
        text += fraction;
    }
    text += strspn(text, " ");
    size_t zone = strlen(text);
    bool is_utc = strcmp(text, "Z") == 0 || strcmp(text, "UTC") == 0;
    if (is_utc || zone == 0) {
        *end++ = 'Z';
    } else if (zone == 5 && (*text == '+' || *text == '-')) {
        memcpy(end, text, 3);
        end[3] = ':';
        memcpy(end + 4, text + 3, 2);
        end += 6;
    } else if (zone == 6) {
        memcpy(end, text, 6);
        end += 6;
    } else {
        return false;
    }
    if (!rfc3339_parse(normal, (size_t)(end - normal), ret_ms))
        return false;
    *ret_has_zone = zone != 0;
    return true;
}

static bool local_to_utc(int64_t local_ms, int64_t *ret_ms)
{
    time_t seconds = (time_t)(local_ms / 1000);
    struct tm parts;
    if (gmtime_r(&seconds, &parts) == NULL)
        return false;
    parts.tm_isdst = -1;
    time_t utc = mktime(&parts);
    if (utc == (time_t)-1)
        return false;
    *ret_ms = (int64_t)utc * 1000 + local_ms % 1000;
    return true;
}

/* `local` was written no later than `zoned`: the difference is the zone's and the way's. */
static void note_zone(int64_t local_ms, int64_t zoned_ms, struct windows_zone *zone)
{
    int64_t behind_ms = zoned_ms - local_ms + ZONE_SKEW_MS;
    int64_t quarters = behind_ms / QUARTER_MS - (behind_ms % QUARTER_MS < 0 ? 1 : 0);
    int64_t ahead_ms = -quarters * QUARTER_MS;
    if (llabs(ahead_ms) > ZONE_HOURS_MAX * HOUR_MS)
        return;
    *zone = (struct windows_zone){true, ahead_ms};
}

/* Most of a record's way may lie before its collector received it, so that where that is told it is looked at
 * alone. */
static void learn_zone(const struct windows_record *record, int64_t event_ms, struct windows_zone *zone)
{
    int64_t received_ms, arrived_ms;
    bool received_zoned, arrived_zoned;
    bool is_received = parse_time(field(record, WINDOWS_RECEIVED_TIME), &received_ms, &received_zoned);
    bool is_arrived = parse_time(field(record, WINDOWS_TIMESTAMP), &arrived_ms, &arrived_zoned);
    if (is_received && received_zoned)
        note_zone(event_ms, received_ms, zone);
    else if (is_arrived && arrived_zoned)
        note_zone(is_received ? received_ms : event_ms, arrived_ms, zone);
}

static bool record_time(const struct windows_record *record, struct windows_zone *zone, int64_t *ret_ms)
{
    int64_t at_ms;
    bool has_zone;
    if (has(record, WINDOWS_SYSTEM_TIME))
        return parse_time(field(record, WINDOWS_SYSTEM_TIME), ret_ms, &has_zone);
    if (!has(record, WINDOWS_EVENT_TIME))
        return parse_time(field(record, WINDOWS_TIMESTAMP), ret_ms, &has_zone);
    if (!parse_time(field(record, WINDOWS_EVENT_TIME), &at_ms, &has_zone))
        return false;
    if (has_zone) {
        *ret_ms = at_ms;
        return true;
    }
    learn_zone(record, at_ms, zone);
    if (!zone->is_known)
        return local_to_utc(at_ms, ret_ms);
    *ret_ms = at_ms - zone->ahead_ms;
    return true;
}

/* ---- an LSM record's message --------------------------------------------------------------------------- */

/* The value of "label: value", whose colon may be a wide one; NULL for a line without. */
static const char *labelled(const char *line, size_t bytes, size_t *ret_bytes)
{
    static const char wide_colon[] = "\xef\xbc\x9a", hard_space[] = "\xc2\xa0";
    const char *end = line + bytes, *colon = memchr(line, ':', bytes),
               *wide = memmem(line, bytes, wide_colon, sizeof wide_colon - 1);
    if (colon == NULL && wide == NULL)
        return NULL;
    const char *value = wide != NULL && (colon == NULL || wide < colon) ? wide + 3 : colon + 1;
    for (bool more = true; more;) {
        more = false;
        if (value < end && (*value == ' ' || *value == '\t'))
            value++, more = true;
        else if (end - value >= 2 && memcmp(value, hard_space, 2) == 0)
            value += 2, more = true;
    }
    while (end > value && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
        end--;
    *ret_bytes = (size_t)(end - value);
    return value;
}

static bool line_is_empty(const char *line, size_t bytes)
{
    return bytes == 0 || (bytes == 1 && *line == '\r');
}

static void read_labelled_lines(struct windows_record *record)
{
    static const enum windows_field fields[] = {WINDOWS_LSM_USER, WINDOWS_LSM_SESSION_ID,
                                                WINDOWS_LSM_ADDRESS};
    const char *line = field(record, WINDOWS_MESSAGE);
    bool behind_empty = false;
    for (size_t next = 0; *line != '\0' && next < sizeof fields / sizeof *fields;) {
        size_t bytes = strcspn(line, "\n"), value_bytes;
        const char *value;
        if (line_is_empty(line, bytes))
            behind_empty = true;
        else if (behind_empty && (value = labelled(line, bytes, &value_bytes)) != NULL) {
            clear(record, fields[next]);
            windows_record_put(record, fields[next++], value, value_bytes);
        }
        line += bytes + (line[bytes] == '\n');
    }
}

static void read_first_number(struct windows_record *record)
{
    const char *number = strpbrk(field(record, WINDOWS_MESSAGE), "0123456789");
    if (number != NULL)
        windows_record_put(record, WINDOWS_LSM_SESSION, number, strspn(number, "0123456789"));
}

/* ---- what it says -------------------------------------------------------------------------------------- */

static bool is(const struct windows_record *record, enum windows_field which, const char *text)
{
    return strcasecmp(field(record, which), text) == 0;
}

static bool record_log(const struct windows_record *record, enum windows_log *ret_log)
{
    static const struct {
        enum windows_field field;
        const char *name;
        enum windows_log log;
    } names[] = {
        {WINDOWS_CHANNEL, "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational", WINDOWS_LSM},
        {WINDOWS_CHANNEL, "Security", WINDOWS_SECURITY},
        {WINDOWS_CHANNEL, "System", WINDOWS_SYSTEM},
        {WINDOWS_PROVIDER, "Microsoft-Windows-TerminalServices-LocalSessionManager", WINDOWS_LSM},
        {WINDOWS_PROVIDER, "Microsoft-Windows-Security-Auditing", WINDOWS_SECURITY},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (names[i].field == WINDOWS_PROVIDER && has(record, WINDOWS_CHANNEL))
            break;
        if (!is(record, names[i].field, names[i].name))
            continue;
        *ret_log = names[i].log;
        return true;
    }
    return false;
}

/* "DOMAIN\user" in one field, or in two; without a domain the account is the host's own. */
static void set_user(struct windows_record *record, const char *domain, const char *name,
                     struct windows_event *event)
{
    const char *separator = strchr(name, '\\');
    size_t domain_bytes = strlen(domain);
    if (strcmp(name, "-") == 0)
        name = "";
    event->user = record->user;
    event->is_user = is_user(separator == NULL ? name : separator + 1, field(record, WINDOWS_TARGET_SID));
    if (separator != NULL || *name == '\0' || strchr(name, '@') != NULL) {
        strcpy(record->user, name);
        return;
    }
    if (domain_bytes == 0 || strcmp(domain, "-") == 0) {
        domain = event->host;
        domain_bytes = strcspn(domain, ".");
    }
    memcpy(record->user, domain, domain_bytes);
    record->user[domain_bytes] = '\\';
    strcpy(record->user + domain_bytes + 1, name);
}

static enum windows_meaning read_security(struct windows_record *record, struct windows_event *event)
{
    switch (event->id) {
    case 1100:
    case 4608:
        return WINDOWS_MEANT;
    case 4624:
    case 4634:
    case 4647:
        event->logon_type = (uint32_t)(number_or_0(field(record, WINDOWS_LOGON_TYPE)) & UINT32_MAX);
        event->logon = number_or_0(field(record, WINDOWS_TARGET_LOGON));
        event->linked = number_or_0(field(record, WINDOWS_TARGET_LINKED_LOGON));
        event->administrator = administrator_of(field(record, WINDOWS_ELEVATED), event->linked);
        event->is_local = address_is_local(field(record, WINDOWS_IP_ADDRESS));
        set_user(record, field(record, WINDOWS_TARGET_DOMAIN), field(record, WINDOWS_TARGET_USER), event);
        break;
    case 4778:
    case 4779:
        event->logon = number_or_0(field(record, WINDOWS_LOGON_ID));
        event->is_local = address_is_local(field(record, WINDOWS_CLIENT_ADDRESS));
        event->is_rdp = strncasecmp(field(record, WINDOWS_SESSION_NAME), "RDP", 3) == 0;
        set_user(record, field(record, WINDOWS_ACCOUNT_DOMAIN), field(record, WINDOWS_ACCOUNT_NAME), event);
        break;
    default:
        return WINDOWS_OTHER;
    }
    return event->logon == 0 ? WINDOWS_UNREADABLE : WINDOWS_MEANT;
}

static enum windows_meaning read_lsm(struct windows_record *record, struct windows_event *event)
{
    enum windows_field number = WINDOWS_LSM_SESSION_ID;
    uint64_t session;
    switch (event->id) {
    case 21:
    case 22:
    case 23:
    case 24:
    case 25:
        if (!has(record, WINDOWS_LSM_SESSION_ID))
            read_labelled_lines(record);
        break;
    case 39:
        number = has(record, WINDOWS_LSM_TARGET_SESSION) ? WINDOWS_LSM_TARGET_SESSION : WINDOWS_LSM_SESSION;
        break;
    case 40:
        number = WINDOWS_LSM_SESSION;
        break;
    case 32:
        return WINDOWS_MEANT;
    default:
        return WINDOWS_OTHER;
    }
    if (number == WINDOWS_LSM_SESSION && !has(record, number))
        read_first_number(record);
    if (!parse_number(field(record, number), UINT32_MAX, &session))
        return WINDOWS_UNREADABLE;
    event->session = (uint32_t)session;
    event->is_local = address_is_local(field(record, WINDOWS_LSM_ADDRESS));
    set_user(record, "", field(record, WINDOWS_LSM_USER), event);
    return WINDOWS_MEANT;
}

static enum windows_meaning read_system(const struct windows_record *record, uint32_t id)
{
    static const char kernel[] = "Microsoft-Windows-Kernel-General";
    if (id == 6005 || id == 6006 || id == 6009)
        return is(record, WINDOWS_PROVIDER, "EventLog") ||
                       is(record, WINDOWS_PROVIDER, "Microsoft-Windows-Eventlog")
                   ? WINDOWS_MEANT
                   : WINDOWS_OTHER;
    return (id == 12 || id == 13) && is(record, WINDOWS_PROVIDER, kernel) ? WINDOWS_MEANT : WINDOWS_OTHER;
}

static void set_host(struct windows_record *record, const struct windows_hosts *hosts,
                     struct windows_event *event)
{
    const char *own = field(record, WINDOWS_COMPUTER);
    event->host = record->host;
    if (hosts->is_given || *own == '\0') {
        event->host = hosts->name;
        return;
    }
    for (size_t i = 0; i <= record->fields[WINDOWS_COMPUTER].bytes; i++)
        record->host[i] = own[i] >= 'A' && own[i] <= 'Z' ? (char)(own[i] + ('a' - 'A')) : own[i];
}

enum windows_meaning windows_record_read(struct windows_record *record, const struct windows_hosts *hosts,
                                         struct windows_zone *zone, struct windows_event *ret_event)
{
    struct windows_event event = {.user = "", .administrator = ADMINISTRATOR_UNKNOWN};
    enum windows_meaning meaning;
    uint64_t id;
    if (!parse_number(field(record, WINDOWS_EVENT_ID), UINT32_MAX, &id))
        return WINDOWS_UNREADABLE;
    if (!record_log(record, &event.log))
        return has(record, WINDOWS_CHANNEL) || has(record, WINDOWS_PROVIDER) ? WINDOWS_OTHER
                                                                             : WINDOWS_UNREADABLE;
    event.id = (uint32_t)id;
    event.record = number_or_0(field(record, WINDOWS_RECORD_ID));
    set_host(record, hosts, &event);
    if (event.log == WINDOWS_SECURITY)
        meaning = read_security(record, &event);
    else if (event.log == WINDOWS_LSM)
        meaning = read_lsm(record, &event);
    else
        meaning = read_system(record, event.id);
    if (meaning != WINDOWS_MEANT)
        return meaning;
    if (!record_time(record, zone, &event.at_ms) || event.at_ms < 0 || event.at_ms > SIZING_TIME_MS_MAX)
        return WINDOWS_UNREADABLE;
    *ret_event = event;
    return WINDOWS_MEANT;
}
