//! The network before a service: a proxy that passes each connection on, at once or late.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What is passed on at a time.
const CHUNK_BYTES: usize = 16 << 10;

/// A listener before a service; its threads end with the process.
#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) port: u16,
    delay_millis: Arc<AtomicU64>,
}

impl Proxy {
    /// Starts to listen before `target`, which may start later.
    ///
    /// # Errors
    ///
    /// Where it cannot listen.
    pub(super) fn start(target: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let delay_millis = Arc::new(AtomicU64::new(0));
        let delay = Arc::clone(&delay_millis);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let delay = Arc::clone(&delay);
                std::thread::spawn(move || {
                    // A connection that breaks is seen by both of its ends.
                    drop(pass(client, target, &delay));
                });
            }
        });
        Ok(Self { port, delay_millis })
    }

    /// Passes each new connection on so much later. Programs here make one request on each connection.
    pub(super) fn delay(&self, millis: u64) {
        self.delay_millis.store(millis, Ordering::Relaxed);
    }
}

fn pass(mut client: TcpStream, target: u16, delay: &AtomicU64) -> io::Result<()> {
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, target))?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
    }
    let (mut answers, mut back) = (server.try_clone()?, client.try_clone()?);
    std::thread::spawn(move || drop(copy(&mut answers, &mut back)));
    let millis = delay.load(Ordering::Relaxed);
    if millis > 0 {
        std::thread::sleep(Duration::from_millis(millis));
    }
    copy(&mut client, &mut server)
}

/// Copies to the end, and says the end to the other side.
fn copy(from: &mut TcpStream, to: &mut TcpStream) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let count = from.read(&mut chunk)?;
        if count == 0 {
            return to.shutdown(Shutdown::Write);
        }
        to.write_all(&chunk[..count])?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec;

    #[test]
    fn a_connection_is_passed_on_as_late_as_is_said() {
        let service = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let proxy = Proxy::start(service.local_addr().unwrap().port()).unwrap();
        std::thread::spawn(move || {
            for mut stream in service.incoming().flatten() {
                let mut text = String::new();
                stream.read_to_string(&mut text).unwrap();
                stream.write_all(text.to_uppercase().as_bytes()).unwrap();
            }
        });
        let ask = || {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port)).unwrap();
            stream.write_all(b"hello").unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            text
        };
        assert_eq!(ask(), "HELLO");
        proxy.delay(50);
        let began = exec::now();
        assert_eq!(ask(), "HELLO");
        assert!(began.elapsed() >= Duration::from_millis(50));
    }
}
