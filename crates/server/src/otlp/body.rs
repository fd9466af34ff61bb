//! Reads a request's body into memory, bounded in bytes and in time, and decompresses it.
//!
//! The bytes of all requests at one time have a common limit too ([`Budget`]), which bounds memory however many clients
//! send; a request that does not fit is refused as retryable.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use bytes::{Buf, Bytes, BytesMut};
use http::HeaderMap;
use http::header::{AsHeaderName, CONTENT_ENCODING};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a sender may pause within its body. Exporters give up after ten seconds by default.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// The bytes of one permit, with which a budget of many gigabytes fits the semaphore's counter.
const PERMIT_BYTES: usize = 1024;

/// Memory allocated at once for a body of a stated length; more is allocated as a longer one arrives.
const ALLOCATED_MAX: usize = 1 << 20;

/// Bytes that are read and discarded of a body whose stated length is too large: a client that sends everything before it
/// reads gets its answer, where a closed connection would seem a fault of the network.
const DISCARDED_MAX: usize = 1 << 20;

/// The bytes in front of a message of gRPC.
pub(crate) const FRAME_BYTES: usize = 5;
/// The header that says how messages of gRPC are compressed.
const GRPC_ENCODING: &str = "grpc-encoding";

/// The bytes that the bodies of requests may have together.
#[derive(Clone, Debug)]
pub(crate) struct Budget(Arc<Semaphore>);

/// A part of the budget; given back when dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    permit: OwnedSemaphorePermit,
    bytes: usize,
}

/// Why a body was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// More bytes than one request may have.
    #[error("the body has more than {limit} bytes; send smaller batches")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The budget is used up.
    #[error("too many bytes are being taken in at the moment; send again")]
    Busy,
    /// A compression that is not known.
    #[error("the content encoding {0:?} is not known; use gzip, zstd or identity")]
    Encoding(String),
    /// The compressed stream is broken.
    #[error("the {encoding} stream is broken: {source}")]
    Compressed {
        /// Its name.
        encoding: &'static str,
        /// What the decompressor said.
        source: io::Error,
    },
    /// The connection broke or paused for too long.
    #[error("the body did not arrive whole")]
    Incomplete,
}

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compression {
    Identity,
    Gzip,
    Zstd,
}

impl Budget {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes.div_ceil(PERMIT_BYTES).clamp(1, Semaphore::MAX_PERMITS))))
    }

    /// Reserves `bytes` until the reservation is dropped; `None` where they do not fit.
    pub(crate) fn reserve(&self, bytes: usize) -> Option<Reservation> {
        let permits = u32::try_from(bytes.div_ceil(PERMIT_BYTES)).ok()?;
        Arc::clone(&self.0).try_acquire_many_owned(permits).ok().map(|permit| Reservation { permit, bytes })
    }

    /// Extends a reservation by this many bytes; `None` where they do not fit.
    fn reserve_more(&self, reserved: &mut Reservation, more: usize) -> Option<()> {
        reserved.bytes += more;
        let lacking = reserved.bytes.div_ceil(PERMIT_BYTES).saturating_sub(reserved.permit.num_permits());
        reserved.permit.merge(Arc::clone(&self.0).try_acquire_many_owned(u32::try_from(lacking).ok()?).ok()?);
        Some(())
    }
}

/// Reads the whole body and decompresses it; returns it with its reservation.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
    budget: &Budget,
) -> Result<(Bytes, Reservation), BodyError> {
    let compression = compression(headers, &CONTENT_ENCODING)?;
    if body.size_hint().lower() > limit as u64 {
        discard(body).await;
        return Err(BodyError::TooLarge { limit });
    }
    let (raw, reserved) = collect(body, limit, budget).await?;
    decompressed(compression, raw, reserved, limit, budget).await
}

/// Reads the one message of a unary gRPC call, as [`read`]: a byte that says whether it is compressed, its length in
/// four bytes, and the message.
pub(crate) async fn read_message(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
    budget: &Budget,
) -> Result<(Bytes, Reservation), BodyError> {
    let collected = collect(body, limit.saturating_add(FRAME_BYTES), budget).await;
    let (mut raw, reserved) = collected.map_err(|error| match error {
        BodyError::TooLarge { .. } => BodyError::TooLarge { limit },
        other => other,
    })?;
    let Some([is_compressed, length @ ..]) = raw.first_chunk::<FRAME_BYTES>().copied() else {
        return Err(BodyError::Incomplete);
    };
    if u32::from_be_bytes(length) as usize != raw.len() - FRAME_BYTES {
        return Err(BodyError::Incomplete);
    }
    let compression = match compression(headers, GRPC_ENCODING)? {
        _ if is_compressed == 0 => Compression::Identity,
        Compression::Identity => return Err(BodyError::Encoding("identity, of a compressed message".to_owned())),
        known => known,
    };
    raw.advance(FRAME_BYTES);
    decompressed(compression, raw, reserved, limit, budget).await
}

