//! One WebSocket from opening to close: texts both ways, in order.
//!
//! Reading and writing go on side by side, so that neither side can block the other. A binary message is no part of any
//! protocol here and closes the connection.

use super::PATIENCE;
use super::gate::{self, Gate};
use crate::signalling::Carried;
use futures_util::{SinkExt, StreamExt};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

/// Bytes of a message, either way.
const MAX_MESSAGE: usize = 256 * 1024;
/// Read buffer of a connection; tungstenite's own 128 KiB would be most of what a participant weighs.
const READ_BUFFER: usize = 4 * 1024;
/// How long the other side may take to answer a close.
const CLOSING: Duration = Duration::from_secs(2);

/// What is to be done with an open WebSocket.
#[derive(Debug)]
pub(super) enum Frame {
    Text(String),
    Close,
    /// Let go of it without a word to either side.
    Abort,
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Why there is no connection (any more), and the status that refused it.
struct End {
    reason: String,
    status: Option<u16>,
}

impl From<String> for End {
    fn from(reason: String) -> Self {
        Self { reason, status: None }
    }
}

/// Opens a WebSocket and serves it until it closes; a frames channel without a sender closes it too.
pub(super) async fn run(
    gate: &Gate,
    url: &str,
    headers: &[(String, String)],
    mut frames: UnboundedReceiver<Frame>,
    tell: impl Fn(Carried),
) {
    let mut early = VecDeque::new();
    // Each part in a box of its own: a task is as large as its largest part, and the handshake's 10 KiB would stay.
    let end = match Box::pin(opened(gate, url, headers, &mut frames, &mut early)).await {
        Ok((socket, at)) => {
            tell(Carried::Opened);
            return Box::pin(converse(socket, &at, early, frames, tell)).await;
        }
        Err(end) => end,
    };
    tell(Carried::Closed { reason: end.reason, status: end.status });
}

/// Connects; frames that come meanwhile wait in `early`, and a close with nothing to flush calls it off.
async fn opened(
    gate: &Gate,
    url: &str,
    headers: &[(String, String)],
    frames: &mut UnboundedReceiver<Frame>,
    early: &mut VecDeque<Frame>,
) -> Result<(Socket, String), End> {
    let connecting = timeout(PATIENCE, connect(gate, url, headers));
    tokio::pin!(connecting);
    let mut closing = false;
    loop {
        tokio::select! {
            result = &mut connecting => {
                let late = || End::from(format!("the WebSocket was not open within {} s", PATIENCE.as_secs()));
                return result.unwrap_or_else(|_| Err(late()));
            }
            frame = frames.recv(), if !closing => match frame {
                Some(Frame::Text(text)) => early.push_back(Frame::Text(text)),
                Some(Frame::Abort) => return Err("broken off before it was open".to_owned().into()),
                Some(Frame::Close) | None if early.is_empty() => {
                    return Err("closed by this side before it was open".to_owned().into());
                }
                Some(Frame::Close) | None => {
                    early.push_back(Frame::Close);
                    closing = true;
                }
            }
        }
    }
}

async fn connect(gate: &Gate, url: &str, headers: &[(String, String)]) -> Result<(Socket, String), End> {
    let parsed = url::Url::parse(url).map_err(|error| format!("the URL cannot be read: {error}"))?;
    if !matches!(parsed.scheme(), "ws" | "wss") {
        return Err(format!("a WebSocket needs ws:// or wss://, not {}://", parsed.scheme()).into());
    }
    let at = gate::place(&parsed);
    let host = parsed.host().ok_or_else(|| "the URL has no host".to_owned())?;
    let port = parsed.port_or_known_default().unwrap_or_default();
    let request = request(&parsed, headers)?;
    let addresses = gate.addresses(&host).await.map_err(|refusal| refusal.to_string())?;
    let stream = connect_any(&addresses, port, &at).await?;
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    match client_async_tls_with_config(request, stream, Some(config), None).await {
        Ok((socket, _)) => Ok((socket, at)),
        Err(Error::Http(response)) => {
            let status = response.status().as_u16();
            Err(End { reason: format!("{at} refused the WebSocket with status {status}"), status: Some(status) })
        }
        Err(error) => Err(described(&error, &at).into()),
    }
}

fn request(url: &url::Url, headers: &[(String, String)]) -> Result<Request, String> {
    let mut request = url.as_str().into_client_request().map_err(|_| "the URL is none of a WebSocket".to_owned())?;
    for (name, value) in headers {
        let header = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_str(value).ok());
        let (header, value) = header.ok_or_else(|| format!("the value of {name} cannot stand in a header"))?;
        request.headers_mut().append(header, value);
    }
    Ok(request)
}

