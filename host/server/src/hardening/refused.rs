//! The system calls that a host never makes, and what a program hears that makes one.
//!
//! A list of what is refused, and not of what is allowed. What a host needs differs
//! between two C libraries, their versions, three processors and the kernel's new
//! calls, and a list of those that breaks on an update is a list that gets switched
//! off. What is refused is where kernels were broken into before, what reaches
//! other processes, and what changes the machine: no update of a library will need
//! it. The price: a new system call is allowed until somebody puts it here.
//!
//! Calls that do not look at their arguments cost nothing, since the kernel keeps
//! a table of the answers. That is why `ioctl`, which cleans slots, is not here.

/// Why calls of one kind are refused, and which they are.
pub struct Kind {
    /// What they are for.
    pub what: &'static str,
    /// Whether they are answered as if the kernel did not have them (`ENOSYS`), so that libraries
    /// take another way. Otherwise they are forbidden (`EPERM`).
    pub is_absent: bool,
    /// Their names and numbers.
    pub calls: &'static [(&'static str, i64)],
}

macro_rules! calls {
    ($($name:ident),* $(,)?) => { &[$((stringify!($name), libc::$name)),*] };
}

/// The bit that marks the calls of the x32 ABI, which reaches the same kernel by other numbers.
pub const X32_BIT: i64 = 0x4000_0000;

/// Calls that have a number of their own in the x32 ABI.
#[cfg(target_arch = "x86_64")]
pub const X32_OWN: &[i64] = &[
    X32_BIT + 521, // ptrace
    X32_BIT + 528, // kexec_load
    X32_BIT + 532, // vmsplice
    X32_BIT + 533, // move_pages
    X32_BIT + 539, // process_vm_readv
    X32_BIT + 540, // process_vm_writev
    X32_BIT + 543, // io_setup
    X32_BIT + 544, // io_submit
];
/// Other processors have no such ABI.
#[cfg(not(target_arch = "x86_64"))]
pub const X32_OWN: &[i64] = &[];

/// All that are refused whatever their arguments.
pub const KINDS: &[Kind] = &[
    Kind {
        what: "reading, writing and steering other processes",
        is_absent: false,
        calls: calls![
            SYS_ptrace,
            SYS_process_vm_readv,
            SYS_process_vm_writev,
            SYS_process_madvise,
            SYS_process_mrelease,
            SYS_pidfd_getfd,
            SYS_kcmp,
            SYS_migrate_pages,
            SYS_move_pages,
        ],
    },
    Kind {
        what: "another view of files, users and the network",
        is_absent: false,
        calls: calls![
            SYS_mount,
            SYS_umount2,
            SYS_pivot_root,
            SYS_chroot,
            SYS_move_mount,
            SYS_open_tree,
            SYS_fsopen,
            SYS_fsconfig,
            SYS_fsmount,
            SYS_fspick,
            SYS_mount_setattr,
            SYS_unshare,
            SYS_setns,
        ],
    },
    Kind {
        what: "other users, and rights beyond those that the process has",
        is_absent: false,
        calls: calls![
            SYS_setuid,
            SYS_setgid,
            SYS_setreuid,
            SYS_setregid,
            SYS_setresuid,
            SYS_setresgid,
            SYS_setfsuid,
            SYS_setfsgid,
            SYS_setgroups,
            SYS_capset,
            SYS_personality,
        ],
    },
    Kind {
        what: "code in the kernel",
        is_absent: false,
        calls: calls![
            SYS_init_module,
            SYS_finit_module,
            SYS_delete_module,
            SYS_kexec_load,
            SYS_kexec_file_load,
            SYS_bpf,
            SYS_perf_event_open,
            SYS_userfaultfd,
            SYS_lookup_dcookie,
        ],
    },
    Kind {
        what: "the machine itself",
        is_absent: false,
        calls: calls![
            SYS_reboot,
            SYS_swapon,
            SYS_swapoff,
            SYS_acct,
            SYS_syslog,
            SYS_quotactl,
            SYS_quotactl_fd,
            SYS_vhangup,
            SYS_settimeofday,
            SYS_clock_settime,
            SYS_clock_adjtime,
            SYS_adjtimex,
            SYS_sethostname,
            SYS_setdomainname,
        ],
    },
    Kind { what: "the kernel's key rings", is_absent: false, calls: calls![SYS_add_key, SYS_request_key, SYS_keyctl] },
    Kind {
        what: "files past their paths, and files that are devices",
        is_absent: false,
        calls: calls![
            SYS_open_by_handle_at,
            SYS_name_to_handle_at,
            SYS_fanotify_init,
            SYS_fanotify_mark,
            SYS_mknodat,
            SYS_vmsplice,
            SYS_execveat,
        ],
    },
    Kind {
        what: "memory and queues that are shared by number, past every rule about files",
        is_absent: false,
        calls: calls![
            SYS_shmget,
            SYS_shmat,
            SYS_shmctl,
            SYS_semget,
            SYS_semop,
            SYS_semtimedop,
            SYS_semctl,
            SYS_msgget,
            SYS_msgsnd,
            SYS_msgrcv,
            SYS_msgctl,
            SYS_mq_open,
            SYS_mq_unlink,
        ],
    },
    Kind {
        what: "work that the kernel does in the background, and that no filter sees",
        is_absent: true,
        calls: calls![SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register, SYS_io_setup, SYS_io_submit],
    },
    Kind {
        // Its flags lie in memory, where a filter cannot look. Libraries then use `clone`, whose flags it sees.
        what: "new processes with views of their own",
        is_absent: true,
        calls: calls![SYS_clone3],
    },
    #[cfg(target_arch = "x86_64")]
    Kind {
        what: "the processor's own doors, and what is left of older kernels",
        is_absent: false,
        calls: calls![
            SYS_iopl,
            SYS_ioperm,
            SYS_modify_ldt,
            SYS_mknod,
            SYS_uselib,
            SYS_ustat,
            SYS_sysfs,
            SYS__sysctl,
            SYS_nfsservctl,
        ],
    },
];
