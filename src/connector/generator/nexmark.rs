//! Nexmark's persons, auctions and bids as a pure function of seed and row number.
//!
//! Proportions, keys and hot spots are those of the public generator of Apache Beam and Nexmark for Flink (`GeneratorConfig`,
//! `PersonGenerator`, `AuctionGenerator`, `BidGenerator`): of 50 events one is a person, three are auctions, 46 are bids; half of the
//! bids go to the newest auction whose number divides by 100, three quarters come from such a bidder; prices are spread evenly over
//! the logarithm. Unlike there, texts are short (a bid is about 170 bytes as JSON), and each row has random numbers of its own, so
//! any row can be made without those before it.

use std::io::Write;

use chrono::{DateTime, Datelike, Timelike, Utc};

use super::random::Random;

/// Events of one round.
const ROUND: u64 = 50;
/// The number of the first person and the first auction.
const FIRST_ID: u64 = 1000;
/// The number of the first of five categories.
const FIRST_CATEGORY: u64 = 10;
/// Every hundredth auction and person is hot while it is the newest such one.
const HOT_EVERY: u64 = 100;
/// Persons that still bid and sell.
const ACTIVE_PERSONS: u64 = 1000;
/// Auctions that are open at the same time.
const OPEN_AUCTIONS: u64 = 100;
/// How far references may run ahead of what exists.
const LEAD: u64 = 10;
/// Channels beside the four hot ones.
const CHANNELS: u64 = 10_000;

const HOT_CHANNELS: [(&str, &str); 4] = [
    ("Google", "https://www.nexmark.com/glqxy/item?q=1"),
    ("Facebook", "https://www.nexmark.com/fbwtr/item?q=1"),
    ("Baidu", "https://www.nexmark.com/bdhsa/item?q=1"),
    ("Apple", "https://www.nexmark.com/apkvu/item?q=1"),
];
const FIRST_NAMES: [&str; 11] =
    ["Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter"];
const LAST_NAMES: [&str; 9] = ["Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris"];
const CITIES: [(&str, &str); 10] = [
    ("Phoenix", "AZ"),
    ("Los Angeles", "CA"),
    ("San Francisco", "CA"),
    ("Boise", "ID"),
    ("Portland", "OR"),
    ("Bend", "OR"),
    ("Redmond", "WA"),
    ("Seattle", "WA"),
    ("Kent", "WA"),
    ("Cheyenne", "WY"),
];

/// One of the three streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Offers for auctions.
    Bid,
    /// Things for sale.
    Auction,
    /// Who bids and sells.
    Person,
}

impl Table {
    /// The table of that name: `bid`, `auction` or `person`.
    pub fn parse(name: &str) -> Option<Table> {
        match name {
            "bid" => Some(Table::Bid),
            "auction" => Some(Table::Auction),
            "person" => Some(Table::Person),
            _ => None,
        }
    }

    /// How many of the 50 events of a round are rows of this table.
    pub fn rows_per_round(self) -> u64 {
        match self {
            Table::Person => 1,
            Table::Auction => 3,
            Table::Bid => 46,
        }
    }

    /// The number of the event that is row `row` of this table: persons come first in a round, then auctions, then bids.
    pub fn event(self, row: u64) -> u64 {
        let first = match self {
            Table::Person => 0,
            Table::Auction => 1,
            Table::Bid => 4,
        };
        row / self.rows_per_round() * ROUND + first + row % self.rows_per_round()
    }
}

/// A bid. Times are µs since 1970-01-01 UTC.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are Nexmark's columns")]
pub struct Bid {
    pub auction: i64,
    pub bidder: i64,
    pub price: i64,
    pub channel: String,
    pub url: String,
    pub date_time: i64,
    pub extra: String,
}

/// An auction. Times are µs since 1970-01-01 UTC.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are Nexmark's columns")]
pub struct Auction {
    pub id: i64,
    pub item_name: String,
    pub description: String,
    pub initial_bid: i64,
    pub reserve: i64,
    pub date_time: i64,
    pub expires: i64,
    pub seller: i64,
    pub category: i64,
    pub extra: String,
}

/// A person. Times are µs since 1970-01-01 UTC.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are Nexmark's columns")]
pub struct Person {
    pub id: i64,
    pub name: String,
    pub email_address: String,
    pub credit_card: String,
    pub city: String,
    pub state: String,
    pub date_time: i64,
    pub extra: String,
}

