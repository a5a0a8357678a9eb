//! Stock gRPC clients against a served socket.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

use maitred_engine::event::OobOutcome;
use maitred_proto::v1::out_of_band_client::OutOfBandClient;
use maitred_proto::v1::recorder_client::RecorderClient;
use maitred_proto::v1::status_client::StatusClient;
use maitred_proto::v1::{
    DumpRequest, GetRequest, OobHistoryRequest, OobRunRequest, StatusReply, WatchRequest,
};
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_reflection::pb::{v1 as reflection_v1, v1alpha as reflection_v1alpha};

use super::*;
use crate::status::samples::{Sample, oob_end};

/// Ends a test that hangs; nothing takes that long.
const HANGS: Duration = Duration::from_secs(20);

/// Counts its pictures in `pid`.
struct Fake {
    pictures: AtomicU64,
    draining: AtomicBool,
}

impl Source for Fake {
    fn status(&self) -> StatusReply {
        let number = self.pictures.fetch_add(1, SeqCst) + 1;
        let mut sample = Sample::serving();
        sample.facts.pid = u32::try_from(number).unwrap();
        sample.snapshot.draining = self.draining.load(SeqCst);
        sample.reply()
    }

    /// Pieces of all sizes, among them none and more than fits into one message.
    fn recording(&self) -> Vec<Bytes> {
        [1, 0, 300_000, 65_536].into_iter().map(|len| vec![b'r'; len].into()).collect()
    }

    fn oob_history(&self) -> v1::OobHistoryReply {
        let end = oob_end(4121, OobOutcome::Done, Some(Duration::from_millis(180)));
        Sample::serving().out_of_band().oob_history(&[end])
    }

    fn run_oob(&self, pid: Option<u32>, _kind: &str) -> Vec<u32> {
        let known = [4121, 4127];
        known.into_iter().filter(|known| pid.is_none_or(|pid| pid == *known)).collect()
    }
}

/// A served socket in a directory of its own.
pub(in crate::status) struct Served {
    source: Arc<Fake>,
    pub(in crate::status) shutdown: CancellationToken,
    thread: JoinHandle<()>,
    pub(in crate::status) path: PathBuf,
    _dir: tempfile::TempDir,
}

pub(in crate::status) fn served() -> Served {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("admin.sock");
    let listener = StdUnixListener::bind(&path).unwrap();
    let source = Arc::new(Fake { pictures: AtomicU64::new(0), draining: AtomicBool::new(false) });
    let shutdown = CancellationToken::new();
    let thread = spawn_thread(listener, source.clone(), None, shutdown.clone()).unwrap();
    Served { source, shutdown, thread, path, _dir: dir }
}

impl Served {
    pub(in crate::status) async fn leave(self) {
        self.shutdown.cancel();
        let joined = tokio::task::spawn_blocking(move || self.thread.join());
        timeout(HANGS, joined).await.expect("the thread ends").unwrap().unwrap();
    }
}

async fn channel(path: &Path) -> Channel {
    let uri = format!("unix:{}", path.display());
    Endpoint::from_shared(uri).unwrap().connect().await.unwrap()
}

async fn next<T>(stream: &mut tonic::Streaming<T>) -> Option<T> {
    timeout(HANGS, stream.message()).await.expect("an answer").unwrap()
}

#[tokio::test]
async fn get_answers_with_a_picture_taken_after_the_question() {
    let served = served();
    let mut client = StatusClient::new(channel(&served.path).await);
    for number in 1..=3 {
        let reply = client.get(GetRequest {}).await.unwrap().into_inner();
        assert_eq!(reply.pid, number);
        assert_eq!(reply.pools[0].name, "shop");
    }
    served.leave().await;
}

#[tokio::test]
async fn clients_that_ask_at_once_share_pictures() {
    let served = served();
    let client = StatusClient::new(channel(&served.path).await);
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let mut client = client.clone();
        asking.spawn(async move { client.get(GetRequest {}).await.unwrap() });
    }
    assert_eq!(timeout(HANGS, asking.join_all()).await.unwrap().len(), 50);
    let taken = served.source.pictures.load(SeqCst);
    assert!(taken < 50, "{taken} pictures for 50 questions");
    served.leave().await;
}

#[tokio::test]
async fn watch_sends_pictures_until_the_core_leaves() {
    let served = served();
    let mut client = StatusClient::new(channel(&served.path).await);
    let request = WatchRequest { interval_ms: 100 };
    let mut pictures = client.watch(request).await.unwrap().into_inner();
    for number in 1..=3 {
        assert_eq!(next(&mut pictures).await.unwrap().pid, number);
    }
    served.shutdown.cancel();
    while next(&mut pictures).await.is_some() {}
    served.leave().await;
}

#[tokio::test]
async fn a_watch_ends_with_its_client() {
    let source = Arc::new(Fake { pictures: AtomicU64::new(0), draining: AtomicBool::new(false) });
    let camera = Arc::new(Camera::new(source));
    let service = service::Service::new(Arc::clone(&camera), CancellationToken::new());
    let request = tonic::Request::new(WatchRequest { interval_ms: 100 });
    let stream = v1::status_server::Status::watch(&service, request).await.unwrap();
    drop(service);
    drop(stream);
    // The task of the watch holds the camera: when it is gone, only this test does.
    let gone = async {
        while Arc::strong_count(&camera) > 1 {
            tokio::task::yield_now().await;
        }
    };
    timeout(HANGS, gone).await.expect("the watch ends");
}

#[test]
fn an_interval_is_at_least_100_ms_and_1_s_unless_given() {
    assert_eq!(service::interval(0), Duration::from_secs(1));
    assert_eq!(service::interval(1), Duration::from_millis(100));
    assert_eq!(service::interval(2500), Duration::from_millis(2500));
}

