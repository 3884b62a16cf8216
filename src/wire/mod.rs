//! Bytes on a link: framing, codings, bitmaps, TLV. Knows no field and no money.

pub mod ber;
pub mod bitmap;
pub mod coding;
pub mod framing;
pub mod tlv;
