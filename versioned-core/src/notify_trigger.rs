//! The trigger that wakes relays, on PostgreSQL.

use crate::trigger::Trigger;

/// Returns the SQL of a trigger that notifies the relays that listen, on PostgreSQL: see
/// [`Listener`](crate::outbox::Listener). Run it in a migration after those of
/// [`MIGRATIONS`](crate::MIGRATIONS).
///
/// A NOTIFY takes a lock of the whole server from the commit's beginning to its end, so that of all
/// transactions that notify, one commits at a time. Therefore only a transaction that gets a gate
/// notifies. The gate is an advisory lock which the transaction holds until it has committed. The
/// others are not heard of, but the relay that the first one wakes also finds their events. Each
/// tenth of a second of the minute has its own gate, so that a long transaction keeps only those of
/// its own tenth from notifying. A refused transaction does not run PL/pgSQL.
///
/// **The cost.** In the benchmark `path` in `tests/speed/RESULTS.md`, on a server that does not wait
/// for its disk, 8 and 32 writers of an outbox commit about 0.7 times as often with the trigger as
/// without. Where commits wait for a disk, the difference is smaller. A transaction that inserts
/// events cannot be prepared for a two-phase commit.
///
/// A commit fails if the queue of notifications is full, which a session that listens inside of a
/// transaction can cause. The trigger sends nothing once the queue is half full. The events then wait
/// for the relay's next poll.
///
/// ```
/// let trigger = versioned_core::notify_trigger();
/// assert!(trigger.up[0].starts_with("CREATE FUNCTION versioned_outbox_wake()"));
/// assert_eq!(
///     trigger.down,
///     [
///         "DROP TRIGGER versioned_outbox_wake ON versioned_outbox",
///         "DROP FUNCTION versioned_outbox_wake()",
///     ]
/// );
/// ```
pub fn notify_trigger() -> Trigger {
    let texts = |texts: [&str; 2]| texts.map(str::to_owned).to_vec();
    Trigger {
        up: texts([FUNCTION, TRIGGER]),
        down: texts([
            "DROP TRIGGER versioned_outbox_wake ON versioned_outbox",
            "DROP FUNCTION versioned_outbox_wake()",
        ]),
    }
}

const FUNCTION: &str =
    "CREATE FUNCTION versioned_outbox_wake() RETURNS trigger LANGUAGE plpgsql AS $wake$
BEGIN
    IF pg_catalog.pg_notification_queue_usage() < 0.5 THEN
        PERFORM pg_catalog.pg_notify('versioned_outbox', '');
    END IF;
    RETURN NULL;
END
$wake$";

const TRIGGER: &str = "CREATE TRIGGER versioned_outbox_wake AFTER INSERT ON versioned_outbox
    FOR EACH STATEMENT
    WHEN (pg_try_advisory_xact_lock(
        1449489011, (extract(milliseconds FROM clock_timestamp()) / 100)::int
    ))
    EXECUTE FUNCTION versioned_outbox_wake()";
