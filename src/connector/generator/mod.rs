//! Test data that is a function of its options. In: kind, seed, rate; out: rows, without a format between.
//! Never: state between rows; row `i` is the same whoever reads it, from wherever.

use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::arrow::array::{
    ArrayRef, Float64Builder, Int64Builder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder,
};
use datafusion::arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;
use datafusion::arrow::datatypes::{Schema, SchemaRef};

use self::nexmark::{Auction, Bid, Nexmark, Person, Table};
use self::random::Random;
use super::options::{Taking, invalid};
use super::{Connector, Options, Positions, Read, Reader, ReaderStatus, Source};
use crate::clock::{self, Clock};
use crate::error::{Error, Result, code};
use crate::types::SqlType;

// Nexmark's auction site.
pub mod nexmark;
// Random numbers.
mod random;

/// `connector = 'generator'`.
pub const CONNECTOR: Connector = Connector {
    name: "generator",
    source: |options, schema| Ok(Arc::new(GeneratorSource::new(options, schema)?)),
    sink: None,
    columns: |options| Ok(Some(Settings::parse(options)?.kind.schema())),
};

/// 2026-01-01 00:00:00 UTC in µs: where event time begins unless it is tied to the clock.
const DEFAULT_START: i64 = 1_767_225_600_000_000;
/// Rows (of a sequence) or events (of Nexmark) per second of event time, where no rate is given.
const DEFAULT_RATE: f64 = 10_000.0;
/// Rows made at once.
const BATCH_ROWS_MAX: usize = 8192;
/// The one partition.
const PARTITION: i32 = 0;

/// What rows look like.
#[derive(Debug, Clone, PartialEq)]
enum Kind {
    /// One table of the auction site.
    Nexmark(Nexmark, Table),
    /// `id` counts from 0, `value` is random from 0 to 1, `at` advances evenly.
    Sequence { seed: u64, start: i64, rate: f64 },
}

/// Checked options.
#[derive(Debug, Clone, PartialEq)]
struct Settings {
    kind: Kind,
    /// Rows per second of the clock; as fast as they are read without it.
    rate: Option<f64>,
    /// Rows in all.
    count: Option<u64>,
}

impl Settings {
    fn parse(options: &Options) -> Result<Settings> {
        let mut taking = Taking::new("generator", options);
        let kind = taking.require(&["kind"], "nexmark")?.to_ascii_lowercase();
        let table = taking.take(&["table"])?.map(str::to_ascii_lowercase);
        let rate = taking.take(&["rate", "rows-per-second"])?.map(parse_rate).transpose()?;
        let count = taking.number("count")?;
        let seed = taking.number("seed")?.unwrap_or(0);
        let start = match taking.take(&["start_time"])? {
            Some(text) => parse_time(text)?,
            // Rows that come at a rate are meant to look like now.
            None if rate.is_some() => Clock::System.now_micros() / 1_000_000 * 1_000_000,
            None => DEFAULT_START,
        };
        taking.finish(&[])?;
        if count.is_some_and(|count| i64::try_from(count).is_err()) {
            return Err(invalid("option \"count\" is too large"));
        }
        let kind = match (kind.as_str(), table.as_deref()) {
            ("nexmark", table) => {
                let table = table.unwrap_or("bid");
                let table = Table::parse(table).ok_or_else(|| {
                    invalid(format!("option \"table\" must be 'bid', 'auction' or 'person', not '{table}'"))
                })?;
                let events_per_second = rate.map_or(DEFAULT_RATE, |rate| rate * 50.0 / table.rows_per_round() as f64);
                Kind::Nexmark(Nexmark { seed, start, events_per_second }, table)
            }
            ("sequence", None) => Kind::Sequence { seed, start, rate: rate.unwrap_or(DEFAULT_RATE) },
            ("sequence", Some(_)) => return Err(invalid("option \"table\" has no meaning for kind = 'sequence'")),
            _ => return Err(invalid(format!("option \"kind\" must be 'nexmark' or 'sequence', not '{kind}'"))),
        };
        Ok(Settings { kind, rate, count })
    }
}

