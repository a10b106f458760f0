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
    ];
    for (text, codec) in cases {
        let scenario = read(&text);
        let media = scenario.media.iter().find(|media| media.name == "m").expect("it is there");
        assert_eq!(media.codec, codec);
        let Source::File(clip) = &media.source else { panic!("a clip") };
        assert_eq!((media.bitrate, clip.codec()), (clip.bitrate(), codec));
    }
}

#[test]
fn clips_that_cannot_be_played_are_refused_with_key_and_mend() {
    let cases = [
        ("codec = \"vp8\"", "file", "`media.m` needs `file`", "media/clip.ivf"),
        ("file = \"media/clip.ivf\"", "codec", "`media.m` needs `codec`", "\"vp8\""),
        ("codec = \"vp9\"\nfile = \"media/clip.ivf\"", "codec", "clips of VP9 are not built yet", "`vp8`"),
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
        ("codec = \"vp8\"\nfile = \"media/clip.ivf\"\nlayers = {}", "layers", "not built yet", "take it out"),
    ];
    for (text, key, message, help) in cases {
        let errors = read_with(&with(text), &[]).expect_err(text);
        let found = errors.iter().any(|error| {
            error.key == format!("media.m.{key}") && error.message.contains(message) && error.help.contains(help)
        });
        assert!(found, "{text}: {errors:#?}");
    }
}
