//! The generated code is checked in; this holds it to the `.proto` files.
//!
//! Nobody who builds maitred needs a protobuf compiler. `MAITRED_REGENERATE=1` writes the files
//! instead of comparing them.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use prost::Message as _;
use protox::prost_reflect::prost_types::FileDescriptorSet;

type Generated = BTreeMap<PathBuf, Vec<u8>>;

/// The files of the API that operators and their programs speak.
const API: &[&str] =
    &["maitred/v1/status.proto", "maitred/v1/recorder.proto", "maitred/v1/oob.proto"];

fn compile(files: &[&str]) -> Result<FileDescriptorSet, protox::Error> {
    protox::compile(files, [env!("CARGO_MANIFEST_DIR")])
}

/// The files that belong into `src/gen`, by name.
fn generate() -> Result<Generated, Box<dyn Error>> {
    let api = compile(API)?;
    let out = tempdir()?;

    // Heads and bodies are slices of what was read from the socket: no copies.
    tonic_prost_build::configure()
        .out_dir(&out)
        .bytes(".")
        .compile_fds(compile(&["maitred/link/link.proto"])?)?;
    tonic_prost_build::configure()
        .out_dir(&out)
        .bytes(".maitred.v1.DumpPiece")
        .compile_fds(api.clone())?;

    let mut files = Generated::new();
    files.insert("status.bin".into(), api.encode_to_vec());
    for entry in fs::read_dir(&out)? {
        let entry = entry?;
        files.insert(entry.file_name().into(), fs::read(entry.path())?);
    }
    fs::remove_dir_all(&out)?;
    Ok(files)
}

fn tempdir() -> std::io::Result<PathBuf> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("generated");
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    fs::create_dir_all(&dir)?;
    Ok(dir)
}

#[test]
fn generated_code_is_what_the_proto_files_say() -> Result<(), Box<dyn Error>> {
    let checked_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/gen");
    let regenerate = env::var_os("MAITRED_REGENERATE").is_some_and(|value| value == "1");
    for (name, wanted) in generate()? {
        let path = checked_in.join(&name);
        if regenerate {
            fs::write(&path, &wanted)?;
        }
        let found = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        assert!(
            found == wanted,
            "{} is out of date: MAITRED_REGENERATE=1 writes it",
            path.display()
        );
    }
    Ok(())
}
