//! The floor: the least that a server can do for fan-out, as a reference for real brokers.
//!
//! It answers a WebSocket upgrade, CONNECT and SUBSCRIBE with canned bytes, renders one WebSocket
//! frame per message, and copies the bytes to every socket of the message's key: one write per
//! socket and input batch, what the socket does not take kept. No permissions, no queues, no
//! limits, no names but keys. Two workers with half of the sockets each, as the brokers have two
//! cores.
//!
//! Messages come over plain TCP, from the same load generator, each as
//!
//! ```text
//! key bytes:u16 | body bytes:u32 | key | body      numbers big-endian
//! ```

mod batch;
mod browser;
mod worker;

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::channel;

use mio::{Poll, Waker};
use socket2::{Domain, Protocol, Socket, Type};

use crate::Problem;
pub(crate) use batch::append_message;
use worker::{Post, WAKER, Worker};

/// Half of the sockets each.
const WORKERS: usize = 2;

/// Connections that wait to be accepted, as Hopwire asks for.
const BACKLOG: i32 = 4096;

/// Serves until the process is ended. Port 0 is any free one; prints which it is.
pub(crate) fn serve(web_socket_port: u16) -> Result<(), Problem> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    let feed = listen(0)?;
    let mut web_sockets = VecDeque::from([listen(web_socket_port)?]);
    let place = local(web_sockets.front())?;
    while web_sockets.len() < WORKERS {
        web_sockets.push_back(listen(place.port())?);
    }
    eprintln!("feed {}\nweb-socket {place}\nready", local(Some(&feed))?);
    let (mut workers, mut posts) = (Vec::new(), Vec::new());
    for listener in web_sockets {
        let poll = Poll::new()?;
        let (batches, inbox) = channel();
        posts.push(Post { batches, waker: Arc::new(Waker::new(poll.registry(), WAKER)?) });
        workers.push(Worker::new(poll, listener.into(), inbox)?);
    }
    let mut first = workers.pop().ok_or("no worker")?;
    // Its own batches need no post.
    posts.pop();
    first.take_feed(feed.into(), posts)?;
    for mut worker in workers {
        std::thread::spawn(move || worker.run());
    }
    Ok(first.run()?)
}

fn listen(port: u16) -> Result<Socket, Problem> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    // The kernel shares connections out among the workers.
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

fn local(socket: Option<&Socket>) -> Result<SocketAddr, Problem> {
    let address = socket.ok_or("no socket")?.local_addr()?;
    Ok(address.as_socket().ok_or("no address")?)
}
