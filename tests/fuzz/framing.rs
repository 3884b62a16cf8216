//! A stream of any bytes, whole and in pieces, through any framing: the same frames and the same end, and each frame put
//! again is taken as it was. The first byte chooses framing and header, the second the size of the pieces.
#![no_main]

use bytes::BytesMut;
use clubswitch::wire::framing::{Frame, FrameError, Framing};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [choice, size, stream @ ..] = data else {
        return;
    };
    let (choice, size) = (usize::from(*choice), usize::from(*size) + 1);
    let names = Framing::NAMES;
    let plain = Framing::named(names[choice % names.len()]).expect("one of the names");
    let framing = match choice / names.len() % 3 {
        0 => plain,
        1 => plain.with_literal_header(b"ISO0"),
        _ => plain.with_counted_header(3),
    };
    let whole = taken(&framing, &[stream]);
    let pieces: Vec<&[u8]> = stream.chunks(size).collect();
    assert_eq!(whole, taken(&framing, &pieces));
    for frame in &whole.0 {
        let mut again = BytesMut::new();
        framing
            .put(&frame.header, &frame.body, &mut again)
            .expect("what was read can be sent");
        assert_eq!(framing.take(&mut again), Ok(Some(frame.clone())));
        assert!(again.is_empty());
    }
});

/// All frames, and why there are no more.
fn taken(framing: &Framing, pieces: &[&[u8]]) -> (Vec<Frame>, Option<FrameError>) {
    let (mut stream, mut frames) = (BytesMut::new(), Vec::new());
    for piece in pieces {
        stream.extend_from_slice(piece);
        loop {
            match framing.take(&mut stream) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}
