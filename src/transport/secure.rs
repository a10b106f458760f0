//! The real transport: str0m's ICE, DTLS and SCTP through `direct_api`, no media in it, SRTP keys handed out.
//!
//! It deals in datagrams below 128 (STUN, DTLS). Media is sealed and opened by the owner with [`Event::Keys`]; every
//! datagram of str0m's own whose first byte is ≥ 128 is dropped, because two contexts on one key would repeat nonces.

pub(crate) mod channels;

use super::dtls::{self, KeySlot};
use super::{End, Event, Output, stun};
use crate::clock::{Duration, Instant};
use crate::conference::channel::BUFFER_LIMIT;
use crate::conference::{Cause, Credentials, Setup, TransportParameters};
use crate::rtp::srtp;
use channels::Channels;
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use str0m::config::{CryptoProvider, DtlsCert, DtlsVersion, Fingerprint};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, IceConnectionState, IceCreds, Input, Rtc, RtcConfig};

/// What every transport of a process shares: crypto, one certificate, and where the run's time began.
#[derive(Clone)]
pub struct Factory {
    crypto: Arc<CryptoProvider>,
    certificate: DtlsCert,
    /// The machine's clock at the start of the run: str0m takes `std::time::Instant`.
    epoch: std::time::Instant,
}

impl std::fmt::Debug for Factory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Factory")
    }
}

impl Factory {
    /// Builds the shared crypto and generates the certificate that all transports use. `epoch` is the start of the run.
    ///
    /// # Errors
    /// A sentence when the crypto library refuses its configuration.
    pub fn new(epoch: std::time::Instant) -> Result<Self, String> {
        let crypto =
            dtls::provider().map_err(|error| format!("the DTLS library refused its configuration: {error}"))?;
        let certificate =
            crypto.dtls_provider.generate_certificate().ok_or("the DTLS library could not generate a certificate")?;
        Ok(Self { crypto: Arc::new(crypto), certificate, epoch })
    }

    fn machine_time(&self, now: Instant) -> std::time::Instant {
        self.epoch + Duration::from_nanos(now.as_nanos())
    }
}

/// One ICE and DTLS transport.
pub struct Secure {
    factory: Factory,
    rtc: Rtc,
    slot: Arc<KeySlot>,
    local: SocketAddr,
    end: End,
    peer: Option<SocketAddr>,
    /// Candidates of the peer that can be used from here.
    candidates: usize,
    /// Them, for a restart to begin anew with.
    remote: Vec<Candidate>,
    /// Our credentials of a restart that the other side has not answered.
    offered: Option<IceCreds>,
    /// It has, and no pair works yet under the new credentials: media stays where it is.
    restarting: bool,
    outputs: VecDeque<Output>,
    timeout: Option<Instant>,
    /// The newest unanswered binding request: its transaction id, and when it was sent.
    asked: Option<([u8; 12], Instant)>,
    /// Where the check at hand came from, if it nominates its pair.
    nominating: Option<SocketAddr>,
    /// Whether this side sends the ClientHello, and SCTP's INIT.
    active: bool,
    channels: Channels,
    ice_connected: bool,
    ended: bool,
}

