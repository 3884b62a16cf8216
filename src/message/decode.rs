//! Bytes to a message: one pass over the bitmap, each field found, checked and noted. Where anything
//! does not fit, the careful walk says what and where.

use bytes::Bytes;

use super::careful;
use super::{DecodeError, Message, Span, Table, Wanted};
use crate::spec::{Check, Mti, Path, Plan, Run, Shape, Spec};
use crate::spec::{all_bcd, all_digits, all_printable};
use crate::wire::bitmap::Bitmap;
use crate::wire::coding::{Coding, bcd_nibble};

impl Message {
    /// Reads a message of this dialect. Everything is checked: lengths, content classes, tags. What
    /// could be read of a bad message is in the error.
    ///
    /// # Errors
    /// The first thing wrong: its place, and what was wanted there.
    pub fn decode(spec: &Spec, bytes: Bytes) -> Result<Message, DecodeError> {
        let (mti, map, head) = match head(spec, &bytes) {
            Ok(head) => head,
            Err((n, at_byte, wanted)) => {
                let (path, read) = (Path::field(n), None);
                return Err(DecodeError {
                    path,
                    at_byte,
                    wanted,
                    read,
                });
            }
        };
        let mut message = Message {
            bytes,
            mti,
            map,
            head: head as u8,
            table: Table::new(),
        };
        match stride(spec, &message.bytes, head, map, &mut message.table) {
            Some(()) => Ok(message),
            None => careful::decode(spec, message),
        }
    }
}

type Head = (Mti, Bitmap, usize);

/// Message type and bitmap, and the bytes they took; or the field, the byte and what was wanted.
#[inline]
pub(super) fn head(spec: &Spec, bytes: &[u8]) -> Result<Head, (usize, usize, Wanted)> {
    let most = usize::from(u16::MAX);
    if bytes.len() > most {
        return Err((0, most, Wanted::Short(most)));
    }
    let coding = spec.mti_coding();
    let wide = coding.wire_bytes(4);
    let mti = bytes.get(..wide).ok_or((0, bytes.len(), Wanted::Mti))?;
    let mti = match (coding, mti) {
        (Coding::Ascii, mti) => Mti::from_digits(mti),
        (Coding::Bcd(_), mti) => {
            Mti::from_digits(&[0, 1, 2, 3].map(|at| b'0' + bcd_nibble(mti, at)))
        }
        (_, mti) => Mti::from_digits(&[0, 1, 2, 3].map(|at| coding.character(mti[at]))),
    };
    let mti = mti.ok_or((0, 0, Wanted::Mti))?;
    match Bitmap::read(spec.bitmap(), &bytes[wide..]) {
        Ok((map, taken)) => Ok((mti, map, wide + taken)),
        Err(bad) if bad.short > 0 => Err((1, bytes.len(), Wanted::Bytes(bad.short))),
        Err(bad) => Err((1, wide + bad.at, Wanted::Hex)),
    }
}

/// The walk over a message that is as it should be; `None` as soon as it is not. Digits one field
/// after the other are looked at together.
#[inline]
fn stride(spec: &Spec, bytes: &[u8], head: usize, map: Bitmap, table: &mut Table) -> Option<()> {
    let mut at = head;
    let (mut run, mut run_from) = (Run::None, head);
    for word in 0..3 {
        let mut left = map.word(word);
        while left != 0 {
            let lead = left.leading_zeros();
            left &= !(1 << 63 >> lead);
            let n = word * 64 + lead as usize + 1;
            let plan = spec.plan(n);
            if plan.run != run {
                if !run_holds(run, bytes.get(run_from..at)?) {
                    return None;
                }
                (run, run_from) = (plan.run, at);
            }
            let (prefix, length, units) = measure(spec, plan, n, bytes, at)?;
            let from = at + prefix;
            at = from + length;
            let value = bytes.get(from..at)?;
            let holds = match plan.check {
                Check::Nothing | Check::Digits => true,
                Check::Packed | Check::PackedTrack => units % 2 == 0 || *value.first()? < 0x10,
                Check::Printable => all_printable(value),
                Check::Class(class) => class.holds(value),
                Check::Other => spec.field(n)?.fault(value, units).is_none(),
            };
            if !holds {
                return None;
            }
            table.push(Span {
                at: from as u16,
                bytes: length as u16,
            });
        }
    }
    (run_holds(run, bytes.get(run_from..at)?) && at == bytes.len()).then_some(())
}

