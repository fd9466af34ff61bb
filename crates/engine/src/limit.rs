//! How many items a question asks for, within the bound that each question has.

use kino_wire::Problem;

/// Checks that a limit is within its bounds; 0 means the default.
pub(crate) fn limit(asked: usize, default: usize, max: usize) -> Result<usize, Problem> {
    match asked {
        0 => Ok(default),
        asked if asked > max => Err(Problem::invalid(format!("at most {max} can be asked for at once, not {asked}"))),
        asked => Ok(asked),
    }
}