/// Decompresses a body on a thread that may block: a few bytes may become many.
async fn decompressed(
    compression: Compression,
    raw: Bytes,
    mut reserved: Reservation,
    limit: usize,
    budget: &Budget,
) -> Result<(Bytes, Reservation), BodyError> {
    if compression == Compression::Identity {
        return Ok((raw, reserved));
    }
    let budget = budget.clone();
    let work = move || {
        let (encoding, bytes) = match compression {
            Compression::Zstd => {
                let bytes = zstd::stream::read::Decoder::new(&raw[..]).map_err(Decompress::Io);
                ("zstd", bytes.and_then(|decoder| decompress(decoder, limit, &budget, &mut reserved)))
            }
            Compression::Gzip | Compression::Identity => {
                ("gzip", decompress(flate2::read::MultiGzDecoder::new(&raw[..]), limit, &budget, &mut reserved))
            }
        };
        match bytes {
            Ok(bytes) => Ok((bytes.into(), reserved)),
            Err(Decompress::TooLarge) => Err(BodyError::TooLarge { limit }),
            Err(Decompress::Busy) => Err(BodyError::Busy),
            Err(Decompress::Io(source)) => Err(BodyError::Compressed { encoding, source }),
        }
    };
    kino_engine::offload_with_permit(work).await.map_err(|_| BodyError::Incomplete)?
}

fn compression(headers: &HeaderMap, header: impl AsHeaderName) -> Result<Compression, BodyError> {
    let mut values = headers.get_all(header).iter();
    let Some(value) = values.next() else { return Ok(Compression::Identity) };
    if values.next().is_some() {
        return Err(BodyError::Encoding("several".to_owned()));
    }
    match value.as_bytes().to_ascii_lowercase().as_slice() {
        b"" | b"identity" => Ok(Compression::Identity),
        b"gzip" | b"x-gzip" => Ok(Compression::Gzip),
        b"zstd" => Ok(Compression::Zstd),
        other => Err(BodyError::Encoding(String::from_utf8_lossy(other).into_owned())),
    }
}

async fn collect(mut body: Body, limit: usize, budget: &Budget) -> Result<(Bytes, Reservation), BodyError> {
    let mut reserved = budget.reserve(0).ok_or(BodyError::Busy)?;
    let expected = body.size_hint().exact().map_or(0, |bytes| bytes.min(ALLOCATED_MAX as u64) as usize);
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    loop {
        let frame = tokio::time::timeout(PAUSE_MAX, body.frame()).await.map_err(|_| BodyError::Incomplete)?;
        let Some(frame) = frame else { break };
        let Ok(data) = frame.map_err(|_| BodyError::Incomplete)?.into_data() else { continue };
        if first.len() + all.len() + data.len() > limit {
            return Err(BodyError::TooLarge { limit });
        }
        budget.reserve_more(&mut reserved, data.len()).ok_or(BodyError::Busy)?;
        if first.is_empty() && all.is_empty() {
            first = data;
        } else {
            if all.is_empty() {
                all.reserve(expected);
            }
            all.extend_from_slice(&std::mem::take(&mut first));
            all.extend_from_slice(&data);
        }
    }
    Ok((if all.is_empty() { first } else { all.freeze() }, reserved))
}

/// Reads and discards at most [`DISCARDED_MAX`] bytes.
async fn discard(mut body: Body) {
    let mut discarded = 0;
    while discarded < DISCARDED_MAX
        && let Ok(Some(Ok(frame))) = tokio::time::timeout(PAUSE_MAX, body.frame()).await
    {
        discarded += frame.data_ref().map_or(0, Bytes::len);
    }
}

enum Decompress {
    TooLarge,
    Busy,
    Io(io::Error),
}

