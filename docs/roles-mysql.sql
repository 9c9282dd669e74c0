-- The rights for the command-line tool `versioned`, for the tables in the current database, on MySQL and
-- MariaDB. Create the users before: CREATE USER versioned_viewer IDENTIFIED BY '..'. The same for
-- versioned_operator and versioned_purger.

-- status, watch, outbox, parked, dead list, dead show, wait, check. Also compare, with SELECT on the key
-- and the version of the owner's table. The letters and the outbox may hold personal data.
GRANT SELECT ON versioned_positions TO versioned_viewer;
GRANT SELECT ON versioned_parked TO versioned_viewer;
GRANT SELECT ON versioned_dead_letters TO versioned_viewer;
GRANT SELECT ON versioned_outbox TO versioned_viewer;

-- Also outbox retry and dead discard. There is no right on tables of the application.
GRANT SELECT ON versioned_positions TO versioned_operator;
GRANT SELECT ON versioned_parked TO versioned_operator;
GRANT SELECT, DELETE ON versioned_dead_letters TO versioned_operator;
GRANT SELECT, UPDATE (due) ON versioned_outbox TO versioned_operator;

-- purge.
GRANT SELECT, DELETE ON versioned_positions TO versioned_purger;
GRANT SELECT, DELETE ON versioned_parked TO versioned_purger;
GRANT SELECT, DELETE ON versioned_dead_letters TO versioned_purger;
GRANT SELECT ON versioned_outbox TO versioned_purger;

-- Also dead redrive, resend, forget and requests. Without the tables of requests, leave these out. The service
-- executes them as its own user.
GRANT SELECT ON versioned_requests TO versioned_viewer;
GRANT SELECT ON versioned_request_items TO versioned_viewer;
GRANT SELECT, INSERT, UPDATE ON versioned_requests TO versioned_operator;
GRANT SELECT, INSERT ON versioned_request_items TO versioned_operator;
GRANT SELECT, DELETE ON versioned_requests TO versioned_purger;
GRANT SELECT, DELETE ON versioned_request_items TO versioned_purger;
