//! What the machine allows: open files and socket buffers, raised as far as a plain user may, and said aloud.
//!
//! It grants nothing that needs root. A participant takes a UDP socket and a TCP connection, so the limit on open files
//! is the first wall that a large run meets.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Raises the soft limit on open files to the hard one and returns it.
///
/// # Errors
/// A sentence when the kernel refuses.
pub fn raise_open_files() -> Result<u64, String> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)
        .map_err(|error| format!("the limit on open files cannot be read: {error}"))?;
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
            .map_err(|error| format!("the limit on open files cannot be raised from {soft} to {hard}: {error}"))?;
    }
    Ok(hard)
}

/// Raises the limit on open files and makes sure that `more` can be opened beside those that are open.
///
/// # Errors
/// A sentence that names the need, the limit and what to do.
pub fn ensure_open_files(more: u64) -> Result<(), String> {
    let limit = raise_open_files()?;
    // The directory handle that counts them is one of them; it closes again.
    let open = std::fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64);
    let need = open.saturating_add(more);
    if need <= limit {
        return Ok(());
    }
    Err(format!(
        "this run needs {need} open files ({more} of its own) and the machine allows {limit}: plan fewer participants, \
         or raise the hard limit (`ulimit -Hn`, or LimitNOFILE of the service)"
    ))
}

/// The largest receive buffer that a socket may ask for, bytes (`net.core.rmem_max`); `None` where /proc hides it.
#[must_use]
pub fn largest_receive_buffer() -> Option<u64> {
    std::fs::read_to_string("/proc/sys/net/core/rmem_max").ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_fit_is_refused_with_a_sentence() {
        let limit = raise_open_files().expect("limit");
        assert_eq!(getrlimit(Resource::RLIMIT_NOFILE).expect("limit").0, limit, "the soft limit was raised");
        ensure_open_files(1).expect("one more file fits");
        let refused = ensure_open_files(limit).expect_err("as many again do not fit");
        assert!(refused.contains(&format!("{limit} of its own")) && refused.contains("ulimit"), "{refused}");
    }

    #[test]
    fn the_receive_buffer_limit_can_be_read() {
        assert!(largest_receive_buffer().expect("rmem_max") > 4_096);
    }
}
