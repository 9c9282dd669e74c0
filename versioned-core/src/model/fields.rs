//! The fields of a model compared with those of another one: what changed, and what both sides changed.

use diesel::query_source::Column;

/// A model whose fields can be compared and taken over: each is `PartialEq` and `Clone`. `#[derive(Versioned)]` implements
/// it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be tracked, only an owner and what it embeds can",
    label = "its fields can't be compared",
    note = "an owner is a model with `#[derive(Versioned)]` and `#[versioned(owner)]`"
)]
pub trait Fields: Sized {
    /// Shows each field that an UPDATE can write to `walk`, in the order of the columns.
    fn fields(row: &mut Self, base: &Self, mine: &Self, walk: &mut FieldWalk);
}

/// A value of which can be said whether it changed, and that can be taken over. `C` is its column: it keeps the bounds of two
/// fields apart, whose types differ in a lifetime.
#[diagnostic::on_unimplemented(
    message = "a field of type `{Self}` can't be tracked, implement `PartialEq` and `Clone` for it",
    label = "this model has a field that can't be compared",
    note = "a model that is not `Tracked` needs neither"
)]
pub trait Comparable<C> {
    /// Whether it is the same value.
    fn is(&self, other: &Self) -> bool;

    /// Takes another value over.
    fn take(&mut self, other: &Self);
}

#[diagnostic::do_not_recommend]
impl<T: PartialEq + Clone, C> Comparable<C> for T {
    fn is(&self, other: &Self) -> bool {
        self == other
    }

    fn take(&mut self, other: &Self) {
        self.clone_from(other);
    }
}

/// Floats, which are the same if their bits are.
pub trait Floats {
    /// Whether the bits are the same.
    fn same_bits(&self, other: &Self) -> bool;
}

macro_rules! floats {
    ($($float:ty),*) => {$(
        impl Floats for $float {
            fn same_bits(&self, other: &Self) -> bool {
                self.to_bits() == other.to_bits()
            }
        }
    )*};
}

floats!(f32, f64);

impl<F: Floats> Floats for Option<F> {
    fn same_bits(&self, other: &Self) -> bool {
        match (self, other) {
            (Some(one), Some(other)) => one.same_bits(other),
            (one, other) => one.is_none() && other.is_none(),
        }
    }
}

impl<F: Floats> Floats for Vec<F> {
    fn same_bits(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self
                .iter()
                .zip(other)
                .all(|(one, other)| one.same_bits(other))
    }
}

/// Some columns of a model, by their place. More than Diesel's largest table has are all in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ColumnSet([u64; 2]);

impl ColumnSet {
    pub(crate) fn contains(self, place: usize) -> bool {
        match self.0.get(place / 64) {
            Some(bits) => bits >> (place % 64) & 1 == 1,
            None => true,
        }
    }

    pub(crate) fn insert(&mut self, place: usize) {
        if let Some(bits) = self.0.get_mut(place / 64) {
            *bits |= 1 << (place % 64);
        }
    }

    pub(crate) fn and(self, other: Self) -> Self {
        let ([a, b], [c, d]) = (self.0, other.0);
        Self([a | c, b | d])
    }

    pub(crate) fn is_empty(self) -> bool {
        self == Self::default()
    }

    pub(crate) fn len(self) -> usize {
        self.0.iter().map(|bits| bits.count_ones() as usize).sum()
    }
}

/// Compares the fields of models.
#[derive(Debug)]
pub struct FieldWalk {
    task: Task,
    /// How many columns were shown.
    shown: usize,
    /// The columns that were found, or that are to be taken.
    found: ColumnSet,
    /// Those of them that are no part of the record's state.
    excluded: ColumnSet,
    /// The columns that both sides changed.
    both: Vec<(usize, &'static str)>,
    key_changed: bool,
}

#[derive(Debug, Clone, Copy)]
enum Task {
    /// What of the row is not as the base.
    Diff,
    /// What I changed of the base and the row did not; and what both changed, to different values.
    Compare,
    /// The row takes these columns of mine.
    Claim,
}

impl FieldWalk {
    fn new(task: Task, found: ColumnSet) -> Self {
        Self {
            task,
            shown: 0,
            found,
            excluded: ColumnSet::default(),
            both: Vec::new(),
            key_changed: false,
        }
    }