/// Whether fields of one kind, with the lengths between them, hold what they should.
#[inline]
fn run_holds(run: Run, bytes: &[u8]) -> bool {
    match run {
        Run::Digits => all_digits(bytes),
        Run::Packed => all_bcd(bytes),
        Run::None => true,
    }
}

/// Bytes of the length before the field at `at`, bytes of its value (which may be more than there
/// are), and its units.
#[inline]
pub(super) fn measure(
    spec: &Spec,
    plan: Plan,
    n: usize,
    bytes: &[u8],
    at: usize,
) -> Option<(usize, usize, usize)> {
    let digit = |byte: u8| {
        let digit = byte.wrapping_sub(b'0');
        (digit <= 9).then_some(usize::from(digit))
    };
    let pair = |byte: u8| {
        let (high, low) = (byte >> 4, byte & 15);
        (high <= 9 && low <= 9).then_some(usize::from(high) * 10 + usize::from(low))
    };
    let told = match plan.shape {
        Shape::Fixed => return Some((0, usize::from(plan.max), usize::from(plan.min))),
        Shape::Ascii2 => {
            let [a, b] = *bytes.get(at..)?.first_chunk()?;
            digit(a)? * 10 + digit(b)?
        }
        Shape::Ascii3 => {
            let [a, b, c] = *bytes.get(at..)?.first_chunk()?;
            digit(a)? * 100 + digit(b)? * 10 + digit(c)?
        }
        Shape::Bcd2 => pair(*bytes.get(at)?)?,
        Shape::Bcd4 => {
            let [a, b] = *bytes.get(at..)?.first_chunk()?;
            pair(a)? * 100 + pair(b)?
        }
        Shape::Other => {
            let found = spec.field(n)?.find(bytes.get(at..)?).ok()?;
            return Some((found.prefix, found.bytes, found.units));
        }
        Shape::Unknown => return None,
    };
    if told < usize::from(plan.min) || told > usize::from(plan.max) {
        return None;
    }
    let length = if plan.packed { told.div_ceil(2) } else { told };
    Some((usize::from(plan.prefix), length, told))
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;
    use crate::message::MessageBuilder;
    use crate::spec::{SHIPPED, shipped};

    /// The careful walk alone.
    fn carefully(spec: &Spec, bytes: Bytes) -> Result<Message, DecodeError> {
        let (mti, map, at) = head(spec, &bytes).unwrap();
        careful::decode(
            spec,
            Message {
                bytes,
                mti,
                map,
                head: at as u8,
                table: Table::new(),
            },
        )
    }

    #[test]
    fn both_walks_agree_on_what_is_a_message() {
        for (name, _) in SHIPPED {
            let spec = shipped(name).unwrap();
            let mut builder = MessageBuilder::new(&spec, Mti(0x200));
            builder.number(3, 0).number(4, 1_234).number(11, 7);
            builder.set(2, "9999120000000019").set(32, "581672031");
            builder
                .set(37, "632510000007")
                .set(41, "T1")
                .set(42, "M-1001");
            builder.set(49, "364");
            let mut out = BytesMut::new();
            builder.encode(&mut out).unwrap();
            let good = out.freeze();
            let from = head(&spec, &good).unwrap().2;
            for at in from..good.len() {
                for byte in 0..=255_u8 {
                    let mut bytes = good.to_vec();
                    bytes[at] = byte;
                    let bytes = Bytes::from(bytes);
                    let fast = Message::decode(&spec, bytes.clone());
                    match (fast, carefully(&spec, bytes)) {
                        (Ok(fast), Ok(careful)) => {
                            for n in fast.fields() {
                                assert_eq!(fast.value(n), careful.value(n), "{name} {n}");
                            }
                        }
                        (Err(fast), Err(careful)) => {
                            assert_eq!(fast.to_string(), careful.to_string(), "{name}");
                        }
                        (fast, careful) => {
                            panic!("{name} {byte:#x} at {at}: {fast:?}, {careful:?}")
                        }
                    }
                }
            }
        }
    }
}
