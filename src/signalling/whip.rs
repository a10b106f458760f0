//! One WHIP (RFC 9725) or WHEP (draft-ietf-wish-whep-03) session, from the client's side: an offer by POST, an answer, a
//! DELETE.
//!
//! How real servers deviate is in the target's `Quirks`; what a status means is in its `refusal`. There is no
//! renegotiation, no ICE restart and no counter-offer (406) here, and nothing is said of mutes or subscriptions: neither
//! protocol has words for them. Redirects, `Location` and answers may name any host: the driver checks an address
//! before it connects. A session leaves no trace: whatever the server accepted is deleted, also when its answer cannot
//! be used or we leave while it is on its way.

mod endpoint;
mod offered;
mod refusal;

#[cfg(test)]
mod tests;

use super::{Carried, Carry, Event, HttpRequest, HttpResponse, Input, Method, Output};
use crate::clock::{Duration, Instant};
use crate::conference::{Cause, Credentials, MediaKind, SendParameters, Setup, TransportParameters};
use crate::plan::target::{Quirks, WhipPlan};
use crate::sdp::{Answer, Fragment, OfferSpec, parse_answer};
use endpoint::Endpoint;
use std::collections::VecDeque;
use std::fmt;

/// A POST is redirected at most this often (as browsers would, 20; a load balancer needs one or two).
const MAX_REDIRECTS: u8 = 5;
/// An overloaded server (503, 429 with `Retry-After`) is asked again at most this often.
const MAX_RETRIES: u8 = 3;
/// A longer `Retry-After` of an overloaded server is not waited for: it means "go away".
const LONGEST_RETRY: Duration = Duration::from_secs(10);
/// The pause before asking again for what is not yet live doubles up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The adapter of one session. Its `Debug` shows no credentials: URLs are left out, and the endpoint redacts its own.
pub struct Session {
    purpose: Purpose,
    endpoint: Result<Endpoint, String>,
    quirks: Quirks,
    state: State,
    /// What is offered, from the join on; every attempt offers the same.
    spec: Option<OfferSpec>,
    /// The next pause before asking again for what is not yet live.
    pause: Duration,
    retries: u8,
    next_request: u32,
    /// The server's side, as of its newest answer.
    transport: Option<TransportParameters>,
    outputs: VecDeque<Output>,
}

#[derive(Debug)]
enum Purpose {
    Publish,
    Play(Vec<MediaKind>),
}

enum State {
    Idle,
    /// The offer is on its way; once `left`, a session that comes of it is deleted at once.
    Offering {
        request: u32,
        url: String,
        redirects: u8,
        left: bool,
    },
    /// The offer will be sent again.
    Waiting {
        until: Instant,
    },
    /// The SFU accepted us. `session` is where to DELETE, where the server said so.
    Joined {
        session: Option<String>,
        patch: Option<u32>,
        /// The PATCH of an ICE restart that has not been answered.
        restart: Option<u32>,
    },
    Deleting {
        request: u32,
    },
    Ended,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("purpose", &self.purpose)
            .field("endpoint", &self.endpoint)
            .field("state", &self.state.name())
            .finish_non_exhaustive()
    }
}

impl State {
    const fn name(&self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Offering { left: false, .. } => "offering",
            Self::Offering { left: true, .. } => "leaving before the answer",
            Self::Waiting { .. } => "waiting",
            Self::Joined { .. } => "joined",
            Self::Deleting { .. } => "deleting",
            Self::Ended => "ended",
        }
    }
}

impl Session {
    /// A session that will publish as `participant` in `room`. The URL and the bearer come from the target's templates.
    #[must_use]
    pub fn publish(target: &WhipPlan, room: &str, participant: &str) -> Self {
        Self::new(Purpose::Publish, Endpoint::new(target.whip.as_deref(), "whip", target, room, participant), target)
    }

    /// A session that will play these kinds of what `publisher` publishes in `room`. Neither WHEP nor its servers say
    /// which media a stream is: the streams of [`Event::Joined`] have no track, the stamps in them tell.
    #[must_use]
    pub fn play(target: &WhipPlan, room: &str, publisher: &str, kinds: Vec<MediaKind>) -> Self {
        Self::new(Purpose::Play(kinds), Endpoint::new(target.whep.as_deref(), "whep", target, room, publisher), target)
    }

