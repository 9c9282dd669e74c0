-- The roles for the command-line tool `versioned`, for the tables in the current schema. Run it as
-- their owner, who may create roles, and give the roles to people: GRANT versioned_viewer TO anna;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'versioned_viewer') THEN
        CREATE ROLE versioned_viewer NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'versioned_operator') THEN
        CREATE ROLE versioned_operator NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'versioned_purger') THEN
        CREATE ROLE versioned_purger NOLOGIN;
    END IF;
    -- It is needed in a schema other than `public`.
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO versioned_viewer', current_schema());
END
$$;

-- status, watch, outbox, parked, dead list, dead show, wait, check. Also compare, with SELECT on the key
-- and the version of the owner's table. The letters and the outbox may hold
-- personal data. To hide it, grant all columns but `body`, `headers`, `message_key` and `payload`;
-- then `dead show` and `check` are denied.
GRANT SELECT ON versioned_positions, versioned_parked, versioned_dead_letters, versioned_outbox
    TO versioned_viewer;

-- Also outbox retry and dead discard. It has no right on tables of the application.
GRANT versioned_viewer TO versioned_operator;
GRANT UPDATE (due) ON versioned_outbox TO versioned_operator;
GRANT DELETE ON versioned_dead_letters TO versioned_operator;

-- purge. It locks the rows that it deletes, which needs the right to update a column of them.
GRANT versioned_viewer TO versioned_purger;
GRANT DELETE, UPDATE (deleted_at) ON versioned_positions TO versioned_purger;
GRANT DELETE, UPDATE (at) ON versioned_parked TO versioned_purger;
GRANT DELETE, UPDATE (last_at) ON versioned_dead_letters TO versioned_purger;

-- Also dead redrive, resend, forget and requests, if the tables of requests are there. The service executes them
-- with its own role.
DO $$
BEGIN
    IF to_regclass('versioned_requests') IS NOT NULL THEN
        GRANT SELECT ON versioned_requests, versioned_request_items TO versioned_viewer;
        GRANT INSERT, UPDATE ON versioned_requests TO versioned_operator;
        GRANT INSERT ON versioned_request_items TO versioned_operator;
        GRANT DELETE, UPDATE (due) ON versioned_requests TO versioned_purger;
        GRANT DELETE ON versioned_request_items TO versioned_purger;
    END IF;
END
$$;
