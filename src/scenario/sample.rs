//! Parts of scenarios that the tests of several modules share, to be put together by `concat!`.

/// A microphone and a small camera.
macro_rules! mic_and_cam {
    () => {
        r#"
[media.mic]
kind = "audio"
[media.cam]
kind = "video"
size = "320x180"
fps = 15
bitrate = "150kbps"
"#
    };
}

pub(crate) use mic_and_cam;
