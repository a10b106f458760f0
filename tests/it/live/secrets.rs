//! A credential on the command line reaches the target and no artifact.

use super::harness::{LATE_IS_FINE, Sfu, run_with};
use crate::turns::alone;

const SECRET: &str = "hunter2-open-sesame";

#[test]
fn a_token_of_the_command_line_stands_in_no_artifact() {
    let _turn = alone();
    let sfu = Sfu::start(&[]);
    let scenario = format!(
        r#"
version = 1
name = "secrets"
[run]
duration = "2s"
{LATE_IS_FINE}
[target]
adapter = "whip-whep"
whip = "http://{0}/whip/{{room}}/{{participant}}"
whep = "http://{0}/whep/{{room}}/{{participant}}"
[target.auth]
kind = "bearer"
token = "placeholder"
[media.cam]
kind = "video"
codec = "h264"
size = "320x180"
fps = 15
bitrate = "150kbps"
[[population]]
name = "speaker"
count = 1
publish = ["cam"]
subscribe = "none"
[[population]]
name = "viewers"
count = 2
start = {{ arrivals = {{ process = "constant", stages = [{{ for = "300ms", rate = "0/s" }}, {{ for = "100ms", rate = "20/s" }}] }} }}
"#,
        sfu.http
    );
    let token = format!("target.auth.token={SECRET}");
    let ran = run_with(&scenario, &["--set", &token]);
    assert_eq!(ran.outcome.participants.joined, 3, "over WHIP and WHEP: {:?}", ran.outcome.participants);
    ran.assert_complete();
    let command = &ran.outcome.environment.as_ref().expect("a live run").command;
    assert!(command.contains("target.auth.token=") && command.contains("redacted"), "{command}");
    assert!(ran.text.contains("redacted") && !ran.stderr.contains(SECRET));
    let mut folders = vec![ran.dir.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = std::fs::read(&path).expect("a file");
                let held = bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes());
                assert!(!held, "{} holds the token", path.display());
            }
        }
    }
}
