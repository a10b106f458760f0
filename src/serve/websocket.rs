//! The room protocol over a WebSocket: text messages in, text messages out, nothing decided here but the version.

use super::door::{Command, Heard, Said};
use super::http::{Desk, Line};
use crate::conference::protocol::{ClientMessage, PROTOCOL_VERSION, Refusal, ServerMessage};
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use std::sync::Arc;

/// Bytes of buffer each way; the library's own 128 KiB would be the most that a participant costs here.
const BUFFER: usize = 4 << 10;

pub(super) async fn upgrade(State(desk): State<Arc<Desk>>, upgrade: WebSocketUpgrade) -> Response {
    let limit = desk.message_limit;
    let upgrade =
        upgrade.max_message_size(limit).max_frame_size(limit).read_buffer_size(BUFFER).write_buffer_size(BUFFER);
    upgrade.on_upgrade(move |socket| converse(socket, desk))
}

async fn converse(mut socket: WebSocket, desk: Arc<Desk>) {
    let Some((mut line, first)) = join(&mut socket, &desk).await else { return };
    line.door.send(Command::Request(line.connection, first.into()));
    loop {
        tokio::select! {
            heard = line.hears.recv() => match heard {
                Some(Heard::Said(said)) => {
                    if socket.send(Message::Text(said.text())).await.is_err() {
                        break;
                    }
                }
                Some(Heard::NotLive) => {}
                Some(Heard::Closed) | None => break,
            },
            message = next(&mut socket, desk.message_limit) => match message {
                Next::Message(message) => line.door.send(Command::Request(line.connection, message.into())),
                Next::Refused(detail) => {
                    if refuse(&mut socket, Refusal::Malformed, detail).await.is_err() {
                        break;
                    }
                }
                Next::TooLong(detail) => {
                    let _ = refuse(&mut socket, Refusal::Malformed, detail).await;
                    break;
                }
                Next::Ended => break,
            },
        }
    }
    line.door.send(Command::Disconnect(line.connection));
    let _ = socket.send(Message::Close(None)).await;
}

/// Waits for the first message, which must be a join of this version.
async fn join(socket: &mut WebSocket, desk: &Desk) -> Option<(Line, ClientMessage)> {
    let (reason, detail) = match next(socket, desk.message_limit).await {
        Next::Message(ClientMessage::Join { version, .. }) if version != PROTOCOL_VERSION => {
            (Refusal::Version, format!("this SFU speaks version {PROTOCOL_VERSION}"))
        }
        Next::Message(ClientMessage::Join { version, room, participant, transport, publish }) => {
            let line = desk.line(&room);
            return Some((line, ClientMessage::Join { version, room, participant, transport, publish }));
        }
        Next::Message(_) => (Refusal::Malformed, "the first message must be join".to_owned()),
        Next::Refused(detail) | Next::TooLong(detail) => (Refusal::Malformed, detail),
        Next::Ended => return None,
    };
    let _ = refuse(socket, reason, detail).await;
    let _ = socket.send(Message::Close(None)).await;
    None
}

enum Next {
    Message(ClientMessage),
    Refused(String),
    TooLong(String),
    Ended,
}

async fn next(socket: &mut WebSocket, limit: usize) -> Next {
    loop {
        match socket.recv().await {
            Some(Ok(Message::Text(text))) => {
                return match serde_json::from_str(&text) {
                    Ok(message) => Next::Message(message),
                    Err(error) => Next::Refused(format!("this is no message of the room protocol: {error}")),
                };
            }
            Some(Ok(Message::Binary(_))) => return Next::Refused("messages are text".to_owned()),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Close(_))) | None => return Next::Ended,
            Some(Err(error)) if error.to_string().to_lowercase().contains("too long") => {
                return Next::TooLong(format!("a message may have {limit} bytes"));
            }
            Some(Err(_)) => return Next::Ended,
        }
    }
}

async fn refuse(socket: &mut WebSocket, reason: Refusal, detail: String) -> Result<(), axum::Error> {
    let said = Said::new(ServerMessage::Refused { reason, detail });
    socket.send(Message::Text(said.text())).await
}
