/* sources_windows.h - the session sources of a build for Windows. */
#define SOURCES_DEFAULT          "(\"wts\", \"api\")"
#define SOURCES_BUILT_IN(SOURCE) SOURCE(wts) SOURCE(scripted)
