//! The exact side of attributes: what a text map cannot carry, so that export gives back what was sent.
//!
//! `attributes_exact` is a sequence of records, each a varint tag `ordinal << 3 | kind` with a payload by kind:
//!
//! ```text
//!  kind      ordinal counts            payload                 the map or column holds
//!  INT       map entries               –                       the decimal text, read back as an integer
//!  BOOL      map entries               –                       "true" or "false"
//!  DOUBLE    map entries               8 bytes, little endian  the shortest text
//!  EMPTY     map entries               –                       the empty text
//!  VALUE     map entries               varint length, bytes    JSON text; the bytes are OTLP's AnyValue message
//!  SPELLING  the table's columns       varint index            the value; index is the spelling sent, from 0
//!  EXTRA     –                         varint length, bytes    nothing; OTLP's KeyValue of a repeated key
//! ```
//!
//! Null when every attribute is plain text under a unique key or sits in its column under the current spelling.
//! The attributes' order is not kept: normalised attributes are sorted by key, repeats in the sender's order.

pub mod json_attributes;
