//! Offers and answers to and from the conference's words; only adapters that need SDP use it.
//!
//! Both roles are here: the side that offers (a WHIP or WHEP client: [`offer()`], [`parse_answer`]) and the side that
//! answers (the reference SFU: [`parse_offer`], [`answer()`]). Lines are read and written by `sdp-types`; this module
//! knows what they mean (RFC 8829, RFC 9143 BUNDLE, RFC 5761 rtcp-mux, RFC 8839 ICE, RFC 4588 RTX). It is not an
//! offer/answer state machine: WHIP and WHEP never renegotiate. Trickle fragments (RFC 8840 §9), which `sdp-types`
//! does not read, are in [`fragment`].

mod answer;
mod description;
pub mod fragment;
mod offer;
mod write;

#[cfg(test)]
mod tests;

pub use answer::{AnswerSpec, Answered, answer};
pub use description::{Description, Direction, Section, Simulcast};
pub use fragment::Fragment;
pub use offer::{Answer, OfferSpec, offer, parse_answer};

/// Why a description cannot be used; each message is a sentence.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SdpError {
    /// A line breaks the grammar.
    #[error("this is no session description: {0}")]
    Syntax(String),
    /// There is no audio or video section that is not rejected.
    #[error("no media section is left in the description")]
    NoMedia,
    /// A transport attribute that must be there is not.
    #[error("the description has no a={0} line")]
    Missing(&'static str),
    /// `a=setup` has a value that makes no sense here.
    #[error("a=setup:{0} cannot be used here")]
    Setup(String),
    /// An answer that does not belong to the offer.
    #[error("the answer has {answered} media sections, the offer has {offered}")]
    Sections {
        /// Sections in the offer.
        offered: usize,
        /// Sections in the answer.
        answered: usize,
    },
}

/// Reads an offer, whoever made it.
///
/// # Errors
/// When the text is no session description, or has no media section or no transport that could be answered.
pub fn parse_offer(text: &str) -> Result<Description, SdpError> {
    Description::parse(text)
}
