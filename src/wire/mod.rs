//! Bytes on a link: framing, codings, bitmaps, TLV. Knows no field and no money.
