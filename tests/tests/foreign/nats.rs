//! The scenarios with JetStream. Each runs on all databases at the same time, since it mostly waits
//! for the broker.

macro_rules! on_each_database {
    ($($name:ident;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let mysql = async {
                #[cfg(feature = "mysql")]
                crate::mysql::stream::$name().await;
            };
            let (sqlite, postgres) = (crate::sqlite::stream::$name(), crate::postgres::stream::$name());
            tokio::join!(sqlite, postgres, mysql);
        }
    )*};
}

on_each_database! {
    refused_deletions_are_applied_with_a_mended_form;
    a_value_that_was_not_in_the_log_waits_for_a_snapshot;
    deletions_with_a_version_are_applied;
    messages_of_older_services_are_applied_with_their_forms;
    parked_events_are_applied_after_their_predecessor;
    messages_of_a_broken_form_are_applied_with_a_mended_one;
}

#[cfg(feature = "mysql")]
on_each_database! {
    json_in_text_is_parked_as_json;
}