/// The generator. Two of them with the same fields make the same rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Nexmark {
    /// What the random parts depend on.
    pub seed: u64,
    /// Time of the first event: µs since 1970-01-01 UTC.
    pub start: i64,
    /// Events (of all three tables) per second of event time.
    pub events_per_second: f64,
}

impl Nexmark {
    /// Writes row `row` of the bids over `bid`.
    pub fn bid(&self, row: u64, bid: &mut Bid) {
        let event = Table::Bid.event(row);
        let mut random = Random::new(self.seed, event);
        bid.date_time = self.time(event);
        bid.auction = id(if random.below(2) > 0 { hot(last_auction(event)) } else { some_auction(event, &mut random) });
        bid.bidder =
            id(if random.below(4) > 0 { hot(last_person(event)) + 1 } else { some_person(event, &mut random) });
        bid.price = price(&mut random);
        bid.channel.clear();
        bid.url.clear();
        bid.extra.clear();
        if random.below(2) > 0 {
            let (channel, url) = HOT_CHANNELS[random.index(HOT_CHANNELS.len())];
            bid.channel.push_str(channel);
            bid.url.push_str(url);
        } else {
            let channel = random.below(CHANNELS).to_string();
            bid.channel.extend(["channel-", channel.as_str()]);
            bid.url.push_str("https://www.nexmark.com/");
            random.letters(5, &mut bid.url);
            bid.url.push_str("/item?q=1");
            if random.below(10) > 0 {
                bid.url.extend(["&channel_id=", channel.as_str()]);
            }
        }
        let length = 2 + random.index(6);
        random.letters(length, &mut bid.extra);
    }

    /// Writes row `row` of the auctions over `auction`.
    pub fn auction(&self, row: u64, auction: &mut Auction) {
        let event = Table::Auction.event(row);
        let mut random = Random::new(self.seed, event);
        auction.date_time = self.time(event);
        auction.id = id(last_auction(event));
        auction.seller =
            id(if random.below(4) > 0 { hot(last_person(event)) } else { some_person(event, &mut random) });
        auction.category = (FIRST_CATEGORY + random.below(5)).cast_signed();
        auction.initial_bid = price(&mut random);
        auction.reserve = auction.initial_bid + price(&mut random);
        // On average an auction lasts as long as it takes to open as many others as are open at a time.
        let horizon = self.time(event + OPEN_AUCTIONS * ROUND / Table::Auction.rows_per_round()) - auction.date_time;
        let horizon_ms = u64::try_from(horizon / 1000).unwrap_or(0);
        auction.expires = auction.date_time + 1000 * (1 + random.below((horizon_ms * 2).max(1))).cast_signed();
        for text in [&mut auction.item_name, &mut auction.description, &mut auction.extra] {
            text.clear();
        }
        let length = 5 + random.index(12);
        random.letters(length, &mut auction.item_name);
        let length = 20 + random.index(60);
        random.letters(length, &mut auction.description);
        let length = 4 + random.index(8);
        random.letters(length, &mut auction.extra);
    }

    /// Writes row `row` of the persons over `person`.
    pub fn person(&self, row: u64, person: &mut Person) {
        let event = Table::Person.event(row);
        let mut random = Random::new(self.seed, event);
        person.date_time = self.time(event);
        person.id = id(last_person(event));
        let (first, last) = (random.index(FIRST_NAMES.len()), random.index(LAST_NAMES.len()));
        let (city, state) = CITIES[random.index(CITIES.len())];
        let texts = [
            &mut person.name,
            &mut person.email_address,
            &mut person.credit_card,
            &mut person.city,
            &mut person.state,
            &mut person.extra,
        ];
        texts.into_iter().for_each(String::clear);
        person.name.extend([FIRST_NAMES[first], " ", LAST_NAMES[last]]);
        random.letters(7, &mut person.email_address);
        person.email_address.push('@');
        random.letters(5, &mut person.email_address);
        person.email_address.push_str(".com");
        let groups: Vec<String> = (0..4).map(|_| format!("{:04}", random.below(10_000))).collect();
        person.credit_card.push_str(&groups.join(" "));
        person.city.push_str(city);
        person.state.push_str(state);
        let length = 4 + random.index(8);
        random.letters(length, &mut person.extra);
    }

    /// Appends row `row` of `table` as one JSON object without a line end: the columns in order, times as ISO 8601 with
    /// milliseconds and `Z`.
    pub fn write_json(&self, table: Table, row: u64, out: &mut Vec<u8>) {
        // Writing to a vector cannot fail, and none of the texts holds a character that JSON would escape.
        let _ = match table {
            Table::Bid => self.write_bid(row, out),
            Table::Auction => self.write_auction(row, out),
            Table::Person => self.write_person(row, out),
        };
    }

