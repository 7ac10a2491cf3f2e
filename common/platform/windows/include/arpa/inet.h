/* Windows' sockets under the name that others have for them. */
#include <winsock2.h>
#include <ws2tcpip.h>
