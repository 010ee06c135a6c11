//! Lines on their way out of the process, written by a thread of their own from a bounded queue.
//!
//! A reader that stops reading costs lines, which are counted, and never a request.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use hostel_model::platform::Platform;
use prometheus_client::metrics::counter::Counter;
use tracing_subscriber::fmt::MakeWriter;

/// Lines that may wait for the writer: a second of heavy load.
const QUEUE_LINES: usize = 64 * 1024;
/// Bytes they may hold together, however long they are.
const QUEUE_BYTES: usize = 32 * 1024 * 1024;
/// Lines are joined up to about so many bytes before they are written.
const WRITE_BYTES: usize = 64 * 1024;

/// Where lines go.
pub type LineOutput = Box<dyn Write + Send>;

/// A handle to the thread that writes. Cheap to clone.
#[derive(Clone)]
pub struct LineWriter {
    queue: SyncSender<Message>,
    queued_bytes: Arc<AtomicUsize>,
    dropped: Counter,
}

enum Message {
    Line(Vec<u8>),
    Flush(SyncSender<()>),
}

impl LineWriter {
    /// Starts the thread `name`, which writes to `output`. Lines that find no
    /// room are counted in `dropped`.
    ///
    /// # Errors
    /// When there is no thread for it.
    pub fn start(
        name: &'static str,
        output: LineOutput,
        dropped: Counter,
        platform: &Platform,
    ) -> std::io::Result<Self> {
        let (queue, lines) = sync_channel(QUEUE_LINES);
        let queued_bytes = Arc::new(AtomicUsize::new(0));
        let waiting = Arc::clone(&queued_bytes);
        platform.spawn.thread(name, Box::new(move || write_lines(output, &lines, &waiting)))?;
        Ok(Self { queue, queued_bytes, dropped })
    }

    /// Queues whole lines, their ends included.
    pub fn write(&self, lines: Vec<u8>) {
        let bytes = lines.len();
        let waiting = self.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        if waiting.saturating_add(bytes) > QUEUE_BYTES || self.queue.try_send(Message::Line(lines)).is_err() {
            self.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.dropped.inc();
        }
    }

    /// Returns once every line queued before is written, or could not be, but
    /// after `patience` at the latest.
    pub fn flush(&self, patience: Duration) {
        let (done, waiting) = sync_channel(1);
        if self.queue.try_send(Message::Flush(done)).is_ok() {
            // Not having been answered in time is what patience is for.
            let _ = waiting.recv_timeout(patience);
        }
    }
}

fn write_lines(mut output: LineOutput, lines: &Receiver<Message>, queued_bytes: &AtomicUsize) {
    let mut batch = Vec::with_capacity(WRITE_BYTES);
    while let Ok(first) = lines.recv() {
        let mut flushed = Vec::new();
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Line(line) => {
                    queued_bytes.fetch_sub(line.len(), Ordering::Relaxed);
                    batch.extend_from_slice(&line);
                }
                Message::Flush(done) => flushed.push(done),
            }
            next = if batch.len() < WRITE_BYTES { lines.try_recv().ok() } else { None };
        }
        // A closed output is not worth a request; the next line tries again.
        let _ = output.write_all(&batch).and_then(|()| output.flush());
        batch.clear();
        for done in flushed {
            // Whoever asked may have run out of patience.
            let _ = done.send(());
        }
    }
}

/// One event of the log for people, handed over whole.
pub struct Event {
    writer: LineWriter,
    text: Vec<u8>,
}

impl Write for Event {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        if !self.text.is_empty() {
            self.writer.write(std::mem::take(&mut self.text));
        }
    }
}

impl<'a> MakeWriter<'a> for LineWriter {
    type Writer = Event;

    fn make_writer(&'a self) -> Event {
        Event { writer: self.clone(), text: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};
    use std::time::Duration;

    use super::*;
    use crate::platform::real_platform;

    /// An output that takes nothing until its test ends, and then says so.
    struct Stuck(Receiver<()>, Sender<usize>);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            // Ends when the test drops its end.
            let _ = self.0.recv();
            let _ = self.1.send(bytes.len());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_stops_reading_costs_lines_and_holds_up_nobody() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let platform = real_platform(runtime.handle().clone());
        let ((hold, held), (written, sizes), dropped) = (channel(), channel(), Counter::default());
        let writer = LineWriter::start("test", Box::new(Stuck(held, written)), dropped.clone(), &platform).unwrap();
        let line = vec![b'x'; QUEUE_BYTES / 8];
        for _ in 0..16 {
            writer.write(line.clone());
        }
        writer.flush(Duration::from_millis(10));
        // Eight fit, and those the writer had taken before it got stuck.
        assert!((6..=8).contains(&dropped.get()), "{}", dropped.get());
        drop(hold);
        writer.flush(Duration::from_secs(10));
        let written: usize = sizes.try_iter().sum();
        assert_eq!(written as u64, (16 - dropped.get()) * line.len() as u64);
    }
}
