//! Values that are created during a walk.

use std::any::Any;
use std::cell::OnceCell;

use diesel::result::QueryResult;

/// Values created during a walk (`serialize_as`) that must live as long as the statement that binds
/// them.
///
/// The list only grows, so that a shared reference to it can return references. An empty list
/// allocates nothing.
#[derive(Default)]
pub(crate) struct Conversions(OnceCell<Box<Conversion>>);

struct Conversion {
    value: Box<dyn Any + Send>,
    rest: Conversions,
}

impl Conversions {
    pub(crate) fn keep<T: Send + 'static>(&self, make: impl FnOnce() -> T) -> QueryResult<&T> {
        let mut end = self;
        while let Some(conversion) = end.0.get() {
            end = &conversion.rest;
        }
        let kept = end.0.get_or_init(|| {
            Box::new(Conversion {
                value: Box::new(make()),
                rest: Self::default(),
            })
        });
        kept.value
            .downcast_ref()
            .ok_or(diesel::result::Error::NotFound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions_keep_what_they_were_given() {
        let conversions = Conversions::default();
        let one: &String = conversions.keep(|| "one".to_owned()).unwrap();
        let two: &i32 = conversions.keep(|| 2).unwrap();
        assert_eq!((one.as_str(), *two), ("one", 2));
    }
}
