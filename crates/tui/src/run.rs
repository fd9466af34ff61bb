//! The loop: waits for a key, an answer, a signal or the time; changes the state; asks what it wants; draws.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossterm::event::{self as terminal, KeyCode, KeyEventKind, KeyModifiers};
use kino_model::Clock;
use kino_wire::Backend;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::event::{Ask, Command, Event, Key, Ticket};
use crate::screen::Screen;
use crate::state::{Options, State};

/// Events that may wait to be handled. Keys wait in the terminal beyond it, answers in their tasks.
const EVENTS_MAX: usize = 64;
/// Events that are handled before the screen is drawn, so that a repeating key does not draw once for each event.
const EVENTS_PER_FRAME: usize = 32;

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitReason {
    /// The reader left.
    Left,
    /// A signal asked it to.
    Signal(i32),
}

/// Why it cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    #[error("failed to use the terminal")]
    Terminal(#[from] io::Error),
    /// What works beside the loop panicked. By then the terminal is given back, so there is nothing left to draw on.
    #[error("a part of the view has failed; its own words stand above")]
    Panicked,
}

/// What comes to the loop.
type Happened = Result<Event, WatchError>;

/// Shows what the backend answers until the reader leaves. Runs within tokio. The terminal is given back in any case.
///
/// # Errors
/// Where the terminal cannot be used.
pub async fn watch(
    backend: Arc<dyn Backend>,
    clock: Arc<dyn Clock>,
    options: Options,
) -> Result<ExitReason, WatchError> {
    let mut signals = [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt(), SignalKind::quit()]
        .into_iter()
        .map(|kind| signal(kind).map(|signal| (kind.as_raw_value(), signal)))
        .collect::<io::Result<Vec<_>>>()?;
    let (events, mut happened) = mpsc::channel(EVENTS_MAX);
    let mut screen = Screen::take()?;
    read_keys(events.clone())?;
    let mut state = State::new(options, screen.size()?);
    let millis = || clock.monotonic_nanos() / 1_000_000;
    let mut event = Event::Wake;
    loop {
        let mut handled = 0;
        loop {
            for command in state.update(event, millis(), clock.now().0) {
                match command {
                    Command::Quit => return Ok(ExitReason::Left),
                    Command::Ask(ticket, ask) => carry_out(ticket, ask, Arc::clone(&backend), events.clone()),
                }
            }
            handled += 1;
            match happened.try_recv() {
                Ok(next) if handled < EVENTS_PER_FRAME => event = next?,
                Ok(next) => {
                    // Handled, too, but drawn before.
                    screen.draw(&state)?;
                    event = next?;
                    handled = 0;
                }
                Err(_) => break,
            }
        }
        screen.draw(&state)?;
        let wake = state.wake_at(millis()).map(|at| Duration::from_millis(at.saturating_sub(millis()).max(1)));
        event = tokio::select! {
            next = happened.recv() => match next {
                Some(next) => next?,
                None => return Ok(ExitReason::Left),
            },
            () = sleep(wake) => Event::Wake,
            number = first(&mut signals) => return Ok(ExitReason::Signal(number)),
        };
    }
}

async fn sleep(wake: Option<Duration>) {
    match wake {
        Some(wake) => tokio::time::sleep(wake).await,
        None => std::future::pending().await,
    }
}

/// The number of the first signal that comes.
async fn first(signals: &mut [(i32, tokio::signal::unix::Signal)]) -> i32 {
    std::future::poll_fn(|context| {
        let came =
            signals.iter_mut().find_map(|(number, signal)| signal.poll_recv(context).is_ready().then_some(*number));
        came.map_or(std::task::Poll::Pending, std::task::Poll::Ready)
    })
    .await
}

/// Asks beside the loop.
fn carry_out(ticket: Ticket, ask: Box<Ask>, backend: Arc<dyn Backend>, events: mpsc::Sender<Happened>) {
    tokio::spawn(async move {
        let answer = tokio::spawn(async move { ask.carry_out(&*backend).await }).await;
        let happened = answer.map(|answer| Event::Answered(ticket, answer)).map_err(|_| WatchError::Panicked);
        // A closed channel means that the view has ended.
        drop(events.send(happened).await);
    });
}

/// Reads keys in a thread of its own, which ends with the program: reading a terminal cannot be cancelled.
fn read_keys(events: mpsc::Sender<Happened>) -> io::Result<()> {
    let read = move || {
        loop {
            let event = match terminal::read() {
                Ok(terminal::Event::Key(key)) if key.kind != KeyEventKind::Release => {
                    self::key(key.code, key.modifiers).map(Event::Key)
                }
                Ok(terminal::Event::Resize(columns, rows)) => Some(Event::Resize(columns, rows)),
                Ok(_) => None,
                Err(error) => {
                    drop(events.blocking_send(Err(error.into())));
                    return;
                }
            };
            if let Some(event) = event
                && events.blocking_send(Ok(event)).is_err()
            {
                return;
            }
        }
    };
    thread::Builder::new().name("kino-keys".to_owned()).spawn(read).map(|_| ())
}

fn key(code: KeyCode, modifiers: KeyModifiers) -> Option<Key> {
    let key = match code {
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Esc,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Char(c) if modifiers.contains(KeyModifiers::CONTROL) => Key::Ctrl(c.to_ascii_lowercase()),
        KeyCode::Char(c) if !modifiers.contains(KeyModifiers::ALT) => Key::Char(c),
        _ => return None,
    };
    Some(key)
}
