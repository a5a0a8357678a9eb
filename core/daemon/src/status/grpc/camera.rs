//! Takes pictures, not too often.
//!
//! A picture costs the driver's lock for a moment. Clients that ask at the same time share one,
//! and a client never gets one that was taken before it asked.

use std::sync::Arc;
use std::time::Duration;

use maitred_proto::v1::StatusReply;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Source;

/// Shortest time between two pictures. Default 10 ms: nobody reads faster, and a picture costs
/// the traffic less than a hundredth of that.
const PAUSE: Duration = Duration::from_millis(10);

pub(super) struct Camera {
    source: Arc<dyn Source>,
    latest: Mutex<Option<Picture>>,
}

struct Picture {
    taken: Instant,
    reply: Arc<StatusReply>,
}

impl Camera {
    pub(super) fn new(source: Arc<dyn Source>) -> Self {
        Self { source, latest: Mutex::new(None) }
    }

    /// A picture taken after this call.
    pub(super) async fn picture(&self) -> Arc<StatusReply> {
        let asked = Instant::now();
        let mut latest = self.latest.lock().await;
        if let Some(picture) = &*latest {
            if picture.taken > asked {
                return Arc::clone(&picture.reply);
            }
            tokio::time::sleep_until(picture.taken + PAUSE).await;
        }
        let taken = Instant::now();
        let reply = Arc::new(self.source.status());
        *latest = Some(Picture { taken, reply: Arc::clone(&reply) });
        reply
    }
}
