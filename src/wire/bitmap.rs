//! Which fields a message has: up to 192 bits, in 8, 16 or 24 bytes, binary or hex.

use super::coding::{Coding, nibble};

/// Bit `n` of the three words is field `n`; bits 1 and 65 tell that another word follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bitmap {
    words: [u64; 3],
}

/// How a bitmap stands on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BitmapForm {
    /// Bytes, or hex characters in ASCII or EBCDIC.
    pub coding: Coding,
    /// Most words of 8 bytes: 1, 2 or 3.
    pub words_max: usize,
    /// Whether all words are always there, whatever bits 1 and 65 say.
    pub fixed: bool,
    /// Whether bits 1 and 65 are set where all words are always there.
    pub marked: bool,
}

impl BitmapForm {
    /// Whether there is a bit for field `n`: not behind its end, and not one that announces more of it.
    pub fn has_bit(self, n: usize) -> bool {
        let announces = n % 64 == 1 && n / 64 + 1 < self.words_max;
        (1..=64 * self.words_max).contains(&n) && !announces
    }
}

/// What was wrong with a bitmap, `at` bytes after its begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadBitmap {
    /// Where.
    pub at: usize,
    /// So many bytes were missing; 0: something else than a hex digit stood there.
    pub short: usize,
}

impl Bitmap {
    /// Whether field `n` is there.
    pub fn has(&self, n: usize) -> bool {
        n != 0 && n <= 192 && self.words[(n - 1) / 64] & bit(n) != 0
    }

    /// Adds field `n` of 1..=192.
    pub fn set(&mut self, n: usize) {
        self.words[(n - 1) / 64] |= bit(n);
    }

    /// Takes field `n` of 1..=192 away.
    pub fn clear(&mut self, n: usize) {
        self.words[(n - 1) / 64] &= !bit(n);
    }

    /// How many fields come before field `n`.
    #[inline]
    pub fn rank(&self, n: usize) -> usize {
        let word = (n - 1) / 64;
        let below = self.words[word] & !(u64::MAX >> ((n - 1) % 64));
        let whole: u32 = self.words[..word].iter().map(|w| w.count_ones()).sum();
        (whole + below.count_ones()) as usize
    }

    /// The fields, in order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + use<> {
        let words = self.words;
        (0..3).flat_map(move |word| {
            let mut left = words[word];
            std::iter::from_fn(move || {
                if left == 0 {
                    return None;
                }
                let at = left.leading_zeros();
                left &= !(1 << 63 >> at);
                Some(word * 64 + at as usize + 1)
            })
        })
    }

    /// One of the three words, its highest bit the first field.
    pub fn word(&self, at: usize) -> u64 {
        self.words[at]
    }

    /// Reads a bitmap from the front of `wire`; gives the bytes it took. Bits 1 and 65 that only
    /// announce a word are not kept.
    #[inline]
    pub fn read(form: BitmapForm, wire: &[u8]) -> Result<(Bitmap, usize), BadBitmap> {
        let mut map = Bitmap::default();
        let mut at = 0;
        for word in 0..form.words_max {
            let bits = if form.coding.is_hex() {
                let digits = wire.get(at..).and_then(|wire| wire.first_chunk::<16>());
                let Some(digits) = digits else {
                    return Err(ended(wire, at + 16));
                };
                let Some(bits) = hex_word(digits, form.coding) else {
                    let mut read = digits.iter().map(|digit| form.coding.character(*digit));
                    let bad = read.position(|digit| nibble(digit) > 15);
                    return Err(BadBitmap {
                        at: at + bad.unwrap_or(0),
                        short: 0,
                    });
                };
                at += 16;
                bits
            } else {
                let Some((bytes, _)) = wire.get(at..).and_then(|w| w.split_first_chunk::<8>())
                else {
                    return Err(ended(wire, at + 8));
                };
                at += 8;
                u64::from_be_bytes(*bytes)
            };
            map.words[word] = bits;
            if word + 1 < form.words_max {
                map.words[word] &= !FIRST;
                if !form.fixed && bits & FIRST == 0 {
                    break;
                }
            }
        }
        Ok((map, at))
    }

    /// The bytes of this bitmap on the wire, written into `out`; gives how many.
    pub fn write(&self, form: BitmapForm, out: &mut [u8; 48]) -> usize {
        let used = 3 - self.words.iter().rev().take_while(|w| **w == 0).count();
        let words = if form.fixed {
            form.words_max
        } else {
            used.max(1)
        };
        let mut at = 0;
        for word in 0..words {
            let more = if form.fixed {
                form.marked && word + 1 < words
            } else {
                self.words[word + 1..].iter().any(|later| *later != 0)
            };
            let bits = self.words[word] | if more { FIRST } else { 0 };
            if form.coding.is_hex() {
                let digits = hex_digits(bits);
                let room = &mut out[at..at + 16];
                room.copy_from_slice(&digits);
                if form.coding != Coding::Hex {
                    room.iter_mut().for_each(|c| *c = form.coding.byte(*c));
                }
                at += 16;
            } else {
                out[at..at + 8].copy_from_slice(&bits.to_be_bytes());
                at += 8;
            }
        }
        at
    }
}

#[cold]
fn ended(wire: &[u8], wanted: usize) -> BadBitmap {
    let at = wire.len();
    BadBitmap {
        at,
        short: wanted - at,
    }
}