#[tokio::test]
async fn health_follows_the_pools() {
    let served = served();
    let mut client = HealthClient::new(channel(&served.path).await);
    for name in ["", "maitred.v1.Status"] {
        let request = HealthCheckRequest { service: name.to_owned() };
        served.source.draining.store(false, SeqCst);
        let answer = client.check(request.clone()).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{name:?}");
        served.source.draining.store(true, SeqCst);
        let answer = client.check(request).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::NotServing, "{name:?}");
    }
    let request = HealthCheckRequest { service: "shop".to_owned() };
    let refused = client.check(request).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::NotFound);
    served.leave().await;
}

#[tokio::test]
async fn a_health_watch_tells_changes_only() {
    let served = served();
    let mut client = HealthClient::new(channel(&served.path).await);
    let request = HealthCheckRequest { service: String::new() };
    let mut changes = client.watch(request).await.unwrap().into_inner();
    let status = |answer: Option<HealthCheckResponse>| answer.unwrap().status();
    assert_eq!(status(next(&mut changes).await), ServingStatus::Serving);
    served.source.draining.store(true, SeqCst);
    assert_eq!(status(next(&mut changes).await), ServingStatus::NotServing);

    let request = HealthCheckRequest { service: "shop".to_owned() };
    let mut unknown = client.watch(request).await.unwrap().into_inner();
    assert_eq!(status(next(&mut unknown).await), ServingStatus::ServiceUnknown);
    served.leave().await;
}

#[tokio::test]
async fn reflection_lists_the_services_in_both_versions() {
    let served = served();
    let expected = |names: Vec<String>| {
        for service in ["maitred.v1.Status", "maitred.v1.OutOfBand", "grpc.health.v1.Health"] {
            assert!(names.iter().any(|name| name == service), "{names:?}");
        }
    };

    use reflection_v1::server_reflection_request::MessageRequest;
    use reflection_v1::server_reflection_response::MessageResponse;
    let mut client = reflection_v1::server_reflection_client::ServerReflectionClient::new(
        channel(&served.path).await,
    );
    let request = reflection_v1::ServerReflectionRequest {
        message_request: Some(MessageRequest::ListServices(String::new())),
        ..Default::default()
    };
    let mut answers =
        client.server_reflection_info(tokio_stream::iter([request])).await.unwrap().into_inner();
    let answer = next(&mut answers).await.unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(list) = answer else { panic!("{answer:?}") };
    expected(list.service.into_iter().map(|service| service.name).collect());

    use reflection_v1alpha::server_reflection_request::MessageRequest as AlphaRequest;
    use reflection_v1alpha::server_reflection_response::MessageResponse as AlphaResponse;
    let mut client = reflection_v1alpha::server_reflection_client::ServerReflectionClient::new(
        channel(&served.path).await,
    );
    let request = reflection_v1alpha::ServerReflectionRequest {
        message_request: Some(AlphaRequest::ListServices(String::new())),
        ..Default::default()
    };
    let mut answers =
        client.server_reflection_info(tokio_stream::iter([request])).await.unwrap().into_inner();
    let answer = next(&mut answers).await.unwrap().message_response.unwrap();
    let AlphaResponse::ListServicesResponse(list) = answer else { panic!("{answer:?}") };
    expected(list.service.into_iter().map(|service| service.name).collect());
    served.leave().await;
}

#[tokio::test]
async fn a_client_that_never_reads_does_not_keep_the_core() {
    let served = served();
    let _silent = tokio::net::UnixStream::connect(&served.path).await.unwrap();
    let mut client = StatusClient::new(channel(&served.path).await);
    let request = WatchRequest { interval_ms: 100 };
    let _unread = client.watch(request).await.unwrap();
    served.leave().await;
}

#[tokio::test]
async fn a_dump_comes_in_pieces_that_any_client_takes() {
    let served = served();
    let mut client = RecorderClient::new(channel(&served.path).await);
    let mut pieces = client.dump(DumpRequest {}).await.unwrap().into_inner();
    let mut sizes = Vec::new();
    while let Some(piece) = next(&mut pieces).await {
        sizes.push(piece.data.len());
    }
    assert!(sizes.iter().all(|size| (1..=65_536).contains(size)), "{sizes:?}");
    assert_eq!(sizes.iter().sum::<usize>(), 365_537);
    served.leave().await;
}

#[tokio::test]
async fn out_of_band_work_is_listed_and_started() {
    let served = served();
    let mut client = OutOfBandClient::new(channel(&served.path).await);
    let listed = client.history(OobHistoryRequest {}).await.unwrap().into_inner();
    assert_eq!(listed.history[0].outcome, "done");
    let asked = |pid, all, kind: &str| OobRunRequest { pid, all, kind: kind.to_owned() };
    let reply = client.run(asked(4127, false, "warm")).await.unwrap().into_inner();
    assert_eq!((reply.kind, reply.pids), ("warm".to_owned(), vec![4127]));
    let reply = client.run(asked(0, true, "")).await.unwrap().into_inner();
    assert_eq!((reply.kind, reply.pids), ("gc".to_owned(), vec![4121, 4127]));
    let unknown = client.run(asked(1, false, "")).await.unwrap_err();
    assert_eq!(unknown.code(), tonic::Code::NotFound);
    assert_eq!(unknown.message(), "no process that is up has pid 1");
    for wrong in [asked(0, false, ""), asked(4121, true, ""), asked(0, true, &"x".repeat(65))] {
        let refused = client.run(wrong).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::InvalidArgument);
    }
    served.leave().await;
}
