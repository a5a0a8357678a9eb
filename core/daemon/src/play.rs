//! A stage for tests: the driver, clients over real sockets, and a process that does what it is
//! told.
//!
//! Between client and process everything is the core's own code. The process is played frame by
//! frame, so that a story can put END, READY and a client's departure in any order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderName;
use maitred_engine::event::Input;
use maitred_engine::id::{PoolId, ProcessId};
use maitred_engine::limits::PoolLimits;
use maitred_engine::snapshot::Snapshot;
use maitred_proto::link::{CoreEvent, CoreLink, ProcessEvent, ProcessLink};
use maitred_proto::message::{Hello, OobStart, Request, ResponseHead, Welcome, capability};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::body::budget::Budget;
use crate::body::upload;
use crate::clock::Clock;
use crate::config::TrustedProxies;
use crate::driver::{Driver, Parts};
use crate::http::accept::run_conn;
use crate::http::conn::Conn;
use crate::http::forwarded::Forwarding;
use crate::http::serve::Front;
use crate::link::Link;
use crate::routes::Routes;
use crate::supervise::Order;

const POOL: PoolId = PoolId(1);

/// Longest body that the core takes, in bytes.
pub(crate) const BODY_MAX: u64 = 1 << 20;

/// After this a story is stuck.
const PATIENCE: Duration = Duration::from_secs(10);

/// The core and one process of `slots` slots.
pub(crate) struct Play {
    pub(crate) driver: Arc<Driver>,
    pub(crate) app: App,
    front: Arc<Front>,
    _orders: mpsc::UnboundedReceiver<Order>,
    _spool: tempfile::TempDir,
}

/// The process.
pub(crate) struct App {
    pub(crate) id: ProcessId,
    pub(crate) link: ProcessLink,
    /// Requests by stream, with what came of their bodies.
    pub(crate) requests: BTreeMap<u64, (Request, Vec<u8>)>,
    /// Streams that were told that nothing more of their request comes.
    pub(crate) ended: Vec<u64>,
    /// Out-of-band work that it was granted.
    pub(crate) granted: Vec<OobStart>,
    input: BytesMut,
}

/// A client on a connection of its own.
pub(crate) struct Client {
    pub(crate) socket: UnixStream,
    pub(crate) conn: Arc<Conn>,
    pub(crate) task: JoinHandle<()>,
    got: Vec<u8>,
}

impl Play {
    /// A core whose bodies may hold `memory_max` bytes.
    pub(crate) fn new(slots: u32, memory_max: u64) -> Self {
        Self::with(slots, memory_max, &[])
    }

    /// The same, with a process that can keep a request until a slot is ready.
    pub(crate) fn early(slots: u32, memory_max: u64) -> Self {
        Self::with(slots, memory_max, &[capability::EARLY])
    }

    fn with(slots: u32, memory_max: u64, capabilities: &[&str]) -> Self {
        let spool = tempfile::tempdir().unwrap();
        let (orders, mut ordered) = mpsc::unbounded_channel();
        let driver = Driver::new(Parts {
            clock: Clock::start(),
            budget: Budget::new(memory_max, 1 << 30, spool.path().to_owned()),
            uploads: upload::Policy { body_max: BODY_MAX },
            orders,
            access_log: None,
        });
        let limits = PoolLimits { processes: 1, ..PoolLimits::default() };
        driver.process(Input::PoolAdded { pool: POOL, limits: Box::new(limits) });
        let Ok(Order::Spawn { process, pool, generation }) = ordered.try_recv() else {
            panic!("a pool wants a process");
        };
        driver.with_roster(|roster| roster.add(process, pool, generation));
        driver.process(Input::Spawned { process, pid: 1 });
        let app = App::connect(&driver, process, slots, capabilities);
        let front = Arc::new(Front {
            driver: Arc::clone(&driver),
            pool: POOL,
            forwarding: Forwarding::new(TrustedProxies::default()),
            request_id: HeaderName::from_static("x-request-id"),
            head_max: 64 * 1024,
            server_timing: false,
            routes: Routes::default(),
            health_path: None,
            priority_header: None,
            lease_header: None,
            leaving: AtomicBool::new(false),
            close_idle: CancellationToken::new(),
        });
        Self { driver, app, front, _orders: ordered, _spool: spool }
    }

    /// What a listening socket needs of the core.
    pub(crate) fn front(&self) -> Arc<Front> {
        Arc::clone(&self.front)
    }

    /// A client that sends `text`.
    pub(crate) async fn client(&self, text: &str) -> Client {
        let (socket, theirs) = UnixStream::pair().unwrap();
        let conn = Conn::unix(theirs, "played".into(), Arc::clone(&self.driver));
        let conn = Arc::new(conn);
        let task = tokio::spawn(run_conn(Arc::clone(&self.front), Arc::clone(&conn)));
        let mut client = Client { socket, conn, task, got: Vec::new() };
        client.send(text.as_bytes()).await;
        client
    }

