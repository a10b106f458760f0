//! `[rooms]` and `[[population]]`.

use schemars::JsonSchema;
use std::collections::BTreeMap;

/// Rooms. People who do not fit are an error, never dropped.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct Rooms {
    /// What `share` of a population is a share of.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub participants: Option<u32>,
    /// How many rooms; without it 1, or as many as sizes are listed.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub count: Option<u32>,
    /// How many fit into each; without it as many as come, evenly.
    pub size: Option<SizeForm>,
    /// Who goes where, population by population in the file's order: "fill" one room after the other (the default with
    /// a `size`), "spread" to the room with the most free places (the default without), or "round-robin".
    /// People of `per_room` have their places first.
    #[schemars(extend("enum" = ["fill", "spread", "round-robin"]))]
    pub assign: Option<String>,
}

/// A number, a list, or a law.
#[derive(JsonSchema, Debug)]
#[schemars(untagged)]
pub enum SizeForm {
    /// Each the same.
    Same(u32),
    /// Each the same, as text.
    Text(String),
    /// Each as written.
    Each(Vec<u32>),
    /// By a law.
    Law(Size),
}

/// A law of room sizes.
#[derive(JsonSchema, Debug)]
#[schemars(tag = "dist", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Size {
    /// Each the same.
    Const {
        /// People.
        n: u32,
    },
    /// Drawn for each room, both ends included.
    Uniform {
        /// Smallest.
        min: u32,
        /// Largest.
        max: u32,
    },
    /// By rank: room k is proportional to 1/k^s within the bounds, and all together hold exactly everybody.
    Zipf {
        /// The exponent.
        #[schemars(range(min = 0.0, max = 10.0))]
        s: f64,
        /// Smallest.
        min: u32,
        /// Largest.
        max: u32,
    },
    /// Each as written.
    List {
        /// The size of each room.
        sizes: Vec<u32>,
    },
}

/// People of one kind. Exactly one of `count`, `share` and `per_room`.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct Population {
    /// Its name; participants are called `viewers-17`.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_-]{1,64}$"))]
    pub name: String,
    /// Free words for reports.
    pub tags: Option<BTreeMap<String, String>>,
    /// How many.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub count: Option<u32>,
    /// How many, as a share of `[rooms] participants`; it has to come out whole.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub share: Option<f64>,
    /// How many in each room.
    #[schemars(range(min = 1))]
    pub per_room: Option<u32>,
    /// Names of `[media.*]`.
    #[schemars(extend("default" = []))]
    pub publish: Option<Vec<String>>,
    /// What each asks for of the others in its room.
    #[schemars(extend("default" = "all"))]
    pub subscribe: Option<SubscribeForm>,
    /// The conversation that its people hold in each room: who has the floor, and so talks. Without it everybody talks as the
    /// media's `talk` says.
    pub speaker: Option<Speaker>,
    /// What its people do in the room: mute, share a screen, come back.
    pub actions: Option<Vec<Action>>,
    /// A network, or several with weights: exact quotas (largest remainder), in seeded order.
    #[schemars(extend("default" = "none"))]
    pub network: Option<NetworkForm>,
    /// When they come; without it all at the start of the run.
    pub start: Option<Start>,
    /// How long they stay.
    pub session: Option<Session>,
    /// How long they wait.
    pub timeouts: Option<Timeouts>,
    /// How they come back when they lose their session: a table, or "never". Without it as apps do.
    pub reconnect: Option<ReconnectForm>,
}

/// Something that people do. One of `at` and `every`.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct Action {
    /// What: "mute" a media and unmute it; "unpublish" a media and publish it again; "share" one more media, a screen;
    /// "switch-network", with another address and an ICE restart; "switch-layer" of what they receive; "rejoin": leave and
    /// come back; "restart-ice".
    #[schemars(extend("enum" = ["mute", "unpublish", "share", "switch-network", "switch-layer", "rejoin", "restart-ice"]))]
    #[schemars(rename = "do")]
    pub what: String,
    /// `mute`, `unpublish`, `share`: which media. One to share is not in `publish`.
    pub media: Option<String>,
    /// `switch-network`: which network. What is measured stays under the network that the participant lives on.
    pub network: Option<String>,
    /// `switch-layer`: which, as in `subscribe.layer`, but for "random". Afterwards it is what it was before.
    #[schemars(regex(pattern = r"^ *(auto|low|mid|high|svc\( *[0-2] *, *[0-2] *\)) *$"))]
    pub layer: Option<String>,
    /// Once, at this time from the start of the run.
    pub at: Option<String>,
    /// Again and again: so long after the start of the run, and after each end, as in "exp(60s)".
    pub every: Option<String>,
    /// How long it lasts, as in "5s" or "exp(10s)"; without it to the end of the run. `rejoin`: how long they are away.
    #[schemars(rename = "for")]
    pub lasting: Option<String>,
    /// Probability that a participant does it at all.
    #[schemars(range(min = 0.0, max = 1.0), extend("default" = 1.0))]
    pub prob: Option<f64>,
}

/// A conversation of a population's people in one room, by the states of ITU-T P.59: single talk, double talk, mutual
/// silence.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct Speaker {
    /// How many of them have the floor at once; everybody where there are fewer. Of those two at most talk at once, or as many
    /// as the media's `talk` says where it has one. Who is not in the room, and has the floor, is silent.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub active: u32,
    /// How long until one of them hands the floor on to somebody else of the room, as in "exp(20s)"; without it never.
    pub rotate: Option<String>,
}

