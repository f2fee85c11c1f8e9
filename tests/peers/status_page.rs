//! The status page in a browser: what a person sees, on a desk and on a phone, by day and by night.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output};

use crate::list_server::serve;
use crate::network::on_private_network;

#[test]
fn the_status_page_is_whole_in_a_browser_and_fits_a_phone() {
    on_private_network(|| {
        let folder = tempfile::tempdir().expect("a folder for the test can be made");
        let file = |name: &str| folder.path().join(name);
        let write = |name: &str, text: &str| {
            fs::write(file(name), text).expect("the test's folder is writable");
        };
        write("good", "192.0.2.7\n");
        write("bad", "0.0.0.0/1\n");
        write("repute.toml", CONFIG);
        let _server = serve(&file("repute.toml"));

        let shown = browse(folder.path(), &["--dump-dom", PAGE]);
        let page = String::from_utf8_lossy(&shown.stdout);
        for text in [
            "One of 2 zones does not answer",
            "all of 0.0.0.0/1 would be listed",
            "&lt;i&gt;slanted&lt;/i&gt;",
        ] {
            assert!(page.contains(text), "`{text}` is not in\n{page}");
        }
        assert!(!page.contains("<i>"), "a zone's name became a part of the page\n{page}");
        // The browser tells there of what it may not load or run, and what it cannot read.
        let complaints = String::from_utf8_lossy(&shown.stderr);
        assert!(!complaints.contains("CONSOLE"), "{complaints}");

        let screenshot = |name: &str, scheme: &str| {
            let to = format!("--screenshot={}", file(name).display());
            browse(folder.path(), &[scheme, &to, PAGE]);
            fs::read(file(name)).expect("the browser has written it")
        };
        let night = screenshot("night.png", "--blink-settings=preferredColorScheme=0");
        let day = screenshot("day.png", "--blink-settings=preferredColorScheme=1");
        assert!(night.starts_with(b"\x89PNG") && day.starts_with(b"\x89PNG"));
        assert!(night != day, "the page takes the colours that its reader prefers");

        for width in [320, 390, 768, 1280] {
            let wrapper = WRAPPER.replace("WIDTH", &width.to_string());
            let source = serde_json::to_string(&fetch()).expect("a text is JSON");
            write("wrapper.html", &wrapper.replace("PAGE", &source));
            let url = format!("file://{}", file("wrapper.html").display());
            let shown = browse(folder.path(), &["--virtual-time-budget=5000", "--dump-dom", &url]);
            let shown = String::from_utf8_lossy(&shown.stdout);
            let title = shown.split(['<', '>']).find(|text| text.contains(" more than fit"));
            assert_eq!(title, Some("0 more than fit"), "{width} pixels wide");
        }
    });
}

/// Runs a browser without a window until it is done.
fn browse(folder: &Path, arguments: &[&str]) -> Output {
    let output = Command::new("chromium")
        // The test is root, and alone with the page of its own server.
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"])
        .arg(format!("--user-data-dir={}", folder.join("browser").display()))
        .args(["--no-first-run", "--window-size=1280,900"])
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("cannot run chromium: {error}; `./test` installs it"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Fetches the page as it is sent.
fn fetch() -> String {
    let mut stream = TcpStream::connect("127.0.0.1:9053").expect("the server has pages there");
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("it reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it answers in text");
    let (_, page) = text.split_once("\r\n\r\n").expect("a head and a body");
    page.to_owned()
}

/// Where the page is.
const PAGE: &str = "http://127.0.0.1:9053/";

/// A page that shows another in so many pixels, and tells how many more it would take.
const WRAPPER: &str = r#"<!doctype html><title>nothing</title>
<iframe id="frame" style="width: WIDTHpx; height: 900px; border: 0"></iframe>
<script>
frame.onload = () => {
  const { scrollWidth, clientWidth } = frame.contentDocument.documentElement;
  document.title = `${scrollWidth - clientWidth} more than fit`;
};
frame.srcdoc = PAGE;
</script>
"#;

/// A zone that is well, and one that is not, with a name that looks like a part of the page.
const CONFIG: &str = "\
[server]
listen = [\"127.0.0.1:5300\"]
metrics = \"127.0.0.1:9053\"
data-dir = \"data\"

[[zone]]
apex = \"a-list-with-a-very-long-name.of-many-labels.for-all-customers.bl.example\"
[[zone.source]]
kind = \"addresses\"
files = [\"good\"]

[[zone]]
apex = \"<i>slanted</i>.example\"
[[zone.source]]
kind = \"addresses\"
files = [\"bad\"]
";
