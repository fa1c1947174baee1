use super::*;

fn texts(heap: &Heap, spans: &[Span]) -> Vec<String> {
    let rows = Rows {
        cells: spans.iter().copied().map(Cell::Text).collect(),
        heap: heap.data.clone(),
    };
    let values = unpack(&rows, 1).unwrap();
    let texts = values.into_iter().flatten().map(|value| match value {
        Value::Text(text) => text,
        other => panic!("{other:?}"),
    });
    texts.collect()
}

#[test]
fn what_is_put_there_is_found_by_its_span() {
    let mut heap = Heap::new(1000);
    let wanted = ["", "a", "Grüße 👋🏽", "", "z"];
    let spans = wanted.map(|text| heap.text(text).unwrap());
    assert_eq!(texts(&heap, &spans), wanted);
    assert_eq!(heap.data, wanted.concat().as_bytes());
    // One begins where the other ends.
    let mut end = 0;
    for span in spans {
        assert_eq!(span.offset, end);
        end += span.length;
    }
    assert_eq!(heap.data.len(), end as usize);
}

#[test]
fn what_is_over_the_limit_is_not_copied() {
    let mut heap = Heap::new(10);
    heap.bytes(b"12345").unwrap();
    heap.count(3).unwrap();
    heap.bytes(b"67").unwrap();
    assert!(matches!(heap.bytes(b"8"), Err(Unfit::TooLarge)));
    assert_eq!(heap.data, b"1234567");
}

#[test]
fn a_heap_ends_where_a_span_does() {
    let mut heap = Heap::new(usize::MAX);
    heap.count(u32::MAX as usize).unwrap();
    assert!(matches!(heap.bytes(b"x"), Err(Unfit::TooLarge)));
    assert!(matches!(heap.count(usize::MAX), Err(Unfit::TooLarge)));
}

#[test]
fn a_result_without_rows_or_without_columns_has_none() {
    for columns in [0, 1, 3] {
        let none = Rows {
            cells: Vec::new(),
            heap: Vec::new(),
        };
        assert!(unpack(&none, columns).unwrap().is_empty());
    }
}

#[test]
fn a_span_that_points_nowhere_is_an_error() {
    let outside = Span {
        offset: 1,
        length: 2,
    };
    let half_a_letter = Span {
        offset: 0,
        length: 1,
    };
    for (cell, good) in [
        (Cell::Bytes(outside), false),
        (Cell::Text(half_a_letter), false),
        (Cell::Json(half_a_letter), false),
        (Cell::Bytes(half_a_letter), true),
    ] {
        let rows = Rows {
            cells: vec![cell],
            heap: "ß".into(),
        };
        assert_eq!(unpack(&rows, 1).is_ok(), good, "{cell:?}");
    }
}
