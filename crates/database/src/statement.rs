//! SQL as constants, each in a list, so that a test can prepare all of them on both databases.

/// Defines constants with SQL, and `ALL` with their names and texts.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $sql:expr;)*) => {
        $($(#[$doc])* const $name: &str = $sql;)*
        /// All statements of this module, with their names.
        #[cfg(test)]
        pub(crate) const ALL: &[(&str, &str)] = &[$((stringify!($name), $name)),*];
    };
}

pub(crate) use statements;

#[cfg(test)]
mod tests {
    use sqlx::{AssertSqlSafe, Executor, SqlSafeStr};

    /// Every statement of the crate.
    fn all() -> Vec<(&'static str, &'static str)> {
        [
            crate::accounts::ALL,
            crate::answers::ALL,
            crate::audit::ALL,
            crate::backup::ALL,
            crate::bulk::ALL,
            crate::categories::ALL,
            crate::changes::ALL,
            crate::claims::ALL,
            crate::conflicts::ALL,
            crate::consistency::ALL,
            crate::contact_mails::ALL,
            crate::digests::ALL,
            crate::dns::ALL,
            crate::entries::ALL,
            crate::entries::find::ALL,
            crate::entry_history::ALL,
            crate::evidence::ALL,
            crate::evidence::sources::ALL,
            crate::factors::ALL,
            crate::invitations::ALL,
            crate::jobs::ALL,
            crate::kept_out::ALL,
            crate::limits::ALL,
            crate::links::ALL,
            crate::list_days::ALL,
            crate::lists::ALL,
            crate::motions::ALL,
            crate::organisations::ALL,
            crate::organisations::find::ALL,
            crate::outbox::ALL,
            crate::passkeys::ALL,
            crate::person::ALL,
            crate::publications::ALL,
            crate::removals::ALL,
            crate::removals::alike::ALL,
            crate::removals::past::ALL,
            crate::removals::queue::ALL,
            crate::requests::ALL,
            crate::requests::queue::ALL,
            crate::reviews::ALL,
            crate::rules::ALL,
            crate::sessions::ALL,
            crate::settled::ALL,
            crate::sign_ins::ALL,
            crate::statistics::ALL,
            crate::subscribers::ALL,
            crate::tag_keys::ALL,
            crate::tokens::ALL,
            crate::undelivered::ALL,
            crate::work::ALL,
        ]
        .concat()
    }

    #[tokio::test]
    async fn every_statement_prepares() {
        crate::testing::on_each(async |database| {
            let mut connection = database.read().await.expect("a connection");
            for (name, sql) in all() {
                let sql = AssertSqlSafe(sql.to_owned()).into_sql_str();
                let prepared = match connection.session() {
                    crate::Session::Sqlite(c) => c.prepare(sql).await.map(drop),
                    crate::Session::Postgres(c, _) => c.prepare(sql).await.map(drop),
                };
                prepared.unwrap_or_else(|error| panic!("{name}: {error}"));
            }
        })
        .await;
    }
}
