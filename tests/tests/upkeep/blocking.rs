//! The blocking front.

use diesel::connection::LoadConnection;
use versioned_core::compare::{Answer, Compared, Comparison, Question};
use versioned_core::model::FromJson;
use versioned_core::prelude::*;
use versioned_core::{Error, Result};

pub(crate) use versioned_core::compare::{answer, resend};

pub(crate) fn compare<M, C>(
    comparison: &Comparison<M>,
    ask: impl FnMut(Question) -> Result<Answer> + Send,
    conn: &mut C,
) -> Result<Compared, Error>
where
    C: LoadConnection,
    M: Dependent<C::Backend> + FromJson,
{
    comparison.run(ask, conn)
}
