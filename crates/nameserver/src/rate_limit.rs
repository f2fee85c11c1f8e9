//! Response rate limiting: how many answers by UDP the clients of one network get.
//!
//! The sender of a datagram can be forged, and its answer then goes to somebody who never asked. So each
//! network has a bucket that holds some seconds of answers and fills at a steady rate. Once it is empty, some
//! answers go truncated, by which a real client comes back by TCP, and the others not at all. Who shows a
//! cookie of ours is where it says it is, and is not limited.
//!
//! Buckets are numbers in a table of fixed size that all workers share without a lock. A network can stand
//! in eight places of it. When others are busy in all of them it takes the place of the one that has used the
//! least, with what that has used: so nobody gets more by pushing others out, and who is pushed out finds
//! another's bucket at worst.
//!
//! Does not read the clock: `now` is an argument. TCP is never limited here; see
//! [`listen::tcp`](crate::listen::tcp).

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::{ArcSwap, Guard};
use repute_dnsxl::Network;

/// How answers by UDP are limited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Answers a second to one network; 0 turns limiting off, and more than a million are a million.
    /// Default: 1,000.
    pub responses_per_second: u32,
    /// Every so manieth answer beyond that goes truncated, the others not at all. 1 has all of them truncated,
    /// 0 none. Default: 2.
    pub slip: u32,
    /// Bits of an IPv4 address that name its network. Default: 24.
    pub ipv4_prefix: u8,
    /// Bits of an IPv6 address that name its network. Default: 56.
    pub ipv6_prefix: u8,
    /// Networks whose clients are not limited. Default: loopback.
    pub exempt: Vec<Network>,
}

impl Default for Config {
    fn default() -> Config {
        let loopback = ["127.0.0.0/8", "::1/128"];
        Config {
            responses_per_second: 1_000,
            slip: 2,
            ipv4_prefix: 24,
            ipv6_prefix: 56,
            exempt: loopback.map(|text| text.parse().expect("a constant network")).to_vec(),
        }
    }
}

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is sent.
    Send,
    /// It is sent without its records, and says so.
    Truncate,
    /// It is not sent.
    Drop,
}

/// Microseconds on a clock that never goes back, from any beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Micros(pub(crate) u64);

/// The buckets of all networks.
#[derive(Debug)]
pub(crate) struct RateLimit {
    /// The rules in force.
    rules: ArcSwap<Rules>,
    /// The buckets.
    table: Box<[Places]>,
    /// Makes the places of a network, so that nobody outside knows whose are the same.
    seed: [u64; 2],
}

/// The rules, as they are applied.
#[derive(Debug)]
pub(crate) struct Rules {
    /// Microseconds that an answer takes of a bucket; 0 turns limiting off.
    step: u64,
    /// See [`Config::slip`].
    slip: u32,
    /// Bits to shift out of addresses, of either family.
    shift: (u32, u32),
    /// See [`Config::exempt`].
    exempt: Vec<Network>,
}

/// Which of the answers beyond the limit are sent truncated: a worker's own count of them.
#[derive(Debug, Default)]
pub(crate) struct Turn(u32);

/// The places that a network can have: a cache line.
///
/// Each is the upper bits of the network's digest, and below them the time at which its bucket is full again.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Places([AtomicU64; 8]);

impl RateLimit {
    /// Empty buckets are full ones: nobody has used anything.
    pub(crate) fn new(config: &Config) -> RateLimit {
        let random = || RandomState::new().build_hasher().finish() | 1;
        RateLimit {
            rules: ArcSwap::from_pointee(Rules::of(config)),
            table: (0..SETS).map(|_| Places::default()).collect(),
            seed: [random(), random()],
        }
    }

    /// Puts other rules in force; buckets stay as they are.
    pub(crate) fn configure(&self, config: &Config) {
        self.rules.store(Arc::new(Rules::of(config)));
    }

    /// The rules for a batch of answers; nothing if answers are not limited.
    #[inline]
    pub(crate) fn rules(&self) -> Option<Guard<Arc<Rules>>> {
        let rules = self.rules.load();
        (rules.step > 0).then_some(rules)
    }

    /// Judges one answer to a client whose address is not proven.
    #[inline]
    pub(crate) fn judge(
        &self,
        rules: &Rules,
        client: IpAddr,
        now: Micros,
        turn: &mut Turn,
    ) -> Verdict {
        if rules.exempt.iter().any(|net| net.contains(client)) || self.takes(rules, client, now) {
            return Verdict::Send;
        }
        turn.0 = turn.0.wrapping_add(1);
        match rules.slip {
            0 => Verdict::Drop,
            slip if turn.0.is_multiple_of(slip) => Verdict::Truncate,
            _ => Verdict::Drop,
        }
    }

