//! The API on the admin socket: Status, Recorder, health and reflection.
//!
//! It runs in a thread with a runtime of its own, and takes pictures at a limited rate, so that
//! no status client, however greedy or slow, costs the traffic anything.

use std::io;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use maitred_proto::v1;
use maitred_proto::v1::out_of_band_server::OutOfBandServer;
use maitred_proto::v1::recorder_server::RecorderServer;
use maitred_proto::v1::status_server::StatusServer;
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic_health::pb::health_server::HealthServer;

mod accept;
mod camera;
mod dump;
mod health;
mod oob;
mod service;

use super::observe::Observe;
use camera::Camera;

/// Streams per connection. Default 64: a client library needs one or two.
const STREAMS_MAX: u32 = 64;

/// What clients get to finish when the core leaves. Default 1 s: a picture takes milliseconds.
const LEAVE_MAX: Duration = Duration::from_secs(1);

/// Where pictures come from.
pub trait Source: Send + Sync + 'static {
    /// The picture of this moment. Called in the status thread, at a limited rate.
    fn status(&self) -> v1::StatusReply;

    /// The flight recorder's file of this moment, in pieces. Called in the status thread.
    fn recording(&self) -> Vec<Bytes>;

    /// Out-of-band work of this moment and of late. Called in the status thread.
    fn oob_history(&self) -> v1::OobHistoryReply;

    /// Asks for out-of-band work in the process with this pid, or in every one that is up;
    /// returns the pids of those that were asked.
    fn run_oob(&self, pid: Option<u32>, kind: &str) -> Vec<u32>;
}

/// Serves the status API, and probes where that is wanted, in a thread of its own until `shutdown`.
///
/// # Errors
/// When the thread or its runtime cannot be started.
pub fn spawn_thread(
    listener: StdUnixListener,
    source: Arc<dyn Source>,
    observe: Option<Observe>,
    shutdown: CancellationToken,
) -> io::Result<JoinHandle<()>> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("maitred-status".to_owned()).spawn(move || {
        let served = runtime.block_on(async {
            if let Some(observe) = observe {
                tokio::spawn(observe.run(shutdown.clone()));
            }
            serve(UnixListener::from_std(listener)?, source, shutdown).await
        });
        if let Err(error) = served {
            tracing::error!("the status API ended: {error:#}");
        }
    })
}

/// Serves the status API until `shutdown`.
///
/// # Errors
/// When the descriptors of the API are broken or the server fails as a whole.
pub async fn serve(
    listener: UnixListener,
    source: Arc<dyn Source>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let dump = dump::Dump::new(Arc::clone(&source));
    let oob = oob::Oob::new(Arc::clone(&source));
    let camera = Arc::new(Camera::new(source));
    let status = service::Service::new(Arc::clone(&camera), shutdown.clone());
    let health = health::Health::new(camera, shutdown.clone());
    let server = Server::builder()
        .max_concurrent_streams(STREAMS_MAX)
        .add_service(StatusServer::new(status))
        .add_service(RecorderServer::new(dump))
        .add_service(OutOfBandServer::new(oob))
        .add_service(HealthServer::new(health))
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?)
        .serve_with_incoming_shutdown(
            accept::incoming(listener),
            shutdown.clone().cancelled_owned(),
        );
    tokio::select! {
        served = server => Ok(served?),
        () = leave(shutdown) => Ok(()),
    }
}

/// A client that does not read must not keep the core from leaving.
async fn leave(shutdown: CancellationToken) {
    shutdown.cancelled().await;
    tokio::time::sleep(LEAVE_MAX).await;
}

fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(v1::DESCRIPTOR)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}

#[cfg(test)]
pub(super) mod tests;
