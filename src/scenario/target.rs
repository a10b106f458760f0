//! `[target]`: what is tested and how to talk to it.
//!
//! Credentials come from the file or, better, from a named environment variable; neither is ever printed.

use super::section::{Section, Shape};
use crate::clock::Duration;
#[cfg(test)]
use crate::conference::Defect;
use crate::conference::LegKind;
use std::fmt;

pub(crate) static TARGET: Shape = Shape {
    name: "Target",
    keys: &[
        "adapter",
        "url",
        "whip",
        "whep",
        "auth",
        "quirks",
        "ice",
        "workers",
        "leg",
        "estimates",
        "egress",
        "service",
        "process",
    ],
    refused: &[
        ("policy", "policies of the reference SFU are not built yet"),
        ("apps", "apps of the reference SFU are not built yet"),
        ("relay", "relaying through TURN is not built yet"),
    ],
};
pub(crate) static AUTH: Shape =
    Shape { name: "Auth", keys: &["kind", "token", "token_env"], refused: &[("key_env", JWT)] };
pub(crate) static SERVICE: Shape = Shape { name: "Service", keys: &["per_packet", "cores", "queue"], refused: &[] };
pub(crate) static QUIRKS: Shape =
    Shape { name: "Quirks", keys: &["trickle", "delete", "not_live", "retry_after", "offer_active"], refused: &[] };
pub(crate) static ICE: Shape = Shape { name: "Ice", keys: &["mode", "relay", "stun"], refused: &[] };
pub(crate) static PROCESS: Shape = Shape { name: "Process", keys: &["cmd", "ready", "sample"], refused: &[] };
pub(crate) static READY: Shape = Shape { name: "Ready", keys: &["http", "timeout"], refused: &[] };

const JWT: &str = "signing tokens (jwt-hs256) is not built yet";

/// The target and how to talk to it.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetPlan {
    /// Which adapter speaks to it.
    pub adapter: AdapterPlan,
    /// A server of one's own that the run starts; `None` when it already runs, or is the reference SFU.
    pub process: Option<ProcessPlan>,
}

/// Which adapter, with its settings.
#[derive(Clone, Debug, PartialEq)]
pub enum AdapterPlan {
    /// The run starts the reference SFU as its child.
    Reference(ReferencePlan),
    /// A reference SFU that already runs.
    Room {
        /// `ws://…` or `http://…`, without a path.
        url: String,
    },
    /// Any server with WHIP and WHEP endpoints.
    WhipWhep(WhipPlan),
}

/// The reference SFU as a child.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ReferencePlan {
    /// Media workers; 0 lets it choose.
    pub workers: usize,
    /// What the SFU's legs are made of.
    pub leg: LegKind,
    /// Whether the SFU estimates the way to each subscriber.
    pub estimates: bool,
    /// A seeded network on every subscriber's downlink, inside the SFU: built-in profile or `FILE.toml#name`.
    pub egress: Option<String>,
    /// Seed of `egress`: the run's.
    pub egress_seed: u64,
    /// What a packet costs a simulated SFU.
    pub service: ServicePlan,
    /// What a test breaks in a simulated SFU.
    #[cfg(test)]
    pub defect: Option<Defect>,
}

/// What packets cost a simulated SFU: without a cost it forwards at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServicePlan {
    /// Time of one core for each datagram taken in, and for each one sent.
    pub per_packet: Duration,
    /// Cores; a room lives on one of them.
    pub cores: usize,
    /// Work that may wait for a core; what comes when it is full is dropped, as by a full receive buffer.
    pub queue: Duration,
}

impl Default for ServicePlan {
    fn default() -> Self {
        Self { per_packet: Duration::ZERO, cores: 1, queue: Duration::from_millis(100) }
    }
}

/// A WHIP and WHEP server.
#[derive(Clone, PartialEq)]
pub struct WhipPlan {
    /// Publishing endpoint, with `{room}` and `{participant}`; `None` when nobody publishes.
    pub whip: Option<String>,
    /// Playing endpoint; `{participant}` is the publisher that is played. `None` when nobody subscribes.
    pub whep: Option<String>,
    /// Sent as `Authorization: Bearer`, with `{room}` and `{participant}`; a secret.
    pub bearer: Option<String>,
    /// How this server deviates from RFC 9725.
    pub quirks: Quirks,
}

