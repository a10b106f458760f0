//! HTTP requests: one connection each, straight to the target.
//!
//! A shared pool would hide the time that connecting takes, a proxy of the environment would take the place of the
//! target, and a redirect is the adapter's to follow: all three are off.

use super::PATIENCE;
use super::gate::{self, Gate, Resolver};
use crate::signalling::{Carried, HttpRequest, HttpResponse, Method};
use std::error::Error;
use std::future::Future;
use std::io;
use std::sync::Arc;
use tokio::time::timeout;

/// Bytes of a response's body.
const MAX_BODY: usize = 64 * 1024;

/// Sends requests.
#[derive(Clone)]
pub(super) struct Client {
    gate: Arc<Gate>,
    http: reqwest::Client,
}

impl Client {
    /// A client that connects to what the gate lets through.
    pub fn new(gate: Arc<Gate>) -> io::Result<Self> {
        let builder = || {
            reqwest::Client::builder()
                .dns_resolver(Resolver(Arc::clone(&gate)))
                .pool_max_idle_per_host(0)
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .referer(false)
                .tcp_nodelay(true)
                .timeout(PATIENCE)
                .user_agent(concat!("throng/", env!("CARGO_PKG_VERSION")))
        };
        // A machine without a certificate store can still load what speaks plain HTTP; `https` then says whom it distrusts.
        let http = builder().build().or_else(|_| builder().tls_certs_only([]).build()).map_err(io::Error::other)?;
        Ok(Self { gate, http })
    }

    /// Sends a request: a future that ends with its response, or with the reason why there is none.
    pub fn send(&self, request: HttpRequest) -> impl Future<Output = Carried> + Send + 'static {
        let client = self.clone();
        let id = request.id;
        async move {
            match client.exchange(request).await {
                Ok(response) => Carried::Response(response),
                Err(reason) => Carried::RequestFailed { id, reason },
            }
        }
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, String> {
        let url = url::Url::parse(&request.url).map_err(|error| format!("the URL cannot be read: {error}"))?;
        let at = gate::place(&url);
        let host = url.host().ok_or("the URL has no host")?;
        // Before reqwest, which looks names up through the same gate, and addresses not at all.
        let allowed = timeout(PATIENCE, self.gate.addresses(&host)).await;
        allowed.map_err(|_| format!("the look-up of {at} takes too long"))?.map_err(|refusal| refusal.to_string())?;
        let mut builder = self.http.request(method(request.method), url);
        for (name, value) in &request.headers {
            let value = reqwest::header::HeaderValue::from_str(value);
            builder = builder.header(name, value.map_err(|_| format!("the value of {name} cannot stand in a header"))?);
        }
        if !request.body.is_empty() {
            builder = builder.body(request.body);
        }
        let response = builder.send().await.map_err(|error| described(&error, &at))?;
        receive(request.id, response, &at).await
    }
}

async fn receive(id: u32, mut response: reqwest::Response, at: &str) -> Result<HttpResponse, String> {
    let status = response.status().as_u16();
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers = response.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes())));
    let headers = headers.collect();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| described(&error, at))? {
        if body.len() + chunk.len() > MAX_BODY {
            return Err(format!("the answer of {at} is longer than {MAX_BODY} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(HttpResponse { id, status, headers, body: text(&body) })
}

const fn method(method: Method) -> reqwest::Method {
    match method {
        Method::Post => reqwest::Method::POST,
        Method::Patch => reqwest::Method::PATCH,
        Method::Delete => reqwest::Method::DELETE,
        Method::Get => reqwest::Method::GET,
    }
}

/// One sentence from a chain of errors, without the URL that reqwest would add.
fn described(error: &reqwest::Error, at: &str) -> String {
    if error.is_timeout() {
        return format!("{at} did not answer within {} s", PATIENCE.as_secs());
    }
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    let mut last = None;
    while let Some(inner) = cause {
        if let Some(error) = inner.downcast_ref::<io::Error>() {
            return gate::described(error, at);
        }
        last = Some(inner);
        cause = inner.source();
    }
    last.map_or_else(
        || format!("{at} does not speak HTTP as expected"),
        |inner| format!("the exchange with {at} failed: {inner}"),
    )
}
