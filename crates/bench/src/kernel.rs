//! The operating system's calls that no safe crate offers: CPU masks, batch datagrams, CPU clocks.
//!
//! All `unsafe` of the bench is in this file, each block with its proof; the rest of the crate sees safe
//! functions. Linux only, as the servers that are measured.

#![expect(unsafe_code, reason = "calls into libc: scheduling, recvmmsg/sendmmsg, clocks, mmap")]

use std::fs::File;
use std::io;
use std::mem;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::process::Child;
use std::ptr;
use std::time::Duration;

/// Most datagrams that one system call moves.
pub(crate) const BATCH: usize = 64;

/// Lets the calling thread, and what it starts from now on, run on these CPUs only.
///
/// # Errors
/// If a CPU does not exist or is not ours.
pub(crate) fn pin(cpus: &[usize]) -> io::Result<()> {
    // SAFETY: an all-zero `cpu_set_t` is the empty set.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    for &cpu in cpus {
        if cpu >= 8 * size_of::<libc::cpu_set_t>() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("no CPU {cpu}")));
        }
        // SAFETY: the bit lies inside the set, as just checked.
        unsafe { libc::CPU_SET(cpu, &mut set) };
    }
    // SAFETY: `set` is initialised and its true size is given; 0 is the calling thread.
    check(unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set) })
}

/// Gives the calling thread, and what it starts from now on, real-time round-robin scheduling.
///
/// Other work on the machine then does not disturb a run; niceness does not help against work in
/// other scheduling groups.
///
/// # Errors
/// If the user may not (it needs root or `CAP_SYS_NICE`).
pub(crate) fn real_time() -> io::Result<()> {
    let parameters = libc::sched_param { sched_priority: 5 };
    // SAFETY: `parameters` is initialised; 0 is the calling thread.
    check(unsafe { libc::sched_setscheduler(0, libc::SCHED_RR, &parameters) })
}

/// CPU time of the calling thread.
pub(crate) fn thread_cpu() -> Duration {
    clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// CPU time of this process, all threads.
pub(crate) fn process_cpu() -> Duration {
    clock(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// Reads one of the clocks that cannot fail.
fn clock(id: libc::clockid_t) -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a valid place for the result.
    unsafe { libc::clock_gettime(id, &mut now) };
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// What a process used until it ended.
pub(crate) struct Usage {
    /// Its exit code; -1 if a signal ended it.
    pub(crate) code: i32,
    /// Its CPU time.
    pub(crate) cpu: Duration,
    /// The most memory it had, in bytes.
    pub(crate) memory: u64,
}

/// Waits for a process to end.
///
/// # Errors
/// If it is not our child.
#[expect(clippy::needless_pass_by_value, reason = "nobody may wait for the child again")]
pub(crate) fn wait(child: Child) -> io::Result<Usage> {
    let mut status = 0;
    // SAFETY: an all-zero `rusage` is a valid one.
    let mut usage: libc::rusage = unsafe { mem::zeroed() };
    // SAFETY: both places are valid for the results; the child is ours and nobody has waited for it, since its
    // handle is ours alone.
    check(unsafe { libc::wait4(child.id() as libc::pid_t, &mut status, 0, &mut usage) }.min(0))?;
    let time = |time: libc::timeval| {
        Duration::from_secs(time.tv_sec as u64) + Duration::from_micros(time.tv_usec as u64)
    };
    Ok(Usage {
        code: if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { -1 },
        cpu: time(usage.ru_utime) + time(usage.ru_stime),
        memory: usage.ru_maxrss as u64 * 1024,
    })
}

/// A signal that the bench sends to a server it has started.
#[derive(Clone, Copy)]
pub(crate) enum Signal {
    /// Read the lists again.
    Reload,
    /// End in good order.
    Terminate,
}

/// Sends a signal to a process.
///
/// # Errors
/// If there is no such process.
pub(crate) fn signal(process: u32, signal: Signal) -> io::Result<()> {
    let number = match signal {
        Signal::Reload => libc::SIGHUP,
        Signal::Terminate => libc::SIGTERM,
    };
    // SAFETY: `kill` has no preconditions on memory.
    check(unsafe { libc::kill(process as libc::pid_t, number) })
}

/// One received datagram and where it came from.
pub(crate) struct Datagram {
    /// The buffer; what was received is its beginning.
    pub(crate) bytes: [u8; 1500],
    /// How many bytes were received, or are to be sent.
    pub(crate) len: usize,
    /// The sender, as the kernel wrote it.
    peer: libc::sockaddr_storage,
    /// How much of `peer` is used.
    peer_len: libc::socklen_t,
}

impl Datagram {
    /// Returns [`BATCH`] empty datagrams.
    pub(crate) fn batch() -> Vec<Datagram> {
        // SAFETY: an all-zero `sockaddr_storage` is valid (family unspecified).
        let peer: libc::sockaddr_storage = unsafe { mem::zeroed() };
        (0..BATCH).map(|_| Datagram { bytes: [0; 1500], len: 0, peer, peer_len: 0 }).collect()
    }
}

/// Whether a receive call may sleep.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Sleep until there is one datagram, then take what else is there.
    ForOne,
    /// Take what is there.
    No,
}

/// Receives up to [`BATCH`] datagrams with one call; senders are kept when `wait` is [`Wait::ForOne`]
/// (servers), not otherwise (clients, whose sockets are connected).
///
/// # Errors
/// What the kernel says; nothing there is `WouldBlock`.
pub(crate) fn receive(socket: &UdpSocket, into: &mut [Datagram], wait: Wait) -> io::Result<usize> {
    let count = into.len().min(BATCH);
    // SAFETY: all-zero `iovec`s and `mmsghdr`s are valid: null pointers with zero lengths.
    let mut parts: [libc::iovec; BATCH] = unsafe { mem::zeroed() };
    // SAFETY: as above.
    let mut headers: [libc::mmsghdr; BATCH] = unsafe { mem::zeroed() };
    for ((datagram, part), header) in into.iter_mut().zip(&mut parts).zip(&mut headers) {
        part.iov_base = datagram.bytes.as_mut_ptr().cast();
        part.iov_len = datagram.bytes.len();
        header.msg_hdr.msg_iov = part;
        header.msg_hdr.msg_iovlen = 1;
        if wait == Wait::ForOne {
            header.msg_hdr.msg_name = ptr::from_mut(&mut datagram.peer).cast();
            header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
        }
    }
    let flags = match wait {
        Wait::ForOne => libc::MSG_WAITFORONE,
        Wait::No => libc::MSG_DONTWAIT,
    };
    // SAFETY: the first `count` headers point at buffers of `into` with their true lengths; all live and
    // are not touched until the call returns.
    let received = unsafe {
        libc::recvmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr(),
            count as libc::c_uint,
            flags as _,
            ptr::null_mut(),
        )
    };
    let received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
    for (datagram, header) in into.iter_mut().zip(&headers).take(received) {
        datagram.len = header.msg_len as usize;
        datagram.peer_len = header.msg_hdr.msg_namelen;
    }
    Ok(received)
}

/// Sends packets over a connected socket with one call; returns how many were taken.
///
/// # Errors
/// What the kernel says, if it took none.
pub(crate) fn send(socket: &UdpSocket, packets: &[&[u8]]) -> io::Result<usize> {
    send_all(socket, packets.iter().map(|packet| (*packet, None)))
}

/// Sends each datagram back to where it came from, with one call.
///
/// # Errors
/// What the kernel says, if it took none.
pub(crate) fn reply(socket: &UdpSocket, datagrams: &[Datagram]) -> io::Result<usize> {
    send_all(socket, datagrams.iter().map(|d| (&d.bytes[..d.len], Some((&d.peer, d.peer_len)))))
}

/// Where a packet goes, when the socket is not connected.
type Peer<'a> = Option<(&'a libc::sockaddr_storage, libc::socklen_t)>;

