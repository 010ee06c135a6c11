//! Limits that no file may change: what one guest can cost the host in one step.

use std::time::Duration;

use crate::units::ByteSize;

/// Stack of a guest's own code. Deep enough for recursive parsers; overflowing it is a trap.
pub const WASM_STACK: ByteSize = ByteSize::kib(512);
/// Stack on which a guest and the host functions it uses run. The difference to
/// [`WASM_STACK`] is all that host functions have: overflow there ends the process.
pub const ASYNC_STACK: ByteSize = ByteSize::mib(2);
/// The most that `limits.table_elements` may be: the size of a table's slot in the pool.
pub const TABLE_ELEMENTS_MAX: u32 = 100_000;

/// Bytes of one `fields` value that a guest builds: as much as it may send.
pub const FIELD_BYTES: ByteSize = ByteSize::kib(64);
/// Bytes of headers in a response: more than any client or proxy accepts.
pub const RESPONSE_HEADER_BYTES: ByteSize = ByteSize::kib(64);
/// Header fields in a response: common clients stop at 100 to 256.
pub const RESPONSE_HEADER_FIELDS: usize = 128;
/// Bytes copied from a guest in one host call: the largest value and some margin.
pub const HOSTCALL_BYTES: ByteSize = ByteSize::mib(4);
/// Bytes in one piece of a body between guest and host: bounds what a body holds in memory.
pub const BODY_CHUNK_BYTES: ByteSize = ByteSize::kib(64);

/// Handles to host resources (requests, fields, streams) of one instance.
pub const RESOURCE_HANDLES: u32 = 1_024;
/// Handles of all kinds that the components of one instance pass among themselves.
pub const COMPONENT_HANDLES: u32 = 10_000;
/// Tasks, streams and futures of one WASI 0.3 instance.
pub const CONCURRENT_HANDLES: u32 = 1_024;

/// Random bytes in one call: nobody needs a larger key at once.
pub const RANDOM_BYTES: ByteSize = ByteSize::kib(64);

/// Bytes of a component's file: interpreters of other languages take about half.
pub const COMPONENT_FILE: ByteSize = ByteSize::mib(64);
/// Core instances in one component: composed components have a dozen.
pub const CORE_INSTANCES: u32 = 64;
/// Memories in one component: one for the guest, few for adapters.
pub const MEMORIES: u32 = 4;
/// Tables in one component.
pub const TABLES: u32 = 32;
/// Imports and exports of one component, all levels together.
pub const IMPORTS_EXPORTS: u32 = 10_000;
/// Components and modules inside each other: composing what was composed of components takes three.
pub const COMPONENT_NESTING: u32 = 32;
/// Types of components and of modules that one component defines, those inside of others
/// included: the largest worlds have some thousand.
pub const TYPES: u32 = 50_000;
/// Types of instances inside each other: what generators write has two, and whoever reads them recurses.
pub const TYPE_NESTING: u32 = 100;
/// Functions with a body in one component: interpreters of other languages have 30,000.
pub const FUNCTIONS: u32 = 100_000;
/// Bytes of one function's body: compiling takes longer by more than the length.
/// The loops of interpreters have a third of it.
pub const FUNCTION_BODY: ByteSize = ByteSize::mib(1);
/// Locals of one function, its parameters apart: code that was not optimised has some thousand.
pub const LOCALS: u32 = 10_000;
/// Blocks inside each other in one function: a `switch` is as deep as it has cases.
pub const BLOCK_NESTING: u32 = 5_000;

/// Processor time of compiling one component: interpreters of other languages take a third of it.
pub const COMPILE_CPU: Duration = Duration::from_secs(60);
/// Address space of the process that compiles; less where the machine has less to spare.
pub const COMPILE_MEMORY: ByteSize = ByteSize::mib(2_048);
/// Time of compiling by the clock: it is done at a low priority, while others are served.
pub const COMPILE_WALL: Duration = Duration::from_secs(120);
/// Bytes of the code that comes of one component: five times the largest file, and more
/// than twice of it are in memory when it is loaded.
pub const COMPILED_CODE: ByteSize = ByteSize::mib(320);
/// Components that are compiled at once. Each takes all cores that are idle.
pub const COMPILES: u32 = 1;
/// The most that [`COMPILES`] may be changed to: memory of this many compilations is spent besides what guests get.
pub const COMPILES_MAX: u32 = 2;
/// Bytes kept of what a process that compiles wrote for people, for the log.
pub const COMPILE_WORDS: ByteSize = ByteSize::kib(4);

/// Interfaces that one component imports besides those every service has: more
/// than this host offers, and few enough to read in a difference of two revisions.
pub const IMPORT_NAMES: usize = 100;
/// Letters of the name of an import that are kept: twice the longest there is.
pub const IMPORT_NAME_LETTERS: usize = 128;
/// Machine code that is kept for whoever asks for the same bytes again, such as a
/// rollback: some hundred small components, or ten interpreters of other languages.
pub const CODE_CACHE: ByteSize = ByteSize::mib(256);
/// The same as a count: each holds a file handle (the memory it starts with), and a quarter of those
/// that connections may not take is enough.
pub const CODE_CACHE_COUNT: usize = 64;
/// Instances that are started at once to see whether they start. One deployment
/// is under way at a time; the slots are kept besides those of requests.
pub const TRIALS: u32 = 2;

/// How long connecting to a host outside may take.
pub const OUTBOUND_CONNECT: Duration = Duration::from_secs(5);
/// The same for the TLS handshake.
pub const OUTBOUND_HANDSHAKE: Duration = Duration::from_secs(5);
/// How long a host outside may be silent in a body. Until the first byte, the deadline holds.
pub const OUTBOUND_BETWEEN_BYTES: Duration = Duration::from_secs(30);

/// How often guests are looked at: the error with which a processor limit is kept.
pub const EPOCH_TICK: Duration = Duration::from_millis(5);
/// One in this many instances and permits is kept for calls, which never wait,
/// so that requests alone cannot fill the host and leave their own calls without one.
pub const CALLS_RESERVE_DIVISOR: u32 = 4;
/// Of `memory_budget`, one part in so many is kept for instances of at most [`MEMORY_SMALL`]:
/// services whose guests grow without end leave the others room to begin.
pub const MEMORY_RESERVE_DIVISOR: u64 = 8;
/// Memory of an instance that may come out of that part: a usual guest begins with about 1 MiB.
pub const MEMORY_SMALL: ByteSize = ByteSize::mib(2);
/// How long a request waits for a free instance before `pool-exhausted`.
pub const POOL_WAIT: Duration = Duration::from_secs(1);
/// How long an instance that may be reused is kept without a request.
pub const REUSE_IDLE: Duration = Duration::from_secs(30);
/// How long [`crate::limits::KeyValueLimits::writes`] may be saved up and used at once.
pub const WRITE_BURST: Duration = Duration::from_secs(2);
