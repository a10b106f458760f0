//! Ctrl-C: the first one ends the run in order, the second one leaves at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Watches for Ctrl-C and SIGTERM on a thread of its own. The flag is set by the first; the second exits with 130 after
/// `before_exit`, which gives the terminal back.
///
/// # Errors
/// When the signals cannot be watched.
#[allow(clippy::disallowed_methods, reason = "the second Ctrl-C leaves at once, whatever is going on")]
pub fn watch(before_exit: impl Fn() + Send + 'static) -> std::io::Result<Arc<AtomicBool>> {
    use tokio::signal::unix::{SignalKind, signal};
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = interrupted.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("interrupt".to_owned()).spawn(move || {
        runtime.block_on(async move {
            let (Ok(mut interrupt), Ok(mut terminate)) =
                (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
            else {
                return;
            };
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if flag.swap(true, Ordering::Relaxed) {
                    before_exit();
                    std::process::exit(130);
                }
            }
        });
    })?;
    Ok(interrupted)
}
