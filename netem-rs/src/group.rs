//! Links that share one bottleneck: everybody in an office or a home behind one line.
//!
//! A [`Group`] is one direction of that place: a shared link, and a link of each member's own for what only it meets
//! (its Wi-Fi, its distance). Up, a packet crosses its member's link and then the shared one; down, the other way
//! round. Both are whole links with all their stages, so loss on the shared line hits everybody and loss on a member's
//! link nobody else.

use crate::config::{LinkConfig, OutageMode};
use crate::dice::scramble;
use crate::packet::{Identity, Packet};
use crate::report::Report;
use crate::{Delivery, Direction, Instant, Link, Seed};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::fmt;

/// A member of one [`Group`], by the order of joining.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Member(u32);

impl Member {
    /// The place in the order of joining, from 0.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// One direction of a place whose members share a bottleneck.
///
/// It is driven as a [`Link`] is: inputs in order of their time, [`Group::poll_output`] drained after each. Members
/// that have nothing under way cost nothing.
///
/// ```
/// use netem_rs::{Direction, Group, Instant, LinkConfig, Packet, QueueLimit, Seed};
/// use std::time::Duration;
///
/// #[derive(Clone)]
/// struct Datagram(usize);
///
/// impl Packet for Datagram {
///     fn wire_size(&self) -> usize {
///         self.0
///     }
/// }
///
/// let line = LinkConfig { rate: Some(8_000_000), queue: QueueLimit::typical(8_000_000), ..LinkConfig::default() };
/// let wifi = LinkConfig { delay: Duration::from_millis(3), ..LinkConfig::default() };
/// let mut home = Group::new(Direction::Down, line, Seed::new(1));
/// let (alice, bob) = (home.join(wifi.clone()), home.join(wifi));
/// home.handle_packet(Instant::ZERO, alice, Datagram(972));
/// home.handle_packet(Instant::ZERO, bob, Datagram(972));
/// home.handle_timeout(Instant::from_millis(10));
/// let arrivals: Vec<_> = std::iter::from_fn(|| home.poll_output()).map(|(who, out)| (who, out.at)).collect();
/// // Bob's millisecond on the line comes after Alice's.
/// assert_eq!(arrivals, [(alice, Instant::from_millis(4)), (bob, Instant::from_millis(5))]);
/// ```
pub struct Group<T> {
    direction: Direction,
    seed: Seed,
    shared: Link<Carried<T>>,
    own: Vec<Link<T>>,
    /// When each member's link wants to be told the time.
    wakes: Vec<Option<Instant>>,
    /// The same in order of time, with what was overtaken by a change of it; never with that in front.
    due: BinaryHeap<Reverse<(Instant, u32)>>,
    /// What has arrived downwards.
    out: VecDeque<(Member, Delivery<T>)>,
}

/// A packet on the shared link and whose it is.
#[derive(Clone)]
struct Carried<T> {
    member: Member,
    item: T,
}

impl<T: Packet> Packet for Carried<T> {
    fn wire_size(&self) -> usize {
        self.item.wire_size()
    }

    fn class(&self) -> usize {
        self.item.class()
    }

    fn identity(&self) -> Option<Identity> {
        self.item.identity()
    }

    /// Members' flows are theirs, whatever they call them.
    fn flow(&self) -> u64 {
        scramble(scramble(u64::from(self.member.0)) ^ self.item.flow())
    }

    fn ecn_capable(&self) -> bool {
        self.item.ecn_capable()
    }

    fn mark(&mut self) {
        self.item.mark();
    }

    fn corrupt(&mut self, bits: u64) {
        self.item.corrupt(bits);
    }
}

impl<T: Packet + Clone> Group<T> {
    /// A place without members yet. The shared link draws from `seed`'s child `shared`, a member's from `member` with
    /// its number.
    ///
    /// # Panics
    /// On a configuration that [`LinkConfig::validate`] refuses.
    #[must_use]
    pub fn new(direction: Direction, shared: LinkConfig, seed: Seed) -> Self {
        Self {
            direction,
            seed,
            shared: Link::new(shared, seed.child("shared")),
            own: Vec::new(),
            wakes: Vec::new(),
            due: BinaryHeap::new(),
            out: VecDeque::new(),
        }
    }

    /// One more member, with a link of its own for what only it meets.
    ///
    /// # Panics
    /// On a configuration that [`LinkConfig::validate`] refuses.
    pub fn join(&mut self, own: LinkConfig) -> Member {
        let member = Member(u32::try_from(self.own.len()).expect("a group has fewer than 2^32 members"));
        self.own.push(Link::new(own, self.seed.indexed("member", u64::from(member.0))));
        self.wakes.push(None);
        member
    }

    /// Offers a packet from or to a member at `now`.
    pub fn handle_packet(&mut self, now: Instant, member: Member, item: T) {
        self.advance(now);
        match self.direction {
            Direction::Down => self.shared.handle_packet(now, Carried { member, item }),
            Direction::Up => {
                self.own[member.index()].handle_packet(now, item);
                self.settle(member);
            }
        }
        self.advance(now);
    }

