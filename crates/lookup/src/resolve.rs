//! Records of hosts, by way of a resolver: addresses of a name, names of an address, mail servers.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::exchange::{Answer, Exchange, Limits};
use crate::message::{Manner, Question};
use crate::sockets::Sockets;

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
        sockets.turn(&mut exchange, Instant::now() + timeout)?;
    }
    Ok(answers)
}
