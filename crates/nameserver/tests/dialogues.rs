//! DNS as conversations: each file in `dialogues/` quotes rules and shows what they mean for a list.
//!
//! ```text
//! zone bl.example addresses          a zone and the kind of its data set; lines of it follow, or of a master
//!                                    file if that is `records` (a SOA is there already)
//! | 192.0.2.0/24 :2:see $
//! > 99.2.0.192.bl.example A edns     a query: name, type, and how it is asked
//! < NOERROR AA                       the answer: response code and flags
//! < an 99.2.0.192.bl.example 2100 A 127.0.0.2
//! < opt 1232                         records by section, then EDNS
//! ```
//! Ways to ask: `edns`, `edns=SIZE`, `version=N`, `do`, `nsid`, `option=N`, `tcp`, `norec`, `ch`, `class=N`,
//! `opcode=N`, `aa`, `tc`, `tsig=KEY`, `cookie=HEX`, `client=ADDRESS`; `>hex` sends bytes as they are. Names have the escapes of
//! RFC 1035 section 5.1. Other lines set what a zone or the server is like: `dialect rbldnsd`,
//! `polarity allow`, `tests`, `name-servers`, `version X`, `offer` of what others answer, `cookies on|require SECRETS`, `now SECONDS`, `acl LINE`, and `keys LINE` of its `aclkey`.

#[path = "dialogues/conversation.rs"]
mod conversation;
#[path = "../../zone/tests/fixture/list.rs"]
mod list;
#[path = "dialogues/text.rs"]
mod text;

use std::fs;
use std::path::Path;

#[test]
fn every_dialogue_goes_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogues");
    let mut files: Vec<_> = fs::read_dir(&folder)
        .expect("the folder of dialogues is there")
        .map(|entry| entry.expect("a folder entry is readable").path())
        .filter(|path| path.extension().is_some_and(|e| e == "dns"))
        .collect();
    files.sort();
    assert!(files.len() >= 10, "dialogues are missing");
    let mut failures = Vec::new();
    let mut exchanges = 0;
    for file in files {
        let name = file.file_name().expect("a file has a name").to_string_lossy().into_owned();
        let script = fs::read_to_string(&file).expect("a dialogue is text");
        let (count, failed) = conversation::run(&name, &script);
        exchanges += count;
        failures.extend(failed);
    }
    assert!(exchanges > 150, "only {exchanges} exchanges were held");
    assert!(failures.is_empty(), "{} went otherwise:\n\n{}", failures.len(), failures.join("\n\n"));
}
