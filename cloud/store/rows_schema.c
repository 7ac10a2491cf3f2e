#include "cloud/store/rows_internal.h"

/* A new version is a new entry: what has been released is never edited. */
const struct db_migration rows_migrations[ROWS_SCHEMA_VERSION] = {
    {1, "CREATE TABLE note (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;"
        "CREATE TABLE subscription ("
        " id INTEGER PRIMARY KEY, name TEXT NOT NULL, licences INTEGER NOT NULL, purchases INTEGER NOT NULL,"
        " term_months INTEGER NOT NULL, term_days INTEGER NOT NULL, created_ms INTEGER NOT NULL,"
        " activated_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL) STRICT;"
        "CREATE TABLE licence ("
        " id INTEGER PRIMARY KEY, subscription_id INTEGER NOT NULL REFERENCES subscription (id),"
        " key TEXT NOT NULL UNIQUE, name TEXT NOT NULL, quota INTEGER NOT NULL, created_ms INTEGER NOT NULL,"
        " expires_ms INTEGER NOT NULL, deleted_ms INTEGER NOT NULL, moves INTEGER NOT NULL,"
        " last_installation TEXT NOT NULL, holder TEXT NOT NULL) STRICT;"
        /* licence_id 0 is a trial: no reference, and one per installation by the same index as the rest. */
        "CREATE TABLE farm ("
        " number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, licence_id INTEGER NOT NULL,"
        " installation_id TEXT NOT NULL, name TEXT NOT NULL, app_version TEXT NOT NULL,"
        " status INTEGER NOT NULL, reason INTEGER NOT NULL, activated_ms INTEGER NOT NULL,"
        " deactivated_ms INTEGER NOT NULL, reported_ms INTEGER NOT NULL, trial_limit INTEGER NOT NULL,"
        " trial_ends_ms INTEGER NOT NULL, serial INTEGER NOT NULL, issued_ms INTEGER NOT NULL,"
        " accepted_through INTEGER NOT NULL DEFAULT 0, windows_counted INTEGER NOT NULL DEFAULT 0,"
        " windows_refused INTEGER NOT NULL DEFAULT 0, windows_missing INTEGER NOT NULL DEFAULT 0,"
        " clock_ahead_ms INTEGER NOT NULL DEFAULT 0, peak_users INTEGER NOT NULL DEFAULT 0,"
        " peak_at_ms INTEGER NOT NULL DEFAULT 0, token BLOB, former_token BLOB, windows BLOB, days BLOB,"
        " UNIQUE (licence_id, installation_id)) STRICT;"},
    /* Every key of version 1 was the only one of its subscription: it becomes the primary key. What was sold
     * then did not renew by itself, and goes on so: nobody is to be given a term that was not ordered. */
    {2, "ALTER TABLE subscription ADD COLUMN plan INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE subscription ADD COLUMN channel INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE subscription ADD COLUMN renews INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE subscription ADD COLUMN cancelled_ms INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE subscription ADD COLUMN contract TEXT NOT NULL DEFAULT '';"
        "CREATE INDEX subscription_renews ON subscription (expires_ms) WHERE renews = 1 AND activated_ms > 0;"
        "ALTER TABLE licence ADD COLUMN is_primary INTEGER NOT NULL DEFAULT 0;"
        "UPDATE licence SET is_primary = 1;"
        "CREATE INDEX licence_of_subscription ON licence (subscription_id);"
        "CREATE UNIQUE INDEX licence_primary ON licence (subscription_id) WHERE is_primary = 1;"
        "CREATE TABLE subscription_order ("
        " id INTEGER PRIMARY KEY, subscription_id INTEGER NOT NULL REFERENCES subscription (id),"
        " kind INTEGER NOT NULL, automatic INTEGER NOT NULL, licences INTEGER NOT NULL,"
        " term_months INTEGER NOT NULL, term_days INTEGER NOT NULL, at_ms INTEGER NOT NULL,"
        " expires_before_ms INTEGER NOT NULL, expires_after_ms INTEGER NOT NULL) STRICT;"
        "CREATE INDEX order_of_subscription ON subscription_order (subscription_id);"
        "INSERT INTO subscription_order (subscription_id, kind, automatic, licences, term_months, term_days,"
        " at_ms, expires_before_ms, expires_after_ms)"
        " SELECT id, 0, 0, purchases, term_months, term_days, created_ms, 0, 0 FROM subscription;"
        /* Only the few that ended are indexed: an index over all would be written at every report. */
        "CREATE INDEX farm_deactivated ON farm (number) WHERE status = 2;"
        /* Apart from the farm, which is rewritten at every report. */
        "CREATE TABLE farm_note (farm_id TEXT PRIMARY KEY REFERENCES farm (id), note TEXT NOT NULL)"
        " STRICT, WITHOUT ROWID;"
        "CREATE TABLE trial_day (day INTEGER NOT NULL, source TEXT NOT NULL, begun INTEGER NOT NULL,"
        " PRIMARY KEY (day, source)) STRICT, WITHOUT ROWID;"
        "CREATE TABLE audit ("
        " id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL,"
        " subject TEXT NOT NULL, before TEXT, after TEXT) STRICT;"
        "CREATE INDEX audit_of_subject ON audit (subject);"
        "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit"
        " BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;"
        "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit"
        " BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;"
        /* INSERT OR REPLACE deletes without asking the trigger above. */
        "CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit"
        " WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)"
        " BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;"},
    /* Months go on from the day of the month on which the term ends; from that of the activation where the
     * month of the end was too short for it. */
    {3,
     "ALTER TABLE subscription ADD COLUMN anchor_day INTEGER NOT NULL DEFAULT 0;"
     "UPDATE subscription SET anchor_day = CAST(strftime('%d', CASE"
     " WHEN term_months > 0 AND strftime('%d', expires_ms / 1000, 'unixepoch', '+1 day') = '01'"
     " AND strftime('%d', activated_ms / 1000, 'unixepoch') > strftime('%d', expires_ms / 1000, 'unixepoch')"
     " THEN activated_ms ELSE expires_ms END / 1000, 'unixepoch') AS INTEGER) WHERE activated_ms > 0;"},
    /* What a subscription's keys sum up to is told by an index alone; the closing of many farms goes on over
     * a restart. */
    {4, "CREATE INDEX licence_counted ON licence (subscription_id, quota, is_primary, deleted_ms)"
        " WHERE deleted_ms = 0 OR quota <> 0;"
        "CREATE TABLE closing (subscription_id INTEGER PRIMARY KEY REFERENCES subscription (id)) STRICT;"},
    {5, "ALTER TABLE farm ADD COLUMN forgotten_through_ms INTEGER NOT NULL DEFAULT 0;"},
};
