//! Where one message ends and the next begins. No I/O: bytes go in, whole frames come out, however
//! the stream was cut.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use thiserror::Error;

/// One frame of a link. An empty body is a keep-alive.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// What stands between the length and the message (TPDU, application header), as it came.
    pub header: Bytes,
    /// The message itself.
    pub body: Bytes,
}

impl Frame {
    /// Whether this is a keep-alive, to be answered with the same.
    pub fn is_keep_alive(&self) -> bool {
        self.body.is_empty()
    }
}

/// A body may hold card data, so only sizes are shown.
impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Frame {{ header: {} bytes, body: {} bytes }}",
            self.header.len(),
            self.body.len()
        )
    }
}

/// How frames are told apart: a row of [`FORMS`].
#[derive(Debug, PartialEq, Eq)]
struct Form {
    name: &'static str,
    count: Count,
    /// Zero bytes between count and header, not counted.
    zeros: usize,
    /// Whether the count's own bytes are counted.
    counts_itself: bool,
    /// Whether a header begins with a TPDU; it is counted.
    tpdu: bool,
    /// Whether 0x03 ends a frame; where there is a count, it is counted.
    etx: bool,
}

/// How the length of a frame is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Count {
    /// Not at all.
    None,
    /// So many bytes, big-endian.
    Binary(usize),
    /// 2 bytes, 4 BCD digits.
    Bcd,
    /// 4 ASCII decimal digits.
    Ascii,
    /// 4 ASCII hex digits.
    Hex,
}

/// What follows the length, before the message.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Header {
    None,
    Literal(Bytes),
    Counted(usize),
}

/// The framing of one link: form, header, limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Framing {
    form: &'static Form,
    header: Header,
    /// Most bytes that header and message of a frame may have together.
    pub body_bytes_max: usize,
}

/// Why a stream cannot be read on. After it the link can only be closed: there is no resync.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FrameError {
    /// The length is over the limit of the link, or cannot be told by this framing.
    #[error("a frame of at most {at_most} bytes wanted, {length} announced")]
    TooLong {
        /// Bytes announced or seen.
        length: usize,
        /// The limit.
        at_most: usize,
    },
    /// The length holds something that is not a digit.
    #[error("{wanted} wanted as the length of a frame")]
    BadLength {
        /// What the framing wants.
        wanted: &'static str,
    },
    /// The length is less than what it must count.
    #[error("a frame of at least {at_least} bytes wanted, {length} announced")]
    TooShort {
        /// Bytes announced.
        length: usize,
        /// Header and own length.
        at_least: usize,
    },
    /// The literal header of the link is not there.
    #[error("the frame does not begin with the header of this link")]
    WrongHeader,
    /// A frame does not end with 0x03 where its length tells.
    #[error("0x03 wanted at the end of the frame")]
    NoEnd,
    /// A body that holds 0x03 cannot be sent where 0x03 ends the frame.
    #[error("a body with 0x03 in it cannot be framed by 0x03")]
    EndInside,
}

impl FrameError {
    /// A short stable word for counters.
    pub fn cause(&self) -> &'static str {
        match self {
            FrameError::TooLong { .. } => "too-long",
            FrameError::BadLength { .. } => "bad-length",
            FrameError::TooShort { .. } => "too-short",
            FrameError::WrongHeader => "wrong-header",
            FrameError::NoEnd => "no-end",
            FrameError::EndInside => "end-inside",
        }
    }
}

const TPDU_BYTES: usize = 5;
const ETX: u8 = 0x03;

/// The usual form; the others say in what they differ from it.
const LEN2: Form = Form {
    name: "len2-be",
    count: Count::Binary(2),
    zeros: 0,
    counts_itself: false,
    tpdu: false,
    etx: false,
};

/// All forms. Two zero bytes before a 2-byte count, as some hosts have them, are a `len4-be`.
#[rustfmt::skip]
static FORMS: [Form; 11] = [
    LEN2,
    Form { name: "len2-be-incl", counts_itself: true, ..LEN2 },
    Form { name: "len2-be-zeros", zeros: 2, ..LEN2 },
    Form { name: "len2-be-etx", etx: true, ..LEN2 },
    Form { name: "len2-bcd", count: Count::Bcd, ..LEN2 },
    Form { name: "len4-be", count: Count::Binary(4), ..LEN2 },
    Form { name: "len4-ascii", count: Count::Ascii, ..LEN2 },
    Form { name: "len4-hex", count: Count::Hex, ..LEN2 },
    Form { name: "nac", tpdu: true, ..LEN2 },
    Form { name: "nac-bcd", count: Count::Bcd, tpdu: true, ..LEN2 },
    Form { name: "etx", count: Count::None, etx: true, ..LEN2 },
];