    /// Lets the core and the process exchange frames until `holds`.
    pub(crate) async fn until(&mut self, what: &str, mut holds: impl FnMut(&mut Self) -> bool) {
        let waiting = async {
            loop {
                self.app.exchange(&self.driver);
                if holds(self) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect(what);
    }

    /// Waits until the process has a request on a stream above `after`; returns the stream.
    pub(crate) async fn request(&mut self, after: u64) -> u64 {
        let newer = |play: &Self| play.app.requests.keys().copied().find(|&it| it > after);
        self.until("a request comes", |play| newer(play).is_some()).await;
        newer(self).unwrap()
    }

    /// What the engine says.
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.driver.read(|snapshot, _, _| snapshot.clone())
    }

    /// (completed, abandoned, failed) and how many requests have no outcome.
    pub(crate) fn outcomes(&self) -> ((u64, u64, u64), u64) {
        let snapshot = self.snapshot();
        let totals = &snapshot.pools[0].totals;
        let failed = totals.failed.values().sum::<u64>();
        let ended = totals.completed + totals.abandoned + failed;
        let refused = totals.refused.values().sum::<u64>();
        ((totals.completed, totals.abandoned, failed), totals.arrived - refused - ended)
    }
}

impl App {
    fn connect(driver: &Arc<Driver>, id: ProcessId, slots: u32, capabilities: &[&str]) -> Self {
        let capabilities: Vec<String> = capabilities.iter().map(ToString::to_string).collect();
        let mut link = ProcessLink::new();
        link.hello(&Hello { version_min: 1, version_max: 1, slots, ..Hello::default() });
        let mut core = CoreLink::new();
        let mut hello = BytesMut::from(link.transmit());
        link.transmitted(hello.len());
        core.receive(&mut hello).unwrap();
        assert!(matches!(core.poll_event(), Some(CoreEvent::Hello(_))));
        let takes_early = !capabilities.is_empty();
        core.welcome(&Welcome { version: 1, capabilities, ..Welcome::default() });
        driver.link_opened(id, slots, Link::new(core, slots, takes_early));
        Self {
            id,
            link,
            requests: BTreeMap::new(),
            ended: Vec::new(),
            granted: Vec::new(),
            input: BytesMut::new(),
        }
    }

    /// Carries what both sides have to say, once.
    pub(crate) fn exchange(&mut self, driver: &Driver) {
        self.tell(driver);
        let said = driver.with_link(self.id, |link| {
            let said = link.proto.transmit().to_vec();
            link.proto.transmitted(said.len());
            said
        });
        self.input.extend_from_slice(&said.unwrap_or_default());
        self.link.receive(&mut self.input).expect("the core keeps to the protocol");
        while let Some(event) = self.link.poll_event() {
            self.hear(event);
        }
    }

    /// Hands all that the process has to say to the core in one piece.
    pub(crate) fn tell(&mut self, driver: &Driver) {
        let mut frames = BytesMut::new();
        while self.link.wants_transmit() {
            let len = self.link.transmit().len();
            frames.extend_from_slice(self.link.transmit());
            self.link.transmitted(len);
        }
        if !frames.is_empty() {
            assert!(driver.link_received(self.id, &mut frames), "the process is good");
        }
    }

    fn hear(&mut self, event: ProcessEvent) {
        match event {
            ProcessEvent::Request { stream, head, end } => {
                self.requests.insert(stream, (head, Vec::new()));
                self.ended.extend(end.then_some(stream));
            }
            ProcessEvent::Body { stream, data, end } => {
                self.link.consumed(stream, data.len());
                self.requests.get_mut(&stream).unwrap().1.extend_from_slice(&data);
                self.ended.extend(end.then_some(stream));
            }
            ProcessEvent::End { stream } => self.ended.push(stream),
            ProcessEvent::OobStart(start) => self.granted.push(start),
            _ => {}
        }
    }

    /// The head of a response.
    pub(crate) fn respond(&mut self, stream: u64, status: u16, headers: &[(&str, &str)]) {
        let headers = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        self.link.respond(stream, ResponseHead { status, headers }, false, false).unwrap();
    }

    /// A piece of its body.
    pub(crate) fn body(&mut self, stream: u64, data: &'static [u8]) {
        self.link.body(stream, Bytes::from_static(data), false, false);
    }

    /// Its end; the slot is free as well.
    pub(crate) fn end(&mut self, stream: u64) {
        self.link.end(stream, true);
    }
}

impl Client {
    /// Sends all of `data`.
    pub(crate) async fn send(&mut self, data: &[u8]) {
        self.socket.write_all(data).await.unwrap();
    }

    /// What has come so far; does not wait.
    pub(crate) fn got(&mut self) -> String {
        let mut room = [0; 64 * 1024];
        while let Ok(read @ 1..) = self.socket.try_read(&mut room) {
            self.got.extend_from_slice(&room[..read]);
        }
        String::from_utf8_lossy(&self.got).into_owned()
    }

    /// Everything until the core closes.
    pub(crate) async fn rest(mut self) -> String {
        let read = self.socket.read_to_end(&mut self.got);
        tokio::time::timeout(PATIENCE, read).await.expect("the core closes").unwrap();
        String::from_utf8_lossy(&self.got).into_owned()
    }
}
