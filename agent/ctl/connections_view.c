#include "connections_view.h"

#include "shape.h"

static const struct json_field connection_fields[] = {
    SHAPE_TEXT("host", struct connection_row, host),
    SHAPE_TEXT("id", struct connection_row, id),
    SHAPE_TEXT("user", struct connection_row, user),
    SHAPE_TEXT("kind", struct connection_row, kind),
    SHAPE_TEXT("route", struct connection_row, route),
    SHAPE_TEXT("state", struct connection_row, state),
    SHAPE_TIME("connected_at", struct connection_row, connected_at_ms),
    SHAPE_YES_NO("counted", struct connection_row, counted),
    SHAPE_TEXT("reason", struct connection_row, reason),
};
static const struct json_shape connection_shape = SHAPE_OF(connection_fields);

static const struct json_field ignored_fields[] = {
    SHAPE_TEXT("host", struct ignored_row, host),     SHAPE_TEXT("id", struct ignored_row, id),
    SHAPE_TEXT("user", struct ignored_row, user),     SHAPE_TEXT("service", struct ignored_row, service),
    SHAPE_TEXT("reason", struct ignored_row, reason),
};
static const struct json_shape ignored_shape = SHAPE_OF(ignored_fields);

static const struct json_field view_fields[] = {
    SHAPE_LIST("connections", struct connections_view, connections, connection_shape),
    SHAPE_LIST("ignored", struct connections_view, ignored, ignored_shape),
    SHAPE_YES_NO("more", struct connections_view, more),
    SHAPE_TEXT("scope", struct connections_view, scope),
};
const struct json_shape connections_view_shape = SHAPE_OF(view_fields);
