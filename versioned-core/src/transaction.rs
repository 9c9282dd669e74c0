//! The models of a transaction, whose versions a rollback puts back.

use std::marker::PhantomData;

use crate::model::Versioned;

/// The models of a [`transaction`](crate::transaction): a `&mut` model or [`Tracked`](crate::Tracked) model, a
/// slice of either, or a tuple of up to six of these.
///
/// For code that is generic over its models:
///
/// ```
/// use diesel::prelude::*;
/// use versioned_core::prelude::*;
/// use versioned_core::{Models, Result, Shape};
///
/// /// A transaction that logs its rollback.
/// fn logged<C, M, R>(conn: &mut C, models: M, body: impl for<'s> FnOnce(&mut C, <M::Shape as Shape>::Ref<'s>) -> Result<R>) -> Result<R>
/// where
///     C: Connection,
///     M: Models,
/// {
///     transaction(conn, models, body).inspect_err(|error| eprintln!("rolled back: {error}"))
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`transaction` takes `&mut model`, `&mut models[..]` or a tuple of these, not `{Self}`",
    label = "a rollback can't restore this",
    note = "without models, use the method of the connection: `conn.transaction(|conn| ..)`"
)]
pub trait Models {
    /// The shape of the models, without their lifetime.
    type Shape: Shape;

    /// The models, with their versions before the transaction.
    type Guard: Restore<Shape = Self::Shape>;

    /// Records the versions.
    fn remember(self) -> Self::Guard;
}

/// The shape of some models, which can be lent for any lifetime.
///
/// (With a lifetime parameter on [`Models`] itself, the compiler would require `'static` models.)
pub trait Shape: 'static {
    /// The models, lent for `'s`.
    type Ref<'s>;
}

/// Models whose versions are restored on drop, unless they were [kept](Restore::keep).
pub trait Restore {
    /// The shape of the models.
    type Shape: Shape;

    /// Lends the models to the body.
    fn lend(&mut self) -> <Self::Shape as Shape>::Ref<'_>;

    /// Keeps the versions, after the transaction has committed.
    fn keep(self);
}

/// `&mut T`
#[derive(Debug)]
pub struct One<T>(PhantomData<T>);

impl<T: Versioned + 'static> Shape for One<T> {
    type Ref<'s> = &'s mut T;
}

/// A model, with its version before the transaction.
#[derive(Debug)]
pub struct OneGuard<'a, T: Versioned> {
    model: &'a mut T,
    before: Option<T::Version>,
}

#[diagnostic::do_not_recommend]
impl<'a, T: Versioned + 'static> Models for &'a mut T {
    type Shape = One<T>;
    type Guard = OneGuard<'a, T>;

    fn remember(self) -> OneGuard<'a, T> {
        OneGuard {
            before: Some(self.version()),
            model: self,
        }
    }
}

impl<T: Versioned + 'static> Restore for OneGuard<'_, T> {
    type Shape = One<T>;

    fn lend(&mut self) -> &mut T {
        self.model
    }

    fn keep(mut self) {
        self.before = None;
    }
}

impl<T: Versioned> Drop for OneGuard<'_, T> {
    fn drop(&mut self) {
        if let Some(before) = self.before.take() {
            self.model.set_version(before);
        }
    }
}

/// `&mut [T]`
#[derive(Debug)]
pub struct Many<T>(PhantomData<T>);

impl<T: Versioned + 'static> Shape for Many<T> {
    type Ref<'s> = &'s mut [T];
}

/// Models, with their versions before the transaction.
#[derive(Debug)]
pub struct ManyGuard<'a, T: Versioned> {
    models: &'a mut [T],
    before: Vec<T::Version>,
}

#[diagnostic::do_not_recommend]
impl<'a, T: Versioned + 'static> Models for &'a mut [T] {
    type Shape = Many<T>;
    type Guard = ManyGuard<'a, T>;

    fn remember(self) -> ManyGuard<'a, T> {
        ManyGuard {
            before: self.iter().map(Versioned::version).collect(),
            models: self,
        }
    }
}

impl<T: Versioned + 'static> Restore for ManyGuard<'_, T> {
    type Shape = Many<T>;

    fn lend(&mut self) -> &mut [T] {
        self.models
    }

    fn keep(mut self) {
        self.before.clear();
    }
}

impl<T: Versioned> Drop for ManyGuard<'_, T> {
    fn drop(&mut self) {
        for (model, before) in self.models.iter_mut().zip(self.before.drain(..)) {
            model.set_version(before);
        }
    }
}

macro_rules! tuples {
    ($($models:ident)+) => {
        impl<$($models: Shape),+> Shape for ($($models,)+) {
            type Ref<'s> = ($($models::Ref<'s>,)+);
        }

        impl<$($models: Models),+> Models for ($($models,)+) {
            type Shape = ($($models::Shape,)+);
            type Guard = ($($models::Guard,)+);

            #[allow(non_snake_case, reason = "a part is named after its type")]
            fn remember(self) -> Self::Guard {
                let ($($models,)+) = self;
                ($($models.remember(),)+)
            }
        }

        impl<$($models: Restore),+> Restore for ($($models,)+) {
            type Shape = ($($models::Shape,)+);

            #[allow(non_snake_case, reason = "a part is named after its type")]
            fn lend(&mut self) -> <Self::Shape as Shape>::Ref<'_> {
                let ($($models,)+) = self;
                ($($models.lend(),)+)
            }

            #[allow(non_snake_case, reason = "a part is named after its type")]
            fn keep(self) {
                let ($($models,)+) = self;
                $($models.keep();)+
            }
        }
    };
}

tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
