//! How often something may be done, per client network.
//!
//! Each network has a moment up to which it has used what is its due (a leaky bucket in one number). What is kept is
//! bounded: networks that have used nothing lately are forgotten, and if there are too many others, newcomers share one.
//! The clock is an argument.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use repute_dnsxl::Network;

use crate::values::Moment;

/// So many times in so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many times at once; 0 is no limit.
    pub times: u32,
    /// How long until as many are due again.
    pub period: Duration,
}

/// Limits of one thing, per network and in all.
#[derive(Debug)]
pub(crate) struct Limit {
    /// Of each network.
    each: Rate,
    /// Of all together.
    all: Rate,
    /// Who has used what.
    used: Mutex<Used>,
}

/// Up to when what is due is used.
#[derive(Debug, Default)]
struct Used {
    /// By each network.
    networks: HashMap<Network, Moment>,
    /// By those for whom there was no room.
    others: Moment,
    /// By all together.
    all: Moment,
}

impl Limit {
    /// A limit of which nothing is used.
    pub(crate) fn new(each: Rate, all: Rate) -> Limit {
        Limit { each, all, used: Mutex::default() }
    }

    /// Does it once more, or says after how long that may be.
    pub(crate) fn take(&self, network: Network, now: Moment) -> Result<(), Duration> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.all = self.all.settle(used.all, now);
        let mine = used.of(network, now);
        *mine = self.each.settle(*mine, now);
        let (mine_next, all_next) = (self.each.next(*mine, now)?, self.all.next(used.all, now)?);
        *used.of(network, now) = mine_next;
        used.all = all_next;
        Ok(())
    }

    /// Says whether it may be done once more, without doing it.
    pub(crate) fn look(&self, network: Network, now: Moment) -> Result<(), Duration> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.all = self.all.settle(used.all, now);
        self.all.next(used.all, now)?;
        let Some(mine) = used.networks.get_mut(&network) else { return Ok(()) };
        *mine = self.each.settle(*mine, now);
        self.each.next(*mine, now).map(drop)
    }
}

impl Used {
    /// What a network has used.
    fn of(&mut self, network: Network, now: Moment) -> &mut Moment {
        if self.networks.len() >= MOST_NETWORKS && !self.networks.contains_key(&network) {
            self.networks.retain(|_, until| *until > now);
            if self.networks.len() >= MOST_NETWORKS {
                return &mut self.others;
            }
        }
        self.networks.entry(network).or_default()
    }
}

impl Rate {
    /// Up to when it can be used at most: a clock that was ahead keeps nobody out for longer than a period.
    fn settle(self, until: Moment, now: Moment) -> Moment {
        until.min(Moment(now.0.saturating_add(self.milliseconds())))
    }

    /// The period in milliseconds.
    fn milliseconds(self) -> u64 {
        u64::try_from(self.period.as_millis()).unwrap_or(u64::MAX)
    }

    /// Up to when it is used if it is used once more now.
    fn next(self, until: Moment, now: Moment) -> Result<Moment, Duration> {
        if self.times == 0 {
            return Ok(until);
        }
        let period = self.milliseconds();
        let one = (period / u64::from(self.times)).max(1);
        let from = until.0.max(now.0);
        match (from - now.0).checked_sub(period.saturating_sub(one)) {
            None | Some(0) => Ok(Moment(from.saturating_add(one))),
            Some(wait) => Err(Duration::from_millis(wait)),
        }
    }
}

/// Most networks that are kept: some megabytes.
const MOST_NETWORKS: usize = 65_536;

#[cfg(test)]
mod tests {
    use repute_dnsxl::Ipv4Network;

    use super::*;

    const NONE: Rate = Rate { times: 0, period: Duration::ZERO };

    fn network(of: u32) -> Network {
        Network::V4(Ipv4Network::around(of.into(), 32))
    }

    #[test]
    fn a_network_may_so_often_and_again_when_time_has_gone_by() {
        let limit = Limit::new(Rate { times: 3, period: Duration::from_millis(300) }, NONE);
        let take = |of, at| limit.take(network(of), Moment(at)).is_ok();
        assert_eq!([0, 0, 0, 0].map(|at| take(1, at)), [true, true, true, false]);
        assert_eq!(limit.take(network(1), Moment(0)), Err(Duration::from_millis(100)));
        assert_eq!(limit.look(network(1), Moment(99)), Err(Duration::from_millis(1)));
        assert!(take(2, 0), "others are not concerned");
        assert_eq!([99, 100, 100].map(|at| take(1, at)), [false, true, false]);
        assert_eq!([1000; 4].map(|at| take(1, at)), [true, true, true, false]);
        // The clock was set back by a year.
        assert!(!take(1, 5) && take(1, 105));
    }

    #[test]
    fn all_together_have_a_limit_and_who_is_refused_uses_nothing() {
        let each = Rate { times: 2, period: Duration::from_millis(200) };
        let limit = Limit::new(each, Rate { times: 3, period: Duration::from_millis(300) });
        let take = |of, at| limit.take(network(of), Moment(at)).is_ok();
        assert_eq!([1, 1, 1, 2, 2].map(|of| take(of, 0)), [true, true, false, true, false]);
        assert_eq!([100, 200].map(|at| take(2, at)), [true, true]);
    }

    #[test]
    fn nothing_is_limited_by_nothing() {
        let limit = Limit::new(NONE, NONE);
        assert!((0..1000).all(|_| limit.take(network(1), Moment(0)).is_ok()));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let each = Rate { times: 1, period: Duration::from_secs(1) };
        let limit = Limit::new(each, NONE);
        let kept = || limit.used.lock().expect("no panic").networks.len();
        for of in 0..MOST_NETWORKS as u32 {
            assert!(limit.take(network(of), Moment(0)).is_ok());
        }
        let others = [1, 2].map(|of| limit.take(network(u32::MAX - of), Moment(0)).is_ok());
        assert_eq!((others, kept()), ([true, false], MOST_NETWORKS));
        assert!(limit.take(network(u32::MAX), Moment(1000)).is_ok());
        assert_eq!(kept(), 1, "who has used nothing lately is forgotten");
    }
}
