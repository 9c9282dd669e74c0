//! What is done to one record.

use super::*;

pub(in super::super) fn record<T: Sample>(trials: &mut Trials) {
    let new = |_: &mut Conn| vec![T::new(1)];
    for operation in [
        operation("insert", new, |models, conn| {
            models[0].insert(conn).map(drop)
        }),
        operation("insert after a deletion", deleted::<T>, |models, conn| {
            models[0].insert(conn).map(drop)
        }),
        operation("import", new, |models, conn| models[0].import(conn)),
        operation("create", none::<T>, |models, conn| {
            models.push(T::made(1, conn)?);
            Ok(())
        }),
        operation("save", one::<T>, |models, conn| {
            models[0].save(conn).map(drop)
        }),
        operation("upsert", new, |models, conn| {
            models[0].upsert(conn).map(drop)
        }),
        operation("upsert of a row", one::<T>, |models, conn| {
            models[0].upsert(conn).map(drop)
        }),
        operation("upsert after a deletion", deleted::<T>, |models, conn| {
            models[0].upsert(conn).map(drop)
        }),
        operation("touch", one::<T>, |models, conn| {
            models[0].touch(conn).map(drop)
        }),
        operation("delete", one::<T>, |models, conn| {
            models[0].delete(conn).map(drop)
        }),
        operation("find", one::<T>, |models, conn| {
            T::find(&models[0].id(), conn).map(drop)
        }),
        operation("reload", stale::<T>, |models, conn| models[0].reload(conn)),
        operation("verify", one::<T>, |models, conn| models[0].verify(conn)),
        operation("update_with", one::<T>, |models, conn| {
            models[0] = T::update_with(&models[0].id(), conn, |model| {
                model.raise();
                Ok(())
            })?;
            Ok(())
        }),
        operation("at(..).update", one::<T>, |models, conn| {
            let (id, version) = models[0].number();
            models[0] = T::raised_at(id, version, conn)?;
            Ok(())
        }),
        operation("at(..).touch", one::<T>, |models, conn| {
            models[0] = T::at(models[0].id(), models[0].version()).touch(conn)?;
            Ok(())
        }),
        operation("at(..).delete", one::<T>, |models, conn| {
            let handle = T::at(models[0].id(), models[0].version());
            handle.delete(conn).map(drop)
        }),
        operation("stale save", stale::<T>, |models, conn| {
            models[0].save(conn).map(drop)
        }),
        operation("stale upsert", stale::<T>, |models, conn| {
            models[0].upsert(conn).map(drop)
        }),
        operation("stale delete", stale::<T>, |models, conn| {
            models[0].delete(conn).map(drop)
        }),
        operation("stale at(..).update", stale::<T>, |models, conn| {
            let (id, version) = models[0].number();
            T::raised_at(id, version, conn).map(drop)
        }),
    ] {
        trials.of(&operation);
    }
}

/// A record that was deleted; its event is published already.
fn deleted<T: Sample>(conn: &mut Conn) -> Vec<T> {
    let mut models = one::<T>(conn);
    models[0].delete(conn).unwrap();
    diesel::sql_query("DELETE FROM versioned_outbox")
        .execute(conn)
        .unwrap();
    models
}