const FIRST: u64 = 1 << 63;

/// Sixteen hex digits as a word; `None` where one is none.
#[inline]
fn hex_word(digits: &[u8; 16], coding: Coding) -> Option<u64> {
    let mut ascii = *digits;
    if coding != Coding::Hex {
        ascii = ascii.map(|digit| coding.character(digit));
    }
    let (halves, _) = ascii.as_chunks::<8>();
    Some(eight_digits(halves[0])? << 32 | eight_digits(halves[1])?)
}

/// A word as sixteen upper-case hex digits, eight at once.
#[inline]
fn hex_digits(word: u64) -> [u8; 16] {
    const ONES: u64 = u64::MAX / 255;
    let eight = |half: u64| {
        let fours = (half | half << 16) & 0x0000_ffff_0000_ffff;
        let pairs = (fours | fours << 8) & 0x00ff_00ff_00ff_00ff;
        let values = (pairs | pairs << 4) & 0x0f0f_0f0f_0f0f_0f0f;
        let tens = (values + ONES * 6) >> 4 & ONES;
        (values + ONES * 0x30 + tens * 7).to_be_bytes()
    };
    let mut digits = [0; 16];
    digits[..8].copy_from_slice(&eight(word >> 32));
    digits[8..].copy_from_slice(&eight(word & 0xffff_ffff));
    digits
}

/// Eight hex digits in ASCII, all at once.
#[inline]
fn eight_digits(digits: [u8; 8]) -> Option<u64> {
    const ONES: u64 = u64::MAX / 255;
    let x = u64::from_be_bytes(digits);
    // A letter has bit 6. Its value is its low nibble and 9; it may stand in either case.
    let letters = x >> 6 & ONES;
    let values = (x & (ONES * 15)) + letters * 9;
    // What these values are written as must be what stood there; no byte runs over into the next.
    let tens = (values + ONES * 6) >> 4 & ONES;
    let written = values + ONES * 0x30 + tens * 7;
    if written != x & !(letters << 5) || values & (ONES * 0xf0) != 0 {
        return None;
    }
    let pairs = (values | values >> 4) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
    Some((fours | fours >> 16) & 0xffff_ffff)
}

fn bit(n: usize) -> u64 {
    FIRST >> ((n - 1) % 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(hex: bool, words_max: usize, fixed: bool) -> BitmapForm {
        BitmapForm {
            coding: if hex { Coding::Hex } else { Coding::Binary },
            words_max,
            fixed,
            marked: false,
        }
    }

    fn check(form: BitmapForm, fields: &[usize], wire: &[u8]) {
        let mut map = Bitmap::default();
        fields.iter().for_each(|n| map.set(*n));
        let mut out = [0; 48];
        let bytes = map.write(form, &mut out);
        assert_eq!(&out[..bytes], wire);
        assert_eq!(Bitmap::read(form, wire), Ok((map, bytes)));
        assert_eq!(map.iter().collect::<Vec<_>>(), fields);
        for (rank, field) in fields.iter().enumerate() {
            assert_eq!(map.rank(*field), rank);
        }
    }

    #[test]
    fn bitmaps_are_written_and_read_back() {
        check(form(true, 2, false), &[2, 64], b"4000000000000001");
        check(
            form(true, 2, false),
            &[3, 70],
            b"A0000000000000000400000000000000",
        );
        check(form(false, 2, false), &[2], &[0x40, 0, 0, 0, 0, 0, 0, 0]);
        let wide: &[u8] = b"A000000000000000C0000000000000004000000000000000";
        check(form(true, 3, false), &[3, 66, 130], wide);
        check(
            form(true, 2, true),
            &[2],
            b"40000000000000000000000000000000",
        );
        let marked = BitmapForm {
            marked: true,
            ..form(false, 2, true)
        };
        check(
            marked,
            &[2],
            &[0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        );
        let ebcdic = BitmapForm {
            coding: Coding::HexEbcdic,
            ..form(true, 2, false)
        };
        let wide = [b"\xf0\xc5".as_slice(), &[0xf0; 14]].concat();
        check(ebcdic, &[5, 6, 7], &wide);
    }

    #[test]
    fn hex_digits_are_those_of_the_slow_way() {
        for word in [0, u64::MAX, 0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210] {
            assert_eq!(&hex_digits(word), format!("{word:016X}").as_bytes());
        }
        for at in 0..8 {
            for byte in 0..=255 {
                let mut digits = *b"0aF93bC7";
                digits[at] = byte;
                let slow = digits.iter().try_fold(0, |word, digit| {
                    let value = u64::from(nibble(*digit));
                    (value < 16).then_some(word << 4 | value)
                });
                assert_eq!(eight_digits(digits), slow, "{byte:#x} at {at}");
            }
        }
    }

    #[test]
    fn what_is_no_bitmap_is_refused_with_its_place() {
        let hex = form(true, 2, false);
        assert_eq!(
            Bitmap::read(hex, b"40000g"),
            Err(BadBitmap { at: 6, short: 10 })
        );
        let bad = Bitmap::read(hex, b"400000000000000g");
        assert_eq!(bad, Err(BadBitmap { at: 15, short: 0 }));
        let second = Bitmap::read(hex, b"C000000000000000");
        assert_eq!(second, Err(BadBitmap { at: 16, short: 16 }));
    }
}
