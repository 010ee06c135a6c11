//! An HTTP/1 connection's socket: heads are judged before the parser sees them, silence has limits, bytes are counted.
//!
//! A head that breaks a rule never reaches the parser. It gets a request in its
//! place that means nothing, so that the refusal goes out in order and by the same
//! path as every other answer, and then the connection closes.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hostel_model::failure::Failure;
use hostel_model::limits::ListenerLimits;
use hostel_model::platform::{Clock, Monotonic};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::chunks::BodyScan;
use super::head::{HeadScan, Scanned};
use super::linger::Linger;
use super::meter::Meter;
use crate::edge::Fault;
use crate::pace::{Pace, PaceLimits};
use crate::timer::Timer;

/// What the parser gets in place of a head that was refused. Whatever the refusal
/// says, the connection ends with it: nothing more is read.
const STAND_IN: &[u8] = b"GET / HTTP/1.1\r\nhost: refused.invalid\r\nconnection: close\r\n\r\n";
/// The same if the client will read no body.
const STAND_IN_HEAD: &[u8] = b"HEAD / HTTP/1.1\r\nhost: refused.invalid\r\nconnection: close\r\n\r\n";
/// What the parser gets in place of the name `Upgrade`: as long, and taken away
/// with every other name that is the host's own. The parser would leave a
/// connection on which an upgrade was offered without closing it.
const NO_UPGRADE: &[u8; 7] = b"hostel-";

/// A socket that reports to a [`Meter`] and keeps a client to its limits.
pub struct GuardedIo<S> {
    socket: S,
    meter: Meter,
    limits: Arc<ListenerLimits>,
    reading: Reading,
    /// Bytes that were read and not handed on: a head that is not complete, or
    /// what the parser had no room for.
    held: Vec<u8>,
    /// How many of them may be handed on.
    released: usize,
    /// Where among the bytes just taken in the names of `Upgrade` fields are.
    upgrades: Vec<usize>,
    /// Since when nothing was to be done.
    quiet_since: Option<Monotonic>,
    used: bool,
    read_timer: Timer,
    write_timer: Timer,
    pace: Pace,
    /// Whether an answer is complete, and the next one starts anew.
    answered: bool,
    linger: Linger,
}

enum Reading {
    Head(HeadScan),
    Body(BodyScan),
    /// Nothing more is read: the connection ends with the next answer.
    Refused,
    /// The framing of a body is lost.
    Broken,
}

impl<S> GuardedIo<S> {
    /// Guards `socket`.
    pub fn new(socket: S, meter: Meter, clock: &Arc<dyn Clock>, limits: Arc<ListenerLimits>) -> Self {
        let pace = Pace::new(PaceLimits::of_writes(&limits));
        Self {
            socket,
            meter,
            reading: Reading::Head(HeadScan::new((&*limits).into())),
            limits,
            held: Vec::new(),
            released: 0,
            upgrades: Vec::new(),
            quiet_since: None,
            used: false,
            read_timer: Timer::new(Arc::clone(clock)),
            write_timer: Timer::new(Arc::clone(clock)),
            pace,
            answered: false,
            linger: Linger::new(Arc::clone(clock)),
        }
    }

    /// Takes in what was read, and says how many of `bytes` may be handed on now.
    /// They begin where the last call said that handing on ends.
    fn take_in(&mut self, bytes: &[u8], now: Monotonic) -> usize {
        let mut passed = 0;
        while let Some(rest) = bytes.get(passed..).filter(|rest| !rest.is_empty()) {
            match &mut self.reading {
                Reading::Refused | Reading::Broken => break,
                Reading::Body(scan) => match self.meter.body(scan, rest) {
                    Ok((taken, ended)) => {
                        passed += taken;
                        if ended {
                            self.reading = Reading::Head(HeadScan::new((&*self.limits).into()));
                        }
                    }
                    Err(_broken) => self.reading = Reading::Broken,
                },
                Reading::Head(scan) => {
                    if self.meter.began().is_none() {
                        self.meter.begins(now);
                    }
                    match scan.scan(rest) {
                        Scanned::Partial => {
                            self.meter.partial(rest.len());
                            break;
                        }
                        Scanned::Complete(head) => {
                            if head.upgrades {
                                self.upgrades.extend(scan.upgrades().iter().map(|at| passed + at));
                            }
                            passed += usize::try_from(head.line + head.headers).unwrap_or(usize::MAX);
                            let body = BodyScan::new(head.body);
                            self.meter.head(&head, body.is_over());
                            self.reading = if body.is_over() {
                                Reading::Head(HeadScan::new((&*self.limits).into()))
                            } else {
                                Reading::Body(body)
                            };
                        }
                        Scanned::Refused(fault) => {
                            self.meter.refuse(fault, rest);
                            self.reading = Reading::Refused;
                        }
                    }
                }
            }
        }
        passed
    }

    /// Takes in what was added to `buffer` after `before`; true if something may
    /// be handed on.
    fn receive(&mut self, buffer: &mut ReadBuf<'_>, before: usize, now: Monotonic) -> bool {
        self.quiet_since = None;
        self.used = true;
        if self.held.is_empty() {
            // The usual case: nothing is copied.
            let bytes = buffer.filled().get(before..).unwrap_or_default();
            let passed = self.take_in(bytes, now);
            let rest = bytes.get(passed..).unwrap_or_default().to_vec();
            buffer.set_filled(before + passed);
            self.hide_upgrades(buffer.filled_mut().get_mut(before..).unwrap_or_default());
            self.hold(rest, 0);
            return passed > 0 || self.released > 0;
        }
        let mut held = std::mem::take(&mut self.held);
        held.extend_from_slice(buffer.filled().get(before..).unwrap_or_default());
        buffer.set_filled(before);
        let passed = self.take_in(&held, now);
        self.hide_upgrades(&mut held);
        self.hold(held, passed);
        self.released > 0
    }

