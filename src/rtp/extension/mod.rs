//! RTP header extensions (RFC 8285): which kinds this house knows, which id each has, and their one- and two-byte forms.
//!
//! An [`ExtensionMap`] is what was negotiated for a session. It reads all known values of a packet in one pass and writes
//! them in the shortest form that can hold them. The dependency descriptor is handed on as its bytes, which only mean
//! something to who knows the stream's structure. Kinds without a name here can still be read raw, by id, from a
//! [`View`](super::header::View).

pub mod dependency_descriptor;
mod kind;
mod values;

pub use kind::{ExtensionKind, ExtensionMap, IdError};
pub use values::{AbsCaptureTime, AbsSendTime, AudioLevel, Extensions, PlayoutDelay, VideoOrientation};

/// The `defined by profile` field of one-byte elements.
const ONE_BYTE: u16 = 0xBEDE;
/// That of two-byte elements, whose four low bits are for the application.
const TWO_BYTE: u16 = 0x1000;
/// The highest id of the one-byte form; 15 ends it.
const ONE_BYTE_MAX_ID: u8 = 14;
/// The longest value of the one-byte form, in bytes.
pub const ONE_BYTE_MAX_LEN: usize = 16;

/// The elements of one packet's extension block, as (id, value).
///
/// Padding is skipped. What does not add up ends the walk, as RFC 8285 §4.2 asks; elements before it stand.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    rest: &'a [u8],
    form: Form,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    OneByte,
    TwoByte,
}

impl<'a> Elements<'a> {
    pub(super) const fn new(profile: u16, block: &'a [u8]) -> Self {
        match profile {
            ONE_BYTE => Self { rest: block, form: Form::OneByte },
            _ if profile & 0xFFF0 == TWO_BYTE => Self { rest: block, form: Form::TwoByte },
            _ => Self { rest: &[], form: Form::OneByte },
        }
    }

    /// The id and value length of the element at the front, with the bytes that follow its own header.
    fn front(&self) -> Option<(u8, usize, &'a [u8])> {
        match (self.form, self.rest) {
            (Form::OneByte, &[head, ref after @ ..]) if (1..=ONE_BYTE_MAX_ID).contains(&(head >> 4)) => {
                Some((head >> 4, usize::from(head & 0x0F) + 1, after))
            }
            (Form::TwoByte, &[id, len, ref after @ ..]) => Some((id, usize::from(len), after)),
            _ => None,
        }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while let [0, after @ ..] = self.rest {
            self.rest = after;
        }
        let element = self.front().and_then(|(id, len, after)| Some((id, after.split_at_checked(len)?)));
        let Some((id, (value, rest))) = element else {
            self.rest = &[];
            return None;
        };
        self.rest = rest;
        Some((id, value))
    }
}

impl ExtensionMap {
    /// Reads every known value of a packet in one pass.
    ///
    /// Values without an id in this map, of a wrong length or of invalid UTF-8 are absent; of a repeated one the last counts.
    #[must_use]
    pub fn read<'a>(&self, view: &super::header::View<'a>) -> Extensions<'a> {
        let mut values = Extensions::default();
        for (id, value) in view.extensions() {
            if let Some(kind) = self.kind(id) {
                values.set(kind, value);
            }
        }
        values
    }

    /// Appends the extension block of those `values` that have an id; writes nothing and says `false` when there is none.
    pub(super) fn write(&self, out: &mut Vec<u8>, values: &Extensions<'_>) -> bool {
        let mut any = false;
        let mut one_byte = true;
        values.each(|kind, value| {
            if let Some(id) = self.id(kind) {
                any = true;
                one_byte &= id <= ONE_BYTE_MAX_ID && (1..=ONE_BYTE_MAX_LEN).contains(&value.len());
            }
        });
        if !any {
            return false;
        }
        out.extend_from_slice(&if one_byte { ONE_BYTE } else { TWO_BYTE }.to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        let start = out.len();
        values.each(|kind, value| {
            if let Some(id) = self.id(kind) {
                let len = u8::try_from(value.len()).expect("an element holds at most 255 bytes");
                if one_byte {
                    out.push(id << 4 | (len - 1));
                } else {
                    out.extend_from_slice(&[id, len]);
                }
                out.extend_from_slice(value);
            }
        });
        let words = (out.len() - start).div_ceil(4);
        out.resize(start + 4 * words, 0);
        let words = u16::try_from(words).expect("ten elements of 257 bytes fit");
        out[start - 2..start].copy_from_slice(&words.to_be_bytes());
        true
    }
}

#[cfg(test)]
mod tests;
