#include "service_line.h"

#include <string.h>

#define NAMED(name) (name), sizeof(name) - 1

static const struct {
    const char *name;
    size_t bytes;
    enum connection_route route;
} services[] = {
    {NAMED("sshd"), ROUTE_SSH},
    {NAMED("xrdp-sesman"), ROUTE_RDP},
    {NAMED("login"), ROUTE_CONSOLE},
    {NAMED("remote"), ROUTE_SSH},
    {NAMED("gdm"), ROUTE_CONSOLE},
    {NAMED("gdm-password"), ROUTE_CONSOLE},
    {NAMED("gdm-autologin"), ROUTE_CONSOLE},
    {NAMED("gdm-fingerprint"), ROUTE_CONSOLE},
    {NAMED("gdm-smartcard"), ROUTE_CONSOLE},
    {NAMED("lightdm"), ROUTE_CONSOLE},
    {NAMED("lightdm-autologin"), ROUTE_CONSOLE},
    {NAMED("sddm"), ROUTE_CONSOLE},
    {NAMED("sddm-autologin"), ROUTE_CONSOLE},
    {NAMED("kde"), ROUTE_CONSOLE},
    {NAMED("kdm"), ROUTE_CONSOLE},
    {NAMED("lxdm"), ROUTE_CONSOLE},
    {NAMED("slim"), ROUTE_CONSOLE},
    {NAMED("wdm"), ROUTE_CONSOLE},
    {NAMED("xdm"), ROUTE_CONSOLE},
    {NAMED("greetd"), ROUTE_CONSOLE},
};
#define SERVICE_COUNT (sizeof services / sizeof *services)

bool log_span_is(struct log_span span, const char *text)
{
    return strlen(text) == span.bytes && memcmp(span.text, text, span.bytes) == 0;
}

/* Its place in the table, SERVICE_COUNT if it has none. */
static size_t find_service(struct log_span service)
{
    size_t i = 0;
    while (i < SERVICE_COUNT &&
           (services[i].bytes != service.bytes || memcmp(services[i].name, service.text, service.bytes) != 0))
        i++;
    return i;
}

bool service_is_default(struct log_span service)
{
    return find_service(service) < SERVICE_COUNT;
}

enum connection_route service_route(struct log_span service)
{
    size_t i = find_service(service);
    return i < SERVICE_COUNT ? services[i].route : ROUTE_SSH;
}

bool service_user_is_greeter(struct log_span user)
{
    static const struct {
        const char *name;
        size_t bytes;
    } greeters[] = {
        {NAMED("gdm")},  {NAMED("Debian-gdm")}, {NAMED("gdm-greeter")}, {NAMED("gnome-initial-setup")},
        {NAMED("sddm")}, {NAMED("lightdm")},    {NAMED("greeter")},     {NAMED("_greetd")},
        {NAMED("lxdm")}, {NAMED("xdm")},        {NAMED("kdm")},
    };
    for (size_t i = 0; i < sizeof greeters / sizeof *greeters; i++)
        if (greeters[i].bytes == user.bytes && memcmp(greeters[i].name, user.text, user.bytes) == 0)
            return true;
    return false;
}

/* ---- pieces -------------------------------------------------------------------------------------------- */

/* Whether `span` begins with `text`; if so it is taken off. */
static inline bool skip(struct log_span *span, const char *text)
{
    size_t bytes = strlen(text);
    if (span->bytes < bytes || memcmp(span->text, text, bytes) != 0)
        return false;
    span->text += bytes;
    span->bytes -= bytes;
    return true;
}

/* Takes off everything up to and including the first `text`. */
static bool skip_past(struct log_span *span, const char *text)
{
    const char *found = memmem(span->text, span->bytes, text, strlen(text));
    if (found == NULL)
        return false;
    span->bytes -= (size_t)(found - span->text);
    span->text = found;
    return skip(span, text);
}

/* What stands before the first `text`; all if it is not there. */
static struct log_span before(struct log_span span, const char *text)
{
    const char *found = memmem(span.text, span.bytes, text, strlen(text));
    if (found != NULL)
        span.bytes = (size_t)(found - span.text);
    return span;
}

