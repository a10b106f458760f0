//! `kind = "file"`: what is read, and what is refused with the key to change.

use super::*;
use crate::conference::Codec;

fn with(media: &str) -> String {
    format!("{}\n[media.m]\nkind = \"file\"\n{media}\n", super::LEAST)
}

#[test]
fn clips_are_read_from_their_files() {
    let text = |codec: &str, ending: &str, more: &str| {
        with(&format!("codec = \"{codec}\"\nfile = \"media/clip.{ending}\"\n{more}"))
    };
    let cases = [
        (text("vp8", "ivf", ""), Codec::Vp8),
        (text("vp8", "ivf", "size = \"320x180\"\nfps = 15"), Codec::Vp8),
        (text("h264", "h264", "fps = 15\nsize = \"320x180\""), Codec::H264),
        (text("opus", "opus", ""), Codec::Opus),
        (with("codec = \"vp9\"\nfile = \"media/clip-vp9.ivf\""), Codec::Vp9),
        (with("codec = \"av1\"\nfile = \"media/clip-av1.ivf\"\nsize = \"320x180\""), Codec::Av1),
    ];
    for (text, codec) in cases {
        let scenario = read(&text);
        let media = scenario.media.iter().find(|media| media.name == "m").expect("it is there");
        assert_eq!(media.codec, codec);
        let Source::File(file) = &media.source else { panic!("a clip") };
        assert_eq!((media.bitrate, file.clip().codec()), (file.clip().bitrate(), codec));
        assert_eq!((media.layers().len(), media.is_described()), (0, codec == Codec::Av1));
    }
}

const LAYERS: &str =
    "layers = { mode = \"simulcast\", rids = [\"h\", \"f\"], files = [\"media/low.ivf\", \"media/clip.ivf\"] }";

#[test]
fn layers_are_read_from_a_file_each() {
    let h264 = format!("codec = \"h264\"\nfps = 15\n{}", LAYERS.replace(".ivf", ".h264"));
    for (text, codec) in [(format!("codec = \"vp8\"\n{LAYERS}"), Codec::Vp8), (h264, Codec::H264)] {
        let scenario = read(&with(&text));
        let media = scenario.media.iter().find(|media| media.name == "m").expect("it is there");
        let sizes: Vec<_> =
            media.layers().iter().map(|layer| (layer.rid.as_str(), layer.width, layer.height)).collect();
        assert_eq!((media.codec, &sizes[..]), (codec, &[("h", 160, 90), ("f", 320, 180)][..]));
        assert!(media.keeps_step() && media.layers().iter().all(|layer| layer.least == layer.bitrate));
        let sum: u64 = media.layers().iter().map(|layer| layer.bitrate.bps()).sum();
        assert_eq!(media.bitrate.bps(), sum);
        let top = media.layer(1).expect("a layer");
        assert!(top.layers().is_empty() && top.check().is_ok() && top.bitrate == media.layers()[1].bitrate);
    }
}

#[test]
fn layers_that_cannot_be_switched_are_refused_with_key_and_mend() {
    let vp8 = |layers: &str| format!("codec = \"vp8\"\nlayers = {{ mode = \"simulcast\", {layers} }}");
    let cases = [
        (
            vp8("rids = [\"h\", \"f\"], files = [\"media/low.ivf\"]"),
            "layers.files",
            "2 layers have as many files, not 1",
            "one file for each",
        ),
        (
            vp8("rids = [\"h\", \"f\"], files = [\"media/clip.ivf\", \"media/low.ivf\"]"),
            "layers.files",
            "is not smaller than `media/low.ivf` (160x90",
            "grow from each",
        ),
        (
            vp8("rids = [\"h\", \"h\"], files = [\"media/low.ivf\", \"media/clip.ivf\"]"),
            "layers.rids",
            "`h` is no name",
            "each name once",
        ),
        (
            vp8("rids = [\"h\", \"f\"], files = [\"media/low.ivf\", \"gone\"]"),
            "layers.files",
            "`gone` cannot be read",
            "put it there",
        ),
        (
            vp8("rids = [\"h\", \"f\"], files = [\"media/low.ivf\", \"media/clip.h264\"]"),
            "layers.files",
            "`media/clip.h264` is no IVF",
            "IVF of VP8",
        ),
        (vp8("rids = [\"h\", \"f\"], files = [\"media/low.ivf\", 7]"), "layers.files", "this is a", "files = ["),
        (vp8("rids = [\"f\"]"), "layers.files", "needs `files`", "files = ["),
        (vp8("rids = [], files = []"), "layers.rids", "1 to 3 simulcast layers, not 0", "rids = ["),
        (
            format!("codec = \"vp8\"\nfile = \"media/clip.ivf\"\n{LAYERS}"),
            "file",
            "each layer has its own file",
            "take it out",
        ),
        (
            format!("codec = \"vp9\"\n{LAYERS}"),
            "layers.mode",
            "clips of VP9 as layers are not built",
            "codec = \"vp8\"",
        ),
        (format!("codec = \"opus\"\n{LAYERS}"), "layers", "opus is sound", "take it out"),
        (
            "codec = \"vp8\"\nlayers = { mode = \"svc\", rids = [\"f\"], files = [\"media/clip.ivf\"] }".to_owned(),
            "layers.mode",
            "in its one clip",
            "",
        ),
        (
            format!("codec = \"vp8\"\nsize = \"160x90\"\n{LAYERS}"),
            "size",
            "the clip's pictures are 320x180, not 160x90",
            "320x180",
        ),
    ];
    for (text, key, message, help) in cases {
        let errors = read_with(&with(&text), &[]).expect_err(&text);
        let found = errors.iter().any(|error| {
            error.key == format!("media.m.{key}") && error.message.contains(message) && error.help.contains(help)
        });
        assert!(found, "{text}: {errors:#?}");
    }
}

