//! No message makes the reader of delivery reports panic, or name letters without end.

#[path = "../../zone/tests/fuzz/mutation.rs"]
mod mutation;

use mutation::{Mutation, mutate, time};
use repute_registry::bounce::report;

/// A report to begin with.
const REPORT: &[u8] = b"From MAILER-DAEMON Tue Nov 14 22:13:20 2023\n\
    To: bounces+7-abcdefghijklmnopqrstuvwxyz234567@lists.example\r\n\
    MIME-Version: 1.0\r\nContent-Type: multipart/report;\r\n report-type=delivery-status; boundary=\"b\"\r\n\r\n--b\r\n\
    Content-Type: message/global-delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n\
    Final-Recipient: utf-8; j\\x{F6}rg@x.example\r\nAction: failed\r\nStatus: 5.0.0\r\n\
    Diagnostic-Code: smtp; 550 5.1.1 no\r\n such user\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\
    Content-Transfer-Encoding: base64\r\n\r\nTWVzc2FnZS1JRDogPHg+DQo=\r\n--b--\r\n";

#[test]
fn fuzz_reports() {
    let report = report::read(REPORT).expect("it is a report");
    assert_eq!((report.names.len(), report.recipients.len()), (1, 1));
    assert!(report.about("j\u{f6}rg@x.example").is_some());
    bolero::check!().with_type::<Vec<Mutation>>().with_test_time(time()).for_each(
        |mutations: &Vec<Mutation>| {
            let Ok(report) = report::read(&mutate(REPORT, mutations)) else { return };
            assert!(report.names.len() <= 16 && report.recipients.len() <= 50, "{report:?}");
            assert!(report.names.iter().all(|(_, tag)| tag.len() == 32), "{report:?}");
            let _ = report.about("a@x.example");
        },
    );
}
