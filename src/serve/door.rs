//! Between signalling and a worker: commands go in through a door, what is said comes out to each connection.

use super::counters::Counters;
use crate::conference::protocol::ServerMessage;
use crate::sfu::room::{ConnectionId, Request};
use axum::extract::ws::Utf8Bytes;
use crossbeam_channel::Sender;
use nix::sys::eventfd::EventFd;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use tokio::sync::mpsc;

/// A message to one or many connections, made into text once.
#[derive(Debug)]
pub(super) struct Said {
    pub message: ServerMessage,
    text: OnceLock<Utf8Bytes>,
}

impl Said {
    pub fn new(message: ServerMessage) -> Self {
        Self { message, text: OnceLock::new() }
    }

    pub fn text(&self) -> Utf8Bytes {
        let make = || serde_json::to_string(&self.message).expect("protocol messages have string keys only").into();
        self.text.get_or_init(make).clone()
    }
}

/// What a connection hears.
#[derive(Clone, Debug)]
pub(super) enum Heard {
    Said(Arc<Said>),
    NotLive,
    Closed,
}

/// What signalling asks of a worker.
#[derive(Debug)]
pub(super) enum Command {
    Connect(ConnectionId, mpsc::Sender<Heard>),
    Request(ConnectionId, Request),
    Disconnect(ConnectionId),
    Stop,
}

/// Where commands go in.
#[derive(Clone, Debug)]
pub(super) struct Door {
    pub commands: Sender<Command>,
    pub bell: Arc<EventFd>,
}

impl Door {
    pub fn send(&self, command: Command) {
        // A worker that is gone hears nothing, and its connections end by themselves.
        if self.commands.send(command).is_ok() {
            let _ = self.bell.write(1);
        }
    }
}

/// A worker, from outside.
#[derive(Debug)]
pub(super) struct WorkerHandle {
    pub address: SocketAddr,
    pub receive_buffer: usize,
    pub counters: Arc<Counters>,
    pub door: Door,
    pub thread: JoinHandle<()>,
}

impl WorkerHandle {
    pub fn stop(self) -> std::thread::Result<()> {
        self.door.send(Command::Stop);
        self.thread.join()
    }
}
