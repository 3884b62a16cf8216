//! A line to a switch, as terminals have one: frames over TCP, one answer at a time. For `pos` and `demo`.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::wire::framing::{FrameError, Framing};

/// An open connection.
pub(super) struct Line {
    stream: TcpStream,
    framing: Framing,
    came: BytesMut,
    goes: BytesMut,
}

impl Line {
    /// Connects; whatever takes longer than `patience` later is an error too.
    ///
    /// # Errors
    /// Those of the network.
    pub(super) fn open(to: SocketAddr, framing: Framing, patience: Duration) -> io::Result<Line> {
        let stream = TcpStream::connect_timeout(&to, patience)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        stream.set_nodelay(true)?;
        Ok(Line {
            stream,
            framing,
            came: BytesMut::with_capacity(1 << 16),
            goes: BytesMut::new(),
        })
    }

    /// Puts a message into the next write.
    ///
    /// # Errors
    /// When the framing cannot carry it.
    pub(super) fn put(&mut self, body: &[u8]) -> io::Result<()> {
        let header = self.framing.first_header();
        self.framing
            .put(&header, body, &mut self.goes)
            .map_err(broken)
    }

    /// Writes what was put.
    ///
    /// # Errors
    /// Those of the network.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let goes = self.goes.split();
        self.stream.write_all(&goes)
    }

    /// The next message that has come, waiting for it. Keep-alives are passed over.
    ///
    /// # Errors
    /// Those of the network; the other end's hanging up is one.
    pub(super) fn take(&mut self) -> io::Result<Bytes> {
        loop {
            if let Some(body) = self.taken()? {
                return Ok(body);
            }
            let mut piece = [0; 1 << 14];
            match self.stream.read(&mut piece)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => self.came.extend_from_slice(&piece[..count]),
            }
        }
    }

    /// The next message that is here already.
    ///
    /// # Errors
    /// When what came is no frame.
    pub(super) fn taken(&mut self) -> io::Result<Option<Bytes>> {
        while let Some(frame) = self.framing.take(&mut self.came).map_err(broken)? {
            if !frame.is_keep_alive() {
                return Ok(Some(frame.body));
            }
        }
        Ok(None)
    }
}

fn broken(error: FrameError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