impl fmt::Debug for WhipPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WhipPlan")
            .field("whip", &self.whip.as_deref().map(super::secret::redact_url))
            .field("whep", &self.whep.as_deref().map(super::secret::redact_url))
            .field("bearer", &self.bearer.as_ref().map(|_| super::secret::REDACTED))
            .field("quirks", &self.quirks)
            .finish()
    }
}

/// How a server deviates from RFC 9725 and the WHEP draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quirks {
    /// Whether candidates gathered late may be sent by PATCH; otherwise all of them stand in the offer.
    pub trickle: bool,
    /// Whether `DELETE` exists; otherwise the transport is closed and nothing is sent.
    pub delete: bool,
    /// Statuses of a WHEP POST that mean "not yet live".
    pub not_live: Vec<u16>,
    /// First pause before asking again for what is not yet live; doubles up to 5 s.
    pub retry_after: Duration,
    /// Offered setup attribute: `actpass` unless the server wants `active`.
    pub offer_active: bool,
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            trickle: false,
            delete: true,
            not_live: vec![404, 409],
            retry_after: Duration::from_millis(500),
            offer_active: false,
        }
    }
}

/// A server of one's own that the run starts and stops.
#[derive(Clone, Debug, PartialEq)]
pub struct ProcessPlan {
    /// Program and arguments.
    pub cmd: Vec<String>,
    /// Ready when this URL answers with a 2xx status.
    pub ready_http: Option<String>,
    /// How long it may take.
    pub ready_timeout: Duration,
}

/// Which adapter is meant, before its keys are read.
#[derive(Clone, Copy, PartialEq)]
enum Family {
    Reference,
    Room,
    WhipWhep,
}

/// Where names of environment variables lead.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Reads `[target]`; without it the run starts the reference SFU.
pub(crate) fn read(root: &Section<'_>, environment: Environment<'_>, seed: u64) -> TargetPlan {
    let reference = AdapterPlan::Reference(ReferencePlan { egress_seed: seed, ..ReferencePlan::default() });
    let Some(section) = root.sub("target", &TARGET, "write `[target]` with an `adapter`") else {
        return TargetPlan { adapter: reference, process: None };
    };
    let words = [("reference", Family::Reference), ("room", Family::Room), ("whip-whep", Family::WhipWhep)];
    let later: Vec<(&str, String)> =
        ["livekit", "janus", "galene"].map(|name| (name, format!("the adapter `{name}` is not built yet"))).into();
    let later: Vec<(&str, &str)> = later.iter().map(|(name, sentence)| (*name, sentence.as_str())).collect();
    let family =
        if section.has("adapter") { section.choice("adapter", &words, &later) } else { Some(Family::Reference) };
    read_ice(&section);
    let process = read_process(&section, family);
    let bearer = read_auth(&section, environment);
    let Some(family) = family else { return TargetPlan { adapter: reference, process } };
    refuse_foreign_keys(&section, family);
    let adapter = match family {
        Family::Reference => AdapterPlan::Reference(ReferencePlan {
            workers: section.integer("workers", 0..=1024).unwrap_or(0) as usize,
            leg: section.choice("leg", &LegKind::ALL.map(|kind| (kind.name(), kind)), &[]).unwrap_or_default(),
            estimates: section.bool("estimates").unwrap_or(false),
            egress: section.text("egress", "write a built-in profile or \"FILE.toml#name\"").map(str::to_owned),
            egress_seed: seed,
            service: read_service(&section),
            #[cfg(test)]
            defect: None,
        }),
        Family::Room => AdapterPlan::Room { url: room_url(&section) },
        Family::WhipWhep => AdapterPlan::WhipWhep(WhipPlan {
            whip: template(&section, "whip"),
            whep: template(&section, "whep"),
            bearer,
            quirks: read_quirks(&section),
        }),
    };
    TargetPlan { adapter, process }
}