static struct log_span trimmed(struct log_span span)
{
    while (span.bytes > 0 && (span.text[span.bytes - 1] == ' ' || span.text[span.bytes - 1] == '\r'))
        span.bytes--;
    while (span.bytes > 0 && *span.text == ' ') {
        span.text++;
        span.bytes--;
    }
    return span;
}

/* A word, or what stands in quotes: "12", "'12'". Taken off. */
static struct log_span skip_word(struct log_span *span)
{
    bool quoted = skip(span, "'");
    struct log_span word = *span;
    for (word.bytes = 0; word.bytes < span->bytes; word.bytes++)
        if (quoted ? span->text[word.bytes] == '\'' : span->text[word.bytes] == ' ')
            break;
    span->text += word.bytes;
    span->bytes -= word.bytes;
    if (quoted)
        (void)skip(span, "'");
    return word;
}

/* The dot at the end of a sentence. */
static struct log_span without_dot(struct log_span span)
{
    span = trimmed(span);
    if (span.bytes > 0 && span.text[span.bytes - 1] == '.')
        span.bytes--;
    return span;
}

/* ---- services ------------------------------------------------------------------------------------------ */

/* "alice(uid=1000) by (uid=0)", "alice by (uid=0)", "alice": who it is. */
static struct log_span user_of(struct log_span text)
{
    const char *open = memchr(text.text, '(', text.bytes);
    if (open == NULL)
        return trimmed(text);
    return trimmed(before(before(text, "(uid="), " by "));
}

/* "pam_unix(sshd:session): session opened for user alice(uid=1000) by (uid=0)", nothing before it: other
 * lines repeat names that strangers have chosen. */
static void read_pam(struct log_span message, struct service_line *ret)
{
    if (!skip(&message, "pam_unix("))
        return;
    const char *colon = memchr(message.text, ':', message.bytes);
    if (colon == NULL)
        return;
    ret->service = (struct log_span){message.text, (size_t)(colon - message.text)};
    message.bytes -= ret->service.bytes;
    message.text = colon;
    if (!skip(&message, ":session): session "))
        return;
    if (skip(&message, "opened for user ")) {
        ret->user = user_of(message);
        ret->says = SAYS_PAM_OPENED;
    } else if (skip(&message, "closed for user ")) {
        ret->user = user_of(message);
        ret->says = SAYS_PAM_CLOSED;
    }
}

/* "New session 12 of user alice.", "New session '12' of user 'alice' with class 'user' and type 'tty'." */
static void read_logind_new(struct log_span message, struct service_line *ret)
{
    ret->session = skip_word(&message);
    if (!skip(&message, " of user "))
        return;
    ret->says = SAYS_LOGIND_NEW;
    if (message.bytes > 0 && *message.text == '\'')
        ret->user = skip_word(&message);
    else
        ret->user = without_dot(before(message, " with class '"));
    ret->is_user_class = !skip_past(&message, " with class '") || skip(&message, "user");
}

static void read_logind(struct log_span message, struct service_line *ret)
{
    if (skip(&message, "New session ")) {
        read_logind_new(message, ret);
    } else if (skip(&message, "Removed session ")) {
        ret->session = skip_word(&message);
        ret->session = without_dot(ret->session);
        ret->says = SAYS_LOGIND_GONE;
    } else if (skip(&message, "Session ")) {
        ret->session = skip_word(&message);
        ret->says = skip(&message, " logged out") ? SAYS_LOGIND_LEFT : SAYS_NOTHING;
    } else if (skip(&message, "New seat ")) {
        ret->says = SAYS_LOGIND_STARTS;
    } else if (skip(&message, "System is ")) {
        if (skip(&message, "rebooting") || skip(&message, "powering ") || skip(&message, "halting"))
            ret->says = SAYS_GOES_DOWN;
    }
}

/* "display :10.0, ", "display 10": the number. */
static struct log_span display_of(struct log_span message)
{
    if (!skip_past(&message, "display "))
        return (struct log_span){"", 0};
    (void)skip(&message, ":");
    struct log_span number = {message.text, 0};
    while (number.bytes < message.bytes && message.text[number.bytes] >= '0' &&
           message.text[number.bytes] <= '9')
        number.bytes++;
    return number;
}

