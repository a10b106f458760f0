//! Each documented error by its message.

use super::*;

/// Each documented error: what is appended to the least file, and parts of the message.
#[test]
fn every_documented_error_says_what_to_write_instead() {
    let cases: &[(&str, &str, &str)] = &[
        // Sections of the format that are not built yet.
        ("[search]\nwidth = 0.1", "searching for capacity", "take it out"),
        ("[output]\nkeep = { per_client = true }", "`output.keep` does not exist yet", "take it out"),
        ("[output]\nformats = [\"hdr\"]", "the format `hdr` is not built yet", "\"junit\""),
        ("[output]\nformats = [\"prometheus\"]", "the format `prometheus` is not built yet", "\"junit\""),
        ("[output]\nformats = [\"pdf\"]", "`pdf` is not a format", "\"junit\""),
        ("[output]\ninterval = \"10ms\"", "`interval` is out of bounds", "\"100ms\""),
        ("[output]\ndir = \"reports/{day}\"", "is not understood here", "`{name}` and `{time}`"),
        // Target.
        ("[target]\nadapter = \"livekit\"", "the adapter `livekit` is not built yet", "`whip-whep`"),
        ("[target]\nadapter = \"janus\"", "the adapter `janus` is not built yet", "`whip-whep`"),
        ("[target]\nadapter = \"galene\"", "the adapter `galene` is not built yet", "`whip-whep`"),
        ("[target]\nadapter = \"refrence\"", "`refrence` is no adapter", "did you mean `reference`?"),
        ("[target]\npolicy = \"x\"", "policies of the reference SFU are not built yet", ""),
        ("[target]\napps = []", "apps of the reference SFU are not built yet", ""),
        ("[target]\nleg = \"livekit\"", "`livekit` is no leg", "`str0m`"),
        (
            "[target]\nadapter = \"room\"\nurl = \"http://a\"\nleg = \"own\"",
            "`leg` does not belong to adapter \"room\"",
            "`url`",
        ),
        (
            "[target]\nurl = \"http://127.0.0.1:1\"",
            "`url` does not belong to adapter \"reference\"",
            "adapter = \"room\"",
        ),
        ("[target]\nadapter = \"room\"", "`target` needs `url`", "http://127.0.0.1:8080"),
        ("[target]\nadapter = \"room\"\nurl = \"localhost\"", "`url` is not a URL", "http://127.0.0.1:8080"),
        ("[target]\nadapter = \"room\"\nurl = \"http://a/b\"", "has a path", "http://127.0.0.1:8080"),
        ("[target]\nadapter = \"whip-whep\"\nurl = \"http://a\"", "`url` does not belong", "write `whip` and `whep`"),
        ("[target]\nadapter = \"whip-whep\"\nwhip = \"http://a/{user}\"", "unknown part in braces", "`{room}`"),
        ("[target]\nice = { mode = \"full\" }", "demanding a full ICE agent is not built yet", "`lite-ok`"),
        ("[target]\nice = { relay = \"always\" }", "TURN is not built yet", "`never`"),
        ("[target]\nice = { stun = [\"stun:a\"] }", "STUN servers are not built yet", "stun = []"),
        (
            "[target]\nadapter = \"whip-whep\"\nauth = { kind = \"jwt-hs256\" }",
            "jwt-hs256) is not built yet",
            "`bearer`",
        ),
        ("[target]\nadapter = \"whip-whep\"\nauth = { kind = \"bearer\" }", "there is no token", "token_env"),
        (
            "[target]\nadapter = \"whip-whep\"\nauth = { kind = \"bearer\", token_env = \"NONE\" }",
            "`NONE` is not set",
            "set it",
        ),
        ("[target]\nadapter = \"whip-whep\"\nquirks = { retry_after = \"9s\" }", "out of bounds", "\"50ms\" to \"5s\""),
        ("[target]\nadapter = \"whip-whep\"\nquirks = { retry_after = \"0s\" }", "out of bounds", "\"50ms\" to \"5s\""),
        (
            "[target]\nadapter = \"room\"\nurl = \"http://a\"\nprocess = { cmd = [] }",
            "names no program",
            "the program first",
        ),
        (
            "[target]\nadapter = \"room\"\nurl = \"http://a\"\nprocess = { cmd = [\"a\"], sample = [\"fds\"] }",
            "sampling `fds`",
            "\"rss\"",
        ),
        ("[target]\negress = \"3gg\"", "there is no built-in profile `3gg`", "`throng profiles`"),
        // Media.
        ("[media.m]\ncodec = \"opus\"", "`media.m` needs `kind`", "kind = \"audio\""),
        ("[media.m]\nkind = \"data\"\nrate = 1", "`media.m` needs `message`", "message = \"200B\""),
        ("[media.m]\nkind = \"data\"\nmessage = \"200B\"", "`media.m` needs `rate`", "rate = 10"),
        ("[media.m]\nkind = \"data\"\nmessage = \"48B\"\nrate = 1", "no room for its stamp of 49", "\"49B\""),
        ("[media.m]\nkind = \"data\"\nmessage = \"65KiB\"\nrate = 1", "longer than the 65536", "\"64KiB\""),
        ("[media.m]\nkind = \"data\"\nmessage = \"200B\"\nrate = 2000", "`rate` is 2000", "0.01 to 1000"),
        (
            "[media.m]\nkind = \"data\"\nmessage = \"200B\"\nrate = 1\nmax_retransmits = 1\nmax_lifetime = \"1s\"",
            "not by both",
            "keep one of",
        ),
        (
            "[media.m]\nkind = \"data\"\nmessage = \"200B\"\nrate = 1\nmax_lifetime = \"70s\"",
            "`max_lifetime` is out of bounds",
            "\"65s\"",
        ),
        ("[media.m]\nkind = \"data\"\nmessage = \"200B\"\nrate = 1\ncodec = \"opus\"", "`codec` is not a key", ""),
        (
            "[media.m]\nkind = \"audio\"\nfec = true\nptime = \"5ms\"\nbitrate = \"128kbps\"",
            "in-band FEC is SILK's",
            "20ms",
        ),
        ("[media.m]\nkind = \"audio\"\nred = 9\nptime = \"60ms\"", "with red = 9 a packet", "lower `red`"),
        ("[media.m]\nkind = \"audio\"\nred = 10", "`red` is 10", "0 to 9"),
        ("[media.m]\nkind = \"audio\"\ndtx = true", "`dtx` without `talk` never finds silence", "talk = {"),
        (
            "[media.m]\nkind = \"audio\"\nptime = \"15ms\"",
            "an Opus packet holds 2.5, 5, 10, 20, 40 or 60 ms",
            "\"20ms\"",
        ),
        ("[media.m]\nkind = \"audio\"\nbitrate = \"8kbps\"", "every packet carries a stamp", "`ptime`"),
        ("[media.m]\nkind = \"audio\"\nbitrate = \"32\"", "`32` is not understood here", "\"1.5Mbps\""),
        ("[media.m]\nkind = \"audio\"\nbitrate = 32000", "`bitrate` is an integer", "\"1.5Mbps\""),
        ("[media.m]\nkind = \"audio\"\nsize = \"640x360\"", "`size` is not a key of `media.m`", "write one of `kind`"),
        (
            "[media.m]\nkind = \"audio\"\ntalk = { on = \"exp(4)\", off = \"1s\" }",
            "`exp(4)` is not understood",
            "exp(4s)",
        ),
        ("[media.m]\nkind = \"video\"\nbitrate = \"1Mbps\"", "`media.m` needs `size`", "size = \"1280x720\""),
        ("[media.m]\nkind = \"video\"\nsize = \"640x360\"", "`media.m` needs `bitrate`", "bitrate = \"1.5Mbps\""),
        ("[media.m]\nkind = \"video\"\nsize = \"641x360\"\nbitrate = \"1Mbps\"", "`641x360` is not understood", "even"),
        (
            "[media.m]\nkind = \"video\"\nsize = \"640x360\"\nbitrate = \"5kbps\"",
            "at 30 fps the bitrate is at least",
            "`fps`",
        ),
        (
            "[media.m]\nkind = \"video\"\nsize = \"640x360\"\nbitrate = \"1Mbps\"\nfps = 500",
            "`fps` is 500",
            "0.5 to 120",
        ),
        (
            "[media.m]\nkind = \"video\"\nsize = \"640x360\"\nbitrate = \"1Mbps\"\ncodec = \"vp7\"",
            "`vp7` is no codec",
            "`vp8`",
        ),
        (
            "[media.m]\nkind = \"video\"\nsize = \"640x360\"\nbitrate = \"1Mbps\"\nflexible = true",
            "`flexible` is a mode of VP9",
            "codec = \"vp9\"",
        ),
        (
            "[media.m]\nkind = \"video\"\nsize = \"640x360\"\nbitrate = \"1Mbps\"\nlayers = { mode = \"svc\", scalability = \"L3T3\" }",
            "VP8 has no spatial layers in one stream, so no `L3T3`",
            "L1T3",
        ),
        (
            "[media.m]\nkind = \"video\"\nsize = \"640x360\"\nbitrate = \"1Mbps\"\nlayers = { mode = \"svc\", scalability = \"L1T4\" }",
            "`L1T4` is no scalability mode",
            "L1T3",
        ),
        (
            "[media.m]\nkind = \"video\"\nsize = \"642x360\"\nbitrate = \"1Mbps\"\ncodec = \"vp9\"\nlayers = { mode = \"svc\", scalability = \"L3T1\" }",
            "cannot be halved that often",
            "size",
        ),
        (
            "[media.m]\nkind = \"video\"\nsize = \"640x360\"\nbitrate = \"100kbps\"\ncodec = \"vp9\"\nlayers = { mode = \"svc\", scalability = \"L3T1\" }",
            "in L3T1 the bitrate is at least",
            "bitrate",
        ),
        ("[media.m]\nkind = \"video\"\nsize = \"640x360\"\nbitrate = \"1Mbps\"\ncc = \"bbr\"", "`bbr`", "`gcc`"),
        (
            "[media.m]\nkind = \"video\"\nsize = \"640x360\"\nbitrate = \"1Mbps\"\ncontent = \"screen\"",
            "screen content is not built",
            "",
        ),
        (
            "[media.m]\nkind = \"video\"\nsize = \"640x360\"\nbitrate = \"1Mbps\"\nlayers = { mode = \"svc\" }",
            "needs `scalability`",
            "L1T3",
        ),
        (
            "[media.m]\nkind = \"video\"\nsize = \"640x360\"\nbitrate = \"1Mbps\"\nlayers = { mode = \"simulcast\", rids = [\"f\"] }",
            "each layer has its own bitrate",
            "take it out",
        ),
        (
            "[media.m]\nkind = \"video\"\nsize = \"640x360\"\nlayers = { mode = \"simulcast\", rids = [\"a\", \"b\", \"c\", \"d\"] }",
            "1 to 3 simulcast layers, not 4",
            "the smallest picture first",
        ),
        (
            "[media.m]\nkind = \"video\"\nsize = \"640x360\"\nlayers = { mode = \"simulcast\", rids = [\"q\", \"q\"] }",
            "`q` is no name for a layer",
            "each name once",
        ),
        (
            "[media.m]\nkind = \"video\"\nsize = \"640x360\"\nlayers = { mode = \"simulcast\", rids = [{ rid = \"f\", scale = 1.0 }, { rid = \"q\", scale = 4.0 }] }",
            "the layer `f` (640x360, 500kbps) is not smaller than `q` (160x90, 150kbps)",
            "`scale` falls and `bitrate` rises",
        ),
        (
            "[media.m]\nkind = \"video\"\nsize = \"32x32\"\nlayers = { mode = \"simulcast\", rids = [\"q\", \"h\", \"f\"] }",
            "the layer `q` would have 8x8 pixels",
            "fewer layers",
        ),
        (
            "[media.m]\nkind = \"video\"\ncodec = \"h264\"\nsize = \"640x360\"\nlayers = { mode = \"simulcast\", rids = [\"f\"], temporal = 2 }",
            "one temporal layer",
            "take it out",
        ),
        ("[media.x]\nkind = \"audio\"\nencode_delay = \"3s\"", "`encode_delay` is out of bounds", "up to \"2s\""),
        ("[media.x]\nkind = \"audio\"\nnumbers = \"zero\"", "`zero` is no", "`wrap`"),
        (
            "[media.m]\nkind = \"video\"\nsize = \"640x360\"\nbitrate = \"1Mbps\"\ngop = \"1ms\"",
            "`gop` is out of bounds",
            "on-request",
        ),
        ("[media.\"m m\"]\nkind = \"audio\"", "`m m` is not a name", "letters, digits"),
        // Networks.
        ("[network.n]\nextends = \"nlc-3gg\"", "there is no network `nlc-3gg`", "did you mean `nlc-3g`?"),
        ("[network.none]\nextends = \"3g\"", "`none` is the name of the unimpaired path", "another name"),
        ("[network.n]\ndown = { jitter = \"5ms\" }", "what it adds is `delay_variation`", ""),
        ("[network.n]\ndown = { loss = { p = 1.5 } }", "`p` is 1.5", "a ratio between 0 and 1"),
        (
            "[network.n]\ndown = { loss = { model = \"gilbert\", mean = 0.1, burst = 0.5 } }",
            "`burst` is 0.5",
            "at least 1 packet",
        ),
        (
            "[network.n]\ndown = { loss = { model = \"gilbert\", mean = 0.9, burst = 2.0 } }",
            "`loss.mean` is 0.9",
            "burst/(1+burst)",
        ),
        ("[network.n]\ndown = { loss = { model = \"ge\", p = 0.1, r = 0.1, h = 1 } }", "needs `k`", "k = 0.001"),
        ("[network.n]\ndown = { queue = \"200ms\" }", "`queue` is 200ms", "a limit in time needs a `rate`"),
        ("[network.n]\ndown = { reorder = { ratio = 0.1 } }", "needs `by`", "by = \"20ms\""),
        ("[network.n]\ndown = { rate = \"fast\" }", "`fast` is not understood", "\"unlimited\""),
        ("[network.n]\nschedule = [{ down = { delay = \"1ms\" } }]", "needs `at`", "at = \"60s\""),
        ("[network.n]\nschedule = [{ at = \"1s\" }]", "this step changes nothing", "`reset = true`"),
        (
            "[network.n]\nschedule = [{ at = \"1s\", every = \"1s\", reset = true }]",
            "`every` belongs to an outage",
            "outage",
        ),
        (
            "[network.n]\nschedule = [{ at = \"1s\", outage = \"1s\", reset = true }]",
            "an outage has no `reset`",
            "of its own",
        ),
        (
            "[network.n]\nschedule = [{ at = \"1s\", outage = \"2s\", every = \"1s\" }]",
            "before this one ends",
            "start to start",
        ),
        ("[network.n]\nschedule = [{ at = \"1s\", clock = \"participant\", reset = true }]", "a participant's own", ""),
        (
            "[network.n]\nschedule = [{ at = \"1s\", ramp = \"1s\", down = { rate = \"1Mbps\" } }]",
            "between a rate and no limit",
            "ramp = \"0s\"",
        ),
        (
            "[network.n]\nschedule = [{ at = \"1s\", ramp = \"5s\", down = { delay = \"9ms\" } }, { at = \"2s\", reset = true }]",
            "the ramp before it",
            "begin after",
        ),
        // Rooms.
        ("[rooms]\nassign = \"fill\"", "`fill` needs a `size`", "assign = \"spread\""),
        ("[rooms]\ncount = 3\nsize = [1, 2]", "`count` is 3, and 2 sizes are listed", "leave `count` out"),
        ("[rooms]\nsize = 3", "the rooms hold 3 people, and 4 come", "more or larger rooms"),
        ("[rooms]\nsize = { dist = \"lognormal\", n = 3 }", "a lognormal law are not built yet", "`zipf`"),
        (
            "[rooms]\nsize = { dist = \"zipf\", s = 1, min = 9, max = 3 }",
            "`min` is 9 and `max` is 3",
            "the smaller one",
        ),
        // Populations.
        ("[[population]]\nname = \"viewers\"\ncount = 1", "two populations are named `viewers`", "rename"),
        ("[[population]]\nname = \"p\"", "`population.p` needs `count`", "share = 0.05"),
        (
            "[[population]]\nname = \"p\"\ncount = 1\nper_room = 1",
            "`count` and `per_room` are both there",
            "exactly one",
        ),
        ("[[population]]\nname = \"p\"\nshare = 0.5", "a share needs a whole", "[rooms] participants"),
        ("[[population]]\nname = \"p\"\nshare = 1.5", "`share` is 1.5", "between 0 and 1"),
        (
            "[rooms]\nparticipants = 7\n[[population]]\nname = \"p\"\nshare = 0.5",
            "is 3.5, which is no number of people",
            "comes out whole",
        ),
        ("[[population]]\nname = \"p\"\ncount = 1\npublish = [\"mic\"]", "there is no media `mic`", "[media.mic]"),
        ("[[population]]\nname = \"p\"\ncount = 1\nnetwork = \"hme\"", "there is no network `hme`", "built-in profile"),
        ("[[population]]\nname = \"p\"\ncount = 1\nnetwork = []", "the weights add up to nothing", ""),
        (
            "[[population]]\nname = \"p\"\ncount = 1\nspeaker = { active = 3 }",
            "who publishes no sound",
            "kind = \"audio\"",
        ),
        ("[[population]]\nname = \"p\"\ncount = 1\nspeaker = { rotate = \"1s\" }", "needs `active`", "active = 3"),
        (
            "[[population]]\nname = \"p\"\ncount = 1\nspeaker = { active = 1, rotate = \"1ms\" }",
            "faster than anybody could talk",
            "100ms",
        ),
        (
            "[target]\nadapter = \"whip-whep\"\nwhep = \"http://127.0.0.1:1/\"\n[[population]]\nname = \"p\"\ncount = 1\nsubscribe = \"active(3)\"",
            "nobody can choose among publishers",
            "pinned(NAME)",
        ),
        (
            "[media.mic]\nkind = \"audio\"\n[[population]]\nname = \"p\"\ncount = 1\npublish = [\"mic\"]\nactions = [{ do = \"dance\", at = \"1s\" }]",
            "`dance` is no do",
            "mute",
        ),
        (
            "[media.mic]\nkind = \"audio\"\n[[population]]\nname = \"p\"\ncount = 1\npublish = [\"mic\"]\nactions = [{ do = \"switch-layer\", layer = \"best\", at = \"1s\" }]",
            "`best` is no choice of a layer",
            "\"mid\"",
        ),
        (
            "[media.mic]\nkind = \"audio\"\n[[population]]\nname = \"p\"\ncount = 1\npublish = [\"mic\"]\nactions = [{ do = \"mute\", at = \"1s\" }]",
            "needs `media`",
            "some-name",
        ),
        (
            "[media.mic]\nkind = \"audio\"\n[[population]]\nname = \"p\"\ncount = 1\npublish = [\"mic\"]\nactions = [{ do = \"mute\", media = \"cam\", at = \"1s\" }]",
            "there is no media `cam`",
            "mic",
        ),
        (
            "[media.mic]\nkind = \"audio\"\n[[population]]\nname = \"p\"\ncount = 1\npublish = [\"mic\"]\nactions = [{ do = \"mute\", media = \"mic\" }]",
            "needs `at`",
            "every = ",
        ),
        (
            "[media.mic]\nkind = \"audio\"\n[[population]]\nname = \"p\"\ncount = 1\npublish = [\"mic\"]\nactions = [{ do = \"mute\", media = \"mic\", at = \"1s\", every = \"9s\" }]",
            "`at` and `every` are both there",
            "exactly one",
        ),
        (
            "[media.mic]\nkind = \"audio\"\n[[population]]\nname = \"p\"\ncount = 1\npublish = [\"mic\"]\nactions = [{ do = \"mute\", media = \"mic\", every = \"9s\" }]",
            "needs `for`",
            "5s",
        ),
        (
            "[media.mic]\nkind = \"audio\"\n[[population]]\nname = \"p\"\ncount = 1\npublish = [\"mic\"]\nactions = [{ do = \"mute\", media = \"mic\", at = \"9h\" }]",
            "the run is over by then",
            "within the run",
        ),
        (
            "[media.mic]\nkind = \"audio\"\n[[population]]\nname = \"p\"\ncount = 1\npublish = [\"mic\"]\nactions = [{ do = \"share\", media = \"mic\", at = \"1s\" }]",
            "`mic` is published anyway",
            "another media",
        ),
        (
            "[media.mic]\nkind = \"audio\"\n[[population]]\nname = \"p\"\ncount = 1\npublish = [\"mic\"]\nactions = [{ do = \"restart-ice\", at = \"1s\", for = \"1s\" }]",
            "`restart-ice` takes no time",
            "take it out",
        ),
        (
            "[media.mic]\nkind = \"audio\"\n[[population]]\nname = \"p\"\ncount = 1\npublish = [\"mic\"]\nactions = [{ do = \"restart-ice\", media = \"mic\", at = \"1s\" }]",
            "is not about a media",
            "take it out",
        ),
        (
            "[media.mic]\nkind = \"audio\"\n[[population]]\nname = \"p\"\ncount = 1\npublish = [\"mic\"]\nactions = [{ do = \"restart-ice\", every = \"1ms\" }]",
            "more than once a second",
            "1s",
        ),
        (
            "[media.mic]\nkind = \"audio\"\n[[population]]\nname = \"p\"\ncount = 1\npublish = [\"mic\"]\nactions = [{ do = \"rejoin\", at = \"1s\" }]",
            "needs `for`",
            "5s",
        ),
        (
            "[media.mic]\nkind = \"audio\"\n[[population]]\nname = \"p\"\ncount = 1\npublish = [\"mic\"]\nactions = [{ do = \"switch-network\", network = \"hme\", at = \"1s\" }]",
            "there is no network `hme`",
            "built-in profile",
        ),
        (
            "[target]\nadapter = \"whip-whep\"\nwhip = \"http://127.0.0.1:1/\"\nwhep = \"http://127.0.0.1:1/\"\n[media.mic]\nkind = \"audio\"\n[[population]]\nname = \"p\"\ncount = 1\npublish = [\"mic\"]\nsubscribe = \"none\"\nactions = [{ do = \"mute\", media = \"mic\", at = \"1s\" }]",
            "WHIP cannot `mute`",
            "another adapter",
        ),
        (
            "[[population]]\nname = \"p\"\ncount = 1\nsubscribe = \"last-n(none)\"",
            "`none` is no number of people",
            "\"all\"",
        ),
        (
            "[[population]]\nname = \"p\"\ncount = 1\nsubscribe = { audio = \"all\", video = \"page(size=9)\" }",
            "lacks its `size` or `flip`",
            "flip=exp(30s)",
        ),
        (
            "[[population]]\nname = \"p\"\ncount = 1\nsubscribe = { audio = \"all + active(1)\", video = \"all\" }",
            "`active(1)` cannot be added to `all`",
            "",
        ),
        (
            "[media.m]\nkind = \"video\"\nsize = \"640x360\"\nbitrate = \"1Mbps\"\ncodec = \"vp9\"\nlayers = { mode = \"svc\", scalability = \"L2T3\" }\n[[population]]\nname = \"p\"\ncount = 1\npublish = [\"m\"]\nsubscribe = { audio = \"all\", video = \"all\", layer = \"svc(2,0)\" }",
            "`svc(2,0)` is not among the layers of `m`, which is L2T3",
            "svc(1,2)",
        ),
        (
            "[[population]]\nname = \"p\"\ncount = 1\nsubscribe = { audio = \"all\", video = \"all\", layer = \"svc(1)\" }",
            "`svc(1)` names no spatial layer and temporal layer",
            "svc(1,2)",
        ),
        (
            "[[population]]\nname = \"p\"\ncount = 1\nsubscribe = { audio = \"all\", video = \"all\", layer = \"random(1ms)\" }",
            "more than once a second",
            "random(exp(20s))",
        ),
        (
            "[[population]]\nname = \"p\"\ncount = 1\nsubscribe = { audio = \"all\", video = \"all\", layer = \"svc(1,2)\" }",
            "no video has layers in one stream, so none has `svc(1,2)`",
            "\"mid\"",
        ),
        (
            "[[population]]\nname = \"p\"\ncount = 1\nsession = { length = \"inf\", rejoin = { prob = 0.5, after = \"1s\" } }",
            "never leaves",
            "",
        ),
        (
            "[[population]]\nname = \"p\"\ncount = 1\nsession = { length = \"100ms\" }",
            "shorter than a second",
            "\"1s\"",
        ),
        (
            "[[population]]\nname = \"p\"\ncount = 1\ntimeouts = { join = \"1ms\" }",
            "`join` is out of bounds",
            "\"10m\"",
        ),
        ("[[population]]\nname = \"p\"\ncount = 1\nstart = {}", "`start` is empty", "arrivals"),
        (
            "[[population]]\nname = \"p\"\ncount = 1\nstart = { arrivals = { process = \"poisson\" } }",
            "needs `rate`",
            "stages",
        ),
        (
            "[[population]]\nname = \"p\"\ncount = 1\nstart = { arrivals = { process = \"poisson\", rate = \"3\" } }",
            "`3` is not understood",
            "10/s",
        ),
        (
            "[[population]]\nname = \"p\"\ncount = 9\nstart = { arrivals = { process = \"constant\", stages = [{ for = \"2s\", rate = \"2/s\" }] } }",
            "the arrivals bring 4.0 people",
            "raise the rate",
        ),
        (
            "[[population]]\nname = \"p\"\ncount = 9\nstart = { arrivals = { process = \"constant\", rate = \"9/s\", max = 10 } }",
            "`max` is 10, and the population has 9",
            "",
        ),
        (
            "[[population]]\nname = \"p\"\ncount = 9\nstart = { concurrency = [{ t = \"1s\", n = 10 }] }",
            "10 are to be in at once",
            "at most the headcount",
        ),
        (
            "[[population]]\nname = \"p\"\ncount = 9\nstart = { concurrency = [{ t = \"1s\", n = 1 }, { t = \"1s\", n = 2 }] }",
            "in the order of time",
            "",
        ),
        // Thresholds.
        (
            "[[threshold]]\nmetric = \"join.totl\"\nexpect = \"p95 < 2s\"",
            "`join.totl` is not a metric",
            "did you mean `join.total`?",
        ),
        ("[[threshold]]\nmetric = \"join.total\"\nexpect = []", "`expect` is empty", "p95 < 2s"),
        (
            "[[threshold]]\nmetric = \"join.total\"\nexpect = \"value < 2s\"",
            "`join.total` is a trend and has no `value`",
            "its aggregates",
        ),
        (
            "[[threshold]]\nmetric = \"join.total\"\nexpect = \"p99 <= baseline * 1.1\"",
            "comparing with a baseline is not built yet",
            "",
        ),
        (
            "[[threshold]]\nmetric = \"join.total\"\nexpect = \"p95 < 2s\"\nover = { window = \"5s\" }",
            "(`over`) is not built yet",
            "",
        ),
        (
            "[[threshold]]\nmetric = \"join.total\"\nexpect = \"p95 < 2s\"\nwhere = { population = \"viewer\" }",
            "there is no population `viewer`",
            "did you mean `viewers`?",
        ),
        (
            "[[threshold]]\nmetric = \"join.total\"\nexpect = \"p95 < 2s\"\nwhere = { colour = \"red\" }",
            "`colour` is not a label",
            "`population`",
        ),
        (
            "[[threshold]]\nmetric = \"join.total\"\nexpect = \"p95 < 2s\"\nwhere = { phase = \"fault:kill\" }",
            "there is no fault `kill`",
            "",
        ),
        (
            "[[threshold]]\nmetric = \"join.total\"\nexpect = \"p95 < 2s\"\nwhere = { layer = \"q\" }",
            "layers are not built yet",
            "",
        ),
        (
            "[[threshold]]\nmetric = \"join.total\"\nexpect = \"p95 < 2s\"\nwhere = { participant_kind = \"probe\" }",
            "probes are not built yet",
            "",
        ),
        (
            "[[threshold]]\nmetric = \"join.total\"\nexpect = \"p95 < 2s\"\nwhere = { room = \"2\" }",
            "there is no room `2`",
            "from 1 to 1",
        ),
        (
            "[[threshold]]\nmetric = \"join.total\"\nexpect = \"p95 < 2s\"\nwhere = { room = 1 }",
            "has no histogram a room",
            "population",
        ),
        (
            "[[threshold]]\nmetric = \"harness.cpu\"\nexpect = \"max < 0.9\"\nwhere = { population = \"viewers\" }",
            "the run as a whole",
            "`phase`",
        ),
        (
            "[[threshold]]\nmetric = \"join.total\"\nexpect = \"p95 < 2s\"\nseverity = \"maybe\"",
            "`maybe` is no severity",
            "`warn`",
        ),
        (
            "[[threshold]]\nmetric = \"data.delivery\"\nexpect = \"p95 > 0.9\"",
            "`data.delivery` is a ratio and has no `p95`",
            "its aggregates are value",
        ),
        (
            "[[threshold]]\nmetric = \"data.messages_dropped\"\nexpect = \"count == 0\"\nwhere = { room = \"1\" }",
            "is not kept by room",
            "filter by population",
        ),
        (
            "[[threshold]]\nmetric = \"join.total\"\nexpect = \"p95 < 2s\"\nabort = { after = \"3s\" }",
            "needs `on_fail`",
            "",
        ),
    ];
    let mut wrong = Vec::new();
    for (addition, message, help) in cases {
        let shown: Vec<String> = errors(&format!("{LEAST}{addition}\n")).iter().map(ToString::to_string).collect();
        let right =
            |error: &String| error.contains(message) && error.contains(help) && !error.starts_with("s.toml:1:1:");
        if shown.len() != 1 || !right(&shown[0]) {
            wrong.push(format!("{addition}\n  gave {shown:#?}\n  wanted {message} / {help}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
