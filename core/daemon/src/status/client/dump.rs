//! `maitred dump`: has a running core write down what its engine was told lately.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use maitred_proto::v1::recorder_client::RecorderClient;
use maitred_proto::v1::{DumpPiece, DumpRequest};
use tonic::Streaming;

use super::{connect, in_time, nobody, plain};
use crate::config::EXIT_WRONG_USAGE;
use crate::recorder::begin_whole;

/// Writes the recording of the core behind `socket` to `file`, or to standard output if that is
/// `-`. A file is there as a whole or not at all.
///
/// # Errors
/// When the core does not answer, or the file cannot be written.
pub async fn dump(socket: &Path, file: &Path) -> anyhow::Result<ExitCode> {
    let to_stdout = file == Path::new("-");
    if to_stdout && io::stdout().is_terminal() {
        eprintln!("maitred: a recording is not for reading; name a file, or pipe it somewhere");
        return Ok(ExitCode::from(EXIT_WRONG_USAGE));
    }
    let Some(channel) = connect(socket).await? else { return Ok(nobody(socket)) };
    let answer = in_time(RecorderClient::new(channel).dump(DumpRequest {})).await?;
    let pieces = answer.map_err(|status| plain(&status))?.into_inner();
    if to_stdout {
        copy(pieces, &mut io::stdout().lock()).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let cannot = || format!("cannot write {}", file.display());
    let mut whole = begin_whole(file).with_context(cannot)?;
    let bytes = copy(pieces, whole.as_file_mut()).await?;
    whole.persist(file).with_context(cannot)?;
    println!("{}: {bytes} bytes", file.display());
    Ok(ExitCode::SUCCESS)
}

async fn copy(mut from: Streaming<DumpPiece>, to: &mut impl Write) -> anyhow::Result<usize> {
    let mut bytes = 0;
    while let Some(piece) = in_time(from.message()).await?.map_err(|status| plain(&status))? {
        bytes += piece.data.len();
        to.write_all(&piece.data)?;
    }
    to.flush()?;
    Ok(bytes)
}