#[test]
fn clips_of_another_rate_or_other_keyframes_are_no_layers() {
    use crate::container::ivf;
    let clip = include_bytes!("../../../scenarios/media/clip.ivf");
    let (header, frames) = ivf::parse(clip).expect("it ships");
    let made = |step: u64, count: usize| {
        let mut file = ivf::Header { rate: 15, scale: 1, ..header }.bytes().to_vec();
        frames[..count]
            .iter()
            .enumerate()
            .for_each(|(i, (_, frame))| ivf::write_frame(&mut file, i as u64 * step, frame));
        file
    };
    for (file, how) in [(made(1, 80), "have 80 and 90 frames"), (made(2, 90), "differ in their rate: frame 0 lasts")] {
        let files = |name: &str| if name == "other" { Ok(file.clone()) } else { super::files(name) };
        let text = with(&format!("codec = \"vp8\"\n{}", LAYERS.replace("media/low.ivf", "other")));
        let errors = read_beside(&text, &files).expect_err("they do not keep step");
        let error = errors.iter().find(|error| error.key == "media.m.layers.files").expect("it is said");
        assert!(error.message.contains(how) && error.help.contains("-g 60"), "{error:?}");
    }
}

#[test]
fn clips_that_cannot_be_played_are_refused_with_key_and_mend() {
    let cases = [
        ("codec = \"vp8\"", "file", "`media.m` needs `file`", "media/clip.ivf"),
        ("file = \"media/clip.ivf\"", "codec", "`media.m` needs `codec`", "\"vp8\""),
        ("codec = \"vp9\"\nfile = \"media/clip.ivf\"", "file", "`media/clip.ivf` holds VP80, not VP9", "libvpx-vp9"),
        ("codec = \"av1\"\nfile = \"media/clip-vp9.ivf\"", "file", "holds VP90, not AV1", "libaom-av1"),
        ("codec = \"theora\"\nfile = \"media/clip.ivf\"", "codec", "theora", "`av1`"),
        ("codec = \"vp8\"\nfile = \"gone\"", "file", "`gone` cannot be read: there is no gone", "put it there"),
        ("codec = \"vp8\"\nfile = \"nothing\"", "file", "`nothing` is no IVF", "ffmpeg -c:v libvpx"),
        ("codec = \"opus\"\nfile = \"media/clip.ivf\"", "file", "`media/clip.ivf` is no Ogg", "ffmpeg -c:a libopus"),
        ("codec = \"vp8\"\nfile = \"media/clip.h264\"", "file", "is no IVF", "IVF of VP8"),
        ("codec = \"h264\"\nfile = \"media/clip.h264\"", "fps", "`media.m` needs `fps`", "fps = 30"),
        (
            "codec = \"vp8\"\nfile = \"media/clip.ivf\"\nsize = \"640x360\"",
            "size",
            "the clip's pictures are 320x180, not 640x360",
            "write size = \"320x180\"",
        ),
        (
            "codec = \"vp8\"\nfile = \"media/clip.ivf\"\nfps = 30",
            "fps",
            "the clip has 15.000 frames a second, not 30",
            "write fps = 15.000",
        ),
        ("codec = \"opus\"\nfile = \"media/clip.opus\"\nfps = 50", "fps", "opus is sound", "take it out"),
        (
            "codec = \"vp8\"\nfile = \"media/clip.ivf\"\nbitrate = \"1Mbps\"",
            "bitrate",
            "`bitrate` is not a key",
            "`file`",
        ),
        (
            "codec = \"vp8\"\nfile = \"media/clip.ivf\"\nnumbers = \"wrap\"",
            "numbers",
            "`numbers` is not a key",
            "`file`",
        ),
        ("codec = \"vp8\"\nlayers = {}", "layers.files", "needs `files`", "files = ["),
    ];
    for (text, key, message, help) in cases {
        let errors = read_with(&with(text), &[]).expect_err(text);
        let found = errors.iter().any(|error| {
            error.key == format!("media.m.{key}") && error.message.contains(message) && error.help.contains(help)
        });
        assert!(found, "{text}: {errors:#?}");
    }
}
