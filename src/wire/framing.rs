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

/// How the length of a frame is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `len2-be`: 2 bytes, big-endian.
    Len2Be,
    /// `len2-be-incl`: 2 bytes, big-endian, its own 2 bytes counted.
    Len2BeIncl,
    /// `len2-bcd`: 2 bytes, 4 BCD digits.
    Len2Bcd,
    /// `len4-be`: 4 bytes, big-endian.
    Len4Be,
    /// `len4-ascii`: 4 ASCII decimal digits.
    Len4Ascii,
    /// `len4-hex`: 4 ASCII hex digits.
    Len4Hex,
    /// `nac`: `len2-be` whose count includes a 5-byte TPDU.
    Nac,
    /// `etx`: no length, ends with 0x03.
    Etx,
}

/// What follows the length, before the message.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Header {
    None,
    Literal(Bytes),
    Counted(usize),
}

/// The framing of one link: kind, header, limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Framing {
    kind: Kind,
    header: Header,
    /// Most bytes that a frame may hold after its length.
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
            FrameError::EndInside => "end-inside",
        }
    }
}

const TPDU_BYTES: usize = 5;
const ETX: u8 = 0x03;

const KINDS: [(&str, Kind); 8] = [
    ("len2-be", Kind::Len2Be),
    ("len2-be-incl", Kind::Len2BeIncl),
    ("len2-bcd", Kind::Len2Bcd),
    ("len4-be", Kind::Len4Be),
    ("len4-ascii", Kind::Len4Ascii),
    ("len4-hex", Kind::Len4Hex),
    ("nac", Kind::Nac),
    ("etx", Kind::Etx),
];

impl Framing {
    /// The names that [`Framing::named`] knows.
    pub const NAMES: [&str; 8] = {
        let mut names = [""; 8];
        let mut at = 0;
        while at < 8 {
            names[at] = KINDS[at].0;
            at += 1;
        }
        names
    };

    /// The limit where a link names none.
    pub const BODY_BYTES_MAX: usize = 8192;

    /// The framing with this name, without header, with the default limit.
    pub fn named(name: &str) -> Option<Framing> {
        let (_, kind) = KINDS.iter().find(|(known, _)| *known == name)?;
        Some(Framing {
            kind: *kind,
            header: Header::None,
            body_bytes_max: Framing::BODY_BYTES_MAX,
        })
    }

    /// The name by which [`Framing::named`] finds it.
    pub fn name(&self) -> &'static str {
        KINDS
            .iter()
            .find(|(_, kind)| *kind == self.kind)
            .map_or("", |(name, _)| name)
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

    /// Sets the most bytes that a frame may hold after its length.
    #[must_use]
    pub fn with_body_bytes_max(mut self, bytes: usize) -> Framing {
        self.body_bytes_max = bytes;
        self
    }

    /// Takes the next whole frame from the front of `stream`; `None` when it has not all come yet.
    /// Then `stream` is as it was.
    pub fn take(&self, stream: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
        if self.kind == Kind::Etx {
            return self.take_to_etx(stream);
        }
        let Some(announced) = self.announced(stream)? else {
            return Ok(None);
        };
        let prefix = self.prefix_bytes();
        let length = if self.kind == Kind::Len2BeIncl {
            announced.checked_sub(prefix).ok_or(FrameError::TooShort {
                length: announced,
                at_least: prefix,
            })?
        } else {
            announced
        };
        self.check_length(length)?;
        if stream.len() - prefix < length {
            // One reservation for the rest of a long frame instead of growth by doubling.
            stream.reserve(length + prefix - stream.len());
            return Ok(None);
        }
        stream.advance(prefix);
        let mut body = stream.split_to(length).freeze();
        let header = self.split_header(&mut body)?;
        Ok(Some(Frame { header, body }))
    }

    /// Appends a frame. Empty header and body make the keep-alive.
    pub fn put(&self, header: &[u8], body: &[u8], out: &mut BytesMut) -> Result<(), FrameError> {
        let length = header.len() + body.len();
        let at_most = match self.kind {
            Kind::Len2Be | Kind::Nac | Kind::Len4Hex => 0xffff,
            Kind::Len2BeIncl => 0xffff - 2,
            Kind::Len2Bcd | Kind::Len4Ascii => 9999,
            Kind::Len4Be => u32::MAX as usize,
            Kind::Etx => usize::MAX,
        };
        if length > at_most {
            return Err(FrameError::TooLong { length, at_most });
        }
        if self.kind == Kind::Etx && (header.contains(&ETX) || body.contains(&ETX)) {
            return Err(FrameError::EndInside);
        }
        out.reserve(length + 4);
        let low = [(length >> 8) as u8, length as u8];
        match self.kind {
            Kind::Len2Be | Kind::Nac => out.put_slice(&low),
            Kind::Len2BeIncl => out.put_u16((length + 2) as u16),
            Kind::Len4Be => out.put_u32(length as u32),
            Kind::Len2Bcd => {
                let d = decimal4(length);
                out.put_slice(&[d[0] << 4 | d[1], d[2] << 4 | d[3]]);
            }
            Kind::Len4Ascii => out.put_slice(&decimal4(length).map(|d| d + b'0')),
            Kind::Len4Hex => {
                for byte in low {
                    out.put_slice(&super::coding::hex_pair(byte));
                }
            }
            Kind::Etx => {}
        }
        out.put_slice(header);
        out.put_slice(body);
        if self.kind == Kind::Etx {
            out.put_u8(ETX);
        }
        Ok(())
    }