    fn new(purpose: Purpose, endpoint: Result<Endpoint, String>, target: &WhipPlan) -> Self {
        Self {
            purpose,
            endpoint,
            quirks: target.quirks.clone(),
            state: State::Idle,
            spec: None,
            pause: target.quirks.retry_after,
            retries: 0,
            next_request: 0,
            transport: None,
            outputs: VecDeque::new(),
        }
    }

    /// Tells one fact.
    pub fn handle_input(&mut self, now: Instant, input: Input) {
        match input {
            Input::Join { transport, publish } => self.join(transport, publish),
            Input::Leave => self.leave(),
            Input::Carried(Carried::Response(response)) => self.handle_response(now, &response),
            Input::Carried(Carried::RequestFailed { id, reason }) => self.handle_request_failed(id, &reason),
            Input::Restart(credentials) => self.restart(credentials),
            Input::Subscribe(_) | Input::Unsubscribe(_) | Input::Layer { .. } | Input::Mute { .. } => {}
            // A session's tracks are settled when it begins (RFC 9725 §4.4).
            Input::Publish(_) | Input::Unpublish(_) => {}
            // It has no data channels; a plan with some is refused.
            Input::OpenChannel(_) | Input::ReceiveChannels(_) => {}
            Input::Carried(Carried::Opened | Carried::Text(_) | Carried::Closed { .. }) => {}
        }
    }