    fn hide_upgrades(&mut self, bytes: &mut [u8]) {
        for at in self.upgrades.drain(..) {
            if let Some(name) = bytes.get_mut(at..at + NO_UPGRADE.len()) {
                name.copy_from_slice(NO_UPGRADE);
            }
        }
    }

    /// Keeps `bytes`, of which the first `released` may be handed on; what comes
    /// after a refusal is replaced.
    fn hold(&mut self, mut bytes: Vec<u8>, released: usize) {
        if matches!(self.reading, Reading::Refused) {
            let head_only = bytes.get(released..).is_some_and(|rest| rest.starts_with(b"HEAD "));
            bytes.truncate(released);
            bytes.extend_from_slice(if head_only { STAND_IN_HEAD } else { STAND_IN });
            self.released = bytes.len();
        } else {
            self.released = released;
        }
        self.held = bytes;
    }

    /// Hands on what may be; false if that is nothing.
    fn hand_on(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let count = self.released.min(buffer.remaining());
        let Some(bytes) = self.held.get(..count).filter(|bytes| !bytes.is_empty()) else {
            return false;
        };
        buffer.put_slice(bytes);
        self.held.drain(..count);
        self.released -= count;
        if self.held.is_empty() {
            self.held = Vec::new();
        }
        true
    }

    /// What becomes of a client that sends nothing: ready if its time is over.
    fn poll_silence(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let now = self.read_timer.now();
        let deadline = match (&self.reading, self.meter.began()) {
            (Reading::Head(_), Some(began)) => began.after(self.limits.header_read),
            (Reading::Head(_), None) if self.meter.is_quiet() => {
                let patience = if self.used { self.limits.idle } else { self.limits.first_byte };
                self.quiet_since.get_or_insert(now).after(patience)
            }
            // Its request is at work, and its body has limits of its own.
            _ => return Poll::Pending,
        };
        self.read_timer.poll(deadline, context)
    }

    /// Refuses the head that did not come in time.
    fn refuse_slow(&mut self) {
        let fault = Fault::new(Failure::RequestTimeout, "the head was not complete within `limits.header_read`");
        self.meter.refuse(fault, &self.held);
        self.reading = Reading::Refused;
        let held = std::mem::take(&mut self.held);
        self.hold(held, 0);
    }

    /// Whether the client may still be sending what nobody will read.
    fn is_mid_message(&self) -> bool {
        !matches!(self.reading, Reading::Head(_)) || self.meter.began().is_some()
    }

    fn wrote(&mut self, bytes: &[u8], context: &mut Context<'_>) {
        let now = self.write_timer.now();
        self.pace.moved(now, bytes.len() as u64);
        if self.meter.wrote(bytes, now) > 0 {
            self.answered = true;
            // Nobody asks for the next request before it comes: its limit begins here.
            // If it has passed already, the task was woken and will ask.
            let _ = self.poll_silence(context);
        }
    }

    /// Gives up on a client that takes nothing, or too little.
    fn progress<T>(&mut self, polled: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if polled.is_pending() {
            let patience = self.pace.waits(self.write_timer.now());
            std::task::ready!(self.write_timer.poll(patience, context));
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes no bytes")));
        }
        polled
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for GuardedIo<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.hand_on(buffer) {
                return Poll::Ready(Ok(()));
            }
            match this.reading {
                // The answer is on its way; nobody needs to be woken.
                Reading::Refused => return Poll::Pending,
                Reading::Broken => return Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
                Reading::Head(_) | Reading::Body(_) => {}
            }
            let before = buffer.filled().len();
            match Pin::new(&mut this.socket).poll_read(context, buffer) {
                Poll::Ready(Ok(())) if buffer.filled().len() == before => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(())) => {
                    let now = this.read_timer.now();
                    let slow = this.meter.began().is_some_and(|began| began.after(this.limits.header_read) <= now);
                    let complete = this.receive(buffer, before, now);
                    if buffer.filled().len() > before {
                        return Poll::Ready(Ok(()));
                    }
                    // Bytes that come all the time do not make a head that never ends.
                    if !complete && slow && matches!(this.reading, Reading::Head(_)) {
                        this.refuse_slow();
                    }
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    std::task::ready!(this.poll_silence(context));
                    if this.meter.began().is_none() {
                        // As if the client had left: nothing is owed to it.
                        return Poll::Ready(Ok(()));
                    }
                    this.refuse_slow();
                }
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for GuardedIo<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.socket).poll_write(context, bytes);
        let written = std::task::ready!(this.progress(polled, context))?;
        this.wrote(bytes.get(..written).unwrap_or_default(), context);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.socket).poll_write_vectored(context, slices);
        let written = std::task::ready!(this.progress(polled, context))?;
        let mut left = written;
        for slice in slices {
            let part = slice.get(..left.min(slice.len())).unwrap_or_default();
            if !part.is_empty() {
                this.wrote(part, context);
            }
            left -= part.len();
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.socket).poll_flush(context);
        if polled.is_ready() {
            // Everything is with the system: nobody waits any more.
            this.pace.moved(this.write_timer.now(), 0);
            if std::mem::take(&mut this.answered) {
                this.pace = Pace::new(PaceLimits::of_writes(&this.limits));
            }
        }
        this.progress(polled, context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let drains = this.is_mid_message();
        this.linger.poll(&mut this.socket, drains, context)
    }
}
