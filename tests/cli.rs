//! The command line as transcripts: what is typed, what is printed, and the exit code.
//!
//! `TRYCMD=overwrite cargo test --test cli` writes down what is printed now.

/// Runs all transcripts, each in a copy of the fixtures' folder.
#[test]
fn transcripts() {
    trycmd::TestCases::new().case("tests/cli/*.trycmd");
}