/// "never", or how.
#[derive(JsonSchema, Debug)]
#[schemars(untagged)]
pub enum ReconnectForm {
    /// "never".
    Word(String),
    /// How.
    How(Reconnect),
}

/// How somebody who lost the session comes back. Each pause is spread, seeded, from half of it to one and a half.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct Reconnect {
    /// The first pause.
    #[schemars(extend("default" = "300ms"))]
    pub first: Option<String>,
    /// How much longer each pause is than the one before it.
    #[schemars(range(min = 1.0, max = 10.0), extend("default" = 2.0))]
    pub factor: Option<f64>,
    /// The longest pause.
    #[schemars(extend("default" = "7s"))]
    pub max: Option<String>,
    /// Attempts until it gives up.
    #[schemars(range(min = 1, max = 1_000), extend("default" = 10))]
    pub attempts: Option<u32>,
}

/// The same for both kinds, or each on its own.
#[derive(JsonSchema, Debug)]
#[schemars(untagged)]
pub enum SubscribeForm {
    /// Both kinds.
    Both(String),
    /// Each on its own.
    Each(Subscribe),
}

/// Which tracks, by kind.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct Subscribe {
    /// Other participants' audio.
    #[schemars(regex(
        pattern = r"^ *(all|none|last-n\(.+\)|active\(.+\)|page\(.+\)|pinned\(.+\)( *\+ *active\(.+\))?) *$"
    ))]
    pub audio: String,
    /// Other participants' video.
    #[schemars(regex(
        pattern = r"^ *(all|none|last-n\(.+\)|active\(.+\)|page\(.+\)|pinned\(.+\)( *\+ *active\(.+\))?) *$"
    ))]
    pub video: String,
    /// Other participants' messages over data channels: everybody's, nobody's, or those of who is named.
    #[schemars(extend("default" = "all"), regex(pattern = r"^ *(all|none|pinned\(.+\)) *$"))]
    pub data: Option<String>,
    /// In which layer of theirs, simulcast or within one stream: "auto" is the best that the way to this participant carries,
    /// the others are asked for and still no better than that. "svc(1,2)" is at most spatial layer 1 and temporal layer 2, 0
    /// the lowest, of video in one stream; "random(exp(20s))" is low, mid or high, drawn anew after each such time.
    #[schemars(extend("default" = "auto"), regex(pattern = r"^ *(auto|low|mid|high|svc\( *[0-2] *, *[0-2] *\)|random\(.+\)) *$"))]
    pub layer: Option<String>,
}

/// One network, or several with weights.
#[derive(JsonSchema, Debug)]
#[schemars(untagged)]
pub enum NetworkForm {
    /// A network of this file, a built-in profile, or "none".
    One(String),
    /// Several with weights.
    Several(Vec<Use>),
}

/// A network with its weight.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct Use {
    /// A network of this file, a built-in profile, or "none".
    #[schemars(rename = "use")]
    pub network: String,
    /// Its weight among the others.
    #[schemars(range(min = 0.0))]
    pub weight: f64,
}

/// When people come: one of both.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct Start {
    /// Open: at a rate, whatever the SFU does.
    pub arrivals: Option<Arrivals>,
    /// Closed: as places become free; points in the order of time.
    pub concurrency: Option<Vec<Point>>,
}

/// Open arrivals, as a timetable drawn before the run. One of `rate` and `stages`.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct Arrivals {
    /// "poisson": independent of each other. "constant": at even distances.
    #[schemars(extend("enum" = ["poisson", "constant"]))]
    pub process: String,
    /// People per time until the end of the run, as in "10/s", "30/m".
    pub rate: Option<String>,
    /// One after the other, from the start of the run.
    pub stages: Option<Vec<Stage>>,
    /// At most so many come, without it the headcount; the rest is counted as `arrivals.dropped`.
    #[schemars(range(min = 1))]
    pub max: Option<u32>,
}

/// A stretch of time with a rate.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct Stage {
    /// How long.
    #[schemars(rename = "for")]
    pub lasting: String,
    /// People per time, as in "10/s".
    pub rate: String,
    /// Whether the rate goes there linearly from the previous stage's, 0 before the first.
    #[schemars(extend("default" = false))]
    pub ramp: Option<bool>,
}

/// How many are in at once from a time on.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct Point {
    /// When, from the start of the run.
    pub t: String,
    /// How many.
    pub n: u32,
    /// Whether the number goes there linearly from the previous point's.
    #[schemars(extend("default" = false))]
    pub ramp: Option<bool>,
}

/// How long people stay.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct Session {
    /// "inf", or a duration or distribution from the intended arrival, as in "exp(60s)".
    #[schemars(extend("default" = "inf"))]
    pub length: Option<String>,
    /// Whether and when they come back.
    pub rejoin: Option<Rejoin>,
}

/// Whether and when people come back.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct Rejoin {
    /// Probability after each leaving.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub prob: f64,
    /// How long they are away, as in "exp(10s)".
    pub after: String,
}

/// How long people wait.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct Timeouts {
    /// For a join, from its intended arrival.
    #[schemars(extend("default" = "15s"))]
    pub join: Option<String>,
    /// For the first frame after joining, before a viewer counts as black.
    #[schemars(extend("default" = "5s"))]
    pub first_frame: Option<String>,
}
