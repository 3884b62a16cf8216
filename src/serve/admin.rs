//! The admin socket in the data folder: one JSON object a line asks, one or more answer. Only the owner of the folder
//! can open it.
//!
//! `{"command": "status"}` → any number of `{"progress": …}`, then `{"result": …}` or `{"error": "…"}`.

use std::fs;
use std::io::{self, BufRead, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixListener;
use tokio::sync::{mpsc, watch};

use super::listen::drained;
use super::office::{OfficeError, Opener};
use super::people;
use crate::cli::chain;
use crate::config::admin_socket;

/// The longest line that is taken: an opening file is part of its command, a million members are some 200 MB.
const LINE_BYTES_MOST: u64 = 256 << 20;
/// Lines that may wait for a client that reads slowly.
const LINES_MOST: usize = 64;

/// Opens the socket, in place of one that an earlier run left.
///
/// # Errors
/// Those of the file system.
pub(super) fn bind(data: &Path) -> io::Result<UnixListener> {
    let path = admin_socket(data);
    // Bound under another name first, so that nobody connects before it is closed to others.
    let unnamed = data.join(".admin.sock");
    let _ = fs::remove_file(&unnamed);
    let listener = UnixListener::bind(&unnamed)?;
    fs::set_permissions(&unnamed, fs::Permissions::from_mode(0o600))?;
    fs::rename(&unnamed, &path)?;
    Ok(listener)
}

/// Answers until draining begins. Each command has an office of its own.
pub(super) async fn serve(
    listener: UnixListener,
    office: Arc<Opener>,
    mut drain: watch::Receiver<bool>,
) {
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let office = Arc::clone(&office);
                    tokio::spawn(async move {
                        if let Err(error) = converse(stream, office).await {
                            tracing::debug!("an admin connection ended: {error}");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!("the admin socket cannot accept: {error}");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            },
            () = drained(&mut drain) => return,
        }
    }
}

async fn converse(stream: tokio::net::UnixStream, office: Arc<Opener>) -> io::Result<()> {
    let by = people::peer(&stream.peer_cred()?);
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    let mut line = Vec::new();
    loop {
        line.clear();
        let count = (&mut read)
            .take(LINE_BYTES_MOST)
            .read_until(b'\n', &mut line)
            .await?;
        if count == 0 {
            return Ok(());
        }
        let (tell, mut told) = mpsc::channel(LINES_MOST);
        let asked = std::mem::take(&mut line);
        let (office, by) = (Arc::clone(&office), by.clone());
        let work = tokio::task::spawn_blocking(move || {
            let words = serde_json::from_slice::<Value>(&asked);
            drop(asked);
            let mut progress = |step: Value| {
                // Whoever asked may have gone away; the command is carried out all the same.
                let _ = tell.blocking_send(json!({ "progress": step }));
            };
            let last = match &words {
                Ok(words) => {
                    let command = words["command"].as_str().unwrap_or_default();
                    match office(by).carry_out(command, words, &mut progress) {
                        Ok(result) => json!({ "result": result }),
                        Err(error) => json!({ "error": chain(&error) }),
                    }
                }
                Err(error) => json!({ "error": format!("a JSON object wanted: {error}") }),
            };
            let _ = tell.blocking_send(last);
        });
        while let Some(answer) = told.recv().await {
            write.write_all(format!("{answer}\n").as_bytes()).await?;
        }
        if work.await.is_err() {
            let answer =
                json!({ "error": "the command panicked: a fault of the switch, see its log" });
            write.write_all(format!("{answer}\n").as_bytes()).await?;
        }
    }
}

/// Has a command carried out by the switch that runs on a data folder. `None` when none does.
///
/// # Errors
/// What the switch says, or that it stopped before it answered.
pub fn call(
    data: &Path,
    command: &str,
    words: &Value,
    progress: &mut dyn FnMut(Value),
) -> Result<Option<Value>, OfficeError> {
    let path = admin_socket(data);
    let mut stream = match UnixStream::connect(&path) {
        Ok(stream) => stream,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ) =>
        {
            return Ok(None);
        }
        Err(source) => {
            return Err(OfficeError::Io {
                doing: format!("open the admin socket {}", path.display()),
                source,
            });
        }
    };
    let lost = |source| OfficeError::Io {
        doing: format!("ask the switch over {}", path.display()),
        source,
    };
    let mut asked = words.clone();
    if !asked.is_object() {
        asked = json!({});
    }
    asked["command"] = json!(command);
    stream
        .write_all(format!("{asked}\n").as_bytes())
        .map_err(lost)?;
    for line in io::BufReader::new(stream).lines() {
        let line = line.map_err(lost)?;
        let mut told: Value = serde_json::from_str(&line).map_err(|error| lost(error.into()))?;
        if let Some(error) = told["error"].as_str() {
            return Err(OfficeError::Refused(error.to_owned()));
        }
        match told.get_mut("result") {
            Some(result) => return Ok(Some(result.take())),
            None => progress(told["progress"].take()),
        }
    }
    Err(OfficeError::Stopped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_panics_is_answered() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let answer = runtime.block_on(async {
            let (ours, theirs) = tokio::net::UnixStream::pair().unwrap();
            tokio::spawn(converse(theirs, Arc::new(|_| panic!("as wanted"))));
            let mut ours = BufReader::new(ours);
            ours.write_all(b"{\"command\": \"status\"}\n")
                .await
                .unwrap();
            let mut answer = String::new();
            ours.read_line(&mut answer).await.unwrap();
            answer
        });
        assert!(answer.contains("the command panicked"), "{answer}");
    }
}
