//! A message to bytes: fields are written as they are set, in the form of the wire, and put in
//! order at the end.

use bytes::{BufMut, Bytes, BytesMut};

use super::fault::path_of;
use super::{EncodeError, Message, Wanted};
use crate::spec::{
    Check, Counts, FieldSpec, Given, Inside, Length, Mti, Path, Policy, Shape, Spec,
};
use crate::spec::{all_digits, all_printable};
use crate::wire::bitmap::Bitmap;
use crate::wire::coding::Coding;

/// A message in the making. The first fault is kept and told by [`MessageBuilder::encode`].
#[derive(Clone)]
pub struct MessageBuilder<'s> {
    spec: &'s Spec,
    mti: Mti,
    wire: Vec<u8>,
    places: Vec<Place>,
    /// The highest field that was set: a higher one cannot be there yet.
    top: usize,
    /// Type, fields and head of the message that was copied: where nothing changed, its head is
    /// written as it came.
    copied: Option<(Mti, Bitmap, Bytes)>,
    fault: Option<EncodeError>,
}

/// Most bytes of message type and bitmap.
const HEAD_BYTES_MAX: usize = 4 + 48;

/// The memory of a builder, to be used by the next one.
#[derive(Default)]
pub struct Scratch {
    wire: Vec<u8>,
    places: Vec<Place>,
}

/// Where a field stands in what was written so far, with the length before it.
#[derive(Clone, Copy)]
struct Place {
    field: u8,
    at: u32,
    bytes: u32,
}

