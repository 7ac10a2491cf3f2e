/* wts.h - the sessions that Windows' Remote Desktop Services know: source_wts (source.h). */
#ifndef FARMGATE_AGENT_SESSIONS_WTS_H
#define FARMGATE_AGENT_SESSIONS_WTS_H

#define WTS_SETTLE_MS      50 /* one log-on is several notes within milliseconds */
#define WTS_POLL_MS        15000 /* the net under the notes, and all there is where no service manager sends any */
#define WTS_RETRY_FIRST_MS 1000
#define WTS_RETRY_LAST_MS  60000
#define WTS_LOOK_AGAIN_MS  1000 /* until a session's programs have told its kind */
#define WTS_LOOKS_MAX      30   /* in a row: a session may run neither of the shells that tell it */

/* Some session of this host was opened, closed, connected, disconnected: the service manager's note
 * (SERVICE_CONTROL_SESSIONCHANGE). From any thread, at any time; nothing happens while no source runs. */
void wts_session_changed(void);

#endif