impl Form {
    /// Bytes before the header.
    fn prefix_bytes(&self) -> usize {
        self.count.bytes() + self.zeros
    }

    /// Bytes that are counted though they are neither header nor message.
    fn counted_beside(&self, empty: bool) -> usize {
        let own = if self.counts_itself {
            self.count.bytes()
        } else {
            0
        };
        own + usize::from(self.etx && !empty)
    }
}

impl Count {
    fn bytes(self) -> usize {
        match self {
            Count::None => 0,
            Count::Binary(bytes) => bytes,
            Count::Bcd => 2,
            Count::Ascii | Count::Hex => 4,
        }
    }

    /// The highest count that can be written.
    fn most(self) -> usize {
        match self {
            Count::None => usize::MAX,
            Count::Binary(bytes) => (1 << (8 * bytes)) - 1,
            Count::Bcd | Count::Ascii => 9999,
            Count::Hex => 0xffff,
        }
    }

    /// Reads it from as many bytes as it has.
    fn read(self, bytes: &[u8]) -> Result<usize, FrameError> {
        let nibble = super::coding::nibble;
        let (digits, base, wanted) = match (self, bytes) {
            (Count::Bcd, &[a, b]) => ([a >> 4, a & 15, b >> 4, b & 15], 10, "4 BCD digits"),
            (Count::Ascii, &[a, b, c, d]) => {
                let digits = [a, b, c, d].map(|c| c.wrapping_sub(b'0'));
                (digits, 10, "4 decimal digits")
            }
            (Count::Hex, &[a, b, c, d]) => ([a, b, c, d].map(nibble), 16, "4 hex digits"),
            _ => {
                return Ok(bytes
                    .iter()
                    .fold(0, |sum, byte| sum << 8 | usize::from(*byte)));
            }
        };
        if digits.iter().any(|digit| *digit >= base) {
            return Err(FrameError::BadLength { wanted });
        }
        let (base, digits) = (usize::from(base), digits.map(usize::from));
        Ok(digits.iter().fold(0, |sum, digit| sum * base + digit))
    }

    /// Writes one that is at most [`Count::most`].
    fn put(self, count: usize, out: &mut BytesMut) {
        let [.., high, low] = count.to_be_bytes();
        let decimal = [1000, 100, 10, 1].map(|unit| (count / unit % 10) as u8);
        match self {
            Count::None => {}
            Count::Binary(bytes) => out.put_uint(count as u64, bytes),
            Count::Bcd => {
                let [a, b, c, d] = decimal;
                out.put_slice(&[a << 4 | b, c << 4 | d]);
            }
            Count::Ascii => out.put_slice(&decimal.map(|digit| digit + b'0')),
            Count::Hex => {
                out.put_slice(&super::coding::hex_pair(high));
                out.put_slice(&super::coding::hex_pair(low));
            }
        }
    }
}

/// `len2-be`, without header, with the default limit.
impl Default for Framing {
    fn default() -> Framing {
        Framing {
            form: &FORMS[0],
            header: Header::None,
            body_bytes_max: Framing::BODY_BYTES_MAX,
        }
    }
}

impl Framing {
    /// The names that [`Framing::named`] knows.
    pub const NAMES: [&str; FORMS.len()] = {
        let mut names = [""; FORMS.len()];
        let mut at = 0;
        while at < names.len() {
            names[at] = FORMS[at].name;
            at += 1;
        }
        names
    };

    /// The limit where a link names none.
    pub const BODY_BYTES_MAX: usize = 8192;

    /// The framing with this name, without header, with the default limit.
    pub fn named(name: &str) -> Option<Framing> {
        Some(Framing {
            form: FORMS.iter().find(|form| form.name == name)?,
            header: Header::None,
            body_bytes_max: Framing::BODY_BYTES_MAX,
        })
    }

