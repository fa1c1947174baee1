//! Running a transaction, and running it again when another one came in between.

use crate::ports::{Database, Error, Transaction};

/// How often a transaction is tried. Each conflict means that another one got through,
/// so a few attempts are enough unless the row is hot; then the client should wait.
const ATTEMPTS: u32 = 4;

/// How a transaction ends.
pub(super) enum Step<T> {
    Commit(T),
    /// Nothing is to be written.
    Abandon(T),
}

/// Runs `step` in a transaction. A unique violation counts as a conflict: it means that
/// somebody else just created what `step` had found missing.
pub(super) fn attempt<D: Database, T>(
    db: &D,
    mut step: impl FnMut(&mut D::Transaction) -> Result<Step<T>, Error>,
) -> Result<T, Error> {
    let mut left = ATTEMPTS;
    loop {
        left -= 1;
        match once(db, &mut step) {
            Err(Error::Conflict | Error::UniqueViolation(_)) if left > 0 => {}
            Err(Error::UniqueViolation(_)) => return Err(Error::Conflict),
            result => return result,
        }
    }
}

fn once<D: Database, T>(
    db: &D,
    step: &mut impl FnMut(&mut D::Transaction) -> Result<Step<T>, Error>,
) -> Result<T, Error> {
    let mut transaction = db.begin()?;
    match step(&mut transaction)? {
        Step::Commit(result) => {
            transaction.commit()?;
            Ok(result)
        }
        Step::Abandon(result) => Ok(result),
    }
}
