//! A batch as bytes: its columns' buffers as they are (`columns`), or, where a column is not of its table's own type,
//! its three tables as Arrow IPC streams, each with its length before it.

use std::io;

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use kino_model::Batch;
use kino_model::columns::Table;

use super::columns::{self, NumberEncoding, PayloadError};

pub(crate) fn encode(batch: &Batch) -> Result<Vec<u8>, PayloadError> {
    let mut bytes = Vec::with_capacity(batch.memory_size().min(super::segment::PAYLOAD_MAX) + 4096);
    if columns::encode(batch, &mut bytes).is_some() {
        return Ok(bytes);
    }
    bytes.clear();
    for table in Table::ALL {
        let rows = batch.table(table);
        let length_at = bytes.len();
        bytes.extend([0; 8]);
        if rows.num_rows() > 0 {
            let mut writer = StreamWriter::try_new(io::Write::by_ref(&mut bytes), rows.schema_ref())?;
            writer.write(rows)?;
            writer.finish()?;
        }
        let length = (bytes.len() - length_at - 8) as u64;
        bytes[length_at..length_at + 8].copy_from_slice(&length.to_le_bytes());
    }
    Ok(bytes)
}

pub(crate) fn decode(mut bytes: &[u8]) -> Result<Batch, PayloadError> {
    if let Some(columns) = bytes.strip_prefix(columns::MAGIC) {
        return columns::decode(columns, NumberEncoding::Narrow);
    }
    if let Some(columns) = bytes.strip_prefix(columns::OLD_MAGIC) {
        return columns::decode(columns, NumberEncoding::Full);
    }
    let mut batch = Batch::empty();
    for table in Table::ALL {
        let (length, rest) = bytes.split_first_chunk::<8>().ok_or(PayloadError::Short)?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| PayloadError::Short)?;
        let (stream, rest) = rest.split_at_checked(length).ok_or(PayloadError::Short)?;
        bytes = rest;
        if length == 0 {
            continue;
        }
        let pieces = StreamReader::try_new(stream, None)?.collect::<Result<Vec<RecordBatch>, _>>()?;
        let [rows] = <[RecordBatch; 1]>::try_from(pieces).map_err(|pieces| PayloadError::Pieces(pieces.len()))?;
        match table {
            Table::Spans => batch.spans = rows,
            Table::Events => batch.events = rows,
            Table::Links => batch.links = rows,
        }
    }
    Ok(batch)
}
