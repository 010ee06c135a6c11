//! Every bound the host sets, each with its unit in its type and its reason beside it.
//!
//! [`Limits`] belong to a service, [`HostLimits`] to the process, [`ListenerLimits`]
//! to a listening socket; [`fixed`] holds those that nobody may change.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::units::ByteSize;

pub use origin::{Origin, Origins};

pub mod fixed;
mod origin;
#[cfg(test)]
mod tests;

/// How far calls may nest whatever the file says: each level holds an instance
/// of every level above it.
pub const DEPTH_MAX: u32 = 32;

/// What one service may use; the keys of `limits` in `hostel.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory of one instance, all its memories added up. 64 MiB hold a
    /// usual service of any language; at most [`HostLimits::memory_max`].
    pub memory: ByteSize,
    /// Elements of one instance's tables: what a compiled function table of a
    /// large program needs.
    pub table_elements: u32,
    /// Processor time of one request, instantiation and host functions included.
    /// Far above an honest answer, far below what others would notice.
    pub cpu: Duration,
    /// Time from the request's start to the response's end, calls included,
    /// without waiting for the client. Most clients have given up by then.
    pub deadline: Duration,
    /// Time for work after the response's end, such as writing a log elsewhere.
    pub after_response: Duration,
    /// Requests of this service at once; a quarter is kept for calls from
    /// other services. 64 leave room for three such services in the pool.
    pub concurrency: NonZeroU32,
    /// How long a request waits for its turn: longer than a burst, shorter
    /// than a client's patience.
    pub queue_wait: Duration,
    /// Requests that may wait for their turn: memory for waiting is bounded.
    pub queue_length: u32,
    /// Bytes of a request's body. Enough for a form with pictures.
    pub request_body: ByteSize,
    /// Bytes of a response's body; `None` sets no bound, as it is streamed.
    pub response_body: Option<ByteSize>,
    /// Time a response may stand still between two chunks.
    pub stall: Duration,
    /// Bytes of log lines of one request; what is more is dropped and counted.
    pub log_request: ByteSize,
    /// Bytes of log lines of the whole service in one second, likewise.
    pub log_second: ByteSize,
    /// How many calls may be nested below one request, at most [`DEPTH_MAX`].
    pub depth: u32,
    /// How many calls one request may cause in all: bounds what multiplies.
    pub calls: u32,
    /// Connections to the outside at once.
    pub connections: u32,
    /// What it may store.
    pub keyvalue: KeyValueLimits,
    /// Where each of these comes from; those of `keyvalue` as `keyvalue.key`.
    pub origins: Origins,
}

/// What one service may store in its buckets together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyValueLimits {
    /// Bytes of one key: keys are compared on every level of the tree.
    pub key: ByteSize,
    /// Bytes of one value: it is copied whole in and out of a guest.
    pub value: ByteSize,
    /// Bytes of all keys and values together.
    pub bytes: ByteSize,
    /// Number of keys.
    pub keys: u64,
    /// Writes a second (a token bucket that holds two seconds): a disk's share.
    pub writes: u32,
}

/// What the whole process may use; keys at the top of `hostel.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostLimits {
    /// The most memory any instance may be given: the size of a slot in the
    /// pool. It also bounds how long one `memory.fill` cannot be interrupted.
    pub memory_max: ByteSize,
    /// Memory of all instances together; `None` is half of what the machine
    /// or its control group gives, which leaves room for the host itself.
    pub memory_budget: Option<ByteSize>,
    /// Instances at once, of both engines together; a quarter is kept for
    /// calls. Each reserves address space, so there is a bound.
    pub instances: u32,
    /// How long what is in flight may go on once the host is told to stop.
    pub drain: Duration,
    /// Where each of these comes from.
    pub origins: Origins,
}

