//! What the consumer and the publishers promise on each broker: scenarios that are written once.

#![cfg(any(feature = "nats", feature = "kafka", feature = "rabbitmq"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::items_after_statements,
    clippy::large_futures,
    missing_docs,
    reason = "tests"
)]

mod broker;
mod scenarios;

#[cfg(feature = "nats")]
mod jetstream;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "rabbitmq")]
mod rabbitmq;

/// The scenarios on a broker.
macro_rules! on {
    ($broker:ident: $($module:ident { $($scenario:ident)* })*) => {
        $(mod $module {
            use super::$broker;

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $scenario() {
                    crate::scenarios::$module::$scenario::<$broker>().await;
                }
            )*
        })*
    };
    ($broker:ident) => {
        crate::on! { $broker:
            delivered { in_our_form in_structured_cloud_events in_binary_cloud_events in_plain_json }
            order {
                shuffled_events_that_come_twice_are_each_applied_once
                early_events_do_not_fill_the_room
                a_record_that_waits_is_reported_and_goes_on
                a_parked_record_that_waits_is_reported_until_it_is_forgotten
            }
            failures {
                a_commit_that_was_not_acknowledged_is_a_duplicate
                what_cannot_be_applied_is_kept_and_blocks_nobody
                while_the_database_is_away_nothing_is_lost
            }
            processes {
                processes_join_and_leave_under_load
                shutdowns_under_load_lose_nothing
            }
            outages {
                a_broker_that_is_killed_loses_nothing
                a_broker_that_is_down_is_waited_for
                what_is_deleted_at_the_broker_is_reported_and_comes_back
            }
        }
    };
}

use on;