    /// Tells that time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if matches!(self.state, State::Waiting { until } if until <= now) {
            self.send_offer();
        }
    }

    /// When to be told the time again.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Waiting { until } => Some(until),
            _ => None,
        }
    }

    /// Whether we left while the offer was on its way, so that an answer to it still matters: the session that it
    /// grants is to be deleted.
    #[must_use]
    pub const fn is_leaving(&self) -> bool {
        matches!(self.state, State::Offering { left: true, .. })
    }

    /// The next output.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn join(&mut self, mut transport: TransportParameters, publish: Vec<SendParameters>) {
        if !matches!(self.state, State::Idle) {
            return;
        }
        if self.quirks.offer_active {
            transport.setup = Setup::Active;
        }
        let spec = match &self.purpose {
            Purpose::Publish => offered::to_publish(transport, publish),
            Purpose::Play(kinds) => offered::to_play(transport, kinds),
        };
        match (spec, &self.endpoint) {
            (Err(detail), _) => self.fail(Cause::Config, detail),
            (_, Err(detail)) => {
                let detail = detail.clone();
                self.fail(Cause::Config, detail);
            }
            (Ok(spec), Ok(_)) => {
                self.spec = Some(spec);
                self.send_offer();
            }
        }
    }

    fn send_offer(&mut self) {
        if let Ok(endpoint) = &self.endpoint {
            let url = endpoint.url.clone();
            self.post(url, 0);
        }
    }

    fn post(&mut self, url: String, redirects: u8) {
        let Some(spec) = &self.spec else { return };
        let body = offered::text(spec, self.quirks.trickle);
        let content = vec![("Content-Type".to_owned(), "application/sdp".to_owned())];
        let request = self.request(Method::Post, url.clone(), content, body);
        self.state = State::Offering { request, url, redirects, left: false };
    }

    /// Sends a request with the credentials that every one of them carries, and says under which number.
    fn request(&mut self, method: Method, url: String, mut headers: Vec<(String, String)>, body: String) -> u32 {
        let id = self.next_request;
        self.next_request = id.wrapping_add(1);
        if let Ok(Endpoint { bearer: Some(bearer), .. }) = &self.endpoint {
            headers.push(("Authorization".to_owned(), format!("Bearer {bearer}")));
        }
        self.outputs.push_back(Output::Carry(Carry::Request(HttpRequest { id, method, url, headers, body })));
        id
    }

    fn leave(&mut self) {
        match &mut self.state {
            State::Idle | State::Waiting { .. } => self.end(Event::Ended),
            State::Offering { left, .. } => *left = true,
            State::Joined { session, .. } => {
                let session = session.take();
                self.delete_and_end(session);
            }
            State::Deleting { .. } | State::Ended => {}
        }
    }

    /// Deletes the session in order; without a place to delete it at, closing the transport is all there is to do.
    fn delete_and_end(&mut self, session: Option<String>) {
        match self.delete(session) {
            Some(request) => self.state = State::Deleting { request },
            None => self.end(Event::Ended),
        }
    }

    fn delete(&mut self, session: Option<String>) -> Option<u32> {
        let session = session.filter(|_| self.quirks.delete)?;
        // RFC 9725 §4.3.1: no entity tag on DELETE.
        Some(self.request(Method::Delete, session, Vec::new(), String::new()))
    }

    fn handle_response(&mut self, now: Instant, response: &HttpResponse) {
        match &self.state {
            State::Offering { request, url, redirects, left } if *request == response.id => {
                let (url, redirects, left) = (url.clone(), *redirects, *left);
                match response.status {
                    200 | 201 => self.handle_answer(&url, left, response),
                    _ if left => self.end(Event::Ended),
                    307 | 308 => self.redirect(&url, redirects, response),
                    status => self.handle_refusal(now, status, response),
                }
            }
            State::Joined { patch: Some(request), .. } if *request == response.id => {
                self.handle_patched(response);
            }
            State::Joined { restart: Some(request), .. } if *request == response.id => {
                self.handle_restarted(response);
            }
            // A DELETE that is refused (404 after our close_notify, 405 where there is none) changes nothing: we are gone.
            State::Deleting { request } if *request == response.id => self.end(Event::Ended),
            _ => {}
        }
    }

    fn handle_request_failed(&mut self, id: u32, reason: &str) {
        match self.state {
            State::Offering { request, left: false, .. } if request == id => {
                self.fail(Cause::SignalSetup, format!("the offer was not answered: {reason}"));
            }
            State::Joined { patch: Some(request), .. } if request == id => {
                self.fail(Cause::SignalSetup, format!("the candidates were not taken: {reason}"));
            }
            State::Offering { request, .. } | State::Deleting { request } if request == id => self.end(Event::Ended),
            State::Joined { restart: Some(request), .. } if request == id => self.end_restart(),
            _ => {}
        }
    }

    /// RFC 9725 §4.3.2: new credentials in a PATCH under any entity tag. A server that named no session cannot be asked,
    /// and one restart is under way at a time.
    fn restart(&mut self, credentials: Credentials) {
        let (Some(spec), State::Joined { session: Some(session), restart: None, .. }) = (&self.spec, &self.state)
        else {
            return;
        };
        let (kind, mid) = offered::first_section(spec);
        let candidates = spec.transport.candidates.clone();
        let Credentials { ufrag, pwd } = credentials;
        let fragment = Fragment { mid: Some(mid), ufrag: Some(ufrag), pwd: Some(pwd), candidates, end: true };
        let headers = [("Content-Type", "application/trickle-ice-sdpfrag"), ("If-Match", "*")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let (url, text) = (session.clone(), fragment.text(kind));
        let request = self.request(Method::Patch, url, headers, text);
        if let State::Joined { restart, .. } = &mut self.state {
            *restart = Some(request);
        }
    }

    /// A restart that the server does not take changes nothing: "the existing ICE session MUST continue".
    fn handle_restarted(&mut self, response: &HttpResponse) {
        self.end_restart();
        let fragment = Fragment::parse(&response.body).filter(|_| response.status == 200);
        let Some(Fragment { ufrag: Some(ufrag), pwd: Some(pwd), candidates, .. }) = fragment else { return };
        let Some(known) = &self.transport else { return };
        let candidates = if candidates.is_empty() { known.candidates.clone() } else { candidates };
        let transport = TransportParameters { ufrag, pwd, candidates, ..known.clone() };
        self.transport = Some(transport.clone());
        self.outputs.push_back(Output::Event(Event::Restarted(transport)));
    }

    fn end_restart(&mut self) {
        if let State::Joined { restart, .. } = &mut self.state {
            *restart = None;
        }
    }

    /// RFC 9725 §4.5: POST is redirected by 307, with method, body and credentials kept.
    fn redirect(&mut self, url: &str, redirects: u8, response: &HttpResponse) {
        let target = response.header("location").and_then(|location| endpoint::resolve(url, location));
        match target {
            Some(target) if redirects < MAX_REDIRECTS => self.post(target, redirects + 1),
            Some(_) => {
                let detail = format!("the server redirected the offer more than {MAX_REDIRECTS} times");
                self.fail(Cause::SignalSetup, detail);
            }
            None => {
                let detail = "the server redirected the offer to nowhere that it could be sent to".to_owned();
                self.fail(Cause::SignalSetup, detail);
            }
        }
    }

    fn handle_answer(&mut self, url: &str, left: bool, response: &HttpResponse) {
        let session = response.header("location").and_then(|location| endpoint::resolve(url, location));
        if left {
            return self.delete_and_end(session);
        }
        let Some(spec) = &self.spec else { return };
        let accepted = match parse_answer(&response.body, spec) {
            Ok(answer) => offered::check(spec, answer),
            Err(error) => Err((Cause::SignalSetup, format!("the answer cannot be used: {error}"))),
        };
        self.state = State::Joined { session, patch: None, restart: None };
        match accepted {
            Ok(answer) => self.joined(answer, response.header("etag")),
            Err((cause, detail)) => self.fail(cause, detail),
        }
    }

    fn joined(&mut self, answer: Answer, etag: Option<&str>) {
        if self.quirks.trickle && !self.trickle(etag) {
            let detail = "the server named no session (Location) to send the candidates to".to_owned();
            return self.fail(Cause::SignalSetup, detail);
        }
        self.transport = Some(answer.transport.clone());
        self.outputs.push_back(Output::Event(Event::Joined {
            transport: answer.transport,
            send: answer.send,
            receive: answer.receive,
            roster: Vec::new(),
        }));
    }

    /// Sends the candidates that the offer left out, all at once; the entity tag goes back exactly as it came. False
    /// when the server did not say where to.
    fn trickle(&mut self, etag: Option<&str>) -> bool {
        let (Some(spec), State::Joined { session: Some(session), .. }) = (&self.spec, &self.state) else {
            return false;
        };
        let (kind, mid) = offered::first_section(spec);
        let fragment = Fragment {
            mid: Some(mid),
            ufrag: Some(spec.transport.ufrag.clone()),
            pwd: Some(spec.transport.pwd.clone()),
            candidates: spec.transport.candidates.clone(),
            end: true,
        };
        let mut headers = vec![("Content-Type".to_owned(), "application/trickle-ice-sdpfrag".to_owned())];
        headers.extend(etag.map(|etag| ("If-Match".to_owned(), etag.to_owned())));
        let url = session.clone();
        let request = self.request(Method::Patch, url, headers, fragment.text(kind));
        if let State::Joined { patch, .. } = &mut self.state {
            *patch = Some(request);
        }
        true
    }

    fn handle_patched(&mut self, response: &HttpResponse) {
        if let State::Joined { patch, .. } = &mut self.state {
            *patch = None;
        }
        if !(200..300).contains(&response.status) {
            let said = self.quote(response);
            let detail = format!(
                "the server refused the candidates sent by PATCH with status {}{said}; set `trickle = false` in the target's quirks",
                response.status
            );
            self.fail(Cause::Config, detail);
        }
    }

    fn handle_refusal(&mut self, now: Instant, status: u16, response: &HttpResponse) {
        let retry_after = refusal::retry_after(response);
        if matches!(self.purpose, Purpose::Play(_)) && self.quirks.not_live.contains(&status) {
            let pause = self.pause.max(retry_after.unwrap_or_default());
            self.pause = (self.pause * 2).min(LONGEST_PAUSE.max(self.pause));
            self.state = State::Waiting { until: now + pause };
            return self.outputs.push_back(Output::Event(Event::NotYetLive));
        }
        if let (429 | 503, Some(pause)) = (status, retry_after)
            && pause <= LONGEST_RETRY
            && self.retries < MAX_RETRIES
        {
            self.retries += 1;
            self.state = State::Waiting { until: now + pause };
            return;
        }
        let (cause, sentence) = refusal::meaning(status, response);
        let said = self.quote(response);
        self.fail(cause, format!("{sentence} (status {status}){said}"));
    }

    /// What the server says in its body, ready to stand behind a sentence.
    fn quote(&self, response: &HttpResponse) -> String {
        self.endpoint.as_ref().map_or_else(|_| String::new(), |endpoint| refusal::quote(response, &endpoint.secrets))
    }

    /// Ends unasked; what the server holds of us is deleted, and whatever it says to that is not waited for.
    fn fail(&mut self, cause: Cause, detail: String) {
        if let State::Joined { session, .. } = &mut self.state {
            let session = session.take();
            self.delete(session);
        }
        self.end(Event::Failed { cause, detail });
    }

    fn end(&mut self, event: Event) {
        self.state = State::Ended;
        self.spec = None;
        self.outputs.push_back(Output::Event(event));
    }
}
