//! The payload of a packet while an SFU has it.
//!
//! What throng's participants send is mostly a filler that all packets share. Where an SFU has thousands of packets that can
//! be sent again, and every one of them is throng's (the simulated world), the filler is named instead of kept.

use crate::media::payload::{Filler, fold};
use std::borrow::Cow;
use std::sync::Arc;

/// A payload.
#[derive(Clone, Debug)]
pub enum Body {
    /// As it came.
    Whole(Arc<[u8]>),
    /// What stands before its filler, and that.
    Folded(Box<[u8]>, Filler),
}

/// A payload as it is written: two pieces, one after the other.
pub(super) type Pieces<'a> = (Cow<'a, [u8]>, Filler);

impl Body {
    /// A payload, without its filler where it has one.
    #[must_use]
    pub fn folded(payload: &[u8]) -> Self {
        let (head, filler) = fold(payload);
        if filler.is_empty() { Self::from(payload) } else { Self::Folded(Box::from(head), filler) }
    }

    /// Its bytes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "whether it is empty is told by its length")]
    pub fn len(&self) -> usize {
        let (head, filler) = self.pieces();
        head.len() + filler.len()
    }

    /// Its pieces.
    pub(super) fn pieces(&self) -> (&[u8], Filler) {
        match self {
            Self::Whole(bytes) => (bytes, Filler::default()),
            Self::Folded(head, filler) => (head, *filler),
        }
    }

    /// All of it.
    #[must_use]
    pub fn whole(&self) -> Arc<[u8]> {
        match self {
            Self::Whole(bytes) => Arc::clone(bytes),
            Self::Folded(head, filler) => [&**head, filler.bytes()].concat().into(),
        }
    }
}

impl From<&[u8]> for Body {
    fn from(payload: &[u8]) -> Self {
        Self::Whole(Arc::from(payload))
    }
}

impl From<Arc<[u8]>> for Body {
    fn from(payload: Arc<[u8]>) -> Self {
        Self::Whole(payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Payload;

    #[test]
    fn filler_is_named_and_comes_out_as_it_was() {
        for (prefix, at, len) in [(&b"head"[..], 8_190, 900), (b"", 0, 64), (b"h", 4_000, 1_119)] {
            let mut payload = Vec::new();
            Payload::new(prefix, at, len).write_into(&mut payload);
            let body = Body::folded(&payload);
            assert!(matches!(&body, Body::Folded(head, _) if head.len() <= prefix.len()), "{body:?}");
            assert_eq!((body.len(), &body.whole()[..]), (payload.len(), &payload[..]));
        }
    }

    #[test]
    fn what_has_no_filler_is_kept_as_it_is() {
        for payload in [&b""[..], b"short", &[7; 1_000]] {
            let body = Body::folded(payload);
            assert!(matches!(&body, Body::Whole(bytes) if **bytes == *payload));
        }
    }
}
