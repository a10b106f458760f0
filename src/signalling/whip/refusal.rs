//! What a status other than success means, and what the server says about it.
//!
//! RFC 9725 §4.6 binds no meaning to single codes, so this goes by the sense of HTTP (RFC 9110 §15) and by what servers
//! were seen to do. Bodies are quoted where they have a sentence (problem+json of RFC 9457, the JSON errors of MediaMTX,
//! plain text), cut short and without anything that could be a token: some servers repeat the token that they refuse.

use super::HttpResponse;
use crate::clock::Duration;
use crate::conference::Cause;

/// Characters of a quoted body.
const LONGEST_QUOTE: usize = 160;
/// A run of this many characters that tokens are made of is taken for one.
const TOKEN: usize = 24;

/// The cause that a refused POST counts as, with a sentence.
pub(super) fn meaning(status: u16, response: &HttpResponse) -> (Cause, &'static str) {
    let counter_offer = response.header("content-type").is_some_and(|kind| kind.starts_with("application/sdp"));
    match status {
        401 | 403 => (Cause::Auth, "the server refused the credentials"),
        404 | 410 => (Cause::Admission, "the server does not have this room"),
        409 => (Cause::Admission, "the server has no place for this session"),
        429 | 503 => (Cause::Admission, "the server is overloaded"),
        406 if counter_offer => {
            (Cause::Config, "the server wants its counter-offer answered, which throng does not do")
        }
        400 | 406 | 413 | 415 | 422 => (Cause::Config, "the server refused the offer"),
        405 | 501 => (Cause::Config, "the URL takes no offers"),
        300..=399 => (Cause::SignalSetup, "the server redirected the offer in a way that only 307 and 308 may"),
        500..=599 => (Cause::SignalSetup, "the server failed"),
        _ => (Cause::SignalSetup, "the server did not accept the offer"),
    }
}

/// `Retry-After` in seconds (RFC 9110 §10.2.3). Its other form, a date, needs a wall clock and counts as absent.
pub(super) fn retry_after(response: &HttpResponse) -> Option<Duration> {
    let seconds: u32 = response.header("retry-after")?.trim().parse().ok()?;
    Some(Duration::from_secs(u64::from(seconds)))
}

/// `: “what the server says”`, or nothing.
pub(super) fn quote(response: &HttpResponse, secrets: &[String]) -> String {
    let Some(said) = sentence(response) else { return String::new() };
    let said = without_tokens(&said, secrets);
    if said.is_empty() {
        return String::new();
    }
    let short: String = said.chars().take(LONGEST_QUOTE).collect();
    let more = if short.len() < said.len() { "…" } else { "" };
    format!(": “{short}{more}”")
}

fn sentence(response: &HttpResponse) -> Option<String> {
    let kind = response.header("content-type").unwrap_or("text/plain");
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind.ends_with("json") {
        let body: serde_json::Value = serde_json::from_str(&response.body).ok()?;
        let found = ["detail", "title", "error", "message"].iter().find_map(|key| body.get(key)?.as_str());
        return found.map(str::to_owned);
    }
    (kind == "text/plain").then(|| response.body.clone())
}

fn without_tokens(said: &str, secrets: &[String]) -> String {
    let mut said = said.to_owned();
    for secret in secrets {
        said = said.replace(secret.as_str(), "***");
    }
    let words = said.split_whitespace().map(|word| {
        let token = |c: char| c.is_ascii_alphanumeric() || "-._~+/=%".contains(c);
        let longest = word.split(|c| !token(c)).map(str::len).max().unwrap_or_default();
        if longest >= TOKEN { "***" } else { word }
    });
    words.collect::<Vec<_>>().join(" ").chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(kind: &str, body: &str) -> HttpResponse {
        let headers = vec![("content-type".to_owned(), kind.to_owned())];
        HttpResponse { id: 0, status: 400, headers, body: body.to_owned() }
    }

    #[test]
    fn problem_json_and_plain_text_are_quoted_and_pages_are_not() {
        let said = |kind, body| quote(&response(kind, body), &[]);
        let problem = r#"{"type":"about:blank","title":"Full","detail":"rooms are full"}"#;
        assert_eq!(said("application/problem+json", problem), ": “rooms are full”");
        assert_eq!(said("application/json; charset=utf-8", r#"{"error":"no stream"}"#), ": “no stream”");
        assert_eq!(said("text/plain", "bad\r\n sdp\n"), ": “bad sdp”");
        assert_eq!(said("text/html", "<h1>nginx</h1>"), "");
        assert_eq!(said("application/json", "{"), "");
        assert_eq!(said("text/plain", ""), "");
        assert_eq!(said("text/plain", &"word ".repeat(100)).chars().count(), 160 + ": “…”".chars().count());
    }

    #[test]
    fn a_token_is_never_quoted() {
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJkZXYifQ.c2ln";
        let body = format!("token \"{jwt}\" of k3y is expired");
        let quoted = quote(&response("text/plain", &body), &["k3y".to_owned()]);
        assert_eq!(quoted, ": “token *** of *** is expired”");
    }

    #[test]
    fn a_date_to_retry_after_counts_as_none() {
        let with = |value: &str| {
            retry_after(&HttpResponse { headers: vec![("retry-after".into(), value.into())], ..response("", "") })
        };
        assert_eq!(with("3"), Some(Duration::from_secs(3)));
        assert_eq!(with("Fri, 31 Dec 1999 23:59:59 GMT"), None);
        assert_eq!(with("-1"), None);
    }
}
