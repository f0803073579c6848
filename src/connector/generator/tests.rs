use std::collections::HashMap;

use datafusion::arrow::array::{AsArray, Int64Array};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::{Int64Type, TimestampMicrosecondType};

use super::*;

fn options(pairs: &[(&str, &str)]) -> Options {
    Options(pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect())
}

fn source(pairs: &[(&str, &str)]) -> GeneratorSource {
    let options = options(pairs);
    let schema = (CONNECTOR.columns)(&options).expect("valid").expect("known columns");
    GeneratorSource::new(&options, &schema).expect("valid")
}

/// Reads to the end in batches of `records_max`.
fn read(source: &GeneratorSource, from: i64, until: Option<i64>, records_max: usize) -> RecordBatch {
    let until = until.map(|until| Positions::from([(0, until)]));
    let mut reader = source.open(&Positions::from([(0, from)]), until.as_ref(), false).expect("opens");
    let (mut batches, mut position) = (Vec::new(), from);
    loop {
        match reader.read(records_max, Duration::ZERO).expect("reads") {
            Read::Rows { rows, partition: 0, next } => {
                position += rows.num_rows() as i64;
                assert_eq!(next, position);
                batches.push(rows);
            }
            Read::End => return concat_batches(&source.schema, &batches).expect("one schema"),
            other => panic!("unexpected {other:?}"),
        }
    }
}

#[test]
fn rows_do_not_depend_on_how_they_are_read() {
    for table in ["bid", "auction", "person"] {
        let bounded = source(&[("kind", "nexmark"), ("table", table), ("count", "5000"), ("seed", "7")]);
        let whole = read(&bounded, 0, None, 10_000);
        assert_eq!(whole.num_rows(), 5000);
        assert_eq!(read(&bounded, 1234, Some(4000), 100), whole.slice(1234, 2766));
        let endless = source(&[("kind", "nexmark"), ("table", table), ("seed", "7")]);
        assert_eq!(endless.end(), Ok(None));
        assert_eq!(read(&endless, 0, Some(5000), 4096), whole);
        let other = source(&[("kind", "nexmark"), ("table", table), ("seed", "8")]);
        assert_ne!(read(&other, 0, Some(5000), 4096), whole);
    }
}

#[test]
fn bids_have_nexmarks_proportions() {
    let rows = read(&source(&[("kind", "nexmark"), ("count", "200000")]), 0, None, 8192);
    let column = |name: &str| rows.column_by_name(name).expect("exists").as_primitive::<Int64Type>().clone();
    let share = |column: &Int64Array, hot: fn(i64) -> bool| {
        column.values().iter().filter(|value| hot(**value)).count() as f64 / column.len() as f64
    };
    let hot_auctions = share(&column("auction"), |auction| auction % 100 == 0);
    let hot_bidders = share(&column("bidder"), |bidder| bidder % 100 == 1);
    assert!((0.49..0.53).contains(&hot_auctions), "{hot_auctions}");
    assert!((0.74..0.78).contains(&hot_bidders), "{hot_bidders}");
    let prices = column("price");
    let in_decade = share(&prices, |price| (1000..10_000).contains(&price));
    assert!((0.155..0.18).contains(&in_decade), "a sixth of the logarithm: {in_decade}");
    assert!(prices.values().iter().all(|price| (100..=100_000_000).contains(price)));
    let mut channels: HashMap<&str, usize> = HashMap::new();
    for channel in rows.column_by_name("channel").expect("exists").as_string::<i32>().iter().flatten() {
        *channels.entry(channel).or_default() += 1;
    }
    assert!((24_000..26_000).contains(&channels["Google"]) && channels.len() > 9000, "{}", channels.len());
}

#[test]
fn the_three_tables_fit_together() {
    let event_times = |table: &str, count: &str| {
        let rows = read(&source(&[("kind", "nexmark"), ("table", table), ("count", count)]), 0, None, 8192);
        let times =
            rows.column_by_name("date_time").expect("exists").as_primitive::<TimestampMicrosecondType>().clone();
        (times.value(0), times.value(times.len() - 1), rows)
    };
    // 1000 rounds of 50 events at 10,000 events a second are five seconds.
    let (first, _, persons) = event_times("person", "1000");
    let (_, last, bids) = event_times("bid", "46000");
    let (_, _, auctions) = event_times("auction", "3000");
    assert_eq!((first, last), (DEFAULT_START, DEFAULT_START + 4_999_000));
    let numbers = |rows: &RecordBatch, name: &str| {
        rows.column_by_name(name).expect("exists").as_primitive::<Int64Type>().values().to_vec()
    };
    assert_eq!(numbers(&persons, "id"), (1000..2000).collect::<Vec<i64>>());
    assert_eq!(numbers(&auctions, "id"), (1000..4000).collect::<Vec<i64>>());
    let ahead = LEAD_MAX;
    assert!(numbers(&bids, "auction").iter().all(|auction| (1000..4000 + ahead).contains(auction)));
    assert!(numbers(&bids, "bidder").iter().all(|bidder| (1000..2000 + ahead).contains(bidder)));
    assert!(numbers(&auctions, "seller").iter().all(|seller| (1000..2000 + ahead).contains(seller)));
    let expires = auctions.column_by_name("expires").expect("exists").as_primitive::<TimestampMicrosecondType>();
    let begins = auctions.column_by_name("date_time").expect("exists").as_primitive::<TimestampMicrosecondType>();
    assert!(expires.values().iter().zip(begins.values()).all(|(expires, begins)| expires > begins));
}