    /// The header of the answer to a frame with this header: a TPDU comes back with its two
    /// addresses swapped, anything else as it was.
    pub fn reply_header(&self, header: &Bytes) -> Bytes {
        if self.kind != Kind::Nac || header.len() < TPDU_BYTES {
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
        if self.kind == Kind::Nac {
            header.put_slice(&[0x60, 0, 0, 0, 0]);
        }
        match &self.header {
            Header::None => {}
            Header::Literal(literal) => header.put_slice(literal),
            Header::Counted(bytes) => header.put_bytes(b'0', *bytes),
        }
        header.freeze()
    }

    fn prefix_bytes(&self) -> usize {
        match self.kind {
            Kind::Len2Be | Kind::Len2BeIncl | Kind::Len2Bcd | Kind::Nac => 2,
            Kind::Len4Be | Kind::Len4Ascii | Kind::Len4Hex => 4,
            Kind::Etx => 0,
        }
    }

    fn header_bytes(&self) -> usize {
        let tpdu = if self.kind == Kind::Nac {
            TPDU_BYTES
        } else {
            0
        };
        tpdu + match &self.header {
            Header::None => 0,
            Header::Literal(literal) => literal.len(),
            Header::Counted(bytes) => *bytes,
        }
    }

    fn announced(&self, stream: &[u8]) -> Result<Option<usize>, FrameError> {
        Ok(match (self.kind, stream) {
            (Kind::Len2Be | Kind::Len2BeIncl | Kind::Nac, &[a, b, ..]) => {
                Some(usize::from(u16::from_be_bytes([a, b])))
            }
            (Kind::Len4Be, &[a, b, c, d, ..]) => Some(u32::from_be_bytes([a, b, c, d]) as usize),
            (Kind::Len2Bcd, &[a, b, ..]) => {
                let wanted = "4 BCD digits";
                Some(number([a >> 4, a & 15, b >> 4, b & 15], 10, wanted)?)
            }
            (Kind::Len4Ascii, &[a, b, c, d, ..]) => {
                let digits = [a, b, c, d].map(|c| c.wrapping_sub(b'0'));
                Some(number(digits, 10, "4 decimal digits")?)
            }
            (Kind::Len4Hex, &[a, b, c, d, ..]) => {
                let digits = [a, b, c, d].map(super::coding::nibble);
                Some(number(digits, 16, "4 hex digits")?)
            }
            _ => None,
        })
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

fn decimal4(length: usize) -> [u8; 4] {
    [1000, 100, 10, 1].map(|unit| (length / unit % 10) as u8)
}

fn number(digits: [u8; 4], base: usize, wanted: &'static str) -> Result<usize, FrameError> {
    if digits.iter().any(|digit| usize::from(*digit) >= base) {
        return Err(FrameError::BadLength { wanted });
    }
    Ok(digits
        .iter()
        .fold(0, |sum, digit| sum * base + usize::from(*digit)))
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

    fn check_bytes(name: &str, wanted: &[u8]) {
        let mut out = BytesMut::new();
        let framing = Framing::named(name).unwrap();
        framing
            .put(&framing.first_header(), b"0123456789", &mut out)
            .unwrap();
        assert_eq!(&out[..], wanted, "{name}");
    }

    #[test]
    fn every_framing_is_as_the_table_says() {
        check_bytes("len2-be", b"\x00\x0a0123456789");
        check_bytes("len2-be-incl", b"\x00\x0c0123456789");
        check_bytes("len2-bcd", b"\x00\x100123456789");
        check_bytes("len4-be", b"\x00\x00\x00\x0a0123456789");
        check_bytes("len4-ascii", b"00100123456789");
        check_bytes("len4-hex", b"000A0123456789");
        check_bytes("nac", b"\x00\x0f\x60\x00\x00\x00\x000123456789");
        check_bytes("etx", b"0123456789\x03");
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