    /// A column of the primary key.
    pub fn key<C: Column, F: Comparable<C>>(&mut self, _column: C, row: &F, base: &F) {
        self.shown += 1;
        self.key_changed |= !row.is(base);
    }

    /// An ordinary column.
    pub fn column<C: Column, F: Comparable<C>>(
        &mut self,
        column: C,
        row: &mut F,
        base: &F,
        mine: &F,
    ) {
        self.compare(column, row, base, mine, F::is);
    }

    /// A column of floats.
    pub fn floats<C: Column, F: Comparable<C> + Floats>(
        &mut self,
        column: C,
        row: &mut F,
        base: &F,
        mine: &F,
    ) {
        self.compare(column, row, base, mine, F::same_bits);
    }

    /// The next column is one with `#[versioned(excluded)]`.
    pub fn excluded(&mut self) -> &mut Self {
        self.excluded.insert(self.shown);
        self
    }

    fn compare<C: Column, F: Comparable<C>>(
        &mut self,
        _column: C,
        row: &mut F,
        base: &F,
        mine: &F,
        same: fn(&F, &F) -> bool,
    ) {
        let place = self.shown;
        self.shown += 1;
        match self.task {
            Task::Diff if !same(row, base) => self.found.insert(place),
            Task::Compare if !same(mine, base) && same(row, base) => self.found.insert(place),
            Task::Compare if !same(mine, base) && !same(row, mine) => {
                self.both.push((place, C::NAME));
            }
            Task::Claim if self.found.contains(place) => row.take(mine),
            Task::Diff | Task::Compare | Task::Claim => {}
        }
    }
}

/// What changed in a model since it was loaded.
#[derive(Debug)]
pub(crate) struct Diff {
    /// What is part of the record's state.
    pub(crate) changed: ColumnSet,
    pub(crate) excluded: ColumnSet,
    pub(crate) key_changed: bool,
    /// How many columns there are.
    pub(crate) columns: usize,
}

impl Diff {
    pub(crate) fn of<M: Fields>(model: &mut M, base: &M) -> Self {
        let mut walk = FieldWalk::new(Task::Diff, ColumnSet::default());
        M::fields(model, base, base, &mut walk);
        let mut diff = Self {
            changed: ColumnSet::default(),
            excluded: ColumnSet::default(),
            key_changed: walk.key_changed,
            columns: walk.shown,
        };
        for place in (0..walk.shown).filter(|place| walk.found.contains(*place)) {
            if walk.excluded.contains(place) {
                diff.excluded.insert(place);
            } else {
                diff.changed.insert(place);
            }
        }
        diff
    }
}

/// What each side changed of a base.
#[derive(Debug)]
pub(crate) struct Compared {
    /// What only I changed.
    pub(crate) mine: ColumnSet,
    /// What both changed, to different values.
    pub(crate) both: Vec<(usize, &'static str)>,
}

impl Compared {
    pub(crate) fn of<M: Fields>(row: &mut M, base: &M, mine: &M) -> Self {
        let mut walk = FieldWalk::new(Task::Compare, ColumnSet::default());
        M::fields(row, base, mine, &mut walk);
        Self {
            mine: walk.found,
            both: walk.both,
        }
    }
}

/// The row takes these columns of mine.
pub(crate) fn take<M: Fields>(places: ColumnSet, row: &mut M, mine: &M) {
    let mut walk = FieldWalk::new(Task::Claim, places);
    M::fields(row, mine, mine, &mut walk);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_the_largest_table() {
        let mut places = ColumnSet::default();
        assert!(places.is_empty());
        for place in [0, 63, 64, 127] {
            assert!(!places.contains(place));
            places.insert(place);
            assert!(places.contains(place));
        }
        assert_eq!(places.len(), 4);
        places.insert(128);
        assert!(places.contains(128), "beyond the largest table: always");
        assert!(!places.contains(1));
    }

    #[test]
    fn places_of_either_are_in_both_together() {
        let of = |places: &[usize]| {
            let mut of = ColumnSet::default();
            for place in places {
                of.insert(*place);
            }
            of
        };
        let both = of(&[0, 1, 64, 65]).and(of(&[1, 2, 65, 66]));
        assert_eq!(both, of(&[0, 1, 2, 64, 65, 66]));
    }
}
