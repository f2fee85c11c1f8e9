//! What is done regularly, whether or not anybody visits: proofs are looked for again, and what nobody goes on with
//! ends. Each is safe to do twice, in several processes at once.
//!
//! What asks DNS goes its own way ([`look`]): resolvers that say nothing hold up nothing else.

use std::error::Error;
use std::time::Duration;

use repute_database::{Timestamp, Transaction, answers, requests};
use repute_registry::claim::Tell;
use repute_registry::notice::Notice;
use repute_registry::{
    bounce, changes, claim, consistency, history, link, motion, publish, removal, request, review,
};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::error::{AppError, whole};
use crate::factor;
use crate::letters;
use crate::limits;
use crate::notice;

/// Does what is due until it is told to stop.
pub(crate) async fn run(app: App, stop: CancellationToken) {
    let (mut is_announced, mut is_sealed) = (false, false);
    loop {
        if !is_sealed {
            match factor::seal_all(&app).await {
                Ok(()) => is_sealed = true,
                Err(error) => tracing::error!("secrets cannot be sealed: {}", whole(&error)),
            }
        }
        if !is_announced {
            match announce(&app).await {
                Ok(()) => is_announced = true,
                Err(error) => tracing::error!("links cannot be announced: {}", whole(&error)),
            }
        }
        for (what, done) in [
            ("requests cannot be ended", end_requests(&app).await),
            ("older requests cannot be made findable", fill_keys(&app).await),
            ("what was answered long ago cannot be forgotten", forget_answers(&app).await),
            ("removals cannot be ended", end_removals(&app).await),
            ("what nobody agreed to cannot be ended", end_motions(&app).await),
            ("the past of lists cannot be kept", keep_history(&app).await),
            ("nobody can be reminded of review dates", remind(&app, Timestamp::now()).await),
            ("news cannot be sent", letters::send_digests(&app, Timestamp::now()).await),
            ("old failures of letters cannot be forgotten", forget_failures(&app).await),
            ("the history of entries cannot be shortened", forget_history(&app).await),
            ("refused versions cannot be told of", tell_refused(&app).await),
            ("limits that are over cannot be forgotten", limits::tidy(&app).await),
        ] {
            told(what, done);
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Asks DNS about what is due until it is told to stop. Then it does not wait for answers: what is under way is looked at
/// again by whoever comes next.
pub(crate) async fn look(app: App, stop: CancellationToken) {
    // Each at its own pace: slow servers of some domains keep nobody else from being looked at.
    let proofs = async {
        loop {
            told("proofs of domains cannot be looked for", look_again(&app).await);
            tokio::time::sleep(EVERY).await;
        }
    };
    let organisations = async {
        loop {
            told("DNS of organisations cannot be looked at", watch(&app, Timestamp::now()).await);
            tokio::time::sleep(EVERY).await;
        }
    };
    let looks = async {
        tokio::join!(proofs, organisations);
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = looks => {}
    }
}

/// Says what went wrong, if something did.
fn told(what: &str, done: Result<(), AppError>) {
    if let Err(error) = done {
        tracing::error!("{what}: {}", whole(&error));
    }
}

/// Says where people reach this portal, once: the texts of lists lead there.
pub(crate) async fn announce(app: &App) -> Result<(), AppError> {
    let url = app.config.public_url.origin();
    let mut transaction = app.database.begin().await?;
    let count = link::announce(&mut transaction, url, Timestamp::now()).await?;
    transaction.commit().await?;
    if count > 0 {
        tracing::info!("the texts of {count} lists lead to {url} now, or not any more");
    }
    Ok(())
}

/// Looks for the proofs of domains that are due.
pub(crate) async fn look_again(app: &App) -> Result<(), AppError> {
    let now = Timestamp::now();
    let (look, key) = (&app.means.look, &app.means.key);
    let done = claim::look_again(&app.database, look, key, &Letters(app), now).await;
    app.mail_waits.notify_one();
    Ok(done?)
}

/// Letters, written in the transaction of what they tell of.
struct Letters<'a>(&'a App);

impl Tell for Letters<'_> {
    async fn tell(
        &self,
        transaction: &mut Transaction,
        notices: &[Notice],
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(notice::put(self.0, transaction, notices, Timestamp::now()).await?)
    }
}

/// Ends drafts and questions that nobody went on with.
async fn end_requests(app: &App) -> Result<(), AppError> {
    let mut transaction = app.database.begin().await?;
    request::expire(&mut transaction, Timestamp::now()).await?;
    Ok(transaction.commit().await?)
}

/// Ends what one editor wanted and nobody agreed to.
async fn end_motions(app: &App) -> Result<(), AppError> {
    let mut transaction = app.database.begin().await?;
    motion::tidy(&mut transaction, Timestamp::now()).await?;
    Ok(transaction.commit().await?)
}

/// Writes for requests that are older than their index what they are about, so that they are found; some at a time.
async fn fill_keys(app: &App) -> Result<(), AppError> {
    loop {
        let mut transaction = app.database.begin().await?;
        let filled = requests::queue::fill_keys(transaction.session(), AT_ONCE).await?;
        transaction.commit().await?;
        if filled < AT_ONCE as usize {
            return Ok(());
        }
    }
}

/// Forgets what became of entries long ago.
async fn forget_history(app: &App) -> Result<(), AppError> {
    loop {
        let mut transaction = app.database.begin().await?;
        let forgotten = changes::forget_history(&mut transaction, Timestamp::now()).await?;
        transaction.commit().await?;
        if forgotten < u64::from(changes::FORGOTTEN_AT_ONCE) {
            return Ok(());
        }
    }
}

/// Forgets to whom letters went long ago, and failures that count no more.
async fn forget_failures(app: &App) -> Result<(), AppError> {
    let mut transaction = app.database.begin().await?;
    bounce::forget(&mut transaction, Timestamp::now()).await?;
    Ok(transaction.commit().await?)
}

/// Forgets what was answered under keys that nobody asks for again: here, as a change that takes long would otherwise
/// have all others wait until it is over.
async fn forget_answers(app: &App) -> Result<(), AppError> {
    let mut transaction = app.database.begin().await?;
    answers::forget(transaction.session(), Timestamp::now()).await?;
    Ok(transaction.commit().await?)
}

/// Ends links of removals that nobody followed.
async fn end_removals(app: &App) -> Result<(), AppError> {
    let mut transaction = app.database.begin().await?;
    removal::tidy(&mut transaction, Timestamp::now()).await?;
    Ok(transaction.commit().await?)
}

/// Writes down what was published.
async fn keep_history(app: &App) -> Result<(), AppError> {
    Ok(history::keep(&app.database, Timestamp::now()).await?)
}

/// Looks at what organisations have on lists, and tells them what is not well.
pub(crate) async fn watch(app: &App, now: Timestamp) -> Result<(), AppError> {
    let look = &app.means.look;
    consistency::turn(&app.database, &look.resolvers, look.timeout, now).await?;
    let mut transaction = app.database.begin().await?;
    let notices = consistency::tell(&mut transaction, now).await?;
    notice::put(app, &mut transaction, &notices, now).await?;
    transaction.commit().await?;
    if !notices.is_empty() {
        app.mail_waits.notify_one();
    }
    Ok(())
}

/// Reminds organisations of review dates, once an hour.
pub(crate) async fn remind(app: &App, now: Timestamp) -> Result<(), AppError> {
    if !review::take_turn(&app.database, now).await? {
        return Ok(());
    }
    let mut transaction = app.database.begin().await?;
    let notices = review::remind(&mut transaction, now).await?;
    notice::put(app, &mut transaction, &notices, now).await?;
    transaction.commit().await?;
    if !notices.is_empty() {
        app.mail_waits.notify_one();
    }
    Ok(())
}

/// Tells editors of versions that were refused.
pub(crate) async fn tell_refused(app: &App) -> Result<(), AppError> {
    let now = Timestamp::now();
    let mut transaction = app.database.begin().await?;
    let notices = publish::tell(&mut transaction, now).await?;
    notice::put(app, &mut transaction, &notices, now).await?;
    transaction.commit().await?;
    if !notices.is_empty() {
        app.mail_waits.notify_one();
    }
    Ok(())
}

/// Items of older requests in a transaction.
const AT_ONCE: u32 = 1_000;
/// How often: what is due is due to the day, and this is soon enough for it.
const EVERY: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use repute_database::entries::{self, Entry};
    use repute_database::lists::{self, List};
    use repute_database::removals::{self, RemovalId, State};
    use repute_database::testing::on_each_narrow;
    use repute_database::{Database, consistency, organisations};
    use repute_dnsxl::{KeyKind, Polarity};
    use repute_registry::claim::challenge::Look;
    use repute_registry::removal::{Control, Way};

    use super::*;
    use crate::means::Means;
    use crate::testing::Site;

    /// Has a look at DNS be due, and a removal be over; which one.
    async fn set_up(site: &Site) -> RemovalId {
        let long_ago = Timestamp::now().before(3 * DAY);
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let list = List {
            apex: "wl.example".parse().expect("a name"),
            title: "Ours".to_owned(),
            description: String::new(),
            polarity: Polarity::Allow,
            keys: KeyKind::Ip,
            ttl: 300,
            contact: String::new(),
        };
        let list = lists::add(t.session(), &list, long_ago).await.expect("it is added");
        let id = organisations::add(t.session(), "Ours", long_ago).await.expect("an Id");
        let source = entries::source(t.session(), "test").await.expect("a source");
        let entry = Entry {
            key: "8.8.8.8".parse().expect("a key"),
            code: Some("127.0.5.1".parse().expect("a code")),
            text: String::new(),
            reason: String::new(),
            criterion: None,
            source,
            organisation: Some(id),
            since: long_ago,
            expires: None,
            review: None,
        };
        entries::put(t.session(), list, std::slice::from_ref(&entry)).await.expect("written");
        consistency::go_through(t.session(), long_ago, DAY, 9).await.expect("it is found");
        let new = removals::New {
            list,
            key: entry.key,
            target: "8.8.8.8".to_owned(),
            mail: "a@x.example".to_owned(),
            network: "192.0.2.0/24".to_owned(),
            reason: String::new(),
            kind: removals::Kind::Removal,
            way: Way::Typed,
            control: Control::None,
            nonce: [7; 16],
            created: long_ago,
            expires: long_ago.after(DAY),
        };
        let removal = removals::add(t.session(), &new).await.expect("it is written");
        let taken = answers::take(t.session(), &somebody(), "key", b"asked", long_ago).await;
        assert_eq!(taken.expect("it is taken"), None);
        transaction.commit().await.expect("it is committed");
        removal
    }

    /// Who was answered long ago.
    fn somebody() -> answers::Whose {
        answers::Whose::Somebody(b"somebody".to_vec())
    }

    /// How a removal stands.
    async fn state(database: &Database, id: RemovalId) -> State {
        let mut connection = database.read().await.expect("a connection");
        let found = removals::by_id(connection.session(), id).await.expect("it is read");
        found.expect("it is there").state
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn resolvers_that_say_nothing_hold_up_no_other_chore_and_no_end() {
        on_each_narrow(async |database| {
            let plain = Site::over(database.clone());
            let resolver = UdpSocket::bind(("127.0.0.1", 0)).expect("a port");
            let resolvers = vec![resolver.local_addr().expect("an address")];
            let known = plain.app.means.clone();
            let timeout = Duration::from_secs(30);
            let means = Means { look: Look { resolvers, timeout, ..known.look.clone() }, ..known };
            let site = Site::by(database.clone(), plain.app.config.clone(), means);
            let removal = set_up(&site).await;
            let stop = CancellationToken::new();
            let looks = tokio::spawn(look(site.app.clone(), stop.clone()));
            // Somebody is asked, and says nothing.
            let asked = tokio::task::spawn_blocking(move || {
                let mut packet = [0; 512];
                let (len, from) = resolver.recv_from(&mut packet).expect("a query");
                (packet[..len].to_vec(), from, resolver)
            });
            let (mut packet, from, resolver) = asked.await.expect("it is asked");
            let others = tokio::spawn(run(site.app.clone(), stop.clone()));
            while state(&database, removal).await != State::Expired {
                tokio::task::yield_now().await;
            }
            let mut look = database.look().await.expect("a look");
            let (whose, then) = (somebody(), Timestamp::now().before(3 * DAY));
            let answered = answers::find(look.session(), &whose, "key", then);
            assert_eq!(answered.await.expect("it is read"), None, "it is forgotten");
            drop(look);
            stop.cancel();
            others.await.expect("they end");
            looks.await.expect("they end, though nothing was said");
            // The thread that asked ends when it hears that there is no such name.
            (packet[2], packet[3]) = (0x81, 0x83);
            resolver.send_to(&packet, from).expect("it is sent");
        })
        .await;
    }

    /// A day.
    const DAY: Duration = Duration::from_secs(86_400);
}
