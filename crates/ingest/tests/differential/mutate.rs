//! Changes to a message's bytes: some that every decoder must read through (unknown fields, other orders, longer
//! varints), some that break it.

use kino_testkit::Random;

/// A message, as far as it is worth changing inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Request,
    Group,
    Scoped,
    Resource,
    Scope,
    Span,
    Log,
    Event,
    Link,
    Status,
    KeyValue,
    AnyValue,
    Array,
    Map,
}

/// Whether the request holds spans or logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Traces,
    Logs,
}

impl Shape {
    /// The message that a field holds; none for a plain value.
    fn of_field(self, field: u64, signal: Signal) -> Option<Self> {
        Some(match (self, field) {
            (Self::Request, 1) => Self::Group,
            (Self::Group, 1) => Self::Resource,
            (Self::Group, 2) => Self::Scoped,
            (Self::Scoped, 1) => Self::Scope,
            (Self::Scoped, 2) if signal == Signal::Traces => Self::Span,
            (Self::Scoped, 2) => Self::Log,
            (Self::Span, 11) => Self::Event,
            (Self::Span, 13) => Self::Link,
            (Self::Span, 15) => Self::Status,
            (Self::Log, 5) | (Self::KeyValue, 2) | (Self::Array, 1) => Self::AnyValue,
            (Self::AnyValue, 5) => Self::Array,
            (Self::AnyValue, 6) => Self::Map,
            (Self::Resource | Self::Map, 1)
            | (Self::Scope | Self::Event, 3)
            | (Self::Span, 9)
            | (Self::Link, 4)
            | (Self::Log, 6) => Self::KeyValue,
            _ => return None,
        })
    }
}

/// A field of a message.
#[derive(Clone, Debug)]
enum Field {
    /// Tag, length and payload as they are.
    Plain(Vec<u8>),
    /// A nested message.
    Message { number: u64, fields: Vec<Field> },
}

/// Changes a valid message's fields, `times` times.
pub(crate) fn fields(bytes: &[u8], signal: Signal, times: u64, random: &mut Random) -> Vec<u8> {
    let mut message = parse(bytes, Shape::Request, signal);
    for _ in 0..times {
        let fields = descend(&mut message, random);
        change(fields, random);
    }
    let mut out = Vec::new();
    write(&message, &mut out);
    out
}

/// Changes bytes without a look at what they mean, `times` times.
pub(crate) fn bytes(bytes: &mut Vec<u8>, times: u64, random: &mut Random) {
    for _ in 0..times {
        if bytes.is_empty() {
            return;
        }
        let at = random.below(bytes.len() as u64) as usize;
        let to = (at + 1 + random.below(12) as usize).min(bytes.len());
        match random.below(7) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.bits() as u8,
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..to)),
            4 => {
                let copy = bytes[at..to].to_vec();
                let into = random.below(bytes.len() as u64) as usize;
                bytes.splice(into..into, copy);
            }
            5 => {
                let junk: Vec<u8> = (0..=random.below(6)).map(|_| random.bits() as u8).collect();
                bytes.splice(at..at, junk);
            }
            _ => {
                let from = random.below(bytes.len() as u64) as usize;
                let copy = bytes[from..(from + to - at).min(bytes.len())].to_vec();
                bytes.splice(at..to, copy);
            }
        }
    }
}

/// A message somewhere in the tree, deep ones as likely as shallow ones.
fn descend<'m>(mut fields: &'m mut Vec<Field>, random: &mut Random) -> &'m mut Vec<Field> {
    loop {
        let nested: Vec<usize> =
            (0..fields.len()).filter(|index| matches!(fields[*index], Field::Message { .. })).collect();
        if nested.is_empty() || random.chance(0.15) {
            return fields;
        }
        let chosen = *random.pick(&nested);
        let Field::Message { fields: inner, .. } = &mut fields[chosen] else { unreachable!("it was chosen as one") };
        fields = inner;
    }
}

