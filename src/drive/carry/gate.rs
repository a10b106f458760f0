//! Which addresses may be connected to: loopback always, others only on the user's own word.
//!
//! The rule is applied to addresses, after the name was looked up and right before connecting, because a redirect, a
//! `Location` or a DNS answer can lead anywhere. One address off this machine refuses the name. A name is looked up
//! once a run: a thousand joins measure the SFU, not a resolver.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

/// The rule, and the names looked up so far.
#[derive(Debug)]
pub(super) struct Gate {
    allow_remote: bool,
    known: Mutex<BTreeMap<String, Arc<OnceCell<Vec<IpAddr>>>>>,
}

/// Why a host is not connected to; each message is a sentence without the URL.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// The rule.
    #[error("{host} ({address}) is not on this machine; pass `--i-own-target` if the target is yours")]
    Remote {
        /// As the URL names it.
        host: String,
        /// What it is.
        address: IpAddr,
    },
    /// The look-up failed.
    #[error("no address is known for {host}: {why}")]
    Unknown {
        /// As the URL names it.
        host: String,
        /// The resolver's words.
        why: String,
    },
}

impl Gate {
    pub fn new(allow_remote: bool) -> Self {
        Self { allow_remote, known: Mutex::default() }
    }

    /// The addresses of a URL's host, each allowed.
    pub async fn addresses(&self, host: &url::Host<&str>) -> Result<Vec<IpAddr>, Refusal> {
        let addresses = match *host {
            url::Host::Ipv4(address) => vec![IpAddr::V4(address)],
            url::Host::Ipv6(address) => vec![IpAddr::V6(address)],
            url::Host::Domain(name) => return self.look_up(name).await,
        };
        self.check(&host.to_string(), addresses)
    }

    /// The addresses of a name, each allowed.
    pub async fn look_up(&self, name: &str) -> Result<Vec<IpAddr>, Refusal> {
        let cell = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(known.entry(name.to_owned()).or_default())
        };
        let addresses = cell.get_or_try_init(|| resolve(name)).await?;
        self.check(name, addresses.clone())
    }

    fn check(&self, host: &str, addresses: Vec<IpAddr>) -> Result<Vec<IpAddr>, Refusal> {
        let remote = addresses.iter().find(|address| !address.to_canonical().is_loopback());
        match remote {
            Some(&address) if !self.allow_remote => Err(Refusal::Remote { host: host.to_owned(), address }),
            _ => Ok(addresses),
        }
    }
}

async fn resolve(name: &str) -> Result<Vec<IpAddr>, Refusal> {
    let unknown = |why: String| Refusal::Unknown { host: name.to_owned(), why };
    let found = tokio::net::lookup_host((name, 0)).await.map_err(|error| unknown(error.to_string()))?;
    let addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
    if addresses.is_empty() { Err(unknown("the name has no address".to_owned())) } else { Ok(addresses) }
}

/// The gate as reqwest's resolver, so that what was checked is what is connected to.
pub(super) struct Resolver(pub Arc<Gate>);

impl reqwest::dns::Resolve for Resolver {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let gate = Arc::clone(&self.0);
        Box::pin(async move {
            let addresses = gate.look_up(name.as_str()).await?;
            let addresses = addresses.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses) as reqwest::dns::Addrs)
        })
    }
}

/// What an error of the socket means to who reads it; `at` is host and port.
pub(super) fn described(error: &io::Error, at: &str) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => format!("nothing listens at {at}"),
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe => {
            format!("{at} broke the connection off")
        }
        io::ErrorKind::UnexpectedEof => format!("{at} ended the connection in the middle"),
        io::ErrorKind::TimedOut => format!("{at} did not answer"),
        io::ErrorKind::AddrNotAvailable => format!("no local port is left to connect to {at} from"),
        _ => format!("the connection to {at} failed: {error}"),
    }
}

/// Host and port of a URL, as sentences name it: nothing else of a URL is sure to be no secret.
pub(super) fn place(url: &url::Url) -> String {
    let port = url.port_or_known_default().unwrap_or_default();
    format!("{}:{port}", url.host_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(allow_remote: bool, url: &str) -> Result<Vec<IpAddr>, Refusal> {
        let url = url::Url::parse(url).expect("a URL");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("starts");
        runtime.block_on(Gate::new(allow_remote).addresses(&url.host().expect("has a host")))
    }

    #[test]
    fn loopback_passes_in_every_spelling() {
        for host in ["127.0.0.1", "127.255.3.4", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "localhost"] {
            assert!(addresses(false, &format!("http://{host}/")).is_ok(), "{host}");
        }
    }

    #[test]
    fn any_other_address_needs_the_users_word() {
        for host in ["192.0.2.1", "10.0.0.1", "0.0.0.0", "[2001:db8::1]", "[::ffff:192.0.2.1]", "128.0.0.1"] {
            let refused = addresses(false, &format!("http://{host}/")).expect_err(host);
            assert!(refused.to_string().contains("--i-own-target"), "{refused}");
            assert!(addresses(true, &format!("http://{host}/")).is_ok(), "{host}");
        }
    }

    #[test]
    fn one_remote_address_refuses_the_name() {
        let both = vec![IpAddr::from([127, 0, 0, 1]), IpAddr::from([192, 0, 2, 1])];
        let refused = Gate::new(false).check("both.test", both.clone()).expect_err("refused");
        assert_eq!(refused, Refusal::Remote { host: "both.test".into(), address: both[1] });
        assert_eq!(Gate::new(true).check("both.test", both.clone()), Ok(both));
    }

    #[test]
    fn a_name_without_an_address_is_named() {
        let refused = addresses(false, "http://nowhere.invalid/").expect_err("RFC 6761 §6.4");
        assert!(refused.to_string().starts_with("no address is known for nowhere.invalid"), "{refused}");
    }
}
