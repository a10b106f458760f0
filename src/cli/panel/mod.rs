//! The live panel of `throng run`: drawn in place on a terminal, a plain line every few seconds without one.
//!
//! It shows a `drive::status::Status` and knows nothing of the run. The panel goes to stderr, so that `--json` has stdout
//! for itself. It takes no keys and no raw mode: Ctrl-C stays a signal. Whatever way it ends (finish, drop, panic) the
//! cursor is shown and the colours are reset before anything else is printed.

mod canvas;
mod closing;
mod draw;
mod line;
mod look;
mod numbers;
mod standing;

pub use closing::closing;
pub use look::Look;

use crate::clock::{Duration, Instant};
use crate::drive::status::{Stage, Status};
use ratatui::backend::{Backend, ClearType, CrosstermBackend};
use ratatui::{Terminal, TerminalOptions, Viewport};
use std::io::{self, IsTerminal as _, Stderr, Write as _};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

/// Rows of the panel where the terminal has as many.
const ROWS: u16 = 18;
/// With fewer rows or columns plain lines are printed.
const FEWEST_ROWS: u16 = 8;
const FEWEST_COLUMNS: u16 = 40;
/// How often a plain line is printed.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// How often a warning is shown; what comes between is counted.
const WARNING_EVERY: Duration = Duration::from_secs(1);

/// The live panel.
#[derive(Debug)]
pub struct Panel {
    mode: Mode,
    look: Look,
    rungs: draw::Rungs,
    now: Instant,
    lined: Option<(Stage, Instant)>,
    warned: Option<Instant>,
    untold: u64,
    warnings: u64,
}

#[derive(Debug)]
enum Mode {
    InPlace(Box<Terminal<CrosstermBackend<Stderr>>>),
    Lines,
    Quiet,
}

/// What the environment says about stderr's terminal: colours unless `NO_COLOR` is set, signs beyond ASCII in a UTF-8 locale.
#[must_use]
pub fn look() -> Look {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default();
    let locale = locale.to_string_lossy().to_ascii_uppercase();
    let unicode = locale.contains("UTF-8") || locale.contains("UTF8");
    Look { color: set("NO_COLOR").is_none() && io::stderr().is_terminal(), unicode }
}

impl Panel {
    /// Starts the panel: in place when stderr `is_terminal` and is large enough, as plain lines otherwise.
    #[must_use]
    pub fn start(is_terminal: bool) -> Self {
        let mode = if is_terminal { in_place().map_or(Mode::Lines, Mode::InPlace) } else { Mode::Lines };
        if matches!(mode, Mode::InPlace(_)) {
            IN_PLACE.store(true, Ordering::Relaxed);
            restore_on_panic();
        }
        Self::in_mode(mode, look())
    }

    /// A panel that shows nothing but counts warnings, for `--quiet`.
    #[must_use]
    pub fn quiet() -> Self {
        Self::in_mode(Mode::Quiet, look())
    }

    const fn in_mode(mode: Mode, look: Look) -> Self {
        let rungs = draw::Rungs::NONE;
        Self { mode, look, rungs, now: Instant::ZERO, lined: None, warned: None, untold: 0, warnings: 0 }
    }

    /// Shows the status: four times a second is enough. An error of the terminal ends the panel, not the run.
    pub fn draw(&mut self, status: &Status) {
        self.now = status.now;
        if LEFT.load(Ordering::Relaxed) {
            self.leave_place();
        }
        self.tell_the_untold();
        let (look, rungs) = (self.look, &mut self.rungs);
        match &mut self.mode {
            Mode::Quiet => {}
            Mode::Lines => self.print_line(status),
            Mode::InPlace(terminal) => {
                let narrow = terminal.size().is_ok_and(|size| size.width < FEWEST_COLUMNS);
                if narrow || draw_on(terminal, status, look, rungs).is_err() {
                    self.leave_place();
                }
            }
        }
    }

    /// Shows a warning above the panel: one a second at most, the rest is counted and told later.
    pub fn warn(&mut self, text: &str) {
        self.warnings += 1;
        let soon = self.warned.is_some_and(|at| self.now.saturating_since(at) < WARNING_EVERY);
        if soon {
            self.untold += 1;
        } else {
            self.warned = Some(self.now);
            self.print_above(text);
        }
    }

