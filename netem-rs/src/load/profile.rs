//! Profiles as text: `key = value` lines, a section for each direction.

use super::words::Words;
use super::{LineError, path};
use crate::config::{LinkConfig, QueueLimit, Serialiser};

/// A network that was read from text.
#[derive(Clone, PartialEq, Debug)]
pub struct LoadedProfile {
    /// The name.
    pub name: String,
    /// From the client.
    pub up: LinkConfig,
    /// To the client.
    pub down: LinkConfig,
    /// Where the numbers come from; empty when it does not say.
    pub source: String,
    /// One line for a list; empty when it does not say.
    pub summary: String,
}

/// Which part of the text a line is in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Head,
    Up,
    Down,
    Both,
}

/// A direction while it is read, and in which lines its fields stand.
struct Direction {
    config: LinkConfig,
    queue_given: bool,
    lines: Vec<(String, usize)>,
    header: Option<usize>,
}

impl LoadedProfile {
    /// Reads a profile. Lines of `name`, `summary` and `source` come first, then the sections `[up]` and `[down]`, or
    /// `[both]`; what follows a `#` is a comment. A direction without a section is transparent, and a rate without a
    /// queue gets [`QueueLimit::typical`]. Traces and tables are files beside it: `file` gives the text of one by its
    /// name, or says why there is none.
    ///
    /// | key | values |
    /// |---|---|
    /// | `rate` | `2Mbit/s` · `unlimited` · `bucket 2Mbit/s burst=15kB [peak=10Mbit/s]` · `mahimahi FILE [phase=2s] [bytes=1504]` · `plan 0s=1Mbit/s 40s=2Mbit/s ramp-50s=4Mbit/s … [period=100s] [phase=2s]`, where `ramp-` goes evenly to the next |
    /// | `queue` | `unlimited` · `typical` · `300ms` · `64KiB` · `100packets` |
    /// | `policy` | `drop-tail` · `drop-head` · `codel [target=5ms] [interval=100ms] [ecn]` · `fq-codel [target=…] [interval=…] [quantum=1514] [flows=1024] [ecn]` · `pie [target=15ms] [update=15ms] [alpha=…] [beta=…] [burst=150ms] [ecn]` · `red min=30kB max=90kB [probability=2%] [weight=0.002] [packet=1000] [gentle] [ecn]` |
    /// | `overhead` | `28B` |
    /// | `loss` | `none` · `iid p=1%` · `gilbert mean=1% burst=3` · `ge p=1% r=30% h=90% k=0.1%` · `four-state p13=… p31=… p32=… p23=… p14=…` · `on-off good=10s bad=200ms` · `trace FILE` · `nth n=100` |
    /// | `delay` | `40ms` |
    /// | `variation` | `none` · `nr-gauss sd=5ms [max=15ms]` · `uniform max=20ms` · `normal sd=5ms [max=15ms]` · `pareto sd=5ms [max=20ms]` · `paretonormal sd=5ms [max=20ms]` · `table FILE sd=5ms`; each with `[reordering]` |
    /// | `correlation` | `0.3`, of the variation |
    /// | `slots` | `uniform min=1ms max=6ms [packets=8] [bytes=12000]` · `table FILE delay=4ms sd=1ms [packets=…] [bytes=…]` |
    /// | `reorder` | `ratio=1% by=20ms` |
    /// | `duplicate` `corrupt` | `0.1%` |
    ///
    /// ```
    /// use netem_rs::{LoadedProfile, Loss};
    ///
    /// let text = "
    /// name = cafe
    /// [down]
    /// rate = 16Mbit/s
    /// policy = fq-codel
    /// loss = gilbert mean=1% burst=3
    /// [up]
    /// rate = 1Mbit/s
    /// delay = 12ms
    /// ";
    /// let cafe = LoadedProfile::parse(text, |_| Err("no files here".to_owned()))?;
    /// assert_eq!(cafe.down.loss, Loss::Gilbert { mean: 0.01, burst: 3.0 });
    ///
    /// let error = LoadedProfile::parse("name = x\n[up]\nloss = gilbert mean=1%\n", |_| Err(String::new()));
    /// assert_eq!(error.unwrap_err().to_string(), "line 3: `gilbert` needs `burst`, as in `burst=3`");
    /// # Ok::<(), netem_rs::LineError>(())
    /// ```
    ///
    /// # Errors
    /// Names the line, what is wrong with it and what to write instead.
    pub fn parse(text: &str, mut file: impl FnMut(&str) -> Result<String, String>) -> Result<Self, LineError> {
        let mut head: [Option<String>; 3] = [None, None, None];
        let (mut up, mut down) = (Direction::new(), Direction::new());
        let mut section = Section::Head;
        for (index, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                section = begin(name.trim(), index, &mut up, &mut down)?;
                continue;
            }
            let Some((key, value)) = line.split_once('=').map(|(key, value)| (key.trim(), value.trim())) else {
                return Err(LineError::new(index, format!("`{line}` is no section and no `key = value`")));
            };
            if value.is_empty() {
                return Err(LineError::new(index, format!("`{key}` has no value")));
            }
            match section {
                Section::Head => read_head(&mut head, index, key, value)?,
                Section::Up => up.read(index, key, value, &mut file)?,
                Section::Down => down.read(index, key, value, &mut file)?,
                Section::Both => {
                    up.read(index, key, value, &mut file)?;
                    down.read(index, key, value, &mut file)?;
                }
            }
        }
        let [name, summary, source] = head;
        let Some(name) = name else {
            return Err(LineError::new(0, "a profile begins with its name, as in `name = cafe`".to_owned()));
        };
        let (up, down) = (up.finish()?, down.finish()?);
        Ok(Self { name, up, down, source: source.unwrap_or_default(), summary: summary.unwrap_or_default() })
    }
}

