//! Addresses, taken before anything else is done.
//!
//! One that cannot be had is the commonest mistake there is, so it is told in one line, with what
//! to do about it.

use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use tokio::net::UnixListener;

use super::Unusable;
use crate::config::{Config, Listen};
use crate::http::accept::{Listener, bind_tcp};

/// Everything on which clients connect, and what it is called.
///
/// # Errors
/// When an address cannot be had.
pub(super) fn bind_all(config: &Config) -> Result<Vec<(Listener, String)>, Unusable> {
    let mut bound = Vec::new();
    for listen in &config.listen {
        match listen {
            Listen::Tcp { host, port } => bound.push(bind(host, *port)?),
            Listen::Unix(path) => bound.push(bind_unix(path)?),
        }
    }
    Ok(bound)
}

/// Where probes ask, as the thread that answers them can take it over.
///
/// # Errors
/// When the address cannot be had.
pub(super) fn bind_observe(
    (host, port): &(String, u16),
) -> Result<(TcpListener, String), Unusable> {
    let (listener, address) = tcp(host, *port, "write another one at `observe`")?;
    let taken_back = |error| Unusable(format!("cannot listen on {host}:{port}: {error}"));
    Ok((listener.into_std().map_err(taken_back)?, address))
}

fn bind(host: &str, port: u16) -> Result<(Listener, String), Unusable> {
    let hint = "another server runs there, or choose a port with -p";
    let (listener, address) = tcp(host, port, hint)?;
    Ok((Listener::Tcp(listener), address))
}

/// `hint`: what to do when the address is in use.
fn tcp(host: &str, port: u16, hint: &str) -> Result<(tokio::net::TcpListener, String), Unusable> {
    let wrong = |error: &dyn std::fmt::Display| {
        Unusable(format!("cannot listen on {host}:{port}: {error}"))
    };
    let mut addresses = (host, port).to_socket_addrs().map_err(|error| wrong(&error))?;
    let address: SocketAddr = addresses.next().ok_or_else(|| wrong(&"no such host"))?;
    let listener = bind_tcp(address).map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => wrong(&format!("the address is in use; {hint}")),
        _ => wrong(&error),
    })?;
    let address = listener.local_addr().unwrap_or(address);
    Ok((listener, format!("http://{address}")))
}

fn bind_unix(path: &Path) -> Result<(Listener, String), Unusable> {
    let wrong = |error: &dyn std::fmt::Display| {
        Unusable(format!("cannot listen on unix:{}: {error}", path.display()))
    };
    let is_socket =
        std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket());
    if is_socket {
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(wrong(&"another server runs there"));
        }
        std::fs::remove_file(path).map_err(|error| wrong(&error))?;
    }
    let listener = UnixListener::bind(path).map_err(|error| wrong(&error))?;
    let text = path.display().to_string();
    Ok((Listener::Unix(listener, text.as_str().into()), format!("unix:{text}")))
}