fn parse_rate(text: &str) -> Result<f64> {
    let rate = text.trim().parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0 && *rate <= 1e9);
    rate.ok_or_else(|| invalid(format!("option \"rate\" must be a number of rows per second above 0, not \"{text}\"")))
}

fn parse_time(text: &str) -> Result<i64> {
    let nanos = string_to_timestamp_nanos(text.trim());
    nanos.map(|nanos| nanos.div_euclid(1000)).map_err(|_| {
        invalid(format!("option \"start_time\" must be a time such as '2026-01-01T00:00:00Z', not \"{text}\""))
    })
}

impl Kind {
    fn schema(&self) -> SchemaRef {
        use SqlType::{BigInt, Double, Text, TimestampTz};
        let columns: &[(&str, SqlType)] = match self {
            Kind::Nexmark(_, Table::Bid) => &[
                ("auction", BigInt),
                ("bidder", BigInt),
                ("price", BigInt),
                ("channel", Text),
                ("url", Text),
                ("date_time", TimestampTz),
                ("extra", Text),
            ],
            Kind::Nexmark(_, Table::Auction) => &[
                ("id", BigInt),
                ("item_name", Text),
                ("description", Text),
                ("initial_bid", BigInt),
                ("reserve", BigInt),
                ("date_time", TimestampTz),
                ("expires", TimestampTz),
                ("seller", BigInt),
                ("category", BigInt),
                ("extra", Text),
            ],
            Kind::Nexmark(_, Table::Person) => &[
                ("id", BigInt),
                ("name", Text),
                ("email_address", Text),
                ("credit_card", Text),
                ("city", Text),
                ("state", Text),
                ("date_time", TimestampTz),
                ("extra", Text),
            ],
            Kind::Sequence { .. } => &[("id", BigInt), ("value", Double), ("at", TimestampTz)],
        };
        Arc::new(Schema::new(columns.iter().map(|(name, sql)| sql.field(name)).collect::<Vec<_>>()))
    }

    /// The columns of [`Kind::schema`] for `count` rows from `first`.
    fn columns(&self, first: u64, count: usize) -> Vec<ArrayRef> {
        let rows = first..first + count as u64;
        match self {
            Kind::Nexmark(nexmark, Table::Bid) => {
                let (mut row, mut out) = (Bid::default(), Columns::new(3, 3, 1, count));
                for number in rows {
                    nexmark.bid(number, &mut row);
                    out.add(
                        [row.auction, row.bidder, row.price],
                        [&row.channel, &row.url, &row.extra],
                        [row.date_time],
                    );
                }
                out.finish("nnnttxt")
            }
            Kind::Nexmark(nexmark, Table::Auction) => {
                let (mut row, mut out) = (Auction::default(), Columns::new(5, 3, 2, count));
                for number in rows {
                    nexmark.auction(number, &mut row);
                    let numbers = [row.id, row.initial_bid, row.reserve, row.seller, row.category];
                    out.add(numbers, [&row.item_name, &row.description, &row.extra], [row.date_time, row.expires]);
                }
                out.finish("nttnnxxnnt")
            }
            Kind::Nexmark(nexmark, Table::Person) => {
                let (mut row, mut out) = (Person::default(), Columns::new(1, 6, 1, count));
                for number in rows {
                    nexmark.person(number, &mut row);
                    let Person { id, name, email_address, credit_card, city, state, date_time, extra } = &row;
                    out.add([*id], [name, email_address, credit_card, city, state, extra], [*date_time]);
                }
                out.finish("ntttttxt")
            }
            Kind::Sequence { seed, start, rate } => {
                let mut out = Columns::new(1, 0, 1, count);
                let mut values = Float64Builder::with_capacity(count);
                for number in rows {
                    values.append_value(Random::new(*seed, number).unit());
                    let elapsed = number as f64 * 1e6 / rate;
                    out.add([number.cast_signed()], [], [start + elapsed as i64]);
                }
                let mut columns = out.finish("nx");
                columns.insert(1, Arc::new(values.finish()));
                columns
            }
        }
    }
}

