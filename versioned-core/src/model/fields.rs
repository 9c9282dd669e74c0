//! Comparison of a model's fields with those of another one: the changes of one side, and those of
//! both sides.

use diesel::query_source::Column;

/// A model whose fields can be compared and copied, because each is `PartialEq` and `Clone`.
/// `#[derive(Versioned)]` implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be tracked, only an owner and its embedded structs can",
    label = "its fields can't be compared",
    note = "an owner is a model with `#[derive(Versioned)]` and `#[versioned(owner)]`"
)]
pub trait Fields: Sized {
    /// Shows each field that an UPDATE can write to `walk`, in the order of the columns, and then the
    /// fields that no UPDATE writes.
    fn fields(row: &mut Self, base: &Self, mine: &Self, walk: &mut FieldWalk);
}

/// A value that can be compared and copied. `C` is its column, which keeps the bounds of two fields
/// apart if their types differ only in a lifetime.
#[diagnostic::on_unimplemented(
    message = "a field of type `{Self}` can't be tracked, implement `PartialEq` and `Clone` for it",
    label = "this model has a field that can't be compared",
    note = "a model that is not `Tracked` needs neither"
)]
pub trait Comparable<C> {
    /// Returns whether both values are the same.
    fn is(&self, other: &Self) -> bool;

    /// Copies another value.
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

/// Floats, which are compared by their bits.
pub trait Floats {
    /// Returns whether both values have the same bits.
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

/// A set of a model's columns, by their index. An index beyond Diesel's largest table counts as
/// contained.
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

    /// The set of this column alone.
    pub(crate) fn of(place: usize) -> Self {
        let mut set = Self::default();
        set.insert(place);
        set
    }

    /// The set of all columns.
    pub(crate) fn all() -> Self {
        Self([u64::MAX; 2])
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
    /// The number of columns shown so far.
    shown: usize,
    /// The columns that the task finds, or those to copy.
    found: ColumnSet,
    /// The columns that are excluded from the record's state.
    excluded: ColumnSet,
    /// The columns that the task names.
    named: Vec<(usize, &'static str)>,
    key_changed: bool,
}

#[derive(Debug, Clone, Copy)]
enum Task {
    /// Names the columns in which the row differs from the base.
    Name,
    /// Finds the columns in which the row differs from the base.
    Diff,
    /// Finds the columns that only the model changed, and names those that the model and the row
    /// changed to different values.
    Compare,
    /// Copies these columns of the model into the row.
    Take,
    /// Copies the columns that no UPDATE writes from the base into the row.
    Restore,
}

impl FieldWalk {
    fn new(task: Task, found: ColumnSet) -> Self {
        Self {
            task,
            shown: 0,
            found,
            excluded: ColumnSet::default(),
            named: Vec::new(),
            key_changed: false,
        }
    }

    /// A column of the primary key.
    pub fn key<C: Column, F: Comparable<C>>(&mut self, _column: C, row: &F, base: &F) {
        self.shown += 1;
        self.key_changed |= !row.is(base);
    }

    /// A column that is not part of the key.
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

    /// Marks the next column as `#[versioned(excluded)]`.
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
                self.named.push((place, C::NAME));
            }
            Task::Name if !same(row, base) => self.named.push((place, C::NAME)),
            Task::Take if self.found.contains(place) => row.take(mine),
            Task::Name | Task::Diff | Task::Compare | Task::Take | Task::Restore => {}
        }
    }

    /// A column that no UPDATE writes.
    pub fn read_only<F>(
        &mut self,
        column: &'static str,
        row: &mut F,
        base: &F,
        is: fn(&F, &F) -> bool,
        take: fn(&mut F, &F),
    ) {
        match self.task {
            Task::Diff if !is(row, base) => self.named.push((self.shown, column)),
            Task::Restore => take(row, base),
            Task::Name | Task::Diff | Task::Compare | Task::Take => {}
        }
    }
}

/// The changes of a model since it was loaded.
#[derive(Debug)]
pub(crate) struct Diff {
    /// The changed columns that are part of the record's state.
    pub(crate) changed: ColumnSet,
    pub(crate) excluded: ColumnSet,
    pub(crate) key_changed: bool,
    /// The changed columns that no UPDATE writes.
    pub(crate) read_only: Vec<&'static str>,
    /// The number of columns.
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
            read_only: walk.named.iter().map(|(_, name)| *name).collect(),
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

/// The changes of the model and of the row since their common base.
#[derive(Debug)]
pub(crate) struct Compared {
    /// The columns that only the model changed.
    pub(crate) mine: ColumnSet,
    /// The columns that both changed, to different values.
    pub(crate) both: Vec<(usize, &'static str)>,
}

impl Compared {
    pub(crate) fn of<M: Fields>(row: &mut M, base: &M, mine: &M) -> Self {
        let mut walk = FieldWalk::new(Task::Compare, ColumnSet::default());
        M::fields(row, base, mine, &mut walk);
        Self {
            mine: walk.found,
            both: walk.named,
        }
    }
}

/// Returns the columns in which a model differs from its original, with their names.
pub(crate) fn changed<M: Fields + Clone>(model: &M, base: &M) -> Vec<(usize, &'static str)> {
    let mut walk = FieldWalk::new(Task::Name, ColumnSet::default());
    M::fields(&mut model.clone(), base, base, &mut walk);
    walk.named
}

/// Copies these columns of the model into the row.
pub(crate) fn take<M: Fields>(places: ColumnSet, row: &mut M, mine: &M) {
    let mut walk = FieldWalk::new(Task::Take, places);
    M::fields(row, mine, mine, &mut walk);
}

/// Gives the columns that no UPDATE writes the values that they were loaded with.
pub(crate) fn restore<M: Fields>(model: &mut M, base: &M) {
    let mut walk = FieldWalk::new(Task::Restore, ColumnSet::default());
    M::fields(model, base, base, &mut walk);
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
