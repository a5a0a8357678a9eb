//! The service `maitred.v1.Recorder`.

use std::sync::Arc;

use maitred_proto::v1::recorder_server::Recorder;
use maitred_proto::v1::{DumpPiece, DumpRequest};
use tokio_stream::Iter;
use tonic::{Request, Response, Status};

use super::Source;

/// Longest piece of a file in one message. Default 64 KiB: far below what any client library
/// takes, and a slow client holds no more than some of them.
const PIECE_MAX: usize = 64 << 10;

pub(super) struct Dump {
    source: Arc<dyn Source>,
}

impl Dump {
    pub(super) fn new(source: Arc<dyn Source>) -> Self {
        Self { source }
    }
}

type Pieces = Box<dyn Iterator<Item = Result<DumpPiece, Status>> + Send>;

#[tonic::async_trait]
impl Recorder for Dump {
    type DumpStream = Iter<Pieces>;

    async fn dump(
        &self,
        _request: Request<DumpRequest>,
    ) -> Result<Response<Self::DumpStream>, Status> {
        let pieces = self.source.recording().into_iter().flat_map(|mut rest| {
            std::iter::from_fn(move || {
                let piece = rest.split_to(rest.len().min(PIECE_MAX));
                (!piece.is_empty()).then_some(piece)
            })
        });
        let pieces: Pieces = Box::new(pieces.map(|data| Ok(DumpPiece { data })));
        Ok(Response::new(tokio_stream::iter(pieces)))
    }
}