    /// Takes an answer out of a client's bucket; whether there was one in it.
    #[inline]
    fn takes(&self, rules: &Rules, client: IpAddr, now: Micros) -> bool {
        let digest = self.digest(rules, client);
        let now = now.0 & TIME;
        let Some(places) = self.table.get(digest as usize % SETS) else { return true };
        let tag = digest & !TIME;
        let mut patience = PATIENCE;
        loop {
            let (place, known) = places.find(tag);
            let full_at = (known & TIME).max(now) + rules.step;
            if full_at - now > BURST {
                return false;
            }
            let taken = tag | full_at & TIME;
            let done = place.compare_exchange(known, taken, Ordering::Relaxed, Ordering::Relaxed);
            if done.is_ok() {
                return true;
            }
            // Another worker was faster. After a few times the answer goes uncounted.
            patience -= 1;
            if patience == 0 {
                return true;
            }
        }
    }

    /// A number that is the same for all addresses of a network.
    #[inline]
    fn digest(&self, rules: &Rules, client: IpAddr) -> u64 {
        let [odd, other] = self.seed;
        let (high, low) = match client {
            IpAddr::V4(v4) => (1, u64::from(v4.to_bits()).checked_shr(rules.shift.0).unwrap_or(0)),
            IpAddr::V6(v6) => {
                let bits = v6.to_bits().checked_shr(rules.shift.1).unwrap_or(0);
                ((bits >> 64) as u64, bits as u64)
            }
        };
        let mixed = u128::from(low ^ other) * u128::from(odd);
        let mixed = (mixed >> 64) as u64 ^ mixed as u64 ^ high.wrapping_mul(other);
        let mixed = u128::from(mixed) * u128::from(other);
        (mixed >> 64) as u64 ^ mixed as u64
    }
}

impl Places {
    /// The place of a network, and what stands in it: its own, or else the one whose bucket is fullest.
    #[inline]
    fn find(&self, tag: u64) -> (&AtomicU64, u64) {
        let [first, rest @ ..] = &self.0;
        let mut best = (first, first.load(Ordering::Relaxed));
        if best.1 & !TIME == tag {
            return best;
        }
        for place in rest {
            let known = place.load(Ordering::Relaxed);
            if known & !TIME == tag {
                return (place, known);
            }
            if known & TIME < best.1 & TIME {
                best = (place, known);
            }
        }
        best
    }
}

impl Rules {
    /// The rules of a configuration.
    fn of(config: &Config) -> Rules {
        let Config { responses_per_second, slip, ipv4_prefix, ipv6_prefix, ref exempt } = *config;
        let step = match responses_per_second {
            0 => 0,
            rate => (SECOND / u64::from(rate)).max(1),
        };
        let shift = |bits: u8, prefix: u8| u32::from(bits.saturating_sub(prefix));
        let shift = (shift(32, ipv4_prefix), shift(128, ipv6_prefix));
        Rules { step, slip, shift, exempt: exempt.clone() }
    }
}