/// Reads to the end, reserving bytes before it allocates them.
fn decompress(
    mut from: impl Read,
    limit: usize,
    budget: &Budget,
    reserved: &mut Reservation,
) -> Result<Vec<u8>, Decompress> {
    const STEP: usize = 64 * 1024;
    let mut bytes = Vec::new();
    loop {
        budget.reserve_more(reserved, STEP).ok_or(Decompress::Busy)?;
        let step = from.by_ref().take(STEP as u64).read_to_end(&mut bytes).map_err(Decompress::Io)?;
        if bytes.len() > limit {
            return Err(Decompress::TooLarge);
        }
        if step < STEP {
            return Ok(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::io::Write;
    use std::pin::Pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll};

    use http::HeaderValue;
    use hyper::body::{Frame, SizeHint};

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    async fn check(encoding: &'static str, body: Vec<u8>, limit: usize, budget: &Budget) -> Result<Bytes, BodyError> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        read(&headers, Body::from(body), limit, budget).await.map(|(bytes, _)| bytes)
    }

    #[tokio::test]
    async fn bodies_are_decompressed() {
        let budget = Budget::new(10 << 20);
        let text = b"span ".repeat(50_000);
        for (encoding, body) in
            [("gzip", gzip(&text)), ("zstd", zstd::encode_all(&text[..], 1).unwrap()), ("identity", text.clone())]
        {
            assert_eq!(check(encoding, body, 1 << 20, &budget).await.unwrap(), text, "{encoding}");
        }
    }

    #[tokio::test]
    async fn a_decompression_bomb_is_refused_by_its_decompressed_size() {
        let budget = Budget::new(10 << 20);
        let bomb = vec![0; 4 << 20];
        for (encoding, body) in [("gzip", gzip(&bomb)), ("zstd", zstd::encode_all(&bomb[..], 1).unwrap())] {
            assert!(body.len() < 1 << 16);
            let answer = check(encoding, body, 1 << 20, &budget).await;
            assert!(matches!(answer, Err(BodyError::TooLarge { .. })), "{encoding}");
        }
    }

    #[tokio::test]
    async fn a_stated_length_beyond_the_limit_is_refused_without_a_reservation_or_reading_to_its_end() {
        struct Endless(Arc<AtomicUsize>);
        impl axum::body::HttpBody for Endless {
            type Data = Bytes;
            type Error = std::convert::Infallible;
            fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
                self.0.fetch_add(4096, Ordering::Relaxed);
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[0; 4096])))))
            }
            fn size_hint(&self) -> SizeHint {
                SizeHint::with_exact(1 << 40)
            }
        }
        let given = Arc::new(AtomicUsize::new(0));
        // Nothing of it would fit this budget.
        let budget = Budget::new(0);
        let answer = read(&HeaderMap::new(), Body::new(Endless(Arc::clone(&given))), 1 << 30, &budget).await;
        assert!(matches!(answer, Err(BodyError::TooLarge { .. })));
        assert!(given.load(Ordering::Relaxed) <= DISCARDED_MAX + 4096);
    }

    #[tokio::test]
    async fn a_body_that_does_not_fit_the_budget_is_refused_as_busy_and_releases_its_reservation() {
        let budget = Budget::new(1 << 20);
        let answer = check("gzip", gzip(&vec![0; 2 << 20]), 8 << 20, &budget).await;
        assert!(matches!(answer, Err(BodyError::Busy)));
        assert!(budget.reserve(1 << 20).is_some());
    }

    #[tokio::test]
    async fn a_body_in_small_frames_reserves_as_much_as_one_in_one_frame() {
        let frames = futures::stream::iter((0..64 * 1024).map(|_| Ok::<_, Infallible>(Bytes::from_static(&[7; 16]))));
        let budget = Budget::new(1 << 20);
        let (bytes, _reserved) =
            read(&HeaderMap::new(), Body::from_stream(frames), 1 << 20, &budget).await.expect("it fits exactly");
        assert_eq!(bytes.len(), 1 << 20);
        assert!(budget.reserve(1).is_none());
    }

    #[tokio::test]
    async fn a_message_whose_length_is_not_what_it_says_is_refused() {
        let budget = Budget::new(1 << 20);
        let read = async |body: &'static [u8]| read_message(&HeaderMap::new(), Body::from(body), 4, &budget).await;
        assert_eq!(read(b"\0\0\0\0\x02ab").await.unwrap().0, "ab");
        assert!(read(b"\0\0\0\0\0").await.unwrap().0.is_empty());
        for wrong in [&b""[..], b"\0\0\0", b"\0\0\0\0\x03ab", b"\0\0\0\0\x01ab", b"\0\xff\xff\xff\xffab"] {
            assert!(matches!(read(wrong).await, Err(BodyError::Incomplete)), "{wrong:?}");
        }
        assert!(matches!(read(b"\0\0\0\0\x05abcde").await, Err(BodyError::TooLarge { limit: 4 })));
        assert!(matches!(read(b"\x01\0\0\0\x01a").await, Err(BodyError::Encoding(_))));
    }

    #[tokio::test]
    async fn broken_streams_and_unknown_encodings_are_refused() {
        let budget = Budget::new(1 << 20);
        let cut = gzip(b"a span").split_off(8);
        assert!(matches!(check("gzip", cut, 1 << 20, &budget).await, Err(BodyError::Compressed { .. })));
        assert!(matches!(check("zstd", vec![1, 2, 3], 1 << 20, &budget).await, Err(BodyError::Compressed { .. })));
        assert!(matches!(check("br", vec![], 1 << 20, &budget).await, Err(BodyError::Encoding(_))));
    }
}