    /// Lets time pass up to `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
    }

    /// The next packet that has arrived and whose it is, in order of [`Delivery::at`].
    pub fn poll_output(&mut self) -> Option<(Member, Delivery<T>)> {
        match self.direction {
            Direction::Down => self.out.pop_front(),
            Direction::Up => {
                let Delivery { at, item } = self.shared.poll_output()?;
                Some((item.member, Delivery { at, item: item.item }))
            }
        }
    }

    /// The earliest instant at which something can happen by itself; `None` when nothing will.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let own = self.due.peek().map(|Reverse((at, _))| *at);
        [self.shared.poll_timeout(), own].into_iter().flatten().min()
    }

    /// Changes the shared conditions from `now` on.
    ///
    /// # Panics
    /// On a configuration that [`LinkConfig::validate`] refuses.
    pub fn apply_shared(&mut self, now: Instant, config: LinkConfig) {
        self.advance(now);
        self.shared.apply(now, config);
        self.advance(now);
    }

    /// Changes a member's own conditions from `now` on.
    ///
    /// # Panics
    /// On a configuration that [`LinkConfig::validate`] refuses.
    pub fn apply(&mut self, now: Instant, member: Member, config: LinkConfig) {
        self.advance(now);
        self.own[member.index()].apply(now, config);
        self.settle(member);
        self.advance(now);
    }

    /// Begins an outage of the shared link at `now`, or ends it with `None`.
    pub fn set_shared_outage(&mut self, now: Instant, outage: Option<OutageMode>) {
        self.advance(now);
        self.shared.set_outage(now, outage);
        self.advance(now);
    }

    /// Begins an outage of a member's own link at `now`, or ends it with `None`.
    pub fn set_outage(&mut self, now: Instant, member: Member, outage: Option<OutageMode>) {
        self.advance(now);
        self.own[member.index()].set_outage(now, outage);
        self.settle(member);
        self.advance(now);
    }

    /// The books of the shared link.
    #[must_use]
    pub const fn shared_report(&self) -> &Report {
        self.shared.report()
    }

    /// The books of a member's own link: down, it is offered what the shared link has delivered for it.
    #[must_use]
    pub fn report(&self, member: Member) -> &Report {
        self.own[member.index()].report()
    }

    /// Bytes that wait for the shared serialiser now, overhead included.
    #[must_use]
    pub const fn waiting_bytes(&self) -> u64 {
        self.shared.waiting_bytes()
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.own.len()
    }

    /// Whether nobody has joined.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.own.is_empty()
    }

    /// Whether every link's books balance and each packet that left the first link of its way entered the second.
    #[must_use]
    pub fn holds(&self) -> bool {
        let own = |of: fn(&Report) -> u64| -> u64 { self.own.iter().map(|link| of(link.report())).sum() };
        let offered: fn(&Report) -> u64 = |report| report.totals().offered;
        let delivered: fn(&Report) -> u64 = |report| report.totals().delivered;
        let handed = match self.direction {
            Direction::Down => delivered(self.shared.report()) == own(offered),
            Direction::Up => own(delivered) == offered(self.shared.report()),
        };
        handed && self.shared.report().holds() && self.own.iter().all(|link| link.report().holds())
    }

    /// Moves everything on that has happened by `now`, in order of time.
    fn advance(&mut self, now: Instant) {
        if self.direction == Direction::Down {
            self.shared.handle_timeout(now);
            while let Some(Delivery { at, item: Carried { member, item } }) = self.shared.poll_output() {
                // What is due before this packet's turn arrives before what it may bring about.
                self.wake_until(at);
                self.own[member.index()].handle_packet(at, item);
                self.settle(member);
            }
        }
        self.wake_until(now);
        if self.direction == Direction::Up {
            self.shared.handle_timeout(now);
        }
    }

    /// Tells every link of a member's the time that it wanted to be told by `now`.
    fn wake_until(&mut self, now: Instant) {
        while let Some(Reverse((at, member))) = self.due.peek().copied().filter(|Reverse((at, _))| *at <= now) {
            self.own[member as usize].handle_timeout(at);
            self.settle(Member(member));
        }
    }

    /// Takes what a member's link has delivered, and notes when it wants to be told the time next.
    fn settle(&mut self, member: Member) {
        let link = &mut self.own[member.index()];
        while let Some(delivery) = link.poll_output() {
            match self.direction {
                Direction::Down => self.out.push_back((member, delivery)),
                Direction::Up => self.shared.handle_packet(delivery.at, Carried { member, item: delivery.item }),
            }
        }
        let wake = link.poll_timeout();
        if wake != self.wakes[member.index()] {
            self.wakes[member.index()] = wake;
            if let Some(at) = wake {
                self.due.push(Reverse((at, member.0)));
            }
        }
        while let Some(Reverse((at, member))) = self.due.peek().copied()
            && self.wakes[member as usize] != Some(at)
        {
            self.due.pop();
        }
    }
}

impl<T> fmt::Debug for Group<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut group = f.debug_struct("Group");
        group.field("direction", &self.direction).field("members", &self.own.len()).finish_non_exhaustive()
    }
}
