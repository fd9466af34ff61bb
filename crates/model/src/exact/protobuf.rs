//! Protocol Buffers' wire format: varints, tags, lengths. A walk over borrowed bytes, and the few writers.
//!
//! ```text
//!  message = { tag payload }     tag = varint(field << 3 | wire type)
//!  wire type 0 varint │ 1 eight bytes │ 2 varint length, bytes │ 3, 4 groups: refused │ 5 four bytes
//! ```

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {offset}")]
pub struct WireError {
    /// What was found.
    pub what: &'static str,
    /// Where, from the beginning of the bytes that the first reader was given.
    pub offset: usize,
}

/// Walks a message. Readers of nested messages know their place in the outermost bytes, so that errors say where in
/// them.
///
/// The methods that every field of every span calls are inlined: a field then stays in registers.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    /// Where `rest` ends in the outermost bytes.
    end: usize,
}

/// One field's payload.
#[derive(Clone, Copy, Debug)]
pub enum Payload<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1.
    Fixed64(u64),
    /// Wire type 2.
    Delimited(Reader<'a>),
    /// Wire type 5.
    Fixed32(u32),
}

impl<'a> Reader<'a> {
    /// Reads from the beginning of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, end: bytes.len() }
    }

    /// Whether nothing is left.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The current place in the outermost bytes.
    #[inline]
    pub fn offset(&self) -> usize {
        self.end - self.rest.len()
    }

    /// What is left.
    #[inline]
    pub fn bytes(&self) -> &'a [u8] {
        self.rest
    }

    #[cold]
    fn fail(&self, what: &'static str) -> WireError {
        WireError { what, offset: self.offset() }
    }

    /// Reads a varint.
    ///
    /// # Errors
    /// When the bytes end within it or it is longer than ten bytes.
    #[expect(clippy::inline_always, reason = "measured: a call for each field costs more than the field")]
    #[inline(always)]
    pub fn varint(&mut self) -> Result<u64, WireError> {
        match self.rest {
            [first, rest @ ..] if *first < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*first))
            }
            [first, second, rest @ ..] if *second < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*first & 0x7f) | u64::from(*second) << 7)
            }
            _ => {
                let (value, length) = self.long_varint()?;
                self.rest = &self.rest[length..];
                Ok(value)
            }
        }
    }

    /// A varint of any length, with its length.
    #[inline(never)]
    fn long_varint(self) -> Result<(u64, usize), WireError> {
        let mut value = 0u64;
        for (index, byte) in self.rest.iter().take(10).enumerate() {
            // The tenth byte holds the 64th bit alone.
            if index == 9 && *byte > 1 {
                return Err(self.fail("a varint of more than 64 bits"));
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if *byte < 0x80 {
                return Ok((value, index + 1));
            }
        }
        Err(self.fail(if self.rest.len() >= 10 { "a varint of more than ten bytes" } else { "a varint cut short" }))
    }

    /// Reads eight bytes, little endian.
    ///
    /// # Errors
    /// When fewer are left.
    #[inline]
    pub fn fixed64(&mut self) -> Result<u64, WireError> {
        let Some((bytes, rest)) = self.rest.split_first_chunk::<8>() else {
            return Err(self.fail("a 64-bit number cut short"));
        };
        self.rest = rest;
        Ok(u64::from_le_bytes(*bytes))
    }

    /// Reads four bytes, little endian.
    ///
    /// # Errors
    /// When fewer are left.
    #[inline]
    pub fn fixed32(&mut self) -> Result<u32, WireError> {
        let Some((bytes, rest)) = self.rest.split_first_chunk::<4>() else {
            return Err(self.fail("a 32-bit number cut short"));
        };
        self.rest = rest;
        Ok(u32::from_le_bytes(*bytes))
    }

    /// Reads a length and gives a reader over that many bytes.
    ///
    /// # Errors
    /// When fewer are left.
    #[expect(clippy::inline_always, reason = "measured: a call for each field costs more than the field")]
    #[inline(always)]
    pub fn delimited(&mut self) -> Result<Reader<'a>, WireError> {
        let length = self.varint()?;
        if length > self.rest.len() as u64 {
            return Err(self.fail("a length beyond the end of its message"));
        }
        let (inner, rest) = self.rest.split_at(length as usize);
        self.rest = rest;
        Ok(Reader { rest: inner, end: self.end - rest.len() })
    }

    /// Reads the next field: its number and payload; `None` at the end.
    ///
    /// # Errors
    /// When the bytes are cut short, the field's number is not between 1 and 2^29 - 1, or it is a group.
    #[expect(clippy::inline_always, reason = "measured: a call for each field costs more than the field")]
    #[inline(always)]
    pub fn field(&mut self) -> Result<Option<(u32, Payload<'a>)>, WireError> {
        if self.is_empty() {
            return Ok(None);
        }
        let start = *self;
        let tag = self.varint()?;
        if tag > u64::from(u32::MAX) || tag < 8 {
            return Err(start.fail("an impossible field number"));
        }
        let payload = match tag & 7 {
            0 => Payload::Varint(self.varint()?),
            1 => Payload::Fixed64(self.fixed64()?),
            2 => Payload::Delimited(self.delimited()?),
            5 => Payload::Fixed32(self.fixed32()?),
            3 | 4 => return Err(start.fail("a group, which OTLP never had")),
            _ => return Err(start.fail("an unknown wire type")),
        };
        Ok(Some(((tag >> 3) as u32, payload)))
    }
}

