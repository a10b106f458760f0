//! Messages between an adapter and the driver that carries them out: HTTP requests and WebSocket texts as data.
//!
//! They hold credentials (a bearer, tokens of a URL), so their `Debug` is written by hand.

use crate::scenario::secret::{REDACTED, redact_url};
use std::fmt;

/// Something for the driver to carry out. Each adapter has one WebSocket at most. Its `Debug` shows no credentials.
#[derive(Clone, PartialEq)]
pub enum Carry {
    /// Open the WebSocket.
    Open {
        /// `ws://` or `wss://`.
        url: String,
        /// Request headers.
        headers: Vec<(String, String)>,
    },
    /// Send a text over the WebSocket.
    Text(String),
    /// Close the WebSocket.
    Close,
    /// Break the WebSocket off without a goodbye, opening or open; nothing comes back of it any more.
    Abort,
    /// Send an HTTP request; answered by [`Carried::Response`] or [`Carried::RequestFailed`] with the same `id`.
    Request(HttpRequest),
}

/// An HTTP request. Its `Debug` shows no credentials, and of the body (which holds the ICE password) its length.
#[derive(Clone, PartialEq)]
pub struct HttpRequest {
    /// Chosen by the adapter, unique within it.
    pub id: u32,
    /// The method.
    pub method: Method,
    /// Absolute `http://` or `https://`.
    pub url: String,
    /// Request headers, `Content-Type` and `Authorization` among them.
    pub headers: Vec<(String, String)>,
    /// The body; empty for none.
    pub body: String,
}

/// The methods that signalling uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// Create a session.
    Post,
    /// Trickle or restart ICE, or answer a counter-offer.
    Patch,
    /// End a session.
    Delete,
    /// Read.
    Get,
}

/// What came back.
#[derive(Clone, PartialEq, Debug)]
pub enum Carried {
    /// The WebSocket is open.
    Opened,
    /// A text arrived over the WebSocket.
    Text(String),
    /// The WebSocket closed, by either side, or could not be opened.
    Closed {
        /// One sentence for people.
        reason: String,
        /// HTTP status when the upgrade was refused.
        status: Option<u16>,
    },
    /// An HTTP response.
    Response(HttpResponse),
    /// A request got no response.
    RequestFailed {
        /// Of the request.
        id: u32,
        /// One sentence for people; URL and tokens left out.
        reason: String,
    },
}

/// An HTTP response.
#[derive(Clone, PartialEq, Debug)]
pub struct HttpResponse {
    /// Of the request.
    pub id: u32,
    /// Status code.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, at most 64 KiB.
    pub body: String,
}

/// Headers as they may be shown.
struct Shown<'a>(&'a [(String, String)]);

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_credential = |name: &str| ["authorization", "cookie"].iter().any(|word| name.eq_ignore_ascii_case(word));
        let shown = |(name, value): &'_ (String, String)| {
            (name.clone(), if is_credential(name) { REDACTED.to_owned() } else { value.clone() })
        };
        f.debug_map().entries(self.0.iter().map(shown)).finish()
    }
}

impl fmt::Debug for Carry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { url, headers } => {
                f.debug_struct("Open").field("url", &redact_url(url)).field("headers", &Shown(headers)).finish()
            }
            Self::Text(text) => f.debug_tuple("Text").field(text).finish(),
            Self::Close => f.write_str("Close"),
            Self::Abort => f.write_str("Abort"),
            Self::Request(request) => f.debug_tuple("Request").field(request).finish(),
        }
    }
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest")
            .field("id", &self.id)
            .field("method", &self.method)
            .field("url", &redact_url(&self.url))
            .field("headers", &Shown(&self.headers))
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish()
    }
}

impl HttpResponse {
    /// The first header called `name` (lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl Carry {
    /// Bytes that this puts on the wire towards the SFU, headers estimated; for the emulated network.
    #[must_use]
    pub fn wire_bytes(&self) -> usize {
        let headers = |list: &[(String, String)]| list.iter().map(|(k, v)| k.len() + v.len() + 4).sum::<usize>();
        match self {
            Self::Open { url, headers: list } => 200 + url.len() + headers(list),
            Self::Text(text) => text.len() + 8,
            Self::Close => 8,
            Self::Abort => 0,
            Self::Request(request) => 80 + request.url.len() + headers(&request.headers) + request.body.len(),
        }
    }
}

impl Carried {
    /// Bytes that this put on the wire from the SFU, headers estimated; for the emulated network.
    #[must_use]
    pub fn wire_bytes(&self) -> usize {
        match self {
            Self::Opened => 160,
            Self::Text(text) => text.len() + 4,
            Self::Closed { .. } | Self::RequestFailed { .. } => 8,
            Self::Response(response) => {
                40 + response.headers.iter().map(|(k, v)| k.len() + v.len() + 4).sum::<usize>() + response.body.len()
            }
        }
    }
}
