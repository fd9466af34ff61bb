//! What a piece of text is, which decides how a front end shows it.

/// What a piece of text is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Ordinary.
    #[default]
    Plain,
    /// A heading, or what matters most.
    Strong,
    /// Ids and the like.
    Faint,
    /// Good news.
    Good,
    /// Worth a look.
    Warn,
    /// Bad news.
    Bad,
    /// What was searched for.
    Hit,
}