    /// The name by which [`Framing::named`] finds it.
    pub fn name(&self) -> &'static str {
        self.form.name
    }

    /// Wants these bytes after every length, and writes them.
    #[must_use]
    pub fn with_literal_header(mut self, header: &[u8]) -> Framing {
        self.header = Header::Literal(Bytes::copy_from_slice(header));
        self
    }

    /// Keeps so many bytes after every length and returns them with the answer.
    #[must_use]
    pub fn with_counted_header(mut self, bytes: usize) -> Framing {
        self.header = Header::Counted(bytes);
        self
    }

    /// Sets the most bytes that header and message of a frame may have together.
    #[must_use]
    pub fn with_body_bytes_max(mut self, bytes: usize) -> Framing {
        self.body_bytes_max = bytes;
        self
    }

    /// Takes the next whole frame from the front of `stream`; `None` when it has not all come yet.
    /// Then `stream` is as it was.
    pub fn take(&self, stream: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
        let form = self.form;
        if form.count == Count::None {
            return self.take_to_etx(stream);
        }
        let prefix = form.prefix_bytes();
        let Some((count, zeros)) = stream
            .get(..prefix)
            .map(|prefix| prefix.split_at(form.count.bytes()))
        else {
            return Ok(None);
        };
        let announced = form.count.read(count)?;
        if zeros.iter().any(|byte| *byte != 0) {
            let wanted = "a count with zero bytes after it";
            return Err(FrameError::BadLength { wanted });
        }
        let empty = announced == form.counted_beside(true);
        let beside = form.counted_beside(empty);
        let length = announced.checked_sub(beside).ok_or(FrameError::TooShort {
            length: announced,
            at_least: beside,
        })?;
        // What is nothing but its end would be answered with something else.
        if length == 0 && !empty {
            return Err(FrameError::TooShort {
                length: announced,
                at_least: beside + 1,
            });
        }
        self.check_length(length)?;
        let end = usize::from(form.etx && !empty);
        if stream.len() - prefix < length + end {
            // One reservation for the rest of a long frame instead of growth by doubling.
            stream.reserve(prefix + length + end - stream.len());
            return Ok(None);
        }
        if end == 1 && stream[prefix + length] != ETX {
            return Err(FrameError::NoEnd);
        }
        stream.advance(prefix);
        let mut body = stream.split_to(length).freeze();
        stream.advance(end);
        let header = self.split_header(&mut body)?;
        Ok(Some(Frame { header, body }))
    }

    /// Appends a frame. Empty header and body make the keep-alive.
    pub fn put(&self, header: &[u8], body: &[u8], out: &mut BytesMut) -> Result<(), FrameError> {
        let form = self.form;
        let length = header.len() + body.len();
        let counted = form.count != Count::None;
        let beside = form.counted_beside(length == 0);
        let at_most = form.count.most() - beside;
        if length > at_most {
            return Err(FrameError::TooLong { length, at_most });
        }
        if !counted && (header.contains(&ETX) || body.contains(&ETX)) {
            return Err(FrameError::EndInside);
        }
        out.reserve(form.prefix_bytes() + length + 1);
        form.count.put(length + beside, out);
        out.put_bytes(0, form.zeros);
        out.put_slice(header);
        out.put_slice(body);
        if form.etx && (length > 0 || !counted) {
            out.put_u8(ETX);
        }
        Ok(())
    }

    /// The header of the answer to a frame with this header: a TPDU comes back with its two
    /// addresses swapped, anything else as it was.
    pub fn reply_header(&self, header: &Bytes) -> Bytes {
        if !self.form.tpdu || header.len() < TPDU_BYTES {
            return header.clone();
        }
        let mut swapped = BytesMut::from(&header[..]);
        swapped[1..3].copy_from_slice(&header[3..5]);
        swapped[3..5].copy_from_slice(&header[1..3]);
        swapped.freeze()
    }

    /// The header of a message that we send first: the literal one, zeros for a counted one, and a
    /// TPDU with empty addresses.
    pub fn first_header(&self) -> Bytes {
        let mut header = BytesMut::new();
        if self.form.tpdu {
            header.put_slice(&[0x60, 0, 0, 0, 0]);
        }
        match &self.header {
            Header::None => {}
            Header::Literal(literal) => header.put_slice(literal),
            Header::Counted(bytes) => header.put_bytes(b'0', *bytes),
        }
        header.freeze()
    }

    fn header_bytes(&self) -> usize {
        let tpdu = if self.form.tpdu { TPDU_BYTES } else { 0 };
        tpdu + match &self.header {
            Header::None => 0,
            Header::Literal(literal) => literal.len(),
            Header::Counted(bytes) => *bytes,
        }
    }

    fn check_length(&self, length: usize) -> Result<(), FrameError> {
        if length > self.body_bytes_max {
            let at_most = self.body_bytes_max;
            return Err(FrameError::TooLong { length, at_most });
        }
        let at_least = self.header_bytes();
        if length != 0 && length < at_least {
            return Err(FrameError::TooShort { length, at_least });
        }
        Ok(())
    }

    fn split_header(&self, body: &mut Bytes) -> Result<Bytes, FrameError> {
        if body.is_empty() {
            return Ok(Bytes::new());
        }
        let header = body.split_to(self.header_bytes());
        match &self.header {
            Header::Literal(literal) if !header.ends_with(literal) => Err(FrameError::WrongHeader),
            _ => Ok(header),
        }
    }

    fn take_to_etx(&self, stream: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
        let within = stream.len().min(self.body_bytes_max.saturating_add(1));
        let Some(length) = stream[..within].iter().position(|byte| *byte == ETX) else {
            if stream.len() > self.body_bytes_max {
                let (length, at_most) = (stream.len(), self.body_bytes_max);
                return Err(FrameError::TooLong { length, at_most });
            }
            return Ok(None);
        };
        self.check_length(length)?;
        let mut body = stream.split_to(length).freeze();
        stream.advance(1);
        let header = self.split_header(&mut body)?;
        Ok(Some(Frame { header, body }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All framings, each with no header, a literal and a counted one.
    fn all() -> Vec<Framing> {
        Framing::NAMES
            .iter()
            .flat_map(|name| {
                let plain = Framing::named(name).unwrap();
                [
                    plain.clone(),
                    plain.clone().with_literal_header(b"ISO016000070"),
                    plain.with_counted_header(3),
                ]
            })
            .collect()
    }

    fn check_cut(framing: &Framing) {
        let header = framing.first_header();
        let bodies: [&[u8]; 4] = [b"0800 first", b"", b"x", &[b'y'; 300]];
        let mut stream = BytesMut::new();
        for body in bodies {
            let header = if body.is_empty() { &[][..] } else { &header };
            framing.put(header, body, &mut stream).unwrap();
        }
        for cut in 0..=stream.len() {
            let mut arrived = BytesMut::new();
            let mut frames = Vec::new();
            for part in [&stream[..cut], &stream[cut..]] {
                arrived.extend_from_slice(part);
                while let Some(frame) = framing.take(&mut arrived).unwrap() {
                    frames.push(frame);
                }
            }
            assert!(arrived.is_empty(), "{framing:?} cut at {cut}");
            let taken: Vec<&[u8]> = frames.iter().map(|frame| &frame.body[..]).collect();
            assert_eq!(taken, bodies, "{framing:?} cut at {cut}");
            for frame in &frames {
                assert!(frame.is_keep_alive() || frame.header == header);
            }
        }
    }

    #[test]
    fn a_stream_cut_anywhere_gives_the_same_frames() {
        for framing in all() {
            check_cut(&framing);
        }
    }

    #[test]
    fn a_stream_of_single_bytes_gives_the_same_frames() {
        for framing in all() {
            let (header, mut stream) = (framing.first_header(), BytesMut::new());
            framing.put(&header, b"0800", &mut stream).unwrap();
            let mut arrived = BytesMut::new();
            let last = stream.len() - 1;
            for (at, byte) in stream.iter().enumerate() {
                arrived.put_u8(*byte);
                let frame = framing.take(&mut arrived).unwrap();
                assert_eq!(frame.is_some(), at == last, "{framing:?} byte {at}");
            }
        }
    }

    fn check_bytes(name: &str, wanted: &[u8], keep_alive: &[u8]) {
        let mut out = BytesMut::new();
        let framing = Framing::named(name).unwrap();
        framing
            .put(&framing.first_header(), b"0123456789", &mut out)
            .unwrap();
        assert_eq!(&out[..], wanted, "{name}");
        out.clear();
        framing.put(b"", b"", &mut out).unwrap();
        assert_eq!(&out[..], keep_alive, "{name}");
    }

    #[test]
    fn every_framing_is_as_the_table_says() {
        check_bytes("len2-be", b"\x00\x0a0123456789", b"\x00\x00");
        check_bytes("len2-be-incl", b"\x00\x0c0123456789", b"\x00\x02");
        check_bytes(
            "len2-be-zeros",
            b"\x00\x0a\x00\x000123456789",
            b"\x00\x00\x00\x00",
        );
        check_bytes("len2-be-etx", b"\x00\x0b0123456789\x03", b"\x00\x00");
        check_bytes("len2-bcd", b"\x00\x100123456789", b"\x00\x00");
        check_bytes(
            "len4-be",
            b"\x00\x00\x00\x0a0123456789",
            b"\x00\x00\x00\x00",
        );
        check_bytes("len4-ascii", b"00100123456789", b"0000");
        check_bytes("len4-hex", b"000A0123456789", b"0000");
        check_bytes(
            "nac",
            b"\x00\x0f\x60\x00\x00\x00\x000123456789",
            b"\x00\x00",
        );
        check_bytes(
            "nac-bcd",
            b"\x00\x15\x60\x00\x00\x00\x000123456789",
            b"\x00\x00",
        );
        check_bytes("etx", b"0123456789\x03", b"\x03");
    }

    /// Public vector juks-0800-tpdu: its count of 0036 is 36 bytes in BCD, the TPDU counted.
    #[test]
    fn a_published_frame_with_a_tpdu_behind_a_bcd_length_is_read() {
        let hex = b"0036600010000008002038010000800000920000000019082906070200683337313030303133";
        let mut stream = BytesMut::from(&super::super::coding::from_hex(hex).unwrap()[..]);
        let nac = Framing::named("nac-bcd").unwrap();
        let frame = nac.take(&mut stream).unwrap().unwrap();
        assert_eq!(frame.header[..], [0x60, 0x00, 0x10, 0x00, 0x00]);
        assert_eq!((frame.body.len(), stream.len()), (31, 0));
    }

    fn check_refused(framing: &Framing, bytes: &[u8], cause: &str) {
        let refused = framing.take(&mut BytesMut::from(bytes));
        assert_eq!(refused.unwrap_err().cause(), cause, "{framing:?}");
    }

    #[test]
    fn lies_about_the_length_are_refused_at_once() {
        let named = |name| Framing::named(name).unwrap();
        check_refused(&named("len2-be"), b"\xff\xff", "too-long");
        check_refused(&named("len4-be"), b"\xff\xff\xff\xff", "too-long");
        check_refused(&named("len2-be-incl"), b"\x00\x01", "too-short");
        check_refused(&named("nac"), b"\x00\x04", "too-short");
        check_refused(&named("nac-bcd"), b"\x00\x04", "too-short");
        check_refused(&named("nac-bcd"), b"\x00\x0a", "bad-length");
        check_refused(&named("len2-be-zeros"), b"\x00\x04\x00\x01", "bad-length");
        check_refused(&named("len2-be-etx"), b"\x00\x01", "too-short");
        check_refused(&named("len2-be-etx"), b"\x00\x0508004", "no-end");
        check_refused(&named("len2-bcd"), b"\x0a\x00", "bad-length");
        check_refused(&named("len4-ascii"), b"00x4", "bad-length");
        check_refused(&named("len4-hex"), b"00G4", "bad-length");
        check_refused(&named("etx"), &[b'0'; 8193], "too-long");
        let literal = named("len2-be").with_literal_header(b"ISO");
        check_refused(&literal, b"\x00\x05IS00800", "wrong-header");
        check_refused(&literal, b"\x00\x02IS", "too-short");
    }

    #[test]
    fn a_frame_at_the_limit_passes_and_one_over_does_not() {
        for name in Framing::NAMES {
            let framing = Framing::named(name).unwrap().with_body_bytes_max(50);
            let room = 50 - framing.first_header().len();
            let mut out = BytesMut::new();
            framing
                .put(&framing.first_header(), &vec![b'1'; room], &mut out)
                .unwrap();
            assert!(framing.take(&mut out).unwrap().is_some(), "{name}");
            framing
                .put(&framing.first_header(), &vec![b'1'; room + 1], &mut out)
                .unwrap();
            assert_eq!(
                framing.take(&mut out).unwrap_err().cause(),
                "too-long",
                "{name}"
            );
        }
    }

    #[test]
    fn a_tpdu_comes_back_with_its_addresses_swapped() {
        let nac = Framing::named("nac").unwrap();
        let tpdu = Bytes::from_static(&[0x60, 0x12, 0x34, 0x56, 0x78]);
        assert_eq!(nac.reply_header(&tpdu)[..], [0x60, 0x56, 0x78, 0x12, 0x34]);
        let plain = Framing::named("len2-be").unwrap();
        assert_eq!(plain.reply_header(&tpdu), tpdu);
    }
}
