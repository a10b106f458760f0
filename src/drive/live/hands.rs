//! The faults of the SFU's own process: killed and started again, or stopped and continued, at the plan's times.
//!
//! Only a child of this run is ever touched. Starting it again waits on a thread of its own, so that the run goes on and
//! can be interrupted; whatever the run left undone (a process that stands still) is undone when it ends.

use super::coordinate::{Crew, start_target};
use super::progress::Progress;
use super::target::{Addresses, Target};
use super::worker::Command;
use crate::client::Shared;
use crate::clock::{Duration, Instant};
use crate::drive::acts::{Act, acts};
use crate::outcome::{Ending, RunEvent};
use crate::plan::Plan;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

/// How long a server that is being started is waited for when the run ends.
const LAST_START: Duration = Duration::from_secs(3);

/// What became of a start.
type Started = Result<Option<Target>, String>;

/// What is to be done to the process, and when.
#[derive(Debug)]
pub(super) struct Hands {
    /// By time, the next one last.
    ahead: Vec<(Instant, Act, u16)>,
    /// Where the SFU served that was killed.
    addresses: Option<Addresses>,
    starting: Option<(u16, Receiver<Started>)>,
    paused: bool,
}

impl Hands {
    pub fn new(plan: &Plan) -> Self {
        Self { ahead: acts(plan), addresses: None, starting: None, paused: false }
    }

    /// Does what is due.
    pub fn act(
        &mut self,
        now: Instant,
        shared: &Shared,
        target: &mut Option<Target>,
        crew: &Crew,
        progress: &mut Progress,
        ending: &mut Ending,
    ) {
        while let Some((_, act, fault)) = self.ahead.pop_if(|(at, ..)| *at <= now) {
            match act {
                Act::Kill => {
                    if let Some(killed) = target.take() {
                        progress.note_killed(now, killed.sample());
                        self.addresses = killed.addresses().cloned();
                        killed.stop(Duration::ZERO);
                    }
                }
                Act::Start => self.start(fault, shared),
                Act::Pause => {
                    self.paused = true;
                    target.iter().for_each(Target::pause);
                }
                Act::Resume => {
                    self.let_go(target.as_ref());
                    crew.tell_all(&Command::FaultOver { fault, at: now });
                }
            }
        }
        self.take_started(now, shared, target, crew, progress, ending);
    }

    /// The run ends: nothing stands still because of it, and nothing starts after it.
    pub fn finish(&mut self, target: Option<&Target>) {
        self.let_go(target);
        if let Some((_, starting)) = self.starting.take() {
            // A server that comes up while we leave would outlive us; one that was waited for ends as it is dropped.
            drop(starting.recv_timeout(LAST_START));
        }
    }

    /// A process that stands still goes on.
    fn let_go(&mut self, target: Option<&Target>) {
        if std::mem::take(&mut self.paused) {
            target.iter().for_each(|target| target.resume());
        }
    }

    fn start(&mut self, fault: u16, shared: &Shared) {
        let (started, starting) = channel();
        let (plan, addresses) = (shared.plan.clone(), self.addresses.clone());
        std::thread::spawn(move || {
            // Nobody waits for it when the run has ended: dropped, it ends.
            let _ = started.send(start_target(&plan, addresses).map_err(|error| error.to_string()));
        });
        self.starting = Some((fault, starting));
    }

    fn take_started(
        &mut self,
        now: Instant,
        shared: &Shared,
        target: &mut Option<Target>,
        crew: &Crew,
        progress: &mut Progress,
        ending: &mut Ending,
    ) {
        let Some((fault, starting)) = &self.starting else { return };
        let name = &shared.plan.faults[usize::from(*fault)].name;
        match starting.try_recv() {
            Err(TryRecvError::Empty) => return,
            Ok(Ok(started)) => {
                *target = started;
                progress.forget_sfu();
                crew.tell_all(&Command::FaultOver { fault: *fault, at: now });
                let text = format!("{name}: the SFU serves again");
                progress.events.push(RunEvent { at: now.as_secs_f64(), lasting: 0.0, kind: "fault".to_owned(), text });
            }
            Ok(Err(why)) => ending.target_gone = Some(format!("The target did not come back after `{name}`: {why}.")),
            Err(TryRecvError::Disconnected) => {
                ending.target_gone = Some(format!("The target could not be started again after `{name}`."));
            }
        }
        self.starting = None;
    }
}
