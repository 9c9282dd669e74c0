//! `RabbitMQ`, with a quorum queue.

use std::time::Duration;

use versioned_tests::proxy::Proxy;
use versioned_tests::rabbitmq::Broker as Server;
use versioned_tests::soak::{Form, rabbitmq};

use crate::broker::{Broker, Fault, wait};

struct Rabbit {
    server: Server,
    network: Proxy,
}

impl Broker for Rabbit {
    const RECORDS: i64 = 1_000;

    const PAUSE: Duration = Duration::from_millis(500);

    /// The server needs some seconds to start.
    const FAULTS: &[(u32, Fault)] = &[
        (1, Fault::Stall),
        (6, Fault::Mend),
        (8, Fault::Cut),
        (11, Fault::Mend),
        (13, Fault::Kill),
    ];

    fn start() -> Self {
        let server = Server::start();
        wait(rabbitmq::prepare(&server.url()));
        let network = Proxy::to(server.port());
        Self { server, network }
    }

    fn url(&self) -> String {
        let url = self.server.url_at(self.network.port());
        format!("{url}?heartbeat=2")
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
    crate::soak::<Rabbit>(&[Form::Park]);
}