/// The first address that takes the connection; the reason is the last one's.
async fn connect_any(addresses: &[IpAddr], port: u16, at: &str) -> Result<TcpStream, String> {
    let mut reason = format!("no address is known for {at}");
    for &address in addresses {
        match TcpStream::connect(SocketAddr::new(address, port)).await {
            Ok(stream) => {
                stream.set_nodelay(true).map_err(|error| gate::described(&error, at))?;
                return Ok(stream);
            }
            Err(error) => reason = gate::described(&error, at),
        }
    }
    Err(reason)
}

/// How the writing half ended.
enum Written {
    Closed,
    Aborted,
}

async fn converse(
    socket: Socket,
    at: &str,
    mut early: VecDeque<Frame>,
    mut frames: UnboundedReceiver<Frame>,
    tell: impl Fn(Carried),
) {
    let (mut sink, mut stream) = socket.split();
    let reason = {
        let write = async {
            loop {
                let next = match early.pop_front() {
                    Some(frame) => Some(frame),
                    None => frames.recv().await,
                };
                match next {
                    Some(Frame::Text(text)) => sink.send(Message::text(text)).await?,
                    Some(Frame::Abort) => return Ok(Written::Aborted),
                    Some(Frame::Close) | None => return sink.close().await.map(|()| Written::Closed),
                }
            }
        };
        let read = async {
            loop {
                match stream.next().await {
                    Some(Ok(Message::Text(text))) => tell(Carried::Text(text.as_str().to_owned())),
                    Some(Ok(Message::Binary(_))) => return format!("{at} sent a binary message"),
                    Some(Ok(Message::Close(frame))) => return farewell(frame, at),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return described(&error, at),
                    None => return format!("{at} ended the connection"),
                }
            }
        };
        tokio::pin!(read, write);
        tokio::select! {
            biased;
            reason = &mut read => reason,
            written = &mut write => match written {
                // Dropped as it is: the other side reads an end without a goodbye.
                Ok(Written::Aborted) => return,
                Ok(Written::Closed) => {
                    // What is still on its way is let in until the other side has closed as well.
                    let _ = timeout(CLOSING, read).await;
                    "closed by this side".to_owned()
                }
                Err(error) => described(&error, at),
            },
        }
    };
    tell(Carried::Closed { reason, status: None });
    // Answers the other side's close, where it was the first.
    let _ = timeout(CLOSING, sink.close()).await;
}

fn farewell(frame: Option<CloseFrame>, at: &str) -> String {
    match frame {
        Some(frame) if !frame.reason.is_empty() => {
            format!("{at} closed it with code {}: {}", u16::from(frame.code), frame.reason.as_str())
        }
        Some(frame) => format!("{at} closed it with code {}", u16::from(frame.code)),
        None => format!("{at} closed it"),
    }
}

fn described(error: &Error, at: &str) -> String {
    match error {
        Error::Io(error) => gate::described(error, at),
        Error::Capacity(_) => format!("a message is longer than {MAX_MESSAGE} bytes"),
        Error::ConnectionClosed | Error::AlreadyClosed => format!("{at} ended the connection"),
        Error::Protocol(error) => format!("{at} broke the WebSocket protocol: {error}"),
        error => format!("the WebSocket to {at} failed: {error}"),
    }
}