/* What stands behind `words` and before `end`. */
static struct log_span between(struct log_span message, const char *words, const char *end)
{
    if (!skip_past(&message, words))
        return (struct log_span){"", 0};
    return trimmed(before(message, end));
}

/* "(2302)(140145709626688)[INFO ] " */
static struct log_span without_xrdp_level(struct log_span message)
{
    while (message.bytes > 0 && *message.text == '(')
        if (!skip_past(&message, ")"))
            break;
    if (message.bytes > 0 && *message.text == '[')
        (void)skip_past(&message, "] ");
    return trimmed(message);
}

/* xrdp 0.10, which tells users and displays apart (xrdp_requests.h). */
static void read_xrdp_request(struct log_span message, struct service_line *ret)
{
    if (skip(&message, "Received request from ")) {
        if (!skip_past(&message, " to create a session for user "))
            return;
        ret->user = trimmed(message);
        ret->says = SAYS_XRDP_ASKED;
    } else if (skip(&message, "++ reconnected session")) {
        ret->user = between(message, ": username ", ", display ");
        ret->says = SAYS_XRDP_BACK;
    } else if (skip(&message, "Starting X server on ")) {
        ret->session = display_of(message);
        ret->says = SAYS_XRDP_SHOWS;
    } else if (skip(&message, "Session in progress on ")) {
        ret->session = display_of(message);
        ret->says = SAYS_XRDP_RUNS;
    }
}

static void read_xrdp(struct log_span message, struct service_line *ret)
{
    message = without_xrdp_level(message);
    (void)skip(&message, "sesman: ");
    ret->service = (struct log_span){"xrdp-sesman", strlen("xrdp-sesman")};
    if (skip(&message, "++ created session")) {
        ret->user = between(message, ": username ", ",");
        ret->says = SAYS_XRDP_CREATED;
    } else if (skip(&message, "++ terminated session")) {
        ret->user = between(message, " username ", ",");
        if (ret->user.bytes == 0)
            ret->user = between(message, ": UID ", "), display");
        if (memchr(ret->user.text, '(', ret->user.bytes) != NULL)
            (void)skip_past(&ret->user, "(");
        ret->session = display_of(message);
        ret->says = SAYS_XRDP_ENDED;
    } else if (skip(&message, "Starting session: session_pid ")) {
        ret->user = between(message, "user name ", ",");
        ret->session = display_of(message);
        ret->says = ret->user.bytes > 0 ? SAYS_XRDP_STARTS : SAYS_NOTHING;
    } else if (skip(&message, "Session started successfully for user ")) {
        ret->user = trimmed(before(message, " on display "));
        ret->session = display_of(message);
        ret->says = SAYS_XRDP_STARTS;
    } else if (skip(&message, "Session on display ") &&
               memmem(message.text, message.bytes, " has finished", 13)) {
        (void)skip(&message, ":");
        ret->session = before(before(message, " "), ".");
        ret->says = SAYS_XRDP_ENDED;
    } else {
        read_xrdp_request(message, ret);
    }
}

static void read_kernel(struct log_span message, struct service_line *ret)
{
    if (skip(&message, "["))
        (void)skip_past(&message, "] ");
    if (skip(&message, "Linux version "))
        ret->says = SAYS_BOOTS;
}

void service_line_read(struct log_span name, struct log_span message, struct service_line *ret)
{
    const struct log_span none = {"", 0};
    *ret = (struct service_line){.service = none, .user = none, .session = none};
    if (log_span_is(name, "systemd-logind") || log_span_is(name, "elogind-daemon") ||
        log_span_is(name, "elogind")) {
        read_logind(message, ret);
    } else if (log_span_is(name, "kernel")) {
        read_kernel(message, ret);
    } else {
        read_pam(message, ret);
        if (ret->says == SAYS_NOTHING &&
            (log_span_is(name, "xrdp-sesman") || log_span_is(name, "xrdp-sesexec")))
            read_xrdp(message, ret);
    }
}

enum service_says service_line_by_id(struct log_span message_id)
{
    if (log_span_is(message_id, "8d45620c1a4348dbb17410da57c60c66"))
        return SAYS_LOGIND_NEW;
    return log_span_is(message_id, "3354939424b4456d9802ca8333ed424a") ? SAYS_LOGIND_GONE : SAYS_NOTHING;
}
