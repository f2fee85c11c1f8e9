//! Prints charts of made-up data: all of them as a page (`gallery 720`), or one as a file (`gallery
//! 480 bars`).

#[path = "../tests/samples/mod.rs"]
mod samples;

/// Prints what the arguments name.
fn main() {
    let mut arguments = std::env::args().skip(1);
    let width = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(720);
    let wanted = arguments.next();
    let mut charts = samples::samples(width);
    if let Some(wanted) = wanted {
        charts.retain(|(name, _)| *name == wanted);
        for (_, svg) in charts {
            print!("{svg}");
        }
        return;
    }
    println!("<!doctype html><meta charset=utf-8><meta name=viewport content=width=device-width>");
    println!("<title>Charts</title><style>:root{{color-scheme:light dark}}body{{margin:12px;");
    println!(
        "background:light-dark(#f6f7f9,#10151c)}}svg{{display:block;margin-bottom:12px}}</style>"
    );
    for (_, svg) in charts {
        println!("{svg}");
    }
}
