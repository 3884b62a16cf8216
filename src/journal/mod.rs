//! The journal: groups of opaque bytes that are durable before anybody is answered.
