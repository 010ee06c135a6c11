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
use super::meter::Meter;
use super::paced::PacedIo;
use crate::edge::Fault;
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
    socket: PacedIo<S>,
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
    /// When the first byte of the request that is being read came.
    began: Option<Monotonic>,
    /// Heads that were handed on, and whose answers are not complete.
    unanswered: usize,
    /// Since when nothing was to be done.
    quiet_since: Option<Monotonic>,
    used: bool,
    timer: Timer,
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
        Self {
            socket: PacedIo::new(socket, clock, &limits),
            meter,
            reading: Reading::Head(HeadScan::new((&*limits).into())),
            limits,
            held: Vec::new(),
            released: 0,
            upgrades: Vec::new(),
            began: None,
            unanswered: 0,
            quiet_since: None,
            used: false,
            timer: Timer::new(Arc::clone(clock)),
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
                            self.await_head();
                        }
                    }
                    Err(_broken) => self.reading = Reading::Broken,
                },
                Reading::Head(scan) => {
                    let began = *self.began.get_or_insert(now);
                    match scan.scan(rest) {
                        Scanned::Partial => {
                            self.meter.partial(began, rest.len());
                            break;
                        }
                        Scanned::Complete(head) => {
                            if head.upgrades {
                                self.upgrades.extend(scan.upgrades().iter().map(|at| passed + at));
                            }
                            passed += usize::try_from(head.line + head.headers).unwrap_or(usize::MAX);
                            let body = BodyScan::new(head.body);
                            self.meter.head(began, &head, body.is_over());
                            self.unanswered += 1;
                            if body.is_over() {
                                self.await_head();
                            } else {
                                self.reading = Reading::Body(body);
                            }
                        }
                        Scanned::Refused(fault) => self.refuse(fault, rest),
                    }
                }
            }
        }
        passed
    }

    /// A request is complete; the next one has not begun.
    fn await_head(&mut self) {
        self.began = None;
        self.reading = Reading::Head(HeadScan::new((&*self.limits).into()));
    }

    /// Nothing of the head that is being read, of which there is `head`, is handed on.
    fn refuse(&mut self, fault: Fault, head: &[u8]) {
        let began = self.began.take().unwrap_or_else(|| self.timer.now());
        self.meter.refuse(began, fault, head);
        self.unanswered += 1;
        self.reading = Reading::Refused;
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
        let deadline = match (&self.reading, self.began) {
            (Reading::Head(_), Some(began)) => began.after(self.limits.header_read),
            (Reading::Head(_), None) if self.unanswered == 0 => {
                let patience = if self.used { self.limits.idle } else { self.limits.first_byte };
                self.quiet_since.get_or_insert_with(|| self.timer.now()).after(patience)
            }
            // Its request is at work, and its body has limits of its own.
            _ => return Poll::Pending,
        };
        self.timer.poll(deadline, context)
    }

    /// Refuses the head that did not come in time.
    fn refuse_slow(&mut self) {
        let fault = Fault::new(Failure::RequestTimeout, "the head was not complete within `limits.header_read`");
        let held = std::mem::take(&mut self.held);
        self.refuse(fault, &held);
        self.hold(held, 0);
    }

    /// Whether the client may still be sending what nobody will read.
    fn is_mid_message(&self) -> bool {
        !matches!(self.reading, Reading::Head(_)) || self.began.is_some()
    }

    /// So much of `slices` went out.
    fn wrote(&mut self, slices: &[IoSlice<'_>], count: usize, context: &mut Context<'_>) {
        let answered = self.meter.wrote(slices, count, self.timer.now());
        if answered > 0 {
            self.unanswered = self.unanswered.saturating_sub(answered);
            self.socket.ends_answer();
            // Nobody asks for the next request before it comes: its limit begins here.
            // If it has passed already, the task was woken and will ask.
            let _ = self.poll_silence(context);
        }
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
                    let now = this.timer.now();
                    let slow = this.began.is_some_and(|began| began.after(this.limits.header_read) <= now);
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
                    if this.began.is_none() {
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
        let count = std::task::ready!(Pin::new(&mut this.socket).poll_write(context, bytes))?;
        this.wrote(&[IoSlice::new(bytes)], count, context);
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let count = std::task::ready!(Pin::new(&mut this.socket).poll_write_vectored(context, slices))?;
        this.wrote(slices, count, context);
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let drains = this.is_mid_message();
        this.socket.poll_close(drains, context)
    }
}
