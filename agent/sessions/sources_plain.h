/* sources_plain.h - the session sources of a build without libsystemd. */
#define SOURCES_DEFAULT          "(\"utmp\", \"api\")"
#define SOURCES_BUILT_IN(SOURCE) SOURCE(utmp) SOURCE(scripted)