/// Sends up to [`BATCH`] packets with one call.
fn send_all<'a>(
    socket: &UdpSocket,
    packets: impl Iterator<Item = (&'a [u8], Peer<'a>)>,
) -> io::Result<usize> {
    // SAFETY: all-zero `iovec`s and `mmsghdr`s are valid: null pointers with zero lengths.
    let mut parts: [libc::iovec; BATCH] = unsafe { mem::zeroed() };
    // SAFETY: as above.
    let mut headers: [libc::mmsghdr; BATCH] = unsafe { mem::zeroed() };
    let mut count = 0;
    for (((packet, peer), part), header) in packets.zip(&mut parts).zip(&mut headers) {
        part.iov_base = packet.as_ptr().cast_mut().cast();
        part.iov_len = packet.len();
        header.msg_hdr.msg_iov = part;
        header.msg_hdr.msg_iovlen = 1;
        if let Some((address, len)) = peer {
            header.msg_hdr.msg_name = ptr::from_ref(address).cast_mut().cast();
            header.msg_hdr.msg_namelen = len;
        }
        count += 1;
    }
    // SAFETY: the first `count` headers point at packets and addresses that outlive the call, with their
    // true lengths; `sendmmsg` only reads them, whatever their pointers' type says.
    let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), count, 0) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// Sleeps until one of the sockets has something to read, or a millisecond has passed.
pub(crate) fn poll(sockets: &[UdpSocket]) {
    let mut watched: Vec<libc::pollfd> = sockets
        .iter()
        .map(|socket| libc::pollfd { fd: socket.as_raw_fd(), events: libc::POLLIN, revents: 0 })
        .collect();
    // SAFETY: the array and its length belong together. A failure is a wait of no time.
    unsafe { libc::poll(watched.as_mut_ptr(), watched.len() as libc::nfds_t, 1) };
}

/// Maps a whole file for reading, its pages populated.
///
/// # Errors
/// If it cannot be mapped.
pub(crate) fn map(file: &File) -> io::Result<memmap2::Mmap> {
    // SAFETY: the bench alone knows the file, and does not write to it while it is mapped.
    unsafe { memmap2::MmapOptions::new().populate().map(file) }
}

/// Turns -1 into the error behind it.
fn check(result: libc::c_int) -> io::Result<()> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
