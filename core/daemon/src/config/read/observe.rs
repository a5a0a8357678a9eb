//! Settings for those who look from outside.

use super::super::listen::Listen;
use super::{ConfigError, ObserveSettings, Reader};

impl Reader<'_> {
    pub(super) fn observe(&mut self) -> Result<ObserveSettings, ConfigError> {
        let listen = match self.text("observe").filter(|text| !text.is_empty()) {
            None => None,
            Some(text) => match Listen::parse(&text) {
                Some(Listen::Tcp { host, port }) => Some((host, port)),
                _ => return Err(self.wrong("observe", &text, "host:port, :port or a port")),
            },
        };
        let shown = listen
            .as_ref()
            .map(|(host, port)| Listen::Tcp { host: host.clone(), port: *port }.to_string());
        self.note("observe", shown.as_deref().unwrap_or("off"));
        Ok(ObserveSettings { listen, queue_age_max: self.duration("ready_queue_age_max")? })
    }

    pub(super) fn health_path(&mut self) -> Result<Option<String>, ConfigError> {
        let path = self.text("health_path").filter(|path| !path.is_empty());
        match &path {
            Some(path) if !path.starts_with('/') || path.contains(['?', '#']) => {
                Err(self.wrong("health_path", path, "a path such as /up"))
            }
            _ => Ok(path),
        }
    }
}
