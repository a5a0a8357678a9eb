//! The service `maitred.v1.OutOfBand`.

use std::sync::Arc;

use maitred_proto::frame::OOB_KIND_MAX;
use maitred_proto::v1::out_of_band_server::OutOfBand;
use maitred_proto::v1::{OobHistoryReply, OobHistoryRequest, OobRunReply, OobRunRequest};
use tonic::{Request, Response, Status};

use super::Source;
use crate::driver::oob::KIND_DEFAULT;

pub(super) struct Oob {
    source: Arc<dyn Source>,
}

impl Oob {
    pub(super) fn new(source: Arc<dyn Source>) -> Self {
        Self { source }
    }
}

#[tonic::async_trait]
impl OutOfBand for Oob {
    async fn history(
        &self,
        _request: Request<OobHistoryRequest>,
    ) -> Result<Response<OobHistoryReply>, Status> {
        Ok(Response::new(self.source.oob_history()))
    }

    async fn run(&self, request: Request<OobRunRequest>) -> Result<Response<OobRunReply>, Status> {
        let OobRunRequest { pid, all, kind } = request.into_inner();
        let kind = if kind.is_empty() { KIND_DEFAULT.to_owned() } else { kind };
        if kind.len() > OOB_KIND_MAX {
            let text = format!("a kind has at most {OOB_KIND_MAX} bytes");
            return Err(Status::invalid_argument(text));
        }
        if all == (pid > 0) {
            return Err(Status::invalid_argument("either a pid or all"));
        }
        let pids = self.source.run_oob((!all).then_some(pid), &kind);
        if pids.is_empty() {
            let text = match pid {
                0 => "no process is up".to_owned(),
                pid => format!("no process that is up has pid {pid}"),
            };
            return Err(Status::not_found(text));
        }
        Ok(Response::new(OobRunReply { kind, pids }))
    }
}
