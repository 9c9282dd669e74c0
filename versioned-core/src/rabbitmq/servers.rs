//! Where `RabbitMQ` is.

use std::fmt;
use std::str::FromStr as _;

use lapin::uri::{AMQPScheme, AMQPUri};

use crate::error::{Error, Result};

/// A dead connection is noticed after twice this time, in seconds.
const HEARTBEAT: u16 = 10;

/// The URIs of the nodes of one `RabbitMQ`, such as `amqp://user:password@host:5672/%2f`.
///
/// A publisher and a consumer connect to one node at a time. If it does not answer, they try the
/// next one.
///
/// The path is the virtual host, percent-encoded: `/%2f`, or no path at all, is the default one.
/// `heartbeat=<seconds>` in the query sets the interval of the heartbeats. The default is 10, and a
/// dead connection is noticed after twice this time.
///
/// ```
/// use versioned_core::rabbitmq::Servers;
///
/// # fn f() -> versioned_core::Result<()> {
/// let servers = Servers::new(["amqp://relay:secret@rabbit-1/shop", "amqp://relay:secret@rabbit-2/shop"])?;
/// assert_eq!(format!("{servers:?}"), r#"["amqp://rabbit-1:5672/shop", "amqp://rabbit-2:5672/shop"]"#);
/// # Ok(())
/// # }
/// # f().unwrap();
/// ```
#[derive(Clone)]
pub struct Servers(Vec<AMQPUri>);

impl Servers {
    /// Takes the URIs of the nodes.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Other`] if there is no URI, or if one cannot be used: its syntax is wrong,
    /// its scheme is not `amqp`, or its host is an IPv6 address or missing. Use a name for an IPv6
    /// address. The error does not contain the URI, which may have a password.
    pub fn new<U: AsRef<str>>(uris: impl IntoIterator<Item = U>) -> Result<Self> {
        let uris = uris.into_iter().map(|uri| parse(uri.as_ref()));
        let uris = uris.collect::<Result<Vec<_>>>()?;
        if uris.is_empty() {
            return Err(Error::other("name at least one URI of RabbitMQ"));
        }
        Ok(Self(uris))
    }

    /// Returns the URI of this turn. The turns go around.
    pub(super) fn of_turn(&self, turn: usize) -> Option<&AMQPUri> {
        self.0.get(turn.checked_rem(self.0.len())?)
    }
}

fn parse(text: &str) -> Result<AMQPUri> {
    let mut uri = AMQPUri::from_str(text)
        .map_err(|error| Error::other(format!("correct the URI of RabbitMQ: {error}")))?;
    if uri.scheme == AMQPScheme::AMQPS {
        // The client would connect without encryption.
        return Err(Error::other(
            "use `amqp`, and a proxy or a tunnel for TLS: this build has no TLS for RabbitMQ",
        ));
    }
    // The client takes `localhost` for a host that it does not understand.
    let host = text.split("://").nth(1).unwrap_or_default();
    let host = host.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    if host.is_empty() || host.starts_with([':', '[']) {
        return Err(Error::other(
            "name a host in the URI of RabbitMQ, and use a name for an IPv6 address",
        ));
    }
    uri.query.heartbeat.get_or_insert(HEARTBEAT);
    // Larger frames are of no use, and smaller ones are refused by newer servers.
    uri.query.frame_max = None;
    Ok(uri)
}

/// Without users and passwords.
impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |uri: &AMQPUri| {
            let authority = &uri.authority;
            let vhost = if uri.vhost == "/" { "%2f" } else { &uri.vhost };
            format!(
                "{}://{}:{}/{vhost}",
                uri.scheme, authority.host, authority.port
            )
        };
        f.debug_list().entries(self.0.iter().map(of)).finish()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;

    fn refused(uri: &str) -> String {
        Servers::new([uri]).unwrap_err().to_string()
    }

    #[test]
    fn a_uri_that_the_client_would_misread_is_refused() {
        assert!(refused("amqp://[::1]:5672/%2f").contains("IPv6"));
        assert!(refused("amqp:///%2f").contains("name a host"));
        assert!(refused("amqps://host").contains("no TLS"));
        assert!(refused("http://host").contains("correct the URI"));
        let wrong = refused("amqp://user:secret@host:port");
        assert!(
            wrong.contains("correct the URI") && !wrong.contains("secret"),
            "{wrong}"
        );
        let none = Servers::new(Vec::<&str>::new()).unwrap_err().to_string();
        assert!(none.contains("at least one"), "{none}");
    }

    #[test]
    fn the_virtual_host_and_the_heartbeat_are_those_of_the_uri() {
        let of = |uri: &str| Servers::new([uri]).unwrap().0.remove(0);
        assert_eq!(of("amqp://host").vhost, "/");
        assert_eq!(of("amqp://host/%2f").vhost, "/");
        assert_eq!(of("amqp://host/").vhost, "");
        assert_eq!(of("amqp://host/shop").vhost, "shop");
        assert_eq!(of("amqp://127.0.0.1:5673").authority.host, "127.0.0.1");
        assert_eq!(of("amqp://host").query.heartbeat, Some(10));
        assert_eq!(of("amqp://host?heartbeat=5").query.heartbeat, Some(5));
        assert_eq!(of("amqp://host?frame_max=4096").query.frame_max, None);
    }

    #[test]
    fn the_turns_go_around() {
        let servers = Servers::new(["amqp://a", "amqp://b"]).unwrap();
        let hosts = (0..3).map(|turn| servers.of_turn(turn).unwrap().authority.host.clone());
        assert_eq!(hosts.collect::<Vec<_>>(), ["a", "b", "a"]);
    }
}
