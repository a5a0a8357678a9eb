//! The service `maitred.v1.Status`.

use std::sync::Arc;
use std::time::Duration;

use maitred_proto::v1::status_server::Status;
use maitred_proto::v1::{GetRequest, StatusReply, WatchRequest};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response};

use super::camera::Camera;

/// Interval of a watch that names none. Default 1 s: what a person can follow.
const INTERVAL: Duration = Duration::from_secs(1);

/// Shortest interval of a watch. Default 100 ms: faster than the eye needs; a client that asks
/// for less gets this.
const INTERVAL_MIN: Duration = Duration::from_millis(100);

pub(super) struct Service {
    camera: Arc<Camera>,
    shutdown: CancellationToken,
}

impl Service {
    pub(super) fn new(camera: Arc<Camera>, shutdown: CancellationToken) -> Self {
        Self { camera, shutdown }
    }
}

#[tonic::async_trait]
impl Status for Service {
    async fn get(
        &self,
        _request: Request<GetRequest>,
    ) -> Result<Response<StatusReply>, tonic::Status> {
        let picture = self.camera.picture().await;
        Ok(Response::new(StatusReply::clone(&picture)))
    }

    type WatchStream = ReceiverStream<Result<StatusReply, tonic::Status>>;

    async fn watch(
        &self,
        request: Request<WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, tonic::Status> {
        let (frames, stream) = mpsc::channel(1);
        let interval = interval(request.get_ref().interval_ms);
        let watch = watch(Arc::clone(&self.camera), interval, frames);
        let shutdown = self.shutdown.clone();
        tokio::spawn(async move { shutdown.run_until_cancelled(watch).await });
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

pub(super) fn interval(asked_ms: u32) -> Duration {
    match asked_ms {
        0 => INTERVAL,
        asked => Duration::from_millis(asked.into()).max(INTERVAL_MIN),
    }
}

/// Sends pictures until the client leaves. One that reads slowly gets fewer of them.
async fn watch(
    camera: Arc<Camera>,
    interval: Duration,
    frames: mpsc::Sender<Result<StatusReply, tonic::Status>>,
) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = frames.closed() => return,
        }
        // Room first: the picture is then as new as can be.
        let Ok(room) = frames.reserve().await else { return };
        let picture = camera.picture().await;
        room.send(Ok(StatusReply::clone(&picture)));
    }
}
