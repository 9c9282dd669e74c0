//! What the soak does to a broker.

use std::time::Duration;

/// What happens to a broker, or to the network before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is killed, and comes again.
    Kill,
    /// The network is cut. Without a network that can be cut, it is killed.
    Cut,
    /// Connections stay open, and nothing happens on them.
    Stall,
    /// The end of a cut or of a stall.
    Mend,
}

/// A broker of its own, and the way of the events through it.
pub(crate) trait Broker {
    /// How many records are written.
    const RECORDS: i64;

    /// The pause between two kills of the short form.
    const PAUSE: Duration;

    /// What happens at which kill of the short form. The long one repeats it. Each needs some kills' time.
    const FAULTS: &[(u32, Fault)];

    fn start() -> Self;

    /// Where the processes connect.
    fn url(&self) -> String;

    fn suffer(&self, fault: Fault);

    /// Waits until it answers.
    fn wait(&self);
}

/// Waits for something, on a runtime of its own.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(future)
}
