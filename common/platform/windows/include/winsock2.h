/* Windows' sockets; gethostname() is unistd.h's. */
#define gethostname winsock_gethostname
#include_next <winsock2.h>
#undef gethostname
