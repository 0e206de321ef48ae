//! Just enough STOMP over TCP, for bodies without NUL.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

pub(crate) struct Frame {
    pub(crate) command: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Frame {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let is_it = |(found, _): &&(String, String)| found == name;
        self.headers.iter().find(is_it).map(|(_, value)| value.as_str())
    }
}

pub(crate) struct Stomp {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
}

impl Stomp {
    pub(crate) async fn connect(address: SocketAddr) -> std::io::Result<Self> {
        let (reader, writer) = TcpStream::connect(address).await?.into_split();
        let mut ours = Self { reader: BufReader::new(reader), writer };
        let login = "CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\n\n\0";
        ours.write(login).await?;
        let answer = ours.next().await?;
        assert_eq!(answer.command, "CONNECTED", "{}", String::from_utf8_lossy(&answer.body));
        Ok(ours)
    }

    pub(crate) async fn write(&mut self, frames: &str) -> std::io::Result<()> {
        self.writer.write_all(frames.as_bytes()).await
    }

    /// The next frame. Not cancel-safe.
    pub(crate) async fn next(&mut self) -> std::io::Result<Frame> {
        let mut bytes = Vec::new();
        self.reader.read_until(0, &mut bytes).await?;
        if bytes.pop() != Some(0) {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let start = bytes.iter().take_while(|byte| **byte == b'\n').count();
        let frame = &bytes[start..];
        let end = frame.windows(2).position(|pair| pair == b"\n\n").unwrap();
        let head = String::from_utf8(frame[..end].to_vec()).unwrap();
        let mut lines = head.lines();
        let command = lines.next().unwrap_or_default().to_owned();
        let header = |line: &str| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_owned(), value.to_owned())
        };
        let headers = lines.map(header).collect();
        Ok(Frame { command, headers, body: frame[end + 2..].to_vec() })
    }
}
