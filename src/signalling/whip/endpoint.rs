//! Where a session is offered and with which credentials: the target's templates filled in, and `Location` resolved.

use crate::plan::target::WhipPlan;
use crate::scenario::secret::{REDACTED, redact_url};
use std::fmt;
use url::Url;

/// The endpoint of one session. Its `Debug` shows no credentials.
pub(super) struct Endpoint {
    /// Absolute `http://` or `https://`.
    pub url: String,
    /// Sent with every request.
    pub bearer: Option<String>,
    /// Texts that no report may show: the bearer, and the values in the URL's query and user information.
    pub secrets: Vec<String>,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bearer = self.bearer.as_ref().map(|_| REDACTED);
        f.debug_struct("Endpoint")
            .field("url", &redact_url(&self.url))
            .field("bearer", &bearer)
            .field("secrets", &self.secrets.len())
            .finish()
    }
}

impl Endpoint {
    /// Fills the template in. `key` is its name in the scenario's `[target]`, for the sentence of the error.
    pub fn new(
        template: Option<&str>,
        key: &str,
        target: &WhipPlan,
        room: &str,
        participant: &str,
    ) -> Result<Self, String> {
        let template = template.ok_or_else(|| format!("[target] has no `{key}` URL"))?;
        let filled = fill(template, &percent_encoded(room), &percent_encoded(participant));
        let url = Url::parse(&filled).map_err(|error| format!("[target] {key} is no URL: {error}"))?;
        if !is_web(&url) {
            return Err(format!("[target] {key} must begin with http:// or https://"));
        }
        let bearer = target.bearer.as_ref().map(|bearer| fill(bearer, room, participant));
        let secrets = secrets(&url, bearer.as_deref());
        Ok(Self { url: url.into(), bearer, secrets })
    }
}

fn fill(template: &str, room: &str, participant: &str) -> String {
    template.replace("{room}", room).replace("{participant}", participant)
}

/// Only what RFC 3986 §2.3 leaves unreserved stays as it is, so that a name is one path segment or one query value.
fn percent_encoded(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

fn secrets(url: &Url, bearer: Option<&str>) -> Vec<String> {
    let mut secrets: Vec<String> = url.query_pairs().map(|(_, value)| value.into_owned()).collect();
    let raw = url.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    secrets.extend(raw.map(|(_, value)| value.to_owned()));
    // A value as short as `?v=1` is a switch, and taking it out would spoil every number.
    secrets.retain(|value| value.len() >= 4);
    secrets.extend(url.password().into_iter().chain(bearer).filter(|secret| !secret.is_empty()).map(str::to_owned));
    // The longest first: one may be part of another.
    secrets.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    secrets.dedup();
    secrets
}

/// Where `location`, absolute or relative to `base`, leads. `None` when that is no web address, or when it would send the
/// credentials of an `https` session in the clear.
pub(super) fn resolve(base: &str, location: &str) -> Option<String> {
    let base = Url::parse(base).ok()?;
    let url = base.join(location.trim()).ok()?;
    let exposed = base.scheme() == "https" && url.scheme() != "https";
    (is_web(&url) && !exposed).then(|| url.into())
}

fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.has_host()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::target::Quirks;

    fn target(bearer: Option<&str>) -> WhipPlan {
        let template = "http://127.0.0.1:1/{room}/{participant}?as={participant}".to_owned();
        WhipPlan {
            whip: Some(template.clone()),
            whep: None,
            bearer: bearer.map(str::to_owned),
            quirks: Quirks::default(),
        }
    }

    #[test]
    fn names_cannot_break_out_of_their_place_in_the_url() {
        let target = target(Some("{room}:{participant}"));
        let endpoint = Endpoint::new(target.whip.as_deref(), "whip", &target, "a/b ?#", "é&x").expect("fills");
        assert_eq!(endpoint.url, "http://127.0.0.1:1/a%2Fb%20%3F%23/%C3%A9%26x?as=%C3%A9%26x");
        assert_eq!(endpoint.bearer.as_deref(), Some("a/b ?#:é&x"));
        assert_eq!(endpoint.secrets, ["a/b ?#:é&x", "%C3%A9%26x", "é&x"]);
    }

    #[test]
    fn a_missing_or_foreign_url_is_refused_by_its_key() {
        let target = target(None);
        let error = |template| Endpoint::new(template, "whep", &target, "r", "p").expect_err("refused");
        assert_eq!(error(None), "[target] has no `whep` URL");
        assert!(error(Some("ftp://host/x")).contains("whep must begin with http"));
        assert!(error(Some("not a url")).starts_with("[target] whep is no URL"));
    }

    #[test]
    fn a_location_may_be_relative_and_never_leaves_tls() {
        let base = "http://127.0.0.1:8889/room/whip";
        assert_eq!(resolve(base, "/room/whip/1?a=b").as_deref(), Some("http://127.0.0.1:8889/room/whip/1?a=b"));
        assert_eq!(resolve(base, "session/2").as_deref(), Some("http://127.0.0.1:8889/room/session/2"));
        assert_eq!(resolve(base, "https://127.0.0.1/x").as_deref(), Some("https://127.0.0.1/x"));
        assert_eq!(resolve("https://h/whip", "http://h/x"), None);
        assert_eq!(resolve(base, "mailto:somebody"), None);
        assert_eq!(resolve(base, "http://"), None);
    }
}