    /// Warnings so far.
    #[must_use]
    pub const fn warnings(&self) -> u64 {
        self.warnings
    }

    /// Clears the panel and prints `summary` in its place.
    pub fn finish(mut self, summary: &str) {
        self.tell_the_untold();
        self.leave_place();
        let quiet = matches!(self.mode, Mode::Quiet);
        if !quiet {
            let mut stderr = io::stderr().lock();
            // A closed stderr is no reason to fail a run that is over.
            let _ = stderr.write_all(summary.as_bytes()).and_then(|()| stderr.flush());
        }
    }

    fn tell_the_untold(&mut self) {
        let due = self.warned.is_some_and(|at| self.now.saturating_since(at) >= WARNING_EVERY);
        if self.untold > 0 && due {
            let text = format!("and {} more like this", std::mem::take(&mut self.untold));
            self.warned = Some(self.now);
            self.print_above(&text);
        }
    }

    fn print_line(&mut self, status: &Status) {
        let stage = status.stage().0;
        let due = self.lined.is_none_or(|(last, at)| last != stage || status.now.saturating_since(at) >= LINE_EVERY);
        if due {
            self.lined = Some((stage, status.now));
            self.print_above(&line::line(status));
        }
    }

    fn print_above(&mut self, text: &str) {
        match &mut self.mode {
            Mode::Quiet => {}
            Mode::Lines => drop(writeln!(io::stderr().lock(), "{text}")),
            Mode::InPlace(terminal) => {
                let cut = standing::cut(text, usize::from(terminal.get_frame().area().width));
                let style = self.look.yellow();
                let printed = terminal.insert_before(1, |buffer| {
                    buffer.set_string(0, 0, cut, style);
                });
                if printed.is_err() {
                    self.leave_place();
                }
            }
        }
    }

    /// Clears the panel, shows the cursor where it began, and goes on with plain lines. After a panic nothing is cleared: the
    /// message stands below.
    fn leave_place(&mut self) {
        if let Mode::InPlace(terminal) = &mut self.mode {
            let origin = terminal.get_frame().area().as_position();
            // What the terminal refuses here nobody can mend. `Terminal::clear` would ask it for the cursor, and wait.
            if !LEFT.load(Ordering::Relaxed) {
                let backend = terminal.backend_mut();
                let _ = backend.set_cursor_position(origin);
                let _ = backend.clear_region(ClearType::AfterCursor);
            }
            let _ = terminal.show_cursor();
            IN_PLACE.store(false, Ordering::Relaxed);
            self.mode = Mode::Lines;
        }
    }
}

impl Drop for Panel {
    fn drop(&mut self) {
        self.leave_place();
    }
}

fn in_place() -> Option<Box<Terminal<CrosstermBackend<Stderr>>>> {
    let backend = CrosstermBackend::new(io::stderr());
    let size = backend.size().ok()?;
    let rows = ROWS.min(size.height.saturating_sub(2));
    if rows < FEWEST_ROWS || size.width < FEWEST_COLUMNS {
        return None;
    }
    let viewport = Viewport::Inline(rows);
    Terminal::with_options(backend, TerminalOptions { viewport }).ok().map(Box::new)
}

/// Draws one frame.
fn draw_on<B: Backend>(
    terminal: &mut Terminal<B>,
    status: &Status,
    look: Look,
    rungs: &mut draw::Rungs,
) -> Result<(), B::Error> {
    terminal.draw(|frame| {
        let area = frame.area();
        draw::draw(frame.buffer_mut(), area, status, look, rungs);
    })?;
    Ok(())
}

/// Whether the panel is drawn in place now.
static IN_PLACE: AtomicBool = AtomicBool::new(false);
/// Whether what was printed below the panel must not be drawn over.
static LEFT: AtomicBool = AtomicBool::new(false);

/// Gives the terminal back on ways out that drop nothing (a second Ctrl-C, a panic): what is printed next stands below the
/// panel, which is not drawn any more. Does nothing without a panel in place.
pub fn restore() {
    if IN_PLACE.load(Ordering::Relaxed) {
        LEFT.store(true, Ordering::Relaxed);
        let _ = io::stderr().lock().write_all(b"\x1b[0m\x1b[?25h\x1b[999;1H\r\n");
    }
}

/// A panic's message comes after colours and cursor are as they were.
fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            restore();
            before(info);
        }));
    });
}

#[cfg(test)]
mod tests;