/// A key of another adapter would be ignored, so it is refused.
fn refuse_foreign_keys(section: &Section<'_>, family: Family) {
    let (name, own): (&str, &[&str]) = match family {
        Family::Reference => ("reference", &["workers", "leg", "estimates", "egress", "service"]),
        Family::Room => ("room", &["url", "process"]),
        Family::WhipWhep => ("whip-whep", &["whip", "whep", "auth", "quirks", "process"]),
    };
    for key in ["url", "whip", "whep", "auth", "quirks", "workers", "leg", "estimates", "egress", "service", "process"]
    {
        if section.has(key) && !own.contains(&key) {
            let help = match (family, key) {
                (Family::WhipWhep, "url") => {
                    "write `whip` and `whep`, URLs with `{room}` and `{participant}`".to_owned()
                }
                (Family::Reference, "url") => {
                    "take it out, or write adapter = \"room\" for a server that already runs".to_owned()
                }
                _ => {
                    format!("its keys are {}", own.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", "))
                }
            };
            section.fail(key, format!("`{key}` does not belong to adapter \"{name}\""), help);
        }
    }
}

fn read_service(section: &Section<'_>) -> ServicePlan {
    let default = ServicePlan::default();
    let help = "write service = { per_packet = \"10us\", cores = 2, queue = \"50ms\" }";
    let Some(service) = section.sub("service", &SERVICE, help) else { return default };
    service.missing("per_packet", help);
    let bounded = |key: &str, least: Duration, most: Duration, default: Duration, help: &str| {
        let value = service.duration(key).unwrap_or(default);
        if (least..=most).contains(&value) {
            return value;
        }
        service.fail(key, format!("`{key}` is out of bounds"), help);
        default
    };
    let (none, second) = (Duration::ZERO, Duration::from_secs(1));
    ServicePlan {
        per_packet: bounded("per_packet", none, second / 10, none, "write a duration from \"0s\" to \"100ms\""),
        cores: service.integer("cores", 1..=1024).unwrap_or(1) as usize,
        queue: bounded("queue", second / 1000, 10 * second, default.queue, "write a duration from \"1ms\" to \"10s\""),
    }
}

fn read_auth(section: &Section<'_>, environment: Environment<'_>) -> Option<String> {
    let auth = section.sub("auth", &AUTH, "write auth = { kind = \"bearer\", token_env = \"NAME\" }")?;
    auth.missing("kind", "write kind = \"bearer\"");
    let later = [
        ("jwt-hs256", JWT),
        ("usersig", "signing UserSig is not built yet"),
        ("basic", "basic authentication is not built yet"),
    ];
    auth.choice("kind", &[("bearer", ())], &later)?;
    let help = "write token_env = \"NAME\", the environment variable that holds it";
    match (auth.has("token"), auth.has("token_env")) {
        (true, true) => auth.fail("token", "`token` and `token_env` are both there", "keep one of them"),
        (false, false) => auth.fail("token_env", "there is no token", help),
        (true, false) => return auth.text("token", help).map(str::to_owned),
        (false, true) => {
            let name = auth.text("token_env", help)?;
            let token = environment(name).filter(|token| !token.is_empty());
            if token.is_none() {
                auth.fail(
                    "token_env",
                    format!("the environment variable `{name}` is not set"),
                    "set it, or name another",
                );
            }
            return token;
        }
    }
    None
}

fn read_quirks(section: &Section<'_>) -> Quirks {
    let default = Quirks::default();
    let Some(quirks) = section.sub("quirks", &QUIRKS, "write quirks = { trickle = false }") else { return default };
    let retry_after = quirks.duration("retry_after").unwrap_or(default.retry_after);
    if !(Duration::from_millis(50)..=Duration::from_secs(5)).contains(&retry_after) {
        quirks.fail("retry_after", "`retry_after` is out of bounds", "write a duration from \"50ms\" to \"5s\"");
    }
    Quirks {
        trickle: quirks.bool("trickle").unwrap_or(default.trickle),
        delete: quirks.bool("delete").unwrap_or(default.delete),
        not_live: statuses(&quirks).unwrap_or(default.not_live),
        retry_after,
        offer_active: quirks.bool("offer_active").unwrap_or(default.offer_active),
    }
}

fn statuses(quirks: &Section<'_>) -> Option<Vec<u16>> {
    let help = "write HTTP statuses, as in [404, 409]";
    let items = quirks.array("not_live", help)?;
    let mut statuses = Vec::new();
    for item in items {
        match item.value {
            super::document::Value::Integer(status @ 400..=599) => statuses.push(status as u16),
            _ => quirks.errors.push(&item.origin, &quirks.key("not_live"), "this is not a status of an error", help),
        }
    }
    Some(statuses)
}

