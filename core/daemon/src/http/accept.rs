//! Listening sockets: accepts connections and gives each a task.

use std::future::{Future as _, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Poll;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::conn::Conn;
use super::conn::transport::ClientIo;
use super::serve::{Front, serve};
use super::sweep::Registry;

/// A pause after the system is out of descriptors or memory. Default 100 ms: connections wait in
/// the kernel meanwhile, and the core does not spin.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// Bytes that hyper buffers of one connection at most, each way. Default 64 KiB: the longest
/// head, and one piece of a body.
const HYPER_BUFFER: usize = 64 * 1024;

/// A listening socket.
#[derive(Debug)]
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// A Unix socket and its path.
    Unix(UnixListener, Arc<str>),
}

/// Accepts on one socket.
#[derive(Debug, Clone)]
pub struct Acceptor {
    /// What requests need.
    pub front: Arc<Front>,
    /// All connections.
    pub registry: Arc<Registry>,
    /// The tasks of all connections.
    pub tasks: TaskTracker,
    /// Set when no more are to be accepted.
    pub stop: CancellationToken,
}

impl Acceptor {
    /// Accepts until told to stop. Connections that the kernel has accepted by then are still
    /// taken: their clients believe that they are connected.
    pub async fn run(self, listener: Listener) {
        let mut exhausted = false;
        loop {
            let accepted = tokio::select! {
                biased;
                accepted = self.accept(&listener) => accepted,
                () = self.stop.cancelled() => break,
            };
            match accepted {
                Ok(conn) => {
                    exhausted = false;
                    self.spawn(conn);
                }
                Err(error) => {
                    let nothing_left = pause(&error, exhausted).await;
                    exhausted |= nothing_left;
                    // Those who wait in the kernel cannot be taken: leaving goes on without them.
                    if nothing_left && self.stop.is_cancelled() {
                        break;
                    }
                }
            }
        }
        // While it still listens: so this can never be the socket of whoever comes next.
        if let Listener::Unix(_, path) = &listener {
            let _removed_by_someone = std::fs::remove_file(path.as_ref());
        }
        // A listener that cannot be taken back has nothing to give either.
        let _last = self.take_last(listener);
    }

    /// Takes what came since the reactor last looked: only the kernel knows of those, and would
    /// reset them when the listener closes.
    fn take_last(&self, listener: Listener) -> io::Result<()> {
        match listener {
            Listener::Tcp(listener) => {
                let listener = listener.into_std()?;
                while let Ok((stream, peer)) = listener.accept() {
                    stream.set_nonblocking(true)?;
                    self.spawn(self.tcp(TcpStream::from_std(stream)?, peer)?);
                }
            }
            Listener::Unix(listener, path) => {
                let listener = listener.into_std()?;
                while let Ok((stream, _)) = listener.accept() {
                    stream.set_nonblocking(true)?;
                    let driver = Arc::clone(&self.front.driver);
                    let stream = UnixStream::from_std(stream)?;
                    self.spawn(Conn::unix(stream, Arc::clone(&path), driver));
                }
            }
        }
        Ok(())
    }

    async fn accept(&self, listener: &Listener) -> io::Result<Conn> {
        match listener {
            Listener::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                self.tcp(stream, peer)
            }
            Listener::Unix(listener, path) => {
                let (stream, _) = listener.accept().await?;
                Ok(Conn::unix(stream, Arc::clone(path), Arc::clone(&self.front.driver)))
            }
        }
    }

    fn tcp(&self, stream: TcpStream, peer: SocketAddr) -> io::Result<Conn> {
        // Small answers must not wait for the acknowledgement of earlier ones.
        stream.set_nodelay(true)?;
        let local = stream.local_addr()?;
        Ok(Conn::tcp(stream, peer, local, Arc::clone(&self.front.driver)))
    }

    fn spawn(&self, conn: Conn) {
        let conn = Arc::new(conn);
        let counts = &self.front.driver.counts;
        counts.accepted.fetch_add(1, Relaxed);
        let registered = self.registry.add(Arc::clone(&conn));
        let task = self.tasks.spawn({
            let (front, conn) = (Arc::clone(&self.front), Arc::clone(&conn));
            async move {
                let _registered = registered;
                run_conn(front, conn).await;
            }
        });
        let _first = conn.task.set(task.abort_handle());
    }
}

/// After an error of accept: one that is about a single connection is nothing; being out of
/// descriptors, which is returned, is said once until a connection is accepted again.
async fn pause(error: &io::Error, said: bool) -> bool {
    match error.kind() {
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset => false,
        _ => {
            if !said {
                tracing::warn!(%error, "cannot accept connections for now");
            }
            tokio::time::sleep(EXHAUSTED_PAUSE).await;
            true
        }
    }
}

/// Serves one connection until it ends.
pub(crate) async fn run_conn(front: Arc<Front>, conn: Arc<Conn>) {
    let io = TokioIo::new(ClientIo::new(Arc::clone(&conn)));
    let service = service_fn({
        let (front, conn) = (Arc::clone(&front), Arc::clone(&conn));
        move |request| serve(Arc::clone(&front), Arc::clone(&conn), request)
    });
    let served = {
        let mut http = std::pin::pin!(builder(front.head_max).serve_connection(io, service));
        let mut closing = std::pin::pin!(front.close_idle.cancelled());
        let mut waits = false;
        let ended = poll_fn(|cx| {
            if let Poll::Ready(served) = http.as_mut().poll(cx) {
                return Poll::Ready(Some(served));
            }
            // Polled several times per request, and always by the same task: so once is enough to
            // be woken by it, and it cannot be ready while `leaving` is not set.
            if !waits || front.leaving.load(Relaxed) {
                waits = true;
                return closing.as_mut().poll(cx).map(|()| None);
            }
            Poll::Pending
        });
        match ended.await {
            Some(served) => served,
            None => {
                http.as_mut().graceful_shutdown();
                http.await
            }
        }
    };
    let malformed = served.err().filter(|error| error.is_parse() || error.is_parse_too_large());
    if let Some(error) = &malformed {
        front.driver.counts.malformed.fetch_add(1, Relaxed);
        tracing::debug!(%error, "not HTTP");
    }
    conn.linger(malformed.is_some()).await;
}

fn builder(head_max: usize) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.max_header_size(head_max).max_buf_size(HYPER_BUFFER);
    builder
}

/// Binds a TCP address.
///
/// # Errors
/// When the address is in use, not ours, or not allowed.
pub fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(address),
        socket2::Type::STREAM.nonblocking().cloexec(),
        Some(socket2::Protocol::TCP),
    )?;
    // A restart must not wait for the connections of its predecessor to be forgotten.
    socket.set_reuse_address(true)?;
    // Every connection inherits this. TCP_USER_TIMEOUT would do more, but it cuts those who read
    // slowly as well: what it measures does not start anew when they take a part.
    let alive = socket2::TcpKeepalive::new().with_time(SILENCE_MAX).with_interval(PROBE_INTERVAL);
    socket.set_tcp_keepalive(&alive)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// How long a connection may be silent before the peer's kernel is asked whether it still knows of
/// it. Default 60 s: a request may run for long, and its client may be gone without a word.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// How often it is asked then. Default 10 s; the kernel gives up after nine times.
const PROBE_INTERVAL: Duration = Duration::from_secs(10);

/// Connections that the kernel holds until they are accepted. Default 4096; the kernel's own
/// limit (`somaxconn`) may be lower.
pub const BACKLOG: i32 = 4096;
