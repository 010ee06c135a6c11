//! What a request carries: nothing, some JSON, or a file as it is read.

use std::fs::File;
use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// Bytes that are read of a file at once.
const PIECE_BYTES: usize = 64 * 1024;

/// A body.
pub(in crate::commands) struct Content {
    kind: Option<&'static str>,
    source: Source,
    /// What is still to be sent, if that is known.
    left: Option<u64>,
}

enum Source {
    Memory(Option<Bytes>),
    /// Told how much was read after each piece.
    Reader(Box<dyn Read + Send>, Box<dyn FnMut(u64) + Send>),
}

impl Content {
    /// No body.
    pub(in crate::commands) fn nothing() -> Self {
        Self { kind: None, source: Source::Memory(None), left: Some(0) }
    }

    /// A body of JSON.
    pub(in crate::commands) fn json(json: Vec<u8>) -> Self {
        let left = Some(json.len() as u64);
        Self { kind: Some("application/json"), source: Source::Memory(Some(json.into())), left }
    }

    /// The `bytes` bytes of a file; `progress` is told each piece.
    pub(in crate::commands) fn file(
        kind: &'static str,
        file: File,
        bytes: u64,
        progress: impl FnMut(u64) + Send + 'static,
    ) -> Self {
        // What is added to the file meanwhile is not part of it.
        Self {
            kind: Some(kind),
            source: Source::Reader(Box::new(file.take(bytes)), Box::new(progress)),
            left: Some(bytes),
        }
    }

    /// Whatever comes from `reader`.
    pub(in crate::commands) fn stream(kind: &'static str, reader: impl Read + Send + 'static) -> Self {
        Self { kind: Some(kind), source: Source::Reader(Box::new(reader), Box::new(drop)), left: None }
    }

    pub(super) fn kind(&self) -> Option<&'static str> {
        self.kind
    }

    /// How many bytes it has, if it is a body with a known length.
    pub(super) fn bytes(&self) -> Option<u64> {
        self.left.filter(|_| self.kind.is_some())
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = io::Error;

    /// Blocks while a file is read: nothing else is to be done meanwhile.
    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = &mut *self;
        let piece = match &mut this.source {
            Source::Memory(bytes) => bytes.take().unwrap_or_default(),
            Source::Reader(reader, progress) => {
                let mut piece = vec![0; PIECE_BYTES];
                let count = match reader.read(&mut piece) {
                    Ok(count) => count,
                    Err(error) => return Poll::Ready(Some(Err(error))),
                };
                progress(count as u64);
                piece.truncate(count);
                piece.into()
            }
        };
        if let Some(left) = &mut this.left {
            *left = left.saturating_sub(piece.len() as u64);
            if piece.is_empty() && *left > 0 {
                return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())));
            }
        }
        Poll::Ready((!piece.is_empty()).then(|| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