/// Columns being built: numbers, texts and times, each in the order in which the schema has them.
struct Columns {
    numbers: Vec<Int64Builder>,
    texts: Vec<StringBuilder>,
    times: Vec<TimestampMicrosecondBuilder>,
}

impl Columns {
    fn new(numbers: usize, texts: usize, times: usize, rows: usize) -> Columns {
        let time = || TimestampMicrosecondBuilder::with_capacity(rows).with_timezone("UTC");
        Columns {
            numbers: (0..numbers).map(|_| Int64Builder::with_capacity(rows)).collect(),
            texts: (0..texts).map(|_| StringBuilder::with_capacity(rows, rows * 16)).collect(),
            times: (0..times).map(|_| time()).collect(),
        }
    }

    fn add<const N: usize, const T: usize, const X: usize>(
        &mut self,
        numbers: [i64; N],
        texts: [&String; T],
        times: [i64; X],
    ) {
        self.numbers.iter_mut().zip(numbers).for_each(|(column, value)| column.append_value(value));
        self.texts.iter_mut().zip(texts).for_each(|(column, value)| column.append_value(value));
        self.times.iter_mut().zip(times).for_each(|(column, value)| column.append_value(value));
    }

    /// The columns in the order of `types`: `n` is the next number, `t` the next text, `x` the next time.
    fn finish(self, types: &str) -> Vec<ArrayRef> {
        let mut numbers = self.numbers.into_iter().map(|mut column| Arc::new(column.finish()) as ArrayRef);
        let mut texts = self.texts.into_iter().map(|mut column| Arc::new(column.finish()) as ArrayRef);
        let mut times = self.times.into_iter().map(|mut column| Arc::new(column.finish()) as ArrayRef);
        let next = |kind| match kind {
            'n' => numbers.next(),
            't' => texts.next(),
            _ => times.next(),
        };
        types.chars().filter_map(next).collect()
    }
}

/// A generator with the columns that a stream wants of it.
struct GeneratorSource {
    settings: Settings,
    schema: SchemaRef,
    /// Positions of the stream's columns among the kind's.
    chosen: Vec<usize>,
    /// When the first row was due.
    created: Instant,
}

impl GeneratorSource {
    fn new(options: &Options, schema: &SchemaRef) -> Result<GeneratorSource> {
        let settings = Settings::parse(options)?;
        let all = settings.kind.schema();
        let mut chosen = Vec::new();
        for field in schema.fields() {
            let names = || {
                all.fields().iter().map(|field| format!("{} {}", field.name(), SqlType::of(field))).collect::<Vec<_>>()
            };
            let Ok(position) = all.index_of(field.name()) else {
                return Err(Error::new(
                    code::UNDEFINED_COLUMN,
                    format!("the generator makes no column \"{}\"", field.name()),
                )
                .hint(format!("its columns are {}", names().join(", "))));
            };
            let (made, declared) = (SqlType::of(all.field(position)), SqlType::of(field));
            if made != declared {
                let message = format!("the generator makes column \"{}\" as {made}, not {declared}", field.name());
                return Err(Error::new(code::DATATYPE_MISMATCH, message)
                    .hint("declare it so, or leave the column list out to get all columns"));
            }
            chosen.push(position);
        }
        Ok(GeneratorSource { settings, schema: Arc::clone(schema), chosen, created: clock::instant() })
    }

    fn pace(&self) -> Pace {
        Pace {
            rate: self.settings.rate,
            created: self.created,
            ahead: 0,
            count: self.settings.count.unwrap_or(i64::MAX as u64),
        }
    }
}