/// What throng's ICE does anyway may be said; anything else is refused.
fn read_ice(section: &Section<'_>) {
    let Some(ice) = section.sub("ice", &ICE, "write ice = { mode = \"lite-ok\" }") else { return };
    ice.choice(
        "mode",
        &[("lite-ok", ())],
        &[
            ("full", "demanding a full ICE agent is not built yet"),
            ("lite", "demanding an ICE-lite server is not built yet"),
        ],
    );
    let relay = "relaying through TURN is not built yet";
    ice.choice("relay", &[("never", ())], &[("always", relay), ("only", relay), ("allow", relay)]);
    if ice.array("stun", "write stun = []").is_some_and(|servers| !servers.is_empty()) {
        ice.fail("stun", "STUN servers are not built yet: candidates are those of the host", "write stun = []");
    }
}

fn read_process(section: &Section<'_>, family: Option<Family>) -> Option<ProcessPlan> {
    let process = section.sub("process", &PROCESS, "write `[target.process]` with `cmd`")?;
    process.missing("cmd", "write the program and its arguments, as in cmd = [\"./sfu\", \"--config\", \"sfu.yaml\"]");
    let cmd: Vec<String> = process
        .texts("cmd", "write a list of strings, as in [\"./sfu\", \"--config\", \"sfu.yaml\"]")?
        .into_iter()
        .map(|(text, _)| text.to_owned())
        .collect();
    if cmd.first().is_none_or(String::is_empty) {
        process.fail("cmd", "`cmd` names no program", "write the program first, then its arguments");
    }
    for (text, origin) in process.texts("sample", "write sample = [\"cpu\", \"rss\"]").unwrap_or_default() {
        if !matches!(text, "cpu" | "rss") {
            let message = format!("sampling `{text}` of the process is not built yet");
            process.errors.push(
                origin,
                &process.key("sample"),
                message,
                "write \"cpu\" and \"rss\", which are always sampled",
            );
        }
    }
    let mut plan = ProcessPlan { cmd, ready_http: None, ready_timeout: Duration::from_secs(10) };
    if let Some(ready) = process.sub("ready", &READY, "write ready = { http = \"http://127.0.0.1:8080/health\" }") {
        ready.missing("http", "write the URL that answers once the server is up");
        plan.ready_http = ready.text("http", "write a URL").map(str::to_owned);
        if let Some(url) = &plan.ready_http {
            check_url(&ready, "http", url, &["http", "https"]);
        }
        plan.ready_timeout = ready.duration("timeout").unwrap_or(plan.ready_timeout);
    }
    (family != Some(Family::Reference)).then_some(plan)
}

fn room_url(section: &Section<'_>) -> String {
    let help = "write the server's address, as in url = \"http://127.0.0.1:8080\"";
    section.missing("url", help);
    let Some(url) = section.text("url", help) else { return String::new() };
    if let Some(parsed) = check_url(section, "url", url, &["http", "ws", "https", "wss"])
        && (!matches!(parsed.path(), "" | "/") || parsed.query().is_some())
    {
        section.fail("url", format!("`{url}` has a path"), help);
    }
    url.to_owned()
}

fn template(section: &Section<'_>, key: &str) -> Option<String> {
    let url = section.text(key, "write a URL with `{room}` and `{participant}`")?;
    let filled = url.replace("{room}", "room").replace("{participant}", "participant");
    if filled.contains(['{', '}']) {
        section.fail(
            key,
            format!("`{key}` has an unknown part in braces"),
            "only `{room}` and `{participant}` are filled in",
        );
        return Some(url.to_owned());
    }
    check_url(section, key, &filled, &["http", "https"]);
    Some(url.to_owned())
}

fn check_url(section: &Section<'_>, key: &str, text: &str, schemes: &[&str]) -> Option<url::Url> {
    let parsed = url::Url::parse(text).ok().filter(|url| url.has_host() && schemes.contains(&url.scheme()));
    if parsed.is_none() {
        let help = format!("write a whole URL, as in \"http://127.0.0.1:8080\" ({})", schemes.join(", "));
        section.fail(key, format!("`{key}` is not a URL"), help);
    }
    parsed
}
