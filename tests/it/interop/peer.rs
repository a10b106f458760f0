//! A peer on the `webrtc` crate: the whole stack (SDP, ICE, DTLS, SRTP, RTCP) is one that throng did not write.

use super::{now, pause};
use rtc::media_stream::MediaStreamTrack;
use rtc::rtp_transceiver::rtp_sender::{RTCRtpCodec, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCPeerConnectionState,
    RTCSessionDescription, Registry, SettingEngineBuilder, register_default_interceptors,
};
use webrtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};

/// How long connecting may take, on a machine that compiles meanwhile.
const PATIENCE: Duration = Duration::from_secs(8);
pub const VIDEO: u8 = 96;
pub const AUDIO: u8 = 111;

/// A packet that the peer received and opened.
#[derive(Clone, Debug)]
pub struct Got {
    pub payload_type: u8,
    pub ssrc: u32,
    pub sequence: u16,
    pub marker: bool,
    pub payload: Vec<u8>,
}

/// One PeerConnection with one WHIP or WHEP session.
pub struct Peer {
    connection: Arc<dyn PeerConnection>,
    state: watch::Receiver<RTCPeerConnectionState>,
    got: Arc<Mutex<Vec<Got>>>,
    http: reqwest::Client,
    session: String,
    video: Arc<TrackLocalStaticRTP>,
    audio: Arc<TrackLocalStaticRTP>,
}

struct Ear {
    state: watch::Sender<RTCPeerConnectionState>,
    got: Arc<Mutex<Vec<Got>>>,
}

type Told<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

impl PeerConnectionEventHandler for Ear {
    fn on_connection_state_change<'a, 'b>(&'a self, state: RTCPeerConnectionState) -> Told<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        self.state.send_replace(state);
        Box::pin(async {})
    }

    fn on_track<'a, 'b>(&'a self, track: Arc<dyn TrackRemote>) -> Told<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        let got = Arc::clone(&self.got);
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                    let header = &packet.header;
                    got.lock().expect("nobody panics with it").push(Got {
                        payload_type: header.payload_type,
                        ssrc: header.ssrc,
                        sequence: header.sequence_number,
                        marker: header.marker,
                        payload: packet.payload.to_vec(),
                    });
                }
            }
        });
        Box::pin(async {})
    }
}

fn track(kind: RtpCodecKind, ssrc: u32) -> Arc<TrackLocalStaticRTP> {
    let (mime, clock_rate, channels) =
        if kind == RtpCodecKind::Video { ("video/VP8", 90_000, 0) } else { ("audio/opus", 48_000, 2) };
    let codec = RTCRtpCodec { mime_type: mime.to_owned(), clock_rate, channels, ..Default::default() };
    let coding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
        codec,
        ..Default::default()
    };
    let name = format!("track-{ssrc}");
    Arc::new(TrackLocalStaticRTP::new(MediaStreamTrack::new("stranger".into(), name.clone(), name, kind, vec![coding])))
}

impl Peer {
    async fn new() -> Self {
        let mut media = MediaEngine::default();
        media.register_default_codecs().expect("its own codecs");
        let registry = register_default_interceptors(Registry::new(), &mut media).expect("its own interceptors");
        let (state, told) = watch::channel(RTCPeerConnectionState::New);
        let got = Arc::new(Mutex::new(Vec::new()));
        let connection = PeerConnectionBuilder::new()
            .with_media_engine(media)
            .with_setting_engine(SettingEngineBuilder::new().with_include_loopback_candidate(true).build())
            .with_interceptor_registry(registry)
            .with_handler(Arc::new(Ear { state, got: Arc::clone(&got) }))
            .with_udp_addrs(vec!["127.0.0.1:0"])
            .build()
            .await
            .expect("a connection");
        Self {
            connection: Arc::new(connection),
            state: told,
            got,
            http: reqwest::Client::builder().no_proxy().build().expect("a client"),
            session: String::new(),
            video: track(RtpCodecKind::Video, 1_000),
            audio: track(RtpCodecKind::Audio, 2_000),
        }
    }

    /// Publishes a VP8 and an Opus track over WHIP.
    pub async fn publish(url: &str) -> Self {
        let mut peer = Self::new().await;
        for track in [&peer.audio, &peer.video] {
            peer.connection.add_track(Arc::clone(track) as Arc<dyn TrackLocal>).await.expect("a sender");
        }
        peer.negotiate(url).await;
        peer
    }

    /// Plays audio and video over WHEP, as soon as they are live.
    pub async fn play(url: &str) -> Self {
        let mut peer = Self::new().await;
        for kind in [RtpCodecKind::Audio, RtpCodecKind::Video] {
            let direction = RTCRtpTransceiverDirection::Recvonly;
            let init = RTCRtpTransceiverInit { direction, ..Default::default() };
            peer.connection.add_transceiver_from_kind(kind, Some(init)).await.expect("a transceiver");
        }
        peer.negotiate(url).await;
        peer
    }

    async fn negotiate(&mut self, url: &str) {
        let offer = self.connection.create_offer(None).await.expect("an offer");
        self.connection.set_local_description(offer).await.expect("its own offer");
        let offer = self.connection.local_description().await.expect("it was set").sdp;
        let began = now();
        let response = loop {
            let post = self.http.post(url).header("content-type", "application/sdp").body(offer.clone());
            let response = post.send().await.expect("an answer");
            // 409: nothing is live yet.
            if response.status() != 409 || began.elapsed() > PATIENCE {
                break response;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        assert_eq!(response.status(), 201, "{offer}");
        let location = response.headers()["location"].to_str().expect("ASCII").to_owned();
        self.session = response.url().join(&location).expect("a URL").into();
        let answer =
            RTCSessionDescription::answer(response.text().await.expect("a text")).expect("it reads the answer");
        self.connection.set_remote_description(answer).await.expect("it takes the answer");
        let connected = self.state.wait_for(|state| *state == RTCPeerConnectionState::Connected);
        tokio::time::timeout(PATIENCE, connected).await.expect("it connects").expect("the connection lives");
    }

    /// Sends one packet, its payload type as negotiated.
    pub async fn send(&self, is_video: bool, sequence: u16, time: u32, payload: Vec<u8>) {
        let mut packet = rtc::rtp::Packet::default();
        packet.header.version = 2;
        packet.header.marker = is_video;
        packet.header.sequence_number = sequence;
        packet.header.timestamp = time;
        (packet.header.ssrc, packet.header.payload_type) = if is_video { (1_000, VIDEO) } else { (2_000, AUDIO) };
        packet.payload = payload.into();
        let track = if is_video { &self.video } else { &self.audio };
        track.write_rtp(packet).await.expect("it is bound");
    }

    /// What came so far.
    pub fn got(&self) -> Vec<Got> {
        self.got.lock().expect("nobody panics with it").clone()
    }

    /// Deletes the session and closes.
    pub async fn leave(self) {
        let deleted = self.http.delete(&self.session).send().await.expect("an answer");
        assert!(deleted.status() == 200 || deleted.status() == 404, "{}", deleted.status());
        self.connection.close().await.expect("it closes");
        pause(1);
    }
}
