use versioned_core::outbox::Relay;

struct Broker;

fn relay() -> Relay<Broker> {
    Relay::new(Broker)
}

fn main() {}
