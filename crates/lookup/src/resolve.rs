//! Records of hosts, by way of a resolver: addresses of a name, names of an address, mail servers.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use repute_dnsxl::{Name, Target};

use crate::exchange::{Answer, Exchange, Limits};
use crate::message::{Data, Manner, Question};
use crate::sockets::Sockets;
use crate::subject::{Subject, target};

/// The addresses of a subject that is a host, each once, as targets; none of another subject.
pub type Addresses = Result<Vec<Target>, Missing>;

/// Why a host has no addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// There is no such name.
    #[error("no such host")]
    Name,
    /// The name has neither A nor AAAA records, as many a mail domain.
    #[error("it has no addresses")]
    Address,
    /// No resolver said.
    #[error("no resolver tells its addresses")]
    Answer,
}

/// Looks up the addresses of all subjects that are hosts, at once; in the order of the subjects.
///
/// # Errors
/// If there are no sockets to be had.
pub fn addresses(
    subjects: &[Subject],
    resolvers: &[SocketAddr],
    timeout: Duration,
) -> io::Result<Vec<Addresses>> {
    let host = |subject: &Subject| match subject {
        Subject::Host(name) => Some(name.clone()),
        Subject::Address(_) | Subject::Network(_) => None,
    };
    let hosts: Vec<Name> = subjects.iter().filter_map(host).collect();
    let both = |name: &Name| [A, AAAA].map(|rtype| Question::new(name, rtype));
    let questions: Vec<Question> = hosts.iter().flat_map(both).collect();
    let answers = match questions.is_empty() {
        true => Vec::new(),
        false => ask(resolvers, &questions, timeout)?,
    };
    let mut answers = answers.chunks(2);
    let addresses = subjects.iter().map(|subject| match subject {
        Subject::Host(_) => addresses_in(answers.next().unwrap_or_default()),
        Subject::Address(_) | Subject::Network(_) => Ok(Vec::new()),
    });
    Ok(addresses.collect())
}

/// The addresses in answers, or why there are none.
fn addresses_in(answers: &[Answer]) -> Addresses {
    let (mut addresses, mut missing) = (Vec::new(), Missing::Answer);
    for answer in answers {
        let Answer::Reply(reply) = answer else { continue };
        missing = match reply.rcode {
            0 => Missing::Address,
            3 => Missing::Name,
            _ => missing,
        };
        for data in &reply.records {
            if let Data::Address(address) = data
                && !addresses.contains(&target(*address))
            {
                addresses.push(target(*address));
            }
        }
    }
    match addresses.is_empty() {
        true => Err(missing),
        false => Ok(addresses),
    }
}

/// Asks resolvers some questions at once; the answers come in the order of the questions. A question that
/// one resolver does not answer is put to the next.
///
/// # Errors
/// If there are no sockets to be had.
pub fn ask(
    resolvers: &[SocketAddr],
    questions: &[Question],
    timeout: Duration,
) -> io::Result<Vec<Answer>> {
    let mut exchange = Exchange::new(Limits { timeout, ..Limits::default() });
    let mut sockets = Sockets::new()?;
    let manner = Manner { recursion: true, edns: Some(1232), mixed_case: true };
    let servers: Vec<usize> = resolvers
        .iter()
        .filter_map(|address| sockets.add_server(&mut exchange, *address, manner, 1).ok())
        .collect();
    let mut answers = vec![Answer::Unreachable; questions.len()];
    let Some(&first) = servers.first() else { return Ok(answers) };
    let now = Instant::now();
    for (place, question) in questions.iter().enumerate() {
        exchange.ask(first, question.clone(), (place, 0), now);
    }
    while !exchange.is_empty() || exchange.has_answers() {
        while let Some(((place, attempt), answer)) = exchange.next_answer() {
            let is_answer = matches!(&answer, Answer::Reply(reply) if matches!(reply.rcode, 0 | 3));
            match servers.get(attempt + 1) {
                Some(&next) if !is_answer => {
                    let question = questions[place].clone();
                    exchange.ask(next, question, (place, attempt + 1), Instant::now());
                }
                Some(_) | None => answers[place] = answer,
            }
        }
        // The last answer is no reason to wait for another one.
        if !exchange.is_empty() {
            sockets.turn(&mut exchange, Instant::now() + timeout)?;
        }
    }
    Ok(answers)
}

/// The type of IPv4 addresses (RFC 1035).
const A: u16 = 1;
/// The type of IPv6 addresses (RFC 3596).
const AAAA: u16 = 28;