impl std::fmt::Debug for Secure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secure").field("local", &self.local).field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl Secure {
    /// A transport on a socket bound to `local`.
    ///
    /// # Errors
    /// A sentence when `local` cannot be a host candidate.
    pub fn new(factory: &Factory, now: Instant, local: SocketAddr) -> Result<Self, String> {
        Self::at(factory, now, local, End::Participant)
    }

    /// A transport at either end of an association.
    ///
    /// # Errors
    /// A sentence when its address cannot be a host candidate.
    pub fn at(factory: &Factory, now: Instant, local: SocketAddr, end: End) -> Result<Self, String> {
        // `Auto` speaks 1.3 where the peer does and falls back to 1.2; 1.3 alone fails against pion and aiortc. A server
        // speaks what the reference SFU's other leg speaks.
        let (version, announced) = match end {
            End::Participant => (DtlsVersion::Auto, local),
            End::Server { announced } => (DtlsVersion::Dtls12, announced),
        };
        let mut rtc = RtcConfig::new()
            .set_crypto_provider(factory.crypto.clone())
            .set_dtls_cert(factory.certificate.clone())
            .set_dtls_version(version)
            .set_ice_lite(matches!(end, End::Server { .. }))
            .set_rtp_mode(true)
            .set_sctp_max_buffered_amount(BUFFER_LIMIT)
            .clear_codecs()
            .build(factory.machine_time(now));
        let slot = dtls::take_newest_slot().ok_or("the transport was built without its DTLS provider")?;
        let candidate = Candidate::host(announced, "udp")
            .map_err(|error| format!("{announced} cannot be a host candidate: {error}"))?;
        rtc.add_local_candidate(candidate);
        Ok(Self {
            factory: factory.clone(),
            rtc,
            slot,
            local,
            end,
            peer: None,
            candidates: 0,
            remote: Vec::new(),
            offered: None,
            restarting: false,
            outputs: VecDeque::new(),
            timeout: None,
            asked: None,
            nominating: None,
            active: false,
            channels: Channels::default(),
            ice_connected: false,
            ended: false,
        })
    }

    /// What the other side must know of us; a participant's `setup` is `actpass`, a server's `passive`.
    pub fn local_parameters(&mut self) -> TransportParameters {
        let direct = self.rtc.direct_api();
        let IceCreds { ufrag, pass } = direct.local_ice_credentials();
        let fingerprint = direct.local_dtls_fingerprint();
        let mut text = format!("{} ", fingerprint.hash_func);
        for (index, byte) in fingerprint.bytes.iter().enumerate() {
            let separator = if index == 0 { "" } else { ":" };
            write!(text, "{separator}{byte:02X}").expect("writing to a String cannot fail");
        }
        let (setup, address) = match self.end {
            End::Participant => (Setup::Actpass, self.local),
            End::Server { announced } => (Setup::Passive, announced),
        };
        let candidate = format!("candidate:1 1 udp 2130706431 {} {} typ host", address.ip(), address.port());
        TransportParameters {
            ufrag,
            pwd: pass,
            fingerprint: text,
            setup,
            ice_lite: matches!(self.end, End::Server { .. }),
            candidates: vec![candidate],
        }
    }

    /// Connects to the other side. `offerer` says whether our parameters were the offer. Addresses that `allowed`
    /// refuses are not used; when none is left the join has no candidate.
    ///
    /// # Errors
    /// The cause of the failed join and a sentence.
    pub fn connect(
        &mut self,
        now: Instant,
        remote: &TransportParameters,
        offerer: bool,
        allowed: impl Fn(SocketAddr) -> bool,
    ) -> Result<(), (Cause, String)> {
        // Who only answers checks learns where they come from.
        if self.end == End::Participant {
            self.add_candidates(remote, allowed);
        }
        if self.candidates == 0 && self.end == End::Participant {
            let offered = remote.candidates.len();
            return Err((
                Cause::IceNoCandidate,
                format!("none of the server's {offered} candidates can be used from here"),
            ));
        }
        let fingerprint: Fingerprint = remote
            .fingerprint
            .parse()
            .map_err(|_| (Cause::TransportFailed, "the server's fingerprint cannot be read".to_owned()))?;
        let active = match remote.setup {
            Setup::Passive => true,
            Setup::Active => false,
            // A server said that it is passive, where it may choose.
            Setup::Actpass => !offerer && self.end == End::Participant,
        };
        self.active = active;
        let mut direct = self.rtc.direct_api();
        direct.set_ice_controlling(self.end == End::Participant && (offerer || remote.ice_lite));
        direct.set_remote_ice_credentials(IceCreds { ufrag: remote.ufrag.clone(), pass: remote.pwd.clone() });
        direct.set_remote_fingerprint(fingerprint);
        direct.start_dtls(active).map_err(|error| (Cause::TransportFailed, format!("DTLS did not start: {error}")))?;
        // Without a first timeout the ICE agent reports no deadline and never sends a check.
        self.handle_timeout(now);
        Ok(())
    }

    /// Adds the candidates of the other side that can be used.
    fn add_candidates(&mut self, remote: &TransportParameters, allowed: impl Fn(SocketAddr) -> bool) {
        self.remote.clear();
        for text in &remote.candidates {
            let Ok(candidate) = Candidate::from_sdp_string(text) else { continue };
            // TCP and mDNS candidates, and other families than our socket's, cannot be reached from here.
            if candidate.proto() == Protocol::Udp
                && candidate.addr().is_ipv4() == self.local.is_ipv4()
                && allowed(candidate.addr())
            {
                self.remote.push(candidate.clone());
                self.rtc.add_remote_candidate(candidate);
            }
        }
        self.candidates = self.remote.len();
    }

    /// New credentials, to be told to the other side; until it answers nothing changes.
    pub fn restart(&mut self) -> Credentials {
        let offered = IceCreds::new();
        let credentials = Credentials { ufrag: offered.ufrag.clone(), pwd: offered.pass.clone() };
        self.offered = Some(offered);
        credentials
    }

    /// The other side answered a restart: pairs are checked anew under the credentials of both. Media goes on to where it
    /// went until one of them works (RFC 8445 §9).
    pub fn handle_restarted(
        &mut self,
        now: Instant,
        remote: &TransportParameters,
        allowed: impl Fn(SocketAddr) -> bool,
    ) {
        let Some(offered) = self.offered.take().filter(|_| !self.ended) else { return };
        for candidate in std::mem::take(&mut self.remote) {
            self.rtc.direct_api().invalidate_candidate(&candidate);
        }
        let mut direct = self.rtc.direct_api();
        direct.set_local_ice_credentials(offered);
        direct.set_remote_ice_credentials(IceCreds { ufrag: remote.ufrag.clone(), pass: remote.pwd.clone() });
        self.restarting = true;
        self.add_candidates(remote, allowed);
        self.handle_timeout(now);
    }

    /// A server is told a participant's new credentials; answers our side with new ones. The pair in use carries media
    /// until the participant's checks come under these.
    pub fn accept_restart(&mut self, now: Instant, remote: &Credentials) -> TransportParameters {
        let mut direct = self.rtc.direct_api();
        direct.set_local_ice_credentials(IceCreds::new());
        direct.set_remote_ice_credentials(IceCreds { ufrag: remote.ufrag.clone(), pass: remote.pwd.clone() });
        self.handle_timeout(now);
        self.local_parameters()
    }

    /// One datagram whose first byte is below 128 came from `source`.
    pub fn handle_datagram(&mut self, now: Instant, source: SocketAddr, bytes: &[u8]) {
        if self.ended {
            return;
        }
        self.note_answer(now, bytes);
        let is_nominating = stun::binding_request(bytes).is_some_and(|check| check.nominates());
        self.nominating = (self.end != End::Participant && is_nominating).then_some(source);
        let Ok(contents) = bytes.try_into() else { return };
        let receive = Receive { proto: Protocol::Udp, source, destination: self.local, contents };
        let at = self.factory.machine_time(now);
        match self.rtc.handle_input(Input::Receive(at, receive)) {
            Ok(()) => self.drain(now),
            // A fatal alert, or a fingerprint that does not match: ICE would go on, and the keys never come.
            Err(error) => self.fail(format!("DTLS failed: {error}")),
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.ended {
            return;
        }
        match self.rtc.handle_input(Input::Timeout(self.factory.machine_time(now))) {
            Ok(()) => self.drain(now),
            Err(error) => self.fail(format!("the transport failed: {error}")),
        }
    }

    /// Says goodbye to the peer (DTLS close_notify). Drain the outputs once more afterwards.
    pub fn close(&mut self, now: Instant) {
        if !self.ended {
            let _ = self.rtc.close();
            self.drain(now);
            self.ended = true;
            self.timeout = None;
        }
    }

    /// The next output; drain to `None` after every input.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to be told the time again.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timeout
    }

    /// Where media goes: the address that DTLS settled on.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// The same where the peer has no other address: nothing of this association will come from elsewhere.
    #[must_use]
    pub fn only_peer(&self) -> Option<SocketAddr> {
        self.peer.filter(|_| self.candidates == 1)
    }

    fn drain(&mut self, now: Instant) {
        loop {
            match self.rtc.poll_output() {
                Ok(str0m::Output::Timeout(at)) => {
                    let since = at.saturating_duration_since(self.factory.epoch);
                    // str0m answers with a far future when nothing is due.
                    self.timeout = (since < Duration::from_secs(86_400)).then(|| Instant::ZERO + since);
                    break;
                }
                Ok(str0m::Output::Transmit(transmit)) => self.transmit(now, transmit.destination, &transmit.contents),
                Ok(str0m::Output::Event(event)) => self.handle_event(event),
                Err(error) => {
                    self.fail(format!("the transport failed: {error}"));
                    break;
                }
            }
        }
        if let Some(keys) = self.slot.take() {
            match srtp::Session::from_keying_material(&keys, self.slot.is_active()) {
                Ok(session) => self.outputs.push_back(Output::Event(Event::Keys(Box::new(session)))),
                Err(error) => self.fail(format!("the SRTP keys cannot be used: {error}")),
            }
        }
    }

    fn transmit(&mut self, now: Instant, to: SocketAddr, bytes: &[u8]) {
        match bytes.first() {
            Some(0..=3) => {
                // Its integrity was right: a server follows a participant whose address changed (RFC 8445 §7.3.1.5).
                if self.nominating == Some(to) && stun::binding_success(bytes).is_some() {
                    self.peer = Some(to);
                }
                if let Some(request) = stun::binding_request(bytes) {
                    self.asked = Some((request.transaction(), now));
                }
            }
            Some(20..=63) => self.peer = Some(to),
            // str0m's own SRTCP (see the module's head), or an empty kick of its state machine.
            _ => return,
        }
        self.outputs.push_back(Output::Datagram { to, bytes: bytes.to_vec() });
    }

    fn note_answer(&mut self, now: Instant, bytes: &[u8]) {
        if let (Some((asked, at)), Some(answer)) = (self.asked, stun::binding_success(bytes))
            && asked == answer.transaction()
        {
            self.asked = None;
            self.outputs.push_back(Output::Event(Event::RoundTrip(now.saturating_since(at))));
        }
    }

    fn handle_event(&mut self, event: str0m::Event) {
        use str0m::Event as Rtc;
        match event {
            Rtc::IceConnectionStateChange(IceConnectionState::Connected | IceConnectionState::Completed)
                if !self.ice_connected =>
            {
                self.ice_connected = true;
                self.outputs.push_back(Output::Event(Event::IceConnected));
            }
            Rtc::IceConnectionStateChange(IceConnectionState::Connected | IceConnectionState::Completed)
                if std::mem::take(&mut self.restarting) =>
            {
                self.outputs.push_back(Output::Event(Event::Restarted));
            }
            Rtc::IceConnectionStateChange(IceConnectionState::Disconnected) if self.ice_connected => {
                self.fail("consent was lost: the server no longer answers STUN checks".to_owned());
            }
            Rtc::Closed => {
                self.outputs.push_back(Output::Event(Event::Closed));
                self.ended = true;
                self.timeout = None;
            }
            // Media and statistics do not exist here: `Rtc` has none.
            other => self.handle_channel_event(other),
        }
    }

    fn fail(&mut self, detail: String) {
        if !self.ended {
            self.outputs.push_back(Output::Event(Event::Failed(Cause::TransportFailed, detail)));
            self.ended = true;
            self.timeout = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A server that nobody is: what comes from its address is up to the test.
    fn remote() -> TransportParameters {
        TransportParameters {
            ufrag: "abcd".into(),
            pwd: "0123456789abcdef01234567".into(),
            fingerprint: format!("sha-256 {}", ["AA"; 32].join(":")),
            setup: Setup::Passive,
            ice_lite: true,
            candidates: vec!["candidate:1 1 udp 2130706431 127.0.0.1 9999 typ host".into()],
        }
    }

    fn factory() -> Factory {
        #[allow(clippy::disallowed_methods, reason = "any instant would do; there is no other way to make one")]
        let epoch = std::time::Instant::now();
        Factory::new(epoch).expect("DTLS can be set up")
    }

    fn datagram() -> impl Strategy<Value = Vec<u8>> {
        // STUN request, success and error, a DTLS handshake record and an alert, or anything.
        let begun = prop::sample::select(vec![
            vec![0x00, 0x01, 0, 8, 0x21, 0x12, 0xA4, 0x42],
            vec![0x01, 0x01, 0, 0, 0x21, 0x12, 0xA4, 0x42],
            vec![0x01, 0x11, 0, 4, 0x21, 0x12, 0xA4, 0x42],
            vec![22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20, 2],
            vec![21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2],
            vec![],
        ]);
        (begun, prop::collection::vec(any::<u8>(), 0..120)).prop_map(|(begun, bytes)| [begun, bytes].concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn arbitrary_datagrams_and_parameters_never_panic(
            steps in prop::collection::vec((datagram(), 0u64..400), 0..30),
            candidate in ".{0,40}",
            fingerprint in prop::option::of(".{0,40}"),
            connects in any::<bool>(),
        ) {
            let factory = factory();
            let local = SocketAddr::from(([127, 0, 0, 1], 5_000));
            let source = SocketAddr::from(([127, 0, 0, 1], 9_999));
            let mut now = Instant::from_millis(1);
            let mut transport = Secure::new(&factory, now, local).expect("loopback is a host");
            if connects {
                let mut remote = remote();
                remote.candidates.push(candidate);
                remote.fingerprint = fingerprint.unwrap_or(remote.fingerprint);
                let _ = transport.connect(now, &remote, true, |address| address.ip().is_loopback());
            }
            let mut ended = false;
            for (bytes, later) in steps {
                now += Duration::from_millis(later);
                transport.handle_datagram(now, source, &bytes);
                if transport.poll_timeout().is_some_and(|at| at <= now) {
                    transport.handle_timeout(now);
                }
                while let Some(output) = transport.poll_output() {
                    match output {
                        Output::Event(Event::Keys(_)) => prop_assert!(false, "nobody has shaken hands"),
                        Output::Event(Event::Failed(..) | Event::Closed) => {
                            prop_assert!(!ended, "ended twice");
                            ended = true;
                        }
                        Output::Event(_) => {}
                        Output::Datagram { to, bytes } => {
                            prop_assert!(to.ip().is_loopback() && bytes.first().is_some_and(|first| *first < 128));
                        }
                    }
                }
            }
            transport.close(now);
        }
    }
}
