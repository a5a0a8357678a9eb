//! The standard health service: may this core be sent traffic?
//!
//! It looks at the pools at the moment it is asked, so that the answer is never older than the
//! question and nothing has to be kept up to date.

use std::sync::Arc;
use std::time::Duration;

use maitred_proto::v1::status_server::SERVICE_NAME;
use maitred_proto::v1::{Readiness, StatusReply};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_server};

use super::camera::Camera;

/// How often a watch looks. Default 500 ms: balancers react in seconds.
const LOOK: Duration = Duration::from_millis(500);

pub(super) struct Health {
    camera: Arc<Camera>,
    shutdown: CancellationToken,
}

impl Health {
    pub(super) fn new(camera: Arc<Camera>, shutdown: CancellationToken) -> Self {
        Self { camera, shutdown }
    }
}

#[tonic::async_trait]
impl health_server::Health for Health {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let name = &request.get_ref().service;
        if !is_known(name) {
            return Err(Status::not_found(format!("no service is called {name:?}")));
        }
        let status = health(&*self.camera.picture().await);
        Ok(Response::new(HealthCheckResponse { status: status.into() }))
    }

    type WatchStream = ReceiverStream<Result<HealthCheckResponse, Status>>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let (changes, stream) = mpsc::channel(1);
        let camera = is_known(&request.get_ref().service).then(|| Arc::clone(&self.camera));
        let shutdown = self.shutdown.clone();
        tokio::spawn(async move { shutdown.run_until_cancelled(watch(camera, changes)).await });
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

/// Sends the health now and at each change. Without a camera: of a service nobody knows, which
/// by the health protocol is an answer, not an error.
async fn watch(
    camera: Option<Arc<Camera>>,
    changes: mpsc::Sender<Result<HealthCheckResponse, Status>>,
) {
    let mut told = None;
    while !changes.is_closed() {
        let status = match &camera {
            Some(camera) => health(&*camera.picture().await),
            None => ServingStatus::ServiceUnknown,
        };
        if told.replace(status) != Some(status) {
            let response = HealthCheckResponse { status: status.into() };
            if changes.send(Ok(response)).await.is_err() {
                return;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = changes.closed() => return,
        }
    }
}

/// "" is the core as a whole. Both follow the pools: what a balancer wants to know.
fn is_known(service: &str) -> bool {
    service.is_empty() || service == SERVICE_NAME
}

fn health(reply: &StatusReply) -> ServingStatus {
    let ready = |pool: &maitred_proto::v1::Pool| pool.readiness() == Readiness::Ready;
    if !reply.draining && !reply.pools.is_empty() && reply.pools.iter().all(ready) {
        ServingStatus::Serving
    } else {
        ServingStatus::NotServing
    }
}