/// References run ahead of what exists by less than this.
const LEAD_MAX: i64 = 10;

#[test]
fn json_holds_the_same_rows() {
    let nexmark = Nexmark { seed: 3, start: DEFAULT_START, events_per_second: 10_000.0 };
    let mut bytes = 0;
    for row in 0..1000 {
        let (mut json, mut bid) = (Vec::new(), Bid::default());
        nexmark.write_json(Table::Bid, row, &mut json);
        nexmark.bid(row, &mut bid);
        let object: serde_json::Value = serde_json::from_slice(&json).expect("valid JSON");
        assert_eq!((object["auction"].as_i64(), object["price"].as_i64()), (Some(bid.auction), Some(bid.price)));
        assert_eq!(
            (object["url"].as_str(), object["extra"].as_str()),
            (Some(bid.url.as_str()), Some(bid.extra.as_str()))
        );
        assert_eq!(parse_time(object["date_time"].as_str().expect("text")), Ok(bid.date_time));
        bytes += json.len();
    }
    assert!((165_000..190_000).contains(&bytes), "about 170 bytes a bid: {bytes}");
    for table in [Table::Auction, Table::Person] {
        let mut json = Vec::new();
        nexmark.write_json(table, 5, &mut json);
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&json).expect("valid JSON");
        let names: Vec<&String> = object.keys().collect();
        let schema = Kind::Nexmark(nexmark.clone(), table).schema();
        assert_eq!(names, schema.fields().iter().map(|field| field.name()).collect::<Vec<_>>());
    }
}

#[test]
fn a_stream_may_take_some_columns_in_its_own_order() {
    let options = options(&[("kind", "nexmark"), ("count", "3")]);
    let all = (CONNECTOR.columns)(&options).expect("valid").expect("known");
    let some = Arc::new(all.project(&[5, 0]).expect("columns exist"));
    let chosen = GeneratorSource::new(&options, &some).expect("valid");
    let whole = GeneratorSource::new(&options, &all).expect("valid");
    assert_eq!(read(&chosen, 0, None, 9), read(&whole, 0, None, 9).project(&[5, 0]).expect("columns exist"));
    let wrong = |name: &str, sql: SqlType| {
        let schema = Arc::new(Schema::new(vec![sql.field(name)]));
        GeneratorSource::new(&options, &schema).err().expect("refused")
    };
    assert_eq!(wrong("amount", SqlType::BigInt).code, code::UNDEFINED_COLUMN);
    assert_eq!(wrong("price", SqlType::Integer).code, code::DATATYPE_MISMATCH);
}

#[test]
fn rows_at_a_rate_come_in_time_and_end_with_the_count() {
    let paced =
        source(&[("kind", "sequence"), ("rate", "200"), ("count", "10"), ("start_time", "2026-01-01T00:00:00Z")]);
    let mut reader = paced.open(&Positions::new(), None, false).expect("opens");
    let (mut rows, mut idle) = (Vec::new(), 0);
    loop {
        match reader.read(100, Duration::from_millis(2)).expect("reads") {
            Read::Rows { rows: some, .. } => rows.push(some),
            Read::Idle => idle += 1,
            Read::End => break,
            other => panic!("unexpected {other:?}"),
        }
    }
    assert!(clock::instant() - paced.created >= Duration::from_millis(50) && idle > 0);
    assert_eq!(paced.end(), Ok(Some(Positions::from([(0, 10)]))));
    let rows = concat_batches(&paced.schema, &rows).expect("one schema");
    assert_eq!(
        rows.column(2).as_primitive::<TimestampMicrosecondType>().values()[..2],
        [DEFAULT_START, DEFAULT_START + 5000]
    );
    // From a position that this run's clock has not reached, rows go on at once.
    let again = source(&[("kind", "sequence"), ("rate", "1000")]);
    let mut reader = again.open(&Positions::from([(0, 1_000_000)]), None, false).expect("opens");
    let next = std::iter::repeat_with(|| reader.read(1, Duration::from_millis(100)).expect("reads"))
        .find_map(|read| if let Read::Rows { next, .. } = read { Some(next) } else { None });
    assert_eq!(next, Some(1_000_001));
}

#[test]
fn wrong_options_are_named() {
    let error = |pairs: &[(&str, &str)]| Settings::parse(&options(pairs)).expect_err("refused");
    assert!(error(&[]).message.contains("\"kind\""));
    assert!(error(&[("kind", "tpch")]).message.contains("'tpch'"));
    assert!(error(&[("kind", "nexmark"), ("table", "bids")]).message.contains("'bids'"));
    assert!(error(&[("kind", "nexmark"), ("rate", "0")]).message.contains("\"rate\""));
    assert!(error(&[("kind", "nexmark"), ("count", "-1")]).message.contains("\"count\""));
    assert!(error(&[("kind", "nexmark"), ("start_time", "now")]).message.contains("\"start_time\""));
    assert_eq!(error(&[("kind", "nexmark"), ("sed", "1")]).code, code::FDW_INVALID_OPTION_NAME);
}
