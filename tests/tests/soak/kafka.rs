//! Kafka.

use std::time::Duration;

use versioned_tests::kafka::Broker as Server;
use versioned_tests::soak::{Form, kafka};

use crate::broker::{Broker, Fault, wait};

/// Its clients connect to the address that it names itself, so no proxy is between them.
struct Kafka(Server);

impl Broker for Kafka {
    const RECORDS: i64 = 1_000;

    /// A consumer joins its group only after a while.
    const PAUSE: Duration = Duration::from_millis(500);

    /// The server needs some seconds to start.
    const FAULTS: &[(u32, Fault)] = &[(4, Fault::Kill), (24, Fault::Kill)];

    fn start() -> Self {
        let broker = Self(Server::start());
        wait(kafka::prepare(&broker.url()));
        broker
    }

    fn url(&self) -> String {
        format!("kafka://{}", self.0.client().url())
    }

    fn suffer(&self, fault: Fault) {
        match fault {
            Fault::Kill | Fault::Cut | Fault::Stall => self.0.kill(),
            Fault::Mend => {}
        }
    }

    fn wait(&self) {
        self.0.wait();
    }
}

#[test]
fn the_replica_is_as_the_owner_whoever_is_killed() {
    crate::soak::<Kafka>(&[Form::Park]);
}
