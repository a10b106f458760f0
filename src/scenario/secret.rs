//! What must not be written down: credentials of the target, wherever they were given.
//!
//! `outcome.json` keeps the scenario and the command, so both pass through here first.

/// What stands in a secret's place.
pub const REDACTED: &str = "<redacted>";

/// Whether the value under a dotted key is a secret.
pub(crate) fn is_secret(path: &str) -> bool {
    matches!(path, "target.auth.token" | "target.auth.key" | "target.auth.secret" | "target.auth.password")
}

/// A `key=value` of `--set`, its value redacted where the key is, or holds, a credential.
#[must_use]
pub fn redact_set(argument: &str) -> String {
    let Some((key, value)) = argument.split_once('=') else { return argument.to_owned() };
    let path: String = key.chars().filter(|c| !c.is_whitespace()).collect();
    let whole = path == "target" || path == "target.auth";
    let below =
        path.starts_with("target.auth.") && !matches!(path.as_str(), "target.auth.kind" | "target.auth.token_env");
    let named = path.starts_with("target.") && path.rsplit('.').next().is_some_and(names_a_secret);
    if whole || below || named { format!("{key}={REDACTED}") } else { format!("{key}={}", redact_url(value)) }
}

/// A command line, as it may be written into an outcome.
#[must_use]
pub fn redact_command<'a>(arguments: impl IntoIterator<Item = &'a str>) -> String {
    let mut out: Vec<String> = Vec::new();
    let mut set = false;
    for argument in arguments {
        let shown = match argument.strip_prefix("--set=") {
            Some(inner) => format!("--set={}", redact_set(inner)),
            None if set => redact_set(argument),
            None => redact_url(argument),
        };
        set = argument == "--set";
        out.push(quoted(shown));
    }
    out.join(" ")
}

/// Text that may hold a URL: its password and its tokens redacted.
#[must_use]
pub fn redact_url(text: &str) -> String {
    let Some(scheme) = text.find("://") else { return text.to_owned() };
    let (before, rest) = text.split_at(scheme + 3);
    let authority_end = rest.find(['/', '?', '#', '"', '\'']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(authority_end);
    let host = match authority.rsplit_once('@') {
        Some((_, host)) => format!("{REDACTED}@{host}"),
        None => authority.to_owned(),
    };
    let Some((path, query)) = tail.split_once('?') else { return format!("{before}{host}{tail}") };
    let pairs: Vec<String> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, _)) if names_a_secret(name) => format!("{name}={REDACTED}"),
            _ => pair.to_owned(),
        })
        .collect();
    format!("{before}{host}{path}?{}", pairs.join("&"))
}

fn names_a_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["token", "secret", "password", "passwd", "jwt", "key", "signature", "usersig"]
        .iter()
        .any(|word| name.contains(word))
        && !name.ends_with("_env")
        && !name.starts_with("keyframe")
}

fn quoted(argument: String) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,+@%<>[]{}".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        argument
    } else {
        format!("'{}'", argument.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_never_reaches_the_command() {
        let command = [
            "throng",
            "run",
            "s.toml",
            "--set",
            "target.auth.token=hunter2",
            "--set=target.auth={kind=\"bearer\",token=\"hunter2\"}",
            "--set",
            "run.duration=15s",
            "--set",
            "target.whip=https://me:hunter2@host/whip?access_token=hunter2&room=1",
        ];
        let text = redact_command(command);
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.contains("run.duration=15s") && text.contains("room=1"), "{text}");
        assert!(text.contains("target.auth.token=<redacted>"), "{text}");
    }

    #[test]
    fn what_is_no_secret_stays() {
        assert_eq!(redact_set("target.auth.token_env=SFU_KEY"), "target.auth.token_env=SFU_KEY");
        assert_eq!(redact_set("network.home.down.loss.p=0.05"), "network.home.down.loss.p=0.05");
        assert_eq!(redact_url("http://127.0.0.1:8080/whip"), "http://127.0.0.1:8080/whip");
        assert_eq!(redact_command(["a b", "it's"]), r"'a b' 'it'\''s'");
    }
}
