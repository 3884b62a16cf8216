//! One ISO 8583 message: decode without copying, encode, describe with secrets masked.