/// A second in the units of time here.
const SECOND: u64 = 1_000_000;
/// What a bucket holds: five seconds of answers.
const BURST: u64 = 5 * SECOND;
/// Cache lines of the table: half a megabyte for 65,536 networks.
const SETS: usize = 8_192;
/// The bits of a place that are a time: nine years of microseconds. The others are the network's.
const TIME: u64 = (1 << 48) - 1;
/// How often a place that changes meanwhile is read again.
const PATIENCE: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers a second in tests.
    const RATE: u64 = 100;

    fn limit(config: Config) -> RateLimit {
        RateLimit::new(&Config { responses_per_second: RATE as u32, ..config })
    }

    /// How many of so many answers at one time are sent, truncated and dropped.
    fn ask(limit: &RateLimit, client: &str, at: u64, count: usize) -> [usize; 3] {
        let (rules, mut turn) = (limit.rules().unwrap(), Turn::default());
        let mut counts = [0; 3];
        for _ in 0..count {
            let verdict = limit.judge(&rules, client.parse().unwrap(), Micros(at), &mut turn);
            counts[verdict as usize] += 1;
        }
        counts
    }

    #[test]
    fn a_network_gets_its_burst_and_then_its_rate() {
        let limit = limit(Config::default());
        let start = 7 * SECOND;
        assert_eq!(ask(&limit, "192.0.2.1", start, 600), [500, 50, 50]);
        assert_eq!(ask(&limit, "192.0.2.200", start, 10)[0], 0, "the same network");
        assert_eq!(ask(&limit, "192.0.3.1", start, 500)[0], 500, "another one");
        assert_eq!(ask(&limit, "192.0.2.1", start + SECOND / 10, 50)[0], 10);
        assert_eq!(ask(&limit, "192.0.2.1", start + 60 * SECOND, 1_000)[0], 500, "full again");
    }

    #[test]
    fn an_ipv6_network_is_its_56_and_no_ipv4_network() {
        let limit = limit(Config::default());
        assert_eq!(ask(&limit, "2001:db8:0:1::1", 9, 501), [500, 0, 1]);
        assert_eq!(ask(&limit, "2001:db8:0:ff::2", 9, 1)[0], 0);
        assert_eq!(ask(&limit, "2001:db8:0:100::1", 9, 1)[0], 1);
        assert_eq!(ask(&limit, "0.0.0.0", 9, 1)[0], 1);
        assert_eq!(ask(&limit, "::", 9, 1)[0], 1);
    }

    #[test]
    fn slip_says_how_many_go_truncated() {
        for (slip, expect) in [(0, [500, 0, 60]), (1, [500, 60, 0]), (3, [500, 20, 40])] {
            let limit = limit(Config { slip, ..Config::default() });
            assert_eq!(ask(&limit, "192.0.2.1", 0, 560), expect, "{slip}");
        }
    }

    #[test]
    fn prefixes_and_exempt_networks_are_as_configured() {
        let exempt = vec!["192.0.2.64/26".parse().unwrap()];
        let config = Config { ipv4_prefix: 32, ipv6_prefix: 0, exempt, ..Config::default() };
        let limit = limit(config);
        assert_eq!(ask(&limit, "192.0.2.1", 0, 501)[0], 500);
        assert_eq!(ask(&limit, "192.0.2.2", 0, 501)[0], 500, "an address alone");
        assert_eq!(ask(&limit, "192.0.2.65", 0, 5_000), [5_000, 0, 0]);
        assert_eq!(ask(&limit, "127.0.0.1", 0, 501)[0], 500, "nobody else is exempt");
        assert_eq!(ask(&limit, "2001:db8::1", 0, 500)[0], 500);
        assert_eq!(ask(&limit, "4000::1", 0, 1)[0], 0, "all of IPv6 is one network");
    }

    #[test]
    fn rules_change_and_buckets_stay() {
        let limit = limit(Config::default());
        assert_eq!(ask(&limit, "192.0.2.1", 0, 501)[0], 500);
        limit.configure(&Config { responses_per_second: 0, ..Config::default() });
        assert!(limit.rules().is_none());
        limit.configure(&Config { responses_per_second: 10, ..Config::default() });
        assert_eq!(ask(&limit, "192.0.2.1", SECOND, 20)[0], 10);
        limit.configure(&Config { responses_per_second: u32::MAX, ..Config::default() });
        assert!(limit.rules().is_some());
    }

    #[test]
    fn a_flood_of_other_networks_gives_nobody_more_than_its_share() {
        let limit = limit(Config::default());
        let now = SECOND;
        assert_eq!(ask(&limit, "192.0.2.1", now, 501)[0], 500);
        let (rules, mut turn) = (limit.rules().unwrap(), Turn::default());
        let mut sent = 0_u64;
        for n in 0..1_000_000_u32 {
            let client = IpAddr::from((0x0a00_0000 + (n << 8)).to_be_bytes());
            let verdict = limit.judge(&rules, client, Micros(now), &mut turn);
            sent += u64::from(verdict == Verdict::Send);
        }
        // A place gives no more than its bucket holds, whoever has it.
        assert!(sent <= SETS as u64 * 8 * 5 * RATE);
        assert!(sent > 900_000, "one answer to each is nothing");
        // Who was empty and stayed finds it empty; who lost its place finds that of one that used little.
        let again = ask(&limit, "192.0.2.1", now, 501)[0];
        assert!(again < 500, "{again}");
        // And an hour later all of them are full.
        assert_eq!(ask(&limit, "192.0.2.1", now + 3_600 * SECOND, 501)[0], 500);
    }

    #[test]
    fn workers_share_buckets() {
        let limit = limit(Config { slip: 0, ..Config::default() });
        let sent: usize = std::thread::scope(|scope| {
            let workers: Vec<_> =
                (0..4).map(|_| scope.spawn(|| ask(&limit, "192.0.2.1", 0, 1_000)[0])).collect();
            workers.into_iter().map(|worker| worker.join().unwrap()).sum()
        });
        // An answer that met others a few times in a row may go uncounted.
        assert!((500..=1_000).contains(&sent), "{sent}");
    }
}