impl Source for GeneratorSource {
    fn connector(&self) -> &'static str {
        "generator"
    }

    fn start(&self) -> Result<Positions> {
        Ok(Positions::from([(PARTITION, 0)]))
    }

    fn end(&self) -> Result<Option<Positions>> {
        if self.settings.count.is_none() && self.settings.rate.is_none() {
            return Ok(None);
        }
        Ok(Some(Positions::from([(PARTITION, self.pace().due().cast_signed())])))
    }

    fn is_complete(&self) -> bool {
        self.settings.count.is_none_or(|count| self.pace().due() >= count)
    }

    fn open(&self, from: &Positions, until: Option<&Positions>, _headers: bool) -> Result<Box<dyn Reader>> {
        let row = |position: Option<&i64>| position.map(|position| u64::try_from(*position).unwrap_or(0));
        let next = row(from.get(&PARTITION)).unwrap_or(0);
        let mut pace = self.pace();
        if let Some(until) = until {
            pace.count = pace.count.min(row(until.get(&PARTITION)).unwrap_or(0));
        }
        // A position from an earlier run lies ahead of this run's clock: rows go on from there at the same rate.
        pace.ahead = next.saturating_sub(pace.due());
        let (kind, schema, chosen) = (self.settings.kind.clone(), Arc::clone(&self.schema), self.chosen.clone());
        Ok(Box::new(GeneratorReader { kind, schema, chosen, pace, next }))
    }
}

/// How many rows there are by now.
#[derive(Debug, Clone)]
struct Pace {
    rate: Option<f64>,
    created: Instant,
    /// Rows that were due before `created`.
    ahead: u64,
    /// Rows in all.
    count: u64,
}

impl Pace {
    fn due(&self) -> u64 {
        let due = match self.rate {
            Some(rate) => {
                let elapsed = clock::instant().saturating_duration_since(self.created);
                self.ahead.saturating_add((elapsed.as_secs_f64() * rate) as u64)
            }
            None => u64::MAX,
        };
        due.min(self.count)
    }

    /// How long it takes until row `row` is due, at least 1 ms: rows at a high rate come in batches.
    fn wait(&self, row: u64) -> Duration {
        let elapsed = clock::instant().saturating_duration_since(self.created).as_secs_f64();
        let due_at = self.rate.map_or(0.0, |rate| (row + 1).saturating_sub(self.ahead) as f64 / rate);
        Duration::from_secs_f64((due_at - elapsed).clamp(0.001, 3600.0))
    }
}

struct GeneratorReader {
    kind: Kind,
    schema: SchemaRef,
    chosen: Vec<usize>,
    pace: Pace,
    next: u64,
}

impl Reader for GeneratorReader {
    fn read(&mut self, records_max: usize, wait: Duration) -> Result<Read> {
        if self.next >= self.pace.count {
            return Ok(Read::End);
        }
        let mut due = self.pace.due();
        if due <= self.next {
            std::thread::sleep(self.pace.wait(self.next).min(wait));
            due = self.pace.due();
        }
        let rows = due.saturating_sub(self.next).min(records_max.clamp(1, BATCH_ROWS_MAX) as u64);
        if rows == 0 {
            return Ok(Read::Idle);
        }
        let all = self.kind.columns(self.next, rows as usize);
        let columns = self.chosen.iter().map(|position| Arc::clone(&all[*position])).collect();
        let rows_made = RecordBatch::try_new(Arc::clone(&self.schema), columns)
            .map_err(|error| Error::internal(format!("generator: {error}")))?;
        self.next += rows;
        Ok(Read::Rows { rows: rows_made, partition: PARTITION, next: self.next.cast_signed() })
    }

    fn status(&self) -> ReaderStatus {
        ReaderStatus { state: "running", ..ReaderStatus::default() }
    }
}

#[cfg(test)]
mod tests;