    /// When event `event` happens, in whole milliseconds: µs since 1970-01-01 UTC.
    pub fn time(&self, event: u64) -> i64 {
        let elapsed_ms = event as f64 * 1e3 / self.events_per_second;
        self.start + elapsed_ms as i64 * 1000
    }

    fn write_bid(&self, row: u64, out: &mut Vec<u8>) -> std::io::Result<()> {
        let mut bid = Bid::default();
        self.bid(row, &mut bid);
        let Bid { auction, bidder, price, channel, url, date_time, extra } = bid;
        write!(out, r#"{{"auction":{auction},"bidder":{bidder},"price":{price},"channel":"{channel}","url":"{url}","#)?;
        write_time(out, "date_time", date_time)?;
        write!(out, r#","extra":"{extra}"}}"#)
    }

    fn write_auction(&self, row: u64, out: &mut Vec<u8>) -> std::io::Result<()> {
        let mut auction = Auction::default();
        self.auction(row, &mut auction);
        let Auction { id, item_name, description, initial_bid, reserve, date_time, expires, seller, category, extra } =
            auction;
        write!(
            out,
            r#"{{"id":{id},"item_name":"{item_name}","description":"{description}","initial_bid":{initial_bid},"#
        )?;
        write!(out, r#""reserve":{reserve},"#)?;
        write_time(out, "date_time", date_time)?;
        out.push(b',');
        write_time(out, "expires", expires)?;
        write!(out, r#","seller":{seller},"category":{category},"extra":"{extra}"}}"#)
    }

    fn write_person(&self, row: u64, out: &mut Vec<u8>) -> std::io::Result<()> {
        let mut person = Person::default();
        self.person(row, &mut person);
        let Person { id, name, email_address, credit_card, city, state, date_time, extra } = person;
        write!(out, r#"{{"id":{id},"name":"{name}","email_address":"{email_address}","credit_card":"{credit_card}","#)?;
        write!(out, r#""city":"{city}","state":"{state}","#)?;
        write_time(out, "date_time", date_time)?;
        write!(out, r#","extra":"{extra}"}}"#)
    }
}

/// A number, counted from 0, as the key that rows show.
fn id(number: u64) -> i64 {
    (number + FIRST_ID).cast_signed()
}

/// The newest hot number up to `last`.
fn hot(last: u64) -> u64 {
    last / HOT_EVERY * HOT_EVERY
}

/// The last person, counted from 0, that exists at event `event`.
fn last_person(event: u64) -> u64 {
    event / ROUND
}

/// The last auction, counted from 0, that exists at event `event`. Before the first one, the first.
fn last_auction(event: u64) -> u64 {
    let begun = (event % ROUND).min(Table::Auction.rows_per_round());
    (event / ROUND * Table::Auction.rows_per_round() + begun).saturating_sub(1)
}

fn some_auction(event: u64, random: &mut Random) -> u64 {
    let last = last_auction(event);
    let first = last.saturating_sub(OPEN_AUCTIONS);
    first + random.below(last - first + 1 + LEAD)
}

fn some_person(event: u64, random: &mut Random) -> u64 {
    let persons = last_person(event) + 1;
    let active = persons.min(ACTIVE_PERSONS);
    persons - active + random.below(active + LEAD)
}

/// From 100 to 100,000,000, evenly over the logarithm.
fn price(random: &mut Random) -> i64 {
    (10f64.powf(random.unit() * 6.0) * 100.0).round() as i64
}

fn write_time(out: &mut Vec<u8>, name: &str, micros: i64) -> std::io::Result<()> {
    let time: DateTime<Utc> = DateTime::from_timestamp_micros(micros).unwrap_or_default();
    write!(out, r#""{name}":"{:04}"#, time.year())?;
    let parts = [
        (b'-', time.month(), 2),
        (b'-', time.day(), 2),
        (b'T', time.hour(), 2),
        (b':', time.minute(), 2),
        (b':', time.second(), 2),
        (b'.', time.timestamp_subsec_millis(), 3),
    ];
    // Six padded numbers by way of the formatter would take as long as the rest of a bid.
    for (separator, value, digits) in parts {
        out.push(separator);
        for power in (0..digits).rev() {
            out.push(b'0' + (value / 10u32.pow(power) % 10) as u8);
        }
    }
    out.extend_from_slice(b"Z\"");
    Ok(())
}
