//! NATS JetStream.

use std::time::Duration;

use versioned_tests::nats;
use versioned_tests::proxy::Proxy;
use versioned_tests::soak::{Form, jetstream};

use crate::broker::{Broker, Fault, wait};

struct JetStream {
    server: nats::Broker,
    network: Proxy,
}

impl Broker for JetStream {
    const RECORDS: i64 = 2_000;

    const PAUSE: Duration = Duration::from_millis(350);

    const FAULTS: &[(u32, Fault)] = &[
        (4, Fault::Cut),
        (10, Fault::Mend),
        (12, Fault::Kill),
        (18, Fault::Stall),
        (22, Fault::Mend),
        (28, Fault::Cut),
    ];

    fn start() -> Self {
        let server = nats::Broker::start();
        wait(jetstream::prepare(&server.url()));
        let network = Proxy::to(server.port());
        Self { server, network }
    }

    fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.network.port())
    }

    fn suffer(&self, fault: Fault) {
        match fault {
            Fault::Kill => self.server.kill(),
            Fault::Cut => self.network.cut(),
            Fault::Stall => self.network.stall(),
            Fault::Mend => self.network.mend(),
        }
    }

    fn wait(&self) {
        self.server.wait();
    }
}

#[test]
fn the_replica_is_as_the_owner_whoever_is_killed() {
    crate::soak::<JetStream>(&[Form::Nack, Form::Park, Form::Batches]);
}
