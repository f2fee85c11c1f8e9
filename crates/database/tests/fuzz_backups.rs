//! Whatever bytes a backup has, reading it ends, with the rows that were written or a refusal.

use repute_database::backup::file::{Column, FileError, Item, Kind, Reader, Table, Value, Writer};

/// Reads a file to its end.
fn read(mut bytes: &[u8]) -> Result<Vec<Item>, FileError> {
    let mut reader = Reader::new(&mut bytes)?;
    let mut items = Vec::new();
    while let Some(item) = reader.read_item()? {
        items.push(item);
    }
    Ok(items)
}

/// A backup of a table with some rows, and what it holds.
fn written(rows: &[(i64, String, Vec<u8>, bool)]) -> (Vec<u8>, Vec<Item>) {
    let column = |name: &str, kind| Column { name: name.to_owned(), kind };
    let table = Table {
        name: "t".to_owned(),
        columns: vec![
            column("id", Kind::Integer),
            column("a", Kind::Text),
            column("b", Kind::Bytes),
            column("c", Kind::Boolean),
        ],
        is_numbered: true,
    };
    let (mut out, mut items) = (Vec::new(), vec![Item::Table(table.clone())]);
    let mut writer = Writer::new(&mut out, &[1, 2]).expect("memory takes it");
    writer.table(&table).expect("memory takes it");
    for (number, text, bytes, is_there) in rows {
        let bytes = if *is_there { Value::Bytes(bytes.clone()) } else { Value::Null };
        let mut row = vec![
            Value::Integer(*number),
            Value::Text(text.clone()),
            bytes,
            Value::Boolean(*is_there),
        ];
        writer.row(&row).expect("memory takes it");
        // What PostgreSQL does not take is read as what stands for it.
        row[1] = Value::Text(text.replace('\0', "\u{fffd}"));
        items.push(Item::Row(row));
    }
    writer.finish().expect("memory takes it");
    (out, items)
}

#[test]
fn reading_ends_whatever_the_bytes() {
    bolero::check!().for_each(|bytes: &[u8]| {
        drop(read(bytes));
        // Behind a right beginning there is more to go wrong.
        let (mut file, _) = written(&[]);
        let last = file[..file.len() - 1].iter().rposition(|byte| *byte == b'\n');
        file.truncate(last.map_or(0, |at| at + 1));
        file.extend_from_slice(bytes);
        drop(read(&file));
    });
}

#[test]
fn what_is_written_is_read_and_nothing_else_is_taken_for_it() {
    bolero::check!().with_type::<(Vec<(i64, String, Vec<u8>, bool)>, u16, u8)>().for_each(
        |(rows, at, flip)| {
            let (mut file, items) = written(rows);
            assert_eq!(read(&file).expect("it is whole"), items);
            let at = usize::from(*at) % file.len();
            file[at] ^= flip;
            // A change of the last line may leave what it says as it is.
            assert!(read(&file).map_or(true, |read| read == items));
        },
    );
}