impl<'s> MessageBuilder<'s> {
    /// A message without fields.
    pub fn new(spec: &'s Spec, mti: Mti) -> MessageBuilder<'s> {
        MessageBuilder::within(spec, mti, Scratch::default())
    }

    /// The same in the memory of an earlier one.
    pub fn within(spec: &'s Spec, mti: Mti, scratch: Scratch) -> MessageBuilder<'s> {
        let Scratch {
            mut wire,
            mut places,
        } = scratch;
        wire.clear();
        wire.reserve(512);
        places.clear();
        places.reserve(24);
        MessageBuilder {
            spec,
            mti,
            wire,
            places,
            top: 0,
            copied: None,
            fault: None,
        }
    }

    /// Gives its memory to the next one.
    pub fn leave(self) -> Scratch {
        let (wire, places) = (self.wire, self.places);
        Scratch { wire, places }
    }

    /// Begins another message in the same memory.
    pub fn restart(&mut self, mti: Mti) {
        self.mti = mti;
        self.wire.clear();
        self.places.clear();
        self.top = 0;
        self.copied = None;
        self.fault = None;
    }

    /// The message type.
    pub fn mti(&self) -> Mti {
        self.mti
    }

    /// Whether field `n` is set.
    pub fn has(&self, n: usize) -> bool {
        self.place(n).is_some()
    }

    /// Sets a field to characters, digits, or hex digits of bytes (class `b`). A short value of a
    /// fixed field is filled up as the dialect says. What was set before is replaced.
    pub fn set(&mut self, n: usize, value: impl AsRef<[u8]>) -> &mut Self {
        let value = value.as_ref();
        let from = self.wire.len();
        match self.write(n, value) {
            Ok(()) => self.note(n, from),
            Err(error) => self.refuse(from, error),
        }
        self
    }

    /// Sets a field to a number, with leading zeros where its length is fixed.
    pub fn number(&mut self, n: usize, value: u64) -> &mut Self {
        let mut digits = [b'0'; 20];
        let (mut left, mut at) = (value, digits.len());
        while left > 0 || at == digits.len() {
            at -= 1;
            digits[at] = b'0' + (left % 10) as u8;
            left /= 10;
        }
        let wanted = match self.spec.field(n).map(|field| field.length) {
            Some(Length::Fixed(units)) => units,
            _ => 0,
        };
        at = at.min(digits.len().saturating_sub(wanted));
        self.set(n, &digits[at..])
    }

    /// Sets a field to a text, or to the pieces inside it.
    pub fn give(&mut self, n: usize, given: &Given) -> &mut Self {
        if let Given::Text(text) = given {
            return self.set(n, text);
        }
        let from = self.wire.len();
        let Some(field) = self.spec.field(n) else {
            let (path, wanted) = (Path::field(n), Wanted::KnownField);
            self.refuse(from, EncodeError { path, wanted });
            return self;
        };
        match field.put(given, &mut self.wire) {
            Ok(()) => self.note(n, from),
            Err(inner) => {
                let path = path_of(n, &inner);
                let wanted = inner.wanted;
                self.refuse(from, EncodeError { path, wanted });
            }
        }
        self
    }

    /// Appends a tagged value to a field, which the dialect must know to hold tags.
    pub fn tag(&mut self, n: usize, tag: &str, value: impl AsRef<[u8]>) -> &mut Self {
        let value = value.as_ref();
        if let Err(error) = self.write_tag(n, tag, value) {
            let from = self.wire.len();
            self.refuse(from, error);
        }
        self
    }

    /// Takes a field over from a message of the same dialect, byte for byte; nothing where the
    /// message does not have it.
    pub fn copy(&mut self, message: &Message, n: usize) -> &mut Self {
        if let Some(raw) = message.raw(self.spec, n) {
            let from = self.wire.len();
            self.wire.extend_from_slice(raw);
            self.note(n, from);
        }
        self
    }

    /// Takes all fields over from a message of the same dialect. Where neither its type nor the fields
    /// that it has are changed, its bitmap is written as it came, however it was spelt.
    pub fn copy_all(&mut self, message: &Message) -> &mut Self {
        let head = message.bytes.slice(..usize::from(message.head));
        self.copied = Some((message.mti, message.map, head));
        message.fields().for_each(|n| {
            self.copy(message, n);
        });
        self
    }

    /// Takes a field away.
    pub fn unset(&mut self, n: usize) -> &mut Self {
        self.places.retain(|place| usize::from(place.field) != n);
        self
    }

    /// Bytes of the value of a field so far, without the length before it: room is judged by it.
    pub fn value_bytes(&self, n: usize) -> usize {
        let prefix = usize::from(self.spec.plan(n).prefix);
        self.place(n)
            .map_or(0, |place| place.bytes as usize - prefix)
    }

    /// Appends the message to `out`, or tells the first fault of all that was set.
    pub fn encode(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        // A message is told by 16 bits of length, and so is every place in it.
        let most = usize::from(u16::MAX);
        let bytes: usize = self.places.iter().map(|place| place.bytes as usize).sum();
        if bytes + HEAD_BYTES_MAX > most {
            return Err(EncodeError {
                path: Path::field(0),
                wanted: Wanted::Short(most),
            });
        }
        let mut map = Bitmap::default();
        let mut ordered = true;
        let mut last = Place {
            field: 0,
            at: 0,
            bytes: 0,
        };
        for place in &self.places {
            map.set(usize::from(place.field));
            ordered &= place.field > last.field && place.at == last.at + last.bytes;
            last = *place;
        }
        match &self.copied {
            Some((mti, fields, head)) if *mti == self.mti && *fields == map => {
                out.reserve(head.len() + self.wire.len());
                out.put_slice(head);
            }
            _ => {
                let mut words = [0; 48];
                let wide = map.write(self.spec.bitmap(), &mut words);
                out.reserve(4 + wide + self.wire.len());
                self.put_mti(out);
                out.put_slice(&words[..wide]);
            }
        }
        // Nearly always fields are set in order and only once, and then stand as the wire wants them.
        if ordered && (last.at + last.bytes) as usize == self.wire.len() {
            out.put_slice(&self.wire);
            return Ok(());
        }
        for n in map.iter() {
            if let Some(place) = self.place(n) {
                let from = place.at as usize;
                out.put_slice(&self.wire[from..from + place.bytes as usize]);
            }
        }
        Ok(())
    }

    fn put_mti(&self, out: &mut BytesMut) {
        let digits = self.mti.digits();
        match self.spec.mti_coding() {
            Coding::Bcd(_) => out.put_u16(self.mti.0),
            coding => out.put_slice(&digits.map(|digit| coding.byte(digit))),
        }
    }

    fn place(&self, n: usize) -> Option<Place> {
        let found = self
            .places
            .iter()
            .find(|place| usize::from(place.field) == n);
        found.copied()
    }

    /// Notes that field `n` stands from `from` to the end.
    fn note(&mut self, n: usize, from: usize) {
        if n <= self.top {
            self.unset(n);
        }
        self.top = self.top.max(n);
        self.places.push(Place {
            field: n as u8,
            at: from as u32,
            bytes: (self.wire.len() - from) as u32,
        });
    }

    #[cold]
    fn refuse(&mut self, from: usize, error: EncodeError) {
        self.wire.truncate(from);
        self.fault.get_or_insert(error);
    }

    #[inline]
    fn write(&mut self, n: usize, value: &[u8]) -> Result<(), EncodeError> {
        let plan = self.spec.plan(n);
        let (min, max) = (usize::from(plan.min), usize::from(plan.max));
        let within = value.len() >= min && value.len() <= max;
        let clean = match plan.check {
            // Free content and bytes have no plain form: they take the slow way.
            Check::Nothing => false,
            Check::Digits => all_digits(value),
            Check::Printable => all_printable(value),
            Check::Class(class) => class.holds(value),
            Check::Other | Check::Packed | Check::PackedTrack => false,
        };
        match plan.shape {
            Shape::Fixed if clean && value.len() == max => {}
            Shape::Ascii2 if clean && within => {
                let length = value.len() as u8;
                let digits = [b'0' + length / 10, b'0' + length % 10];
                self.wire.extend_from_slice(&digits);
            }
            Shape::Ascii3 if clean && within => {
                let (high, low) = (value.len() / 100, (value.len() % 100) as u8);
                let digits = [b'0' + high as u8, b'0' + low / 10, b'0' + low % 10];
                self.wire.extend_from_slice(&digits);
            }
            _ => return self.write_slowly(n, value),
        }
        self.wire.extend_from_slice(value);
        Ok(())
    }

    /// Every form that is not a plain ASCII one of the right length.
    fn write_slowly(&mut self, n: usize, value: &[u8]) -> Result<(), EncodeError> {
        let field = self.spec.field(n).ok_or(EncodeError {
            path: Path::field(n),
            wanted: Wanted::KnownField,
        })?;
        let put = field.put_text(value, &mut self.wire);
        put.map_err(|inner| EncodeError {
            path: path_of(n, &inner),
            wanted: inner.wanted,
        })
    }

    fn put_length(&mut self, field: &FieldSpec, from: usize, begin: usize) {
        let value = &self.wire[begin..];
        let told = field.told(value.len(), value);
        field
            .length_coding
            .write_length(told, &mut self.wire[from..begin]);
    }

    fn write_tag(&mut self, n: usize, tag: &str, value: &[u8]) -> Result<(), EncodeError> {
        let wrong = |wanted| EncodeError {
            path: Path::inside(n, tag),
            wanted,
        };
        let field = self
            .spec
            .field(n)
            .ok_or_else(|| wrong(Wanted::KnownField))?;
        let (before, inside) = match &field.inside {
            Inside::Prefixed { parts, rest } => (&parts[..], &**rest),
            inside => (&[][..], inside),
        };
        let Inside::Tlv {
            form,
            tags,
            unknown,
        } = inside
        else {
            return Err(wrong(Wanted::Tag));
        };
        if !form.allows(tag) {
            return Err(wrong(Wanted::Tag));
        }
        match tags.get(tag) {
            Some(known) if known.class.fault(value).is_some() => {
                return Err(wrong(Wanted::Class(known.class)));
            }
            Some(FieldSpec {
                length: Length::Var { min, max, .. },
                counts: Counts::Units,
                ..
            }) if !(*min..=*max).contains(&value.len()) => {
                return Err(wrong(Wanted::Between(*min, *max)));
            }
            None if *unknown == Policy::Reject => return Err(wrong(Wanted::KnownTag)),
            _ => {}
        }
        let prefix = usize::from(self.spec.plan(n).prefix);
        let from = match self.place(n) {
            Some(place) if (place.at + place.bytes) as usize == self.wire.len() => {
                place.at as usize
            }
            // Something was set since: the list moves to the end.
            Some(place) => {
                let at = place.at as usize;
                let from = self.wire.len();
                self.wire.extend_from_within(at..at + place.bytes as usize);
                from
            }
            None => {
                let from = self.wire.len();
                self.wire.resize(from + prefix, 0);
                // What stands before the tags is not known here, and left blank.
                for part in before {
                    let put = part.put_text(b"", &mut self.wire);
                    put.map_err(|inner| wrong(inner.wanted))?;
                }
                from
            }
        };
        let (begin, end) = (from + prefix, self.wire.len());
        let coded: Vec<u8>;
        let value = match form.coding {
            Coding::Ascii => value,
            coding => {
                coded = value.iter().map(|c| coding.byte(*c)).collect();
                &coded
            }
        };
        if !form.put(tag, value, &mut self.wire) {
            return Err(wrong(Wanted::Between(0, form.value_bytes_max())));
        }
        let Length::Var { max, .. } = field.length else {
            return Err(wrong(Wanted::Tag));
        };
        let bytes = self.wire.len() - begin;
        if bytes > max {
            self.wire.truncate(end);
            let taken = end - begin + form.head_bytes();
            return Err(wrong(Wanted::Between(0, max.saturating_sub(taken))));
        }
        self.put_length(field, from, begin);
        self.unset(n);
        self.note(n, from);
        Ok(())
    }
}

/// Content is never shown: it held card data.
impl std::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scratch of {} bytes", self.wire.capacity())
    }
}

/// Content is never shown: a message holds card data.
impl std::fmt::Debug for MessageBuilder<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut fields: Vec<u8> = self.places.iter().map(|place| place.field).collect();
        fields.sort_unstable();
        write!(f, "MessageBuilder {} {fields:?}", self.mti)
    }
}
