//! The seam through which SRTP keys leave str0m: a `DtlsProvider` that wraps dimpl and copies the keying material out.
//!
//! One `dimpl::Config` serves every peer: building one validates its crypto provider with real key exchanges, 0.9 ms
//! each. `new_dtls` runs inside `RtcConfig::build`, so the new peer's slot is handed over through a thread-local.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion,
};
use str0m::crypto::{CryptoError, CryptoProvider};

/// Where one peer's keying material appears.
#[derive(Debug, Default)]
pub struct KeySlot {
    keys: Mutex<Option<Vec<u8>>>,
    active: AtomicBool,
}

impl KeySlot {
    /// Takes the keying material of the newest handshake, once: `[client key | server key | client salt | server salt]`.
    pub fn take(&self) -> Option<Vec<u8>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether this side is the DTLS client.
    pub fn is_active(&self) -> bool {
        self.active.load(Ordering::Relaxed)
    }
}

thread_local! {
    static NEWEST: RefCell<Option<Arc<KeySlot>>> = const { RefCell::new(None) };
}

/// The slot of the peer that this thread built last.
pub fn take_newest_slot() -> Option<Arc<KeySlot>> {
    NEWEST.with(|newest| newest.borrow_mut().take())
}

/// str0m's crypto with DTLS instances that hand their SRTP keys out. Call once a process: it lives as long as that.
///
/// # Errors
/// What dimpl says of its configuration.
pub fn provider() -> Result<CryptoProvider, dimpl::Error> {
    // A lost flight is sent again after dimpl's default of 1 s; the handshake may take as long as a join may.
    let config =
        dimpl::Config::builder().use_server_cookie(false).handshake_timeout(Duration::from_secs(60)).build()?;
    let mut provider = str0m::crypto::from_feature_flags();
    let inner = provider.dtls_provider;
    provider.dtls_provider = Box::leak(Box::new(KeyExport { inner, config: Arc::new(config) }));
    Ok(provider)
}

#[derive(Debug)]
struct KeyExport {
    inner: &'static dyn DtlsProvider,
    config: Arc<dimpl::Config>,
}

impl DtlsProvider for KeyExport {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        self.inner.generate_certificate()
    }

    fn new_dtls(
        &self,
        cert: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        _mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let slot = Arc::new(KeySlot::default());
        NEWEST.with(|newest| *newest.borrow_mut() = Some(slot.clone()));
        let certificate =
            dimpl::DtlsCertificate { certificate: cert.certificate.clone(), private_key: cert.private_key.clone() };
        let config = self.config.clone();
        let dtls = match version {
            DtlsVersion::Dtls13 => dimpl::Dtls::new_13(config, certificate, now),
            DtlsVersion::Auto => dimpl::Dtls::new_auto(config, certificate, now),
            _ => dimpl::Dtls::new_12(config, certificate, now),
        };
        Ok(Box::new(Exporting { dtls, slot }))
    }
}

struct Exporting {
    dtls: dimpl::Dtls,
    slot: Arc<KeySlot>,
}

impl std::fmt::Debug for Exporting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Exporting")
    }
}

impl DtlsInstance for Exporting {
    fn set_active(&mut self, active: bool) {
        self.slot.active.store(active, Ordering::Relaxed);
        self.dtls.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.dtls.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buffer: &'a mut [u8]) -> DtlsOutput<'a> {
        let output = self.dtls.poll_output(buffer);
        if let DtlsOutput::KeyingMaterial(keys, _) = &output {
            *self.slot.keys.lock().unwrap_or_else(PoisonError::into_inner) = Some(keys.to_vec());
        }
        output
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.dtls.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.dtls.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.dtls.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.dtls.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.dtls.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.dtls.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.dtls.close()
    }
}
