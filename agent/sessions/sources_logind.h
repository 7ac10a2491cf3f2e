/* sources_logind.h - the session sources of a build with libsystemd. */
#define SOURCES_DEFAULT          "(\"logind\", \"api\")"
#define SOURCES_BUILT_IN(SOURCE) SOURCE(logind) SOURCE(utmp) SOURCE(scripted)