/// What a listening socket grants a client; the keys of `limits` of a `[[listener]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerLimits {
    /// Bytes of request line and headers together.
    pub header_block: ByteSize,
    /// Number of header fields, at most the HTTP library's own default: setting
    /// it there costs an allocation for every request.
    pub header_fields: u32,
    /// Bytes of the request line: longer ones are not written by people.
    pub request_line: ByteSize,
    /// Time from accepting to the first byte.
    pub first_byte: Duration,
    /// Time from a request's first byte to the end of its headers.
    pub header_read: Duration,
    /// Time from accepting to the end of the TLS handshake.
    pub tls_handshake: Duration,
    /// Time a connection may be kept open between two requests.
    pub idle: Duration,
    /// Time between two chunks of a request's body.
    pub body_idle: Duration,
    /// Bytes a second that a request's body must come with after
    /// [`ListenerLimits::rate_grace`]; slower is an attack or a dead link.
    pub body_rate: u32,
    /// Time before [`ListenerLimits::body_rate`] and [`ListenerLimits::write_rate`] hold.
    pub rate_grace: Duration,
    /// Time a client may take nothing of a response that has bytes for it.
    pub write_idle: Duration,
    /// Bytes a second at which a client must take a response.
    pub write_rate: u32,
    /// Connections at once; beyond it accepting pauses.
    pub connections: u32,
    /// Connections of one client address at once; not counted on loopback.
    pub connections_per_address: u32,
    /// Requests of one HTTP/2 connection at once.
    pub streams: u32,
    /// Bytes of one HTTP/2 request's header fields, as RFC 9113 section 6.5.2
    /// counts them.
    pub header_list: ByteSize,
    /// Bytes of a request's body a client may send ahead on one HTTP/2 stream.
    pub stream_window: ByteSize,
    /// Bytes likewise on all streams of one HTTP/2 connection.
    pub connection_window: ByteSize,
    /// Streams a client may open and reset at once before it counts as an attack.
    pub reset_streams: u32,
    /// Streams the host itself may have to reset for a client's mistakes.
    pub reset_streams_local: u32,
    /// Where each of these comes from.
    pub origins: Origins,
}

impl Limits {
    /// Makes the memory no larger than `host` lets any instance have; then the value comes from there.
    pub fn fit_into(&mut self, host: &HostLimits) {
        if host.memory_max < self.memory {
            self.memory = host.memory_max;
            self.origins.set("memory", host.origins.of("memory_max"));
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: ByteSize::mib(64),
            table_elements: 20_000,
            cpu: Duration::from_millis(200),
            deadline: Duration::from_secs(10),
            after_response: Duration::from_secs(1),
            concurrency: const { NonZeroU32::new(64).expect("64 must not be zero") },
            queue_wait: Duration::from_secs(1),
            queue_length: 1_024,
            request_body: ByteSize::mib(10),
            response_body: None,
            stall: Duration::from_secs(30),
            log_request: ByteSize::kib(64),
            log_second: ByteSize::mib(1),
            depth: 8,
            calls: 100,
            connections: 32,
            keyvalue: KeyValueLimits::default(),
            origins: Origins::default(),
        }
    }
}

impl Default for KeyValueLimits {
    fn default() -> Self {
        Self {
            key: ByteSize::kib(1),
            value: ByteSize::mib(1),
            bytes: ByteSize::mib(256),
            keys: 1_000_000,
            writes: 5_000,
        }
    }
}

impl Default for HostLimits {
    fn default() -> Self {
        Self {
            memory_max: ByteSize::mib(128),
            memory_budget: None,
            instances: 256,
            drain: Duration::from_secs(30),
            origins: Origins::default(),
        }
    }
}

impl Default for ListenerLimits {
    fn default() -> Self {
        Self {
            header_block: ByteSize::kib(32),
            header_fields: 100,
            request_line: ByteSize::kib(8),
            first_byte: Duration::from_secs(10),
            header_read: Duration::from_secs(10),
            tls_handshake: Duration::from_secs(10),
            idle: Duration::from_mins(1),
            body_idle: Duration::from_secs(30),
            body_rate: 240,
            rate_grace: Duration::from_secs(5),
            write_idle: Duration::from_mins(1),
            write_rate: 240,
            connections: 10_000,
            connections_per_address: 256,
            streams: 100,
            header_list: ByteSize::kib(16),
            stream_window: ByteSize::kib(64),
            connection_window: ByteSize::kib(256),
            reset_streams: 20,
            reset_streams_local: 128,
            origins: Origins::default(),
        }
    }
}
