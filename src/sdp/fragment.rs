//! Trickle fragments, the body of a WHIP or WHEP PATCH (RFC 8840 §9, RFC 9725 §4.3.1).
//!
//! A fragment is not a session description (it has no `v=` line), so its few lines are read and written here.

use super::description::is_usable_candidate;

/// What a fragment says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Fragment {
    /// The section's mid, where there is one.
    pub mid: Option<String>,
    /// ICE user fragment: a new one asks for an ICE restart.
    pub ufrag: Option<String>,
    /// ICE password.
    pub pwd: Option<String>,
    /// UDP candidates of component 1, as `"candidate:…"`.
    pub candidates: Vec<String>,
    /// Whether no more will come.
    pub end: bool,
}

impl Fragment {
    /// Reads a fragment; `None` when there is no line that one could begin with.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut fragment = Self::default();
        let mut known = false;
        for line in text.lines() {
            let Some(line) = line.trim_end().strip_prefix("a=") else { continue };
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.trim();
            match name {
                "mid" => fragment.mid = fragment.mid.or_else(|| Some(value.to_owned())),
                "ice-ufrag" => fragment.ufrag = fragment.ufrag.or_else(|| Some(value.to_owned())),
                "ice-pwd" => fragment.pwd = fragment.pwd.or_else(|| Some(value.to_owned())),
                "candidate" if is_usable_candidate(value) => fragment.candidates.push(format!("candidate:{value}")),
                "candidate" => {}
                "end-of-candidates" => fragment.end = true,
                _ => continue,
            }
            known = true;
        }
        known.then_some(fragment)
    }

    /// Writes the fragment for the section `kind` (`audio` or `video`) with all formats left open.
    #[must_use]
    pub fn text(&self, kind: &str) -> String {
        let mid = self.mid.as_deref().unwrap_or("0");
        let mut text = format!("a=group:BUNDLE {mid}\r\nm={kind} 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:{mid}\r\n");
        for (name, value) in [("ice-ufrag", &self.ufrag), ("ice-pwd", &self.pwd)] {
            if let Some(value) = value {
                text.push_str(&format!("a={name}:{value}\r\n"));
            }
        }
        for candidate in &self.candidates {
            text.push_str(&format!("a={candidate}\r\n"));
        }
        if self.end {
            text.push_str("a=end-of-candidates\r\n");
        }
        text
    }
}