fn begin(name: &str, index: usize, up: &mut Direction, down: &mut Direction) -> Result<Section, LineError> {
    let (section, opened) = match name {
        "up" => (Section::Up, vec![up]),
        "down" => (Section::Down, vec![down]),
        "both" => (Section::Both, vec![up, down]),
        other => return Err(LineError::new(index, format!("`[{other}]`: write `[up]`, `[down]` or `[both]`"))),
    };
    for direction in opened {
        if direction.header.replace(index).is_some() {
            return Err(LineError::new(index, format!("`[{name}]`: this direction has a section already")));
        }
    }
    Ok(section)
}

fn read_head(head: &mut [Option<String>; 3], index: usize, key: &str, value: &str) -> Result<(), LineError> {
    let place = match key {
        "name" => 0,
        "summary" => 1,
        "source" => 2,
        other => {
            let problem = format!("`{other}` stands before any section: write `name`, `summary` or `source` there");
            return Err(LineError::new(index, problem));
        }
    };
    match head[place].replace(value.to_owned()) {
        None => Ok(()),
        Some(_) => Err(LineError::new(index, format!("`{key}` a second time"))),
    }
}

impl Direction {
    const fn new() -> Self {
        Self { config: LinkConfig::TRANSPARENT, queue_given: false, lines: Vec::new(), header: None }
    }

    fn read(
        &mut self,
        index: usize,
        key: &str,
        value: &str,
        file: &mut impl FnMut(&str) -> Result<String, String>,
    ) -> Result<(), LineError> {
        if self.lines.iter().any(|(other, _)| other == key) {
            return Err(LineError::new(index, format!("`{key}` a second time")));
        }
        self.lines.push((key.to_owned(), index));
        self.queue_given |= key == "queue" && value != "typical";
        path::read(&mut self.config, key, Words::new(index, value), value, file)
    }

    /// Fills in the queue and finds what cannot be honoured, in the line that says it.
    fn finish(mut self) -> Result<LinkConfig, LineError> {
        if !self.queue_given {
            let rate = match &self.config.serialiser {
                Serialiser::Steady | Serialiser::TokenBucket { .. } => self.config.rate,
                Serialiser::Plan { plan, .. } => plan.points().iter().map(|point| point.rate).min(),
                Serialiser::Trace { trace, .. } => Some(trace.rate().max(1)),
            };
            self.config.queue = rate.map_or(QueueLimit::Unlimited, |rate| QueueLimit::typical(rate.max(1)));
        }
        let Err(problem) = self.config.validate() else { return Ok(self.config) };
        let field = problem.field.split('.').next().unwrap_or_default();
        let key = match field {
            "serialiser" => "rate",
            "delay_variation" => "variation",
            "delay_correlation" => "correlation",
            other => other,
        };
        let line = self.lines.iter().find(|(name, _)| name == key).map(|(_, line)| *line);
        Err(LineError::new(line.or(self.header).unwrap_or_default(), problem.to_string()))
    }
}
