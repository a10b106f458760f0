//! The faults of the SFU's own process: killed and started again, or stopped and continued, at the plan's times.
//!
//! Only a child of this run is ever touched. Starting it again waits on a thread of its own, so that the run goes on and
//! can be interrupted; whatever the run left undone (a process that stands still) is undone when it ends.

use super::coordinate::{Crew, start_target};
use super::target::{Addresses, Target};
use super::worker::Command;
use crate::client::Shared;
use crate::clock::{Duration, Instant};
use crate::drive::acts::{Act, acts};
use crate::drive::progress::Progress;
use crate::outcome::{Ending, RunEvent};
use crate::plan::Plan;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread::JoinHandle;

/// What became of a start.
type Started = Result<Option<Target>, String>;

/// What is to be done to the process, and when.
#[derive(Debug)]
pub(super) struct Hands {
    /// By time, the next one last.
    ahead: Vec<(Instant, Act, u16)>,
    /// Where the SFU served that was killed.
    addresses: Option<Addresses>,
    starting: Option<Starting>,
    paused: bool,
}

/// What they act on, and who hears of it.
pub(super) struct Scene<'a> {
    pub shared: &'a Shared,
    /// The SFU's process, while there is one.
    pub target: &'a mut Option<Target>,
    pub crew: &'a Crew,
    pub progress: &'a mut Progress,
    pub ending: &'a mut Ending,
}

/// A start under way.
#[derive(Debug)]
struct Starting {
    fault: u16,
    started: Receiver<Started>,
    /// Set, the thread gives up and ends what it started.
    abandoned: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Hands {
    pub fn new(plan: &Plan) -> Self {
        Self { ahead: acts(plan), addresses: None, starting: None, paused: false }
    }

    /// Does what is due.
    pub fn act(&mut self, now: Instant, scene: &mut Scene<'_>) {
        // Nothing can be done to a server that is not up yet: what is due waits for it.
        let waited = self.starting.is_some();
        self.take_started(now, scene);
        while self.starting.is_none()
            && let Some((at, act, fault)) = self.ahead.pop_if(|(at, ..)| *at <= now)
        {
            if waited {
                let name = &scene.shared.plan.faults[usize::from(fault)].name;
                scene.progress.events.push(late(now, at, act, name));
            }
            match act {
                Act::Kill => {
                    if let Some(killed) = scene.target.take() {
                        scene.progress.note_killed(now, killed.sample());
                        self.addresses = killed.addresses().cloned();
                        killed.stop(Duration::ZERO);
                    }
                }
                Act::Start => self.start(fault, scene.shared),
                Act::Pause => {
                    self.paused = true;
                    scene.target.iter().for_each(Target::pause);
                }
                Act::Resume => {
                    self.let_go(scene.target.as_ref());
                    scene.crew.tell_all(&Command::FaultOver { fault, at: now });
                }
            }
        }
    }

    /// The run ends: nothing stands still because of it, and nothing starts after it.
    pub fn finish(&mut self, target: Option<&Target>) {
        self.let_go(target);
        if let Some(starting) = self.starting.take() {
            // A server that comes up while we leave would outlive us: one that is up already ends as it is dropped.
            starting.abandoned.store(true, Ordering::Relaxed);
            // What it panicked of has been printed.
            let _ = starting.thread.join();
        }
    }

    /// A process that stands still goes on.
    fn let_go(&mut self, target: Option<&Target>) {
        if std::mem::take(&mut self.paused) {
            target.iter().for_each(|target| target.resume());
        }
    }

    fn start(&mut self, fault: u16, shared: &Shared) {
        let (ready, started) = channel();
        let (plan, addresses) = (shared.plan.clone(), self.addresses.clone());
        let abandoned = Arc::new(AtomicBool::new(false));
        let given_up = abandoned.clone();
        let thread = std::thread::spawn(move || {
            // Nobody waits for it when the run has ended: dropped, it ends.
            let _ = ready.send(start_target(&plan, addresses, &given_up).map_err(|error| error.to_string()));
        });
        self.starting = Some(Starting { fault, started, abandoned, thread });
    }

    fn take_started(&mut self, now: Instant, scene: &mut Scene<'_>) {
        let Some(Starting { fault, started, .. }) = &self.starting else { return };
        let name = &scene.shared.plan.faults[usize::from(*fault)].name;
        match started.try_recv() {
            Err(TryRecvError::Empty) => return,
            Ok(Ok(started)) => {
                *scene.target = started;
                scene.progress.forget_sfu();
                scene.crew.tell_all(&Command::FaultOver { fault: *fault, at: now });
                let text = format!("{name}: the SFU serves again");
                scene.progress.events.push(RunEvent {
                    at: now.as_secs_f64(),
                    lasting: 0.0,
                    kind: "fault".to_owned(),
                    text,
                });
            }
            Ok(Err(why)) => {
                scene.ending.target_gone = Some(format!("The target did not come back after `{name}`: {why}."))
            }
            Err(TryRecvError::Disconnected) => {
                scene.ending.target_gone = Some(format!("The target could not be started again after `{name}`."));
            }
        }
        self.starting = None;
    }
}

/// Says that something due at `at` happens only now.
fn late(now: Instant, at: Instant, act: Act, name: &str) -> RunEvent {
    let what = match act {
        Act::Kill | Act::Pause => "began",
        Act::Start | Act::Resume => "ended",
    };
    let millis = now.saturating_since(at).as_millis();
    let text = format!("{name}: {what} {millis} ms late: the SFU was not up");
    RunEvent { at: now.as_secs_f64(), lasting: 0.0, kind: "fault".to_owned(), text }
}