/// Payloads as the type that a known field must have.
impl<'a> Payload<'a> {
    /// The varint.
    ///
    /// # Errors
    /// When the field has another wire type; `reader` gives the offset.
    #[inline]
    pub fn varint(self, reader: &Reader<'a>) -> Result<u64, WireError> {
        match self {
            Self::Varint(value) => Ok(value),
            _ => Err(reader.fail("a field of the wrong wire type (a varint was expected) ending")),
        }
    }

    /// The 64-bit number.
    ///
    /// # Errors
    /// When the field has another wire type; `reader` gives the offset.
    #[inline]
    pub fn fixed64(self, reader: &Reader<'a>) -> Result<u64, WireError> {
        match self {
            Self::Fixed64(value) => Ok(value),
            _ => Err(reader.fail("a field of the wrong wire type (64 bits were expected) ending")),
        }
    }

    /// The 32-bit number.
    ///
    /// # Errors
    /// When the field has another wire type; `reader` gives the offset.
    #[inline]
    pub fn fixed32(self, reader: &Reader<'a>) -> Result<u32, WireError> {
        match self {
            Self::Fixed32(value) => Ok(value),
            _ => Err(reader.fail("a field of the wrong wire type (32 bits were expected) ending")),
        }
    }

    /// The bytes or nested message.
    ///
    /// # Errors
    /// When the field has another wire type; `reader` gives the offset.
    #[inline]
    pub fn delimited(self, reader: &Reader<'a>) -> Result<Reader<'a>, WireError> {
        match self {
            Self::Delimited(inner) => Ok(inner),
            _ => Err(reader.fail("a field of the wrong wire type (a length was expected) ending")),
        }
    }
}

/// Appends a varint.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a length and the bytes.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends a varint field.
pub fn put_varint_field(out: &mut Vec<u8>, field: u32, value: u64) {
    put_varint(out, u64::from(field) << 3);
    put_varint(out, value);
}

/// Appends a 64-bit field.
pub fn put_fixed64_field(out: &mut Vec<u8>, field: u32, value: u64) {
    put_varint(out, u64::from(field) << 3 | 1);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends a 32-bit field.
pub fn put_fixed32_field(out: &mut Vec<u8>, field: u32, value: u32) {
    put_varint(out, u64::from(field) << 3 | 5);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends a field of bytes or text.
pub fn put_bytes_field(out: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    put_varint(out, u64::from(field) << 3 | 2);
    put_bytes(out, bytes);
}

/// Appends a nested message, which `write` writes.
pub fn put_message_field(out: &mut Vec<u8>, field: u32, write: impl FnOnce(&mut Vec<u8>)) {
    put_varint(out, u64::from(field) << 3 | 2);
    let start = out.len();
    write(out);
    let length = out.len() - start;
    // The length's size is known only now; it moves in front of the message.
    put_varint(out, length as u64);
    let size = out.len() - start - length;
    out[start..].rotate_right(size);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_of_every_length_read_back() {
        for shift in 0..64 {
            for value in [1u64 << shift, (1u64 << shift) - 1, u64::MAX >> shift] {
                let mut bytes = Vec::new();
                put_varint(&mut bytes, value);
                assert_eq!(Reader::new(&bytes).varint(), Ok(value));
                for cut in 0..bytes.len() {
                    assert!(Reader::new(&bytes[..cut]).varint().is_err());
                }
            }
        }
        assert!(Reader::new(&[0xff; 11]).varint().is_err());
        assert!(Reader::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]).varint().is_err());
    }

    #[test]
    fn errors_say_where_in_the_outermost_bytes() {
        let mut bytes = Vec::new();
        put_message_field(&mut bytes, 1, |inner| {
            put_varint_field(inner, 2, 5);
            inner.extend([0x0a, 0x20, 0x00]);
        });
        let mut outer = Reader::new(&bytes);
        let (field, payload) = outer.field().unwrap().unwrap();
        let mut inner = payload.delimited(&outer).unwrap();
        assert_eq!(field, 1);
        assert!(inner.field().is_ok());
        assert_eq!(inner.field().unwrap_err().offset, 6);
    }

    #[test]
    fn groups_and_field_zero_are_refused() {
        assert!(Reader::new(&[0x0b, 0x0c]).field().is_err());
        assert!(Reader::new(&[0x00, 0x00]).field().is_err());
    }
}