fn change(fields: &mut Vec<Field>, random: &mut Random) {
    let at = random.below(fields.len() as u64 + 1) as usize;
    let Some(field) = fields.get(at).cloned() else {
        fields.push(odd(random));
        return;
    };
    match random.below(9) {
        0 => fields.push(field),
        1 => fields.insert(random.below(fields.len() as u64) as usize, field),
        2 => drop(fields.remove(at)),
        3 => fields.reverse(),
        4 => {
            let other = random.below(fields.len() as u64) as usize;
            fields.swap(at, other);
        }
        5 => fields.insert(at, odd(random)),
        6 => fields[at] = longer_varints(&field, random),
        // The same field with another's wire type, as packed numbers or as nothing at all.
        7 => {
            let mut out = Vec::new();
            varint(&mut out, number(&field) << 3 | 2);
            let content: Vec<u8> = (0..random.below(5)).map(|_| random.bits() as u8 & 0x7f).collect();
            varint(&mut out, content.len() as u64);
            out.extend(content);
            fields[at] = Field::Plain(out);
        }
        _ => {
            let mut out = Vec::new();
            varint(&mut out, number(&field) << 3);
            varint(&mut out, random.bits() >> random.below(64));
            fields[at] = Field::Plain(out);
        }
    }
}

/// A field that no version of the protocol has, or one that it has not here.
fn odd(random: &mut Random) -> Field {
    let number = *random.pick(&[4, 9, 17, 18, 99, 1_000, 19_000, (1 << 29) - 1]);
    let mut out = Vec::new();
    match random.below(5) {
        0 => {
            varint(&mut out, number << 3);
            varint(&mut out, random.bits() >> random.below(64));
        }
        1 => {
            varint(&mut out, number << 3 | 1);
            out.extend(random.bits().to_le_bytes());
        }
        2 => {
            varint(&mut out, number << 3 | 5);
            out.extend(&random.bits().to_le_bytes()[..4]);
        }
        3 => {
            varint(&mut out, number << 3 | 3);
            varint(&mut out, number << 3 | 4);
        }
        _ => {
            varint(&mut out, number << 3 | 2);
            let content: Vec<u8> = (0..random.below(9)).map(|_| random.bits() as u8).collect();
            varint(&mut out, content.len() as u64);
            out.extend(content);
        }
    }
    Field::Plain(out)
}

/// The same field, its tag (and length or number) written with more bytes than needed.
fn longer_varints(field: &Field, random: &mut Random) -> Field {
    let mut out = Vec::new();
    let mut bytes = Vec::new();
    write(std::slice::from_ref(field), &mut bytes);
    let mut rest = bytes.as_slice();
    let tag = read_varint(&mut rest);
    long_varint(&mut out, tag, random);
    if matches!(tag & 7, 0 | 2) {
        let next = read_varint(&mut rest);
        long_varint(&mut out, next, random);
    }
    out.extend(rest);
    Field::Plain(out)
}

fn long_varint(out: &mut Vec<u8>, value: u64, random: &mut Random) {
    let start = out.len();
    varint(out, value);
    let room = 10 - (out.len() - start) as u64;
    for _ in 0..random.below(room + 1) {
        *out.last_mut().expect("a varint has a byte") |= 0x80;
        out.push(0);
    }
}

fn parse(mut bytes: &[u8], shape: Shape, signal: Signal) -> Vec<Field> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let whole = bytes;
        let tag = read_varint(&mut bytes);
        match tag & 7 {
            0 => drop(read_varint(&mut bytes)),
            1 => bytes = &bytes[8..],
            5 => bytes = &bytes[4..],
            _ => {
                let length = read_varint(&mut bytes) as usize;
                let (content, rest) = bytes.split_at(length);
                bytes = rest;
                if let Some(inner) = shape.of_field(tag >> 3, signal) {
                    fields.push(Field::Message { number: tag >> 3, fields: parse(content, inner, signal) });
                    continue;
                }
            }
        }
        fields.push(Field::Plain(whole[..whole.len() - bytes.len()].to_vec()));
    }
    fields
}

fn write(fields: &[Field], out: &mut Vec<u8>) {
    for field in fields {
        match field {
            Field::Plain(bytes) => out.extend(bytes),
            Field::Message { number, fields } => {
                let mut content = Vec::new();
                write(fields, &mut content);
                varint(out, number << 3 | 2);
                varint(out, content.len() as u64);
                out.extend(content);
            }
        }
    }
}

fn number(field: &Field) -> u64 {
    match field {
        Field::Plain(bytes) => read_varint(&mut bytes.as_slice()) >> 3,
        Field::Message { number, .. } => *number,
    }
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Reads a varint that is known to be whole.
fn read_varint(bytes: &mut &[u8]) -> u64 {
    let length = 1 + bytes.iter().position(|byte| *byte < 0x80).expect("a varint ends");
    let (varint, rest) = bytes.split_at(length);
    *bytes = rest;
    varint.iter().rev().fold(0, |value, byte| value << 7 | u64::from(byte & 0x7f))
}
